// One collection as the views see it: every document, always current, and edits that show at once.

import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { AshoreError, type Collection } from "ashore";
import { tellProblem } from "./toasts.js";
import type { Kept } from "./types.js";

export class LiveDocuments<T extends object> {
  readonly #collection: Collection<T>;
  readonly #parse: (value: unknown) => T;
  readonly #documents = signal<ReadonlyMap<string, T>>(new Map());
  /** Writes on their way, per document: until they are saved, what the user did is what is shown. */
  readonly #onTheirWay = new Map<string, number>();

  readonly all: ReadonlySignal<readonly Kept<T>[]> = computed(() =>
    [...this.#documents.value].map(([id, document]) => withId(id, document)),
  );

  constructor(collection: Collection<T>, parse: (value: unknown) => T) {
    this.#collection = collection;
    this.#parse = parse;
  }

  find(id: string): Kept<T> | null {
    const document = this.#documents.value.get(id);
    return document === undefined ? null : withId(id, document);
  }

  /** Reads everything. Called at the start, and when too much changed to be named. */
  async loadAll(): Promise<void> {
    const loaded = new Map<string, T>();
    for await (const { id, document } of this.#collection.documents()) {
      loaded.set(id, this.#parse(document));
    }
    for (const id of this.#onTheirWay.keys()) {
      copyEntry(id, this.#documents.value, loaded);
    }
    this.#documents.value = loaded;
  }

  /** Reads these again, after a change here, in another tab or on another device. */
  async load(ids: readonly string[]): Promise<void> {
    const settled = ids.filter((id) => !this.#onTheirWay.has(id));
    if (settled.length === 0) {
      return;
    }
    const values = await this.#read(settled);
    this.#show(
      settled.flatMap((id, at) => {
        const value = values[at] ?? null;
        return this.#onTheirWay.has(id) ? [] : [[id, value === null ? null : this.#parse(value)] as const];
      }),
    );
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
    const current = this.#documents.value.get(id);
    if (current === undefined) {
      return;
    }
    await this.showing([[id, { ...current, ...fields }]], () =>
      this.#collection.update(id, (document) => void Object.assign(document, fields)),
    );
  }

  /** Shows documents (`null`: gone) at once, writes, and ends with what is really there. */
  async showing(shown: readonly (readonly [string, T | null])[], write: () => Promise<unknown>): Promise<void> {
    const ids = shown.map(([id]) => id);
    for (const id of ids) {
      this.#onTheirWay.set(id, (this.#onTheirWay.get(id) ?? 0) + 1);
    }
    this.#show(shown);
    try {
      await write();
    } finally {
      ids.forEach((id) => this.#arrived(id));
      await this.load(ids);
    }
  }

  /** A document that cannot be read does not hide the others. */
  async #read(ids: readonly string[]): Promise<readonly (T | null)[]> {
    try {
      return await this.#collection.getMany(ids);
    } catch (problem) {
      if (!(problem instanceof AshoreError) || problem.code !== "store.corrupt") {
        throw problem;
      }
      tellProblem(problem);
      return Promise.all(ids.map((id) => this.#collection.get(id).catch(() => null)));
    }
  }

  #arrived(id: string): void {
    const left = (this.#onTheirWay.get(id) ?? 1) - 1;
    if (left > 0) {
      this.#onTheirWay.set(id, left);
    } else {
      this.#onTheirWay.delete(id);
    }
  }

  #show(shown: readonly (readonly [string, T | null])[]): void {
    const next = new Map(this.#documents.value);
    for (const [id, document] of shown) {
      if (document === null) {
        next.delete(id);
      } else {
        next.set(id, document);
      }
    }
    this.#documents.value = next;
  }
}

function withId<T extends object>(id: string, document: T): Kept<T> {
  return { ...document, id };
}

function copyEntry<T>(id: string, from: ReadonlyMap<string, T>, to: Map<string, T>): void {
  const document = from.get(id);
  if (document === undefined) {
    to.delete(id);
  } else {
    to.set(id, document);
  }
}
