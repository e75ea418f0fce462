//! `cargo xtask soak`: two browsers and a native device write and sync for an hour, and nothing may grow or be left behind. A short run of the same
//! is among the end-to-end tests.

use crate::failure::Outcome;
use crate::native;
use crate::npm;
use crate::process::{self, program};
use crate::setup;
use crate::wasm;
use crate::workspace;

/// `--minutes N`, `--writes PER_SECOND`: see `tests/e2e/soak/main.js`.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let browsers = setup::browsers()?;
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    npm::build_demo()?;
    process::run(native::programs(&["ashore-relay", "ashore"]))?;
    let mut soak = program("node");
    soak.arg("tests/e2e/soak/main.js")
        .args(words)
        .env("CHROMIUM", browsers.chromium)
        .env("ASHORE_RELAY", workspace::built("debug", "ashore-relay"))
        .env("ASHORE_CLI", workspace::built("debug", "ashore"));
    process::run(soak)
}
