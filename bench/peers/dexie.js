/** Dexie: IndexedDB made pleasant. */

import { Dexie, liveQuery } from "dexie";

export const cannot = { sync: "has a service for it, which is not here", text: "has no text that merges" };

export async function open({ name, durability }) {
  const db = new Dexie(name, { chromeTransactionDurability: durability });
  db.version(1).stores({ notes: "id,[priority+created]" });
  await db.open();
  const record = ([id, document]) => ({ id, ...document });
  const first = (priority, limit) =>
    db.notes
      .where("[priority+created]")
      .between([priority, Dexie.minKey], [priority, Dexie.maxKey])
      .reverse()
      .limit(limit)
      .toArray();
  return {
    put: (id, document) => db.notes.put({ id, ...document }),
    get: (id) => db.notes.get(id),
    load: (entries) => db.notes.bulkPut(entries.map(record)),
    putEach: (entries) => Promise.all(entries.map((entry) => db.notes.put(record(entry)))),
    setEach: (field, value) => db.notes.toCollection().modify({ [field]: value }),
    all: () => db.notes.toArray(),
    find: first,
    scan: (author) => db.notes.filter((note) => note.author === author).toArray(),
    watch(priority, limit, hear) {
      const watching = liveQuery(() => first(priority, limit)).subscribe((rows) => hear(rows.map(({ id }) => id)));
      return () => watching.unsubscribe();
    },
    async makeList(items) {
      const ID = "list";
      await db.notes.put({ id: ID, items });
      const { recordList } = await import("./lists/record.js");
      return recordList({
        read: async () => (await db.notes.get(ID)).items,
        change: (alter) =>
          db.notes
            .where("id")
            .equals(ID)
            .modify(({ items: kept }) => alter(kept)),
      });
    },
    async close() {
      db.close();
    },
  };
}
