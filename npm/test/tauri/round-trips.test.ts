/**
 * What a call costs from inside the window, beside what it costs the app's own Rust code. Numbers are printed and none is demanded: machines differ.
 *
 * WebKit's clock ticks in milliseconds: the middle is taken of blocks of 20 calls, and what is said of single calls is said to a millisecond.
 */

import { expect, it } from "vitest";
import { app } from "../conformance/app.js";
import { database } from "../conformance/host.js";

const PINGS = 10_000;
/** Of gets and puts, and of everything from the app's own code. */
const CALLS = 2_000;
const BLOCK = 20;
const id = (number: number): string => `n${number % 1_000}`;
const micros = (nanoseconds: number): string => `${Math.round(nanoseconds / 1_000)} us`;

it("10,000 pings, one after another, and none fails", { timeout: 300_000 }, async () => {
  const db = await database();
  const texts: string[] = [];
  const times = await measured(PINGS, async (number) => void texts.push(await db.ping(String(number))));
  expect(texts).toEqual(Array.from({ length: PINGS }, (_, number) => String(number)));
  print("ping", times);
});

it("gets and puts, one after another", { timeout: 300_000 }, async () => {
  const db = await database();
  const notes = db.collection<{ title: string; number: number }>("notes");
  const put = await measured(CALLS, (number) => notes.put(id(number), { title: "Milk", number }));
  const got: unknown[] = [];
  const get = await measured(CALLS, async (number) => void got.push(await notes.get(id(number))));
  expect(got.every((note, at) => (note as { number: number }).number === CALLS - 1_000 + (at % 1_000))).toBe(true);
  print("get", get);
  print("put", put);
  const strict = await measured(400, (number) =>
    notes.put(id(number), { title: "Oat", number }, { durability: "strict" }),
  );
  print("put, strict", strict);
});

it("the same from the app's own code", { timeout: 300_000 }, async () => {
  const db = await database();
  await db.ping("its file is there");
  const floor = await app<Record<"ping" | "get" | "put", number[]>>("floor", { database: db.name, count: CALLS });
  for (const [name, nanoseconds] of Object.entries(floor)) {
    expect(nanoseconds).toHaveLength(CALLS);
    const sorted = nanoseconds.toSorted((one, other) => one - other);
    const mean = nanoseconds.reduce((sum, each) => sum + each, 0) / CALLS;
    console.log(
      `in process: ${name}: p50 ${micros(quantile(sorted, 0.5))}, p99 ${micros(quantile(sorted, 0.99))}, mean ${micros(mean)}`,
    );
  }
});

/** Milliseconds of each block and of each call. */
interface Times {
  readonly blocks: number[];
  readonly calls: number[];
}

async function measured(count: number, call: (number: number) => Promise<unknown>): Promise<Times> {
  const times: Times = { blocks: [], calls: [] };
  for (let number = 0; number < count;) {
    const began = performance.now();
    for (const end = number + BLOCK; number < end; number += 1) {
      const from = performance.now();
      await call(number);
      times.calls.push(performance.now() - from);
    }
    times.blocks.push((performance.now() - began) / BLOCK);
  }
  return times;
}

function print(name: string, { blocks, calls }: Times): void {
  const [each, single] = [blocks, calls].map((times) => times.toSorted((one, other) => one - other)) as [
    number[],
    number[],
  ];
  const mean = blocks.reduce((sum, block) => sum + block, 0) / blocks.length;
  const figures = [
    `mean ${mean.toFixed(2)} ms`,
    `in blocks of ${BLOCK}: p50 ${quantile(each, 0.5).toFixed(2)} ms, p99 ${quantile(each, 0.99).toFixed(2)} ms`,
    `single calls: p99 ${Math.round(quantile(single, 0.99))} ms, longest ${Math.round(quantile(single, 1))} ms`,
  ];
  console.log(`in the window: ${name}, ${calls.length} calls: ${figures.join("; ")}`);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] as number;
}
