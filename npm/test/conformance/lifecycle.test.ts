/** Where the engine stands, starting and stopping it by hand, and what is logged: the same on every host. */

import { AshoreError, type EngineState, type LogEvent, open } from "ashore";
import { afterEach, describe, expect, it, vi } from "vitest";
import { database, freshName, needsClock, persistent, rejection } from "./host.js";

describe("the engine", () => {
  it("stands where it is said to stand, from before the first call to the end", async () => {
    const db = await open({ name: freshName() });
    const states: EngineState[] = [];
    db.on("engine", ({ state }) => states.push(state));
    expect(db.engine).toEqual({ state: "idle", lastSeen: null, restarts: 0, lastError: null, retryAt: null });
    await db.start();
    expect(db.engine).toMatchObject({ state: "running", restarts: 0, lastError: null });
    expect(db.engine.lastSeen).toBeGreaterThan(0);
    await db.close();
    expect(states).toEqual(["starting", "running", "stopping", "closed"]);
    expect(db.engine.state).toBe("closed");
    expect((await rejection(db.start())).code).toBe("database.closed");
  });

  it("that is told to starts anew, and what was acknowledged is there where anything is kept", async () => {
    const db = await database();
    const notes = db.collection("notes");
    await notes.put("n1", { title: "Milk" });
    const states: EngineState[] = [];
    db.on("engine", ({ state }) => states.push(state));
    await db.restart();
    expect(states.at(-1)).toBe("running");
    expect(db.engine).toMatchObject({ state: "running", restarts: 1, lastError: { code: "host.dead" } });
    expect(await notes.list()).toEqual(persistent ? ["n1"] : []);
    await notes.put("n2", {});
    expect(await notes.list()).toContain("n2");
  });

  it("goes on through pause and resume, which start none", async () => {
    const db = await database();
    expect(await db.pause()).toEqual({ pending: 0 });
    await db.resume();
    expect(db.engine.state).toBe("idle");
    await db.collection("notes").put("n1", {});
    expect(await db.pause()).toEqual({ pending: 0 });
    expect(await db.collection("notes").list()).toEqual(["n1"]);
    await db.resume();
    expect(db.engine.state).toBe("running");
  });

  it.each([
    [{ heartbeatMs: 249 }],
    [{ heartbeatMs: 60_001 }],
    [{ heartbeatMs: 1_000.5 }],
    [{ heartbeatMs: "1000" as unknown as number }],
    [{ logLevel: "loud" as "off" }],
  ])("is not watched over by %j", async (options) => {
    const refused = await rejection(open({ name: freshName(), ...options }));
    expect(refused).toBeInstanceOf(AshoreError);
    expect(refused).toMatchObject({ code: "request.invalid", op: "open", retry: false });
  });
});

/** A relay that takes connections and never says a word. */
class SilentSocket {
  readonly readyState = 0;
  binaryType = "arraybuffer";
  onopen: (() => void) | null = null;
  addEventListener(): void {}
  removeEventListener(): void {}
  send(): void {}
  close(): void {}
}

describe("what waits for a relay that never answers", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("is given its time, to the millisecond, and is kept", needsClock, async () => {
    vi.stubGlobal("WebSocket", SilentSocket);
    const db = await database();
    await db.sync.enable({ relay: "wss://relay.example/v1/ws", deviceName: "here" });
    await db.collection("notes").put("n1", {});
    const ways: [number, () => Promise<{ readonly pending: number }>][] = [
      [500, () => db.flush({ timeoutMs: 500 })],
      [2_000, () => db.flush({ timeoutMs: 2_000 })],
      [500, () => db.pause()],
    ];
    for (const [ms, begin] of ways) {
      vi.useFakeTimers();
      const outcomes: { readonly pending: number }[] = [];
      const flushed = begin().then((outcome) => outcomes.push(outcome));
      await vi.advanceTimersByTimeAsync(ms - 1);
      expect(outcomes).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      vi.useRealTimers();
      await flushed;
      expect(outcomes).toEqual([{ pending: db.sync.status.pending }]);
    }
    expect(db.sync.status.pending).toBeGreaterThan(0);
    expect(await db.collection("notes").list()).toEqual(["n1"]);
  });
});

describe("logs", () => {
  it("say what the engine and the page did, as it happens and afterwards", async () => {
    const db = await database();
    const heard: LogEvent[] = [];
    db.on("log", (event) => heard.push(event));
    await db.start();
    await vi.waitFor(() => expect(heard.map(({ area }) => area)).toContain("engine"));
    expect(heard.map(({ area, message }) => `${area}: ${message}`)).toEqual(
      expect.arrayContaining(["page: an engine is started", "page: an engine can be asked", "engine: it runs"]),
    );
    expect(db.logs()).toHaveLength(heard.length);
    expect(db.logs().every(({ at }) => Math.abs(at - Date.now()) < 3_600_000)).toBe(true);
    expect(db.logs({ since: Date.now() + 3_600_000 })).toEqual([]);
    expect(db.logs({ level: "error" })).toEqual([]);
  });

  it("hold nothing of what was written, however much is logged", async () => {
    const canary = "cormorant";
    const db = await database({ logLevel: "trace", deviceName: canary });
    const notes = db.collection(canary);
    await notes.put(canary, { [canary]: canary });
    expect((await rejection(notes.find({ [`$${canary}`]: canary } as object).all())).code).toBe("query.invalid");
    await notes.update(canary, (note) => void (note["more"] = canary));
    await db.ping(canary);
    await vi.waitFor(() => {
      const messages = db.logs().map(({ area, message }) => `${area}: ${message}`);
      expect(messages).toEqual(
        expect.arrayContaining(["calls: calls came", "store: rows are committed", "calls: a call failed"]),
      );
    });
    expect(db.logs().find(({ message }) => message === "a call failed")?.code).toBe("query.invalid");
    expect(JSON.stringify(db.logs())).not.toContain(canary);
  });

  it("go as far as they are told to, from the next thing that happens", async () => {
    const db = await database({ logLevel: "off" });
    await db.ping("p");
    expect(db.logs()).toEqual([]);
    expect(db.logLevel).toBe("off");
    db.setLogLevel("trace");
    await db.ping("p");
    await db.ping("q");
    await vi.waitFor(() => expect(db.logs().map(({ message }) => message)).toContain("calls came"));
    expect(() => db.setLogLevel("loud" as "off")).toThrow(AshoreError);
    expect(() => db.logs({ level: "loud" as "off" })).toThrow(AshoreError);
  });
});
