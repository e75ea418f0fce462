/** What a collection may be told about itself, in one place: `db.collection(name, options)`. */

import type { PathOf } from "./filter.js";
import type { Command } from "./generated/Command.js";
import { type IndexOptions, toSpec } from "./indexes.js";

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
