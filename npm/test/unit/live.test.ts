/** Live results against a scripted engine: parts of patches, other engines, busy consumers, what differs. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, dead } from "../../src/client.js";
import { Documents } from "../../src/documents.js";
import type { AshoreError } from "../../src/errors.js";
import type { Command } from "../../src/generated/Command.js";
import type { Patch } from "../../src/generated/Patch.js";
import type { LiveResult } from "../../src/live.js";
import { Rows, difference } from "../../src/rows.js";
import type { Watcher } from "../../src/watches.js";
import { ScriptedHosts } from "./scripted.js";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

let hosts: ScriptedHosts;
let client: Client;
let documents: Documents;
let faults: AshoreError[];

beforeEach(() => {
  faults = [];
  hosts = new ScriptedHosts((command) => ("ping" in command ? null : { ok: { done: {} } }));
  client = new Client(hosts.start);
  documents = new Documents(client, "relaxed", (error) => faults.push(error));
});

afterEach(() => client.close());

const commands = (): Command[] => hosts.last.sent.flatMap(({ calls }) => calls.map(({ command }) => command));
const asked = <Kind extends string>(kind: Kind): unknown[] =>
  commands().flatMap((command) => (kind in command ? [(command as Record<string, unknown>)[kind]] : []));

/** Watches, and answers the watch's number. */
function watch(): { watcher: Watcher<LiveResult<object>>; id: () => number } {
  const watcher = documents.watches.start({ op: "watch", collection: "notes", query: "{}", id: null, partial: false });
  return { watcher, id: () => (asked("watch").at(-1) as { watch: number }).watch };
}

/** A patch in which rows come, `id@place:version`. */
function patch(watchId: number, number: number, rows: string[], more: Partial<Patch> = {}): Patch {
  const parts = rows.map((row) => /^(\w+)@(\d+):(\w+)$/.exec(row) as RegExpExecArray);
  return {
    watch: watchId,
    number,
    anew: number === 1,
    removed: [],
    ids: parts.map(([, id]) => id as string),
    places: parts.map(([, , place]) => Number(place)),
    documents: JSON.stringify(parts.map(([, id, , version]) => ({ id, version }))),
    versions: parts.map(([, , , version]) => version as string),
    tagged: false,
    corrupt: [],
    skipped: 0,
    more: false,
    ...more,
  };
}

const tell = (...patches: Patch[]): void => hosts.last.tell(...patches.map((each) => ({ patch: { patch: each } })));

async function next(watcher: Watcher<LiveResult<object>>): Promise<LiveResult<object>> {
  const state = await watcher.next();
  if (!state) {
    throw new Error("it has ended");
  }
  return state.value;
}

describe("a watch", () => {
  it("says of every patch that it was taken in", async () => {
    const { watcher, id } = watch();
    await turn();
    tell(patch(id(), 1, ["a@0:1"]));
    tell(patch(id(), 2, ["b@1:1"]));
    await turn();
    expect(asked("watchTaken")).toEqual([
      { watch: id(), patch: 1 },
      { watch: id(), patch: 2 },
    ]);
    expect((await next(watcher)).rows.map((entry) => entry.id)).toEqual(["a", "b"]);
  });

  it("gives nothing while more belongs to it, nor what was before", async () => {
    const { watcher, id } = watch();
    await turn();
    tell(patch(id(), 1, ["a@0:1", "b@1:1"]));
    await next(watcher);
    tell(patch(id(), 2, ["a@0:2"]));
    tell(patch(id(), 3, [], { more: true }));
    const state = next(watcher);
    await turn();
    tell(patch(id(), 4, ["b@1:2"], { skipped: 4 }));
    const { changed, skipped } = await state;
    expect([changed.map((entry) => entry.id), skipped]).toEqual([["a", "b"], 5]);
  });

  it("asks another engine again, and gives the difference as one state", async () => {
    const { watcher, id } = watch();
    await turn();
    tell(patch(id(), 1, ["a@0:1", "b@1:1", "c@2:1"]));
    const before = await next(watcher);
    hosts.last.listener.ready();
    await turn();
    expect(asked("watch")).toHaveLength(2);
    const state = next(watcher);
    tell(patch(id(), 1, ["a@0:1", "c@1:2"], { more: true }));
    tell(patch(id(), 2, ["d@2:1"]));
    const { rows, added, changed, moved, removed, missed } = await state;
    expect(rows[0]).toBe(before.rows[0]);
    expect([added, changed, moved, removed].map((all) => all.map((entry) => entry.id))).toEqual([
      ["d"],
      ["c"],
      [],
      ["b"],
    ]);
    expect(missed).toBe(true);
  });

  it("gives nothing when another engine answers the same", async () => {
    const { watcher, id } = watch();
    await turn();
    tell(patch(id(), 1, ["a@0:1"]));
    await next(watcher);
    hosts.last.listener.ready();
    await turn();
    tell(patch(id(), 1, ["a@0:1"]));
    let given = false;
    const state = next(watcher).then((value) => ((given = true), value));
    await turn();
    expect(given).toBe(false);
    tell(patch(id(), 2, ["a@0:2"]));
    expect((await state).changed).toHaveLength(1);
  });

  it("outlives a host that dies", async () => {
    const { watcher, id } = watch();
    await turn();
    tell(patch(id(), 1, ["a@0:1"]));
    const { rows } = await next(watcher);
    const state = next(watcher);
    hosts.last.listener.gone(dead("The test ended it."));
    void client.ask({ status: {} }, "status", { op: "status" }).catch(() => {});
    await turn();
    expect(hosts.hosts).toHaveLength(2);
    expect(asked("watch")).toHaveLength(1);
    tell(patch(id(), 1, ["a@0:1", "b@1:1"]));
    const { added, rows: after, missed } = await state;
    expect([added.length, missed, after[0] === rows[0]]).toEqual([1, true, true]);
  });

  it("fails with what the engine says, and tells it when it ends", async () => {
    const { watcher, id } = watch();
    await turn();
    const failure = { code: "query.too-large" as const, message: "", retry: false, collection: null, id: null };
    const failed = watcher.next().catch((error: AshoreError) => error.code);
    hosts.last.tell({ unwatched: { watch: id(), failure } });
    expect(await failed).toBe("query.too-large");
    expect(await watcher.next().catch((error: AshoreError) => error.code)).toBe("query.too-large");

    const second = watch();
    await turn();
    const ended = second.id();
    const waiting = second.watcher.next();
    second.watcher.end();
    expect(await waiting).toBeNull();
    await turn();
    expect(asked("unwatch")).toEqual([{ watch: ended }]);
  });

  it("reports documents that do not decode", async () => {
    const { id } = watch();
    await turn();
    tell(patch(id(), 1, [], { corrupt: ["a"] }));
    expect(faults.map(({ code, id: about }) => [code, about])).toEqual([["store.corrupt", "a"]]);
  });
});

