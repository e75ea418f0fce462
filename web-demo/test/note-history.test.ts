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
    expect(found.map(({ version, from, to }) => [version, from / 60_000, to / 60_000])).toEqual([
      ["v20", 13, 20],
      ["v4", 3, 4],
    ]);
  });

  test("other_writers_and_other_kinds_are_moments_of_their_own", () => {
    const bob = { mine: false, device: { id: "b", name: "Bob's phone" } };
    const found = moments(change(5), change(5, bob), change(4, bob), change(4, { kind: "undo" }), change(3));
    expect(found.map(({ who, kind }) => [who, kind])).toEqual([
      [["You"], "put"],
      [["Bob's phone"], "put"],
      [["You"], "undo"],
      [["You"], "put"],
    ]);
  });

  test("who_write_at_once_have_moments_together", () => {
    const bob = { mine: false, device: { id: "b", name: "Bob's phone" } };
    const atOnce = [change(20, bob), change(20), change(19, bob), change(18), change(17)];
    const found = moments(...atOnce, change(5, bob), change(4), change(3));
    expect(found.map(({ who, version }) => [who, version])).toEqual([
      [["You", "Bob's phone"], "v20"],
      [["Bob's phone"], "v5"],
      [["You"], "v4"],
    ]);
  });

  test("a_writer_that_nobody_named_is_another_device", () => {
    const found = moments(change(5, { mine: false }), change(4, { mine: false, device: { id: "b", name: "" } }));
    expect(found.map(({ who }) => who)).toEqual([["Another device"], ["A device without a name"]]);
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
    await page.clock.install();
    await page.goto(site.address);
    await page.getByTestId("start-shopping").waitFor();
    await page.keyboard.press("t");
    await page.getByTestId("note-title").waitFor();
  });

  afterEach(async () => {
    await context.close();
  });

  const saved = () => page.locator("[data-testid=note-foot][data-saved=true]").waitFor();
  /** What the editor shows; its invitation to write is no text. */
  const body = () =>
    page.getByTestId("note-body").evaluate((content) => {
      const lines = [...content.querySelectorAll(".cm-line")].map((line) => line.textContent);
      return content.querySelector(".cm-placeholder") === null ? lines.join("\n") : "";
    });

  /** Types at the end of the text while the page's clock stands still, and goes out of it when that is saved. */
  async function type(keys: string): Promise<void> {
    await page.getByTestId("note-body").press("Control+End");
    await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 60_000);
    await page.getByTestId("note-body").pressSequentially(keys);
    await page.clock.resume();
    await page.getByTestId("note-history").focus();
    await saved();
  }

  /** Puts another text, as one edit. */
  async function paste(text: string): Promise<void> {
    await page.getByTestId("note-body").fill(text);
    await saved();
  }

  test("shows_the_note_as_it_was_and_makes_it_so_again", async () => {
    await page.getByTestId("note-title").fill("Plumber");
    await saved();
    await paste("Mornings.");
    await page.getByTestId("note-undo").click();
    await expect.poll(body).toBe("");
    await page.getByTestId("note-redo").click();
    await expect.poll(body).toBe("Mornings.");
    await paste("Evenings.");
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

  test("undo_takes_back_what_was_typed_in_one_go_and_not_single_letters", async () => {
    await type("Milk");
    await page.getByTestId("note-title").fill("Shop");
    await saved();
    await type(", bread");
    await page.getByTestId("note-undo").click();
    await expect.poll(body).toBe("Milk");
    await page.getByTestId("note-redo").click();
    await expect.poll(body).toBe("Milk, bread");
  });

  test("outside_of_texts_the_keys_undo_and_redo", async () => {
    await paste("One.");
    // A rest of a second: what comes then is another step.
    await page.clock.fastForward(1_000);
    await paste("Two.");
    await page.getByTestId("note-history").focus();
    await page.keyboard.press("Control+z");
    await expect.poll(body).toBe("One.");
    await page.keyboard.press("Control+Shift+z");
    await expect.poll(body).toBe("Two.");
  });

  test("a_click_below_the_last_line_goes_into_the_text", async () => {
    const place = await page.locator(".note-body").boundingBox();
    await page.getByTestId("note-body").waitFor();
    await page.locator(".note-body").click({ position: { x: 40, y: (place?.height ?? 0) - 10 } });
    await page.keyboard.insertText("Milk");
    await expect.poll(body).toBe("Milk");
  });

  test("in_the_text_the_keys_undo_and_redo_what_was_typed_in_it", async () => {
    await page.getByTestId("note-title").fill("Numbers");
    await saved();
    await type("One.");
    await page.getByTestId("note-body").press("Control+z");
    await expect.poll(body).toBe("");
    await page.getByTestId("note-body").press("Control+Shift+z");
    await expect.poll(body).toBe("One.");
    expect(await page.getByTestId("note-title").inputValue()).toBe("Numbers");
  });
});
