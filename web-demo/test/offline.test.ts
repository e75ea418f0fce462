// The page opens, shows what was written and takes more, with the server gone and the network off.

import { expect, test } from "vitest";
import { launch, serve } from "./page.js";

test("it_opens_and_works_with_no_network_at_all", { timeout: 60_000 }, async () => {
  const [site, browser] = await Promise.all([serve(), launch()]);
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));

  await page.goto(site.address);
  await page.getByTestId("start-shopping").click();
  await page.getByTestId("new-item").fill("Milk");
  await page.getByTestId("new-item").press("Enter");
  await page.getByTestId("item").first().waitFor();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await site.close();
  await context.setOffline(true);

  await page.goto(site.address);
  await page.getByTestId("list-link").click();
  await page.getByTestId("item").first().waitFor();
  await page.getByTestId("new-item").fill("Bread");
  await page.getByTestId("new-item").press("Enter");
  await page.getByTestId("item").nth(1).waitFor();
  await page.reload();
  await page.getByTestId("item").nth(1).waitFor();
  expect(
    await page.getByTestId("item-text").evaluateAll((all) => all.map((one) => (one as HTMLTextAreaElement).value)),
  ).toEqual(["Milk", "Bread"]);
  expect(await page.getByTestId("sync-indicator").getAttribute("data-state")).toBe("offline");
  expect(problems).toEqual([]);
  await browser.close();
});
