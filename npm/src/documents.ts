/** Reads and writes of one handle, in the engine's words: shared by collections and transactions. */

import type { AskOptions, Client, ReplyKind, ReplyOf } from "./client.js";
import { Declarations } from "./declarations.js";
import { AshoreError, closed } from "./errors.js";
import type { ChangedVersions } from "./generated/ChangedVersions.js";
import type { Command } from "./generated/Command.js";
import type { Durability } from "./generated/Durability.js";
import type { IdRange } from "./generated/IdRange.js";
import type { Write } from "./generated/Write.js";
import type { WriteResult } from "./generated/WriteResult.js";
import { earlierStep, history, MAX_LOOKED_BACK } from "./history.js";
import { fromInfo, type IndexInfo, type Plan } from "./indexes.js";
import { fromJson, toJson } from "./json.js";
import { Pending } from "./pending.js";
import type { SearchResult } from "./search.js";
import { isShaped, prepare, type Prepared, type PutWrite } from "./shaped-writes.js";
import { Shapes, VERSION_FIELD } from "./shapes.js";
import { type Direction, type Step, Steps } from "./steps.js";
import { checkId } from "./text.js";
import { Versions, keyOf } from "./versions.js";
import { Watches } from "./watches.js";

/** A part of a collection by document id, in byte order. */
export interface Range {
  /** Only ids after this one. */
  readonly after?: string | undefined;
  /** Only ids before this one. */
  readonly before?: string | undefined;
  /** Only ids that start with this. */
  readonly prefix?: string | undefined;
  /** At most so many; all of them when it is left out. */
  readonly limit?: number | undefined;
}

/** A document with its id. */
export interface Entry<T> {
  readonly id: string;
  readonly document: T;
}

/** What every call may be given. */
export interface CallOptions {
  /** Gives up waiting; the call rejects with `request.aborted`. A write may still happen. */
  readonly signal?: AbortSignal | undefined;
}

/** What every write may be given. */
export interface WriteOptions extends CallOptions {
  /** When it counts as done: `relaxed` survives the end of the program, `strict` a power cut too. */
  readonly durability?: Durability | undefined;
}

/** A document as it was read: its value and the version it was read at; `""` where there was none. */
export interface Read {
  readonly document: object | null;
  readonly version: string;
}

/** A page of what a query asks for. */
export interface FoundPage {
  readonly entries: Entry<object>[];
  /** Where the next one begins; `null` when there is none. */
  readonly next: string | null;
}

/** Asks for a page of what a query asks for; `partial`: only parts of its documents. */
export type FindPage = (
  op: string,
  collection: string,
  query: string,
  from: string | null,
  page: number,
  partial: boolean,
  signal?: AbortSignal,
) => Promise<FoundPage>;

/** The most ids that one call may name, and the most that one page holds. */
export const MAX_IDS = 10_000;
const SCAN_PAGE = 1_000;

/** The documents of one database, through one handle. */
export class Documents {
  readonly versions = new Versions();
  readonly pending = new Pending();
  readonly steps = new Steps();
  readonly client: Client;
  readonly durability: Durability;
  readonly declarations: Declarations;
  readonly shapes: Shapes;
  readonly watches: Watches;
  readonly #onFault: (error: AshoreError) => void;
  readonly #listening = new Set<() => void>();
  closed = false;

  constructor(client: Client, durability: Durability, onFault: (error: AshoreError) => void) {
    this.client = client;
    this.durability = durability;
    this.#onFault = onFault;
    this.declarations = new Declarations(client, onFault);
    this.shapes = new Shapes(this.declarations);
    this.watches = new Watches(this);
  }

  /** Throws `database.closed` once the handle is closed. */
  checkOpen(op: string): void {
    if (this.closed) {
      throw closed(op);
    }
  }

  /** Asks about collections. What was declared of them goes first; when the engine refused that, the call rejects with the same error. */
  ask<Kind extends ReplyKind>(
    collections: Iterable<string>,
    command: Command,
    kind: Kind,
    options: AskOptions,
  ): Promise<ReplyOf<Kind>> {
    const declared = [...collections].filter((collection) => this.declarations.tell(collection));
    const reply = this.client.ask(command, kind, options);
    const check = (): void => declared.forEach((collection) => this.declarations.check(options.op, collection));
    return declared.length > 0 ? reply.finally(check) : reply;
  }

