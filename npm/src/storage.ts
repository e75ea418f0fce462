/** How much is stored of what, and what is deleted and still here: read page by page, so that other calls go on in between. */

import type { Client, ReplyOf } from "./client.js";
import type { CallOptions, Documents } from "./documents.js";
import type { KeptDocument } from "./generated/KeptDocument.js";
import type { StorageKind } from "./generated/StorageKind.js";
import { AshoreError } from "./errors.js";

/** Rows of one kind. */
export interface StoredAmount {
  /** How many rows. */
  readonly rows: number;
  /** Bytes of their keys and values; exact, without what the store itself needs. */
  readonly bytes: number;
}

/** What {@link Database.storage} answers. */
export interface StorageReport {
  /** All kinds together. */
  readonly total: StoredAmount;
  /** By kind; every kind is there, also when nothing is stored of it. */
  readonly kinds: Readonly<Record<StorageKind, StoredAmount>>;
  /** Documents that are deleted and still here, and why; the first 1,000. */
  readonly kept: readonly KeptDocument[];
  /** How many there are, also those that are not listed. */
  readonly keptCount: number;
}

/** What {@link Database.configureRetention} takes. What is left out stays as it is. */
export interface RetentionOptions {
  /** So long deleted documents stay at least, so that a delete can be undone, in seconds: a day unless told otherwise. */
  readonly keepDeletedSeconds?: number | undefined;
  /** A member of which nothing was heard for so long is listed as idle, in seconds: 90 days unless told otherwise. */
  readonly idleSeconds?: number | undefined;
  /** The group's entries that came longer ago go from this device, where a snapshot can take their place, in seconds; `Infinity`, as it is unless told otherwise: they stay. */
  readonly keepEntriesSeconds?: number | undefined;
}

const LISTED = 1_000;
/** A hundred years, which is for ever. */
const FOR_EVER_SECONDS = 3_155_760_000;

/** Counts everything, one page after the other. @internal */
export async function storage(client: Client, documents: Documents, options: CallOptions): Promise<StorageReport> {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, { rows: 0, bytes: 0 }])) as Record<
    StorageKind,
    { rows: number; bytes: number }
  >;
  const total = { rows: 0, bytes: 0 };
  const kept: KeptDocument[] = [];
  let keptCount = 0;
  let after: string | null = null;
  do {
    documents.checkOpen("storage");
    const page: ReplyOf<"stored"> = await client.ask({ storage: { after } }, "stored", {
      op: "storage",
      signal: options.signal,
    });
    for (const { kind, rows, bytes } of page.kinds) {
      for (const sum of [kinds[kind], total]) {
        sum.rows += rows;
        sum.bytes += bytes;
      }
    }
    keptCount += page.kept.length;
    kept.push(...page.kept.slice(0, LISTED - kept.length));
    after = page.next;
  } while (after !== null);
  return { total, kinds, kept, keptCount };
}

/** Sets how long what was deleted stays, and entries. @internal */
export async function configureRetention(
  client: Client,
  documents: Documents,
  options: RetentionOptions,
): Promise<void> {
  documents.checkOpen("configureRetention");
  const keepEntries = options.keepEntriesSeconds;
  const command = {
    configureRetention: {
      keepDeletedSeconds: seconds(options.keepDeletedSeconds),
      idleSeconds: seconds(options.idleSeconds),
      keepEntriesSeconds: seconds(keepEntries === Infinity ? FOR_EVER_SECONDS : keepEntries),
    },
  };
  await client.ask(command, "done", { op: "configureRetention" });
}

const KINDS: readonly StorageKind[] = [
  "documents",
  "tombstones",
  "changes",
  "entries",
  "outbox",
  "quarantine",
  "indexes",
  "search",
  "snapshots",
  "keys",
  "markers",
  "others",
];

function seconds(value: number | undefined): number | null {
  if (value === undefined) {
    return null;
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new AshoreError("request.invalid", "A time is a whole number of seconds.", { op: "configureRetention" });
  }
  return value;
}
