/** A named set of documents. */

import type { CallOptions, Documents, Entry, Range, WriteOptions } from "./documents.js";
import { serialise } from "./documents.js";
import type { Emitter, Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import type { Filter, PathOf } from "./filter.js";
import { type IndexInfo, type IndexOptions, toSpec } from "./indexes.js";
import { LiveStates, subscribe, type SubscribeOptions } from "./live.js";
import { Query } from "./query.js";
import { checkCollection, checkId } from "./text.js";
import { TextHandle } from "./text-handle.js";
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
  async update(id: string, change: (draft: T) => T | void, options: WriteOptions = {}): Promise<T | null> {
    const documents = this.#documents;
    documents.checkOpen("update");
    checkId("update", this.name, id);
    return documents.pending.write([keyOf(this.name, id)], async () => {
      const [read] = await documents.readPage("update", this.name, [id], options.signal);
      if (!read?.document) {
        return null;
      }
      const changed = edited(read.document as T, change);
      await this.#write(
        "update",
        [id],
        [serialise("update", this.name, id, changed)],
        [read.version],
        [changed],
        options,
      );
      return changed;
    });
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
  async deleteMany(ids: Iterable<string>, options: WriteOptions = {}): Promise<boolean[]> {
    return this.#delete("deleteMany", [...ids], options);
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
    const off = this.#events.on(name, handler);
    return () => {
      off();
      stopListening();
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
      return this.#write(op, ids, texts, bases, values, options);
    });
  }

  async #write(
    op: string,
    ids: string[],
    texts: string[],
    bases: (string | null)[],
    values: readonly T[],
    options: WriteOptions,
  ): Promise<void> {
    const put = { collection: this.name, ids, documents: `[${texts.join(",")}]`, bases };
    const [result] = await this.#documents.write(op, [{ put }], options, ids.length > 1);
    if (!result || !("put" in result)) {
      throw new AshoreError("internal", "The answer to a put was of another kind.", { op });
    }
    result.put.versions.forEach((version, at) =>
      this.#documents.versions.saw(this.name, ids[at] as string, version, values[at] as T),
    );
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

  #keys(ids: readonly string[]): string[] {
    return ids.map((id) => keyOf(this.name, id));
  }
}

/** What `change` makes of `draft`: what it returns, or the draft itself. */
export function edited<T extends object>(draft: T, change: (draft: T) => T | void): T {
  const returned = change(draft) as T | undefined;
  if (returned instanceof Promise) {
    throw new TypeError("The function given to update must not be async.");
  }
  return returned ?? draft;
}
