/**
 * What one handle watches. Each watch has rows of its own, which the engine's patches keep up to date; when another engine takes over it is asked again
 * and its answer is compared with what was there.
 */

import type { Documents, Entry } from "./documents.js";
import { AshoreError } from "./errors.js";
import type { Event } from "./generated/Event.js";
import type { Patch } from "./generated/Patch.js";
import type { LiveResult } from "./live.js";
import { difference, type Row, Rows } from "./rows.js";
import { select } from "./select.js";

/** What is watched. */
export interface Watched {
  /** The public call, for errors. */
  readonly op: string;
  readonly collection: string;
  readonly query: string;
  /** Only this document. */
  readonly id: string | null;
  /** Only parts of the documents: no base for a put. */
  readonly partial: boolean;
  /** The parts that the page cuts out of whole documents. */
  readonly cut?: readonly string[] | null;
}

/** Something that has states, one after another. */
export interface Watcher<State> {
  /** The next state that was not given; `null` once it has ended. Rejects when it cannot go on. */
  next(): Promise<{ readonly value: State } | null>;
  /** Ends it; a `next` that waits resolves with `null`. */
  end(): void;
}

/** So many microtasks let whoever was answered by the same message go on first: what it wrote is noted before this is given as read. */
const TURNS_FOR_ANSWERS = 32;
const FEW_TOUCHED = 1_000;
/** Unique in the page, so that no two handles of one client meet. */
let lastWatch = 0;

/** The watches of one handle. */
export class Watches {
  readonly #documents: Documents;
  readonly #open = new Map<number, Watch>();
  #stopHearing: (() => void) | null = null;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** Watches a query. */
  start(watched: Watched): Watcher<LiveResult<object>> {
    const documents = this.#documents;
    documents.checkOpen(watched.op);
    lastWatch += 1;
    const id = lastWatch;
    const watch = new Watch(id, watched, documents, () => this.#open.delete(id));
    this.#open.set(id, watch);
    this.#stopHearing ??= documents.client.events.on("event", (event) => this.#hear(event));
    watch.begin();
    return watch;
  }

  /** Watches one document. */
  startDocument(op: string, collection: string, id: string): Watcher<object | null> {
    const rows = this.start({ op, collection, query: "{}", id, partial: false });
    const next = async () => {
      const state = await rows.next();
      return state && { value: state.value.rows[0]?.document ?? null };
    };
    return { next, end: () => rows.end() };
  }

  /** Ends all of them. */
  end(): void {
    // Each takes itself away.
    for (const watch of Array.from(this.#open.values())) {
      watch.end();
    }
    this.#stopHearing?.();
  }

  #hear(event: Event): void {
    if ("patch" in event) {
      this.#open.get(event.patch.patch.watch)?.hear(event.patch.patch);
    } else if ("unwatched" in event) {
      const { watch, failure } = event.unwatched;
      const op = this.#open.get(watch)?.op;
      this.#open.get(watch)?.fail(AshoreError.from(failure, op));
    }
  }
}

interface Waiting {
  readonly resolve: (state: { readonly value: LiveResult<object> } | null) => void;
  readonly reject: (error: AshoreError) => void;
}

class Watch implements Watcher<LiveResult<object>> {
  readonly op: string;
  readonly #id: number;
  readonly #watched: Watched;
  readonly #documents: Documents;
  readonly #ended: () => void;
  readonly #rows: Rows;
  /** What was given last, and the rows of ids that were touched since, as they were then. */
  #given: readonly Entry<object>[] | null = null;
  readonly #touched = new Map<string, Row | undefined>();
  /** The rows are those of one moment. */
  #whole = false;
  #begun = false;
  #states = 0;
  #missed = false;
  #over = false;
  #failure: AshoreError | null = null;
  readonly #waiting: Waiting[] = [];
  #stop: (() => void)[] = [];

