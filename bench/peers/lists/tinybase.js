/** A table of rows. */

const TABLE = "items";

export async function makeList(store, persister, items) {
  const ids = [];
  const add = (item) => ids.push(store.addRow(TABLE, item));
  store.transaction(() => items.forEach(add));
  await persister.save();
  return {
    async push(item) {
      add(item);
      await persister.save();
    },
    async set(at, done) {
      store.setCell(TABLE, ids[at], "done", done);
      await persister.save();
    },
    async read() {
      const rows = store.getTable(TABLE);
      return ids.map((id) => rows[id]);
    },
  };
}
