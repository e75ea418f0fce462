/** Without a network: the demo opens and works; what was written is there at the next opening, and travels when it can. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { openDevice, pair } from "./harness/device.js";
import { startRelay } from "./harness/relay.js";
import { openSaltbox } from "./harness/saltbox.js";
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

describe("the demo", () => {
  it("opens with no network at all, shows its data and takes more", async () => {
    const [title, milk, bread] = ["Groceries", "Milk", "Bread"].map(canary);
    const saltbox = await openSaltbox(alice, relay.page);
    await saltbox.newList(title);
    await saltbox.addItem(milk);
    await saltbox.untilInstalled();
    await alice.setOffline(true);
    await relay.kill();
    await saltbox.page.reload();
    await saltbox.untilItems({ [milk]: false });
    await saltbox.addItem(bread);
    // The browser too: nothing but the disk is left of the visit before.
    await alice.stop();
    await alice.start();
    await alice.setOffline(true);
    const again = await openSaltbox(alice, relay.page);
    await again.openList(title);
    await again.untilItems({ [milk]: false, [bread]: false });
    assert.equal(await again.state(), "offline");
    assert.deepEqual(alice.problems, []);
  });
});

describe("a page that is closed right after a put", () => {
  it("has it at the next opening, offline and waiting; the other device gets it when there is a network", async () => {
    const [hers, his] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    const group = await pair(hers, his, relay.address, [canary("Alice"), canary("Bob")]);
    const [collection, id] = [canary("notes"), canary("note")];
    const note = { [canary("title")]: canary("Milk") };
    await relay.stop();
    await hers.put(collection, id, note);
    await hers.close();

    const again = await openDevice(alice, site);
    assert.deepEqual(await again.get(collection, id), note);
    await until("the put waits", async () => (await again.status()).pending === 1);
    assert.notEqual((await again.status()).state, "synced");
    await relay.start();
    await untilEqual("the other device has it", () => his.get(collection, id), note);
    await again.untilSynced();
    assert.equal((await again.status()).pending, 0);
    assertUnreadable(relay, group);
  });

  it("has it also when the browser is killed, and travels although nobody waited", async () => {
    const [hers, his] = await Promise.all([openDevice(alice, site), openDevice(bob, site)]);
    await pair(hers, his, relay.address);
    const [collection, id] = [canary("notes"), canary("note")];
    const note = { [canary("title")]: canary("Milk") };
    await hers.put(collection, id, note);
    await alice.kill();
    await alice.start();
    const again = await openDevice(alice, site);
    assert.deepEqual(await again.get(collection, id), note);
    await untilEqual("the other device has it", () => his.get(collection, id), note);
  });

  it("is left at once: nothing asks whether to leave and nothing delays it", async (test) => {
    const hers = await openDevice(alice, site);
    await hers.enable(relay.address, canary("Alice"));
    await hers.untilSynced();
    relay.freeze();
    await hers.put(canary("notes"), canary("note"), { waits: true });
    const spent = await hers.page.evaluate(() => {
      const start = performance.now();
      dispatchEvent(new PageTransitionEvent("pagehide"));
      return performance.now() - start;
    });
    const asks = await hers.page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
    test.diagnostic(`the page's handlers took ${spent.toFixed(1)} ms`);
    assert.equal(asks, false);
    assert.ok(spent < 50, `${spent} ms`);
    await hers.page.goto("about:blank");
  });
});
