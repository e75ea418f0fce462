/** Recovery through a real relay: a password or 24 words bring a group back on a device that never was in it. */

import { describe, expect, inject, it } from "vitest";
import { AshoreError, type Database } from "ashore";
import { database, freshName, rejection, withWebSocket } from "./host.js";

const relay = inject("relay");
withWebSocket();

const PASSWORD = "eleven grey herons wade";
const OTHER = "twelve white storks stand";
/** Valid, and nobody's. */
const ZOO = `${"zoo ".repeat(23)}vote`;

interface Note {
  readonly text: string;
}
const notes = (db: Database) => db.collection<Note>("notes");
/** A name that no other test has: all share one relay. */
const freshLocator = (): string => `${freshName()}@example.org`;

/** A group of one device with a document, all of it at the relay. */
async function group(): Promise<Database> {
  const db = await database({ relay, deviceName: "Alice" });
  await db.sync.enable();
  await notes(db).put("n1", { text: "Milk" });
  await db.sync.now();
  return db;
}

/** Everything that was in the group is here. */
async function expectBack(db: Database, text = "Milk"): Promise<void> {
  await db.sync.now();
  expect(await notes(db).get("n1")).toEqual({ text });
  expect(db.sync.keyState).toBe("unlocked");
  const own = (await db.sync.devices()).find(({ me }) => me);
  expect(own).toMatchObject({ role: "admin" });
}

