/** The API's bytes as the engine writes them: see crates/engine/tests/api_golden.rs. */

import { readFileSync, writeFileSync } from "node:fs";
import { decode, encode } from "cborg";
import { expect, it } from "vitest";

interface Golden {
  readonly name: string;
  readonly json: unknown;
  readonly engine: string;
  page: string;
}

const file = new URL("../../../crates/engine/testdata/api/messages.json", import.meta.url);
const all = JSON.parse(readFileSync(file, "utf8")) as Golden[];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** JSON has no bytes: they stand there as numbers, and an engine reads those as well. */
function asJson(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return [...value];
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(asJson);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, asJson(each)]));
}

if (process.env["UPDATE_GOLDEN"]) {
  for (const golden of all) golden.page = hex(encode(golden.json));
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}

it("there is a golden message for everything", () => {
  expect(all.length).toBeGreaterThan(80);
});

it.each(all)("$name", ({ json, engine, page }) => {
  expect(asJson(decode(Buffer.from(engine, "hex")))).toStrictEqual(json);
  expect(hex(encode(json))).toBe(page);
  expect(decode(Buffer.from(page, "hex"))).toStrictEqual(json);
});
