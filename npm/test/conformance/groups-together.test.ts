/** Groups of several devices through a real relay: roles, removal, leaving, keys and invites, as each of the devices sees them. */

import { describe, expect, it, onTestFinished } from "vitest";
import type { AshoreError, Database, Device, Role } from "ashore";
import { database, rejection, withWebSocket } from "./host.js";
import {
  founder,
  idOf,
  inStep,
  joined,
  members,
  notes,
  put,
  relay,
  untilMembers,
  untilNotes,
  untilRemoved,
  until,
} from "./together.js";

withWebSocket();

/** The last members that a handle was told of. */
function told(db: Database): () => readonly string[] {
  let last: readonly Device[] = [];
  onTestFinished(db.sync.on("membership", ({ devices }) => void (last = devices)));
  return () => last.map(({ name, role }) => `${name} ${role}`);
}

/** What went wrong that no call waited for, by its codes. */
function faults(db: Database): string[] {
  const codes: string[] = [];
  onTestFinished(db.sync.on("error", (error: AshoreError) => void codes.push(error.code)));
  return codes;
}

describe("an invite with a role", () => {
  it("makes whoever joins by it just that, and says so to everybody", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "reader");
    const carol = await joined(alice, "Carol", "writer");
    const dora = await joined(alice, "Dora");
    const all = ["Alice admin", "Bob reader", "Carol writer", "Dora admin"];
    await untilMembers([alice, bob, carol, dora], all);
    const seen = await bob.sync.devices();
    expect(seen.map(({ me }) => me)).toEqual([false, true, false, false]);
    const admitted = seen.map(({ admittedAt }) => admittedAt ?? 0);
    expect(admitted).toEqual([...admitted].sort((a, b) => a - b));
    expect(await idOf(bob)).toBe(bob.sync.status.device);
  });

  it("is listed for every admin, and one that was withdrawn by another admin lets nobody in", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "admin");
    const { id, shortCode, expiresAt } = await alice.sync.createInvite({ role: "reader", ttlSeconds: 900 });
    await inStep(alice, bob);
    const listed = { id, role: "reader", expiresAt, invitedBy: await idOf(alice), open: true, usesLeft: 1 };
    await until(async () => expect(await bob.sync.invites()).toContainEqual(listed));
    // The code of none is in what is listed.
    expect(JSON.stringify(await bob.sync.invites())).not.toContain(shortCode);
    expect(await bob.sync.revokeInvite(id)).toContainEqual({ ...listed, open: false });
    await inStep(bob, alice);
    await until(async () => expect(await alice.sync.invites()).toContainEqual({ ...listed, open: false }));
    const carol = await database({ relay });
    expect(await rejection(carol.sync.joinInvite(shortCode))).toMatchObject({ code: "invite.not-found" });
    expect(await members(alice)).toEqual(["Alice admin", "Bob admin"]);
  });
});

describe("a reader", () => {
  it("reads, and is refused at once what it may not do", async () => {
    const alice = await founder();
    await put(alice, "hers", "Alice");
    const bob = await joined(alice, "Bob", "reader");
    await untilNotes([bob], "hers");
    const notAllowed = { code: "group.not-allowed", retry: false };
    const collection = bob.collection("notes");
    expect(await rejection(collection.put("his", {}))).toMatchObject(notAllowed);
    expect(await rejection(collection.update("hers", (note) => void (note["by"] = "Bob")))).toMatchObject(notAllowed);
    expect(await rejection(collection.delete("hers"))).toMatchObject(notAllowed);
    const transaction = bob.transaction((tx) => tx.collection("notes").put("his", {}));
    expect(await rejection(transaction)).toMatchObject(notAllowed);
    const [hers, his] = [await idOf(alice), await idOf(bob)];
    // One after another: what is refused before somebody listens would be nobody's.
    const calls: readonly (() => Promise<unknown>)[] = [
      () => bob.sync.createInvite(),
      () => bob.sync.rotateKeys(),
      () => bob.sync.removeDevice(hers),
      () => bob.sync.changeRole(his, "admin"),
    ];
    for (const call of calls) {
      expect(await rejection(call())).toMatchObject(notAllowed);
    }
    await inStep(alice, bob);
    expect(await notes(bob)).toEqual(["hers"]);
    expect(await alice.collection("notes").get("hers")).toEqual({ by: "Alice" });
    expect(bob.sync.status).toMatchObject({ pending: 0, state: "synced" });
  });

  it("writes what stays on its device by declaration", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "reader");
    const drafts = bob.collection("drafts", { local: true });
    await drafts.put("d", { text: "mine" });
    expect(await drafts.get("d")).toEqual({ text: "mine" });
    await inStep(bob, alice);
    expect(await alice.collection("drafts").get("d")).toBeNull();
  });

  it("may write once it is made a writer, and no more once it is a reader again", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "reader");
    const his = await idOf(bob);
    const heard = told(bob);
    expect(await alice.sync.changeRole(his, "writer")).toMatchObject([{ role: "admin" }, { id: his, role: "writer" }]);
    await until(() => expect(heard()).toEqual(["Alice admin", "Bob writer"]));
    await put(bob, "first", "Bob");
    await untilNotes([alice], "first");
    // A writer writes, and that is all.
    expect(await rejection(bob.sync.createInvite())).toMatchObject({ code: "group.not-allowed" });
    await alice.sync.changeRole(his, "reader");
    await until(() => expect(heard()).toEqual(["Alice admin", "Bob reader"]));
    expect(await rejection(put(bob, "second", "Bob"))).toMatchObject({ code: "group.not-allowed" });
    await untilNotes([alice, bob], "first");
  });
});

