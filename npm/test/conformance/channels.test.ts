/** Databases of one group that meet without a relay, on a channel of this origin, while they also follow one: with a real relay. */

import { describe, expect, inject, it, vi } from "vitest";
import type { Database } from "ashore";
import { database, host, needs, rejection, withWebSocket } from "./host.js";

const relay = inject("relay");

withWebSocket();

const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 10 });

/** Between apps there are none yet. */
const needsChannels = needs("channels, on which databases meet in a browser", host !== "tauri");
const needsBoth = needs(`${needsChannels.meta.needs}, and what outlives the last handle`, host === "worker");

type Note = { n: number };

/** Two databases of one group with a channel of their own, which have met there. */
async function met(): Promise<{ readonly alice: Database; readonly bob: Database; readonly channel: string }> {
  const channel = `channel:${crypto.randomUUID()}`;
  const alice = await database({ relay, deviceName: "Alice" });
  await alice.sync.enable();
  const { shortCode } = await alice.sync.createInvite();
  const bob = await database({ deviceName: "Bob" });
  await bob.sync.joinInvite(shortCode, { relay });
  await bob.sync.ready();
  for (const db of [alice, bob]) {
    expect((await db.sync.configure({ channels: [channel] })).channels).toEqual([channel]);
  }
  for (const db of [alice, bob]) {
    await until(async () => expect((await db.sync.addresses())[1]?.peers).toHaveLength(1));
  }
  return { alice, bob, channel };
}

describe("a channel beside a relay", needsChannels, () => {
  it("is listed with it, with whom is met there", async () => {
    const { alice, bob, channel } = await met();
    expect(await alice.sync.addresses()).toEqual([
      { address: relay, kind: "relay", state: "open", peers: [] },
      { address: channel, kind: "channel", state: "open", peers: [bob.sync.status.device] },
    ]);
    await bob.close();
    await until(async () => expect((await alice.sync.addresses())[1]?.peers).toEqual([]));
  });

  it("brings each change once, whichever way it comes", async () => {
    const { alice, bob } = await met();
    const told: string[] = [];
    bob.sync.on("change", ({ changes }) => void told.push(...changes.flatMap((change) => change.ids)));
    const notes = alice.collection<Note>("notes");
    for (let n = 0; n < 50; n += 1) {
      await notes.put(`n${n}`, { n });
    }
    await until(async () => expect(await bob.collection<Note>("notes").count()).toBe(50));
    await Promise.all([alice, bob].map((db) => db.sync.now()));
    expect(told.toSorted()).toEqual(Array.from({ length: 50 }, (_, n) => `n${n}`).toSorted());
    expect(await bob.collection<Note>("notes").history("n7")).toHaveLength(1);
    expect([alice.sync.status.pending, bob.sync.status.pending]).toEqual([0, 0]);
  });

  it("brings what is written while no relay can be reached", async () => {
    const { alice, bob } = await met();
    for (const db of [alice, bob]) {
      await db.sync.configure({ relays: ["ws://127.0.0.1:1/v1/ws"] });
    }
    await until(() => expect([alice, bob].some((db) => db.sync.status.connected)).toBe(false));
    await alice.collection<Note>("notes").put("hers", { n: 1 });
    await bob.collection<Note>("notes").put("his", { n: 2 });
    await until(async () => expect(await bob.collection<Note>("notes").get("hers")).toEqual({ n: 1 }));
    await until(async () => expect(await alice.collection<Note>("notes").get("his")).toEqual({ n: 2 }));
    expect(alice.sync.status.state).not.toBe("synced");
    for (const db of [alice, bob]) {
      await db.sync.configure({ relays: [relay] });
    }
    await until(() => expect([alice, bob].map((db) => db.sync.status.state)).toEqual(["synced", "synced"]));
  });

  it("is opened again after a restart", needsBoth, async () => {
    const { alice, bob, channel } = await met();
    const { name } = alice;
    await alice.close();
    const again = await database({ name });
    await until(async () =>
      expect((await again.sync.addresses())[1]).toEqual({
        address: channel,
        kind: "channel",
        state: "open",
        peers: [bob.sync.status.device],
      }),
    );
  });

  it("refuses what is no address of one, one twice, and too many", async () => {
    const db = await database({ relay });
    const many = Array.from({ length: 5 }, (_, n) => `channel:${n}`);
    for (const channels of [["kitchen"], ["channel:"], ["channel:a", "channel:a"], many]) {
      expect((await rejection(db.sync.configure({ channels }))).code).toBe("request.invalid");
    }
  });
});
