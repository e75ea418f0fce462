/** Writes the table of docs/benchmarks.md that has one call beside four hops of JSON, from what was measured of those alone. Other places: `--results`, `--document`. */

import { readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { median, percentile, ratio, shown } from "./figures.js";
import { shapeOf, titleOf } from "./shapes.js";
import { workloads } from "./workloads.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: asked } = parseArgs({
  options: {
    results: { type: "string", default: at("../results/hops.json") },
    document: { type: "string", default: at("../../docs/benchmarks.md") },
  },
});
const [BEGIN, END] = ["<!-- hops -->", "<!-- /hops -->"];
const REFERENCE = "hops";
const STEPS = ["pings", "reads", "writes"];

const run = JSON.parse(readFileSync(asked.results, "utf8"));
const [{ date, machine, rounds: taken, sizes }] = run.runs;
const [size] = sizes.map(String);

const text = readFileSync(asked.document, "utf8");
const [head, tail] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
writeFileSync(asked.document, `${head}\n${about()}\n\n${table()}\n${tail}`);

/** Whoever else was at work then stands in the averages of the last minutes. */
function about() {
  const load = loadavg().map((average) => average.toFixed(1));
  return `${date}, ${machine.processors}, ${machine.memoryGiB} GiB, ${machine.system}, ${machine.browser}, Node ${machine.node}; ${taken} rounds at ${titleOf(shapeOf(size))}; load of the machine over the last 1, 5 and 15 minutes at the end: ${load.join(", ")}.`;
}

function table() {
  const titles = STEPS.map((step) => workloads.find((workload) => workload.step === step).title);
  return [
    `| | ${titles.join(" | ")} |`,
    `| --- |${titles.map(() => " ---: |").join("")}`,
    ...run.systems.map(({ key, name }) => `| ${name} | ${STEPS.map((step) => cell(key, step)).join(" | ")} |`),
  ].join("\n");
}

/** Median of the rounds' medians, 99th percentile of all samples, and the ratio of both to those of four hops. */
function cell(key, step) {
  if (!run.results[key].sizes[size].steps[step]) {
    return "–";
  }
  const [own, reference] = [key, REFERENCE].map((system) => figures(system, step));
  const times = `${shown(own.middle)}, p99 ${shown(own.late)}`;
  return key === REFERENCE
    ? times
    : `${times}, **${ratio(own.middle / reference.middle)}**, p99 ${ratio(own.late / reference.late)}`;
}

function figures(key, step) {
  const { rounds } = run.results[key].sizes[size].steps[step];
  const all = rounds.flatMap(({ samples }) => samples);
  return { middle: median(rounds.map(({ samples }) => median(samples))), late: percentile(all, 0.99) };
}
