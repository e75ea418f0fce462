/** The four states of the indicator, each reached by what brings it about, each with its words and its way out. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { startRelay } from "./harness/relay.js";
import { openSaltbox } from "./harness/saltbox.js";
import { untilEqual } from "./harness/wait.js";

let relay;
let alice;
let saltbox;

beforeEach(async () => {
  relay = await startRelay("--log-level", "debug");
  alice = await startProfile();
  saltbox = await openSaltbox(alice, relay.page);
  await saltbox.newList(canary("Groceries"));
});

afterEach(async () => {
  await alice?.end();
  await relay?.end();
});

/** The indicator's state, its words on the button and its sentence for screen readers. */
async function shown() {
  const [state, words, label] = await Promise.all([
    saltbox.state(),
    saltbox.indicator(),
    saltbox.at("sync-indicator").getAttribute("aria-label"),
  ]);
  return { state, words, label };
}

async function enable() {
  await saltbox.at("sync-indicator").click();
  await saltbox.at("enable-sync").click();
  await saltbox.untilState("synced");
  await saltbox.closeDialog();
}

function untilShown(state, words, label) {
  return untilEqual(`the indicator says ${words}`, shown, { state, words, label: `${words}. Sync: ${label}` });
}

describe("the indicator", () => {
  it("says that sync is off until it is on, then synced", async () => {
    await untilShown("offline", "On this device", "Sync is off. Everything is kept on this device.");
    await enable();
    await untilShown("synced", "Synced", "Everything is synced.");
  });

  it("says how many wait while the relay does not answer, and synced when it does", async () => {
    await enable();
    relay.freeze();
    await saltbox.addItem(canary("Milk"));
    await untilShown("pending", "1 waiting", "1 change waits to be sent.");
    relay.thaw();
    await untilShown("synced", "Synced", "Everything is synced.");
    assertUnreadable(relay);
  });

  it("says that it failed and will retry while the relay is gone; sync now says why, and works when it is back", async () => {
    await enable();
    await relay.kill();
    await saltbox.addItem(canary("Milk"));
    await untilShown("failed", "Will retry", "Sync failed and will be tried again. 1 change waits.");
    await saltbox.at("sync-indicator").click();
    assert.equal(await saltbox.at("last-error").getAttribute("data-code"), "relay.unreachable");
    assert.equal(await saltbox.at("pending-count").textContent(), "1");
    await relay.start();
    await saltbox.at("sync-now").click();
    await untilShown("synced", "Synced", "Everything is synced.");
    await saltbox.at("last-error").waitFor({ state: "detached" });
  });

  it("says that there is no connection while there is none, and syncs as soon as there is one", async (test) => {
    await enable();
    await alice.setOffline(true);
    await untilShown("offline", "Offline", "No connection.");
    await saltbox.addItem(canary("Milk"));
    await untilShown("offline", "Offline · 1", "No connection. 1 change waits, safe on this device.");
    const back = performance.now();
    await alice.setOffline(false);
    await untilShown("synced", "Synced", "Everything is synced.");
    test.diagnostic(`synced ${Math.round(performance.now() - back)} ms after the connection was back`);
  });
});
