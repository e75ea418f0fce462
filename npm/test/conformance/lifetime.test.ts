/** Opening, sharing, listening and closing. */

import { AshoreError, type Database, open, type OriginStorage } from "ashore";
import { describe, expect, it, vi } from "vitest";
import { database, freshName, host, needs, persistent, rejection } from "./host.js";

describe("opening", () => {
  it("refuses names that are none", async () => {
    for (const name of ["", "x".repeat(129), "\ud800", 5 as unknown as string]) {
      expect((await rejection(open({ name }))).code).toBe("request.invalid");
    }
  });

  it("says what is missing where nothing can be kept", needs("a place that keeps nothing", !persistent), async () => {
    const db = await database({ storage: "persistent" });
    expect(await rejection(db.ping("x"))).toMatchObject({ code: "host.unsupported", op: "ping", retry: false });
  });

  it("memory can be chosen anywhere, and is gone after the last close", async () => {
    const name = freshName();
    const db = await open({ name, storage: "memory" });
    await db.collection("notes").put("n1", { at: new Date(1) });
    expect(await db.collection("notes").get("n1")).toStrictEqual({ at: new Date(1) });
    expect(db.capabilities).toMatchObject({
      host: host === "tauri" ? "tauri" : "memory",
      persistent: false,
      tabs: false,
    });
    await db.close();
    const again = await database({ name, storage: "memory" });
    expect(await again.collection("notes").list()).toEqual([]);
  });

  it("says what this environment offers", async () => {
    const { capabilities } = await database();
    expect(capabilities).toEqual({
      host,
      persistent,
      tabs: persistent,
      sync: typeof WebSocket === "function",
    });
  });

  it("a hundred at once share one engine", async () => {
    const name = freshName();
    const handles = await Promise.all(Array.from({ length: 100 }, () => database({ name })));
    await Promise.all(handles.map((db, index) => db.collection("notes").put(`n${index}`, { index })));
    expect(await handles[99]?.collection("notes").list()).toHaveLength(100);
    const counts = await Promise.all(handles.map((db) => db.diagnostics()));
    expect(new Set(counts.map(({ commits }) => commits)).size).toBe(1);
  });

  it("databases of different names have nothing in common", async () => {
    const [one, other] = [await database(), await database()];
    await one.collection("notes").put("n1", {});
    expect(await other.collections()).toEqual([]);
  });

  it("two handles interleave a thousand writes and lose none", async () => {
    const name = freshName();
    const [one, other] = [await database({ name }), await database({ name })];
    await Promise.all([write(one, "a"), write(other, "b")]);
    const all = await one.collection("notes").all();
    expect(all).toHaveLength(1_000);
    expect(all.every(({ id, document }) => id === `${document["own"]}-${document["round"]}-${document["index"]}`)).toBe(
      true,
    );
    expect(await other.collection("notes").list()).toEqual(all.map(({ id }) => id));
  });

  it("two handles that write the fields of one document in turn lose none", async () => {
    const name = freshName();
    const [one, other] = [await database({ name }), await database({ name })];
    await one.collection("notes").put("n", {});
    await other.collection("notes").get("n");
    for (let round = 0; round < 50; round += 1) {
      const set = (field: string) => (note: Record<string, unknown>) => void (note[field] = round);
      await Promise.all([
        one.collection("notes").update("n", set("a")),
        other.collection("notes").update("n", set("b")),
      ]);
    }
    expect(await one.collection("notes").get("n")).toEqual({ a: 49, b: 49 });
  });
});

describe("ping", () => {
  it("comes back as it was", async () => {
    const db = await database();
    for (const text of ["hello", "", "Grüße 👋", "x".repeat(100_000)]) {
      expect(await db.ping(text)).toBe(text);
    }
  });

  it("10,000 times never fails", async () => {
    const db = await database();
    for (let round = 0; round < 100; round += 1) {
      const texts = Array.from({ length: 100 }, (_, index) => `${round}.${index}`);
      expect(await Promise.all(texts.map((text) => db.ping(text)))).toEqual(texts);
    }
  });
});

