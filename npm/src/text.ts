/** Text that can cross to the engine: well-formed Unicode. */

import { AshoreError } from "./errors.js";

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** No half of a surrogate pair stands alone. */
export function isWellFormed(text: string): boolean {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native ? native.call(text) : !LONE_SURROGATE.test(text);
}

/** Refuses what cannot be a collection's name with `document.invalid-collection`; its length is the engine's to judge. */
export function checkCollection(name: string): void {
  if (typeof name === "string" && isWellFormed(name)) {
    return;
  }
  throw new AshoreError("document.invalid-collection", "A collection's name must be well-formed text.");
}

/** Refuses what cannot be a document's id with `document.invalid-id`; its length is the engine's to judge. */
export function checkId(op: string, collection: string, id: string): void {
  if (typeof id === "string" && isWellFormed(id)) {
    return;
  }
  throw new AshoreError("document.invalid-id", "A document's id must be well-formed text.", { op, collection });
}
