// A note's past: its moments, the note as it was then, and going back.

import { type Change, type Collection, text } from "ashore";
import { saveDrafts } from "./drafts.js";
import type { Household } from "./household.js";
import { attempt, tell } from "./toasts.js";
import { parseNote, type Note } from "./types.js";

/** Changes of one writer that follow one another this closely are one moment, in milliseconds. */
const togetherMs = 5 * 60_000;
const you = "You";
/** How many changes are read at once: each key in a text is one. */
const pageSize = 1_000;
/** How many moments are looked for at a time, and in how many pages at most. */
const [fewMoments, fewPages] = [12, 10];

/** What one writer did in one go, or several who wrote at once. */
export type Moment = {
  /** The note as it was at the end of it. */
  readonly version: string;
  /** You first, then who wrote last. */
  readonly who: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly kind: Change["kind"];
};

export type Past = {
  /** The latest first. */
  readonly moments: readonly Moment[];
  /** Where the next page goes on; `null` at the note's beginning. */
  readonly before: string | null;
};

export const unread: Past = { moments: [], before: "" };

/** The next moments of a note's past, behind what is known of it. */
export async function loadEarlier(household: Household, id: string, known: Past): Promise<Past> {
  let past = known;
  for (let pages = 0; pages < fewPages && past.before !== null; pages += 1) {
    past = await loadPage(household, id, past);
    if (past.moments.length >= known.moments.length + fewMoments) {
      break;
    }
  }
  return past;
}

async function loadPage(household: Household, id: string, known: Past): Promise<Past> {
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

/**
 * Makes the note what it was then, also when it has been deleted meanwhile. What it is now stays in its past, so this can be taken back: as a transaction
 * it is a step of its own.
 */
export async function restore(household: Household, id: string, was: Note): Promise<void> {
  await saveDrafts();
  const restored: Note = { title: was.title, body: text(was.body.value), updatedAt: new Date() };
  const write = (): Promise<unknown> =>
    household.database.transaction(async (transaction) => {
      const notes = transaction.collection<Note>("notes");
      const note = await notes.update(id, (current) => void Object.assign(current, restored));
      if (note === null) {
        await notes.put(id, restored);
      }
    });
  if ((await attempt(household.notes.showing([[id, restored]], write).then(() => true))) === true) {
    tell("The note is as it was.", () => void undoNote(household, id));
  }
}

/** Takes back what was done last on this device; what others wrote since stays. */
export async function undoNote(household: Household, id: string): Promise<void> {
  await saveDrafts();
  const undone = await attempt(step(household, id, "undo"));
  if (undone === "nothing") {
    tell("There is nothing of yours to undo in this note.");
  } else if (undone === "gone") {
    tell("Undone: the note was new.", () => void redoNote(household, id));
  }
}

export async function redoNote(household: Household, id: string): Promise<void> {
  await saveDrafts();
  if ((await attempt(step(household, id, "redo"))) === "nothing") {
    tell("There is nothing to redo in this note.");
  }
}

/** Takes steps until one of them shows: some only say when the note was edited. */
async function step(
  household: Household,
  id: string,
  direction: "undo" | "redo",
): Promise<"taken" | "gone" | "nothing"> {
  const notes = notesOf(household);
  let before = await notes.get(id);
  for (;;) {
    const undone = await notes[direction](id);
    if (undone === null) {
      return "nothing";
    }
    if (undone.document === null) {
      return "gone";
    }
    if (before === null || !isSame(parseNote(before), parseNote(undone.document))) {
      return "taken";
    }
    before = undone.document;
  }
}

function isSame(one: Note, other: Note): boolean {
  return one.title === other.title && one.body.value === other.body.value;
}

function notesOf(household: Household): Collection<Note> {
  return household.database.collection<Note>("notes");
}

/** Changes come the latest first, so the last moment is the one that a change may belong to. */
export function withChange(moments: readonly Moment[], change: Change): readonly Moment[] {
  const at = change.at.getTime();
  const writer = writerOf(change);
  const moment = { version: change.version, who: [writer], from: at, to: at, kind: change.kind };
  const [before, last] = [moments.at(-2), moments.at(-1)];
  if (last === undefined || !isClose(last, moment)) {
    return [...moments, moment];
  }
  if (last.who.includes(writer)) {
    return [...moments.slice(0, -1), joined(last, moment)];
  }
  // Somebody wrote before and after somebody else: they wrote at once.
  if (before?.who.includes(writer) === true && isClose(before, last)) {
    return [...moments.slice(0, -2), joined(joined(before, last), moment)];
  }
  return [...moments, moment];
}

function isClose(later: Moment, earlier: Moment): boolean {
  return later.kind === earlier.kind && later.from - earlier.to <= togetherMs;
}

function joined(later: Moment, earlier: Moment): Moment {
  const all = new Set([...later.who, ...earlier.who]);
  const who = all.delete(you) ? [you, ...all] : [...all];
  return { ...later, who, from: Math.min(later.from, earlier.from) };
}

function writerOf({ mine, device }: Change): string {
  if (mine) {
    return you;
  }
  return device === null ? "Another device" : device.name || "A device without a name";
}
