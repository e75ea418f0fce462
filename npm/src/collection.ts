/** A named set of documents. */

import type { CallOptions, Documents, Entry, Range, WriteOptions } from "./documents.js";
import { serialise } from "./documents.js";
import { Emitter, type Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import type { Filter, PathOf } from "./filter.js";
import {
  type Change,
  type Conflict,
  conflicts,
  documentAt,
  history,
  type HistoryOptions,
  type Undone,
} from "./history.js";
import { type IndexInfo, type IndexOptions, toSpec } from "./indexes.js";
import { LiveStates, subscribe, type SubscribeOptions } from "./live.js";
import { type DeleteResult, type Modifiers, toModifiersText, type UpdateResult } from "./modifiers.js";
import { Query } from "./query.js";
import { resolve, type Resolved } from "./refs.js";
import type { Issue } from "./schema.js";
import { type SearchOptions, type SearchResult, search } from "./search.js";
import type { Direction } from "./steps.js";
import { checkCollection, checkId } from "./text.js";
import { TextHandle } from "./text-handle.js";
import { type Edit, edited } from "./updates.js";
import { type InvalidDocument, invalidOf, invalidAmong, migrateAll, type MigrationResult } from "./upkeep.js";
import { keyOf } from "./versions.js";
import type { Watcher } from "./watches.js";

/** Documents of one collection that changed; the change is committed here. */
export interface CollectionChange {
  /** Which ones, in byte order. */
  readonly ids: readonly string[];
  /** The change came from another device. */
  readonly remote: boolean;
  /** There were too many to name, or an engine took over meanwhile: read again what is shown. */
  readonly missed: boolean;
}

/** What a collection tells. */
export interface CollectionEvents {
  readonly change: CollectionChange;
  /** An index has been built, or some more of one; all indexes as they are. */
  readonly indexes: readonly IndexInfo[];
  /** Another device wrote documents that do not fit this handle's schema, or could not be migrated. They are kept. */
  readonly invalid: readonly InvalidDocument<object>[];
}

/**
 * A named set of documents, by id. It needs no creating: the first `put` does.
 *
 * A document is a plain object of JSON values plus `Uint8Array`, `Date` and `bigint` (64 bits). Every `put` resolves when the document is durable on
 * this device, whatever the network does.
 *
 * @example
 * ```ts
 * const notes = db.collection<Note>("notes");
 * await notes.put("n1", { title: "Milk", tags: ["shop"] });
 * await notes.get("n1"); // { title: "Milk", tags: ["shop"] }
 * ```
 */
export class Collection<T extends object = Record<string, unknown>> {
  /** Its name. */
  readonly name: string;
  readonly #documents: Documents;
  readonly #events: Emitter<CollectionEvents>;

  /** @internal Use {@link Database.collection}. */
  constructor(name: string, documents: Documents, events: Emitter<CollectionEvents>) {
    checkCollection(name);
    this.name = name;
    this.#documents = documents;
    this.#events = events;
  }

  /**
   * Puts a document: creates it, or changes what is there into it.
   *
   * What is stored is the difference between `document` and the version that this handle gave out or wrote last, so changes that others made
   * meanwhile to other fields stay: `put("n1", { ...note, title })` never undoes somebody's edit to another field.
   *
   * @throws {@link AshoreError} `document.not-serializable`, `document.too-large`, `document.invalid-id`, `store.failed`, `store.quota-exceeded`;
   * nothing is stored then.
   */
  async put(id: string, document: T, options: WriteOptions = {}): Promise<void> {
    await this.#put("put", [[id, document]], options);
  }

  /**
   * Puts many documents, all or nothing, as one change set; much faster than one by one. Of an id that occurs twice the last counts.
   *
   * @example
   * ```ts
   * await notes.putMany([["n1", milk], ["n2", bread]]);
   * await notes.putMany({ n1: milk, n2: bread });
   * ```
   */
  async putMany(
    documents: Iterable<readonly [string, T]> | Readonly<Record<string, T>>,
    options: WriteOptions = {},
  ): Promise<void> {
    const pairs =
      Symbol.iterator in documents ? (documents as Iterable<readonly [string, T]>) : Object.entries(documents);
    await this.#put("putMany", [...new Map(pairs)], options);
  }

  /** The document, or `null` when there is none. Rejects with `store.corrupt` when its stored bytes do not decode. */
  async get(id: string, options: CallOptions = {}): Promise<T | null> {
    const [read] = await this.#documents.read("get", this.name, [id], options.signal);
    return (read?.document ?? null) as T | null;
  }

  /** The documents of these ids, in their order; `null` where there is none. */
  async getMany(ids: Iterable<string>, options: CallOptions = {}): Promise<(T | null)[]> {
    const reads = await this.#documents.read("getMany", this.name, [...ids], options.signal);
    return reads.map((read) => read.document as T | null);
  }

  /**
   * Reads a document, lets `change` edit it or return another one, and puts that. Resolves with what was put, or with `null`, without having
   * called `change`, when there is no such document. Updates of one document through one handle follow one another.
   *
   * @example
   * ```ts
   * await notes.update("n1", (note) => { note.tags.push("today"); });
   * await notes.update("n1", (note) => ({ ...note, done: true }));
   * ```
   */
  async update(id: string, change: Edit<T>, options?: WriteOptions): Promise<T | null>;
  /**
   * Modifies a document with MongoDB's modifiers. They are applied to what is there at that moment, so the document need not be read before, and
   * increments of several tabs add up. Resolves with whether there is such a document; none is made.
   *
   * @example
   * ```ts
   * await notes.update("n1", { $set: { "address.city": "Bern" }, $inc: { likes: 1 }, $addToSet: { tags: "today" } });
   * ```
   *
   * @throws {@link AshoreError} `query.invalid` when the modifiers cannot be understood, `update.not-applicable` when they do not apply to what is there,
   * `document.invalid` when what comes of them does not fit the collection's schema.
   */
  async update(id: string, modifiers: Modifiers<T>, options?: WriteOptions): Promise<boolean>;
  async update(id: string, change: Edit<T> | Modifiers<T>, options: WriteOptions = {}): Promise<T | null | boolean> {
    this.#documents.checkOpen("update");
    checkId("update", this.name, id);
    return typeof change === "function" ? this.#edit(id, change, options) : this.#modify(id, change, options);
  }

  /**
   * Updates every document that fits a filter; {@link Query.update} does it for a part of them.
   *
   * With modifiers the documents are found and written in one step: nobody else writes in between, it is all or nothing, and the page reads none of
   * them. At most 10,000 documents, or 32 MiB of them: `update.too-many` otherwise. In a collection with a schema or migrations the page finds, reads and
   * checks them first; one that does not fit rejects with `document.invalid`, and nothing is written.
   *
   * With a function each document is read, edited and put like {@link Collection.update} does, all in one write. What others write between reading
   * and writing is merged field by field.
   *
   * @example
   * ```ts
   * await notes.updateMany({ done: true }, { $set: { archived: true }, $unset: { due: true } }); // { matched: 7, modified: 7 }
   * await notes.updateMany({ title: /^\s/ }, (note) => { note.title = note.title.trim(); });
   * ```
   */
  async updateMany(
    filter: Filter<T>,
    change: Modifiers<T> | Edit<T>,
    options: WriteOptions = {},
  ): Promise<UpdateResult> {
    return this.find(filter).update(change, options);
  }

  async #modify(id: string, change: Modifiers<T>, options: WriteOptions): Promise<boolean> {
    const documents = this.#documents;
    const modifiers = toModifiersText("update", this.name, change);
    return documents.pending.write([keyOf(this.name, id)], async () => {
      const [result] = await documents.write(
        "update",
        [{ modify: { collection: this.name, ids: [id], modifiers } }],
        options,
      );
      const version = result && "modified" in result ? result.modified.versions[0] : undefined;
      if (version === undefined) {
        throw new AshoreError("internal", "The answer to an update was of another kind.", { op: "update" });
      }
      if (version === "") {
        documents.versions.forget(this.name, id);
      } else {
        documents.versions.saw(this.name, id, version, null);
      }
      return version !== "";
    });
  }

  async #edit(id: string, change: Edit<T>, options: WriteOptions): Promise<T | null> {
    const documents = this.#documents;
    const edit = async (): Promise<T | null> => {
      const [read] = await documents.readPage("update", this.name, [id], options.signal);
      if (!read?.document) {
        return null;
      }
      const changed = edited(read.document as T, change);
      await documents.put(
        "update",
        this.name,
        [id],
        [serialise("update", this.name, id, changed)],
        [read.version],
        [changed],
        options,
      );
      return changed;
    };
    return documents.pending.write([keyOf(this.name, id)], () => documents.pending.hold(edit));
  }

  /**
   * A collaborative text at a path in a document, to be edited as it is typed and followed: see {@link TextHandle}. A plain string there becomes a text
   * with the first edit.
   *
   * @example
   * ```ts
   * const body = notes.text("n1", "body");
   * await body.read();
   * await body.splice(0, 3, "Three");
   * ```
   */
  text(id: string, path: PathOf<T>): TextHandle {
    checkId("text", this.name, id);
    return new TextHandle(this.#documents, this.name, id, path);
  }

  /** Deletes a document; `true` when there was one. Other devices delete it too, unless one of them has edited it meanwhile. */
  async delete(id: string, options: WriteOptions = {}): Promise<boolean> {
    const [existed] = await this.#delete("delete", [id], options);
    return existed ?? false;
  }

  /** Deletes many documents, all or nothing; for each id whether there was one. */
  async deleteMany(ids: Iterable<string>, options?: WriteOptions): Promise<boolean[]>;
  /**
   * Deletes every document that fits a filter, found and deleted in one step: nobody else writes in between. At most 10,000 documents, or 32 MiB of
   * them: `update.too-many` otherwise. What can be looped over is ids; anything else is a filter.
   *
   * @example
   * ```ts
   * await notes.deleteMany(["n1", "n2"]); // [true, false]
   * await notes.deleteMany({ done: true, due: { $lt: lastYear } }); // { deleted: 12 }
   * ```
   */
  async deleteMany(filter: Filter<T>, options?: WriteOptions): Promise<DeleteResult>;
  async deleteMany(which: Iterable<string> | Filter<T>, options: WriteOptions = {}): Promise<boolean[] | DeleteResult> {
    return isIds(which) ? this.#delete("deleteMany", [...which], options) : this.find(which).delete(options);
  }

  /**
   * The ids in byte order (UTF-8); all of them, or a range.
   *
   * @example
   * ```ts
   * await notes.list(); // ["n1", "n2"]
   * await notes.list({ prefix: "2026-", limit: 20 });
   * ```
   */
  async list(range: Range & CallOptions = {}): Promise<string[]> {
    return this.#documents.list("list", this.name, range, range.signal);
  }

  /**
   * The ids of documents of which other devices have said something and which are not here: flags of a `sync` collection that wait for their document.
   * Once it is put they are laid over it.
   *
   * @example
   * ```ts
   * for (const id of await items.parked({ limit: 100 })) await fetchAgain(id);
   * ```
   */
  async parked(range: Range & CallOptions = {}): Promise<string[]> {
    return this.#documents.list("parked", this.name, range, range.signal, "parked");
  }

  /**
   * The documents in byte order of their ids, loaded page by page as the loop goes on.
   *
   * @example
   * ```ts
   * for await (const { id, document } of notes.documents({ prefix: "2026-" })) console.log(id, document.title);
   * ```
   */
  async *documents(range: Range & CallOptions = {}): AsyncGenerator<Entry<T>, void, undefined> {
    for await (const page of this.#documents.scan("documents", this.name, range, range.signal)) {
      yield* page as Entry<T>[];
    }
  }

  /** The same documents in one array, for when they are few enough to hold. */
  async all(range: Range & CallOptions = {}): Promise<Entry<T>[]> {
    const entries: Entry<T>[] = [];
    for await (const page of this.#documents.scan("all", this.name, range, range.signal)) {
      for (const entry of page) {
        entries.push(entry as Entry<T>);
      }
    }
    return entries;
  }

  /**
   * The documents that fit a filter, which is MongoDB's: `docs/queries.md` lists the operators. All of them without one.
   *
   * @example
   * ```ts
   * await notes.find({ done: false, tags: "shop" }).sort("due", "-title").limit(20).all();
   * ```
   */
  find(filter: Filter<T> = {}): Query<T> {
    return new Query(this.#documents, this.name, filter);
  }

  /** The first document, in the order of ids, that fits a filter; `null` when none does. */
  async findOne(filter: Filter<T> = {}, options: CallOptions = {}): Promise<Entry<T> | null> {
    return this.find(filter).first(options);
  }

  /** How many documents fit a filter. */
  async count(filter: Filter<T> = {}, options: CallOptions = {}): Promise<number> {
    return this.find(filter).count(options);
  }

  /**
   * A document, now and after every change, here, in another tab or on another device; `null` when there is none. The object stays the same as long as
   * the document does. A loop that takes long gets the newest state next. `signal` and `close()` end it, as `break` does.
   *
   * @example
   * ```ts
   * for await (const note of notes.watch("n1")) show(note);
   * ```
   */
  watch(id: string, { signal }: CallOptions = {}): LiveStates<T | null> {
    return new LiveStates(() => this.#watch("watch", id), signal);
  }

  /**
   * Calls `handler` with the same states until the returned function is called. While a promise that it returned is open it counts as busy. It throws
   * nothing itself: what ends it goes to `onError`, or to the database's `error` event.
   *
   * @example
   * ```ts
   * const stop = notes.subscribe("n1", (note) => show(note));
   * ```
   */
  subscribe(id: string, handler: (document: T | null) => unknown, options: SubscribeOptions = {}): Unsubscribe {
    return subscribe(() => this.#watch("subscribe", id), handler, options, this.#documents.reportFault);
  }

  #watch(op: string, id: string): Watcher<T | null> {
    checkId(op, this.name, id);
    return this.#documents.watches.startDocument(op, this.name, id) as Watcher<T | null>;
  }

  /**
   * The documents that fit these words best, the best first. Words may stand in `"quotes"`, which must stand together, or behind a `-`, which must not
   * be there; case and accents do not count. Needs an index of words; `docs/search.md` says how words are divided and ranked.
   *
   * @example
   * ```ts
   * await notes.declareIndexes([{ text: ["title", "body"], weights: { title: 3 } }]);
   * const { hits } = await notes.search("oat mil");
   * hits[0]; // { id: "n1", document: { title: "Oat milk", … }, score: 1.2, terms: ["oat", "mil"] }
   * ```
   *
   * @throws {@link AshoreError} `index.missing`, `query.invalid`
   */
  async search(text: string, options: SearchOptions<T> = {}): Promise<SearchResult<T>> {
    return search(this.#documents, this.name, text, options);
  }

  /**
   * Which members have seen a document as it is now on this device, this one among them. It is known from what they wrote since, or from what they say about a
   * minute after they got it; so somebody may have seen it who is not listed yet, never the other way round. Readers count too.
   *
   * @returns Ids of members, and whether these are all. Nobody of a document that is not here or never left.
   *
   * @example
   * ```ts
   * const { devices, everyone } = await notes.seenBy("n1");
   * ```
   */
  async seenBy(
    id: string,
    options: CallOptions = {},
  ): Promise<{ readonly devices: readonly string[]; readonly everyone: boolean }> {
    this.#documents.checkOpen("seenBy");
    const command = { seenBy: { collection: this.name, id: String(id) } };
    const asking = { op: "seenBy", signal: options.signal };
    const { devices, everyone } = await this.#documents.client.ask(command, "seenBy", asking);
    return { devices, everyone };
  }

  /**
   * The changes of a document, the latest first: who made each when, in which fields. The order is that in which this device learnt of them.
   *
   * @example
   * ```ts
   * const [latest] = await notes.history("n1", { limit: 1 });
   * const before = await notes.history("n1", { before: latest.version });
   * ```
   *
   * @throws {@link AshoreError} `document.unknown-version` when the document has no change `before`.
   */
  async history(id: string, options: HistoryOptions & CallOptions = {}): Promise<Change[]> {
    return this.#past("history", id, () => history(this.#documents, this.name, id, options, options.signal));
  }

  /**
   * The document as it was at a version: that of a change, as whoever made it saw it then. `null` when it was deleted then.
   *
   * @throws {@link AshoreError} `document.unknown-version`
   */
  async at(id: string, version: string, { signal }: CallOptions = {}): Promise<T | null> {
    return this.#past(
      "at",
      id,
      async () => (await documentAt(this.#documents, this.name, id, version, signal)) as T | null,
    );
  }

  /**
   * Where devices that were apart set the same field to different values: one of them is shown, here are all. Setting the field again settles it.
   * At most 1,000 places.
   *
   * @example
   * ```ts
   * for (const { path, values } of await notes.conflicts("n1")) console.log(path.join("."), values.map(({ value }) => value));
   * ```
   */
  async conflicts(id: string, { signal }: CallOptions = {}): Promise<Conflict[]> {
    return this.#past("conflicts", id, () => conflicts(this.#documents, this.name, id, signal));
  }

  /**
   * Takes back what was done last in this document, wherever it still stands: what others did since stays. That is the last step of this handle, such
   * as typing that went on without a rest; when it has none, what this device's user did last, in any tab or before the database was opened again. Resolves with what is there now, or with `null` when there is nothing to undo.
   *
   * @example
   * ```ts
   * await notes.put("n1", { title: "Milk" });
   * await notes.put("n1", { title: "Oat milk" });
   * await notes.undo("n1"); // { document: { title: "Milk" } }
   * ```
   */
  async undo(id: string, options: WriteOptions = {}): Promise<Undone<T> | null> {
    return this.#undo("undo", id, options);
  }

  /** Takes the last undo in this document back, as long as it was not changed here since. */
  async redo(id: string, options: WriteOptions = {}): Promise<Undone<T> | null> {
    return this.#undo("redo", id, options);
  }

  /**
   * Makes these the collection's indexes: what is new is built in the background, what is declared no more is dropped, what is the same stays. Resolves
   * when that is stored, with the indexes as they are. Declare them whenever the app starts: it costs nothing when nothing has changed.
   *
   * @example
   * ```ts
   * await notes.declareIndexes([{ fields: ["done", "-due"] }, { fields: ["tags"], sparse: true }]);
   * ```
   *
   * @throws {@link AshoreError} `index.invalid`; `request.invalid` when the collection's options have indexes, which are the declaration then.
   */
  async declareIndexes(indexes: readonly IndexOptions[], { signal }: CallOptions = {}): Promise<IndexInfo[]> {
    if (this.#documents.declarations.optionsOf(this.name)?.indexes) {
      const message = "The collection's options declare its indexes: declare them in one place.";
      throw new AshoreError("request.invalid", message, { op: "declareIndexes", collection: this.name });
    }
    const declared = { collection: this.name, indexes: indexes.map(toSpec) };
    return this.#documents.indexes("declareIndexes", this.name, { declareIndexes: declared }, signal);
  }

  /** The collection's indexes, and how far they are. */
  async indexes({ signal }: CallOptions = {}): Promise<IndexInfo[]> {
    return this.#documents.indexes("indexes", this.name, { indexes: { collection: this.name } }, signal);
  }

  /** Documents that share their values in a unique index, because devices that were apart wrote them: the ids of each such group; at most 1,000 groups. */
  async indexConflicts(index: string, { signal }: CallOptions = {}): Promise<string[][]> {
    return this.#documents.indexConflicts(this.name, index, signal);
  }

  /**
   * Calls `handler` whenever documents of this collection have changed, here, in another tab or on another device. Listening starts the engine.
   *
   * @example
   * ```ts
   * const stop = notes.on("change", ({ ids, missed }) => (missed ? reloadAll() : reload(ids)));
   * ```
   */
  on<Name extends keyof CollectionEvents>(name: Name, handler: (event: CollectionEvents[Name]) => void): Unsubscribe {
    const stopListening = this.#documents.listen();
    const off =
      name === "invalid"
        ? this.#onInvalid(handler as (event: CollectionEvents["invalid"]) => void)
        : this.#events.on(name, handler);
    return () => {
      off();
      stopListening();
    };
  }

  /**
   * What is wrong with a document that was read here: it does not fit the collection's schema, or could not be migrated; nothing when it is fine. What
   * other devices and older versions wrote is never dropped, so look where it matters.
   *
   * @example
   * ```ts
   * const note = await notes.get("n1");
   * if (note && (await notes.issuesOf(note)).length > 0) showRepair(note);
   * ```
   */
  async issuesOf(document: T): Promise<readonly Issue[]> {
    return this.#documents.shapes.issuesOf(this.name, document);
  }

  /** The documents that do not fit the collection's schema, or could not be migrated, in byte order of their ids, loaded page by page. */
  async *invalid(range: Range & CallOptions = {}): AsyncGenerator<InvalidDocument<T>, void, undefined> {
    yield* invalidOf(this.#documents, this.name, range) as AsyncGenerator<InvalidDocument<T>, void, undefined>;
  }

  /**
   * Rewrites every document of an older version in this app's shape, so that queries and indexes find it by its new fields. Works page by page; ended in
   * the middle and called again, it goes on. Devices that do it at the same time make the same changes, which are one.
   *
   * @example
   * ```ts
   * await notes.migrateAll(); // { documents: 1200, migrated: 340, failed: 0 }
   * ```
   */
  async migrateAll(options: WriteOptions = {}): Promise<MigrationResult> {
    return migrateAll(this.#documents, this.name, options);
  }

  /**
   * The document that a field refers to, by the collection's `refs`; `null` as long as it is not there, which may be until another device's change
   * arrives. Of a field with several ids one for each, in their order.
   *
   * @example
   * ```ts
   * const items = db.collection<Item>("items", { refs: { listId: "lists" } });
   * await items.resolve(item, "listId"); // { title: "Shop" }, or null
   * ```
   *
   * @throws {@link AshoreError} `request.invalid` when the options name no collection for that path.
   */
  async resolve(document: T, path: PathOf<T>, { signal }: CallOptions = {}): Promise<Resolved> {
    const [resolved] = await resolve(this.#documents, this.name, [document], path, signal);
    return resolved ?? null;
  }

  /** The same for many documents, read in one go. */
  async resolveAll(documents: readonly T[], path: PathOf<T>, { signal }: CallOptions = {}): Promise<Resolved[]> {
    return resolve(this.#documents, this.name, documents, path, signal);
  }

  /** Looks at what others changed, only while somebody listens. */
  #onInvalid(handler: (event: CollectionEvents["invalid"]) => void): Unsubscribe {
    const own = new Emitter<Pick<CollectionEvents, "invalid">>();
    own.on("invalid", handler);
    const look = async (ids: readonly string[]): Promise<void> => {
      const invalid = await invalidAmong(this.#documents, this.name, ids).catch((error: unknown) => {
        if (error instanceof AshoreError && error.code !== "database.closed") {
          this.#documents.reportFault(error);
        }
        return [];
      });
      if (invalid.length > 0) {
        own.emit("invalid", invalid);
      }
    };
    const off = this.#events.on("change", ({ ids, remote }) => (remote ? look(ids) : undefined));
    return () => {
      off();
      own.clear();
    };
  }

  async #put(op: string, pairs: readonly (readonly [string, T])[], options: WriteOptions): Promise<void> {
    const documents = this.#documents;
    documents.checkOpen(op);
    if (pairs.length === 0) {
      return;
    }
    for (const [id] of pairs) {
      checkId(op, this.name, id);
    }
    // Now, not when it is sent: what the caller does to the object afterwards is not part of this put.
    const texts = pairs.map(([id, document]) => serialise(op, this.name, id, document));
    const ids = pairs.map(([id]) => id);
    const values = pairs.map(([, document]) => document);
    await documents.pending.write(this.#keys(ids), () => {
      const bases = ids.map((id, at) => documents.versions.baseOf(this.name, id, values[at] as T));
      return documents.put(op, this.name, ids, texts, bases, values, options);
    });
  }

  async #delete(op: string, ids: string[], options: WriteOptions): Promise<boolean[]> {
    const documents = this.#documents;
    documents.checkOpen(op);
    if (ids.length === 0) {
      return [];
    }
    for (const id of ids) {
      checkId(op, this.name, id);
    }
    return documents.pending.write(this.#keys(ids), async () => {
      const [result] = await documents.write(op, [{ delete: { collection: this.name, ids } }], options);
      if (!result || !("deleted" in result)) {
        throw new AshoreError("internal", "The answer to a delete was of another kind.", { op });
      }
      for (const id of ids) {
        documents.versions.forget(this.name, id);
      }
      return result.deleted.existed;
    });
  }

  async #past<Result>(op: string, id: string, ask: () => Promise<Result>): Promise<Result> {
    this.#documents.checkOpen(op);
    checkId(op, this.name, id);
    return this.#documents.pending.read(this.#keys([id]), ask);
  }

  async #undo(op: Direction, id: string, options: WriteOptions): Promise<Undone<T> | null> {
    const documents = this.#documents;
    documents.checkOpen(op);
    checkId(op, this.name, id);
    return documents.pending.write(this.#keys([id]), async () => {
      const changed = await documents.undoIn(op, this.name, id, options);
      if (changed.length === 0) {
        return null;
      }
      const [read] = await documents.readPage(op, this.name, [id], options.signal);
      return { document: (read?.document ?? null) as T | null };
    });
  }

  #keys(ids: readonly string[]): string[] {
    return ids.map((id) => keyOf(this.name, id));
  }
}

/** Whether it is ids: they can be looped over. */
export function isIds(which: Iterable<string> | object): which is Iterable<string> {
  return typeof which === "string" || Symbol.iterator in which;
}
