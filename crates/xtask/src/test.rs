//! `cargo xtask test`: every check and test, in the order in which failures are cheapest to find, without a network.
//!
//! What waits for browsers and windows leaves processors idle; what only compiles and computes runs beside it, in a process of its own that takes what is left.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

use crate::check;
use crate::counts;
use crate::desktop;
use crate::failure::{Failure, Outcome};
use crate::native;
use crate::npm;
use crate::offline;
use crate::process::{cargo, program, run as run_program};
use crate::release;
use crate::setup::{self, Browsers};
use crate::size;
use crate::steps::Steps;
use crate::workspace;

/// A part of the whole that can be asked for by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Check,
    Lints,
    Native,
    Counts,
    Wasm,
    Npm,
    Packaging,
    EndToEnd,
    Size,
    Desktop,
}

const ALL: [Part; 10] = [
    Part::Check,
    Part::Lints,
    Part::Native,
    Part::Counts,
    Part::Wasm,
    Part::Npm,
    Part::Packaging,
    Part::EndToEnd,
    Part::Size,
    Part::Desktop,
];

/// What runs beside the others when all run.
const BESIDE: [Part; 4] = [Part::Lints, Part::Native, Part::Counts, Part::Wasm];

impl Part {
    fn parse(name: &str) -> Outcome<Self> {
        ALL.into_iter()
            .find(|part| part.name() == name)
            .ok_or_else(|| Failure::new(format!("there is no part `{name}`: {}", ALL.map(Part::name).join(" "))))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Lints => "lints",
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

    /// What it needs from outside beside crates.
    fn fetch(self) -> Outcome {
        match self {
            Self::Check | Self::Lints => check::fetch(),
            Self::Native => Ok(()),
            Self::Counts => setup::valgrind(),
            Self::Wasm | Self::Npm | Self::Packaging | Self::EndToEnd | Self::Size => setup::all(),
            Self::Desktop => desktop::fetch(),
        }
    }

    /// Whether it uses the package and the demo as they are built.
    fn uses_pages(self) -> bool {
        match self {
            Self::Check | Self::Lints | Self::Native | Self::Counts | Self::Wasm => false,
            Self::Npm | Self::Packaging | Self::EndToEnd | Self::Size | Self::Desktop => true,
        }
    }

    /// The programs that its tests start.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Check | Self::Lints | Self::Native | Self::Counts | Self::Wasm | Self::Size => &[],
            Self::Npm => &["ashore-relay"],
            Self::Packaging => &release::PROGRAMS,
            Self::EndToEnd => &["ashore-relay", "hostile-member", "ashore"],
            Self::Desktop if cfg!(target_os = "linux") => &["saltbox", "ashore-tauri-host", "ashore-relay"],
            Self::Desktop => &[],
        }
    }

    fn run(self, steps: &mut Steps) -> Outcome {
        match self {
            Self::Check => check::quick(steps),
            Self::Lints => check::lints(steps),
            Self::Native => rust(steps),
            Self::Counts => steps.step("instructions of the hot paths", || counts::run(&[])),
            Self::Wasm => in_browser(steps),
            Self::Npm => packages(steps),
            Self::Packaging => packaging(steps),
            Self::EndToEnd => steps.step("end-to-end tests", || run_script_with_browser("tests/e2e", "test")),
            Self::Size => steps.step("size", size::measure),
            Self::Desktop => desktop(steps),
        }
    }
}

/// Runs the parts named, or all: fetches what they need, then begins anew where there is no network.
pub(crate) fn run(names: &[&str]) -> Outcome {
    let named: Vec<Part> = names.iter().map(|name| Part::parse(name)).collect::<Outcome<_>>()?;
    let parts = if named.is_empty() { ALL.to_vec() } else { named };
    let mut steps = Steps::begin();
    if !offline::is_again() {
        steps.step("what comes from outside", || fetch(&parts))?;
        return run_program(offline::again(&[&["test"], names].concat())?);
    }
    if names.is_empty() {
        everything(&mut steps)?;
    } else {
        steps.step("programs and pages", || build(&parts))?;
        parts.into_iter().try_for_each(|part| part.run(&mut steps))?;
    }
    steps.close(0);
    Ok(())
}

