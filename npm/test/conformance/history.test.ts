/** A document's past: its changes, the document as it was, undo and redo. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { open, type Text, text } from "ashore";
import { database, freshName, needsClock, needsKeeping, rejection } from "./host.js";

interface Note {
  title?: string;
  body?: string;
  tags?: string[];
  at?: Date;
  more?: { deep: number[] };
}

describe("history", () => {
  it("tells each change, the latest first, and gives the document as it was", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    const started = Date.now();
    await notes.put("n1", { title: "Milk", at: new Date(5) });
    await notes.update("n1", (note) => void (note.title = "Oat milk"));
    await notes.put("n1", { title: "Oat milk", tags: ["shop"] });
    await notes.delete("n1");
    const changes = await notes.history("n1");
    expect(changes.map(({ kind, fields, mine, device }) => [kind, fields, mine, device])).toEqual([
      ["delete", [], true, null],
      ["put", ["at", "tags"], true, null],
      ["put", ["title"], true, null],
      ["put", ["at", "title"], true, null],
    ]);
    for (const { at } of changes) {
      expect(Math.abs(at.getTime() - started)).toBeLessThan(600_000);
    }
    const documents = await Promise.all(changes.map(({ version }) => notes.at("n1", version)));
    expect(documents).toStrictEqual([
      null,
      { title: "Oat milk", tags: ["shop"] },
      { title: "Oat milk", at: new Date(5) },
      { title: "Milk", at: new Date(5) },
    ]);
  });

  it("comes in pages", async () => {
    const db = await database();
    const notes = db.collection("notes");
    for (let n = 0; n < 25; n += 1) {
      await notes.put("n1", { n });
    }
    const all = await notes.history("n1");
    const paged = await notes.history("n1", { limit: 10 });
    for (;;) {
      const page = await notes.history("n1", { limit: 10, before: paged.at(-1)?.version });
      if (page.length === 0) break;
      paged.push(...page);
    }
    expect(paged).toEqual(all);
    expect(all).toHaveLength(25);
  });

  it("of a document that never was is empty, and a version that never was is refused", async () => {
    const db = await database();
    const notes = db.collection("notes");
    expect(await notes.history("n1")).toEqual([]);
    expect(await notes.conflicts("n1")).toEqual([]);
    expect(await notes.undo("n1")).toBeNull();
    expect(await notes.redo("n1")).toBeNull();
    await notes.put("n1", {});
    const unknown = { code: "document.unknown-version", collection: "notes", id: "n1" };
    expect(await rejection(notes.at("n1", "AAECAwQFBgc"))).toMatchObject(unknown);
    expect(await rejection(notes.at("n1", "no version"))).toMatchObject({ code: "document.unknown-version" });
    expect(await rejection(notes.history("n1", { before: "AAECAwQFBgc" }))).toMatchObject(unknown);
    expect(await rejection(notes.history(""))).toMatchObject({ code: "document.invalid-id" });
  });

  it("knows this device's changes of earlier openings, and can undo them", needsKeeping, async () => {
    const name = freshName();
    const first = await open({ name });
    await first.collection<Note>("notes").put("n1", { title: "Milk" });
    await first.collection<Note>("notes").put("n1", { title: "Oat milk" });
    await first.close();
    const notes = (await database({ name })).collection<Note>("notes");
    expect((await notes.history("n1")).map(({ mine }) => mine)).toEqual([true, true]);
    expect(await notes.undo("n1")).toEqual({ document: { title: "Milk" } });
    expect((await notes.history("n1")).map(({ kind }) => kind)).toEqual(["undo", "put", "put"]);
  });
});

describe("undo of a document", () => {
  it("goes back step by step, and redo forth", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    const values: Note[] = [
      { title: "Milk", tags: ["a", "b"] },
      { title: "Oat milk", tags: ["a", "x", "b"] },
      { tags: ["x"], more: { deep: [1, 2, 3] } },
    ];
    for (const value of values) {
      await notes.put("n1", value);
    }
    expect(await notes.undo("n1")).toEqual({ document: values[1] });
    expect(await notes.undo("n1")).toEqual({ document: values[0] });
    expect(await notes.undo("n1")).toEqual({ document: null });
    expect(await notes.undo("n1")).toBeNull();
    expect(await notes.list()).toEqual([]);
    for (const document of values) {
      expect(await notes.redo("n1")).toEqual({ document });
    }
    expect(await notes.redo("n1")).toBeNull();
    expect(await notes.get("n1")).toEqual(values[2]);
  });

  it("brings a deleted document back", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    await notes.put("n1", { title: "Milk" });
    await notes.delete("n1");
    expect(await notes.undo("n1")).toEqual({ document: { title: "Milk" } });
    await notes.put("n1", { title: "Oat milk" });
    expect(await notes.redo("n1")).toBeNull();
  });

  it("is a put on what the handle has read since", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    await notes.put("n1", { title: "Milk", body: "1 l" });
    await notes.put("n1", { title: "Oat milk", body: "1 l" });
    const undone = await notes.undo("n1");
    await notes.put("n1", { ...undone?.document, body: "2 l" });
    expect(await notes.get("n1")).toEqual({ title: "Milk", body: "2 l" });
  });

  it("is refused by a unique index, and nothing is written", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    await notes.declareIndexes([{ fields: ["title"], unique: true }]);
    await notes.put("n1", { title: "Milk" });
    await notes.put("n1", { title: "Oat milk" });
    await notes.put("n2", { title: "Milk" });
    expect(await rejection(notes.undo("n1"))).toMatchObject({ code: "index.duplicate" });
    expect(await notes.get("n1")).toEqual({ title: "Oat milk" });
  });
});

describe("undo of a handle", () => {
  it("takes back its last step, and only its own", async () => {
    const name = freshName();
    const [db, other] = await Promise.all([database({ name }), database({ name })]);
    const notes = db.collection<Note>("notes");
    expect([db.canUndo, db.canRedo]).toEqual([false, false]);
    expect(await db.undo()).toEqual([]);
    await notes.put("n1", { title: "Milk", body: "1 l" });
    await notes.put("n2", { title: "Bread" });
    await other.collection<Note>("notes").put("n3", { title: "Eggs" });
    await other.collection<Note>("notes").update("n1", (note) => void (note.body = "2 l"));
    expect([db.canUndo, other.canUndo]).toEqual([true, true]);
    expect(await db.undo()).toEqual([{ collection: "notes", id: "n2" }]);
    expect(await notes.list()).toEqual(["n1", "n3"]);
    expect(await other.undo()).toEqual([{ collection: "notes", id: "n1" }]);
    expect(await notes.get("n1")).toEqual({ title: "Milk", body: "1 l" });
    expect(await db.redo()).toEqual([{ collection: "notes", id: "n2" }]);
    expect(await notes.get("n2")).toEqual({ title: "Bread" });
    expect([db.canRedo, other.canRedo]).toEqual([false, true]);
  });

  it("takes back what a filter updated and deleted, each as one", async () => {
    const db = await database();
    const notes = db.collection<{ n: number }>("notes");
    await notes.putMany({ a: { n: 1 }, b: { n: 1 }, c: { n: 2 } });
    await notes.updateMany({ n: 1 }, { $inc: { n: 10 } });
    await notes.deleteMany({ n: 11 });
    expect(await notes.list()).toEqual(["c"]);
    await db.undo();
    expect(await notes.getMany(["a", "b", "c"])).toEqual([{ n: 11 }, { n: 11 }, { n: 2 }]);
    await db.undo();
    expect(await notes.getMany(["a", "b", "c"])).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }]);
  });

  it("takes a transaction back as one", async () => {
    const db = await database();
    const [lists, done] = [db.collection<{ open: number }>("lists"), db.collection("done")];
    await lists.put("shop", { open: 2 });
    await done.put("old", { at: 1 });
    await db.transaction(async (tx) => {
      await tx.collection<{ open: number }>("lists").update("shop", (list) => void (list.open -= 1));
      await tx.collection("done").put("milk", { at: 5 });
      await tx.collection("done").delete("old");
    });
    await db.ping("after the transaction's own event");
    const events: unknown[] = [];
    db.on("change", ({ changes }) => events.push(changes));
    const changed = [
      { collection: "done", id: "milk" },
      { collection: "done", id: "old" },
      { collection: "lists", id: "shop" },
    ];
    expect(await db.undo()).toEqual(changed);
    await db.ping("after the event");
    expect(events).toHaveLength(1);
    expect([await lists.all(), await done.all()]).toEqual([
      [{ id: "shop", document: { open: 2 } }],
      [{ id: "old", document: { at: 1 } }],
    ]);
    expect(await db.redo()).toEqual(changed);
    expect([await lists.all(), await done.all()]).toEqual([
      [{ id: "shop", document: { open: 1 } }],
      [{ id: "milk", document: { at: 5 } }],
    ]);
  });

  it("takes many puts, deletes and a document that was deleted and put anew back", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    await notes.putMany({ n1: { title: "Milk" }, n2: { title: "Bread" } });
    await notes.deleteMany(["n1", "n2"]);
    await db.undo();
    expect(await notes.list()).toEqual(["n1", "n2"]);
    await db.transaction(async (tx) => {
      await tx.collection("notes").delete("n1");
      await tx.collection("notes").put("n1", { body: "new" });
    });
    await db.undo();
    expect(await notes.get("n1")).toEqual({ title: "Milk" });
    await db.undo();
    expect(await notes.list()).toEqual([]);
    expect([db.canUndo, db.canRedo]).toEqual([false, true]);
  });

  it("can be redone until something new is written", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    await notes.put("n1", { title: "Milk" });
    await notes.put("n1", { title: "Oat milk" });
    await db.undo();
    await db.undo();
    await db.redo();
    expect(db.canRedo).toBe(true);
    await notes.put("n2", {});
    expect(db.canRedo).toBe(false);
    expect(await db.redo()).toEqual([]);
    expect(await notes.get("n1")).toEqual({ title: "Milk" });
  });

  it("passes over a step of which nothing is left", async () => {
    const name = freshName();
    const [db, other] = await Promise.all([database({ name }), database({ name })]);
    const notes = db.collection<Note>("notes");
    await notes.put("n1", { title: "Milk" });
    await notes.put("n2", { title: "Bread" });
    await other.collection("notes").delete("n2");
    expect(await db.undo()).toEqual([{ collection: "notes", id: "n1" }]);
  });

  it("waits for what the handle is writing", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes");
    void notes.put("n1", { title: "Milk" });
    void notes.put("n1", { title: "Oat milk" });
    await db.undo();
    expect(await notes.get("n1")).toEqual({ title: "Milk" });
  });

  it("rejects once it is closed", async () => {
    const db = await database();
    await db.close();
    expect(await rejection(db.undo())).toMatchObject({ code: "database.closed", op: "undo" });
    expect(await rejection(db.collection("notes").history("n1"))).toMatchObject({ code: "database.closed" });
  });
});

describe("typing in a text", () => {
  interface Page {
    body: Text;
    edited?: number;
  }
  let nowMs = 0;

  afterEach(() => vi.restoreAllMocks());

  /** A page with a text that is open in an editor, on a clock that stands still. */
  async function editor(name = freshName()) {
    nowMs = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    const db = await database({ name });
    const pages = db.collection<Page>("pages");
    await pages.put("p1", { body: text("") });
    const body = pages.text("p1", "body");
    await body.read();
    const shown = async () => String((await pages.get("p1"))?.body);
    const type = async (keys: string) => {
      for (const key of keys) {
        await body.splice((body.value as string).length, 0, key);
      }
    };
    return { db, pages, body, shown, type };
  }

  it("is undone and redone by what was typed without a rest, with what was put beside it", async () => {
    const { db, pages, shown, type } = await editor();
    await type("Oat");
    nowMs += 600;
    await type(" milk");
    nowMs += 400;
    await pages.update("p1", (page) => void (page.edited = 1));
    expect(await db.undo()).toEqual([{ collection: "pages", id: "p1" }]);
    expect(await pages.get("p1")).toEqual({ body: text("Oat") });
    await db.undo();
    expect([await shown(), db.canUndo]).toEqual(["", true]);
    await db.redo();
    expect(await shown()).toBe("Oat");
    await db.redo();
    expect(await pages.get("p1")).toEqual({ body: text("Oat milk"), edited: 1 });
    expect(db.canRedo).toBe(false);
  });

  it("is undone in the document by the same steps, and its own ones only", async () => {
    const name = freshName();
    const { db, pages, body, shown, type } = await editor(name);
    await type("milk");
    await pages.put("p2", { body: text("another page") });
    const others = (await database({ name })).collection<Page>("pages");
    const theirs = others.text("p1", "body");
    await theirs.read();
    await theirs.splice(0, 0, "Oat ");
    await expect.poll(() => body.value).toBe("Oat milk");
    expect(await pages.undo("p1")).toEqual({ document: { body: text("Oat ") } });
    expect(await pages.redo("p1")).toEqual({ document: { body: text("Oat milk") } });
    await pages.undo("p1");
    await pages.put("p2", { body: text("another one") });
    expect(db.canRedo).toBe(false);
    expect(await pages.redo("p1")).toEqual({ document: { body: text("Oat milk") } });
    expect(await shown()).toBe("Oat milk");
  });

  it("is undone by the seconds of its history by a handle that did not see it", needsClock, async () => {
    const name = freshName();
    const clock = vi.spyOn(Date, "now").mockReturnValue(1_000_000);
    const { pages: seen, type } = await editor(name);
    await type("Oat");
    await seen.update("p1", (page) => void (page.edited = 1));
    clock.mockReturnValue(1_001_000);
    await type(" m");
    clock.mockReturnValue(1_002_000);
    await type("ilk");
    const pages = (await database({ name })).collection<Page>("pages");
    const undone = async () => String((await pages.undo("p1"))?.document?.body);
    expect(await undone()).toBe("Oat");
    expect(await pages.redo("p1")).toEqual({ document: { body: text("Oat milk"), edited: 1 } });
    expect(await undone()).toBe("Oat");
    expect(await pages.undo("p1")).toEqual({ document: { body: text("Oat") } });
    const later = (await database({ name })).collection<Page>("pages");
    expect(await later.undo("p1")).toEqual({ document: { body: text("") } });
    expect(await later.undo("p1")).toEqual({ document: null });
    expect(await (await database({ name })).collection<Page>("pages").redo("p1")).toEqual({
      document: { body: text("") },
    });
  });

  it("is undone once by two calls at once, and the step before it too", async () => {
    const { db, shown, type } = await editor();
    await type("Oat");
    nowMs += 600;
    await type(" milk");
    await Promise.all([db.undo(), db.undo()]);
    expect(await shown()).toBe("");
    await Promise.all([db.redo(), db.redo()]);
    expect(await shown()).toBe("Oat milk");
  });
});
