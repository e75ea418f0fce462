/** How much is the same on every host, of the package and with the engine: lines with code, without tests and what is generated. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const source = new URL("../../src/", import.meta.url);
/** What each host is besides. A file of `hosts/` that no host names makes the test fail. */
const HOSTS: Record<string, readonly string[]> = {
  worker: [
    "browser",
    "hosts/browser",
    "hosts/deathbed",
    "hosts/engine",
    "hosts/messages",
    "hosts/tabs",
    "hosts/wasm.worker",
    "hosts/worker",
  ],
  memory: ["browser", "hosts/browser", "hosts/engine", "hosts/memory"],
  tauri: ["tauri", "hosts/tauri", "hosts/tauri-channel"],
};
/** The Rust that runs there, and only there. */
const CRATES: Record<string, readonly string[]> = {
  worker: ["wasm"],
  memory: ["wasm"],
  tauri: ["native", "tauri-plugin"],
};
/** No host is more than this part of what runs there. */
const AT_MOST_PERCENT = 15;

/** Lines that are neither empty nor comments. */
function lines(file: string): number {
  const text = readFileSync(new URL(`${file}.ts`, source), "utf8").replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, "");
  return text.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//")).length;
}

function files(folder: string): string[] {
  const names = readdirSync(new URL(folder, source)).filter((name) => name.endsWith(".ts"));
  return names.map((name) => `${folder}${name.slice(0, -".ts".length)}`);
}

/** Lines of a crate's sources without its tests. */
function rustLines(crate: string): number {
  const folder = new URL(`../../../crates/${crate}/src/`, import.meta.url);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => name.endsWith(".rs") && !/\btest(s|ing)\b/.test(name));
  const texts = sources.map(
    (name) => readFileSync(new URL(name, folder), "utf8").split("#[cfg(test)]\nmod tests")[0] as string,
  );
  return texts.flatMap((text) => text.split("\n")).filter((line) => /^\s*[^\s/]/.test(line)).length;
}

function sum(of: readonly string[]): number {
  return of.reduce((all, file) => all + lines(file), 0);
}

describe("the share of code that all hosts have", () => {
  const adapters = new Set(Object.values(HOSTS).flat());
  const shared = sum(files("").filter((file) => !adapters.has(file)));

  it("counts every file of a host", () => {
    expect(files("hosts/").filter((file) => !adapters.has(file))).toEqual([]);
  });

  it.each(Object.keys(HOSTS))("is nearly all of it on the host %s", (host) => {
    const own = sum(HOSTS[host] as readonly string[]);
    const percent = (100 * own) / (own + shared);
    console.log(
      `${host}, TypeScript: ${shared} lines shared, ${own} of its own: ${(100 - percent).toFixed(1)} % shared`,
    );
    const engine = ["engine", "protocol"].reduce((all, crate) => all + rustLines(crate), shared);
    const ownRust = (CRATES[host] as readonly string[]).reduce((all, crate) => all + rustLines(crate), own);
    const all = (100 * ownRust) / (ownRust + engine);
    console.log(
      `${host}, with Rust: ${engine} lines shared, ${ownRust} of its own: ${(100 - all).toFixed(1)} % shared`,
    );
    expect(own).toBeGreaterThan(0);
    expect(percent).toBeLessThan(AT_MOST_PERCENT);
    expect(all).toBeLessThan(AT_MOST_PERCENT);
  });
});
