/** The package as npm would publish it, and its installation into an app without the network. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

/** Packs npm/ into `folder`: where the tarball is, and the paths inside it. */
export function pack(folder) {
  const said = execFileSync(npm, ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: join(root, "npm"),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const parsed = JSON.parse(said);
  const [packed] = Array.isArray(parsed) ? parsed : Object.values(parsed);
  return { tarball: join(folder, packed.filename), files: packed.files.map((file) => file.path) };
}

/** What `npm install <tarball>` leaves in `app`, its dependencies taken from what `npm ci` installed here. */
export function install(tarball, app) {
  const modules = join(app, "node_modules");
  const here = join(modules, "ashore");
  mkdirSync(here, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", here]);
  copyDependencies(here, modules);
}

function copyDependencies(folder, modules) {
  for (const name of Object.keys(manifest(folder).dependencies ?? {})) {
    const place = join(modules, name);
    cpSync(join(root, "node_modules", name), place, { recursive: true, dereference: true });
    copyDependencies(place, modules);
  }
}

/** The package.json of a folder. */
export function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
