//! What must hold before anything is run: formatting, lints, the order of modules, dependencies, generated files, promises.

mod dependencies;
mod hygiene;
mod layers;
mod promises;

use crate::failure::Outcome;
use crate::generate;
use crate::npm;
use crate::process::{cargo, npm_tool, run as run_program};
use crate::setup;
use crate::steps::Steps;
use crate::wasm;

/// Every check; quick ones first.
pub(crate) fn run() -> Outcome {
    let mut steps = Steps::begin();
    all(&mut steps)?;
    steps.close(0);
    Ok(())
}

/// Every check, as steps of a longer run.
pub(crate) fn all(steps: &mut Steps) -> Outcome {
    steps.step("format: Rust", || run_program(cargo(["fmt", "--all", "--check"])))?;
    steps.step("layers", layers::check)?;
    steps.step("dependencies", dependencies::check)?;
    steps.step("hygiene", hygiene::check)?;
    steps.step("promises", promises::check)?;
    steps.step("npm packages", setup::npm_packages)?;
    steps.step("format: everything else", || {
        run_program(npm_tool("prettier", ["--log-level", "warn", "--check", "."]))
    })?;
    steps.step("lints: TypeScript", || run_program(npm_tool("oxlint", ["--deny-warnings"])))?;
    steps.step("generated files", || generate::run(generate::Mode::Check))?;
    steps.step("lints: Rust", lint_native)?;
    steps.step("lints: Rust in browsers", lint_browser)?;
    steps.step("engine for browsers", || wasm::build(wasm::Profile::Wasm))?;
    steps.step("types: TypeScript", npm::check_types)
}

/// All but `wbg`: its few lines are not worth the minutes that checking its dependencies takes.
fn lint_native() -> Outcome {
    let packages = ["clippy", "--workspace", "--exclude", "ashore-wasm", "--exclude", "wbg", "--all-targets"];
    run_program(cargo([&packages[..], &["--", "-D", "warnings"]].concat()))
}

fn lint_browser() -> Outcome {
    setup::wasm_target()?;
    let packages = ["clippy", "-p", "ashore-wasm", "--target", "wasm32-unknown-unknown", "--all-targets"];
    run_program(cargo([&packages[..], &["--", "-D", "warnings"]].concat()))
}
