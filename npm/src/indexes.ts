/** Indexes of a collection: how they are declared, and how far they are. */

import type { IndexInfo as Info } from "./generated/IndexInfo.js";
import type { IndexSpec } from "./generated/IndexSpec.js";

/** What an index is to be. `Path` are the paths it may name: those of the documents' type in a collection's options. */
export interface IndexOptions<Path extends string = string> {
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

/** An index as it is. */
export interface IndexInfo {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  readonly sparse: boolean;
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
export function toSpec({ fields, name, unique = false, sparse = false }: IndexOptions): IndexSpec {
  const specs = fields.map((field) =>
    field.startsWith("-") ? { path: field.slice(1), descending: true } : { path: field, descending: false },
  );
  return { name: name ?? fields.join(","), fields: specs, unique, sparse };
}

/** The engine's words as an index. */
export function fromInfo({ spec, ready, documents }: Info): IndexInfo {
  const fields = spec.fields.map(({ path, descending }) => (descending ? `-${path}` : path));
  return { name: spec.name, fields, unique: spec.unique, sparse: spec.sparse, ready, documents };
}
