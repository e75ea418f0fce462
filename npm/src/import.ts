/** A database made of a file that another one was exported to. */

import type { Database } from "./database.js";
import { importOn, type ImportOptions } from "./importing.js";
import { open } from "./open.js";

export type { ImportOptions } from "./importing.js";

/**
 * Makes a database of a file that {@link Database.export} wrote, and opens it. The documents arrive as they are, with their ids, history and what
 * stays on a device; and so do what was declared of their collections, and their indexes, which are built in the background. The database is
 * a device of its own: it is in no group, whatever the exported one was in.
 *
 * The whole file is opened before anything is written, so nothing is taken of one that is damaged, cut off, or made with another passphrase.
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
