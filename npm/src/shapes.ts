/**
 * The shapes of one handle's documents: what is stored, and what the app sees of it. Reads hide the field that holds a document's version and lead
 * documents of older versions through the app's migrations; writes are checked, keep what the app's schema does not know, and are given their version.
 */

import type { Declarations } from "./declarations.js";
import type { Documents, WriteOptions } from "./documents.js";
import { AshoreError } from "./errors.js";
import type { Command } from "./generated/Command.js";
import type { Write } from "./generated/Write.js";
import { fromJson, toJson } from "./json.js";
import type { CollectionOptions } from "./options.js";
import { invalid, type Issue, type Schema, validate, validateToStore } from "./schema.js";
import { keepUnknown, keepUnnamed } from "./unknown-fields.js";
import { keyOf } from "./versions.js";

/** The root field that holds the version of a document's shape. A document without it has version 1. The engine knows it, too. */
export const VERSION_FIELD = "$version";

/** A document as it is stored. */
export interface Stored {
  /** What the app sees of it: migrated, without its version. */
  readonly document: object;
  /** The version of its shape before it was migrated. */
  readonly shape: number;
  /** Why it could not be migrated: then `document` is in the old shape. */
  readonly failure: Issue | null;
  /** The text of what it was migrated to, with its version. */
  readonly migrated: string | null;
}

/** How many migrated documents a handle remembers the text of. */
const REMEMBERED = 1_000;

/** Documents that are put, on which versions. */
export type PutWrite = Extract<Write, { put: unknown }>["put"];

/** What the app sees of stored documents, and what is stored of the app's. */
export class Shapes {
  readonly #declarations: Declarations;
  /** Documents that were given out without being migrated, and why. */
  readonly #failures = new WeakMap<object, Issue>();
  /** What documents of older versions were migrated to when they were read, for whoever puts them later. */
  readonly #migrated = new Map<string, { readonly version: string; readonly text: string }>();

  constructor(declarations: Declarations) {
    this.#declarations = declarations;
  }

  /** Whether writes to this collection are more than what the app put. */
  has(collection: string): boolean {
    const options = this.#declarations.optionsOf(collection);
    return options?.schema !== undefined || this.migrates(collection);
  }

