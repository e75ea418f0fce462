/**
 * What a call costs from inside the window, beside what it costs the app's own Rust code, and beside four hops of JSON (`tests/tauri-host/src/hops.rs`).
 * Numbers are printed and none is demanded: machines differ.
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

it("pings, puts and gets beside four hops of JSON, in turns", { timeout: 300_000 }, async () => {
  const db = await database();
  const notes = db.collection<{ title: string; number: number }>("notes");
  const pings = await inTurns(
    async (number) => expect(await db.ping(String(number))).toBe(String(number)),
    async (number) => expect(await hop({ op: "ping", text: String(number) })).toBe(String(number)),
  );
  const puts = await inTurns(
    (number) => notes.put(id(number), { title: "Milk", number }),
    (number) => hop({ op: "put", collection: "notes", id: id(number), document: { title: "Milk", number } }),
  );
  const [ours, theirs]: [unknown[], unknown[]] = [[], []];
  const gets = await inTurns(
    async (number) => void ours.push(await notes.get(id(number))),
    async (number) => void theirs.push(await hop({ op: "get", collection: "notes", id: id(number) })),
  );
  expect(ours).toEqual(Array.from({ length: CALLS }, (_, at) => ({ title: "Milk", number: lastOf(at) })));
  expect(theirs).toEqual(ours);
  for (const [name, [own, json]] of Object.entries({ ping: pings, get: gets, put: puts })) {
    print(name, own);
    print(`${name}, four hops of JSON`, json);
    const ratio = (part: number): string => (blockOf(own, part) / blockOf(json, part)).toFixed(2);
    console.log(`in the window: ${name}: ${ratio(0.5)} of four hops of JSON at p50, ${ratio(0.99)} at p99`);
  }
});

/** Which number was written last under the id of this one. */
const lastOf = (number: number): number => CALLS - 1_000 + (number % 1_000);

/** Text out, text in: what a page does that talks to a database in a second process through its app. */
async function hop(asked: object): Promise<unknown> {
  const answered = JSON.parse(await app<string>("hop", { message: JSON.stringify(asked) })) as {
    ok?: unknown;
    failed?: string;
  };
  expect(answered.failed).toBe(undefined);
  return answered.ok;
}

/** One block of the one, one of the other, and which comes first alternates: what else the machine does meets both. */
async function inTurns(
  ours: (number: number) => Promise<unknown>,
  theirs: (number: number) => Promise<unknown>,
): Promise<[Times, Times]> {
  const times: [Times, Times] = [
    { blocks: [], calls: [] },
    { blocks: [], calls: [] },
  ];
  for (let number = 0; number < CALLS; number += BLOCK) {
    const turns = [() => measureBlock(times[0], number, ours), () => measureBlock(times[1], number, theirs)];
    for (const turn of (number / BLOCK) % 2 === 0 ? turns : turns.toReversed()) {
      await turn();
    }
  }
  return times;
}

/** Milliseconds of each block and of each call. */
interface Times {
  readonly blocks: number[];
  readonly calls: number[];
}

async function measured(count: number, call: (number: number) => Promise<unknown>): Promise<Times> {
  const times: Times = { blocks: [], calls: [] };
  for (let number = 0; number < count; number += BLOCK) {
    await measureBlock(times, number, call);
  }
  return times;
}

async function measureBlock(times: Times, first: number, call: (number: number) => Promise<unknown>): Promise<void> {
  const began = performance.now();
  for (let number = first; number < first + BLOCK; number += 1) {
    const from = performance.now();
    await call(number);
    times.calls.push(performance.now() - from);
  }
  times.blocks.push((performance.now() - began) / BLOCK);
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

function blockOf({ blocks }: Times, part: number): number {
  return quantile(
    blocks.toSorted((one, other) => one - other),
    part,
  );
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] as number;
}
