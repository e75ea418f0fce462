// A note's past: its moments, the note as it was then, and going back.

import { AshoreError, type Change, type Collection, text } from "ashore";
import { saveDrafts } from "./drafts.js";
import type { Household } from "./household.js";
import { attempt, tell } from "./toasts.js";
import { parseNote, type Note } from "./types.js";

/** Changes of one writer that follow one another this closely are one moment, in milliseconds. */
const togetherMs = 5 * 60_000;
/** How many changes are read at once. */
const pageSize = 300;

/** What one writer did in one go. */
export type Moment = {
  /** The note as it was at the end of it. */
  readonly version: string;
  readonly who: string;
  readonly from: number;
  readonly to: number;
  readonly steps: number;
  readonly kind: Change["kind"];
};

export type Past = {
  /** The latest first. */
  readonly moments: readonly Moment[];
  /** Where the next page goes on; `null` at the note's beginning. */
  readonly before: string | null;
};

export const unread: Past = { moments: [], before: "" };

/** The next page of a note's past, behind what is known of it. */
export async function loadEarlier(household: Household, id: string, known: Past): Promise<Past> {
  const before = known.before === "" ? undefined : (known.before ?? undefined);
  const changes = await notesOf(household).history(id, { limit: pageSize, before });
  return {
    moments: changes.reduce(withChange, known.moments),
    before: changes.length < pageSize ? null : (changes.at(-1)?.version ?? null),
  };
}

/** The note as it was then; `null` when it was deleted. */
export async function noteAt(household: Household, id: string, version: string): Promise<Note | null> {
  const document = await notesOf(household).at(id, version);
  return document === null ? null : parseNote(document);
}

/** Makes the note what it was then. What it is now stays in its past, so this can be taken back. */
export async function restore(household: Household, id: string, was: Note): Promise<void> {
  await saveDrafts();
  const restored = { title: was.title, body: text(was.body.value), updatedAt: new Date() };
  if ((await attempt(household.notes.edit(id, restored).then(() => true))) === true) {
    tell("The note is as it was.", () => void undoNote(household, id));
  }
}

/** Takes back what was done last on this device; what others wrote since stays. */
export async function undoNote(household: Household, id: string): Promise<void> {
  await saveDrafts();
  const undone = await attempt(step(() => notesOf(household).undo(id)));
  if (undone === "nothing") {
    tell("There is nothing of yours to undo in this note.");
  } else if (undone?.document === null) {
    tell("Undone: the note was new.", () => void redoNote(household, id));
  }
}

export async function redoNote(household: Household, id: string): Promise<void> {
  await saveDrafts();
  if ((await attempt(step(() => notesOf(household).redo(id)))) === "nothing") {
    tell("There is nothing to redo in this note.");
  }
}

async function step<T>(take: () => Promise<T | null>): Promise<T | "nothing"> {
  try {
    return (await take()) ?? "nothing";
  } catch (problem) {
    // The note was never here: there is nothing to go back to.
    if (problem instanceof AshoreError && problem.code === "document.unknown-version") {
      return "nothing";
    }
    throw problem;
  }
}

function notesOf(household: Household): Collection<Note> {
  return household.database.collection<Note>("notes");
}

/** Changes come the latest first, so the last moment is the one that a change may belong to. */
export function withChange(moments: readonly Moment[], change: Change): readonly Moment[] {
  const at = change.at.getTime();
  const last = moments.at(-1);
  const who = writerOf(change);
  if (last !== undefined && last.who === who && last.kind === change.kind && last.from - at <= togetherMs) {
    return [...moments.slice(0, -1), { ...last, from: Math.min(last.from, at), steps: last.steps + 1 }];
  }
  return [...moments, { version: change.version, who, from: at, to: at, steps: 1, kind: change.kind }];
}

function writerOf({ mine, device }: Change): string {
  if (mine) {
    return "You";
  }
  return device === null ? "Another device" : device.name || "A device without a name";
}
