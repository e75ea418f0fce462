/** All devices of a household are lost, and a new one brings it back: by a password, or by 24 words. In the demo's pages. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { objections } from "./harness/axe.js";
import { assertUnreadable } from "./harness/canary.js";
import { useHouseholds } from "./harness/households.js";
import { until } from "./harness/wait.js";

const households = useHouseholds();

/** Alice's list, synced, with the page of the devices open. */
async function household() {
  const found = await households.found();
  const { alice } = found;
  await alice.at("recovery").waitFor();
  return found;
}

async function setPassword(saltbox, password) {
  await saltbox.at("make-password").click();
  await saltbox.at("new-password").fill(password);
  await saltbox.at("save-password").click();
}

describe("a password", () => {
  const [password, next] = ["eleven grey herons wade", "twelve white storks stand"];

  it("brings a household back on a new device, with what the relay keeps; a wrong one does not", async () => {
    const { alice, title, milk } = await household();
    await setPassword(alice, "short");
    await alice.at("password-problem").waitFor();
    assert.equal(await alice.at("password-problem").getAttribute("data-code"), "recovery.weak-password");
    await alice.at("new-password").fill(password);
    await alice.at("save-password").click();
    await alice.at("password-code").waitFor();
    const code = (await alice.at("password-code").locator("output").textContent()).trim();
    await alice.at("password-done").click();
    await alice.page.locator("[data-testid=way-password][data-set=true]").waitFor();
    await alice.untilState("synced");
    await households.lose(alice);

    const bob = await households.open();
    await bob.at("open-recover").click();
    await bob.at("recover-name").fill(code);
    await bob.at("recover-password").fill(next);
    await bob.at("recover").click();
    await bob.at("recover-problem").waitFor();
    assert.equal(await bob.at("recover-problem").getAttribute("data-code"), "recovery.bad-password");
    await bob.at("recover-password").fill(password);
    await bob.at("recover").click();
    await bob.openList(title);
    await bob.untilItems({ [milk]: false });
    // It is an admin, and removes the device that is lost.
    await bob.openDevices();
    await bob.at("member").nth(1).waitFor();
    await bob.page.locator("[data-testid=way-password][data-set=true]").waitFor();
    await bob.page.locator("[data-testid=member][data-me=false]").getByTestId("member-menu").click();
    await bob.at("member-remove").click();
    await bob.confirm("remove-dialog");
    // The lost device had set the password: another one has to be set.
    await bob.page.locator("[data-testid=way-password][data-set=false]").waitFor();
    assertUnreadable(households.relay);
  });
});

describe("24 words", () => {
  it("are shown once, checked, and bring a household back", async () => {
    const { alice, title, milk } = await household();
    await alice.at("make-phrase").click();
    await alice.at("make-words").click();
    await alice.at("phrase-words").waitFor();
    const words = await alice.at("word").allTextContents();
    assert.equal(words.length, 24);
    await alice.at("words-written").click();
    const fill = async (wordAt) => {
      for (const field of await alice.at("check-word").all()) {
        await field.fill(wordAt(Number(await field.getAttribute("data-place"))));
      }
      await alice.at("check-words").click();
    };
    await fill((place) => words[(place + 1) % 24]);
    await alice.at("words-wrong").waitFor();
    await fill((place) => words[place]);
    await alice.at("phrase-dialog").waitFor({ state: "hidden" });
    await alice.page.locator("[data-testid=way-phrase][data-set=true]").waitFor();
    await alice.untilState("synced");
    await households.lose(alice);

    const bob = await households.open();
    await bob.at("open-recover").click();
    await bob.choose("recover-by-words");
    await bob.at("recover-words").fill(words.join(" "));
    await bob.at("recover").click();
    await bob.openList(title);
    await bob.untilItems({ [milk]: false });
    assertUnreadable(households.relay);
  });

  it("that were not checked do not count", async () => {
    const { alice } = await household();
    await alice.at("make-phrase").click();
    await alice.at("make-words").click();
    await alice.at("phrase-words").waitFor();
    const words = await alice.at("word").allTextContents();
    await alice.closeDialog();
    await alice.page.locator("[data-testid=way-phrase][data-set=false]").waitFor();
    await until("the relay knows", async () => (await alice.state()) === "synced");
    const bob = await households.open();
    await bob.at("open-recover").click();
    await bob.choose("recover-by-words");
    await bob.at("recover-words").fill(words.join(" "));
    await bob.at("recover").click();
    await bob.at("recover-problem").waitFor();
    const code = await bob.at("recover-problem").getAttribute("data-code");
    assert.ok(["recovery.closed", "recovery.not-found"].includes(code), code);
  });
});

describe("the pages of it", () => {
  it("are accessible, wide and narrow, light and dark", async () => {
    const { alice } = await household();
    const found = [];
    const look = async (place) => void found.push(...(await objections(alice.page, place)));
    await look("devices");
    await alice.at("make-phrase").click();
    await look("before the words");
    await alice.at("make-words").click();
    await alice.at("phrase-words").waitFor();
    await look("the words");
    await alice.at("words-written").click();
    await look("checking the words");
    await alice.closeDialog();
    await setPassword(alice, "short");
    await alice.at("password-problem").waitFor();
    await look("setting a password");
    await alice.at("new-password").fill("eleven grey herons wade");
    await alice.at("save-password").click();
    await alice.at("password-code").waitFor();
    await look("a code");
    await alice.at("password-done").click();
    const bob = await households.open();
    await bob.at("open-recover").click();
    found.push(...(await objections(bob.page, "coming back")));
    await bob.choose("recover-by-words");
    found.push(...(await objections(bob.page, "coming back by words")));
    assert.deepEqual(found, []);
  });
});
