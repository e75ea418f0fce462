/**
 * A synthetic editing trace, as `crates/engine/examples/typing.rs` has it: as many insertions and deletions of single characters as the trace of automerge-perf,
 * in runs at a caret that jumps now and then, from a seed. The real one is on no registry.
 */

import { stream } from "./documents.js";

const INSERTIONS = 182_315;
const DELETIONS = 77_463;
const SEED = 7;
/** Keys that are handed over together. */
export const BATCH = 100;

/** All keys, as `{ at, delete, insert }` one after another, and the text that they leave. */
export function trace() {
  const random = stream(SEED);
  const keys = [];
  const text = new Typed();
  const left = { insertions: INSERTIONS, deletions: DELETIONS };
  while (left.insertions + left.deletions > 0) {
    if (random(40) === 0) {
      text.moveTo(random(text.length + 1));
    }
    const run = 1 + random(12);
    const deletes = text.caret > 0 && random(left.insertions + left.deletions) < left.deletions;
    for (let key = 0; key < run; key += 1) {
      if (deletes && left.deletions > 0 && text.caret > 0) {
        left.deletions -= 1;
        keys.push(text.delete());
      } else if (!deletes && left.insertions > 0) {
        left.insertions -= 1;
        keys.push(text.insert(String.fromCharCode(97 + random(26))));
      }
    }
  }
  return { keys, text: String(text) };
}

/** A text as what stands before the caret, and what stands behind it, the nearest last. */
class Typed {
  #before = [];
  #behind = [];

  get caret() {
    return this.#before.length;
  }

  get length() {
    return this.#before.length + this.#behind.length;
  }

  moveTo(caret) {
    while (this.caret > caret) {
      this.#behind.push(this.#before.pop());
    }
    while (this.caret < caret) {
      this.#before.push(this.#behind.pop());
    }
  }

  insert(letter) {
    this.#before.push(letter);
    return { at: this.caret - 1, delete: 0, insert: letter };
  }

  /** What stands before the caret. */
  delete() {
    this.#before.pop();
    return { at: this.caret, delete: 1, insert: "" };
  }

  toString() {
    return this.#before.join("") + [...this.#behind].reverse().join("");
  }
}
