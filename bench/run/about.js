/** Where a run was made, and with which versions. */

import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

export function machine(browser) {
  const [{ model }] = cpus();
  return {
    processors: `${cpus().length} x ${model}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    browser,
  };
}

export function versionOf(name) {
  if (!name) {
    return null;
  }
  const path = name === "ashore" ? "../../npm/package.json" : `../node_modules/${name}/package.json`;
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")).version;
}
