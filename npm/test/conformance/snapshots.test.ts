/** Snapshots through the API: one that is asked for, and devices that begin from it. The rest is in crates/engine/tests/snapshots.rs. */

import { describe, expect, it } from "vitest";
import type { Database } from "ashore";
import { database, rejection, withWebSocket } from "./host.js";
import { founder, inStep, joined, put, relay, until, untilNotes } from "./together.js";

withWebSocket();

const MANY = 700;
const ids = Array.from({ length: MANY }, (_, at) => `n${String(at).padStart(4, "0")}`);

/** A device with so many entries in the log that a snapshot is less than they are. */
async function withMany(): Promise<Database> {
  const db = await founder();
  const notes = db.collection("notes");
  for (const id of ids) {
    await notes.put(id, { by: "Alice" });
  }
  await inStep(db);
  return db;
}

const snapshotOf = async (db: Database) => (await db.diagnostics()).snapshot;

describe("a snapshot", () => {
  it("is refused where there is no group", async () => {
    const db = await database({ relay });
    expect(await rejection(db.sync.publishSnapshot())).toMatchObject({ code: "sync.disabled", op: "publishSnapshot" });
  });

  it("says what is in it, and is known to the devices of the group", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "writer");
    await put(alice, "one", "Alice");
    await put(bob, "two", "Bob");
    await untilNotes([alice, bob], "one", "two");
    await inStep(alice, bob);
    const { documents, bytes, cursor } = await bob.sync.publishSnapshot();
    expect(documents).toBe(2);
    expect(bytes).toBeGreaterThan(100);
    expect(cursor).toBeGreaterThan(0);
    await inStep(alice);
    await until(async () => expect(await snapshotOf(alice)).toMatchObject({ cursor, bytes, beganFrom: false }));
  });

  it("is where a new device begins, and everything is there, before and after it", async () => {
    const alice = await withMany();
    const { documents, cursor } = await alice.sync.publishSnapshot();
    expect(documents).toBe(MANY);
    await put(alice, "after", "Alice");
    const bob = await joined(alice, "Bob", "writer");
    await untilNotes([bob], ...ids, "after");
    expect(await snapshotOf(bob)).toMatchObject({ beganFrom: true, cursor, taking: null });
    expect(await bob.collection("notes").get("n0042")).toEqual({ by: "Alice" });
    // It goes on like any other device, also with what it has by the snapshot.
    await bob.collection<{ by: string }>("notes").update("n0042", (note) => void (note.by = "Bob"));
    await put(bob, "his", "Bob");
    await until(async () => expect(await alice.collection("notes").get("n0042")).toEqual({ by: "Bob" }));
    await untilNotes([alice, bob], ...ids, "after", "his");
    expect(bob.sync.status.quarantined).toBe(0);
  });

  it("keeps what a device had before it took it, and that reaches the others", async () => {
    const alice = await withMany();
    await alice.sync.publishSnapshot();
    const bob = await database({ relay, deviceName: "Bob" });
    await put(bob, "from-before", "Bob");
    const { shortCode } = await alice.sync.createInvite({ role: "writer" });
    await bob.sync.joinInvite(shortCode);
    await untilNotes([alice, bob], ...ids, "from-before");
    expect(await snapshotOf(bob)).toMatchObject({ beganFrom: true });
  });

  it("is read by a reader, and by whoever joins after the key has changed", async () => {
    const alice = await withMany();
    await alice.sync.publishSnapshot();
    await alice.sync.rotateKeys();
    await put(alice, "under-the-new-key", "Alice");
    const bob = await joined(alice, "Bob", "reader");
    await untilNotes([bob], ...ids, "under-the-new-key");
    expect(await snapshotOf(bob)).toMatchObject({ beganFrom: true });
  });
});
