/** Where an engine stands and what becomes of one that dies, against scripted hosts and a clock that tests move. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, dead, HANG_MS, HEARTBEAT_MS, UNKNOWN_STATUS } from "../../src/client.js";
import type { AshoreError } from "../../src/errors.js";
import type { Failure } from "../../src/generated/Failure.js";
import { flushBriefly } from "../../src/page.js";
import { RESTARTS_AT_ONCE } from "../../src/supervision.js";
import { echo, type Script, ScriptedHosts } from "./scripted.js";

const ended = dead("It was ended.");
const ping = (client: Client, text = "p"): Promise<{ text: string }> =>
  client.ask({ ping: { text } }, "pong", { op: "ping" });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: AshoreError) => error.code,
  );
const soon = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** Answers everything that these tests ask. */
const all: Script = (command, id) =>
  "status" in command
    ? { ok: { status: { status: UNKNOWN_STATUS } } }
    : "flush" in command
      ? { ok: { flushed: { pending: 0 } } }
      : echo(command, id);

let hosts: ScriptedHosts;
let client: Client;
let states: string[];

function begin(...options: ConstructorParameters<typeof Client> extends [unknown, ...infer Rest] ? Rest : never): void {
  hosts = new ScriptedHosts(all);
  client = new Client(hosts.start, ...options);
  states = [];
  client.events.on("engine", ({ state }) => states.push(state));
}

const flushes = (): unknown[] =>
  hosts.last.sent.flatMap(({ calls }) => calls.flatMap(({ command }) => ("flush" in command ? [command.flush] : [])));

beforeEach(() => {
  vi.useFakeTimers({ now: 1_795_000_000_000 });
  begin();
});

afterEach(async () => {
  await client.close();
  vi.useRealTimers();
});

describe("an engine", () => {
  it("is idle, starting, running, stopping, closed, and nothing in between", async () => {
    expect(client.engine).toEqual({ state: "idle", lastSeen: null, restarts: 0, lastError: null, retryAt: null });
    await ping(client);
    expect(client.engine).toMatchObject({ state: "running", lastSeen: Date.now(), restarts: 0 });
    await client.close();
    expect(states).toEqual(["starting", "running", "stopping", "closed"]);
    expect(client.engine.state).toBe("closed");
  });

  it("says when it was last seen", async () => {
    await ping(client);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.engine.lastSeen).toBe(Date.now() - 5_000);
    hosts.last.tell({ connected: { relay: "wss://r" } });
    expect(client.engine.lastSeen).toBe(Date.now());
  });

  it("that misses a heartbeat is unhealthy, and runs again when it gives a sign of life", async () => {
    await ping(client);
    hosts.script = () => null;
    const asked = ping(client, "slow");
    hosts.last.answersChecks = false;
    await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_MS);
    expect(client.engine.state).toBe("running");
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
    expect(client.engine.state).toBe("unhealthy");
    hosts.last.listener.alive();
    expect(client.engine.state).toBe("running");
    hosts.last.answer(3, { ok: { pong: { text: "slow" } } });
    expect(await asked).toEqual({ text: "slow" });
    expect(states).toEqual(["starting", "running", "unhealthy", "running"]);
  });

  it("that stays silent is replaced, for who listens by itself", async () => {
    client.listen();
    await soon();
    hosts.last.answersChecks = false;
    await vi.advanceTimersByTimeAsync(HANG_MS + 2 * HEARTBEAT_MS);
    expect(hosts.hosts[0]?.killed).toBe(true);
    expect(states).toEqual(["starting", "running", "unhealthy", "restarting", "running"]);
    expect(client.engine).toMatchObject({ restarts: 1, lastError: { code: "host.dead" } });
    expect(hosts.hosts).toHaveLength(2);
  });

  it("that is given up holds the database, which stays unlocked, until the next one has it", async () => {
    await ping(client);
    hosts.eager = false;
    client.endEngine();
    client.startEngine("start");
    await soon();
    expect(hosts.hosts.map(({ left, killed }) => [left, killed])).toEqual([
      [true, false],
      [false, false],
    ]);
    hosts.last.listener.ready();
    expect(hosts.hosts.map(({ killed }) => killed)).toEqual([true, false]);
  });

  it("is asked as often as the app wants", async () => {
    begin({ heartbeatMs: 250 });
    client.listen();
    await soon();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(hosts.last.checks).toBe(8);
    hosts.last.answersChecks = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.engine.state).toBe("unhealthy");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(hosts.hosts[0]?.left).toBe(true);
  });

  it("that nobody waits for is not watched over while nobody looks", async () => {
    client.listen();
    await soon();
    client.pause();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hosts.last.checks).toBe(0);
    client.resume();
    await vi.advanceTimersByTimeAsync(3 * HEARTBEAT_MS);
    expect(hosts.last.checks).toBe(3);
  });

  it("that somebody waits for is watched over also then", async () => {
    client.pause();
    hosts.script = () => null;
    const asked = codeOf(ping(client));
    await soon();
    hosts.last.answersChecks = false;
    await vi.advanceTimersByTimeAsync(HANG_MS + 2 * HEARTBEAT_MS);
    expect(await asked).toBe("host.dead");
  });
});

