/** Loaded into a worker that runs the engine: counts what it does from now on. */

function none() {
  return { reads: 0, writes: 0, requests: 0, stored: 0, messages: 0, messageBytes: 0, frames: 0, frameBytes: 0 };
}

let counts = none();

function size(value) {
  return value?.byteLength ?? value?.length ?? 0;
}

/** `count` sees what each call is given. */
function wrap(owner, name, count) {
  const original = owner[name];
  owner[name] = function wrapped(...values) {
    count(values);
    return original.apply(this, values);
  };
}

function countMessage([message]) {
  counts.messages += 1;
  const parts = Object.values(message ?? {}).flat();
  counts.messageBytes += parts.reduce((sum, part) => sum + size(part), 0);
}

wrap(IDBDatabase.prototype, "transaction", ([, mode]) => (counts[mode === "readwrite" ? "writes" : "reads"] += 1));
for (const name of ["add", "put"]) {
  wrap(IDBObjectStore.prototype, name, ([value]) => {
    counts.requests += 1;
    counts.stored += size(value);
  });
}
for (const name of ["get", "getAll", "getAllKeys", "delete"]) {
  wrap(IDBObjectStore.prototype, name, () => (counts.requests += 1));
}
wrap(MessagePort.prototype, "postMessage", countMessage);
wrap(globalThis, "postMessage", countMessage);
wrap(WebSocket.prototype, "send", ([frame]) => {
  counts.frames += 1;
  counts.frameBytes += size(frame);
});

globalThis.costs = { begin: () => (counts = none()), end: () => counts };
