/** What a collection may be told about itself, in one place: `db.collection(name, options)`. */

import { AshoreError } from "./errors.js";
import type { PathOf } from "./filter.js";
import type { Command } from "./generated/Command.js";
import { type IndexOptions, toSpec } from "./indexes.js";
import type { Schema } from "./schema.js";

/** The most fields that `local` or `sync` may name. */
const MAX_FIELDS = 64;

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
   * `true`: nothing of this collection ever leaves the device. A list: these fields never leave; each device has its own, kept apart from the part
   * of the document that syncs. `false` takes it back. Left out, with `sync` and `syncDeletes`: as it was declared before. See `docs/what-leaves.md`.
   *
   * @example
   * ```ts
   * const accounts = db.collection<Account>("accounts", { local: ["password", "smtp.token"] });
   * ```
   */
  readonly local?: boolean | readonly FieldOf<T>[] | undefined;
  /**
   * Only these fields travel, once they were changed; everything else is each device's own. They are laid over the document where there is one, and
   * kept until then ({@link Collection.parked}). `true` takes it back.
   *
   * @example
   * ```ts
   * const items = db.collection<Item>("feed_items", { sync: ["is_read", "is_starred"], syncDeletes: false });
   * ```
   */
  readonly sync?: true | readonly FieldOf<T>[] | undefined;
  /** `false`: deletes do not travel, and those of other devices do nothing here. `true` unless told otherwise. */
  readonly syncDeletes?: boolean | undefined;
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

type Leaf = string | number | bigint | boolean | null | undefined | Date | Uint8Array | readonly unknown[];

/** Paths through the objects of a document of type `T`: `"password"`, `"smtp.token"`; a list is named as a whole. */
export type FieldOf<T, Depth extends readonly unknown[] = [1, 1, 1, 1]> = Depth extends readonly [
  unknown,
  ...infer Rest,
]
  ? T extends Leaf
    ? never
    : { [Key in keyof T & string]: Key | `${Key}.${FieldOf<NonNullable<T[Key]>, Rest>}` }[keyof T & string]
  : never;

/** What the engine must be told, in this order. */
export function commandsOf(collection: string, options: CollectionOptions): Command[] {
  const { indexes } = options;
  const declared: Command[] = indexes ? [{ declareIndexes: { collection, indexes: indexes.map(toSpec) } }] : [];
  return [...leaving(collection, options), ...declared];
}

/** What of a collection leaves; checked here too, so that what cannot be is said where it was written. */
function leaving(collection: string, { local, sync, syncDeletes }: CollectionOptions): Command[] {
  if (local === undefined && sync === undefined && syncDeletes === undefined) {
    return [];
  }
  const localFields = typeof local === "object" ? local.map(String) : [];
  const syncFields = typeof sync === "object" ? sync.map(String) : null;
  const refuse = (message: string): never => {
    throw new AshoreError("collection.invalid", message, { op: "collection", collection });
  };
  if ((local === true || localFields.length > 0) && syncFields) {
    refuse("A collection has `local` or `sync` fields, not both.");
  }
  for (const field of [...localFields, ...(syncFields ?? [])]) {
    if (field.split(".").includes("")) {
      refuse(`\`${field}\` names no field: a path is keys with dots between them.`);
    }
  }
  if (localFields.length > MAX_FIELDS || (syncFields?.length ?? 0) > MAX_FIELDS) {
    refuse(`At most ${MAX_FIELDS} fields can be named.`);
  }
  const declareCollection = {
    collection,
    local: local === true,
    localFields,
    syncFields,
    syncDeletes: syncDeletes ?? true,
  };
  return [{ declareCollection }];
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
