/** TinyBase: a mergeable store, whole in memory, kept in IndexedDB. */

import { createIndexes, createMergeableStore } from "tinybase";
import { createIndexedDbPersister } from "tinybase/persisters/persister-indexed-db";
import { createWsSynchronizer } from "tinybase/synchronizers/synchronizer-ws-client";
import { until } from "../page/until.js";

const silent = "has no word that the server has everything";
export const cannot = {
  strict: "does not offer it",
  upload: silent,
  uploadBytes: silent,
  text: "has no text that merges",
};

export async function open({ name, tabs }) {
  const store = createMergeableStore();
  const persister = createIndexedDbPersister(store, name);
  await persister.load();
  const stopSharing = tabs ? await shareBetweenTabs(store, name) : () => {};
  const indexes = createIndexes(store);
  indexes.setIndexDefinition("priority", "notes", "priority", "created", undefined, (a, b) => b - a);
  let synchronizer = null;
  const connect = async (address) => {
    synchronizer = await createWsSynchronizer(store, new WebSocket(`${address}/bench`));
    await synchronizer.startSync();
    return "bench";
  };
  // Cells are scalars: what is nested is kept as text.
  const row = (document) => ({
    ...document,
    tags: JSON.stringify(document.tags),
    place: JSON.stringify(document.place),
  });
  const read = (id) => {
    const found = store.getRow("notes", id);
    return { id, ...found, tags: JSON.parse(found.tags), place: JSON.parse(found.place) };
  };
  const first = (priority, limit) => indexes.getSliceRowIds("priority", String(priority)).slice(0, limit);
  const set = ([id, document]) => store.setRow("notes", id, row(document));
  return {
    async put(id, document) {
      set([id, document]);
      await persister.save();
    },
    get: async (id) => (store.hasRow("notes", id) ? read(id) : undefined),
    async load(entries) {
      store.transaction(() => entries.forEach(set));
      await persister.save();
    },
    async putEach(entries) {
      entries.forEach(set);
      await persister.save();
    },
    async setEach(field, value) {
      store.transaction(() => store.forEachRow("notes", (id) => store.setCell("notes", id, field, value)));
      await persister.save();
    },
    all: async () => store.getRowIds("notes").map(read),
    find: async (priority, limit) => first(priority, limit).map(read),
    scan: async (author) =>
      store
        .getRowIds("notes")
        .filter((id) => store.getCell("notes", id, "author") === author)
        .map(read),
    watch(priority, limit, hear) {
      const tell = () => hear(first(priority, limit));
      const listener = indexes.addSliceRowIdsListener("priority", String(priority), tell);
      tell();
      return () => indexes.delListener(listener);
    },
    share: (address) => connect(address),
    join: (address) => connect(address),
    async received(count) {
      await until(
        async () => store.getRowCount("notes") >= count,
        (tell) => {
          const listener = store.addRowIdsListener("notes", tell);
          return () => store.delListener(listener);
        },
      );
      await persister.save();
    },
    hear(id, hear) {
      const listener = store.addRowListener("notes", id, () => hear(read(id)));
      return () => store.delListener(listener);
    },
    makeList: async (items) => (await import("./lists/tinybase.js")).makeList(store, persister, items),
    async close() {
      await stopSharing();
      await synchronizer?.destroy();
      await persister.destroy();
    },
  };
}

/** Tabs that write one store have to: each saves all of what it has. */
async function shareBetweenTabs(store, name) {
  const { createBroadcastChannelSynchronizer } = await import("tinybase/synchronizers/synchronizer-broadcast-channel");
  const synchronizer = createBroadcastChannelSynchronizer(store, name);
  await synchronizer.startSync();
  return () => synchronizer.destroy();
}
