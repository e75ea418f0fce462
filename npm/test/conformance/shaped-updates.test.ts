/** Modifiers of collections with a schema or migrations: what comes of them is checked, old documents are migrated first, and increments add up. */

import { type CollectionOptions, Counter, counter, type Database, type Modifiers, type Schema } from "ashore";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { database, freshName, rejection, there } from "./host.js";

interface Note {
  title: string;
  likes: number;
  done?: boolean | undefined;
  tags?: string[] | undefined;
  place?: { city: string } | undefined;
  items?: { id: number; name: string }[] | undefined;
}

const SCHEMA: Schema<Note> = z.object({
  title: z.string().trim().min(1),
  likes: z.number().max(100),
  done: z.boolean().optional(),
  tags: z.array(z.string().toLowerCase()).max(3).optional(),
  place: z.object({ city: z.string() }).optional(),
  items: z.array(z.object({ id: z.number(), name: z.string() })).optional(),
});

interface Post {
  likes: Counter;
  done: boolean;
}

/** A database with a checked collection, and another handle of it that checks nothing. */
async function notes(documents: Record<string, Note> = {}) {
  const name = freshName();
  const [db, other] = [await database({ name }), await database({ name })];
  const checked = db.collection("notes", { schema: SCHEMA });
  await checked.putMany(documents);
  return { db, notes: checked, anyone: other.collection("notes") };
}

