/** The relay's process, its release build, on a port that was free and over an empty folder. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const program =
  process.env.ASHORE_RELAY ?? fileURLToPath(new URL("../../target/release/ashore-relay", import.meta.url));
const LISTENS = /listening on http:\/\/127\.0\.0\.1:(\d+)/;

export async function startRelay(...flags) {
  const folder = mkdtempSync(join(tmpdir(), "ashore-bench-relay-"));
  const child = spawn(program, ["--port", "0", "--data", folder, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const port = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the relay ended: ${printed}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        printed = `${printed}${text}`.slice(-4_096);
        const listens = LISTENS.exec(printed);
        if (listens) {
          resolve(Number(listens[1]));
        }
      });
    }
  });
  return {
    address: `ws://127.0.0.1:${port}/v1/ws`,
    /** Where it serves pages, if it was given some. */
    page: `http://127.0.0.1:${port}/`,
    async end() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
