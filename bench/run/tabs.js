/** A second tab of the same profile with the same database, beside a first one that stays as it is. */

import { opened, openedBeside } from "./device.js";

const READS = 200;
const WRITES = 100;
const SEEN = 30;
/** Numbers of documents that nobody has written before. */
const [WRITTEN_FROM, SEEN_FROM] = [30_000, 60_000];
const STEPS = ["tabReads", "tabWrites", "tabSeen"];

export async function besideAnother({ shape, take, skip }, profile, address) {
  if (STEPS.every(skip)) {
    return;
  }
  const size = shape.count;
  const first = await opened(profile, address);
  const second = await openedBeside(profile, address);
  const step = (name, given) => second.evaluate((asked) => bench.run(...asked), [name, given]);
  await take("tabReads", () => step("reads", { size, count: READS }));
  await take("tabWrites", () => step("writes", { size: size + WRITTEN_FROM, count: WRITES }));
  await take("tabSeen", async () => {
    await first.evaluate(() => bench.follow());
    const samples = [];
    for (let round = 0; round < SEEN; round += 1) {
      samples.push(await seen(first, second, size + SEEN_FROM + round));
    }
    return { samples, documents: 1 };
  });
}

/** How long it took from a put in the second tab to the first one's answer that shows it. */
async function seen(first, second, number) {
  const { id, at } = await second.evaluate((given) => bench.putFirst(given), number);
  return (await first.evaluate((given) => bench.shown(given), id)) - at;
}
