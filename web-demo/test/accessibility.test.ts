// Every page and dialog, in both themes and both widths, has nothing that axe objects to.

import axe, { type AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, serve, type Site } from "./page.js";

const widths = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } } as const;
const cases = (["phone", "desktop"] as const).flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => ({ width, scheme })),
);

/** A page in which axe's script has run. */
type PageWithAxe = { readonly axe: { readonly run: () => Promise<AxeResults> } };

let site: Site;
let browser: Browser;

beforeAll(async () => {
  [site, browser] = await Promise.all([serve(), launch()]);
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

// Side by side: most of the time goes by waiting for a relay that is not there.
describe.concurrent.each(cases)("on a $width in $scheme", ({ width, scheme }) => {
  test("every_page_and_dialog_is_accessible", { timeout: 120_000 }, async () => {
    const context = await browser.newContext({
      viewport: widths[width],
      colorScheme: scheme,
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    const objections = await visit(page);
    await context.close();
    expect(objections).toEqual([]);
  });
});

/** Goes everywhere and says what axe objected to. */
async function visit(page: Page): Promise<string[]> {
  const found: string[] = [];
  const look = async (place: string): Promise<void> => void found.push(...(await examine(page, place)));
  const shown = (testId: string) => page.getByTestId(testId).filter({ visible: true }).first();
  const closeDialog = async (): Promise<void> => {
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  };

  await page.goto(site.address);
  await shown("start-shopping").waitFor();
  await look("welcome");
  await shown("start-shopping").click();
  for (const text of ["Milk", "Bread", "Lemons"]) {
    await shown("new-item").fill(text);
    await shown("new-item").press("Enter");
  }
  await page.getByTestId("item").nth(2).waitFor();
  await page.getByTestId("item-done").first().click();
  await page.getByTestId("done-items").waitFor();
  await look("list");
  await shown("item-grip").click();
  await look("item menu");
  await page.keyboard.press("Escape");
  await shown("list-menu").click();
  await shown("list-look").click();
  await look("kind and colour");
  await page.keyboard.press("h");
  await shown("new-note").click();
  await shown("note-title").fill("Plumber");
  await shown("note-body").fill("Mornings are best.");
  await look("note");
  await shown("note-history").click();
  await page.getByTestId("body-then").waitFor();
  await look("history of a note");
  await closeDialog();
  await page.goto(`${site.address}#/`);
  await page.getByTestId("note").first().waitFor();
  await look("home");
  await shown("new-list").click();
  await look("new list");
  await closeDialog();
  await page.goto(`${site.address}#/devices`);
  await shown("devices-alone").waitFor();
  await look("devices without a household");
  await shown("sync-indicator").click();
  await look("sync panel");
  await closeDialog();
  await page.goto(`${site.address}#join=0000-0000-0000-0000`);
  await shown("join").waitFor();
  await look("join");
  await closeDialog();
  await page.keyboard.press("?");
  await look("shortcuts");
  await closeDialog();
  await shown("open-pairing").click();
  await page.getByTestId("invite-failed").waitFor();
  await look("pairing without a relay");
  await closeDialog();
  // Pairing has turned sync on: there is a household, of one.
  await page.goto(`${site.address}#/devices`);
  await shown("member").waitFor();
  await look("devices");
  await shown("member-menu").click();
  await shown("member-step-down").click();
  await look("role");
  await closeDialog();
  await shown("leave").click();
  await look("leaving");
  return found;
}

async function examine(page: Page, place: string): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => (globalThis as unknown as PageWithAxe).axe.run());
  expect(passes.length).toBeGreaterThan(15);
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${place}: ${violation.id}: ${node.html} (${node.failureSummary ?? ""})`),
  );
}
