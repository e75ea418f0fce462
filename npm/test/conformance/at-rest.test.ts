/** Encryption at rest: by the platform or a passphrase, locked and unlocked, wiped; the same over memory as far as it keeps anything. */

import { type AshoreError, type Database, open } from "ashore";
import { describe, expect, it } from "vitest";
// The package's inside: another client of the same page is what another tab is, a worker and a seat of its own.
import { Client } from "../../dist/client.js";
import { startTauri } from "../../dist/hosts/tauri.js";
import { startWorker } from "../../dist/hosts/worker.js";
import { database, freshName, host, needsKeeping, needsWorker, rejection } from "./host.js";
import { kept, settled } from "./kept.js";

const PASSPHRASE = "eleven grey herons";
const OTHER = "a second pass phrase";
const encrypt = { passphrase: PASSPHRASE };
/** Without a part that repeats itself, so that it stands in what was packed as it is. */
const PANGRAM = "Sphinx of black quartz, judge my vow";
const CANARY = "the canary sings in the mine";

/** What a worker keeps so that the next one goes on unlocked, as text; an app's engine keeps it in memory alone. */
async function session(name: string): Promise<string | null> {
  if (host !== "worker") {
    return null;
  }
  const raw = await settled(indexedDB.open(`ashore/${name}`));
  const record = await settled(raw.transaction("keys").objectStore("keys").get("local-secret"));
  raw.close();
  expect(record).toEqual({
    protection: "passphrase",
    envelope: expect.any(Uint8Array),
    session: expect.any(Uint8Array),
  });
  return [...(record as { session: Uint8Array }).session].join(" ");
}

/** The workers that a test starts, and how. */
function workers(): { readonly started: Worker[]; readonly worker: () => Worker } {
  const started: Worker[] = [];
  const worker = (): Worker => {
    const made = new Worker(new URL("../../dist/hosts/wasm.worker.js", import.meta.url), { type: "module" });
    started.push(made);
    return made;
  };
  return { started, worker };
}

/** Another tab or window with the database, that was given no passphrase. */
function tab(name: string) {
  const inWorker = () => startWorker({ name, wasm: undefined, worker: workers().worker, encrypt: null });
  const client = new Client(host === "tauri" ? startTauri(name, null) : inWorker());
  const get = async (): Promise<string> =>
    (await client.ask({ get: { collection: "notes", ids: ["n1"] } }, "documents", { op: "get" })).documents;
  const unlock = (passphrase: string) => client.ask({ unlock: { passphrase } }, "keys", { op: "unlock" });
  const lock = () => client.ask({ lock: {} }, "keys", { op: "lock" });
  return { client, get, lock, unlock };
}

async function encrypted(name = freshName()): Promise<Database> {
  const db = await database({ name, encrypt });
  await db.collection("notes").put("n1", { text: CANARY });
  return db;
}

describe("a database that is opened with a passphrase", () => {
  it("is used like any other", async () => {
    const db = await encrypted();
    expect(await db.collection("notes").get("n1")).toEqual({ text: CANARY });
    expect(db.sync.keyState).toBe("unlocked");
  });

  it("is not made with a weak one, and then another may make it", async () => {
    const name = freshName();
    for (const [passphrase, lack] of [
      ["too short", /10 characters/],
      ["abababababab", /different/],
      ["0123456789", /row/],
    ] as const) {
      expect(await rejection(open({ name, encrypt: { passphrase } }))).toMatchObject({
        code: "key.weak-passphrase",
        op: "open",
        retry: false,
        message: expect.stringMatching(lack),
      });
    }
    const db = await encrypted(name);
    expect(db.sync.keyState).toBe("unlocked");
  });

  it("refuses another passphrase, here and in a second handle", async () => {
    const db = await encrypted();
    const wrong = { code: "key.bad-passphrase", retry: false };
    expect(await rejection(db.unlock(OTHER))).toMatchObject({ ...wrong, op: "unlock" });
    expect(await rejection(open({ name: db.name, encrypt: { passphrase: OTHER } }))).toMatchObject({
      ...wrong,
      op: "open",
    });
    expect(await db.collection("notes").get("n1")).toEqual({ text: CANARY });
    await db.unlock(PASSPHRASE);
  });

  it("refuses what is no passphrase before anything starts", async () => {
    const passphrase = 7 as unknown as string;
    expect(await rejection(open({ name: freshName(), encrypt: { passphrase } }))).toMatchObject({
      code: "request.invalid",
    });
    const db = await encrypted();
    expect(await rejection(db.unlock(passphrase))).toMatchObject({ code: "request.invalid", op: "unlock" });
  });
});

