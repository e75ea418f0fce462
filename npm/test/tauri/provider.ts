/**
 * A browser for Vitest that is a window of a real Tauri app (`tests/tauri-host`): WebKit as the app has it, with the bridge to the plugin.
 *
 * The app gets a home, a bus and, where there is no screen, a screen of its own, and nothing of it is left afterwards: it ends when its standard input
 * does, also when this process is killed, and with it the programs around it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineBrowserProvider } from "@vitest/browser";
import type { BrowserProvider } from "vitest/node";

const program =
  process.env["ASHORE_TAURI_HOST"] ??
  fileURLToPath(new URL("../../../target/debug/ashore-tauri-host", import.meta.url));
/** An app that has not ended by itself by then is ended. */
const ENDS_WITHIN_MS = 10_000;

/** The provider, for a project of Vitest. */
export function tauri(): ReturnType<typeof defineBrowserProvider> {
  return defineBrowserProvider({
    name: "tauri",
    supportedBrowser: ["webkit"],
    options: {},
    providerFactory: () => new TauriWindow(),
  });
}

class TauriWindow implements BrowserProvider {
  readonly name = "tauri";
  readonly supportsParallelism = false;
  #app: App | null = null;

  getCommandsContext(): Record<string, unknown> {
    return {};
  }

  async openPage(_session: string, url: string): Promise<void> {
    await this.close();
    this.#app = new App(url);
    await this.#app.started;
  }

  async close(): Promise<void> {
    const app = this.#app;
    this.#app = null;
    await app?.end();
  }
}

class App {
  /** Rejects when there is no such program. */
  readonly started: Promise<unknown>;
  readonly #home = mkdtempSync(join(tmpdir(), "ashore-tauri-"));
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(url: string) {
    if (!existsSync(program)) {
      throw new Error(`no app at ${program}: cargo build -p ashore-tauri-host`);
    }
    const [command = program, ...args] = [...aroundIt(), program, url];
    const env = { ...process.env, ...this.#folders(), NO_AT_BRIDGE: "1" };
    // A group of its own: what is around the app can be ended with it.
    this.#process = spawn(command, args, { stdio: ["pipe", "inherit", "inherit"], env, detached: true });
    this.#ended = once(this.#process, "exit");
    this.started = once(this.#process, "spawn");
    process.once("exit", this.#kill);
  }

  #folders(): Record<string, string> {
    const folder = (name: string): string => {
      const path = join(this.#home, name);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return path;
    };
    return {
      HOME: folder("home"),
      XDG_DATA_HOME: folder("data"),
      XDG_CACHE_HOME: folder("cache"),
      XDG_CONFIG_HOME: folder("config"),
      XDG_RUNTIME_DIR: folder("run"),
    };
  }

  readonly #kill = (): void => {
    try {
      process.kill(-(this.#process.pid as number), "SIGKILL");
    } catch {
      // It has ended.
    }
  };

  async end(): Promise<void> {
    const giveUp = setTimeout(this.#kill, ENDS_WITHIN_MS);
    this.#process.stdin?.end();
    await this.#ended;
    clearTimeout(giveUp);
    process.off("exit", this.#kill);
    rmSync(this.#home, { recursive: true, force: true });
  }
}

/** On Linux the app has a bus of its own, whose services end with it, and a screen that nobody sees. */
function aroundIt(): string[] {
  return process.platform === "linux"
    ? ["dbus-run-session", "--", "xvfb-run", "-a", "-s", "-screen 0 1280x800x24 -nolisten tcp"]
    : [];
}
