/** Sync as far as no relay is needed: enabling, disabling, status, and that nothing connects unasked. */

import { afterEach, describe, expect, it, vi } from "vitest";
import type { SyncStatus } from "ashore";
import { app } from "./app.js";
import { database, freshName, host, needsKeeping, persistent, rejection } from "./host.js";

/** 32 bytes as text. */
const ID = /^([0-9a-f]{64}|[0-9a-v]{52})$/;
/** A port that nobody listens on. */
const NOWHERE = "ws://127.0.0.1:1/";

/** The address of a relay that lets go of whoever dials it, and how often that happened. The engine runs in this thread, or in the app. */
async function silentRelay(): Promise<{ readonly address: string; dialled(): Promise<number> }> {
  if (host === "tauri") {
    const port = await app<number>("listen");
    return { address: `ws://127.0.0.1:${port}/`, dialled: () => app<number>("dialled", { port }) };
  }
  const opened: string[] = [];
  vi.stubGlobal("WebSocket", function WebSocket(url: string) {
    opened.push(url);
    throw new Error("no network here");
  });
  return { address: NOWHERE, dialled: async () => opened.filter((url) => url === NOWHERE).length };
}

afterEach(() => void vi.unstubAllGlobals());

describe("a database that is not synced", () => {
  it("opens no socket, even when it knows a relay", async () => {
    const { address, dialled } = await silentRelay();
    const db = await database({ relay: address, storage: "memory" });
    await db.collection("notes").put("n1", {});
    await db.flush({ timeoutMs: 10 });
    await db.sync.devices().catch(() => {});
    expect(await rejection(db.sync.now())).toMatchObject({ code: "sync.disabled", op: "now" });
    expect(await dialled()).toBe(0);
    await db.sync.enable();
    await db.ping("after connecting");
    await expect.poll(dialled).toBeGreaterThan(0);
  });
});

describe("settings", () => {
  it("have defaults that can be read, are stored, and refuse what is no interval", async () => {
    const name = freshName();
    const db = await database({ name });
    expect(await db.sync.settings()).toEqual({ auto: true, intervalMs: 300_000 });
    expect(await db.sync.configure({ auto: false })).toEqual({ auto: false, intervalMs: 300_000 });
    expect(await db.sync.configure({ intervalMs: 60_000 })).toEqual({ auto: false, intervalMs: 60_000 });
    for (const intervalMs of [0, 999, Number.NaN, -1, 1e15]) {
      expect(await rejection(db.sync.configure({ intervalMs }))).toMatchObject({ code: "request.invalid" });
    }
    if (persistent) {
      await db.close();
      const again = await database({ name });
      expect(await again.sync.settings()).toEqual({ auto: false, intervalMs: 60_000 });
    }
  });

  it("keep every socket closed until sync is asked for", async () => {
    const { address, dialled } = await silentRelay();
    const db = await database({ relay: address, storage: "memory" });
    await db.sync.configure({ auto: false });
    await db.sync.enable();
    await db.collection("notes").put("n1", {});
    await db.ping("after everything");
    expect(await dialled()).toBe(0);
    await rejection(db.sync.now({ timeoutMs: 50 }));
    await expect.poll(dialled).toBeGreaterThan(0);
  });
});

describe("status", () => {
  it("can be read before anything was called", async () => {
    const db = await database();
    expect(db.sync.status).toMatchObject({ state: "offline", enabled: false, connected: false, pending: 0, cursor: 0 });
    expect(db.sync.lastCursor).toBe(0);
  });

  it("is offline and not enabled as long as sync is not enabled", async () => {
    const db = await database();
    await db.collection("notes").put("n1", {});
    expect(db.sync.status).toMatchObject({
      state: "offline",
      enabled: false,
      relay: null,
      group: null,
      pending: 0,
      lastError: null,
    });
    expect(await db.sync.statusOf("notes", "never")).toBe("missing");
    expect(await db.sync.quarantine()).toEqual([]);
  });
});

describe("capabilities", () => {
  it("say before anything was called what is not promised beyond an open page, and cannot be changed", async () => {
    const db = await database();
    expect(db.sync.capabilities).toEqual({
      backgroundSync: false,
      pushNotifications: false,
      alwaysOn: false,
      exitSync: false,
    });
    expect(Object.isFrozen(db.sync.capabilities)).toBe(true);
  });
});

