/**
 * What a worker does when the engine dies in the middle of merging an entry: it notes the entry's id beside the database's keys, so that the next
 * engine keeps the entry aside instead of dying of it, too. The WebAssembly instance is gone, so this is plain IndexedDB.
 */

/** The key record that the engine reads when it is opened (`crates/wasm/src/trials.rs`). */
const RECORD = "ended-badly";
const STORE = "keys";
/** The oldest go first: by then the store itself knows that they are set aside. */
const MAX_KEPT = 1_000;
/** Longer than this nobody waits to hear that the engine has ended, in milliseconds. */
const PATIENCE_MS = 2_000;

/** Notes durably that an engine died of this entry. Never rejects: what could not be noted is tried again, and noted then. */
export async function noteDeathOf(entry: string, database: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
  await Promise.race([note(entry, database).catch(() => {}), patience]);
  clearTimeout(timer);
}

async function note(entry: string, database: string): Promise<void> {
  const opened = await done(indexedDB.open(`ashore/${database}`));
  try {
    const transaction = opened.transaction(STORE, "readwrite", { durability: "strict" });
    const keys = transaction.objectStore(STORE);
    const before: unknown = await done(keys.get(RECORD));
    const noted = (Array.isArray(before) ? before : []).filter((each) => each !== entry);
    keys.put([...noted, entry].slice(-MAX_KEPT), RECORD);
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("The note was not written."));
    });
  } finally {
    opened.close();
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's database refused."));
  });
}
