/** The window itself: which host `open` finds, and how bytes travel. */

import { open as openInWorker } from "../../dist/browser.js";
import { isTauri, open as openInApp } from "../../dist/tauri.js";
import { expect, inject, it } from "vitest";
import { app } from "../conformance/app.js";
import { database, freshName } from "../conformance/host.js";

declare module "vitest" {
  interface ProvidedContext {
    /** How bytes have to travel here: as they are, or as JSON where the webview refuses Tauri's own protocol. */
    way: "raw" | "json";
  }
}

it("is a Tauri app's, and bytes travel as they do there", async () => {
  expect(isTauri()).toBe(true);
  expect((await database()).capabilities.host).toBe("tauri");
  expect(await app<string>("way_of_bytes", new Uint8Array(10))).toBe(inject("way"));
});

it("large documents come through whole, both ways", async () => {
  const notes = (await database()).collection<{ bytes: Uint8Array }>("notes");
  for (const length of [0, 1_000, 1_500, 70_000, 900_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 31 + length) % 256);
    await notes.put("n1", { bytes });
    expect(await notes.get("n1")).toEqual({ bytes });
  }
});

it("has the app's database and the webview's own by one name beside each other", async () => {
  const name = freshName();
  const inApp = await openInApp({ name });
  const inWorker = await openInWorker({ name });
  try {
    expect([inApp.capabilities.host, inWorker.capabilities.host]).toEqual(["tauri", "worker"]);
    await inApp.collection("notes").put("n1", { where: "in the app" });
    await inWorker.collection("notes").put("n1", { where: "in the webview" });
    expect(await inApp.collection("notes").get("n1")).toEqual({ where: "in the app" });
    expect(await inWorker.collection("notes").get("n1")).toEqual({ where: "in the webview" });
  } finally {
    await Promise.all([inApp.close(), inWorker.close()]);
  }
});
