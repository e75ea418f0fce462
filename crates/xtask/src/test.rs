//! `cargo xtask test`: every check and test, in the order in which failures are cheapest to find.

use std::process::Command;

use crate::check;
use crate::counts;
use crate::desktop;
use crate::failure::{Failure, Outcome};
use crate::native;
use crate::npm;
use crate::process::{cargo, run as run_program};
use crate::setup::{self, Browsers};
use crate::size;
use crate::steps::Steps;
use crate::wasm;
use crate::workspace;

/// A part of the whole that can be asked for by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Check,
    Native,
    Counts,
    Wasm,
    Npm,
    Packaging,
    EndToEnd,
    Size,
    Desktop,
}

const ALL: [Part; 9] = [
    Part::Check,
    Part::Native,
    Part::Counts,
    Part::Wasm,
    Part::Npm,
    Part::Packaging,
    Part::EndToEnd,
    Part::Size,
    Part::Desktop,
];

impl Part {
    fn parse(name: &str) -> Outcome<Self> {
        ALL.into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| Failure::new(format!("there is no part `{name}`: {}", ALL.map(Part::name).join(" "))))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Native => "native",
            Self::Counts => "counts",
            Self::Wasm => "wasm",
            Self::Npm => "npm",
            Self::Packaging => "packaging",
            Self::EndToEnd => "e2e",
            Self::Size => "size",
            Self::Desktop => "desktop",
        }
    }

    fn run(self, steps: &mut Steps) -> Outcome {
        match self {
            Self::Check => check::all(steps),
            Self::Native => rust(steps),
            Self::Counts => steps.step("instructions of the hot paths", || counts::run(&[])),
            Self::Wasm => in_browser(steps),
            Self::Npm => packages(steps),
            Self::Packaging => packaging(steps),
            Self::EndToEnd => end_to_end(steps),
            Self::Size => measured(steps),
            Self::Desktop => desktop(steps),
        }
    }
}

/// Runs the parts named, or all.
pub(crate) fn run(names: &[&str]) -> Outcome {
    let named: Vec<Part> = names.iter().map(|name| Part::parse(name)).collect::<Outcome<_>>()?;
    let mut steps = Steps::begin();
    if cfg!(target_os = "linux") && (named.is_empty() || named.contains(&Part::Desktop)) {
        // First, so that every part builds with it and nothing is compiled twice.
        steps.step("what windows need", || setup::webview().and_then(|()| setup::window_driver()))?;
    }
    for part in ALL.into_iter().filter(|part| named.is_empty() || named.contains(part)) {
        part.run(&mut steps)?;
    }
    steps.close(0);
    Ok(())
}

/// All native crates in one build, so that nothing is compiled twice with other features.
fn rust(steps: &mut Steps) -> Outcome {
    steps.step("native tests", || run_program(native::cargo("test", &[])))
}

fn in_browser(steps: &mut Steps) -> Outcome {
    steps.step("tests of the engine in Chromium", || {
        setup::wasm_target()?;
        let found = setup::browsers()?;
        run_program(cargo(["test", "-p", "wbg", "--profile", "tool"]))?;
        run_program(cargo(["build", "-p", "wbg", "--profile", "tool"]))?;
        let mut tests = cargo(["test", "-p", "ashore-wasm", "--target", "wasm32-unknown-unknown", "--lib", "--tests"]);
        let runner = format!("{} test", workspace::built("tool", "wbg").display());
        tests.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner).env("WASM_BINDGEN_TEST_TIMEOUT", "300");
        with_browser(&mut tests, &found);
        run_program(tests)
    })
}

fn packages(steps: &mut Steps) -> Outcome {
    steps.step("npm package and demo", || {
        wasm::build(wasm::Profile::Wasm)?;
        npm::build()?;
        npm::build_demo()?;
        run_program(native::programs(&["ashore-relay"]))
    })?;
    steps.step("TypeScript tests in Node", || run_script_with_browser("npm", "test"))?;
    steps.step("TypeScript tests in Chromium", || run_script_with_browser("npm", "test:browser"))?;
    steps.step("tests of the demo", || run_script_with_browser("web-demo", "test"))
}

fn packaging(steps: &mut Steps) -> Outcome {
    steps.step("packaging tests", || {
        wasm::build(wasm::Profile::Wasm)?;
        npm::build()?;
        run_script_with_browser("tests/packaging", "test")
    })
}

fn end_to_end(steps: &mut Steps) -> Outcome {
    steps.step("demo and relay", || {
        wasm::build(wasm::Profile::Wasm)?;
        npm::build()?;
        npm::build_demo()?;
        run_program(native::programs(&["ashore-relay", "hostile-member"]))
    })?;
    steps.step("end-to-end tests", || run_script_with_browser("tests/e2e", "test"))
}

fn measured(steps: &mut Steps) -> Outcome {
    steps.step("size", size::run)
}

/// The window, and the suite in a window. Lints and tests of the crates behind it are among those of the other native crates.
fn desktop(steps: &mut Steps) -> Outcome {
    if !cfg!(target_os = "linux") {
        println!("The tests in a window run on Linux alone.");
        return Ok(());
    }
    steps.step("desktop app", || {
        desktop::build_pages()?;
        run_program(native::programs(&["saltbox", "ashore-tauri-host", "ashore-relay"]))
    })?;
    steps.step("tests of the desktop app in its window", || {
        let mut script = npm::script("tests/desktop", "test")?;
        with_browser(&mut script, &setup::browsers()?);
        script.env("ASHORE_RELAY", workspace::built("debug", "ashore-relay"));
        script.env("ASHORE_SALTBOX", desktop::built()).env("TAURI_DRIVER", desktop::driver()?);
        run_program(script)
    })?;
    steps.step("TypeScript tests in a Tauri window", || {
        let mut script = npm::script("npm", "test:desktop")?;
        script.env("ASHORE_RELAY", workspace::built("debug", "ashore-relay"));
        script.env("ASHORE_TAURI_HOST", workspace::built("debug", "ashore-tauri-host"));
        run_program(script)
    })
}

fn run_script_with_browser(folder: &str, name: &str) -> Outcome {
    let mut script = npm::script(folder, name)?;
    with_browser(&mut script, &setup::browsers()?);
    script.env("ASHORE_RELAY", workspace::built("debug", "ashore-relay"));
    script.env("ASHORE_HOSTILE_MEMBER", workspace::built("debug", "hostile-member"));
    run_program(script)
}

fn with_browser(command: &mut Command, found: &Browsers) {
    command.env("CHROMIUM", &found.chromium).env("CHROMEDRIVER", &found.driver);
}
