/** What sync tells: each thing once, in order, and why. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { canary } from "./harness/canary.js";
import { pair } from "./harness/device.js";
import { FROM_DEVICE, FROM_RELAY } from "./harness/frames.js";
import { useParts } from "./harness/parts.js";
import { startProxy } from "./harness/proxy.js";
import { until, untilEqual } from "./harness/wait.js";

const parts = useParts("--log-level", "debug");
let proxy;
let alice;

beforeEach(async () => {
  proxy = await startProxy(parts.relay);
  alice = await parts.device();
});

afterEach(async () => {
  await proxy?.end();
});

const CONNECTIONS = 4;
const RETRIES = 4;
/** A wait for the next attempt that leaves time to start a relay and to connect for another reason. */
const LONG_MS = 2_500;

/** What `alice` has heard of these names since `from`, oldest first. */
async function heard(names, from = 0) {
  return (await alice.events()).slice(from).filter(({ name }) => names.includes(name));
}

async function enable(relay) {
  await alice.enable(relay, canary("Alice"));
  await alice.untilSynced();
}

/** Waits until the device has tried so many times more to connect, in vain. */
async function untilRetried(times) {
  const planned = new Set();
  await until(`it has tried ${times} times more`, async () => {
    const { retryAt } = await alice.status();
    planned.add(retryAt ?? 0);
    planned.delete(0);
    return planned.size > times;
  });
}

describe("connected", () => {
  it("is told once for each handshake, whatever is asked and written meanwhile", async () => {
    await enable(proxy.address);
    for (let connection = 1; connection <= CONNECTIONS; connection += 1) {
      await alice.put(canary("notes"), `n${connection}`, { n: connection });
      await alice.now();
      await alice.enable(proxy.address);
      const told = await heard(["connected"]);
      assert.deepEqual(
        told.map(({ event }) => event),
        Array.from({ length: connection }, () => ({ relay: proxy.address })),
      );
      assert.equal(proxy.count("relay", FROM_RELAY.welcome), connection);
      proxy.cut();
      await until("it is connected again", async () => (await heard(["connected"])).length > connection);
      await alice.untilSynced();
    }
  });
});

/** Does something to a connected device; answers the reasons that it is told. */
async function reasonsAfter(act) {
  await alice.untilSynced();
  const from = (await alice.events()).length;
  await act();
  await until("it is disconnected", async () => (await heard(["disconnected"], from)).length > 0);
  assert.equal((await alice.status()).connected, false);
  return (await heard(["disconnected"], from)).map(({ event }) => event.reason);
}

describe("disconnected", () => {
  it("says that the relay was lost, when it is killed and when it stops", async () => {
    await enable(parts.relay.address);
    assert.deepEqual(await reasonsAfter(() => parts.relay.kill()), ["lost"]);
    await parts.relay.start();
    assert.deepEqual(await reasonsAfter(() => parts.relay.stop()), ["lost"]);
    await parts.relay.start();
    await alice.untilSynced();
  });

  it("says that there is no network", async () => {
    await enable(parts.relay.address);
    assert.deepEqual(await reasonsAfter(() => alice.profile.setOffline(true)), ["offline"]);
    await alice.profile.setOffline(false);
    await alice.untilSynced();
  });

  it("says that sync was disabled, and tells no error of it", async () => {
    await enable(parts.relay.address);
    assert.deepEqual(await reasonsAfter(() => alice.call("sync", "disable")), ["disabled"]);
    assert.deepEqual(await heard(["error"]), []);
  });

  it("says that the relay misbehaved when it said what it must not say", async () => {
    await enable(proxy.address);
    assert.deepEqual(await reasonsAfter(() => proxy.sayAsRelay(Buffer.from("rubbish"))), ["misbehaved"]);
    await alice.untilSynced();
    assert.deepEqual(
      (await heard(["error"])).map(({ event }) => event.code),
      ["relay.misbehaved"],
    );
  });
});

describe("error", () => {
  it("is told once for each fault, however often it is tried again", async () => {
    await enable(parts.relay.address);
    for (let fault = 1; fault <= 2; fault += 1) {
      await parts.relay.kill();
      await alice.put(canary("notes"), `n${fault}`, {});
      await untilRetried(RETRIES);
      const told = await heard(["error"]);
      assert.deepEqual(
        told.map(({ event }) => ({ name: event.name, code: event.code, retry: event.retry })),
        Array.from({ length: fault }, () => ({ name: "AshoreError", code: "relay.unreachable", retry: true })),
      );
      assert.equal((await alice.status()).lastError.code, "relay.unreachable");
      await parts.relay.start();
      await alice.now({ timeoutMs: 60_000 }).catch(() => {});
      await alice.untilSynced();
      assert.equal((await alice.status()).lastError, null);
    }
    assert.equal((await heard(["error"])).length, 2);
    assert.equal((await heard(["disconnected"])).length, 2);
  });
});

