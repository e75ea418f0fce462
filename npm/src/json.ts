/**
 * Documents as JSON text, and back. Plain documents go straight through `JSON.stringify`; what JSON lacks crosses as an object with the single
 * key `$ashore`: `["date", milliseconds]`, `["bytes", base64]`, `["bigint", digits]`, `["counter", number]`, `["text", string]`, and `["object", …]`
 * around a user's own key of that name.
 */

import { isText, Text } from "./collaborative-text.js";
import { Counter, isCounter } from "./counter.js";
import { AshoreError } from "./errors.js";
import { isWellFormed } from "./text.js";

/** A value that a document may hold. */
export type Value =
  | null
  | boolean
  | number
  | string
  | bigint
  | Date
  | Uint8Array
  | Counter
  | Text
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

/** How deep a document may be nested; the document itself is level 1. */
export const MAX_DEPTH = 100;

const TAG = "$ashore";
const MIN_BIGINT = -(2n ** 63n);
const MAX_BIGINT = 2n ** 64n - 1n;

/**
 * The text of one document. Properties that are `undefined` are left out, as JSON does.
 *
 * Refused with `document.not-serializable` and the path: cycles, functions, symbols, NaN and the infinities, holes and `undefined` in arrays,
 * bigints beyond 64 bits, invalid dates, text with lone surrogates, and objects of a class other than `Date`,
 * `Uint8Array`, `Counter` and `Text`.
 * Nested deeper than {@link MAX_DEPTH}: `document.too-large`.
 */
export function toJson(document: unknown): string {
  if (
    typeof document !== "object" ||
    document === null ||
    Array.isArray(document) ||
    isDate(document) ||
    isBytes(document) ||
    isCounter(document) ||
    isText(document)
  ) {
    throw new AshoreError("document.not-serializable", "A document must be a plain object.");
  }
  try {
    return examine(document, 1, []) ? write(document) : JSON.stringify(document);
  } catch (error) {
    throw error === TOO_DEEP ? tooDeep(document) : error;
  }
}

/** The values of a JSON array of documents; `tagged` says whether something in it must be revived. */
export function fromJson(text: string, tagged: boolean): unknown[] {
  const values = JSON.parse(text) as unknown[];
  return tagged ? values.map(revive) : values;
}

const TOO_DEEP = Symbol("nested deeper than allowed");

// The walk: refuses what cannot be kept and says whether anything must be written by hand.

function examine(value: unknown, depth: number, path: (string | number)[]): boolean {
  switch (typeof value) {
    case "string":
      if (!isWellFormed(value)) {
        throw refuse(path, "text with a lone surrogate");
      }
      return false;
    case "number":
      if (!Number.isFinite(value)) {
        throw refuse(path, String(value));
      }
      return Object.is(value, -0);
    case "boolean":
      return false;
    case "bigint":
      if (value < MIN_BIGINT || value > MAX_BIGINT) {
        throw refuse(path, "a bigint beyond 64 bits");
      }
      return true;
    case "object":
      return value === null ? false : examineObject(value, depth, path);
    case "undefined":
      throw refuse(path, "undefined");
    default:
      throw refuse(path, `a ${typeof value}`);
  }
}

function examineObject(value: object, depth: number, path: (string | number)[]): boolean {
  if (depth > MAX_DEPTH) {
    throw TOO_DEEP;
  }
  if (Array.isArray(value)) {
    return examineArray(value, depth, path);
  }
  if (isDate(value)) {
    if (Number.isNaN(value.getTime())) {
      throw refuse(path, "an invalid date");
    }
    return true;
  }
  if (isBytes(value)) {
    return true;
  }
  if (isCounter(value)) {
    if (Counter.write(value) === null) {
      throw refuse(path, "a counter that is no whole number");
    }
    return true;
  }
  if (isText(value)) {
    if (typeof value.value !== "string") {
      throw refuse(path, "a text that is no string");
    }
    examine(value.value, depth, path);
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw refuse(path, `an object of class ${className(value)}`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0) {
    throw refuse(path, "a property named by a symbol");
  }
  let special = false;
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key];
    if (inner === undefined) {
      continue;
    }
    path.push(key);
    if (!isWellFormed(key)) {
      throw refuse(path, "a key with a lone surrogate");
    }
    if (examine(inner, depth + 1, path)) {
      special = true;
    }
    path.pop();
    if (key === TAG) {
      special = true;
    }
  }
  return special;
}