describe("update with modifiers of a collection with a schema", () => {
  it("writes what fits, and says whether there was a document", async () => {
    const { notes: all } = await notes({ a: { title: "Milk", likes: 1, tags: ["shop"], place: { city: "Bern" } } });
    expect(await all.update("a", { $inc: { likes: 2 }, $push: { tags: "oat" }, $set: { "place.city": "Basel" } })).toBe(
      true,
    );
    expect(await all.get("a")).toEqual({ title: "Milk", likes: 3, tags: ["shop", "oat"], place: { city: "Basel" } });
    expect(await all.update("b", { $inc: { likes: 1 } })).toBe(false);
    expect(await all.list()).toEqual(["a"]);
  });

  it("refuses what does not fit, with its issues, and nothing is written", async () => {
    const { notes: all } = await notes({ a: { title: "Milk", likes: 99 } });
    expect(await rejection(all.update("a", { $inc: { likes: 2 }, $set: { done: true } }))).toMatchObject({
      code: "document.invalid",
      op: "update",
      collection: "notes",
      id: "a",
      issues: [{ path: ["likes"] }],
    });
    expect(await rejection(all.update("a", { $unset: { title: true } }))).toMatchObject({ code: "document.invalid" });
    expect(await all.get("a")).toEqual({ title: "Milk", likes: 99 });
    expect(await all.history("a")).toHaveLength(1);
  });

  it("refuses modifiers that do not apply or cannot be understood as everywhere", async () => {
    const { notes: all } = await notes({ a: { title: "Milk", likes: 1 } });
    const wrong = { $inc: { title: 1 } } as unknown as Modifiers<Note>;
    const nonsense = { $shout: { title: 1 } } as unknown as Modifiers<Note>;
    expect(await rejection(all.update("a", wrong))).toMatchObject({
      code: "update.not-applicable",
      op: "update",
      id: "a",
      query: { path: "title", operator: "$inc" },
    });
    for (const id of ["a", "nobody"]) {
      expect(await rejection(all.update(id, nonsense))).toMatchObject({ code: "query.invalid" });
    }
    expect(await rejection(all.updateMany({ likes: 7 }, nonsense))).toMatchObject({
      code: "query.invalid",
      op: "updateMany",
    });
    expect(await rejection(all.update("a", { $set: { $version: 9 } } as object))).toMatchObject({
      code: "query.invalid",
    });
    expect(await all.get("a")).toEqual({ title: "Milk", likes: 1 });
  });

  it("loses nobody's increment", async () => {
    const { notes: all, anyone } = await notes({ a: { title: "Milk", likes: 0 } });
    const turns = Array.from({ length: 40 }, (_, n) => n);
    await Promise.all(
      turns.map((n) => (n % 2 ? all.update("a", { $inc: { likes: 1 } }) : anyone.update("a", { $inc: { likes: 1 } }))),
    );
    expect(await anyone.get("a")).toEqual({ title: "Milk", likes: 40 });
  });

  it("stores what the schema makes of the result where that is something else", async () => {
    const { notes: all, anyone } = await notes({ a: { title: "Milk", likes: 1, tags: ["a"] } });
    expect(await all.update("a", { $set: { title: " Oat milk " }, $inc: { likes: 1 }, $push: { tags: "SHOP" } })).toBe(
      true,
    );
    const stored = { title: "Oat milk", likes: 2, tags: ["a", "shop"] };
    expect(await anyone.get("a")).toEqual(stored);
    await all.update("a", { $set: { colour: "red" } } as object);
    expect(await anyone.get("a")).toEqual(stored);
    // What it left is known as the version that a put is based on.
    await anyone.update("a", { $inc: { likes: 5 } });
    await all.put("a", { ...stored, done: true });
    expect(await anyone.get("a")).toEqual({ ...stored, likes: 7, done: true });
  });

  it("fills in defaults, and keeps counters what they are meanwhile", async () => {
    const name = freshName();
    const [one, other] = [await database({ name }), await database({ name })];
    const schema: Schema<Post> = z.object({ likes: z.instanceof(Counter), done: z.boolean().default(false) });
    const plain = one.collection<{ likes: Counter }>("posts");
    await plain.put("p", { likes: counter(1) });
    const posts = other.collection("posts", { schema });
    await Promise.all([posts.update("p", { $inc: { likes: 2 } }), plain.update("p", { $inc: { likes: 4 } })]);
    expect(await posts.get("p")).toEqual({ likes: counter(7), done: false });
  });

  it("keeps what the schema does not know, of a newer app's documents and of those that do not fit", async () => {
    const { notes: all, anyone } = await notes();
    await anyone.put("a", { title: "Milk", likes: 1, colour: "red", items: [{ id: 1, name: "x", price: 4 }] });
    await all.update("a", { $inc: { likes: 1 }, $push: { items: { id: 2, name: "y" } } });
    expect(await anyone.get("a")).toEqual({
      title: "Milk",
      likes: 2,
      colour: "red",
      items: [
        { id: 1, name: "x", price: 4 },
        { id: 2, name: "y" },
      ],
    });
    await anyone.put("b", { title: 5, likes: 1, colour: "red" });
    expect(await rejection(all.update("b", { $inc: { likes: 1 } }))).toMatchObject({ issues: [{ path: ["title"] }] });
    await all.update("b", { $set: { title: " Bread " } });
    expect(await anyone.get("b")).toEqual({ title: "Bread", likes: 1, colour: "red" });
  });

  it("takes effect in the order in which it was called, and what is read afterwards sees it", async () => {
    const { notes: all } = await notes({ a: { title: "Milk", likes: 1 } });
    const calls = [
      all.put("a", { title: "Milk", likes: 10 }),
      all.update("a", { $inc: { likes: 1 } }),
      all.put("a", { title: "Bread", likes: 20 }),
      all.update("a", { $inc: { likes: 1 }, $set: { title: " Rye " } }),
      all.updateMany({ title: "Rye" }, { $inc: { likes: 50 } }),
    ];
    expect(await all.get("a")).toEqual({ title: "Rye", likes: 71 });
    calls.push(all.put("a", { title: "Tea", likes: 5 }), all.updateMany({ title: "Tea" }, { $inc: { likes: 1 } }));
    expect(await all.find({ likes: 6 }).all()).toEqual([{ id: "a", document: { title: "Tea", likes: 6 } }]);
    await Promise.all(calls);
  });
});

