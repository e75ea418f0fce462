/** What calls cost in things that can be counted, so that no change makes one dearer unseen. Times are the benchmarks' matter. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { startProfile } from "./harness/browser.js";
import { countCosts } from "./harness/costs.js";
import { openDevice } from "./harness/device.js";
import { startRelay } from "./harness/relay.js";
import { startSite } from "./harness/site.js";

/** Calls one after another, and documents of one call. */
const CALLS = 64;
const MANY = 500;
/** Until what comes behind the last answer has been counted, too. */
const SETTLED_MS = 1_500;

let relay;
let site;
let profile;

before(async () => {
  relay = await startRelay();
  [site, profile] = await Promise.all([startSite(), startProfile()]);
});

after(async () => {
  await profile?.end();
  await relay?.end();
  await site?.end();
});

/** About 300 bytes of JSON. */
const note = (number) => ({
  title: `Note ${number}`,
  text: "Milk and bread, and whatever else there is to buy. ".repeat(4),
  tags: ["home", "shop"],
  place: { shelf: number % 9 },
  number,
});

async function each(act) {
  for (let number = 0; number < CALLS; number += 1) {
    await act(number);
  }
}

/** What each kind of call costs on this device. Signs of life are among the messages: some in each row. */
async function measured(device) {
  const costs = await countCosts(device.page);
  const of = (times, act) => costs.of(times, () => act().then(() => pause(SETTLED_MS)));
  const inPage = (act) => of(MANY, () => device.page.evaluate(act, { count: MANY, document: note(1) }));
  const rows = {
    put: await of(CALLS, () => each((number) => device.put("notes", `n${number}`, note(number)))),
    "put over it": await of(CALLS, () => each((number) => device.put("notes", `n${number}`, note(number + 1)))),
    get: await of(CALLS, () => each((number) => device.get("notes", `n${number}`))),
    "put, none awaited": await inPage(async ({ count, document }) => {
      const notes = globalThis.db.collection("notes");
      await Promise.all(Array.from({ length: count }, (_, number) => notes.put(`u${number}`, document)));
    }),
    putMany: await inPage(async ({ count, document }) => {
      const all = Array.from({ length: count }, (_, number) => [`m${number}`, document]);
      await globalThis.db.collection("notes").putMany(all);
    }),
  };
  console.table(rows);
  return rows;
}

/** Fails for each cost that is above its limit; what is not named may cost anything. */
function within(rows, limits) {
  const above = Object.entries(limits).flatMap(([row, most]) =>
    Object.entries(most)
      .filter(([name, limit]) => !(rows[row][name] <= limit))
      .map(([name, limit]) => `${row}: ${rows[row][name]} ${name}, at most ${limit}`),
  );
  assert.deepEqual(above, []);
}

describe("a call", () => {
  it("costs one transaction with one record to write, nothing to read, and one message", async () => {
    const device = await openDevice(profile, site, { name: "alone" });
    await device.put("notes", "first", note(0));
    within(await measured(device), {
      put: { reads: 0, writes: 1.1, requests: 1.1, stored: 1_000, messages: 1.2, frames: 0 },
      "put over it": { reads: 0, writes: 1.1, requests: 1.1, stored: 800, messages: 1.2, frames: 0 },
      get: { reads: 0, writes: 0, requests: 0, messages: 1.2, frames: 0 },
      "put, none awaited": { writes: 0.02, requests: 0.05, stored: 900, messages: 0.05 },
      putMany: { writes: 0.02, requests: 0.05, stored: 850, messages: 0.05 },
    });
    await device.close();
  });

  it("costs one frame more in a group, and no transaction where the next call follows soon", async () => {
    const device = await openDevice(profile, site, { name: "in a group" });
    await device.enable(relay.address, "phone");
    await device.put("notes", "first", note(0));
    await device.untilSynced();
    within(await measured(device), {
      put: { reads: 0, writes: 1.7, requests: 1.7, stored: 2_200, messages: 3.5, frames: 1.1, frameBytes: 600 },
      get: { reads: 0, writes: 0, requests: 0, messages: 1.2, frames: 0 },
      "put, none awaited": { writes: 0.05, requests: 0.05, stored: 900, messages: 0.05, frames: 0.05, frameBytes: 60 },
      putMany: { writes: 0.05, requests: 0.05, stored: 900, messages: 0.05, frames: 0.05, frameBytes: 60 },
    });
    await device.close();
  });
});
