/** Queries: find, findOne and count, and how their mistakes are told. The engine's own tests compare them with brute force. */

import type { Filter } from "ashore";
import { describe, expect, expectTypeOf, it } from "vitest";
import { database, rejection } from "./host.js";

interface Task {
  title: string;
  done?: boolean;
  due?: Date;
  tags?: string[];
  size?: number | bigint;
  items?: { name: string; price: number }[];
  place?: { city: string };
}

const DAY = (day: number): Date => new Date(Date.UTC(2026, 10, day));

async function tasks() {
  const db = await database();
  const collection = db.collection<Task>("tasks");
  await collection.putMany({
    bread: { title: "Bread", done: false, due: DAY(3), tags: ["shop"], items: [{ name: "rye", price: 4 }] },
    milk: { title: "Milk", done: false, due: DAY(1), tags: ["shop", "cold"], size: 2 },
    soap: { title: "Soap", done: true, due: DAY(2), tags: [], size: 2n ** 60n },
    trip: { title: "Trip to Bergen", place: { city: "Bergen" } },
  });
  return { db, collection };
}

const ids = (entries: readonly { readonly id: string }[]): string[] => entries.map(({ id }) => id);

describe("find", () => {
  it("answers what fits, with dates, big integers and all", async () => {
    const { collection } = await tasks();
    expect(await collection.find({ done: false, due: { $lt: DAY(2) } }).all()).toEqual([
      { id: "milk", document: { title: "Milk", done: false, due: DAY(1), tags: ["shop", "cold"], size: 2 } },
    ]);
    expect(ids(await collection.find({ tags: "shop" }).all())).toEqual(["bread", "milk"]);
    expect(ids(await collection.find({ size: { $gt: 2n ** 59n } }).all())).toEqual(["soap"]);
    expect(ids(await collection.find({ "items.name": "rye", "items.price": { $lte: 4 } }).all())).toEqual(["bread"]);
    expect(ids(await collection.find({ "place.city": { $in: ["Bergen", "Oslo"] } }).all())).toEqual(["trip"]);
    expect(ids(await collection.find({ done: null }).all())).toEqual(["trip"]);
    expect(ids(await collection.find({ tags: { $size: 0 } }).all())).toEqual(["soap"]);
    expect(ids(await collection.find({ $or: [{ title: /^b/i }, { title: { $regex: /bergen/i } }] }).all())).toEqual([
      "bread",
      "trip",
    ]);
    expect(ids(await collection.find({ $nor: [{ done: true }, { title: { $not: /milk/i } }] }).all())).toEqual([
      "milk",
    ]);
  });

  it("answers everything without a filter, and nothing of a collection that nobody made", async () => {
    const { db, collection } = await tasks();
    expect(ids(await collection.find().all())).toEqual(["bread", "milk", "soap", "trip"]);
    expect(await db.collection("nowhere").find({ a: 1 }).all()).toEqual([]);
  });

  it("sorts, leaves out and limits", async () => {
    const { collection } = await tasks();
    expect(ids(await collection.find().sort("due").all())).toEqual(["trip", "milk", "soap", "bread"]);
    expect(ids(await collection.find().sort("-due").all())).toEqual(["bread", "soap", "milk", "trip"]);
    expect(ids(await collection.find().sort("-done", "title").offset(1).limit(2).all())).toEqual(["bread", "milk"]);
    expect(await collection.find().limit(0).all()).toEqual([]);
    expect(ids(await collection.find().offset(3).all())).toEqual(["trip"]);
  });

  it("selects parts, and a put of a whole document read before still keeps the rest", async () => {
    const { collection } = await tasks();
    const whole = await collection.get("bread");
    expect(await collection.find({ done: false }).select("title", "items.name").all()).toEqual([
      { id: "bread", document: { title: "Bread", items: [{ name: "rye" }] } },
      { id: "milk", document: { title: "Milk" } },
    ]);
    await collection.put("bread", { ...(whole as Task), done: true });
    expect(await collection.get("bread")).toEqual({ ...whole, done: true });
  });

  it("sees what was written before, awaited or not", async () => {
    const { collection } = await tasks();
    void collection.put("tea", { title: "Tea", tags: ["shop"] });
    void collection.delete("milk");
    expect(ids(await collection.find({ tags: "shop" }).all())).toEqual(["bread", "tea"]);
    expect(await collection.count({ tags: "shop" })).toBe(2);
  });

  it("gives out documents that a put can be based on", async () => {
    const { db, collection } = await tasks();
    const other = (await database({ name: db.name })).collection<Task>("tasks");
    const [found] = await collection.find({ title: "Milk" }).all();
    await other.update("milk", (task) => void (task.done = true));
    await collection.put("milk", { ...(found?.document as Task), title: "Oat milk" });
    expect(await collection.get("milk")).toMatchObject({ title: "Oat milk", done: true });
  });

  it("crosses pages in every order, as a loop and as an array", async () => {
    const db = await database();
    const numbers = db.collection<{ n: number; odd: boolean }>("numbers");
    const count = 2_500;
    await numbers.putMany(
      Array.from({ length: count }, (_, n) => [
        `n${String(n).padStart(4, "0")}`,
        { n: (n * 7) % count, odd: n % 2 === 1 },
      ]),
    );
    const seen: number[] = [];
    for await (const { document } of numbers.find().sort("-n").offset(10).limit(2_000)) {
      seen.push(document.n);
    }
    expect(seen).toEqual(Array.from({ length: 2_000 }, (_, at) => count - 11 - at));
    const odd = await numbers.find({ odd: true }).all();
    expect(odd.length).toBe(count / 2);
    expect(ids(odd)).toEqual([...ids(odd)].sort());
    expect(await numbers.count({ odd: true })).toBe(count / 2);
  });

  it("can be given up", async () => {
    const { collection } = await tasks();
    const error = await rejection(collection.find().all({ signal: AbortSignal.abort() }));
    expect(error.code).toBe("request.aborted");
  });

  it("does not follow changes that the caller makes to the filter's object afterwards", async () => {
    const { collection } = await tasks();
    const filter: { done: boolean } = { done: false };
    const found = collection.find(filter).all();
    filter.done = true;
    expect(ids(await found)).toEqual(["bread", "milk"]);
  });
});

