/** A fresh Tauri app, as `create-tauri-app` makes it, and the edits that docs/tauri.md asks for. */

import { execFileSync } from "node:child_process";
import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { install, pack, root } from "../../packaging/tarball.js";

const folder = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "fresh-app");
const app = join(folder, "notes");
const rust = join(app, "src-tauri");
const built = join(folder, "target");

/** The app as `useDesktop` wants it. */
export const fresh = { program: join(built, "debug/notes"), identifier: "org.example.notes" };

/** Why it cannot be made here, or `false`: the lockfile knows the maker's builds for this platform alone. */
export const skip =
  process.platform === "linux" && process.arch === "x64" ? false : "create-tauri-app is locked for Linux on x64";

/** As the template has it. */
export function create() {
  rmSync(app, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const template = ["--template", "vanilla-ts", "--manager", "npm", "--identifier", fresh.identifier, "--yes"];
  run(join(root, "node_modules/.bin/create-tauri-app"), ["notes", ...template], { cwd: folder });
  // Those of its crates that Ashore has, too, are the same ones.
  copyFileSync(join(root, "Cargo.lock"), join(rust, "Cargo.lock"));
  // It lies in Ashore's folder, and is none of its crates.
  appendFileSync(join(rust, "Cargo.toml"), "\n[workspace]\n");
}

/** Its Rust half with what the documentation says, with the plugin from here, as there is no release. */
export function addPlugin() {
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

/** The crates that it brings beside Ashore's, for a build without a network. */
export function fetch() {
  run("cargo", ["fetch", "--quiet"], { cwd: rust });
}

/** The documentation's own page, and `more` behind it. */
export function writePage(more) {
  install(pack(folder).tarball, app);
  writeFileSync(join(app, "src/main.ts"), documented().ts + more);
  buildPage();
}

/** A page that does nothing, in the place of the template's, which asks for a package of Tauri's. */
export function writeEmptyPage() {
  writeFileSync(join(app, "src/main.ts"), "export {};\n");
  buildPage();
}

function buildPage() {
  run(join(root, "node_modules/.bin/tsc"), []);
  run(join(root, "node_modules/.bin/vite"), ["build"]);
}

/** Compiles it; answers its size in bytes, without symbols. */
export function compile() {
  const env = { ...process.env, CARGO_TARGET_DIR: built, CARGO_PROFILE_DEV_DEBUG: "0" };
  run("cargo", ["build", "--features", "tauri/custom-protocol"], { cwd: rust, env });
  const stripped = `${fresh.program}.stripped`;
  run("strip", ["-o", stripped, fresh.program]);
  return statSync(stripped).size;
}

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