  /** The documents of these ids, in their order. Rejects with `store.corrupt` when one of them does not decode. */
  async read(op: string, collection: string, ids: readonly string[], signal?: AbortSignal): Promise<Read[]> {
    this.checkOpen(op);
    for (const id of ids) {
      checkId(op, collection, id);
    }
    const keys = ids.map((id) => keyOf(collection, id));
    return this.pending.read(keys, async () => {
      const pages: Promise<Read[]>[] = [];
      for (let start = 0; start < ids.length; start += MAX_IDS) {
        pages.push(this.readPage(op, collection, ids.slice(start, start + MAX_IDS), signal));
      }
      return (await Promise.all(pages)).flat();
    });
  }

  /** At most {@link MAX_IDS} documents, now: waits for no write of this handle. */
  async readPage(op: string, collection: string, ids: readonly string[], signal?: AbortSignal): Promise<Read[]> {
    const stored = await this.#readStored(op, collection, ids, signal);
    return ids.map((id, at) => this.remember(collection, id, stored[at]?.document, stored[at]?.version));
  }

  /** Documents as they are stored, now, however many; nothing is remembered of them. */
  async readStored(op: string, collection: string, ids: readonly string[], signal?: AbortSignal): Promise<Read[]> {
    const pages: Promise<Read[]>[] = [];
    for (let start = 0; start < ids.length; start += MAX_IDS) {
      pages.push(this.#readStored(op, collection, ids.slice(start, start + MAX_IDS), signal));
    }
    return (await Promise.all(pages)).flat();
  }

  async #readStored(op: string, collection: string, ids: readonly string[], signal?: AbortSignal): Promise<Read[]> {
    const reply = await this.ask([collection], { get: { collection, ids: [...ids] } }, "documents", { op, signal });
    const corrupt = reply.corrupt[0];
    if (corrupt !== undefined) {
      throw corruptDocument(op, collection, corrupt);
    }
    const values = fromJson(reply.documents, reply.tagged) as (object | null)[];
    return values.map((document, at) => ({ document, version: reply.versions[at] ?? "" }));
  }

  /** The ids in that range, in byte order: all of them, however many pages that takes; or of the documents that are parked. */
  async list(
    op: string,
    collection: string,
    range: Range,
    signal?: AbortSignal,
    which: "list" | "parked" = "list",
  ): Promise<string[]> {
    this.checkOpen(op);
    return this.pending.read(null, async () => {
      const ids: string[] = [];
      for (const wanted = new Pages(range, MAX_IDS); !wanted.done;) {
        const part = { collection, range: wanted.next() };
        const command = which === "list" ? { list: part } : { parked: part };
        const page = await this.ask([collection], command, "ids", { op, signal });
        for (const id of page.ids) {
          ids.push(id);
        }
        wanted.got(page.ids, page.more);
      }
      return ids;
    });
  }

  /** The documents in that range, page by page. One that does not decode is reported as an `error` event and left out. */
  async *scan(
    op: string,
    collection: string,
    range: Range,
    signal?: AbortSignal,
  ): AsyncGenerator<Entry<object>[], void, undefined> {
    for await (const page of this.scanStored(op, collection, range, signal)) {
      yield page.map(({ id, document, version }) => ({
        id,
        document: this.remember(collection, id, document, version).document as object,
      }));
    }
  }

  /** The same as they are stored, with their versions; nothing is remembered of them. */
  async *scanStored(
    op: string,
    collection: string,
    range: Range,
    signal?: AbortSignal,
  ): AsyncGenerator<(Entry<object> & { readonly version: string })[], void, undefined> {
    for (const wanted = new Pages(range, SCAN_PAGE); !wanted.done;) {
      this.checkOpen(op);
      const part = wanted.next();
      const page = await this.pending.read(null, () =>
        this.ask([collection], { scan: { collection, range: part } }, "documents", { op, signal }),
      );
      this.reportCorrupt(op, collection, page.corrupt);
      const values = fromJson(page.documents, page.tagged) as object[];
      yield page.ids.map((id, at) => ({ id, document: values[at] as object, version: page.versions[at] ?? "" }));
      wanted.got(page.ids, page.more);
    }
  }

  /** One page of what a query asks for. A document that does not decode is reported as an `error` event and left out. */
  async find(...asked: Parameters<FindPage>): Promise<FoundPage> {
    this.checkOpen(asked[0]);
    return this.pending.read(null, () => this.findPage(...asked));
  }

