/** References: what they name, also when it comes later than what names it. */

import type { CollectionOptions } from "ashore";
import { describe, expect, it } from "vitest";
import { database, freshName, rejection } from "./host.js";

interface List {
  title: string;
}
interface Item {
  text: string;
  listId?: string;
  tagIds?: string[];
  parts?: { shopId: string }[];
}

const ITEMS: CollectionOptions<Item> = { refs: { listId: "lists", tagIds: "tags", "parts.shopId": "shops" } };

describe("a reference", () => {
  it("names a document, in arrays one for each item, or nothing", async () => {
    const db = await database();
    const items = db.collection("items", ITEMS);
    await db.collection<List>("lists").put("shop", { title: "Shop" });
    await db.collection("tags").put("cold", { color: "blue" });
    await db.collection("shops").put("s1", { city: "Bern" });
    const milk = {
      text: "Milk",
      listId: "shop",
      tagIds: ["cold", "none"],
      parts: [{ shopId: "s1" }, { shopId: "s2" }],
    };
    await items.put("milk", milk);
    expect(await items.resolve(milk, "listId")).toEqual({ title: "Shop" });
    expect(await items.resolve(milk, "tagIds")).toEqual([{ color: "blue" }, null]);
    expect(await items.resolve(milk, "parts.shopId")).toEqual([{ city: "Bern" }, null]);
    expect(await items.resolve({ text: "free" }, "listId")).toBeNull();
  });

  it("of many documents is read in one go, in their order", async () => {
    const db = await database();
    const items = db.collection("items", ITEMS);
    await db.collection<List>("lists").putMany({ a: { title: "A" }, b: { title: "B" } });
    await items.putMany([
      ["1", { text: "1", listId: "b" }],
      ["2", { text: "2", listId: "x" }],
      ["3", { text: "3", listId: "a" }],
      ["4", { text: "4", listId: "b" }],
    ]);
    const all = (await items.all()).map(({ document }) => document);
    expect(await items.resolveAll(all, "listId")).toEqual([{ title: "B" }, null, { title: "A" }, { title: "B" }]);
    expect(await items.resolveAll([], "listId")).toEqual([]);
  });

  it("dangles until what it names is there, and again when that is deleted", async () => {
    const name = freshName();
    const [db, other] = [await database({ name }), await database({ name })];
    const items = db.collection("items", ITEMS);
    await items.put("milk", { text: "Milk", listId: "shop" });
    const milk = { text: "Milk", listId: "shop" };
    expect(await items.resolve(milk, "listId")).toBeNull();
    await other.collection<List>("lists").put("shop", { title: "Shop" });
    expect(await items.resolve(milk, "listId")).toEqual({ title: "Shop" });
    await other.collection("lists").delete("shop");
    expect(await items.resolve(milk, "listId")).toBeNull();
    expect(await items.get("milk")).toEqual(milk);
  });

  it("is seen together with what it names when one transaction wrote both, in any order", async () => {
    const name = freshName();
    const [writer, reader] = [await database({ name }), await database({ name })];
    const items = reader.collection("items", ITEMS);
    const lonely: string[] = [];
    const looks: Promise<void>[] = [];
    items.on("change", ({ ids }) => {
      const look = async (): Promise<void> => {
        for (const document of (await items.getMany(ids)).filter((item) => item !== null)) {
          if ((await items.resolve(document, "listId")) === null) lonely.push(document.text);
        }
      };
      looks.push(look());
    });
    for (let round = 0; round < 20; round += 1) {
      await writer.transaction(async (tx) => {
        await tx.collection<Item>("items").put(`i${round}`, { text: `${round}`, listId: `l${round}` });
        await tx.collection<List>("lists").put(`l${round}`, { title: `${round}` });
      });
    }
    await reader.ping("every event is here");
    await Promise.all(looks);
    expect(lonely).toEqual([]);
    expect(looks.length).toBeGreaterThan(0);
  });

  it("reads what it names through that collection's migrations", async () => {
    const db = await database();
    await db.collection("lists").put("shop", { name: "Shop" });
    const name = db.name;
    const newer = await database({ name });
    newer.collection<List>("lists", { version: 2, migrate: { 1: (list: { name: string }) => ({ title: list.name }) } });
    const items = newer.collection("items", ITEMS);
    expect(await items.resolve({ text: "Milk", listId: "shop" }, "listId")).toEqual({ title: "Shop" });
  });

  it("must be declared, at a path of the documents' type", async () => {
    const db = await database();
    const items = db.collection("items", ITEMS);
    expect(await rejection(items.resolve({ text: "x" }, "text"))).toMatchObject({
      code: "request.invalid",
      op: "resolve",
    });
    // @ts-expect-error -- there is no such field
    db.collection<Item>("others", { refs: { listID: "lists" } });
  });
});
