/** Opening databases where the page happens to be: in a browser, in Node or in a Tauri app. Nothing starts before the first call that needs the engine. */

import type { Database } from "./database.js";
import { inBrowser } from "./hosts/browser.js";
import { openOn, type OpenOptions } from "./opening.js";
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
