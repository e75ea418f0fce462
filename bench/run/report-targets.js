/** What Ashore means to reach beside what it reached, at each shape. */

import { shown } from "./figures.js";
import { longestTaskOf } from "./measured.js";
import { shapeOf, titleOf } from "./shapes.js";
import { meant, reached } from "./targets.js";
import { workloads } from "./workloads.js";

const DOWNLOAD_BYTES = 520_000;
const TASK_MS = 16;
/** What browsers tell of a task begins here. */
const LONG_TASK_MS = 50;

export function targets(run) {
  const rows = workloads.flatMap((workload) =>
    (workload.targets ?? []).flatMap((target) => rowsOf(run, workload, target)),
  );
  return [
    "### Meant and reached",
    "",
    "A target is a ratio to what the reference takes in the same run. Where it holds for any number of documents, it is shown for each.",
    "",
    `| workload | | meant |${run.ours.map(({ name }) => ` ${name} |`).join("")}`,
    `| --- | --- | --- |${run.ours.map(() => " ---: |").join("")}`,
    ...rows,
    downloaded(run),
    ...run.shapes.map((shape) => longestTask(run, shape)),
    "",
  ].join("\n");
}

function rowsOf(run, { step, title, isOnce }, target) {
  const words = meant(target, run.nameOf);
  return run.shapes.flatMap((shape) => {
    if (target.at && target.at !== shape) {
      return [];
    }
    const figure = (key, of) => run.figure(key, shape, of);
    const cells = run.ours.map(({ key }) => reached(target, key, { step, shape, figure }));
    return cells.some(Boolean) ? [row(title, isOnce ? "" : titleOf(shapeOf(shape)), words, cells)] : [];
  });
}

function downloaded(run) {
  const cells = run.ours.map(({ key }) => {
    const { download } = run.results[key];
    return download === null ? null : { text: shown(download, "bytes"), isMet: download <= DOWNLOAD_BYTES };
  });
  return row("What a page downloads", "", shown(DOWNLOAD_BYTES, "bytes"), cells);
}

/** Browsers tell of tasks over 50 ms only: whether one took more than the 16 that are meant is not seen. */
function longestTask(run, shape) {
  const cells = run.ours.map(({ key }) => {
    const steps = Object.values(run.results[key].sizes[shape]?.steps ?? {});
    const longest = Math.max(0, ...steps.map(longestTaskOf));
    if (steps.length === 0) {
      return null;
    }
    return longest > LONG_TASK_MS
      ? { text: shown(longest, "ms"), isMet: false }
      : { text: `none over ${LONG_TASK_MS} ms`, isMet: null };
  });
  return row("Longest task of the page's thread in any of it", titleOf(shapeOf(shape)), shown(TASK_MS, "ms"), cells);
}

function row(title, shape, words, cells) {
  const shownCells = cells.map((cell) => (cell ? [cell.text, verdict(cell.isMet)].filter(Boolean).join(", ") : "–"));
  return `| ${title} | ${shape} | ${words} | ${shownCells.join(" | ")} |`;
}

function verdict(isMet) {
  return isMet === null ? "" : isMet ? "met" : "**not met**";
}
