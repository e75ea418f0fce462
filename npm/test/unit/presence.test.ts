/** Presence against a scripted engine: another engine takes over, an engine that refuses, a page that is left. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, dead } from "../../src/client.js";
import { Documents } from "../../src/documents.js";
import type { Command } from "../../src/generated/Command.js";
import type { Event } from "../../src/generated/Event.js";
import type { PresencePeer } from "../../src/generated/PresencePeer.js";
import { Presence } from "../../src/presence.js";
import { ScriptedHosts } from "./scripted.js";

/** With what a database does with it, which is not public. */
type Held = Presence & { hear(event: Event): void };
const Make = Presence as unknown as new (client: Client, documents: Documents) => Held;

let hosts: ScriptedHosts;
let client: Client;
let presence: Held;
/** What the engine answers to who asks who is here. */
let known: PresencePeer[];
let heard: string[];

const peer = (handle: string, state = "1", more: Partial<PresencePeer> = {}): PresencePeer => {
  return { device: "d", handle, name: "", state, since: 5, me: false, ...more };
};

beforeEach(() => {
  vi.useFakeTimers();
  [known, heard] = [[], []];
  hosts = new ScriptedHosts((command) => {
    return { ok: "watchPresence" in command ? { presence: { peers: known } } : { done: {} } };
  });
  client = new Client(hosts.start);
  presence = new Make(client, new Documents(client, "relaxed", () => {}));
  client.events.on("event", (event) => presence.hear(event));
  for (const name of ["join", "change", "leave"] as const) {
    presence.on(name, ({ handle, state }) => heard.push(`${name} ${handle} ${JSON.stringify(state)}`));
  }
});

afterEach(async () => {
  await client.close();
  vi.useRealTimers();
});

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const states = (): (string | null)[] =>
  hosts.last.sent
    .flatMap(({ calls }): Command[] => calls.map(({ command }) => command))
    .flatMap((command) => ("setPresence" in command ? [command.setPresence.state] : []));

describe("another engine", () => {
  it("is told at once what this page says, since when, and asked who is here", async () => {
    await presence.set({ x: 1 });
    const first = hosts.last.sent.flatMap(({ calls }) => calls.map(({ command }) => command));
    hosts.last.listener.ready();
    await turn();
    const all = hosts.last.sent.flatMap(({ calls }) => calls.map(({ command }) => command));
    const again = all.slice(first.length);
    const set = first.find((command) => "setPresence" in command);
    expect(again).toContainEqual(set);
    expect(again.some((command) => "watchPresence" in command)).toBe(true);
  });

  it("may not have heard of everybody yet: who is not heard for half a minute is gone", async () => {
    known = [peer("stays"), peer("goes")];
    hosts.last.listener.ready();
    await turn();
    expect(heard).toEqual(["join stays 1", "join goes 1"]);
    known = [];
    hosts.last.listener.ready();
    await turn();
    await vi.advanceTimersByTimeAsync(20_000);
    hosts.last.tell({ presence: { peers: [peer("stays")], gone: [] } });
    await vi.advanceTimersByTimeAsync(9_000);
    expect(presence.peers.map(({ handle }) => handle)).toEqual(["stays", "goes"]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heard.slice(2)).toEqual(["leave goes 1"]);
    expect(presence.peers.map(({ handle }) => handle)).toEqual(["stays"]);
  });

  it("after one that died is told, too", async () => {
    await presence.set("here");
    hosts.last.listener.gone(dead("It crashed."));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(hosts.hosts).toHaveLength(2);
    expect(states()).toEqual(['"here"']);
  });
});

describe("what is said", () => {
  it("while the engine is busy is only the last of it", async () => {
    hosts.script = (command) =>
      "setPresence" in command ? null : { ok: "watchPresence" in command ? { presence: { peers: [] } } : { done: {} } };
    const all = [1, 2, 3].map((state) => presence.set(state));
    await turn();
    expect(states()).toEqual(["1"]);
    const id = hosts.last.sent.flatMap(({ calls }) => calls).find(({ command }) => "setPresence" in command)?.id ?? 0;
    hosts.script = () => ({ ok: { done: {} } });
    hosts.last.answer(id, { ok: { done: {} } });
    await Promise.all(all);
    expect(states()).toEqual(["1", "3"]);
  });

  it("is not said again when the engine refuses it", async () => {
    const failure = { code: "request.invalid", message: "No.", retry: false, collection: null, id: null } as const;
    hosts.script = (command) => ("setPresence" in command ? { failed: failure } : { ok: { presence: { peers: [] } } });
    await expect(presence.set(1)).rejects.toMatchObject({ code: "request.invalid", op: "presence.set" });
    hosts.last.listener.ready();
    await turn();
    expect(states()).toEqual(["1"]);
  });
});

describe("what an engine tells", () => {
  it("of this handle itself, and what is no JSON, is passed over", async () => {
    await presence.set(1);
    const own = hosts.last.sent
      .flatMap(({ calls }) => calls)
      .flatMap(({ command }) => ("setPresence" in command ? [command.setPresence.handle] : []));
    const all = [peer(own[0] as string, "1", { me: true }), peer("broken", "{"), peer("fine", "[]")];
    hosts.last.tell({ presence: { peers: all, gone: [] } });
    await turn();
    expect(heard).toEqual(["join fine []"]);
  });

  it("of the same handle on another device is somebody else", async () => {
    hosts.last.tell({ presence: { peers: [peer("h"), peer("h", "2", { device: "other" })], gone: [] } });
    await turn();
    expect(heard).toEqual(["join h 1", "join h 2"]);
  });
});

describe("a page that is left", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("says so, and is here again when it is shown again", async () => {
    const page = new EventTarget();
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    await presence.set("here");
    page.dispatchEvent(new globalThis.Event("pagehide"));
    await turn();
    expect(states()).toEqual(['"here"', null]);
    page.dispatchEvent(new globalThis.Event("pageshow"));
    await turn();
    expect(states()).toEqual(['"here"', null, '"here"']);
    await presence.clear();
    page.dispatchEvent(new globalThis.Event("pageshow"));
    await turn();
    expect(states()).toEqual(['"here"', null, '"here"', null]);
  });
});
