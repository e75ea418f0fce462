/** The page of a run: opens one peer's database and does what it is told, or starts cold and says how long that took. */

import { idOf } from "./documents.js";
import { echo, steps } from "./steps.js";
import { follow, putFirst } from "./tabs.js";
import { readText } from "./text-steps.js";

const PEERS = {
  ashore: () => import("../peers/ashore.js"),
  automerge: () => import("../peers/automerge.js"),
  dexie: () => import("../peers/dexie.js"),
  hops: () => import("../peers/hops.js"),
  indexeddb: () => import("../peers/indexeddb.js"),
  jazz: () => import("../peers/jazz.js"),
  pouchdb: () => import("../peers/pouchdb.js"),
  rxdb: () => import("../peers/rxdb.js"),
  tinybase: () => import("../peers/tinybase.js"),
  yjs: () => import("../peers/yjs.js"),
};

const asked = new URLSearchParams(location.search);
const options = {
  name: "bench",
  durability: asked.get("durability") ?? "relaxed",
  relay: asked.get("relay"),
  encrypt: asked.has("encrypt"),
  server: asked.get("server"),
  /** There will be another tab. */
  tabs: asked.has("tabs"),
};
/** How long a document is; an ordinary one unless told. */
const bytes = asked.has("bytes") ? Number(asked.get("bytes")) : undefined;

const longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries())).observe({ type: "longtask", buffered: true });

let session;
/** The text that was opened cold. */
let text;
/** Tells when a watched answer showed a document. */
let shown;

/** What it cannot do, and why. */
async function open() {
  const peer = await PEERS[asked.get("peer")]();
  session = await peer.open(options);
  return peer.cannot ?? {};
}

const COLD = {
  first: async (size) => [await session.get(idOf(Math.floor(size / 2)))],
  all: () => session.all(),
  async text() {
    const body = await session.openText(false);
    text = await body.read();
    return [text];
  },
};

/** From the beginning of the navigation to the first document, to all of them, or to the text in the page's hands. */
async function startCold(what, size) {
  await open();
  const found = await COLD[what](size);
  const milliseconds = performance.now();
  const wanted = what === "all" ? size : 1;
  if (found.length < wanted || !found[0]) {
    throw new Error(`${found.length} documents instead of ${wanted}`);
  }
  return { samples: [milliseconds], documents: found.length, ...(await heldUp(0)) };
}

/** Tasks of the page's thread that took more than 50 ms since then. */
async function heldUp(since) {
  // The observer is told in a task of its own.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const durations = longTasks.filter(({ startTime }) => startTime >= since).map(({ duration }) => duration);
  return { longestTask: Math.max(0, ...durations), longTasks: durations.reduce((sum, duration) => sum + duration, 0) };
}

async function run(name, given) {
  const since = performance.now();
  const result = await steps[name](session, { bytes, ...given });
  return { ...result, ...(await heldUp(since)) };
}

globalThis.bench = {
  open,
  run,
  cold: asked.has("cold") ? startCold(asked.get("cold"), Number(asked.get("size"))) : null,
  ready: () => session.ready?.(),
  sent: () => session.sent?.(),
  share: (address) => session.share(address),
  join: (address, key) => session.join(address, key),
  echo: () => echo(session),
  received: (count) => session.received(count),
  text: () => text ?? readText(),
  async follow() {
    shown = await follow(session);
  },
  shown: (id) => shown(id),
  putFirst: (number) => putFirst(session, number),
  close: () => session.close(),
};
