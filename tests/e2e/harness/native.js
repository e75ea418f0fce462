/** A native device: `ashore backup`, which joins by an invite for a reader and stays, as a process of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { until } from "./wait.js";

const program = process.env.ASHORE_CLI ?? fileURLToPath(new URL("../../../target/debug/ashore", import.meta.url));

/** Joins and stays. Ended by `end()`. */
export async function startBackup(relay, code) {
  const backup = new Backup(relay, code);
  await backup.start();
  return backup;
}

class Backup {
  #relay;
  #code;
  #child = null;
  #ended = null;
  #folder = mkdtempSync(join(tmpdir(), "ashore-native-"));
  #said = "";
  /** The place in the relay's log that it said last that it has. */
  synced = 0;

  constructor(relay, code) {
    this.#relay = relay;
    this.#code = code;
  }

  get pid() {
    return this.#child.pid;
  }

  async start() {
    const words = ["--dir", this.#folder, "--relay", this.#relay, "backup", this.#code];
    this.#child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
    this.#ended = once(this.#child, "exit");
    this.#child.stderr.setEncoding("utf8").on("data", (text) => (this.#said = (this.#said + text).slice(-2_000)));
    let rest = "";
    this.#child.stdout.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      this.synced = lines.map((line) => JSON.parse(line).synced ?? this.synced).at(-1) ?? this.synced;
    });
    await until(`it is joined: ${program}`, () => {
      if (this.#child.exitCode !== null) {
        throw new Error(this.#said);
      }
      return this.synced > 0;
    });
  }

  /** Asks it to stop, unless it has; answers its exit code. */
  async end() {
    this.#child.kill("SIGTERM");
    const [code] = await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
    return code;
  }
}
