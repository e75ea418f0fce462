//! `cargo xtask bench`: Ashore beside the systems that one would pick instead, in one run. Takes an hour or two, and is no part of `test`.

use crate::failure::Outcome;
use crate::npm;
use crate::process::{self, cargo, program};
use crate::setup;
use crate::wasm;
use crate::workspace;

const FOLDER: &str = "bench";

/// The words go to the runner: see `bench/run/main.js`.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let browsers = setup::browsers()?;
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    process::run(cargo(["build", "--release", "-p", "ashore-relay"]))?;
    setup::npm_packages_in(FOLDER)?;
    process::run(npm::script(FOLDER, "build")?)?;
    let mut runner = program("node");
    runner
        .current_dir(workspace::root().join(FOLDER))
        .env("CHROMIUM", browsers.chromium)
        .env("ASHORE_RELAY", workspace::built("release", "ashore-relay"))
        .arg("run/main.js")
        .args(words);
    process::run(runner)?;
    report()
}

/// Writes docs/benchmarks.md from what was measured.
fn report() -> Outcome {
    process::run(npm::script(FOLDER, "report")?)
}
