/** `ashore/browser`: the same `open` with the engine in the page's own worker, wherever the page is shown; nothing of the Tauri host is bundled with it. */

import type { Database } from "./database.js";
import { inBrowser } from "./hosts/browser.js";
import { openOn, type OpenOptions } from "./opening.js";

export type { OpenOptions, WasmSource } from "./opening.js";

/**
 * Opens a database in this browser as `open` of `ashore` does; in a Tauri app, too, where its documents are then the webview's and not the app's.
 *
 * @throws {@link AshoreError} `request.invalid` when an option is not what it must be.
 *
 * @example
 * ```ts
 * import { open } from "ashore/browser";
 *
 * const db = await open({ name: "family" });
 * await db.collection<{ title: string }>("notes").put("n1", { title: "Milk" });
 * await db.close();
 * ```
 */
export async function open(options: OpenOptions): Promise<Database> {
  return openOn(options, inBrowser);
}
