/**
 * What a transaction has read and written, document by document: what it shall see again, and what it will write.
 *
 * A document is what the transaction first read of it, changed by its own writes. A put takes the place of everything that was wanted before, except
 * for a delete: what is put behind one is a new document.
 */

import type { Documents, Read } from "./documents.js";
import type { Overlay } from "./generated/Overlay.js";
import type { Write } from "./generated/Write.js";
import { fromJson, toJson } from "./json.js";
import { keyOf } from "./versions.js";

/** One document. `view` is its text as the transaction sees it, `null` where there is none. */
interface Touched {
  readonly collection: string;
  readonly id: string;
  view: string | null;
  /** The version that was read; `undefined` when it was put without having been read. */
  readonly read: string | undefined;
  deleted: boolean;
  /** What was put, for its version later on; `null` as soon as modifiers have changed it. */
  put: { readonly base: string | null | undefined; readonly document: object | null } | null;
  /** Modifiers of what is there when it is written, in order. */
  modifiers: string[];
}

/** Every document that one transaction has read or written. */
export class TouchedDocuments {
  readonly #all = new Map<string, Touched>();
  readonly #overlays = new Map<string, Overlay>();

  /** The document as the transaction sees it; `undefined` when it has not met it. */
  view(collection: string, id: string): object | null | undefined {
    const touched = this.#all.get(keyOf(collection, id));
    return touched && parse(touched.view);
  }

  /** The text of what {@link view} answers. */
  text(collection: string, id: string): string | null {
    return this.#all.get(keyOf(collection, id))?.view ?? null;
  }

  /** Notes what was read, unless the document was met before; answers the document as the transaction sees it. */
  read(collection: string, id: string, { document, version }: Read): object | null {
    const key = keyOf(collection, id);
    if (this.#all.has(key)) {
      return this.view(collection, id) ?? null;
    }
    const view = document && toJson(document);
    this.#all.set(key, { collection, id, view, read: version, deleted: false, put: null, modifiers: [] });
    this.#overlays.delete(collection);
    return document;
  }

  /** The document becomes this. */
  put(collection: string, id: string, text: string, document: object): void {
    const touched = this.#touch(collection, id);
    const base = touched.put ? touched.put.base : touched.deleted ? null : touched.read;
    touched.put = { base, document };
    touched.modifiers = [];
    touched.view = text;
  }

  /** There is no document any more. */
  delete(collection: string, id: string): void {
    const touched = this.#touch(collection, id);
    Object.assign(touched, { view: null, deleted: true, put: null, modifiers: [] });
  }

  /** The document becomes this by modifiers: those are what is written, so that they apply to whatever is there then. */
  modify(collection: string, id: string, text: string, modifiers: string): void {
    const touched = this.#touch(collection, id);
    touched.view = text;
    if (touched.put) {
      touched.put = { base: touched.put.base, document: null };
    } else {
      touched.modifiers.push(modifiers);
    }
  }

  /** Documents of a collection that were met, with whether there is one. */
  *met(collection: string): Generator<{ readonly id: string; readonly there: boolean }> {
    for (const touched of this.#all.values()) {
      if (touched.collection === collection) {
        yield { id: touched.id, there: touched.view !== null };
      }
    }
  }

  /** What the engine shall take for a collection's documents; `undefined` when none was met. */
  overlay(collection: string): Overlay | undefined {
    const known = this.#overlays.get(collection);
    if (known) {
      return known;
    }
    const met = [...this.#all.values()].filter((touched) => touched.collection === collection);
    if (met.length === 0) {
      return undefined;
    }
    const there = met.filter(({ view }) => view !== null);
    const overlay = {
      ids: there.map(({ id }) => id),
      documents: `[${there.map(({ view }) => view).join(",")}]`,
      absent: met.filter(({ view }) => view === null).map(({ id }) => id),
    };
    this.#overlays.set(collection, overlay);
    return overlay;
  }

  /** The keys of all documents that are written. */
  keys(): string[] {
    return [...this.#all].filter(([, touched]) => isWritten(touched)).map(([key]) => key);
  }

  /** Everything that is to be written. */
  writes(documents: Documents): Write[] {
    const written = [...this.#all.values()].filter(isWritten);
    const writes: Write[] = [];
    for (const [collection, all] of grouped(written.filter(({ deleted }) => deleted))) {
      writes.push({ delete: { collection, ids: all.map(({ id }) => id) } });
    }
    for (const [collection, all] of grouped(written.filter(({ put }) => put !== null))) {
      const bases = all.map(({ id, put }) => {
        const { base, document } = put as NonNullable<Touched["put"]>;
        return base === undefined ? documents.versions.baseOf(collection, id, document ?? {}) : base;
      });
      const texts = `[${all.map(({ view }) => view).join(",")}]`;
      writes.push({ put: { collection, ids: all.map(({ id }) => id), documents: texts, bases } });
    }
    const most = Math.max(0, ...written.map(({ modifiers }) => modifiers.length));
    for (let at = 0; at < most; at += 1) {
      for (const [collection, all] of grouped(written.filter(({ modifiers }) => at < modifiers.length))) {
        for (const [modifiers, same] of grouped(all, (touched) => touched.modifiers[at] as string)) {
          writes.push({ modify: { collection, ids: same.map(({ id }) => id), modifiers } });
        }
      }
    }
    return writes;
  }

  /** What was put, for its version: the caller's object, while it still is what was written. */
  document(collection: string, id: string): object | null {
    return this.#all.get(keyOf(collection, id))?.put?.document ?? null;
  }

  #touch(collection: string, id: string): Touched {
    const key = keyOf(collection, id);
    let touched = this.#all.get(key);
    if (!touched) {
      touched = { collection, id, view: null, read: undefined, deleted: false, put: null, modifiers: [] };
      this.#all.set(key, touched);
    }
    this.#overlays.delete(collection);
    return touched;
  }
}

function isWritten({ deleted, put, modifiers }: Touched): boolean {
  return deleted || put !== null || modifiers.length > 0;
}

function parse(view: string | null): object | null {
  return view === null ? null : (fromJson(`[${view}]`, true)[0] as object);
}

function grouped(
  all: readonly Touched[],
  by: (touched: Touched) => string = ({ collection }) => collection,
): Map<string, Touched[]> {
  const groups = new Map<string, Touched[]>();
  for (const touched of all) {
    const group = groups.get(by(touched));
    if (group) {
      group.push(touched);
    } else {
      groups.set(by(touched), [touched]);
    }
  }
  return groups;
}
