/** What leaves of a collection, as an app declares it: what is read here, what is refused, and that typed paths are the document's. */

import { type CollectionOptions, text, type Text } from "ashore";
import { describe, expect, it } from "vitest";
import { database, freshName, needsKeeping, persistent, rejection } from "./host.js";

interface Account {
  name: string;
  password?: string;
  smtp?: { host: string; token?: string };
}

interface Item {
  title: string;
  is_read: boolean;
  is_starred?: boolean;
}

const LOCAL = { local: true } as const;
const ACCOUNTS = { local: ["password", "smtp.token"] } as const;
const ITEMS = { sync: ["is_read", "is_starred"], syncDeletes: false } as const;

describe("a collection that stays", () => {
  it("is read and queried like any other, and says that nothing of it travels", async () => {
    const db = await database();
    const drafts = db.collection<{ text: string }>("drafts", LOCAL);
    await drafts.put("d1", { text: "one" });
    await drafts.put("d2", { text: "two" });
    expect(await drafts.get("d1")).toEqual({ text: "one" });
    expect(await drafts.find({ text: "two" }).all()).toEqual([{ id: "d2", document: { text: "two" } }]);
    expect(await drafts.delete("d2")).toBe(true);
    expect(await drafts.list()).toEqual(["d1"]);
    expect(await db.sync.statusOf("drafts", "d1")).toBe("local");
  });

  it("is still one after the app was opened again without saying so", needsKeeping, async () => {
    const name = freshName();
    const first = await database({ name });
    await first.collection("drafts", LOCAL).put("d1", { text: "one" });
    await first.close();
    const second = await database({ name });
    const drafts = second.collection("drafts");
    await drafts.put("d2", { text: "two" });
    expect(await drafts.list()).toEqual(["d1", "d2"]);
    expect(await second.sync.statusOf("drafts", "d2")).toBe("local");
  });

  it("travels again once the app says so", async () => {
    const name = freshName();
    const first = await database({ name });
    await first.collection("drafts", LOCAL).put("d1", { text: "one" });
    const second = persistent ? await database({ name }) : first;
    const options = { local: false } as const;
    if (persistent) {
      await second.collection("drafts", options).put("d2", { text: "two" });
      expect(await second.sync.statusOf("drafts", "d2")).toBe("offline");
      expect(await second.collection("drafts", options).list()).toEqual(["d1", "d2"]);
    } else {
      expect(() => second.collection("drafts", options)).toThrow("other options");
    }
  });
});

describe("fields that stay", () => {
  it("are part of the document here", async () => {
    const db = await database();
    const accounts = db.collection<Account>("accounts", ACCOUNTS);
    const work = { name: "Work", password: "p", smtp: { host: "h", token: "t" } };
    await accounts.put("a", work);
    expect(await accounts.get("a")).toEqual(work);
    expect(await accounts.count({ "smtp.token": "t" })).toBe(1);
    await accounts.update("a", (account) => ({ ...account, password: "q" }));
    expect(await accounts.get("a")).toEqual({ ...work, password: "q" });
    expect(await db.sync.statusOf("accounts", "a")).toBe("offline");
  });

  it("are changed by a put only as far as its caller changed them", async () => {
    const db = await database();
    const other = await database({ name: db.name });
    const accounts = db.collection<Account>("accounts", ACCOUNTS);
    await accounts.put("a", { name: "Work", password: "old" });
    const seen = (await accounts.get("a")) as Account;
    const theirs = (persistent ? other : db).collection<Account>("accounts", ACCOUNTS);
    await theirs.update("a", (account) => ({ ...account, password: "new" }));
    if (persistent) {
      await accounts.put("a", { ...seen, name: "Office" });
      expect(await accounts.get("a")).toEqual({ name: "Office", password: "new" });
    } else {
      expect(await accounts.get("a")).toEqual({ name: "Work", password: "new" });
    }
  });

  it("tell listeners when they alone change", async () => {
    const db = await database();
    const accounts = db.collection<Account>("accounts", ACCOUNTS);
    await accounts.put("a", { name: "Work", password: "old" });
    const changed = new Promise<readonly string[]>((resolve) => accounts.on("change", ({ ids }) => resolve(ids)));
    await accounts.update("a", (account) => ({ ...account, password: "new" }));
    expect(await changed).toEqual(["a"]);
  });
});

