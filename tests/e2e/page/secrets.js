/** Looks for secret keys where a page could find them. */

/** Hex, base64 or base32 of 32 bytes. */
const LOOKS_SECRET = /^([0-9a-f]{64}|[A-Za-z0-9+/_-]{43}=?|[0-9a-v]{52}|[A-Z2-7]{52})$/;

/** Everything that can be reached from the database and from what its calls resolve with, and everything in IndexedDB. */
globalThis.lookForSecrets = async () => {
  const { db } = globalThis;
  const found = { suspects: [], extractable: [], keys: 0, seen: 0 };
  look([db, db.sync, db.collection("notes"), await everyAnswer(db), globalThis.events], found, new Set());
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      look(await settled(database.transaction(store).objectStore(store).getAll()), found, new Set());
    }
    database.close();
  }
  // Ids of entries look like secrets, and are none.
  found.entries = (await db.sync.invites()).map(({ id }) => id);
  return found;
};

async function everyAnswer(db) {
  const { sync } = db;
  const notes = db.collection("notes");
  await notes.put("one", { n: 1 });
  return Promise.all([
    sync.createInvite(),
    sync.invites(),
    sync.rotateKeys(),
    sync.devices(),
    sync.quarantine(),
    sync.now(),
    sync.statusOf("notes", "one"),
    sync.renameDevice("renamed"),
    sync.enable(),
    sync.status,
    db.diagnostics(),
    db.check(),
    db.flush(),
    db.persisted(),
    db.collections(),
    notes.get("one"),
    notes.all(),
  ]);
}

function look(value, found, seen) {
  found.seen += 1;
  if (typeof value === "string" && LOOKS_SECRET.test(value)) {
    found.suspects.push(value);
  }
  if (value === null || !["object", "function"].includes(typeof value) || seen.has(value)) {
    return;
  }
  seen.add(value);
  if (value instanceof CryptoKey) {
    found.keys += 1;
    found.extractable.push(...(value.extractable ? [value.algorithm.name] : []));
  } else if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    found.suspects.push(...(value.byteLength === 32 || value.byteLength === 64 ? [`${value.byteLength} bytes`] : []));
  } else if (value !== globalThis && !(value instanceof Node)) {
    lookInside(value, found, seen);
  }
}

function lookInside(value, found, seen) {
  for (let part = value; part !== null && part !== Object.prototype; part = Object.getPrototypeOf(part)) {
    for (const name of Reflect.ownKeys(part)) {
      try {
        look(value[name], found, seen);
      } catch {
        // A getter that throws gives nothing away.
      }
    }
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
