/** The app by itself: what is written stays, whatever ends it; where it is kept; links, and a second start. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";

import { until, untilEqual } from "../e2e/harness/wait.js";
import { startDesktop, startScreen } from "./harness/desktop.js";

const RELAY = "ws://127.0.0.1:9/v1/ws";
const CODE = "7KQ2-M4RT-9XYA-C8DE";
const LINK = `ashore:?relay=${encodeURIComponent(RELAY)}#join=${CODE}`;

let screen;
let desktop;

before(async () => {
  screen = await startScreen();
});
after(() => screen?.end());
beforeEach(async () => {
  desktop = await startDesktop(screen);
});
afterEach(() => desktop?.end());

describe("what is written", () => {
  it("is there when the app is started again, in one file in the app's own folder", async () => {
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
    const first = await desktop.start();
    await first.newList("Groceries");
    await first.enableSync(RELAY);
    const before = await first.pending();
    await first.addItem("Milk");
    // What is typed is shown before it is stored; what waits for the relay is counted when it is stored.
    await until("the item is stored", async () => (await first.pending()) > before);
    await desktop.kill();

    const again = await desktop.start();
    await again.openList("Groceries");
    await again.untilItems({ Milk: false });
    await until("what waited still waits", async () => (await again.pending()) > before);
  });

  it("is kept when the window is closed while a title is being typed", async () => {
    const first = await desktop.start();
    await first.click("start-note");
    await first.fill("note-title", "Plumber");
    await desktop.quit();

    const again = await desktop.start();
    assert.equal(await (await again.at("note-link")).text(), "Plumber");
  });
});

describe("a link", () => {
  it("that starts the app opens the join dialog with its code", async () => {
    const window = await desktop.start(LINK);
    await window.at("join-dialog");
    assert.equal(await window.value("join-code"), CODE);
    await window.picture("join");
    assert.ok(!(await window.session.address()).includes("7KQ2"), "the code stays nowhere");
  });

  it("is handed over by a second start, which ends by itself", async () => {
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
    const window = await desktop.start(`ashore:#join=${CODE}`);
    await window.at("relay-dialog");
    await window.picture("relay");
    await window.chooseRelay("127.0.0.1:9");
    await window.at("join-dialog");
    assert.equal(await window.value("join-code"), CODE);
  });

  it("that is none of ours opens nothing", async () => {
    const window = await desktop.start("https://example.org/");
    await window.at("welcome");
    assert.equal(await window.isShown("join-dialog"), false);
    assert.match(await window.session.address(), /^tauri:\/\/localhost/);
  });
});

describe("the window", () => {
  it("listens on no port", async () => {
    // Without its driver: to be driven, WebKit listens for the driver.
    const app = desktop.run();
    const opened = () => desktop.databases.includes("household.ashore-wal");
    await until("its page has opened the household", opened);
    const mine = new Set(desktop.pids.flatMap(withChildren).flatMap(sockets));
    assert.ok(mine.size > 0, "it has sockets, to the display and the bus");
    assert.deepEqual(
      listening().filter(({ inode }) => mine.has(inode)),
      [],
    );
    assert.ok(listening().length > 0, "the driver listens, so listeners are seen");
    assert.ok(app.running);
  });

  it("has the size that it had", async () => {
    const first = await desktop.start();
    await first.session.resize(840, 620);
    const { width, height } = await first.session.rect();
    await desktop.quit();
    const again = await desktop.start();
    const rect = await again.session.rect();
    assert.deepEqual([rect.width, rect.height], [width, height]);
  });

  it("does what its menu says, by the menu's keys", async () => {
    const window = await desktop.start();
    await desktop.press("ctrl+n");
    await window.at("new-list-dialog");
    await window.picture("new-list");
  });

  it("cuts, pastes and undoes, in a field and in the text of a note", async () => {
    const window = await desktop.start();
    await desktop.press("ctrl+shift+n");
    await window.fill("note-title", "Ines ");
    const title = () => window.value("note-title");
    for (const keys of ["ctrl+a", "ctrl+x"]) {
      await desktop.press(keys);
    }
    await untilEqual("the title is cut", title, "");
    for (const keys of ["ctrl+v", "ctrl+v"]) {
      await desktop.press(keys);
    }
    await untilEqual("the title is pasted twice", title, "Ines Ines ");
    await desktop.press("ctrl+z");
    await untilEqual("the second pasting is undone", title, "Ines ");

    await window.focusNote();
    const text = () => window.noteText();
    await desktop.type("plumber");
    await untilEqual("the text is written", text, "plumber");
    for (const keys of ["ctrl+a", "ctrl+x"]) {
      await desktop.press(keys);
    }
    await until("the text is cut", async () => (await text()) !== "plumber");
    await desktop.press("ctrl+z");
    await untilEqual("the cutting is undone", text, "plumber");
    await window.picture("note");
  });

  it("says what is true of an app: where the data is, and nothing of browsers", async () => {
    const window = await desktop.start();
    await window.newList("Groceries");
    await window.goHome();
    assert.equal(await window.isShown("storage-notice"), false);
    await window.click("sync-indicator");
    const storage = await window.at("storage");
    assert.equal(await storage.attribute("data-persisted"), "true");
    assert.match(await storage.text(), /file in Saltbox’s own folder/);
    await window.picture("sync-panel");
    const workers = "return navigator.serviceWorker?.controller ?? null";
    assert.equal(await window.session.run(workers), null);
  });

  it("runs no code that is made of text", async () => {
    const window = await desktop.start();
    const refused = `try { return (0, eval)("1 + 1") } catch (error) { return error.name }`;
    // A script of the driver's is not bound by the page's policy, one that the page loads is.
    assert.equal(await window.session.run(refused), "EvalError");
  });
});

/** A process and those it started. */
function withChildren(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return [pid, ...children.flatMap((child) => withChildren(Number(child)))];
}

/** The numbers of a process's sockets. */
function sockets(pid) {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}

/** Every TCP socket of the machine that listens. */
function listening() {
  const lines = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8").trim().split("\n").slice(1),
  );
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => row[3] === "0A").map((row) => ({ address: row[1], inode: row[9] }));
}
