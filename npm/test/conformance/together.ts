/** Several devices of one group, through the suite's real relay. */

import type { Database, Role } from "ashore";
import { expect, inject, vi } from "vitest";
import { database } from "./host.js";

export const relay = inject("relay");

/** A document by the name of who wrote it. */
export type Note = { by: string };

/** Waits for what comes when it comes. */
export const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 30_000, interval: 10 });

/** A device that has founded a group. */
export async function founder(deviceName = "Alice"): Promise<Database> {
  const db = await database({ relay, deviceName });
  await db.sync.enable();
  return db;
}

/** Another device, let in by an admin. */
export async function joined(admin: Database, deviceName: string, role?: Role): Promise<Database> {
  const db = await database({ relay, deviceName });
  const { shortCode } = await admin.sync.createInvite({ role });
  await db.sync.joinInvite(shortCode);
  await inStep(admin, db);
  return db;
}

/** Everything that each of them had is at the relay, and everything that was there is here. */
export async function inStep(...devices: readonly Database[]): Promise<void> {
  await Promise.all(devices.map((db) => db.sync.now()));
}

/** As its own member of the group it is known by this id. */
export async function idOf(db: Database): Promise<string> {
  const me = (await db.sync.devices()).find((device) => device.me);
  if (!me) throw new Error("it is in no group");
  return me.id;
}

/** Names and roles, in the order in which they were admitted. */
export async function members(db: Database): Promise<string[]> {
  return (await db.sync.devices()).map(({ name, role }) => `${name} ${role}`);
}

/** Waits until all of them see exactly these members. */
export const untilMembers = (devices: readonly Database[], wanted: readonly string[]): Promise<void> =>
  until(async () => {
    for (const db of devices) {
      expect(await members(db)).toEqual(wanted);
    }
  });

export const put = (db: Database, id: string, by: string): Promise<void> =>
  db.collection<Note>("notes").put(id, { by });

/** The ids of its notes, sorted. */
export async function notes(db: Database): Promise<string[]> {
  return (await db.collection<Note>("notes").list()).sort();
}

/** Waits until all of them have exactly these notes. */
export const untilNotes = (devices: readonly Database[], ...wanted: readonly string[]): Promise<void> =>
  until(async () => {
    for (const db of devices) {
      expect(await notes(db)).toEqual([...wanted].sort());
    }
  });

/** Waits until it knows that it was removed. */
export const untilRemoved = (db: Database): Promise<void> => until(() => expect(db.sync.status.removed).toBe(true));
