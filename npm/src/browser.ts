/** `ashore/browser`: the same `open` with the engine in the page's own worker, wherever the page is shown; nothing of the Tauri host is bundled with it. */

import type { Database } from "./database.js";
import { inBrowser } from "./hosts/browser.js";
import { importOn, type ImportOptions } from "./importing.js";
import { openOn, type OpenOptions } from "./opening.js";

export type { ImportOptions } from "./importing.js";
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

/**
 * Makes a database of an exported file in this browser; otherwise as `importDatabase` of `ashore`.
 *
 * @throws {@link AshoreError} `export.wrong-passphrase`, `export.not-an-export`, `export.newer-format`, `export.truncated`, `export.damaged`;
 * `import.not-empty` when the database of that name has documents or a group already.
 *
 * @example
 * ```ts
 * const db = await importDatabase({ name: "family", file, passphrase });
 * ```
 */
export async function importDatabase(options: ImportOptions): Promise<Database> {
  return importOn(options, open);
}
