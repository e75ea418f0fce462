/** Links that open the app, from a cold start and while it runs. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { useDesktop } from "./harness/desktop.js";

const RELAY = "ws://127.0.0.1:9/v1/ws";
const CODE = "7KQ2-M4RT-9XYA-C8DE";
const LINK = `ashore:?relay=${encodeURIComponent(RELAY)}#join=${CODE}`;

const parts = useDesktop();

describe("a link", () => {
  it("that starts the app opens the join dialog with its code", async () => {
    const { desktop } = parts;
    const window = await desktop.start(LINK);
    await window.at("join-dialog");
    assert.equal(await window.value("join-code"), CODE);
    await window.picture("join");
    assert.ok(!(await window.session.address()).includes("7KQ2"), "the code stays nowhere");
  });

  it("is handed over by a second start, which ends by itself", async () => {
    const { desktop } = parts;
    const window = await desktop.start();
    await window.newList("Groceries");
    const [pid] = desktop.pids;
    const second = desktop.run(LINK);
    assert.deepEqual(await second.ended(), { code: 0, signal: null }, second.said);
    await window.at("join-dialog");
    assert.equal(await window.value("join-code"), CODE);
    assert.deepEqual(desktop.pids, [pid]);
    // It is the same page still: nothing that was open is lost.
    await window.click("close-dialog");
    await window.untilGone("join-dialog");

    const third = desktop.run();
    assert.deepEqual(await third.ended(), { code: 0, signal: null }, third.said);
    assert.equal(await window.isShown("join-dialog"), false);
  });

  it("without a relay asks for one first", async () => {
    const { desktop } = parts;
    const window = await desktop.start(`ashore:#join=${CODE}`);
    await window.at("relay-dialog");
    await window.picture("relay");
    await window.chooseRelay("127.0.0.1:9");
    await window.at("join-dialog");
    assert.equal(await window.value("join-code"), CODE);
  });

  it("that is none of ours opens nothing", async () => {
    const { desktop } = parts;
    const window = await desktop.start("https://example.org/");
    await window.at("welcome");
    assert.equal(await window.isShown("join-dialog"), false);
    assert.match(await window.session.address(), /^tauri:\/\/localhost/);
  });
});
