/**
 * The page's end of the conversation with the engine. Calls of one turn of the event loop travel as one message; each has an id, and what is
 * unanswered when another engine takes over is asked again under the same id, so that the engine never applies it twice.
 */

import { decode, encode } from "cborg";
import { Emitter } from "./emitter.js";
import { AshoreError, closed } from "./errors.js";
import type { Answer } from "./generated/Answer.js";
import type { Calls } from "./generated/Calls.js";
import type { Command } from "./generated/Command.js";
import type { ErrorCode } from "./generated/ErrorCode.js";
import type { Event } from "./generated/Event.js";
import type { Failure } from "./generated/Failure.js";
import type { KeyInfo } from "./generated/KeyInfo.js";
import type { LogLevel } from "./generated/LogLevel.js";
import type { News } from "./generated/News.js";
import type { Reply } from "./generated/Reply.js";
import type { SyncStatus } from "./generated/SyncStatus.js";
import type { Host, StartHost } from "./host.js";
import { areClosed, type KeyState, keyStateOf, NO_KEYS } from "./keys.js";
import { type LogEvent, Logs, type LogsOptions } from "./logs.js";
import { randomName } from "./random.js";
import { type EngineStatus, Supervision } from "./supervision.js";
import { Telling } from "./telling.js";

/** What a reply of one kind holds. */
export type ReplyOf<Kind extends string> = Extract<Reply, Record<Kind, unknown>>[Kind &
  keyof Extract<Reply, Record<Kind, unknown>>];
type KindsOf<Union> = Union extends unknown ? keyof Union : never;
/** The kinds of replies there are. */
export type ReplyKind = KindsOf<Reply>;

/** What a call may be given besides its command. */
export interface AskOptions {
  /** The public call that asks, for the error. */
  readonly op: string;
  /** Gives up waiting: the call rejects with `request.aborted`. What it asked for may still happen. */
  readonly signal?: AbortSignal | undefined;
}

/** How a client watches over its engines, and how much it logs. */
export interface ClientOptions {
  /** How often a sign of life is asked for, in milliseconds. */
  readonly heartbeatMs?: number;
  readonly logLevel?: LogLevel;
}

/** How often a sign of life is asked for unless told otherwise, in milliseconds. */
export const HEARTBEAT_MS = 1_000;
/** After so many heartbeats without a sign of life an engine counts as dead. One that has ended is noticed at once. */
const HANG_BEATS = 10;
/** After so many it is unhealthy: one was missed for certain. */
const LATE_BEATS = 2;
/** How long a sign of life may stay out unless told otherwise, in milliseconds. */
export const HANG_MS = HANG_BEATS * HEARTBEAT_MS;
/** An engine that answers with one of these does nothing more: its host is about to be gone. */
const ENDS_THE_ENGINE: ReadonlySet<ErrorCode> = new Set(["store.failed", "store.poisoned", "store.quota-exceeded"]);

/** Where sync stands as long as no engine has said anything. */
export const UNKNOWN_STATUS: SyncStatus = {
  state: "offline",
  enabled: false,
  relay: null,
  connected: false,
  pending: 0,
  cursor: 0,
  head: 0,
  group: null,
  device: null,
  lastSyncedAt: null,
  lastError: null,
  retryAt: null,
  quarantined: 0,
};

/** What every engine is asked before anything else: {@link Client.keepAsking}. */
export interface Standing {
  readonly command: Command;
  /** The public call that it comes from, for errors. */
  readonly op: string;
  /** An engine answered; each does once. */
  readonly answered: (reply: Reply) => void;
  /** An engine refused, or died before it answered. */
  readonly failed: (error: AshoreError) => void;
  /** It travels in a message of its own: an older engine refuses all that is in a message with something that it does not know. */
  readonly alone?: boolean;
}

interface Asked {
  readonly command: Command;
  readonly op: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: AshoreError) => void;
  readonly standing?: Standing;
  sent: boolean;
  /** It was under way when an engine broke: one more breaks over it, and it is given up. */
  again?: boolean;
}

