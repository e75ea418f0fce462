/**
 * A computer with the app: a home of its own, a session bus of its own (by which a second start finds the first), and a driver for the app's window.
 * All computers show their windows on one screen that nobody sees.
 */

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import { fileURLToPath } from "node:url";

import { until } from "../../e2e/harness/wait.js";
import { Program, freePorts } from "./process.js";
import { isReady, newSession } from "./webdriver.js";
import { SaltboxWindow } from "./window.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const SALTBOX = {
  program: process.env.ASHORE_SALTBOX ?? join(target, "debug/saltbox"),
  identifier: "org.ashoredb.saltbox",
};
const driver = process.env.TAURI_DRIVER ?? join(target, "tools/bin/tauri-driver");

/** A screen without a display. Ended by `end()`. */
export async function startScreen() {
  const server = new Program("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
  const [number] = await server.says(/^\d+(?=\n)/m);
  return { display: `:${number}`, end: () => server.end() };
}

/** A computer on that screen, with nothing of the app on it yet: Saltbox, unless another one is named. Ended by `end()`. */
export async function startDesktop(screen, app = SALTBOX) {
  const desktop = new Desktop(screen, app);
  await desktop.boot();
  return desktop;
}

/** A computer for each test of a file: `desktop` of what this answers. */
export function useDesktop(app = SALTBOX) {
  const parts = { desktop: null };
  let screen;
  before(async () => {
    screen = await startScreen();
  });
  after(() => screen?.end());
  beforeEach(async () => {
    parts.desktop = await startDesktop(screen, app);
  });
  afterEach(() => parts.desktop?.end());
  return parts;
}

class Desktop {
  #app;
  #home = mkdtempSync(join(tmpdir(), "ashore-desktop-"));
  #environment;
  #bus = null;
  #driver = null;
  #address = null;
  #session = null;

  constructor(screen, app) {
    this.#app = app;
    const runtime = join(this.#home, "run");
    mkdirSync(runtime, { mode: 0o700 });
    this.#environment = {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      HOME: this.#home,
      XDG_DATA_HOME: join(this.#home, "data"),
      XDG_CONFIG_HOME: join(this.#home, "config"),
      XDG_CACHE_HOME: join(this.#home, "cache"),
      XDG_RUNTIME_DIR: runtime,
      DISPLAY: screen.display,
      GDK_BACKEND: "x11",
      NO_AT_BRIDGE: "1",
    };
  }

  async boot() {
    mustExist(driver);
    this.#bus = new Program("dbus-daemon", ["--session", "--nofork", "--nopidfile", "--print-address=1"], {
      env: this.#environment,
    });
    [this.#environment.DBUS_SESSION_BUS_ADDRESS] = await this.#bus.says(/^\S+(?=\n)/m);
    const [port, nativePort] = await freePorts(2);
    this.#driver = new Program(driver, ["--port", String(port), "--native-port", String(nativePort)], {
      env: this.#environment,
    });
    this.#address = `http://127.0.0.1:${port}`;
    // Until WebKit's own driver is up, this one drops the connection.
    await until("the driver is ready", () => isReady(this.#address));
  }

  /** The folder of the app's data. */
  get folder() {
    return join(this.#home, "data", this.#app.identifier);
  }

  /** The files of databases in it. */
  get databases() {
    return existsSync(this.folder)
      ? readdirSync(this.folder)
          .filter((name) => name.includes(".ashore"))
          .sort()
      : [];
  }

  /** Starts the app, and a session with its window. */
  async open(...args) {
    const { program } = this.#app;
    mustExist(program);
    this.#session = await newSession(this.#address, { "tauri:options": { application: program, args } });
    return this.#session;
  }

  /** Starts Saltbox and waits until it shows the household. */
  async start(...args) {
    const window = new SaltboxWindow(await this.open(...args));
    await window.at("sync-indicator");
    return window;
  }

  /** Starts the app without a driver: once more, as a person does who forgot that it runs, or as the system does for a link. */
  run(...args) {
    return new Program(this.#app.program, args, { env: this.#environment });
  }

  /** The processes of the app on this computer. */
  get pids() {
    const { program: path } = this.#app;
    const program = existsSync(path) ? realpathSync(path) : path;
    return this.#processes.filter((pid) => programOf(pid) === program);
  }

  /** Every process on this computer: its home is in their environment. */
  get #processes() {
    const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return all.filter((pid) => environmentOf(pid).includes(`HOME=${this.#home}`)).map(Number);
  }

  get pid() {
    const [pid] = this.pids;
    return pid;
  }

  /**
   * Presses keys as they are pressed on a keyboard, so that the menu hears of them too: `ctrl+n`. What the driver types reaches the page alone.
   */
  press(keys) {
    return this.#keyboard("key", keys);
  }

  /** Types words on that keyboard. */
  type(words) {
    return this.#keyboard("type", words);
  }

  async #keyboard(...does) {
    const chain = ["search", "--onlyvisible", "--pid", String(this.pid), "windowfocus", ...does];
    const pressing = new Program("xdotool", chain, { env: this.#environment });
    const { code } = await pressing.ended();
    if (code !== 0) {
      throw new Error(`xdotool: ${pressing.said}`);
    }
  }

  /** Ends the app as somebody does who chooses that in its menu. The driver's own ways to close a window kill the app. */
  async quit() {
    await this.press("ctrl+q");
    await this.#untilGone();
  }

  /** Ends it at once, whatever it is doing. */
  async kill() {
    process.kill(this.pid, "SIGKILL");
    await this.#untilGone();
  }

  async #untilGone() {
    await until("the app has ended", () => this.pids.length === 0);
    await this.#session.end().catch(() => {});
    this.#session = null;
  }

  async end() {
    await this.#session?.end().catch(() => {});
    await this.#driver?.end();
    for (const pid of this.pids) {
      process.kill(pid, "SIGKILL");
    }
    await this.#bus?.end();
    // WebKit's own processes end when they find the app gone.
    await until("everything on this computer has ended", () => this.#processes.length === 0);
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 10 });
  }
}

function mustExist(program) {
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: \`cargo xtask test desktop\` builds it`);
  }
}

function environmentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It has just ended, or is somebody else's.
    return [];
  }
}

function programOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}
