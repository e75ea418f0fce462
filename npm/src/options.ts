/** What a collection may be told about itself, in one place: `db.collection(name, options)`. */

import { AshoreError } from "./errors.js";
import type { PathOf } from "./filter.js";
import type { Command } from "./generated/Command.js";
import { type IndexOptions, toSpec } from "./indexes.js";
import type { Schema } from "./schema.js";

/**
 * What a collection is, declared when the app asks for it. Keep the options of a collection in one constant: a handle takes one set of options for each
 * name, and the engine is told of them just before the first call about the collection.
 *
 * @example
 * ```ts
 * const notes = db.collection<Note>("notes", { indexes: [{ fields: ["done", "-due"] }, { fields: ["tags"], sparse: true }] });
 * ```
 */
export interface CollectionOptions<T extends object = Record<string, unknown>> {
  /**
   * The collection's indexes, as {@link Collection.declareIndexes} takes them: what is new is built in the background, what is declared no more is
   * dropped. Left out, the indexes stay as they are.
   */
  readonly indexes?: readonly IndexOptions<PathOf<T>>[] | undefined;
  /**
   * Checks documents before they are written: a validator of zod, valibot, arktype or any other that follows Standard Schema. What it makes of a document
   * is what is stored; fields that it does not know and that are stored stay. `docs/schemas.md` has all of it.
   */
  readonly schema?: Schema<T> | undefined;
  /** Which version of their shape this app writes documents in: 1 unless given. Documents of older versions are read through `migrate`. */
  readonly version?: number | undefined;
  /**
   * Makes a document of each older version one of the next: `{ 1: (document) => … }` leads from 1 to 2. The function may edit what it is given, a copy, or
   * return another; the same document must always become the same, on every device.
   */
  readonly migrate?: Readonly<Record<number, Migrate>> | undefined;
  /** Fields that hold the id of a document of another collection, or an array of ids, and of which: see {@link Collection.resolve}. */
  readonly refs?: { readonly [Path in PathOf<T>]?: string } | undefined;
}

/** Leads a document from one version of its shape to the next. */
// oxlint-disable-next-line typescript/no-explicit-any -- old shapes have no type any more.
export type Migrate = (document: any) => object | void;

/** The highest version that a shape may have: versions are counted by hand. */
const MAX_VERSION = 1_000_000;

/** Refuses options that cannot be meant, with `request.invalid`. */
export function checkOptions(collection: string, { version = 1, migrate = {} }: CollectionOptions): void {
  const refuse = (message: string): never => {
    throw new AshoreError("request.invalid", message, { op: "collection", collection });
  };
  if (!Number.isSafeInteger(version) || version < 1 || version > MAX_VERSION) {
    refuse("A version must be a whole number from 1.");
  }
  const steps = Object.keys(migrate);
  if (steps.length !== version - 1 || steps.some((step) => !(Number(step) >= 1 && Number(step) < version))) {
    refuse(`migrate must lead from every version below ${version} to the next, and from no other.`);
  }
}

/** What the engine must be told, in this order. */
export function commandsOf(collection: string, { indexes }: CollectionOptions): Command[] {
  return indexes ? [{ declareIndexes: { collection, indexes: indexes.map(toSpec) } }] : [];
}

/** Plain objects and arrays by what they hold, everything else (functions, validators) by identity. */
export function sameOptions(left: unknown, right: unknown): boolean {
  if (!isPlain(left) || !isPlain(right) || Array.isArray(left) !== Array.isArray(right)) {
    return Object.is(left, right);
  }
  const [mine, others] = [left, right].map((options) =>
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  return mine?.length === others?.length && (mine ?? []).every(([key, value]) => sameOptions(value, right[key]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  const prototype: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}
