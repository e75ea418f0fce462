// A new version waits until somebody asks for it, is never installed in part, and then every tab has it.

import { createHash } from "node:crypto";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { built, launch, serve, type Site } from "./page.js";

let browser: Browser;
let site: Site;
let context: BrowserContext;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

beforeEach(async () => {
  site = await serve();
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  await site.close();
});

test("a_new_version_waits_and_then_reloads_every_tab", { timeout: 60_000 }, async () => {
  const [first, second] = [await openTab(), await openTab()];
  site.replace(await nextVersion());
  await lookForUpdate(first);
  await Promise.all([first, second].map((page) => page.getByTestId("update-notice").waitFor()));
  expect(await titleInAddress(first)).toBe("Saltbox");

  const reloaded = [first, second].map((page) => page.waitForEvent("load"));
  await first.getByTestId("apply-update").click();
  await Promise.all(reloaded);
  await first.getByTestId("welcome").waitFor();
  expect(await titleInAddress(first)).toBe("Saltbox the second");
  expect(await first.getByTestId("update-notice").count()).toBe(0);
  expect(await first.evaluate(() => caches.keys())).toHaveLength(1);
});

test("a_version_of_which_a_file_is_wrong_is_not_installed", { timeout: 60_000 }, async () => {
  const page = await openTab();
  const next = await nextVersion();
  site.replace(new Map([...next, ["/index.html", "half a page"]]));
  expect(await lookForUpdate(page)).toBe("redundant");
  expect(await page.getByTestId("update-notice").count()).toBe(0);
  await page.reload();
  await page.getByTestId("welcome").waitFor();
  expect(await titleInAddress(page)).toBe("Saltbox");
});

/** A tab that the service worker serves. */
async function openTab(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.address);
  await page.getByTestId("welcome").waitFor();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  return page;
}

/** The same build with another title: a page and a service worker that knows the page's new hash. */
async function nextVersion(): Promise<Map<string, string>> {
  const [page, worker] = await Promise.all([built("index.html"), built("sw.js")]);
  const next = page.replace("<title>Saltbox</title>", "<title>Saltbox the second</title>");
  expect(worker).toContain(hashOf(page));
  return new Map([
    ["/index.html", next],
    ["/sw.js", worker.replace(hashOf(page), hashOf(next)).replace(/(prefix \+ )"\w+"/, '$1"another"')],
  ]);
}

/** Looks for a new version, and says what became of it. */
function lookForUpdate(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const coming = new Promise<string>((resolve) => {
      registration.addEventListener("updatefound", () => {
        const worker = registration.installing;
        worker?.addEventListener("statechange", () => resolve(worker.state));
      });
    });
    await registration.update();
    return coming;
  });
}

function titleInAddress(page: Page): Promise<string | undefined> {
  return page.evaluate(async () => /<title>(.*?)</.exec(await (await fetch("./index.html")).text())?.[1]);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
