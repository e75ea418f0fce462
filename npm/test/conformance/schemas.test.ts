/** Schemas: what is checked, what is stored, and what does not fit but came all the same. */

import { type AshoreError, type CollectionOptions, type Schema, text, Text } from "ashore";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { database, freshName, rejection, there } from "./host.js";

interface Task {
  title: string;
  done: boolean;
  items?: { id: number; name: string }[] | undefined;
}

const schemas: Record<string, Schema<Task>> = {
  zod: z.object({
    title: z.string().min(1),
    done: z.boolean(),
    items: z.array(z.object({ id: z.number(), name: z.string() })).optional(),
  }),
  valibot: v.object({
    title: v.pipe(v.string(), v.minLength(1)),
    done: v.boolean(),
    items: v.optional(v.array(v.object({ id: v.number(), name: v.string() }))),
  }),
  arktype: type({
    title: "string > 0",
    done: "boolean",
    "items?": type({ id: "number", name: "string", "+": "delete" }).array(),
    "+": "delete",
  }) as unknown as Schema<Task>,
};

describe.each(Object.entries(schemas))("a schema of %s", (_, schema) => {
  it("lets pass what fits, and refuses what does not with all issues, and nothing is stored", async () => {
    const tasks = (await database()).collection("tasks", { schema });
    await tasks.put("a", { title: "Milk", done: false, items: [{ id: 1, name: "x" }] });
    expect(await tasks.get("a")).toEqual({ title: "Milk", done: false, items: [{ id: 1, name: "x" }] });
    const wrong = { title: "", done: "no", items: [{ id: 1, name: 5 }] } as unknown as Task;
    const error = (await rejection(tasks.put("a", wrong))) as unknown as AshoreError;
    expect(error).toMatchObject({ code: "document.invalid", op: "put", collection: "tasks", id: "a", retry: false });
    expect(error.issues?.map(({ path }) => path.join(".")).toSorted()).toEqual(["done", "items.0.name", "title"]);
    expect(error.issues?.every(({ message }) => message.length > 0)).toBe(true);
    expect(await tasks.get("a")).toMatchObject({ title: "Milk" });
  });

  it("keeps what it does not know of what is stored, at every depth", async () => {
    const name = freshName();
    const newer = (await database({ name })).collection("tasks");
    const tasks = (await database({ name })).collection("tasks", { schema });
    await newer.put("a", {
      title: "Milk",
      done: false,
      color: "red",
      items: [
        { id: 1, name: "x", price: 4 },
        { id: 2, name: "y", price: 5 },
      ],
    });
    const read = await tasks.get("a");
    await tasks.put("a", { ...there(read), done: true });
    expect(await newer.get("a")).toMatchObject({ color: "red", done: true, items: [{ price: 4 }, { price: 5 }] });

    // As an app does that hands only what it knows to its views.
    await tasks.put("a", { title: "Oat milk", done: true, items: [{ id: 2, name: "z" }] });
    expect(await newer.get("a")).toEqual({
      title: "Oat milk",
      done: true,
      color: "red",
      items: [{ id: 2, name: "z", price: 5 }],
    });
  });
});

