/** Opening databases where the page happens to be: in a browser, in Node or in a Tauri app. Nothing starts before the first call that needs the engine. */

import type { Database, Persistence } from "./database.js";
import { startMemory } from "./hosts/memory.js";
import { startWorker } from "./hosts/worker.js";
import type { kindOf } from "./keys.js";
import { type Hosting, openOn, type OpenOptions } from "./opening.js";
import { isTauri } from "./platform.js";

export type { OpenOptions, WasmSource } from "./opening.js";

/**
 * Opens a database. It starts nothing yet: no worker, no storage, no connection before the first call that needs the engine.
 *
 * In browsers the engine runs in a worker and keeps its documents in IndexedDB; all tabs of the origin share one engine. In a Tauri app with the plugin
 * `tauri-plugin-ashore` it runs in the app, natively, and keeps its documents in a file; all windows share it. In Node, and with `storage: "memory"` in
 * browsers, it runs in this thread and keeps nothing.
 *
 * Handles of the same name in one page share everything; the options of the first one decide about `storage`, `worker` and `wasm`, and how a database
 * that does not exist yet is encrypted.
 *
 * @throws {@link AshoreError} `request.invalid` when an option is not what it must be.
 *
 * @example
 * ```ts
 * import { open } from "ashore";
 *
 * const db = await open({ name: "family", relay: "wss://relay.example.org/v1/ws" });
 * const notes = db.collection<{ title: string }>("notes");
 * await notes.put("n1", { title: "Milk" });
 * await db.close();
 * ```
 */
export async function open(options: OpenOptions): Promise<Database> {
  // A file of its own, which pages in browsers never load.
  const choose = isTauri() ? (await import("./hosts/tauri.js")).inTauri : inBrowser;
  return openOn(options, choose);
}

function inBrowser(options: OpenOptions, encrypt: ReturnType<typeof kindOf>): Hosting {
  const { name, wasm, worker } = options;
  const memory = options.storage === "memory" || (options.storage === undefined && !canPersist());
  const sync = typeof WebSocket === "function";
  if (memory) {
    return {
      start: startMemory(wasm, encrypt),
      capabilities: { host: "memory", persistent: false, tabs: false, sync },
      persisted: () => Promise.resolve("unsupported"),
    };
  }
  return {
    start: startWorker({ name, wasm, worker, encrypt }),
    capabilities: { host: "worker", persistent: true, tabs: true, sync },
    persisted: once(() => askToPersist(options.persist ?? true)),
  };
}

function canPersist(): boolean {
  return typeof Worker === "function" && typeof indexedDB === "object" && typeof indexedDB?.open === "function";
}

async function askToPersist(ask: boolean): Promise<Persistence> {
  const storage = (globalThis as { navigator?: { storage?: Partial<StorageManager> } }).navigator?.storage;
  if (!storage?.persisted) {
    return "unsupported";
  }
  try {
    const granted = (await storage.persisted()) || (ask && (await storage.persist?.()) === true);
    return granted ? "granted" : "denied";
  } catch {
    return "unsupported";
  }
}

function once<T>(act: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= act());
}
