/**
 * Two browsers and a native device in one group, round after round: they write, listen, sync, open and close databases and tabs, and hold the same number
 * of documents throughout. After each round everything is gauged; at the end nothing may be left that runs.
 *
 * Alice's database stays open, with her engine; another tab of hers comes and goes. Bob closes his and opens it again, on a page that stays. The
 * native device is a reader that takes everything.
 */

import assert from "node:assert/strict";

import { startProfile } from "../harness/browser.js";
import { openDevice, pair } from "../harness/device.js";
import { startBackup } from "../harness/native.js";
import { commandOf, descendantsOf } from "../harness/processes.js";
import { startRelay } from "../harness/relay.js";
import { startSite } from "../harness/site.js";
import { canonical, until, untilEqual } from "../harness/wait.js";
import { browserBytes, Inspector, processGauges } from "./gauges.js";

const NAME = "soak";

/**
 * Goes on until `enough(samples)`. `writesPerSecond` is of both browsers together, `roundMs` how long they write in a round, `sampled` hears each
 * sample. Rejects with what did not hold; answers `{ samples, writes, ballast }`, the last being the documents that Alice had put before the first round.
 */
export async function soak({ enough, writesPerSecond, roundMs, sampled }) {
  const ends = [];
  const started = async (starting) => {
    const part = await starting;
    ends.push(() => part.end());
    return part;
  };
  try {
    const world = await begin(started);
    const samples = [];
    let writes = 0;
    while (!enough(samples)) {
      writes += await round(world, samples.length, { writes: Math.ceil((writesPerSecond * roundMs) / 2_000), roundMs });
      samples.push({ at: Date.now(), gauges: await gauge(world) });
      sampled(samples.at(-1));
    }
    await finish(world);
    return { samples, writes, ballast: world.ballast };
  } finally {
    await Promise.all(ends.map((end) => end()));
    await nothingRuns();
  }
}

async function begin(started) {
  const site = await started(startSite());
  const relay = await started(startRelay());
  const profiles = [await started(startProfile()), await started(startProfile())];
  const [alice, bob] = await Promise.all(profiles.map((profile) => openDevice(profile, site, { name: NAME })));
  await pair(alice, bob, relay.address, ["alice", "bob"]);
  const { shortCode } = await alice.invite({ role: "reader" });
  const native = await started(startBackup(relay.address, shortCode));
  const ballast = await alice.page.evaluate(async () => (await import("/soak.js")).fill());
  const inspectors = [await Inspector.of(alice.page), await Inspector.of(bob.page)];
  return { ballast, site, relay, alice, bob, native, aliceProfile: profiles[0], inspectors };
}

async function round(world, number, { writes, roundMs }) {
  const { alice, bob } = world;
  await visit(world, number);
  // On in one round, off in the next.
  await alice.call("sync", "configure", { channels: number % 2 === 0 ? ["channel:soak"] : [] });
  const work = (device, name) =>
    device.page.evaluate(async (given) => (await import("/soak.js")).work(given), {
      device: name,
      round: number,
      writes,
      forMs: roundMs,
    });
  const done = await Promise.all([work(alice, "alice"), work(bob, "bob")]);
  for (const { told } of done) {
    const silent = Object.keys(told).filter((name) => told[name] === 0);
    assert.deepEqual(silent, [], "who listened was told");
  }
  await sameEverywhere(world);
  await closeAndOpen(world);
  return done.reduce((sum, each) => sum + each.writes, 0);
}

/** Another tab of Alice's comes, takes part and goes: it has a worker, and no engine. */
async function visit({ alice, aliceProfile, site }, number) {
  const tab = await openDevice(aliceProfile, site, { name: NAME });
  await tab.put("visits", "latest", { number });
  assert.deepEqual(await alice.get("visits", "latest"), { number });
  assert.deepEqual(await locks(alice), { workers: 2, engines: 1 });
  await tab.close();
  await untilEqual("its worker is gone", () => locks(alice), { workers: 1, engines: 1 });
}

async function sameEverywhere({ alice, bob, native }) {
  await until("both have the same", async () => {
    await Promise.all([alice.untilSynced(), bob.untilSynced()]);
    const [one, other] = await Promise.all([alice, bob].map((device) => device.call({ collection: "notes" }, "all")));
    return canonical(one) === canonical(other);
  });
  const { cursor } = await alice.status();
  await until("the native device has it, too", () => native.synced >= cursor);
}

/** The page stays, and nothing of the database stays with it. */
async function closeAndOpen({ bob, inspectors }) {
  await bob.page.evaluate("globalThis.finish()");
  await untilEqual("nothing of the closed database runs", () => workersOf(bob, inspectors[1]), {
    attached: 0,
    seen: 0,
    workers: 0,
    engines: 0,
  });
  await bob.open();
  await bob.untilSynced();
}

async function gauge({ alice, bob, relay, native, inspectors }) {
  const gauges = {};
  for (const [name, device, inspector] of [
    ["Alice", alice, inspectors[0]],
    ["Bob", bob, inspectors[1]],
  ]) {
    // One worker for one open database, in its own page and among all tabs.
    const workers = await workersOf(device, inspector);
    assert.deepEqual(workers, { attached: 1, seen: 1, workers: 1, engines: 1 }, `${name}'s workers`);
    const [heaps, diagnostics] = [await inspector.heaps(), await device.call("db", "diagnostics")];
    gauges[`${name}: page's heap`] = heaps.page;
    gauges[`${name}: worker's heap`] = heaps.workers;
    gauges[`${name}: WebAssembly.Memory`] = diagnostics.wasmBytes;
    gauges[`${name}: rows in memory`] = diagnostics.cachedBytes;
    gauges[`${name}: storage.estimate`] = diagnostics.originStorage.usageBytes;
    gauges[`${name}: page's listeners`] = await inspector.listeners();
  }
  gauges["browsers, resident"] = browserBytes();
  for (const [name, pid] of [
    ["relay", relay.pid],
    ["native device", native.pid],
  ]) {
    const { resident, threads } = processGauges(pid);
    gauges[`${name}, resident`] = resident;
    gauges[`${name}, threads`] = threads;
  }
  gauges["relay, on the disk"] = relay.stored;
  return gauges;
}

/** What each gauge counts: bytes, unless it counts things. */
export function unitOf(name) {
  return /listeners|threads/.test(name) ? "" : "bytes";
}

/** As the browser's tools see them, and as the workers' own locks say. */
async function workersOf(device, inspector) {
  return { attached: inspector.workers, seen: device.page.workers().length, ...(await locks(device)) };
}

function locks(device) {
  return device.page.evaluate(async () => (await import("/soak.js")).locks());
}

/** The databases are closed, and no worker is left on pages that stay. */
async function finish({ alice, bob, native, inspectors }) {
  for (const [device, inspector] of [
    [alice, inspectors[0]],
    [bob, inspectors[1]],
  ]) {
    await device.page.evaluate("globalThis.finish()");
    await untilEqual("no worker is left", () => workersOf(device, inspector), {
      attached: 0,
      seen: 0,
      workers: 0,
      engines: 0,
    });
  }
  assert.equal(await native.end(), 0, "the native device ended well when it was asked to");
}

/** Browsers, relay and native device were ended one by one: none of them has left a process behind. */
async function nothingRuns() {
  await untilEqual("no process is left", () => descendantsOf(process.pid).map(commandOf), []);
}