/** A state as text, such as `a1 b1`, and what two of them differ in. */
const entries = (text: string, known: Map<string, { id: string; document: object }>) =>
  text.split(" ").map((name) => {
    const entry = known.get(name) ?? { id: name[0] as string, document: {} };
    known.set(name, entry);
    return entry;
  });

const differ = (before: string, after: string) => {
  const known = new Map<string, { id: string; document: object }>();
  const [old, now] = [entries(before, known), entries(after, known)];
  const ids = new Set([...old, ...now].map(({ id }) => id));
  const pairs = [...ids].map(
    (id) => [old.find((entry) => entry.id === id), now.find((entry) => entry.id === id)] as const,
  );
  const { added, changed, moved, removed } = difference(old, now, pairs);
  return [added, changed, moved, removed].map((all) => all.map(({ id }) => id).join(""));
};

describe("rows", () => {
  it("tell what came, went, changed and moved", () => {
    expect(differ("a1 b1 c1", "a1 b1 c1")).toEqual(["", "", "", ""]);
    expect(differ("a1 b1 c1", "a1 d1 c1")).toEqual(["d", "", "", "b"]);
    expect(differ("a1 b1 c1", "a1 b2 c1")).toEqual(["", "b", "", ""]);
    expect(differ("a1 b1 c1", "b1 c1 a2")).toEqual(["", "a", "a", ""]);
    expect(differ("a1 b1 c1 d1", "c1 d1 a2 e1")).toEqual(["e", "a", "a", "b"]);
    expect(differ("a1 b1 c1", "b2 a2 c1")).toEqual(["", "ba", "ba", ""]);
    expect(differ("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1", "j2 i2 h2 g2 f2 e2 d2 c2 b2 a1")).toEqual([
      "",
      "jihgfedcb",
      "jihgfedcb",
      "",
    ]);
    expect(differ("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1", "a2 b2 c2 d2 e2 f2 g2 h2 i2 j2")).toEqual([
      "",
      "abcdefghij",
      "",
      "",
    ]);
  });

  it("take many that come and go as one by one", () => {
    const rows = new Rows();
    const many = Array.from({ length: 40 }, (_, at) => `r${at}@${at}:1`);
    rows.apply(patch(1, 1, many), () => {});
    const given = rows.entries;
    const odd = many.flatMap((_, at) => (at % 2 ? [`r${at}`] : []));
    rows.apply(patch(1, 2, [], { removed: odd }), () => {});
    expect(rows.entries.map(({ id }) => id)).toEqual(many.flatMap((_, at) => (at % 2 ? [] : [`r${at}`])));
    rows.apply(
      patch(
        1,
        3,
        many.filter((_, at) => at % 2),
      ),
      () => {},
    );
    expect(rows.entries.map(({ id }) => id)).toEqual(given.map(({ id }) => id));
    expect(given).toHaveLength(40);
  });
});
