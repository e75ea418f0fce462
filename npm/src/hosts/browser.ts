/** The hosts that a page brings along: the engine in a worker, or in this thread where nothing can be kept. */

import type { Persistence } from "../database.js";
import type { OriginStorage } from "../diagnostics.js";
import type { kindOf } from "../keys.js";
import type { Hosting, OpenOptions } from "../opening.js";
import { startMemory } from "./memory.js";
import { startWorker } from "./worker.js";

/** What runs the engine in a browser, and in Node. */
export function inBrowser(options: OpenOptions, encrypt: ReturnType<typeof kindOf>): Hosting {
  const { name, wasm, worker } = options;
  const memory = options.storage === "memory" || (options.storage === undefined && !canPersist());
  const sync = typeof WebSocket === "function";
  if (memory) {
    return {
      start: startMemory(wasm, encrypt),
      capabilities: { host: "memory", persistent: false, tabs: false, sync },
      persisted: () => Promise.resolve("unsupported"),
      originStorage: () => Promise.resolve(null),
    };
  }
  return {
    start: startWorker({ name, wasm, worker, encrypt }),
    capabilities: { host: "worker", persistent: true, tabs: true, sync },
    persisted: once(() => askToPersist(options.persist ?? true)),
    originStorage: estimate,
  };
}

function canPersist(): boolean {
  return typeof Worker === "function" && typeof indexedDB === "object" && typeof indexedDB?.open === "function";
}

async function askToPersist(ask: boolean): Promise<Persistence> {
  const storage = storageOfOrigin();
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

async function estimate(): Promise<OriginStorage | null> {
  try {
    const { usage, quota } = (await storageOfOrigin()?.estimate?.()) ?? {};
    return usage === undefined || quota === undefined ? null : { usageBytes: usage, quotaBytes: quota };
  } catch {
    return null;
  }
}

/** Not every browser has it, or all of it. */
function storageOfOrigin(): Partial<StorageManager> | undefined {
  return (globalThis as { navigator?: { storage?: Partial<StorageManager> } }).navigator?.storage;
}

function once<T>(act: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= act());
}
