/** What a run wrote down, and what can be asked of it. */

import { readFileSync } from "node:fs";

import { median, percentile } from "./figures.js";
import { shapeOf } from "./shapes.js";
import { systems } from "./systems.js";

export function readRun(path) {
  const run = JSON.parse(readFileSync(path, "utf8"));
  const shapes = run.runs.flatMap(({ sizes }) => sizes.map(String)).sort((one, other) => rank(one) - rank(other));
  /** All that was measured of that step of that system at that shape; `null`: nothing. */
  const measured = (key, shape, step) => {
    const taken = run.results[key]?.sizes[shape]?.steps[step];
    return taken?.rounds.length > 0 ? taken : null;
  };
  /** Median of the rounds' medians, and the 99th percentile of all samples. */
  const figure = (key, shape, step) => {
    const taken = measured(key, shape, step);
    return taken && { middle: middleOf(taken), late: lateOf(taken), documents: taken.documents, unit: taken.unit };
  };
  const nameOf = (wanted) => systems.find(({ key }) => key === wanted)?.name ?? wanted;
  return { ...run, shapes, measured, figure, nameOf, ours: run.systems.filter(({ package: own }) => own === "ashore") };
}

/** Those of ordinary documents first, each by their number. */
function rank(shape) {
  const { count, bytes } = shapeOf(shape);
  return (bytes ?? 0) * 1e9 + count;
}

/** Of single samples, or of the summary of a run, which has a median for each round and one 99th percentile of all its samples. */
export function middlesOf({ rounds }) {
  return rounds.map(({ samples, median: middle }) => middle ?? median(samples));
}

export function middleOf(taken) {
  return median(middlesOf(taken));
}

export function lateOf({ rounds, p99 }) {
  const all = () => rounds.flatMap(({ samples }) => samples);
  return p99 ?? percentile(all(), 0.99);
}

export function longestTaskOf({ rounds }) {
  return Math.max(0, ...rounds.map(({ longestTask }) => longestTask ?? 0));
}
