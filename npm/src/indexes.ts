/** Indexes of a collection: how they are declared, and how far they are. */

import { AshoreError } from "./errors.js";
import type { IndexInfo as Info } from "./generated/IndexInfo.js";
import type { IndexSpec } from "./generated/IndexSpec.js";

/** What an index is to be: of values, for queries, or of words, for searches. `Path` are the paths it may name: those of the documents' type in a collection's options. */
export type IndexOptions<Path extends string = string> = ValueIndexOptions<Path> | TextIndexOptions<Path>;

/** An index of values, for {@link Collection.find}. */
export interface ValueIndexOptions<Path extends string = string> {
  /** What it orders by, the most important first, 1 to 8: `"due"`, `"address.city"`, `"-due"` for the largest first. Of an array, each item counts. */
  readonly fields: readonly (Path | `-${Path}`)[];
  /** Names it within its collection; its fields with commas between them unless given. */
  readonly name?: string;
  /**
   * No two documents may have the same values in all fields: a write that would put a second one there rejects with `index.duplicate`. Two devices that
   * are apart may each write one: both documents are kept, an `error` event with `index.conflict` tells, and {@link Collection.indexConflicts} lists them.
   */
  readonly unique?: boolean;
  /** Documents in which every field is null or missing are left out. */
  readonly sparse?: boolean;
}

/** An index of words, for {@link Collection.search}. */
export interface TextIndexOptions<Path extends string = string> {
  /** The fields whose texts are searched, 1 to 8. Of an array, each item that is a text. */
  readonly text: readonly Path[];
  /** Names it within its collection; its fields with commas between them unless given. */
  readonly name?: string;
  /** How much a word in a field counts: as much as so many elsewhere, a whole number from 1 to 100; 1 unless given. */
  readonly weights?: { readonly [Field in Path]?: number };
}

/** An index as it is. */
export interface IndexInfo {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  readonly sparse: boolean;
  /** It is of words: `fields` are those that are searched. */
  readonly text?: true;
  /** Of an index of words: the weights that are not 1. */
  readonly weights?: Readonly<Record<string, number>>;
  /** It is built, and queries use it. */
  readonly ready: boolean;
  /** How many documents were looked at while it was, or is, built. */
  readonly documents: number;
}

/** How a query is answered. */
export interface Plan {
  /** The index that is read; `null`: the whole collection is. */
  readonly index: string | null;
  /** So many ranges of it. */
  readonly ranges: number;
  /** It is read in the order that is asked for, so that a limit ends it early. */
  readonly inOrder: boolean;
}

/** An index in the engine's words. */
export function toSpec(options: IndexOptions): IndexSpec {
  if ("text" in options) {
    return textSpec(options);
  }
  const { fields, name, unique = false, sparse = false } = options;
  const specs = fields.map((field) =>
    field.startsWith("-") ? { path: field.slice(1), descending: true } : { path: field, descending: false },
  );
  return { name: name ?? fields.join(","), fields: specs, unique, sparse };
}

function textSpec({ text, name, weights = {} }: TextIndexOptions): IndexSpec {
  const weightless = Object.keys(weights).find((path) => !text.includes(path));
  if (weightless !== undefined) {
    throw new AshoreError("index.invalid", `The index gives \`${weightless}\` a weight and does not have it.`);
  }
  const fields = text.map((path) => {
    const weight = weights[path];
    if (weight !== undefined && !(Number.isSafeInteger(weight) && weight >= 1 && weight <= 100)) {
      throw new AshoreError("index.invalid", `The weight of \`${path}\` must be a whole number from 1 to 100.`);
    }
    return { path, descending: false, ...(weight === undefined ? {} : { weight }) };
  });
  return { name: name ?? text.join(","), fields, unique: false, sparse: false, text: true };
}

/** The engine's words as an index. */
export function fromInfo({ spec, ready, documents }: Info): IndexInfo {
  const fields = spec.fields.map(({ path, descending }) => (descending ? `-${path}` : path));
  const weights = spec.fields.flatMap(({ path, weight }) => (weight === undefined ? [] : [[path, weight] as const]));
  const text = spec.text ? { text: true as const, weights: Object.fromEntries(weights) } : {};
  return { name: spec.name, fields, unique: spec.unique, sparse: spec.sparse, ...text, ready, documents };
}
