/** A real relay for the conformance suite: one process for all of its tests, on a free port of loopback. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The address of the relay. */
    relay: string;
  }
}

const program =
  process.env["ASHORE_RELAY"] ?? fileURLToPath(new URL("../../target/debug/ashore-relay", import.meta.url));
const LISTENS = /listening on http:\/\/(127\.0\.0\.1:\d+)/;

/** Starts it before the first test; the returned function ends it after the last one. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "ashore-relay-"));
  const child = spawn(program, ["--port", "0", "--data", folder], {
    stdio: ["ignore", "pipe", "ignore"],
    // Every test makes a group, all from one address.
    env: { ...process.env, ASHORE_RELAY_ADDRESS_NEW_GROUPS: "100000" },
  });
  const ended = once(child, "exit").catch(() => {});
  const address = await new Promise<string>((resolve, reject) => {
    let printed = "";
    child.once("error", (cause) =>
      reject(new Error(`no relay at ${program}: cargo build --bin ashore-relay`, { cause })),
    );
    child.once("exit", () => reject(new Error(`the relay ended: ${printed}`)));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      const listens = LISTENS.exec(printed);
      if (listens) {
        resolve(`ws://${listens[1]}/v1/ws`);
      }
    });
  });
  project.provide("relay", address);
  return async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
}
