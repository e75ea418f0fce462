/** The seats of several tabs, over fake locks, channels and engines, with a fake clock. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Failure } from "../../src/generated/Failure.js";
import type { Engine, EngineListener } from "../../src/hosts/engine.js";
import { clientChannel, hallChannel, leaderLock, termChannel } from "../../src/hosts/messages.js";
import { BEAT_MS, CALM_MS, JITTER_MS, Seat, type SeatListener, STEAL_AFTER_MS } from "../../src/hosts/tabs.js";
import { FakeChannels, FakeLocks } from "./fakes.js";

const LOCK = leaderLock("db");
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);
const superseded: Failure = {
  code: "host.superseded",
  message: "Another tab.",
  retry: true,
  collection: null,
  id: null,
};
const broken: Failure = { code: "internal", message: "It broke.", retry: false, collection: null, id: null };

/** What one tab saw and did. */
class Tab implements SeatListener {
  readonly seat: Seat;
  readonly log: string[] = [];
  readonly engines: FakeEngine[] = [];
  /** What it was given for its page. */
  readonly spares: (object | null)[] = [];
  /** What its engines were opened with. */
  readonly redeemed: (object | null)[] = [];
  openFails: unknown = null;
  prepared = 0;

  constructor(
    readonly name: string,
    readonly world: World,
  ) {
    const channels = world.channels.of(this);
    this.seat = new Seat(
      "db",
      name,
      {
        locks: world.locks.of(this),
        openChannel: (channel) => channels.open(channel),
        openEngine: async (listener, spare) => {
          this.redeemed.push(spare);
          await Promise.resolve();
          if (this.openFails) throw this.openFails;
          const engine = new FakeEngine(this, listener);
          this.engines.push(engine);
          return engine;
        },
        prepare: () => void this.prepared++,
        randomName: () => `term-${(world.terms += 1)}`,
        now: () => (world.frozen.has(this) ? 0 : Date.now()),
      },
      this,
    );
    this.seat.start();
  }

  get engine(): FakeEngine | undefined {
    return this.engines.findLast(({ open }) => open);
  }

  seated(): void {
    this.log.push("seated");
  }
  ready(): void {
    this.log.push("ready");
  }
  news(news: Uint8Array): void {
    this.log.push(text(news));
  }
  leads(term: string | null): void {
    this.log.push(term ? "leads" : "led");
  }
  spare(spare: object | null): void {
    this.spares.push(spare);
  }
  gone(failure: Failure): void {
    this.log.push(failure.code);
  }

  /** Its process is gone: locks come free, channels are silent. */
  die(): void {
    this.world.channels.silence(this);
    this.world.locks.drop(this);
  }
}

/** Answers every call with `<who>:<call>` to the client that the call names. */
class FakeEngine implements Engine {
  open = true;
  closed = false;
  readonly forgotten: string[] = [];
  constructor(
    readonly tab: Tab,
    readonly listener: EngineListener,
  ) {}
  handle(calls: Uint8Array): void {
    const [client = "", call = ""] = text(calls).split("/");
    if (call === "trap") throw new Error("unreachable");
    if (this.open) this.listener.deliver(client, bytes(`${this.tab.name}:${call}`));
  }
  forget(client: string): void {
    this.forgotten.push(client);
  }
  async close(): Promise<void> {
    this.open = false;
    this.closed = true;
  }
  abandon(): void {
    this.open = false;
  }
}

class World {
  readonly locks = new FakeLocks();
  readonly channels = new FakeChannels();
  readonly frozen = new Set<Tab>();
  terms = 0;
}

let world: World;
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const tab = async (name: string): Promise<Tab> => {
  const made = new Tab(name, world);
  await pass(1);
  return made;
};