describe("findOne and count", () => {
  it("answer the first and how many", async () => {
    const { collection } = await tasks();
    expect((await collection.findOne({ done: false }))?.id).toBe("bread");
    expect(await collection.findOne({ title: "Nobody" })).toBeNull();
    expect((await collection.find({ done: false }).sort("due").first())?.id).toBe("milk");
    expect(await collection.count()).toBe(4);
    expect(await collection.count({ done: { $exists: false } })).toBe(1);
    expect(await collection.find().offset(1).limit(2).count()).toBe(2);
  });
});

const built = async (collection: { indexes(): Promise<{ ready: boolean }[]> }): Promise<void> => {
  await expect.poll(async () => (await collection.indexes()).every(({ ready }) => ready)).toBe(true);
};

describe("an index", () => {
  it("is built over what is there, kept with every write, and answers the same as a scan", async () => {
    const { collection } = await tasks();
    const queries = [
      collection.find({ done: false }).sort("-due"),
      collection.find({ tags: "shop" }),
      collection
        .find({ due: { $gte: DAY(2) } })
        .sort("due")
        .limit(1),
      collection.find({ size: null }),
    ];
    const answers = (): Promise<unknown[]> => Promise.all(queries.map((query) => query.all()));
    const scanned = await answers();
    const told: boolean[][] = [];
    collection.on("indexes", (indexes) => told.push(indexes.map(({ ready }) => ready)));
    await collection.declareIndexes([
      { fields: ["done", "-due"] },
      { fields: ["tags"] },
      { name: "due", fields: ["due"] },
    ]);
    await built(collection);
    await expect.poll(() => told.at(-1)).toEqual([true, true, true]);
    expect(await answers()).toEqual(scanned);
    expect(await queries[0]?.explain()).toEqual({ index: "done,-due", ranges: 1, inOrder: true });
    expect(await queries[1]?.explain()).toMatchObject({ index: "tags" });
    expect(await queries[2]?.explain()).toEqual({ index: "due", ranges: 1, inOrder: true });
    expect(await queries[3]?.explain()).toMatchObject({ index: null });

    await collection.update("milk", (task) => void (task.done = true));
    await collection.put("tea", { title: "Tea", done: false, due: DAY(9), tags: ["shop"] });
    await collection.delete("bread");
    expect(ids((await queries[0]?.all()) ?? [])).toEqual(["tea"]);
    expect(ids((await queries[1]?.all()) ?? [])).toEqual(["milk", "tea"]);
    expect(await collection.count({ tags: "shop" })).toBe(2);
  });

  it("is listed as it was declared, stays when it is declared again, and goes when it is not", async () => {
    const { collection } = await tasks();
    await collection.declareIndexes([{ fields: ["due"], sparse: true }, { fields: ["title"] }]);
    await built(collection);
    await collection.declareIndexes([{ fields: ["due"], sparse: true }]);
    expect(await collection.indexes()).toEqual([
      { name: "due", fields: ["due"], unique: false, sparse: true, ready: true, documents: 4 },
    ]);
    expect(await collection.find({ title: "Milk" }).explain()).toMatchObject({ index: null });
  });

  it("that is unique refuses a second document with the same values, and nothing is written", async () => {
    const { collection } = await tasks();
    await collection.declareIndexes([{ fields: ["title"], unique: true }]);
    await built(collection);
    const error = await rejection(collection.putMany({ a: { title: "New" }, b: { title: "Milk" } }));
    expect(error).toMatchObject({ code: "index.duplicate", id: "b" });
    expect(await collection.get("a")).toBeNull();
    await collection.put("milk", { title: "Milk", done: true });
    expect(await collection.indexConflicts("title")).toEqual([]);
  });

  it("that cannot be is refused", async () => {
    const { collection } = await tasks();
    const error = await rejection(collection.declareIndexes([{ fields: [] }]));
    expect(error.code).toBe("index.invalid");
  });
});

