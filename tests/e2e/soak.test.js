/** A short soak: nothing grows, and nothing is left that runs. `cargo xtask soak` goes on for an hour. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { grown, slopePerHour, table } from "./soak/series.js";
import { slacks } from "./soak/slacks.js";
import { soak, unitOf } from "./soak/soak.js";

/** Of which the first four are the start. */
const ROUNDS = 16;
const ROUND_MS = 4_000;
const WRITES_PER_SECOND = 50;

describe("two browsers and a native device that write, listen, sync, open and close", () => {
  it(
    "have one worker for each open database, keep no memory, and leave no worker and no process",
    { timeout: 300_000 },
    async (test) => {
      const { samples, writes } = await soak({
        enough: (taken) => taken.length === ROUNDS,
        writesPerSecond: WRITES_PER_SECOND,
        roundMs: ROUND_MS,
        sampled: () => {},
      });
      test.diagnostic(`${writes} writes`);
      table(samples, unitOf)
        .split("\n")
        .forEach((line) => test.diagnostic(line));
      assert.deepEqual(grown(samples, slacks), []);
    },
  );
});

describe("what is said of gauges", () => {
  it("names one that grows, by however little it does each time, and none that stands still or swings", () => {
    const steps = Array.from({ length: 40 }, (_, at) => at);
    assert.deepEqual(grown(samplesOf(steps.map((at) => 1_000 + at)), { heap: 19 }), [
      "heap: from 1014.5 to 1034.5, and 19 more were allowed",
    ]);
    assert.deepEqual(grown(samplesOf(steps.map((at) => 1_000 + (at % 2) * 100)), { heap: 19 }), []);
    assert.deepEqual(grown(samplesOf(steps.map((at) => Math.min(at, 5) * 1_000)), { heap: 19 }), []);
  });

  it("tells the slope of the second half, in an hour", () => {
    const hours = [0, 1, 2, 3, 4, 5, 6, 7].map((hour) => hour * 3_600_000);
    assert.equal(slopePerHour(hours, [900, 100, 0, 0, 10, 20, 30, 40]), 10);
    assert.equal(slopePerHour(hours, [0, 0, 900, 100, 7, 7, 7, 7]), 0);
  });
});

function samplesOf(values) {
  return values.map((heap, at) => ({ at: at * 60_000, gauges: { heap } }));
}
