/** The app's window as a person uses it: by its test ids (web-demo/README.md lists them). */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { until, untilEqual } from "../../e2e/harness/wait.js";
import { keys } from "./webdriver.js";

/** Where pictures of the window go, when somebody wants to look at them. */
const pictures = process.env.ASHORE_SCREENSHOTS;

export class SaltboxWindow {
  session;

  constructor(session) {
    this.session = session;
  }

  /** The first shown element of that test id, as soon as there is one. */
  at(testId) {
    return until(`${testId} is shown`, () => this.#shown(`[data-testid="${testId}"]`));
  }

  async #shown(selector) {
    for (const element of await this.session.find(selector)) {
      if (await element.isShown()) {
        return element;
      }
    }
    return null;
  }

  async isShown(testId) {
    return (await this.#shown(`[data-testid="${testId}"]`)) !== null;
  }

  async untilGone(testId) {
    await until(`${testId} is gone`, async () => !(await this.isShown(testId)));
  }

  async click(testId) {
    await (await this.at(testId)).click();
  }

  async fill(testId, text) {
    const field = await this.at(testId);
    await field.clear();
    await field.type(text);
  }

  /** What stands in a field. The page is asked: the driver takes a note's title for hidden once something stands in it. */
  value(testId) {
    return this.session.run(`return document.querySelector('[data-testid="${testId}"]')?.value ?? null`);
  }

  /** Puts the caret into the text of the open note; the editor is in a shadow root. */
  async focusNote() {
    await this.at("note-page");
    await until("the note's text has the focus", () =>
      this.session.run(`
        const content = document.querySelector(".note-body")?.shadowRoot?.querySelector(".cm-content");
        content?.focus();
        return content?.matches(":focus") ?? false`),
    );
  }

  /** The first line of the open note. */
  noteText() {
    return this.session.run(`
      return document.querySelector(".note-body").shadowRoot.querySelector(".cm-line").textContent`);
  }

  async goHome() {
    await this.session.run("location.hash = '#/'");
  }

  /** Makes a list of that title and opens it. */
  async newList(title) {
    await this.click("new-list");
    await this.fill("new-list-title", title);
    await this.click("create-list");
    await this.at("list-page");
  }

  /** Opens the list of that title, as soon as it is there. */
  async openList(title) {
    await this.goHome();
    const link = await until(`there is a list "${title}"`, async () => {
      for (const one of await this.session.find("[data-testid=list-link]")) {
        if ((await one.text()) === title) {
          return one;
        }
      }
      return null;
    });
    await link.click();
    await this.at("list-page");
  }

  async addItem(text) {
    await this.fill("new-item", text + keys.enter);
    await until(`there is an item "${text}"`, async () => text in (await this.items()));
  }

  /** What the open list shows: `{ text: done }`. */
  items() {
    return this.session.run(`return Object.fromEntries(
      [...document.querySelectorAll("[data-testid=item]")].map((row) => [
        row.querySelector("[data-testid=item-text]").value,
        row.querySelector("[data-testid=item-done]").checked,
      ]),
    )`);
  }

  untilItems(wanted) {
    return untilEqual("the open list shows its items", () => this.items(), wanted);
  }

  /** Says which relay to use, in the dialog that asks for it. */
  async chooseRelay(address) {
    await this.fill("relay-address", address);
    await this.click("save-relay");
    await this.untilGone("relay-dialog");
  }

  /** Turns sync on, in the panel. */
  async enableSync(relay) {
    await this.click("sync-indicator");
    await this.fill("relay-address", relay);
    await this.click("save-relay");
    await this.click("enable-sync");
    await until("sync is on", async () => (await this.#indicates("data-enabled")) === "true");
    await this.click("close-dialog");
    await this.untilGone("sync-panel");
  }

  /** How many entries wait to be sent. */
  async pending() {
    return Number(await this.#indicates("data-pending"));
  }

  async #indicates(name) {
    return (await this.at("sync-indicator")).attribute(name);
  }

  /** Asks for an invite; answers its code. The dialog stays open. */
  async invite(relay) {
    await this.click("open-pairing");
    await this.chooseRelay(relay);
    return (await this.at("invite-code")).text();
  }

  /** Enters a code by hand. */
  async join(code, deviceName, relay) {
    await this.click("open-join");
    await this.chooseRelay(relay);
    await this.fill("join-code", code);
    await this.fill("join-device-name", deviceName);
    await this.click("join");
    await this.untilGone("join-dialog");
  }

  async untilState(state) {
    await untilEqual("the indicator shows its state", () => this.#indicates("data-state"), state);
  }

  /** Takes a picture of the window, when pictures are wanted. */
  async picture(name) {
    if (pictures) {
      // What the page has become is drawn with its next frame.
      await this.session.run(
        "return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))",
      );
      mkdirSync(pictures, { recursive: true });
      writeFileSync(join(pictures, `${name}.png`), await this.session.screenshot());
    }
  }
}