describe("updateMany of a collection with a schema", () => {
  const many: Record<string, Note> = {
    a: { title: "Milk", likes: 1, done: true },
    b: { title: "Bread", likes: 99, done: false },
    c: { title: "Tea", likes: 99, done: true },
  };

  it("says how many fitted and how many are different, and is one change event", async () => {
    const { db, notes: all } = await notes(many);
    await db.ping("after the event of the puts");
    const events: (readonly string[])[] = [];
    db.on("change", ({ changes }) => events.push(...changes.map(({ ids }) => ids)));
    expect(await all.updateMany({ likes: 99 }, { $set: { done: true } })).toEqual({ matched: 2, modified: 1 });
    expect(await all.updateMany({ done: true }, { $set: { title: " X " } })).toEqual({ matched: 3, modified: 3 });
    expect(await all.updateMany({ likes: 7 }, { $inc: { likes: 1 } })).toEqual({ matched: 0, modified: 0 });
    await db.ping("after the events");
    expect(events).toEqual([["b"], ["a", "b", "c"]]);
    expect((await all.all()).map(({ document }) => document.title)).toEqual(["X", "X", "X"]);
  });

  it("writes nothing when one document does not fit", async () => {
    const { notes: all } = await notes(many);
    expect(await rejection(all.updateMany({ done: true }, { $inc: { likes: 2 } }))).toMatchObject({
      code: "document.invalid",
      op: "updateMany",
      id: "c",
      issues: [{ path: ["likes"] }],
    });
    expect((await all.all()).map(({ document }) => document)).toEqual(Object.values(many));
  });

  it("of a query changes those alone, more of them than one page holds", async () => {
    const { notes: all } = await notes();
    await all.putMany(Array.from({ length: 2_300 }, (_, n) => [`n${n}`, { title: `N${n}`, likes: n % 100 }] as const));
    const query = all
      .find({ likes: { $lt: 90 } })
      .sort("-likes")
      .limit(1_500);
    expect(await query.update({ $set: { likes: 100 } })).toEqual({ matched: 1_500, modified: 1_500 });
    expect(await all.count({ likes: 100 })).toBe(1_500);
  });
});

interface PersonV1 {
  name: string;
  likes?: number;
}
interface PersonV2 {
  first: string;
  last: string;
  likes?: number;
}

const V2: CollectionOptions<PersonV2> = {
  version: 2,
  migrate: {
    1: ({ name, ...rest }: PersonV1) => {
      const [first = "", last = ""] = name.split(" ");
      return { ...rest, first, last };
    },
  },
};
const CHECKED_V2: CollectionOptions<PersonV2> = {
  ...V2,
  schema: z.object({ first: z.string().trim(), last: z.string(), likes: z.number().max(9).default(0) }),
};

/** One database, opened by an app without versions and by one of version 2. */
async function apps(options = V2) {
  const name = freshName();
  const [db1, db] = [await database({ name }), await database({ name })];
  return { db, old: people(db1), raw: db1.collection("people"), two: people2(db, options) };
}

function people(db: Database) {
  return db.collection<PersonV1>("people");
}

function people2(db: Database, options: CollectionOptions<PersonV2>) {
  return db.collection("people", options);
}

const ADA = { name: "Ada Lovelace", likes: 1 };

