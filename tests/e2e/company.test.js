/** Two people see each other in one note: who is here, and where their carets are. In two real profiles, through a real relay. */

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

/** Alice's note with that text, open at both; and his name. */
async function sharedNote(text) {
  const [title, name] = [canary("Holiday"), canary("Bob")];
  const hers = await openSaltbox(alice, relay.page);
  await hers.newNote(title);
  await hers.typeNote(text);
  const { shortCode } = await hers.invite();
  const his = await openSaltbox(bob, relay.page);
  await his.join(shortCode, name);
  await hers.at("invite-joined").waitFor();
  await hers.closeDialog();
  await his.openNote(title);
  await untilEqual("he reads what she wrote", () => his.note(), text);
  return { hers, his, name, title };
}

/** Where the only caret of somebody else stands, in characters of the first line; `null` when there is none. */
function caretOfTheOther(saltbox) {
  return saltbox.at("note-body").evaluate((body) => {
    const carets = body.getRootNode().querySelectorAll(".other-caret");
    if (carets.length !== 1) {
      return null;
    }
    const { left } = carets[0].getBoundingClientRect();
    const letters = body.querySelector(".cm-line").firstChild;
    const distances = Array.from({ length: letters.length + 1 }, (_, at) => {
      const range = document.createRange();
      range.setStart(letters, at);
      range.setEnd(letters, at);
      return Math.abs(range.getBoundingClientRect().left - left);
    });
    return distances.indexOf(Math.min(...distances));
  });
}

const namesOfCarets = (saltbox) =>
  saltbox
    .at("note-body")
    .evaluate((body) => [...body.getRootNode().querySelectorAll(".other-caret")].map((caret) => caret.dataset.name));

describe("two people in one note", () => {
  it("see who is here, and each other's caret, which stays with its words", async () => {
    const { hers, his, name } = await sharedNote("one two three");
    await untilEqual("she sees that he is here", () => hers.at("other").allTextContents(), [name]);
    await until("he sees that she is", async () => (await his.at("other").count()) === 1);
    await his.caretTo("Control+Home");
    for (let at = 0; at < 4; at += 1) {
      await his.caretTo("ArrowRight");
    }
    await untilEqual("she sees his caret", () => caretOfTheOther(hers), 4);
    assert.deepEqual(await namesOfCarets(hers), [name]);
    await hers.caretTo("Control+Home");
    await hers.typeNote("zero ");
    await untilEqual("he has her words", () => his.note(), "zero one two three");
    await untilEqual("his caret moved along with his words", () => caretOfTheOther(hers), 9);
    await untilEqual("he sees hers where she typed", () => caretOfTheOther(his), 5);
    await his.typeNote("and ");
    await untilEqual("hers follows his typing", () => caretOfTheOther(hers), 13);
    assert.equal(await hers.note(), "zero one and two three", "names of carets are no part of the text");
    await his.caretTo("Shift+End");
    await until("she sees what he selected", () => hers.page.locator(".other-selection").count());
    assertUnreadable(relay);
  });

  it("see each other go: into another page, and for good", async () => {
    const { hers, his, name, title } = await sharedNote("words");
    await his.caretTo("Control+End");
    await untilEqual("she sees him", () => namesOfCarets(hers), [name]);
    await his.goHome();
    await untilEqual("he is in no note", () => hers.at("other").allTextContents(), []);
    assert.deepEqual(await namesOfCarets(hers), []);
    await his.openNote(title);
    await untilEqual("he is back", () => hers.at("other").allTextContents(), [name]);
    await bob.stop();
    await untilEqual("he is gone", () => hers.at("other").allTextContents(), []);
  });

  it("of one person in two tabs are two, without any network", async () => {
    const hers = await openSaltbox(alice, relay.page);
    const title = canary("Alone");
    await hers.newNote(title);
    await hers.typeNote("words");
    const tab = await openSaltbox(alice, relay.page);
    await tab.openNote(title);
    await untilEqual("the tab is named", () => hers.at("other").allTextContents(), ["Another tab"]);
    await tab.page.close();
    await untilEqual("it is gone", () => hers.at("other").allTextContents(), []);
  });
});