/// All that the parts take from outside. Crates are fetched for every platform, as the lock file has them.
fn fetch(parts: &[Part]) -> Outcome {
    parts.iter().try_for_each(|part| part.fetch())?;
    run_program(cargo(["fetch", "--locked", "--quiet"]))
}

/// All that the parts start or load: nothing of theirs asks cargo for anything afterwards, whom another process may keep waiting.
fn build(parts: &[Part]) -> Outcome {
    if parts.iter().any(|part| part.uses_pages()) {
        desktop::build_pages()?;
    }
    let mut programs: Vec<&str> = parts.iter().flat_map(|part| part.programs()).copied().collect();
    programs.sort_unstable();
    programs.dedup();
    if programs.is_empty() { Ok(()) } else { run_program(native::programs(&programs)) }
}

/// In two lanes, when the checks have passed.
fn everything(steps: &mut Steps) -> Outcome {
    Part::Check.run(steps)?;
    steps.step("programs and pages", || build(&ALL))?;
    let beside = Beside::start()?;
    let mut watched = ALL.into_iter().filter(|part| *part != Part::Check && !BESIDE.contains(part));
    let seen = watched.try_for_each(|part| part.run(steps));
    // What has failed is the last that is said: of the other lane, only its summary when it has not.
    let computed = steps.step("what ran beside", || beside.end());
    seen.and(computed)
}

/// The other lane: its output waits in a file until it has ended.
struct Beside {
    child: Child,
    log: PathBuf,
}

impl Beside {
    fn start() -> Outcome<Self> {
        let log = workspace::target().join("tmp/beside.log");
        fs::create_dir_all(workspace::target().join("tmp"))?;
        let output = File::create(&log)?;
        let myself = std::env::current_exe()?;
        let mut command = if cfg!(unix) { program("nice") } else { program(&myself) };
        if cfg!(unix) {
            command.args(["-n", "10"]).arg(&myself);
        }
        command.arg("test").args(BESIDE.map(Part::name)).stdout(output.try_clone()?).stderr(output);
        println!("\nbeside, into {}: {}", log.display(), BESIDE.map(Part::name).join(" "));
        Ok(Self { child: command.spawn()?, log })
    }

    fn end(mut self) -> Outcome {
        let status = self.child.wait()?;
        let said = fs::read_to_string(&self.log)?;
        if status.success() {
            println!("{}", Steps::summary(&said));
            return Ok(());
        }
        println!("{said}");
        Err(Failure::new(format!("what ran beside failed ({status})")))
    }
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
    steps.step("TypeScript tests in Node", || run_script_with_browser("npm", "test"))?;
    steps.step("TypeScript tests in Chromium", || run_script_with_browser("npm", "test:browser"))?;
    steps.step("tests of the demo", || run_script_with_browser("web-demo", "test"))
}

fn packaging(steps: &mut Steps) -> Outcome {
    steps.step("a release", || release::gather("debug"))?;
    steps.step("packaging tests", || {
        let mut script = npm::script("tests/packaging", "test")?;
        with_browser(&mut script, &setup::browsers()?);
        script.env("ASHORE_RELEASE", release::folder("debug"));
        run_program(script)
    })
}

/// The window, and the suite in a window. Lints and tests of the crates behind it are among those of the other native crates.
fn desktop(steps: &mut Steps) -> Outcome {
    if !cfg!(target_os = "linux") {
        println!("The tests in a window run on Linux alone.");
        return Ok(());
    }
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
    script.env("ASHORE_CLI", workspace::built("debug", "ashore"));
    run_program(script)
}

fn with_browser(command: &mut Command, found: &Browsers) {
    command.env("CHROMIUM", &found.chromium).env("CHROMEDRIVER", &found.driver);
}
