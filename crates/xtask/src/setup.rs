//! What is missing on this machine is installed; where that is not ours to do, we say exactly what to run.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::browser;
use crate::failure::{Failure, Outcome};
use crate::process::{self, program};
use crate::workspace;

const WASM_TARGET: &str = "wasm32-unknown-unknown";
const APT_BROWSER: [&str; 4] = ["install", "-y", "--no-install-recommends", "chromium"];
const APT_WEBVIEW: [&str; 6] =
    ["install", "-y", "--no-install-recommends", "libwebkit2gtk-4.1-dev", "librsvg2-dev", "pkg-config"];
/// A driver for the webview, a screen that nobody sees, a keyboard that nobody touches, and a session bus.
const APT_WINDOW: [&str; 8] =
    ["install", "-y", "--no-install-recommends", "webkit2gtk-driver", "xvfb", "xauth", "xdotool", "dbus"];
const APT_VALGRIND: [&str; 4] = ["install", "-y", "--no-install-recommends", "valgrind"];
const APT_DRIVER: &str = "chromium-driver";

/// Everything that `demo` and `test` need.
pub(crate) fn all() -> Outcome {
    wasm_target()?;
    npm_packages()?;
    let found = browsers()?;
    println!("Chromium: {}\ndriver:   {}", found.chromium.display(), found.driver.display());
    Ok(())
}

/// Rust's standard library for WebAssembly, through rustup.
pub(crate) fn wasm_target() -> Outcome {
    target(WASM_TARGET)
}

/// Rust's standard library for another platform, through rustup.
pub(crate) fn target(name: &str) -> Outcome {
    let library = process::read(rustc(&["--print", "target-libdir", "--target", name]))?;
    if PathBuf::from(library.trim()).exists() {
        return Ok(());
    }
    let mut rustup = program("rustup");
    rustup.args(["target", "add", name]);
    process::run(rustup).map_err(|failure| {
        Failure::new(format!("{failure}\nRust's {name} library is missing: install it as you installed Rust"))
    })
}

/// The packages of package-lock.json, when node_modules is not newer than it.
pub(crate) fn npm_packages() -> Outcome {
    npm_packages_in("")
}

/// The same for a folder that has a package-lock.json of its own.
pub(crate) fn npm_packages_in(folder: &str) -> Outcome {
    if !process::can_start("node") {
        return Err(Failure::new("Node is missing: install Node 20.19 or newer, with npm"));
    }
    let place = workspace::root().join(folder);
    let changed = |path: &str| -> Option<SystemTime> { fs::metadata(place.join(path)).ok()?.modified().ok() };
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package-lock.json") {
        return Ok(());
    }
    let mut install = process::npm(["ci"]);
    install.current_dir(place);
    process::run(install)
}

/// The browser that tests run in.
pub(crate) struct Browsers {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Finds Chromium and its driver; as root on Debian installs them first.
pub(crate) fn browsers() -> Outcome<Browsers> {
    if let Some(found) = find_browsers() {
        return Ok(found);
    }
    if is_root() && process::can_start("apt-get") {
        apt(&["update"])?;
        apt(&[&APT_BROWSER[..], &[APT_DRIVER]].concat())?;
    }
    find_browsers().ok_or_else(|| {
        Failure::new(format!(
            "the tests need Chromium and chromedriver: `sudo apt-get {} {APT_DRIVER}` on Debian, or set CHROMIUM and \
             CHROMEDRIVER to the paths of two programs of one version",
            APT_BROWSER.join(" ")
        ))
    })
}

/// What a crate that depends on `tauri` is built against. Only Linux has it in packages of its own; as root on Debian they are installed.
pub(crate) fn webview() -> Outcome {
    if has_webview() {
        return Ok(());
    }
    if is_root() && process::can_start("apt-get") {
        apt(&["update"])?;
        apt(&APT_WEBVIEW)?;
    }
    if has_webview() {
        return Ok(());
    }
    let words = APT_WEBVIEW.join(" ");
    Err(Failure::new(format!(
        "the desktop part needs WebKitGTK's development files and pkg-config: `sudo apt-get {words}` on Debian"
    )))
}

/// Whether crates that depend on `tauri` can be built here.
pub(crate) fn has_webview() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let mut asks = program("pkg-config");
    asks.args(["--exists", "webkit2gtk-4.1", "librsvg-2.0"]);
    process::read(asks).is_ok()
}

/// What the tests of the desktop app's window need on Linux, beside `webview`.
pub(crate) fn window_driver() -> Outcome {
    let missing = || NEEDED.into_iter().find(|name| !is_on_path(name));
    if missing().is_some() && is_root() && process::can_start("apt-get") {
        apt(&["update"])?;
        apt(&APT_WINDOW)?;
    }
    missing().map_or(Ok(()), |name| {
        let words = APT_WINDOW.join(" ");
        Err(Failure::new(format!("the tests of the window need {name}: `sudo apt-get {words}` on Debian")))
    })
}

/// What counts instructions; as root on Debian it is installed.
pub(crate) fn valgrind() -> Outcome {
    let is_missing = || !process::can_start("valgrind");
    if is_missing() && is_root() && process::can_start("apt-get") {
        apt(&["update"])?;
        apt(&APT_VALGRIND)?;
    }
    if is_missing() {
        let words = APT_VALGRIND.join(" ");
        return Err(Failure::new(format!("counting instructions needs valgrind: `sudo apt-get {words}` on Debian")));
    }
    Ok(())
}

/// The programs that those packages have.
const NEEDED: [&str; 4] = ["WebKitWebDriver", "Xvfb", "xdotool", "dbus-daemon"];

/// Not all of them answer to `--version`.
fn is_on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

fn find_browsers() -> Option<Browsers> {
    Some(Browsers { chromium: browser::chromium()?, driver: browser::driver()? })
}

fn apt(args: &[&str]) -> Outcome {
    let mut command = program("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q").args(args);
    process::run(command)
}

fn is_root() -> bool {
    let mut id = program("id");
    id.arg("-u");
    process::read(id).is_ok_and(|user| user.trim() == "0")
}

fn rustc(args: &[&str]) -> std::process::Command {
    let mut command = program(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(args);
    command
}
