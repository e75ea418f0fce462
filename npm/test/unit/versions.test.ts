/** What a handle knows about versions, and the order of its writes. */

import { describe, expect, it } from "vitest";
import { Pending } from "../../src/pending.js";
import { compareBytes } from "../../src/transaction.js";
import { keyOf, Versions } from "../../src/versions.js";

describe("versions", () => {
  it("know the version of a document object that was read, else the last one of its id", () => {
    const versions = new Versions();
    const [first, second] = [{}, {}];
    expect(versions.baseOf("notes", "n1", {})).toBeNull();
    versions.saw("notes", "n1", "v1", first);
    versions.saw("notes", "n1", "v2", second);
    expect(versions.baseOf("notes", "n1", first)).toBe("v1");
    expect(versions.baseOf("notes", "n1", second)).toBe("v2");
    expect(versions.baseOf("notes", "n1", { ...first })).toBe("v2");
  });

  it("do not take a document of one id as a version of another", () => {
    const versions = new Versions();
    const read = {};
    versions.saw("notes", "n1", "v1", read);
    expect(versions.baseOf("notes", "n2", read)).toBeNull();
    expect(versions.baseOf("other", "n1", read)).toBeNull();
  });

  it("forget what was deleted", () => {
    const versions = new Versions();
    versions.saw("notes", "n1", "v1", null);
    versions.forget("notes", "n1");
    expect(versions.baseOf("notes", "n1", {})).toBeNull();
  });

  it("forget the ids that were not used for longest when there are too many", () => {
    const versions = new Versions(2);
    versions.saw("c", "a", "v1", null);
    versions.saw("c", "b", "v1", null);
    versions.saw("c", "a", "v2", null);
    versions.saw("c", "c", "v1", null);
    expect(["a", "b", "c"].map((id) => versions.baseOf("c", id, {}))).toEqual(["v2", null, "v1"]);
  });

  it("keep collections and ids apart", () => {
    expect(keyOf("a", "bc")).not.toBe(keyOf("ab", "c"));
  });
});

describe("pending writes", () => {
  it("of one document follow one another, of different documents do not wait", async () => {
    const pending = new Pending();
    const log: string[] = [];
    let finish: (() => void) | undefined;
    const first = pending.write(["a"], () => new Promise<void>((resolve) => void ((finish = resolve), log.push("a1"))));
    const second = pending.write(["a", "b"], async () => void log.push("a2"));
    const third = pending.write(["c"], async () => void log.push("c"));
    const read = pending.read(["b"], async () => void log.push("read b"));
    await third;
    expect(log).toEqual(["a1", "c"]);
    finish?.();
    await Promise.all([first, second, read, pending.all()]);
    expect(log).toEqual(["a1", "c", "a2", "read b"]);
  });

  it("go on after one that failed", async () => {
    const pending = new Pending();
    const first = pending.write(["a"], () => Promise.reject(new Error("no")));
    const second = pending.write(["a"], async () => "yes");
    await expect(first).rejects.toThrow("no");
    expect(await second).toBe("yes");
  });
});

it("texts compare as their UTF-8 bytes do", () => {
  const texts = ["", "a", "ab", "b", "ä", "\uffee", "👋", "👋a"];
  const shuffled = ["👋a", "b", "\uffee", "", "ab", "👋", "a", "ä"];
  expect(shuffled.toSorted(compareBytes)).toEqual(texts);
});
