/** One open database: its collections, its sync, and its end. */

import type { Client } from "./client.js";
import { Collection, type CollectionEvents } from "./collection.js";
import { diagnostics, type Diagnostics, type OriginStorage } from "./diagnostics.js";
import { type CallOptions, Documents, type WriteOptions } from "./documents.js";
import { Emitter, type Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import type { ChangedDocuments } from "./generated/ChangedDocuments.js";
import type { Command } from "./generated/Command.js";
import type { Durability } from "./generated/Durability.js";
import type { Event } from "./generated/Event.js";
import type { LogLevel } from "./generated/LogLevel.js";
import { exportFile, type ExportOptions, importFile, type TakenFile } from "./export.js";
import { check, type CheckOptions, type CheckReport, repair, type RepairOptions, type RepairReport } from "./health.js";
import type { Capabilities } from "./host.js";
import { fromInfo } from "./indexes.js";
import { checkPassphrase, type Encrypt, type KeyState } from "./keys.js";
import { checkLevel, type LogEvent, type LogsOptions } from "./logs.js";
import type { CollectionOptions } from "./options.js";
import { LAST_FLUSH_MS } from "./page.js";
import { Presence } from "./presence.js";
import type { Direction } from "./steps.js";
import { configureRetention, type RetentionOptions, storage, type StorageReport } from "./storage.js";
import type { EngineStatus } from "./supervision.js";
import { Sync, type SyncOptions, wholeMs } from "./sync.js";
import { checkCollection } from "./text.js";
import { Transaction } from "./transaction.js";

/** What a database tells. */
export interface DatabaseEvents {
  /** Documents changed, and the change is committed here. `missed`: there were too many to name, or an engine took over: read again what is shown. */
  readonly change: { readonly changes: readonly ChangedDocuments[]; readonly missed: boolean };
  /** The keys of an encrypted database stand elsewhere than before: it was locked, unlocked or wiped, here or in another tab. */
  readonly keys: { readonly state: KeyState };
  /** The engine stands elsewhere than before: see {@link Database.engine}. Listening to this starts none. */
  readonly engine: EngineStatus;
  /** Something was logged: see {@link Database.logs}. Listening to this starts no engine. */
  readonly log: LogEvent;
  /** Something went wrong that no call waits for; once per fault. */
  readonly error: AshoreError;
}

/** A document, by its names. */
export interface ChangedDocument {
  readonly collection: string;
  readonly id: string;
}

/** Whether the browser promised not to clear this site's storage by itself. */
export type Persistence = "granted" | "denied" | "unsupported";

/** What a database is opened with. @internal */
export interface DatabaseParts {
  readonly name: string;
  readonly client: Client;
  readonly capabilities: Capabilities;
  readonly durability: Durability;
  readonly sync: SyncOptions;
  readonly persisted: () => Promise<Persistence>;
  readonly originStorage: () => Promise<OriginStorage | null>;
  readonly release: () => Promise<void>;
}

const DEFAULT_FLUSH_MS = 5_000;
const CLOSE_WAITS_MS = 5_000;

/**
 * A database: named collections on this device, and the unit of sharing. Get one from {@link open}.
 *
 * Every method rejects with an {@link AshoreError}; after {@link Database.close} with `database.closed`.
 */
export class Database {
  /** The name it was opened by. */
  readonly name: string;
  /** Sync with other devices. */
  readonly sync: Sync;
  /** Who else is here just now, and what they say about themselves. */
  readonly presence: Presence;
  /** What this environment offers, as data. */
  readonly capabilities: Capabilities;
  readonly #client: Client;
  readonly #documents: Documents;
  readonly #events = new Emitter<DatabaseEvents>();
  readonly #collectionEvents = new Map<string, Emitter<CollectionEvents>>();
  readonly #parts: DatabaseParts;
  readonly #stopHearing: Unsubscribe;
  /** Later than the other: closing is heard to its end. */
  readonly #stopWatching: Unsubscribe;
  #closing: Promise<void> | null = null;

  /** @internal Use {@link open}. */
  constructor(parts: DatabaseParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.capabilities = parts.capabilities;
    this.#client = parts.client;
    this.#documents = new Documents(parts.client, parts.durability, (error) => this.#events.emit("error", error));
    this.sync = new Sync(parts.client, this.#documents, parts.sync);
    this.presence = new Presence(parts.client, this.#documents);
    this.#stopHearing = parts.client.events.on("event", (event) => this.#hear(event));
    const stopEngine = parts.client.events.on("engine", (status) => this.#events.emit("engine", status));
    const stopLog = parts.client.events.on("log", (event) => this.#events.emit("log", event));
    this.#stopWatching = () => {
      stopEngine();
      stopLog();
    };
  }

  /**
   * A collection by its name. `T` is what you promise its documents to be; nothing checks it.
   *
   * `options` say what the collection is. They are declared just before the first call about it, for this handle: other calls of `collection` with that
   * name may repeat them or leave them out. When the engine refuses them, the calls about the collection reject with its error, also those sent
   * together with the declaration, and an `error` event tells once.
   *
   * @throws {@link AshoreError} `document.invalid-collection`; `request.invalid` when this handle declared other options for that name.
   */
  collection<T extends object = Record<string, unknown>>(name: string, options?: CollectionOptions<T>): Collection<T> {
    checkCollection(name);
    if (options) {
      this.#documents.declarations.declare(name, options as CollectionOptions);
    }
    let events = this.#collectionEvents.get(name);
    if (!events) {
      this.#collectionEvents.set(name, (events = new Emitter()));
    }
    return new Collection<T>(name, this.#documents, events);
  }

  /** The names of the collections that hold or held documents, in byte order. */
  async collections(options: CallOptions = {}): Promise<string[]> {
    this.#documents.checkOpen("collections");
    const ask = () =>
      this.#client.ask({ collections: {} }, "collections", { op: "collections", signal: options.signal });
    return (await this.#documents.pending.read(null, ask)).names;
  }

  /**
   * Writes several documents, all or nothing: they travel as one and no device ever shows a part of them. Reads inside see the writes inside.
   * When the function throws, nothing is written. Resolves with what the function returned, after everything is durable here.
   *
   * It does not lock: what others change meanwhile is merged field by field, as with `put`.
   *
   * @example
   * ```ts
   * await db.transaction(async (tx) => {
   *   const lists = tx.collection<List>("lists");
   *   await lists.update("shop", (list) => { list.open -= 1; });
   *   await tx.collection("done").put("milk", { at: new Date() });
   * });
   * ```
   */
  async transaction<Result>(
    work: (tx: Transaction) => Promise<Result> | Result,
    options: WriteOptions = {},
  ): Promise<Result> {
    this.#documents.checkOpen("transaction");
    const transaction = new Transaction(this.#documents);
    try {
      const result = await work(transaction);
      await transaction.commit(options);
      return result;
    } finally {
      transaction.end();
    }
  }

  /** Whether there is a step of this handle to undo; all of it may have been overtaken by others. */
  get canUndo(): boolean {
    return this.#documents.steps.canUndo;
  }

  /** Whether there is an undone step of this handle to redo. */
  get canRedo(): boolean {
    return this.#documents.steps.canRedo;
  }

  /**
   * Takes back the last step of this handle, wherever it still stands: what others did since stays. A `put`, a `putMany` or a transaction is one
   * step, undone all at once, and so is typing in a text that rests for no longer than half a second, with what is written in its document meanwhile. A
   * step of which nothing is left is passed over. Resolves with the documents that changed; with none when there is nothing to undo. A handle
   * remembers its last 100 steps; a step of more than 1,000 documents is not remembered.
   *
   * @example
   * ```ts
   * await db.transaction(async (tx) => { … });
   * await db.undo(); // [{ collection: "lists", id: "shop" }, { collection: "done", id: "milk" }]
   * ```
   */
  async undo(options: WriteOptions = {}): Promise<ChangedDocument[]> {
    return this.#undo("undo", options);
  }

  /** Takes the last {@link Database.undo} back, as long as this handle has written nothing since. */
  async redo(options: WriteOptions = {}): Promise<ChangedDocument[]> {
    return this.#undo("redo", options);
  }

  /**
   * Calls `handler` for every event of that name from now on; the returned function ends it. What one handler throws reaches no other.
   * Listening starts the engine, but for `engine` and `log`, which are about it.
   *
   * @example
   * ```ts
   * const stop = db.on("change", ({ changes }) => changes.forEach(({ collection, ids }) => refresh(collection, ids)));
   * ```
   */
  on<Name extends keyof DatabaseEvents>(name: Name, handler: (event: DatabaseEvents[Name]) => void): Unsubscribe {
    const stopListening = name === "engine" || name === "log" ? () => {} : this.#documents.listen();
    const off = this.#events.on(name, handler);
    return () => {
      off();
      stopListening();
    };
  }

  /**
   * Where the engine that this page talks to stands: always true, never hopeful. Before the first call that starts one it is `idle`; {@link Database.on}
   * `engine` tells when it changes. One that ends by itself is replaced: at once three times in a row, then after half a second, a second, and so on up to
   * half a minute, in which it is `failed` and calls are refused. `docs/lifecycle.md` has all of it.
   *
   * @example
   * ```ts
   * const { state, lastSeen, restarts, lastError, retryAt } = db.engine;
   * ```
   */
  get engine(): EngineStatus {
    return this.#client.engine;
  }

  /**
   * Starts the engine, as the first call would, and resolves when it answers. With sync enabled it connects, sends what waits and fetches what is new. It is
   * also the way out of `failed`: it does not wait until {@link EngineStatus.retryAt}.
   *
   * @throws {@link AshoreError} why it cannot be started, such as `host.dead`, `host.unsupported` or `store.locked`.
   *
   * @example
   * ```ts
   * if (db.engine.state === "failed") await db.start();
   * ```
   */
  async start(options: CallOptions = {}): Promise<void> {
    this.#documents.checkOpen("start");
    this.#client.startEngine("start");
    await this.#client.ask({ ping: { text: "" } }, "pong", { op: "start", signal: options.signal });
  }

  /**
   * Ends this page's engine at once, as if it had died, and starts another; of one that other tabs or windows use only this page's way to it is made anew.
   * Calls that are unanswered reject with `host.dead`; what was acknowledged is kept, unless the database is in memory. Nobody needs this for an engine that
   * died: the next call starts one.
   */
  async restart(options: CallOptions = {}): Promise<void> {
    this.#documents.checkOpen("restart");
    this.#client.endEngine();
    await this.start(options);
  }

  /**
   * The app is about to be hidden or stopped: gives what waits for the relay half a second to get there, and stops watching over an engine that nobody waits
   * for. Resolves with how many changes still wait; they are durable here and go later. A page that is hidden does this by itself.
   */
  async pause(options: CallOptions = {}): Promise<{ readonly pending: number }> {
    this.#documents.checkOpen("pause");
    this.#client.pause();
    return this.#client.running ? this.flush({ timeoutMs: LAST_FLUSH_MS, ...options }) : { pending: 0 };
  }

  /**
   * The app is in front again: with sync enabled, sends what waits and fetches what is new at once, whatever the wait was. Starts no engine. A page that is
   * shown, that gets the focus or whose network is back does this by itself.
   */
  async resume(options: CallOptions = {}): Promise<void> {
    this.#documents.checkOpen("resume");
    this.#client.resume();
    if (this.#client.running) {
      await this.#client.ask({ hint: { hint: "foreground" } }, "done", { op: "resume", signal: options.signal });
    }
  }

  /**
   * What was logged lately by the engine, wherever it runs, and by this page about it: at most 1,000 events, the oldest first; also when no engine runs any
   * more. Made of the program's own words, counts and codes: no document, name or key is ever in it. {@link Database.on} `log` tells of each as it comes.
   *
   * @example
   * ```ts
   * const problems = db.logs({ level: "warn", since: Date.now() - 3_600_000 });
   * ```
   */
  logs(options: LogsOptions = {}): readonly LogEvent[] {
    return this.#client.logs(
      options.level === undefined ? options : { ...options, level: checkLevel("logs", options.level) },
    );
  }

  /** How much is logged for this page: `info` unless told otherwise. */
  get logLevel(): LogLevel {
    return this.#client.logLevel;
  }

  /**
   * Sets how much is logged for this page from now on, for all of its handles of this database; an engine that runs is told.
   *
   * @throws {@link AshoreError} `request.invalid` when it is no level.
   *
   * @example
   * ```ts
   * db.setLogLevel("debug");
   * const stop = db.on("log", ({ at, level, area, message, counts }) => show(at, level, area, message, counts));
   * ```
   */
  setLogLevel(level: LogLevel): void {
    this.#client.logLevel = checkLevel("setLogLevel", level);
  }

  /** Sends a text to the engine and back: is it alive, and how far away? Rejects with `host.dead` when it has ended. */
  async ping(text: string, options: CallOptions = {}): Promise<string> {
    this.#documents.checkOpen("ping");
    return (await this.#client.ask({ ping: { text } }, "pong", { op: "ping", signal: options.signal })).text;
  }

  /**
   * Waits until every change is at the relay, or the time is over. Resolves with how many still wait; they are durable here and go later.
   *
   * @param options `timeoutMs`: at most this long, 5 seconds unless told otherwise.
   */
  async flush(
    options: { readonly timeoutMs?: number | undefined } & CallOptions = {},
  ): Promise<{ readonly pending: number }> {
    this.#documents.checkOpen("flush");
    const timeoutMs = wholeMs("flush", options.timeoutMs ?? DEFAULT_FLUSH_MS);
    return this.#client.ask({ flush: { timeoutMs } }, "flushed", { op: "flush", signal: options.signal });
  }

  /**
   * How much is stored of what on this device, and which deleted documents are still here and why. Reads everything once, page by page.
   *
   * @throws {@link AshoreError} `request.aborted`, `database.closed`, or why the store cannot be read.
   *
   * @example
   * ```ts
   * const { total, kept } = await db.storage();
   * ```
   */
  storage(options: CallOptions = {}): Promise<StorageReport> {
    return storage(this.#client, this.#documents, options);
  }

  /**
   * Sets how long what was deleted can be undone on this device, how long it keeps the group's entries, and when a member is said to be idle. It holds until it is set again.
   *
   * @throws {@link AshoreError} `request.invalid`: no whole number of seconds.
   *
   * @example
   * ```ts
   * await db.configureRetention({ keepDeletedSeconds: 3_600 });
   * ```
   */
  configureRetention(options: RetentionOptions): Promise<void> {
    return configureRetention(this.#client, this.#documents, options);
  }

  /**
   * Counts, versions and gauges of memory for a bug report; holds no document.
   *
   * @example
   * ```ts
   * const { wasmBytes, cachedBytes, originStorage } = await db.diagnostics();
   * ```
   */
  async diagnostics(options: CallOptions = {}): Promise<Diagnostics> {
    this.#documents.checkOpen("diagnostics");
    return diagnostics(this.#client, this.#parts.originStorage, options);
  }

  /**
   * Looks whether everything that is stored is whole: checksums, documents against their changes and their indexes, entries and what waits for the
   * relay. Changes nothing; other calls go on meanwhile.
   *
   * @example
   * ```ts
   * const report = await db.check({ onProgress: ({ part, documents }) => show(part, documents) });
   * if (!report.healthy) await db.repair();
   * ```
   */
  check(options: CheckOptions = {}): Promise<CheckReport> {
    return check(this.#client, this.#documents, options);
  }

  /**
   * Mends what {@link Database.check} finds: from what else is stored, and from the relay, which is asked for what is missing. Says what it did, and
   * what is lost for good. It may be ended at any moment, and begun again; other calls go on meanwhile.
   */
  repair(options: RepairOptions = {}): Promise<RepairReport> {
    return repair(this.#client, this.#documents, options);
  }

  /**
   * Everything that the documents are, as one encrypted file that any host can {@link importDatabase}: values, history, texts, counters, what stays
   * on this device, deleted documents, and what was declared of collections and indexes. Not in it: this device's keys, its group and what other
   * members are called.
   *
   * Other calls go on meanwhile. Each document is whole and at one version; of documents that are written meanwhile some are in it as they were
   * before and some as after, also when a transaction wrote them together.
   *
   * @throws {@link AshoreError} `export.weak-passphrase`; `store.corrupt` when something cannot be read: {@link Database.repair} first.
   *
   * @example
   * ```ts
   * const file = await db.export({ passphrase: "four words that nobody guesses" });
   * ```
   */
  async export(options: ExportOptions): Promise<Blob> {
    return exportFile(this.#client, this.#documents, options);
  }

  /** @internal Use {@link importDatabase}. */
  takeExport(file: TakenFile): Promise<void> {
    return importFile(this.#client, this.#documents, file);
  }

  /**
   * Locks the database in every tab: commits what waits, ends the engine and forgets its keys. From then on every call rejects with `key.locked` until
   * {@link Database.unlock}. What pages hold of documents in their own variables stays where it is.
   *
   * @throws {@link AshoreError} `key.mismatch` when it has no passphrase that could open it again.
   */
  async lock(options: CallOptions = {}): Promise<void> {
    await this.#askKeys("lock", { lock: {} }, options);
  }

  /**
   * Opens a locked database for every tab; live results go on by themselves. When it is open already, it says whether the passphrase is right. Takes
   * about a second: guessing shall be slow.
   *
   * @throws {@link AshoreError} `key.bad-passphrase`, `key.mismatch`, `key.wiped`.
   *
   * @example
   * ```ts
   * await db.lock();
   * await notes.get("n1"); // rejects with key.locked
   * await db.unlock(await askForPassphrase());
   * ```
   */
  async unlock(passphrase: string, options: CallOptions = {}): Promise<void> {
    checkPassphrase("unlock", passphrase);
    await this.#askKeys("unlock", { unlock: { passphrase } }, options);
  }

  /**
   * Sets another passphrase. Nothing stored is written anew: only the key is sealed again.
   *
   * @throws {@link AshoreError} `key.bad-passphrase` when `old` is not the one that holds, `key.weak-passphrase`, `key.mismatch`, `key.locked`.
   */
  async changePassphrase(old: string, next: string, options: CallOptions = {}): Promise<void> {
    checkPassphrase("changePassphrase", old);
    checkPassphrase("changePassphrase", next);
    await this.#askKeys("changePassphrase", { changePassphrase: { old, new: next } }, options);
  }

  /**
   * Destroys the keys of an encrypted database: nothing of it can be read on this device any more, by anybody, also not by its passphrase. Every call after
   * rejects with `key.wiped`, in every tab and at every later opening. Works while it is locked too. Other devices keep what they have.
   *
   * @throws {@link AshoreError} `key.mismatch` when it is not encrypted: then its documents would stay readable.
   */
  async wipeKeys(options: CallOptions = {}): Promise<void> {
    await this.#askKeys("wipeKeys", { wipeKeys: {} }, options);
  }

  /** @internal What `open` was given opens the database, or `open` rejects. */
  async openKeys(encrypt: Encrypt): Promise<void> {
    const passphrase = encrypt === "platform" ? null : encrypt.passphrase;
    await this.#askKeys("open", { unlock: { passphrase } }, {});
  }

  async #askKeys(op: string, command: Command, { signal }: CallOptions): Promise<void> {
    this.#documents.checkOpen(op);
    await this.#client.ask(command, "keys", { op, signal });
  }

  /**
   * Whether the browser promised to keep this site's storage. It is asked once, when the engine starts; without the promise a full disk may clear
   * everything that has not been synced.
   */
  persisted(): Promise<Persistence> {
    return this.#parts.persisted();
  }

  /**
   * Finishes the writes under way (5 seconds at most), gives what waits for a connected relay half a second to get there, lets go of everything and rejects
   * every call after with `database.closed`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@link Database.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const left = this.presence.end();
    await this.#documents.close(CLOSE_WAITS_MS);
    await left;
    this.#stopHearing();
    await this.#parts.release();
    this.#stopWatching();
    this.sync.end();
    this.#events.clear();
    for (const events of this.#collectionEvents.values()) {
      events.clear();
    }
  }

  async #undo(op: Direction, options: WriteOptions): Promise<ChangedDocument[]> {
    this.#documents.checkOpen(op);
    const changed = await this.#documents.undo(op, options);
    return changed.map(({ collection, id }) => ({ collection, id }));
  }

  #hear(event: Event): void {
    if ("error" in event) {
      this.#events.emit("error", AshoreError.from(event.error.failure));
    }
    if ("changed" in event) {
      this.#events.emit("change", event.changed);
      for (const { collection, ids, remote } of event.changed.changes) {
        this.#collectionEvents.get(collection)?.emit("change", { ids, remote, missed: false });
      }
      if (event.changed.missed) {
        for (const events of this.#collectionEvents.values()) {
          events.emit("change", { ids: [], remote: false, missed: true });
        }
      }
    }
    if ("keys" in event) {
      this.#events.emit("keys", { state: this.#client.keyState });
    }
    if ("indexes" in event) {
      const { collection, indexes } = event.indexes;
      this.#collectionEvents.get(collection)?.emit("indexes", indexes.map(fromInfo));
    }
    this.sync.hear(event);
    this.presence.hear(event);
  }
}
