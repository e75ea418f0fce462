/** RxDB over Dexie, its storage for browsers that is free. */

import { addRxPlugin, createRxDatabase } from "rxdb/plugins/core";
import { replicateWithWebsocketServer } from "rxdb/plugins/replication-websocket";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import { RxDBUpdatePlugin } from "rxdb/plugins/update";
import { NOTES } from "../page/rxdb-schema.js";
import { until } from "../page/until.js";

export const cannot = { strict: "does not offer it", text: "has no text that merges" };

addRxPlugin(RxDBUpdatePlugin);

export async function open({ name }) {
  const db = await createRxDatabase({ name, storage: getRxStorageDexie(), multiInstance: true, eventReduce: true });
  const { notes } = await db.addCollections({ notes: { schema: NOTES } });
  const first = (priority, limit) =>
    notes.find({ selector: { priority }, sort: [{ created: "desc" }], limit, index: ["priority", "created"] });
  let replication = null;
  const connect = async (url) => {
    replication = await replicateWithWebsocketServer({ collection: notes, url, batchSize: 1_000, live: true });
    return "bench";
  };
  return {
    put: (id, document) => notes.upsert({ id, ...document }),
    // Its cache of documents would answer a second read: each one here is of another document.
    get: (id) => notes.findOne(id).exec(),
    load: (entries) => notes.bulkInsert(entries.map(([id, document]) => ({ id, ...document }))),
    putEach: (entries) => Promise.all(entries.map(([id, document]) => notes.insert({ id, ...document }))),
    setEach: (field, value) => notes.find().update({ $set: { [field]: value } }),
    all: async () => (await notes.find().exec()).map((found) => found.toJSON()),
    find: async (priority, limit) => (await first(priority, limit).exec()).map((found) => found.toJSON()),
    scan: async (author) => (await notes.find({ selector: { author } }).exec()).map((found) => found.toJSON()),
    watch(priority, limit, hear) {
      const watching = first(priority, limit).$.subscribe((rows) => hear(rows.map(({ id }) => id)));
      return () => watching.unsubscribe();
    },
    sent: () => replication?.awaitInSync(),
    share: (address) => connect(address),
    join: (address) => connect(address),
    async received(count) {
      await until(
        async () => (await notes.count().exec()) >= count,
        (tell) => {
          const watching = notes.$.subscribe(tell);
          return () => watching.unsubscribe();
        },
      );
    },
    hear(id, hear) {
      const watching = notes.findOne(id).$.subscribe((found) => hear(found?.toJSON()));
      return () => watching.unsubscribe();
    },
    makeList: async (items) => (await import("./lists/rxdb.js")).makeList(db, items),
    async close() {
      await replication?.cancel();
      await db.close();
    },
  };
}
