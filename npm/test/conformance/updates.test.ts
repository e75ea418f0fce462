/** Modifiers, and updates and deletes by filter. */

import { type Counter, counter, type Modifiers, text, type Text } from "ashore";
import { describe, expect, it } from "vitest";
import { database, rejection } from "./host.js";

interface Note {
  title: string;
  done?: boolean;
  likes?: number;
  size?: bigint;
  tags?: string[];
  at?: { city?: string; since?: Date };
  items?: { name: string; count: number }[];
}

async function notes(documents: Record<string, Note> = {}) {
  const db = await database();
  const collection = db.collection<Note>("notes");
  await collection.putMany(documents);
  return { db, notes: collection };
}

describe("update with modifiers", () => {
  it("changes each place by its operator, and says whether there was a document", async () => {
    const { notes: all } = await notes({
      n1: { title: "Milk", likes: 1, size: 4n, tags: ["a", "b", "a"], items: [{ name: "x", count: 1 }] },
    });
    const existed = await all.update("n1", {
      $set: { "at.city": "Bern", "items.0.count": 7, "at.since": new Date(5) },
      $inc: { likes: 2, size: 3n },
      $pull: { tags: "a" },
      $rename: { title: "name" },
    });
    expect(existed).toBe(true);
    expect(await all.get("n1")).toStrictEqual({
      name: "Milk",
      likes: 3,
      size: 7n,
      tags: ["b"],
      at: { city: "Bern", since: new Date(5) },
      items: [{ name: "x", count: 7 }],
    });
  });

  it("makes no document where there is none", async () => {
    const { notes: all } = await notes();
    expect(await all.update("n1", { $set: { title: "Milk" } })).toBe(false);
    expect(await all.list()).toEqual([]);
  });

  it("pushes, sorts, cuts, adds and takes out items", async () => {
    const { notes: all } = await notes({
      n1: { title: "Milk", tags: ["b"], items: [{ name: "x", count: 3 }] },
    });
    await all.update("n1", { $push: { tags: { $each: ["c", "a"], $sort: 1, $slice: 2 } } });
    await all.update("n1", { $addToSet: { tags: { $each: ["a", "z"] } }, $pop: { items: 1 } });
    await all.update("n1", {
      $push: {
        items: {
          $each: [
            { name: "b", count: 1 },
            { name: "a", count: 1 },
            { name: "c", count: 2 },
          ],
          // The order of these fields matters.
          $sort: { count: -1, name: 1 },
        },
      },
    });
    expect(await all.get("n1")).toEqual({
      title: "Milk",
      tags: ["a", "b", "z"],
      items: [
        { name: "c", count: 2 },
        { name: "a", count: 1 },
        { name: "b", count: 1 },
      ],
    });
    await all.update("n1", { $pull: { tags: /^[ab]$/, items: { count: { $lt: 2 } } } });
    expect(await all.get("n1")).toEqual({ title: "Milk", tags: ["z"], items: [{ name: "c", count: 2 }] });
  });

  it("from several handles adds up", async () => {
    const { db, notes: all } = await notes({ n1: { title: "Milk", likes: 0 } });
    const one = db.collection<Note>("notes");
    await Promise.all(Array.from({ length: 50 }, (_, at) => (at % 2 ? all : one).update("n1", { $inc: { likes: 1 } })));
    expect(await all.get("n1")).toEqual({ title: "Milk", likes: 50 });
  });

  it("keeps counters and texts what they are, in transactions too", async () => {
    const db = await database();
    const posts = db.collection<{ likes: Counter; body: Text }>("posts");
    await posts.put("p", { likes: counter(1), body: text("Milk") });
    await posts.update("p", { $inc: { likes: 2 }, $set: { body: "Oat milk" } });
    expect(await posts.get("p")).toEqual({ likes: counter(3), body: text("Oat milk") });
    await db.transaction(async (tx) => {
      const mine = tx.collection<{ likes: Counter; body: Text }>("posts");
      await mine.update("p", { $inc: { likes: 1 } });
      expect((await mine.get("p"))?.likes.value).toBe(4);
      await posts.update("p", { $inc: { likes: 10 } });
      expect(await mine.updateMany({ likes: 4 }, { $inc: { likes: 1 } })).toEqual({ matched: 1, modified: 1 });
    });
    expect((await posts.get("p"))?.likes.value).toBe(15);
    await posts.update("p", { $set: { likes: counter(5), body: text("Tea") } });
    expect(await posts.get("p")).toEqual({ likes: counter(5), body: text("Tea") });
    const error = await rejection(posts.update("p", { $inc: { likes: 0.5 } }));
    expect(error.code).toBe("update.not-applicable");
  });

  it("takes effect in the order in which it was called, between puts of the same document", async () => {
    const { notes: all } = await notes({ n1: { title: "Milk", likes: 1 } });
    const calls = [
      all.put("n1", { title: "Milk", likes: 10 }),
      all.update("n1", { $inc: { likes: 1 } }),
      all.put("n1", { title: "Bread", likes: 20 }),
      all.update("n1", { $inc: { likes: 1 }, $set: { done: true } }),
      all.updateMany({}, { $inc: { likes: 100 } }),
      all.put("n1", { title: "Tea", likes: 5 }),
      all.updateMany({ title: "Tea" }, { $inc: { likes: 1 } }),
    ];
    await Promise.all(calls);
    expect(await all.get("n1")).toEqual({ title: "Tea", likes: 6 });
  });

  it.each([
    [{ $increase: { likes: 1 } }, "likes", "$increase"],
    [{ title: "Milk" }, "title", null],
    [{}, "", null],
    [{ $inc: { likes: "1" } }, "likes", "$inc"],
    [{ $set: { "at.city": "Bern" }, $unset: { at: true } }, "at.city", "$set"],
    [{ $set: { "": 1 } }, "", "$set"],
    [{ $set: { title: undefined } }, "$set.title", null],
    [{ $push: { tags: { $each: ["a"], $first: 1 } } }, "tags", "$first"],
    [{ $pull: { tags: { $bigger: 1 } } }, "tags", "$bigger"],
  ])("refuses %j and says where", async (modifiers, path, operator) => {
    const { notes: all } = await notes({ n1: { title: "Milk" } });
    const error = await rejection(all.update("n1", modifiers as unknown as Modifiers<Note>));
    expect(error).toMatchObject({ code: "query.invalid", query: { operator } });
    expect((error["query"] as { path: string }).path).toBe(path);
    expect(await all.get("n1")).toEqual({ title: "Milk" });
  });

  it("that do not apply say where and to which document, and nothing is written", async () => {
    const { notes: all } = await notes({ n1: { title: "Milk", likes: 1, tags: ["a"] } });
    const wrong: [Modifiers<Note>, string, string][] = [
      [{ $set: { done: true }, $inc: { title: 1 } } as unknown as Modifiers<Note>, "title", "$inc"],
      [{ $set: { "title.first": "M" } } as unknown as Modifiers<Note>, "title.first", "$set"],
      [{ $inc: { likes: 1n } } as unknown as Modifiers<Note>, "likes", "$inc"],
      [{ $push: { likes: 1 } } as unknown as Modifiers<Note>, "likes", "$push"],
      [{ $set: { "tags.x": "a" } } as unknown as Modifiers<Note>, "tags.x", "$set"],
      [{ $set: { "tags.20000": "a" } }, "tags.20000", "$set"],
    ];
    for (const [modifiers, path, operator] of wrong) {
      const error = await rejection(all.update("n1", modifiers));
      expect(error).toMatchObject({
        code: "update.not-applicable",
        op: "update",
        collection: "notes",
        id: "n1",
        query: { path, operator },
      });
    }
    expect(await all.get("n1")).toEqual({ title: "Milk", likes: 1, tags: ["a"] });
  });
});

