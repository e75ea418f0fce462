/** Modifiers: their types, which follow the documents', and their text. */

import type { Text } from "./collaborative-text.js";
import { type Counter } from "./counter.js";
import { AshoreError } from "./errors.js";
import { type Condition, type Filter, mistake, type PathOf, plain, type ValueAt } from "./filter.js";
import { toJson } from "./json.js";

/** The paths at which something like `Wanted` lies; of what nothing is known, any. */
type PathTo<T, Wanted, Path extends PathOf<T>> =
  unknown extends ValueAt<T, Path> ? Path : NonNullable<ValueAt<T, Path>> extends Wanted ? Path : never;
type ItemAt<T, Path extends string> =
  unknown extends ValueAt<T, Path>
    ? unknown
    : NonNullable<ValueAt<T, Path>> extends readonly (infer Item)[]
      ? Item
      : never;
/** What can be set: over a counter its number, over a text its string. */
type SettableAt<V> = V extends Counter ? V | number : V extends Text ? V | string : V;
type NumberAt<V> = unknown extends V ? number | bigint : NonNullable<V> extends bigint ? bigint : number;

/** Several items for an array. */
export interface Each<Item> {
  readonly $each: readonly Item[];
}

/** Several items for an array, and what becomes of it then: inserted, sorted, cut, in this order. */
export interface PushEach<Item> extends Each<Item> {
  /** Where they go; counted from the end when it is negative. At the end when it is left out. */
  readonly $position?: number;
  /** `1` or `-1` for the items themselves, or fields of items that are objects. */
  readonly $sort?: 1 | -1 | { readonly [path: string]: 1 | -1 };
  /** How many of the first to keep; of the last when it is negative. */
  readonly $slice?: number;
}

/**
 * What an update changes, by operator and path. No two of them may meet: `docs/writes.md` has the rules of each.
 *
 * @example
 * ```ts
 * const modifiers: Modifiers<Note> = { $set: { "address.city": "Bern" }, $inc: { likes: 1 }, $push: { tags: "new" } };
 * ```
 */
export interface Modifiers<T> {
  /** The value becomes this. Objects that are missing on the way are made. */
  readonly $set?: { readonly [Path in PathOf<T>]?: SettableAt<ValueAt<T, Path>> };
  /** The field goes; an item of an array becomes `null`. */
  readonly $unset?: { readonly [Path in PathOf<T>]?: unknown };
  /** The number grows by this; what is missing counts as zero. */
  readonly $inc?: {
    readonly [Path in PathOf<T> as PathTo<T, number | bigint | Counter, Path>]?: NumberAt<ValueAt<T, Path>>;
  };
  /** The item, or each of several, is put into the array; what is missing counts as an empty one. */
  readonly $push?: {
    readonly [Path in PathOf<T> as PathTo<T, readonly unknown[], Path>]?: ItemAt<T, Path> | PushEach<ItemAt<T, Path>>;
  };
  /** The same at the end, of what is not in the array yet. */
  readonly $addToSet?: {
    readonly [Path in PathOf<T> as PathTo<T, readonly unknown[], Path>]?: ItemAt<T, Path> | Each<ItemAt<T, Path>>;
  };
  /** Every item goes that equals this, passes these operators, or is an object that this filter matches. */
  readonly $pull?: {
    readonly [Path in PathOf<T> as PathTo<T, readonly unknown[], Path>]?:
      ItemAt<T, Path> | Condition<ItemAt<T, Path>> | Filter<ItemAt<T, Path>> | RegExp;
  };
  /** The last item goes (`1`), or the first (`-1`). */
  readonly $pop?: { readonly [Path in PathOf<T> as PathTo<T, readonly unknown[], Path>]?: 1 | -1 };
  /** The field moves to this path. */
  readonly $rename?: { readonly [Path in PathOf<T>]?: string };
}

/** What an update by filter did. */
export interface UpdateResult {
  /** So many documents fitted. */
  readonly matched: number;
  /** So many are different now. */
  readonly modified: number;
}

/** What a delete by filter did. */
export interface DeleteResult {
  /** So many documents were deleted. */
  readonly deleted: number;
}

/** Modifiers as they cross to the engine. Refused with `query.invalid`: what no document can hold, and `undefined`, which would mean nothing. */
export function toModifiersText(op: string, collection: string, modifiers: object): string {
  try {
    return toJson(
      mapped(modifiers, (operator, paths) => mapped(paths, (path, operand) => toPlain(operator, path, operand))),
    );
  } catch (error) {
    if (!(error instanceof AshoreError)) {
      throw error;
    }
    throw new AshoreError("query.invalid", error.message, { op, collection, query: error.query, cause: error });
  }
}

function toPlain(operator: string, path: string, operand: unknown): unknown {
  if (operand === undefined) {
    throw mistake(`${operator}.${path}`, "undefined: leave the path out, or use $unset");
  }
  if (operator === "$pull") {
    return plain(operand, path, 0);
  }
  // Objects have no order where they go: `$sort: { due: 1, title: -1 }` crosses as pairs.
  return operator === "$push" && isObject(operand) && "$each" in operand
    ? mapped(operand, (name, option) => (name === "$sort" && isObject(option) ? Object.entries(option) : option))
    : operand;
}

/** An object with other values under the same keys; anything else as it is. */
function mapped(value: unknown, change: (key: string, inner: unknown) => unknown): unknown {
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(key, inner)]))
    : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === "[object Object]";
}
