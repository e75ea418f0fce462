/** Presence: what open databases say about themselves to whoever is connected at the same time, and who else is here. Nothing of it is stored. */

import type { Client } from "./client.js";
import type { Documents } from "./documents.js";
import { Emitter, type Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import type { Event } from "./generated/Event.js";
import type { PresencePeer } from "./generated/PresencePeer.js";
import type { Reply } from "./generated/Reply.js";
import { randomName } from "./random.js";

/** Another open database of the same group: another person's, another device's, or another tab of this one. */
export interface Peer {
  /** The device it is on: an `id` of {@link Sync.devices}. `null` on this device as long as there is no group. */
  readonly device: string | null;
  /** Which open database it is: unique, and new at each opening. */
  readonly handle: string;
  /** The name that the device gave itself. */
  readonly name: string;
  /** What it set: JSON of another app, maybe another version of it. Check it before you use it. */
  readonly state: unknown;
  /** Since when it has had a state, in milliseconds since 1970, by its own clock. */
  readonly since: number;
  /** It is another tab or handle of this device. */
  readonly isThisDevice: boolean;
}

/** What presence tells. */
export interface PresenceEvents {
  /** Somebody is here who was not. */
  readonly join: Peer;
  /** Somebody has left, or was not heard for half a minute; as they were last. */
  readonly leave: Peer;
  /** Somebody has another state or another name than before. */
  readonly change: Peer;
}

/** As in the engine: who was not heard for this long is gone. */
const EXPIRY_MS = 30_000;
const MAX_STATE_BYTES = 1_024;
const CLOSE_WAITS_MS = 1_000;

/**
 * Who else is here just now, and what they say about themselves: at {@link Database.presence}. For cursors, selections, "is typing".
 *
 * Each open database is one peer for the others: two tabs are two. The others hear of a state while they are connected to the same relay; tabs of this
 * device hear of it anyway. Nothing of it is stored, neither here nor at the relay, which sees only that something sealed was sent.
 *
 * @example
 * ```ts
 * await db.presence.set({ note: "n1", cursor });
 * db.presence.on("change", ({ name, state }) => showCursor(name, state));
 * db.presence.on("leave", ({ handle }) => hideCursor(handle));
 * await db.presence.clear();
 * ```
 */
export class Presence {
  readonly #client: Client;
  readonly #documents: Documents;
  readonly #handle = randomName();
  readonly #events = new Emitter<PresenceEvents>();
  readonly #here = new Map<string, Peer>();
  #peers: readonly Peer[] = [];
  /** What an engine that took over has not heard of yet; gone when it has not by a deadline. */
  readonly #unsure = new Set<string>();
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #listeners = 0;
  #stopWatching: (() => void) | null = null;
  /** The state that this handle is to have, and the one that an engine knows of; JSON. */
  #wanted: string | null = null;
  #told: string | null = null;
  #since = 0;
  #telling: Promise<void> | null = null;
  #stopTelling: (() => void) | null = null;
  #page: AbortController | null = null;

  /** @internal Use {@link Database.presence}. */
  constructor(client: Client, documents: Documents) {
    this.#client = client;
    this.#documents = documents;
  }

  /**
   * Who else is here, oldest first; another array whenever that differs. Known while this handle listens or has a state, empty otherwise.
   */
  get peers(): readonly Peer[] {
    return this.#peers;
  }

  /**
   * Says this about this handle, in the place of what it said before, until `clear` or the database is closed: to everybody who is connected, and again
   * to everybody who comes. Resolves when the engine has it, not when others do: there may be no network. Of states that follow one another quickly some are left out,
   * never the last: about 15 a second travel.
   *
   * @param state Plain JSON of at most 1,024 bytes.
   * @throws {@link AshoreError} `request.invalid` when it is no JSON, is too large, or 16 handles of this device have a state.
   */
  async set(state: unknown): Promise<void> {
    this.#documents.checkOpen("presence.set");
    const json = toState(state);
    if (this.#wanted === null) {
      this.#since = Date.now();
    }
    this.#wanted = json;
    this.#watchWhileUsed();
    this.#watchPage();
    await this.#tell();
  }

  /** Says that this handle is not here any more. Others are told at once; who cannot be reached finds out within half a minute. */
  async clear(): Promise<void> {
    this.#documents.checkOpen("presence.clear");
    await this.#clear();
  }

  /** Calls `handler` for every event of that name from now on; the returned function ends it. Listening starts the engine. */
  on<Name extends keyof PresenceEvents>(name: Name, handler: (peer: PresenceEvents[Name]) => void): Unsubscribe {
    this.#documents.checkOpen("presence.on");
    this.#listeners += 1;
    this.#watchWhileUsed();
    const off = this.#events.on(name, handler);
    let over = false;
    return () => {
      off();
      this.#listeners -= over ? 0 : 1;
      over = true;
      this.#watchWhileUsed();
    };
  }

  /** @internal */
  hear(event: Event): void {
    if ("presence" in event && this.#stopWatching) {
      this.#apply(event.presence.peers, event.presence.gone);
    }
  }

  /** The database closes. @internal */
  async end(): Promise<void> {
    this.#listeners = 0;
    // An engine that does not come is not waited for.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_WAITS_MS)));
    await Promise.race([this.#clear().catch(ignore), late]);
    clearTimeout(timer);
    this.#events.clear();
  }

  // What this handle says.

  async #clear(): Promise<void> {
    const had = this.#wanted !== null || this.#told !== null;
    this.#wanted = null;
    this.#page?.abort();
    this.#page = null;
    this.#watchWhileUsed();
    if (had) {
      await this.#tell();
    }
  }

  /** One call at a time: what is set meanwhile takes the place of what was to be said. */
  #tell(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = null));
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    while (this.#told !== this.#wanted) {
      const state = this.#wanted;
      if (state === null) {
        await this.#askToClear();
      } else {
        await this.#keepTelling(state);
      }
      this.#told = state;
    }
  }

  /** Every later engine is told, too. What may pass leaves it to the next one. */
  #keepTelling(state: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const command = { setPresence: { handle: this.#handle, since: this.#since, state } };
      const failed = (error: AshoreError): void => {
        if (!error.retry) {
          this.#forgetTold();
          this.#wanted = null;
          this.#watchWhileUsed();
          reject(error);
        }
      };
      this.#stopTelling?.();
      this.#stopTelling = this.#client.keepAsking({ command, op: "presence.set", answered: () => resolve(), failed });
    });
  }

  async #askToClear(): Promise<void> {
    this.#forgetTold();
    if (this.#client.running) {
      const command = { setPresence: { handle: this.#handle, since: 0, state: null } };
      await this.#client.ask(command, "done", { op: "presence.clear" });
    }
  }

  #forgetTold(): void {
    this.#stopTelling?.();
    this.#stopTelling = null;
    this.#told = null;
  }

  /** A page that is left says so while there still is a moment, and is here again when it is shown again. */
  #watchPage(): void {
    if (this.#page || typeof globalThis.addEventListener !== "function") {
      return;
    }
    this.#page = new AbortController();
    const { signal } = this.#page;
    globalThis.addEventListener("pagehide", () => this.#askToClear().catch(ignore), { signal });
    globalThis.addEventListener("pageshow", () => this.#tell().catch(ignore), { signal });
  }

  // Who else is here.

  #watchWhileUsed(): void {
    const used = this.#listeners > 0 || this.#wanted !== null;
    if (used && !this.#stopWatching) {
      this.#watch();
    } else if (!used && this.#stopWatching) {
      this.#stopWatching();
      this.#stopWatching = null;
    }
  }

  #watch(): void {
    const stopListening = this.#client.listen();
    const stopAsking = this.#client.keepAsking({
      command: { watchPresence: { handle: this.#handle } },
      op: "presence",
      answered: (reply) => this.#begin(reply),
      failed: ignore,
    });
    this.#stopWatching = () => {
      stopAsking();
      stopListening();
      clearTimeout(this.#deadline);
      this.#here.clear();
      this.#peers = [];
      if (this.#client.running) {
        const command = { unwatchPresence: { handle: this.#handle } };
        this.#client.ask(command, "done", { op: "presence" }).catch(ignore);
      }
    };
  }

  /** An engine says who it has heard of. One that took over just now has not heard of everybody who is here. */
  #begin(reply: Reply): void {
    if (!("presence" in reply)) {
      return;
    }
    this.#unsure.clear();
    for (const key of this.#here.keys()) {
      this.#unsure.add(key);
    }
    this.#apply(reply.presence.peers, []);
    clearTimeout(this.#deadline);
    if (this.#unsure.size > 0) {
      this.#deadline = setTimeout(() => this.#forgetUnsure(), EXPIRY_MS);
    }
  }

  #forgetUnsure(): void {
    const left = [...this.#unsure].filter((key) => this.#here.has(key));
    this.#remove(left);
  }

  #apply(said: readonly PresencePeer[], gone: readonly PresencePeer[]): void {
    const [joined, changed]: [Peer[], Peer[]] = [[], []];
    for (const each of said) {
      const peer = this.#parse(each);
      if (peer === null) {
        continue;
      }
      const key = keyOf(each);
      const known = this.#here.get(key);
      this.#unsure.delete(key);
      this.#here.set(key, peer);
      if (!known) {
        joined.push(peer);
      } else if (!isSame(known, peer)) {
        changed.push(peer);
      }
    }
    if (joined.length + changed.length > 0) {
      this.#list();
    }
    joined.forEach((peer) => this.#events.emit("join", peer));
    changed.forEach((peer) => this.#events.emit("change", peer));
    this.#remove(gone.map(keyOf));
  }

  #remove(keys: readonly string[]): void {
    const left = keys.flatMap((key) => this.#here.get(key) ?? []);
    keys.forEach((key) => this.#here.delete(key));
    if (left.length > 0) {
      this.#list();
    }
    left.forEach((peer) => this.#events.emit("leave", peer));
  }

  #list(): void {
    this.#peers = Object.freeze([...this.#here.values()].sort((a, b) => a.since - b.since));
  }

  /** `null` for this handle itself, and for what is not what a peer may say. */
  #parse({ device, handle, name, state, since, me }: PresencePeer): Peer | null {
    if (me && handle === this.#handle) {
      return null;
    }
    try {
      return Object.freeze({ device, handle, name, state: JSON.parse(state) as unknown, since, isThisDevice: me });
    } catch {
      return null;
    }
  }
}

/** A handle on this device is the same one before and after there is a group. */
function keyOf({ device, handle, me }: PresencePeer): string {
  return `${me ? "" : device}/${handle}`;
}

function isSame(one: Peer, other: Peer): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function toState(state: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(state);
  } catch (cause) {
    throw new AshoreError("request.invalid", "A presence must be plain JSON.", { op: "presence.set", cause });
  }
  if (json === undefined) {
    throw new AshoreError("request.invalid", "A presence must be plain JSON.", { op: "presence.set" });
  }
  if (new TextEncoder().encode(json).length > MAX_STATE_BYTES) {
    const message = `A presence has at most ${MAX_STATE_BYTES} bytes of JSON.`;
    throw new AshoreError("request.invalid", message, { op: "presence.set" });
  }
  return json;
}

function ignore(): void {}
