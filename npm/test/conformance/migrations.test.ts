/** Versions of a document's shape: reading old ones, writing new ones, and apps of several versions on one database. */

import { type CollectionOptions, text, type Text } from "ashore";
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

describe("the past of a document of several versions", () => {
  it("never shows the version, and is given out in the app's shape", async () => {
    const { one, two, three } = await apps();
    await one.put("ada", ADA);
    await two.put("ada", { ...there(await two.get("ada")), first: "Augusta" });
    await three.update("ada", { $set: { done: true } });
    const changes = await three.history("ada");
    expect(changes.flatMap(({ fields }) => fields)).not.toContain("$version");
    expect(changes[0]?.fields).toEqual(["done"]);
    expect(changes.at(-1)?.fields).toEqual(["done", "name"]);
    const documents = await Promise.all(changes.map(({ version }) => three.at("ada", version)));
    const augusta = { ...ADA_3, names: { first: "Augusta", last: "Lovelace" } };
    expect([documents[0], documents.at(-1)]).toEqual([{ ...augusta, done: true }, ADA_3]);
    for (const document of documents) {
      expect(Object.keys(there(document)).toSorted()).toEqual(["done", "names"]);
    }
    expect(await one.at("ada", changes.at(-1)?.version ?? "")).toEqual(ADA);
    expect(await two.undo("ada")).toEqual({ document: augusta });
    expect(await one.at("ada", changes[0]?.version ?? "")).toEqual({ ...augusta, done: true });
  });

  it("has no conflict of versions, only of what they hold", async () => {
    const { one, two, three } = await apps();
    await one.put("ada", { name: ADA.name });
    const [second, third] = [there(await two.get("ada")), there(await three.get("ada"))];
    await three.put("ada", { ...third, done: true });
    await two.put("ada", { ...second, done: false });
    for (const app of [one, two, three]) {
      expect((await app.conflicts("ada")).map(({ path }) => path)).toEqual([["done"]]);
    }
  });
});

describe("a text of a document of an older version", () => {
  interface Draft {
    body: Text | string;
  }
  interface Page {
    content: Text;
  }
  const PAGES: CollectionOptions<Page> = {
    version: 2,
    migrate: { 1: ({ body }: Draft) => ({ content: text(String(body)) }) },
  };

  async function editors(body: Text | string) {
    const name = freshName();
    const [db1, db2, db3] = [await database({ name }), await database({ name }), await database({ name })];
    const drafts = db1.collection<Draft>("pages");
    await drafts.put("p", { body });
    return { drafts, pages: db2.collection("pages", PAGES), others: db3.collection("pages", PAGES) };
  }

  it.each([["text", text("milk")] as const, ["string", "milk"] as const])(
    "a %s, is migrated when it is opened, and edited where it is then",
    async (_, body) => {
      const { drafts, pages, others } = await editors(body);
      const content = pages.text("p", "content");
      expect(await content.read()).toBe("milk");
      expect(await drafts.get("p")).toEqual({ content: text("milk") });
      await content.splice(0, 0, "oat ");
      const theirs = others.text("p", "content");
      expect(await theirs.read()).toBe("oat milk");
      await theirs.splice(8, 0, "!");
      await expect.poll(() => content.value).toBe("oat milk!");
      expect(await pages.get("p")).toEqual({ content: text("oat milk!") });
    },
  );

  it("is migrated when its first call is an edit, after what was put before it", async () => {
    const { drafts, pages } = await editors(text("milk"));
    const put = drafts.put("p", { body: text("oat milk") });
    const content = pages.text("p", "content");
    await Promise.all([put, content.splice(0, 0, "no ")]);
    expect(await pages.get("p")).toEqual({ content: text("no oat milk") });
  });

  it("opened by two apps at once is one text, in which both type", async () => {
    const { pages, others } = await editors(text("milk"));
    const [mine, theirs] = [pages.text("p", "content"), others.text("p", "content")];
    await Promise.all([mine.splice(0, 0, "a"), theirs.splice(0, 0, "b")]);
    await expect.poll(() => mine.value === theirs.value).toBe(true);
    expect(["abmilk", "bamilk"]).toContain(mine.value);
  });

  it("that stays at its path is the same text for an older app that goes on typing", async () => {
    const name = freshName();
    const [older, newer] = [await database({ name }), await database({ name })];
    const drafts = older.collection<Draft>("pages");
    await drafts.put("p", { body: text("milk") });
    const theirs = drafts.text("p", "body");
    await theirs.read();
    const V2_PAGES: CollectionOptions<Draft & { done: boolean }> = {
      version: 2,
      migrate: { 1: (draft: Draft) => ({ ...draft, done: false }) },
    };
    const pages = newer.collection("pages", V2_PAGES);
    const mine = pages.text("p", "body");
    await mine.splice(4, 0, "!");
    await theirs.splice(0, 0, "oat ");
    await expect.poll(() => mine.value).toBe("oat milk!");
    expect(await pages.get("p")).toEqual({ body: text("oat milk!"), done: false });
  });

  it("is refused when the document cannot be migrated", async () => {
    const db = await database();
    await db.collection("raw").put("p", { body: text("milk") });
    const migrate = {
      1: () => {
        throw new Error("no");
      },
    };
    const raw = (await database({ name: db.name })).collection<Draft>("raw", { version: 2, migrate });
    const body = raw.text("p", "body");
    expect(await rejection(body.splice(0, 0, "x"))).toMatchObject({ code: "document.invalid", op: "splice", id: "p" });
    await raw.put("p", { body: text("bread") });
    expect(await body.read()).toBe("bread");
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
