/** What a collection is declared to be: once for each handle, in force before its first call, never silent when it is wrong. */

import type { AshoreError, CollectionOptions } from "ashore";
import { describe, expect, it } from "vitest";
import { database, freshName, rejection } from "./host.js";

interface Task {
  title: string;
  done: boolean;
  place?: { city: string };
}

const OPTIONS: CollectionOptions<Task> = { indexes: [{ fields: ["done", "-title"] }, { fields: ["place.city"] }] };

describe("options of a collection", () => {
  it("are in force before the first call about it", async () => {
    const tasks = (await database()).collection("tasks", OPTIONS);
    expect((await tasks.indexes()).map(({ name }) => name)).toEqual(["done,-title", "place.city"]);
    await tasks.putMany({ a: { title: "Milk", done: false }, b: { title: "Bread", done: true } });
    expect((await tasks.find({ done: true }).all()).map(({ id }) => id)).toEqual(["b"]);
  });

  it("hold for every collection object of that name and handle, and for transactions", async () => {
    const db = await database();
    const before = db.collection<Task>("tasks");
    db.collection("tasks", OPTIONS);
    await db.transaction(async (tx) => {
      await tx.collection<Task>("tasks").put("a", { title: "Milk", done: false });
    });
    expect((await before.indexes()).map(({ name }) => name)).toEqual(["done,-title", "place.city"]);
    expect(await db.collection("tasks").get("a")).toEqual({ title: "Milk", done: false });
  });

  it("may be repeated and left out, but not changed within one handle", async () => {
    const name = freshName();
    const [db, other] = [await database({ name }), await database({ name })];
    db.collection("tasks", OPTIONS);
    db.collection("tasks", { indexes: [{ fields: ["done", "-title"] }, { fields: ["place.city"] }] });
    db.collection("tasks");
    expect(() => db.collection("tasks", {})).toThrow(
      expect.objectContaining({ code: "request.invalid", collection: "tasks" }),
    );
    const others = other.collection("tasks", { indexes: [{ fields: ["title"] }] });
    expect((await others.indexes()).map(({ name: index }) => index)).toEqual(["title"]);
  });

  it("leave the indexes as they are when they name none", async () => {
    const name = freshName();
    const [db, other] = [await database({ name }), await database({ name })];
    await db.collection<Task>("tasks").declareIndexes([{ fields: ["title"] }]);
    expect(await other.collection<Task>("tasks", {}).indexes()).toHaveLength(1);
  });

  it("are the one place where indexes are declared", async () => {
    const tasks = (await database()).collection("tasks", OPTIONS);
    expect(await rejection(tasks.declareIndexes([]))).toMatchObject({ code: "request.invalid", op: "declareIndexes" });
  });

  it("that the engine refuses make every call about the collection reject, and an event tells once", async () => {
    const db = await database();
    const errors: AshoreError[] = [];
    db.on("error", (error) => errors.push(error));
    const twice = db.collection("tasks", { indexes: [{ fields: ["a"] }, { fields: ["a"] }] });
    const refused = { code: "index.invalid", collection: "tasks" };
    expect(await rejection(twice.put("a", { a: 1 }))).toMatchObject({ ...refused, op: "put" });
    expect(await rejection(twice.get("a"))).toMatchObject({ ...refused, op: "get" });
    expect(await rejection(twice.all())).toMatchObject({ ...refused, op: "all" });
    expect(await rejection(twice.find({ a: 1 }).all())).toMatchObject({ ...refused, op: "find" });
    const write = db.transaction(async (tx) => tx.collection("tasks").put("b", {}));
    expect(await rejection(write)).toMatchObject({ ...refused, op: "transaction" });
    await db.collection("others").put("a", { a: 1 });
    expect(errors).toMatchObject([refused]);
  });

  it("name paths of the documents' type", async () => {
    const db = await database();
    // @ts-expect-error -- there is no such field
    db.collection<Task>("tasks", { indexes: [{ fields: ["titel"] }] });
    db.collection("untyped", { indexes: [{ fields: ["whatever.there.is"] }] });
  });
});
