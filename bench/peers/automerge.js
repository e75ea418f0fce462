/** automerge-repo: a document each, and one more that lists them. */

import { initializeWasm } from "@automerge/automerge/slim";
import wasm from "@automerge/automerge/automerge.wasm?url";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb";
import { Repo } from "@automerge/automerge-repo/slim";
import { until } from "../page/until.js";

const silent = "has no word that the server has everything";
export const cannot = {
  strict: "does not offer it",
  upload: silent,
  uploadBytes: silent,
  tabSeen: "what goes between tabs is a network adapter of its own, which is not used here",
};

export async function open({ name }) {
  await initializeWasm(fetch(wasm));
  const repo = new Repo({ storage: new IndexedDBStorageAdapter(name) });
  let list = await listOf(repo, name);
  const handleOf = async (id) => {
    const url = list.doc().urls[id];
    return url ? repo.find(url) : null;
  };
  const handles = async () => Promise.all(Object.values(list.doc().urls).map((url) => repo.find(url)));
  const rows = async () =>
    Promise.all(Object.entries(list.doc().urls).map(async ([id, url]) => ({ id, ...(await repo.find(url)).doc() })));
  const first = async (priority, limit) =>
    (await rows())
      .filter((note) => note.priority === priority)
      .sort((a, b) => b.created - a.created)
      .slice(0, limit);
  const create = (entries) => {
    const made = entries.map(([id, document]) => [id, repo.create(document)]);
    list.change((doc) => made.forEach(([id, { url }]) => (doc.urls[id] = url)));
    return made.map(([, { documentId }]) => documentId);
  };
  const watchers = new Set();
  const change = (handle, alter) => {
    handle.change(alter);
    watchers.forEach((tell) => void tell());
  };
  const put = async (id, document) => {
    const handle = await handleOf(id);
    if (handle) {
      change(handle, (doc) => Object.assign(doc, document));
      return repo.flush([handle.documentId]);
    }
    const made = create([[id, document]]);
    watchers.forEach((tell) => void tell());
    return repo.flush([list.documentId, ...made]);
  };
  return {
    put,
    get: async (id) => (await handleOf(id))?.doc(),
    load: (entries) => repo.flush([list.documentId, ...create(entries)]),
    putEach: (entries) => Promise.all(entries.map(([id, document]) => put(id, document))),
    async setEach(field, value) {
      for (const handle of await handles()) {
        handle.change((doc) => void (doc[field] = value));
      }
      await repo.flush();
    },
    all: rows,
    find: first,
    scan: async (author) => (await rows()).filter((note) => note.author === author),
    watch(priority, limit, hear) {
      const tell = async () => hear((await first(priority, limit)).map(({ id }) => id));
      watchers.add(tell);
      void tell();
      return () => watchers.delete(tell);
    },
    async share(address) {
      repo.networkSubsystem.addNetworkAdapter(new WebSocketClientAdapter(address));
      return list.url;
    },
    async join(address, url) {
      repo.networkSubsystem.addNetworkAdapter(new WebSocketClientAdapter(address));
      await repo.networkSubsystem.whenReady();
      list = await repo.find(url);
      localStorage.setItem(`${name}/list`, url);
    },
    async received(count) {
      await until(
        async () => Object.keys(list.doc().urls).length >= count,
        (tell) => listening(list, "change", tell),
      );
      await handles();
      await repo.flush();
    },
    async hear(id, hear) {
      const handle = await handleOf(id);
      return listening(handle, "change", ({ doc }) => hear(doc));
    },
    makeList: async (items) => (await import("./lists/automerge.js")).makeList(repo, items),
    openText: async (isNew) => (await import("./texts/automerge.js")).openText(repo, `${name}/text`, isNew),
    close: () => repo.shutdown(),
  };
}

/** The document that lists the others; where it is, the page remembers. */
async function listOf(repo, name) {
  const known = localStorage.getItem(`${name}/list`);
  if (known) {
    return repo.find(known);
  }
  const list = repo.create({ urls: {} });
  localStorage.setItem(`${name}/list`, list.url);
  await repo.flush([list.documentId]);
  return list;
}

function listening(emitter, event, tell) {
  emitter.on(event, tell);
  return () => emitter.off(event, tell);
}