describe("listening", () => {
  it("tells every handle which documents changed, until it stops", async () => {
    const name = freshName();
    const [one, other] = [await database({ name }), await database({ name })];
    const heard: unknown[] = [];
    const stop = other.collection("notes").on("change", (event) => heard.push(event));
    other.collection("lists").on("change", (event) => heard.push(event));
    await one.collection("notes").put("n1", {});
    await one.collection("notes").putMany({ n3: {}, n2: {} });
    await one.collection("notes").delete("n1");
    await other.ping("after the events");
    expect(heard).toEqual([
      { ids: ["n1"], remote: false, missed: false },
      { ids: ["n2", "n3"], remote: false, missed: false },
      { ids: ["n1"], remote: false, missed: false },
    ]);
    stop();
    stop();
    await one.collection("notes").put("n1", {});
    await other.ping("after the event");
    expect(heard).toHaveLength(3);
  });

  it("one listener that throws harms no other", async () => {
    const seen: unknown[] = [];
    const swallow = (event: Event): void => {
      seen.push((event as ErrorEvent).error);
      event.preventDefault();
    };
    const consoleError = vi.spyOn(console, "error").mockImplementation(() => {});
    globalThis.addEventListener?.("error", swallow);
    const db = await database();
    let heard = 0;
    db.on("change", () => {
      throw new Error("a listener's own fault");
    });
    db.on("change", () => void (heard += 1));
    await db.collection("notes").put("n1", {});
    await db.ping("after the event");
    expect(heard).toBe(1);
    globalThis.removeEventListener?.("error", swallow);
    expect(seen.length + consoleError.mock.calls.length).toBeGreaterThan(0);
    consoleError.mockRestore();
  });
});

describe("closing", () => {
  it("rejects every call after with database.closed", async () => {
    const db = await open({ name: freshName() });
    const notes = db.collection("notes");
    await notes.put("n1", {});
    await db.close();
    await db.close();
    const calls: Record<string, () => Promise<unknown>> = {
      put: () => notes.put("n1", {}),
      putMany: () => notes.putMany({ a: {} }),
      get: () => notes.get("n1"),
      getMany: () => notes.getMany(["n1"]),
      update: () => notes.update("n1", () => {}),
      delete: () => notes.delete("n1"),
      deleteMany: () => notes.deleteMany(["n1"]),
      list: () => notes.list(),
      all: () => notes.all(),
      documents: () => notes.documents().next(),
      collections: () => db.collections(),
      transaction: () => db.transaction(() => {}),
      ping: () => db.ping("x"),
      flush: () => db.flush(),
      diagnostics: () => db.diagnostics(),
      enable: () => db.sync.enable(),
      disable: () => db.sync.disable(),
      now: () => db.sync.now(),
      createInvite: () => db.sync.createInvite(),
      joinInvite: () => db.sync.joinInvite("x"),
      devices: () => db.sync.devices(),
      renameDevice: () => db.sync.renameDevice("x"),
      quarantine: () => db.sync.quarantine(),
      statusOf: () => db.sync.statusOf("notes", "n1"),
    };
    for (const [op, call] of Object.entries(calls)) {
      expect(await rejection(call()), op).toMatchObject({ code: "database.closed", op });
    }
    expect(() => db.on("change", () => {})).toThrow(AshoreError);
    expect(() => notes.on("change", () => {})).toThrow(AshoreError);
    expect(() => db.sync.on("status", () => {})).toThrow(AshoreError);
  });

  it("finishes the writes under way", async () => {
    const name = freshName();
    const db = await open({ name });
    const keeper = await database({ name });
    await keeper.ping("start");
    const puts = Array.from({ length: 100 }, (_, index) => db.collection("notes").put(`n${index}`, {}));
    await db.close();
    await Promise.all(puts);
    expect(await keeper.collection("notes").list()).toHaveLength(100);
  });

  it("of one handle leaves the others alone", async () => {
    const name = freshName();
    const [one, other] = [await open({ name }), await database({ name })];
    await one.collection("notes").put("n1", { a: 1 });
    await one.close();
    expect(await other.collection("notes").get("n1")).toEqual({ a: 1 });
  });

  it("of a database that was never used starts nothing", async () => {
    const db = await open({ name: freshName() });
    await db.close();
  });

  it("happens at the end of `await using` too", async () => {
    const db = await open({ name: freshName() });
    await db.ping("x");
    await db[Symbol.asyncDispose]();
    expect((await rejection(db.ping("x"))).code).toBe("database.closed");
  });

  it("a call that was given up rejects with request.aborted and harms nothing", async () => {
    const db = await database();
    await db.ping("warm");
    const giveUp = new AbortController();
    const flushing = db.sync.now({ signal: giveUp.signal });
    const pinged = db.ping("x");
    giveUp.abort();
    expect(["request.aborted", "sync.disabled"]).toContain((await rejection(flushing)).code);
    expect(await pinged).toBe("x");
    expect((await rejection(db.collection("notes").get("n1", { signal: AbortSignal.abort() }))).code).toBe(
      "request.aborted",
    );
  });
});

