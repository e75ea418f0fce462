/** Apps of two versions on two devices, through a real relay; and references that arrive before what they name. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { openDevice, pair } from "./harness/device.js";
import { startRelay } from "./harness/relay.js";
import { startSite } from "./harness/site.js";
import { until, untilEqual } from "./harness/wait.js";

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

/** Makes the app on this device one that checks notes, and keeps what its `invalid` event tells. */
function checkNotes(device) {
  return device.page.evaluate(() => {
    const schema = {
      "~standard": {
        version: 1,
        vendor: "e2e",
        validate: (value) =>
          typeof value.title === "string" ? { value } : { issues: [{ message: "no title", path: ["title"] }] },
      },
    };
    const migrate = {
      1: ({ title, ...rest }) => {
        if (title === "bad") throw new Error("cannot be migrated");
        return { ...rest, title };
      },
    };
    const notes = globalThis.db.collection("notes", { schema, version: 2, migrate });
    globalThis.invalid = [];
    notes.on("invalid", (documents) => globalThis.invalid.push(...documents));
  });
}

describe("a schema", () => {
  it("keeps what does not fit or cannot be migrated, and tells of it when another device wrote it", async () => {
    const [checked, free] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await pair(checked, free, relay.address);
    await checkNotes(checked);
    const tab = await openDevice(alice, site);
    await tab.put("notes", "own", { title: 4 });
    await free.put("notes", "fits", { title: "Bread" });
    await free.put("notes", "wrong", { title: 5 });
    await free.put("notes", "old", { title: "bad" });
    await free.put("notes", "last", { title: 6 });
    const told = async () =>
      (await checked.page.evaluate(() => globalThis.invalid)).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    await untilEqual("it was told of them", async () => (await told()).map(({ id }) => id), ["last", "old", "wrong"]);
    const wrong = [{ path: ["title"], message: "no title" }];
    assert.deepEqual(await told(), [
      { id: "last", document: { title: 6 }, issues: wrong },
      {
        id: "old",
        document: { title: "bad" },
        issues: [{ path: [], message: "The migration failed: cannot be migrated" }],
      },
      { id: "wrong", document: { title: 5 }, issues: wrong },
    ]);
    assert.deepEqual(await checked.list("notes"), ["fits", "last", "old", "own", "wrong"]);
    assert.deepEqual(await checked.get("notes", "wrong"), { title: 5 });
  });

  it("checks this device's modifiers, and tells of what another device's make of a document", async () => {
    const [checked, free] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await pair(checked, free, relay.address);
    await checkNotes(checked);
    await checked.put("notes", "n1", { title: "Milk", likes: 1 });
    await untilEqual("it is there", () => free.get("notes", "n1"), { title: "Milk", likes: 1 });
    await relay.stop();
    await free.call({ collection: "notes" }, "update", "n1", { $inc: { likes: 1 }, $set: { title: 7 } });
    await assert.rejects(checked.call({ collection: "notes" }, "update", "n1", { $set: { title: 8 } }), {
      code: "document.invalid",
    });
    await checked.call({ collection: "notes" }, "update", "n1", { $set: { done: true } });
    await relay.start();
    await until("it was told", async () => (await checked.page.evaluate(() => globalThis.invalid)).length > 0);
    const [{ document }] = await checked.page.evaluate(() => globalThis.invalid);
    assert.deepEqual(document, { title: 7, likes: 2, done: true });
  });
});

/** Makes the app on this device one of that version, which keeps passwords to itself; version 2 has them under another name. */
function keepPasswords(device, version) {
  return device.page.evaluate((wanted) => {
    const migrate = {
      1: ({ name, password, ...rest }) => ({ ...rest, first: name, secret: password ?? "none" }),
    };
    const shape = wanted === 2 ? { version: 2, migrate } : {};
    globalThis.db.collection("accounts", { local: ["password", "secret"], ...shape });
  }, version);
}

describe("a migration of documents of which fields stay", () => {
  it("lets nothing leave", async () => {
    const [older, hers, his] = await Promise.all([
      openDevice(alice, site),
      openDevice(alice, site),
      openDevice(bob, site),
    ]);
    await keepPasswords(older, 1);
    await keepPasswords(hers, 2);
    await older.put("accounts", "a", { name: "Ada", password: "p" });
    await pair(older, his, relay.address);
    await untilEqual("he has what travels", () => his.get("accounts", "a"), { name: "Ada" });
    await hers.call({ collection: "accounts" }, "update", "a", { $set: { done: true } });
    assert.deepEqual(await hers.get("accounts", "a"), { first: "Ada", secret: "p", done: true });
    await untilEqual("he has what travels of the new shape", () => his.get("accounts", "a"), {
      first: "Ada",
      done: true,
    });
  });

  it("is one change when two devices make it apart, and each keeps its own fields", async () => {
    const [hers, his] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await Promise.all([hers, his].map((device) => keepPasswords(device, 1)));
    await pair(hers, his, relay.address);
    await hers.put("accounts", "a", { name: "Ada", password: "hers" });
    await untilEqual("he has it", () => his.get("accounts", "a"), { name: "Ada" });
    await his.put("accounts", "a", { name: "Ada", password: "his" });
    await relay.stop();
    await Promise.all([hers.reload(), his.reload()]);
    await Promise.all([hers, his].map((device) => keepPasswords(device, 2)));
    await hers.call({ collection: "accounts" }, "update", "a", { $set: { first: "Augusta" } });
    await his.call({ collection: "accounts" }, "update", "a", { $set: { done: true } });
    await relay.start();
    const both = { first: "Augusta", done: true };
    await untilEqual("she has both edits", () => hers.get("accounts", "a"), { ...both, secret: "hers" });
    await untilEqual("he has both edits", () => his.get("accounts", "a"), { ...both, secret: "his" });
    assert.deepEqual(await hers.call({ collection: "accounts" }, "conflicts", "a"), []);
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
