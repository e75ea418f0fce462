/**
 * Writes to collections whose documents' shape the page keeps: they are checked, keep what the app's schema does not know, and are given their version.
 *
 * Everything is checked before anything is written. Then documents of older versions are migrated, in a write of its own that is the same on every device,
 * so that what is put or modified is the new shape. Modifiers cross to the engine as they are, once it is known what comes of them; only where the schema
 * makes something else of that, it is put instead.
 */

import type { Documents, WriteOptions } from "./documents.js";
import type { Write } from "./generated/Write.js";
import type { WriteResult } from "./generated/WriteResult.js";
import { fromJson, toJson } from "./json.js";
import { isSame } from "./same.js";
import { invalid, type Schema, validate, validateToStore } from "./schema.js";
import { type Shapes, type Stored, textOf } from "./shapes.js";
import { keepUnknown, keepUnnamed } from "./unknown-fields.js";
import { keyOf } from "./versions.js";

/** Documents that are put, on which versions. */
export type PutWrite = Extract<Write, { put: unknown }>["put"];
type ModifyWrite = Extract<Write, { modify: unknown }>["modify"];

/** What is sent for writes, and what its answer says about them. */
export interface Prepared {
  /** In the order of the writes that it is sent for; behind them what is put instead of modified. */
  readonly writes: Write[];
  /** The documents that modifiers change. */
  readonly modified: ReadonlySet<string>;
  /** What became of the writes that were asked for. */
  answer(results: readonly WriteResult[]): WriteResult[];
}

/** Whether this write is more than what the app asked for. */
export function isShaped(shapes: Shapes, write: Write): boolean {
  return ("put" in write && shapes.has(write.put.collection)) || isModified(shapes, write);
}

function isModified(shapes: Shapes, write: Write): write is Extract<Write, { modify: unknown }> {
  return "modify" in write && shapes.has(write.modify.collection);
}

/** What must be written for these writes, after everything in them was checked and what is old of their documents was migrated. */
export async function prepare(
  documents: Documents,
  op: string,
  writes: readonly Write[],
  options: WriteOptions,
): Promise<Prepared> {
  const preparation = new Preparation(documents, op, options);
  for (const write of writes) {
    await preparation.add(write);
  }
  return preparation.finish();
}

/** A document of an older version that is written, and who waits for the version at which it is migrated. */
interface Old {
  readonly collection: string;
  readonly id: string;
  readonly text: string;
  readonly base: string;
  readonly migrated: (version: string) => void;
}

/** A document that modifiers are about. */
interface Modified {
  readonly collection: string;
  readonly id: string;
  readonly stored: Stored;
  /** The version at which it is `stored.document`. */
  base: string;
  /** What the modifiers make of it. */
  value: object;
  /** What the schema makes of that, when it is something else. */
  instead: object | null;
}

class Preparation {
  readonly #documents: Documents;
  readonly #shapes: Shapes;
  readonly #op: string;
  readonly #options: WriteOptions;
  readonly #writes: Write[] = [];
  readonly #deleted = new Set<string>();
  readonly #old: Old[] = [];
  readonly #modified = new Map<string, Modified>();

  constructor(documents: Documents, op: string, options: WriteOptions) {
    this.#documents = documents;
    this.#shapes = documents.shapes;
    this.#op = op;
    this.#options = options;
  }

