/** What a transaction sees: its own writes in every kind of read, and of others the same each time. */

import { describe, expect, it } from "vitest";
import { database, rejection } from "./host.js";

interface Note {
  n: number;
  tag?: string;
}

async function notes(documents: Record<string, Note> = {}) {
  const db = await database();
  const collection = db.collection<Note>("notes");
  await collection.putMany(documents);
  return { db, notes: collection };
}

describe("queries of a transaction", () => {
  it("see what it has put, changed and deleted, in order, page by page and counted", async () => {
    const { db, notes: all } = await notes({ a: { n: 1 }, b: { n: 2 }, c: { n: 3 }, d: { n: 4 } });
    await all.declareIndexes([{ fields: ["n"] }]);
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      await mine.put("e", { n: 0 });
      await mine.update("a", { $set: { n: 9 } });
      await mine.update("d", (note) => void (note.n = 2.5));
      await mine.delete("c");
      const ids = async (query: ReturnType<typeof mine.find>) => (await query.all()).map(({ id }) => id);
      expect(await ids(mine.find())).toEqual(["a", "b", "d", "e"]);
      expect(await ids(mine.find().sort("n"))).toEqual(["e", "b", "d", "a"]);
      expect(await ids(mine.find().sort("-n").limit(2))).toEqual(["a", "d"]);
      expect(await ids(mine.find({ n: { $gt: 2 } }))).toEqual(["a", "d"]);
      expect(
        await mine
          .find({ n: { $gt: 2 } })
          .offset(1)
          .count(),
      ).toBe(1);
      expect(await mine.count({ n: 3 })).toBe(0);
      expect(await mine.findOne({ n: 0 })).toEqual({ id: "e", document: { n: 0 } });
      expect(await mine.getMany(["e", "c", "a"])).toEqual([{ n: 0 }, null, { n: 9 }]);
      expect((await mine.all({ after: "a" })).map(({ id }) => id)).toEqual(["b", "d", "e"]);
      // Nobody else sees any of it.
      expect(await all.find({ n: { $gte: 1 } }).count()).toBe(4);
      expect(await all.get("e")).toBeNull();
    });
    expect(await all.all()).toEqual([
      { id: "a", document: { n: 9 } },
      { id: "b", document: { n: 2 } },
      { id: "d", document: { n: 2.5 } },
      { id: "e", document: { n: 0 } },
    ]);
  });

  it("read more documents than one page holds", async () => {
    const db = await database();
    const all = db.collection<Note>("notes");
    await all.putMany(Array.from({ length: 2_500 }, (_, n) => [`d${String(n).padStart(4, "0")}`, { n }] as const));
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      await mine.putMany({ d0500: { n: 5_000 }, zz: { n: -1 } });
      const found = await mine.find().sort("n").all();
      expect(found).toHaveLength(2_501);
      expect([found[0]?.id, found.at(-1)?.id]).toEqual(["zz", "d0500"]);
      expect(await mine.updateMany({ n: { $lt: 2_000 } }, { $inc: { n: 10_000 } })).toEqual({
        matched: 2_000,
        modified: 2_000,
      });
      expect(await mine.count({ n: { $gte: 10_000 } })).toBe(1_999);
    });
    expect(await all.count({ n: { $gte: 9_999 } })).toBe(2_000);
  });

  it("see a document as it was read first, whatever others write meanwhile", async () => {
    const { db, notes: all } = await notes({ a: { n: 1 }, b: { n: 2 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      expect(await mine.get("a")).toEqual({ n: 1 });
      expect(await mine.get("new")).toBeNull();
      await mine.find({ n: 2 }).all();
      await all.putMany({ a: { n: 100 }, b: { n: 200 }, new: { n: 300 } });
      expect(await mine.get("a")).toEqual({ n: 1 });
      expect(await mine.get("b")).toEqual({ n: 2 });
      expect(await mine.get("new")).toBeNull();
      expect(await mine.find({ n: { $gte: 100 } }).all()).toEqual([]);
      expect(await mine.find({ n: { $lt: 100 } }).count()).toBe(2);
      expect(await mine.list()).toEqual(["a", "b"]);
    });
    expect(await all.get("a")).toEqual({ n: 100 });
  });

  it("give documents that are the caller's own: what is done to one changes nothing that is read later", async () => {
    const { db } = await notes({ a: { n: 1 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      ((await mine.get("a")) as Note).n = 5;
      const [found] = await mine.find().all();
      if (found) found.document.n = 6;
      expect(await mine.get("a")).toEqual({ n: 1 });
    });
  });
});

