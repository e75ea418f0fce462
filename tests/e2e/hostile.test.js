/** A member of the group who means harm, against a real browser: in WebAssembly a panic ends the engine, and the entry is still there. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { openDevice } from "./harness/device.js";
import { startHostileMember } from "./harness/hostile.js";
import { startRelay } from "./harness/relay.js";
import { startSite } from "./harness/site.js";
import { until } from "./harness/wait.js";

let relay;
let site;
let hostile;
let profile;
let device;

beforeEach(async () => {
  [relay, site, profile] = await Promise.all([startRelay(), startSite(), startProfile()]);
  device = await openDevice(profile, site);
});

afterEach(async () => {
  hostile?.end();
  await profile?.end();
  await Promise.all([relay?.end(), site?.end()]);
});

/** The documents of the hostile member that are here. */
async function arrived() {
  const ids = ["before", "victim", "beside", "behind"];
  const documents = await Promise.all(ids.map((id) => device.get("notes", id)));
  return ids.filter((_, at) => documents[at]);
}

describe("an entry that makes Automerge panic", () => {
  it("ends the engine once, is set aside by the next one, and the others apply", async (test) => {
    const consoleErrors = [];
    device.page.on("console", (message) => message.type() === "error" && consoleErrors.push(message.text()));
    await device.put("notes", "own", { title: "mine" });
    hostile = await startHostileMember(relay);
    await device.join(hostile.code, relay.address, "victim");
    await device.untilSynced();
    const began = performance.now();
    await hostile.attack();
    await until("the entry is set aside", async () => (await device.status()).quarantined === 1);
    await device.untilSynced();
    test.diagnostic(`set aside and synced after ${Math.round(performance.now() - began)} ms`);
    const panics = () => consoleErrors.filter((text) => text.includes("/automerge-"));
    assert.equal(panics().length, 1, `one engine died of it, and no second: ${consoleErrors.join("\n")}`);
    assert.deepEqual(await arrived(), ["before", "beside", "behind"]);
    const [kept, ...others] = await device.call("sync", "quarantine");
    assert.deepEqual(others, []);
    assert.deepEqual([kept.entry, kept.reason], [hostile.crashing, "crashes"]);

    await device.put("notes", "own", { title: "still mine" });
    await device.untilSynced();
    await device.reload();
    await device.untilSynced();
    assert.equal((await device.status()).quarantined, 1);
    assert.equal((await device.get("notes", "own")).title, "still mine");
    assert.equal(panics().length, 1, "nor after the page is loaded again");
  });
});
