/** What is written in the app stays, whatever ends it, and lies where it should. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { until } from "../e2e/harness/wait.js";
import { useDesktop } from "./harness/desktop.js";

/** Nobody listens there. */
const RELAY = "ws://127.0.0.1:9/v1/ws";

const parts = useDesktop();

describe("what is written", () => {
  it("is there when the app is started again, in one file in the app's own folder", async () => {
    const { desktop } = parts;
    const first = await desktop.start();
    await first.at("welcome");
    await first.picture("welcome");
    await first.newList("Groceries");
    await first.addItem("Milk");
    await first.addItem("Bread");
    await first.picture("list");
    await desktop.quit();
    assert.deepEqual(desktop.databases, ["household.ashore", "household.ashore.lock"]);

    const again = await desktop.start();
    await again.openList("Groceries");
    await again.untilItems({ Milk: false, Bread: false });
    const files = ["household.ashore", "household.ashore-shm", "household.ashore-wal", "household.ashore.lock"];
    assert.deepEqual(desktop.databases, files);
  });

  it("is there after the app was killed, and so is what waits to be sent", async () => {
    const { desktop } = parts;
    const first = await desktop.start();
    await first.newList("Groceries");
    await first.enableSync(RELAY);
    const waiting = await first.pending();
    await first.addItem("Milk");
    // What is typed is shown before it is stored; what waits for the relay is counted when it is stored.
    await until("the item is stored", async () => (await first.pending()) > waiting);
    await desktop.kill();

    const again = await desktop.start();
    await again.openList("Groceries");
    await again.untilItems({ Milk: false });
    await until("what waited still waits", async () => (await again.pending()) > waiting);
  });

  it("is kept when the window is closed while a title is being typed", async () => {
    const { desktop } = parts;
    const first = await desktop.start();
    await first.click("start-note");
    await first.fill("note-title", "Plumber");
    await desktop.quit();

    const again = await desktop.start();
    assert.equal(await (await again.at("note-link")).text(), "Plumber");
  });
});