describe("a query that cannot be understood", () => {
  const filters: readonly [string, object, string, string | null][] = [
    ["an unknown operator", { $or: [{ due: { $after: 3 } }] }, "$or[0].due", "$after"],
    ["a wrong operand", { tags: { $size: -1 } }, "tags", "$size"],
    ["undefined", { done: undefined }, "done", null],
    ["a bad pattern", { title: { $regex: "(" } }, "title", "$regex"],
  ];

  it.each(filters)("ends in query.invalid with its place: %s", async (_, filter, path, operator) => {
    const { collection } = await tasks();
    const error = await rejection(collection.find(filter as Filter<Task>).all());
    expect(error).toMatchObject({ code: "query.invalid", op: "find", query: { path, operator } });
    expect(error["query"]).toHaveProperty("reason", expect.stringMatching(/./));
  });

  it("is refused when it holds what no document can hold", async () => {
    const { collection } = await tasks();
    const error = await rejection(collection.count({ size: NaN }));
    expect(error.code).toBe("query.invalid");
  });

  it("is refused at once when a limit is no whole number", async () => {
    const { collection } = await tasks();
    expect(() => collection.find().limit(-1)).toThrow(expect.objectContaining({ code: "query.invalid" }));
    expect(() => collection.find().offset(1.5)).toThrow(expect.objectContaining({ code: "query.invalid" }));
  });
});

it("the types of a filter follow the document's", () => {
  const accepted: Filter<Task>[] = [
    { done: true },
    { tags: "shop" },
    { tags: ["shop"] },
    { "items.price": { $gte: 3 } },
    { "place.city": "Bergen" },
    { $and: [{ title: /x/ }, { due: { $in: [DAY(1)] } }] },
  ];
  expect(accepted.length).toBe(6);
  // @ts-expect-error There is no such field.
  void ({ doen: true } satisfies Filter<Task>);
  // @ts-expect-error A city is text.
  void ({ "place.city": 3 } satisfies Filter<Task>);
  // @ts-expect-error A due date is a date.
  void ({ due: { $lt: "2026-11-01" } } satisfies Filter<Task>);
  expectTypeOf<Filter<Record<string, unknown>>>().toExtend<object>();
});
