/** What a call is on its way to the engine in a worker and back: one message each way, of bytes and no text, and nothing is dialled. For a Tauri app see `unit/tauri.test.ts`. */

import { decode } from "cborg";
import { expect, it } from "vitest";
import type { News } from "../../src/generated/News.js";
import { database, needsWorker } from "./host.js";

/** Runs before the worker's own code, and tells in a message whenever that calls what gets out. */
const SPY = `
  for (const name of ["fetch", "WebSocket", "XMLHttpRequest", "EventSource"]) {
    const real = globalThis[name];
    globalThis[name] = real && new Proxy(real, {
      apply: (_, self, given) => (postMessage({ dialled: name }), Reflect.apply(real, self, given)),
      construct: (_, given) => (postMessage({ dialled: name }), Reflect.construct(real, given)),
    });
  }
`;

/** What was posted to a worker, with how much of it was handed over instead of copied, and what came back. */
interface Tally {
  there: { readonly parts: Record<string, string>; readonly handedOver: number }[];
  back: { readonly parts: Record<string, string>; readonly news: News[] }[];
}

it("is one message there and one back, bytes both ways, and dials nobody", needsWorker, async () => {
  const { tally, worker } = tallied();
  // The worker fetches the engine itself, also where the suite has it compiled; and no sign of life is asked for in between.
  const db = await database({ worker, wasm: undefined, heartbeatMs: 60_000 });
  const notes = db.collection("notes");
  await notes.put("n1", { title: "Milk", at: new Date(0) });
  await db.flush();
  const dialled = { parts: { dialled: "String" }, news: [] };
  expect(tally.back, "what is dialled is seen: the engine was fetched").toContainEqual(dialled);

  const calls = [
    () => notes.put("n2", { title: "Oat milk", tags: ["a", "b"] }),
    () => notes.get("n2"),
    () => notes.get("n3"),
    () => notes.put("n1", { title: "Bread", at: new Date(1) }, { durability: "strict" }),
    () => notes.delete("n2"),
    () => db.ping("what came behind an answer is here by now"),
  ];
  tally.there = [];
  tally.back = [];
  for (const call of calls) {
    await call();
  }
  expect(tally.there).toEqual(calls.map(() => ({ parts: { calls: "Uint8Array" }, handedOver: 1 })));
  // What the engine says in one turn is one message: the answer to a write, and the event behind it that all tabs hear.
  expect(tally.back.map(({ parts }) => parts)).toEqual(calls.map(() => ({ news: "Uint8Array" })));
  const [wrote, read, missing, strictly, deleted, pinged] = tally.back.map(({ news }) => news);
  for (const told of [wrote, strictly, deleted]) {
    expect(told?.map(({ answers }) => answers.length)).toEqual([1, 0]);
    expect(told?.flatMap(({ events }) => events.flatMap((event) => Object.keys(event)))).toEqual(["changed"]);
  }
  for (const told of [read, missing, pinged]) {
    expect(told?.map(({ answers, events }) => [answers.length, events.length])).toEqual([[1, 0]]);
  }
});

it("tells what came behind an answer once whoever waited for the answer has gone on", async () => {
  const db = await database();
  const notes = db.collection("notes");
  await db.ping("the engine is there");
  const order: string[] = [];
  notes.on("change", ({ ids }) => order.push(`told ${ids.join()}`));
  for (const id of ["n1", "n2", "n3"]) {
    await notes.put(id, {});
    order.push(`put ${id}`);
  }
  await db.ping("what came behind the last answer is here by now");
  expect(order).toEqual(["put n1", "told n1", "put n2", "told n2", "put n3", "told n3"]);
});

function tallied(): { tally: Tally; worker: () => Worker } {
  const tally: Tally = { there: [], back: [] };
  const worker = (): Worker => {
    const own = new URL("../../dist/hosts/wasm.worker.js", import.meta.url).href;
    // As Vite asks for what runs in a worker: what it serves for a page expects the page's test runner.
    const modules = [`data:text/javascript,${encodeURIComponent(SPY)}`, `${own}?worker_file&type=module`];
    const script = modules.map((module) => `import ${JSON.stringify(module)};`).join("\n");
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const started = new Worker(address, { type: "module" });
    const post = started.postMessage.bind(started);
    started.postMessage = (message: object, given?: StructuredSerializeOptions | Transferable[]): void => {
      const transfer = Array.isArray(given) ? given : [];
      tally.there.push({ parts: partsOf(message), handedOver: transfer.length });
      post(message, transfer);
    };
    started.addEventListener("message", ({ data }: MessageEvent<{ news?: readonly Uint8Array[] }>) => {
      tally.back.push({ parts: partsOf(data), news: (data.news ?? []).map((bytes) => decode(bytes) as News) });
    });
    return started;
  };
  return { tally, worker };
}

/** What each part of a message is; of a list, what is in it. */
function partsOf(message: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(message).map(([name, part]) => [name, kindOf(Array.isArray(part) ? part[0] : part)]),
  );
}

function kindOf(part: unknown): string {
  return Object.prototype.toString.call(part).slice("[object ".length, -1);
}