describe("a removed device", () => {
  it("is told, keeps its documents, and gets nothing of what the others go on with", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "writer");
    const carol = await joined(alice, "Carol", "writer");
    await put(carol, "before", "Carol");
    await untilNotes([alice, bob, carol], "before");
    const codes = faults(carol);
    expect(await alice.sync.removeDevice(await idOf(carol))).toHaveLength(2);
    await untilRemoved(carol);
    await untilMembers([alice, bob], ["Alice admin", "Bob writer"]);
    await put(alice, "after", "Alice");
    await put(bob, "too", "Bob");
    await untilNotes([alice, bob], "after", "before", "too");
    expect(carol.sync.status).toMatchObject({ removed: true, state: "failed", connected: false });
    expect(carol.sync.status.lastError).toMatchObject({ code: "group.removed" });
    expect(await rejection(carol.sync.now())).toMatchObject({ code: "group.removed", retry: false });
    expect(codes.filter((code) => code !== "group.removed")).toEqual([]);
    expect(await notes(carol)).toEqual(["before"]);
    for (const db of [alice, bob]) {
      expect(db.sync.status).toMatchObject({ quarantined: 0 });
    }
  });

  it("may go on by itself: nothing of that leaves, and no other is changed by it", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "writer");
    await alice.sync.removeDevice(await idOf(bob));
    await untilRemoved(bob);
    await put(bob, "alone", "Bob");
    expect(await notes(bob)).toEqual(["alone"]);
    const calls: readonly (() => Promise<unknown>)[] = [
      () => bob.sync.createInvite(),
      () => bob.sync.rotateKeys(),
      () => bob.sync.leave(),
      () => bob.sync.handOver("x"),
    ];
    for (const call of calls) {
      expect(await rejection(call())).toMatchObject({ code: "group.removed" });
    }
    await put(alice, "together", "Alice");
    await inStep(alice);
    expect(await notes(alice)).toEqual(["together"]);
    expect(await notes(bob)).toEqual(["alone"]);
  });

  it("comes back as a new device, and delivers what it wrote meanwhile", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "writer");
    const carol = await joined(alice, "Carol", "writer");
    const before = await idOf(bob);
    await alice.sync.removeDevice(before);
    await untilRemoved(bob);
    await put(alice, "hers", "Alice");
    await put(bob, "his", "Bob");
    const { shortCode } = await alice.sync.createInvite({ role: "writer" });
    expect(await rejection(bob.sync.joinInvite(shortCode))).toMatchObject({ code: "group.already-joined" });
    const forgotten = await bob.sync.disable({ forget: true });
    expect([forgotten.group, forgotten.enabled, forgotten.removed ?? false]).toEqual([null, false, false]);
    await bob.sync.joinInvite(shortCode, { relay, deviceName: "Bob again" });
    await untilNotes([alice, bob, carol], "hers", "his");
    await untilMembers([alice, bob, carol], ["Alice admin", "Carol writer", "Bob again writer"]);
    expect(await idOf(bob)).not.toBe(before);
  });
});

