/** Numbers to which several devices add at the same time. */

import { AshoreError } from "./errors.js";

/** Tells a counter from other objects, also one of another copy of this package. */
const KIND = Symbol.for("ashore.counter");

/**
 * A number to which concurrent writers add: of two increments on two devices both count. A put adds what the counter was changed by since it was
 * read; queries see it as the number that it is. Make one with {@link counter}.
 *
 * @example
 * ```ts
 * await notes.put("n1", { title: "Milk", likes: counter(0) });
 * await notes.update("n1", (note) => { note.likes.increment(1); });
 * ```
 */
export class Counter {
  /** The number; an integer. */
  value: number;
  /** The digits, where the number is beyond what JavaScript counts without a gap. */
  readonly #exact: { readonly value: number; readonly digits: string } | null;

  /** @internal Use {@link counter}. */
  constructor(value: number | string) {
    this.value = Number(value);
    this.#exact = typeof value === "string" ? { value: this.value, digits: value } : null;
  }

  /** Adds `by`, a whole number that may be negative; answers the counter. */
  increment(by = 1): this {
    const sum = this.value + by;
    if (!Number.isSafeInteger(by) || !Number.isSafeInteger(sum)) {
      throw new AshoreError("document.not-serializable", "A counter counts whole numbers up to 2^53 - 1.");
    }
    this.value = sum;
    return this;
  }

  /** The number, so that `counter > 3` and `counter + 1` are what they look like. */
  valueOf(): number {
    return this.value;
  }

  /** The number. */
  toJSON(): number {
    return this.value;
  }

  /** The number's digits. */
  toString(): string {
    return String(this.value);
  }

  /** @internal */
  get [KIND](): true {
    return true;
  }

  /** How it crosses to the engine; `null` when it is no whole number. @internal */
  static write(it: Counter): string | null {
    const exact = #exact in it ? it.#exact : null;
    if (exact?.value === it.value) {
      return `"${exact.digits}"`;
    }
    return Number.isSafeInteger(it.value) ? String(it.value === 0 ? 0 : it.value) : null;
  }
}

/** A counter that begins at `value`. */
export function counter(value = 0): Counter {
  return new Counter(0).increment(value);
}

/** @internal */
export function isCounter(value: object): value is Counter {
  return (value as Record<symbol, unknown>)[KIND] === true;
}
