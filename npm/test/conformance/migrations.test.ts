/** Versions of a document's shape: reading old ones, writing new ones, and apps of several versions on one database. */

import type { CollectionOptions } from "ashore";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { database, freshName, rejection, there } from "./host.js";

interface PersonV1 {
  name: string;
  done?: boolean;
}
interface PersonV2 {
  first: string;
  last: string;
  done?: boolean;
}
interface PersonV3 {
  names: { first: string; last: string };
  done?: boolean;
}

const V2: CollectionOptions<PersonV2> = {
  version: 2,
  migrate: {
    1: ({ name, ...rest }: PersonV1) => {
      const [first = "", last = ""] = name.split(" ");
      return { ...rest, first, last };
    },
  },
};
const V3: CollectionOptions<PersonV3> = {
  version: 3,
  migrate: {
    ...V2.migrate,
    2: (person: PersonV2 & Partial<PersonV3>) => {
      person.names = { first: person.first, last: person.last };
      delete (person as Partial<PersonV2>).first;
      delete (person as Partial<PersonV2>).last;
    },
  },
};

/** One database, opened by apps of three versions. */
async function apps() {
  const name = freshName();
  const [db1, db2, db3] = [await database({ name }), await database({ name }), await database({ name })];
  return {
    db2,
    one: db1.collection<PersonV1>("people"),
    two: db2.collection("people", V2),
    three: db3.collection("people", V3),
    raw: db1.collection("people"),
  };
}

const ADA = { name: "Ada Lovelace", done: false };
const ADA_2 = { first: "Ada", last: "Lovelace", done: false };
const ADA_3 = { names: { first: "Ada", last: "Lovelace" }, done: false };

describe("a document of an older version", () => {
  it("is read through the migrations, everywhere, and nothing is rewritten by reading", async () => {
    const { one, two, three, db2 } = await apps();
    await one.put("ada", ADA);
    expect(await two.get("ada")).toEqual(ADA_2);
    expect(await three.get("ada")).toEqual(ADA_3);
    expect(await three.getMany(["ada", "no"])).toEqual([ADA_3, null]);
    expect(await three.all()).toEqual([{ id: "ada", document: ADA_3 }]);
    expect(await three.find({ done: false }).all()).toEqual([{ id: "ada", document: ADA_3 }]);
    expect(await three.findOne()).toEqual({ id: "ada", document: ADA_3 });
    for await (const entry of three.documents()) expect(entry).toEqual({ id: "ada", document: ADA_3 });
    await db2.transaction(async (tx) => {
      expect(await tx.collection("people").get("ada")).toEqual(ADA_2);
    });
    expect(await one.get("ada")).toEqual(ADA);
  });

  it("is shown migrated by live results", async () => {
    const { one, three } = await apps();
    await one.put("ada", ADA);
    const shown: unknown[] = [];
    for await (const { rows } of three.find().watch()) {
      shown.push(rows);
      if (shown.length === 2) break;
      await one.update("ada", (person) => void (person.done = true));
    }
    expect(shown).toEqual([[{ id: "ada", document: ADA_3 }], [{ id: "ada", document: { ...ADA_3, done: true } }]]);
    const parts: unknown[] = [];
    for await (const { rows } of three.find().select("names.first").watch()) {
      parts.push(rows);
      break;
    }
    expect(parts).toEqual([[{ id: "ada", document: { names: { first: "Ada" } } }]]);
  });

  it("is selected from in its new shape", async () => {
    const { one, three } = await apps();
    await one.put("ada", ADA);
    await three.put("bob", { names: { first: "Bob", last: "B" } });
    expect(await three.find().select("names.first").all()).toEqual([
      { id: "ada", document: { names: { first: "Ada" } } },
      { id: "bob", document: { names: { first: "Bob" } } },
    ]);
  });

  it("is written in the new shape by put, update and transactions, and the version is never seen", async () => {
    const { one, two, db2, raw } = await apps();
    await one.putMany({ a: ADA, b: ADA, c: ADA, d: ADA });
    await two.put("a", { ...there(await two.get("a")), done: true });
    await two.update("b", (person) => void (person.done = true));
    await db2.transaction(async (tx) => {
      await tx.collection<PersonV2>("people").update("c", (person) => void (person.done = true));
    });
    await two.put("d", { first: "Dora", last: "D" });
    for (const id of ["a", "b", "c"]) {
      expect(await raw.get(id)).toEqual({ ...ADA_2, done: true });
      expect(await two.get(id)).toEqual({ ...ADA_2, done: true });
    }
    expect(await raw.get("d")).toEqual({ first: "Dora", last: "D" });
    expect(await raw.find().select("first").limit(1).all()).toEqual([{ id: "a", document: { first: "Ada" } }]);
    expect(await rejection(raw.put("e", { $version: 9 }))).toMatchObject({ code: "document.not-serializable" });
  });

  it("is kept and flagged when its migration throws", async () => {
    const { raw, two } = await apps();
    await raw.put("x", { nonsense: true });
    await raw.put("ada", ADA);
    const read = await two.get("x");
    expect(read).toEqual({ nonsense: true });
    expect(await two.issuesOf(there(read))).toMatchObject([
      { path: [], message: expect.stringContaining("migration failed") },
    ]);
    expect((await two.all()).map(({ id }) => id)).toEqual(["ada", "x"]);
    const flagged = [];
    for await (const { id } of two.invalid()) flagged.push(id);
    expect(flagged).toEqual(["x"]);
    expect(await two.migrateAll()).toEqual({ documents: 2, migrated: 1, failed: 1 });
    expect(await two.get("x")).toEqual({ nonsense: true });
  });
});