describe("modifiers of a document of an older version", () => {
  it.each([
    ["migrations alone", V2],
    ["a schema too", CHECKED_V2],
  ])("change it in its new shape: with %s", async (_, options) => {
    const { old, raw, two } = await apps(options);
    await old.putMany({ ada: ADA, bob: ADA, eve: ADA });
    expect(await two.update("ada", { $set: { first: "Augusta" }, $inc: { likes: 1 } })).toBe(true);
    expect(await raw.get("ada")).toEqual({ first: "Augusta", last: "Lovelace", likes: 2 });
    expect(await two.updateMany({ likes: 1 }, { $set: { last: "King" } })).toEqual({ matched: 2, modified: 2 });
    expect(await raw.getMany(["bob", "eve"])).toEqual([
      { first: "Ada", last: "King", likes: 1 },
      { first: "Ada", last: "King", likes: 1 },
    ]);
  });

  it("is the one migration that a put makes, so that nothing is taken back of what others edited on theirs", async () => {
    const { old, two, db } = await apps();
    const other = people2(await database({ name: db.name }), V2);
    await old.put("ada", ADA);
    const theirs = there(await other.get("ada"));
    await two.update("ada", { $set: { first: "Augusta" } });
    await other.put("ada", { ...theirs, likes: 5 });
    expect(await two.get("ada")).toEqual({ first: "Augusta", last: "Lovelace", likes: 5 });
  });

  it("that comes to nothing that fits is not even migrated", async () => {
    const { old, raw, two } = await apps(CHECKED_V2);
    await old.putMany({ ada: ADA, bob: { ...ADA, likes: 9 } });
    expect(await rejection(two.updateMany({}, { $inc: { likes: 1 } }))).toMatchObject({
      code: "document.invalid",
      id: "bob",
    });
    expect(await rejection(two.update("ada", { $inc: { first: 1 } } as object))).toMatchObject({
      code: "update.not-applicable",
    });
    expect(
      await rejection(two.putMany({ ada: { first: "A", last: "L" }, bob: { first: "B", last: "L", likes: 10 } })),
    ).toMatchObject({ id: "bob" });
    expect(await raw.getMany(["ada", "bob"])).toEqual([ADA, { ...ADA, likes: 9 }]);
  });

  it("is refused when it cannot be migrated, until it is put", async () => {
    const { raw, two } = await apps();
    await raw.put("x", { nonsense: true });
    expect(await rejection(two.update("x", { $inc: { likes: 1 } }))).toMatchObject({
      code: "document.invalid",
      id: "x",
      issues: [{ path: [], message: expect.stringContaining("migration failed") }],
    });
    expect(await raw.get("x")).toEqual({ nonsense: true });
    await two.put("x", { first: "X", last: "Y" });
    expect(await two.update("x", { $inc: { likes: 1 } })).toBe(true);
    expect(await two.get("x")).toEqual({ first: "X", last: "Y", likes: 1 });
  });

  it("leave a newer app's version and fields as they are", async () => {
    const { old, two, db } = await apps();
    const v3: CollectionOptions = {
      version: 3,
      migrate: { ...V2.migrate, 2: (person: PersonV2) => ({ ...person, born: 1815 }) },
    };
    const three = (await database({ name: db.name })).collection("people", v3);
    await three.put("ada", { first: "Ada", last: "Lovelace", born: 1815 });
    await two.update("ada", { $inc: { likes: 1 } });
    await old.update("ada", { $inc: { likes: 1 } });
    expect(await three.get("ada")).toEqual({ first: "Ada", last: "Lovelace", born: 1815, likes: 2 });
  });

  it("are undone without its migration", async () => {
    const { old, raw, two, db } = await apps();
    await old.put("ada", ADA);
    await two.update("ada", { $inc: { likes: 1 } });
    expect(await db.undo()).toEqual([{ collection: "people", id: "ada" }]);
    expect(await raw.get("ada")).toEqual({ first: "Ada", last: "Lovelace", likes: 1 });
    expect(db.canUndo).toBe(false);
  });
});