describe("locking", () => {
  it("does not come with another engine", needsKeeping, async () => {
    const db = await encrypted();
    await db.restart();
    expect(await db.collection("notes").get("n1")).toEqual({ text: CANARY });
    expect(db.engine.restarts).toBe(1);
    expect(db.sync.keyState).toBe("unlocked");
    await db.lock();
    expect((await rejection(db.restart())).code).toBe("key.locked");
    expect((await rejection(db.collection("notes").get("n1"))).code).toBe("key.locked");
    await db.unlock(PASSPHRASE);
    expect(await db.collection("notes").get("n1")).toEqual({ text: CANARY });
  });

  it("makes every call reject with key.locked until it is unlocked, and everything is there again", async () => {
    const db = await encrypted();
    const states: string[] = [];
    db.on("keys", ({ state }) => states.push(state));
    await db.ping("the engine is there");
    await db.lock();
    expect(db.sync.keyState).toBe("locked");
    const notes = db.collection("notes");
    const calls = [
      () => notes.get("n1"),
      () => notes.put("n2", {}),
      () => notes.list(),
      () => db.ping("x"),
      () => db.collections(),
      () => db.diagnostics(),
      () => db.flush(),
      () => db.sync.devices(),
      () => db.sync.enable({ relay: "ws://localhost:1" }),
      () => db.transaction(async (tx) => tx.collection("notes").put("n3", {})),
      () => db.changePassphrase(PASSPHRASE, OTHER),
    ];
    for (const call of calls) {
      expect(await rejection(call())).toMatchObject({ code: "key.locked", retry: true });
    }
    await db.lock();
    expect(await rejection(db.unlock(OTHER))).toMatchObject({ code: "key.bad-passphrase" });
    expect(db.sync.keyState).toBe("locked");
    await db.unlock(PASSPHRASE);
    expect(db.sync.keyState).toBe("unlocked");
    expect(await notes.get("n1")).toEqual({ text: CANARY });
    expect(await notes.list()).toEqual(["n1"]);
    expect(states.slice(-2)).toEqual(["locked", "unlocked"]);
  });

  it("commits what was written before, and refuses what comes after in the same turn", async () => {
    const db = await encrypted();
    const notes = db.collection("notes");
    const before = Array.from({ length: 50 }, (_, index) => notes.put(`before-${index}`, { index }));
    const locking = db.lock();
    const after = rejection(notes.put("after", {}));
    await Promise.all(before);
    await locking;
    expect(await after).toMatchObject({ code: "key.locked" });
    await db.unlock(PASSPHRASE);
    expect((await notes.list()).length).toBe(51);
  });

  it("ends no live result: it goes on after unlocking", async () => {
    const db = await encrypted();
    const states = db.collection("notes").find({}).watch();
    const shown = async (): Promise<string[] | undefined> => (await states.next()).value?.rows.map(({ id }) => id);
    expect(await shown()).toEqual(["n1"]);
    await db.lock();
    await db.unlock(PASSPHRASE);
    await db.collection("notes").put("n2", {});
    expect(await shown()).toEqual(["n1", "n2"]);
    await states.return();
  });

  it("and unlocking many times loses nothing", async () => {
    const db = await encrypted();
    for (let round = 0; round < 4; round += 1) {
      await db.collection("rounds").put(`r${round}`, { round });
      await db.lock();
      await db.unlock(PASSPHRASE);
    }
    expect(await db.collection("rounds").list()).toHaveLength(4);
  });

  it("is refused where no passphrase could open it again", async () => {
    for (const db of [await database(), await database({ encrypt: "platform" })]) {
      expect(await rejection(db.lock())).toMatchObject({ code: "key.mismatch", op: "lock", retry: false });
      expect(await rejection(db.unlock(PASSPHRASE))).toMatchObject({ code: "key.mismatch", op: "unlock" });
      expect(await rejection(db.changePassphrase(PASSPHRASE, OTHER))).toMatchObject({ code: "key.mismatch" });
      await db.collection("notes").put("n1", { still: "works" });
    }
  });
});

