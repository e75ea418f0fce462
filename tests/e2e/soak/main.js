/** A soak of an hour, or as long as it is told: `node main.js [--minutes N] [--writes PER_SECOND]`. Prints its table as Markdown; fails when something grew or is left. */

import { parseArgs } from "node:util";

import { slacks } from "./slacks.js";
import { grown, table } from "./series.js";
import { soak, unitOf } from "./soak.js";

const { values: asked } = parseArgs({
  options: { minutes: { type: "string", default: "60" }, writes: { type: "string", default: "20" } },
});
const minutes = Number(asked.minutes);
const writesPerSecond = Number(asked.writes);
if (!(minutes > 0) || !(writesPerSecond > 0)) {
  throw new Error("--minutes and --writes take numbers above zero");
}

/** Quarters need some samples each. */
const LEAST_ROUNDS = 16;
const ROUND_MS = 30_000;
const began = Date.now();

const { samples, writes, ballast } = await soak({
  enough: (taken) => taken.length >= LEAST_ROUNDS && Date.now() - began >= minutes * 60_000,
  writesPerSecond,
  roundMs: Math.min(ROUND_MS, (minutes * 60_000) / LEAST_ROUNDS),
  sampled: ({ at, gauges }) =>
    process.stderr.write(`${JSON.stringify({ second: Math.round((at - began) / 1_000), ...gauges })}\n`),
});

console.log(
  `${writes.toLocaleString("en")} writes in ${samples.length} rounds, ${((Date.now() - began) / 60_000).toFixed(0)} minutes, after ${ballast.toLocaleString("en")} documents of Alice's:\n`,
);
console.log(table(samples, unitOf));
const faults = grown(samples, slacks);
console.log(`\n${faults.length === 0 ? "Nothing grew." : faults.join("\n")}`);
process.exitCode = faults.length === 0 ? 0 : 1;
