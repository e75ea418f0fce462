/** One document with a long list, in a database that has nothing else. */

import { addressOf, within } from "./device.js";

const ITEMS = 10_000;
/** How often each step is taken in one round. */
const TIMES = { itemsPush: { count: 30 }, itemsSet: { count: 30 }, itemsRead: { count: 10 } };

export async function list({ system, site, relay, take, skip }) {
  if (skip("itemsMake")) {
    return;
  }
  await within(addressOf(site, system, { relay }), async (page) => {
    const step = (name, given) => page.evaluate((asked) => bench.run(...asked), [name, { size: ITEMS, ...given }]);
    if (await take("itemsMake", () => step("itemsMake"))) {
      for (const [name, given] of Object.entries(TIMES)) {
        await take(name, () => step(name, given));
      }
    }
  });
}
