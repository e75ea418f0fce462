/** The steps of one handle: what an undo takes back at once. A write is a step, and so is typing, for as long as it goes on. */

import type { ChangedVersions } from "./generated/ChangedVersions.js";
import type { Write } from "./generated/Write.js";
import { keyOf } from "./versions.js";

/** So many steps of one handle can be undone. */
export const MAX_STEPS = 100;
/** Typing that rests no longer than this is one step. */
export const TYPING_RESTS_MS = 500;
/** A step of typing has at most so many changes: each is taken back by a change of its own, and to make one the whole document is looked at. */
export const MAX_TYPED = 30;

/** The changes of a step, by document. */
export type Step = readonly ChangedVersions[];

/** Which way. */
export type Direction = "undo" | "redo";

/**
 * The steps of one handle that can be undone and redone, the last at the end. They are gone with the handle; what this device did in one document
 * can be undone after that too, by `collection.undo`.
 */
export class Steps {
  #undo: Step[] = [];
  #redo: Step[] = [];
  /** What was undone before something else was written: it can still be redone in its documents, one by one. */
  #passed: Step[] = [];
  /** The last step is typing in one document, which goes on until then. */
  #typingUntil = -Infinity;
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /** A write goes out. Call what this returns when it is stored: with the changes that it made. */
  writing(writes: readonly Write[]): (changed: Step | undefined) => void {
    const at = this.#now();
    return (changed) => {
      if (changed && changed.length > 0) {
        this.#wrote(writes, changed, at);
      }
    };
  }

  /** The last step; of a document its part of the last step that changed it. */
  last(direction: Direction, document: string | null): Step | undefined {
    if (document === null) {
      return (direction === "undo" ? this.#undo : this.#redo).at(-1);
    }
    return only(this.#all(direction), isOf(document)).at(-1);
  }

  /** Whether all that it names can still be taken back; what names no change always can. */
  holds(direction: Direction, step: Step): boolean {
    const held = new Set(this.#all(direction).flat());
    return step.every((change) => change.versions.length === 0 || held.has(change));
  }

  /** A step, or a part of one, was taken back by these changes. */
  took(direction: Direction, step: Step, changed: Step): void {
    const isLeft = (change: ChangedVersions): boolean => !step.includes(change);
    if (direction === "undo") {
      this.#undo = only(this.#undo, isLeft);
    } else {
      this.#redo = only(this.#redo, isLeft);
      this.#passed = only(this.#passed, isLeft);
    }
    if (changed.length > 0) {
      push(direction === "undo" ? this.#redo : this.#undo, changed);
    }
    this.#typingUntil = -Infinity;
  }

  #all(direction: Direction): readonly Step[] {
    return direction === "undo" ? this.#undo : [...this.#passed, ...this.#redo];
  }

  /** Nothing that was undone before can be redone any more as a whole, nor in the documents that were written. */
  #wrote(writes: readonly Write[], changed: Step, at: number): void {
    const written = new Set(changed.map(({ collection, id }) => keyOf(collection, id)));
    const undone = only([...this.#passed, ...this.#redo], ({ collection, id }) => !written.has(keyOf(collection, id)));
    this.#passed = undone.slice(-MAX_STEPS);
    this.#redo = [];
    const typing = at <= this.#typingUntil ? goOn(this.#undo.at(-1), writes, changed) : null;
    if (typing) {
      this.#undo[this.#undo.length - 1] = typing;
    } else {
      push(this.#undo, changed);
    }
    // From now, not from when it went out: waiting for a slow disk is no rest.
    this.#typingUntil = typing || writes.every(isTyping) ? this.#now() + TYPING_RESTS_MS : -Infinity;
  }
}

/** Typing together with what was written in its document right after it: more typing, or what an app notes beside it. Deleting is a step of its own. */
function goOn(typed: Step | undefined, writes: readonly Write[], changed: Step): Step | null {
  const [before, then] = [typed?.[0], changed[0]];
  if (!before || !then || changed.length > 1 || writes.some((write) => "delete" in write)) {
    return null;
  }
  const versions = [...before.versions, ...then.versions];
  const fits = isOf(keyOf(before.collection, before.id))(then) && versions.length <= MAX_TYPED;
  return fits ? [{ ...before, versions }] : null;
}

function isTyping(write: Write): boolean {
  return "text" in write;
}

function isOf(document: string): (change: ChangedVersions) => boolean {
  return ({ collection, id }) => keyOf(collection, id) === document;
}

/** What is kept of the steps; of which nothing is kept are gone. */
function only(steps: readonly Step[], isKept: (change: ChangedVersions) => boolean): Step[] {
  return steps.map((step) => step.filter(isKept)).filter((step) => step.length > 0);
}

function push(steps: Step[], step: Step): void {
  steps.push(step);
  if (steps.length > MAX_STEPS) {
    steps.shift();
  }
}
