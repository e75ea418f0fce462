/** Measures everybody in one run, in an order that alternates, and writes down what came out. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { executable } from "./browser.js";
import { startHops } from "./hops.js";
import { downloaded, measureLocally, PATIENCE_MS } from "./local.js";
import { startRelay } from "./relay.js";
import { hasServer } from "./servers.js";
import { startSite } from "./site.js";
import { measureSynced } from "./synced.js";
import { systems } from "./systems.js";
import { workloads } from "./workloads.js";

const { values: asked } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    sizes: { type: "string", default: "1000,10000,100000" },
    systems: { type: "string", default: systems.flatMap(({ key, isApart }) => (isApart ? [] : [key])).join(",") },
    steps: { type: "string" },
    out: { type: "string", default: fileURLToPath(new URL("../results/browser.json", import.meta.url)) },
  },
});

const rounds = Number(asked.rounds);
const sizes = asked.sizes.split(",").map(Number);
/** The only ones that are taken, where they are named, and otherwise. */
const steps = asked.steps?.split(",");
const usual = workloads.flatMap(({ step, isApart }) => (isApart ? [] : [step]));
const chosen = asked.systems.split(",").map((key) => systems.find((system) => system.key === key) ?? unknown(key));

function unknown(key) {
  throw new Error(`There is no system "${key}": ${systems.map((system) => system.key).join(", ")}.`);
}

const probe = await chromium.launch({ executablePath: executable, args: ["--no-sandbox"] });
const browserVersion = `Chromium ${probe.version()}`;
await probe.close();

const site = await startSite();
const relay = await startRelay();
const hops = chosen.some(({ peer }) => peer === "hops") ? await startHops() : null;
const wanted = chosen.map((system) =>
  system.peer === "hops" ? { ...system, options: { server: hops.address } } : system,
);
/** Results by system, size and step: all samples of all rounds. */
const results = {};
const failures = [];

for (const system of wanted) {
  results[system.key] = { download: await downloaded({ system, site, relay }), sizes: {} };
}

for (const size of sizes) {
  for (let round = 0; round < rounds; round += 1) {
    // Nobody always comes first, or right after the same one.
    const order = round % 2 === 0 ? rotated(wanted, round) : rotated(wanted, round).reverse();
    for (const system of order) {
      await measure(system, size, round);
      write();
    }
  }
}

await hops?.end();
await relay.end();
await site.end();
process.stderr.write(`\n${asked.out}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;

async function measure(system, size, round) {
  const of = results[system.key];
  const own = (of.sizes[size] ??= { steps: {}, skipped: [] });
  const note = (step) => process.stderr.write(`\r\x1b[K${size} documents, round ${round + 1}, ${system.name}: ${step}`);
  const skip = (step) => {
    if ([system.does, steps ?? usual].some((only) => only && !only.includes(step))) {
      return true;
    }
    const isTooSlow = sizes.some((smaller) => smaller < size && slowest(of.sizes[smaller], step) > PATIENCE_MS);
    if (isTooSlow && !own.skipped.includes(step)) {
      own.skipped.push(step);
    }
    return isTooSlow || own.skipped.includes(step);
  };
  const taken = {};
  const failed = (step, error) => {
    const message = `${step}: ${String(error.message ?? error).split("\n")[0]}`;
    process.stderr.write(`\n${system.name}, ${size}, ${message}\n`);
    failures.push({ system: system.key, size, round, message });
  };
  try {
    await measureLocally({ system, size, site, relay, skip, note, failed, results: taken });
    // Alone or in a group makes no difference to it.
    if (system.key === system.peer && hasServer(system.peer) && !skip("load") && !skip("download")) {
      await measureSynced({ system, size, site, note, results: taken });
    }
  } catch (error) {
    failed("sync", error);
  }
  for (const [step, { samples, ...rest }] of Object.entries(taken)) {
    const kept = (own.steps[step] ??= { documents: rest.documents, unit: rest.unit ?? "ms", rounds: [] });
    kept.rounds.push({ samples: samples.map(short), longestTask: rest.longestTask, longTasks: rest.longTasks });
  }
}

function slowest(size, step) {
  const taken = size?.steps[step]?.rounds ?? [];
  return Math.max(0, ...taken.flatMap(({ samples }) => samples));
}

function rotated(items, by) {
  const at = (by * 2) % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function short(number) {
  return Number(number.toPrecision(5));
}

function write() {
  mkdirSync(dirname(asked.out), { recursive: true });
  const described = wanted.map((system) => ({ ...system, version: versionOf(system.package) }));
  const about = { date: new Date().toISOString().slice(0, 10), machine: machine(), rounds, sizes };
  writeFileSync(asked.out, `${JSON.stringify({ ...about, systems: described, results, failures }, null, 1)}\n`);
}

function machine() {
  const [{ model }] = cpus();
  return {
    processors: `${cpus().length} x ${model}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    browser: browserVersion,
  };
}

function versionOf(name) {
  if (!name) {
    return null;
  }
  const path = name === "ashore" ? "../../npm/package.json" : `../node_modules/${name}/package.json`;
  return JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")).version;
}