function examineArray(values: readonly unknown[], depth: number, path: (string | number)[]): boolean {
  let special = false;
  for (let index = 0; index < values.length; index += 1) {
    path.push(index);
    if (!(index in values)) {
      throw refuse(path, "a hole in an array");
    }
    if (examine(values[index], depth + 1, path)) {
      special = true;
    }
    path.pop();
  }
  return special;
}

// Writing by hand, only what has been examined.

function write(value: unknown): string {
  if (typeof value === "bigint") {
    return `{"${TAG}":["bigint","${value}"]}`;
  }
  if (Object.is(value, -0)) {
    return "-0";
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(write).join(",")}]`;
  }
  if (isDate(value)) {
    return `{"${TAG}":["date",${value.getTime()}]}`;
  }
  if (isBytes(value)) {
    return `{"${TAG}":["bytes","${toBase64(value)}"]}`;
  }
  if (isCounter(value)) {
    return `{"${TAG}":["counter",${Counter.write(value)}]}`;
  }
  if (isText(value)) {
    return `{"${TAG}":["text",${JSON.stringify(value.value)}]}`;
  }
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const text = `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${write(inner)}`).join(",")}}`;
  return Object.hasOwn(value, TAG) ? `{"${TAG}":["object",${text}]}` : text;
}

// Reading: puts special values back into what JSON.parse made.

function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      value[index] = revive(value[index]);
    }
    return value;
  }
  if (Object.hasOwn(value, TAG)) {
    return reviveTagged((value as Record<string, unknown>)[TAG]);
  }
  return reviveFields(value as Record<string, unknown>);
}

function reviveFields(fields: Record<string, unknown>): Record<string, unknown> {
  for (const [key, inner] of Object.entries(fields)) {
    if (typeof inner !== "object" || inner === null) {
      continue;
    }
    const revived = revive(inner);
    // Not by assignment: a field may be called `__proto__`.
    if (revived !== inner) {
      Object.defineProperty(fields, key, { value: revived, writable: true, enumerable: true, configurable: true });
    }
  }
  return fields;
}

function reviveTagged(tagged: unknown): unknown {
  const [tag, inner] = tagged as [string, unknown];
  switch (tag) {
    case "date":
      return new Date(inner as number);
    case "bytes":
      return fromBase64(inner as string);
    case "bigint":
      return BigInt(inner as string);
    case "counter":
      return new Counter(inner as number | string);
    case "text":
      return new Text(inner as string);
    case "object":
      return reviveFields(inner as Record<string, unknown>);
    default:
      throw new AshoreError("internal", `A value is tagged "${tag}", which this version does not know.`);
  }
}

// What stands around it.

function refuse(path: readonly (string | number)[], what: string): AshoreError {
  const place = path.reduce<string>(
    (text, step) => text + (typeof step === "number" ? `[${step}]` : `.${step}`),
    "document",
  );
  return new AshoreError("document.not-serializable", `${place}: ${what} cannot be kept.`);
}

/** Too deep is either a cycle or really deep: look which, for the right code. */
function tooDeep(document: object): AshoreError {
  const path = cycle(document, [], new Set(), new Set());
  if (path) {
    return refuse(path, "an object that contains itself");
  }
  return new AshoreError("document.too-large", `The document is nested deeper than ${MAX_DEPTH} levels.`);
}

/** The way to an object that contains itself, if there is one. */
function cycle(
  value: unknown,
  path: readonly (string | number)[],
  above: Set<object>,
  seen: Set<object>,
): readonly (string | number)[] | null {
  if (typeof value !== "object" || value === null) {
    return null;
  }
  if (above.has(value)) {
    return path;
  }
  if (seen.has(value)) {
    return null;
  }
  seen.add(value);
  above.add(value);
  for (const [key, inner] of Object.entries(value)) {
    const found = cycle(inner, [...path, Array.isArray(value) ? Number(key) : key], above, seen);
    if (found) {
      return found;
    }
  }
  above.delete(value);
  return null;
}

function className(value: object): string {
  const constructor: unknown = (value as { constructor?: unknown }).constructor;
  return typeof constructor === "function" && constructor.name ? constructor.name : "unknown";
}

// By tag, not by `instanceof`: values may come from another frame.

function isDate(value: object): value is Date {
  return Object.prototype.toString.call(value) === "[object Date]";
}

function isBytes(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]";
}

function toBase64(bytes: Uint8Array): string {
  const native = (bytes as { toBase64?: () => string }).toBase64;
  if (native) {
    return native.call(bytes);
  }
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  const native = (Uint8Array as { fromBase64?: (text: string) => Uint8Array }).fromBase64;
  return native ? native.call(Uint8Array, text) : Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