describe("whoever leaves", () => {
  it("keeps its documents, is in no group, and the others go on without it", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "writer");
    await put(bob, "farewell", "Bob");
    await bob.sync.leave();
    await until(() => expect(bob.sync.status).toMatchObject({ group: null, enabled: false }));
    await untilMembers([alice], ["Alice admin"]);
    await put(alice, "later", "Alice");
    await untilNotes([alice], "farewell", "later");
    expect(await notes(bob)).toEqual(["farewell"]);
    expect(await bob.sync.devices()).toEqual([]);
    expect(await rejection(bob.sync.now())).toMatchObject({ code: "sync.disabled" });
  });

  it("hands over before, if it is the only admin", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "reader");
    await put(alice, "hers", "Alice");
    expect(await rejection(alice.sync.leave())).toMatchObject({ code: "group.last-admin", op: "leave" });
    expect(await rejection(alice.sync.changeRole(await idOf(alice), "writer"))).toMatchObject({
      code: "group.last-admin",
    });
    expect(await alice.sync.handOver(await idOf(bob))).toMatchObject([{ role: "writer" }, { role: "admin" }]);
    await untilMembers([bob], ["Alice writer", "Bob admin"]);
    expect(await rejection(alice.sync.createInvite())).toMatchObject({ code: "group.not-allowed" });
    await alice.sync.leave();
    await until(() => expect(alice.sync.status.group).toBeNull());
    await untilMembers([bob], ["Bob admin"]);
    await put(bob, "his", "Bob");
    await untilNotes([bob], "hers", "his");
    expect(await notes(alice)).toEqual(["hers"]);
  });
});

describe("a role", () => {
  it("can be given and taken between all three", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "reader");
    const his = await idOf(bob);
    const steps: readonly Role[] = ["admin", "writer", "reader", "writer", "admin", "reader"];
    for (const role of steps) {
      await alice.sync.changeRole(his, role);
      await untilMembers([alice, bob], ["Alice admin", `Bob ${role}`]);
    }
  });

  it("can be taken from an admin by another one", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "admin");
    await bob.sync.changeRole(await idOf(alice), "reader");
    await untilMembers([alice, bob], ["Alice reader", "Bob admin"]);
    expect(await rejection(put(alice, "n", "Alice"))).toMatchObject({ code: "group.not-allowed" });
    expect(await rejection(alice.sync.removeDevice(await idOf(bob)))).toMatchObject({ code: "group.not-allowed" });
  });
});

describe("a key changed on demand", () => {
  it("reaches everybody, and whoever joins later reads what was written under each", async () => {
    const alice = await founder();
    const bob = await joined(alice, "Bob", "writer");
    await put(bob, "epoch-0", "Bob");
    await inStep(bob, alice);
    for (const epoch of [1, 2]) {
      await alice.sync.rotateKeys();
      await inStep(alice, bob);
      await put(bob, `epoch-${epoch}`, "Bob");
      await inStep(bob, alice);
    }
    const all = ["epoch-0", "epoch-1", "epoch-2"];
    await untilNotes([alice, bob], ...all);
    const carol = await joined(alice, "Carol", "reader");
    await untilNotes([carol], ...all);
    expect(carol.sync.status.quarantined).toBe(0);
  });

  it("also reaches whoever joins by an invite from before", async () => {
    const alice = await founder();
    const { shortCode } = await alice.sync.createInvite({ role: "writer" });
    await alice.sync.rotateKeys();
    await put(alice, "under-the-new-key", "Alice");
    await inStep(alice);
    const bob = await database({ relay, deviceName: "Bob" });
    await bob.sync.joinInvite(shortCode);
    await untilNotes([bob], "under-the-new-key");
    await put(bob, "his", "Bob");
    await untilNotes([alice, bob], "his", "under-the-new-key");
    expect(bob.sync.status.quarantined).toBe(0);
  });
});

describe("the event membership", () => {
  it("comes to every handle of every device", async () => {
    const alice = await founder();
    const tab = await database({ name: alice.name });
    const [atAlice, atTab] = [told(alice), told(tab)];
    const bob = await joined(alice, "Bob", "reader");
    const bobsTab = await database({ name: bob.name });
    const [atBob, atBobsTab] = [told(bob), told(bobsTab)];
    await until(() =>
      expect([atAlice(), atTab()]).toEqual(Array.from({ length: 2 }, () => ["Alice admin", "Bob reader"])),
    );
    // Of what one tab does, the other is told as well.
    await tab.sync.changeRole(await idOf(bob), "writer");
    const everywhere = [atAlice, atTab, atBob, atBobsTab];
    await until(() =>
      expect(everywhere.map((at) => at())).toEqual(Array.from({ length: 4 }, () => ["Alice admin", "Bob writer"])),
    );
    await bobsTab.sync.renameDevice("Robert");
    await until(() =>
      expect(everywhere.map((at) => at())).toEqual(Array.from({ length: 4 }, () => ["Alice admin", "Robert writer"])),
    );
    await alice.sync.removeDevice(await idOf(bob));
    await until(() => expect([atAlice(), atTab()]).toEqual(Array.from({ length: 2 }, () => ["Alice admin"])));
    await Promise.all([untilRemoved(bob), untilRemoved(bobsTab)]);
  });
});
