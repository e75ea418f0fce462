// What is typed into notes on its way into the database: saved when the typing rests, and never lost when the page goes
// away in between. A page that goes away cannot wait for a write, so it leaves its words where the next one finds them.

import { signal } from "@preact/signals";
import type { TextHandle } from "ashore";
import type { Household } from "./household.js";
import { attempt } from "./toasts.js";

export type NoteField = "title" | "body";

/** Something that may hold words which are not in the database yet. */
type Unsaved = { readonly save: () => Promise<void>; readonly leave: () => readonly Left[] };

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

/** The typing in a note's text: each key is sent at once, and the note says when it was edited once the typing rests. */
export class Typing {
  readonly #household: Household;
  readonly #note: string;
  readonly #handle: TextHandle;
  /** Edits on their way, and the end of the last one. */
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();
  #typedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(household: Household, note: string, handle: TextHandle) {
    this.#household = household;
    this.#note = note;
    this.#handle = handle;
  }

  /** An edit is on its way; ends as it does. */
  async typed(stored: Promise<void>): Promise<void> {
    this.#waiting += 1;
    this.#last = stored.catch(() => {});
    this.#typedAt = Date.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), restMs);
    this.#tell();
    try {
      await stored;
    } finally {
      this.#waiting -= 1;
      this.#tell();
    }
  }

  /** Waits for what was typed, and says when the note was edited, if that is not said yet. */
  async save(): Promise<void> {
    await this.#last;
    clearTimeout(this.#timer);
    if (this.#timer === undefined) {
      return;
    }
    this.#timer = undefined;
    await attempt(this.#household.notes.edit(this.#note, { updatedAt: new Date(this.#typedAt) }));
    this.#tell();
  }

  leave(): readonly Left[] {
    const text = this.#handle.value;
    return this.#waiting === 0 || text === null
      ? []
      : [{ note: this.#note, field: "body", text, typedAt: this.#typedAt }];
  }

  #tell(): void {
    if (this.#waiting > 0 || this.#timer !== undefined) {
      drafts.add(this);
    } else {
      drafts.delete(this);
    }
    unsaved.value = drafts.size;
  }
}

const drafts = new Set<Unsaved>();

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
  // All are asked about first: writing a note's title edits the note.
  const current = left.filter(({ note, typedAt }) => {
    const kept = household.notes.find(note);
    return kept !== null && kept.updatedAt.getTime() <= typedAt;
  });
  for (const { note, field, text: words } of current) {
    await write(household, note, field, words);
  }
}

async function write(household: Household, note: string, field: NoteField, text: string): Promise<void> {
  if (field === "title") {
    await household.notes.edit(note, { title: text, updatedAt: new Date() });
    return;
  }
  const body = household.noteText(note);
  try {
    await body.update(text);
  } finally {
    body.close();
  }
  await household.notes.edit(note, { updatedAt: new Date() });
}
