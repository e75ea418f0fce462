/** A page with the package's database open: what a test calls, where errors keep their code. */

import { until } from "./wait.js";

/** Opens a page of `profile` with that database open; nothing is started before the first call. */
export async function openDevice(profile, site, options = {}) {
  const page = await profile.page();
  await page.goto(site.address);
  const device = new Device(page, { name: "e2e", persist: false, ...options });
  await device.open();
  return device;
}

export class Device {
  page;
  #options;

  constructor(page, options) {
    this.page = page;
    this.#options = options;
  }

  async open() {
    await this.page.waitForFunction("globalThis.loaded");
    await this.page.evaluate((options) => globalThis.start(options), this.#options);
  }

  async reload() {
    await this.page.reload();
    await this.open();
  }

  /** Calls `method` on `db`, `sync` or `{ collection }`; rejects with an error that has the same `code`. */
  async call(on, method, ...parameters) {
    const answer = await this.page.evaluate(
      ([target, name, values]) => globalThis.call(target, name, values),
      [on, method, parameters],
    );
    if (answer.error) {
      throw Object.assign(new Error(`${method}: ${answer.error.code}: ${answer.error.message}`), answer.error);
    }
    return answer.value;
  }

  put(collection, id, document) {
    return this.call({ collection }, "put", id, document);
  }

  get(collection, id) {
    return this.call({ collection }, "get", id);
  }

  list(collection) {
    return this.call({ collection }, "list");
  }

  enable(relay, deviceName) {
    return this.call("sync", "enable", { relay, deviceName });
  }

  invite(options = {}) {
    return this.call("sync", "createInvite", options);
  }

  join(code, relay, deviceName) {
    return this.call("sync", "joinInvite", code, { relay, deviceName });
  }

  now(options = {}) {
    return this.call("sync", "now", options);
  }

  devices() {
    return this.call("sync", "devices");
  }

  status() {
    return this.page.evaluate("globalThis.db.sync.status");
  }

  /** Every event heard so far, oldest first: `{ name, at, event }`. */
  events() {
    return this.page.evaluate("globalThis.events");
  }

  async untilState(state) {
    await until(`the state is ${state}`, async () => {
      const status = await this.status();
      return status.state === state || Promise.reject(new Error(JSON.stringify(status)));
    });
  }

  /** Waits until nothing waits and everything that the relay has is here. */
  untilSynced() {
    return this.untilState("synced");
  }

  /** Whether this tab runs the engine. */
  leads() {
    return this.page.evaluate("globalThis.leads !== null");
  }

  close() {
    return this.page.close();
  }
}

/** Two devices of different people in one group, both synced. */
export async function pair(first, second, relay, names = ["first", "second"]) {
  await first.enable(relay, names[0]);
  await first.untilSynced();
  const { shortCode } = await first.invite();
  const { group } = await second.join(shortCode, relay, names[1]);
  await Promise.all([first.untilSynced(), second.untilSynced()]);
  return group;
}
