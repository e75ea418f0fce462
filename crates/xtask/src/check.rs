//! What must hold before anything is run: formatting, lints, the order of modules, dependencies, generated files, promises.

mod dependencies;
mod hygiene;
mod layers;
mod promises;
mod targets;
mod tools;

use crate::failure::{Failure, Outcome};
use crate::generate;
use crate::native;
use crate::npm;
use crate::process::{cargo, npm as npm_command, npm_tool, read, run as run_program};
use crate::setup;
use crate::steps::Steps;
use crate::wasm;

/// A check and the name it is asked for by.
type Check = (&'static str, fn() -> Outcome);

/// What costs little, or is needed anyway; quick ones first.
const QUICK: [Check; 13] = [
    ("format", || run_program(cargo(["fmt", "--all", "--check"]))),
    ("layers", layers::check),
    ("dependencies", dependencies::check),
    ("hygiene", hygiene::check),
    ("promises", promises::check),
    ("tools", tools::check),
    ("lockfile", lock_file),
    ("npm-packages", setup::npm_packages),
    ("prettier", || run_program(npm_tool("prettier", ["--log-level", "warn", "--check", "."]))),
    ("oxlint", || run_program(npm_tool("oxlint", ["--deny-warnings"]))),
    ("generated", || generate::run(generate::Mode::Check)),
    ("wasm", || wasm::build(wasm::Profile::Wasm)),
    ("types", npm::check_types),
];

/// What compiles everything once more.
const LINTS: [Check; 3] = [("clippy", lint_native), ("clippy-wasm", lint_browser), ("targets", targets::check)];

/// Runs the checks named, or all.
pub(crate) fn run(names: &[&str]) -> Outcome {
    let checks = [&QUICK[..], &LINTS].concat();
    if let Some(unknown) = names.iter().find(|name| !checks.iter().any(|(known, _)| known == *name)) {
        let known = checks.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        return Err(Failure::new(format!("there is no check `{unknown}`: {known}")));
    }
    let mut steps = Steps::begin();
    for (name, check) in checks.iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        steps.step(name, check)?;
    }
    steps.close(0);
    Ok(())
}

/// What the checks need from outside beside crates.
pub(crate) fn fetch() -> Outcome {
    setup::wasm_target()?;
    setup::npm_packages()?;
    targets::fetch()
}

/// The quick ones, as steps of a longer run.
pub(crate) fn quick(steps: &mut Steps) -> Outcome {
    QUICK.iter().try_for_each(|(name, check)| steps.step(&format!("check {name}"), check))
}

/// The others.
pub(crate) fn lints(steps: &mut Steps) -> Outcome {
    LINTS.iter().try_for_each(|(name, check)| steps.step(&format!("check {name}"), check))
}

/// `npm install` over an installed tree drops the packages of other platforms from the lock file, and then `npm ci` fails
/// for whoever clones. The way out: remove node_modules/ and package-lock.json, then `npm install`.
fn lock_file() -> Outcome {
    read(npm_command(["ci", "--dry-run", "--ignore-scripts"])).map(|_| ())
}

fn lint_native() -> Outcome {
    run_program(native::cargo("clippy", &["--all-targets", "--", "-D", "warnings"]))
}

fn lint_browser() -> Outcome {
    setup::wasm_target()?;
    let packages = ["clippy", "-p", "ashore-wasm", "--target", "wasm32-unknown-unknown", "--all-targets"];
    run_program(cargo([&packages[..], &["--", "-D", "warnings"]].concat()))
}
