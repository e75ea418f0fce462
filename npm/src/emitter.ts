/** Listeners by event name. A listener that throws harms neither the others nor the caller. */

/** Ends a subscription; calling it again does nothing. */
export type Unsubscribe = () => void;

/** Handlers by event name; `Events` maps each name to what its handlers are given. */
export class Emitter<Events extends object> {
  readonly #handlers = new Map<keyof Events, Set<{ call: (event: never) => void }>>();

  /** Calls `handler` for every event of that name from now on. The same function may be added more than once. */
  on<Name extends keyof Events>(name: Name, handler: (event: Events[Name]) => void): Unsubscribe {
    const entry = { call: handler as (event: never) => void };
    let handlers = this.#handlers.get(name);
    if (!handlers) {
      this.#handlers.set(name, (handlers = new Set()));
    }
    handlers.add(entry);
    return () => void handlers.delete(entry);
  }

  /** Tells every handler that is there now. What one throws is reported like an uncaught error, later, by itself. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    // A copy: handlers may add and remove handlers.
    const handlers = Array.from(this.#handlers.get(name) ?? []);
    for (const handler of handlers) {
      try {
        const outcome: unknown = (handler.call as (event: Events[Name]) => unknown)(event);
        if (outcome instanceof Promise) {
          outcome.catch(reportLater);
        }
      } catch (error) {
        reportLater(error);
      }
    }
  }

  /** Forgets every handler. */
  clear(): void {
    this.#handlers.clear();
  }
}

/** Lets an app's own handler for uncaught errors see `error`, outside of whatever runs now. */
export function reportLater(error: unknown): void {
  const report = (globalThis as { reportError?: (error: unknown) => void }).reportError;
  if (report) {
    report.call(globalThis, error);
  } else {
    // oxlint-disable-next-line no-console -- where there is no reportError, such as Node, this is where it is seen.
    console.error("ashore: a listener failed", error);
  }
}