describe("fields that alone travel", () => {
  it("begin as they were put, and stay known when the document is deleted here", async () => {
    const db = await database();
    const items = db.collection<Item>("items", ITEMS);
    await items.put("i1", { title: "One", is_read: false });
    expect(await db.sync.statusOf("items", "i1")).toBe("local");
    await items.update("i1", (item) => ({ ...item, is_read: true }));
    expect(await db.sync.statusOf("items", "i1")).toBe("offline");
    expect(await items.delete("i1")).toBe(true);
    expect(await items.get("i1")).toBeNull();
    expect(await items.count()).toBe(0);
    expect(await items.parked()).toEqual(["i1"]);
    await items.put("i1", { title: "One again", is_read: false });
    expect(await items.get("i1")).toEqual({ title: "One again", is_read: true });
    expect(await items.parked()).toEqual([]);
  });
});

describe("a text of a document of which not everything travels", () => {
  type TextNote = { body: Text; secret?: string };

  it("is typed where it travels, and what stays stays", async () => {
    const notes = (await database()).collection<TextNote>("notes", { local: ["secret"] });
    await notes.put("n1", { body: text("Milk"), secret: "s" });
    const handle = notes.text("n1", "body");
    expect(await handle.read()).toBe("Milk");
    await handle.splice(0, 1, "Oat m");
    expect(await notes.get("n1")).toEqual({ body: text("Oat milk"), secret: "s" });
  });

  it.each([{ local: true }, { local: ["body"] }, { sync: ["body"] }])("is put where it stays: %j", async (leaves) => {
    const notes = (await database()).collection<TextNote>("notes", leaves as CollectionOptions<TextNote>);
    await notes.put("n1", { body: text("Milk") });
    const handle = notes.text("n1", "body");
    expect(await rejection(handle.read())).toMatchObject({ code: "text.missing", id: "n1" });
    expect(await rejection(handle.splice(0, 0, "Oat "))).toMatchObject({ code: "text.missing" });
    await notes.put("n1", { body: text("Oat milk") });
    expect(await notes.get("n1")).toEqual({ body: text("Oat milk") });
  });
});

describe("undo where not everything travels", () => {
  it("takes back what travels and leaves what stays", async () => {
    const db = await database();
    const accounts = db.collection<Account>("accounts", ACCOUNTS);
    await accounts.put("a", { name: "Home", password: "old" });
    await accounts.put("a", { name: "Work", password: "new" });
    expect(await db.undo()).toEqual([{ collection: "accounts", id: "a" }]);
    expect(await accounts.get("a")).toEqual({ name: "Home", password: "new" });
    expect(await accounts.redo("a")).toEqual({ document: { name: "Work", password: "new" } });
  });

  it("has nothing to take back where nothing travels, and such a document has no history", async () => {
    const db = await database();
    const drafts = db.collection<{ n: number }>("drafts", { local: true });
    await drafts.put("d", { n: 1 });
    await drafts.put("d", { n: 2 });
    expect(db.canUndo).toBe(false);
    expect(await drafts.undo("d")).toBeNull();
    expect(await drafts.history("d")).toEqual([]);
    expect(await drafts.conflicts("d")).toEqual([]);
    expect(await drafts.get("d")).toEqual({ n: 2 });
  });
});