describe("a document of a newer version", () => {
  it("is read as it is, and a put of an older app keeps version and unknown fields", async () => {
    const { one, two, three } = await apps();
    await three.put("ada", ADA_3);
    const seen = await two.get("ada");
    expect(seen).toEqual(ADA_3);
    await two.put("ada", { ...there(seen), done: true });
    expect(await three.get("ada")).toEqual({ ...ADA_3, done: true });
    await one.update("ada", (person) => void delete person.done);
    expect(await three.get("ada")).toEqual({ names: ADA_3.names });
  });

  it("loses nothing to an older app that never read it", async () => {
    const { one, two, three } = await apps();
    await three.put("ada", ADA_3);
    await one.put("ada", { name: "Ada Byron", done: true });
    expect(await three.get("ada")).toEqual({ ...ADA_3, name: "Ada Byron", done: true });
    await two.put("ada", { first: "A", last: "B" });
    expect(await three.get("ada")).toEqual({ ...ADA_3, name: "Ada Byron", done: true, first: "A", last: "B" });
  });

  it("loses nothing to an older app's schema that strips what it does not know, nested too", async () => {
    const name = freshName();
    const address = z.object({ city: z.string() });
    const schema = z.object({ title: z.string(), address, done: z.boolean().optional() });
    const older = (await database({ name })).collection("places", { schema });
    const newer = (await database({ name })).collection<object>("places", {
      version: 2,
      migrate: { 1: () => undefined },
    });
    await newer.put("p", { title: "Home", address: { city: "Bern", zip: "3000" }, tags: ["x"] });
    const parsed = schema.parse(await older.get("p"));
    parsed.address.city = "Basel";
    await older.put("p", parsed);
    expect(await newer.get("p")).toEqual({ title: "Home", address: { city: "Basel", zip: "3000" }, tags: ["x"] });
  });
});

describe("migrations", () => {
  it("by migrateAll make old documents findable, go on where they were, and do nothing twice", async () => {
    const { one, two } = await apps();
    await one.putMany(Array.from({ length: 1_200 }, (_, n) => [`p${n}`, { name: `N${n} L` }] as const));
    expect(await two.count({ first: "N7" })).toBe(0);
    const giveUp = new AbortController();
    giveUp.abort();
    expect((await rejection(two.migrateAll({ signal: giveUp.signal }))).code).toBe("request.aborted");
    expect(await two.migrateAll()).toEqual({ documents: 1_200, migrated: 1_200, failed: 0 });
    expect(await two.find({ first: "N7" }).all()).toEqual([{ id: "p7", document: { first: "N7", last: "L" } }]);
    expect(await two.migrateAll()).toEqual({ documents: 1_200, migrated: 0, failed: 0 });
  });

  it("of a handle that read before another one migrated take back nothing that was edited meanwhile", async () => {
    const { one, two, db2 } = await apps();
    const other = (await database({ name: db2.name })).collection("people", V2);
    await one.put("ada", ADA);
    const [mine, theirs] = [await two.get("ada"), await other.get("ada")];
    await other.put("ada", { ...there(theirs), first: "Augusta" });
    await two.put("ada", { ...there(mine), done: true });
    expect(await other.get("ada")).toEqual({ first: "Augusta", last: "Lovelace", done: true });
  });

  it("must lead from every version to the next", async () => {
    const db = await database();
    const wrong: CollectionOptions[] = [
      { version: 2 },
      { version: 3, migrate: { 1: () => undefined } },
      { version: 1, migrate: { 1: () => undefined } },
      { version: 1.5 },
      { version: 0 },
    ];
    for (const options of wrong) {
      expect(() => db.collection("a", options)).toThrow(expect.objectContaining({ code: "request.invalid" }));
    }
  });
});