describe("a write", () => {
  it("is there first, then told as a change, then as pending, then as synced", async () => {
    await enable(proxy.address);
    const appends = proxy.count("device", FROM_DEVICE.append);
    const seen = await alice.page.evaluate(async (collection) => {
      const { db } = globalThis;
      const order = [];
      const synced = new Promise((resolve) => {
        db.collection(collection).on("change", ({ ids, remote }) => order.push(`change ${ids} ${remote}`));
        db.sync.on("status", ({ state, pending }) => {
          order.push(`${state} ${pending}`);
          if (state === "synced") {
            resolve();
          }
        });
      });
      await db.ping("nothing of before is under way");
      order.length = 0;
      await db.collection(collection).put("n1", { n: 1 });
      order.push(`put: ${(await db.collection(collection).get("n1")).n}`);
      await synced;
      return order;
    }, canary("notes"));
    // The relay's head may move between two words on what waits.
    const told = seen.filter((what) => what !== "put: 1");
    const order = told.filter((what, at) => what !== told[at - 1]);
    assert.deepEqual(order, ["change n1 false", "pending 1", "synced 0"]);
    assert.ok(seen.indexOf("put: 1") < seen.indexOf("synced 0"), "the put was done before it was synced");
    const sent = proxy.frames.filter(({ from, frame }) => from === "device" && frame[0] === FROM_DEVICE.append);
    assert.equal(sent.length, appends + 1);
  });

  it("is shown before any frame of it travels: with every frame held back it is there, told and pending", async () => {
    await enable(proxy.address);
    const from = (await alice.events()).length;
    proxy.hang();
    const collection = canary("notes");
    await alice.put(collection, "n1", { n: 1 });
    await until("one is told to wait", async () => (await alice.status()).pending === 1);
    assert.deepEqual(await alice.get(collection, "n1"), { n: 1 });
    assert.equal((await alice.status()).state, "pending");
    assert.deepEqual(
      (await heard(["status"], from)).map(({ event }) => event.state),
      ["pending"],
    );
    proxy.release();
    await alice.untilSynced();
  });
});

/** The relay is gone until the device waits that long, and back before the wait is over. */
async function relayBackDuringLongWait() {
  let retryAt;
  do {
    await parts.relay.kill();
    await until("it waits long", async () => ((await alice.status()).retryAt ?? 0) - Date.now() > LONG_MS);
    ({ retryAt } = await alice.status());
    await parts.relay.start();
  } while (retryAt - Date.now() < LONG_MS / 2);
  return retryAt;
}

/** Sets what the page says about being seen, and says so, as a browser does. */
function show(state) {
  return alice.page.evaluate((visibility) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => visibility });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}

async function assertSyncedBefore(test, retryAt, since, from) {
  await alice.untilSynced();
  const [{ at }] = await heard(["connected"], from);
  test.diagnostic(`connected after ${at - since} ms, ${retryAt - at} ms before the next attempt was due`);
  assert.ok(at < retryAt, `connected ${at - retryAt} ms after the next attempt was due`);
  assert.equal((await alice.status()).pending, 0);
}

describe("a device that waits long for its next attempt", () => {
  it("syncs at once when its page comes to the front", async (test) => {
    await enable(parts.relay.address);
    await show("hidden");
    const retryAt = await relayBackDuringLongWait();
    await alice.put(canary("notes"), "n1", { n: 1 });
    const [since, { length: from }] = [Date.now(), await alice.events()];
    await show("visible");
    await assertSyncedBefore(test, retryAt, since, from);
  });

  it("syncs at once when the network is back, what it wrote and what others wrote", async (test) => {
    const bob = await parts.device();
    await pair(alice, bob, parts.relay.address, [canary("Alice"), canary("Bob")]);
    const collection = canary("notes");
    await alice.profile.setOffline(true);
    await alice.untilState("offline");
    const { retryAt } = await alice.status();
    await alice.put(collection, "hers", { n: 1 });
    await bob.put(collection, "his", { n: 2 });
    await bob.untilSynced();
    const [since, { length: from }] = [Date.now(), await alice.events()];
    await alice.profile.setOffline(false);
    await assertSyncedBefore(test, retryAt, since, from);
    assert.deepEqual(await alice.list(collection), ["hers", "his"]);
    await untilEqual("the other device has it", () => bob.list(collection), ["hers", "his"]);
  });
});

describe("disabling", () => {
  it("ends the connection, and no frame follows, whatever is written, asked and shown", async () => {
    const bob = await parts.device();
    await pair(alice, bob, proxy.address, [canary("Alice"), canary("Bob")]);
    await bob.call("sync", "disable");
    const collection = canary("notes");
    await alice.call("sync", "disable");
    await until("nobody is connected", () => proxy.open === 0);
    const [frames, connections] = [proxy.frames.length, proxy.connections];
    await alice.put(collection, "n1", { n: 1 });
    await alice.call("db", "flush", { timeoutMs: 10 });
    await assert.rejects(alice.now(), { code: "sync.disabled" });
    await alice.profile.setOffline(true);
    await alice.profile.setOffline(false);
    await alice.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await alice.reload();
    assert.deepEqual(await alice.get(collection, "n1"), { n: 1 });
    assert.deepEqual(await alice.list(collection), ["n1"]);
    await alice.call("db", "ping", "after everything");
    assert.deepEqual([proxy.frames.length, proxy.connections], [frames, connections]);
    assert.equal((await alice.status()).enabled, false);

    const { cursor } = await alice.status();
    await bob.enable(proxy.address);
    await alice.enable(proxy.address);
    await untilEqual("the other device has it", () => bob.get(collection, "n1"), { n: 1 });
    const opens = proxy.frames
      .slice(frames)
      .filter(({ from, frame }) => from === "device" && frame[0] === FROM_DEVICE.open);
    assert.ok(cursor > 0);
    assert.ok(
      opens.every(({ frame }) => frame[4] > 0),
      "both went on from where they stood",
    );
  });
});
