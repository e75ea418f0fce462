/** A document's past: its changes, the document as it was, and conflicts. */

import { Text } from "./collaborative-text.js";
import type { Documents } from "./documents.js";
import type { PathStep } from "./generated/PathStep.js";
import type { Written } from "./generated/Written.js";
import { fromJson } from "./json.js";
import { VERSION_FIELD } from "./shapes.js";
import type { Direction } from "./steps.js";

/** Who made a change, and when. */
export interface Author {
  /** When, by the writer's clock, in whole seconds. */
  readonly at: Date;
  /** This device did, now or before the database was opened again. */
  readonly mine: boolean;
  /** Which device of the group; `null` where that is not known, such as in a database that shares with nobody. */
  readonly device: { readonly id: string; readonly name: string } | null;
}

/** One change of a document. */
export interface Change extends Author {
  /** The document as its writer saw it then: give it to `at`. */
  readonly version: string;
  /** `undo` takes one of the writer's changes back, `redo` an undo. */
  readonly kind: "put" | "delete" | "undo" | "redo";
  /** The document's own fields in which something changed, in byte order; at most 1,000. */
  readonly fields: readonly string[];
}

/** Which part of a history. */
export interface HistoryOptions {
  /** At most so many changes, up to 1,000; 100 unless told otherwise. */
  readonly limit?: number | undefined;
  /** Only changes before this one: the `version` of the last one that is shown. */
  readonly before?: string | undefined;
}

/** One of the values that devices set while apart. */
export interface ConflictingValue extends Author {
  readonly value: unknown;
  /** The change that set it. */
  readonly version: string;
  /** The document shows it. */
  readonly winner: boolean;
}

/** A place in a document that devices set to different values while apart. */
export interface Conflict {
  /** The names of fields and positions in arrays that lead to it. */
  readonly path: readonly (string | number)[];
  /** The one that the document shows first. */
  readonly values: readonly ConflictingValue[];
}

/** What an undo or redo left. */
export interface Undone<T> {
  /** The document as it is now; `null` when there is none. */
  readonly document: T | null;
}

const DEFAULT_CHANGES = 100;
/** So many changes are looked at for the last step of an earlier time. */
export const MAX_LOOKED_BACK = 300;
const TYPED_WITHIN_MS = 1_000;

/** One page of a document's changes, the latest first. */
export async function history(
  documents: Documents,
  collection: string,
  id: string,
  { limit = DEFAULT_CHANGES, before }: HistoryOptions,
  signal?: AbortSignal,
): Promise<Change[]> {
  const asked = { collection, id, before: before ?? null, limit };
  const { changes } = await documents.ask([collection], { history: asked }, "history", { op: "history", signal });
  return changes.map(({ version, by, kind, fields }) => {
    const named = fields.filter((field) => field !== VERSION_FIELD);
    return Object.assign(author(by), { version, kind, fields: named });
  });
}

/** A document as it was. */
export async function documentAt(
  documents: Documents,
  collection: string,
  id: string,
  version: string,
  signal?: AbortSignal,
): Promise<object | null> {
  const reply = await documents.ask([collection], { at: { collection, id, version } }, "documents", {
    op: "at",
    signal,
  });
  const stored = (fromJson(reply.documents, reply.tagged)[0] ?? null) as object | null;
  return stored && documents.shapes.reveal(collection, stored);
}

/** Where a document shows one of several values. */
export async function conflicts(
  documents: Documents,
  collection: string,
  id: string,
  signal?: AbortSignal,
): Promise<Conflict[]> {
  const asked = { conflicts: { collection, id } };
  const reply = await documents.ask([collection], asked, "conflicts", { op: "conflicts", signal });
  const values = fromJson(reply.values, reply.tagged) as unknown[][];
  const found = reply.conflicts.map(({ path, claims }, at) => ({
    path: path.map(toStep),
    values: claims.map(({ version, by }, rank) =>
      Object.assign(author(by), { value: values[at]?.[rank], version, winner: rank === 0 }),
    ),
  }));
  return found.filter(({ path }) => path[0] !== VERSION_FIELD);
}

/** A step of an earlier time has at most so many changes: nobody knows their names, and for each the engine looks at the whole document. */
export const MAX_EARLIER = 30;

/**
 * How many changes of an earlier time are one step, of a document as it is now. Their times are whole seconds, and typing is told by them: changes of one
 * text and of nothing else, each at most a second after the one before.
 */
export function earlierStep(
  changes: readonly Change[],
  direction: Direction,
  document: Readonly<Record<string, unknown>>,
): number {
  const [last, ...before] = notTakenBack(changes, direction);
  const [field = "", ...others] = last?.fields ?? [];
  if (!last || others.length > 0 || !(document[field] instanceof Text)) {
    return 1;
  }
  let [count, at] = [1, last.at.getTime()];
  for (const change of before.slice(0, MAX_EARLIER - 1)) {
    const isFirst = change === changes.at(-1) && changes.length < MAX_LOOKED_BACK;
    if (isFirst || change.fields.join() !== field || at - change.at.getTime() > TYPED_WITHIN_MS) {
      break;
    }
    count += 1;
    at = change.at.getTime();
  }
  return count;
}

/** What this device did, the latest first, without what it took back; for a redo what it took back, without what it did again. */
function notTakenBack(changes: readonly Change[], direction: Direction): Change[] {
  const left: Change[] = [];
  let taken = 0;
  for (const change of changes.filter(({ mine }) => mine)) {
    if ((change.kind === "undo") !== (direction === "redo")) {
      if (direction === "redo" && change.kind !== "redo") {
        break;
      }
      taken += 1;
    } else if (taken > 0) {
      taken -= 1;
    } else {
      left.push(change);
    }
  }
  return left;
}

function author({ at, mine, device, name }: Written): Author {
  return { at: new Date(at), mine, device: device === null ? null : { id: device, name: name ?? "" } };
}

function toStep(step: PathStep): string | number {
  return "key" in step ? step.key : step.index;
}