it("diagnostics count and name versions, and hold no document", async () => {
  const db = await database();
  await db.collection("secrets").put("s1", { word: "xylophone" });
  const diagnostics = await db.diagnostics();
  expect(diagnostics.engine).toMatch(/^\d+\.\d+\.\d+/);
  expect(diagnostics.commits).toBeGreaterThan(0);
  expect(diagnostics.wasmBytes ?? null).toEqual(host === "tauri" ? null : expect.any(Number));
  expect(diagnostics.wasmBytes ?? 2_000_000).toBeGreaterThan(1_000_000);
  expect(JSON.stringify(diagnostics)).not.toMatch(/xylophone|secrets/);
});

it("diagnostics gauge memory and the origin's storage where there are such, and say null where not", async () => {
  const db = await database();
  const notes = db.collection("notes");
  await notes.putMany({ before: { text: "" } });
  const before = await db.diagnostics();
  await notes.putMany(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`n${at}`, { text: big(at) }])));
  const after = await db.diagnostics();
  if (host === "tauri") {
    expect([after.wasmBytes, after.originStorage]).toEqual([null, null]);
    return;
  }
  // Four megabytes went through it.
  expect(after.wasmBytes).toBeGreaterThan(before.wasmBytes as number);
  expect((after.wasmBytes as number) % 65_536).toBe(0);
  if (host === "memory" || !("storage" in navigator)) {
    expect(after.originStorage).toBe(null);
    return;
  }
  const { usageBytes, quotaBytes } = after.originStorage as OriginStorage;
  expect(usageBytes).toBeGreaterThan(0);
  expect(quotaBytes).toBeGreaterThan(usageBytes);
});

it("says whether the storage is promised to be kept", async () => {
  const db = await database();
  // An app's file is kept; WebKit inside an app has no `navigator.storage` to ask.
  const asked = persistent && "storage" in navigator ? ["granted", "denied"] : ["unsupported"];
  expect(host === "tauri" ? ["granted"] : asked).toContain(await db.persisted());
});

async function write(db: Database, own: string): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const puts = Array.from({ length: 50 }, (_, index) =>
      db.collection("notes").put(`${own}-${round}-${index}`, { own, round, index }),
    );
    await Promise.all(puts);
  }
}

/** A hundred thousand characters that nothing compresses. */
function big(seed: number): string {
  const bytes = new Uint8Array(25_000);
  for (let at = 0, state = seed + 1; at < bytes.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return Array.from(bytes, (byte) => byte.toString(16).padStart(4, "0")).join("");
}
