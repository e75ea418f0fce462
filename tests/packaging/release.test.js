/** What a release consists of, what it is built from, and how large it is. `cargo xtask test packaging` puts one together before. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { differences } from "../../crates/xtask/scripts/sizes.js";
import { manifest, root } from "./tarball.js";

const folder = process.env.ASHORE_RELEASE ?? join(root, "target/artefacts/debug");
const { version } = manifest(join(root, "npm"));
const read = (path) => readFileSync(join(root, path), "utf8");

/** How `sha256sum` ends that compares a folder with its list. */
function compared(place) {
  return spawnSync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: place }).status;
}

/** Uses a copy of the release, which is gone afterwards. */
function withCopy(use) {
  const scratch = mkdtempSync(join(tmpdir(), "ashore-release-"));
  try {
    cpSync(folder, scratch, { recursive: true });
    use(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const names = () => readdirSync(folder).toSorted();
const programs = () => names().filter((name) => name.includes(`-${version}-`) && !name.includes("source"));

describe("a release", () => {
  it("is the package, the source and two programs, each with its checksum", () => {
    const listed = readFileSync(join(folder, "SHA256SUMS"), "utf8").trimEnd().split("\n");
    const summed = listed.map((line) => line.split("  ")[1]);
    assert.deepEqual(["SHA256SUMS", ...summed].toSorted(), names());
    assert.ok(summed.includes(`ashore-${version}.tgz`) && summed.includes(`ashore-${version}-source.tar.gz`));
    assert.deepEqual(
      programs().map((name) => name.split(`-${version}-`)[0]),
      ["ashore", "ashore-relay"],
    );
    assert.equal(compared(folder), 0);
  });

  it("does not fit its checksums when one byte of it is another", () => {
    withCopy((copy) => {
      const path = join(copy, `ashore-${version}.tgz`);
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)] ^= 1;
      writeFileSync(path, bytes);
      assert.notEqual(compared(copy), 0);
    });
  });

  it("has programs that start and are of its version", () => {
    for (const name of programs()) {
      const said = execFileSync(join(folder, name), ["--version"], { encoding: "utf8" });
      assert.equal(said.trim(), `${name.split(`-${version}-`)[0]} ${version}`);
    }
  });

  it("has the source of this commit, with both lock files and nothing that was built", () => {
    const archive = join(folder, `ashore-${version}-source.tar.gz`);
    const listed = execFileSync("tar", ["-tzf", archive], { encoding: "utf8", maxBuffer: 1 << 24 });
    const files = listed.split("\n").filter((path) => path !== "" && !path.endsWith("/"));
    const tracked = execFileSync("git", ["ls-tree", "-r", "--name-only", "-z", "HEAD"], {
      cwd: root,
      encoding: "utf8",
    });
    const wanted = tracked.split("\0").filter((path) => path !== "");
    assert.deepEqual(files.toSorted(), wanted.map((path) => `ashore-${version}-source/${path}`).toSorted());
    assert.ok(wanted.includes("Cargo.lock") && wanted.includes("package-lock.json"));
  });
});

describe("everything here", () => {
  it("is built from sources that the lock files name with their digests", () => {
    const crates = read("Cargo.lock").split("[[package]]").slice(1);
    const foreign = crates.filter((entry) => entry.includes("\nsource = "));
    assert.ok(foreign.length > 300);
    for (const entry of foreign) {
      assert.match(entry, /\nsource = "registry\+/);
      assert.match(entry, /\nchecksum = "[0-9a-f]{64}"/);
    }
    const packages = Object.entries(JSON.parse(read("package-lock.json")).packages);
    const installed = packages.filter(([path, entry]) => /(^|\/)node_modules\//.test(path) && !entry.link);
    assert.ok(installed.length > 100);
    for (const [path, entry] of installed.filter(([, { inBundle }]) => !inBundle)) {
      assert.match(entry.integrity ?? "", /^sha512-/, path);
    }
  });

  const open = process.env.ASHORE_NETWORK === "cut" ? false : "`cargo xtask test` could not cut the network here";
  it("is built and tested without a network", { skip: open }, async () => {
    // The one that leads nowhere has an address of TEST-NET-1 (RFC 5737), and none that a router gave it.
    const addresses = Object.values(networkInterfaces()).flat();
    const named = addresses.filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
    assert.deepEqual(
      named.map(({ cidr }) => cidr),
      ["192.0.2.1/32"],
    );
    // TEST-NET-2: no route leads there, and nobody is asked for a name.
    const socket = connect(443, "198.51.100.1");
    const code = await new Promise((resolve) => {
      socket.once("error", (error) => resolve(error.code)).once("connect", () => resolve("connected"));
    });
    socket.destroy();
    assert.equal(code, "ENETUNREACH");
    assert.equal(process.env.CARGO_NET_OFFLINE, "true");
  });
});

describe("recorded sizes", () => {
  it("names what is not as it was recorded", () => {
    const sizes = { wasm: { raw: 10_000, brotli: 3_000 } };
    assert.deepEqual(differences(sizes, { wasm: { raw: 10_040, brotli: 2_990 } }), []);
    for (const parts of [{ wasm: { raw: 10_060 } }, { wasm: { brotli: 2_980 } }, { page: { raw: 1 } }]) {
      assert.equal(differences(sizes, parts).length, 1);
    }
  });
});
