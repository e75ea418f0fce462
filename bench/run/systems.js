/** Who is measured. */

export const systems = [
  {
    key: "indexeddb",
    peer: "indexeddb",
    name: "IndexedDB",
    package: null,
    keeps: "one record each, nothing else: the reference",
  },
  {
    key: "ashore",
    peer: "ashore",
    name: "Ashore",
    package: "ashore",
    options: { relay: true },
    keeps: "a CRDT with history each; in a group at a relay: sealed, signed and sent meanwhile",
  },
  {
    key: "ashore-alone",
    peer: "ashore",
    name: "Ashore, alone",
    package: "ashore",
    keeps: "the same without a group",
  },
  { key: "dexie", peer: "dexie", name: "Dexie", package: "dexie", keeps: "one record each" },
  {
    key: "rxdb",
    peer: "rxdb",
    name: "RxDB",
    package: "rxdb",
    keeps: "one record with a revision each, in Dexie's storage",
  },
  {
    key: "pouchdb",
    peer: "pouchdb",
    name: "PouchDB",
    package: "pouchdb-browser",
    keeps: "a tree of revisions each",
  },
  {
    key: "yjs",
    peer: "yjs",
    name: "Yjs, one document",
    package: "yjs",
    keeps: "one CRDT of all, whole in memory; y-indexeddb",
  },
  {
    key: "tinybase",
    peer: "tinybase",
    name: "TinyBase",
    package: "tinybase",
    keeps: "a mergeable store, whole in memory",
  },
  {
    key: "automerge",
    peer: "automerge",
    name: "automerge-repo",
    package: "@automerge/automerge-repo",
    keeps: "a CRDT with history each",
  },
  {
    key: "jazz",
    peer: "jazz",
    name: "Jazz",
    package: "jazz-tools",
    keeps: "a signed, sealed CRDT with history each",
  },
];
