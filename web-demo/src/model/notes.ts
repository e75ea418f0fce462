// What can be done with notes.

import { text } from "ashore";
import type { Household } from "./household.js";
import { newId } from "./ids.js";
import { attempt, tell } from "./toasts.js";
import type { Kept, Note } from "./types.js";

export function notesLatestFirst(household: Household): Kept<Note>[] {
  return household.notes.all.value.toSorted(
    (a, b) => b.updatedAt.getTime() - a.updatedAt.getTime() || (a.id < b.id ? -1 : 1),
  );
}

export function createNote(household: Household): string {
  const id = newId();
  void attempt(household.notes.put([[id, { title: "", body: text(""), updatedAt: new Date() }]]));
  return id;
}

export function deleteNote(household: Household, note: Kept<Note>): void {
  void attempt(household.notes.delete([note.id]));
  const document: Note = { title: note.title, body: text(note.body.value), updatedAt: note.updatedAt };
  tell(`Deleted “${note.title || "Untitled note"}”`, () => void attempt(household.notes.put([[note.id, document]])));
}
