/** PouchDB: documents with revision trees, that sync with CouchDB. */

import PouchDB from "pouchdb-browser";
import find from "pouchdb-find";

export const cannot = {
  strict: "does not offer it",
  sync: "syncs with CouchDB, which is not here",
  text: "has no text that merges",
};

PouchDB.plugin(find);

export async function open({ name }) {
  const db = new PouchDB(name, { auto_compaction: false });
  await db.createIndex({ index: { fields: ["priority", "created"] } });
  const first = async (priority, limit) => {
    const { docs } = await db.find({
      selector: { priority, created: { $gt: 0 } },
      sort: [{ priority: "desc" }, { created: "desc" }],
      limit,
    });
    return docs;
  };
  const put = async (id, document) => {
    const { _rev } = await db.get(id).catch(() => ({}));
    return db.put({ ...document, _id: id, _rev });
  };
  return {
    put,
    get: (id) => db.get(id),
    load: (entries) => db.bulkDocs(entries.map(([_id, document]) => ({ _id, ...document }))),
    putEach: (entries) => Promise.all(entries.map(([_id, document]) => db.put({ _id, ...document }))),
    async setEach(field, value) {
      const { rows } = await db.allDocs({ include_docs: true });
      await db.bulkDocs(rows.filter(({ id }) => !id.startsWith("_")).map(({ doc }) => ({ ...doc, [field]: value })));
    },
    async all() {
      const { rows } = await db.allDocs({ include_docs: true, startkey: "note-", endkey: "note-\uffff" });
      return rows.map(({ doc }) => doc);
    },
    find: first,
    scan: async (author) => (await db.find({ selector: { author }, limit: 1e9 })).docs,
    watch(priority, limit, hear) {
      const ask = async () => hear((await first(priority, limit)).map(({ _id }) => _id));
      void ask();
      const watching = db.changes({ since: "now", live: true }).on("change", ask);
      return () => watching.cancel();
    },
    // The first query after writes brings its index up to date.
    ready: () => first(0, 1),
    async makeList(items) {
      const ID = "list";
      await db.put({ _id: ID, items });
      const { recordList } = await import("./lists/record.js");
      return recordList({
        read: async () => (await db.get(ID)).items,
        async change(alter) {
          const record = await db.get(ID);
          alter(record.items);
          await db.put(record);
        },
      });
    },
    close: () => db.close(),
  };
}
