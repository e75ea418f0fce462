/** Ashore: a CRDT for each document, signed entries, index rows, and with a relay everything sealed. */

import { open as openDatabase } from "ashore";
import { until } from "../page/until.js";

/** Documents in one call. */
const TOGETHER = 5_000;

export async function open({ name, durability, relay, encrypt }) {
  const db = await openDatabase({ name, durability, ...(encrypt ? { encrypt: "platform" } : {}) });
  // The others are open by now; this one is with its first call.
  await db.ping("");
  if (relay) {
    await db.sync.enable({ relay, deviceName: "bench" });
  }
  const notes = db.collection("notes", { indexes: [{ fields: ["priority", "-created"] }] });
  const first = (priority, limit) => notes.find({ priority }).sort("-created").limit(limit);
  return {
    put: (id, document) => notes.put(id, document),
    get: (id) => notes.get(id),
    ping: (text) => db.ping(text),
    async load(entries) {
      for (let at = 0; at < entries.length; at += TOGETHER) {
        await notes.putMany(entries.slice(at, at + TOGETHER));
      }
    },
    putEach: (entries) => Promise.all(entries.map(([id, document]) => notes.put(id, document))),
    async setEach(field, value) {
      const others = notes.find({ [field]: { $ne: value } }).limit(TOGETHER);
      while ((await others.update({ $set: { [field]: value } })).modified > 0);
    },
    all: () => notes.all(),
    find: (priority, limit) => first(priority, limit).all(),
    scan: (author) => notes.find({ author }).all(),
    watch: (priority, limit, hear) => first(priority, limit).subscribe(({ rows }) => hear(rows.map(({ id }) => id))),
    async ready() {
      while ((await notes.indexes()).some(({ ready }) => !ready)) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    sent: () => db.flush({ timeoutMs: 600_000 }),
    async share(address) {
      await db.sync.enable({ relay: address, deviceName: "first" });
      const { link } = await db.sync.createInvite();
      return link;
    },
    join: (address, invite) => db.sync.joinInvite(invite, { relay: address, deviceName: "second" }),
    async received(count) {
      await db.sync.ready();
      await until(
        async () => (await notes.count({})) >= count,
        (tell) => notes.on("change", tell),
      );
    },
    hear: (id, hear) => notes.subscribe(id, hear),
    makeList: async (items) => (await import("./lists/ashore.js")).makeList(notes, items),
    openText: async (isNew) => (await import("./texts/ashore.js")).openText(notes, isNew),
    close: () => db.close(),
  };
}