describe("another passphrase", () => {
  it("opens what the old one does not open any more", async () => {
    const db = await encrypted();
    expect(await rejection(db.changePassphrase(OTHER, "something quite else"))).toMatchObject({
      code: "key.bad-passphrase",
      op: "changePassphrase",
    });
    expect(await rejection(db.changePassphrase(PASSPHRASE, "short"))).toMatchObject({ code: "key.weak-passphrase" });
    await db.changePassphrase(PASSPHRASE, OTHER);
    await db.lock();
    expect(await rejection(db.unlock(PASSPHRASE))).toMatchObject({ code: "key.bad-passphrase" });
    await db.unlock(OTHER);
    expect(await db.collection("notes").get("n1")).toEqual({ text: CANARY });
  });
});

describe("wiping the keys", () => {
  it("leaves nothing that any passphrase opens", async () => {
    const db = await encrypted();
    await db.wipeKeys();
    const wiped = { code: "key.wiped", retry: false };
    expect(await rejection(db.collection("notes").get("n1"))).toMatchObject({ ...wiped, op: "get" });
    expect(await rejection(db.unlock(PASSPHRASE))).toMatchObject(wiped);
    expect(await rejection(db.lock())).toMatchObject(wiped);
    expect(await rejection(open({ name: db.name, encrypt }))).toMatchObject({ ...wiped, op: "open" });
    expect(db.sync.keyState).toBe("none");
    await db.wipeKeys();
  });

  it("works while it is locked, and with the platform's key", async () => {
    const db = await encrypted();
    await db.lock();
    await db.wipeKeys();
    expect(await rejection(db.unlock(PASSPHRASE))).toMatchObject({ code: "key.wiped" });
    const other = await database({ encrypt: "platform" });
    await other.collection("notes").put("n1", {});
    await other.wipeKeys();
    expect(await rejection(other.collection("notes").get("n1"))).toMatchObject({ code: "key.wiped" });
  });

  it("is refused for a database that is not encrypted", async () => {
    const db = await database();
    expect(await rejection(db.wipeKeys())).toMatchObject({ code: "key.mismatch", op: "wipeKeys" });
  });
});

describe("keyState", () => {
  it("is none without encryption and group, unlocked with either", async () => {
    const plain = await database();
    expect(plain.sync.keyState).toBe("none");
    await plain.collection("notes").put("n1", {});
    expect(plain.sync.keyState).toBe("none");
    await plain.sync.enable({ relay: "ws://localhost:1" });
    expect(plain.sync.keyState).toBe("unlocked");
    expect((await database({ encrypt: "platform" })).sync.keyState).toBe("unlocked");
  });
});

describe("a database that exists", () => {
  it("is not protected otherwise by opening it so, and stays as it was", async () => {
    const plain = await database();
    await plain.collection("notes").put("n1", {});
    for (const wanted of ["platform", encrypt] as const) {
      expect(await rejection(open({ name: plain.name, encrypt: wanted }))).toMatchObject({
        code: "key.mismatch",
        op: "open",
      });
    }
    expect(await plain.collection("notes").get("n1")).toEqual({});
    const platform = await database({ encrypt: "platform" });
    expect(await rejection(open({ name: platform.name, encrypt }))).toMatchObject({ code: "key.mismatch" });
    const guarded = await encrypted();
    expect(await rejection(open({ name: guarded.name, encrypt: "platform" }))).toMatchObject({ code: "key.mismatch" });
  });
});

