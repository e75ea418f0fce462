/** Two of a household: the app and a browser, or two apps. They pair by code through a real relay and end up with the same. */

import { after, afterEach, before, beforeEach, describe, it } from "node:test";

import { startProfile } from "../e2e/harness/browser.js";
import { startRelay } from "../e2e/harness/relay.js";
import { openSaltbox } from "../e2e/harness/saltbox.js";
import { startDesktop, startScreen } from "./harness/desktop.js";

let screen;
let relay;
let ends;

before(async () => {
  screen = await startScreen();
});
after(() => screen?.end());
beforeEach(async () => {
  ends = [];
  relay = await startRelay();
});
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  await relay?.end();
});

async function desktop() {
  const computer = await startDesktop(screen);
  ends.push(() => computer.end());
  return computer;
}

async function browser() {
  const profile = await startProfile();
  ends.push(() => profile.end());
  return openSaltbox(profile, relay.page);
}

describe("the app and a browser", () => {
  it("pair by the app's code, and each shows what the other writes", async () => {
    const app = await (await desktop()).start();
    await app.newList("Groceries");
    await app.addItem("Milk");
    const code = await app.invite(relay.address);
    await app.picture("pair");
    const page = await browser();
    await page.join(code, "Bob's browser");
    await app.at("invite-joined");
    await app.click("close-dialog");
    await page.openList("Groceries");
    await page.untilItem("Milk");
    await page.addItem("Bread");
    await app.openList("Groceries");
    await app.untilItems({ Milk: false, Bread: false });
    await app.addItem("Eggs");
    await page.tickItem("Bread");
    const together = { Milk: false, Bread: true, Eggs: false };
    await Promise.all([app.untilItems(together), page.untilItems(together)]);
    await Promise.all([app.untilState("synced"), page.untilState("synced")]);
    await app.picture("paired");
  });

  it("pair by the browser's link, given to the app", async () => {
    const page = await browser();
    await page.newList("Errands");
    const { shortCode } = await page.invite();
    const app = await (await desktop()).start(`${relay.page}#join=${shortCode}`);
    await app.at("join-dialog");
    await app.fill("join-device-name", "Alice's desktop");
    await app.click("join");
    await app.untilGone("join-dialog");
    await app.openList("Errands");
    await app.addItem("Stamps");
    await page.closeDialog();
    await page.untilItem("Stamps");
  });
});

describe("two apps", () => {
  it("with homes of their own pair and end up with the same", async () => {
    const [hers, his] = await Promise.all([desktop(), desktop()]);
    const [alice, bob] = [await hers.start(), await his.start()];
    await alice.newList("Groceries");
    await alice.addItem("Milk");
    const code = await alice.invite(relay.address);
    await bob.join(code, "Bob's desktop", relay.address);
    await alice.at("invite-joined");
    await alice.click("close-dialog");
    await bob.openList("Groceries");
    await bob.addItem("Bread");
    await alice.openList("Groceries");
    await alice.addItem("Eggs");
    const together = { Milk: false, Bread: false, Eggs: false };
    await Promise.all([alice.untilItems(together), bob.untilItems(together)]);

    // One is away: what both write meanwhile is there when it is back.
    await his.quit();
    await alice.addItem("Coffee");
    const back = await his.start();
    await back.openList("Groceries");
    await back.untilItems({ ...together, Coffee: false });
    await alice.session.run("location.hash = '#/devices'");
    await alice.at("devices-page");
    await alice.picture("devices");
  });
});
