/** Whether two values are one and the same once they are stored. */

import { toJson } from "./json.js";
import { isFields } from "./unknown-fields.js";

/** The order of an object's fields does not count, nor does a field that is `undefined`. */
export function isSame(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, at) => isSame(item, right[at]));
  }
  if (isFields(left) && isFields(right)) {
    const [mine, others] = [named(left), named(right)];
    return (
      mine.length === others.length && mine.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]))
    );
  }
  return toJson({ value: left }) === toJson({ value: right });
}

function named(fields: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(fields).filter((key) => fields[key] !== undefined);
}
