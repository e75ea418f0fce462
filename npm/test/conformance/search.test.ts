/** Full text: declaring an index of words, searching it, and what it says; compared with brute force in JavaScript. */

import { describe, expect, expectTypeOf, it } from "vitest";
import type { Collection, Hit } from "ashore";
import { database, needsKeeping, rejection } from "./host.js";

interface Note {
  title: string;
  body?: string;
  tags?: string[];
  done?: boolean;
}

const INDEX = { text: ["title", "body", "tags"], weights: { title: 3 } } as const;

async function notes(documents: Record<string, Note>): Promise<Collection<Note>> {
  const db = await database();
  const collection = db.collection<Note>("notes", { indexes: [INDEX] });
  await collection.putMany(documents);
  await built(collection);
  return collection;
}

const built = async (collection: { indexes(): Promise<{ ready: boolean }[]> }): Promise<void> => {
  await expect.poll(async () => (await collection.indexes()).every(({ ready }) => ready)).toBe(true);
};

const ids = (hits: readonly { readonly id: string }[]): string[] => hits.map(({ id }) => id);

describe("search", () => {
  const shop = {
    bread: { title: "Bread", body: "With oat flakes", tags: ["bakery"] },
    cafe: { title: "Café", body: "milk foam, oat milk", done: true },
    milk: { title: "Oat milk", tags: ["Cold Store", "Straße"] },
    york: { title: "Trip", body: "New York City; York is not new" },
    tokyo: { title: "東京タワー" },
  };

  it("finds words whatever their case and accents, the best document first", async () => {
    const collection = await notes(shop);
    const { hits, more, complete } = await collection.search("OAT milk");
    expect(ids(hits)).toEqual(["milk", "cafe"]);
    expect(hits[0]).toMatchObject({ document: shop.milk, terms: ["oat", "milk"] });
    expect([more, complete]).toEqual([false, true]);
    expect(hits[0]?.score).toBeGreaterThan(hits[1]?.score as number);
    expect(ids((await collection.search("cafe")).hits)).toEqual(["cafe"]);
    expect(ids((await collection.search("strasse")).hits)).toEqual(["milk"]);
    expect(ids((await collection.search("東京")).hits)).toEqual(["tokyo"]);
    expect(ids((await collection.search("nowhere")).hits)).toEqual([]);
    expect(ids((await collection.search(" … ")).hits)).toEqual([]);
  });

  it("takes the last word for the beginning of one, unless told otherwise", async () => {
    const collection = await notes(shop);
    expect(ids((await collection.search("oat mil")).hits)).toEqual(["milk", "cafe"]);
    expect(ids((await collection.search("oat mil", { prefix: false })).hits)).toEqual([]);
    expect(ids((await collection.search("mil oat")).hits)).toEqual([]);
  });

  it("finds phrases, leaves words out, and finds any of several words", async () => {
    const collection = await notes(shop);
    expect(ids((await collection.search('"york city"')).hits)).toEqual(["york"]);
    expect(ids((await collection.search('"city new"')).hits)).toEqual([]);
    expect(ids((await collection.search("oat -foam")).hits)).toEqual(["milk", "bread"]);
    expect(ids((await collection.search('oat -"oat milk"')).hits)).toEqual(["bread"]);
    expect(ids((await collection.search("bakery cold", { match: "any" })).hits).toSorted()).toEqual(["bread", "milk"]);
  });

  it("filters, limits and pages", async () => {
    const collection = await notes(shop);
    expect(ids((await collection.search("oat", { filter: { done: null } })).hits)).toEqual(["milk", "bread"]);
    expect(ids((await collection.search("oat", { filter: { title: /^C/ } })).hits)).toEqual(["cafe"]);
    const first = await collection.search("oat", { limit: 1 });
    expect([ids(first.hits), first.more]).toEqual([["milk"], true]);
    const rest = await collection.search("oat", { offset: 1 });
    expect([rest.hits.length, rest.more]).toEqual([2, false]);
    expect((await collection.search("oat", { limit: 0 })).hits).toEqual([]);
  });

  it("follows every write", async () => {
    const collection = await notes(shop);
    await collection.update("bread", (note) => void (note.body = "With rye"));
    await collection.delete("cafe");
    await collection.put("new", { title: "Oat bar" });
    expect(ids((await collection.search("oat")).hits)).toEqual(["new", "milk"]);
    expect(ids((await collection.search("rye")).hits)).toEqual(["bread"]);
  });

  it("answers more than one message holds", async () => {
    const text = "x".repeat(400_000);
    const large = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`n${n}`, { title: "large", body: `${text} ${n}` }]),
    );
    const collection = await notes(large);
    const { hits, more } = await collection.search("large");
    expect([new Set(ids(hits)).size, more]).toEqual([20, false]);
  });

  it("says what is missing or wrong", async () => {
    const db = await database();
    const collection = db.collection<Note>("notes");
    expect(await rejection(collection.search("oat"))).toMatchObject({ code: "index.missing", collection: "notes" });
    await collection.declareIndexes([INDEX]);
    expect(await rejection(collection.search("oat", { index: "other" }))).toMatchObject({ code: "index.missing" });
    const long = await rejection(collection.search("x".repeat(5_000)));
    expect(long).toMatchObject({ code: "query.invalid", query: { path: "text" } });
    expect(await rejection(collection.search("oat", { filter: { done: { $after: 1 } } as never }))).toMatchObject({
      code: "query.invalid",
      query: { operator: "$after" },
    });
    expect(await rejection(collection.search("oat", { limit: -1 }))).toMatchObject({ code: "query.invalid" });
    for (const weights of [{ title: 0 }, { title: 1.5 }, { title: 101 }, { titel: 2 } as object]) {
      const wrong = collection.declareIndexes([{ text: ["title"], weights }]);
      expect(await rejection(wrong)).toMatchObject({ code: "index.invalid" });
      const other = await database();
      const declared = (async () => other.collection<Note>("notes", { indexes: [{ text: ["title"], weights }] }))();
      expect(await rejection(declared)).toMatchObject({ code: "index.invalid" });
    }
    const aborted = new AbortController();
    aborted.abort();
    expect(await rejection(collection.search("oat", { signal: aborted.signal }))).toMatchObject({
      code: "request.aborted",
    });
  });

  it("lists the index as it was declared, beside others", async () => {
    const collection = (await database()).collection<Note>("notes");
    await collection.declareIndexes([{ fields: ["title"] }, { ...INDEX, name: "words" }]);
    await built(collection);
    expect(await collection.indexes()).toEqual([
      { name: "title", fields: ["title"], unique: false, sparse: false, ready: true, documents: 0 },
      {
        name: "words",
        fields: ["title", "body", "tags"],
        unique: false,
        sparse: false,
        text: true,
        weights: { title: 3 },
        ready: true,
        documents: 0,
      },
    ]);
    expect(await collection.find({ title: "Milk" }).explain()).toMatchObject({ index: "title" });
    await collection.put("n", { title: "Oat" });
    expect(ids((await collection.search("oat", { index: "words" })).hits)).toEqual(["n"]);
  });

  it("has the collection's type", () => {
    const typed = (collection: Collection<Note>) => collection.search("oat", { filter: { done: true } });
    expectTypeOf(typed).returns.resolves.toHaveProperty("hits").toEqualTypeOf<readonly Hit<Note>[]>();
  });
});

