/** Full text: what a search may be asked besides its words, and what it finds. */

import type { CallOptions, Documents, Entry } from "./documents.js";
import { AshoreError } from "./errors.js";
import { type Filter, toQueryText } from "./filter.js";

/** What a search may be told besides its words. */
export interface SearchOptions<T extends object = Record<string, unknown>> extends CallOptions {
  /** At most so many documents; 20 unless set. */
  readonly limit?: number | undefined;
  /** Leaves out the first so many. */
  readonly offset?: number | undefined;
  /** The last word is also the beginning of longer ones, as for somebody who types; `true` unless set. */
  readonly prefix?: boolean | undefined;
  /** `"all"` words must be there, unless set; or `"any"` of them. */
  readonly match?: "all" | "any" | undefined;
  /** Only documents that fit this filter, too. */
  readonly filter?: Filter<T> | undefined;
  /** The name of the index; the first one with `text` unless given. */
  readonly index?: string | undefined;
}

/** A document that a search finds. */
export interface Hit<T> extends Entry<T> {
  /** How well it fits, above 0: BM25. Scores of one answer can be compared. */
  readonly score: number;
  /** Those of the words looked for that it has, in small letters and without accents: for showing them in the text. */
  readonly terms: readonly string[];
}

/** What a search finds. */
export interface SearchResult<T> {
  /** The best first. */
  readonly hits: readonly Hit<T>[];
  /** There are more behind these. */
  readonly more: boolean;
  /**
   * Everything was looked at. `false` while the index is built, when a beginning fits so many words that not all were read, and when a part of the index
   * could not be read, which is then built again.
   */
  readonly complete: boolean;
}

const LIMIT = 20;
/** The most that one call answers. */
const MAX_LIMIT = 1_000;

/** Asks until there are as many hits as were asked for, or no more. */
export async function search<T extends object>(
  documents: Documents,
  collection: string,
  text: string,
  options: SearchOptions<T>,
): Promise<SearchResult<T>> {
  const { index = null, prefix = true, match = "all", signal } = options;
  const filter = options.filter ? filterText(collection, options.filter) : null;
  const [first, most] = [whole("offset", options.offset ?? 0), whole("limit", options.limit ?? LIMIT)];
  // By id: a document that does not decode has a place in the order and is not answered, so that parts may overlap by it.
  const hits = new Map<string, Hit<T>>();
  let [more, complete] = [true, true];
  while (more && hits.size < most) {
    const before = hits.size;
    const [offset, limit] = [first + before, Math.min(most - before, MAX_LIMIT)];
    const command = { search: { collection, text, index, filter, prefix, any: match === "any", offset, limit } };
    const part = await documents.search(collection, command, signal);
    for (const hit of part.hits) {
      hits.set(hit.id, hit as Hit<T>);
    }
    complete &&= part.complete;
    more = part.more && hits.size > before;
  }
  return { hits: [...hits.values()], more, complete };
}

function filterText(collection: string, filter: object): string {
  const query = toQueryText("search", collection, filter, {});
  return query.slice('{"filter":'.length, -1);
}

function whole(name: string, number: number): number {
  if (!Number.isSafeInteger(number) || number < 0 || number > 0xffff_ffff) {
    const reason = "must be a whole number from 0 to 2^32 - 1";
    throw new AshoreError("query.invalid", `${name} ${reason}.`, { query: { path: name, operator: null, reason } });
  }
  return number;
}
