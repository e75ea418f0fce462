/**
 * The shapes of one handle's documents: what is stored, and what the app sees of it. Reads hide the field that holds a document's version and lead
 * documents of older versions through the app's migrations. What is written: `shaped-writes.ts`.
 */

import type { Declarations } from "./declarations.js";
import { fromJson, toJson } from "./json.js";
import type { CollectionOptions } from "./options.js";
import { type Issue, type Schema, validate } from "./schema.js";
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

/** What the app sees of stored documents. */
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

  /** What checks the documents of this collection. */
  schemaOf(collection: string): Schema | undefined {
    return this.#declarations.optionsOf(collection)?.schema;
  }

  /** The text of what a document was migrated to when it was read at this version, if it was and that is remembered. */
  migratedAt(collection: string, id: string, version: string | null): string | null {
    const met = this.#migrated.get(keyOf(collection, id));
    return met && met.version === version ? met.text : null;
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
    const schema = this.schemaOf(collection);
    const issues = schema ? ((await validate(schema, document)).issues ?? []) : [];
    return failure ? [failure, ...issues] : issues;
  }
}

/** The text of a document with its version. */
export function textOf(document: object, version: number): string {
  return toJson(version > 1 ? { ...document, [VERSION_FIELD]: version } : document);
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