describe("an index of words that was built before", needsKeeping, () => {
  it("is there when the database is opened again", async () => {
    const name = `search-${crypto.randomUUID()}`;
    const before = await database({ name });
    await before
      .collection<Note>("notes", { indexes: [INDEX] })
      .putMany({ a: { title: "Oat milk" }, b: { title: "Rye" } });
    await before.close();
    const after = (await database({ name })).collection<Note>("notes", { indexes: [INDEX] });
    await built(after);
    const { hits, complete } = await after.search("oat");
    expect([ids(hits), complete]).toEqual([["a"], true]);
  });
});

/** BM25 as docs/search.md writes it down, for words of small letters between spaces. */
function bruteForce(all: ReadonlyMap<string, Note>, words: readonly string[]): { id: string; score: number }[] {
  const read = [...all].map(([id, { title, body = "" }]) => {
    const found = [title, title, title, body].flatMap((text) => text.split(" ").filter((word) => word !== ""));
    return { id, found, length: rounded(found.length) };
  });
  const having = read.filter(({ length }) => length > 0).length;
  const mean = read.reduce((sum, { length }) => sum + length, 0) / having;
  const scores = read.map(({ id, found, length }) => {
    const parts = words.map((word) => {
      const frequency = found.filter((each) => each === word).length;
      const documents = read.filter((each) => each.found.includes(word)).length;
      const rarity = Math.log(1 + (having - documents + 0.5) / (documents + 0.5));
      return (rarity * frequency) / (frequency + 1.2 * (0.25 + (0.75 * length) / mean));
    });
    return { id, score: parts.every((part) => part > 0) ? parts.reduce((sum, part) => sum + part, 0) : 0 };
  });
  return scores.filter(({ score }) => score > 0);
}

describe("an index of words", () => {
  it("answers as looking at every document does, over random writes", async () => {
    const random = seeded(7);
    const pick = (most: number): number => Math.floor(random() * most);
    const word = (): string => ["a", "an", "oat", "oats", "milk", "rye", "zebra"][Math.min(pick(7), pick(7))] as string;
    const text = (most: number): string => Array.from({ length: pick(most + 1) }, word).join(" ");
    const collection = await notes({});
    const all = new Map<string, Note>();
    let found = 0;
    for (let round = 0; round < 30; round += 1) {
      const written = Array.from({ length: 10 }, () => [`n${pick(60)}`, { title: text(3), body: text(40) }] as const);
      await collection.putMany(written);
      for (const [id, note] of written) all.set(id, note);
      const gone = `n${pick(60)}`;
      expect(await collection.delete(gone)).toBe(all.delete(gone));
      for (let query = 0; query < 10; query += 1) {
        const words = [...new Set([word(), word()])];
        const { hits, complete } = await collection.search(words.join(" "), { prefix: false, limit: 1_000 });
        expect(complete).toBe(true);
        const expected = new Map(bruteForce(all, words).map(({ id, score }) => [id, score]));
        expect(ids(hits).toSorted()).toEqual([...expected.keys()].toSorted());
        hits.forEach(({ id, score, document }, at) => {
          expect(score).toBeCloseTo(expected.get(id) as number, 9);
          expect(score).toBeLessThanOrEqual(hits[at - 1]?.score ?? Infinity);
          expect(document).toEqual(all.get(id));
        });
        found += hits.length;
      }
    }
    expect(found).toBeGreaterThan(500);
  });
});

/** The length with its highest four bits kept. */
function rounded(length: number): number {
  const dropped = Math.max(0, Math.floor(Math.log2(Math.max(length, 1))) - 3);
  return Math.floor(length / 2 ** dropped) * 2 ** dropped;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
