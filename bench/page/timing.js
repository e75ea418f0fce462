/** How steps take their times, and look whether answers are right. */

/** One act for all of `count`. */
export async function once(count, act) {
  const began = performance.now();
  await act();
  return { samples: [performance.now() - began], documents: count };
}

/** One act for each, one after another. */
export async function each(items, act) {
  const samples = [];
  for (const [round, item] of items.entries()) {
    const began = performance.now();
    await act(item, round);
    samples.push(performance.now() - began);
  }
  return { samples, documents: 1 };
}

/** `count` numbers below `size`, far from one another, none twice while there are enough. */
export function spread(size, count) {
  const stride = 7_919;
  return Array.from({ length: count }, (_, index) => (index * stride + 13) % size);
}

export function expect(is, wanted) {
  if (is !== wanted) {
    throw new Error(`${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`);
  }
}
