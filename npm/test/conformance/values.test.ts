/** Counters and collaborative texts as values of documents. Two handles of one database are two writers. */

import { type Counter, counter, type Filter, type PathOf, type Text, text } from "ashore";
import { describe, expect, expectTypeOf, it } from "vitest";
import { database, freshName, rejection } from "./host.js";

interface Note {
  title: string;
  likes: Counter;
  body: Text;
  parts?: { name: string; count: Counter }[];
}

const note = (title: string, likes: number, body: string): Note => ({ title, likes: counter(likes), body: text(body) });

async function notes() {
  return (await database()).collection<Note>("notes");
}

/** Two handles: memory is one per handle in Node, so both come from one database; what each has read is its own by the objects it holds. */
async function read(collection: Awaited<ReturnType<typeof notes>>, id = "n1"): Promise<Note> {
  const found = await collection.get(id);
  if (!found) {
    throw new Error("it is there");
  }
  return found;
}

describe("a counter", () => {
  it("comes back as what was put, and equals only its like", async () => {
    const collection = await notes();
    await collection.put("n1", note("Milk", -3, ""));
    const { likes } = await read(collection);
    expect(likes).toEqual(counter(-3));
    expect(likes).not.toEqual(counter(3));
    expect(likes.value).toBe(-3);
    expect(Number(likes) + 1).toBe(-2);
    expect(JSON.stringify({ likes })).toBe('{"likes":-3}');
    expect(String(likes)).toBe("-3");
  });

  it("adds up what two copies added at the same time", async () => {
    const collection = await notes();
    await collection.put("n1", note("Milk", 1, ""));
    const [mine, yours] = [await read(collection), await read(collection)];
    mine.likes.increment(2);
    yours.likes.increment(-5);
    await Promise.all([collection.put("n1", mine), collection.put("n1", yours)]);
    expect((await read(collection)).likes).toEqual(counter(-2));
    await collection.put("n1", mine);
    expect((await read(collection)).likes).toEqual(counter(-2));
    mine.likes.increment();
    await collection.put("n1", mine);
    expect((await read(collection)).likes).toEqual(counter(-1));
  });

  it("is incremented in a draft, also inside of lists", async () => {
    const collection = await notes();
    await collection.put("n1", { ...note("Milk", 0, ""), parts: [{ name: "a", count: counter(1) }] });
    await Promise.all(
      [1, 2, 3, 4].map((by) =>
        collection.update("n1", (draft) => {
          draft.likes.increment(by);
          draft.parts?.[0]?.count.increment(-by);
        }),
      ),
    );
    expect(await read(collection)).toMatchObject({
      likes: { value: 10 },
      parts: [{ name: "a", count: { value: -9 } }],
    });
  });

  it("counts whole numbers only", async () => {
    const collection = await notes();
    expect(() => counter(0.5)).toThrowError("whole numbers");
    expect(() => counter(Number.MAX_SAFE_INTEGER).increment()).toThrowError("whole numbers");
    const half = note("Milk", 0, "");
    half.likes.value = 0.5;
    expect(await rejection(collection.put("n1", half))).toMatchObject({ code: "document.not-serializable", id: "n1" });
  });
});

