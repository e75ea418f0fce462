/** What other systems fell into, with real parts: each is a test by the name of the right behaviour. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { assertUnreadable, bytesOf, canary } from "./harness/canary.js";
import { pair } from "./harness/device.js";
import { FROM_DEVICE, FROM_RELAY } from "./harness/frames.js";
import { useParts } from "./harness/parts.js";
import { startProxy } from "./harness/proxy.js";
import { startStranger } from "./harness/stranger.js";
import { until, untilEqual } from "./harness/wait.js";

const parts = useParts("--log-level", "debug");
let proxy;

beforeEach(async () => {
  proxy = await startProxy(parts.relay);
});

afterEach(async () => {
  await proxy?.end();
});

const WRITES = 100;
const CUTS = 4;

/** Puts one after the other, `count` of them and until it is `enough`; answers the ids. */
async function write(device, collection, prefix, count, enough = () => true) {
  const ids = [];
  while (ids.length < count || !enough()) {
    const id = `${prefix}-${ids.length}`;
    await device.put(collection, id, { [canary("by")]: canary(prefix) });
    ids.push(id);
  }
  return ids;
}

describe("sync", () => {
  it("loses nothing when a device's own pushes are interleaved with another's, always pulling from where it stands", async () => {
    const [alice, bob] = await parts.devices(2);
    const group = await pair(alice, bob, proxy.address, [canary("Alice"), canary("Bob")]);
    const collection = canary("notes");
    const opened = proxy.count("device", FROM_DEVICE.open);
    let cut = 0;
    const enough = () => cut === CUTS;
    const writing = Promise.all([
      write(alice, collection, "a", WRITES, enough),
      write(bob, collection, "b", WRITES, enough),
    ]);
    for (; cut < CUTS; cut += 1) {
      const appended = proxy.count("relay", FROM_RELAY.appended);
      await until("more is acknowledged", () => proxy.count("relay", FROM_RELAY.appended) > appended);
      proxy.cut();
    }
    const wanted = (await writing).flat().sort();
    await untilEqual("Alice has everything", () => alice.list(collection), wanted);
    await untilEqual("Bob has everything", () => bob.list(collection), wanted);
    await Promise.all([alice.untilSynced(), bob.untilSynced()]);
    const { cursor, head } = await alice.status();
    assert.equal(cursor, head);
    const opens = proxy.frames.filter(({ from, frame }) => from === "device" && frame[0] === FROM_DEVICE.open);
    assert.ok(opens.length > opened, "it connected again");
    assert.deepEqual(
      opens.slice(opened).filter(({ frame }) => frame[4] === 0),
      [],
      "nobody read from the beginning again",
    );
    assertUnreadable(parts.relay, group);
  });

  it("stores an entry once when its acknowledgement is lost and it is pushed again", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    const { head } = await alice.status();
    let lost = 0;
    proxy.watch((from, frame) => {
      const isAcknowledgement = from === "relay" && frame[0] === FROM_RELAY.appended;
      lost += isAcknowledgement ? 1 : 0;
      return isAcknowledgement && lost === 1 ? "cut" : "pass";
    });
    const collection = canary("notes");
    await alice.put(collection, "one", { n: 1 });
    await until("the acknowledgement is lost", () => lost > 0);
    await untilEqual("Bob has it", () => bob.get(collection, "one"), { n: 1 });
    await alice.untilSynced();
    assert.equal((await alice.status()).head, head + 1);
    assert.equal((await alice.status()).pending, 0);
  });

  it("sends a write when it is committed, not at a timer's next tick", async (test) => {
    const alice = await parts.device();
    await alice.enable(proxy.address, canary("Alice"));
    await alice.untilSynced();
    const appends = proxy.count("device", FROM_DEVICE.append);
    await alice.put(canary("notes"), "one", { n: 1 });
    const acknowledged = Date.now();
    await until("the write is sent", () => proxy.count("device", FROM_DEVICE.append) > appends);
    const sent = proxy.frames.findLast(({ from, frame }) => from === "device" && frame[0] === FROM_DEVICE.append).at;
    test.diagnostic(`sent ${sent - acknowledged} ms after the put was done`);
    assert.ok(sent - acknowledged < 1_000, `${sent - acknowledged} ms`);
  });

  it("tells the other device of an edit without being asked", async (test) => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, parts.relay.address);
    const collection = canary("notes");
    const took = [];
    for (let number = 0; number < 20; number += 1) {
      const id = `n-${number}`;
      const start = await alice.page.evaluate(
        async ([name, document]) => {
          const at = Date.now();
          await globalThis.db.collection(name).put(document, { n: 1 });
          return at;
        },
        [collection, id],
      );
      const heard = await until("the other device hears of it", async () =>
        (await bob.events()).find(
          ({ name, event }) => name === "change" && event.changes.some(({ ids }) => ids.includes(id)),
        ),
      );
      took.push(heard.at - start);
    }
    took.sort((a, b) => a - b);
    test.diagnostic(`edit to the other device's event: median ${took[10]} ms, ${took[0]} to ${took.at(-1)} ms`);
  });

  it("is never called synced while something waits", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    proxy.hang();
    const collection = canary("notes");
    const from = (await alice.events()).length;
    await alice.put(collection, "one", { n: 1 });
    await until("one waits", async () => (await alice.status()).pending === 1);
    assert.equal(await alice.call("sync", "statusOf", collection, "one"), "pending");
    const flushed = await alice.call("db", "flush", { timeoutMs: 500 });
    assert.deepEqual(flushed, { pending: 1 });
    assert.equal((await alice.status()).state, "pending");
    proxy.release();
    await untilEqual("Bob has it", () => bob.get(collection, "one"), { n: 1 });
    await alice.untilSynced();
    assert.equal(await alice.call("sync", "statusOf", collection, "one"), "synced");
    for (const { event } of (await alice.events()).slice(from).filter(({ name }) => name === "status")) {
      const complete = event.pending === 0 && event.cursor === event.head && event.connected;
      assert.equal(event.state === "synced", complete, JSON.stringify(event));
    }
  });

  it("lets one hung call block no other, and gives up when it is told to", async () => {
    const alice = await parts.device();
    await alice.enable(proxy.address, canary("Alice"));
    await alice.untilSynced();
    proxy.hang();
    const collection = canary("notes");
    await alice.put(collection, "before", { n: 0 });
    await alice.page.evaluate(() => {
      globalThis.giveUp = new AbortController();
      globalThis.hung = globalThis.db.sync.now({ signal: globalThis.giveUp.signal, timeoutMs: 60_000 }).then(
        () => "done",
        (error) => error.code,
      );
      globalThis.hung.then((how) => (globalThis.ended = how));
    });
    await alice.put(collection, "meanwhile", { n: 1 });
    assert.deepEqual(await alice.list(collection), ["before", "meanwhile"]);
    assert.equal(await alice.page.evaluate("globalThis.ended"), undefined);
    const ended = await alice.page.evaluate(() => {
      globalThis.giveUp.abort();
      return globalThis.hung;
    });
    assert.equal(ended, "request.aborted");
  });

  it("costs a put nothing, whether the relay is up, hung or down", async (test) => {
    const alice = await parts.device();
    await alice.enable(proxy.address, canary("Alice"));
    await alice.untilSynced();
    const figures = { up: await timePuts(alice, "up") };
    proxy.hang();
    figures.hung = await timePuts(alice, "hung");
    await proxy.end();
    figures.down = await timePuts(alice, "down");
    proxy = null;
    test.diagnostic(`median of an awaited put: ${JSON.stringify(figures)} ms`);
    assert.ok(Math.max(...Object.values(figures)) < 1_000, JSON.stringify(figures));
  });

  it("now resolves when everything is there, and says why it cannot", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    const collection = canary("notes");
    await write(alice, collection, "a", 10);
    await alice.now();
    const { pending, cursor, head, state } = await alice.status();
    assert.deepEqual({ pending, behind: head - cursor, state }, { pending: 0, behind: 0, state: "synced" });
    await bob.now();
    assert.equal((await bob.list(collection)).length, 10);
    await alice.profile.setOffline(true);
    await alice.untilState("offline");
    await assert.rejects(alice.now({ timeoutMs: 1_000 }), { code: "sync.offline" });
  });
});

