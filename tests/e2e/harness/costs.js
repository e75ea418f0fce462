/** What calls cost in things that can be counted: an engine's transactions and requests at IndexedDB, messages to pages, frames to the relay. */

/** Counts from now on in the worker that runs the engine of this page. */
export async function countCosts(page) {
  const [worker] = page.workers();
  await worker.evaluate("import('/costs.js').then(() => null)");
  return {
    /** What `act` cost, `times` times over: per time, rounded to hundredths. */
    async of(times, act) {
      await worker.evaluate("globalThis.costs.begin()");
      await act();
      const costs = await worker.evaluate("globalThis.costs.end()");
      const each = (count) => Math.round((count / times) * 100) / 100;
      return Object.fromEntries(Object.entries(costs).map(([name, count]) => [name, each(count)]));
    },
  };
}
