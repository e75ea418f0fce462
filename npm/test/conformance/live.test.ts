/** Live results: queries and documents that are watched. The engine's own tests compare them with fresh queries. */

import type { AshoreError, Collection, Database, LiveResult, LiveStates } from "ashore";
import { describe, expect, it } from "vitest";
import { database, rejection } from "./host.js";

interface Task {
  title: string;
  done?: boolean;
  due?: number;
}

async function tasks(): Promise<{ db: Database; collection: Collection<Task> }> {
  const db = await database();
  const collection = db.collection<Task>("tasks");
  await collection.putMany({
    bread: { title: "Bread", done: false, due: 3 },
    milk: { title: "Milk", done: false, due: 1 },
    soap: { title: "Soap", done: true, due: 2 },
  });
  return { db, collection };
}

const ids = (entries: readonly { readonly id: string }[]): string[] => entries.map(({ id }) => id);

/** The next state of a loop that goes on. */
async function next<State>(states: LiveStates<State>): Promise<State> {
  const { done, value } = await states.next();
  if (done) {
    throw new Error("the watch has ended");
  }
  return value as State;
}

/** What a state says of what differs. */
const told = ({ added, changed, moved, removed, skipped }: LiveResult<Task>) => ({
  added: ids(added),
  changed: ids(changed),
  moved: ids(moved),
  removed: ids(removed),
  skipped,
});
const NOTHING = { added: [], changed: [], moved: [], removed: [], skipped: 0 };