describe("a text", () => {
  it("comes back as what was put, and equals only its like", async () => {
    const collection = await notes();
    await collection.put("n1", note("Milk", 0, "Zürich 🏖"));
    const { body } = await read(collection);
    expect(body).toEqual(text("Zürich 🏖"));
    expect(body).not.toEqual(text("Zürich"));
    expect(`${body}`).toBe("Zürich 🏖");
    expect(body.length).toBe(9);
    expect(JSON.stringify({ body })).toBe('{"body":"Zürich 🏖"}');
  });

  it("has what two copies wrote at the same time", async () => {
    const collection = await notes();
    await collection.put("n1", note("Milk", 0, "milk and bread"));
    const [mine, yours] = [await read(collection), await read(collection)];
    mine.body.splice(0, 0, "oat ");
    yours.body.update("milk and butter");
    await Promise.all([collection.put("n1", mine), collection.put("n1", yours)]);
    expect((await read(collection)).body.value).toBe("oat milk and butter");
    await collection.put("n1", mine);
    await collection.put("n1", yours);
    expect((await read(collection)).body.value).toBe("oat milk and butter");
  });

  it("is spliced in a draft and in a transaction", async () => {
    const db = await database();
    const collection = db.collection<Note>("notes");
    await collection.put("n1", note("Milk", 0, "🏖 ab"));
    await collection.update("n1", (draft) => void draft.body.splice(3, 1, "A").splice(5, 0, "!"));
    await db.transaction(async (tx) => {
      await tx.collection<Note>("notes").update("n1", (draft) => void draft.body.splice(0, 2));
    });
    expect((await read(collection)).body.value).toBe(" Ab!");
  });

  it("refuses a splice outside of it, and half a character", async () => {
    const collection = await notes();
    const body = text("a🏖");
    expect(() => body.splice(4, 0, "x")).toThrowError("no such place");
    expect(() => body.splice(2, 2)).toThrowError("no such place");
    expect(() => body.splice(-1, 0)).toThrowError("no such place");
    expect(() => body.splice(2, 1)).toThrowError("no such place");
    body.update("\ud83c");
    expect(await rejection(collection.put("n1", { ...note("Milk", 0, ""), body }))).toMatchObject({
      code: "document.not-serializable",
    });
  });
});

describe("queries", () => {
  it("see a counter as its number and a text as its string, with an index and without", async () => {
    const collection = await notes();
    await collection.putMany({ a: note("A", 1, "oat milk"), b: note("B", 20, "bread"), c: note("C", 3, "Milk") });
    for (const indexed of [false, true]) {
      if (indexed) {
        await collection.declareIndexes([{ fields: ["likes"] }, { fields: ["body"] }]);
        await expect.poll(async () => (await collection.indexes()).every(({ ready }) => ready)).toBe(true);
        expect((await collection.find({ likes: 3 }).explain()).index).not.toBeNull();
      }
      const ids = async (filter: Filter<Note>) => (await collection.find(filter).all()).map(({ id }) => id);
      expect(await ids({ likes: { $gte: 3 } })).toEqual(["b", "c"]);
      expect(await ids({ likes: 3 })).toEqual(["c"]);
      expect(await ids({ body: "bread" })).toEqual(["b"]);
      expect(await ids({ body: /milk/i })).toEqual(["a", "c"]);
      expect(await ids({ body: { $type: "string" }, likes: { $type: "number" } })).toEqual(["a", "b", "c"]);
      expect((await collection.find().sort("-likes").all()).map(({ id }) => id)).toEqual(["b", "c", "a"]);
      expect((await collection.find().sort("body").all()).map(({ id }) => id)).toEqual(["c", "b", "a"]);
    }
  });

  it("have types that say so", () => {
    expectTypeOf<{ likes: number }>().toExtend<Filter<Note>>();
    expectTypeOf<{ likes: string }>().not.toExtend<Filter<Note>>();
    expectTypeOf<{ body: { $in: string[] } }>().toExtend<Filter<Note>>();
    expectTypeOf<"likes.value">().not.toExtend<PathOf<Note>>();
  });
});

it("stay what they are when the database is opened again", async () => {
  const name = freshName();
  const first = await database({ name });
  await first.collection<Note>("notes").put("n1", note("Milk", 4, "x"));
  const second = await database({ name });
  await second.collection<Note>("notes").put("n2", note("Bread", 5, "y"));
  expect(await second.collection<Note>("notes").get("n2")).toEqual(note("Bread", 5, "y"));
  expect(await first.collection<Note>("notes").get("n1")).toEqual(note("Milk", 4, "x"));
});
