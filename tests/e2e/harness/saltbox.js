/** The demo as a person uses it: by its test ids (web-demo/README.md lists them). */

import { untilEqual } from "./wait.js";

/** Opens the demo in a new page of that profile. */
export async function openSaltbox(profile, address) {
  const page = await profile.page();
  await page.goto(address);
  const saltbox = new Saltbox(page);
  await saltbox.at("sync-indicator").waitFor();
  return saltbox;
}

export class Saltbox {
  page;

  constructor(page) {
    this.page = page;
  }

  at(testId) {
    return this.page.getByTestId(testId);
  }

  /** Ticks a box or chooses a radio by its label: the mark over a box would take the click that waits for the box. */
  async choose(testId) {
    const box = this.at(testId);
    await box.locator("xpath=ancestor::label[1]").click();
    await untilEqual(`${testId} is chosen`, () => box.isChecked(), true);
  }

  async goHome() {
    await this.page.evaluate("location.hash = '#/'");
  }

  /** Makes a list of that title and opens it. */
  async newList(title) {
    await this.at("new-list").click();
    await this.at("new-list-title").fill(title);
    await this.at("create-list").click();
    await this.at("list-page").waitFor();
  }

  /** Opens the list of that title, as soon as it is there. */
  async openList(title) {
    await this.goHome();
    await this.at("list-link").filter({ hasText: title }).click();
    await this.at("list-page").waitFor();
  }

  /** Makes a note of that title and opens it. */
  async newNote(title) {
    await this.at("start-note").click();
    await this.at("note-title").fill(title);
    await this.at("note-body").waitFor();
  }

  /** Opens the note of that title, as soon as it is there. */
  async openNote(title) {
    await this.goHome();
    await this.at("note-link").filter({ hasText: title }).click();
    await this.at("note-body").waitFor();
  }

  /** Types into the open note, key by key, where the caret is. */
  typeNote(text) {
    return this.at("note-body").pressSequentially(text);
  }

  caretTo(key) {
    return this.at("note-body").press(key);
  }

  /** What the open note shows; the editor's invitation to write is no text. */
  note() {
    return this.at("note-body").evaluate((body) => {
      const lines = [...body.querySelectorAll(".cm-line")].map((line) => line.textContent);
      return body.querySelector(".cm-placeholder") === null ? lines.join("\n") : "";
    });
  }

  async addItem(text) {
    await this.at("new-item").fill(text);
    await this.at("new-item").press("Enter");
    await this.untilItem(text);
  }

  /** Waits until the open list has an item of that text. */
  async untilItem(text) {
    await this.#row(text).first().waitFor();
  }

  async renameItem(text, to) {
    const field = this.#row(text).getByTestId("item-text");
    await field.fill(to);
    await field.press("Enter");
    await this.untilItem(to);
  }

  async tickItem(text) {
    await this.#row(text).getByTestId("item-done").locator("xpath=ancestor::label[1]").click();
  }

  #row(text) {
    // A reader's items are no fields.
    const shown = [`[aria-label="Text of ${text}"]`, `span[data-testid=item-text]:text-is("${text}")`];
    return this.page.locator(shown.map((one) => `[data-testid=item]:has(${one})`).join(", "));
  }

  /** What the open list shows: `{ text: done }`. */
  items() {
    return this.at("item").evaluateAll((rows) =>
      Object.fromEntries(
        rows.map((row) => [
          row.querySelector("[data-testid=item-text]").value ??
            row.querySelector("[data-testid=item-text]").textContent,
          row.querySelector("[data-testid=item-done]").checked,
        ]),
      ),
    );
  }

  untilItems(wanted) {
    return untilEqual("the open list shows its items", () => this.items(), wanted);
  }

  /** Asks for an invite with that role; answers its code and its QR code's address. The dialog stays open. */
  async invite(role = "admin") {
    await this.at("open-pairing").click();
    await this.at("invite-code").waitFor();
    if (role !== "admin") {
      const before = await this.at("invite-code").textContent();
      await this.choose(`invite-as-${role}`);
      await this.page.waitForFunction(
        (old) => ![null, undefined, old].includes(document.querySelector("[data-testid=invite-code]")?.textContent),
        before,
      );
    }
    const shortCode = await this.at("invite-code").textContent();
    const qrCode = await this.at("invite-qr").getAttribute("src");
    return { shortCode: shortCode.trim(), qrCode };
  }

  /** Enters a code by hand. */
  async join(code, deviceName) {
    await this.at("open-join").click();
    await this.at("join-code").fill(code);
    await this.confirmJoin(deviceName);
  }

  /** In the dialog that a link opened. */
  async confirmJoin(deviceName) {
    await this.at("join-device-name").fill(deviceName);
    await this.at("join").click();
    await this.at("join-dialog").waitFor({ state: "hidden" });
  }

  /** Opens the page of the devices. */
  async openDevices() {
    await this.page.evaluate("location.hash = '#/devices'");
    await this.at("devices-page").waitFor();
  }

  /** Who is in, on the page of the devices: `{ name: role }`. */
  members() {
    return this.at("member").evaluateAll((rows) =>
      Object.fromEntries(
        rows.map((row) => [row.querySelector("[data-testid=member-name]").textContent, row.dataset.role]),
      ),
    );
  }

  /** Chooses an entry of the menu of that member. */
  async withMember(name, entry) {
    await this.at("member").filter({ hasText: name }).getByTestId("member-menu").click();
    await this.at(entry).click();
  }

  /** In the open dialog that asks. */
  async confirm(dialog) {
    await this.at("confirm").click();
    await this.at(dialog).waitFor({ state: "hidden" });
  }

  closeDialog() {
    return this.at("close-dialog").click();
  }

  state() {
    return this.at("sync-indicator").getAttribute("data-state");
  }

  /** Waits until the indicator shows one of these states. */
  untilState(...states) {
    const shown = states.map((state) => `[data-testid=sync-indicator][data-state=${state}]`).join(", ");
    return this.page.locator(shown).waitFor();
  }

  /** What the indicator says, in its few words. */
  async indicator() {
    return (await this.at("sync-indicator").innerText()).trim();
  }

  /** The service worker is in charge: from now on the page opens without a network. */
  async untilInstalled() {
    await this.page.waitForFunction("navigator.serviceWorker.controller !== null");
  }
}