describe("updateMany", () => {
  const many: Record<string, Note> = {
    a: { title: "Milk", likes: 1, done: true },
    b: { title: "Bread", likes: 2, done: false },
    c: { title: "Tea", likes: 3, done: true },
  };

  it("with modifiers says how many fitted and how many are different", async () => {
    const { notes: all } = await notes(many);
    expect(await all.updateMany({ done: true }, { $set: { likes: 3 } })).toEqual({ matched: 2, modified: 1 });
    expect(await all.updateMany({ title: /x/ }, { $set: { likes: 9 } })).toEqual({ matched: 0, modified: 0 });
    expect((await all.find({ likes: 3 }).all()).map(({ id }) => id)).toEqual(["a", "c"]);
  });

  it("of a query updates those alone, in its order", async () => {
    const { notes: all } = await notes(many);
    const updated = await all
      .find({})
      .sort("-likes")
      .offset(1)
      .limit(1)
      .update({ $inc: { likes: 40 } });
    expect(updated).toEqual({ matched: 1, modified: 1 });
    expect(await all.get("b")).toMatchObject({ likes: 42 });
  });

  it("with a function edits each document, and puts what is different", async () => {
    const { notes: all } = await notes(many);
    const updated = await all.updateMany({ likes: { $gte: 2 } }, (note) => {
      if (note.done) note.title = note.title.toUpperCase();
    });
    expect(updated).toEqual({ matched: 2, modified: 1 });
    expect((await all.all()).map(({ document }) => document.title)).toEqual(["Milk", "Bread", "TEA"]);
  });

  it("with a function that throws writes nothing", async () => {
    const { notes: all } = await notes(many);
    const fault = new Error("no");
    const update = all.updateMany({}, (note) => {
      if (note.title === "Tea") throw fault;
      return { ...note, likes: 0 };
    });
    await expect(update).rejects.toBe(fault);
    expect(await all.get("a")).toEqual(many["a"]);
  });

  it("keeps what others wrote meanwhile in other fields, and what is put afterwards builds on it", async () => {
    const { db, notes: all } = await notes({ a: { title: "Milk", likes: 1 } });
    const read = (await all.get("a")) as Note;
    const other = db.collection<Note>("notes");
    await other.updateMany({}, { $inc: { likes: 1 } });
    read.title = "Bread";
    await all.put("a", read);
    expect(await all.get("a")).toEqual({ title: "Bread", likes: 2 });
  });

  it("is one change event and sees every put that was called before", async () => {
    const { db, notes: all } = await notes();
    const events: number[] = [];
    db.on("change", ({ changes }) => events.push(changes[0]?.ids.length ?? 0));
    const puts = Array.from({ length: 20 }, (_, at) => all.put(`n${at}`, { title: "x", likes: at }));
    const update = all.updateMany({}, { $inc: { likes: 1 } });
    await Promise.all(puts);
    expect(await update).toEqual({ matched: 20, modified: 20 });
    expect(await all.count({ likes: { $gte: 1 } })).toBe(20);
  });

  it("with a function is seen by what is called after it, as update is, and takes effect in its turn", async () => {
    const { notes: all } = await notes({ a: { title: "Milk", likes: 1 } });
    const calls: Promise<unknown>[] = [all.updateMany({}, (note) => void (note.likes = 2))];
    const seen = [all.get("a"), all.find({ likes: 2 }).count()];
    calls.push(all.update("a", (note) => void (note.likes = 10)));
    seen.push(all.get("a"));
    calls.push(all.updateMany({ likes: 10 }, { $inc: { likes: 1 } }));
    expect(await Promise.all(seen)).toEqual([{ title: "Milk", likes: 2 }, 1, { title: "Milk", likes: 10 }]);
    expect(await Promise.all(calls)).toEqual([
      { matched: 1, modified: 1 },
      { title: "Milk", likes: 10 },
      { matched: 1, modified: 1 },
    ]);
    expect(await all.get("a")).toEqual({ title: "Milk", likes: 11 });
  });

  it("of 10,001 documents is refused with their number, and nothing is written", async () => {
    const db = await database();
    const numbers = db.collection<{ n: number }>("numbers");
    for (let from = 0; from < 10_001; from += 1_000) {
      const length = Math.min(1_000, 10_001 - from);
      await numbers.putMany(Array.from({ length }, (_, n) => [`d${from + n}`, { n: from + n }] as const));
    }
    const error = await rejection(numbers.updateMany({ n: { $gte: 0 } }, { $inc: { n: 1 } }));
    expect(error).toMatchObject({ code: "update.too-many", op: "updateMany" });
    expect(String(error["message"])).toContain("10001");
    expect(await numbers.count({ n: 10_001 })).toBe(0);
    const result = await numbers
      .find({ n: { $gte: 0 } })
      .limit(10_000)
      .update({ $set: { n: -1 } });
    expect(result).toEqual({ matched: 10_000, modified: 10_000 });
    expect(await numbers.count({ n: -1 })).toBe(10_000);
  });

  it("that breaks a unique index writes nothing", async () => {
    const { notes: all } = await notes(many);
    await all.declareIndexes([{ fields: ["title"], unique: true }]);
    const error = await rejection(all.updateMany({ done: true }, { $set: { title: "Coffee" } }));
    expect(error.code).toBe("index.duplicate");
    expect((await rejection(all.update("a", { $set: { title: "Tea" } }))).code).toBe("index.duplicate");
    expect((await all.all()).map(({ document }) => document)).toEqual(Object.values(many));
  });
});

describe("deleteMany", () => {
  it("takes ids, and then says for each whether there was one", async () => {
    const { notes: all } = await notes({ a: { title: "Milk" }, b: { title: "Bread" } });
    expect(await all.deleteMany(["a", "x"])).toEqual([true, false]);
    expect(await all.deleteMany(new Set(["a", "b"]))).toEqual([false, true]);
  });

  it("takes a filter, and then says how many there were", async () => {
    const { notes: all } = await notes({
      a: { title: "Milk", likes: 1 },
      b: { title: "Bread" },
      c: { title: "Tea", likes: 2 },
    });
    expect(await all.deleteMany({ likes: { $exists: true } })).toEqual({ deleted: 2 });
    expect(await all.find({}).limit(5).delete()).toEqual({ deleted: 1 });
    expect(await all.deleteMany({})).toEqual({ deleted: 0 });
    expect(await all.list()).toEqual([]);
  });

  it("then a put makes a new document", async () => {
    const { notes: all } = await notes({ a: { title: "Milk", likes: 1 } });
    await Promise.all([all.deleteMany({}), all.put("a", { title: "Bread" })]);
    expect(await all.get("a")).toEqual({ title: "Bread" });
  });
});
