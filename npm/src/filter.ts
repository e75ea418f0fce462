/** Filters: their types, which follow the documents', and their text. */

import { isText, type Text } from "./collaborative-text.js";
import { type Counter, isCounter } from "./counter.js";
import { AshoreError } from "./errors.js";
import { toJson } from "./json.js";

type Scalar = string | number | bigint | boolean | null | undefined | Date | Uint8Array | Counter | Text;

/** How many names a path may have before its type is no longer looked at. */
type Shallower = [never, 0, 1, 2, 3, 4];

/** Paths into a document of type `T`: `"title"`, `"address.city"`, `"items.name"` (in any item), `"items.0"`. */
export type PathOf<T, Depth extends number = 4> = [Depth] extends [never]
  ? never
  : T extends Scalar
    ? never
    : T extends readonly (infer Item)[]
      ? `${number}` | PathOf<Item, Shallower[Depth]> | `${number}.${PathOf<Item, Shallower[Depth]>}`
      : { [Key in keyof T & string]: Key | `${Key}.${PathOf<NonNullable<T[Key]>, Shallower[Depth]>}` }[keyof T &
          string];

/** What lies at a path. */
export type ValueAt<T, Path extends string> = T extends readonly (infer Item)[]
  ? Path extends `${number}.${infer Rest}`
    ? ValueAt<NonNullable<Item>, Rest>
    : Path extends `${number}`
      ? Item
      : ValueAt<NonNullable<Item>, Path>
  : Path extends keyof T
    ? T[Path]
    : Path extends `${infer Key}.${infer Rest}`
      ? Key extends keyof T
        ? ValueAt<NonNullable<T[Key]>, Rest>
        : unknown
      : unknown;

/** The names of the kinds of values, for `$type`. */
export type TypeName = "null" | "number" | "bigint" | "string" | "boolean" | "array" | "object" | "bytes" | "date";

type ItemOf<V> = V extends readonly (infer I)[] ? I : never;
/** A counter is compared as its number, a text as its string. */
type Plain<V> = V extends Counter ? number : V extends Text ? string : V;
/** What a value can be compared with: the whole, or for an array any item. */
type Comparable<V> = unknown extends V ? unknown : Plain<V> | Plain<ItemOf<NonNullable<V>>> | null;

/** What is asked of the value at one path. Of an array, any item will do. */
export interface Condition<V> {
  /** It equals this; `null` is also what is missing. */
  readonly $eq?: Comparable<V>;
  /** `$eq` does not hold. */
  readonly $ne?: Comparable<V>;
  /** It is of the same kind and greater. */
  readonly $gt?: Comparable<V>;
  readonly $gte?: Comparable<V>;
  readonly $lt?: Comparable<V>;
  readonly $lte?: Comparable<V>;
  /** It equals one of these. */
  readonly $in?: readonly Comparable<V>[];
  /** `$in` does not hold. */
  readonly $nin?: readonly Comparable<V>[];
  /** It is there, or not. */
  readonly $exists?: boolean;
  /** It is of this kind, or of one of these. */
  readonly $type?: TypeName | readonly TypeName[];
  /** It is an array of so many items. */
  readonly $size?: number;
  /** It is an array that has all of these. */
  readonly $all?: readonly unknown[];
  /** It is an array, and one item is all of this. */
  readonly $elemMatch?: Filter<ItemOf<NonNullable<V>>> | Condition<ItemOf<NonNullable<V>>>;
  /** It is text that this matches, in the syntax of Rust's `regex-lite`. */
  readonly $regex?: string | RegExp;
  /** Flags of a `$regex` that is a string: `i`, `m`, `s`, `x`. */
  readonly $options?: string;
  /** This does not hold. */
  readonly $not?: Condition<V> | RegExp;
}

/**
 * Which documents: paths with what is to be there, all of which must hold.
 *
 * @example
 * ```ts
 * const filter: Filter<Note> = { done: false, tags: "shop", due: { $lt: today }, $or: [{ title: /milk/i }, { "items.name": "Milk" }] };
 * ```
 */
export type Filter<T> = {
  readonly [Path in PathOf<T>]?: Comparable<ValueAt<T, Path>> | Condition<ValueAt<T, Path>> | RegExp;
} & {
  readonly $and?: readonly Filter<T>[];
  readonly $or?: readonly Filter<T>[];
  readonly $nor?: readonly Filter<T>[];
};

/** A query as it crosses to the engine. Refused with `query.invalid`: what no document can hold, and `undefined`, which would mean nothing. */
export function toQueryText(op: string, collection: string, filter: object, parts: object): string {
  try {
    return toJson({ filter: plain(filter, "", 0), ...parts });
  } catch (error) {
    if (!(error instanceof AshoreError)) {
      throw error;
    }
    throw new AshoreError("query.invalid", error.message, { op, collection, query: error.query, cause: error });
  }
}

const MAX_DEPTH = 100;
/** Flags of a regular expression that are about how it is run, not about what it matches. */
const IGNORED_FLAGS = /[dguy]/g;

/** Writes regular expressions as `$regex`, and finds what is `undefined`. @internal */
export function plain(value: unknown, path: string, depth: number): unknown {
  if (value === undefined) {
    throw mistake(path, "undefined: leave the path out, or ask for null");
  }
  if (value instanceof RegExp) {
    return fromRegExp(value);
  }
  if (typeof value !== "object" || value === null || value instanceof Date || ArrayBuffer.isView(value)) {
    return value;
  }
  if (isCounter(value) || isText(value)) {
    return value.value;
  }
  if (depth > MAX_DEPTH) {
    throw mistake(path, "nested too deep");
  }
  if (Array.isArray(value)) {
    return value.map((item, at) => plain(item, `${path}[${at}]`, depth + 1));
  }
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, plain(inner, path ? `${path}.${key}` : key, depth + 1)] as const,
  );
  return Object.fromEntries(entries.flatMap(([key, inner]) => (key === "$regex" ? regexParts(inner) : [[key, inner]])));
}

function fromRegExp({ source, flags }: RegExp): { $regex: string; $options?: string } {
  const options = flags.replace(IGNORED_FLAGS, "");
  return options ? { $regex: source, $options: options } : { $regex: source };
}

/** `{ $regex: /milk/i }` has become `{ $regex: { $regex: "milk", $options: "i" } }`. */
function regexParts(inner: unknown): [string, unknown][] {
  return typeof inner === "object" && inner !== null ? Object.entries(inner) : [["$regex", inner]];
}

/** @internal */
export function mistake(path: string, reason: string): AshoreError {
  return new AshoreError("query.invalid", `The query is not valid at \`${path}\`: ${reason}.`, {
    query: { path, operator: null, reason },
  });
}