  /** One page of what a query asks for, now: waits for no write of this handle. */
  async findPage(
    op: string,
    collection: string,
    query: string,
    from: string | null,
    page: number,
    partial: boolean,
    signal?: AbortSignal,
  ): Promise<FoundPage> {
    const found = await this.#findStored(op, collection, query, from, page, signal);
    const entries = found.entries.map(({ id, document, version }) => {
      if (!partial) {
        return { id, document: this.remember(collection, id, document, version).document as object };
      }
      return { id, document: this.shapes.reveal(collection, document) };
    });
    return { entries, next: found.next };
  }

  /** The same as it is stored; nothing is remembered of it. */
  async findStored(...[op, collection, query, from, page, , signal]: Parameters<FindPage>): Promise<FoundPage> {
    return this.#findStored(op, collection, query, from, page, signal);
  }

  async #findStored(
    op: string,
    collection: string,
    query: string,
    from: string | null,
    page: number,
    signal?: AbortSignal,
  ): Promise<{ readonly entries: (Entry<object> & { readonly version: string })[]; readonly next: string | null }> {
    const find = { collection, query, after: from, page };
    const found = await this.ask([collection], { find }, "found", { op, signal });
    this.reportCorrupt(op, collection, found.corrupt);
    const values = fromJson(found.documents, found.tagged) as object[];
    const entries = found.ids.map((id, at) => ({
      id,
      document: values[at] as object,
      version: found.versions[at] ?? "",
    }));
    return { entries, next: found.next };
  }

  /** How many documents a query asks for. */
  async count(collection: string, query: string, signal?: AbortSignal): Promise<number> {
    this.checkOpen("count");
    const { count, corrupt } = await this.pending.read(null, () =>
      this.ask([collection], { count: { collection, query } }, "count", { op: "count", signal }),
    );
    this.reportCorrupt("count", collection, corrupt);
    return count;
  }

  /** Which index a query reads. */
  async explain(collection: string, query: string, signal?: AbortSignal): Promise<Plan> {
    this.checkOpen("explain");
    const { index, ranges, inOrder } = await this.ask([collection], { explain: { collection, query } }, "plan", {
      op: "explain",
      signal,
    });
    return { index, ranges, inOrder };
  }

  /** One part of what a search finds: it may be cut where it gets too large to send. */
  async search(collection: string, command: Command, signal?: AbortSignal): Promise<SearchResult<object>> {
    this.checkOpen("search");
    const found = await this.pending.read(null, () =>
      this.ask([collection], command, "hits", { op: "search", signal }),
    );
    this.reportCorrupt("search", collection, found.corrupt);
    const values = fromJson(found.documents, found.tagged) as object[];
    const hits = found.ids.map((id, at) => {
      const document = this.remember(collection, id, values[at], found.versions[at]).document as object;
      const terms = new Set((found.matched[at] ?? []).map((place) => found.terms[place] as string));
      return { id, document, score: found.scores[at] as number, terms: [...terms] };
    });
    return { hits, more: found.more, complete: found.complete };
  }

  /** Declares or lists indexes. */
  async indexes(op: string, collection: string, command: Command, signal?: AbortSignal): Promise<IndexInfo[]> {
    this.checkOpen(op);
    return (await this.ask([collection], command, "indexes", { op, signal })).indexes.map(fromInfo);
  }

  /** The ids of documents that share their values in a unique index, group by group. */
  async indexConflicts(collection: string, index: string, signal?: AbortSignal): Promise<string[][]> {
    this.checkOpen("indexConflicts");
    const asked = { indexConflicts: { collection, index } };
    const found = await this.ask([collection], asked, "indexConflicts", { op: "indexConflicts", signal });
    return found.conflicts.map(({ ids }) => ids);
  }

  /** Applies the writes, all or nothing, in the shape that their collections have. `split`: they may travel in several entries. */
  async write(op: string, writes: Write[], options: WriteOptions, split = false): Promise<WriteResult[]> {
    if (writes.some((write) => isShaped(this.shapes, write))) {
      return (await this.writeShaped(op, writes, options, split)).results;
    }
    return this.#writeStep(op, writes, options, split);
  }

  /** The same where the page keeps the shape of some; answers also the documents that modifiers changed. */
  async writeShaped(
    op: string,
    writes: readonly Write[],
    options: WriteOptions,
    split: boolean,
  ): Promise<{ readonly results: WriteResult[]; readonly modified: Prepared["modified"] }> {
    return this.pending.hold(async () => {
      const prepared = await prepare(this, op, writes, options);
      const results = await this.#writeStep(op, prepared.writes, options, split);
      return { results: prepared.answer(results), modified: prepared.modified };
    });
  }

  /** What modifiers make of these texts of documents, in their order, and how many are different then; nothing is written. */
  async apply(
    op: string,
    collection: string,
    ids: readonly string[],
    texts: readonly string[],
    modifiers: string,
    signal?: AbortSignal,
  ): Promise<{ readonly documents: object[]; readonly changed: number }> {
    const made: object[] = [];
    let changed = 0;
    let start = 0;
    // Asked for no document, too: modifiers that cannot be understood are refused whatever there is.
    do {
      const [some, documents] = [ids, texts].map((all) => all.slice(start, start + MAX_IDS)) as [string[], string[]];
      const asked = { apply: { collection, ids: some, documents: `[${documents.join(",")}]`, modifiers } };
      const applied = await this.ask([collection], asked, "applied", { op, signal });
      for (const document of fromJson(applied.documents, applied.tagged)) {
        made.push(document as object);
      }
      changed += applied.changed.filter(Boolean).length;
      start += MAX_IDS;
    } while (start < ids.length);
    return { documents: made, changed };
  }

  /** Writes what documents were migrated to; nobody's own change, so nothing to undo. Answers their versions. */
  async migrate(op: string, migrate: PutWrite, options: WriteOptions): Promise<readonly string[]> {
    const [result] = (await this.#write(op, [{ migrate }], options, true)).results;
    if (!result || !("put" in result)) {
      throw new AshoreError("internal", "The answer to a migration was of another kind.", { op });
    }
    return result.put.versions;
  }

  /** Takes back the last step of this handle of which something is left. Answers with the changes that did it, none when there is no such step. */
  async undo(op: Direction, options: WriteOptions): Promise<Step> {
    // What this handle is still writing is a step too.
    await this.pending.all();
    return this.#undo(op, null, (step) => {
      const keys = step.map(({ collection, id }) => keyOf(collection, id));
      return this.pending.write(keys, () => this.#take(op, step, options));
    });
  }

  /**
   * The same in a document whose order among other writes is settled. Where this handle knows of no step there, what this device's user did last is
   * taken back: a change, or typing as the history tells it.
   */
  async undoIn(op: Direction, collection: string, id: string, options: WriteOptions): Promise<Step> {
    const changed = await this.#undo(op, keyOf(collection, id), (step) => this.#take(op, step, options));
    if (changed.length > 0) {
      return changed;
    }
    // As it is stored: the caller has not read it, and its fields are those of the history.
    const [read] = await this.readStored(op, collection, [id], options.signal);
    const changes = await history(this, collection, id, { limit: MAX_LOOKED_BACK }, options.signal);
    const count = earlierStep(changes, op, (read?.document ?? {}) as Readonly<Record<string, unknown>>);
    const last = Array.from({ length: count }, () => ({ collection, id, versions: [] }));
    return this.#take(op, last, options);
  }

  /** Something went wrong that no call waits for. */
  readonly reportFault = (error: AshoreError): void => this.#onFault(error);

  /** Puts documents whose order among other writes is settled, all or nothing, and notes their versions. */
  async put(
    op: string,
    collection: string,
    ids: string[],
    texts: string[],
    bases: (string | null)[],
    values: readonly object[],
    options: WriteOptions,
  ): Promise<void> {
    const put = { collection, ids, documents: `[${texts.join(",")}]`, bases };
    const [result] = await this.write(op, [{ put }], options, ids.length > 1);
    if (!result || !("put" in result)) {
      throw new AshoreError("internal", "The answer to a put was of another kind.", { op });
    }
    result.put.versions.forEach((version, at) =>
      this.versions.saw(collection, ids[at] as string, version, values[at] as object),
    );
  }

  /** Somebody listens from now on: the engine runs. Ends with the returned function or with the handle. */
  listen(): () => void {
    this.checkOpen("on");
    const stop = this.client.listen();
    this.#listening.add(stop);
    return () => {
      this.#listening.delete(stop);
      stop();
    };
  }

  /** Refuses every call from now on; resolves when the writes under way have been answered, or after so many milliseconds. */
  async close(waitMs: number): Promise<void> {
    this.closed = true;
    this.watches.end();
    await Promise.race([this.pending.all(), after(waitMs)]);
    for (const stop of this.#listening) {
      stop();
    }
    this.#listening.clear();
    this.declarations.end();
  }

  /** Writes what is one step of this handle, to be undone as one. */
  async #writeStep(op: string, writes: Write[], options: WriteOptions, split: boolean): Promise<WriteResult[]> {
    const wrote = this.steps.writing(op, writes);
    const { results, changed } = await this.#write(op, writes, options, split);
    wrote(changed);
    return results;
  }

  async #undo(op: Direction, document: string | null, take: (step: Step) => Promise<Step>): Promise<Step> {
    for (let step = this.steps.last(op, document); step; step = this.steps.last(op, document)) {
      const changed = await take(step);
      if (changed.length > 0) {
        return changed;
      }
    }
    return [];
  }

  /** Takes these changes back, or what this device's user did last in a document of which none are named. Answers with the changes that did it. */
  async #take(op: Direction, step: Step, options: WriteOptions): Promise<Step> {
    if (!this.steps.holds(op, step)) {
      // Another call took it while this one waited for its turn.
      return [];
    }
    const writes = step.map(({ collection, id, versions }) => ({
      revert: { collection, ids: [id], versions: [versions], redo: op === "redo" },
    }));
    const { changed = [] } = await this.#write(op, writes, options, false);
    this.steps.took(op, step, changed);
    return changed;
  }

  async #write(
    op: string,
    writes: Write[],
    options: WriteOptions,
    split: boolean,
  ): Promise<{ readonly results: WriteResult[]; readonly changed?: ChangedVersions[] }> {
    const durability = options.durability ?? this.durability;
    const command: Command = { write: { writes, durability, split } };
    return this.ask(new Set(writes.map(collectionOf)), command, "written", { op, signal: options.signal });
  }

  /** What the app sees of a document that was read; the version that it has is remembered. */
  remember(collection: string, id: string, document: object | null | undefined, version: string | undefined): Read {
    const found = document ? this.shapes.read(collection, id, version ?? "", document) : null;
    // Where there is nothing the version is "": a put based on it adds to what others put meanwhile and replaces nothing of it.
    this.versions.saw(collection, id, version ?? "", found);
    return { document: found, version: version ?? "" };
  }

  /** Documents that do not decode: an `error` event for each. */
  reportCorrupt(op: string, collection: string, corrupt: readonly string[]): void {
    for (const id of corrupt) {
      this.#onFault(corruptDocument(op, collection, id));
    }
  }
}

