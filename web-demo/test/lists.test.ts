// What a person does with a list and a note, by mouse, by keys and by dragging.

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launch, serve, type Site } from "./page.js";

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
});

afterEach(async () => {
  await context.close();
});

const row = (text: string) => page.locator(`[data-testid=item]:has([aria-label="Text of ${text}"])`);
const texts = (part: "open-items" | "done-items") =>
  page
    .getByTestId(part)
    .getByTestId("item-text")
    .evaluateAll((all) => all.map((one) => (one as HTMLTextAreaElement).value));

async function startList(...items: readonly string[]): Promise<void> {
  await page.getByTestId("start-shopping").click();
  for (const item of items) {
    await page.getByTestId("new-item").fill(item);
    await page.keyboard.press("Enter");
  }
  await expect.poll(() => texts("open-items")).toEqual(items);
}

describe("a list", () => {
  test("items_are_renamed_in_place_and_stay_so_after_a_reload", async () => {
    await startList("Milk", "Bread");
    await row("Milk").getByTestId("item-text").fill("Oat milk");
    await page.keyboard.press("Enter");
    expect(
      await row("Bread")
        .getByTestId("item-text")
        .evaluate((field) => field === document.activeElement),
    ).toBe(true);
    await row("Oat milk").waitFor();
    await page.reload();
    await expect.poll(() => texts("open-items")).toEqual(["Oat milk", "Bread"]);
  });

  test("escape_leaves_an_item_as_it_was", async () => {
    await startList("Milk");
    await row("Milk").getByTestId("item-text").fill("Something else");
    await page.keyboard.press("Escape");
    expect(await texts("open-items")).toEqual(["Milk"]);
  });

  test("pasted_lines_become_items", async () => {
    await startList("Milk");
    await page.getByTestId("new-item").evaluate((field) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "Bread\nButter\n\n  Jam ");
      field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    });
    await expect.poll(() => texts("open-items")).toEqual(["Milk", "Bread", "Butter", "Jam"]);
  });

  test("ticking_with_the_keyboard_goes_on_to_the_next_item", async () => {
    await startList("Milk", "Bread", "Butter");
    await row("Milk").getByTestId("item-done").focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("Space");
    await expect.poll(() => texts("done-items")).toEqual(["Milk", "Bread"]);
    expect(await texts("open-items")).toEqual(["Butter"]);
  });

  test("items_move_by_keys_and_by_menu_and_by_dragging", async () => {
    await startList("a", "b", "c", "d");
    await row("d").getByTestId("item-text").focus();
    await page.keyboard.press("Alt+ArrowUp");
    await expect.poll(() => texts("open-items")).toEqual(["a", "b", "d", "c"]);
    await page.keyboard.press("Alt+ArrowUp");
    await expect.poll(() => texts("open-items")).toEqual(["a", "d", "b", "c"]);
    await row("c").getByTestId("item-grip").click();
    await page.getByTestId("item-up").click();
    await expect.poll(() => texts("open-items")).toEqual(["a", "d", "c", "b"]);
    await drag("b", "a");
    await expect.poll(() => texts("open-items")).toEqual(["b", "a", "d", "c"]);
    expect(await page.getByRole("menu").count()).toBe(0);
  });

  test("a_deleted_item_comes_back_to_its_place", async () => {
    await startList("Milk", "Bread", "Butter");
    await row("Bread").hover();
    await row("Bread").getByTestId("item-delete").click();
    await expect.poll(() => texts("open-items")).toEqual(["Milk", "Butter"]);
    await page.getByTestId("undo").click();
    await expect.poll(() => texts("open-items")).toEqual(["Milk", "Bread", "Butter"]);
  });

  test("lists_change_places", async () => {
    await startList("Milk");
    await page.getByTestId("side-new-list").click();
    await page.getByTestId("new-list-title").fill("Films");
    await page.getByTestId("create-list").click();
    const names = () => page.getByTestId("side-list").locator(".side-title").allInnerTexts();
    await expect.poll(names).toEqual(["Shopping", "Films"]);
    await page.getByTestId("list-menu").click();
    await page.getByTestId("list-up").click();
    await expect.poll(names).toEqual(["Films", "Shopping"]);
  });

  test("a_deleted_list_comes_back_with_its_items", async () => {
    await startList("Milk", "Bread");
    await page.getByTestId("list-menu").click();
    await page.getByTestId("delete-list").click();
    await page.getByTestId("welcome").waitFor();
    await page.keyboard.press("Control+z");
    await page.getByTestId("list-link").click();
    await expect.poll(() => texts("open-items")).toEqual(["Milk", "Bread"]);
  });

  test("done_items_are_cleared_and_brought_back", async () => {
    await startList("Milk", "Bread");
    await row("Milk").getByTestId("item-done").click();
    await page.getByTestId("clear-done").click();
    await page.getByTestId("done-items").waitFor({ state: "detached" });
    await page.getByTestId("undo").click();
    await expect.poll(() => texts("done-items")).toEqual(["Milk"]);
  });
});

describe("a note", () => {
  test("typing_is_saved_by_itself_and_at_once_when_the_page_goes_away", async () => {
    await page.getByTestId("start-note").click();
    await page.getByTestId("note-title").fill("Plumber");
    await page.getByTestId("note-body").waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.type("Mornings are best.");
    await page.reload();
    await expect.poll(() => page.getByTestId("note-body").innerText()).toBe("Mornings are best.");
    expect(await page.getByTestId("note-title").inputValue()).toBe("Plumber");
  });

  test("what_a_page_left_unsaved_is_written_by_the_next_one_title_and_text", async () => {
    await page.getByTestId("start-note").click();
    await page.getByTestId("note-page").waitFor();
    const note = await page.getByTestId("note-page").getAttribute("data-id");
    await page.evaluate((id) => {
      const left = { note: id, typedAt: Date.now() };
      const fields = [
        { ...left, field: "title", text: "Plumber" },
        { ...left, field: "body", text: "Mornings." },
      ];
      localStorage.setItem("saltbox.left-drafts", JSON.stringify(fields));
    }, note);
    await page.reload();
    await expect.poll(() => page.getByTestId("note-body").innerText()).toBe("Mornings.");
    expect(await page.getByTestId("note-title").inputValue()).toBe("Plumber");
  });

  test("a_deleted_note_comes_back", async () => {
    await page.getByTestId("start-note").click();
    await page.getByTestId("note-title").fill("Plumber");
    await page.getByTestId("delete-note").click();
    await page.getByTestId("welcome").waitFor();
    await page.getByTestId("undo").click();
    await page.getByTestId("note-link").click();
    await expect.poll(() => page.getByTestId("note-title").inputValue()).toBe("Plumber");
  });
});

async function drag(from: string, to: string): Promise<void> {
  const [grip, target] = await Promise.all([row(from).getByTestId("item-grip").boundingBox(), row(to).boundingBox()]);
  if (grip === null || target === null) {
    throw new Error("nothing to drag");
  }
  const x = grip.x + grip.width / 2;
  await page.mouse.move(x, grip.y + grip.height / 2);
  await page.mouse.down();
  await page.mouse.move(x, target.y + target.height / 2, { steps: 6 });
  await page.mouse.move(x, target.y, { steps: 2 });
  await page.mouse.up();
}
