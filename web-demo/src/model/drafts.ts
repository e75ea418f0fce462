// What is typed into notes on its way into the database: saved when the typing rests, and never lost when the page goes
// away in between. A page that goes away cannot wait for a write, so it leaves its words where the next one finds them.

import { signal } from "@preact/signals";
import type { Household } from "./household.js";
import { attempt } from "./toasts.js";
import type { Note } from "./types.js";

export type NoteField = "title" | "body";

/** How long typing may rest before it is saved, in milliseconds. */
const restMs = 350;

/** How many fields hold words that are not in the database yet. */
export const unsaved = signal(0);

/** The words of one field of one note. */
export class Draft {
  readonly #household: Household;
  readonly #note: string;
  readonly #field: NoteField;
  readonly #onSaved: (text: string) => void;
  #text: string | null = null;
  #typedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(household: Household, note: string, field: NoteField, onSaved: (text: string) => void) {
    this.#household = household;
    this.#note = note;
    this.#field = field;
    this.#onSaved = onSaved;
  }

  type(text: string): void {
    this.#text = text;
    this.#typedAt = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), restMs);
    drafts.add(this);
    unsaved.value = drafts.size;
  }

  async save(): Promise<void> {
    clearTimeout(this.#timer);
    const text = this.#text;
    if (text === null) {
      return;
    }
    await attempt(write(this.#household, this.#note, this.#field, text));
    if (this.#text === text) {
      this.#text = null;
      drafts.delete(this);
      unsaved.value = drafts.size;
    }
    this.#onSaved(text);
  }

  leave(): readonly Left[] {
    return this.#text === null
      ? []
      : [{ note: this.#note, field: this.#field, text: this.#text, typedAt: this.#typedAt }];
  }
}

const drafts = new Set<Draft>();

/** Saves everything that was typed: before the page is reloaded by us, or when it is put into the background. */
export async function saveDrafts(): Promise<void> {
  await Promise.all([...drafts].map((draft) => draft.save()));
}

type Left = { readonly note: string; readonly field: NoteField; readonly text: string; readonly typedAt: number };

const place = "saltbox.left-drafts";

/** Called when the page goes away; does nothing that takes time. */
export function leaveDrafts(): void {
  const left = [...drafts].flatMap((draft) => draft.leave());
  if (left.length > 0) {
    localStorage.setItem(place, JSON.stringify(left));
  }
}

/** Called by the next page: writes what was left, unless the note has been edited since. */
export async function takeLeftDrafts(household: Household): Promise<void> {
  const text = localStorage.getItem(place);
  localStorage.removeItem(place);
  const left = text === null ? [] : (JSON.parse(text) as readonly Left[]);
  for (const { note, field, text: words, typedAt } of left) {
    const kept = household.notes.find(note);
    if (kept !== null && kept.updatedAt.getTime() <= typedAt) {
      await write(household, note, field, words);
    }
  }
}

function write(household: Household, note: string, field: NoteField, text: string): Promise<void> {
  const fields: Partial<Note> = { [field]: text, updatedAt: new Date() };
  return household.notes.edit(note, fields);
}