describe("a transaction of a collection with a schema and migrations", () => {
  it("modifies old documents in their new shape, and applies the modifiers to what is there when it commits", async () => {
    const { db, old, raw, two } = await apps(CHECKED_V2);
    await old.putMany({ ada: ADA, bob: { name: "Bob B", likes: 1 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<PersonV2>("people");
      expect(await mine.update("ada", { $inc: { likes: 1 } })).toBe(true);
      expect(await mine.update("ada", { $set: { first: " Augusta " } })).toBe(true);
      expect(await mine.updateMany({ likes: 1 }, { $inc: { likes: 2 } })).toEqual({ matched: 1, modified: 1 });
      expect(await mine.get("ada")).toEqual({ first: " Augusta ", last: "Lovelace", likes: 2 });
      expect(await mine.find({ first: "Bob" }).all()).toEqual([
        { id: "bob", document: { first: "Bob", last: "B", likes: 3 } },
      ]);
      expect(await mine.update("nobody", { $inc: { likes: 1 } })).toBe(false);
      expect(await raw.get("ada")).toEqual(ADA);
      await raw.update("bob", { $inc: { likes: 1 } });
    });
    expect(await two.all()).toEqual([
      { id: "ada", document: { first: "Augusta", last: "Lovelace", likes: 2 } },
      { id: "bob", document: { first: "Bob", last: "B", likes: 4 } },
    ]);
    // Each is a base for a put now.
    await raw.update("ada", { $inc: { likes: 1 } });
    await two.put("ada", { first: "Ada", last: "Lovelace", likes: 2 });
    expect(await two.get("ada")).toEqual({ first: "Ada", last: "Lovelace", likes: 3 });
  });

  it("is refused as a whole when one document does not fit, and nothing of it is written", async () => {
    const { db, old, raw } = await apps(CHECKED_V2);
    await old.putMany({ ada: ADA, bob: ADA });
    const work = db.transaction(async (tx) => {
      const mine = tx.collection<PersonV2>("people");
      await mine.update("ada", { $inc: { likes: 1 } });
      await mine.put("eve", { first: "Eve", last: "E", likes: 1 });
      await mine.update("bob", { $inc: { likes: 9 } });
    });
    expect(await rejection(work)).toMatchObject({ code: "document.invalid", op: "transaction", id: "bob" });
    expect(await raw.all()).toEqual([
      { id: "ada", document: ADA },
      { id: "bob", document: ADA },
    ]);
  });
});

describe("a transaction's queries over documents of an older version", () => {
  it("find them by what is stored, and give them out migrated, once met in that shape alone", async () => {
    const { db, old, raw } = await apps();
    await old.putMany({ ada: ADA, bob: { name: "Bob B", likes: 2 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<PersonV2>("people");
      expect(await mine.count({ first: "Ada" })).toBe(0);
      expect(await mine.find({ likes: 1 }).all()).toEqual([
        { id: "ada", document: { first: "Ada", last: "Lovelace", likes: 1 } },
      ]);
      expect(await mine.findOne({ name: "Bob B" } as object)).toEqual({
        id: "bob",
        document: { first: "Bob", last: "B", likes: 2 },
      });
      expect(await mine.find({ first: "Ada" }).select("first").all()).toEqual([
        { id: "ada", document: { first: "Ada" } },
      ]);
      expect(await mine.find({ name: { $exists: true } } as object).all()).toEqual([]);
      expect(await mine.all()).toHaveLength(2);
    });
    expect(await raw.get("ada")).toEqual(ADA);
  });

  it("select from those that it has not met in their new shape", async () => {
    const { db, old } = await apps();
    await old.put("ada", ADA);
    await db.transaction(async (tx) => {
      const mine = tx.collection<PersonV2>("people");
      expect(await mine.find().select("first").all()).toEqual([{ id: "ada", document: { first: "Ada" } }]);
    });
  });

  it("update them with a function, in one write with everything else", async () => {
    const { db, old, raw, two } = await apps();
    await old.putMany({ ada: ADA, bob: { name: "Bob B", likes: 2 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection<PersonV2>("people");
      expect(
        await mine.updateMany({ likes: { $gt: 0 } }, (person) => void (person.last = person.last.toUpperCase())),
      ).toEqual({ matched: 2, modified: 1 });
      expect(await mine.deleteMany({ first: "Ada" })).toEqual({ deleted: 1 });
    });
    expect(await two.all()).toEqual([{ id: "bob", document: { first: "Bob", last: "B", likes: 2 } }]);
    expect(await raw.get("bob")).toEqual({ name: "Bob B", likes: 2 });
  });
});
