/** Making a database of a file, on whichever host. */

import type { Database } from "./database.js";
import type { CallOptions } from "./documents.js";
import { checkPassphrase, type ExportProgress } from "./export.js";
import type { OpenOptions } from "./opening.js";

/** What `importDatabase` takes, besides what `open` does. */
export interface ImportOptions extends OpenOptions, CallOptions {
  /** What {@link Database.export} made. */
  readonly file: Blob | BufferSource;
  /** What the file was made with. */
  readonly passphrase: string;
  /** Called after each part that was taken; the file is read through once before that. What it throws ends the import. */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
}

/** Makes it with that `open`. @internal */
export async function importOn(
  options: ImportOptions,
  open: (options: OpenOptions) => Promise<Database>,
): Promise<Database> {
  const { file, passphrase, onProgress, signal, ...rest } = options;
  checkPassphrase("importDatabase", passphrase);
  const blob = file instanceof Blob ? file : new Blob([file as BlobPart]);
  const db = await open(rest);
  try {
    await db.takeExport({ blob, passphrase, onProgress, signal });
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}
