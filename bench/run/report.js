/** Writes the tables and charts of docs/benchmarks.md, and the figures as JSON beside the charts, from what was measured. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { chart } from "./chart.js";
import { median, percentile, ratio, shown } from "./figures.js";
import { workloads } from "./workloads.js";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const DOCUMENT = at("../../docs/benchmarks.md");
const CHARTS = at("../../docs/benchmarks");
const [BEGIN, END] = ["<!-- measured -->", "<!-- /measured -->"];
const REFERENCE = "indexeddb";
const CHARTED = new Set(["writes", "load", "all", "find", "coldFirst", "download"]);
const CHART_SIZE = 10_000;

const run = JSON.parse(readFileSync(at("../results/browser.json"), "utf8"));

mkdirSync(CHARTS, { recursive: true });
for (const workload of workloads.filter(({ step }) => CHARTED.has(step))) {
  writeFileSync(`${CHARTS}/${workload.step}.svg`, chart(workload.title, barsOf(workload)));
}
writeFileSync(`${CHARTS}/browser.json`, `${JSON.stringify(summary())}\n`);
const text = readFileSync(DOCUMENT, "utf8");
const [head, tail] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
writeFileSync(DOCUMENT, `${head}\n${[about(), downloads(), ...workloads.map(section), failures()].join("\n")}${tail}`);

function about() {
  const { machine } = run;
  return [
    `${run.date}, ${machine.processors}, ${machine.memoryGiB} GiB, ${machine.system}, ${machine.browser}, Node ${machine.node}; ${run.rounds} rounds.`,
    "",
    "| system | version | keeps |",
    "| --- | --- | --- |",
    ...run.systems.map(({ name, version, keeps }) => `| ${name} | ${version ?? ""} | ${keeps} |`),
    "",
  ].join("\n");
}

function downloads() {
  const rows = run.systems.map(({ key, name }) => `| ${name} | ${kilobytes(run.results[key].download)} |`);
  return [
    "### What a page downloads",
    "",
    "Everything, in brotli.",
    "",
    "| | KB |",
    "| --- | ---: |",
    ...rows,
    "",
  ].join("\n");
}

function section(workload) {
  const sizes = run.sizes.filter((size) => run.systems.some(({ key }) => measured(key, size, workload.step)));
  if (sizes.length === 0) {
    return "";
  }
  const target = workload.target ? ` Meant: ${workload.target.ratio}x of IndexedDB.` : "";
  const picture = CHARTED.has(workload.step) ? [`![${workload.title}](benchmarks/${workload.step}.svg)`, ""] : [];
  return [
    `### ${workload.title}`,
    "",
    `${workload.says}${target}`,
    "",
    ...picture,
    `| | ${sizes.map((size) => `${size.toLocaleString("en")} documents`).join(" | ")} |`,
    `| --- |${sizes.map(() => " ---: |").join("")}`,
    ...run.systems.map(
      ({ key, name }) => `| ${name} | ${sizes.map((size) => cell(workload, key, size)).join(" | ")} |`,
    ),
    "",
  ].join("\n");
}

/** Median of the rounds, their spread, of IndexedDB's, and for single calls the 99th percentile. */
function cell(workload, key, size) {
  const taken = measured(key, size, workload.step);
  if (!taken) {
    return run.results[key].sizes[size]?.skipped.includes(workload.step) ? "too slow" : "–";
  }
  const medians = taken.rounds.map(({ samples }) => median(samples));
  const [middle, least, most] = [median(medians), Math.min(...medians), Math.max(...medians)];
  const show = (value) => shown(value, taken.unit);
  const reference = measured(REFERENCE, size, workload.step);
  const parts = [`${show(middle)} (${show(least)} – ${show(most)})`];
  if (workload.isSingle) {
    parts.push(
      `p99 ${show(
        percentile(
          taken.rounds.flatMap(({ samples }) => samples),
          0.99,
        ),
      )}`,
    );
  }
  if (workload.per && taken.documents > 1) {
    parts.push(`${shown(middle / taken.documents, taken.unit)} each`);
  }
  if (reference && key !== REFERENCE) {
    parts.push(`**${ratio(middle / median(reference.rounds.map(({ samples }) => median(samples))))}**`);
  }
  const longest = Math.max(0, ...taken.rounds.map(({ longestTask }) => longestTask ?? 0));
  if (longest > 50) {
    parts.push(`longest task ${Math.round(longest)} ms`);
  }
  return parts.join(", ");
}

/** What was measured without each single sample: median and 99th percentile of each round. */
function summary() {
  const round = ({ samples, ...rest }) => ({ median: median(samples), p99: percentile(samples, 0.99), ...rest });
  const step = ([name, taken]) => [name, { ...taken, rounds: taken.rounds.map(round) }];
  const size = ([count, { steps, skipped }]) => [count, { steps: mapped(steps, step), skipped }];
  const system = ([key, { download, sizes }]) => [key, { download, sizes: mapped(sizes, size) }];
  return { ...run, results: mapped(run.results, system) };
}

function mapped(record, map) {
  return Object.fromEntries(Object.entries(record).map(map));
}

function barsOf({ step }) {
  const size = run.sizes.includes(CHART_SIZE) ? CHART_SIZE : run.sizes[0];
  return run.systems.flatMap(({ key, name }) => {
    const taken = measured(key, size, step);
    if (!taken) {
      return [];
    }
    const value = median(taken.rounds.map(({ samples }) => median(samples)));
    return [{ name, value, label: shown(value, taken.unit), ours: key.startsWith("ashore") }];
  });
}

function failures() {
  if (run.failures.length === 0) {
    return "Nothing failed.\n";
  }
  const lines = run.failures.map(
    ({ system, size, round, message }) => `- ${system}, ${size}, round ${round + 1}: ${message}`,
  );
  return ["### What failed", "", ...lines, ""].join("\n");
}

function measured(key, size, step) {
  const taken = run.results[key]?.sizes[size]?.steps[step];
  return taken?.rounds.length > 0 ? taken : null;
}

function kilobytes(bytes) {
  return Math.round(bytes / 1_000).toLocaleString("en");
}
