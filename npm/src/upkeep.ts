/** Looking after what is stored of a collection: which documents do not fit, and rewriting those of older versions. */

import type { CallOptions, Documents, Entry, Range, WriteOptions } from "./documents.js";
import { invalid, type Issue } from "./schema.js";
import { keyOf } from "./versions.js";

/** A document that does not fit its collection's schema, or could not be migrated. It is kept as it is. */
export interface InvalidDocument<T> {
  readonly id: string;
  readonly document: T;
  readonly issues: readonly Issue[];
}

/** What {@link Collection.migrateAll} did. */
export interface MigrationResult {
  /** Documents that were looked at. */
  readonly documents: number;
  /** Documents that were rewritten. */
  readonly migrated: number;
  /** Documents whose migration threw; they stay as they are. */
  readonly failed: number;
}

/** The documents that do not fit, page by page. */
export async function* invalidOf(
  documents: Documents,
  collection: string,
  range: Range & CallOptions,
): AsyncGenerator<InvalidDocument<object>, void, undefined> {
  for await (const page of documents.scanStored("invalid", collection, range, range.signal)) {
    for (const stored of page) {
      const found = await invalidIn(documents, collection, stored);
      if (found) {
        yield found;
      }
    }
  }
}

/** Of these ids, those whose documents do not fit. */
export async function invalidAmong(
  documents: Documents,
  collection: string,
  ids: readonly string[],
): Promise<InvalidDocument<object>[]> {
  const keys = ids.map((id) => keyOf(collection, id));
  const reads = await documents.pending.read(keys, () => documents.readStored("invalid", collection, ids));
  const all: InvalidDocument<object>[] = [];
  for (const [at, { document, version }] of reads.entries()) {
    const id = ids[at] as string;
    const found = document && (await invalidIn(documents, collection, { id, document, version }));
    if (found) {
      all.push(found);
    }
  }
  return all;
}

/**
 * The document, if it does not fit. Only then does it count as read: what was merely looked at is no base for what the app puts, which has not seen it.
 */
async function invalidIn(
  documents: Documents,
  collection: string,
  { id, document: stored, version }: Entry<object> & { readonly version: string },
): Promise<InvalidDocument<object> | null> {
  const { document } = documents.shapes.look(collection, stored);
  const issues = await documents.shapes.issuesOf(collection, document);
  if (issues.length === 0) {
    return null;
  }
  documents.versions.saw(collection, id, version, document);
  return { id, document, issues };
}

/**
 * Rewrites a document if it is of an older version: for whoever edits a part of it in place, and means a part of the new shape. Rejects with
 * `document.invalid` when it cannot be migrated.
 */
export async function migrateOne(documents: Documents, op: string, collection: string, id: string): Promise<void> {
  const { pending, shapes } = documents;
  if (!shapes.migrates(collection)) {
    return;
  }
  const migrate = async (): Promise<void> => {
    const [read] = await documents.readStored(op, collection, [id]);
    if (!read?.document) {
      return;
    }
    const { failure, migrated } = shapes.look(collection, read.document);
    if (failure) {
      throw invalid(op, collection, id, [failure]);
    }
    if (migrated !== null) {
      const write = { collection, ids: [id], documents: `[${migrated}]`, bases: [read.version] };
      await documents.migrate(op, write, {});
    }
  };
  await pending.write([keyOf(collection, id)], () => pending.hold(migrate));
}

/** Rewrites documents of older versions, a page at a time. What is migrated already is passed over, so it may be ended and begun again. */
export async function migrateAll(
  documents: Documents,
  collection: string,
  options: WriteOptions,
): Promise<MigrationResult> {
  const op = "migrateAll";
  const result = { documents: 0, migrated: 0, failed: 0 };
  const { shapes } = documents;
  for await (const page of documents.scanStored(op, collection, {}, options.signal)) {
    const looked = page.map(({ id, document, version }) => ({ id, version, ...shapes.look(collection, document) }));
    const old = looked.flatMap(({ id, version, migrated }) => (migrated === null ? [] : [{ id, version, migrated }]));
    result.documents += page.length;
    result.failed += looked.filter(({ failure }) => failure !== null).length;
    result.migrated += old.length;
    if (old.length === 0) {
      continue;
    }
    const migrate = {
      collection,
      ids: old.map(({ id }) => id),
      documents: `[${old.map(({ migrated }) => migrated).join(",")}]`,
      bases: old.map(({ version }) => version),
    };
    const keys = migrate.ids.map((id) => keyOf(collection, id));
    await documents.pending.write(keys, async () => void (await documents.migrate(op, migrate, options)));
  }
  return result;
}
