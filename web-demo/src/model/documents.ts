// One collection as the views see it: every document, always current, and edits that show at once.

import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Collection, LiveResult } from "ashore";
import { tellProblem } from "./toasts.js";
import type { Kept } from "./types.js";

/** What the user made of a document (`null`: gone), and how many writes of it are on their way. */
type Done<T> = { readonly document: Kept<T> | null; readonly onTheirWay: number };

export class LiveDocuments<T extends object> {
  readonly #collection: Collection<T>;
  readonly #parse: (value: unknown) => T;
  readonly #stored = signal<ReadonlyMap<string, Kept<T>>>(new Map());
  /** Shown instead of what is stored, until that has it. */
  readonly #done = signal<ReadonlyMap<string, Done<T>>>(new Map());
  readonly #shown = computed(() => shown(this.#stored.value, this.#done.value));

  /** A document that did not change is the same object as before. */
  readonly all: ReadonlySignal<readonly Kept<T>[]> = computed(() => [...this.#shown.value.values()]);

  constructor(collection: Collection<T>, parse: (value: unknown) => T) {
    this.#collection = collection;
    this.#parse = parse;
  }

  find(id: string): Kept<T> | null {
    return this.#shown.value.get(id) ?? null;
  }

  /** Follows the collection from now on; resolves when everything is shown that is there. */
  follow(): Promise<void> {
    return new Promise((resolve, reject) => {
      let fail: (problem: unknown) => void = reject;
      const take = (state: LiveResult<T>): void => {
        this.#take(state);
        fail = tellProblem;
        resolve();
      };
      this.#collection.find().subscribe(take, { onError: (problem) => fail(problem) });
    });
  }

  /** Puts documents, all or nothing. */
  put(documents: readonly (readonly [string, T])[]): Promise<void> {
    return this.showing(documents, () => this.#collection.putMany(documents));
  }

  /** Deletes documents, all or nothing. */
  delete(ids: readonly string[]): Promise<void> {
    return this.showing(
      ids.map((id) => [id, null]),
      () => this.#collection.deleteMany(ids),
    );
  }

  /** Changes some fields; those that are left alone keep whatever another device writes meanwhile. */
  async edit(id: string, fields: Partial<T>): Promise<void> {
    const current = this.find(id);
    if (current === null) {
      return;
    }
    await this.showing([[id, { ...current, ...fields }]], () =>
      this.#collection.update(id, (document) => void Object.assign(document, fields)),
    );
  }

  /** Shows documents (`null`: gone) at once, writes, and ends with what is really there. */
  async showing(documents: readonly (readonly [string, T | null])[], write: () => Promise<unknown>): Promise<void> {
    const done = new Map(this.#done.value);
    for (const [id, document] of documents) {
      const onTheirWay = (done.get(id)?.onTheirWay ?? 0) + 1;
      done.set(id, { document: document && withId(id, document), onTheirWay });
    }
    this.#done.value = done;
    try {
      await write();
      // The state that has it comes in the same message as the answer: by the next turn it is here.
      await nextTurn();
    } finally {
      this.#arrived(documents.map(([id]) => id));
    }
  }

  #take({ added, changed, removed }: LiveResult<T>): void {
    const stored = new Map(this.#stored.value);
    for (const { id } of removed) {
      stored.delete(id);
    }
    for (const { id, document } of [...added, ...changed]) {
      stored.set(id, withId(id, this.#parse(document)));
    }
    this.#stored.value = stored;
  }

  #arrived(ids: readonly string[]): void {
    const done = new Map(this.#done.value);
    for (const id of ids) {
      const left = done.get(id);
      if (left !== undefined && left.onTheirWay > 1) {
        done.set(id, { ...left, onTheirWay: left.onTheirWay - 1 });
      } else {
        done.delete(id);
      }
    }
    this.#done.value = done;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve));
}

function shown<T>(
  stored: ReadonlyMap<string, Kept<T>>,
  done: ReadonlyMap<string, Done<T>>,
): ReadonlyMap<string, Kept<T>> {
  const all = new Map(stored);
  for (const [id, { document }] of done) {
    if (document === null) {
      all.delete(id);
    } else {
      all.set(id, document);
    }
  }
  return all;
}

function withId<T extends object>(id: string, document: T): Kept<T> {
  return { ...document, id };
}
