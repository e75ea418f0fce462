/**
 * One worker's seat among the tabs of a database. A Web Lock elects who runs the engine; the others send it their calls. When its tab is closed or
 * crashes, the lock goes to the next in line; when it is frozen, whoever misses its beats steals the lock. The store's fence makes sure that the one
 * that was replaced writes nothing any more, whenever it wakes up.
 */

import type { Failure } from "../generated/Failure.js";
import { type Engine, type EngineListener, failureOf, type OpenEngine, type Spare } from "./engine.js";
import {
  clientChannel,
  clientLock,
  hallChannel,
  type InHall,
  leaderLock,
  termChannel,
  type ToClient,
  type ToLeader,
} from "./messages.js";

/** How often who leads shows that it lives, in milliseconds. */
export const BEAT_MS = 400;
/** How long a follower hears nothing before it asks, in milliseconds. */
export const PROBE_AFTER_MS = 800;
/** How long it hears nothing before it takes over, in milliseconds; up to {@link JITTER_MS} more, so that two do not do it at once. */
export const STEAL_AFTER_MS = 1_100;
/** See {@link STEAL_AFTER_MS}. */
export const JITTER_MS = 250;
/** How long the page of a busy worker may ask for patience, in milliseconds. */
export const BUSY_MS = 10_000;
/** After a steal the next one waits longer, unless the last is this long ago, in milliseconds. */
export const CALM_MS = 10_000;
const LOOK_MS = 50;
/** How late a follower's own timer may be before it trusts nothing that it missed, in milliseconds. */
const ON_TIME_MS = 300;

/** A channel between tabs: what is posted is heard by every other one of that name. */
export interface Channel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What a seat needs from the browser. */
export interface Surroundings {
  readonly locks: Pick<LockManager, "request">;
  readonly openChannel: (name: string) => Channel;
  readonly openEngine: OpenEngine;
  /** Loads what opening an engine needs: it may be needed soon. */
  readonly prepare: () => void;
  readonly randomName: () => string;
  /** Milliseconds that only rise. */
  readonly now: () => number;
}

/** What a seat tells its page. */
export interface SeatListener {
  /** It holds its lock: its death can be noticed. */
  seated(): void;
  /** An engine can be asked; everything unanswered must be. */
  ready(): void;
  news(bytes: Uint8Array): void;
  /** It runs the engine in that term, or not any more. */
  leads(term: string | null): void;
  /** What opens the unlocked database again; `null`: it was locked. */
  spare(spare: Spare | null): void;
  /** It is of no use any more. */
  gone(failure: Failure): void;
}

/** A term in which this seat runs the engine. */
interface Leading {
  readonly term: string;
  readonly at: number;
  readonly inbox: Channel;
  readonly followers: Map<string, Channel>;
  /** Those that take spares. */
  readonly trusted: Set<string>;
  readonly release: () => void;
  engine: Engine | null;
}

/** A term that another seat leads. */
interface Following {
  readonly term: string;
  readonly at: number;
  readonly toLeader: Channel;
}

/** One worker's seat. */
export class Seat {
  readonly #database: string;
  readonly #client: string;
  readonly #around: Surroundings;
  readonly #listener: SeatListener;
  readonly #hall: Channel;
  readonly #inbox: Channel;
  readonly #over: Promise<void>;
  #stop: () => void = () => {};
  #stopped = false;
  #leading: Leading | null = null;
  #spare: Spare | null;
  #following: Following | null = null;
  #waiting: AbortController | null = null;
  #heardAt = 0;
  #beatenAt = 0;
  #lookedAt = 0;
  #stoleAt = -Infinity;
  #patienceMs = STEAL_AFTER_MS;
  readonly #jitterMs = Math.random() * JITTER_MS;
  #timers: ReturnType<typeof setInterval>[] = [];

  constructor(
    database: string,
    client: string,
    around: Surroundings,
    listener: SeatListener,
    spare: Spare | null = null,
  ) {
    this.#spare = spare;
    this.#database = database;
    this.#client = client;
    this.#around = around;
    this.#listener = listener;
    this.#over = new Promise((resolve) => (this.#stop = resolve));
    this.#hall = around.openChannel(hallChannel(database));
    this.#inbox = around.openChannel(clientChannel(client));
    this.#hall.onmessage = ({ data }: MessageEvent) => this.#onHall(data as InHall);
    this.#inbox.onmessage = ({ data }: MessageEvent) => this.#onNews(data as ToClient);
  }

  /** Takes the seat: from now on it follows or leads. */
  start(): void {
    const own = this.#around.locks.request(clientLock(this.#client), () => {
      this.#listener.seated();
      this.#timers.push(
        setInterval(() => this.#look(), LOOK_MS),
        setInterval(() => this.#beat(false), BEAT_MS),
      );
      this.#follow();
      return this.#over;
    });
    own.catch((error: unknown) => this.#fail(failureOf(error)));
  }

