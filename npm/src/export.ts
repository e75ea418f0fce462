/** One encrypted file with everything that a database's documents are, and a database made of such a file. */

import type { Client, ReplyOf } from "./client.js";
import type { CallOptions, Documents } from "./documents.js";
import { AshoreError } from "./errors.js";

/** How far an export or an import is. */
export interface ExportProgress {
  /** Documents that were written or taken. */
  readonly documents: number;
  /** Bytes of the file so far. */
  readonly bytes: number;
}

/** What {@link Database.export} takes. */
export interface ExportOptions extends CallOptions {
  /** Opens the file: at least 10 characters, not easy to guess. Nobody can open it without. */
  readonly passphrase: string;
  /** Called after each part. What it throws ends the export. */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
}

/** What an engine may be given at once of a file's beginning. */
const HEAD_BYTES = 2_048;
/** A chunk's length stands before it. */
const LENGTH_BYTES = 4;
/** No export has larger chunks; see docs/protocol.md. */
const MAX_CHUNK_BYTES = (64 << 20) + 1_024;
/** Parts are handed to the browser's own storage of blobs when they are this large together, so that they leave this page's memory. */
const PART_BYTES = 8 << 20;

/** Writes the file, part after part. @internal */
export async function exportFile(client: Client, documents: Documents, options: ExportOptions): Promise<Blob> {
  const passphrase = checkPassphrase("export", options.passphrase);
  const asking = { op: "export", signal: options.signal };
  const ended: Blob[] = [];
  const progress = { documents: 0, bytes: 0 };
  let parts: BlobPart[] = [];
  let held = 0;
  let after: string | null = null;
  do {
    documents.checkOpen("export");
    const command = { passphrase: after === null ? passphrase : null, after };
    const part: ReplyOf<"exported"> = await client.ask({ export: command }, "exported", asking);
    const bytes = part.bytes as Uint8Array<ArrayBuffer>;
    parts.push(bytes);
    held += bytes.length;
    if (held > PART_BYTES) {
      ended.push(new Blob(parts));
      [parts, held] = [[], 0];
    }
    progress.documents += part.documents;
    progress.bytes += bytes.length;
    options.onProgress?.({ ...progress });
    after = part.next;
  } while (after !== null);
  return new Blob([...ended, ...parts], { type: "application/octet-stream" });
}

/** A file to be taken. @internal */
export interface TakenFile extends CallOptions {
  readonly blob: Blob;
  readonly passphrase: string;
  readonly onProgress: ((progress: ExportProgress) => void) | undefined;
}

/** Takes a file into an empty database: opens all of it first, then writes it. @internal */
export async function importFile(client: Client, documents: Documents, file: TakenFile): Promise<void> {
  documents.checkOpen("importDatabase");
  const { blob, passphrase, signal } = file;
  const asking = { op: "importDatabase", signal };
  const head = await bytesOf(blob, 0, HEAD_BYTES);
  const begin = { passphrase, after: null, bytes: head, last: false, dry: true };
  const begun = await client.ask({ import: begin }, "imported", asking);
  for (const dry of [true, false]) {
    const progress = { documents: 0, bytes: begun.taken };
    let after = begun.next;
    while (after !== null) {
      documents.checkOpen("importDatabase");
      const { bytes, last } = await chunkAt(blob, progress.bytes);
      const chunk = { passphrase: null, after, bytes, last, dry };
      const taken = await client.ask({ import: chunk }, "imported", asking);
      progress.documents += taken.documents;
      progress.bytes += LENGTH_BYTES + bytes.length;
      after = taken.next;
      if (!dry) {
        file.onProgress?.({ ...progress });
      }
    }
  }
}

/** The chunk whose length stands at this place. */
async function chunkAt(blob: Blob, at: number): Promise<{ readonly bytes: Uint8Array; readonly last: boolean }> {
  const length = await bytesOf(blob, at, LENGTH_BYTES);
  const bytes = length.length < LENGTH_BYTES ? 0 : new DataView(length.buffer).getUint32(0);
  const end = at + LENGTH_BYTES + bytes;
  if (length.length < LENGTH_BYTES || end > blob.size) {
    throw new AshoreError("export.truncated", "The file is cut off.", { op: "importDatabase" });
  }
  if (bytes > MAX_CHUNK_BYTES) {
    throw new AshoreError("export.damaged", "The file has a part that is too large.", { op: "importDatabase" });
  }
  return { bytes: await bytesOf(blob, at + LENGTH_BYTES, bytes), last: end === blob.size };
}

async function bytesOf(blob: Blob, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.slice(at, at + length).arrayBuffer());
}

/** What is no text is refused. @internal */
export function checkPassphrase(op: string, passphrase: unknown): string {
  if (typeof passphrase !== "string") {
    throw new AshoreError("request.invalid", "A passphrase must be text.", { op });
  }
  return passphrase;
}