/** One page's conversation with the engine of one database, shared by every handle of that page. */
export class Client {
  /** What the engine says unasked; `started` whenever a host starts; where the engine stands, and what is logged. */
  readonly events = new Emitter<{ event: Event; started: void; engine: EngineStatus; log: LogEvent }>();
  readonly #logs: Logs;
  readonly #supervision: Supervision;
  readonly #heartbeatMs: number;
  #stopLogs: () => void = () => {};
  #paused = false;
  readonly #start: StartHost;
  readonly #asked = new Map<number, Asked>();
  readonly #standing = new Set<Standing>();
  #name = "";
  #lastId = 0;
  #host: Host | null = null;
  /** One that was given up: with its place the app keeps the database open, and unlocked, until the next one has it. */
  #last: Host | null = null;
  #ready = false;
  /** The engine has failed, and its host has not said so yet: what is asked meanwhile is for the next one. */
  #ending = false;
  #flushing = false;
  #everReady = false;
  #freshHost = true;
  #listeners = 0;
  #status = UNKNOWN_STATUS;
  #keys = NO_KEYS;
  #checking: ReturnType<typeof setInterval> | undefined;
  #restarting: ReturnType<typeof setTimeout> | undefined;
  #lastSign = 0;
  #closed: Promise<void> | null = null;

