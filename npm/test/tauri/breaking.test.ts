/** An engine that breaks in the app: what a page with databases open there sees of it. The engine really panics, on its own thread. */

import { expect, it } from "vitest";
import type { AshoreError, Database } from "ashore";
import { app } from "../conformance/app.js";
import { database, rejection } from "../conformance/host.js";

const PASSPHRASE = "eleven grey herons";

const breakEngine = (db: Database): Promise<void> => app("break_engine", { database: db.name });

/** A call as an app makes it: one that met the end of an engine is made again. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if ((error as AshoreError).code !== "host.dead") {
      throw error;
    }
    expect(error).toMatchObject({ retry: true });
    return await call();
  }
}

it("is replaced a hundred times, and loses nothing that was acknowledged", async () => {
  const db = await database({ durability: "strict" });
  const notes = db.collection("notes");
  for (let round = 0; round < 100; round += 1) {
    await notes.put(`before-${round}`, { round });
    await breakEngine(db);
    await again(() => notes.put(`after-${round}`, { round }));
    expect(await db.ping("x")).toBe("x");
  }
  expect(await notes.list()).toHaveLength(200);
  expect(await db.check()).toMatchObject({ healthy: true });
});

it("in the middle of a batch: every put is there or was rejected, and none twice", async () => {
  const db = await database();
  const batch = db.collection("batch");
  await db.collection("notes").put("before", { kept: true });
  for (let round = 0; round < 5; round += 1) {
    const puts = Array.from({ length: 50 }, (_, index) => batch.put(`${round}-${index}`, { index }));
    if (round % 2 === 0) {
      await puts[0];
    }
    const settled = Promise.allSettled(puts);
    await breakEngine(db);
    const outcomes = await settled;
    const there = new Set(await again(() => batch.list()));
    outcomes.forEach((outcome, index) => {
      if (outcome.status === "fulfilled") {
        expect(there.has(`${round}-${index}`)).toBe(true);
      } else {
        expect(outcome.reason).toMatchObject({ code: "host.dead" });
      }
    });
    for (const id of there) {
      expect(await batch.history(id)).toHaveLength(1);
    }
  }
  expect(await db.collection("notes").get("before")).toEqual({ kept: true });
});

it("tells those who listen to read again", async () => {
  const db = await database();
  await db.collection("notes").put("n1", {});
  const missed = new Promise<boolean>((resolve) => {
    db.collection("notes").on("change", (event) => event.missed && resolve(true));
  });
  await breakEngine(db);
  await again(() => db.collection("notes").put("n2", {}));
  expect(await missed).toBe(true);
});

it("goes on unlocked without the passphrase, and locked when it was locked", async () => {
  const db = await database({ encrypt: { passphrase: PASSPHRASE } });
  const notes = db.collection("notes");
  await notes.put("n1", { kept: true });
  await breakEngine(db);
  await again(() => notes.put("n2", {}));
  expect(await notes.get("n1")).toEqual({ kept: true });
  await db.lock();
  // There is none to break now: the one that unlocking starts does, and the one after it is unlocked.
  await breakEngine(db);
  expect((await rejection(again(() => notes.get("n1")))).code).toBe("key.locked");
  await again(() => db.unlock(PASSPHRASE));
  expect(await again(() => notes.get("n1"))).toEqual({ kept: true });
  expect(db.sync.keyState).toBe("unlocked");
});
