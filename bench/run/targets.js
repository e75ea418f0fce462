/**
 * What Ashore means to reach, and whether it did. A target is a `ratio` of what a reference takes, so many times `faster` than it, or so many `milliseconds`.
 * The reference is IndexedDB unless `than` names another system, or the documents' `json`; its same step unless `of` names another, so many `times`. `at`: only
 * at that shape. `isLate`: the 99th percentile instead of the median.
 */

import { documents } from "../page/documents.js";
import { shown } from "./figures.js";
import { shapeOf } from "./shapes.js";
import { workloads } from "./workloads.js";

const REFERENCE = "indexeddb";
const JSON_TEXT = "json";

/** In words. `nameOf` tells what a system is called. */
export function meant(target, nameOf) {
  const { faster, milliseconds, than = REFERENCE, of, times = 1, isLate } = target;
  if (milliseconds !== undefined) {
    return `${shown(milliseconds, "ms")}${isLate ? " at the 99th percentile" : ""}`;
  }
  const whose = than === JSON_TEXT ? "the documents' JSON" : nameOf(than);
  const what = of ? `${times === 1 ? "" : `${times} times `}${stepOf(of, whose)}` : whose;
  return faster === undefined ? `${target.ratio}x of ${what}` : `${faster}x faster than ${what}`;
}

function stepOf(step, whose) {
  const { title, as } = workloads.find((workload) => workload.step === step);
  return as ? title : `"${title}" of ${whose}`;
}

/** What was reached, in words, and whether that is enough; nothing where it or the reference was not measured. `figure(key, step)`: median and 99th percentile. */
export function reached(target, key, { step, shape, figure }) {
  const own = figure(key, step);
  if (!own) {
    return null;
  }
  const { faster, milliseconds, than = REFERENCE, of = step, times = 1, isLate } = target;
  if (milliseconds !== undefined) {
    const value = isLate ? own.late : own.middle;
    return { text: shown(value, "ms"), isMet: value <= milliseconds };
  }
  const reference = than === JSON_TEXT ? jsonBytes(shape) : figure(than, of)?.middle;
  if (!reference) {
    return null;
  }
  const part = own.middle / (reference * times);
  return faster === undefined
    ? { text: exact(part), isMet: part <= target.ratio }
    : { text: `${exact(1 / part)} faster`, isMet: 1 / part >= faster };
}

/** With as many digits as tell whether it is above the target or below. */
function exact(part) {
  return `${part >= 100 ? Math.round(part) : part.toPrecision(3)}x`;
}

const known = new Map();

/** Bytes of the JSON of all documents of that shape. */
function jsonBytes(key) {
  if (!known.has(key)) {
    const { count, bytes } = shapeOf(key);
    const lengths = documents(count, 0, bytes ?? undefined).map(([, content]) => JSON.stringify(content).length);
    known.set(
      key,
      lengths.reduce((sum, length) => sum + length, 0),
    );
  }
  return known.get(key);
}
