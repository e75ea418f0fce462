/** Chromium without a window, and what a page of a scratch app must do in it. */

import assert from "node:assert/strict";

import { chromium } from "playwright-core";

const LONGEST_VISIT_MS = 30_000;

/** Starts the browser named by CHROMIUM, or Debian's. */
export function startChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** The page writes; after a reload it reads what it wrote and writes again. */
export async function keepsWhatItWrote(browser, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("response", (response) => response.status() >= 400 && said.push(`${response.status()}: ${response.url()}`));
  try {
    await page.goto(address);
    assert.deepEqual(await result(page, said), { before: null, after: 1, title: "Milk" });
    await page.reload();
    assert.deepEqual(await result(page, said), { before: 1, after: 2, title: "Milk" });
  } finally {
    await context.close();
  }
}

async function result(page, said) {
  try {
    await page.waitForFunction("globalThis.result !== undefined", undefined, { timeout: LONGEST_VISIT_MS });
  } catch (error) {
    throw new Error(`the page gave no result; it said: ${said.join(" | ") || "nothing"}`, { cause: error });
  }
  const found = await page.evaluate("globalThis.result");
  assert.equal(found.error, undefined, `${found.stack}\nthe page said: ${said.join(" | ") || "nothing"}`);
  return found;
}
