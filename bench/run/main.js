/** Measures everybody in one run, in an order that alternates, and writes down what came out. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { machine, versionOf } from "./about.js";
import { executable } from "./browser.js";
import { measureDemo } from "./demo.js";
import { downloaded } from "./device.js";
import { startHops } from "./hops.js";
import { TookTooLong } from "./limited.js";
import { measureLocally } from "./local.js";
import { startRelay } from "./relay.js";
import { hasServer } from "./servers.js";
import { isSmaller, shapeOf, titleOf } from "./shapes.js";
import { startSite } from "./site.js";
import { measureSynced } from "./synced.js";
import { systems } from "./systems.js";
import { reasonAgainst, workloads } from "./workloads.js";

/** A step that took longer is not taken with more documents. */
const PATIENCE_MS = 10_000;
const DEMO = "demo";

const { values: asked } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    sizes: { type: "string", default: "1000,10000,100000,1000x10000" },
    systems: { type: "string", default: systems.flatMap(({ key, isApart }) => (isApart ? [] : [key])).join(",") },
    steps: { type: "string" },
    add: { type: "string" },
    out: { type: "string", default: fileURLToPath(new URL("../results/browser.json", import.meta.url)) },
  },
});

const rounds = Number(asked.rounds);
const shapes = asked.sizes.split(",").map(shapeOf);
/** The only ones that are taken, where they are named, and otherwise. */
const steps = asked.steps?.split(",");
const usual = [...workloads.flatMap(({ step, isApart }) => (isApart ? [] : [step])), DEMO];
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
/** What an earlier run wrote at other sizes stays: `--add ../docs/benchmarks/browser.json`. */
const earlier = asked.add ? JSON.parse(readFileSync(asked.add, "utf8")) : null;
const isLeftOut = (key) => chosen.every((system) => system.key !== key);
if (Object.keys(earlier?.results ?? {}).some(isLeftOut)) {
  throw new Error("--add needs all systems that the earlier run had: what is left out would be lost.");
}
const isTakenAgain = (key) => shapes.some((shape) => shape.key === String(key));
const hasOthers = earlier?.runs.some(({ sizes }) => sizes.some((key) => !isTakenAgain(key))) === true;
/** Results by system, shape and step: all samples of all rounds. */
const results = {};
const failures = (earlier?.failures ?? []).filter(({ size }) => size && !isTakenAgain(size));
let demo = earlier?.demo ?? null;

for (const system of wanted) {
  const sizes = Object.entries(earlier?.results[system.key]?.sizes ?? {}).filter(([key]) => !isTakenAgain(key));
  results[system.key] = { download: null, cannot: system.cannot ?? {}, sizes: Object.fromEntries(sizes) };
  try {
    Object.assign(results[system.key], await downloaded({ system, site, relay }));
  } catch (error) {
    failed({ system: system.key, step: "download of the page" }, error);
  }
}

if ((steps ?? usual).includes(DEMO)) {
  demo = await measureDemo({
    rounds,
    note: (round) => note(`the demo, round ${round + 1}`),
    failed: (round, error) => failed({ system: "ashore", round, step: DEMO }, error),
  });
  write();
}

for (const shape of shapes) {
  for (let round = 0; round < rounds; round += 1) {
    // Nobody always comes first, or right after the same one.
    const order = round % 2 === 0 ? rotated(wanted, round) : rotated(wanted, round).reverse();
    for (const system of order) {
      await measure(system, shape, round);
      write();
    }
  }
}
await hops?.end();
await relay.end();
await site.end();
process.stderr.write(`\n${asked.out}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;

async function measure(system, shape, round) {
  const of = results[system.key];
  const own = (of.sizes[shape.key] ??= { steps: {}, skipped: [] });
  const isFirst = shape === shapes[0] && !hasOthers;
  const where = { system: system.key, size: shape.key, round };
  let current = "";
  const noteStep = (step) => {
    current = step;
    note(`${titleOf(shape)}, round ${round + 1}, ${system.name}: ${step}`);
  };
  const isWanted = (step) =>
    [system.does, steps ?? usual].every((only) => !only || only.includes(step)) &&
    !reasonAgainst(of.cannot, system, step);
  const skip = (step) => {
    if (!isWanted(step)) {
      return true;
    }
    const smaller = Object.keys(of.sizes)
      .map(shapeOf)
      .filter((other) => isSmaller(other, shape))
      .map(({ key }) => of.sizes[key]);
    if (smaller.some((size) => isTooSlow(size, step)) && !own.skipped.includes(step)) {
      own.skipped.push(step);
    }
    return own.skipped.includes(step);
  };
  const failedAt = (step, error) => {
    if (error instanceof TookTooLong && workloads.some((workload) => workload.step === step)) {
      own.skipped.push(step);
    }
    failed({ ...where, step }, error);
  };
  const taken = {};
  const run = { system, shape, site, relay, skip, note: noteStep, failed: failedAt, results: taken };
  await measureLocally({ ...run, isFirst });
  // Alone or in a group makes no difference to it.
  if (system.key === system.peer && hasServer(system.peer) && !skip("load") && !skip("download")) {
    try {
      await measureSynced(run);
    } catch (error) {
      failedAt(current, error);
      if (error instanceof TookTooLong) {
        own.skipped.push("download");
      }
    }
  }
  for (const [step, { samples, ...rest }] of Object.entries(taken)) {
    const kept = (own.steps[step] ??= { documents: rest.documents, unit: rest.unit ?? "ms", rounds: [] });
    kept.rounds.push({ samples: samples.map(short), longestTask: rest.longestTask, longTasks: rest.longTasks });
  }
}

function note(text) {
  process.stderr.write(`\r\x1b[K${text}`);
}

function failed(where, error) {
  const message = String(error.message ?? error).split("\n")[0];
  process.stderr.write(`\n${Object.values(where).join(", ")}: ${message}\n`);
  failures.push({ ...where, message });
}

/** Whether it was given up, or took longer than anybody would wait for more of it. */
function isTooSlow(size, step) {
  const { rounds: taken = [], unit } = size?.steps[step] ?? {};
  const slowest = unit === "ms" ? Math.max(0, ...taken.flatMap(({ samples, median }) => samples ?? median)) : 0;
  return slowest > PATIENCE_MS || size?.skipped.includes(step) === true;
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
  const sizes = shapes.map(({ key }) => key);
  const runs = [
    ...(earlier?.runs ?? [])
      .map((run) => ({ ...run, sizes: run.sizes.filter((key) => !isTakenAgain(key)) }))
      .filter(({ sizes: left }) => left.length > 0),
    { date: new Date().toISOString().slice(0, 10), machine: machine(browserVersion), rounds, sizes },
  ];
  writeFileSync(asked.out, `${JSON.stringify({ runs, systems: described, results, demo, failures }, null, 1)}\n`);
}
