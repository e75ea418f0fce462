/** The page's end of the conversation, against a scripted engine. */

import { encode } from "cborg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, dead, HANG_MS, UNKNOWN_STATUS } from "../../src/client.js";
import type { AshoreError } from "../../src/errors.js";
import type { Event } from "../../src/generated/Event.js";
import type { Outcome } from "../../src/generated/Outcome.js";
import { echo, ScriptedHosts } from "./scripted.js";

const ping = (client: Client, text: string, signal?: AbortSignal): Promise<{ text: string }> =>
  client.ask({ ping: { text } }, "pong", { op: "ping", signal });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: AshoreError) => error.code,
  );
const pong = (text: string): Outcome => ({ ok: { pong: { text } } });
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

let hosts: ScriptedHosts;
let client: Client;

/** The texts of all pings that a host was sent. */
const pinged = (host = hosts.last): string[] =>
  host.sent.flatMap(({ calls }) => calls.flatMap(({ command }) => ("ping" in command ? [command.ping.text] : [])));

beforeEach(() => {
  hosts = new ScriptedHosts(echo);
  client = new Client(hosts.start);
});

afterEach(async () => {
  await client.close();
  vi.useRealTimers();
});

describe("starting", () => {
  it("starts no host before the first call", () => {
    expect(hosts.hosts).toHaveLength(0);
    expect(client.running).toBe(false);
    expect(client.status).toEqual(UNKNOWN_STATUS);
  });

  it("starts one host for a hundred first calls", async () => {
    const texts = Array.from({ length: 100 }, (_, index) => `p${index}`);
    const pongs = await Promise.all(texts.map((text) => ping(client, text)));
    expect(pongs.map(({ text }) => text)).toEqual(texts);
    expect(hosts.hosts).toHaveLength(1);
  });

  it("asks for the status before anything else", async () => {
    await ping(client, "a");
    expect(hosts.last.sent[0]?.calls[0]?.command).toEqual({ status: {} });
  });
});

describe("news that come together", () => {
  const together: readonly Uint8Array[] = [
    encode({ answers: [{ id: 3, outcome: pong("a") }], events: [] }),
    encode({ answers: [], events: [{ status: { status: UNKNOWN_STATUS } }] }),
    encode({ answers: [{ id: 4, outcome: pong("b") }], events: [] }),
  ];
  let order: string[];
  const wait = async (text: string): Promise<void> => {
    try {
      await ping(client, text);
      // Who waited may wait for what is done already, too.
      await Promise.resolve();
      order.push(text);
    } catch (error) {
      order.push(`${text}: ${(error as AshoreError).code}`);
    }
  };

  beforeEach(async () => {
    order = [];
    await ping(client, "warm");
    hosts.script = () => null;
    for (const text of ["a", "b"]) {
      void wait(text);
    }
    client.events.on("event", (event) => ("status" in event ? order.push("event") : undefined));
    await turn();
  });

  it("are told once whoever waited for what came before has gone on", async () => {
    hosts.last.listener.news(together);
    await turn();
    await turn();
    expect(order).toEqual(["a", "event", "b"]);
  });

  it("are all told before the end of the host", async () => {
    hosts.last.listener.news(together);
    hosts.last.listener.gone(dead("It is over."));
    await turn();
    expect(order).toEqual(["event", "a", "b"]);
  });

  it("are not told to whoever has closed meanwhile", async () => {
    hosts.last.listener.news(together);
    await client.close();
    await turn();
    expect(order).toEqual(["b: database.closed", "a"]);
  });
});

