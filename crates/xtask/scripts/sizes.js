// sizes.json: how large what ships is, as of the commit that it belongs to. Whoever changes a size by more than the slack records it, so its history
// is that of the sizes.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const file = join(resolve(import.meta.dirname, "../../.."), "sizes.json");

/** Of a size: what compilers of two machines may differ by, in the paths that they write down. */
const SLACK = 0.005;

/** Compares these parts (name, then unit, then bytes) with those recorded; answers a sentence for each that is not as recorded. With `UPDATE_SIZES=1` they are recorded. */
export function recorded(parts) {
  const sizes = JSON.parse(readFileSync(file, "utf8"));
  const apart = differences(sizes, parts);
  if (process.env.UPDATE_SIZES === "1") {
    writeFileSync(file, `${JSON.stringify({ ...sizes, ...parts }, null, 2)}\n`);
    return [];
  }
  return apart;
}

/** The sizes that are further from those of `sizes` than the slack, or are not there. */
export function differences(sizes, parts) {
  const apart = [];
  for (const [name, units] of Object.entries(parts)) {
    for (const [unit, bytes] of Object.entries(units)) {
      const before = sizes[name]?.[unit];
      if (!(Math.abs(bytes - before) <= before * SLACK)) {
        apart.push(`${name}, ${unit}: ${bytes} bytes, and sizes.json says ${before}: record it with UPDATE_SIZES=1`);
      }
    }
  }
  return apart;
}
