/** Documents: put, get, update, delete and list, with exact values. */

import { AshoreError } from "ashore";
import { describe, expect, it } from "vitest";
import { database, rejection } from "./host.js";

interface Note {
  title: string;
  tags?: string[];
  done?: boolean;
}

describe("put and get", () => {
  it("gives back what was put", async () => {
    const notes = (await database()).collection<Note>("notes");
    await notes.put("n1", { title: "Milk", tags: ["shop"] });
    expect(await notes.get("n1")).toEqual({ title: "Milk", tags: ["shop"] });
  });

  it("a second put replaces the whole document", async () => {
    const notes = (await database()).collection<Note>("notes");
    await notes.put("n1", { title: "Milk", tags: ["shop"] });
    await notes.put("n1", { title: "Bread" });
    expect(await notes.get("n1")).toEqual({ title: "Bread" });
  });

  it("puts of one document that nobody awaits take effect in order, each on top of the one before", async () => {
    const notes = (await database()).collection("notes");
    await notes.put("n1", { z: 0 });
    const puts = Array.from({ length: 20 }, (_, index) => notes.put("n1", { [`k${index}`]: index }));
    expect(await notes.get("n1")).toEqual({ k19: 19 });
    await Promise.all(puts);
    expect(await notes.get("n1")).toEqual({ k19: 19 });
  });

  it("keeps what the object was when put was called", async () => {
    const notes = (await database()).collection<Note>("notes");
    const note = { title: "Milk" };
    const put = notes.put("n1", note);
    note.title = "changed afterwards";
    await put;
    expect(await notes.get("n1")).toEqual({ title: "Milk" });
  });

  it("an unseen collection comes into being with its first document", async () => {
    const db = await database();
    expect(await db.collections()).toEqual([]);
    await db.collection("b").put("1", { x: 1 });
    await db.collection("a").put("1", { x: 2 });
    expect(await db.collections()).toEqual(["a", "b"]);
  });

  it("the same id in two collections names two documents", async () => {
    const db = await database();
    await db.collection("a").put("1", { in: "a" });
    await db.collection("b").put("1", { in: "b" });
    expect(await db.collection("a").get("1")).toEqual({ in: "a" });
    await db.collection("a").delete("1");
    expect(await db.collection("b").get("1")).toEqual({ in: "b" });
  });

  it("what is not there is null, whatever is not there", async () => {
    const db = await database();
    expect(await db.collection("nowhere").get("n1")).toBeNull();
    await db.collection("notes").put("n1", {});
    expect(await db.collection("notes").get("n2")).toBeNull();
    await db.collection("notes").delete("n1");
    expect(await db.collection("notes").get("n1")).toBeNull();
  });

  it("an empty document is a document", async () => {
    const notes = (await database()).collection("notes");
    await notes.put("n1", {});
    expect(await notes.get("n1")).toEqual({});
    expect(await notes.list()).toEqual(["n1"]);
  });

  it("getMany answers in the order of the ids, null where there is nothing", async () => {
    const notes = (await database()).collection("notes");
    await notes.putMany({ a: { n: 1 }, b: { n: 2 } });
    expect(await notes.getMany(["b", "x", "a", "b"])).toEqual([{ n: 2 }, null, { n: 1 }, { n: 2 }]);
    expect(await notes.getMany([])).toEqual([]);
  });

  it("putMany takes pairs or an object, and of an id that occurs twice the last", async () => {
    const notes = (await database()).collection("notes");
    await notes.putMany([
      ["a", { n: 1 }],
      ["b", { n: 2 }],
      ["a", { n: 3 }],
    ]);
    await notes.putMany({ c: { n: 4 } });
    expect((await notes.all()).map(({ id, document }) => [id, document])).toEqual([
      ["a", { n: 3 }],
      ["b", { n: 2 }],
      ["c", { n: 4 }],
    ]);
  });

  it("strict durability gives the same results", async () => {
    const notes = (await database({ durability: "strict" })).collection("notes");
    await notes.put("n1", { a: 1 });
    await notes.put("n2", { a: 2 }, { durability: "relaxed" });
    expect(await notes.getMany(["n1", "n2"])).toEqual([{ a: 1 }, { a: 2 }]);
  });
});

