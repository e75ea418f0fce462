/** Several documents, all or nothing. */

import { isIds } from "./collection.js";
import type { CallOptions, Documents, Entry, FindPage, FoundPage, Range, WriteOptions } from "./documents.js";
import { serialise } from "./documents.js";
import { AshoreError } from "./errors.js";
import type { Filter } from "./filter.js";
import { fromJson, toJson } from "./json.js";
import { type DeleteResult, type Modifiers, toModifiersText, type UpdateResult } from "./modifiers.js";
import { Query } from "./query.js";
import { versionsOf } from "./shaped-writes.js";
import { checkCollection, checkId } from "./text.js";
import { TouchedDocuments } from "./touched.js";
import { type Edit, edited } from "./updates.js";

/** What {@link Database.transaction} hands to its function. */
export class Transaction {
  /** @internal */
  readonly documents: Documents;
  readonly #touched = new TouchedDocuments();
  #over = false;

  /** @internal Use {@link Database.transaction}. */
  constructor(documents: Documents) {
    this.documents = documents;
  }

  /** A collection as this transaction sees it: with its own writes. */
  collection<T extends object = Record<string, unknown>>(name: string): TransactionCollection<T> {
    checkCollection(name);
    return new TransactionCollection<T>(name, this);
  }

  /** @internal Documents by id, as this transaction sees them. */
  async load(op: string, collection: string, ids: readonly string[], signal?: AbortSignal): Promise<(object | null)[]> {
    this.check(op);
    for (const id of ids) {
      checkId(op, collection, id);
    }
    const unmet = [...new Set(ids)].filter((id) => this.#touched.view(collection, id) === undefined);
    const first = new Map<string, object | null>();
    if (unmet.length > 0) {
      const reads = await this.documents.read(op, collection, unmet, signal);
      reads.forEach((read, at) => {
        const id = unmet[at] as string;
        first.set(id, this.#touched.read(collection, id, read));
      });
    }
    // The object that came with the read itself, once: each later look is a copy of its own.
    return ids.map((id) => {
      const read = first.get(id);
      first.delete(id);
      return read ?? this.#touched.view(collection, id) ?? null;
    });
  }

  /** @internal */
  put(op: string, collection: string, id: string, document: object): void {
    this.check(op);
    checkId(op, collection, id);
    this.#touched.put(collection, id, serialise(op, collection, id, document), document);
  }

  /** @internal */
  delete(op: string, collection: string, id: string): void {
    this.check(op);
    this.#touched.delete(collection, id);
  }

  /** @internal Modifies documents that this transaction has met; answers how many are different then. */
  async modify(op: string, collection: string, ids: readonly string[], modifiers: string): Promise<number> {
    this.check(op);
    const there = ids.filter((id) => this.#touched.text(collection, id) !== null);
    const texts = there.map((id) => this.#touched.text(collection, id) as string);
    const made = await this.documents.apply(op, collection, there, texts, modifiers);
    made.documents.forEach((document, at) => {
      this.#touched.modify(collection, there[at] as string, toJson(document), modifiers);
    });
    return made.changed;
  }

  /** @internal One page of what a query asks for, of documents as this transaction sees them. */
  async find(...[op, collection, query, from, page, partial, signal]: Parameters<FindPage>): Promise<FoundPage> {
    this.check(op);
    const { documents } = this;
    const within = this.#touched.overlay(collection);
    const find = { collection, query, after: from, page, ...(within ? { within } : {}) };
    const found = await documents.pending.read(null, () =>
      documents.ask([collection], { find }, "found", { op, signal }),
    );
    documents.reportCorrupt(op, collection, found.corrupt);
    const values = fromJson(found.documents, found.tagged) as object[];
    const entries = found.ids.map((id, at) => {
      const value = values[at] as object;
      if (this.#touched.view(collection, id) !== undefined) {
        return { id, document: value };
      }
      if (partial) {
        return { id, document: documents.shapes.reveal(collection, value) };
      }
      const read = documents.remember(collection, id, value, found.versions[at]);
      this.#touched.read(collection, id, read);
      return { id, document: read.document as object };
    });
    return { entries, next: found.next };
  }

  /** @internal */
  async count(collection: string, query: string, signal?: AbortSignal): Promise<number> {
    const op = "count";
    this.check(op);
    const { documents } = this;
    const within = this.#touched.overlay(collection);
    const count = { collection, query, ...(within ? { within } : {}) };
    const counted = await documents.pending.read(null, () =>
      documents.ask([collection], { count }, "count", { op, signal }),
    );
    documents.reportCorrupt(op, collection, counted.corrupt);
    return counted.count;
  }

  /** @internal */
  async modifyMany(collection: string, found: Promise<string[]>, modifiers: string): Promise<UpdateResult> {
    const ids = await found;
    return { matched: ids.length, modified: await this.modify("updateMany", collection, ids, modifiers) };
  }

  /** @internal */
  async removeMany(collection: string, found: Promise<string[]>): Promise<DeleteResult> {
    const ids = await found;
    for (const id of ids) {
      this.delete("deleteMany", collection, id);
    }
    return { deleted: ids.length };
  }

  /** @internal */
  async editMany<T extends object>(
    collection: string,
    pages: (find: FindPage) => AsyncIterable<Entry<T>[]>,
    change: Edit<T>,
  ): Promise<UpdateResult> {
    const op = "updateMany";
    const all: Entry<T>[] = [];
    for await (const page of pages((...asked) => this.find(...asked))) {
      for (const entry of page) {
        all.push(entry);
      }
    }
    let modified = 0;
    for (const { id, document } of all) {
      const before = serialise(op, collection, id, document);
      const changed = edited(document, change);
      if (serialise(op, collection, id, changed) !== before) {
        this.put(op, collection, id, changed);
        modified += 1;
      }
    }
    return { matched: all.length, modified };
  }

  /** @internal */
  async list(collection: string, range: Range): Promise<string[]> {
    this.check("list");
    const { limit, ...rest } = range;
    const met = [...this.#touched.met(collection)];
    // Ids that are not there for this transaction make room for as many behind the limit.
    const absent = met.filter(({ there }) => !there).length;
    const stored = await this.documents.list(
      "list",
      collection,
      limit === undefined ? rest : { ...rest, limit: limit + absent },
    );
    const ids = new Set(stored);
    for (const { id, there } of met) {
      if (!there) {
        ids.delete(id);
      } else if (isWithin(id, rest)) {
        ids.add(id);
      }
    }
    return [...ids].sort(compareBytes).slice(0, limit);
  }

  /** @internal Ends it without writing. */
  end(): void {
    this.#over = true;
  }

  /** @internal Writes everything as one write. */
  async commit(options: WriteOptions): Promise<void> {
    this.end();
    const { documents } = this;
    const keys = this.#touched.keys();
    if (keys.length === 0) {
      return;
    }
    await documents.pending.write(keys, async () => {
      const writes = this.#touched.writes(documents);
      const results = await documents.write("transaction", writes, options);
      writes.forEach((write, at) => {
        const { collection, ids } = Object.values(write)[0] as { collection: string; ids: string[] };
        const versions = versionsOf(results[at]);
        ids.forEach((id, place) => {
          const version = versions[place];
          if (version) {
            documents.versions.saw(collection, id, version, this.#touched.document(collection, id));
          } else {
            documents.versions.forget(collection, id);
          }
        });
      });
    });
  }

  /** @internal */
  check(op: string): void {
    this.documents.checkOpen(op);
    if (this.#over) {
      throw new AshoreError("request.invalid", "The transaction is over: await everything inside its function.", {
        op,
      });
    }
  }
}

/** A collection inside a transaction. Reads see the transaction's own writes; nobody else does before it commits. */
export class TransactionCollection<T extends object = Record<string, unknown>> {
  /** Its name. */
  readonly name: string;
  readonly #transaction: Transaction;

  /** @internal */
  constructor(name: string, transaction: Transaction) {
    this.name = name;
    this.#transaction = transaction;
  }

  /** The document, or `null` when there is none. Read again it is the same, whatever others write meanwhile. */
  async get(id: string): Promise<T | null> {
    const [document] = await this.#transaction.load("get", this.name, [id]);
    return (document ?? null) as T | null;
  }

  /** The documents of these ids, in their order; `null` where there is none. */
  async getMany(ids: Iterable<string>): Promise<(T | null)[]> {
    return (await this.#transaction.load("getMany", this.name, [...ids])) as (T | null)[];
  }

  /** Puts a document when the transaction commits. */
  async put(id: string, document: T): Promise<void> {
    this.#transaction.put("put", this.name, id, document);
  }

  /** Puts many documents when the transaction commits. Of an id that occurs twice the last counts. */
  async putMany(documents: Iterable<readonly [string, T]> | Readonly<Record<string, T>>): Promise<void> {
    const pairs =
      Symbol.iterator in documents ? (documents as Iterable<readonly [string, T]>) : Object.entries(documents);
    for (const [id, document] of pairs) {
      this.#transaction.put("putMany", this.name, id, document);
    }
  }

  /** Reads, edits and puts; resolves with what will be put, or `null` when there is no such document. */
  async update(id: string, change: Edit<T>): Promise<T | null>;
  /**
   * Modifies a document; resolves with whether there is one. The modifiers are applied again to what is there when the transaction commits, so an
   * `$inc` loses nobody's increment.
   */
  async update(id: string, modifiers: Modifiers<T>): Promise<boolean>;
  async update(id: string, change: Edit<T> | Modifiers<T>): Promise<T | null | boolean> {
    const transaction = this.#transaction;
    const modifiers = typeof change === "function" ? null : toModifiersText("update", this.name, change);
    const [document] = await transaction.load("update", this.name, [id]);
    if (modifiers !== null) {
      await transaction.modify("update", this.name, [id], modifiers);
      return document !== null;
    }
    if (!document) {
      return null;
    }
    const changed = edited(document as T, change as Edit<T>);
    transaction.put("update", this.name, id, changed);
    return changed;
  }

  /** Updates every document that fits a filter, with modifiers or a function. */
  async updateMany(filter: Filter<T>, change: Modifiers<T> | Edit<T>): Promise<UpdateResult> {
    return this.find(filter).update(change);
  }

  /** Deletes a document when the transaction commits; `true` when there is one. */
  async delete(id: string): Promise<boolean> {
    const [existed] = await this.deleteMany([id]);
    return existed ?? false;
  }

  /** Deletes many documents when the transaction commits; for each id whether there is one. */
  async deleteMany(ids: Iterable<string>): Promise<boolean[]>;
  /** Deletes every document that fits a filter when the transaction commits. */
  async deleteMany(filter: Filter<T>): Promise<DeleteResult>;
  async deleteMany(which: Iterable<string> | Filter<T>): Promise<boolean[] | DeleteResult> {
    if (!isIds(which)) {
      return this.find(which).delete();
    }
    const ids = [...which];
    const documents = await this.#transaction.load("delete", this.name, ids);
    const deleted = new Set<string>();
    return ids.map((id, at) => {
      if (documents[at] === null || deleted.has(id)) {
        return false;
      }
      deleted.add(id);
      this.#transaction.delete("delete", this.name, id);
      return true;
    });
  }

  /** The documents that fit a filter, all of them without one; the same questions as outside, of what this transaction sees. */
  find(filter: Filter<T> = {}): Query<T> {
    return new Query<T>(this.#transaction.documents, this.name, filter, undefined, this.#transaction);
  }

  /** The first document, in the order of ids, that fits a filter; `null` when none does. */
  async findOne(filter: Filter<T> = {}, options: CallOptions = {}): Promise<Entry<T> | null> {
    return this.find(filter).first(options);
  }

  /** How many documents fit a filter. */
  async count(filter: Filter<T> = {}, options: CallOptions = {}): Promise<number> {
    return this.find(filter).count(options);
  }

  /** The ids in byte order: all of them, or a range. */
  async list(range: Range = {}): Promise<string[]> {
    return this.#transaction.list(this.name, range);
  }

  /** The documents in byte order of their ids: all of them, or a range. */
  async all(range: Range = {}): Promise<Entry<T>[]> {
    const ids = await this.list(range);
    const documents = await this.getMany(ids);
    const entries = ids.map((id, at) => ({ id, document: documents[at] as T | null }));
    return entries.filter((entry): entry is Entry<T> & typeof entry => entry.document !== null);
  }
}

function isWithin(id: string, { after, before, prefix }: Range): boolean {
  return (
    (after === undefined || compareBytes(id, after) > 0) &&
    (before === undefined || compareBytes(id, before) < 0) &&
    (prefix === undefined || id.startsWith(prefix))
  );
}

/** The order of the UTF-8 bytes, which is that of the code points; JavaScript's own compares UTF-16 units. */
export function compareBytes(left: string, right: string): number {
  const a = [...left];
  const b = [...right];
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const difference = (a[at]?.codePointAt(0) ?? 0) - (b[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.length - b.length;
}
