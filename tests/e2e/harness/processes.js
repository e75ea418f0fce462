/** Processes, as Linux tells of them in /proc. */

import { readdirSync, readFileSync } from "node:fs";

const PAGE_BYTES = 4_096;

/** All that descend from that process, those of its children among them; without what has ended and only waits to be asked how. */
export function descendantsOf(ancestor) {
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), parentOf(name)]),
  );
  const descends = (pid) => pid === ancestor || (parents.has(pid) && descends(parents.get(pid)));
  return [...parents.keys()].filter((pid) => pid !== ancestor && descends(pid) && !isOver(pid));
}

/** Its command line, with the words apart. */
export function commandOf(pid) {
  return readProc(pid, "cmdline").replaceAll("\0", " ").trim();
}

/** What it has in memory, in bytes. */
export function residentBytes(pid) {
  return Number(readProc(pid, "statm").split(" ")[1] ?? 0) * PAGE_BYTES;
}

/** How many threads it has. */
export function threadsOf(pid) {
  return Number(/^Threads:\s+(\d+)/m.exec(readProc(pid, "status"))?.[1] ?? 0);
}

/** What /proc says of it; a process that has ended meanwhile says nothing. */
export function readProc(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function parentOf(pid) {
  return Number(/^PPid:\s+(\d+)/m.exec(readProc(pid, "status"))?.[1] ?? 0);
}

function isOver(pid) {
  return !/^State:\s+[^ZX]/m.test(readProc(pid, "status"));
}