describe("a schema", () => {
  const schema = z.object({
    title: z.string().trim(),
    done: z.boolean().default(false),
    due: z.coerce.date().optional(),
  });

  it("decides what is stored: defaults, trimmed text, dates; what it does not know is left out", async () => {
    const tasks = (await database()).collection<object>("tasks", { schema });
    await tasks.put("a", { title: " Milk ", due: "2026-11-21T00:00:00Z", typo: 1 });
    const stored = { title: "Milk", done: false, due: new Date("2026-11-21T00:00:00Z") };
    expect(await tasks.get("a")).toEqual(stored);
    await tasks.update("a", (task) => task);
    expect(await tasks.get("a")).toEqual(stored);
  });

  it("that does not leave alone what it made is refused, so no transform is applied twice", async () => {
    const lengths = z.object({
      title: z.union([z.string().transform((word) => word.length), z.number().transform((n) => n + 1)]),
    });
    const tasks = (await database()).collection<object>("tasks", { schema: lengths });
    const error = await rejection(tasks.put("a", { title: "Milk" }));
    expect(error).toMatchObject({ code: "document.invalid", issues: [{ path: [] }] });
    expect(await tasks.get("a")).toBeNull();
  });

  it("may be asynchronous, and calls keep their order meanwhile", async () => {
    const slow = z.object({ n: z.number() }).refine(async ({ n }) => {
      for (let turn = 0; turn < 20 - n; turn += 1) await Promise.resolve();
      return n < 10;
    });
    const numbers = (await database()).collection("numbers", { schema: slow });
    const puts = [0, 1, 2].map((n) => numbers.put("a", { n }));
    expect(await numbers.get("a")).toEqual({ n: 2 });
    await Promise.all(puts);
    expect((await rejection(numbers.put("a", { n: 10 }))).code).toBe("document.invalid");
    void numbers.put("b", { n: 4 });
    expect(await numbers.list()).toEqual(["a", "b"]);
  });

  it("that throws is an issue, not a crash", async () => {
    const broken = z.object({}).transform(() => {
      throw new Error("no");
    });
    const tasks = (await database()).collection<object>("tasks", { schema: broken });
    expect(await rejection(tasks.put("a", {}))).toMatchObject({ code: "document.invalid" });
  });

  it("checks putMany, updates and transactions, all or nothing", async () => {
    const db = await database();
    const tasks = db.collection("tasks", { schema: schemas["zod"] as Schema<Task> });
    const wrong = { title: "", done: false };
    const many = { a: { title: "Milk", done: false }, b: wrong };
    expect(await rejection(tasks.putMany(many))).toMatchObject({ code: "document.invalid", id: "b" });
    expect(await tasks.list()).toEqual([]);
    await tasks.put("a", many.a);
    expect(await rejection(tasks.update("a", (task) => void (task.title = "")))).toMatchObject({ op: "update" });
    const work = db.transaction(async (tx) => {
      await tx.collection("others").put("x", {});
      await tx.collection<Task>("tasks").put("b", wrong);
    });
    expect(await rejection(work)).toMatchObject({ code: "document.invalid", op: "transaction", id: "b" });
    expect(await db.collection("others").list()).toEqual([]);
    expect(await tasks.get("a")).toEqual(many.a);
  });

  it("drops nothing that came without it: it is read, and flagged", async () => {
    const name = freshName();
    const anyone = (await database({ name })).collection("tasks");
    await anyone.putMany({ a: { title: "Milk", done: false }, b: { title: 5 }, c: { title: "", done: true } });
    const tasks = (await database({ name })).collection("tasks", { schema: schemas["zod"] as Schema<Task> });
    expect((await tasks.all()).map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(await tasks.find({ done: true }).all()).toEqual([{ id: "c", document: { title: "", done: true } }]);
    const b = await tasks.get("b");
    expect(b).toEqual({ title: 5 });
    expect((await tasks.issuesOf(there(b))).map(({ path }) => path)).toEqual([["title"], ["done"]]);
    expect(await tasks.issuesOf(there(await tasks.get("a")))).toEqual([]);
    const found = [];
    for await (const { id, document, issues } of tasks.invalid()) found.push([id, document, issues.length]);
    expect(found).toEqual([
      ["b", { title: 5 }, 2],
      ["c", { title: "", done: true }, 1],
    ]);
    await tasks.put("b", { title: "Bread", done: false });
    expect(await tasks.get("b")).toEqual({ title: "Bread", done: false });
  });

  it("looks for what does not fit without counting it as read: a put takes back nothing that others wrote", async () => {
    const name = freshName();
    const anyone = (await database({ name })).collection("tasks");
    const tasks = (await database({ name })).collection("tasks", { schema: schemas["zod"] as Schema<Task> });
    await tasks.putMany({ a: { title: "Milk", done: false }, b: { title: "Bread", done: false } });
    const [a, b] = [{ ...there(await tasks.get("a")) }, { ...there(await tasks.get("b")) }];
    await anyone.update("a", { $set: { done: true } });
    await anyone.update("b", { $set: { title: 5 } });
    const found = [];
    for await (const each of tasks.invalid()) found.push(each);
    expect(found).toMatchObject([{ id: "b", document: { title: 5, done: false } }]);
    await tasks.put("a", { ...a, title: "Oat milk" });
    expect(await tasks.get("a")).toEqual({ title: "Oat milk", done: true });
    // What was given out is what its repair is based on.
    await anyone.update("b", { $set: { done: true } });
    await tasks.put("b", { ...b, title: "Rye" });
    expect(await tasks.get("b")).toEqual({ title: "Rye", done: true });
  });

  it("does not check texts as they are typed, nor undo: what does not fit then is flagged", async () => {
    const name = freshName();
    const anyone = (await database({ name })).collection("tasks");
    const schema4 = z.object({ body: z.instanceof(Text).refine(({ value }) => value.length <= 4) });
    const tasks = (await database({ name })).collection("tasks", { schema: schema4 });
    const flagged = async () => {
      const ids = [];
      for await (const { id } of tasks.invalid()) ids.push(id);
      return ids;
    };
    await tasks.put("a", { body: text("Milk") });
    await tasks.text("a", "body").splice(4, 0, "!");
    expect(await flagged()).toEqual(["a"]);
    expect(await tasks.issuesOf(there(await tasks.get("a")))).toMatchObject([{ path: ["body"] }]);
    // A write elsewhere ends the step of typing, so the next put is one of its own.
    await tasks.put("elsewhere", { body: text("Rye") });
    await tasks.put("a", { body: text("Oat") });
    expect(await flagged()).toEqual([]);
    expect(await tasks.undo("a")).toEqual({ document: { body: text("Milk!") } });
    expect(await flagged()).toEqual(["a"]);
    // A plain string becomes a text with its first edit: a schema of strings does not take it.
    await anyone.put("b", { body: "Rye" });
    expect(await flagged()).toEqual(["a", "b"]);
    await tasks.text("b", "body").splice(0, 0, "-");
    expect(await flagged()).toEqual(["a"]);
  });

  it("gives the collection its type", async () => {
    const db = await database();
    const tasks = db.collection("tasks", { schema, indexes: [{ fields: ["title", "-due"] }] });
    expectTypeOf(tasks.get).returns.resolves.toEqualTypeOf<{
      title: string;
      done: boolean;
      due?: Date | undefined;
    } | null>();
    expectTypeOf<CollectionOptions<Task>["schema"]>().toEqualTypeOf<Schema<Task> | undefined>();
    // @ts-expect-error -- the schema is of other documents
    db.collection<{ n: number }>("numbers", { schema });
  });
});