  constructor(id: number, watched: Watched, documents: Documents, ended: () => void) {
    this.op = watched.op;
    this.#id = id;
    this.#watched = watched;
    this.#documents = documents;
    this.#ended = ended;
    const { collection, cut } = watched;
    this.#rows = new Rows((row, version, stored) => {
      const document = documents.shapes.read(collection, row, version, stored);
      return cut ? select(document, cut) : document;
    });
  }

  begin(): void {
    const documents = this.#documents;
    const { op, collection, query, id } = this.#watched;
    const declared = documents.declarations.tell(collection);
    const check = (): void => documents.declarations.check(op, collection);
    const answered = (): void => (declared ? this.#try(check) : undefined);
    const failed = (error: AshoreError): void => this.#refused(error);
    const command = { watch: { watch: this.#id, collection, query, id } };
    this.#stop = [documents.client.keepAsking({ command, op, answered, failed }), documents.listen()];
  }

  next(): Promise<{ readonly value: LiveResult<object> } | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#give();
    });
  }

  hear(patch: Patch): void {
    if (patch.number === 1 && this.#begun) {
      this.#missed = true;
    }
    this.#begun = true;
    this.#rows.apply(patch, (id, before) => {
      if (!this.#touched.has(id)) {
        this.#touched.set(id, before);
      }
    });
    this.#forgetSame();
    this.#whole = !patch.more;
    this.#states += patch.more ? 0 : 1 + patch.skipped;
    const taken = { watchTaken: { watch: this.#id, patch: patch.number } };
    this.#documents.client.ask(taken, "done", { op: this.op }).catch(() => {});
    this.#documents.reportCorrupt(this.op, this.#watched.collection, patch.corrupt);
    if (this.#waiting.length > 0) {
      void this.#giveAfterAnswers();
    }
  }

  /** What came and went again is no difference: memory is bounded also when nobody asks for the next state. */
  #forgetSame(): void {
    if (this.#touched.size < FEW_TOUCHED + 2 * this.#rows.size) {
      return;
    }
    for (const [id, before] of this.#touched) {
      if (before === this.#rows.row(id)) {
        this.#touched.delete(id);
      }
    }
  }

  fail(error: AshoreError): void {
    this.#failure ??= error;
    this.#leave(false);
    this.#give();
  }

  end(): void {
    this.#leave(true);
    this.#give();
  }

  #leave(tell: boolean): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    for (const stop of this.#stop) {
      stop();
    }
    this.#ended();
    const { client } = this.#documents;
    if (tell && client.running) {
      client.ask({ unwatch: { watch: this.#id } }, "done", { op: this.op }).catch(() => {});
    }
  }

  /** What may pass does not end a watch that shows something: the next engine is asked again. */
  #refused(error: AshoreError): void {
    if (!error.retry || this.#given === null) {
      this.fail(error);
    }
  }

  #try(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error as AshoreError);
    }
  }

  async #giveAfterAnswers(): Promise<void> {
    for (let turn = 0; turn < TURNS_FOR_ANSWERS; turn += 1) {
      await Promise.resolve();
    }
    this.#give();
  }

  /** Gives who waits what there is to give. */
  #give(): void {
    const failure = this.#failure;
    if (this.#over) {
      for (const { resolve, reject } of this.#waiting.splice(0)) {
        if (failure) {
          reject(failure);
        } else {
          resolve(null);
        }
      }
      return;
    }
    if (this.#waiting.length === 0 || !this.#whole) {
      return;
    }
    const value = this.#state();
    if (value) {
      this.#waiting.shift()?.resolve({ value });
    }
  }

  /** The state that is now, unless it shows nothing new. */
  #state(): LiveResult<object> | null {
    const first = this.#given === null;
    const before = this.#given ?? [];
    const rows = this.#rows.entries;
    const pairs = [...this.#touched].map(([id, old]) => [old?.entry, this.#rows.row(id)?.entry] as const);
    const differs = first ? { added: rows, changed: [], moved: [], removed: [] } : difference(before, rows, pairs);
    const { added, changed, moved, removed } = differs;
    const [skipped, missed] = [Math.max(this.#states - 1, 0), this.#missed];
    this.#touched.clear();
    this.#states = 0;
    this.#missed = false;
    this.#given = rows;
    if (!first && added.length + changed.length + removed.length === 0) {
      return null;
    }
    this.#remember([...added, ...changed]);
    return { rows, added, changed, moved, removed, skipped: first ? 0 : skipped, missed };
  }

  /** What is given counts as read: a put that is based on it is a difference. */
  #remember(entries: readonly Entry<object>[]): void {
    const { collection, id, partial } = this.#watched;
    const { versions } = this.#documents;
    if (partial) {
      return;
    }
    for (const entry of entries) {
      versions.saw(collection, entry.id, this.#rows.row(entry.id)?.version ?? "", entry.document);
    }
    if (id !== null && this.#rows.entries.length === 0) {
      versions.saw(collection, id, "", null);
    }
  }
}
