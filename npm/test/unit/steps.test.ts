/** The steps of a handle, on a clock that the test moves. */

import { beforeEach, describe, expect, it } from "vitest";
import type { Write } from "../../src/generated/Write.js";
import { MAX_STEPS, MAX_TYPED, type Step, Steps, TYPING_RESTS_MS } from "../../src/steps.js";
import { keyOf } from "../../src/versions.js";

const edit: Write = { text: { collection: "notes", id: "n1", path: "body", base: "", edits: [] } };
const put: Write = { put: { collection: "notes", ids: ["n1"], documents: "[{}]", bases: [null] } };
const remove: Write = { delete: { collection: "notes", ids: ["n1"] } };
const n1 = keyOf("notes", "n1");

let nowMs: number;
let steps: Steps;
let made: number;

beforeEach(() => {
  nowMs = 1_000;
  made = 0;
  steps = new Steps(() => nowMs);
});

/** The next change in each of these notes: `c1`, `c2`, … */
function changes(...ids: string[]): Step {
  made += 1;
  return ids.map((id) => ({ collection: "notes", id, versions: [`c${made}`] }));
}

function write(kind: Write, ...ids: string[]): void {
  writeAs("edit", kind, ...ids);
}

function writeAs(op: string, kind: Write, ...ids: string[]): void {
  steps.writing(op, [kind])(changes(...(ids.length > 0 ? ids : ["n1"])));
}

/** Takes the last step back and answers what it was: the changes by note. */
function take(direction: "undo" | "redo", document: string | null = null): Record<string, readonly string[]> | null {
  const step = steps.last(direction, document);
  if (!step) {
    return null;
  }
  steps.took(direction, step, changes(...step.map(({ id }) => id)));
  return Object.fromEntries(step.map(({ id, versions }) => [id, versions]));
}

describe("typing", () => {
  it("that rests for no longer than half a second is one step", () => {
    write(edit);
    nowMs += TYPING_RESTS_MS;
    write(edit);
    nowMs += TYPING_RESTS_MS;
    write(edit);
    nowMs += TYPING_RESTS_MS + 1;
    write(edit);
    expect([take("undo"), take("undo"), take("undo")]).toEqual([{ n1: ["c4"] }, { n1: ["c1", "c2", "c3"] }, null]);
  });

  it("is one step with what is written in its document meanwhile, and goes on after that", () => {
    write(edit);
    nowMs += 400;
    write(put);
    nowMs += 400;
    write(edit);
    expect(take("undo")).toEqual({ n1: ["c1", "c2", "c3"] });
  });

  it("does not rest while the disk is slow", () => {
    write(edit);
    const wrote = steps.writing("edit", [edit]);
    nowMs += 5_000;
    wrote(changes("n1"));
    write(edit);
    expect(take("undo")).toEqual({ n1: ["c1", "c2", "c3"] });
  });

  it("begins a step where a put came before it", () => {
    write(put);
    write(edit);
    expect([take("undo"), take("undo")]).toEqual([{ n1: ["c2"] }, { n1: ["c1"] }]);
  });

  it.each([
    ["a delete", remove, ["n1"]],
    ["a write of another document", put, ["n2"]],
    ["a write of more documents", put, ["n1", "n2"]],
    ["typing in another document", edit, ["n2"]],
  ])("ends with %s", (_what, other, ids) => {
    write(edit);
    write(other, ...ids);
    const second = Object.fromEntries(ids.map((id) => [id, ["c2"]]));
    expect([take("undo"), take("undo")]).toEqual([second, { n1: ["c1"] }]);
  });

  it("ends with a transaction", () => {
    write(edit);
    writeAs("transaction", put);
    write(edit);
    expect([take("undo"), take("undo"), take("undo")]).toEqual([{ n1: ["c3"] }, { n1: ["c2"] }, { n1: ["c1"] }]);
  });

  it("ends with an undo", () => {
    write(edit);
    write(edit);
    take("undo");
    write(edit);
    expect([take("undo"), take("undo")]).toEqual([{ n1: ["c4"] }, null]);
  });

  it("is cut where a step grows too long", () => {
    for (let typed = 0; typed < MAX_TYPED + 2; typed += 1) {
      write(edit);
    }
    expect(take("undo")?.["n1"]).toHaveLength(2);
    expect(take("undo")?.["n1"]).toHaveLength(MAX_TYPED);
    expect(take("undo")).toBeNull();
  });

  it("that changed nothing is none", () => {
    steps.writing("edit", [edit])([]);
    steps.writing("edit", [edit])(undefined);
    expect(steps.canUndo).toBe(false);
  });
});

describe("a put", () => {
  it("is a step of its own, however close", () => {
    write(put);
    write(put);
    write(edit);
    expect([take("undo"), take("undo"), take("undo")]).toEqual([{ n1: ["c3"] }, { n1: ["c2"] }, { n1: ["c1"] }]);
  });
});

describe("the steps", () => {
  it("are redone in the order of their undos, until something is written", () => {
    write(put, "n1");
    write(put, "n2");
    take("undo");
    take("undo");
    expect([take("redo"), take("redo"), take("redo")]).toEqual([{ n1: ["c4"] }, { n2: ["c3"] }, null]);
    take("undo");
    write(put, "n3");
    expect([steps.canRedo, take("redo")]).toEqual([false, null]);
  });

  it("of a document are its parts of steps, each taken back once", () => {
    write(put, "n1", "n2");
    write(put, "n2");
    expect(take("undo", n1)).toEqual({ n1: ["c1"] });
    expect(take("undo", n1)).toBeNull();
    expect([take("undo"), take("undo"), take("undo")]).toEqual([{ n2: ["c2"] }, { n2: ["c1"] }, null]);
    expect(take("redo", n1)).toEqual({ n1: ["c3"] });
    expect([take("redo"), take("redo"), take("redo")]).toEqual([{ n2: ["c5"] }, { n2: ["c4"] }, null]);
  });

  it("of a document can be redone as long as nothing is written in it", () => {
    write(put, "n1");
    write(put, "n2");
    take("undo");
    take("undo");
    write(put, "n3");
    expect(take("redo", n1)).toEqual({ n1: ["c4"] });
    take("undo", n1);
    write(put, "n1");
    expect(take("redo", n1)).toBeNull();
    expect(take("redo", keyOf("notes", "n2"))).toEqual({ n2: ["c3"] });
  });

  it("are held until one call took them", () => {
    write(put, "n1", "n2");
    const step = steps.last("undo", null) as Step;
    expect([steps.holds("undo", step), steps.holds("redo", step)]).toEqual([true, false]);
    take("undo", n1);
    expect(steps.holds("undo", step)).toBe(false);
    expect(steps.holds("undo", [{ collection: "notes", id: "n1", versions: [] }])).toBe(true);
  });

  it("of which nothing was left are gone", () => {
    write(put);
    const step = steps.last("undo", null);
    steps.took("undo", step as Step, []);
    expect([steps.canUndo, steps.canRedo]).toEqual([false, false]);
  });

  it("are the last ones", () => {
    for (let written = 0; written < MAX_STEPS + 5; written += 1) {
      write(put, `n${written}`);
    }
    let undone = 0;
    while (take("undo")) {
      undone += 1;
    }
    expect(undone).toBe(MAX_STEPS);
  });
});