  /** Takes the next write. */
  async add(write: Write): Promise<void> {
    if ("delete" in write) {
      write.delete.ids.forEach((id) => this.#deleted.add(keyOf(write.delete.collection, id)));
    }
    if (isModified(this.#shapes, write)) {
      await this.#modify(write.modify);
    }
    const shaped = "put" in write && this.#shapes.has(write.put.collection);
    this.#writes.push(shaped ? await this.#put(write.put) : write);
  }

  async finish(): Promise<Prepared> {
    for (const modified of this.#modified.values()) {
      await this.#check(modified);
    }
    await this.#migrate();
    const asked = this.#writes;
    const all = [...this.#modified.values()];
    const writes = [...asked.map((write) => this.#withoutReplaced(write)), ...this.#instead(all)];
    const different = all.filter(({ stored, value, instead }) => !isSame(stored.document, instead ?? value));
    return {
      writes,
      modified: new Set(different.map(({ collection, id }) => keyOf(collection, id))),
      answer: (results) => this.#answer(asked, writes, results),
    };
  }

  async #put(put: PutWrite): Promise<Write> {
    const { collection, ids } = put;
    const [wanted, schema] = [this.#shapes.version(collection), this.#shapes.schemaOf(collection)];
    const values = fromJson(put.documents, true) as object[];
    const present = await this.#documents.readStored(this.#op, collection, ids, this.#options.signal);
    const texts: string[] = [];
    const bases = [...put.bases];
    for (const [at, id] of ids.entries()) {
      const { document: raw, version } = present[at] ?? { document: null, version: "" };
      // What was deleted just before is a new document.
      const stored = raw && !this.#deleted.has(keyOf(collection, id)) ? this.#shapes.look(collection, raw) : null;
      const value = values[at] as object;
      // Of a newer shape that this app cannot read, nothing is taken away. Of its own, what was wrong may go.
      const rest = stored && stored.shape > wanted ? stored.document : null;
      const next = schema ? await fit(schema, { op: this.#op, collection, id }, value, stored, rest) : value;
      // Over a newer shape the engine keeps its version.
      texts.push(textOf(next, wanted));
      const base = bases[at] ?? null;
      const text = this.#shapes.migratedAt(collection, id, base) ?? (version === base ? stored?.migrated : null);
      if (text && base !== null) {
        this.#old.push({ collection, id, text, base, migrated: (migrated) => void (bases[at] = migrated) });
      }
    }
    return { put: { collection, ids, documents: `[${texts.join(",")}]`, bases } };
  }

  /** What these modifiers make of documents that are there, and that nothing else in these writes puts or deletes. */
  async #modify({ collection, ids, modifiers }: ModifyWrite): Promise<void> {
    await this.#meet(collection, ids);
    const there = ids.flatMap((id) => this.#modified.get(keyOf(collection, id)) ?? []);
    const texts = there.map(({ value }) => toJson(value));
    const known = there.map(({ id }) => id);
    const made = await this.#documents.apply(this.#op, collection, known, texts, modifiers, this.#options.signal);
    there.forEach((modified, at) => void (modified.value = made.documents[at] as object));
  }

  async #meet(collection: string, ids: readonly string[]): Promise<void> {
    const unmet = ids.filter((id) => !this.#modified.has(keyOf(collection, id)));
    const reads = await this.#documents.readStored(this.#op, collection, unmet, this.#options.signal);
    for (const [at, { document, version }] of reads.entries()) {
      const id = unmet[at] as string;
      if (!document) {
        continue;
      }
      const stored = this.#shapes.look(collection, document);
      if (stored.failure) {
        // Modifiers mean the app's shape, which this document has not.
        throw invalid(this.#op, collection, id, [stored.failure]);
      }
      const modified: Modified = { collection, id, stored, base: version, value: stored.document, instead: null };
      this.#modified.set(keyOf(collection, id), modified);
      if (stored.migrated !== null) {
        const migrated = (base: string): void => void (modified.base = base);
        this.#old.push({ collection, id, text: stored.migrated, base: version, migrated });
      }
    }
  }

  async #check(modified: Modified): Promise<void> {
    const { collection, id, stored, value } = modified;
    const schema = this.#shapes.schemaOf(collection);
    if (!schema) {
      return;
    }
    // Where the schema cannot read what is stored, it cannot tell unknown from wrong: what the modifiers leave stays.
    const fitted = await fit(schema, { op: this.#op, collection, id }, value, stored, value);
    modified.instead = isSame(fitted, value) ? null : fitted;
  }

  async #migrate(): Promise<void> {
    for (const [collection, old] of byCollection(this.#old)) {
      const migrate = {
        collection,
        ids: old.map(({ id }) => id),
        documents: `[${old.map(({ text }) => text).join(",")}]`,
        bases: old.map(({ base }) => base),
      };
      const versions = await this.#documents.migrate(this.#op, migrate, this.#options);
      old.forEach(({ migrated }, at) => migrated(versions[at] as string));
    }
  }

  /** A write without the documents that are put instead; modifying none is nothing, and keeps the answers in order. */
  #withoutReplaced(write: Write): Write {
    if (!isModified(this.#shapes, write)) {
      return write;
    }
    const { collection, ids, modifiers } = write.modify;
    const left = ids.filter((id) => !this.#modified.get(keyOf(collection, id))?.instead);
    return { modify: { collection, ids: left, modifiers } };
  }

  #instead(all: readonly Modified[]): Write[] {
    const replaced = all.flatMap(({ instead, ...modified }) => (instead ? [{ ...modified, instead }] : []));
    return [...byCollection(replaced)].map(([collection, some]) => {
      const texts = some.map(({ instead }) => textOf(instead, this.#shapes.version(collection)));
      const bases = some.map(({ base }) => base);
      return { put: { collection, ids: some.map(({ id }) => id), documents: `[${texts.join(",")}]`, bases } };
    });
  }

  #answer(asked: readonly Write[], sent: readonly Write[], results: readonly WriteResult[]): WriteResult[] {
    const left = new Map<string, string>();
    sent.forEach((write, at) => {
      const { collection, ids } = Object.values(write)[0] as { readonly collection: string; readonly ids: string[] };
      versionsOf(results[at]).forEach((version, place) => left.set(keyOf(collection, ids[place] as string), version));
    });
    return asked.map((write, at) => {
      if (!isModified(this.#shapes, write)) {
        return results[at] as WriteResult;
      }
      const { collection, ids } = write.modify;
      return { modified: { versions: ids.map((id) => left.get(keyOf(collection, id)) ?? "") } };
    });
  }
}

/** The versions that a write left, in the order of its ids; `""` for documents that are not there, none after a delete. */
export function versionsOf(result: WriteResult | undefined): readonly string[] {
  if (!result) {
    return [];
  }
  if ("put" in result) {
    return result.put.versions;
  }
  return "modified" in result ? result.modified.versions : [];
}

/**
 * What is stored of a document that the app wants to be `value`: what its schema makes of it, and what it does not know of what is stored. `rest`: what
 * stays as far as `value` does not name it, when the schema cannot read what is stored.
 */
async function fit(
  schema: Schema,
  { op, collection, id }: { readonly op: string; readonly collection: string; readonly id: string },
  value: object,
  stored: Stored | null,
  rest: object | null,
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
  return rest ? (keepUnnamed(rest, made.document) as object) : made.document;
}

function byCollection<Of extends { readonly collection: string }>(all: readonly Of[]): Map<string, Of[]> {
  const groups = new Map<string, Of[]>();
  for (const each of all) {
    const group = groups.get(each.collection);
    if (group) {
      group.push(each);
    } else {
      groups.set(each.collection, [each]);
    }
  }
  return groups;
}