  /** Whether documents of this collection may have to be migrated when they are read. */
  migrates(collection: string): boolean {
    return versionOf(this.#declarations.optionsOf(collection)) > 1;
  }

  /** The version that this handle writes. */
  version(collection: string): number {
    return versionOf(this.#declarations.optionsOf(collection));
  }

  /**
   * Refuses what the engine would do to documents by itself where their shape is the page's to keep: modifiers of a collection that has a schema or
   * migrations.
   */
  checkCommand(op: string, command: Command): void {
    for (const collection of modified(command)) {
      if (this.has(collection)) {
        const message = "Modifiers are not checked by a schema and not migrated: update with a function instead.";
        throw new AshoreError("request.invalid", message, { op, collection });
      }
    }
  }

  /** What the app sees of a part of a document; it is changed for that. */
  reveal(collection: string, stored: object): object {
    return this.look(collection, stored).document;
  }

  /** What the app sees of the document that is stored at this version. */
  read(collection: string, id: string, version: string, stored: object): object {
    const { document, migrated } = this.look(collection, stored);
    if (migrated !== null) {
      const key = keyOf(collection, id);
      this.#migrated.delete(key);
      this.#migrated.set(key, { version, text: migrated });
      if (this.#migrated.size > REMEMBERED) {
        this.#migrated.delete(this.#migrated.keys().next().value as string);
      }
    }
    return document;
  }

  /** A document as the app sees it, with what is known of it. */
  look(collection: string, stored: object): Stored {
    const shape = takeVersion(stored);
    const options = this.#declarations.optionsOf(collection);
    if (shape >= versionOf(options)) {
      return { document: stored, shape, failure: null, migrated: null };
    }
    try {
      const document = lead(stored, shape, options ?? {});
      // What cannot be stored is no document: told now, not by whoever puts it.
      return { document, shape, failure: null, migrated: textOf(document, versionOf(options)) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const failure = { path: [], message: `The migration failed: ${reason}` };
      this.#failures.set(stored, failure);
      return { document: stored, shape, failure, migrated: null };
    }
  }

  /** What is wrong with a document that was read: it could not be migrated, or does not fit the schema. */
  async issuesOf(collection: string, document: object): Promise<readonly Issue[]> {
    const failure = this.#failures.get(document);
    const schema = this.#declarations.optionsOf(collection)?.schema;
    const issues = schema ? ((await validate(schema, document)).issues ?? []) : [];
    return failure ? [failure, ...issues] : issues;
  }

  /**
   * What must be written for these writes. What is put is validated; documents of older versions are migrated first, in a write of their own that is the
   * same on every device, so that what is put is an edit of the new shape.
   */
  async prepare(documents: Documents, op: string, writes: readonly Write[], options: WriteOptions): Promise<Write[]> {
    const prepared: Write[] = [];
    const deleted = new Set<string>();
    for (const write of writes) {
      if ("delete" in write) {
        write.delete.ids.forEach((id) => deleted.add(keyOf(write.delete.collection, id)));
      }
      const shaped = "put" in write && this.has(write.put.collection);
      prepared.push(shaped ? await this.#put(documents, op, write.put, deleted, options) : write);
    }
    return prepared;
  }

  async #put(
    documents: Documents,
    op: string,
    put: PutWrite,
    deleted: ReadonlySet<string>,
    options: WriteOptions,
  ): Promise<Write> {
    const { collection, ids } = put;
    const wanted = this.version(collection);
    const schema = this.#declarations.optionsOf(collection)?.schema;
    const values = fromJson(put.documents, true) as object[];
    const present = await documents.readStored(op, collection, ids, options.signal);
    const texts: string[] = [];
    const bases = [...put.bases];
    const old: { readonly at: number; readonly text: string }[] = [];
    for (const [at, id] of ids.entries()) {
      const { document: raw, version } = present[at] ?? { document: null, version: "" };
      // What was deleted just before is a new document.
      const stored = raw && !deleted.has(keyOf(collection, id)) ? this.look(collection, raw) : null;
      const next = schema
        ? await fit(schema, op, collection, id, values[at] as object, stored, wanted)
        : (values[at] as object);
      // Over a newer shape the engine keeps its version.
      texts.push(textOf(next, wanted));
      const met = this.#migrated.get(keyOf(collection, id));
      const text = met?.version === bases[at] ? met?.text : version === bases[at] ? stored?.migrated : null;
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
}

/** The collections whose documents a command modifies in the engine. */
function modified(command: Command): string[] {
  const parts = "write" in command ? command.write.writes : [command];
  return parts.flatMap((part) => {
    const held = Object.values(part)[0] as { readonly collection?: string; readonly modifiers?: string } | undefined;
    const writes = held?.modifiers !== undefined && !("apply" in part);
    return writes && held?.collection !== undefined ? [held.collection] : [];
  });
}

/** The text of a document with its version. */
export function textOf(document: object, version: number): string {
  return toJson(version > 1 ? { ...document, [VERSION_FIELD]: version } : document);
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

function versionOf(options: CollectionOptions | undefined): number {
  return options?.version ?? 1;
}

function takeVersion(stored: object): number {
  const fields = stored as Record<string, unknown>;
  if (!Object.hasOwn(fields, VERSION_FIELD)) {
    return 1;
  }
  const version = fields[VERSION_FIELD];
  delete fields[VERSION_FIELD];
  return Number.isSafeInteger(version) ? Math.max(version as number, 1) : 1;
}

/** Leads a document through the migrations. Works on a copy: what is stored stays whole when a step fails. */
function lead(stored: object, shape: number, { version = 1, migrate: steps = {} }: CollectionOptions): object {
  let document = fromJson(`[${toJson(stored)}]`, true)[0] as object;
  for (let from = shape; from < version; from += 1) {
    document = steps[from]?.(document) ?? document;
  }
  return document;
}
