/** Listing: ids and documents in byte order, whole or in ranges. */

import { expect, it } from "vitest";
import { database, rejection } from "./host.js";

/** The UTF-8 bytes, one character each: text that JavaScript compares as the engine does. */
function bytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

it("an unknown and an emptied collection list nothing", async () => {
  const db = await database();
  expect(await db.collection("nowhere").list()).toEqual([]);
  await db.collection("notes").put("n1", {});
  await db.collection("notes").delete("n1");
  expect(await db.collection("notes").list()).toEqual([]);
  expect(await db.collection("notes").all()).toEqual([]);
});

it("ids come in the order of their UTF-8 bytes", async () => {
  const notes = (await database()).collection("notes");
  const ids = ["Z", "a", "aa", "b", "ä", "世", "\uffee", "👋", "10", "9", " ", "a ", "a/b", "~", "Ω"];
  await notes.putMany(ids.map((id) => [id, { id }]));
  const sorted = ids.toSorted((left, right) => (bytes(left) < bytes(right) ? -1 : 1));
  expect(await notes.list()).toEqual(sorted);
  expect((await notes.all()).map(({ document }) => document["id"])).toEqual(sorted);
});

it("10,000 documents are put in one call and listed whole and in pages", async () => {
  const notes = (await database()).collection<{ n: number }>("notes");
  const ids = Array.from({ length: 10_000 }, (_, index) => `n${String(index).padStart(5, "0")}`);
  await notes.putMany(ids.map((id, n) => [id, { n }]));
  expect(await notes.list()).toEqual(ids);
  expect(await notes.list({ limit: 3 })).toEqual(ids.slice(0, 3));
  expect(await notes.list({ after: "n09996" })).toEqual(ids.slice(9_997));
  expect(await notes.list({ before: "n00002" })).toEqual(ids.slice(0, 2));
  expect(await notes.list({ prefix: "n012", limit: 2, after: "n01205" })).toEqual(["n01206", "n01207"]);
  let sum = 0;
  let count = 0;
  for await (const { document } of notes.documents()) {
    sum += document.n;
    count += 1;
  }
  expect([count, sum]).toEqual([10_000, 49_995_000]);
});

it("10,002 ids take more than one page and none is lost", async () => {
  const notes = (await database()).collection("notes");
  const ids = Array.from({ length: 10_002 }, (_, index) => String(index).padStart(5, "0"));
  await notes.putMany(ids.map((id) => [id, {}]));
  expect(await notes.list()).toEqual(ids);
  expect(await notes.list({ limit: 10_001 })).toEqual(ids.slice(0, 10_001));
});

it("a loop over documents may end early and sees what a range names", async () => {
  const notes = (await database()).collection<{ n: number }>("notes");
  await notes.putMany(Array.from({ length: 30 }, (_, n) => [`k${String(n).padStart(2, "0")}`, { n }]));
  const seen: number[] = [];
  for await (const { document } of notes.documents({ after: "k04", before: "k20" })) {
    seen.push(document.n);
    if (seen.length === 3) {
      break;
    }
  }
  expect(seen).toEqual([5, 6, 7]);
  expect((await notes.all({ prefix: "k1", limit: 2 })).map(({ id }) => id)).toEqual(["k10", "k11"]);
});

it("ranges that hold nothing list nothing, and a limit must be a number", async () => {
  const notes = (await database()).collection("notes");
  await notes.put("n1", {});
  expect(await notes.list({ limit: 0 })).toEqual([]);
  expect(await notes.list({ after: "n1" })).toEqual([]);
  expect(await notes.list({ after: "z", before: "a" })).toEqual([]);
  expect(await notes.list({ prefix: "x" })).toEqual([]);
  expect((await rejection(notes.list({ limit: NaN }))).code).toBe("request.invalid");
});