describe("watching a query", () => {
  it("gives the answer first, then what became of it", async () => {
    const { collection } = await tasks();
    const states = collection.find({ done: false }).sort("due").watch();
    const first = await next(states);
    expect(first.rows).toEqual([
      { id: "milk", document: { title: "Milk", done: false, due: 1 } },
      { id: "bread", document: { title: "Bread", done: false, due: 3 } },
    ]);
    expect(told(first)).toEqual({ ...NOTHING, added: ["milk", "bread"] });

    await collection.put("tea", { title: "Tea", done: false, due: 2 });
    const second = await next(states);
    expect(ids(second.rows)).toEqual(["milk", "tea", "bread"]);
    expect(told(second)).toEqual({ ...NOTHING, added: ["tea"] });

    await collection.update("milk", (task) => void (task.title = "Oat milk"));
    expect(told(await next(states))).toEqual({ ...NOTHING, changed: ["milk"] });

    await collection.update("milk", (task) => void (task.due = 9));
    const moved = await next(states);
    expect(ids(moved.rows)).toEqual(["tea", "bread", "milk"]);
    expect(told(moved)).toEqual({ ...NOTHING, changed: ["milk"], moved: ["milk"] });

    await collection.update("tea", (task) => void (task.done = true));
    await collection.delete("bread");
    const removed = await next(states);
    expect(ids(removed.rows)).toEqual(["milk"]);
    expect(told(removed)).toEqual({ ...NOTHING, removed: ["tea", "bread"], skipped: 1 });
    expect(removed.removed[1]?.document.title).toBe("Bread");
    await states.return();
  });

  it("keeps the entries of documents that did not change, and the arrays that were given", async () => {
    const { collection } = await tasks();
    const states = collection.find().watch();
    const first = await next(states);
    const before = [...first.rows];
    await collection.putMany({ cake: { title: "Cake" }, milk: { title: "Milk", due: 5 } });
    const second = await next(states);
    expect(ids(second.rows)).toEqual(["bread", "cake", "milk", "soap"]);
    expect(second.rows[0]).toBe(before[0]);
    expect(second.rows[3]).toBe(before[2]);
    expect(second.rows[2]).not.toBe(before[1]);
    expect([...first.rows]).toEqual(before);
    await states.return();
  });

  it("follows a limited window over its edges", async () => {
    const db = await database();
    const numbers = db.collection<{ n: number }>("numbers");
    const all = new Map(Array.from({ length: 60 }, (_, n) => [`n${String(n).padStart(2, "0")}`, { n: n * 10 }]));
    await numbers.putMany(all);
    const states = numbers.find().sort("n").offset(2).limit(3).watch();
    const shown = async (): Promise<number[]> => (await next(states)).rows.map(({ document }) => document.n);
    expect(await shown()).toEqual([20, 30, 40]);
    await numbers.put("first", { n: -1 });
    expect(await shown()).toEqual([10, 20, 30]);
    await numbers.deleteMany(["first", "n00", "n03"]);
    expect(await shown()).toEqual([40, 50, 60]);
    await numbers.deleteMany(Array.from({ length: 55 }, (_, n) => `n${String(n + 4).padStart(2, "0")}`));
    expect(await shown()).toEqual([590]);
    await states.return();
  });

  it("tells nothing of what does not concern it", async () => {
    const { db, collection } = await tasks();
    const states = collection.find({ done: true }).select("title").watch();
    expect((await next(states)).rows).toEqual([{ id: "soap", document: { title: "Soap" } }]);
    await collection.put("tea", { title: "Tea", done: false });
    await collection.update("soap", (task) => void (task.due = 7));
    await db.collection("others").put("soap", { done: true });
    await collection.put("cake", { title: "Cake", done: true });
    const second = await next(states);
    expect(told(second as LiveResult<Task>)).toEqual({ ...NOTHING, added: ["cake"] });
    await states.return();
  });

  it("gives a slow consumer the newest state and says what it skipped", async () => {
    const { collection } = await tasks();
    const states = collection.find().watch();
    const first = await next(states);
    for (const due of [4, 5, 6, 7]) {
      await collection.update("milk", (task) => void (task.due = due));
    }
    await collection.put("tea", { title: "Tea" });
    await collection.delete("tea");
    const second = await next(states);
    expect(second.rows[1]?.document.due).toBe(7);
    expect(second.rows[0]).toBe(first.rows[0]);
    expect(told(second)).toEqual({ ...NOTHING, changed: ["milk"], skipped: 5 });
    await states.return();
  });

  it("shows an awaited write in the next state, whatever came before", async () => {
    const { collection } = await tasks();
    const states = collection.find({ done: false }).watch();
    await next(states);
    for (let due = 10; due < 60; due += 1) {
      await collection.put("milk", { title: "Milk", done: false, due });
      expect((await next(states)).rows[1]?.document.due).toBe(due);
    }
    await states.return();
  });

  it("brings an answer of many pages at one moment", async () => {
    const db = await database();
    const many = db.collection<{ n: number; text: string }>("many");
    const count = 9_000;
    const text = "x".repeat(300);
    await many.putMany(Array.from({ length: count }, (_, n) => [`m${String(n).padStart(4, "0")}`, { n, text }]));
    const states = many.find().sort("-n").watch();
    const first = next(states);
    await many.put("m0000", { n: 100_000, text });
    await first;
    const { rows } = (await first).rows[0]?.id === "m0000" ? await first : await next(states);
    expect(rows.length).toBe(count);
    expect(rows[0]?.id).toBe("m0000");
    expect(rows.slice(1).map(({ document }) => document.n)).toEqual(
      Array.from({ length: count - 1 }, (_, at) => count - 1 - at),
    );
    await states.return();
  });

  it("hears of the changes of another handle, and bases puts on what it gave", async () => {
    const { db, collection } = await tasks();
    const other = (await database({ name: db.name })).collection<Task>("tasks");
    const states = collection.find({ title: "Milk" }).watch();
    const [milk] = (await next(states)).rows;
    await other.update("milk", (task) => void (task.done = true));
    await collection.put("milk", { ...(milk?.document as Task), due: 8 });
    expect(await collection.get("milk")).toEqual({ title: "Milk", done: true, due: 8 });
    expect((await next(states)).rows[0]?.document).toEqual({ title: "Milk", done: true, due: 8 });
    await states.return();
  });

  it("refuses what is no query, in the loop and in a subscription", async () => {
    const { collection } = await tasks();
    const wrong = collection.find({ due: { $after: 3 } as never });
    expect((await rejection(next(wrong.watch()))).code).toBe("query.invalid");
    const error = await new Promise<AshoreError>((onError) => wrong.subscribe(() => {}, { onError }));
    expect([error.code, error.op, error.query?.operator]).toEqual(["query.invalid", "subscribe", "$after"]);
  });
});

