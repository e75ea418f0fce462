/** A Chromium profile of its own, on a disk, that can be closed and started again. */

import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

export const executable = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** How long a browser may take to close. */
const LAST_WORDS_MS = 20_000;
/** Where a profile keeps what it downloaded and compiled. */
const CACHES = ["Cache", "Code Cache", "Service Worker"];
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

export class Profile {
  #folder = mkdtempSync(join(tmpdir(), "ashore-bench-"));
  #context = null;

  /** Starts the browser. One that still runs, because something was given up, is closed first. */
  async start(options = {}) {
    await this.stop();
    this.#context = await chromium.launchPersistentContext(this.#folder, {
      executablePath: executable,
      headless: true,
      args: ARGS,
      ...options,
    });
    this.#context.setDefaultTimeout(600_000);
    return this.#context;
  }

  /** Starts the browser and opens that page in it. */
  async open(address) {
    await this.start();
    return this.openAnother(address);
  }

  /** Another tab. */
  async openAnother(address) {
    const page = await this.#context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (said) => said.type() === "error" && problems.push(said.text()));
    await page.goto(address, { waitUntil: "load" });
    await page
      .waitForFunction(() => globalThis.bench)
      .catch(() => {
        throw new Error(problems.join("\n") || "the page did not start");
      });
    return page;
  }

  /** Resident bytes of the process that runs the page and its workers; as Linux tells it. */
  memory() {
    return Math.max(0, ...processes(this.#folder, "--type=renderer").map(residentBytes));
  }

  /** Bytes on the disk of what pages keep. */
  bytes() {
    return ["IndexedDB", "File System", "Local Storage"].reduce(
      (sum, name) => sum + bytesOf(join(this.#folder, "Default", name)),
      0,
    );
  }

  /** Throws away what was downloaded and compiled; pages' data stay. The browser must not run. */
  forgetCode() {
    for (const name of CACHES) {
      rmSync(join(this.#folder, "Default", name), { recursive: true, force: true, maxRetries: 10 });
    }
  }

  /** Closes the browser; ends one that does not. */
  async stop() {
    const context = this.#context;
    this.#context = null;
    if (context) {
      const closing = context.close().catch(() => {});
      const timer = setTimeout(() => processes(this.#folder, "").forEach(kill), LAST_WORDS_MS);
      await closing;
      clearTimeout(timer);
    }
  }

  async end() {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Of the browser with that profile those whose command line has that word. Only the browser itself names the profile. */
function processes(folder, word) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return all.filter((pid) => commandOf(pid).includes(word) && isOf(pid, folder));
}

function isOf(pid, folder) {
  for (let at = pid; Number(at) > 1; at = parentOf(at)) {
    if (commandOf(at).includes(`--user-data-dir=${folder}`)) {
      return true;
    }
  }
  return false;
}

function kill(pid) {
  try {
    process.kill(Number(pid), "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function parentOf(pid) {
  return /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? "0";
}

function commandOf(pid) {
  return read(`/proc/${pid}/cmdline`);
}

function residentBytes(pid) {
  return Number(read(`/proc/${pid}/statm`).split(" ")[1] ?? 0) * 4_096;
}

/** A process may end while it is looked at. */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function bytesOf(path) {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) {
    return 0;
  }
  return found.isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
    : found.blocks * 512;
}
