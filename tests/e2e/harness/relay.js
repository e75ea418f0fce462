/** The real relay as a process of its own, on a port of loopback that was free. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { searchFiles, searchMemory } from "./search.js";
import { until } from "./wait.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const pages = join(root, "web-demo/dist");
const program = process.env.ASHORE_RELAY ?? join(root, "target/debug/ashore-relay");

const LISTENS = /listening on http:\/\/127\.0\.0\.1:(\d+)/;

/** Starts a relay with an empty folder. Ended by `end()`. */
export async function startRelay(...flags) {
  const relay = new Relay(flags);
  await relay.start();
  return relay;
}

export class Relay {
  #flags;
  #child = null;
  #ended = null;
  /** Everything it printed, through all its lives. */
  printed = "";
  port = 0;
  folder = mkdtempSync(join(tmpdir(), "ashore-relay-"));

  constructor(flags) {
    this.#flags = flags;
  }

  /** Where it serves the demo's pages. */
  get page() {
    return `http://127.0.0.1:${this.port}/`;
  }

  get address() {
    return `ws://127.0.0.1:${this.port}/v1/ws`;
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child !== null;
  }

  /** Starts it; again on the port that it had before. */
  async start() {
    const from = this.printed.length;
    const child = spawn(
      program,
      ["--port", String(this.port), "--data", this.folder, "--pages", pages, ...this.#flags],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#child = child;
    this.#ended = once(child, "exit");
    child.once("error", (error) => (this.printed += `${program}: ${error.message}`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.printed += text));
    }
    const listens = () => LISTENS.exec(this.printed.slice(from));
    await until("the relay says where it listens", () => listens() || child.exitCode !== null);
    if (!listens()) {
      throw new Error(`the relay ended: ${this.printed}`);
    }
    this.port = Number(listens()[1]);
  }

  /** Asks it to stop and waits until it has. */
  stop() {
    return this.#signal("SIGTERM");
  }

  /** Ends it at once, whatever it is doing. */
  kill() {
    return this.#signal("SIGKILL");
  }

  /** Stops it in its tracks, with every connection open: it answers nothing. */
  freeze() {
    this.#child.kill("SIGSTOP");
  }

  thaw() {
    this.#child.kill("SIGCONT");
  }

  /** Kills it and starts it on the same data. */
  async crash() {
    await this.kill();
    await this.start();
  }

  /** Deletes everything it stored. It must not run. */
  wipe() {
    for (const name of readdirSync(this.folder)) {
      rmSync(join(this.folder, name), { recursive: true, force: true });
    }
  }

  async #signal(signal) {
    const child = this.#child;
    if (child === null) {
      return;
    }
    child.kill("SIGCONT");
    child.kill(signal);
    await this.#ended;
    this.#child = null;
  }

  /** Where one of `words` can be read at this relay: its files, what it printed, its memory while it runs. */
  find(words) {
    const found = searchFiles(this.folder, words);
    found.push(...words.filter((word) => this.printed.includes(word)).map((word) => `${word} in what it printed`));
    if (this.running) {
      found.push(...searchMemory(this.pid, words));
    }
    return found;
  }

  /** Bytes in its folder. */
  get stored() {
    return readdirSync(this.folder).reduce((sum, name) => sum + statSync(join(this.folder, name)).size, 0);
  }

  async end() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether there is a relay to test with. */
export function hasRelay() {
  return existsSync(program);
}
