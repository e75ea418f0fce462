//! `cargo xtask release`: what a release consists of, in one folder with its checksums: the npm package with the engine for browsers inside, the relay
//! and the command line as programs of this machine's platform, and the source that Rust and Tauri apps are built from.

use crate::failure::{Failure, Outcome};
use crate::npm;
use crate::process::{self, cargo, program};
use crate::wasm;
use crate::workspace;

/// Built for each platform, by the packages `ashore-cli` and `ashore-relay`.
pub(crate) const PROGRAMS: [&str; 2] = ["ashore", "ashore-relay"];

pub(crate) fn run() -> Outcome {
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    process::run(cargo(["build", "--release", "--locked", "-p", "ashore-cli", "-p", "ashore-relay"]))?;
    gather("release")
}

/// Where a release of this profile is put together.
pub(crate) fn folder(profile: &str) -> std::path::PathBuf {
    workspace::target().join("artefacts").join(profile)
}

/// Puts it together of what is built. Tests have one of unoptimised programs (`debug`), which are there anyway.
pub(crate) fn gather(profile: &str) -> Outcome {
    let mut script = program("node");
    script.arg("crates/xtask/scripts/release.js").arg(folder(profile)).arg(platform()?);
    script.args(PROGRAMS.map(|name| workspace::built(profile, name)));
    process::run(script)
}

/// The name of this machine's platform, as Rust writes it.
fn platform() -> Outcome<String> {
    let mut rustc = program("rustc");
    rustc.arg("-vV");
    let said = process::read(rustc)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("rustc -vV names no host"))
}
