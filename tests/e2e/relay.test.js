/** The relay is killed, restarted, and loses its disk; the devices lose nothing and fill it again. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { assertUnreadable, canary } from "./harness/canary.js";
import { pair } from "./harness/device.js";
import { useParts } from "./harness/parts.js";
import { until, untilEqual } from "./harness/wait.js";

const parts = useParts("--log-level", "debug");

const WRITES = 200;
const CRASHES = 3;

/** Every document of a device's collection, by id. */
async function all(device, collection) {
  const rows = await device.call({ collection }, "all");
  return Object.fromEntries(rows.map(({ id, document }) => [id, document]));
}

describe("a relay", () => {
  it("that is killed in the middle of sync and restarted loses nothing", async () => {
    const [alice, bob] = await parts.devices(2);
    const group = await pair(alice, bob, parts.relay.address, [canary("Alice"), canary("Bob")]);
    const collection = canary("notes");
    const field = canary("title");
    const writing = Promise.all([write(alice, collection, field, "a"), write(bob, collection, field, "b")]);
    for (let crash = 0; crash < CRASHES; crash += 1) {
      const from = (await alice.status()).cursor;
      await until("some of it is at the relay", async () => (await alice.status()).cursor > from);
      await parts.relay.crash();
    }
    const [hers, his] = await writing;
    const wanted = { ...hers, ...his };
    await untilEqual("Alice has everything", () => all(alice, collection), wanted);
    await untilEqual("Bob has everything", () => all(bob, collection), wanted);
    await Promise.all([alice.untilSynced(), bob.untilSynced()]);
    assertUnreadable(parts.relay, group);
  });

  it("that lost its database is filled again, and a third device gets everything from it", async () => {
    const [alice, bob, carol] = await parts.devices(3);
    const { relay } = parts;
    const group = await pair(alice, bob, relay.address, [canary("Alice"), canary("Bob")]);
    const collection = canary("notes");
    const [one, two, three, four] = ["one", "two", "three", "four"].map(canary);
    await alice.put(collection, one, { by: canary("Alice") });
    await bob.put(collection, two, { by: canary("Bob") });
    await Promise.all([alice.untilSynced(), bob.untilSynced()]);
    await untilEqual("both have both", () => bob.list(collection), [one, two].sort());
    await relay.kill();
    relay.wipe();
    await alice.put(collection, three, { by: canary("Alice") });
    await relay.start();
    await until("both are at the new log", async () => {
      const standing = await Promise.all([alice.status(), bob.status()]);
      return standing.every(({ state, connected }) => state === "synced" && connected);
    });
    const { shortCode } = await alice.invite();
    await carol.join(shortCode, relay.address, canary("Carol"));
    await bob.put(collection, four, { by: canary("Bob") });
    const wanted = await all(alice, collection);
    assert.equal(Object.keys(wanted).filter((id) => [one, two, three].includes(id)).length, 3);
    await untilEqual("Carol has all four", () => carol.list(collection), [one, two, three, four].sort());
    await untilEqual("Alice has all four", () => alice.list(collection), [one, two, three, four].sort());
    assert.deepEqual(await all(carol, collection), await all(alice, collection));
    assert.equal((await bob.devices()).length, 3);
    assertUnreadable(relay, group);
  });

  it("that stops in order has everything that it acknowledged", async () => {
    const [alice, bob] = await parts.devices(2);
    await pair(alice, bob, parts.relay.address);
    const collection = canary("notes");
    await bob.profile.setOffline(true);
    const wanted = await write(alice, collection, canary("title"), "a");
    await alice.untilSynced();
    await parts.relay.stop();
    await alice.profile.end();
    await parts.relay.start();
    await bob.profile.setOffline(false);
    await untilEqual("Bob has everything", () => all(bob, collection), wanted);
  });
});

/** Many documents, one put each; answers what was put. */
async function write(device, collection, field, prefix) {
  const written = {};
  for (let number = 0; number < WRITES; number += 1) {
    const id = `${prefix}-${number}`;
    written[id] = { [field]: number };
    await device.put(collection, id, written[id]);
  }
  return written;
}
