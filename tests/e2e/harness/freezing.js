/** Stops a tab's process in its tracks, as an operating system does with one in the background; it can go on later. */

import { readdirSync, readFileSync } from "node:fs";

/** Freezes a process; answers a function that lets it go on. */
export function freeze(pid) {
  process.kill(pid, "SIGSTOP");
  return () => process.kill(pid, "SIGCONT");
}

/** How long the page works to be told from the others, in milliseconds. */
const WORK_MS = 300;

/** The renderer of this page: the one that works while only the page does. */
export async function processOf(page) {
  const renderers = renderersUnder(process.pid);
  const before = renderers.map(workedTicks);
  await page.evaluate((end) => {
    for (const start = performance.now(); performance.now() - start < end;) {}
  }, WORK_MS);
  const worked = renderers.map((pid, at) => workedTicks(pid) - before[at]);
  return renderers[worked.indexOf(Math.max(...worked))];
}

/** The processor time that it has used. */
function workedTicks(pid) {
  const [, ...fields] = readProc(pid, "stat").split(") ");
  return fields
    .join(") ")
    .split(" ")
    .slice(11, 13)
    .reduce((sum, field) => sum + Number(field), 0);
}

/** Chromium's renderers that descend from that process. */
function renderersUnder(ancestor) {
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(name)]),
  );
  const descends = (pid) => pid === ancestor || (parents.has(pid) && descends(parents.get(pid)));
  return [...parents.keys()].filter((pid) => descends(pid) && commandOf(pid).includes("--type=renderer"));
}

function parentOf(pid) {
  return Number(/^PPid:\s+(\d+)/m.exec(readProc(pid, "status"))?.[1] ?? 0);
}

function commandOf(pid) {
  return readProc(pid, "cmdline");
}

/** A process that has ended meanwhile says nothing. */
function readProc(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
