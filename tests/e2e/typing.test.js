/** Two people type into one note at once, in two real profiles, through a real relay. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { startProfile } from "./harness/browser.js";
import { assertUnreadable, canary } from "./harness/canary.js";
import { startRelay } from "./harness/relay.js";
import { openSaltbox } from "./harness/saltbox.js";
import { until, untilEqual } from "./harness/wait.js";

let relay;
let alice;
let bob;

beforeEach(async () => {
  relay = await startRelay();
  [alice, bob] = await Promise.all([startProfile(), startProfile()]);
});

afterEach(async () => {
  await Promise.all([alice?.end(), bob?.end()]);
  await relay?.end();
});

/** Alice's note with that text, open at both, and its id. */
async function sharedNote(text) {
  const title = canary("Holiday");
  const hers = await openSaltbox(alice, relay.page);
  await hers.newNote(title);
  await hers.typeNote(text);
  const { shortCode } = await hers.invite();
  const his = await openSaltbox(bob, relay.page);
  await his.join(shortCode, canary("Bob"));
  await hers.at("invite-joined").waitFor();
  await hers.closeDialog();
  await his.openNote(title);
  await untilEqual("he reads what she wrote", () => his.note(), text);
  return { hers, his };
}

describe("two people in one note", () => {
  it("type at once, she at the beginning and he at the end, and no letter is lost", async () => {
    const between = canary("between");
    const { hers, his } = await sharedNote(between);
    const [first, last] = [canary("hers"), canary("his")];
    await hers.caretTo("Control+Home");
    await his.caretTo("Control+End");
    await Promise.all([hers.typeNote(`${first} `), his.typeNote(` ${last}`)]);
    const both = `${first} ${between} ${last}`;
    await untilEqual("she sees both", () => hers.note(), both);
    await untilEqual("he sees both", () => his.note(), both);
    await Promise.all([hers.untilState("synced"), his.untilState("synced")]);
    assertUnreadable(relay);
  });

  it("type at once in the same place, and both have every letter", async () => {
    const { hers, his } = await sharedNote(".");
    await Promise.all([hers.caretTo("Control+Home"), his.caretTo("Control+Home")]);
    await Promise.all([hers.typeNote("abcdefghij".repeat(4)), his.typeNote("0123456789".repeat(4))]);
    await untilEqual("both have all", async () => [(await hers.note()).length, (await his.note()).length], [81, 81]);
    const [text, other] = [await hers.note(), await his.note()];
    assert.equal(text, other);
    assert.equal(text.replace(/[^a-z]/g, ""), "abcdefghij".repeat(4));
    assert.equal(text.replace(/[^0-9]/g, ""), "0123456789".repeat(4));
  });

  it("type while both are offline, and have both when they are back; undo takes back only one's own", async () => {
    const { hers, his } = await sharedNote("middle");
    await Promise.all([alice.setOffline(true), bob.setOffline(true)]);
    await hers.caretTo("Control+Home");
    await his.caretTo("Control+End");
    await hers.typeNote("start ");
    await his.typeNote(" end");
    await Promise.all([alice.setOffline(false), bob.setOffline(false)]);
    await untilEqual("she has both", () => hers.note(), "start middle end");
    await untilEqual("he has both", () => his.note(), "start middle end");
    await his.at("note-body").press("Control+z");
    await untilEqual("his words are gone, hers stay", () => hers.note(), "start middle");
  });

  it("undo by the button what they themselves typed, and what the other typed stays", async () => {
    const { hers, his } = await sharedNote("middle");
    await hers.caretTo("Control+Home");
    await his.caretTo("Control+End");
    await Promise.all([hers.typeNote("start "), his.typeNote(" end")]);
    await untilEqual("he has both", () => his.note(), "start middle end");
    // A slow machine may have made several steps of it. Once his words are gone there is nothing of his to undo.
    await until("his words are gone", async () => {
      await his.at("note-undo").click();
      return (await his.note()) === "start middle";
    });
    await untilEqual("she sees it", () => hers.note(), "start middle");
    await until("his words are back", async () => {
      await his.at("note-redo").click();
      return (await his.note()) === "start middle end";
    });
    await untilEqual("she sees that too", () => hers.note(), "start middle end");
  });
});