describe("what is kept", needsKeeping, () => {
  it("holds nothing of what was written, by platform or passphrase, and all of it without", async () => {
    for (const [options, found] of [
      [{}, true],
      [{ encrypt: "platform" as const }, false],
      [{ encrypt }, false],
    ] as const) {
      const name = freshName();
      const db = await open({ name, ...options });
      const canaries = db.collection("canaries");
      await canaries.put("a-canary", { field: CANARY });
      // More than is kept in segments: blocks are searched too.
      for (let number = 0; number < 40; number += 1) {
        const noise = Array.from({ length: 1_000 }, () => crypto.randomUUID()).join("");
        await canaries.put(`n${number}`, { filler: `${PANGRAM}${noise}` });
      }
      await db.close();
      const blobs = await kept.bytes(name);
      expect(blobs.length).toBeGreaterThan(1_000_000);
      for (const words of [CANARY, "canaries", "a-canary", "field", PANGRAM]) {
        expect(blobs.includes(words), words).toBe(found);
      }
      const again = await database({ name, ...options });
      expect(await again.collection("canaries").get("a-canary")).toEqual({ field: CANARY });
    }
  });

  it("opens again: by itself with the platform's key, locked with a passphrase", async () => {
    const name = freshName();
    const platform = await open({ name, encrypt: "platform" });
    await platform.collection("notes").put("n1", { kept: true });
    await platform.close();
    const again = await database({ name });
    expect(await again.collection("notes").get("n1")).toEqual({ kept: true });
    expect(again.sync.keyState).toBe("unlocked");

    const guarded = await open({ name: freshName(), encrypt });
    await guarded.collection("notes").put("n1", { kept: true });
    await guarded.close();
    expect(await rejection(open({ name: guarded.name, encrypt: { passphrase: OTHER } }))).toMatchObject({
      code: "key.bad-passphrase",
    });
    const locked = await database({ name: guarded.name });
    expect(await rejection(locked.collection("notes").get("n1"))).toMatchObject({ code: "key.locked" });
    expect(locked.sync.keyState).toBe("locked");
    await locked.unlock(PASSPHRASE);
    expect(await locked.collection("notes").get("n1")).toEqual({ kept: true });
  });

  it("stays wiped, and a database whose key record was taken away says so and is not written to", async () => {
    const name = freshName();
    const db = await open({ name, encrypt });
    await db.collection("notes").put("n1", {});
    await db.wipeKeys();
    await db.close();
    expect(await kept.protection(name)).toBe("wiped");
    expect(await rejection(open({ name, encrypt }))).toMatchObject({ code: "key.wiped" });

    const other = await open({ name: freshName(), encrypt: "platform" });
    await other.collection("notes").put("n1", {});
    await other.close();
    await kept.forgetRecord(other.name);
    const before = await kept.bytes(other.name);
    for (const wanted of [undefined, "platform", encrypt] as const) {
      const bare = await database({ name: other.name });
      expect(await rejection(bare.collection("notes").get("n1"))).toMatchObject({ code: "key.wiped" });
      if (wanted) {
        expect(await rejection(open({ name: other.name, encrypt: wanted }))).toMatchObject({ code: "key.wiped" });
      }
    }
    expect(await kept.bytes(other.name)).toBe(before);
    expect(await kept.protection(other.name)).toBeNull();
  });

  it("a plain database that lost its key record stays plain, whatever it is opened with", async () => {
    const db = await open({ name: freshName() });
    await db.collection("notes").put("n1", { kept: true });
    await db.close();
    await kept.forgetRecord(db.name);
    expect(await rejection(open({ name: db.name, encrypt }))).toMatchObject({ code: "key.mismatch" });
    const again = await database({ name: db.name });
    expect(await again.collection("notes").get("n1")).toEqual({ kept: true });
  });

  it("a damaged blob is told, and nothing false is answered", async () => {
    const name = freshName();
    const db = await open({ name, encrypt: "platform" });
    for (const id of ["a", "b", "c"]) {
      await db.collection("notes").put(id, { id });
    }
    await db.close();
    await kept.flipSealed(name);

    const notes = (await database({ name })).collection("notes");
    const answers = await Promise.all(
      ["a", "b", "c"].map((id) => notes.get(id).catch(({ code }: AshoreError) => code)),
    );
    expect(answers).toContain("store.corrupt");
    for (const [index, answer] of answers.entries()) {
      expect(["store.corrupt", { id: ["a", "b", "c"][index] }]).toContainEqual(answer);
    }
  });

  it(
    "goes on unlocked when its worker dies, without the passphrase; and locked when it was locked",
    needsWorker,
    async () => {
      const { started, worker } = workers();
      const db = await database({ name: freshName(), encrypt, worker });
      await db.collection("notes").put("n1", { kept: true });
      started.at(-1)?.terminate();
      expect((await rejection(db.ping("x"))).code).toBe("host.dead");
      expect(await db.collection("notes").get("n1")).toEqual({ kept: true });
      await db.lock();
      started.at(-1)?.terminate();
      expect((await rejection(db.ping("x"))).code).toBe("host.dead");
      expect((await rejection(db.collection("notes").get("n1"))).code).toBe("key.locked");
      await db.unlock(PASSPHRASE);
      expect(await db.collection("notes").get("n1")).toEqual({ kept: true });
    },
  );

  it("is locked and unlocked by any tab for all", async () => {
    const db = await encrypted();
    const other = tab(db.name);
    expect(await other.get()).toContain(CANARY);
    expect(other.client.keyState).toBe("unlocked");
    await other.lock();
    expect(await rejection(db.collection("notes").get("n1"))).toMatchObject({ code: "key.locked" });
    expect(db.sync.keyState).toBe("locked");
    await db.unlock(PASSPHRASE);
    expect(await other.get()).toContain(CANARY);
    await db.wipeKeys();
    expect(await rejection(other.get())).toMatchObject({ code: "key.wiped" });
    await other.client.close();
  });

  it(
    "goes on unlocked in the next tab when the one that ran it crashes, and locked when it was locked",
    needsWorker,
    async () => {
      const { started, worker } = workers();
      const name = freshName();
      const db = await open({ name, encrypt, worker });
      await db.collection("notes").put("n1", { text: CANARY });
      const other = tab(name);
      expect(await other.get()).toContain(CANARY);
      started.at(-1)?.terminate();
      expect(await other.get()).toContain(CANARY);
      expect(other.client.keyState).toBe("unlocked");
      // Its own page follows now, with a new worker.
      await db.ping("x").catch(() => {});
      expect(await db.collection("notes").get("n1")).toEqual({ text: CANARY });

      const third = tab(name);
      expect(await third.get()).toContain(CANARY);
      await other.lock();
      await other.client.close();
      await db.close();
      expect(await rejection(third.get())).toMatchObject({ code: "key.locked" });
      expect(third.client.keyState).toBe("locked");
      await third.unlock(PASSPHRASE);
      expect(await third.get()).toContain(CANARY);
      await third.client.close();
    },
  );

  it("lockOnClose locks every tab when this page closes it", async () => {
    const name = freshName();
    const db = await open({ name, encrypt, lockOnClose: true });
    await db.collection("notes").put("n1", {});
    const before = await session(name);
    await db.close();
    const after = await session(name);
    if (before !== null) {
      expect(after).not.toBe(before);
    }
    const again = await database({ name });
    expect((await rejection(again.collection("notes").get("n1"))).code).toBe("key.locked");
  });
});
