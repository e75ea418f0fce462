/** A household whose members change: a device is removed and comes back, a reader reads, an admin hands over and leaves. In the demo's pages. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { objections } from "./harness/axe.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { useHouseholds } from "./harness/households.js";
import { until, untilEqual } from "./harness/wait.js";

const households = useHouseholds();

/** Alice's list with one item, and whoever she invites with these roles, by name. */
async function household(roles) {
  const words = { title: canary("Groceries"), milk: canary("Milk") };
  const alice = await households.open();
  await alice.newList(words.title);
  await alice.addItem(words.milk);
  const others = [];
  for (const [name, role] of Object.entries(roles)) {
    const { shortCode } = await alice.invite(role);
    const other = await households.open();
    await other.join(shortCode, name);
    await alice.at("invite-joined").waitFor();
    await alice.closeDialog();
    await other.openList(words.title);
    await other.untilItem(words.milk);
    others.push(other);
  }
  return { alice, others, ...words };
}

const roles = (saltbox) => async () => Object.values(await saltbox.members());

describe("a device that is removed", () => {
  it("says so, keeps what it has, gets nothing new, and comes back by a new code", async () => {
    const [bobName, carolName] = [canary("Bob"), canary("Carol")];
    const { alice, others, title, milk } = await household({ [bobName]: "writer", [carolName]: "writer" });
    const [bob, carol] = others;
    await alice.openDevices();
    await untilEqual("she sees three devices", roles(alice), ["admin", "writer", "writer"]);
    await alice.withMember(bobName, "member-remove");
    // The dialog does not promise what no software can do.
    const said = await alice.at("remove-dialog").innerText();
    assert.match(said, /What it cannot do/);
    assert.match(said, /Take back what is on it/);
    await alice.confirm("remove-dialog");
    await untilEqual("he is gone from her page", roles(alice), ["admin", "writer"]);

    await bob.at("removed-notice").waitFor();
    const [bread, alone] = [canary("Bread"), canary("Eggs")];
    await bob.addItem(alone);
    await alice.openList(title);
    await alice.addItem(bread);
    await carol.untilItem(bread);
    await bob.untilItems({ [milk]: false, [alone]: false });
    await carol.untilItems({ [milk]: false, [bread]: false });

    await bob.at("removed-what-next").click();
    await bob.at("removed").waitFor();
    assert.equal(await bob.at("member").count(), 0);
    const { shortCode } = await alice.invite("writer");
    await bob.at("rejoin").click();
    await bob.at("join-code").fill(shortCode);
    await bob.confirmJoin(canary("Bob again"));
    await alice.at("invite-joined").waitFor();
    await alice.closeDialog();
    await bob.openList(title);
    const all = { [milk]: false, [bread]: false, [alone]: false };
    await Promise.all([alice, bob, carol].map((one) => one.untilItems(all)));
    await bob.openDevices();
    await untilEqual("three are in", roles(bob), ["admin", "writer", "writer"]);
    assertUnreadable(households.relay);
  });

  it("can forget the household and go on alone", async () => {
    const name = canary("Bob");
    const { alice, others, title, milk } = await household({ [name]: "writer" });
    const [bob] = others;
    await alice.openDevices();
    await alice.withMember(name, "member-remove");
    await alice.confirm("remove-dialog");
    await bob.at("removed-notice").waitFor();
    await bob.openDevices();
    await bob.at("forget-household").click();
    await bob.confirm("forget-dialog");
    await bob.at("devices-alone").waitFor();
    assert.equal(await bob.at("removed-notice").count(), 0);
    await bob.openList(title);
    await bob.untilItems({ [milk]: false });
    await bob.addItem(canary("Mine"));
    // And may found a household of its own.
    await bob.invite();
    await alice.openList(title);
    await alice.untilItems({ [milk]: false });
  });
});

/** What offers writing, anywhere on the page. */
const OFFERS =
  "new-list new-note side-new-list side-new-note new-item add-item list-menu item-grip " +
  "item-delete clear-done delete-note note-undo note-redo open-pairing";

const offers = (saltbox) => async () => {
  const counts = await Promise.all(OFFERS.split(" ").map(async (id) => [id, await saltbox.at(id).count()]));
  return counts.filter(([, count]) => count > 0).map(([id]) => id);
};