describe("asking", () => {
  it("sends the calls of one turn as one message, ids rising by one", async () => {
    await Promise.all([ping(client, "a"), ping(client, "b"), ping(client, "c")]);
    expect(hosts.last.asked).toEqual([[1, 2, 3, 4]]);
  });

  it("sends what loops ask together as one message", async () => {
    await ping(client, "warm");
    const loop = async (name: string): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        await ping(client, `${name}${round}`);
      }
    };
    await Promise.all([loop("a"), loop("b")]);
    expect(hosts.last.asked.slice(1)).toEqual([
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
  });

  it("says which answers it has", async () => {
    hosts.script = (command, id) => (id === 1 ? { ok: { status: { status: UNKNOWN_STATUS } } } : echo(command, id));
    await ping(client, "a");
    await ping(client, "b");
    expect(hosts.last.sent.map(({ received }) => received)).toEqual([0, 2]);
  });

  it("rejects with what the engine reports", async () => {
    hosts.script = () => ({
      failed: { code: "store.corrupt", message: "It does not decode.", retry: false, collection: "notes", id: "n1" },
    });
    const error = await ping(client, "a").catch((caught: AshoreError) => caught);
    expect(error).toMatchObject({
      name: "AshoreError",
      code: "store.corrupt",
      message: "It does not decode.",
      retry: false,
      op: "ping",
      collection: "notes",
      id: "n1",
    });
  });

  it("lets a caller give up, and ignores the late answer", async () => {
    hosts.script = () => null;
    const giveUp = new AbortController();
    const asked = ping(client, "a", giveUp.signal);
    await turn();
    giveUp.abort("bored");
    await expect(asked).rejects.toMatchObject({ code: "request.aborted", retry: true, cause: "bored" });
    hosts.last.answer(2, { ok: { pong: { text: "a" } } });
  });

  it("gives up no other call of the same number", async () => {
    const giveUp = new AbortController();
    hosts.script = () => null;
    const lost = codeOf(ping(client, "a", giveUp.signal));
    await turn();
    hosts.last.listener.gone(dead("It was ended."));
    expect(await lost).toBe("host.dead");
    const asked = ping(client, "b");
    await turn();
    giveUp.abort();
    hosts.last.answer(2, { ok: { pong: { text: "b" } } });
    expect(await asked).toEqual({ text: "b" });
  });

  it("asks nothing for a caller that has given up before", async () => {
    expect(await codeOf(ping(client, "a", AbortSignal.abort()))).toBe("request.aborted");
    expect(hosts.hosts).toHaveLength(0);
  });
});

