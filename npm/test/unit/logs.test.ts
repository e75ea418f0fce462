/** What a page logs of its engines, and what engines tell it, against scripted ones. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, dead } from "../../src/client.js";
import type { LogEntry } from "../../src/generated/LogEntry.js";
import type { LogLevel } from "../../src/generated/LogLevel.js";
import { KEPT_LOGS, type LogEvent } from "../../src/logs.js";
import { echo, type Script, ScriptedHosts } from "./scripted.js";

const entry = (number: number, level: LogLevel = "info"): LogEntry => ({
  number,
  at: 1_000 + number,
  level,
  area: "store",
  message: `entry ${number}`,
  counts: { rows: number },
  code: null,
});

let log = 7;
let kept: LogEntry[] = [];
const script: Script = (command, id) =>
  "watchLogs" in command ? { ok: { logs: { log, entries: kept } } } : echo(command, id);
const ping = (client: Client): Promise<{ text: string }> => client.ask({ ping: { text: "p" } }, "pong", { op: "ping" });

let hosts: ScriptedHosts;
let client: Client;

/** What came of engines, without what the page says of itself. */
const engines = (): string[] =>
  client
    .logs({})
    .filter(({ area }) => area !== "page")
    .map(({ message }) => message);
const watched = (): unknown[] =>
  hosts.last.sent.flatMap(({ calls }) =>
    calls.flatMap(({ command }) => ("watchLogs" in command ? [command.watchLogs.level] : [])),
  );

beforeEach(() => {
  [log, kept] = [7, []];
  hosts = new ScriptedHosts(script);
  client = new Client(hosts.start, { logLevel: "info" });
});

afterEach(() => client.close());

describe("logs", () => {
  it("have what an engine still has and what it tells, each once, also when it is asked again", async () => {
    kept = [entry(1), entry(2)];
    await ping(client);
    hosts.last.tell({ logged: { entries: [entry(3)] } });
    expect(engines()).toEqual(["entry 1", "entry 2", "entry 3"]);
    kept = [entry(1), entry(2), entry(3), entry(4)];
    hosts.last.listener.ready();
    await ping(client);
    expect(engines()).toEqual(["entry 1", "entry 2", "entry 3", "entry 4"]);
    // Another engine counts anew.
    [log, kept] = [8, [entry(1)]];
    hosts.last.listener.ready();
    await ping(client);
    expect(engines()).toHaveLength(5);
  });

  it("have what the page says of its engines, also when none runs", async () => {
    const heard: LogEvent[] = [];
    client.events.on("log", (event) => heard.push(event));
    await ping(client);
    hosts.last.listener.gone(dead("It was ended."));
    const page = client.logs({}).filter(({ area }) => area === "page");
    expect(page.map(({ level, message, code }) => [level, message, code])).toEqual([
      ["info", "an engine is started", null],
      ["info", "an engine can be asked", null],
      ["error", "the engine has ended", "host.dead"],
    ]);
    expect(heard).toEqual(page);
  });

  it("are asked for in a message of its own, which nothing waits for", async () => {
    await ping(client);
    expect(hosts.last.sent.map(({ calls }) => calls.map(({ command }) => Object.keys(command)[0]))).toEqual([
      ["status", "ping"],
      ["watchLogs"],
    ]);
  });

  it("go up to the level, which an engine that runs is told of when it changes", async () => {
    await ping(client);
    hosts.last.tell({ logged: { entries: [entry(1, "debug"), entry(2, "warn")] } });
    expect(engines()).toEqual(["entry 2"]);
    client.logLevel = "debug";
    await ping(client);
    hosts.last.tell({ logged: { entries: [entry(3, "debug")] } });
    expect(engines()).toEqual(["entry 2", "entry 3"]);
    expect(client.logs({ level: "warn" }).map(({ message }) => message)).toEqual(["entry 2"]);
    client.logLevel = "off";
    await ping(client);
    hosts.last.tell({ logged: { entries: [entry(4, "error")] } });
    expect(watched()).toEqual(["info", "debug", "off"]);
    expect(engines()).toEqual([]);
    hosts.last.listener.gone(dead("It was ended."));
    await ping(client);
    expect(watched()).toEqual([]);
  });

  it("are the last thousand", async () => {
    await ping(client);
    const entries = Array.from({ length: KEPT_LOGS + 5 }, (_, number) => entry(number + 1));
    hosts.last.tell({ logged: { entries } });
    expect(client.logs({})).toHaveLength(KEPT_LOGS);
    expect(engines().at(-1)).toBe(`entry ${KEPT_LOGS + 5}`);
  });

  it("can be asked for since a time, in the order of their times", async () => {
    vi.useFakeTimers({ now: 1_003, toFake: ["Date"] });
    kept = [entry(1), entry(2), entry(4)];
    await ping(client);
    expect(client.logs({ since: 1_002 }).map(({ at }) => at)).toEqual([1_002, 1_003, 1_003, 1_004]);
    vi.useRealTimers();
  });

  it("cost nothing with an older engine, which knows none", async () => {
    hosts.script = (command, id) =>
      "watchLogs" in command
        ? { failed: { code: "host.outdated", message: "It does not know.", retry: true, collection: null, id: null } }
        : echo(command, id);
    expect(await ping(client)).toEqual({ text: "p" });
    expect(engines()).toEqual([]);
  });
});
