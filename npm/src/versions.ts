/**
 * What this handle knows about versions: which version a document object was read at, and which version of an id it saw or wrote last.
 * A `put` sends it as its base, so that only what the caller changed is applied.
 */

/** How many ids a handle remembers the version of; the ones not used for longest go first. */
export const REMEMBERED_IDS = 50_000;

/** Versions of one database handle. */
export class Versions {
  readonly #byDocument = new WeakMap<object, { readonly key: string; version: string }>();
  readonly #byId = new Map<string, string>();
  readonly #limit: number;

  constructor(limit = REMEMBERED_IDS) {
    this.#limit = limit;
  }

  /** The caller was given, or wrote, `document` at `version`. */
  saw(collection: string, id: string, version: string, document: object | null): void {
    const key = keyOf(collection, id);
    if (document) {
      this.#byDocument.set(document, { key, version });
    }
    this.#byId.delete(key);
    this.#byId.set(key, version);
    if (this.#byId.size > this.#limit) {
      this.#byId.delete(this.#byId.keys().next().value as string);
    }
  }

  /** The document is not there any more, as far as this handle knows. */
  forget(collection: string, id: string): void {
    this.#byId.delete(keyOf(collection, id));
  }

  /** What a put of `document` is based on; `null` when this handle has seen no version. */
  baseOf(collection: string, id: string, document: object): string | null {
    const key = keyOf(collection, id);
    const read = this.#byDocument.get(document);
    if (read?.key === key) {
      return read.version;
    }
    return this.#byId.get(key) ?? null;
  }
}

/** One text per collection and id: the length keeps `a` + `bc` and `ab` + `c` apart. */
export function keyOf(collection: string, id: string): string {
  return `${collection.length}:${collection}${id}`;
}
