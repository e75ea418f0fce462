/** The table of one workload: each system at each shape. */

import { ratio, shown } from "./figures.js";
import { lateOf, longestTaskOf, middleOf, middlesOf } from "./measured.js";
import { shapeOf, titleOf } from "./shapes.js";
import { meant } from "./targets.js";
import { reasonAgainst } from "./workloads.js";

/** Those with a picture. */
export const CHARTED = new Set(["writes", "load", "all", "find", "coldFirst", "download"]);
const REFERENCE = "indexeddb";
const LONG_TASK_MS = 50;

export function section(run, workload) {
  const { step, title, says, only, as, isOnce, targets = [] } = workload;
  const shapes = run.shapes.filter((shape) => run.systems.some(({ key }) => run.measured(key, shape, step)));
  if (shapes.length === 0) {
    return "";
  }
  const meanings = targets.map(
    (target) => `${meant(target, run.nameOf)}${target.at ? ` for ${titleOf(shapeOf(target.at))}` : ""}`,
  );
  const picture = CHARTED.has(step) ? [`![${title}](benchmarks/${step}.svg)`, ""] : [];
  const systems = run.systems.filter(({ key }) => !only || only.includes(key));
  return [
    `### ${title}`,
    "",
    `${says}${meanings.length > 0 ? ` Meant: ${meanings.join("; ")}.` : ""}`,
    "",
    ...picture,
    `| | ${shapes.map((shape) => (isOnce ? "" : titleOf(shapeOf(shape)))).join(" | ")} |`,
    `| --- |${shapes.map(() => " ---: |").join("")}`,
    ...systems.map(
      (system) => `| ${as ?? system.name} | ${shapes.map((shape) => cell(run, workload, system, shape)).join(" | ")} |`,
    ),
    "",
  ].join("\n");
}

/** Median of the rounds, their spread, of IndexedDB's, and for single calls the 99th percentile. */
function cell(run, workload, system, shape) {
  const { step, isSingle, per } = workload;
  const taken = run.measured(system.key, shape, step);
  if (!taken) {
    return missing(run, step, system, shape);
  }
  const medians = middlesOf(taken);
  const [middle, least, most] = [middleOf(taken), Math.min(...medians), Math.max(...medians)];
  const show = (value) => shown(value, taken.unit);
  const reference = run.measured(REFERENCE, shape, step);
  const parts = [`${show(middle)} (${show(least)} – ${show(most)})`];
  if (isSingle) {
    parts.push(`p99 ${show(lateOf(taken))}`);
  }
  if (per && taken.documents > 1) {
    parts.push(`${show(middle / taken.documents)} each`);
  }
  if (reference && system.key !== REFERENCE) {
    parts.push(`**${ratio(middle / middleOf(reference))}**`);
  }
  const longest = longestTaskOf(taken);
  if (longest > LONG_TASK_MS) {
    parts.push(`longest task ${Math.round(longest)} ms`);
  }
  return parts.join(", ");
}

function missing(run, step, system, shape) {
  const { cannot = {}, sizes } = run.results[system.key];
  if (reasonAgainst(cannot, system, step)) {
    return "–";
  }
  if (sizes[shape]?.skipped.includes(step)) {
    return "too slow";
  }
  const isFailed = run.failures.some((one) => one.system === system.key && one.size === shape && one.step === step);
  return isFailed ? "failed" : "–";
}
