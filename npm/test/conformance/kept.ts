/** What the platform keeps of a database, for tests that look there and damage it: in IndexedDB, or in a file of the app. No engine may run. */

import { decode } from "cborg";
import { app } from "./app.js";
import { host } from "./host.js";

/** How a test sees what is kept. */
export interface Kept {
  /** Names of the databases that are kept whose name holds this one. */
  databases(name: string): Promise<string[]>;
  /** All bytes that are kept of its documents, as text of one character for each byte. */
  bytes(name: string): Promise<string>;
  /** What the record of its keys says; `null` when there is none. */
  protection(name: string): Promise<string | null>;
  /** Takes the record of its keys away. */
  forgetRecord(name: string): Promise<void>;
  /** Puts another record of its keys in the place of the one that is there, and answers that one; in browsers only. */
  swapRecord(name: string, record: unknown): Promise<unknown>;
  /**
   * Flips one bit in a stored copy of `text`, wherever the engine keeps it: the first copy is in a document's history, which stands before the values;
   * the last one is in its value. Answers where.
   */
  flip(name: string, which: "history" | "value", text: string): Promise<string>;
  /** Says of the store that this newer version of the package wrote it, or that this one did; in browsers only. */
  writeVersion(name: string, version: number): Promise<void>;
  /** Flips one bit in the last commit of documents of an encrypted database: those of marks are shorter. */
  flipSealed(name: string): Promise<void>;
}

/** The one of this host. */
export const kept: Kept = host === "tauri" ? inFiles() : inIndexedDb();

function inFiles(): Kept {
  const kinds = ["plain", "platform", "passphrase", "wiped"];
  return {
    databases: async (database) => await app<string[]>("databases", { database }),
    bytes: async (database) => text(new Uint8Array(await app<ArrayBuffer>("kept", { database }))),
    async protection(database) {
      const bytes = await app<number[] | null>("record", { database });
      return bytes && (kinds[(decode(Uint8Array.from(bytes)) as [number])[0]] ?? null);
    },
    forgetRecord: async (database) => await app("forget_record", { database }),
    swapRecord: () => Promise.reject(elsewhere()),
    writeVersion: () => Promise.reject(elsewhere()),
    flip: async (database, which, found) => await app<string>("flip", { database, which, text: found }),
    flipSealed: async (database) => await app("flip_sealed", { database }),
  };
}

const elsewhere = (): Error => new Error("crates/native tests this with an app's file");

function inIndexedDb(): Kept {
  return {
    databases: async (name) =>
      (await indexedDB.databases()).map((info) => info.name ?? "").filter((found) => found.includes(name)),
    bytes: (name) =>
      within(name, "blobs", async (blobs) => ((await settled(blobs.getAll())) as Uint8Array[]).map(text).join("\n")),
    protection: (name) =>
      within(name, "keys", async (keys) => {
        const record = (await settled(keys.get(RECORD))) as { protection: string } | undefined;
        return record?.protection ?? null;
      }),
    forgetRecord: (name) => within(name, "keys", async (keys) => void (await settled(keys.delete(RECORD)))),
    swapRecord: (name, record) =>
      within(name, "keys", async (keys) => {
        const before: unknown = await settled(keys.get(RECORD));
        await settled(keys.put(record, RECORD));
        return before;
      }),
    writeVersion: (name, version) =>
      within(name, "blobs", async (blobs) => {
        for (const [key, bytes] of (await all(blobs)).filter(([found]) => found.startsWith("m"))) {
          bytes[4] = version;
          await settled(blobs.put(bytes, key));
        }
      }),
    flip: (name, which, found) =>
      within(name, "blobs", async (blobs) => {
        const copies = (await all(blobs)).flatMap(([key, bytes]) =>
          placesOf(found, bytes).map((at) => ({ key, bytes, at })),
        );
        const copy = copies.at(which === "history" ? 0 : -1);
        if (!copy) {
          throw new Error(`no blob holds ${found}`);
        }
        await flipAt(blobs, copy.key, copy.bytes, copy.at);
        return copy.key;
      }),
    flipSealed: (name) =>
      within(name, "blobs", async (blobs) => {
        const segments = (await all(blobs)).filter(([key]) => key.startsWith("s"));
        const [key, bytes] = segments.findLast(([, found]) => found.length > 300) as [string, Uint8Array];
        await flipAt(blobs, key, bytes, 100);
      }),
  };
}

const RECORD = "local-secret";

async function within<T>(name: string, store: string, act: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  const raw = await settled(indexedDB.open(`ashore/${name}`));
  try {
    return await act(raw.transaction(store, "readwrite").objectStore(store));
  } finally {
    raw.close();
  }
}

async function all(blobs: IDBObjectStore): Promise<[string, Uint8Array][]> {
  const keys = (await settled(blobs.getAllKeys())) as string[];
  const values = (await settled(blobs.getAll())) as Uint8Array[];
  return keys.map((key, index) => [key, values[index] as Uint8Array]);
}

async function flipAt(blobs: IDBObjectStore, key: string, bytes: Uint8Array, at: number): Promise<void> {
  bytes[at] = (bytes[at] as number) ^ 1;
  await settled(blobs.put(bytes, key));
}

function placesOf(found: string, bytes: Uint8Array): number[] {
  return [...text(bytes).matchAll(new RegExp(found, "g"))].map(({ index }) => index);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

/** What a request of IndexedDB answers. */
export function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
