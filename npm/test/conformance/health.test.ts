/** Checking and repairing: the same report on every host. Damage of every kind of row is in the engine's own tests; of the browser's storage, in `damage.test.ts`. */

import type { HealthProgress } from "ashore";
import { describe, expect, it } from "vitest";
import { database, rejection } from "./host.js";

interface Note {
  readonly title: string;
  readonly n: number;
  readonly secret?: string;
}

describe("check", () => {
  it("finds nothing wrong with what is whole, and says how much it looked at", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes", {
      indexes: [{ name: "by-n", fields: ["n"] }],
      local: ["secret"],
    });
    for (let n = 0; n < 1_200; n += 400) {
      await notes.putMany(Array.from({ length: 400 }, (_, at) => [`n${n + at}`, { title: "Milk", n, secret: "x" }]));
    }
    await notes.delete("n7");
    const parts: HealthProgress[] = [];
    const report = await db.check({ onProgress: (progress) => parts.push(progress) });
    expect(report).toMatchObject({ healthy: true, findings: [], found: 0 });
    expect(report.counts.documents).toBe(1_200);
    expect(report.counts.indexRows).toBe(1_199);
    expect(parts.map(({ part }) => part)).toContain("documents");
    expect(parts.at(-1)).toMatchObject({ part: "indexes", ...report.counts });
    const repaired = await db.repair();
    expect(repaired).toMatchObject({ healed: true, found: 0, lost: 0, waiting: 0, mended: [] });
    expect(await notes.get("n8")).toEqual({ title: "Milk", n: 0, secret: "x" });
  });

  it("answers other calls meanwhile, and is right about what is written meanwhile", async () => {
    const db = await database();
    const notes = db.collection<Note>("notes", { indexes: [{ name: "by-n", fields: ["n"] }] });
    await notes.putMany(Array.from({ length: 1_000 }, (_, n) => [`n${n}`, { title: "Milk", n }]));
    const written: Promise<unknown>[] = [];
    const report = await db.check({
      onProgress: () => written.push(notes.put(`n${written.length * 40}`, { title: "Bread", n: -written.length })),
    });
    await Promise.all(written);
    expect(report.findings).toEqual([]);
    expect(written.length).toBeGreaterThan(5);
  });

  it("ends when it is told to, and after the database was closed", async () => {
    const db = await database();
    await db.collection<Note>("notes").put("n1", { title: "Milk", n: 1 });
    const abort = new AbortController();
    const checking = db.check({ signal: abort.signal, onProgress: () => abort.abort() });
    expect(await rejection(checking)).toMatchObject({ code: "request.aborted" });
    const thrown = db.check({
      onProgress: () => {
        throw new Error("enough");
      },
    });
    await expect(thrown).rejects.toThrow("enough");
    await db.close();
    expect(await rejection(db.check())).toMatchObject({ code: "database.closed" });
    expect(await rejection(db.repair())).toMatchObject({ code: "database.closed" });
  });
});
