/** The page's side of the Tauri plugin, against a bridge that plays Tauri. */

import { decode, encode } from "cborg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client.js";
import type { Failure } from "../../src/generated/Failure.js";
import type { Host } from "../../src/host.js";
import { inTauri, startTauri } from "../../src/hosts/tauri.js";
import type { TauriMessage } from "../../src/hosts/tauri-channel.js";
import { isTauri } from "../../src/platform.js";

interface Invoked {
  readonly command: string;
  readonly payload: unknown;
  readonly headers: Record<string, string> | undefined;
  readonly resolve: (value?: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Plays `__TAURI_INTERNALS__`: remembers what is invoked until the test answers it. */
class Bridge {
  readonly invoked: Invoked[] = [];
  readonly callbacks = new Map<number, (message: TauriMessage) => void>();

  invoke(command: string, payload?: unknown, options?: { headers: Record<string, string> }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.invoked.push({ command, payload, headers: options?.headers, resolve, reject });
    });
  }

  transformCallback(callback: (message: TauriMessage) => void): number {
    const id = this.callbacks.size + 40;
    this.callbacks.set(id, callback);
    return id;
  }

  unregisterCallback(id: number): void {
    this.callbacks.delete(id);
  }

  /** What is invoked next. */
  async next(command: string): Promise<Invoked> {
    await turn();
    const invoked = this.invoked.shift();
    if (invoked?.command !== `plugin:ashore|${command}`) {
      throw new Error(`${command} was expected, not ${invoked?.command ?? "nothing"}`);
    }
    return invoked;
  }

  send(message: TauriMessage): void {
    this.callbacks.get(40)?.(message);
  }
}

