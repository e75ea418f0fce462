/** The names of the any-sync plugin: the examples of its READMEs, run as they stand but for the package's name. */

import { AshoreError, open } from "ashore";
import {
  close,
  configure,
  database,
  DEFAULT_DATABASE,
  ping,
  storageDelete,
  storageGet,
  storageList,
  storagePut,
} from "ashore/compat";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freshName, rejection } from "./host.js";

beforeEach(() => configure({ name: freshName() }));
afterEach(close);

describe("the plugin's examples", () => {
  it("ping is echoed", async () => {
    const response = await ping("Hello from TypeScript!");
    expect(response).toBe("Echo: Hello from TypeScript!");
  });

  it("create, read, delete and list, from the page of its TypeScript API", async () => {
    await storagePut("users", "user123", { name: "Alice" });
    const user = await storageGet("users", "user123");
    const deleted = await storageDelete("users", "user123");
    const ids = await storageList("users");
    expect([user, deleted, ids]).toEqual([{ name: "Alice" }, true, []]);
  });

  it("the whole of CRUD returns the values that it promises", async () => {
    await storagePut("users", "user123", {
      name: "Alice",
      email: "alice@example.com",
      createdAt: "2024-01-01T00:00:00Z",
    });
    const user = await storageGet("users", "user123");
    expect(user).toEqual({ name: "Alice", email: "alice@example.com", createdAt: "2024-01-01T00:00:00Z" });
    if (user) {
      user.name = "Alice Smith";
      await storagePut("users", "user123", user);
    }
    expect((await storageGet("users", "user123")).name).toBe("Alice Smith");
    expect(await storageList("users")).toEqual(["user123"]);
    expect(await storageDelete("users", "user123")).toBe(true);
    expect(await storageGet("users", "user123")).toBeNull();
    expect(await storageDelete("users", "user123")).toBe(false);
    expect(await storageList("users")).toEqual([]);
  });

  it("what is not there is null, false and empty, and what cannot be kept rejects", async () => {
    expect(await storageGet("nowhere", "x")).toBeNull();
    expect(await storageDelete("nowhere", "x")).toBe(false);
    expect(await storageList("nowhere")).toEqual([]);
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const error = await rejection(storagePut("users", "x", cycle));
    expect(error).toBeInstanceOf(AshoreError);
    expect(error.code).toBe("document.not-serializable");
  });
});

describe("the default database", () => {
  it("is one of Ashore's like any other, by its name", async () => {
    const name = freshName();
    configure({ name });
    await storagePut("users", "u", { name: "Alice" });
    const db = await open({ name });
    expect(await db.collection("users").get("u")).toEqual({ name: "Alice" });
    expect((await database()).name).toBe(name);
    await db.close();
  });

  it("has a name of its own, and is configured before its first call only", async () => {
    configure({});
    expect((await database()).name).toBe(DEFAULT_DATABASE);
    expect(() => configure({ name: "other" })).toThrow(expect.objectContaining({ code: "request.invalid" }));
    await close();
    configure({ name: "" });
    expect((await rejection(ping("x"))).code).toBe("request.invalid");
    configure({ name: freshName() });
    expect(await ping("x")).toBe("Echo: x");
  });
});
