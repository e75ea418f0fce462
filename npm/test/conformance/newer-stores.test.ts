/** What a newer version of the package wrote on this device, met by this one, as after a cached page was loaded again: it is refused, and left as it is. */

import { type Database, open } from "ashore";
import { describe, expect, it } from "vitest";
import { database, freshName, host, needs, rejection } from "./host.js";
import { kept } from "./kept.js";

const needsIndexedDb = needs("the store of a browser: a file's is tested in crates/native", host === "worker");
const read = (db: Database): Promise<object | null> => db.collection("notes").get("n1");

async function written(encrypt?: "platform"): Promise<string> {
  const db = await open({ name: freshName(), ...(encrypt && { encrypt }) });
  await db.collection("notes").put("n1", { kept: true });
  await db.close();
  return db.name;
}

/** Asked for however it may be: always the same code, and not a byte is another. */
async function isRefusedAndLeft(name: string): Promise<void> {
  const before = await kept.bytes(name);
  for (const encrypt of [undefined, "platform"] as const) {
    const db = open({ name, ...(encrypt && { encrypt }) });
    const error = await rejection(db.then(read));
    expect(error).toMatchObject({ code: "store.newer-format", retry: false });
    await db.then(
      (opened) => opened.close(),
      () => {},
    );
  }
  expect(await kept.bytes(name)).toBe(before);
}

describe("a database that a newer version wrote", needsIndexedDb, () => {
  it("is refused by its store's version and left as it is, plain and encrypted", async () => {
    for (const [encrypt, known] of [
      [undefined, 3],
      ["platform", 2],
    ] as const) {
      const name = await written(encrypt);
      await kept.writeVersion(name, 9);
      await isRefusedAndLeft(name);
      await kept.writeVersion(name, known);
      expect(await read(await database({ name }))).toEqual({ kept: true });
    }
  });

  it("is refused by the record of its keys and left as it is", async () => {
    const name = await written("platform");
    const known = await kept.swapRecord(name, { protection: "passkey", more: new Uint8Array(3) });
    await isRefusedAndLeft(name);
    expect(await kept.protection(name)).toBe("passkey");
    await kept.swapRecord(name, known);
    expect(await read(await database({ name }))).toEqual({ kept: true });
  });
});
