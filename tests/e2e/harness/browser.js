/** Chromium profiles: each has a folder of its own, like the browsers of two people. */

import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

const LONGEST_STEP_MS = 60_000;
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  // A page behind another one goes on working: here all of them are behind one another.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/** One browser in which every profile is a fresh private window: quicker to have, gone when it ends. */
export async function startBrowser() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
  return {
    async profile() {
      const profile = new PrivateWindow(await browser.newContext());
      profile.context.setDefaultTimeout(LONGEST_STEP_MS);
      return profile;
    },
    end: () => browser.close(),
  };
}

class PrivateWindow {
  context;

  constructor(context) {
    this.context = context;
  }

  page() {
    return this.context.newPage();
  }

  setOffline(offline) {
    return this.context.setOffline(offline);
  }

  end() {
    return this.context.close();
  }
}

/** A new profile, its browser running. Ended by `end()`. */
export async function startProfile() {
  const profile = new Profile();
  await profile.start();
  return profile;
}

export class Profile {
  #folder = mkdtempSync(join(tmpdir(), "ashore-profile-"));
  context = null;
  /** What pages said that they should not have. */
  problems = [];

  async start() {
    this.context = await chromium.launchPersistentContext(this.#folder, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: true,
      args: ARGS,
      viewport: { width: 1100, height: 800 },
    });
    this.context.setDefaultTimeout(LONGEST_STEP_MS);
    this.context.setDefaultNavigationTimeout(LONGEST_STEP_MS);
    this.context.on("weberror", (error) => this.problems.push(String(error.error())));
  }

  page() {
    return this.context.newPage();
  }

  setOffline(offline) {
    return this.context.setOffline(offline);
  }

  /** Closes the browser; the profile stays. */
  async stop() {
    await this.context.close();
  }

  /** Kills the browser, all of it; the profile stays. */
  async kill() {
    const gone = new Promise((resolve) => {
      this.context.once("close", resolve);
    });
    killWhoUses(this.#folder);
    await gone;
  }

  async end() {
    await this.context?.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Kills the browser's own process; the others of it end with it. */
function killWhoUses(folder) {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const command = commandOf(pid);
    if (command.includes(`--user-data-dir=${folder}`) && !command.includes("--type=")) {
      process.kill(Number(pid), "SIGKILL");
    }
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