const none = (): void => {};
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
const bytes = (...numbers: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(numbers);
const failure = (code: Failure["code"]): Failure => ({
  code,
  message: "Why.",
  retry: true,
  collection: null,
  id: null,
});

/** A message as it lies among others. */
function framed(message: Uint8Array, kind = 0): number[] {
  return [kind, 0, 0, message.length >> 8, message.length & 255, ...message];
}

let bridge: Bridge;
let said: unknown[];
let host: Host;
let start: () => Host;

beforeEach(() => {
  bridge = new Bridge();
  said = [];
  vi.stubGlobal("__TAURI_INTERNALS__", bridge);
  const hosts = startTauri("family", "platform");
  const listener = {
    ready: () => said.push("ready"),
    news: (messages: readonly Uint8Array[]) => said.push(...messages.map((message) => [...message])),
    alive: () => said.push("alive"),
    replaced: ({ code }: Failure) => said.push(`replaced: ${code}`),
    gone: ({ code }: Failure) => said.push(code),
  };
  start = () => hosts("client", listener);
  host = start();
});

afterEach(() => vi.unstubAllGlobals());

async function opened(): Promise<void> {
  (await bridge.next("open")).resolve(7);
  await turn();
  expect(said.splice(0)).toEqual(["ready"]);
}

describe("opening", () => {
  it("names the database and a channel, never a path, and is ready when the app has opened it", async () => {
    const open = await bridge.next("open");
    const document = (globalThis as Record<string, unknown>)["__ASHORE_DOCUMENT__"];
    expect(document).toMatch(/^[0-9a-f]{32}$/);
    expect(open.payload).toEqual({
      document,
      database: "family",
      encrypt: "platform",
      insteadOf: null,
      channel: "__CHANNEL__:40",
    });
    expect(said).toEqual([]);
    open.resolve(7);
    await turn();
    expect(said).toEqual(["ready"]);
  });

  it.each([
    [failure("store.locked"), "store.locked"],
    ["ashore.open not allowed. Permissions associated with this command: ashore:read", "permission.refused"],
    ["plugin ashore not found", "host.unsupported"],
    ["something else", "host.dead"],
  ])("that is rejected with %j ends in %s", async (error, code) => {
    (await bridge.next("open")).reject(error);
    await turn();
    expect(said).toEqual([code]);
  });

  it("that fails says why, also when the channel was closed before", async () => {
    const open = await bridge.next("open");
    bridge.send({ index: 0, end: true });
    expect(said).toEqual([]);
    open.reject(failure("store.locked"));
    await turn();
    expect(said).toEqual(["store.locked"]);
  });

  it("ends in host.dead when the app has closed the channel by then", async () => {
    const open = await bridge.next("open");
    bridge.send({ index: 0, end: true });
    open.resolve(7);
    await turn();
    expect(said).toEqual(["host.dead"]);
  });

  it("ends in host.unsupported where no app shows the page", async () => {
    vi.unstubAllGlobals();
    const gone: string[] = [];
    startTauri("family", null)("client", {
      ready: none,
      news: none,
      alive: none,
      replaced: none,
      gone: ({ code }) => gone.push(code),
    });
    await turn();
    expect(gone).toEqual(["host.unsupported"]);
  });
});

describe("calls", () => {
  it("travel one request at a time, each with all that waited, in their order", async () => {
    await opened();
    host.send(bytes(1));
    host.send(bytes(2, 2));
    host.send(bytes(3));
    const first = await bridge.next("calls");
    expect(first.headers).toEqual({ "ashore-page": "7" });
    expect(first.payload).toEqual(bytes(...framed(bytes(1))));
    expect(bridge.invoked).toEqual([]);
    first.resolve();
    const second = await bridge.next("calls");
    expect(second.payload).toEqual(bytes(...framed(bytes(2, 2)), ...framed(bytes(3))));
    second.resolve();
    await turn();
    expect(bridge.invoked).toEqual([]);
    host.send(bytes(4));
    expect((await bridge.next("calls")).payload).toEqual(bytes(...framed(bytes(4))));
  });

  it("do not travel together when they are large", async () => {
    await opened();
    host.send(bytes(1));
    const large = new Uint8Array(5 << 20);
    host.send(large);
    host.send(large);
    (await bridge.next("calls")).resolve();
    const second = await bridge.next("calls");
    expect((second.payload as Uint8Array).length).toBe(large.length + 5);
    second.resolve();
    expect(((await bridge.next("calls")).payload as Uint8Array).length).toBe(large.length + 5);
  });

  it("that the app refuses to take end the host, once", async () => {
    await opened();
    host.send(bytes(1));
    host.send(bytes(2));
    (await bridge.next("calls")).reject(failure("request.invalid"));
    await turn();
    expect(said).toEqual(["request.invalid"]);
    bridge.send({ index: 0, message: Uint8Array.from(framed(bytes(9))).buffer });
    bridge.send({ index: 1, end: true });
    expect(said).toEqual(["request.invalid"]);
    expect(bridge.invoked).toEqual([]);
  });
});

describe("a call", () => {
  it("is one request of bytes there and one message of bytes back", async () => {
    const client = new Client(startTauri("family", null));
    bridge.invoked.length = 0;
    const first = client.ask({ ping: { text: "the engine is there" } }, "pong", { op: "ping" });
    (await bridge.next("open")).resolve(7);
    answer(await bridge.next("calls"), 0);
    await first;

    const asked = client.ask({ ping: { text: "x" } }, "pong", { op: "ping" });
    const request = await bridge.next("calls");
    expect(request.payload).toBeInstanceOf(Uint8Array);
    expect(callsIn(request)).toMatchObject([{ command: { ping: { text: "x" } } }]);
    answer(request, 1);
    expect(await asked).toEqual({ text: "x" });
    await turn();
    expect(bridge.invoked).toEqual([]);
    void client.close();
  });
});

/** Plays the app: takes the request, and answers all its calls in one message. */
function answer(request: Invoked, index: number): void {
  request.resolve();
  const answers = callsIn(request).map(({ id, command }) => ({ id, outcome: { ok: replyTo(command) } }));
  const news = encode({ answers, events: [] });
  bridge.callbacks.get(41)?.({ index, message: Uint8Array.from(framed(news)).buffer });
}

function replyTo(command: object): object {
  return "ping" in command ? { pong: command.ping } : { done: {} };
}

function callsIn({ payload }: Invoked): { id: number; command: object }[] {
  const message = (payload as Uint8Array).subarray(5);
  return (decode(message) as { calls: { id: number; command: object }[] }).calls;
}

describe("news", () => {
  it("come in the order in which they were sent, whatever order they arrive in, also as numbers", async () => {
    await opened();
    bridge.send({ index: 1, message: framed(bytes(3)) });
    expect(said).toEqual([]);
    bridge.send({ index: 0, message: Uint8Array.from([...framed(bytes(1)), ...framed(bytes(2, 2))]).buffer });
    expect(said).toEqual([[1], [2, 2], [3]]);
  });

  it("end with the failure that the engine ended with", async () => {
    await opened();
    const ended = framed(encode(failure("store.failed")), 1);
    bridge.send({ index: 0, message: Uint8Array.from([...framed(bytes(1)), ...ended, ...framed(bytes(2))]) });
    expect(said).toEqual([[1], "store.failed"]);
  });

  it("go on after the engine broke and was replaced", async () => {
    await opened();
    const broke = framed(encode(failure("host.dead")), 2);
    bridge.send({ index: 0, message: Uint8Array.from([...framed(bytes(1)), ...broke, ...framed(bytes(2))]) });
    expect(said).toEqual([[1], "replaced: host.dead", [2]]);
  });

  it("end in host.dead when the app lets go of the channel", async () => {
    await opened();
    bridge.send({ index: 1, end: true });
    expect(said).toEqual([]);
    bridge.send({ index: 0, message: framed(bytes(1)) });
    expect(said).toEqual([[1], "host.dead"]);
    expect(bridge.callbacks.size).toBe(0);
  });
});

describe("a sign of life", () => {
  it("is the answer to a request without bytes, which calls do not wait for", async () => {
    host.check();
    await opened();
    expect(bridge.invoked).toEqual([]);
    host.check();
    const life = await bridge.next("calls");
    expect(life.payload).toEqual(bytes());
    expect(life.headers).toEqual({ "ashore-page": "7" });
    host.send(bytes(1));
    (await bridge.next("calls")).resolve();
    await turn();
    // The app has taken the calls; whether the engine lives it does not know by that.
    expect(said).toEqual([]);
    life.resolve();
    await turn();
    expect(said).toEqual(["alive"]);
  });

  it("is asked for again and again while none comes, and not without end", async () => {
    await opened();
    for (let beat = 0; beat < 100; beat += 1) {
      host.check();
    }
    expect(bridge.invoked).toHaveLength(16);
    bridge.invoked.shift()?.resolve();
    await turn();
    host.check();
    expect(bridge.invoked).toHaveLength(16);
  });
});

describe("closing", () => {
  it("waits for what is under way, and for the app", async () => {
    await opened();
    host.send(bytes(1));
    let stopped = false;
    void host.stop().then(() => (stopped = true));
    (await bridge.next("calls")).resolve();
    const close = await bridge.next("close");
    expect(close.payload).toEqual({ page: 7 });
    expect(stopped).toBe(false);
    close.resolve();
    await turn();
    expect(stopped).toBe(true);
    expect(bridge.callbacks.size).toBe(0);
  });

  it("gives up an app that does not answer", async () => {
    await opened();
    vi.useFakeTimers();
    let stopped = false;
    void host.stop().then(() => (stopped = true));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(stopped).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(stopped).toBe(true);
    vi.useRealTimers();
  });

  it("is put off for an engine that is given up: the next one asks for another in its place, once", async () => {
    await opened();
    host.send(bytes(1));
    host.send(bytes(2));
    host.leave();
    const calls = await bridge.next("calls");
    start();
    const open = await bridge.next("open");
    expect(open.payload).toMatchObject({ insteadOf: 7 });
    open.resolve(8);
    calls.resolve();
    await turn();
    expect(said).toEqual(["ready"]);
    expect(bridge.invoked).toEqual([]);
    host.kill();
    expect((await bridge.next("close")).payload).toEqual({ page: 7 });
    start();
    expect((await bridge.next("open")).payload).toMatchObject({ insteadOf: null });
  });

  it("while it opens lets go of what was opened, and says nothing", async () => {
    host.kill();
    (await bridge.next("open")).resolve(7);
    (await bridge.next("close")).resolve();
    expect(said).toEqual([]);
  });
});

describe("what is said of it", () => {
  it("keeps documents in files that nobody clears, and shares them among windows", async () => {
    const { capabilities, persisted } = inTauri({ name: "family" }, null);
    expect(capabilities).toEqual({ host: "tauri", persistent: true, tabs: true, sync: true });
    expect(await persisted()).toBe("granted");
    const memory = inTauri({ name: "family", storage: "memory" }, null);
    expect(memory.capabilities).toMatchObject({ persistent: false, tabs: false });
    expect(await memory.persisted()).toBe("unsupported");
  });

  it("is a Tauri app where the app says so", () => {
    expect(isTauri()).toBe(false);
    vi.stubGlobal("isTauri", true);
    expect(isTauri()).toBe(true);
  });
});

describe("open", () => {
  it("takes the app's engine in a Tauri app", async () => {
    vi.stubGlobal("isTauri", true);
    const { open } = await import("../../src/open.js");
    bridge.invoked.length = 0;
    const db = await open({ name: "in the app" });
    expect(db.capabilities.host).toBe("tauri");
    expect(bridge.invoked).toEqual([]);
    const answered = db.collection("notes").get("n1");
    (await bridge.next("open")).resolve(3);
    const { payload } = await bridge.next("calls");
    const calls = decode((payload as Uint8Array).subarray(5)) as { calls: { command: object }[] };
    expect(calls.calls.map(({ command }) => Object.keys(command)[0])).toContain("get");
    void db.close();
    await expect(answered).rejects.toMatchObject({ code: "database.closed" });
    // Loading every host takes its time on a busy machine.
  }, 60_000);
});
