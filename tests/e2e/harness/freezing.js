/** Stops a tab's process in its tracks, as an operating system does with one in the background; it can go on later. */

import { readdirSync, readFileSync } from "node:fs";

import { searchMemory } from "./search.js";

/** Freezes the process of this page; answers a function that lets it go on. */
export async function freeze(page) {
  const pid = await processOf(page);
  process.kill(pid, "SIGSTOP");
  return () => process.kill(pid, "SIGCONT");
}

/** The renderer that has in its memory what only this page knows. */
async function processOf(page) {
  const word = await page.evaluate("(globalThis.ownWord = crypto.randomUUID())");
  const owners = [];
  for (const pid of renderersUnder(process.pid)) {
    if ((await searchMemory(pid, [word])).length > 0) {
      owners.push(pid);
    }
  }
  if (owners.length !== 1) {
    throw new Error(`the page is in ${owners.length} processes`);
  }
  return owners[0];
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