  constructor(start: StartHost, { heartbeatMs = HEARTBEAT_MS, logLevel = "off" }: ClientOptions = {}) {
    this.#start = start;
    this.#heartbeatMs = heartbeatMs;
    this.#logs = new Logs(logLevel, (event) => this.events.emit("log", event));
    this.#supervision = new Supervision({
      changed: (status) => this.events.emit("engine", status),
      note: (level, message, code, counts) => this.#logs.note(level, message, code, counts),
    });
    this.#watchLogs();
  }

  /** Where the engine stands. */
  get engine(): EngineStatus {
    return this.#supervision.status;
  }

  /** What was logged lately. */
  logs(options: LogsOptions): LogEvent[] {
    return this.#logs.recent(options);
  }

  /** How much is logged. */
  get logLevel(): LogLevel {
    return this.#logs.level;
  }

  set logLevel(level: LogLevel) {
    const before = this.#logs.level;
    this.#logs.level = level;
    if (level === "off" && before !== "off" && this.#host) {
      const command: Command = { watchLogs: { level } };
      this.#add({ command, op: "setLogLevel", resolve: ignore, reject: ignore, sent: false });
    }
    this.#watchLogs();
  }

  /** Whoever runs the engine tells this page what is logged, up to its level. */
  #watchLogs(): void {
    this.#stopLogs();
    this.#stopLogs = () => {};
    const { level } = this.#logs;
    if (level !== "off") {
      this.#stopLogs = this.keepAsking({
        command: { watchLogs: { level } },
        op: "logs",
        answered: (reply) => "logs" in reply && this.#logs.begin(reply.logs.log, reply.logs.entries),
        // An engine of an older version, in another tab, keeps no log.
        failed: ignore,
        alone: true,
      });
    }
  }

  /** Starts an engine if none runs, however often others have failed. */
  startEngine(op: string): void {
    if (!this.#host) {
      this.#supervision.forgive();
      this.#ensureHost(op);
    }
  }

  /** Ends the engine at once, whatever it is doing, as if it had died. */
  endEngine(): void {
    this.#leave(dead("The app asked for another one."));
  }

  /** Gives up the host, whatever it is doing, and keeps its place. */
  #leave(failure: Failure): void {
    if (this.#host) {
      this.#host.leave();
      this.#keepPlace(this.#host);
      this.#onGone(failure);
    }
  }

  #keepPlace(host: Host | null): void {
    this.#last?.kill();
    this.#last = host;
  }

  /** Nobody looks: engines that nobody waits for are not watched over. */
  pause(): void {
    this.#paused = true;
    this.#watchLife();
  }

  /** Somebody does again. */
  resume(): void {
    this.#paused = false;
    this.#watchLife();
    if (this.#listeners > 0) {
      this.#wake();
    }
  }

  /** Where sync stands, as the engine said last. */
  get status(): SyncStatus {
    return this.#status;
  }

  /** Where the database's keys are, as far as an engine has said. */
  get keyState(): KeyState {
    return keyStateOf(this.#keys, this.#status);
  }

  /** A host is running: calling the engine starts nothing. */
  get running(): boolean {
    return this.#host !== null;
  }

  /** Asks the engine, starting one when there is none, and resolves with the reply of that kind. */
  async ask<Kind extends ReplyKind>(command: Command, kind: Kind, options: AskOptions): Promise<ReplyOf<Kind>> {
    const reply = await this.#ask(command, options);
    const held = (reply as Record<string, unknown>)[kind];
    if (held === undefined) {
      throw new AshoreError("internal", `The answer to ${options.op} was of another kind.`, { op: options.op });
    }
    return held as ReplyOf<Kind>;
  }

  /** Somebody listens from now on: an engine runs, also after this one has died. Ends with the returned function. */
  listen(): () => void {
    this.#listeners += 1;
    this.#wake();
    this.#watchLife();
    let over = false;
    return () => {
      if (!over) {
        this.#listeners -= 1;
        this.#watchLife();
      }
      over = true;
    };
  }

  /**
   * Asks this of the engine that runs, and of every later one before it is asked anything else, until the returned function is called. What an engine
   * keeps in memory for a page is kept alive this way when another tab's engine takes over. It starts no engine.
   */
  keepAsking(standing: Standing): () => void {
    this.#standing.add(standing);
    if (this.#host) {
      this.#askStanding(standing);
    }
    return () => void this.#standing.delete(standing);
  }

  #askStanding(standing: Standing): void {
    const ifWanted = (act: () => void): void => {
      if (this.#standing.has(standing)) {
        act();
      }
    };
    const { command, op } = standing;
    const resolve = (reply: Reply): void => ifWanted(() => standing.answered(reply));
    const reject = (error: AshoreError): void => ifWanted(() => standing.failed(error));
    this.#add({ command, op, resolve, reject, standing, sent: false });
  }

  /** All that stands, but what is unanswered and asked again anyway. */
  #askAllStanding(): void {
    const waiting = new Set([...this.#asked.values()].map(({ standing }) => standing));
    for (const standing of this.#standing) {
      if (!waiting.has(standing)) {
        this.#askStanding(standing);
      }
    }
  }

  /** Rejects what is unanswered and everything after with `database.closed`, and ends the host. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const hosts = [this.#last, this.#host];
    this.#last = null;
    this.#host = null;
    this.#ready = false;
    clearTimeout(this.#restarting);
    this.#supervision.stopping();
    this.#rejectAll((op) => closed(op));
    await Promise.all(hosts.map((host) => host?.stop()));
    this.#supervision.closed();
    this.events.clear();
  }

  #ask(command: Command, { op, signal }: AskOptions): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        throw closed(op);
      }
      if (signal?.aborted) {
        throw aborted(op, signal);
      }
      this.#ensureHost(op);
      const asked: Asked = { command, op, resolve, reject, sent: false };
      this.#add(asked);
      signal?.addEventListener("abort", () => this.#giveUp(asked, aborted(op, signal)), { once: true });
    });
  }

  #add(asked: Asked): void {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, asked);
    if (this.#ready) {
      this.#scheduleFlush();
    }
    this.#watchLife();
  }

  /** Its id may be another call's by now. */
  #giveUp(asked: Asked, error: AshoreError): void {
    for (const [id, waiting] of this.#asked) {
      if (waiting === asked) {
        this.#settle(id);
        asked.reject(error);
      }
    }
  }

  #settle(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (this.#asked.size === 0) {
      this.#watchLife();
    }
    return asked;
  }

  #rejectAll(error: (op: string) => AshoreError): void {
    const all = [...this.#asked.values()];
    this.#asked.clear();
    this.#watchLife();
    for (const { op, reject } of all) {
      reject(error(op));
    }
  }

  // Sending: waits until a microtask brings no further call, so that loops that go on together also travel together.

  #scheduleFlush(): void {
    if (this.#flushing) {
      return;
    }
    this.#flushing = true;
    let seen = this.#lastId;
    const check = (): void => {
      if (this.#lastId === seen) {
        this.#flushing = false;
        this.#flush();
      } else {
        seen = this.#lastId;
        queueMicrotask(check);
      }
    };
    queueMicrotask(check);
  }

  #flush(): void {
    if (!this.#ready || !this.#host) {
      return;
    }
    const unsent = [...this.#asked].filter(([, { sent }]) => !sent);
    // What stands goes first, also before what was asked earlier of an engine that is gone.
    const first = unsent.filter(([, { standing }]) => standing && !standing.alone);
    const then = unsent.filter(([, { standing }]) => !standing);
    this.#send(this.#host, [...first, ...then]);
    for (const alone of unsent.filter(([, { standing }]) => standing?.alone)) {
      this.#send(this.#host, [alone]);
    }
  }

  #send(host: Host, together: readonly (readonly [number, Asked])[]): void {
    const calls: Calls = { client: this.#name, received: this.#received(), calls: [] };
    for (const [id, asked] of together) {
      asked.sent = true;
      calls.calls.push({ id, command: asked.command });
    }
    if (calls.calls.length > 0) {
      host.send(encode(calls) as Uint8Array<ArrayBuffer>);
    }
  }

  /** Ids rise, so everything below the oldest call that still waits has been answered. */
  #received(): number {
    const oldest = this.#asked.keys().next();
    return oldest.done ? this.#lastId : oldest.value - 1;
  }

  // The host: started by the first call, started again by the first one after it died.

  #wake(): void {
    if (this.#host || this.#closed) {
      return;
    }
    try {
      this.#ensureHost("listen");
    } catch {
      this.#restartLater();
    }
  }

  #ensureHost(op: string): void {
    if (this.#host) {
      return;
    }
    const { refusal } = this.#supervision;
    if (refusal) {
      throw AshoreError.from(refusal, op);
    }
    clearTimeout(this.#restarting);
    this.#name = randomName();
    this.#lastId = 0;
    this.#freshHost = true;
    this.#ready = false;
    this.#ending = false;
    let mine: Host | null = null;
    const ifMine = (act: () => void): void => {
      if (mine && this.#host === mine) {
        act();
      }
    };
    const telling = new Telling<Uint8Array>((bytes) => ifMine(() => this.#onNews(bytes)));
    const afterNews = (act: () => void): void => {
      telling.all();
      ifMine(act);
    };
    mine = this.#start(this.#name, {
      ready: () => afterNews(() => this.#onReady()),
      news: (messages) => telling.hear(messages),
      alive: () => ifMine(() => this.#onSign()),
      replaced: (failure) => afterNews(() => this.#onReplaced(failure)),
      gone: (failure) => afterNews(() => this.#onGone(failure)),
    });
    this.#host = mine;
    this.#supervision.started();
    this.events.emit("started", undefined);
    this.#askStatus();
    this.#askAllStanding();
  }

  #onReady(): void {
    this.#keepPlace(null);
    this.#ready = true;
    this.#ending = false;
    this.#supervision.ready();
    this.#watchLife();
    for (const asked of this.#asked.values()) {
      asked.sent = false;
    }
    if (this.#everReady) {
      // Another engine may have changed what this page shows, without our hearing of it.
      if (!this.#freshHost) {
        this.#askStatus();
        this.#askAllStanding();
      }
      this.events.emit("event", { changed: { changes: [], missed: true } });
    }
    this.#everReady = true;
    this.#freshHost = false;
    this.#flush();
  }

  #onGone(failure: Failure): void {
    this.#host = null;
    this.#ready = false;
    this.#supervision.gone(failure, this.#listeners > 0);
    const forTheNext = this.#ending ? this.#takeUnsent() : [];
    this.#rejectAll((op) => AshoreError.from(failure, op));
    this.#askAgain(forTheNext);
    if (this.#listeners > 0) {
      this.#restartLater();
    }
  }

  /** The host has another engine. A call that two of them broke over is not given to a third. */
  #onReplaced(failure: Failure): void {
    if (!this.#supervision.replaced(failure)) {
      this.#keepPlace(this.#host);
      return this.#onGone(failure);
    }
    for (const [id, asked] of this.#asked) {
      if (asked.sent && asked.again) {
        this.#settle(id);
        asked.reject(AshoreError.from(failure, asked.op));
      }
      asked.again = asked.sent;
    }
    this.#onReady();
  }

  /** What stands is asked of the next host anyway. */
  #takeUnsent(): Asked[] {
    const unsent = [...this.#asked].filter(([, { sent, standing }]) => !sent && !standing);
    for (const [id] of unsent) {
      this.#settle(id);
    }
    return unsent.map(([, asked]) => asked);
  }

  /** Asks another host what no engine has seen. */
  #askAgain(unsent: readonly Asked[]): void {
    for (const asked of unsent) {
      try {
        this.#ensureHost(asked.op);
        this.#add(asked);
      } catch (error) {
        asked.reject(error as AshoreError);
      }
    }
  }

  #restartLater(): void {
    clearTimeout(this.#restarting);
    this.#restarting = setTimeout(() => {
      if (this.#listeners > 0) {
        this.#wake();
      }
    }, this.#supervision.delayMs);
  }

  // Hearing.

  #onNews(bytes: Uint8Array): void {
    this.#onSign();
    const news = decode(bytes) as News;
    // Status first: who goes on after an answer must not see what was before it.
    for (const event of news.events) {
      if ("status" in event) {
        this.#status = event.status.status;
      }
      if ("keys" in event) {
        this.#takeKeys(event.keys.keys);
      }
      if ("logged" in event) {
        this.#logs.take(event.logged.entries);
      }
    }
    for (const answer of news.answers) {
      this.#onAnswer(answer);
    }
    for (const event of news.events) {
      this.events.emit("event", event);
    }
  }

  #onAnswer({ id, outcome }: Answer): void {
    // Another tab's engine will answer it: asked again as soon as that one is ready.
    if ("failed" in outcome && outcome.failed.code === "host.superseded") {
      return;
    }
    const asked = this.#settle(id);
    this.#supervision.answered();
    if (!asked) {
      return;
    }
    if ("failed" in outcome) {
      if (ENDS_THE_ENGINE.has(outcome.failed.code)) {
        this.#ready = false;
        this.#ending = true;
      }
      asked.reject(AshoreError.from(outcome.failed, asked.op));
    } else {
      if ("status" in outcome.ok) {
        this.#status = outcome.ok.status.status;
      }
      if ("keys" in outcome.ok) {
        this.#takeKeys(outcome.ok.keys.keys);
      }
      asked.resolve(outcome.ok);
    }
  }

  /** A database that is opened again has another engine: what stands is asked of it. */
  #takeKeys(keys: KeyInfo): void {
    const [wasClosed, isClosed] = [areClosed(this.#keys), areClosed(keys)];
    this.#keys = keys;
    if (isClosed && !wasClosed) {
      this.#status = UNKNOWN_STATUS;
      this.events.emit("event", { status: { status: this.#status } });
    }
    if (wasClosed && !isClosed) {
      this.#askStatus();
      this.#askAllStanding();
      this.events.emit("event", { changed: { changes: [], missed: true } });
    }
  }

  #askStatus(): void {
    this.#add({ command: { status: {} }, op: "status", resolve: ignore, reject: ignore, sent: false });
  }

  // Signs of life: while something is unanswered, or somebody listens and looks.

  #onSign(): void {
    this.#lastSign = now();
    this.#supervision.seen();
  }

  #watchLife(): void {
    const waits = this.#asked.size > 0;
    const listens = this.#listeners > 0 && !this.#paused && this.#host !== null;
    if (!waits && !listens) {
      clearInterval(this.#checking);
      this.#checking = undefined;
      return;
    }
    this.#checking ??= this.#startChecking();
    // Who merely listens keeps no process running, where there is one.
    const timer = this.#checking as { ref?: () => void; unref?: () => void };
    (waits ? timer.ref : timer.unref)?.call(timer);
  }

  #startChecking(): ReturnType<typeof setInterval> {
    const every = this.#heartbeatMs;
    let expected = now() + every;
    this.#lastSign = now();
    return setInterval(() => {
      // We were not running ourselves: no judgement about others. And what is being started is not asked yet.
      if (now() > expected + every || !this.#ready) {
        this.#lastSign = now();
      }
      expected = now() + every;
      const silent = now() - this.#lastSign;
      if (silent > HANG_BEATS * every) {
        return this.#leave(dead("It gives no sign of life."));
      }
      if (silent > LATE_BEATS * every) {
        this.#supervision.missed();
      }
      this.#host?.check();
    }, every);
  }
}

/** The failure of a host that died. */
export function dead(why: string): Failure {
  return { code: "host.dead", message: `The engine has ended. ${why}`, retry: true, collection: null, id: null };
}

/** The failure of an environment that lacks something. */
export function unsupported(what: string): Failure {
  return { code: "host.unsupported", message: what, retry: false, collection: null, id: null };
}

function aborted(op: string, signal: AbortSignal): AshoreError {
  return new AshoreError("request.aborted", "The caller gave up.", { op, retry: true, cause: signal.reason });
}

function now(): number {
  return performance.now();
}

function ignore(): void {}
