/** Holds one open database for the test that drives this page, and keeps every event that it hears. */

import { open } from "ashore";

const EVENTS = ["connected", "disconnected", "status", "change", "error"];

/** Which term of the engine this tab's worker runs, `null` while another tab's does. */
globalThis.leads = null;
globalThis.events = [];

/** The package's own worker, with an ear on whether it was elected. */
function worker() {
  const started = new Worker("/ashore/dist/hosts/wasm.worker.js", { type: "module", name: "ashore" });
  started.addEventListener("message", ({ data }) => {
    if ("leads" in data) {
      globalThis.leads = data.leads;
    }
  });
  return started;
}

globalThis.start = async (options) => {
  globalThis.db = await open({ worker, ...options });
  for (const name of EVENTS) {
    globalThis.db.sync.on(name, (event) => globalThis.events.push({ name, at: Date.now(), event: plain(event) }));
  }
};

globalThis.finish = async () => {
  await globalThis.db.close();
  globalThis.db = undefined;
};

/** Calls a method of the database (`db`), its sync (`sync`) or a collection; answers its value or its error as plain data. */
globalThis.call = async (on, method, parameters) => {
  const { db } = globalThis;
  const target = on === "db" ? db : on === "sync" ? db.sync : db.collection(on.collection);
  try {
    return { value: await target[method](...parameters) };
  } catch (error) {
    return { error: plain(error) };
  }
};

/** `count` appends to this document's list of numbers, one after the other; answers when each was acknowledged. */
globalThis.append = async (collection, id) => {
  const documents = globalThis.db.collection(collection);
  const acknowledged = (globalThis.acknowledged ??= []);
  globalThis.appending = true;
  try {
    for (let number = acknowledged.length; globalThis.appending; number += 1) {
      await documents.update(id, (document) => {
        document.numbers.push(number);
      });
      acknowledged.push({ number, at: Date.now() });
    }
  } catch (error) {
    globalThis.appendFailed = plain(error);
  }
};

/** Watches a collection: `globalThis.shown` is what it shows, `globalThis.states` how often that was told. */
globalThis.watch = async (collection) => {
  globalThis.states = 0;
  for await (const { rows, missed } of globalThis.db.collection(collection).find().watch()) {
    globalThis.states += 1;
    globalThis.missed = missed;
    globalThis.shown = Object.fromEntries(rows.map(({ id, document }) => [id, document.n]));
  }
};

function plain(event) {
  return event instanceof Error
    ? { name: event.name, code: event.code, message: event.message, retry: event.retry }
    : event;
}

globalThis.loaded = true;
