/** The steps of one handle: what an undo takes back at once. A write is a step, and so is typing, for as long as it goes on. */

import type { ChangedVersions } from "./generated/ChangedVersions.js";
import type { Write } from "./generated/Write.js";
import { keyOf } from "./versions.js";

/** So many steps of one handle can be undone. */
export const MAX_STEPS = 100;
/** Typing that rests no longer than this is one step. */
export const TYPING_RESTS_MS = 500;
/** A step of typing has at most so many changes: each is taken back by a change of its own. */
export const MAX_TYPED = 100;

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

  /** A write goes out: as a transaction, or as another call. Call what this returns when it is stored: with the changes that it made. */
  writing(op: string, writes: readonly Write[]): (changed: Step | undefined) => void {
    const at = this.#now();
    const mayGoOn = op !== "transaction" && !writes.some(isDelete);
    return (changed) => {
      if (changed && changed.length > 0) {
        this.#wrote(changed, mayGoOn && at <= this.#typingUntil, writes.every(isTyping));
      }
    };
  }

  /** Whatever a query asked for was written: a step of its own. */
  wroteMany(changed: Step | undefined): void {
    if (changed && changed.length > 0) {
      this.#wrote(changed, false, false);
    }
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
  #wrote(changed: Step, goesOn: boolean, isTyped: boolean): void {
    const written = new Set(changed.map(({ collection, id }) => keyOf(collection, id)));
    const undone = only([...this.#passed, ...this.#redo], ({ collection, id }) => !written.has(keyOf(collection, id)));
    this.#passed = undone.slice(-MAX_STEPS);
    this.#redo = [];
    const typing = goesOn ? together(this.#undo.at(-1), changed) : null;
    if (typing) {
      this.#undo[this.#undo.length - 1] = typing;
    } else {
      push(this.#undo, changed);
    }
    // From now, not from when it went out: waiting for a slow disk is no rest.
    this.#typingUntil = typing || isTyped ? this.#now() + TYPING_RESTS_MS : -Infinity;
  }
}

/** Typing together with what was written in its document right after it: more typing, or what an app notes beside it. */
function together(typed: Step | undefined, changed: Step): Step | null {
  const [before, then] = [typed?.[0], changed[0]];
  if (!before || !then || changed.length > 1 || !isOf(keyOf(before.collection, before.id))(then)) {
    return null;
  }
  const versions = [...before.versions, ...then.versions];
  return versions.length > MAX_TYPED ? null : [{ ...before, versions }];
}

function isTyping(write: Write): boolean {
  return "text" in write;
}

function isDelete(write: Write): boolean {
  return "delete" in write;
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
