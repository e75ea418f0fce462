//! `cargo xtask desktop`: builds the demo as a desktop app and starts it; and what its tests are driven with.

use std::fs;
use std::path::PathBuf;

use crate::failure::{Failure, Outcome};
use crate::npm;
use crate::process::{self, cargo};
use crate::setup;
use crate::wasm;
use crate::workspace;

const PACKAGE: &str = "ashore-shell";
const PROGRAM: &str = "saltbox";
/// Small and still able to unwind; see the root's Cargo.toml.
const RELEASE: &str = "desktop";
/// Of Tauri 2, as the app is; with the crates that its own lock file names.
const DRIVER: [&str; 4] = ["tauri-driver", "--locked", "--version", "=2.1.0"];

pub(crate) fn run(words: &[&str]) -> Outcome {
    match words {
        [] => {
            build("dev")?;
            process::run(process::program(workspace::built("debug", PROGRAM)))
        }
        ["--release"] => {
            build(RELEASE)?;
            let program = workspace::built(RELEASE, PROGRAM);
            let bytes = fs::metadata(&program)?.len();
            println!("{}: {bytes} bytes", program.display());
            Ok(())
        }
        _ => Err(Failure::new(format!("desktop does not know `{}`: --release", words.join(" ")))),
    }
}

/// The pages, and the app that has them inside.
fn build(profile: &str) -> Outcome {
    setup::webview()?;
    setup::npm_packages()?;
    build_pages()?;
    let mut app = cargo(["build", "-p", PACKAGE, "--profile", profile]);
    if profile == RELEASE {
        app.args(["--features", "custom-protocol"]);
    }
    process::run(app)
}

/// The pages of the demo, which the app takes over when it is built.
pub(crate) fn build_pages() -> Outcome {
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    npm::build_demo()
}

/// The app that the tests drive.
pub(crate) fn built() -> PathBuf {
    workspace::built("debug", PROGRAM)
}

/// What windows and their tests need from outside, crates that are only the fresh app's among it.
pub(crate) fn fetch() -> Outcome {
    setup::all()?;
    if cfg!(target_os = "linux") {
        setup::webview()?;
        setup::window_driver()?;
        driver()?;
        process::run(npm::script("tests/desktop", "fetch")?)?;
    }
    Ok(())
}

/// The program that starts the app for a test and stands between its window and WebDriver. Only Linux and Windows have a driver below it.
pub(crate) fn driver() -> Outcome<PathBuf> {
    let folder = workspace::target().join("tools");
    let program = folder.join("bin").join(format!("tauri-driver{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let mut install = cargo(["install"]);
        install.args(DRIVER).arg("--root").arg(folder);
        // A folder of its own for what it compiles: it shares nothing with the workspace.
        install.env_remove("CARGO_TARGET_DIR");
        process::run(install)?;
    }
    Ok(program)
}
