/** The steps of an earlier time, as a history tells them. */

import { describe, expect, it } from "vitest";
import { text } from "../../src/collaborative-text.js";
import { type Change, earlierStep, MAX_EARLIER, MAX_LOOKED_BACK } from "../../src/history.js";

const document = { body: text("Milk"), title: "Shop" };

function change(second: number, kind: Change["kind"] = "put", fields = ["body"], mine = true): Change {
  return { version: `v${second}`, at: new Date(second * 1_000), mine, device: null, kind, fields };
}

/** The first put of the document stands at the end of its history. */
const created = change(0, "put", ["body", "title"]);
const undone = (...changes: readonly Change[]): number => earlierStep([...changes, created], "undo", document);
const redone = (...changes: readonly Change[]): number => earlierStep([...changes, created], "redo", document);

describe("a step of an earlier time", () => {
  it("is typing in one text that rests for no more than a second", () => {
    expect(undone(change(9), change(8), change(8), change(6), change(5))).toBe(3);
  });

  it("is one change where it is no typing", () => {
    expect(undone()).toBe(1);
    expect(undone(change(9, "put", ["title"]), change(9, "put", ["title"]))).toBe(1);
    expect(undone(change(9, "put", ["body", "title"]), change(9))).toBe(1);
    expect(undone(change(9, "delete", []), change(9))).toBe(1);
    expect(earlierStep([change(9), change(9)], "undo", {})).toBe(1);
    expect(earlierStep([], "undo", document)).toBe(1);
  });

  it("ends where something else was changed", () => {
    expect(undone(change(9), change(9), change(9, "put", ["title"]), change(9))).toBe(2);
  });

  it("does not take in the first put", () => {
    expect(earlierStep([change(9), change(9)], "undo", document)).toBe(1);
    const long = Array.from({ length: MAX_LOOKED_BACK }, () => change(9));
    expect(earlierStep(long, "undo", document)).toBe(MAX_EARLIER);
  });

  it("is this device's, whatever others typed in between", () => {
    const theirs = change(9, "put", ["body"], false);
    expect(undone(theirs, change(9), theirs, change(8))).toBe(2);
  });

  it("is what was not taken back since", () => {
    expect(undone(change(9, "undo"), change(9, "undo"), change(8), change(8), change(4), change(3), change(1))).toBe(2);
    expect(undone(change(9, "redo"), change(8, "undo"), change(5))).toBe(1);
  });

  it("that was taken back is redone as one, until something is written", () => {
    expect(redone(change(9, "undo"), change(9, "undo"), change(6, "undo"), change(4), change(4))).toBe(2);
    expect(redone(change(9, "redo"), change(8, "undo"), change(8, "undo"), change(7, "undo"), change(4))).toBe(2);
    expect(redone(change(9), change(9, "undo"))).toBe(1);
  });
});
