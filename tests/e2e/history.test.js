/** A document's past over two devices: who wrote what, what both set while apart, and an undo that leaves the other's work. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { openDevice, pair } from "./harness/device.js";
import { startRelay } from "./harness/relay.js";
import { startSite } from "./harness/site.js";
import { until, untilEqual } from "./harness/wait.js";

let relay;
let site;
let alice;
let bob;

beforeEach(async () => {
  relay = await startRelay("--log-level", "debug");
  [site, alice, bob] = await Promise.all([startSite(), startProfile(), startProfile()]);
});

afterEach(async () => {
  await Promise.all([alice?.end(), bob?.end()]);
  await relay?.end();
  await site?.end();
});

describe("two devices", () => {
  it("list what both set while they were apart, the loser too, until one sets it again; each undoes only its own", async () => {
    const [hers, his] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    const names = [canary("Alice"), canary("Bob")];
    const [collection, id] = [canary("notes"), canary("note")];
    const [milk, oat, soy] = ["Milk", "Oat milk", "Soy milk"].map(canary);
    const notes = { collection };
    await hers.put(collection, id, { title: milk, body: "1 l" });
    const group = await pair(hers, his, relay.address, names);
    await untilEqual("he has the note", () => his.get(collection, id), { title: milk, body: "1 l" });

    await relay.stop();
    await hers.put(collection, id, { title: oat, body: "1 l" });
    await his.get(collection, id);
    await his.put(collection, id, { title: soy, body: "2 l" });
    await relay.start();
    const conflicts = async (asked) => {
      const found = await asked.call(notes, "conflicts", id);
      return found.map(({ path, values }) => [
        path,
        values.map(({ value, winner, device }) => [value, winner, device.name]),
      ]);
    };
    const both = [
      [oat, names[0]],
      [soy, names[1]],
    ];
    await Promise.all(
      [hers, his].map((device) => until("both are listed", async () => (await conflicts(device)).length === 1)),
    );
    const listed = await conflicts(hers);
    assert.deepEqual(listed, await conflicts(his));
    const [[path, values]] = listed;
    assert.deepEqual(path, ["title"]);
    assert.deepEqual(values.map(([value, , name]) => [value, name]).toSorted(), both.toSorted());
    const shown = await hers.get(collection, id);
    assert.deepEqual([shown.title, shown.body], [values[0][0], "2 l"]);
    assert.deepEqual(
      values.map(([, winner]) => winner),
      [true, false],
    );

    // Who wrote what, on both.
    for (const [asked, mine] of [
      [hers, names[0]],
      [his, names[1]],
    ]) {
      const history = await asked.call(notes, "history", id);
      assert.equal(history.length, 3);
      assert.deepEqual(history.map(({ device }) => device.name).toSorted(), [names[0], ...names].toSorted());
      assert.ok(history.every((change) => change.mine === (change.device.name === mine)));
      assert.deepEqual(history.at(-1).fields, ["body", "title"]);
      assert.deepEqual(await asked.call(notes, "at", id, history.at(-1).version), { title: milk, body: "1 l" });
    }

    // His undo takes back his amount and his title; hers stays, whichever was shown.
    assert.deepEqual(await his.call(notes, "undo", id), { document: { title: oat, body: "1 l" } });
    await untilEqual("she sees it", () => hers.get(collection, id), { title: oat, body: "1 l" });
    assert.equal((await hers.call(notes, "history", id))[0].kind, "undo");
    assert.deepEqual(await his.call(notes, "redo", id), { document: shown });
    await untilEqual("she sees that too", () => hers.get(collection, id), shown);

    // Setting it again settles it; a restarted browser still knows whose each change is.
    await hers.put(collection, id, { title: milk, body: "2 l" });
    await untilEqual("he sees that it is settled", () => his.get(collection, id), { title: milk, body: "2 l" });
    assert.deepEqual(await Promise.all([hers, his].map(conflicts)), [[], []]);
    await alice.stop();
    await alice.start();
    const again = await openDevice(alice, site);
    const known = await again.call(notes, "history", id);
    assert.deepEqual(known.map(({ mine }) => mine).filter(Boolean).length, 3);
    assert.ok(known.every(({ device }) => device !== null));
    assert.deepEqual(await again.call(notes, "undo", id), { document: shown });
    assertUnreadable(relay, group);
  });
});
