/** Which relay is followed, when a new device is ready, and what status and settings say: with a real relay, and addresses where none is. */

import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import type { Database, SyncStatus } from "ashore";
import { database, needsKeeping, rejection, withWebSocket } from "./host.js";

const relay = inject("relay");
/** Ports that nobody listens on. */
const NOWHERE = "ws://127.0.0.1:1/v1/ws";
const NOBODY = "ws://127.0.0.1:2/v1/ws";

withWebSocket();

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 10 });

/** A group of one, in step, with some documents; and an invite to it. */
async function group(documents: number): Promise<{ readonly alice: Database; readonly code: string }> {
  const alice = await database({ relay, deviceName: "Alice" });
  const notes = alice.collection<{ n: number }>("notes");
  await notes.putMany(Array.from({ length: documents }, (_, n) => [`n${n}`, { n }] as const));
  await alice.sync.enable();
  const { shortCode } = await alice.sync.createInvite();
  await alice.sync.now();
  return { alice, code: shortCode };
}

describe("several relays", () => {
  it("when the first cannot be reached the next one is used", async () => {
    const alice = await database({ deviceName: "Alice" });
    await alice.collection("notes").put("n", { n: 1 });
    await alice.sync.enable({ relay: NOWHERE });
    await alice.sync.configure({ relays: [NOWHERE, NOBODY, relay] });
    expect((await alice.sync.settings()).relays).toEqual([NOWHERE, NOBODY, relay]);
    await alice.sync.ready();
    expect(alice.sync.status.relay).toBe(relay);
    const { shortCode } = await alice.sync.createInvite();
    const bob = await database({ deviceName: "Bob" });
    await bob.sync.joinInvite(shortCode, { relay });
    await bob.sync.ready();
    expect(await bob.collection("notes").get("n")).toEqual({ n: 1 });
  });

  it("are known after a restart, and the first is tried first again", needsKeeping, async () => {
    const { alice } = await group(1);
    await alice.sync.configure({ relays: [NOWHERE, relay] });
    expect(alice.sync.status.relay).toBe(relay);
    const { name } = alice;
    await alice.close();
    const again = await database({ name });
    const tried = new Set<string | null>();
    onTestFinished(again.sync.on("status", (status) => void tried.add(status.relay)));
    await again.collection("notes").put("offline", { n: 3 });
    await until(() => expect(again.sync.status).toMatchObject({ relay, state: "synced", pending: 0 }));
    expect([...tried]).toContain(NOWHERE);
  });

  it("refuses none, too many, the same twice, and what is no address", async () => {
    const db = await database({ relay });
    for (const relays of [[], [relay, relay], Array.from({ length: 9 }, (_, n) => `ws://127.0.0.1:${n + 1}/`)]) {
      expect((await rejection(db.sync.configure({ relays }))).code).toBe("request.invalid");
    }
    expect((await rejection(db.sync.configure({ relays: ["https://relay.example.org"] }))).code).toBe(
      "relay.invalid-address",
    );
  });
});

describe("ready", () => {
  it("resolves when everything of the group is here, and from then on at once", async () => {
    const { code } = await group(500);
    const bob = await database({ deviceName: "Bob" });
    await bob.sync.joinInvite(code, { relay });
    const status = await bob.sync.ready({ timeoutMs: 60_000 });
    expect(status).toMatchObject({ state: "synced", relay });
    expect(await bob.collection("notes").count()).toBe(500);
    expect((await bob.sync.ready({ timeoutMs: 0 })).lastSyncedAt).toBe(status.lastSyncedAt);
  });

  it("is still so after a restart without a network", needsKeeping, async () => {
    const { alice: bob } = await group(1);
    const status = await bob.sync.ready();
    const { name } = bob;
    await bob.sync.configure({ auto: false });
    await bob.close();
    const offline = await database({ name });
    const later = await offline.sync.ready({ timeoutMs: 0 });
    expect(later.connected).toBe(false);
    expect(later.lastSyncedAt).toBe(status.lastSyncedAt);
  });

  it("rejects when time is up, when the caller gives up, without a group, and when the database is closed", async () => {
    const alone = await database();
    expect((await rejection(alone.sync.ready())).code).toBe("sync.disabled");
    await alone.sync.enable({ relay: NOWHERE });
    expect(["sync.offline", "relay.unreachable"]).toContain(
      (await rejection(alone.sync.ready({ timeoutMs: 50 }))).code,
    );
    const giving = new AbortController();
    const given = rejection(alone.sync.ready({ signal: giving.signal }));
    giving.abort();
    expect((await given).code).toBe("request.aborted");
    const waits = rejection(alone.sync.ready());
    await alone.sync.settings();
    await alone.close();
    expect((await waits).code).toBe("database.closed");
  });
});

describe("status", () => {
  it("names the last error until it has passed, and the time of the last sync never goes back", async () => {
    const db = await database({ deviceName: "Alice" });
    const all: SyncStatus[] = [];
    onTestFinished(db.sync.on("status", (status) => void all.push(status)));
    await db.sync.enable({ relay: NOWHERE });
    await until(() => expect(db.sync.status.lastError?.code).toBe("relay.unreachable"));
    expect(db.sync.status).toMatchObject({ state: "failed", lastSyncedAt: null, connected: false });
    await db.sync.enable({ relay });
    await db.sync.now();
    expect(db.sync.status).toMatchObject({ state: "synced", lastError: null, relay, connected: true, pending: 0 });
    await db.collection("notes").put("n", { n: 1 });
    await db.sync.now();
    const times = all.map(({ lastSyncedAt }) => lastSyncedAt ?? 0);
    expect(times.at(-1)).toBeGreaterThan(0);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(db.sync.status.cursor).toBeGreaterThan(0);
    expect(db.sync.status.cursor).toBe(db.sync.status.head);
  });
});

describe("settings of sync", () => {
  it("are there after a restart, and on no other device", needsKeeping, async () => {
    const { alice, code } = await group(1);
    await alice.sync.configure({ auto: false, intervalMs: 45_000, relays: [relay, NOWHERE] });
    const set = await alice.sync.settings();
    expect(set).toEqual({ auto: false, intervalMs: 45_000, relays: [relay, NOWHERE] });
    const { name } = alice;
    await alice.close();
    const again = await database({ name });
    expect(await again.sync.settings()).toEqual(set);
    const bob = await database({ deviceName: "Bob" });
    await bob.sync.joinInvite(code, { relay });
    await bob.sync.ready();
    expect(await bob.sync.settings()).toEqual({ auto: true, intervalMs: 300_000 });
  });
});
