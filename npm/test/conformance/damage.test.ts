/** What is left of a database that was damaged on disk, or deleted underneath: in browsers, with the browser's own storage. */

import { type AshoreError, open } from "ashore";
import { describe, expect, it } from "vitest";
import { database, freshName, persistent, rejection } from "./host.js";

const here = describe.skipIf(!persistent);
/** More than the engine keeps in memory without moving it to blocks, in documents of this size. */
const FILL = { documents: 40, bytes: 100_000 };

/** What a request of IndexedDB answers. */
function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}

/**
 * Flips one bit in a stored copy of `text`, wherever the engine keeps it; no engine may run. The first copy is in the document's history, which
 * stands before the values; the last one is in its value. Answers the blob's name.
 */
async function flipIn(name: string, which: "history" | "value", text: string): Promise<string> {
  const raw = await settled(indexedDB.open(`ashore/${name}`));
  const blobs = raw.transaction("blobs", "readwrite").objectStore("blobs");
  const keys = (await settled(blobs.getAllKeys())) as string[];
  const values = (await settled(blobs.getAll())) as Uint8Array[];
  const copies = keys.flatMap((key, index) => {
    const bytes = values[index] as Uint8Array;
    return placesOf(text, bytes).map((at) => ({ key, bytes, at }));
  });
  const copy = copies.at(which === "history" ? 0 : -1);
  if (!copy) {
    throw new Error(`no blob holds ${text}`);
  }
  copy.bytes[copy.at] = (copy.bytes[copy.at] as number) ^ 1;
  await settled(blobs.put(copy.bytes, copy.key));
  raw.close();
  return copy.key;
}

function placesOf(text: string, bytes: Uint8Array): number[] {
  const all = new TextDecoder("latin1").decode(bytes);
  return [...all.matchAll(new RegExp(text, "g"))].map(({ index }) => index);
}

/** Text that no compression makes shorter. */
function noise(length: number): string {
  let text = "";
  while (text.length < length) {
    text += crypto.randomUUID();
  }
  return text.slice(0, length);
}

/** A collection so large that it was moved to blocks; the database is closed again. */
async function large(name: string): Promise<void> {
  const db = await open({ name });
  for (let number = 0; number < FILL.documents; number += 1) {
    await db.collection("large").put(`n${String(number).padStart(3, "0")}`, { noise: noise(FILL.bytes) });
  }
  await db.close();
}

here("a flipped byte on disk", () => {
  it("makes get reject with store.corrupt and the document's id, and its neighbours are answered", async () => {
    const name = freshName();
    const db = await open({ name });
    const notes = db.collection("notes");
    for (const id of ["a", "b", "c"]) {
      await notes.put(id, { text: `the text of ${id}` });
    }
    await db.close();
    expect(await flipIn(name, "value", "the text of b")).toMatch(/^s/);

    const again = await database({ name });
    const damaged = again.collection("notes");
    const told: AshoreError[] = [];
    again.on("error", (error) => told.push(error));
    const corrupt = { code: "store.corrupt", collection: "notes", id: "b" };
    expect(await rejection(damaged.get("b"))).toMatchObject({ ...corrupt, op: "get", retry: false });
    expect(await damaged.get("a")).toEqual({ text: "the text of a" });
    expect(await damaged.get("c")).toEqual({ text: "the text of c" });
    expect(await rejection(damaged.getMany(["a", "b", "c"]))).toMatchObject(corrupt);
    expect(await damaged.list()).toEqual(["a", "b", "c"]);
    expect((await damaged.all()).map(({ id }) => id)).toEqual(["a", "c"]);
    expect(told).toMatchObject([corrupt]);
  });

  it("in a document's history leaves it readable, makes a put of it reject, and harms no other", async () => {
    const name = freshName();
    const db = await open({ name });
    await db.collection("notes").put("a", { text: "the text of a" });
    await db.collection("notes").put("b", { text: "the text of b" });
    await db.close();
    await flipIn(name, "history", "the text of b");

    const notes = (await database({ name })).collection("notes");
    const read = await notes.get("b");
    expect(read).toEqual({ text: "the text of b" });
    const put = notes.put("b", { ...read, more: true });
    expect(await rejection(put)).toMatchObject({ code: "store.corrupt", collection: "notes", id: "b", op: "put" });
    expect(await notes.get("b")).toEqual({ text: "the text of b" });
    await notes.update("a", (note) => void (note["more"] = true));
    expect(await notes.get("a")).toEqual({ text: "the text of a", more: true });
  });

  it("is found by a check and mended by a repair: a value from its changes, changes from their value", async () => {
    const name = freshName();
    const db = await open({ name });
    for (const id of ["a", "b", "c"]) {
      await db.collection("notes").put(id, { text: `the text of ${id}` });
    }
    await db.close();
    await flipIn(name, "value", "the text of b");
    await flipIn(name, "history", "the text of c");

    const again = await database({ name });
    const report = await again.check();
    expect(report.findings.map(({ code, id }) => [code, id])).toEqual([
      ["document.unreadable", "b"],
      ["document.changes-broken", "c"],
    ]);
    const repaired = await again.repair();
    expect(repaired).toMatchObject({ healed: true, lost: 0, waiting: 0 });
    expect(repaired.mended.map(({ finding, remedy }) => [finding.id, remedy])).toEqual([
      ["b", "restored"],
      ["c", "kept"],
    ]);
    expect(await again.check()).toMatchObject({ healthy: true });
    const notes = again.collection("notes");
    expect(await notes.get("b")).toEqual({ text: "the text of b" });
    await notes.update("c", (note) => void (note["more"] = true));
    expect(await notes.get("c")).toEqual({ text: "the text of c", more: true });
  });

  it("in a block costs one document too, whoever opens it and however often", async () => {
    const name = freshName();
    await large(name);
    const db = await open({ name });
    const before = await db.collection("large").all();
    await db.close();
    const text = String(before[7]?.document["noise"]).slice(500, 600);
    expect(await flipIn(name, "value", text)).toMatch(/^b/);

    for (let round = 0; round < 2; round += 1) {
      const again = await open({ name });
      const damaged = again.collection("large");
      expect(await rejection(damaged.get("n007"))).toMatchObject({ code: "store.corrupt", id: "n007" });
      expect(await damaged.all()).toEqual(before.filter(({ id }) => id !== "n007"));
      await again.close();
    }
  });
});

here("a database that is deleted underneath", () => {
  it("makes list reject with store.failed, and the next call opens it anew", async () => {
    const name = freshName();
    await large(name);
    const db = await database({ name });
    await db.ping("the engine is there");
    await settled(indexedDB.deleteDatabase(`ashore/${name}`));
    expect(await rejection(db.collection("large").list())).toMatchObject({
      code: "store.failed",
      op: "list",
      retry: true,
    });
    expect(await db.collection("large").list()).toEqual([]);
    await db.collection("notes").put("n1", { kept: true });
    await db.close();
    const again = await database({ name });
    expect(await again.collection("notes").get("n1")).toEqual({ kept: true });
  });
});