describe("another engine", () => {
  it("is asked again what is unanswered, under the same ids", async () => {
    hosts.script = () => null;
    const asked = ping(client, "a");
    await turn();
    hosts.script = echo;
    hosts.last.listener.ready();
    expect(await asked).toEqual({ text: "a" });
    expect(hosts.last.asked).toEqual([
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it("answers what the superseded one refused", async () => {
    hosts.script = () => ({
      failed: { code: "host.superseded", message: "Another tab.", retry: true, collection: null, id: null },
    });
    const asked = ping(client, "a");
    await turn();
    hosts.script = echo;
    hosts.last.listener.ready();
    expect(await asked).toEqual({ text: "a" });
  });

  it("makes listeners read again", async () => {
    const heard: Event[] = [];
    client.events.on("event", (event) => heard.push(event));
    await ping(client, "a");
    hosts.last.listener.ready();
    expect(heard).toEqual([{ changed: { changes: [], missed: true } }]);
  });
});

describe("what is asked of every engine", () => {
  const told: string[] = [];
  const standing = (text: string) => ({
    command: { ping: { text } },
    op: "stand",
    answered: () => void told.push(text),
    failed: ({ code }: AshoreError) => void told.push(`${text}: ${code}`),
  });

  beforeEach(() => void told.splice(0));

  it("starts none, and goes before the call that does", async () => {
    client.keepAsking(standing("s"));
    expect(hosts.hosts).toHaveLength(0);
    await ping(client, "a");
    expect(pinged()).toEqual(["s", "a"]);
    expect(told).toEqual(["s"]);
  });

  it("goes to one that runs at once, before what is asked next", async () => {
    await ping(client, "a");
    client.keepAsking(standing("s"));
    await ping(client, "b");
    expect(pinged()).toEqual(["a", "s", "b"]);
  });

  it("goes to another tab's engine before what is asked again, answered or not", async () => {
    client.keepAsking(standing("s"));
    await ping(client, "a");
    hosts.script = () => null;
    client.keepAsking(standing("t"));
    const asked = ping(client, "b");
    await turn();
    hosts.last.sent.splice(0);
    hosts.script = echo;
    hosts.last.listener.ready();
    expect(await asked).toEqual({ text: "b" });
    expect(pinged().toSorted()).toEqual(["b", "s", "t"]);
    expect(pinged().at(-1)).toBe("b");
    expect(told.toSorted()).toEqual(["s", "s", "t"]);
  });

  it("hears that a host died, and goes to the next, once", async () => {
    const failure = { code: "store.failed", message: "It failed.", retry: true, collection: null, id: null } as const;
    client.keepAsking(standing("s"));
    hosts.script = (command) => ("ping" in command && command.ping.text === "a" ? { failed: failure } : null);
    expect(await codeOf(ping(client, "a"))).toBe("store.failed");
    client.keepAsking(standing("t"));
    const next = ping(client, "b");
    await turn();
    hosts.script = echo;
    hosts.last.listener.gone(failure);
    expect(await next).toEqual({ text: "b" });
    expect(pinged()).toEqual(["s", "t", "b"]);
    expect(told).toEqual(["s: store.failed", "t: store.failed", "s", "t"]);
  });

  it("is asked no more when it is taken back", async () => {
    const stop = client.keepAsking(standing("s"));
    await ping(client, "a");
    stop();
    hosts.last.listener.gone(dead("It was ended."));
    await ping(client, "b");
    expect(pinged()).toEqual(["b"]);
    expect(told).toEqual(["s"]);
  });
});

describe("dying", () => {
  it("rejects what is unanswered, and the next call starts another host", async () => {
    hosts.script = () => null;
    const asked = ping(client, "a");
    await turn();
    hosts.last.listener.gone(dead("It was ended."));
    expect(await codeOf(asked)).toBe("host.dead");
    hosts.script = echo;
    expect(await ping(client, "b")).toEqual({ text: "b" });
    expect(hosts.hosts).toHaveLength(2);
    expect(hosts.hosts[0]?.client).not.toBe(hosts.hosts[1]?.client);
    expect(hosts.last.asked).toEqual([[1, 2]]);
  });

  it("of a failed store leaves to the next host what was asked after the failure", async () => {
    const failure = { code: "store.failed", message: "It failed.", retry: true, collection: null, id: null } as const;
    hosts.script = (command, id) => ("status" in command ? null : id === 2 ? { failed: failure } : null);
    const [failed, under] = [codeOf(ping(client, "a")), codeOf(ping(client, "under way"))];
    expect(await failed).toBe("store.failed");
    const giveUp = new AbortController();
    const [next, givenUp] = [ping(client, "b"), codeOf(ping(client, "c", giveUp.signal))];
    await turn();
    expect(hosts.hosts).toHaveLength(1);
    hosts.script = echo;
    hosts.last.listener.gone(failure);
    giveUp.abort();
    expect(await under).toBe("store.failed");
    expect(await next).toEqual({ text: "b" });
    expect(await givenUp).toBe("request.aborted");
    expect(hosts.hosts).toHaveLength(2);
    expect(hosts.hosts[0]?.asked).toEqual([[1, 2, 3]]);
  });

  it("is not restarted again and again when it cannot live", async () => {
    hosts.eager = false;
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const asked = ping(client, "a");
      hosts.last.listener.gone(dead("It was ended."));
      expect(await codeOf(asked)).toBe("host.dead");
    }
    expect(await codeOf(ping(client, "a"))).toBe("host.dead");
    expect(hosts.hosts).toHaveLength(4);
  });

  it("is restarted by itself for those who listen", async () => {
    vi.useFakeTimers();
    const stop = client.listen();
    await vi.advanceTimersByTimeAsync(0);
    expect(hosts.hosts).toHaveLength(1);
    hosts.last.listener.gone(dead("It was ended."));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(hosts.hosts).toHaveLength(2);
    stop();
    hosts.last.listener.gone(dead("It was ended."));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hosts.hosts).toHaveLength(2);
  });

  it("is noticed when it gives no sign of life while something is unanswered", async () => {
    vi.useFakeTimers();
    hosts.script = () => null;
    const asked = codeOf(ping(client, "a"));
    await vi.advanceTimersByTimeAsync(5_000);
    hosts.last.answersChecks = false;
    await vi.advanceTimersByTimeAsync(HANG_MS - 2_000);
    expect(hosts.last.left).toBe(false);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(hosts.last.left).toBe(true);
    expect(await asked).toBe("host.dead");
  });

  it("is not asked for signs of life when nothing is unanswered", async () => {
    vi.useFakeTimers();
    hosts.script = (command, id) =>
      "status" in command ? { ok: { status: { status: UNKNOWN_STATUS } } } : echo(command, id);
    await ping(client, "a");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hosts.last.checks).toBe(0);
  });
});

describe("hearing", () => {
  it("keeps the last status, also from answers", async () => {
    hosts.script = (command, id) =>
      "status" in command ? { ok: { status: { status: { ...UNKNOWN_STATUS, cursor: 7 } } } } : echo(command, id);
    await ping(client, "a");
    expect(client.status.cursor).toBe(7);
    hosts.last.tell({ status: { status: { ...UNKNOWN_STATUS, cursor: 8 } } });
    expect(client.status.cursor).toBe(8);
  });

  it("goes on for others when one listener throws", async () => {
    const uncaught = vi.spyOn(console, "error").mockImplementation(() => {});
    const heard: string[] = [];
    client.events.on("event", () => {
      throw new Error("a listener's own fault");
    });
    client.events.on("event", () => Promise.reject(new Error("later")));
    client.events.on("event", (event) => heard.push(Object.keys(event).join()));
    await ping(client, "a");
    hosts.last.tell({ connected: { relay: "wss://r" } }, { disconnected: { reason: "lost" } });
    expect(heard).toEqual(["connected", "disconnected"]);
    await turn();
    expect(uncaught).toHaveBeenCalledTimes(4);
    uncaught.mockRestore();
  });

  it("passes over what a newer engine says more, and hears the rest", async () => {
    const heard: string[] = [];
    client.events.on("event", (event) => heard.push(Object.keys(event).join()));
    await ping(client, "a");
    const status = { ...UNKNOWN_STATUS, cursor: 8, mood: "well" };
    hosts.last.tell({ sang: { song: "new" } } as unknown as Event, { status: { status } });
    expect([client.status.cursor, heard]).toEqual([8, ["sang", "status"]]);
    const unknown = { code: "song.too-loud", message: "Sing lower.", retry: true, collection: null, id: null, key: 1 };
    hosts.script = () => ({ failed: unknown }) as unknown as Outcome;
    expect(await codeOf(ping(client, "b"))).toBe("song.too-loud");
    hosts.script = (command, id) =>
      "ping" in command
        ? ({ ok: { pong: { text: command.ping.text, tune: "c" }, more: 1 } } as unknown as Outcome)
        : echo(command, id);
    expect(await ping(client, "c")).toMatchObject({ text: "c" });
  });

  it("ignores a host that was replaced", async () => {
    await ping(client, "a");
    const old = hosts.last;
    old.listener.gone(dead("It was ended."));
    await ping(client, "b");
    old.tell({ status: { status: { ...UNKNOWN_STATUS, cursor: 99 } } });
    expect(client.status.cursor).toBe(0);
  });
});

describe("closing", () => {
  it("rejects what is unanswered and everything after, and stops the host", async () => {
    hosts.script = () => null;
    const asked = ping(client, "a");
    await turn();
    const done = client.close();
    expect(await codeOf(asked)).toBe("database.closed");
    expect(await codeOf(ping(client, "b"))).toBe("database.closed");
    await done;
    expect(hosts.last.stopped).toBe(true);
  });

  it("without a call starts nothing", async () => {
    await client.close();
    expect(hosts.hosts).toHaveLength(0);
  });
});
