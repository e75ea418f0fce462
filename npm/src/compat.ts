/**
 * The calls of the any-sync plugin for Tauri (`tauri-plugin-any-sync-api`) over one database, for apps that move: import them from `ashore/compat` instead.
 * Nothing runs at import; the database is opened by the first call. {@link database} is the way to everything that these calls lack.
 */

import type { Database } from "./database.js";
import { AshoreError } from "./errors.js";
import { open, type OpenOptions } from "./open.js";

/** The name of the database unless {@link configure} gives another. */
export const DEFAULT_DATABASE = "default";

let options: OpenOptions = { name: DEFAULT_DATABASE };
let opened: Promise<Database> | null = null;

/**
 * Says what the database is opened with: another name, a relay, a worker. Before the first call, or after {@link close}.
 *
 * @throws {@link AshoreError} `request.invalid` when the database is open.
 */
export function configure(openOptions: Partial<OpenOptions>): void {
  if (opened) {
    throw new AshoreError("request.invalid", "The database is open: configure it before the first call.", {
      op: "configure",
    });
  }
  options = { name: DEFAULT_DATABASE, ...openOptions };
}

/** The database that these calls use, opened by the first of them. */
export function database(): Promise<Database> {
  const opening = (opened ??= open(options));
  // What was refused may be right after `configure`.
  opening.catch(() => {
    if (opened === opening) {
      opened = null;
    }
  });
  return opening;
}

/** Closes the database; the next call opens it again. */
export async function close(): Promise<void> {
  const closing = opened;
  opened = null;
  await (await closing)?.close();
}

/** Creates or changes a document; its collection needs no creating. Rejects when it cannot be kept. */
// oxlint-disable-next-line typescript/no-explicit-any -- the plugin's own type.
export async function storagePut(collection: string, id: string, document: any): Promise<void> {
  await (await database()).collection<object>(collection).put(id, document as object);
}

/** The document, or `null` when there is none. */
// oxlint-disable-next-line typescript/no-explicit-any -- the plugin's own type.
export async function storageGet(collection: string, id: string): Promise<any> {
  return (await database()).collection(collection).get(id);
}

/** Deletes a document; `true` when there was one. */
export async function storageDelete(collection: string, id: string): Promise<boolean> {
  return (await database()).collection(collection).delete(id);
}

/** The ids of a collection's documents, in byte order; none when there is no such collection. */
export async function storageList(collection: string): Promise<string[]> {
  return (await database()).collection(collection).list();
}

/** Sends a text to the engine and back: `"Echo: "` and the text. */
export async function ping(message: string): Promise<string> {
  return `Echo: ${await (await database()).ping(message)}`;
}
