/** Stops a tab's process in its tracks, as an operating system does with one in the background; it can go on later. */

import { commandOf, descendantsOf, readProc } from "./processes.js";

/** Freezes a process; answers a function that lets it go on. */
export function freeze(pid) {
  process.kill(pid, "SIGSTOP");
  return () => process.kill(pid, "SIGCONT");
}

/** How long the page works to be told from the others, in milliseconds. */
const WORK_MS = 300;

/** The renderer of this page: the one that works while only the page does. */
export async function processOf(page) {
  const renderers = descendantsOf(process.pid).filter((pid) => commandOf(pid).includes("--type=renderer"));
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