describe("enabling without a network", () => {
  it("resolves, makes the group, and goes on trying", async () => {
    const db = await database({ relay: NOWHERE, deviceName: "Küche" });
    await db.collection("notes").put("n1", { before: true });
    const status = await db.sync.enable();
    expect(status).toMatchObject({ enabled: true, relay: NOWHERE, connected: false });
    expect(status.group).toMatch(ID);
    expect(status.device).toMatch(ID);
    expect(db.sync.status.group).toBe(status.group);
    await db.collection("notes").put("n2", { after: true });
    expect(db.sync.status.pending).toBeGreaterThan(0);
    expect(["offline", "pending", "failed"]).toContain(await db.sync.statusOf("notes", "n2"));
    expect(await db.sync.devices()).toMatchObject([{ id: status.device, name: "Küche", role: "admin", me: true }]);
  });

  it("tells every handle, in order, and the last status is the current one", async () => {
    const one = await database({ relay: NOWHERE });
    const other = await database({ name: one.name });
    const heard: SyncStatus[] = [];
    other.sync.on("status", (status) => heard.push(status));
    await one.sync.enable();
    await one.collection("notes").put("n1", {});
    await other.ping("after the events");
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.at(-1)).toEqual(other.sync.status);
    expect(other.sync.status).toEqual(one.sync.status);
    const enabled = heard.map((status) => status.enabled);
    expect(enabled.slice(enabled.indexOf(true))).not.toContain(false);
  });

  it("sync.now rejects, flush gives up in time, and nothing is lost", async () => {
    const db = await database({ relay: NOWHERE });
    await db.sync.enable();
    await db.collection("notes").put("n1", { a: 1 });
    const error = await rejection(db.sync.now({ timeoutMs: 200 }));
    expect(["sync.offline", "request.timed-out", "relay.unreachable"]).toContain(error.code);
    expect((await db.flush({ timeoutMs: 10 })).pending).toBeGreaterThan(0);
    expect(await db.collection("notes").get("n1")).toEqual({ a: 1 });
  });

  it("is undone by disabling: documents stay, and enabling again is the same group", async () => {
    const db = await database({ relay: NOWHERE });
    await db.collection("notes").put("n1", { a: 1 });
    const { group, device } = await db.sync.enable();
    const off = await db.sync.disable();
    expect(off).toMatchObject({ state: "offline", enabled: false, connected: false });
    expect(await db.collection("notes").get("n1")).toEqual({ a: 1 });
    expect(await db.sync.enable()).toMatchObject({ enabled: true, group, device });
  });

  it("forgotten, makes another group the next time", async () => {
    const db = await database({ relay: NOWHERE });
    await db.collection("notes").put("n1", { a: 1 });
    const { group, device } = await db.sync.enable();
    expect(await db.sync.disable({ forget: true })).toMatchObject({
      enabled: false,
      group: null,
      device: null,
      lastSyncedAt: null,
      pending: 0,
      cursor: 0,
    });
    const again = await db.sync.enable();
    expect(again.group).toMatch(ID);
    expect(again.group).not.toBe(group);
    expect(again.device).not.toBe(device);
    expect(await db.collection("notes").get("n1")).toEqual({ a: 1 });
  });

  it("needs an address that is one", async () => {
    const db = await database();
    expect((await rejection(db.sync.enable())).code).toBe("relay.invalid-address");
    expect((await rejection(db.sync.enable({ relay: "https://example.org" }))).code).toBe("relay.invalid-address");
    expect(db.sync.status.enabled).toBe(false);
  });

  it("is remembered with its cursor after the database was closed", needsKeeping, async () => {
    const db = await database({ relay: NOWHERE });
    await db.collection("notes").put("n1", {});
    const { group, device } = await db.sync.enable();
    const { cursor } = db.sync.status;
    await db.close();
    const again = await database({ name: db.name });
    await again.ping("start");
    expect(again.sync.status).toMatchObject({ enabled: true, relay: NOWHERE, group, device, cursor });
    expect(again.sync.status.pending).toBeGreaterThan(0);
    expect(again.sync.lastCursor).toBe(cursor);
  });
});

describe("what needs a group or a relay", () => {
  it("is refused with its code", async () => {
    const db = await database();
    expect((await rejection(db.sync.createInvite())).code).toBe("sync.disabled");
    expect((await rejection(db.sync.joinInvite("not a code", { relay: NOWHERE }))).code).toBe("invite.bad-code");
    expect((await rejection(db.flush({ timeoutMs: NaN }))).code).toBe("request.invalid");
  });
});
