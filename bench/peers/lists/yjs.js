/** A shared array of maps. */

import * as Y from "yjs";

export async function makeList(doc, stored, items) {
  const list = doc.getArray("items");
  const map = (item) => new Y.Map(Object.entries(item));
  list.push(items.map(map));
  await stored();
  return {
    async push(item) {
      list.push([map(item)]);
      await stored();
    },
    async set(at, done) {
      list.get(at).set("done", done);
      await stored();
    },
    read: async () => list.toJSON(),
  };
}
