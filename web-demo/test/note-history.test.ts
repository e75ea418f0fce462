// A note's past, as a person looks at it and goes back to it; and how changes become moments.

import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Change } from "ashore";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withChange, type Moment } from "../src/model/note-history.js";
import { launch, serve, type Site } from "./page.js";

const change = (minutes: number, parts: Partial<Change> = {}): Change => ({
  version: `v${minutes}`,
  at: new Date(minutes * 60_000),
  mine: true,
  device: null,
  kind: "put",
  fields: ["body"],
  ...parts,
});
const moments = (...changes: readonly Change[]): readonly Moment[] => changes.reduce(withChange, []);

describe("moments", () => {
  test("changes_of_one_writer_that_follow_one_another_closely_are_one_moment", () => {
    const found = moments(change(20), change(17), change(13), change(4), change(3));
    expect(found.map(({ version, from, to, steps }) => [version, from / 60_000, to / 60_000, steps])).toEqual([
      ["v20", 13, 20, 3],
      ["v4", 3, 4, 2],
    ]);
  });

  test("other_writers_and_other_kinds_are_moments_of_their_own", () => {
    const bob = { mine: false, device: { id: "b", name: "Bob's phone" } };
    const found = moments(change(5), change(5, bob), change(4, bob), change(4, { kind: "undo" }), change(3));
    expect(found.map(({ who, kind, steps }) => [who, kind, steps])).toEqual([
      ["You", "put", 1],
      ["Bob's phone", "put", 2],
      ["You", "undo", 1],
      ["You", "put", 1],
    ]);
  });

  test("a_writer_that_nobody_named_is_another_device", () => {
    const found = moments(change(5, { mine: false }), change(4, { mine: false, device: { id: "b", name: "" } }));
    expect(found.map(({ who }) => who)).toEqual(["Another device", "A device without a name"]);
  });
});

describe("the history of a note", () => {
  let site: Site;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    [site, browser] = await Promise.all([serve(), launch()]);
  });

  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce" });
    page = await context.newPage();
    await page.goto(site.address);
    await page.getByTestId("start-shopping").waitFor();
    await page.keyboard.press("t");
    await page.getByTestId("note-title").waitFor();
  });

  afterEach(async () => {
    await context.close();
  });

  const saved = () => page.locator("[data-testid=note-foot][data-saved=true]").waitFor();
  const body = () => page.getByTestId("note-body").inputValue();

  async function write(text: string): Promise<void> {
    await page.getByTestId("note-body").fill(text);
    await page.getByTestId("note-body").blur();
    await saved();
  }

  test("shows_the_note_as_it_was_and_makes_it_so_again", async () => {
    await page.getByTestId("note-title").fill("Plumber");
    await write("Mornings.");
    await page.getByTestId("note-undo").click();
    await expect.poll(body).toBe("");
    await page.getByTestId("note-redo").click();
    await expect.poll(body).toBe("Mornings.");
    await write("Evenings.");
    await page.getByTestId("note-history").click();
    await expect.poll(() => page.getByTestId("body-then").textContent()).toBe("Evenings.");
    const kinds = await page.getByTestId("moment").evaluateAll((all) => all.map((one) => one.dataset["kind"]));
    expect(kinds).toEqual(["put", "redo", "undo", "put"]);

    await page.getByTestId("moment").nth(3).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByTestId("body-then").textContent()).toBe("Mornings.");
    expect(await page.getByTestId("moment").nth(3).getAttribute("aria-pressed")).toBe("true");
    await page.getByTestId("restore").click();
    await expect.poll(body).toBe("Mornings.");
    await page.getByTestId("note-undo").click();
    await expect.poll(body).toBe("Evenings.");
  });

  test("outside_of_texts_the_keys_undo_and_redo", async () => {
    await write("One.");
    await write("Two.");
    await page.getByTestId("note-history").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(body).toBe("One.");
    await page.keyboard.press("Control+Shift+z");
    await expect.poll(body).toBe("Two.");
  });
});