describe("a reader's page", () => {
  it("reads along and offers no writing, until an admin changes its role, and no more when it is taken back", async () => {
    const name = canary("Bob");
    const { alice, others, title, milk } = await household({ [name]: "reader" });
    const [bob] = others;
    const text = canary("on Tuesday");
    await alice.goHome();
    await alice.at("new-note").click();
    const plumber = canary("Plumber");
    await alice.at("note-title").fill(plumber);
    await alice.typeNote(text);

    await bob.at("read-only").waitFor();
    assert.deepEqual(await offers(bob)(), []);
    assert.equal(await bob.at("item-done").first().isDisabled(), true);
    await bob.goHome();
    await bob.at("reader-notice").waitFor();
    assert.deepEqual(await offers(bob)(), []);
    await bob.openNote(plumber);
    await untilEqual("he reads as she types", () => bob.note(), text);
    await bob.at("note-body").focus();
    await bob.page.keyboard.type("xyx");
    // The shortcuts that make something make nothing.
    await bob.goHome();
    await bob.page.keyboard.press("l");
    await bob.page.keyboard.press("t");
    await bob.page.keyboard.press("p");
    assert.equal(await bob.page.locator("dialog[open]").count(), 0);
    await bob.openNote(plumber);
    assert.equal(await bob.note(), text);
    assert.deepEqual(await offers(bob)(), []);

    await bob.openList(title);
    await alice.openDevices();
    await alice.withMember(name, "member-role");
    await alice.choose("role-writer");
    await alice.confirm("role-dialog");
    await bob.at("new-item").waitFor();
    const bread = canary("Bread");
    await bob.addItem(bread);
    await alice.openList(title);
    await alice.untilItems({ [milk]: false, [bread]: false });

    await alice.openDevices();
    await alice.withMember(name, "member-role");
    await alice.choose("role-reader");
    await alice.confirm("role-dialog");
    await bob.at("read-only").waitFor();
    await untilEqual("he is offered nothing", offers(bob), []);
    // A page that is opened by a reader offers nothing at any moment.
    await bob.page.reload();
    await bob.at("list-page").waitFor();
    assert.deepEqual(await offers(bob)(), []);
    assertUnreadable(households.relay);
  });
});

describe("an admin", () => {
  it("hands over and leaves, and keeps what it had", async () => {
    const name = canary("Bob");
    const { alice, others, title, milk } = await household({ [name]: "writer" });
    const [bob] = others;
    await alice.openDevices();
    await untilEqual("two are in", roles(alice), ["admin", "writer"]);
    assert.equal(await alice.at("leave").isDisabled(), true, "nobody else could manage");
    await alice.withMember(name, "member-hand-over");
    await alice.confirm("hand-over-dialog");
    await untilEqual("she is a writer", roles(alice), ["writer", "admin"]);
    assert.equal(await alice.at("invite-device").count(), 0);
    await bob.openDevices();
    await bob.at("invite-device").waitFor();
    await alice.at("leave").click();
    await alice.confirm("leave-dialog");
    await alice.at("devices-alone").waitFor();
    await untilEqual("he is alone in it", roles(bob), ["admin"]);
    await alice.openList(title);
    await alice.untilItems({ [milk]: false });
    await bob.at("change-key").click();
    await bob.at("toast").filter({ hasText: "new key" }).waitFor();
  });

  it("withdraws an invitation, and its code lets nobody in", async () => {
    const { alice } = await household({});
    const { shortCode } = await alice.invite("reader");
    await alice.closeDialog();
    await alice.openDevices();
    await untilEqual("the one with the other role is closed", () => alice.at("open-invite").count(), 1);
    assert.equal(await alice.at("open-invite").getAttribute("data-role"), "reader");
    await alice.at("withdraw-invite").click();
    await alice.at("no-invites").waitFor();
    await until("the relay knows", async () => (await alice.state()) === "synced");
    const bob = await households.open();
    await bob.at("open-join").click();
    await bob.at("join-code").fill(shortCode);
    await bob.at("join").click();
    await bob.at("join-problem").waitFor();
    assert.equal(await bob.at("join-problem").getAttribute("data-code"), "invite.not-found");
  });
});

describe("the pages of a household", () => {
  it("are accessible, wide and narrow, light and dark: of an admin, a reader, and a removed device", async () => {
    const [reader, writer] = [canary("Bob"), canary("Carol")];
    const { alice, others } = await household({ [reader]: "reader", [writer]: "writer" });
    const [bob, carol] = others;
    const found = [];
    const look = async (saltbox, place) => void found.push(...(await objections(saltbox.page, place)));
    const lookAndClose = async (place) => {
      await look(alice, place);
      await alice.page.keyboard.press("Escape");
      await alice.page.locator("dialog").waitFor({ state: "detached" });
    };
    await alice.invite("writer");
    await lookAndClose("pairing");
    await alice.openDevices();
    await alice.at("open-invite").waitFor();
    await look(alice, "devices");
    for (const entry of ["member-role", "member-remove", "member-hand-over"]) {
      await alice.withMember(writer, entry);
      await lookAndClose(entry);
    }
    await alice.at("member").filter({ hasText: writer }).getByTestId("member-menu").click();
    await look(alice, "menu of a member");
    await alice.page.keyboard.press("Escape");
    await look(bob, "list of a reader");
    await bob.goHome();
    await look(bob, "home of a reader");
    await bob.openDevices();
    await look(bob, "devices of a reader");
    await bob.at("leave").click();
    await look(bob, "leaving");
    await alice.withMember(writer, "member-remove");
    await alice.confirm("remove-dialog");
    await carol.at("removed-notice").waitFor();
    await look(carol, "list of a removed device");
    await carol.openDevices();
    await look(carol, "devices of a removed device");
    await carol.at("sync-indicator").click();
    await look(carol, "sync panel of a removed device");
    assert.deepEqual(found, []);
  });
});
