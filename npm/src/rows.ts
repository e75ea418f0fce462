/** The rows of one watched answer, kept up to date by patches. */

import type { Entry } from "./documents.js";
import type { Patch } from "./generated/Patch.js";
import { fromJson } from "./json.js";

/** A row with the version of its document. */
export interface Row {
  readonly entry: Entry<object>;
  readonly version: string;
}

/** Up to so many rows are looked for one by one; more in one pass over all. */
const FEW = 8;

/** The rows, in order. A row whose document has the same version as before stays the same object. */
export class Rows {
  readonly #byId = new Map<string, Row>();
  /** Rows that went and may come again with what is still to come. */
  readonly #gone = new Map<string, Row>();
  readonly #see: (id: string, version: string, stored: object) => object;
  #entries: Entry<object>[] = [];
  #shared = false;

  /** `see`: what the app sees of a stored document. */
  constructor(see: (id: string, version: string, stored: object) => object = (_id, _version, stored) => stored) {
    this.#see = see;
  }

  /** All of them. The array is never changed: the next patch makes another. */
  get entries(): readonly Entry<object>[] {
    this.#shared = true;
    return this.#entries;
  }

  /** How many there are. */
  get size(): number {
    return this.#entries.length;
  }

  /** The row of an id, if there is one. */
  row(id: string): Row | undefined {
    return this.#byId.get(id);
  }

  /** Applies a patch. `touched` is called for every id that it is about, with the row that was there. */
  apply(patch: Patch, touched: (id: string, before: Row | undefined) => void): void {
    const documents = fromJson(patch.documents, patch.tagged) as object[];
    const leaving = new Set<Entry<object>>();
    const leave = (id: string): void => {
      const before = this.#byId.get(id);
      touched(id, before);
      if (before) {
        this.#byId.delete(id);
        this.#gone.set(id, before);
        leaving.add(before.entry);
      }
    };
    if (patch.anew) {
      [...this.#byId.keys()].forEach(leave);
    }
    patch.removed.forEach(leave);
    patch.ids.forEach(leave);
    this.#entries = without(this.#writable(), leaving);
    const entries = patch.ids.map((id, at) => this.#come(id, patch.versions[at] as string, documents[at] as object));
    this.#entries = withAt(this.#entries, entries, patch.places);
    if (!patch.more) {
      this.#gone.clear();
    }
  }

  #come(id: string, version: string, document: object): Entry<object> {
    const before = this.#gone.get(id);
    const row =
      before?.version === version ? before : { entry: { id, document: this.#see(id, version, document) }, version };
    this.#byId.set(id, row);
    return row.entry;
  }

  #writable(): Entry<object>[] {
    const entries = this.#shared ? this.#entries.slice() : this.#entries;
    this.#shared = false;
    return entries;
  }
}

/** What differs between two states of rows. */
export interface Difference {
  readonly added: readonly Entry<object>[];
  readonly changed: readonly Entry<object>[];
  readonly moved: readonly Entry<object>[];
  readonly removed: readonly Entry<object>[];
}

/** An entry that is in both states, and where. */
interface Both {
  readonly entry: Entry<object>;
  readonly from: number;
  readonly to: number;
}

/** How `after` differs from `before`, where only the given pairs, entries of the same id, may differ; in the order of the rows. */
export function difference(
  before: readonly Entry<object>[],
  after: readonly Entry<object>[],
  pairs: readonly (readonly [before: Entry<object> | undefined, after: Entry<object> | undefined])[],
): Difference {
  const differing = pairs.filter(([old, now]) => old !== now);
  const from = positions(
    before,
    differing.flatMap(([old]) => old ?? []),
  );
  const to = positions(
    after,
    differing.flatMap(([, now]) => now ?? []),
  );
  const changed: Both[] = [];
  for (const [old, now] of differing) {
    if (old && now) {
      changed.push({ entry: now, from: from.get(old) ?? 0, to: to.get(now) ?? 0 });
    }
  }
  changed.sort((a, b) => a.to - b.to);
  return {
    added: inOrder(
      differing.flatMap(([old, now]) => (old || !now ? [] : now)),
      to,
    ),
    changed: changed.map(({ entry }) => entry),
    moved: moved(changed, [...from.values()], [...to.values()]),
    removed: inOrder(
      differing.flatMap(([old, now]) => (now || !old ? [] : old)),
      from,
    ),
  };
}

function inOrder(entries: readonly Entry<object>[], at: ReadonlyMap<Entry<object>, number>): Entry<object>[] {
  return entries.toSorted((a, b) => (at.get(a) ?? 0) - (at.get(b) ?? 0));
}

/** Which of them stand elsewhere among the rows that are the same, or in another order between the same two of those. */
function moved(changed: readonly Both[], allFrom: number[], allTo: number[]): Entry<object>[] {
  const [gapsFrom, gapsTo] = [gaps(allFrom), gaps(allTo)];
  const gapOf = ({ from, to }: Both) => [gapsFrom.get(from), gapsTo.get(to)] as const;
  const stayed = changed.filter((both) => gapOf(both)[0] === gapOf(both)[1]);
  const before = stayed.toSorted((a, b) => a.from - b.from);
  const same = new Set(stayed.filter((both, at) => before[at] === both));
  return changed.filter((both) => !same.has(both)).map(({ entry }) => entry);
}

/** For each place how many rows that are the same stand before it. */
function gaps(places: number[]): Map<number, number> {
  return new Map(places.sort((a, b) => a - b).map((place, others) => [place, place - others]));
}

function positions(rows: readonly Entry<object>[], of: readonly Entry<object>[]): Map<Entry<object>, number> {
  if (of.length <= FEW) {
    return new Map(of.map((entry) => [entry, rows.indexOf(entry)]));
  }
  const wanted = new Set(of);
  const found = new Map<Entry<object>, number>();
  rows.forEach((entry, at) => wanted.has(entry) && found.set(entry, at));
  return found;
}

function without(rows: Entry<object>[], leaving: ReadonlySet<Entry<object>>): Entry<object>[] {
  if (leaving.size > FEW) {
    return rows.filter((entry) => !leaving.has(entry));
  }
  for (const entry of leaving) {
    rows.splice(rows.indexOf(entry), 1);
  }
  return rows;
}

/** The rows with others put in, each at its place; the places rise. */
function withAt(rows: Entry<object>[], others: readonly Entry<object>[], places: readonly number[]): Entry<object>[] {
  if (others.length <= FEW) {
    others.forEach((entry, at) => rows.splice(places[at] as number, 0, entry));
    return rows;
  }
  const all: Entry<object>[] = [];
  let taken = 0;
  others.forEach((entry, at) => {
    while (all.length < (places[at] as number) && taken < rows.length) {
      all.push(rows[taken++] as Entry<object>);
    }
    all.push(entry);
  });
  while (taken < rows.length) {
    all.push(rows[taken++] as Entry<object>);
  }
  return all;
}
