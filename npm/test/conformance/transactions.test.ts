/** Transactions: several documents, all or nothing. */

import { describe, expect, it } from "vitest";
import { database, rejection } from "./host.js";

describe("a transaction", () => {
  it("writes several documents of several collections and returns what its function returned", async () => {
    const db = await database();
    await db.collection("lists").put("shop", { open: 1 });
    const result = await db.transaction(async (tx) => {
      await tx.collection<{ open: number }>("lists").update("shop", (list) => void (list.open -= 1));
      await tx.collection("done").put("milk", { at: 5 });
      return "fine";
    });
    expect(result).toBe("fine");
    expect(await db.collection("lists").get("shop")).toEqual({ open: 0 });
    expect(await db.collection("done").get("milk")).toEqual({ at: 5 });
  });

  it("is one change event", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("warm", {});
    await db.ping("after its event");
    const events: unknown[] = [];
    db.on("change", ({ changes }) => events.push(changes));
    await db.transaction(async (tx) => {
      for (let index = 0; index < 10; index += 1) {
        await tx.collection("notes").put(`n${index}`, { index });
      }
      await tx.collection("notes").delete("warm");
    });
    await db.ping("after the event");
    expect(events).toHaveLength(1);
    expect(await notes.list()).toEqual(["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"]);
  });

  it("that throws writes nothing", async () => {
    const db = await database();
    await db.collection("notes").put("n1", { a: 1 });
    const fault = new Error("no");
    const work = db.transaction(async (tx) => {
      await tx.collection("notes").put("n1", { a: 2 });
      await tx.collection("notes").put("n2", {});
      throw fault;
    });
    await expect(work).rejects.toBe(fault);
    expect(await db.collection("notes").all()).toEqual([{ id: "n1", document: { a: 1 } }]);
  });

  it("with one document that cannot be kept writes nothing", async () => {
    const db = await database();
    const error = await rejection(
      db.transaction(async (tx) => {
        await tx.collection("notes").put("n1", {});
        await tx.collection("notes").put("n2", { f: () => 1 });
      }),
    );
    expect(error).toMatchObject({ code: "document.not-serializable", collection: "notes", id: "n2" });
    expect(await db.collections()).toEqual([]);
  });

  it("sees its own writes, and nobody else does before it ends", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.putMany({ a: { n: 1 }, b: { n: 2 }, c: { n: 3 } });
    await db.transaction(async (tx) => {
      const mine = tx.collection("notes");
      await mine.put("bb", { n: 9, at: new Date(1) });
      expect(await mine.delete("b")).toBe(true);
      expect(await mine.delete("b")).toBe(false);
      await mine.update("a", (note) => void (note["n"] = 7));
      expect(await mine.get("a")).toEqual({ n: 7 });
      expect(await mine.get("b")).toBeNull();
      expect(await mine.get("bb")).toStrictEqual({ n: 9, at: new Date(1) });
      expect(await mine.list()).toEqual(["a", "bb", "c"]);
      expect(await mine.list({ limit: 2 })).toEqual(["a", "bb"]);
      expect(await mine.list({ after: "bb" })).toEqual(["c"]);
      expect(await notes.list()).toEqual(["a", "b", "c"]);
      expect(await notes.get("a")).toEqual({ n: 1 });
    });
    expect(await notes.list()).toEqual(["a", "bb", "c"]);
  });

  it("keeps what others changed meanwhile in other fields", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("n1", { a: 1, b: 1 });
    await db.transaction(async (tx) => {
      const note = await tx.collection("notes").get("n1");
      await notes.update("n1", (draft) => void (draft["b"] = 2));
      await tx.collection("notes").put("n1", { ...note, a: 2 });
    });
    expect(await notes.get("n1")).toEqual({ a: 2, b: 2 });
  });

  it("may delete and put the same document: it is a new one then", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("n1", { a: 1 });
    await db.transaction(async (tx) => {
      await tx.collection("notes").delete("n1");
      await tx.collection("notes").put("n1", { b: 1 });
    });
    expect(await notes.get("n1")).toEqual({ b: 1 });
  });

  it("that writes nothing commits nothing", async () => {
    const db = await database();
    const { commits } = await db.diagnostics();
    expect(await db.transaction((tx) => tx.collection("notes").get("n1"))).toBeNull();
    expect((await db.diagnostics()).commits).toBe(commits);
  });

  it("is over when its function is", async () => {
    const db = await database();
    const kept = await db.transaction((tx) => tx.collection("notes"));
    expect((await rejection(kept.put("n1", {}))).code).toBe("request.invalid");
    expect(await db.collection("notes").list()).toEqual([]);
  });
});
