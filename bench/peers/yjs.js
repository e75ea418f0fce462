/** Yjs: one document with a map of maps, kept by y-indexeddb. */

import { HocuspocusProvider } from "@hocuspocus/provider";
import { IndexeddbPersistence } from "y-indexeddb";
import * as Y from "yjs";
import { until } from "../page/until.js";

export const cannot = { strict: "does not offer it", tabSeen: "y-indexeddb tells other tabs nothing" };

export async function open({ name }) {
  const doc = new Y.Doc();
  const kept = new IndexeddbPersistence(name, doc);
  await kept.whenSynced;
  const notes = doc.getMap("notes");
  // It says nothing when an update is stored; a read behind it in the same store does.
  const stored = () =>
    new Promise((resolve, reject) => {
      const transaction = kept.db.transaction(["updates"], "readonly");
      transaction.objectStore("updates").count();
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  const provider = { current: null };
  const connect = async (url) => {
    provider.current = new HocuspocusProvider({ url, name: "bench", document: doc });
    await new Promise((resolve) => provider.current.on("synced", resolve));
    return "bench";
  };
  const set = (id, document) => notes.set(id, new Y.Map(Object.entries(document)));
  const rows = () => [...notes.entries()].map(([id, note]) => ({ id, ...note.toJSON() }));
  const first = (priority, limit) =>
    [...notes.entries()]
      .filter(([, note]) => note.get("priority") === priority)
      .sort(([, a], [, b]) => b.get("created") - a.get("created"))
      .slice(0, limit)
      .map(([id, note]) => ({ id, ...note.toJSON() }));
  return {
    async put(id, document) {
      set(id, document);
      await stored();
    },
    get: async (id) => notes.get(id)?.toJSON(),
    async load(entries) {
      doc.transact(() => entries.forEach(([id, document]) => set(id, document)));
      await stored();
    },
    async putEach(entries) {
      entries.forEach(([id, document]) => set(id, document));
      await stored();
    },
    async setEach(field, value) {
      doc.transact(() => notes.forEach((note) => note.set(field, value)));
      await stored();
    },
    all: async () => rows(),
    find: async (priority, limit) => first(priority, limit),
    scan: async (author) =>
      [...notes.values()].filter((note) => note.get("author") === author).map((note) => note.toJSON()),
    watch(priority, limit, hear) {
      const tell = () => hear(first(priority, limit).map(({ id }) => id));
      notes.observeDeep(tell);
      tell();
      return () => notes.unobserveDeep(tell);
    },
    async sent() {
      const { current } = provider;
      if (current) {
        await until(
          async () => !current.hasUnsyncedChanges,
          (tell) => listening(current, "unsyncedChanges", tell),
        );
      }
    },
    share: (address) => connect(address),
    join: (address) => connect(address),
    async received(count) {
      await until(
        async () => notes.size >= count,
        (tell) => listening(doc, "update", tell),
      );
      await stored();
    },
    hear(id, hear) {
      const tell = () => hear(notes.get(id)?.toJSON());
      notes.observeDeep(tell);
      return () => notes.unobserveDeep(tell);
    },
    makeList: async (items) => (await import("./lists/yjs.js")).makeList(doc, stored, items),
    openText: async (isNew) => (await import("./texts/yjs.js")).openText(doc, stored, isNew),
    async close() {
      provider.current?.destroy();
      await kept.destroy();
    },
  };
}

function listening(emitter, event, tell) {
  emitter.on(event, tell);
  return () => emitter.off(event, tell);
}
