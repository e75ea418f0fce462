/** Starts the second process of four hops of JSON. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("sidecar.js", import.meta.url));

export async function startHops() {
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  const [address] = await once(createInterface({ input: child.stdout }), "line");
  return {
    address,
    async end() {
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}
