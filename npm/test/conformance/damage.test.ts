/** What is left of a database that was damaged on disk, or deleted underneath: in a browser's own storage, or in the file of an app. */

import { type AshoreError, type LogEvent, open } from "ashore";
import { describe, expect, it, vi } from "vitest";
import { database, freshName, host, needs, needsKeeping, rejection } from "./host.js";
import { kept, settled } from "./kept.js";

/** More than the engine keeps in memory without moving it to blocks, in documents of this size. */
const FILL = { documents: 40, bytes: 100_000 };

/** Nobody knows what was there. */
const unknown = (code: string): boolean => code === "store.lost";

const saysTidy = ({ message }: LogEvent): boolean => message === "it is tidied up";

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
  const db = await open({ name, logLevel: "debug" });
  for (let number = 0; number < FILL.documents; number += 1) {
    await db.collection("large").put(`n${String(number).padStart(3, "0")}`, { noise: noise(FILL.bytes) });
  }
  if (host === "worker") {
    // So many commits are always followed by one more look, once it is quiet.
    const since = Date.now();
    for (let number = 0; number < 20; number += 1) {
      await db.collection("more").put(`n${number}`, {});
    }
    await vi.waitFor(() => expect(db.logs({ since }).some(saysTidy)).toBe(true), { timeout: 20_000, interval: 10 });
  }
  await db.close();
}

describe("a flipped byte on disk", needsKeeping, () => {
  it("makes get reject with store.corrupt and the document's id, and its neighbours are answered", async () => {
    const name = freshName();
    const db = await open({ name });
    const notes = db.collection("notes");
    for (const id of ["a", "b", "c"]) {
      await notes.put(id, { text: `the text of ${id}` });
    }
    await db.close();
    // In a browser still in a segment, not in a block.
    expect(await kept.flip(name, "value", "the text of b")).toMatch(host === "worker" ? /^s/ : /notes/);

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
    await kept.flip(name, "history", "the text of b");

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
    await kept.flip(name, "value", "the text of b");
    await kept.flip(name, "history", "the text of c");

    const again = await database({ name });
    const report = await again.check();
    // In an app's file the key may be what changed, so that another row is missing where the damaged one is: that, too, is said of both.
    const lost = host === "tauri" ? 2 : 0;
    expect(report.findings.filter(({ code }) => unknown(code))).toHaveLength(lost);
    const known = report.findings.filter(({ code }) => !unknown(code));
    expect(known.map(({ code, id }) => [code, id])).toEqual([
      ["document.unreadable", "b"],
      ["document.changes-broken", "c"],
    ]);
    const repaired = await again.repair();
    expect(repaired).toMatchObject({ healed: lost === 0, lost, waiting: 0 });
    const mended = repaired.mended.filter(({ finding }) => !unknown(finding.code));
    expect(mended.map(({ finding, remedy }) => [finding.id, remedy])).toEqual([
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
    expect(await kept.flip(name, "value", text)).toMatch(host === "worker" ? /^b/ : /large/);

    for (let round = 0; round < 2; round += 1) {
      const again = await open({ name });
      const damaged = again.collection("large");
      expect(await rejection(damaged.get("n007"))).toMatchObject({ code: "store.corrupt", id: "n007" });
      expect(await damaged.all()).toEqual(before.filter(({ id }) => id !== "n007"));
      await again.close();
    }
  });
});

describe(
  "a database that is deleted underneath",
  needs("IndexedDB, which can delete a database that is open", host === "worker"),
  () => {
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
  },
);