describe("a migration of a document of which not everything travels", () => {
  const account = { name: "Ada Lovelace", password: "p", smtp: { host: "h", token: "t" } };
  const migrated = { first: "Ada", last: "Lovelace", password: "p", smtp: { host: "h", token: "T" } };
  const migrate = {
    1: ({ name, smtp, ...rest }: Account) => {
      const [first = "", last = ""] = name.split(" ");
      return { ...rest, first, last, smtp: { ...smtp, token: smtp?.token?.toUpperCase() } };
    },
  };
  type Person = Omit<typeof migrated, "password"> & { password?: string };

  it.each([
    ["fields stay", { local: ["password", "smtp.token"] as const }],
    ["a few fields travel", { sync: ["first", "last"] as const }],
    ["nothing travels", { local: true } as const],
  ])("makes its new shape of both parts, where %s", async (_, leaves) => {
    const db = await database();
    await db
      .collection("accounts", leaves as CollectionOptions)
      .putMany({ a: account, b: account, c: account, d: account });
    const name = db.name;
    const newer = await database({ name });
    const people = newer.collection<Person>("accounts", {
      ...leaves,
      version: 2,
      migrate,
    } as CollectionOptions<Person>);
    const raw = db.collection("accounts");
    expect(await people.get("a")).toEqual(migrated);
    expect(await raw.get("a")).toEqual(account);
    await people.update("a", (person) => void (person.first = "Augusta"));
    await people.update("b", { $set: { password: "q" } });
    await people.put("c", { ...migrated, last: "Byron" });
    expect(await people.migrateAll()).toEqual({ documents: 4, migrated: 1, failed: 0 });
    expect(await raw.all()).toEqual([
      { id: "a", document: { ...migrated, first: "Augusta" } },
      { id: "b", document: { ...migrated, password: "q" } },
      { id: "c", document: { ...migrated, last: "Byron" } },
      { id: "d", document: migrated },
    ]);
    expect(await people.count({ "smtp.token": "T" })).toBe(4);
    await people.update("a", { $unset: { password: true } });
    const { password: none, ...rest } = migrated;
    expect(none).toBe("p");
    expect(await raw.get("a")).toEqual({ ...rest, first: "Augusta" });
  });

  /** Where the document stands before and after the migration. */
  async function states(leaves: object) {
    const db = await database();
    const before = db.collection("accounts", leaves as CollectionOptions);
    await before.put("a", account);
    const first = await db.sync.statusOf("accounts", "a");
    const newer = await database({ name: db.name });
    await newer.collection("accounts", { ...leaves, version: 2, migrate } as CollectionOptions).migrateAll();
    return [first, await db.sync.statusOf("accounts", "a")];
  }

  it("makes an entry only where something travels", async () => {
    expect(await states({ local: true })).toEqual(["local", "local"]);
    expect(await states({ local: ["password"] })).toEqual(["offline", "offline"]);
    expect(await states({ sync: ["is_read"] })).toEqual(["local", "local"]);
  });
});

describe("a declaration", () => {
  it("that cannot be is refused where it is made, and nothing is written", async () => {
    const db = await database();
    const many = Array.from({ length: 65 }, (_, at) => `f${at}`);
    for (const options of [
      { local: ["a"], sync: ["b"] },
      { local: true, sync: ["b"] },
      { local: [".a"] },
      { sync: many },
    ]) {
      expect(() => db.collection("wrong", options)).toThrow(expect.objectContaining({ code: "collection.invalid" }));
    }
    expect(await db.collections()).toEqual([]);
  });

  it("names fields of the document's type", async () => {
    const db = await database();
    // @ts-expect-error There is no such field.
    db.collection<Account>("a", { local: ["pasword"] });
    // @ts-expect-error There is no such field in `smtp`.
    db.collection<Account>("b", { local: ["smtp.pasword"] });
    db.collection<Account>("c", { local: ["smtp", "password"] });
    expect(await rejection(db.collection("d", { sync: true }).put("", {}))).toMatchObject({
      code: "document.invalid-id",
    });
  });
});
