/**
 * Random collections, indexes and queries: every answer is what a plain evaluation in this page finds. The engine's own tests compare some 12,500 pairs
 * natively; here it is the whole way, from the page through the worker into the store and back.
 */

import { describe, expect, it } from "vitest";
import { database } from "./host.js";

type Scalar = null | boolean | number | string;
type Field = Scalar | Scalar[] | undefined;
type Document = Record<"a" | "b" | "c", Field>;
type Condition = { path: keyof Document; text: unknown; holds: (field: Field) => boolean };
interface Asked {
  readonly conditions: readonly Condition[];
  readonly sort: readonly string[];
  readonly offset: number;
  readonly limit: number;
}

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
const QUERIES = 50;
const INDEXES = [["a"], ["-b"], ["a", "-b"], ["c", "a"], ["b", "-c", "a"]];
const SORTS = [[], ["a"], ["-b"], ["-a", "b"], ["c", "a"]];

/** Numbers from 0 up to below 1: mulberry32, so that a seed gives the same test everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Dice {
  readonly #next: () => number;
  constructor(seed: number) {
    this.#next = random(seed);
  }
  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }
  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }
  scalar(): Scalar {
    return this.one<Scalar>([null, true, false, -3, -1, 0, 1, 2, 3, "", "a", "ab", "b", "ba"]);
  }
  field(): Field {
    const kind = this.below(7);
    if (kind === 0) return undefined;
    return kind === 1 ? Array.from({ length: this.below(3) }, () => this.scalar()) : this.scalar();
  }
  condition(): Condition {
    const path = this.one(["a", "b", "c"] as const);
    const number = this.below(5) - 2;
    const letter = this.one(["a", "b"]);
    const is = (text: unknown, holds: (field: Field) => boolean): Condition => ({ path, text, holds });
    return this.one<Condition>([
      is(number, equals(number)),
      is(letter, equals(letter)),
      is(null, equals(null)),
      is({ $ne: number }, (field) => !equals(number)(field)),
      is(
        { $gte: number },
        ranges((value) => typeof value === "number" && value >= number),
      ),
      is(
        { $lt: letter },
        ranges((value) => typeof value === "string" && value < letter),
      ),
      is({ $in: [number, letter, true] }, (field) => [number, letter, true].some((value) => equals(value)(field))),
      is({ $exists: true }, (field) => field !== undefined),
      is({ $not: { $gt: number } }, (field) => !ranges((value) => typeof value === "number" && value > number)(field)),
      is(
        { $regex: `^${letter}` },
        ranges((value) => typeof value === "string" && value.startsWith(letter)),
      ),
      is({ $size: 1 }, (field) => Array.isArray(field) && field.length === 1),
      is({ $type: "array" }, (field) => Array.isArray(field)),
    ]);
  }
  query(): Asked {
    const conditions = Array.from({ length: this.below(3) }, () => this.condition());
    return { conditions, sort: this.one(SORTS), offset: this.below(4), limit: this.one([1, 3, 8, Infinity]) };
  }
}

function equals(wanted: Scalar): (field: Field) => boolean {
  return (field) =>
    Array.isArray(field) ? field.includes(wanted) : field === wanted || (wanted === null && field === undefined);
}

function ranges(holds: (value: Scalar) => boolean): (field: Field) => boolean {
  return (field) => (Array.isArray(field) ? field.some(holds) : field !== undefined && holds(field));
}

/** null and missing < numbers < strings < booleans < arrays. */
function compare(left: Field, right: Field): number {
  const rank = (value: Field): number =>
    value === null || value === undefined ? 0 : 1 + ["number", "string", "boolean", "object"].indexOf(typeof value);
  if (rank(left) !== rank(right)) return rank(left) - rank(right);
  if (Array.isArray(left) && Array.isArray(right)) return left.length - right.length;
  if (rank(left) === 0 || left === right) return 0;
  return (left as number) < (right as number) ? -1 : 1;
}

/** What an array sorts by: its smallest or largest item; an empty one by itself. */
function sortValue(field: Field, descending: boolean): Field {
  if (!Array.isArray(field) || field.length === 0) return field;
  const sorted = field.toSorted(compare);
  return descending ? sorted.at(-1) : sorted[0];
}

function bruteForce(documents: ReadonlyMap<string, Document>, { conditions, sort, offset, limit }: Asked): string[] {
  const matching = [...documents].filter(([, document]) =>
    conditions.every(({ path, holds }) => holds(document[path])),
  );
  const by = (left: Document, right: Document): number => {
    for (const path of sort) {
      const [key, descending] = [path.replace("-", "") as keyof Document, path.startsWith("-")];
      const order = compare(sortValue(left[key], descending), sortValue(right[key], descending));
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
  const sorted = matching.toSorted(([a, left], [b, right]) => by(left, right) || (a < b ? -1 : 1));
  return sorted.slice(offset, offset + limit).map(([id]) => id);
}

describe("every answer is what a plain evaluation finds", () => {
  it.each(SEEDS)("in 50 random queries of random documents, with random indexes (seed %i)", async (seed) => {
    const dice = new Dice(seed);
    const db = await database();
    const collection = db.collection<Document>("documents");
    const chosen = INDEXES.filter(() => dice.below(2) === 0).map((fields) => ({ fields }));
    await collection.declareIndexes(chosen);
    const documents = new Map<string, Document>();
    for (let round = 0; round < 3; round += 1) {
      const put = Array.from({ length: dice.below(40) }, (): [string, Document] => [
        `id${String(dice.below(60)).padStart(2, "0")}`,
        { a: dice.field(), b: dice.field(), c: dice.field() },
      ]);
      await collection.putMany(put);
      for (const [id, document] of put) documents.set(id, document);
      const gone = [...documents.keys()].filter(() => dice.below(8) === 0);
      await collection.deleteMany(gone);
      for (const id of gone) documents.delete(id);
    }
    for (let at = 0; at < QUERIES; at += 1) {
      const asked = dice.query();
      const filter = { $and: [{}, ...asked.conditions.map(({ path, text }) => ({ [path]: text }))] };
      const query = collection
        .find(filter as object)
        .sort(...asked.sort)
        .offset(asked.offset)
        .limit(asked.limit);
      const found = (await query.all()).map(({ id }) => id);
      expect(found, JSON.stringify([filter, asked])).toEqual(bruteForce(documents, asked));
      expect(await query.count()).toBe(found.length);
    }
  });
});
