// Puts a release together: `node release.js FOLDER PLATFORM PROGRAM...`, with everything built. The folder is made anew. Whoever gets a file of it
// compares it with `sha256sum --check SHA256SUMS`.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";

import { manifest, pack, root } from "../../../tests/packaging/tarball.js";

const SUMS = "SHA256SUMS";
const [folder, platform, ...programs] = process.argv.slice(2);
const { version } = manifest(join(root, "npm"));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
pack(folder);
for (const program of programs) {
  const ending = extname(program);
  copyFileSync(program, join(folder, `${basename(program, ending)}-${version}-${platform}${ending}`));
}
const source = `ashore-${version}-source`;
const archive = ["archive", "--format=tar.gz", `--prefix=${source}/`, "-o", join(folder, `${source}.tar.gz`), "HEAD"];
execFileSync("git", archive, { cwd: root });

const lines = readdirSync(folder)
  .toSorted()
  .map(
    (name) =>
      `${createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex")}  ${name}\n`,
  );
writeFileSync(join(folder, SUMS), lines.join(""));
console.log(`${folder}:\n${lines.join("")}`);