describe("one that ends by itself", () => {
  it("is idle when nobody listens, and the next call starts another", async () => {
    await ping(client);
    hosts.last.listener.gone(ended);
    expect(client.engine).toMatchObject({ state: "idle", lastError: { code: "host.dead" }, retryAt: null });
    await ping(client);
    expect(states).toEqual(["starting", "running", "idle", "restarting", "running"]);
    expect(client.engine.restarts).toBe(1);
  });

  it("again and again is failed: refused until it may be tried, and then tried", async () => {
    hosts.eager = false;
    for (let death = 0; death <= RESTARTS_AT_ONCE; death += 1) {
      const asked = codeOf(ping(client));
      hosts.last.listener.gone(ended);
      expect(await asked).toBe("host.dead");
    }
    const { state, retryAt } = client.engine;
    expect(state).toBe("failed");
    expect(retryAt).toBe(Date.now() + 500);
    expect(await codeOf(ping(client))).toBe("host.dead");
    expect(hosts.hosts).toHaveLength(4);
    hosts.eager = true;
    await vi.advanceTimersByTimeAsync(500);
    expect(client.engine.state).toBe("failed");
    await ping(client);
    expect(client.engine).toMatchObject({ state: "running", retryAt: null });
  });

  it("waits twice as long each time, half a minute at most, and is tried for who listens", async () => {
    hosts.eager = false;
    client.listen();
    const waits: number[] = [];
    for (let death = 0; death < 14; death += 1) {
      hosts.last.listener.gone(ended);
      const { retryAt } = client.engine;
      waits.push(retryAt === null ? 0 : retryAt - Date.now());
      const before = hosts.hosts.length;
      await vi.advanceTimersByTimeAsync(Math.max((waits.at(-1) ?? 0) - 1, 0));
      expect(hosts.hosts).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(500);
      expect(hosts.hosts).toHaveLength(before + 1);
    }
    expect(waits).toEqual([0, 0, 0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000]);
  });

  it("is started at once when somebody says so", async () => {
    hosts.eager = false;
    for (let death = 0; death <= RESTARTS_AT_ONCE; death += 1) {
      const asked = codeOf(ping(client));
      hosts.last.listener.gone(ended);
      await asked;
    }
    hosts.eager = true;
    client.startEngine("start");
    await soon();
    expect(client.engine).toMatchObject({ state: "running", retryAt: null });
  });
});

describe("one that its host replaces", () => {
  const broke: Failure = dead("It broke.");

  it("answers what the other did not, under the same ids, once", async () => {
    await ping(client);
    hosts.script = () => null;
    const asked = ping(client, "through");
    await soon();
    const before = hosts.last.asked.at(-1);
    hosts.script = all;
    hosts.last.listener.replaced(broke);
    expect(await asked).toEqual({ text: "through" });
    expect(hosts.hosts).toHaveLength(1);
    expect(hosts.last.asked.at(-1)).toEqual(expect.arrayContaining(before ?? []));
    expect(states).toEqual(["starting", "running", "restarting", "running"]);
    expect(client.engine).toMatchObject({ restarts: 1, lastError: { code: "host.dead" } });
  });

  it("is not given a call that two broke over, and answers the next", async () => {
    await ping(client);
    hosts.script = () => null;
    const bad = codeOf(ping(client, "bad"));
    await soon();
    hosts.last.listener.replaced(broke);
    await vi.advanceTimersByTimeAsync(600);
    hosts.last.listener.alive();
    hosts.last.listener.replaced(broke);
    expect(await bad).toBe("host.dead");
    hosts.script = all;
    expect(await ping(client, "good")).toEqual({ text: "good" });
    expect(hosts.hosts).toHaveLength(1);
  });

  it("over and over is ended, and tried again with the pauses of any other", async () => {
    client.listen();
    await soon();
    hosts.last.listener.replaced(broke);
    hosts.last.listener.replaced(broke);
    expect(client.engine.state).toBe("restarting");
    await vi.advanceTimersByTimeAsync(499);
    expect(hosts.hosts).toHaveLength(1);
    // It holds the database, which stays unlocked, until the next one has it.
    expect(hosts.hosts[0]?.killed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(hosts.hosts).toHaveLength(2);
    expect(hosts.hosts.map(({ killed }) => killed)).toEqual([true, false]);
  });
});

describe("closing", () => {
  const status = { ...UNKNOWN_STATUS, enabled: true, connected: true, pending: 3 };

  it("asks for half a second, and waits hardly longer for an engine that says nothing", async () => {
    await ping(client);
    hosts.last.tell({ status: { status } });
    hosts.script = () => null;
    let done = false;
    void flushBriefly(client).then(() => (done = true));
    await vi.advanceTimersByTimeAsync(599);
    expect(flushes()).toEqual([{ timeoutMs: 500 }]);
    expect(done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toBe(true);
  });

  it("asks for nothing without a connection or without anything that waits", async () => {
    await flushBriefly(client);
    expect(hosts.hosts).toHaveLength(0);
    await ping(client);
    for (const nothing of [
      { ...status, connected: false },
      { ...status, pending: 0 },
    ]) {
      hosts.last.tell({ status: { status: nothing } });
      await flushBriefly(client);
    }
    expect(flushes()).toEqual([]);
  });
});
