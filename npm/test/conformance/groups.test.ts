/** The group as far as no relay is needed: its only member's role, its keys, and what is refused. With others: groups-together.test.ts. */

import { describe, expect, it } from "vitest";
import type { Database, Device, Role } from "ashore";
import { database, freshName, persistent, rejection } from "./host.js";

/** A port that nobody listens on. */
const NOWHERE = "ws://127.0.0.1:1/";
/** A device's id that is nobody's. */
const NOBODY = "0".repeat(52);

async function alone(name = freshName()): Promise<{ db: Database; me: Device }> {
  const db = await database({ name, relay: NOWHERE, deviceName: "Küche" });
  await db.sync.enable();
  const [me] = await db.sync.devices();
  if (!me) throw new Error("a group has its founder");
  return { db, me };
}

describe("a group of one", () => {
  it("has its founder as admin, and says when it was admitted", async () => {
    const before = Date.now();
    const { me } = await alone();
    expect(me).toMatchObject({ name: "Küche", role: "admin", me: true });
    expect(me.admittedAt).toBeGreaterThanOrEqual(before - 1);
    expect(me.admittedAt).toBeLessThanOrEqual(Date.now() + 1);
  });

  it("tells who is in it when that changes", async () => {
    const db = await database({ relay: NOWHERE });
    const told: (readonly Device[])[] = [];
    db.sync.on("membership", ({ devices }) => told.push(devices));
    await db.sync.enable();
    await db.sync.renameDevice("Keller");
    await db.ping("after everything");
    expect(told.at(-1)).toEqual(await db.sync.devices());
    expect(told.at(-1)).toMatchObject([{ name: "Keller", role: "admin" }]);
  });

  it("keeps its admin: nothing may leave members without one", async () => {
    const { db, me } = await alone();
    for (const role of ["writer", "reader"] as const) {
      expect(await rejection(db.sync.changeRole(me.id, role))).toMatchObject({ code: "group.last-admin" });
    }
    expect(await db.sync.changeRole(me.id, "admin")).toMatchObject([{ role: "admin" }]);
    expect(await rejection(db.sync.changeRole(me.id, "owner" as Role))).toMatchObject({ code: "request.invalid" });
  });

  it("refuses to change who is no other member", async () => {
    const { db, me } = await alone();
    for (const id of [me.id, NOBODY, "nonsense", ""]) {
      expect(await rejection(db.sync.removeDevice(id))).toMatchObject({ code: "request.invalid", op: "removeDevice" });
      expect(await rejection(db.sync.handOver(id))).toMatchObject({ code: "request.invalid", op: "handOver" });
    }
    expect(await db.sync.devices()).toHaveLength(1);
  });

  it("changes its key on demand, and what was written before and after is there at the next opening", async () => {
    const name = freshName();
    const { db } = await alone(name);
    await db.collection("notes").put("before", { epoch: 0 });
    await db.sync.rotateKeys();
    await db.collection("notes").put("after", { epoch: 1 });
    await db.sync.rotateKeys();
    await db.sync.renameDevice("Keller");
    const db2 = persistent ? (await db.close(), await database({ name, relay: NOWHERE })) : db;
    expect(await db2.collection("notes").get("before")).toEqual({ epoch: 0 });
    expect(await db2.collection("notes").get("after")).toEqual({ epoch: 1 });
    expect(await db2.sync.devices()).toMatchObject([{ name: "Keller", role: "admin" }]);
    expect(db2.sync.status.quarantined).toBe(0);
    expect(db2.sync.status.removed ?? false).toBe(false);
  });
});

describe("invites", () => {
  it("that are not known cannot be withdrawn", async () => {
    const { db } = await alone();
    expect(await db.sync.invites()).toEqual([]);
    for (const id of [NOBODY, "nonsense"]) {
      expect(await rejection(db.sync.revokeInvite(id))).toMatchObject({ code: "invite.not-found" });
    }
  });

  it("take only roles that there are", async () => {
    const { db } = await alone();
    const invite = db.sync.createInvite({ role: "owner" as Role });
    expect(await rejection(invite)).toMatchObject({ code: "request.invalid", op: "createInvite" });
  });
});

describe("without a group", () => {
  it("there is nothing to change", async () => {
    const db = await database({ relay: NOWHERE });
    const calls = [
      db.sync.removeDevice(NOBODY),
      db.sync.changeRole(NOBODY, "reader"),
      db.sync.handOver(NOBODY),
      db.sync.rotateKeys(),
      db.sync.leave(),
      db.sync.revokeInvite(NOBODY),
    ];
    for (const call of calls) {
      expect(await rejection(call)).toMatchObject({ code: "sync.disabled" });
    }
    expect(await db.sync.devices()).toEqual([]);
    expect(await db.sync.invites()).toEqual([]);
  });
});
