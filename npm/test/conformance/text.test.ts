/** Texts as they are typed: two handles of one text are two editors. */

import { type Text, text, type TextChange, type TextHandle } from "ashore";
import { describe, expect, it } from "vitest";
import { database, freshName, rejection } from "./host.js";

interface Note {
  title?: string;
  body?: Text | string | null;
  parts?: { body: Text }[];
}

const LONG = "0123456789".repeat(10_000);

async function notes(name = freshName()) {
  return (await database({ name })).collection<Note>("notes");
}

/** Two editors of one text, each with what it shows: only its own edits and what it was told. */
async function editors(body: Text | string | null = text("milk and bread")) {
  const name = freshName();
  const collection = await notes(name);
  await collection.put("n1", { title: "Milk", body });
  const [mine, yours] = [collection.text("n1", "body"), (await notes(name)).text("n1", "body")];
  return { collection, mine, yours, shown: [await shows(mine), await shows(yours)] as const };
}

/** What an editor shows that only follows a handle, and what it was told. */
async function shows(handle: TextHandle): Promise<{ text: string; changes: TextChange[] }> {
  const shown = { text: await handle.read(), changes: [] as TextChange[] };
  handle.subscribe((change) => {
    shown.changes.push(change);
    for (const { at, delete: count, insert } of change.splices) {
      shown.text = shown.text.slice(0, at) + insert + shown.text.slice(at + count);
    }
  });
  return shown;
}

async function stored(collection: Awaited<ReturnType<typeof notes>>): Promise<string> {
  return String((await collection.get("n1"))?.body);
}

describe("a text", () => {
  it("is read, spliced and made another, and others are told the splices", async () => {
    const { collection, mine, yours, shown } = await editors();
    await mine.splice(0, 0, "oat ");
    await mine.edit([
      { at: 0, delete: 1, insert: "O" },
      { at: 18, delete: 0, insert: "!" },
    ]);
    expect(mine.value).toBe("Oat milk and bread!");
    await expect.poll(() => yours.value).toBe("Oat milk and bread!");
    expect(shown[1].text).toBe("Oat milk and bread!");
    await yours.update("Oat milk and butter!");
    await expect.poll(() => mine.value).toBe("Oat milk and butter!");
    expect(await stored(collection)).toBe("Oat milk and butter!");
    expect(shown[0].changes.flatMap(({ splices }) => splices)).not.toEqual([]);
  });

  it("has what two editors type at once, and both show the same", async () => {
    const { collection, mine, yours } = await editors(text(""));
    const words = ["one 🏖", "two", "three", "four"];
    for (const word of words) {
      for (const letter of `${word} `) {
        void mine.splice(mine.value?.length ?? 0, 0, letter);
        void yours.splice(0, 0, letter.toUpperCase());
        await Promise.resolve();
      }
      await mine.marks();
    }
    await Promise.all([mine.marks(), yours.marks()]);
    await expect.poll(() => mine.value === yours.value).toBe(true);
    const merged = await stored(collection);
    expect(mine.value).toBe(merged);
    for (const letter of new Set(words.join("").replace(" ", ""))) {
      const all = [...words.join("")].filter((each) => each.toUpperCase() === letter.toUpperCase()).length;
      expect([...merged].filter((each) => each.toUpperCase() === letter.toUpperCase())).toHaveLength(2 * all);
    }
  });

  it("shows its own edit at once, and a position is about what is shown", async () => {
    const { mine, yours } = await editors(text("ab"));
    const typed = mine.splice(1, 0, "1");
    expect(mine.value).toBe("a1b");
    const more = mine.splice(2, 0, "2");
    expect(mine.value).toBe("a12b");
    void yours.splice(0, 0, "x");
    await Promise.all([typed, more]);
    await expect.poll(() => [mine.value, yours.value]).toEqual(["xa12b", "xa12b"]);
  });

  it("is put as a whole meanwhile, and nothing of either is lost", async () => {
    const { collection, mine } = await editors();
    const copy = await collection.get("n1");
    await mine.splice(0, 0, "oat ");
    await collection.put("n1", { ...copy, title: "Oat", body: text("milk and bread!") });
    await expect.poll(() => mine.value).toBe("oat milk and bread!");
  });

  it("of 100,000 characters is told by splices alone", async () => {
    const { mine, yours, shown } = await editors(text(LONG));
    await mine.splice(50_000, 0, "x");
    await expect.poll(() => yours.value?.length).toBe(100_001);
    expect(shown[1].changes).toEqual([{ splices: [{ at: 50_000, delete: 0, insert: "x" }], marks: false }]);
  });

  it("is typed faster than it is stored: nobody waits for all of it, and all of it is there", async () => {
    const { collection, mine } = await editors(text(""));
    const keys = Array.from({ length: 12_000 }, (_, at) => mine.splice(at, 0, String(at % 10)));
    expect(mine.value).toHaveLength(12_000);
    await Promise.all(keys);
    expect(await stored(collection)).toBe(LONG.slice(0, 12_000));
    // The first key alone, then at most 5,000 in one change; and the document itself.
    expect(await collection.history("n1")).toHaveLength(5);
  });

  it("is followed in a loop until it is closed", async () => {
    const { mine, yours } = await editors(text(""));
    const heard: string[] = [];
    const loop = (async () => {
      for await (const { splices } of yours) {
        heard.push(...splices.map(({ insert }) => insert));
        if (heard.join("") === "ab") {
          yours.close();
        }
      }
    })();
    await mine.splice(0, 0, "a");
    await mine.splice(1, 0, "b");
    await loop;
    expect(heard.join("")).toBe("ab");
    expect(await rejection(yours.splice(0, 0, "c"))).toMatchObject({ code: "request.invalid" });
  });

  it("in a list is followed where it goes", async () => {
    const collection = await notes();
    await collection.put("n1", { parts: [{ body: text("one") }] });
    const part = collection.text("n1", "parts.0.body");
    await part.read();
    await collection.update("n1", (note) => void note.parts?.unshift({ body: text("zero") }));
    await part.splice(3, 0, "!");
    expect((await collection.get("n1"))?.parts?.map(({ body }) => body.value)).toEqual(["zero", "one!"]);
  });
});

