/**
 * Writes the tables and charts of docs/benchmarks.md, and the figures as JSON beside the charts, from what was measured. Other places: `--results`, `--document`,
 * `--charts`.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chart } from "./chart.js";
import { median, shown } from "./figures.js";
import { lateOf, middleOf, readRun } from "./measured.js";
import { curves } from "./report-curves.js";
import { demo } from "./report-demo.js";
import { reasons } from "./report-reasons.js";
import { CHARTED, section } from "./report-section.js";
import { targets } from "./report-targets.js";
import { shapeOf, titleOf } from "./shapes.js";
import { workloads } from "./workloads.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: asked } = parseArgs({
  options: {
    results: { type: "string", default: at("../results/browser.json") },
    document: { type: "string", default: at("../../docs/benchmarks.md") },
    charts: { type: "string", default: at("../../docs/benchmarks") },
  },
});
const [BEGIN, END] = ["<!-- measured -->", "<!-- /measured -->"];
const CHART_SHAPE = "10000";

const run = readRun(asked.results);
const { runs, systems, results, failures } = run;

mkdirSync(asked.charts, { recursive: true });
for (const workload of workloads.filter(({ step }) => CHARTED.has(step))) {
  const bars = barsOf(workload);
  if (bars.length > 0) {
    writeFileSync(`${asked.charts}/${workload.step}.svg`, chart(workload.title, bars));
  }
}
writeFileSync(`${asked.charts}/browser.json`, `${JSON.stringify(summary())}\n`);
const text = readFileSync(asked.document, "utf8");
const [head, tail] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
const parts = [
  about(),
  targets(run),
  downloads(),
  ...workloads.map((workload) => section(run, workload)),
  demo(run),
  curves(run),
  reasons(run),
  failed(),
];
writeFileSync(asked.document, `${head}\n${parts.filter((part) => part !== "").join("\n")}${tail}`);

function about() {
  return [
    ...runs.map(({ date, machine, rounds, sizes }) => {
      const titles = sizes.map((shape) => titleOf(shapeOf(String(shape)))).join(", ");
      return `${date}, ${machine.processors}, ${machine.memoryGiB} GiB, ${machine.system}, ${machine.browser}, Node ${machine.node}: ${titles}; ${rounds} rounds.`;
    }),
    "",
    "| system | version | keeps |",
    "| --- | --- | --- |",
    ...systems.map(({ name, version, keeps }) => `| ${name} | ${version ?? ""} | ${keeps} |`),
    "",
  ].join("\n");
}

function downloads() {
  const kilobytes = (bytes) => (bytes === null ? "failed" : Math.round(bytes / 1_000).toLocaleString("en"));
  return [
    "### What a page downloads",
    "",
    "Everything, in brotli.",
    "",
    "| | KB |",
    "| --- | ---: |",
    ...systems.map(({ key, name }) => `| ${name} | ${kilobytes(results[key].download)} |`),
    "",
  ].join("\n");
}

/** What was measured without each single sample: the median of each round, and the 99th percentile of all. */
function summary() {
  const round = ({ samples, ...rest }) => (samples ? { median: median(samples), ...rest } : rest);
  const step = ([name, taken]) => [
    name,
    { ...taken, p99: taken.rounds.length > 0 ? lateOf(taken) : null, rounds: taken.rounds.map(round) },
  ];
  const size = ([shape, { steps, skipped }]) => [shape, { steps: mapped(steps, step), skipped }];
  const system = ([key, { sizes: taken, ...rest }]) => [key, { ...rest, sizes: mapped(taken, size) }];
  return { runs, systems, results: mapped(results, system), demo: run.demo, failures };
}

function mapped(record, map) {
  return Object.fromEntries(Object.entries(record).map(map));
}

function barsOf({ step }) {
  const shape = run.shapes.includes(CHART_SHAPE) ? CHART_SHAPE : run.shapes[0];
  return systems.flatMap(({ key, name }) => {
    const taken = run.measured(key, shape, step);
    if (!taken) {
      return [];
    }
    const value = middleOf(taken);
    return [{ name, value, label: shown(value, taken.unit), ours: key.startsWith("ashore") }];
  });
}

function failed() {
  if (failures.length === 0) {
    return "Nothing failed.\n";
  }
  const lines = failures.map(({ system, size, round, step, message }) => {
    const where = [system, size, round === undefined ? null : `round ${round + 1}`].filter(Boolean).join(", ");
    return `- ${where}: ${step}: ${message}`;
  });
  return ["### What failed", "", ...lines, ""].join("\n");
}
