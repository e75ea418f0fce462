//! What a page downloads for Ashore: raw, gzip and brotli, against size-budget.json.

use crate::failure::Outcome;
use crate::npm;
use crate::process;
use crate::wasm;

/// Builds what ships and measures it; fails when a budget is exceeded.
pub(crate) fn run() -> Outcome {
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    measure()
}

/// Measures what is built already.
pub(crate) fn measure() -> Outcome {
    let mut script = process::program("node");
    script.arg("crates/xtask/scripts/size.js");
    process::run(script)
}