describe("a password", () => {
  it("brings everything back when the only device is gone", async () => {
    const alice = await group();
    const { id, locator } = await alice.sync.setPassword(PASSWORD);
    expect(locator).toMatch(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
    expect(await alice.sync.recoveries()).toEqual([
      { id, kind: "password", locator, madeBy: alice.sync.status.device },
    ]);
    await alice.close();
    const fresh = await database({ relay, deviceName: "New" });
    const { group: back } = await fresh.sync.recover({ locator: locator.toLowerCase(), password: PASSWORD });
    expect(back).toBe(alice.sync.status.group);
    await expectBack(fresh);
  });

  it("is found by a name that was chosen, and still opens after a device was removed and keys were changed", async () => {
    const alice = await group();
    const bob = await database({ relay, deviceName: "Bob" });
    await bob.sync.joinInvite((await alice.sync.createInvite()).shortCode);
    await Promise.all([bob.sync.now(), alice.sync.now()]);
    const name = freshLocator();
    expect(await alice.sync.setPassword(PASSWORD, { locator: name.toUpperCase() })).toMatchObject({
      locator: name.toLowerCase(),
    });
    const removed = (await alice.sync.devices()).find((device) => device.name === "Bob");
    await alice.sync.removeDevice(removed?.id ?? "");
    await alice.sync.rotateKeys();
    await notes(alice).put("n1", { text: "Milk and bread" });
    await alice.sync.now();
    await Promise.all([alice.close(), bob.close()]);
    const fresh = await database({ relay });
    await fresh.sync.recover({ locator: name, password: PASSWORD });
    await expectBack(fresh, "Milk and bread");
  });

  it("is changed: the old one fails, the new one opens", async () => {
    const alice = await group();
    expect(await rejection(alice.sync.changePassword(OTHER))).toMatchObject({ code: "recovery.not-found" });
    const { locator } = await alice.sync.setPassword(PASSWORD);
    expect(await alice.sync.changePassword(OTHER)).toMatchObject({ locator });
    await alice.sync.now();
    expect(await alice.sync.recoveries()).toHaveLength(1);
    const fresh = await database({ relay });
    const old = await rejection(fresh.sync.recover({ locator, password: PASSWORD }));
    expect(old).toMatchObject({ code: "recovery.bad-password", op: "recover", retry: false });
    await fresh.sync.recover({ locator, password: OTHER });
    await expectBack(fresh);
  });

  it("is refused when it is weak, wrong, not there or no text", async () => {
    const alice = await group();
    for (const weak of ["short", "0123456789", "aaaaaaaaaaaa"]) {
      const refused = await rejection(alice.sync.setPassword(weak));
      expect(refused).toMatchObject({ code: "recovery.weak-password" });
      expect(refused["message"]).not.toContain(weak);
    }
    expect(await rejection(alice.sync.setPassword(PASSWORD, { locator: "ab" }))).toMatchObject({
      code: "recovery.bad-locator",
    });
    expect(await rejection(alice.sync.setPassword(7 as never))).toBeInstanceOf(AshoreError);
    expect(await alice.sync.recoveries()).toEqual([]);
    const fresh = await database({ relay });
    const nobody = await rejection(fresh.sync.recover({ locator: freshLocator(), password: PASSWORD }));
    expect(nobody).toMatchObject({ code: "recovery.bad-password" });
    const nowhere = await rejection(fresh.sync.recover({ locator: "144G-J289-144G-J289", password: PASSWORD }));
    expect(nowhere).toMatchObject({ code: "recovery.not-found" });
    expect(fresh.sync.keyState).toBe("none");
  });

  it("takes nobody back once it was removed", async () => {
    const alice = await group();
    const { id, locator } = await alice.sync.setPassword(PASSWORD);
    expect(await alice.sync.removeRecovery(id)).toEqual([]);
    await alice.sync.now();
    const fresh = await database({ relay });
    const closed = await rejection(fresh.sync.recover({ locator, password: PASSWORD }));
    expect(["recovery.closed", "recovery.not-found"]).toContain(closed.code);
    expect(await rejection(alice.sync.removeRecovery("nonsense"))).toMatchObject({ code: "recovery.not-found" });
  });
});

describe("24 words", () => {
  it("bring everything back, as a text or as a list", async () => {
    const alice = await group();
    const { words } = await alice.sync.createRecoveryPhrase();
    expect(words).toHaveLength(24);
    await alice.close();
    const fresh = await database({ relay });
    await fresh.sync.recover({ words });
    await expectBack(fresh);
    await notes(fresh).put("n1", { text: "Bread" });
    await fresh.sync.now();
    await fresh.close();
    const third = await database({ relay });
    await third.sync.recover({ words: ` ${words.join("\n")} `.toUpperCase() });
    await expectBack(third, "Bread");
  });

  it("say which of them is wrong, and that nothing lies there", async () => {
    const fresh = await database({ relay });
    const mistyped = await rejection(fresh.sync.recover({ words: ZOO.replace("zoo", "zu") }));
    expect(mistyped).toMatchObject({ code: "recovery.bad-words" });
    expect(mistyped["message"]).toContain("word 1 ");
    expect(await rejection(fresh.sync.recover({ words: ["zoo"] }))).toMatchObject({ code: "recovery.bad-words" });
    expect(await rejection(fresh.sync.recover({ words: ZOO }))).toMatchObject({ code: "recovery.not-found" });
  });

  it("stand beside a password, and new ones take the place of the old", async () => {
    const alice = await group();
    const { words: before } = await alice.sync.createRecoveryPhrase();
    const { locator } = await alice.sync.setPassword(PASSWORD);
    const { words } = await alice.sync.createRecoveryPhrase();
    await alice.sync.now();
    const kinds = (await alice.sync.recoveries()).map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual(["password", "phrase"]);
    const fresh = await database({ relay });
    const old = await rejection(fresh.sync.recover({ words: before }));
    expect(["recovery.closed", "recovery.not-found"]).toContain(old.code);
    await fresh.sync.recover({ words });
    await expectBack(fresh);
    const other = await database({ relay });
    await other.sync.recover({ locator, password: PASSWORD });
    await expectBack(other);
  });
});

describe("keyState", () => {
  it("is remote when this device is in no group and knows of a recovery", async () => {
    const alice = await group();
    const { locator } = await alice.sync.setPassword(PASSWORD);
    expect(alice.sync.keyState).toBe("unlocked");
    await alice.sync.disable({ forget: true });
    expect(alice.sync.keyState).toBe("remote");
    const fresh = await database({ relay });
    await rejection(fresh.sync.recover({ locator, password: OTHER }));
    await fresh.ping("after it");
    expect(fresh.sync.keyState).toBe("remote");
    await alice.sync.recover({ locator, password: PASSWORD });
    await expectBack(alice);
  });

  it("stays none where a group without a recovery was forgotten", async () => {
    const alice = await group();
    await alice.sync.disable({ forget: true });
    expect(alice.sync.keyState).toBe("none");
  });
});

describe("what cannot be done", () => {
  it("is said: without a group, without a network, in a group already", async () => {
    const plain = await database();
    expect(await rejection(plain.sync.setPassword(PASSWORD))).toMatchObject({ code: "sync.disabled" });
    expect(await plain.sync.recoveries()).toEqual([]);
    expect(await rejection(plain.sync.recover({ words: ZOO }))).toMatchObject({ code: "relay.invalid-address" });
    const alice = await group();
    const bob = await database({ relay });
    await bob.sync.joinInvite((await alice.sync.createInvite()).shortCode);
    await Promise.all([bob.sync.now(), alice.sync.now()]);
    expect(await rejection(bob.sync.recover({ words: ZOO }))).toMatchObject({ code: "group.already-joined" });
  });
});