describe("values", () => {
  const document = {
    text: 'Grüße, 世界, 👩‍👩‍👧‍👦, \u0000, \u2028, "\\',
    empty: "",
    yes: true,
    no: false,
    nothing: null,
    numbers: [0, 1, -1, 1.5, -0.1, 1e300, 5e-324, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, 1e21],
    nested: { list: [[], [[1]], { a: [{ b: null }] }], map: { "": { ключ: "значение" } } },
  };

  it("of JSON come back as they were", async () => {
    const values = (await database()).collection("values");
    await values.put("v", document);
    expect(await values.get("v")).toStrictEqual(document);
  });

  it("of every other kind come back as they were", async () => {
    const values = (await database()).collection("values");
    const special = {
      date: new Date(1_700_000_000_123),
      old: new Date(-62_135_596_800_000),
      bytes: Uint8Array.from({ length: 1_000 }, (_, index) => index % 256),
      noBytes: new Uint8Array(),
      small: 5n,
      negative: -5n,
      largest: 2n ** 64n - 1n,
      smallest: -(2n ** 63n),
      beyond: 2n ** 53n + 1n,
      zero: -0,
      list: [new Date(0), [1n, new Uint8Array([255])], -0],
      $ashore: { $ashore: ["date", 1] },
    };
    await values.put("v", special);
    const read = await values.get("v");
    expect(read).toStrictEqual(special);
    expect(Object.is(read?.["zero"], -0)).toBe(true);
    expect((await values.all())[0]?.document).toStrictEqual(special);
  });

  it("that are undefined are left out", async () => {
    const values = (await database()).collection("values");
    await values.put("v", { a: undefined, b: { c: undefined, d: 1 } });
    expect(await values.get("v")).toStrictEqual({ b: { d: 1 } });
  });

  it("keep their kind when a second put changes them", async () => {
    const values = (await database()).collection("values");
    await values.put("v", { a: 1, b: "text", c: [1, 2, 3], d: { x: 1 } });
    await values.put("v", { a: 1n, b: new Uint8Array([1]), c: { now: "a map" }, d: [null] });
    expect(await values.get("v")).toStrictEqual({ a: 1n, b: new Uint8Array([1]), c: { now: "a map" }, d: [null] });
  });

  it("lists grow, shrink and move", async () => {
    const values = (await database()).collection("values");
    const lists = [[1, 2, 3], [2, 3], [3, 2, 1, 0], [], [{ a: 1 }, { a: 2 }], [{ a: 2 }], [[1], [2, [3]]]];
    for (const list of lists) {
      await values.put("v", { list });
      expect(await values.get("v")).toStrictEqual({ list });
    }
  });

  it("under any key come back under that key", async () => {
    const values = (await database()).collection("values");
    const keys = ["__proto__", "constructor", "toString", "a.b", "a/b", "0", " ", "ü", "👋", "$ashore", "\u0000"];
    const record = JSON.parse(
      `{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(key)}`).join()}}`,
    ) as Record<string, unknown>;
    await values.put("v", record);
    const read = await values.get("v");
    expect(Object.keys(read ?? {}).toSorted()).toEqual(keys.toSorted());
    expect(JSON.parse(JSON.stringify(read))).toEqual(record);
  });
});

describe("what no document can hold", () => {
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic["self"] = cyclic;
  const refused: [string, object][] = [
    ["a cycle", cyclic],
    ["a function", { f: () => 1 }],
    ["a symbol", { s: Symbol("s") }],
    ["NaN", { n: NaN }],
    ["an infinity", { n: [Infinity] }],
    ["a bigint beyond 64 bits", { n: 2n ** 64n }],
    ["a class", { m: new Map() }],
    ["a lone surrogate", { t: "\ud800" }],
    ["undefined in an array", { l: [undefined] }],
    ["a list in place of a document", [1]],
  ];

  it.each(refused)("%s is refused and the store stays as it was", async (_, document) => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("n1", { title: "Milk" });
    const error = await rejection(notes.put("n1", document as Record<string, unknown>));
    expect(error).toBeInstanceOf(AshoreError);
    expect(error).toMatchObject({
      code: "document.not-serializable",
      op: "put",
      collection: "notes",
      id: "n1",
      retry: false,
    });
    expect((await rejection(notes.put("n2", document as Record<string, unknown>))).code).toBe(
      "document.not-serializable",
    );
    expect(
      (
        await rejection(
          notes.putMany([
            ["n3", { fine: true }],
            ["n4", document as Record<string, unknown>],
          ]),
        )
      ).code,
    ).toBe("document.not-serializable");
    expect(await notes.all()).toEqual([{ id: "n1", document: { title: "Milk" } }]);
  });

  it("a document nested too deep is refused as too large", async () => {
    const notes = (await database()).collection("notes");
    let nested: object = {};
    for (let level = 0; level < 200; level += 1) {
      nested = { in: nested };
    }
    expect((await rejection(notes.put("n1", nested as Record<string, unknown>))).code).toBe("document.too-large");
    expect(await notes.list()).toEqual([]);
  });

  it("an id or a collection that is empty or no text is refused", async () => {
    const db = await database();
    expect((await rejection(db.collection("notes").put("", {}))).code).toBe("document.invalid-id");
    expect((await rejection(db.collection("notes").put("\ud800", {}))).code).toBe("document.invalid-id");
    expect((await rejection(db.collection("notes").get(1 as unknown as string))).code).toBe("document.invalid-id");
    expect((await rejection(db.collection("").put("n1", {}))).code).toBe("document.invalid-collection");
    expect(() => db.collection("\udc00")).toThrow(AshoreError);
    expect(await db.collections()).toEqual([]);
  });
});

describe("a put of a document that was read earlier", () => {
  it("keeps what another handle changed in another field", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    await one.collection("notes").put("n1", { title: "Milk", done: false });
    const read = await one.collection<{ title: string; done: boolean }>("notes").get("n1");
    await other.collection("notes").update("n1", (note) => void (note["done"] = true));
    await one.collection("notes").put("n1", { ...read, title: "Oat milk" });
    expect(await one.collection("notes").get("n1")).toEqual({ title: "Oat milk", done: true });
  });

  it("keeps it also when the object itself is edited and put twice", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    await one.collection("notes").put("n1", { a: 1, b: 1, c: 1 });
    const read = (await one.collection("notes").get("n1")) ?? {};
    await other.collection("notes").update("n1", (note) => void (note["c"] = 2));
    read["a"] = 2;
    await one.collection("notes").put("n1", read);
    read["b"] = 2;
    await one.collection("notes").put("n1", read);
    expect(await other.collection("notes").get("n1")).toEqual({ a: 2, b: 2, c: 2 });
  });

  it("keeps it also when copies are put again and again", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    await one.collection("notes").put("n1", { t: 0, z: 1 });
    const read = await one.collection("notes").get("n1");
    await other.collection("notes").update("n1", (note) => void (note["z"] = 2));
    await one.collection("notes").put("n1", { ...read, t: 1 });
    await one.collection("notes").put("n1", { ...read, t: 2 });
    expect(await one.collection("notes").get("n1")).toEqual({ t: 2, z: 2 });
  });

  it("removes the fields that the caller removed and no others", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    await one.collection("notes").put("n1", { a: 1, b: 1 });
    const read = await one.collection("notes").get("n1");
    await other.collection("notes").update("n1", (note) => void (note["c"] = 1));
    delete read?.["b"];
    await one.collection("notes").put("n1", read ?? {});
    expect(await one.collection("notes").get("n1")).toEqual({ a: 1, c: 1 });
  });

  it("adds to what another handle put meanwhile where it had read that there was nothing", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    expect(await one.collection("notes").get("n1")).toBeNull();
    await other.collection("notes").put("n1", { b: 1 });
    await one.collection("notes").put("n1", { a: 1 });
    expect(await one.collection("notes").get("n1")).toEqual({ a: 1, b: 1 });
  });

  it("without having read it replaces everything", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    await one.collection("notes").put("n1", { a: 1 });
    await other.collection("notes").put("n1", { b: 1 });
    expect(await one.collection("notes").get("n1")).toEqual({ b: 1 });
  });
});

describe("update", () => {
  it("puts what the function made of the draft, and resolves with it", async () => {
    const notes = (await database()).collection<Note>("notes");
    await notes.put("n1", { title: "Milk", tags: ["shop"] });
    expect(await notes.update("n1", (note) => void note.tags?.push("today"))).toEqual({
      title: "Milk",
      tags: ["shop", "today"],
    });
    expect(await notes.update("n1", ({ title }) => ({ title: `${title}!` }))).toEqual({ title: "Milk!" });
    expect(await notes.get("n1")).toEqual({ title: "Milk!" });
  });

  it("resolves with null and calls nothing when there is no document", async () => {
    const notes = (await database()).collection<Note>("notes");
    let called = false;
    expect(await notes.update("n1", () => void (called = true))).toBeNull();
    expect(called).toBe(false);
    expect(await notes.list()).toEqual([]);
  });

  it("rejects with what the function throws, and changes nothing", async () => {
    const notes = (await database()).collection<Note>("notes");
    await notes.put("n1", { title: "Milk" });
    const fault = new Error("no");
    await expect(
      notes.update("n1", () => {
        throw fault;
      }),
    ).rejects.toBe(fault);
    await expect(notes.update("n1", (async () => {}) as () => void)).rejects.toBeInstanceOf(TypeError);
    expect(await notes.get("n1")).toEqual({ title: "Milk" });
  });

  it("a hundred at once through one handle lose nothing", async () => {
    const counters = (await database()).collection<{ n: number }>("counters");
    await counters.put("c", { n: 0 });
    await Promise.all(Array.from({ length: 100 }, () => counters.update("c", (counter) => void (counter.n += 1))));
    expect(await counters.get("c")).toEqual({ n: 100 });
  });
});

describe("delete", () => {
  it("says whether there was a document, every time", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("n1", {});
    expect(await notes.delete("n1")).toBe(true);
    expect(await notes.delete("n1")).toBe(false);
    expect(await notes.delete("never")).toBe(false);
    expect(await db.collection("nowhere").delete("n1")).toBe(false);
  });

  it("of many says it for each", async () => {
    const notes = (await database()).collection("notes");
    await notes.putMany({ a: {}, b: {}, c: {} });
    expect(await notes.deleteMany(["a", "x", "b"])).toEqual([true, false, true]);
    expect(await notes.list()).toEqual(["c"]);
  });

  it("is undone by a put, with exactly the new fields", async () => {
    const notes = (await database()).collection("notes");
    await notes.put("n1", { old: 1 });
    await notes.delete("n1");
    await notes.put("n1", { new: 1 });
    expect(await notes.get("n1")).toEqual({ new: 1 });
    await notes.delete("n1");
    expect(await notes.get("n1")).toBeNull();
    await notes.put("n1", { newer: 1 });
    expect(await notes.get("n1")).toEqual({ newer: 1 });
    expect(await notes.delete("n1")).toBe(true);
  });

  it("and puts that nobody awaits take effect in order", async () => {
    const notes = (await database()).collection("notes");
    await notes.put("n1", { a: 1 });
    const results = await Promise.all([
      notes.delete("n1"),
      notes.put("n1", { b: 1 }),
      notes.get("n1"),
      notes.delete("n1"),
      notes.list(),
    ]);
    expect(results).toEqual([true, undefined, { b: 1 }, true, []]);
  });
});
