// Opening the household, also when that fails at first.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch, serve, type Site } from "./page.js";

let site: Site;
let browser: Browser;

beforeAll(async () => {
  [site, browser] = await Promise.all([serve(), launch()]);
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

test("what_could_not_be_opened_says_so_and_opens_when_it_is_tried_again", async () => {
  const page = await browser.newPage();
  const engine = "**/*.wasm";
  await page.route(engine, (route) => route.abort());
  await page.goto(site.address);
  await page.getByTestId("open-failed").waitFor();
  await page.unroute(engine);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByTestId("start-note").click();
  await page.getByTestId("note-page").waitFor();
  expect(await page.getByTestId("open-failed").count()).toBe(0);
});
