/** What vanishes and what stays: who has seen a document, deletes that are for good, and the gauge that says what is kept and why. */

import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Database } from "ashore";
import { database, rejection } from "./host.js";

const relay = inject("relay");

/** Waits for what comes when it comes. */
const until = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 100_000, interval: 100 });

/** Two devices of one group, connected. */
async function two(): Promise<[Database, Database]> {
  const alice = await database({ relay, deviceName: "Alice" });
  const bob = await database({ relay, deviceName: "Bob" });
  await alice.sync.enable();
  const { shortCode } = await alice.sync.createInvite();
  await bob.sync.joinInvite(shortCode);
  await Promise.all([alice.sync.now(), bob.sync.now()]);
  return [alice, bob];
}

/** Bytes of the group's entries on a device. */
const entries = async (db: Database): Promise<number> => (await db.storage()).kinds.entries.bytes;

describe("a database of one device", () => {
  it("says how much is stored of what", async () => {
    const db = await database();
    const before = await db.storage();
    const notes = db.collection("notes");
    await notes.putMany(Array.from({ length: 50 }, (_, n) => [`n${n}`, { title: `Note ${n}` }] as const));
    const { total, kinds, kept, keptCount } = await db.storage();
    expect(kinds.documents.rows - before.kinds.documents.rows).toBe(50);
    expect(kinds.changes.rows).toBeGreaterThanOrEqual(50);
    expect(total.bytes).toBe(Object.values(kinds).reduce((sum, { bytes }) => sum + bytes, 0));
    expect([kept, keptCount]).toEqual([[], 0]);
  });

  it("keeps what was deleted for a day, or as long as it is told", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("n1", { title: "Milk" });
    await notes.delete("n1");
    const { kept, kinds } = await db.storage();
    expect(kept).toMatchObject([{ collection: "notes", id: "n1", because: "can-be-undone", waitsFor: [], idle: [] }]);
    expect(kinds.tombstones.rows).toBe(2);
    await db.configureRetention({ keepDeletedSeconds: 0 });
    await until(async () => expect((await db.storage()).kinds.tombstones.rows).toBe(0));
    expect((await db.storage()).kinds.changes.rows).toBe(0);
    await notes.put("n1", { title: "Another" });
    expect(await notes.get("n1")).toEqual({ title: "Another" });
  });

  it("refuses times that are none", async () => {
    const db = await database();
    const none = [-1, 0.5, Number.NaN].flatMap((time) => [{ keepDeletedSeconds: time }, { keepEntriesSeconds: time }]);
    for (const options of [...none, { keepDeletedSeconds: Infinity }]) {
      expect(await rejection(Promise.resolve().then(() => db.configureRetention(options)))).toMatchObject({
        code: "request.invalid",
      });
    }
    await db.configureRetention({ keepEntriesSeconds: Infinity });
  });

  it("has shown its documents to nobody", async () => {
    const db = await database();
    await db.collection("notes").put("n1", {});
    expect(await db.collection("notes").seenBy("n1")).toEqual({ devices: [], everyone: false });
  });
});

describe("two devices", () => {
  // Node before version 22 has no WebSocket.
  beforeAll(async () => {
    if (typeof WebSocket === "undefined") {
      vi.stubGlobal("WebSocket", (await import("ws")).WebSocket);
    }
  });
  afterAll(() => void vi.unstubAllGlobals());

  it(
    "know who has seen a document, and let go of one once both have seen it deleted",
    { timeout: 240_000 },
    async () => {
      const [alice, bob] = await two();
      await Promise.all([alice, bob].map((db) => db.configureRetention({ keepDeletedSeconds: 0 })));
      await alice.collection("notes").put("n1", { title: "Milk" });
      await alice.sync.now();
      const self = (await alice.sync.devices()).find(({ me }) => me);
      expect(await alice.collection("notes").seenBy("n1")).toEqual({ devices: [self?.id], everyone: false });
      await bob.sync.now();
      await bob.collection("notes").put("n2", { title: "Bread" });
      await bob.sync.now();
      await until(async () => expect((await alice.collection("notes").seenBy("n1")).everyone).toBe(true));
      await bob.collection("notes").delete("n1");
      await bob.sync.now();
      await alice.sync.now();
      expect((await bob.storage()).kept).toMatchObject([{ id: "n1", because: "not-seen", waitsFor: [self?.id] }]);
      await alice.collection("notes").put("n3", {});
      await alice.sync.now();
      await until(async () => {
        for (const db of [alice, bob]) {
          const { kept, kinds } = await db.storage();
          expect([kept, kinds.tombstones.rows]).toEqual([[], 0]);
          expect(kinds.markers.rows).toBeGreaterThan(0);
        }
      });
      expect(await bob.collection("notes").get("n2")).toEqual({ title: "Bread" });
      for (const { me, admittedAt, lastHeardAt } of await alice.sync.devices()) {
        if (me) expect(lastHeardAt).toBeUndefined();
        else expect(lastHeardAt).toBeGreaterThanOrEqual(admittedAt ?? Number.NaN);
      }
      // It is another document now, and a write over a tombstone stays.
      await bob.collection("notes").put("n1", { title: "Another" });
      await bob.sync.now();
      await alice.sync.now();
      expect(await alice.collection("notes").get("n1")).toEqual({ title: "Another" });
    },
  );

  it("go on when one of them lets go of the group's entries", { timeout: 240_000 }, async () => {
    const [alice, bob] = await two();
    for (let n = 0; n < 30; n++) {
      await (n % 2 === 0 ? alice : bob).collection("notes").put(`n${n % 7}`, { n });
    }
    await Promise.all([alice, bob].map((db) => db.sync.now()));
    await alice.sync.now();
    await alice.sync.publishSnapshot();
    await Promise.all([alice, bob].map((db) => db.sync.now()));
    const before = await entries(alice);
    await alice.configureRetention({ keepEntriesSeconds: 0 });
    await until(async () => expect(await entries(alice)).toBeLessThan(before / 2));
    expect(await entries(bob)).toBeGreaterThan(before / 2);
    await bob.collection("notes").put("n3", { n: "after" });
    await bob.sync.now();
    await alice.sync.now();
    expect(await alice.collection("notes").get("n3")).toEqual({ n: "after" });
    expect((await alice.check()).findings).toEqual([]);
  });
});