beforeEach(() => {
  vi.useFakeTimers();
  world = new World();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("electing", () => {
  it("lets the first tab lead", async () => {
    const a = await tab("a");
    expect(a.log).toEqual(["seated", "leads", "ready"]);
    a.seat.send(bytes("a/1"));
    expect(a.log.at(-1)).toBe("a:1");
  });

  it("lets every other tab follow, with one engine for all", async () => {
    const a = await tab("a");
    const b = await tab("b");
    const c = await tab("c");
    expect([b.log, c.log]).toEqual([
      ["seated", "ready"],
      ["seated", "ready"],
    ]);
    b.seat.send(bytes("b/1"));
    c.seat.send(bytes("c/1"));
    await pass(1);
    expect(b.log.at(-1)).toBe("a:1");
    expect(c.log.at(-1)).toBe("a:1");
    expect([a, b, c].map(({ engines }) => engines.length)).toEqual([1, 0, 0]);
  });

  it("hands what all shall hear to all", async () => {
    const [a, b, c] = [await tab("a"), await tab("b"), await tab("c")];
    a.engine?.listener.deliver(null, bytes("changed"));
    await pass(1);
    expect([a, b, c].map(({ log }) => log.at(-1))).toEqual(["changed", "changed", "changed"]);
  });

  it("keeps the same engine for hours", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    await pass(3_600_000);
    expect([a, b].map(({ engines }) => engines.length)).toEqual([1, 0]);
    expect(b.log).toEqual(["seated", "ready"]);
  });

  it("beats only while somebody listens", async () => {
    await tab("a");
    const before = world.channels.posted;
    await pass(60_000);
    expect(world.channels.posted).toBe(before);
    await tab("b");
    const beating = world.channels.posted;
    await pass(10 * BEAT_MS);
    expect(world.channels.posted - beating).toBe(10);
  });
});

describe("what opens an unlocked database again", () => {
  const spare = { key: "not extractable" };

  it("is given to every tab, and to those that come later, and opens the next engine", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    expect(a.redeemed).toEqual([null]);
    a.engine?.listener.held(spare);
    const c = await tab("c");
    expect([a, b, c].map(({ spares }) => spares.at(-1))).toEqual([spare, spare, spare]);
    await a.seat.stop();
    await pass(1);
    expect(b.redeemed).toEqual([spare]);
    // The next engine says the same again.
    b.engine?.listener.held(spare);
    b.die();
    await pass(STEAL_AFTER_MS + 2 * JITTER_MS + CALM_MS);
    expect(c.redeemed).toEqual([spare]);
  });

  it("is taken away from every tab by a lock", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    a.engine?.listener.held(spare);
    a.engine?.listener.held(null);
    await pass(1);
    expect([a, b].map(({ spares }) => spares.at(-1))).toEqual([null, null]);
    await a.seat.stop();
    await pass(1);
    expect(b.redeemed).toEqual([null]);
  });

  it("of an engine that leads no more is not handed out", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    const late = a.engine?.listener;
    await a.seat.stop();
    await pass(1);
    late?.held(spare);
    await pass(1);
    expect(b.spares.filter((held) => held !== null)).toEqual([]);
  });
});

describe("taking over", () => {
  it("happens at once when the leading tab is closed", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    await a.seat.stop();
    await pass(1);
    expect(a.engines.map(({ closed }) => closed)).toEqual([true]);
    expect(b.log).toEqual(["seated", "ready", "leads", "ready"]);
  });

  it("happens at once when the leading tab crashes", async () => {
    const [a, b, c] = [await tab("a"), await tab("b"), await tab("c")];
    a.die();
    await pass(1);
    expect(b.log).toEqual(["seated", "ready", "leads", "ready"]);
    expect(c.log).toEqual(["seated", "ready", "ready"]);
    c.seat.send(bytes("c/1"));
    await pass(1);
    expect(c.log.at(-1)).toBe("b:1");
  });

  it("happens within two seconds when the leading tab freezes", async () => {
    const [a, b, c] = [await tab("a"), await tab("b"), await tab("c")];
    world.channels.freeze(a);
    world.frozen.add(a);
    await pass(STEAL_AFTER_MS + JITTER_MS + BEAT_MS + 200);
    const leads = [b, c].filter(({ log }) => log.includes("leads"));
    expect(leads).toHaveLength(1);
    expect([b, c].map(({ log }) => log.at(-1))).toEqual(["ready", "ready"]);
    expect(world.locks.holder(LOCK)).toBe(leads[0]);
  });

  it("takes no longer the next time, when the last time is a while ago", async () => {
    const tabs = [await tab("a"), await tab("b")];
    for (let time = 0; time < 6; time += 1) {
      const leader = world.locks.holder(LOCK) as Tab;
      world.channels.freeze(leader);
      world.frozen.add(leader);
      await pass(STEAL_AFTER_MS + JITTER_MS + BEAT_MS + 200);
      expect(tabs).toContain(world.locks.holder(LOCK));
      expect(world.locks.holder(LOCK), `time ${time}`).not.toBe(leader);
      world.frozen.delete(leader);
      world.channels.thaw(leader);
      await pass(CALM_MS);
    }
  });

  it("stops the frozen one when it wakes up, and lets it follow", async () => {
    const a = await tab("a");
    await tab("b");
    world.channels.freeze(a);
    world.frozen.add(a);
    await pass(3_000);
    world.frozen.delete(a);
    world.channels.thaw(a);
    await pass(1_000);
    expect(a.engines.map(({ open, closed }) => ({ open, closed }))).toEqual([{ open: false, closed: false }]);
    expect(a.log.slice(3)).toEqual(["led", "ready"]);
    a.seat.send(bytes("a/2"));
    await pass(1);
    expect(a.log.at(-1)).toBe("b:2");
  });

  it("does not happen to a busy tab whose page answers for it", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    world.channels.freeze(a);
    world.frozen.add(a);
    const page = world.channels.of({}).open("ashore-hall/db");
    page.onmessage = ({ data }) => {
      if ("probe" in data) page.postMessage({ busy: { term: "term-1" } });
    };
    await pass(8_000);
    expect(b.log).toEqual(["seated", "ready"]);
    expect(a.engine?.open).toBe(true);
  });

  it("happens to a busy tab in the end", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    world.channels.freeze(a);
    world.frozen.add(a);
    const page = world.channels.of({}).open("ashore-hall/db");
    page.onmessage = ({ data }) => {
      if ("probe" in data) page.postMessage({ busy: { term: "term-1" } });
    };
    await pass(13_000);
    expect(b.log).toEqual(["seated", "ready", "leads", "ready"]);
    expect(world.locks.holder(LOCK)).toBe(b);
  });

  it("is not begun by a tab that was frozen itself", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    world.channels.freeze(b);
    // Its timers stand still too: time jumps for it.
    vi.setSystemTime(Date.now() + 60_000);
    world.channels.thaw(b);
    await pass(BEAT_MS);
    expect(b.log).toEqual(["seated", "ready"]);
    expect(a.engine?.open).toBe(true);
  });
});

