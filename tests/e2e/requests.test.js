/** A device asks to join a household by a ticket; an admin compares six words and lets it in, or turns it away. In the demo's pages. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { objections } from "./harness/axe.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { useHouseholds } from "./harness/households.js";
import { readQr } from "./harness/qr.js";
import { untilEqual } from "./harness/wait.js";

const households = useHouseholds();

/** Alice's list, synced, the page of the devices open, and the ticket that she shows. */
async function household() {
  const found = await households.found();
  const { alice } = found;
  await alice.at("show-ticket").click();
  const link = (await alice.at("ticket-link").textContent()).trim();
  const read = await readQr(alice.page, await alice.at("ticket-qr").getAttribute("src"));
  assert.equal(read, link);
  await alice.closeDialog();
  return { ...found, link };
}

/** Another device opens the ticket's link and asks. */
async function ask(link, name, role) {
  const saltbox = await households.open(link);
  await saltbox.at("ask-device-name").fill(name);
  if (role !== undefined) {
    await saltbox.choose(`invite-as-${role}`);
  }
  await saltbox.at("ask").click();
  await saltbox.page.locator("[data-testid=own-request][data-state=pending]").waitFor();
  return saltbox;
}

/** She makes an invitation whose holders ask, and closes the dialog; answers its link. */
async function invitationThatAsks(alice, role) {
  await alice.at("invite-device").click();
  await alice.choose(`invite-as-${role}`);
  await alice.choose("invite-approval");
  const shown = alice.page.locator("[data-testid=invite][data-link]");
  const link = await shown.getAttribute("data-link");
  assert.equal(await readQr(alice.page, await alice.at("invite-qr").getAttribute("src")), link);
  assert.equal(await alice.at("invite-code").count(), 0);
  await alice.closeDialog();
  await alice.at("open-invite").waitFor();
  return link;
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
    await alice.choose("role-writer");
    await alice.confirm("approve-dialog");
    await bob.openList(title);
    await bob.untilItem(milk);
    const bread = canary("Bread");
    await bob.addItem(bread);
    await alice.openList(title);
    await alice.untilItems({ [milk]: false, [bread]: false });
    await bob.openDevices();
    assert.equal(await bob.at("own-request").count(), 0);
    assertUnreadable(households.relay);
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

  it("with an invitation that needs approval is shown with it, and is let in as what that says", async () => {
    const { alice, title, milk } = await household();
    const link = await invitationThatAsks(alice, "reader");
    const name = canary("Bob");
    const bob = await households.open(link);
    await bob.at("ask-device-name").fill(name);
    assert.equal(await bob.at("invite-as-reader").count(), 0, "what it would become is not for it to say");
    await bob.at("ask").click();
    await alice.at("request-invite").waitFor();
    assert.equal((await alice.at("request-name").textContent()).trim(), name);
    await alice.at("approve").click();
    assert.deepEqual(await wordsIn(bob, "own-words"), await wordsIn(alice, "request-words"));
    await alice.at("same-words").check();
    await alice.confirm("approve-dialog");
    await alice.at("no-invites").waitFor();
    await bob.openList(title);
    await bob.untilItem(milk);
    await bob.openDevices();
    await untilEqual("it reads", async () => (await bob.members())[name], "reader");
    assertUnreadable(households.relay);
  });

  it("is not shown with an invitation that was withdrawn, also when the link is typed as a code", async () => {
    const { alice } = await household();
    const link = await invitationThatAsks(alice, "writer");
    const bob = await households.open();
    await bob.join(link, canary("Bob"));
    await alice.at("request-invite").waitFor();
    await alice.at("withdraw-invite").click();
    await alice.at("request-invite").waitFor({ state: "detached" });
    assert.equal(await alice.at("request").count(), 1);
    await bob.at("own-request").waitFor();
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
    await alice.at("invite-device").click();
    await alice.choose("invite-approval");
    await alice.page.locator("[data-testid=invite][data-link]").waitFor();
    await look(alice, "an invitation that needs approval");
    await alice.closeDialog();
    const bob = await households.open(link);
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
