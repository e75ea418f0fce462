/** Apps of two versions on two devices, through a real relay; and references that arrive before what they name. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { openDevice, pair } from "./harness/device.js";
import { startRelay } from "./harness/relay.js";
import { startSite } from "./harness/site.js";
import { untilEqual } from "./harness/wait.js";

let relay;
let site;
let alice;
let bob;

beforeEach(async () => {
  relay = await startRelay();
  [site, alice, bob] = await Promise.all([startSite(), startProfile(), startProfile()]);
});

afterEach(async () => {
  await Promise.all([alice?.end(), bob?.end()]);
  await relay?.end();
  await site?.end();
});

/** Makes the app on this device one of version 2: a name has two fields. */
function beVersion2(device) {
  return device.page.evaluate(() => {
    const migrate = {
      1: ({ name, ...rest }) => ({ ...rest, first: name.split(" ")[0], last: name.split(" ")[1] }),
    };
    globalThis.db.collection("people", { version: 2, migrate });
  });
}

describe("apps of two versions", () => {
  it("share documents: edits of both meet, and the older one destroys nothing that it does not know", async () => {
    const [older, newer] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await beVersion2(newer);
    await pair(older, newer, relay.address);
    await older.put("people", "ada", { name: "Ada Lovelace", done: false });
    await untilEqual("it is read migrated", () => newer.get("people", "ada"), {
      first: "Ada",
      last: "Lovelace",
      done: false,
    });

    await relay.stop();
    await newer.put("people", "ada", { first: "Augusta", last: "Lovelace", done: false });
    const seen = await older.get("people", "ada");
    assert.deepEqual(seen, { name: "Ada Lovelace", done: false });
    await older.put("people", "ada", { ...seen, done: true });
    await relay.start();
    const both = { first: "Augusta", last: "Lovelace", done: true };
    await untilEqual("the newer app has both edits", () => newer.get("people", "ada"), both);
    await untilEqual("the older app reads it as it is", () => older.get("people", "ada"), both);

    await older.put("people", "ada", { ...both, note: "by the older app" });
    const after = { ...both, note: "by the older app" };
    await untilEqual("nothing is lost", () => newer.get("people", "ada"), after);
  });

  it("migrate the same document apart: it is one migration, and both edits stay", async () => {
    const [first, second] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await pair(first, second, relay.address);
    await first.put("people", "ada", { name: "Ada Lovelace", done: false });
    await untilEqual("it is there", async () => (await second.get("people", "ada"))?.name, "Ada Lovelace");
    await Promise.all([beVersion2(first), beVersion2(second)]);
    await relay.stop();
    await first.put("people", "ada", { ...(await first.get("people", "ada")), first: "Augusta" });
    await second.put("people", "ada", { ...(await second.get("people", "ada")), done: true });
    await relay.start();
    const both = { first: "Augusta", last: "Lovelace", done: true };
    await untilEqual("the one device has both", () => first.get("people", "ada"), both);
    await untilEqual("the other device has both", () => second.get("people", "ada"), both);
  });
});

describe("a reference", () => {
  it("that arrives before what it names is null until that arrives", async () => {
    const [hers, his] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await pair(hers, his, relay.address);
    await hers.put("items", "milk", { text: "Milk", listId: "shop" });
    await untilEqual("the item is there", () => his.list("items"), ["milk"]);
    const resolve = () =>
      his.page.evaluate(async () => {
        const items = globalThis.db.collection("items", { refs: { listId: "lists" } });
        return items.resolve(await items.get("milk"), "listId");
      });
    assert.equal(await resolve(), null);
    await hers.put("lists", "shop", { title: "Shop" });
    await untilEqual("it is filled", resolve, { title: "Shop" });
  });
});
