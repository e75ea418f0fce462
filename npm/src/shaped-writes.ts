/**
 * Writes to collections whose documents' shape the page keeps: they are checked, keep what the app's schema does not know, and are given their version.
 * Documents of older versions are migrated before anything else, in a write of its own that is the same on every device.
 */

import type { Documents, WriteOptions } from "./documents.js";
import type { Write } from "./generated/Write.js";
import { fromJson } from "./json.js";
import { invalid, type Schema, validate, validateToStore } from "./schema.js";
import { type Stored, textOf } from "./shapes.js";
import { keepUnknown, keepUnnamed } from "./unknown-fields.js";
import { keyOf } from "./versions.js";

/** Documents that are put, on which versions. */
export type PutWrite = Extract<Write, { put: unknown }>["put"];

/**
 * What must be written for these writes. What is put is validated; documents of older versions are migrated first, in a write of their own that is the
 * same on every device, so that what is put is an edit of the new shape.
 */
export async function prepare(
  documents: Documents,
  op: string,
  writes: readonly Write[],
  options: WriteOptions,
): Promise<Write[]> {
  const prepared: Write[] = [];
  const deleted = new Set<string>();
  for (const write of writes) {
    if ("delete" in write) {
      write.delete.ids.forEach((id) => deleted.add(keyOf(write.delete.collection, id)));
    }
    const shaped = "put" in write && documents.shapes.has(write.put.collection);
    prepared.push(shaped ? await preparePut(documents, op, write.put, deleted, options) : write);
  }
  return prepared;
}

async function preparePut(
  documents: Documents,
  op: string,
  put: PutWrite,
  deleted: ReadonlySet<string>,
  options: WriteOptions,
): Promise<Write> {
  const { shapes } = documents;
  const { collection, ids } = put;
  const wanted = shapes.version(collection);
  const schema = shapes.schemaOf(collection);
  const values = fromJson(put.documents, true) as object[];
  const present = await documents.readStored(op, collection, ids, options.signal);
  const texts: string[] = [];
  const bases = [...put.bases];
  const old: { readonly at: number; readonly text: string }[] = [];
  for (const [at, id] of ids.entries()) {
    const { document: raw, version } = present[at] ?? { document: null, version: "" };
    // What was deleted just before is a new document.
    const stored = raw && !deleted.has(keyOf(collection, id)) ? shapes.look(collection, raw) : null;
    const next = schema
      ? await fit(schema, op, collection, id, values[at] as object, stored, wanted)
      : (values[at] as object);
    // Over a newer shape the engine keeps its version.
    texts.push(textOf(next, wanted));
    const base = bases[at] ?? null;
    const text = shapes.migratedAt(collection, id, base) ?? (version === base ? stored?.migrated : null);
    if (text) {
      old.push({ at, text });
    }
  }
  if (old.length > 0) {
    const migrate = {
      collection,
      ids: old.map(({ at }) => ids[at] as string),
      documents: `[${old.map(({ text }) => text).join(",")}]`,
      bases: old.map(({ at }) => bases[at] as string),
    };
    const versions = await documents.migrate(op, migrate, options);
    old.forEach(({ at }, index) => void (bases[at] = versions[index] as string));
  }
  return { put: { collection, ids, documents: `[${texts.join(",")}]`, bases } };
}

/** What is stored of a document that the app puts: what its schema makes of it, and what it does not know of what is stored. */
async function fit(
  schema: Schema,
  op: string,
  collection: string,
  id: string,
  value: object,
  stored: Stored | null,
  wanted: number,
): Promise<object> {
  const made = await validateToStore(schema, value);
  if (!made.document) {
    throw invalid(op, collection, id, made.issues);
  }
  if (!stored || stored.failure) {
    return made.document;
  }
  const known = await validate(schema, stored.document);
  if (known.document) {
    return keepUnknown(stored.document, known.document, made.document) as object;
  }
  // Of a newer shape that this app cannot read, nothing is taken away. Of its own, what was wrong may go.
  return stored.shape > wanted ? (keepUnnamed(stored.document, made.document) as object) : made.document;
}