describe("a plain string, and nothing", () => {
  it.each(["milk", "", null])("%j becomes one text when two editors begin to type", async (body) => {
    const { collection, mine, yours } = await editors(body);
    await Promise.all([mine.splice(0, 0, "a"), yours.splice(0, 0, "b")]);
    await expect.poll(() => mine.value === yours.value).toBe(true);
    expect([`ab${body ?? ""}`, `ba${body ?? ""}`]).toContain(mine.value);
    expect((await collection.get("n1"))?.body).toEqual(text(mine.value ?? ""));
    expect((await collection.get("n1"))?.title).toBe("Milk");
  });
});

describe("cursors and marks", () => {
  it("a cursor stays with its neighbour whatever others write", async () => {
    const { mine, yours } = await editors(text("one two"));
    const cursor = await mine.cursor(4);
    const end = await mine.cursor(7);
    await yours.splice(0, 3, "zero, one and");
    await expect.poll(() => mine.value).toBe("zero, one and two");
    expect(await mine.position(cursor)).toBe(14);
    expect(await yours.position(cursor)).toBe(14);
    expect(await mine.position(end)).toBe(17);
    expect(await rejection(mine.position("nonsense"))).toMatchObject({ code: "text.unknown-cursor", id: "n1" });
    expect(await rejection(mine.cursor(18))).toMatchObject({ code: "text.out-of-range" });
  });

  it("marks are set, told, expanded and taken away", async () => {
    const { mine, yours, shown } = await editors(text("one two three"));
    await mine.mark(0, 3, "bold", true);
    await mine.mark(8, 13, "link", "/three", { expand: "none" });
    await expect.poll(async () => (await yours.marks()).length).toBe(2);
    expect(shown[1].changes.some(({ marks }) => marks)).toBe(true);
    await yours.splice(13, 0, "!");
    await yours.splice(3, 0, "s");
    expect(await yours.marks()).toEqual([
      { start: 0, end: 4, name: "bold", value: true },
      { start: 9, end: 14, name: "link", value: "/three" },
    ]);
    await yours.unmark(0, 2, "bold");
    await expect.poll(async () => (await mine.marks())[0]).toEqual({ start: 2, end: 4, name: "bold", value: true });
    expect(mine.value).toBe("ones two three!");
    const when = new Date(5);
    await mine.mark(0, 1, "seen", when);
    expect(await mine.marks()).toContainEqual({ start: 0, end: 1, name: "seen", value: when });
  });
});

describe("what does not fit", () => {
  it("is refused before anything is shown", async () => {
    const { mine } = await editors(text("a🏖"));
    for (const [at, count] of [
      [4, 0],
      [0, 4],
      [2, 0],
      [-1, 0],
      [0.5, 0],
    ] as const) {
      expect(await rejection(mine.splice(at, count, "x"))).toMatchObject({ code: "text.out-of-range" });
    }
    expect(await rejection(mine.splice(0, 0, "\ud83c"))).toMatchObject({ code: "document.not-serializable" });
    expect(await rejection(mine.mark(0, 0, "bold", true))).toMatchObject({ code: "text.out-of-range" });
    expect(await rejection(mine.mark(0, 1, "", true))).toMatchObject({ code: "request.invalid" });
    expect(mine.value).toBe("a🏖");
  });

  it("has no text: no document, another kind of value, or a document that was deleted", async () => {
    const collection = await notes();
    expect(await rejection(collection.text("nobody", "body").read())).toMatchObject({
      code: "text.missing",
      id: "nobody",
    });
    await collection.put("n1", { parts: [] });
    expect(await rejection(collection.text("n1", "parts").read())).toMatchObject({ code: "text.missing" });
    await collection.delete("n1");
    expect(await rejection(collection.text("n1", "body").read())).toMatchObject({ code: "text.missing" });
    await collection.put("n1", { body: text("here") });
    expect(await collection.text("n1", "body").read()).toBe("here");
  });
});
