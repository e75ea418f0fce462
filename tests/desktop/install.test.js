/** A fresh Tauri app, as `create-tauri-app` makes it, and the edits that docs/tauri.md asks for: it builds, and keeps what its page writes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { until } from "../e2e/harness/wait.js";
import { install, pack, root } from "../packaging/tarball.js";
import { useDesktop } from "./harness/desktop.js";

const folder = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "fresh-app");
const app = join(folder, "notes");
const rust = join(app, "src-tauri");
const program = join(folder, "target/debug/notes");
const identifier = "org.example.notes";
const parts = useDesktop({ program, identifier });

/** The blocks of code under "Install", by their languages. */
function documented() {
  const page = readFileSync(join(root, "docs/tauri.md"), "utf8");
  const [section] = page.split("\n## Install\n")[1].split("\n## ");
  return Object.fromEntries(
    [...section.matchAll(/```([a-z]+)[^\n]*\n(.*?)```/gs)].map(([, name, code]) => [name, code]),
  );
}

/** Changes one file of the app's Rust half. */
function edit(file, change) {
  const path = join(rust, file);
  const before = readFileSync(path, "utf8");
  const after = change(before);
  assert.notEqual(after, before, `${file} has no place for the edit`);
  writeFileSync(path, after);
}

/** Puts what stands behind `first` in the documentation behind the same words in the file. */
function insert(first, code) {
  const [, lines] = code.split(first);
  const end = first.endsWith("\n") ? "\n" : "";
  return (text) => text.replace(first, `${first}${lines.trimEnd()}${end}`);
}

function run(name, args, more = {}) {
  execFileSync(name, args, { cwd: app, stdio: ["ignore", "inherit", "inherit"], ...more });
}

function create() {
  rmSync(app, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const template = ["--template", "vanilla-ts", "--manager", "npm", "--identifier", identifier, "--yes"];
  run(join(root, "node_modules/.bin/create-tauri-app"), ["notes", ...template], { cwd: folder });
}

/** What the documentation says, with the plugin from here, as there is no release. */
function addPlugin() {
  const { toml, rust: code, json } = documented();
  const here = JSON.stringify(join(root, "crates/tauri-plugin"));
  edit("Cargo.toml", insert("[dependencies]\n", toml.replace(/git = "[^"]*"/, `path = ${here}`)));
  edit("src/lib.rs", insert("tauri::Builder::default()", code));
  edit("capabilities/default.json", (text) => {
    const capability = JSON.parse(text);
    capability.permissions = [...new Set([...capability.permissions, ...JSON.parse(json).permissions])];
    return JSON.stringify(capability, null, 2);
  });
}

/** The documentation's own page, which counts its starts besides. */
function writePage() {
  install(pack(folder).tarball, app);
  const counts = `
const starts = db.collection("starts");
await starts.put(crypto.randomUUID(), {});
const milk = await db.collection<{ title: string }>("notes").get("n1");
document.title = \`\${milk?.title}: \${await starts.count()} on \${db.capabilities.host}\`;
export {};
`;
  writeFileSync(join(app, "src/main.ts"), documented().ts + counts);
  run(join(root, "node_modules/.bin/tsc"), []);
  run(join(root, "node_modules/.bin/vite"), ["build"]);
}

/** Those of its crates that Ashore has, too, are the same ones. */
function compile() {
  copyFileSync(join(root, "Cargo.lock"), join(rust, "Cargo.lock"));
  // It lies in Ashore's folder, and is none of its crates.
  appendFileSync(join(rust, "Cargo.toml"), "\n[workspace]\n");
  const env = { ...process.env, CARGO_TARGET_DIR: join(folder, "target"), CARGO_PROFILE_DEV_DEBUG: "0" };
  run("cargo", ["build", "--features", "tauri/custom-protocol"], { cwd: rust, env });
}

describe("a fresh Tauri app", () => {
  // The lockfile knows the maker's builds for this platform alone.
  const skip = process.arch === "x64" ? false : "create-tauri-app is locked for x64";
  it("keeps its documents after three edits", { skip }, async () => {
    create();
    addPlugin();
    writePage();
    compile();
    for (const start of [1, 2]) {
      const session = await parts.desktop.open();
      await until("its page has written", async () => (await session.title()) === `Milk: ${start} on tauri`);
      await parts.desktop.kill();
    }
    assert.ok(parts.desktop.databases.includes("family.ashore"));
  });
});
