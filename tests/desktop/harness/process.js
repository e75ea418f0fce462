/** Programs that a test starts, and ends by their ids. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

import { until } from "../../e2e/harness/wait.js";

export class Program {
  #child;
  #ended;
  /** Everything it said. */
  said = "";
  running = true;

  constructor(name, args, options = {}) {
    this.name = name;
    this.#child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => resolve({ code, signal }));
      this.#child.once("error", (error) => {
        this.said += `${name}: ${error.message}`;
        resolve({ code: null, signal: null });
      });
    }).finally(() => (this.running = false));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.said += text));
    }
  }

  get pid() {
    return this.#child.pid;
  }

  /** Waits until it has said something that matches, and gives what did. */
  async says(pattern) {
    const match = await until(`${this.name} says ${pattern}`, () => pattern.exec(this.said) ?? !this.running);
    if (match === true) {
      throw new Error(`${this.name} ended: ${this.said}`);
    }
    return match;
  }

  /** How it ended: `{ code, signal }`. */
  ended() {
    return this.#ended;
  }

  async end() {
    if (this.running) {
      this.#child.kill("SIGTERM");
    }
    return this.#ended;
  }
}

/** Ports of loopback that nobody has. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => void server.close(resolve))));
  return ports;
}
