/** The app's window and its process: no port, its size, its menu, what its pages say and may do. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { describe, it } from "node:test";

import { until, untilEqual } from "../e2e/harness/wait.js";
import { useDesktop } from "./harness/desktop.js";

const parts = useDesktop();

describe("the window", () => {
  it("listens on no port", async () => {
    const { desktop } = parts;
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
    const { desktop } = parts;
    const first = await desktop.start();
    await first.session.resize(840, 620);
    const { width, height } = await first.session.rect();
    await desktop.quit();
    const again = await desktop.start();
    const rect = await again.session.rect();
    assert.deepEqual([rect.width, rect.height], [width, height]);
  });

  it("does what its menu says, by the menu's keys", async () => {
    const { desktop } = parts;
    const window = await desktop.start();
    await desktop.press("ctrl+n");
    await window.at("new-list-dialog");
    await window.picture("new-list");
  });

  it("cuts, pastes and undoes, in a field and in the text of a note", async () => {
    const { desktop } = parts;
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
    const { desktop } = parts;
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
    const { desktop } = parts;
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