async function timePuts(device, prefix) {
  return device.page.evaluate(async (name) => {
    const took = [];
    for (let number = 0; number < 21; number += 1) {
      const start = performance.now();
      await globalThis.db.collection("timed").put(`${name}-${number}`, { number });
      took.push(performance.now() - start);
    }
    return Math.round(took.sort((a, b) => a - b)[10] * 10) / 10;
  }, prefix);
}

describe("a stranger", () => {
  it("who proves nothing is served the challenge and nothing else", async () => {
    const alice = await parts.device();
    await alice.enable(parts.relay.address, canary("Alice"));
    await alice.untilSynced();
    const group = bytesOf((await alice.status()).group);
    const stranger = await startStranger(parts.relay);
    await until("the relay has challenged", () => stranger.received.length === 1);
    stranger.say(FROM_DEVICE.open, 1, group, null, 0, null, [100, 1_000_000, false]);
    await until("the relay has closed the connection", () => stranger.closed);
    const [challenge, ...others] = stranger.received;
    assert.equal(challenge[0], FROM_RELAY.challenge);
    assert.deepEqual(
      others.map((frame) => [frame[0], frame[2]]),
      [[FROM_RELAY.failed, "relay.not-authenticated"]],
    );
  });

  it("who knows the group's id and proves to be some device is served nothing and can store nothing", async () => {
    const alice = await parts.device();
    await alice.enable(parts.relay.address, canary("Alice"));
    await alice.untilSynced();
    const before = await alice.status();
    const group = bytesOf(before.group);
    const stranger = await startStranger(parts.relay);
    await until("the relay has challenged", () => stranger.received.length === 1);
    stranger.introduceItself();
    await until("the relay has welcomed it", () => stranger.received.length === 2);
    assert.equal(stranger.received[1][0], FROM_RELAY.welcome);
    stranger.say(FROM_DEVICE.open, 1, group, null, 0, null, [100, 1_000_000, false]);
    stranger.say(FROM_DEVICE.pull, 2, group, 0, [100, 1_000_000, false]);
    stranger.say(FROM_DEVICE.append, 3, group, [Buffer.from("rubbish")]);
    await until("the relay has refused all three", () => stranger.received.length === 5);
    const refusals = stranger.received.slice(2);
    assert.deepEqual(
      refusals.map((frame) => frame[0]),
      [FROM_RELAY.failed, FROM_RELAY.failed, FROM_RELAY.failed],
    );
    assert.equal(refusals[0][2], "relay.not-a-member");
    stranger.end();
    await alice.now();
    assert.equal((await alice.status()).head, before.head);
  });
});

describe("the package", () => {
  it("gives no secret key to the page: not in what it returns, not in its objects, not from the browser's storage", async () => {
    const [alice, bob] = await parts.devices(2);
    const group = await pair(alice, bob, parts.relay.address, [canary("Alice"), canary("Bob")]);
    const devices = await alice.devices();
    const found = await alice.page.evaluate("globalThis.lookForSecrets()");
    const known = new Set([group, ...devices.map(({ id }) => id), ...found.entries]);
    assert.deepEqual(
      found.suspects.filter((text) => !known.has(text)),
      [],
    );
    assert.ok(found.seen > 50, `${found.seen} values were looked at`);
    assert.ok(found.keys > 0, "the device's key is in the browser's storage");
    assert.deepEqual(found.extractable, []);
  });
});
