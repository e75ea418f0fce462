/** A relay that lies, over a real socket and to real browsers: what each lie ends in, as docs/security.md says under "A hostile relay". */

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { bytesOf } from "./harness/canary.js";
import { pair } from "./harness/device.js";
import {
  delayPushes,
  dropPushes,
  entriesOf,
  forge,
  offerSnapshot,
  promiseMore,
  readEntry,
  reorder,
  replay,
  reverse,
  shiftCursors,
  splice,
  tellEachItsOwn,
  truncate,
} from "./harness/lies.js";
import { useParts } from "./harness/parts.js";
import { startProxy } from "./harness/proxy.js";
import { until } from "./harness/wait.js";

const NOTES = ["one", "two", "three"];
const SNAPSHOT = 4;

const parts = useParts();
let proxy;

beforeEach(async () => {
  proxy = await startProxy(parts.relay);
});

afterEach(async () => {
  await proxy?.end();
});

async function idOf(device) {
  return bytesOf((await device.status()).device).toString("hex");
}

async function has(device, id) {
  return Boolean(await device.get("notes", id));
}

async function write(device, ids) {
  for (const id of ids) {
    await device.put("notes", id, { id });
  }
  await until("it is at the relay", async () => (await device.status()).pending === 0);
}

/** The entries that the relay has sent so far. */
function passed() {
  return proxy.frames.filter(({ from }) => from === "relay").flatMap(({ frame }) => entriesOf(frame));
}

/** The snapshots among them. */
function snapshots() {
  return passed().filter((entry) => readEntry(entry).kind === SNAPSHOT);
}

/** Alice, Bob and Carol in one group, in step. */
async function three() {
  const [alice, bob, carol] = await parts.devices(3);
  await pair(alice, bob, proxy.address);
  const { shortCode } = await alice.invite();
  await carol.join(shortCode, proxy.address, "carol");
  await Promise.all([alice, bob, carol].map((device) => device.untilSynced()));
  return [alice, bob, carol];
}

/** Only this device is lied to. */
async function lieTo(device, lie) {
  const victim = await idOf(device);
  proxy.lie((to, frame) => (to === victim ? lie(to, frame) : [frame]));
}

/** Notes come to a device that was away, several in one page; and the relay lies about them. */
async function comesBackToLies(away, writer, lie) {
  await away.call("sync", "disable");
  await write(writer, NOTES);
  const victims = (await away.events()).length;
  proxy.lie(lie);
  await away.call("sync", "enable");
  return victims;
}

async function untilTold(device, from, code) {
  await until(`${code} is told`, async () =>
    (await device.events()).slice(from).some(({ name, event }) => name === "error" && event.code === code),
  );
}

async function reasons(device) {
  return (await device.call("sync", "quarantine")).map(({ reason }) => reason);
}

/** The relay is honest again: everybody is in step and has everything. */
async function allIsWell(...devices) {
  proxy.lie(null);
  proxy.cut();
  await write(devices[0], ["last"]);
  for (const device of devices) {
    await until("everything is there", async () => {
      const there = await Promise.all([...NOTES, "last"].map((id) => has(device, id)));
      return there.every(Boolean) && (await device.status()).state === "synced";
    });
    assert.deepEqual(await reasons(device), []);
  }
}

/** A lie that is found out at once: nothing of it is stored. */
async function isFoundOut(lie) {
  const [alice, bob] = await parts.devices(2);
  await pair(alice, bob, proxy.address);
  const from = await comesBackToLies(bob, alice, lie);
  await untilTold(bob, from, "relay.misbehaved");
  assert.notEqual((await bob.status()).state, "synced");
  const there = await Promise.all(NOTES.map((id) => has(bob, id)));
  assert.deepEqual(there, [false, false, false]);
  await allIsWell(alice, bob);
}

/** A lie that costs time at most. */
async function costsTimeAtMost(lie, ask) {
  const [alice, bob] = await parts.devices(2);
  await pair(alice, bob, proxy.address);
  await lieTo(bob, lie);
  await write(alice, NOTES);
  if (ask) {
    await bob.now();
  }
  await until("Bob has two of them", async () => (await has(bob, "one")) && (await has(bob, "two")));
  await allIsWell(alice, bob);
}

