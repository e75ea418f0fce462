/** Presence: handles of one device, and two devices through a real relay. */

import { describe, expect, inject, it, onTestFinished, vi } from "vitest";
import type { Database, Peer } from "ashore";
import { database, rejection, withWebSocket } from "./host.js";

const relay = inject("relay");
/** A port that nobody listens on. */
const NOWHERE = "ws://127.0.0.1:1/";

/** Waits for what comes when it comes: presence answers to nobody. */
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const states = (db: Database): unknown[] => db.presence.peers.map(({ state }) => state);

/** What a handle is told, as words. */
function heard(db: Database): string[] {
  const all: string[] = [];
  const note = (word: string) => (peer: Peer) => void all.push(`${word} ${JSON.stringify(peer.state)}`);
  const stops = (["join", "change", "leave"] as const).map((name) => db.presence.on(name, note(name)));
  onTestFinished(() => stops.forEach((stop) => stop()));
  return all;
}

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

describe("handles of one device", () => {
  it("see what the others say, and not themselves", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    const [atOne, atOther] = [heard(one), heard(other)];
    await one.presence.set({ x: 1 });
    await until(() => expect(atOther).toEqual(['join {"x":1}']));
    await one.presence.set({ x: 2 });
    await one.presence.set({ x: 2 });
    await until(() => expect(atOther).toEqual(['join {"x":1}', 'change {"x":2}']));
    const [peer] = other.presence.peers;
    expect(peer).toMatchObject({ device: null, state: { x: 2 }, isThisDevice: true });
    expect(Math.abs(Date.now() - (peer?.since ?? 0))).toBeLessThan(600_000);
    await other.presence.set("both");
    await until(() => expect(atOne).toEqual(['join "both"']));
    await one.presence.clear();
    await until(() => expect(atOther.at(-1)).toBe('leave {"x":2}'));
    expect(other.presence.peers).toEqual([]);
    expect(one.presence.peers).toHaveLength(1);
    await other.close();
    await until(() => expect(atOne).toEqual(['join "both"', 'leave "both"']));
  });

  it("see those who were there before them", async () => {
    const one = await database();
    await one.presence.set(1);
    const late = await database({ name: one.name });
    const atLate = heard(late);
    await until(() => expect(atLate).toEqual(["join 1"]));
  });

  it("say it without a network, also when sync is enabled", async () => {
    const one = await database({ relay: NOWHERE });
    await one.sync.enable();
    const other = await database({ name: one.name });
    const atOther = heard(other);
    await one.presence.set(1);
    await until(() => expect(atOther).toEqual(["join 1"]));
    expect(other.presence.peers[0]?.device).toBe(one.sync.status.device);
  });

  it("know nobody once they neither listen nor say anything", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    await one.presence.set(1);
    const stop = other.presence.on("join", () => {});
    await until(() => expect(states(other)).toEqual([1]));
    stop();
    stop();
    expect(other.presence.peers).toEqual([]);
    const again = heard(other);
    await until(() => expect(again).toEqual(["join 1"]));
  });

  it("are given another array only when something differs", async () => {
    const one = await database();
    const other = await database({ name: one.name });
    other.presence.on("join", () => {});
    await one.presence.set({ x: 1 });
    await until(() => expect(states(other)).toEqual([{ x: 1 }]));
    const before = other.presence.peers;
    expect(Object.isFrozen(before)).toBe(true);
    await one.presence.set({ x: 1 });
    await other.ping("after it");
    expect(other.presence.peers).toBe(before);
    await one.presence.set({ x: 2 });
    await until(() => expect(states(other)).toEqual([{ x: 2 }]));
    expect(other.presence.peers).not.toBe(before);
  });
});

