/** Two people's browsers: they pair by code and by QR code, edit with and without a network, and end up with the same. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { readQr } from "./harness/qr.js";
import { startRelay } from "./harness/relay.js";
import { openSaltbox } from "./harness/saltbox.js";

let relay;
let alice;
let bob;

beforeEach(async () => {
  relay = await startRelay("--log-level", "debug");
  [alice, bob] = await Promise.all([startProfile(), startProfile()]);
});

afterEach(async () => {
  await Promise.all([alice?.end(), bob?.end()]);
  await relay?.end();
});

/** Both have the demo open, are paired by code, and look at one list. */
async function pairByCode(test) {
  const title = canary("Groceries");
  const milk = canary("Milk");
  const hers = await openSaltbox(alice, relay.page);
  await hers.newList(title);
  await hers.addItem(milk);
  const { shortCode } = await hers.invite();
  const his = await openSaltbox(bob, relay.page);
  const started = performance.now();
  await his.join(shortCode, canary("Bob's laptop"));
  await hers.at("invite-joined").waitFor();
  await his.openList(title);
  await his.untilItem(milk);
  test.diagnostic(`paired and read after ${Math.round(performance.now() - started)} ms`);
  await hers.closeDialog();
  return { hers, his, title, milk };
}

describe("two browsers", () => {
  it("pair by short code, and each sees what the other does", async (test) => {
    const { hers, his, milk } = await pairByCode(test);
    const bread = canary("Bread");
    await his.addItem(bread);
    await hers.untilItem(bread);
    await hers.tickItem(bread);
    await his.untilItems({ [milk]: false, [bread]: true });
    await Promise.all([hers.untilState("synced"), his.untilState("synced")]);
    assertUnreadable(relay);
  });

  it("pair by the link that the QR code holds", async () => {
    const title = canary("Errands");
    const hers = await openSaltbox(alice, relay.page);
    await hers.newList(title);
    const { qrCode, shortCode } = await hers.invite();
    const link = await readQr(hers.page, qrCode);
    assert.equal(link, `${relay.page}#join=${shortCode}`);
    const his = await openSaltbox(bob, link);
    await his.confirmJoin(canary("Bob's phone"));
    await his.openList(title);
    assertUnreadable(relay);
  });

  it("edit while the relay is down, also the same item, and both have both when it is back", async (test) => {
    const { hers, his, milk } = await pairByCode(test);
    await relay.stop();
    await editBothWays(hers, his, milk, () => relay.start());
    assertUnreadable(relay);
  });

  it("edit while both are offline, also the same item, and both have both when they are back", async (test) => {
    const { hers, his, milk } = await pairByCode(test);
    await Promise.all([alice.setOffline(true), bob.setOffline(true)]);
    await editBothWays(hers, his, milk, () => Promise.all([alice.setOffline(false), bob.setOffline(false)]));
    assertUnreadable(relay);
  });
});

/** While they are apart she renames an item that he ticks, and each adds one; `reunite` ends the separation. */
async function editBothWays(hers, his, milk, reunite) {
  const [oatMilk, eggs, coffee] = [canary("Oat milk"), canary("Eggs"), canary("Coffee")];
  await hers.renameItem(milk, oatMilk);
  await hers.addItem(eggs);
  await his.tickItem(milk);
  await his.addItem(coffee);
  await Promise.all([hers, his].map((one) => one.untilState("offline", "failed")));
  await his.untilItems({ [milk]: true, [coffee]: false });
  await reunite();
  const together = { [oatMilk]: true, [eggs]: false, [coffee]: false };
  await Promise.all([hers.untilItems(together), his.untilItems(together)]);
  await Promise.all([hers.untilState("synced"), his.untilState("synced")]);
}
