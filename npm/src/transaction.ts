/** Several documents, all or nothing. */

import { edited } from "./collection.js";
import type { Documents, Range, Read, WriteOptions } from "./documents.js";
import { serialise } from "./documents.js";
import { AshoreError } from "./errors.js";
import type { Write } from "./generated/Write.js";
import { fromJson } from "./json.js";
import { checkCollection, checkId } from "./text.js";
import { keyOf } from "./versions.js";

/** One wanted change: `json` is the document's text, `null` a delete. `base` is what this transaction read; unset: it has not read it. */
interface Change {
  readonly collection: string;
  readonly id: string;
  readonly json: string | null;
  readonly base: string | null | undefined;
  readonly document: object | null;
}

/** What {@link Database.transaction} hands to its function. */
export class Transaction {
  readonly #documents: Documents;
  readonly #changes: Change[] = [];
  readonly #latest = new Map<string, Change>();
  readonly #read = new Map<string, string | null>();
  #over = false;

  /** @internal Use {@link Database.transaction}. */
  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** A collection as this transaction sees it: with its own writes. */
  collection<T extends object = Record<string, unknown>>(name: string): TransactionCollection<T> {
    checkCollection(name);
    return new TransactionCollection<T>(name, this);
  }

  /** @internal */
  async load(op: string, collection: string, id: string): Promise<Read> {
    this.#check(op);
    checkId(op, collection, id);
    const key = keyOf(collection, id);
    const own = this.#latest.get(key);
    if (own) {
      return { document: own.json === null ? null : (fromJson(`[${own.json}]`, true)[0] as object), version: "" };
    }
    const [read] = await this.#documents.read(op, collection, [id]);
    this.#read.set(key, read?.version ?? "");
    return read ?? { document: null, version: "" };
  }

  /** @internal */
  put(op: string, collection: string, id: string, document: object): void {
    this.#check(op);
    checkId(op, collection, id);
    this.#change(collection, id, serialise(op, collection, id, document), document);
  }

  /** @internal */
  delete(collection: string, id: string): void {
    this.#check("delete");
    this.#change(collection, id, null, null);
  }

  #change(collection: string, id: string, json: string | null, document: object | null): void {
    const key = keyOf(collection, id);
    const earlier = this.#latest.get(key);
    // A put over a put of this transaction replaces it; after a delete it is a new document.
    const base = earlier ? (earlier.json === null ? null : earlier.base) : this.#read.get(key);
    const change: Change = { collection, id, json, base, document };
    if (earlier && earlier.json !== null && json !== null) {
      this.#changes[this.#changes.indexOf(earlier)] = change;
    } else {
      this.#changes.push(change);
    }
    this.#latest.set(key, change);
  }

  /** @internal */
  async list(collection: string, range: Range): Promise<string[]> {
    this.#check("list");
    const { limit, ...rest } = range;
    const own = [...this.#latest.values()].filter((change) => change.collection === collection);
    // Own deletes make room for as many ids behind the limit.
    const deleted = own.filter((change) => change.json === null).length;
    const stored = await this.#documents.list(
      "list",
      collection,
      limit === undefined ? rest : { ...rest, limit: limit + deleted },
    );
    const ids = new Set(stored);
    for (const { id, json } of own) {
      if (json === null) {
        ids.delete(id);
      } else if (within(id, rest)) {
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
    const documents = this.#documents;
    if (this.#changes.length === 0) {
      return;
    }
    const keys = [...this.#latest.keys()];
    await documents.pending.write(keys, async () => {
      const results = await documents.write("transaction", this.#writes(), options);
      const versions = results.flatMap((result) =>
        "put" in result ? result.put.versions : "deleted" in result ? result.deleted.existed.map(() => null) : [],
      );
      this.#changes.forEach(({ collection, id, document }, at) => {
        const version = versions[at];
        if (version) {
          documents.versions.saw(collection, id, version, document);
        } else {
          documents.versions.forget(collection, id);
        }
      });
    });
  }

  /** Neighbours of one kind and collection become one write. */
  #writes(): Write[] {
    const writes: Write[] = [];
    for (const run of runs(this.#changes)) {
      const { collection, json } = run[0] as Change;
      const ids = run.map((change) => change.id);
      if (json === null) {
        writes.push({ delete: { collection, ids } });
      } else {
        const documents = `[${run.map((change) => change.json).join(",")}]`;
        writes.push({ put: { collection, ids, documents, bases: run.map((change) => this.#baseOf(change)) } });
      }
    }
    return writes;
  }

  #baseOf({ collection, id, base, document }: Change): string | null {
    return base === undefined ? this.#documents.versions.baseOf(collection, id, document as object) : base;
  }

  #check(op: string): void {
    this.#documents.checkOpen(op);
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

  /** The document, or `null` when there is none. */
  async get(id: string): Promise<T | null> {
    return (await this.#transaction.load("get", this.name, id)).document as T | null;
  }

  /** Puts a document when the transaction commits. */
  async put(id: string, document: T): Promise<void> {
    this.#transaction.put("put", this.name, id, document);
  }

  /** Reads, edits and puts; resolves with what will be put, or `null` when there is no such document. */
  async update(id: string, change: (draft: T) => T | void): Promise<T | null> {
    const { document } = await this.#transaction.load("update", this.name, id);
    if (!document) {
      return null;
    }
    const changed = edited(document as T, change);
    this.#transaction.put("update", this.name, id, changed);
    return changed;
  }

  /** Deletes a document when the transaction commits; `true` when there is one. */
  async delete(id: string): Promise<boolean> {
    const { document } = await this.#transaction.load("delete", this.name, id);
    if (!document) {
      return false;
    }
    this.#transaction.delete(this.name, id);
    return true;
  }

  /** The ids in byte order: all of them, or a range. */
  async list(range: Range = {}): Promise<string[]> {
    return this.#transaction.list(this.name, range);
  }
}

function* runs(changes: readonly Change[]): Generator<Change[]> {
  let run: Change[] = [];
  for (const change of changes) {
    const last = run.at(-1);
    if (last && (last.collection !== change.collection || (last.json === null) !== (change.json === null))) {
      yield run;
      run = [];
    }
    run.push(change);
  }
  if (run.length > 0) {
    yield run;
  }
}

function within(id: string, { after, before, prefix }: Range): boolean {
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
