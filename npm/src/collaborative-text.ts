/** Text that several devices write at the same time. */

import { AshoreError } from "./errors.js";

/** Tells a text from other objects, also one of another copy of this package. */
const KIND = Symbol.for("ashore.text");

/**
 * Text that merges character by character: what two devices type at once is all there. A put makes the difference from what was read; queries see
 * it as the string that it is. Positions count UTF-16 code units, as in JavaScript's strings. Make one with {@link text}.
 *
 * @example
 * ```ts
 * await notes.put("n1", { title: "Milk", body: text("Two bottles") });
 * await notes.update("n1", (note) => { note.body.splice(0, 3, "Three"); });
 * ```
 */
export class Text {
  /** The characters. Setting it is the same as {@link Text.update}. */
  value: string;

  /** @internal Use {@link text}. */
  constructor(value: string) {
    this.value = value;
  }

  /** How many UTF-16 code units it has. */
  get length(): number {
    return this.value.length;
  }

  /** Takes `deleteCount` units out at `at` and puts `insert` in their place. Refused with `text.out-of-range`: what is outside of the text or halves a character. */
  splice(at: number, deleteCount: number, insert = ""): this {
    checkSplice(this.value, at, deleteCount);
    this.value = this.value.slice(0, at) + insert + this.value.slice(at + deleteCount);
    return this;
  }

  /** Makes it `value`; what is stored is the difference. */
  update(value: string): this {
    this.value = value;
    return this;
  }

  /** The characters. */
  toString(): string {
    return this.value;
  }

  /** The characters. */
  toJSON(): string {
    return this.value;
  }

  /** The characters, so that a text can be compared and joined like a string. */
  valueOf(): string {
    return this.value;
  }

  /** @internal */
  get [KIND](): true {
    return true;
  }
}

/** A text that begins as `value`. */
export function text(value = ""): Text {
  return new Text(value);
}

/** @internal */
export function isText(value: object): value is Text {
  return (value as Record<symbol, unknown>)[KIND] === true;
}

/** Refuses a splice that does not fit `whole`. @internal */
export function checkSplice(whole: string, at: number, deleteCount: number): void {
  const fits = Number.isSafeInteger(at) && Number.isSafeInteger(deleteCount) && at >= 0 && deleteCount >= 0;
  if (!fits || at + deleteCount > whole.length || isInside(whole, at) || isInside(whole, at + deleteCount)) {
    throw new AshoreError(
      "text.out-of-range",
      `There is no such place in the text: ${deleteCount} units at ${at}, of ${whole.length}.`,
    );
  }
}

/** Between the two halves of a character. */
function isInside(whole: string, at: number): boolean {
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(whole.slice(at - 1, at + 1));
}