  /** Sends the bytes of one `Calls` message to the engine, wherever it runs. After `ready`; before, they are dropped and asked again. */
  send(calls: Uint8Array): void {
    if (this.#leading) {
      this.#handle(this.#leading, calls);
    } else {
      this.#following?.toLeader.postMessage({ calls: { client: this.#client, bytes: calls } } satisfies ToLeader);
    }
  }

  /** Leaves: what waits is committed, the engine goes to another tab. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#leading?.engine?.close();
    this.#leave();
  }

  /** Lets go of every lock and channel. */
  #leave(): void {
    this.#stopped = true;
    this.#waiting?.abort();
    this.#endTerm();
    this.#following?.toLeader.close();
    this.#following = null;
    for (const timer of this.#timers) {
      clearInterval(timer);
    }
    this.#hall.close();
    this.#inbox.close();
    this.#stop();
  }

  /** This seat is of no use any more. */
  #fail(failure: Failure): void {
    if (this.#stopped) {
      return;
    }
    this.#leave();
    this.#listener.gone(failure);
  }

  // Following.

  /** Waits in line for the lock, and listens meanwhile for who holds it. */
  #follow(): void {
    if (this.#stopped) {
      return;
    }
    this.#heard(true);
    this.#lookedAt = this.#around.now();
    this.#waiting = new AbortController();
    this.#elect({ signal: this.#waiting.signal });
    this.#post({ probe: true });
  }

  /** Takes the lock from who does not move. */
  #steal(): void {
    this.#waiting?.abort();
    this.#waiting = null;
    this.#heard(true);
    // The next one soon after waits twice as long: two that are slow must not steal from each other for ever.
    this.#patienceMs = Math.min(this.#patience() * 2, BUSY_MS);
    this.#stoleAt = this.#around.now();
    this.#elect({ steal: true });
  }

  #elect(options: LockOptions): void {
    const lock = leaderLock(this.#database);
    this.#around.locks
      .request(lock, options, () => this.#lead())
      .catch((error: unknown) => this.#onLockLost(error, options));
  }

  #onLockLost(error: unknown, { signal }: LockOptions): void {
    if (signal?.aborted && !this.#leading) {
      return;
    }
    if ((error as { name?: string } | null)?.name !== "AbortError") {
      return this.#fail(failureOf(error));
    }
    this.#leading?.engine?.abandon();
    this.#endTerm();
    this.#follow();
  }

  #onHall(message: InHall): void {
    if ("beat" in message) {
      this.#onBeat(message.beat);
    } else if ("busy" in message) {
      this.#onBusy(message.busy.term);
    } else if (this.#leading) {
      this.#beat(true);
    }
  }

  #onBeat({ term, at, open }: { readonly term: string; readonly at: number; readonly open: boolean }): void {
    if (this.#leading || (this.#following && at < this.#following.at)) {
      return;
    }
    this.#heard(true);
    if (!open || this.#following?.term === term) {
      return;
    }
    this.#following?.toLeader.close();
    this.#following = { term, at, toLeader: this.#around.openChannel(termChannel(term)) };
    this.#following.toLeader.postMessage({ hello: { client: this.#client, spares: true } } satisfies ToLeader);
    this.#listener.ready();
  }

  #onBusy(term: string): void {
    if (this.#following && this.#following.term !== term) {
      return;
    }
    if (this.#around.now() - this.#beatenAt < BUSY_MS) {
      this.#heard(false);
    }
  }

  #onNews(message: ToClient): void {
    if (this.#following?.term !== message.term) {
      return;
    }
    this.#heard(true);
    if ("spare" in message) {
      this.#hold(message.spare);
    } else if ("news" in message) {
      this.#listener.news(message.news);
    }
  }

  #hold(spare: Spare | null): void {
    this.#spare = spare;
    this.#listener.spare(spare);
  }

  #heard(beaten: boolean): void {
    this.#heardAt = this.#around.now();
    if (beaten) {
      this.#beatenAt = this.#heardAt;
    }
  }

  /** Looks at the clock: has who leads been silent for too long? */
  #look(): void {
    const now = this.#around.now();
    const late = now - this.#lookedAt > LOOK_MS + ON_TIME_MS;
    this.#lookedAt = now;
    if (this.#leading || !this.#waiting) {
      return;
    }
    // This one was stopped itself: what it missed says nothing.
    if (late) {
      return this.#heard(true);
    }
    const silence = now - this.#heardAt;
    if (silence > this.#patience() + this.#jitterMs) {
      this.#steal();
    } else if (silence > PROBE_AFTER_MS) {
      this.#post({ probe: true });
      this.#around.prepare();
    }
  }

  /** How much silence it bears, in milliseconds. */
  #patience(): number {
    return this.#around.now() - this.#stoleAt > CALM_MS ? STEAL_AFTER_MS : this.#patienceMs;
  }

  // Leading.

  /** The lock is here. It is held until the returned promise ends. */
  #lead(): Promise<void> {
    if (this.#stopped) {
      return Promise.resolve();
    }
    return new Promise((release) => this.#beginTerm(release));
  }

  #beginTerm(release: () => void): void {
    this.#waiting = null;
    this.#following?.toLeader.close();
    this.#following = null;
    const term = this.#around.randomName();
    const inbox = this.#around.openChannel(termChannel(term));
    const leading: Leading = {
      term,
      at: Date.now(),
      inbox,
      followers: new Map(),
      trusted: new Set(),
      release,
      engine: null,
    };
    inbox.onmessage = ({ data }: MessageEvent) => this.#onCall(leading, data as ToLeader);
    this.#leading = leading;
    this.#listener.leads(term);
    this.#beat(true);
    void this.#openEngine(leading);
  }

  async #openEngine(leading: Leading): Promise<void> {
    const listener: EngineListener = {
      deliver: (client, news) => this.#deliver(leading, client, news),
      ended: (failure) => this.#onEnded(leading, failure),
      held: (spare) => this.#handOut(leading, spare),
    };
    try {
      const engine = await this.#around.openEngine(listener, this.#spare);
      if (this.#leading !== leading) {
        return engine.abandon();
      }
      if (this.#stopped) {
        return await engine.close();
      }
      leading.engine = engine;
      this.#beat(true);
      this.#listener.ready();
    } catch (error) {
      this.#onEnded(leading, failureOf(error));
    }
  }

  #handle(leading: Leading, calls: Uint8Array): void {
    try {
      leading.engine?.handle(calls);
    } catch (error) {
      this.#onEnded(leading, failureOf(error));
    }
  }

  #onCall(leading: Leading, message: ToLeader): void {
    // What comes while this one leaves is asked again of the next one.
    if (this.#leading !== leading || this.#stopped) {
      return;
    }
    const said = "hello" in message ? message.hello : "calls" in message ? message.calls : null;
    if (!said) {
      return;
    }
    const { client } = said;
    if (!leading.followers.has(client)) {
      this.#admit(leading, client);
    }
    if ("hello" in message && message.hello.spares) {
      leading.trusted.add(client);
      this.#give(leading, client);
    }
    if ("calls" in message) {
      this.#handle(leading, message.calls.bytes);
    }
  }

  /** A follower is there until its lock comes free. */
  #admit(leading: Leading, client: string): void {
    leading.followers.set(client, this.#around.openChannel(clientChannel(client)));
    const gone = this.#around.locks.request(clientLock(client), () => {
      leading.followers.get(client)?.close();
      leading.followers.delete(client);
      leading.trusted.delete(client);
      if (this.#leading === leading) {
        leading.engine?.forget(client);
      }
    });
    gone.catch(() => {});
  }

  #deliver(leading: Leading, client: string | null, news: Uint8Array): void {
    if (this.#leading !== leading) {
      return;
    }
    for (const [follower, channel] of leading.followers) {
      if (client === null || client === follower) {
        channel.postMessage({ term: leading.term, news } satisfies ToClient);
      }
    }
    if (client === null || client === this.#client) {
      this.#listener.news(news);
    }
  }

  /** Gives every tab what opens the unlocked database when this one is gone, or takes it away. */
  #handOut(leading: Leading, spare: Spare | null): void {
    if (this.#leading !== leading) {
      return;
    }
    this.#hold(spare);
    for (const client of leading.trusted) {
      this.#give(leading, client);
    }
  }

  #give(leading: Leading, client: string): void {
    const message = { term: leading.term, spare: this.#spare } satisfies ToClient;
    leading.followers.get(client)?.postMessage(message);
  }

  #onEnded(leading: Leading, failure: Failure): void {
    if (this.#leading !== leading) {
      return;
    }
    leading.engine?.abandon();
    if (failure.code === "host.superseded") {
      this.#endTerm();
      this.#follow();
    } else {
      this.#fail(failure);
    }
  }

  #endTerm(): void {
    const leading = this.#leading;
    if (!leading) {
      return;
    }
    this.#leading = null;
    leading.inbox.close();
    for (const channel of leading.followers.values()) {
      channel.close();
    }
    leading.followers.clear();
    leading.release();
    this.#listener.leads(null);
  }

  /** Shows that this one leads and lives, when somebody may care. */
  #beat(always: boolean): void {
    const leading = this.#leading;
    if (!leading || (!always && leading.engine && leading.followers.size === 0)) {
      return;
    }
    this.#post({ beat: { term: leading.term, at: leading.at, open: leading.engine !== null } });
  }

  #post(message: InHall): void {
    this.#hall.postMessage(message);
  }
}