describe("engines that end", () => {
  it("superseded, leave and follow", async () => {
    const a = await tab("a");
    a.engine?.listener.ended(superseded);
    await pass(1);
    expect(a.log).toEqual(["seated", "leads", "ready", "led", "leads", "ready"]);
    expect(a.engines).toHaveLength(2);
  });

  it("broken, take their tab with them and leave the lead to another", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    a.engine?.listener.ended(broken);
    await pass(1);
    expect(a.log.slice(3)).toEqual(["led", "internal"]);
    expect(b.log).toEqual(["seated", "ready", "leads", "ready"]);
  });

  it("that trap on a call count as broken", async () => {
    const a = await tab("a");
    a.seat.send(bytes("a/trap"));
    expect(a.log.slice(3)).toEqual(["led", "internal"]);
  });

  it("that cannot open are reported, and another tab tries", async () => {
    const a = new Tab("a", world);
    a.openFails = { ...broken, code: "store.newer-format" };
    await pass(1);
    expect(a.log).toEqual(["seated", "leads", "led", "store.newer-format"]);
    expect(world.locks.holder(LOCK)).toBe(undefined);
  });
});

describe("tabs of different versions", () => {
  it("pass over what a newer one says, on every channel, and go on", async () => {
    const [a, b] = [await tab("a"), await tab("b")];
    const newer = world.channels.of("newer");
    const say = (channel: string, message: object): void => newer.open(channel).postMessage(message);
    const term = world.channels.names.find((name) => name.startsWith(termChannel(""))) ?? "none";
    say(term, { sing: { client: "b" } });
    say(term, { hello: { client: "c", spares: true, loudly: true }, also: 1 });
    say(hallChannel("db"), { sing: { term: "x" } });
    say(clientChannel("b"), { term: term.slice(termChannel("").length), sing: true });
    await pass(1);
    b.seat.send(bytes("b/1"));
    await pass(1);
    expect(b.log).toEqual(["seated", "ready", "a:1"]);
    expect(a.log).toEqual(["seated", "leads", "ready"]);
  });
});

it("a client that is gone is forgotten by the engine", async () => {
  const [a, b] = [await tab("a"), await tab("b")];
  b.seat.send(bytes("b/1"));
  await pass(1);
  b.die();
  await pass(1);
  expect(a.engine?.forgotten).toEqual(["b"]);
});

it("a tab that is stopped while its engine opens closes that engine", async () => {
  const a = new Tab("a", world);
  await Promise.resolve();
  await a.seat.stop();
  await pass(1);
  expect(a.engines.every(({ open }) => !open)).toBe(true);
  expect(world.locks.holder(LOCK)).toBe(undefined);
});