/** The JSON text of `document`, or `document.not-serializable` with all that it is about. */
export function serialise(op: string, collection: string, id: string, document: unknown): string {
  try {
    if (typeof document === "object" && document !== null && Object.hasOwn(document, VERSION_FIELD)) {
      throw new AshoreError("document.not-serializable", `document.${VERSION_FIELD}: this field is Ashore's own.`);
    }
    return toJson(document);
  } catch (error) {
    if (!(error instanceof AshoreError)) {
      throw error;
    }
    throw new AshoreError(error.code, error.message, { op, collection, id });
  }
}

function collectionOf(write: Write): string {
  const [part] = Object.values(write) as { readonly collection: string }[];
  return part?.collection ?? "";
}

/** A range cut into pages: each starts after the last id of the one before. */
class Pages {
  done = false;
  #after: string | null;
  #left: number;
  readonly #range: Range;
  readonly #size: number;

  constructor(range: Range, size: number) {
    this.#range = range;
    this.#size = size;
    this.#after = range.after ?? null;
    this.#left = range.limit ?? Infinity;
    if (!(this.#left >= 0)) {
      throw new AshoreError("request.invalid", "A limit must be a number that is not negative.");
    }
    this.done = this.#left < 1;
  }

  next(): IdRange {
    const { before = null, prefix = null } = this.#range;
    return { after: this.#after, before, prefix, limit: Math.floor(Math.min(this.#left, this.#size)) };
  }

  got(ids: readonly string[], more: boolean): void {
    this.#after = ids.at(-1) ?? this.#after;
    this.#left -= ids.length;
    this.done = !more || ids.length === 0 || this.#left < 1;
  }
}

/** Resolves after so many milliseconds without keeping a process alive for it. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, ms);
    (timer as { unref?: () => void }).unref?.();
  });
}

function corruptDocument(op: string, collection: string, id: string): AshoreError {
  return new AshoreError("store.corrupt", "The stored bytes of this document do not decode.", { op, collection, id });
}