describe("a relay that", () => {
  it("drops every push is found out when it is asked", () => costsTimeAtMost(dropPushes(), true));
  it("delays pushes costs time", () => costsTimeAtMost(delayPushes()));
  it("replays everything changes nothing", () => costsTimeAtMost(replay()));
  it("cuts frames off is found out", () => isFoundOut(truncate()));
  it("forges entries is found out", () => isFoundOut(forge()));
  it("skips cursors is found out", () => isFoundOut(shiftCursors(5)));
  it("sends pages that run backwards is found out", () => isFoundOut(reverse()));

  it("splices in entries of another group is found out", async () => {
    const [alice, bob, stranger, friend] = await parts.devices(4);
    await pair(stranger, friend, proxy.address);
    await write(stranger, ["foreign"]);
    await until("it has passed", () => has(friend, "foreign"));
    const foreign = passed().at(-1);
    await pair(alice, bob, proxy.address);
    const from = await comesBackToLies(bob, alice, splice(foreign));
    await untilTold(bob, from, "relay.misbehaved");
    assert.equal(await has(bob, "foreign"), false);
    await allIsWell(alice, bob);
  });

  it("reorders entries makes them wait for their parents", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    await comesBackToLies(bob, alice, reorder());
    for (const id of NOTES) {
      await until("each is applied when its parent came", () => has(bob, id));
    }
    assert.deepEqual(await reasons(bob), []);
    await allIsWell(alice, bob);
  });

  it("promises more than it has is not called synced", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    await comesBackToLies(bob, alice, promiseMore(1000));
    await until("what there is is used", () => has(bob, "three"));
    assert.equal((await bob.status()).state, "pending");
    await allIsWell(alice, bob);
  });

  it("is rolled back to an old state is given again what it forgot", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    const backup = mkdtempSync(join(tmpdir(), "ashore-backup-"));
    try {
      await parts.relay.stop();
      cpSync(parts.relay.folder, backup, { recursive: true });
      await parts.relay.start();
      await write(alice, NOTES);
      await until("Bob has them", () => has(bob, "three"));
      await parts.relay.stop();
      parts.relay.wipe();
      cpSync(backup, parts.relay.folder, { recursive: true });
      await parts.relay.start();
      await allIsWell(alice, bob);
      const carol = await parts.device();
      const { shortCode } = await alice.invite();
      await carol.join(shortCode, proxy.address, "carol");
      await until("a third device gets it from the relay", () => has(carol, "three"));
    } finally {
      rmSync(backup, { recursive: true, force: true });
    }
  });

  it("serves an old snapshot costs a longer tail", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, proxy.address);
    await write(
      alice,
      Array.from({ length: 60 }, (_, number) => `n-${number}`),
    );
    await alice.call("sync", "publishSnapshot");
    await write(alice, NOTES);
    await alice.call("sync", "publishSnapshot");
    await until("both have passed", () => snapshots().length > 1);
    const [old] = snapshots();
    let offered = 0;
    const lie = offerSnapshot(old);
    proxy.lie((to, frame) => {
      const said = lie(to, frame);
      offered += said[0] === frame ? 0 : 1;
      return said;
    });
    const carol = await parts.device();
    const { shortCode } = await alice.invite();
    await carol.join(shortCode, proxy.address, "carol");
    await until("Carol has all", async () => (await has(carol, "n-0")) && (await has(carol, "three")));
    assert.ok(offered > 0, "it was offered to her");
    await allIsWell(alice, bob, carol);
  });
});

describe("a relay that hides entries", () => {
  it("is not noticed before an entry names what it hides", async () => {
    const [alice, bob, carol] = await three();
    const [her, his] = await Promise.all([idOf(alice), idOf(bob)]);
    proxy.lie(tellEachItsOwn((to, entry) => to === his && entry.author === her));
    const from = (await bob.events()).length;
    await write(alice, NOTES);
    await until("Carol has them", () => has(carol, "three"));
    await bob.untilSynced();
    assert.deepEqual([(await bob.status()).quarantined, await has(bob, "one")], [0, false]);
    await write(carol, ["names them"]);
    await untilTold(bob, from, "entry.quarantined");
    assert.deepEqual(await reasons(bob), ["missing-parent"]);
    await allIsWell(alice, bob, carol);
  });

  it("in a fork is noticed by both sides with the first entry of somebody who saw both", async () => {
    const [alice, bob, carol] = await three();
    const [her, his] = await Promise.all([idOf(alice), idOf(bob)]);
    proxy.lie(tellEachItsOwn((to, { author }) => (to === his && author === her) || (to === her && author === his)));
    const from = await Promise.all([alice, bob].map(async (device) => (await device.events()).length));
    await Promise.all([write(alice, NOTES), write(bob, ["bobs"])]);
    await until("Carol has both stories", async () => (await has(carol, "three")) && (await has(carol, "bobs")));
    for (const device of [alice, bob]) {
      await device.untilSynced();
      assert.equal((await device.status()).quarantined, 0, "nothing shows it");
    }
    assert.deepEqual([await has(alice, "bobs"), await has(bob, "one")], [false, false]);
    await write(carol, ["names both"]);
    await untilTold(alice, from[0], "entry.quarantined");
    await untilTold(bob, from[1], "entry.quarantined");
    await allIsWell(alice, bob, carol);
    assert.ok(await has(alice, "bobs"));
  });

  it("withholds a removal until an entry of somebody who knows of it", async () => {
    const [alice, bob, carol] = await three();
    const [his, removed] = [await idOf(bob), (await carol.status()).device];
    proxy.lie(tellEachItsOwn((to, entry) => to === his && entry.removes));
    const from = (await bob.events()).length;
    await alice.call("sync", "removeDevice", removed);
    await until("Carol is told", async () => (await carol.status()).removed);
    await write(bob, ["bobs"]);
    await bob.untilSynced();
    assert.equal((await bob.devices()).length, 3, "nothing shows it");
    await write(alice, NOTES);
    await untilTold(bob, from, "entry.quarantined");
    assert.ok((await reasons(bob)).includes("missing-parent"));
    await allIsWell(alice, bob);
    assert.equal((await bob.devices()).length, 2);
    assert.ok(await has(alice, "bobs"));
    assert.equal(await has(carol, "one"), false);
  });
});