describe("what cannot be said", () => {
  it("is refused: no JSON, too much, after the end", async () => {
    const db = await database();
    const circle: Record<string, unknown> = {};
    circle["circle"] = circle;
    for (const state of [undefined, () => {}, circle, 1n, "x".repeat(1_023), "ü".repeat(512)]) {
      expect(await rejection(db.presence.set(state))).toMatchObject({ code: "request.invalid", op: "presence.set" });
    }
    await db.presence.set("x".repeat(1_022));
    await db.close();
    expect((await rejection(db.presence.set(1))).code).toBe("database.closed");
    expect((await rejection(db.presence.clear())).code).toBe("database.closed");
    expect(() => db.presence.on("join", () => {})).toThrow(expect.objectContaining({ code: "database.closed" }));
  });

  it("is refused for the seventeenth handle of a device, and leaves the others alone", async () => {
    const first = await database();
    await first.presence.set(0);
    for (let at = 1; at < 16; at += 1) {
      await (await database({ name: first.name })).presence.set(at);
    }
    const more = await database({ name: first.name });
    expect(await rejection(more.presence.set("more"))).toMatchObject({ code: "request.invalid" });
    expect(first.presence.peers).toHaveLength(15);
    await first.presence.clear();
    await more.presence.set("now");
    await until(() => expect(states(more).sort()).toEqual(Array.from({ length: 15 }, (_, at) => at + 1).sort()));
  });
});

describe("two devices", () => {
  withWebSocket();

  it("see each other come, change and go", async () => {
    const [alice, bob] = await two();
    const atBob = heard(bob);
    await alice.presence.set({ at: 1 });
    await until(() => expect(atBob).toEqual(['join {"at":1}']));
    const [peer] = bob.presence.peers;
    expect(peer).toMatchObject({ name: "Alice", isThisDevice: false, device: alice.sync.status.device });
    await alice.presence.set({ at: 2 });
    await until(() => expect(atBob).toEqual(['join {"at":1}', 'change {"at":2}']));
    expect(bob.presence.peers[0]).toMatchObject({ handle: peer?.handle, since: peer?.since });
    await alice.presence.clear();
    await until(() => expect(atBob.at(-1)).toBe('leave {"at":2}'));
    await alice.presence.set({ at: 3 });
    await until(() => expect(atBob.at(-1)).toBe('join {"at":3}'));
    await alice.close();
    await until(() => expect(atBob.at(-1)).toBe('leave {"at":3}'));
    expect(atBob).toHaveLength(5);
    expect(bob.presence.peers).toEqual([]);
  });

  it("see who was there before, each way", async () => {
    const [alice, bob] = await two();
    await alice.presence.set("she");
    await alice.ping("it is said");
    await bob.presence.set("he");
    await until(() => expect([states(alice), states(bob)]).toEqual([["he"], ["she"]]));
  });

  it("get the last of many states, and not all of them", async () => {
    const [alice, bob] = await two();
    const atBob = heard(bob);
    const last = 400;
    await Promise.all(Array.from({ length: last + 1 }, (_, at) => alice.presence.set({ at })));
    for (let at = last; at > last - 50; at -= 1) {
      await alice.presence.set({ at });
    }
    await alice.presence.set("last");
    await until(() => expect(states(bob)).toEqual(["last"]));
    expect(atBob.length).toBeLessThan(100);
  });

  it("lose each other when one stops syncing, and find each other again", async () => {
    const [alice, bob] = await two();
    const [atAlice, atBob] = [heard(alice), heard(bob)];
    await alice.presence.set("she");
    await bob.presence.set("he");
    await until(() => expect([atAlice, atBob]).toEqual([['join "he"'], ['join "she"']]));
    await alice.sync.disable();
    await until(() => expect([atAlice.at(-1), atBob.at(-1)]).toEqual(['leave "he"', 'leave "she"']));
    await alice.sync.enable();
    await until(() => expect([atAlice.at(-1), atBob.at(-1)]).toEqual(['join "he"', 'join "she"']));
  });

  it("see each tab of the other as one of its own", async () => {
    const [alice, bob] = await two();
    const tab = await database({ name: alice.name });
    await alice.presence.set("one tab");
    await tab.presence.set("another tab");
    bob.presence.on("join", () => {});
    await until(() => expect(states(bob).sort()).toEqual(["another tab", "one tab"]));
    const [one, other] = bob.presence.peers;
    expect(one?.device).toBe(other?.device);
    expect(one?.handle).not.toBe(other?.handle);
    await tab.close();
    await until(() => expect(states(bob)).toEqual(["one tab"]));
  });
});