describe("modifiers in a transaction", () => {
  it("see what it wrote before, one after another", async () => {
    const { db, notes: all } = await notes({ a: { n: 1 }, b: { n: 1 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      expect(await mine.update("a", { $inc: { n: 1 } })).toBe(true);
      expect(await mine.update("a", { $inc: { n: 10 }, $set: { tag: "x" } })).toBe(true);
      expect(await mine.get("a")).toEqual({ n: 12, tag: "x" });
      await mine.put("c", { n: 5 });
      await mine.update("c", { $inc: { n: 1 } });
      expect(await mine.update("nobody", { $inc: { n: 1 } })).toBe(false);
      expect(await mine.updateMany({ n: { $gt: 5 } }, { $inc: { n: 100 } })).toEqual({ matched: 2, modified: 2 });
      await mine.put("a", { ...((await mine.get("a")) as Note), tag: "y" });
      await mine.update("a", { $inc: { n: 1000 } });
      expect(await mine.deleteMany({ n: 1 })).toEqual({ deleted: 1 });
      expect(await mine.update("b", { $inc: { n: 1 } })).toBe(false);
    });
    expect(await all.all()).toEqual([
      { id: "a", document: { n: 1112, tag: "y" } },
      { id: "c", document: { n: 106 } },
    ]);
  });

  it("are applied to what is there when it commits: no increment of others is lost", async () => {
    const { db, notes: all } = await notes({ a: { n: 100 }, b: { n: 0 } });
    const move = (amount: number) =>
      db.transaction(async (tx) => {
        const mine = tx.collection<Note>("notes");
        await mine.update("a", { $inc: { n: -amount } });
        await mine.update("b", { $inc: { n: amount } });
      });
    await Promise.all(Array.from({ length: 20 }, (_, at) => move(at)));
    expect(await all.getMany(["a", "b"])).toEqual([{ n: 100 - 190 }, { n: 190 }]);
  });

  it("that do not apply any more when it commits end it with nothing written", async () => {
    const { db, notes: all } = await notes({ a: { n: 1 }, b: { n: 1 } });
    const work = db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      await mine.put("c", { n: 1 });
      await mine.update("a", { $inc: { n: 1 } });
      await all.put("a", { n: "one" } as unknown as Note);
    });
    expect(await rejection(work)).toMatchObject({ code: "update.not-applicable", collection: "notes", id: "a" });
    expect(await all.list()).toEqual(["a", "b"]);
  });

  it("with a function edit every document that fits", async () => {
    const { db, notes: all } = await notes({ a: { n: 1 }, b: { n: 2 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      await mine.put("c", { n: 3 });
      const result = await mine.updateMany({ n: { $gte: 2 } }, (note) => ({ n: note.n * 2 }));
      expect(result).toEqual({ matched: 2, modified: 2 });
      expect(await mine.find({ n: { $gte: 4 } }).count()).toBe(2);
    });
    expect((await all.all()).map(({ document }) => document.n)).toEqual([1, 4, 6]);
  });
});

describe("a transaction with a unique index", () => {
  it("passes values from one document to another, and is refused whole when one stays twice", async () => {
    const { db, notes: all } = await notes({ a: { n: 1 }, b: { n: 2 } });
    await all.declareIndexes([{ fields: ["n"], unique: true }]);
    await db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      await mine.updateMany({}, { $inc: { n: 1 } });
    });
    expect(await all.getMany(["a", "b"])).toEqual([{ n: 2 }, { n: 3 }]);
    const work = db.transaction(async (tx) => {
      const mine = tx.collection<Note>("notes");
      await mine.put("c", { n: 7 });
      await mine.update("a", { $set: { n: 3 } });
    });
    expect((await rejection(work)).code).toBe("index.duplicate");
    expect(await all.list()).toEqual(["a", "b"]);
  });
});
