/** What hosts add that keep something: an engine that starts late and may die, and documents that outlive it. */

import { type Database, open } from "ashore";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { database, freshName, host, needsKeeping, needsWorker, rejection } from "./host.js";
import { kept } from "./kept.js";

const started: Worker[] = [];
const makeWorker = (): Worker => {
  const worker = new Worker(new URL("../../dist/hosts/wasm.worker.js", import.meta.url), { type: "module" });
  started.push(worker);
  return worker;
};

beforeEach(() => {
  started.length = 0;
});

describe("starting", needsKeeping, () => {
  it("no engine and no database before the first call that needs them", async () => {
    const name = freshName();
    const starts = startsOf(name);
    const db = await database({ name, worker: starts.worker });
    db.collection("notes");
    expect(db.sync.status.state).toBe("offline");
    expect(starts.count()).toBe(0);
    expect(await kept.databases(name)).toEqual([]);
    await db.collection("notes").put("n1", {});
    expect(starts.count()).toBe(1);
    expect(await kept.databases(name)).toEqual([host === "tauri" ? `${name}.ashore` : `ashore/${name}`]);
  });

  it("a hundred first calls through a hundred handles start one engine", async () => {
    const name = freshName();
    const starts = startsOf(name);
    const handles = await Promise.all(Array.from({ length: 100 }, () => database({ name, worker: starts.worker })));
    await Promise.all(handles.map((db, index) => db.collection("notes").put(`n${index}`, {})));
    expect(starts.count()).toBe(1);
    expect(await kept.databases(name)).toHaveLength(1);
  });
});

/** How often an engine is asked for: a worker that is made, or a database that the app is told to open. */
function startsOf(name: string): { readonly worker: () => Worker; count(): number } {
  if (host !== "tauri") {
    return { worker: makeWorker, count: () => started.length };
  }
  const bridge = (globalThis as Record<string, unknown>)["__TAURI_INTERNALS__"] as Bridge;
  const invoke = vi.fn(bridge.invoke);
  vi.stubGlobal("__TAURI_INTERNALS__", Object.create(bridge, { invoke: { value: invoke } }));
  const opens = ([command, payload]: Parameters<Bridge["invoke"]>): boolean =>
    command === "plugin:ashore|open" && (payload as { database: string }).database === name;
  return { worker: makeWorker, count: () => invoke.mock.calls.filter(opens).length };
}

interface Bridge {
  invoke(command: string, payload: unknown): Promise<unknown>;
}

afterEach(() => void vi.unstubAllGlobals());

describe("closing and opening again", needsKeeping, () => {
  it("documents are there as they were", async () => {
    const name = freshName();
    const special = { at: new Date(5), raw: new Uint8Array([1, 2]), big: 2n ** 60n, zero: -0, text: "👋" };
    for (let round = 0; round < 5; round += 1) {
      const db = await open({ name });
      await db.collection("notes").put(`n${round}`, { ...special, round });
      await db.close();
    }
    const db = await database({ name });
    const all = await db.collection("notes").all();
    expect(all).toStrictEqual(
      Array.from({ length: 5 }, (_, round) => ({ id: `n${round}`, document: { ...special, round } })),
    );
    expect(await db.collections()).toEqual(["notes"]);
  });

  it("a put that is based on a version from before still keeps other changes", async () => {
    const name = freshName();
    const db = await open({ name });
    await db.collection("notes").put("n1", { a: 1, b: 1 });
    await db.close();
    const [one, other] = [await database({ name }), await database({ name })];
    const read = await one.collection("notes").get("n1");
    await other.collection("notes").update("n1", (note) => void (note["b"] = 2));
    await one.collection("notes").put("n1", { ...read, a: 2 });
    expect(await one.collection("notes").get("n1")).toEqual({ a: 2, b: 2 });
  });

  it("at once, fifty times, succeeds and leaves no lock behind", async () => {
    const name = freshName();
    for (let round = 0; round < 50; round += 1) {
      const db = await open({ name });
      await db.collection("notes").put(`n${round}`, { round });
      await db.close();
    }
    if (host === "worker") {
      const held = (await navigator.locks.query()).held?.filter((lock) => lock.name?.includes(name));
      expect(held).toEqual([]);
    }
    const db = await database({ name });
    expect(await db.collection("notes").list()).toHaveLength(50);
  });

  it("writes that nobody awaited before close are there", async () => {
    const name = freshName();
    const db = await open({ name });
    const puts = Array.from({ length: 200 }, (_, index) => db.collection("notes").put(`n${index}`, { index }));
    await db.close();
    await Promise.all(puts);
    const again = await database({ name });
    expect(await again.collection("notes").list()).toHaveLength(200);
  });
});

describe("a worker that is ended", needsWorker, () => {
  let db: Database;
  const name = (): string => db.name;

  beforeEach(async () => {
    db = await open({ name: freshName(), worker: makeWorker });
    await db.collection("notes").put("before", { kept: true });
  });

  afterEach(() => db.close());

  it("makes calls reject with host.dead within a second, and the next call starts another", async () => {
    started[0]?.terminate();
    const from = performance.now();
    expect(await rejection(db.ping("x"))).toMatchObject({ code: "host.dead", retry: true, op: "ping" });
    expect(performance.now() - from).toBeLessThan(1_000);
    expect(await db.ping("y")).toBe("y");
    expect(started).toHaveLength(2);
    expect(await db.collection("notes").get("before")).toEqual({ kept: true });
  });

  it("in the middle of a batch: every put is there or was rejected, and none twice", async () => {
    for (let round = 0; round < 5; round += 1) {
      const puts = Array.from({ length: 50 }, (_, index) => db.collection("batch").put(`${round}-${index}`, { index }));
      if (round % 2 === 0) {
        await puts[0];
      }
      started.at(-1)?.terminate();
      const outcomes = await Promise.allSettled(puts);
      const there = new Set(
        await db
          .collection("batch")
          .list()
          .catch(() => db.collection("batch").list()),
      );
      outcomes.forEach((outcome, index) => {
        if (outcome.status === "fulfilled") {
          expect(there.has(`${round}-${index}`)).toBe(true);
        } else {
          expect(outcome.reason).toMatchObject({ code: "host.dead" });
        }
      });
    }
    expect(await db.collection("notes").get("before")).toEqual({ kept: true });
    expect(name()).toBe(db.name);
  });

  it("is started again for those who listen, and tells them to read again", async () => {
    const missed = new Promise<boolean>((resolve) => {
      db.collection("notes").on("change", (event) => event.missed && resolve(true));
    });
    started[0]?.terminate();
    expect(await missed).toBe(true);
    expect(started).toHaveLength(2);
  });
});

describe("a worker that cannot be loaded", needsWorker, () => {
  it("rejects with host.dead and is not tried for ever", async () => {
    const worker = vi.fn(() => new Worker(new URL("data:text/javascript,throw 1"), { type: "module" }));
    const db = await database({ worker });
    for (let attempt = 0; attempt < 10; attempt += 1) {
      expect((await rejection(db.ping("x"))).code).toBe("host.dead");
    }
    expect(worker.mock.calls.length).toBeLessThanOrEqual(5);
  });
});
