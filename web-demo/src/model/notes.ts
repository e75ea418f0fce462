// What can be done with notes. Typing is saved a moment later, field by field, and before the page goes away.

import type { Household } from "./household.js";
import { newId } from "./ids.js";
import { attempt, tell } from "./toasts.js";
import type { Kept, Note } from "./types.js";

/** How long typing may rest before it is saved, in milliseconds. */
const restMs = 350;

export function notesLatestFirst(household: Household): Kept<Note>[] {
  return household.notes.all.value.toSorted(
    (a, b) => b.updatedAt.getTime() - a.updatedAt.getTime() || (a.id < b.id ? -1 : 1),
  );
}

export function createNote(household: Household): string {
  const id = newId();
  void attempt(household.notes.put([[id, { title: "", body: "", updatedAt: new Date() }]]));
  return id;
}

export function deleteNote(household: Household, note: Kept<Note>): void {
  void attempt(household.notes.delete([note.id]));
  const document: Note = { title: note.title, body: note.body, updatedAt: note.updatedAt };
  tell(`Deleted “${note.title || "Untitled note"}”`, () => void attempt(household.notes.put([[note.id, document]])));
}

/** Gathers what is typed into one note's field and saves it when the typing rests, or when it is told to. */
export class Draft {
  readonly #save: (text: string) => Promise<unknown>;
  #text: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(save: (text: string) => Promise<unknown>) {
    this.#save = save;
    drafts.add(this);
  }

  type(text: string): void {
    this.#text = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), restMs);
  }

  async save(): Promise<void> {
    clearTimeout(this.#timer);
    const text = this.#text;
    this.#text = null;
    if (text !== null) {
      await attempt(this.#save(text));
    }
  }

  async end(): Promise<void> {
    await this.save();
    drafts.delete(this);
  }
}

const drafts = new Set<Draft>();

/** Saves everything that was typed and not saved: before the page is hidden, closed or reloaded. */
export async function saveDrafts(): Promise<void> {
  await Promise.all([...drafts].map((draft) => draft.save()));
}