describe("ending a watch", () => {
  it("ends with break, return, a signal and close", async () => {
    const { db, collection } = await tasks();
    for await (const { rows } of collection.find().watch()) {
      expect(rows.length).toBe(3);
      break;
    }
    const returned = collection.find().watch();
    await next(returned);
    const waiting = returned.next();
    await returned.return();
    expect((await waiting).done).toBe(true);

    const controller = new AbortController();
    const aborted = collection.find().watch({ signal: controller.signal });
    await next(aborted);
    const given = aborted.next();
    controller.abort();
    expect((await given).done).toBe(true);
    expect((await collection.find().watch({ signal: AbortSignal.abort() }).next()).done).toBe(true);

    const closing = collection.find().watch();
    await next(closing);
    const last = closing.next();
    await db.close();
    expect((await last).done).toBe(true);
    expect((await rejection(collection.find().watch().next())).code).toBe("database.closed");
  });

  it("tells a subscription nothing after it has ended", async () => {
    const { db, collection } = await tasks();
    const seen: number[] = [];
    await new Promise<void>((resolve) => {
      const stop = collection.find().subscribe(({ rows }) => {
        seen.push(rows.length);
        if (rows.length === 3) {
          void collection.put("tea", { title: "Tea" });
        } else {
          stop();
          resolve();
        }
      });
    });
    await collection.put("cake", { title: "Cake" });
    await db.ping("the engine has said all that it had to say");
    expect(seen).toEqual([3, 4]);
  });

  it("waits for a subscriber that is busy", async () => {
    const { collection } = await tasks();
    const seen: (readonly [number, number])[] = [];
    await new Promise<void>((resolve) => {
      const stop = collection.find().subscribe(async ({ rows, skipped }) => {
        seen.push([rows.length, skipped]);
        if (seen.length === 2) {
          stop();
          return resolve();
        }
        for (const id of ["a", "b", "c"]) {
          await collection.put(id, { title: id });
        }
      });
    });
    expect(seen).toEqual([
      [3, 0],
      [6, 2],
    ]);
  });
});

describe("watching one document", () => {
  it("gives it, its changes, and null when it is gone", async () => {
    const { collection } = await tasks();
    const states = collection.watch("tea");
    expect(await next(states)).toBeNull();
    await collection.put("tea", { title: "Tea" });
    expect(await next(states)).toEqual({ title: "Tea" });
    await collection.put("milk", { title: "Milk" });
    await collection.put("tea", { title: "Green tea" });
    expect(await next(states)).toEqual({ title: "Green tea" });
    await collection.delete("tea");
    expect(await next(states)).toBeNull();
    await states.return();
  });

  it("tells a subscriber, with what a put can be based on", async () => {
    const { db, collection } = await tasks();
    const other = (await database({ name: db.name })).collection<Task>("tasks");
    const milk = await new Promise<Task>((resolve) => {
      const stop = collection.subscribe("milk", (task) => {
        if (task?.done) {
          stop();
          resolve(task);
        } else {
          void other.update("milk", (draft) => void (draft.done = true));
        }
      });
    });
    expect(milk).toEqual({ title: "Milk", done: true, due: 1 });
    await other.update("milk", (draft) => void (draft.due = 5));
    await collection.put("milk", { ...milk, title: "Oat milk" });
    expect(await collection.get("milk")).toEqual({ title: "Oat milk", done: true, due: 5 });
  });

  it("refuses an id that is none", async () => {
    const { collection } = await tasks();
    expect((await rejection(collection.watch("").next())).code).toBe("document.invalid-id");
  });
});
