/** Exports: everything arrives in a new database, on whichever host; a file that is not whole is refused. */

import { counter, type Database, importDatabase, open, text } from "ashore";
import { describe, expect, it } from "vitest";
import { goldenExport, goldenPassphrase } from "./golden-export.js";
import { database, freshName, rejection, there } from "./host.js";

const passphrase = "four words that nobody guesses";

/** A database with everything that documents can have; the same in every host. */
async function filled(): Promise<Database> {
  const db = await database();
  const notes = db.collection<Record<string, unknown>>("notes", { indexes: [{ name: "by-n", fields: ["n"] }] });
  for (let n = 0; n < 20; n += 1) {
    await notes.put(`n${n}`, {
      n,
      at: new Date(n),
      bytes: new Uint8Array([n, 255]),
      big: 10n ** 15n,
      body: text(`héllo ${n}`),
    });
  }
  await notes.put("n1", { ...(await notes.get("n1")), likes: counter(7) });
  await notes.delete("n2");
  await db
    .collection<Record<string, unknown>>("diaries", { local: ["secret"] })
    .put("d1", { title: "Monday", secret: "shy" });
  await db.collection("drafts", { local: true }).put("x1", { title: "never leaves" });
  return db;
}

/** Imports a file into a new database, closed after the test. */
async function imported(file: Blob | BufferSource, name = freshName()): Promise<Database> {
  const made = await importDatabase({ name, file, passphrase });
  return hold(made, name);
}

/** Another handle that the suite closes, in the place of one that was opened here. */
async function hold(made: Database, name: string): Promise<Database> {
  const held = await database({ name });
  await made.close();
  return held;
}

async function expectSame(copy: Database, here: Database): Promise<void> {
  for (const collection of ["notes", "diaries", "drafts"]) {
    expect(await copy.collection(collection).all()).toEqual(await here.collection(collection).all());
  }
}

/** The versions of a document's changes. */
async function versions(of: Database): Promise<string[]> {
  return (await of.collection("notes").history("n1")).map(({ version }) => version);
}

describe("an export", () => {
  it("arrives in a new database with values, history, deletes, and what stays on a device", async () => {
    const db = await filled();
    const steps: number[] = [];
    const file = await db.export({ passphrase, onProgress: ({ documents }) => steps.push(documents) });
    expect(steps.at(-1)).toBe(22);
    const copy = await imported(file);
    await expectSame(copy, db);
    expect(await versions(copy)).toEqual(await versions(db));
    expect(await copy.collection("notes").count({ n: { $lt: 5 } })).toBe(4);
    expect(await copy.check()).toMatchObject({ healthy: true });
    expect(copy.sync.status).toMatchObject({ enabled: false, group: null });
    await copy.collection("diaries").update("d1", (diary) => void (diary["title"] = "Tuesday"));
    expect(await copy.collection("diaries").get("d1")).toEqual({ title: "Tuesday", secret: "shy" });
  });

  it("holds nothing that can be read, and opens with its passphrase alone", async () => {
    const db = await filled();
    const file = await db.export({ passphrase });
    const bytes = new TextDecoder("latin1").decode(await file.arrayBuffer());
    expect(bytes.startsWith("ashore export\n")).toBe(true);
    expect(bytes).not.toMatch(/notes|Monday|n12/);
    const name = freshName();
    const wrong = importDatabase({ name, file, passphrase: "four words that somebody tries" });
    expect(await rejection(wrong)).toMatchObject({ code: "export.wrong-passphrase", op: "importDatabase" });
    expect(await rejection(db.export({ passphrase: "1234567890" }))).toMatchObject({ code: "export.weak-passphrase" });
    await expectSame(await imported(file, name), db);
  });

  it("that was changed, cut off, or is something else, is refused, and nothing is taken of it", async () => {
    const db = await filled();
    const whole = new Uint8Array(await (await db.export({ passphrase })).arrayBuffer());
    const name = freshName();
    const refused = async (file: Uint8Array<ArrayBuffer>) =>
      (await rejection(importDatabase({ name, file, passphrase }))).code;
    for (const at of [0, 14, 15, 30, 60, whole.length >> 1, whole.length - 1]) {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(await refused(changed)).toMatch(/^export\.(not-an-export|newer-format|truncated|damaged)$/);
    }
    for (const length of [5, 20, 100, 300, whole.length >> 1, whole.length - 1]) {
      expect(await refused(whole.slice(0, length))).toBe("export.truncated");
    }
    expect(await refused(new Uint8Array([...whole, 0, 0, 0, 0]))).toMatch(/^export\.(damaged|truncated)$/);
    expect(await refused(new Uint8Array(0))).toBe("export.not-an-export");
    const huge = whole.slice();
    const head = 14 + 1 + 2 + new DataView(whole.buffer).getUint16(15) + 32;
    new DataView(huge.buffer).setUint32(head, 0xffffffff);
    expect(await refused(huge)).toBe("export.truncated");
    const empty = await database({ name });
    expect(await empty.collections()).toEqual([]);
  });

  it("that was made on another host, by an earlier version, opens here", async () => {
    const copy = await imported(goldenExport);
    const note = there(await copy.collection("notes").get("n1"));
    expect(note).toMatchObject({ n: 1, title: "Oat milk", at: new Date(7), big: 10n ** 15n });
    expect([...(note["bytes"] as Uint8Array)]).toEqual([1, 255]);
    expect(String(note["body"])).toBe("héllo");
    expect(Number(note["likes"])).toBe(3);
    expect(await copy.collection("notes").list()).toEqual(["n1"]);
    expect((await copy.collection("notes").history("n1")).map(({ mine }) => mine)).toEqual([false, false]);
    expect(await copy.collection("diaries").all()).toEqual([
      { id: "d1", document: { title: "Monday", secret: "shy" } },
    ]);
    expect(await copy.collection("drafts").get("x1")).toEqual({ title: "never leaves" });
    expect(goldenPassphrase).toBe(passphrase);
  });

  it("goes into an empty database only", async () => {
    const db = await filled();
    const file = await db.export({ passphrase });
    const name = freshName();
    const full = await database({ name });
    await full.collection("notes").put("mine", { kept: true });
    const into = importDatabase({ name, file, passphrase });
    expect(await rejection(into)).toMatchObject({ code: "import.not-empty" });
    expect(await full.collection("notes").all()).toEqual([{ id: "mine", document: { kept: true } }]);
  });

  it("goes on while documents are written, and each is whole", async () => {
    const db = await open({ name: freshName() });
    const notes = db.collection<{ n: number; copy: number }>("notes");
    await notes.putMany(Array.from({ length: 3_000 }, (_, n) => [`n${n}`, { n, copy: n }]));
    const writes: Promise<unknown>[] = [];
    const file = await db.export({
      passphrase,
      onProgress: () => writes.push(notes.put(`n${writes.length}`, { n: -1, copy: -1 })),
    });
    await Promise.all(writes);
    await db.close();
    const copy = await imported(file);
    const all = await copy.collection<{ n: number; copy: number }>("notes").all();
    expect(all.length).toBe(3_000);
    expect(all.every(({ document }) => document.n === document.copy)).toBe(true);
  });
});
