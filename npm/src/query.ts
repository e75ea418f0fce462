/** Questions to a collection: which documents, in which order, how many, and which parts of them. */

import type { CallOptions, Documents, Entry, FindPage, WriteOptions } from "./documents.js";
import type { Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import { type Filter, toQueryText } from "./filter.js";
import type { Plan } from "./indexes.js";
import { select as cut } from "./select.js";
import { type LiveResult, LiveStates, subscribe, type SubscribeOptions } from "./live.js";
import { type DeleteResult, type Modifiers, toModifiersText, type UpdateResult } from "./modifiers.js";
import type { Transaction } from "./transaction.js";
import { type Edit, editMany, modifyChecked, modifyMany, removeMany } from "./updates.js";
import type { Watcher } from "./watches.js";

/** What is asked besides the filter. */
interface Parts {
  readonly sort: readonly (readonly [path: string, direction: 1 | -1])[];
  readonly offset: number;
  readonly limit: number;
  readonly select: readonly string[] | null;
}

const EVERYTHING: Parts = { sort: [], offset: 0, limit: Infinity, select: null };
/** Documents in one page of an answer: few enough to be parsed within a frame. */
const PAGE = 1_000;

/**
 * A question to a collection; nothing is asked before its answer is wanted. Each method answers a new one.
 *
 * @example
 * ```ts
 * const due = notes.find({ done: false, due: { $lt: today } }).sort("due").limit(20);
 * await due.all(); // [{ id: "n1", document: { title: "Milk", … } }, …]
 * for await (const { id, document } of due) console.log(id, document.title);
 * await due.count();
 * ```
 */
export class Query<T extends object> implements AsyncIterable<Entry<T>> {
  readonly #documents: Documents;
  readonly #collection: string;
  readonly #filter: Filter<T>;
  readonly #parts: Parts;
  readonly #within: Transaction | null;

  /** @internal Use {@link Collection.find}. */
  constructor(
    documents: Documents,
    collection: string,
    filter: Filter<T>,
    parts: Parts = EVERYTHING,
    within: Transaction | null = null,
  ) {
    this.#documents = documents;
    this.#collection = collection;
    this.#filter = filter;
    this.#parts = parts;
    this.#within = within;
  }

  /**
   * In the order of these paths, the first one first; `"-due"` puts the largest first. Documents that are alike in all of them, and all without an
   * order, come in the byte order of their ids.
   */
  sort(...paths: string[]): Query<T> {
    const sort = paths.map((path) => (path.startsWith("-") ? ([path.slice(1), -1] as const) : ([path, 1] as const)));
    return this.#with({ sort });
  }

  /** At most so many. */
  limit(limit: number): Query<T> {
    return this.#with({ limit: whole("limit", limit) });
  }

  /** Without the first so many. */
  offset(offset: number): Query<T> {
    return this.#with({ offset: whole("offset", offset) });
  }

  /** Only these parts of the documents. What is read this way is no base for a `put`, which would remove the other fields. */
  select(...paths: string[]): Query<Partial<T>> {
    const { sort, offset, limit } = this.#parts;
    const filter = this.#filter as Filter<Partial<T>>;
    const parts = { sort, offset, limit, select: paths };
    return new Query(this.#documents, this.#collection, filter, parts, this.#within);
  }

  /** All of them in one array. */
  async all(options: CallOptions = {}): Promise<Entry<T>[]> {
    const entries: Entry<T>[] = [];
    for await (const page of this.#pages("find", options)) {
      for (const entry of page) {
        entries.push(entry);
      }
    }
    return entries;
  }

  /** The first of them, or `null`. */
  async first(options: CallOptions = {}): Promise<Entry<T> | null> {
    const [entry] = await this.limit(Math.min(this.#parts.limit, 1)).all(options);
    return entry ?? null;
  }

  /** How many there are, offset and limit included. */
  async count({ signal }: CallOptions = {}): Promise<number> {
    const { offset, limit } = this.#parts;
    const query = toQueryText("count", this.#collection, this.#filter, { offset, ...limited(limit) });
    return (this.#within ?? this.#documents).count(this.#collection, query, signal);
  }

  /**
   * Updates all of them, with modifiers or a function as {@link Collection.updateMany} does.
   *
   * @example
   * ```ts
   * await notes.find({ done: true }).sort("due").limit(10).update({ $set: { archived: true } });
   * ```
   */
  async update(change: Modifiers<T> | Edit<T>, options: WriteOptions = {}): Promise<UpdateResult> {
    const { sort, offset, limit } = this.#parts;
    const collection = this.#collection;
    const complete = this.#with({ select: null });
    const pages = (find: FindPage) => complete.#pages("updateMany", options, find);
    if (typeof change === "function") {
      return this.#within
        ? this.#within.editMany(collection, pages, change)
        : editMany(this.#documents, collection, pages, change, options);
    }
    const modifiers = toModifiersText("updateMany", collection, change);
    if (this.#within) {
      return this.#within.modifyMany(collection, this.#ids("updateMany"), modifiers);
    }
    if (this.#documents.shapes.has(collection)) {
      return modifyChecked(this.#documents, collection, pages, modifiers, options);
    }
    const query = toQueryText("updateMany", collection, this.#filter, { sort, offset, ...limited(limit) });
    return modifyMany(this.#documents, collection, query, modifiers, options);
  }

  /** Deletes all of them, as {@link Collection.deleteMany} does. */
  async delete(options: WriteOptions = {}): Promise<DeleteResult> {
    const { sort, offset, limit } = this.#parts;
    if (this.#within) {
      return this.#within.removeMany(this.#collection, this.#ids("deleteMany"));
    }
    const query = toQueryText("deleteMany", this.#collection, this.#filter, { sort, offset, ...limited(limit) });
    return removeMany(this.#documents, this.#collection, query, options);
  }

  /** Which index is read for it, if any. */
  async explain({ signal }: CallOptions = {}): Promise<Plan> {
    const { sort, offset, limit } = this.#parts;
    const query = toQueryText("explain", this.#collection, this.#filter, { sort, offset, ...limited(limit) });
    return this.#documents.explain(this.#collection, query, signal);
  }

  /**
   * What it answers, now and after every change, here, in another tab or on another device. Each turn of the loop waits for a state that is new; one
   * that takes long gets the newest next, and is told how many it skipped. After an awaited write of this page the next state has it.
   *
   * `signal` and `close()` end the loop, as `break` does. It fails with `query.invalid` and, beyond 200,000 documents, `query.too-large`.
   *
   * @example
   * ```ts
   * for await (const { rows, changed } of notes.find({ done: false }).sort("due").limit(20).watch()) show(rows);
   * ```
   */
  watch({ signal }: CallOptions = {}): LiveStates<LiveResult<T>> {
    return new LiveStates(() => this.#watch("watch"), signal);
  }

  /**
   * Calls `handler` with the same states until the returned function is called. While a promise that it returned is open it counts as busy. It throws
   * nothing itself: what ends it goes to `onError`, or to the database's `error` event.
   *
   * @example
   * ```ts
   * const stop = notes.find({ done: false }).subscribe(({ rows }) => show(rows));
   * ```
   */
  subscribe(handler: (result: LiveResult<T>) => unknown, options: SubscribeOptions = {}): Unsubscribe {
    return subscribe(() => this.#watch("subscribe"), handler, options, this.#documents.reportFault);
  }

  #watch(op: string): Watcher<LiveResult<T>> {
    if (this.#within) {
      throw new AshoreError("request.invalid", "A transaction's queries cannot be watched.", { op });
    }
    const { sort, offset, limit, select } = this.#parts;
    const cutHere = select && this.#documents.shapes.migrates(this.#collection) ? select : null;
    const asked = { sort, offset, ...limited(limit), ...(select && !cutHere ? { select } : {}) };
    const query = toQueryText(op, this.#collection, this.#filter, asked);
    const watched = { op, collection: this.#collection, query, id: null, partial: select !== null, cut: cutHere };
    return this.#documents.watches.start(watched) as Watcher<LiveResult<T>>;
  }

  /** Page by page as the loop goes on: each page shows one moment, a later page a later one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Entry<T>, void, undefined> {
    for await (const page of this.#pages("find", {})) {
      yield* page;
    }
  }

  /** The ids of all of them, each once: what others write meanwhile may show a document on two pages. */
  async #ids(op: string): Promise<string[]> {
    const ids = new Set<string>();
    for await (const page of this.#with({ select: null }).#pages(op, {})) {
      for (const { id } of page) {
        ids.add(id);
      }
    }
    return [...ids];
  }

  async *#pages(op: string, { signal }: CallOptions, find?: FindPage): AsyncGenerator<Entry<T>[], void, undefined> {
    const source = this.#within ?? this.#documents;
    const ask: FindPage = find ?? ((...asked) => source.find(...asked));
    const { sort, select } = this.#parts;
    let { offset, limit } = this.#parts;
    // Documents that may have to be migrated are read whole.
    const cutHere = select && this.#documents.shapes.migrates(this.#collection) ? select : null;
    let after: string | null = null;
    do {
      const asked = { sort, offset, ...limited(limit), ...(select && !cutHere ? { select } : {}) };
      const query = toQueryText(op, this.#collection, this.#filter, asked);
      const page = await ask(op, this.#collection, query, after, PAGE, select !== null, signal);
      const { entries } = page;
      yield (
        cutHere ? entries.map(({ id, document }) => ({ id, document: cut(document, cutHere) })) : entries
      ) as Entry<T>[];
      after = page.next;
      limit -= page.entries.length;
      offset = 0;
    } while (after !== null && limit > 0);
  }

  #with(parts: Partial<Parts>): Query<T> {
    return new Query(this.#documents, this.#collection, this.#filter, { ...this.#parts, ...parts }, this.#within);
  }
}

function limited(limit: number): { limit?: number } {
  return limit === Infinity ? {} : { limit };
}

function whole(name: string, number: number): number {
  if (number === Infinity && name === "limit") {
    return number;
  }
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new AshoreError("query.invalid", `${name} must be a whole number that is not negative.`, {
      query: { path: name, operator: null, reason: "must be a whole number that is not negative" },
    });
  }
  return number;
}
