/** One browser, and for each test a relay and profiles of its own: the demo's pages as devices of a household. */

import { after, afterEach, before, beforeEach } from "node:test";

import { startBrowser } from "./browser.js";
import { canary } from "./canary.js";
import { startRelay } from "./relay.js";
import { openSaltbox } from "./saltbox.js";

/** Sets it up for the tests of the file that calls this. */
export function useHouseholds() {
  const households = new Households();
  before(() => households.startBrowser());
  after(() => households.endBrowser());
  beforeEach(() => households.begin());
  afterEach(() => households.end());
  return households;
}

class Households {
  /** Of this test. */
  relay = null;
  #browser = null;
  #profiles = [];

  async startBrowser() {
    this.#browser = await startBrowser();
  }

  endBrowser() {
    return this.#browser?.end();
  }

  async begin() {
    this.#profiles = [];
    this.relay = await startRelay();
  }

  async end() {
    await Promise.all(this.#profiles.map((profile) => profile.end()));
    await this.relay?.end();
  }

  /** The demo in a profile of its own. */
  async open(address = this.relay.page) {
    const profile = await this.#browser.profile();
    this.#profiles.push(profile);
    const saltbox = await openSaltbox(profile, address);
    saltbox.profile = profile;
    return saltbox;
  }

  /** The device's browser and all that was in it are gone. */
  async lose(saltbox) {
    this.#profiles = this.#profiles.filter((profile) => profile !== saltbox.profile);
    await saltbox.profile.end();
  }

  /** Alice with a list of one item, synced, and the page of the devices open. */
  async found() {
    const words = { title: canary("Groceries"), milk: canary("Milk") };
    const alice = await this.open();
    await alice.newList(words.title);
    await alice.addItem(words.milk);
    await alice.at("sync-indicator").click();
    await alice.at("enable-sync").click();
    await alice.untilState("synced");
    await alice.closeDialog();
    await alice.openDevices();
    return { alice, ...words };
  }
}
