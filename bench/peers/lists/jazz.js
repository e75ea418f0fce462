/** A shared list of shared maps. */

import { co, z } from "jazz-tools";

const Item = co.map({ text: z.string(), done: z.boolean() });
const Items = co.list(Item);

/** `stored(ids)` waits until those are. */
export async function makeList(owner, stored, items) {
  const create = (item) => Item.create(item, { owner });
  const made = items.map(create);
  const list = Items.create(made, { owner });
  await stored([list.$jazz.id, ...made.map((item) => item.$jazz.id)]);
  return {
    async push(item) {
      const added = create(item);
      list.$jazz.push(added);
      await stored([list.$jazz.id, added.$jazz.id]);
    },
    async set(at, done) {
      list[at].$jazz.set("done", done);
      await stored([list[at].$jazz.id]);
    },
    async read() {
      const loaded = await list.$jazz.ensureLoaded({ resolve: { $each: true } });
      return loaded.map((item) => ({ text: item.text, done: item.done }));
    },
  };
}
