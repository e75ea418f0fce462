/** `ashore/tauri`: the same `open` for apps that run in Tauri alone; nothing of the browser's host is bundled with it. */

import type { Database } from "./database.js";
import { inTauri } from "./hosts/tauri.js";
import { importOn, type ImportOptions } from "./importing.js";
import { openOn, type OpenOptions } from "./opening.js";

export type { ImportOptions } from "./importing.js";
export type { OpenOptions } from "./opening.js";
export { isTauri } from "./platform.js";

/**
 * Opens a database in the Tauri app that shows this page; otherwise as `open` of `ashore`, which picks this host by itself where there is one.
 *
 * The app needs `tauri-plugin-ashore`; without it every call rejects with `host.unsupported`. `wasm`, `worker` and `persist` mean nothing here.
 *
 * @throws {@link AshoreError} `request.invalid` when an option is not what it must be.
 *
 * @example
 * ```ts
 * import { open } from "ashore/tauri";
 *
 * const db = await open({ name: "family" });
 * await db.collection<{ title: string }>("notes").put("n1", { title: "Milk" });
 * ```
 */
export async function open(options: OpenOptions): Promise<Database> {
  return openOn(options, inTauri);
}

/**
 * Makes a database of an exported file in the Tauri app that shows this page; otherwise as `importDatabase` of `ashore`.
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
