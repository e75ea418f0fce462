/** A device asks to join a household by a ticket; an admin compares six words and lets it in, or turns it away. In the demo's pages. */

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";

import { objections } from "./harness/axe.js";
import { startBrowser } from "./harness/browser.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { readQr } from "./harness/qr.js";
import { startRelay } from "./harness/relay.js";
import { openSaltbox } from "./harness/saltbox.js";

let browser;
let relay;
let profiles;

before(async () => {
  browser = await startBrowser();
});

after(() => browser?.end());

beforeEach(async () => {
  relay = await startRelay();
  profiles = [];
});

afterEach(async () => {
  await Promise.all(profiles.map((profile) => profile.end()));
  await relay?.end();
});

async function open(address = relay.page) {
  const profile = await browser.profile();
  profiles.push(profile);
  return openSaltbox(profile, address);
}

/** Alice's list, synced, the page of the devices open, and the ticket that she shows. */
async function household() {
  const words = { title: canary("Groceries"), milk: canary("Milk") };
  const alice = await open();
  await alice.newList(words.title);
  await alice.addItem(words.milk);
  await alice.at("sync-indicator").click();
  await alice.at("enable-sync").click();
  await alice.untilState("synced");
  await alice.closeDialog();
  await alice.openDevices();
  await alice.at("show-ticket").click();
  const link = (await alice.at("ticket-link").textContent()).trim();
  const read = await readQr(alice.page, await alice.at("ticket-qr").getAttribute("src"));
  assert.equal(read, link);
  await alice.closeDialog();
  return { alice, link, ...words };
}

/** Another device opens the ticket's link and asks. */
async function ask(link, name, role) {
  const saltbox = await open(link);
  await saltbox.at("ask-device-name").fill(name);
  if (role !== undefined) {
    await saltbox.at(`invite-as-${role}`).check({ force: true });
  }
  await saltbox.at("ask").click();
  await saltbox.page.locator("[data-testid=own-request][data-state=pending]").waitFor();
  return saltbox;
}

const wordsIn = (saltbox, place) => saltbox.at(place).getByTestId("word").allTextContents();

describe("a device that asks", () => {
  it("is let in with a role after the words were compared, and has everything", async () => {
    const { alice, link, title, milk } = await household();
    const name = canary("Bob");
    const bob = await ask(link, name, "reader");
    assert.ok(!bob.page.url().includes("ticket="), "the ticket does not stay in the address");
    await alice.at("request").waitFor();
    assert.equal((await alice.at("request-name").textContent()).trim(), name);
    await alice.at("approve").click();
    const words = await wordsIn(alice, "request-words");
    assert.equal(words.length, 6);
    assert.deepEqual(await wordsIn(bob, "own-words"), words);
    assert.equal(await alice.at("confirm").isDisabled(), true, "before the words were compared");
    await alice.at("same-words").check();
    await alice.at("role-writer").check({ force: true });
    await alice.confirm("approve-dialog");
    await bob.openList(title);
    await bob.untilItem(milk);
    const bread = canary("Bread");
    await bob.addItem(bread);
    await alice.openList(title);
    await alice.untilItems({ [milk]: false, [bread]: false });
    await bob.openDevices();
    assert.equal(await bob.at("own-request").count(), 0);
    assertUnreadable(relay);
  });

  it("is turned away, keeps what it has, and may ask again", async () => {
    const { alice, link } = await household();
    const bob = await ask(link, canary("Bob"));
    await alice.at("reject").click();
    await bob.page.locator("[data-testid=own-request][data-state=rejected]").waitFor();
    await alice.at("no-requests").waitFor();
    await bob.at("ask-again").click();
    await bob.at("ask-link").fill(link);
    await bob.at("ask").click();
    await bob.page.locator("[data-testid=own-request][data-state=pending]").waitFor();
    await alice.at("request").waitFor();
    // Who asks may think better of it, and what was asked is there at the next opening.
    await bob.page.reload();
    await bob.at("own-request").waitFor();
    await bob.at("take-back").click();
    await bob.at("own-request").waitFor({ state: "hidden" });
  });

  it("is seen on every page of an admin", async () => {
    const { alice, link, title } = await household();
    await alice.openList(title);
    await ask(link, canary("Bob"));
    await alice.at("requests-notice").waitFor();
  });
});

describe("the pages of it", () => {
  it("are accessible, wide and narrow, light and dark", async () => {
    const { alice, link } = await household();
    const found = [];
    const look = async (saltbox, place) => void found.push(...(await objections(saltbox.page, place)));
    await alice.at("show-ticket").click();
    await alice.at("ticket-link").waitFor();
    await look(alice, "a ticket");
    await alice.closeDialog();
    const bob = await open(link);
    await bob.at("ask").waitFor();
    await look(bob, "asking");
    await bob.at("ask").click();
    await bob.at("own-words").waitFor();
    await look(bob, "waiting");
    await alice.at("request").waitFor();
    await look(alice, "who asks");
    await alice.at("approve").click();
    await look(alice, "letting in");
    assert.deepEqual(found, []);
  });
});
