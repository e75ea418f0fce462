//! Cargo over all native crates at once: builds that name the same crates share what they compile, features and all.

use std::process::Command;

use crate::process;
use crate::setup;

/// `wbg`'s few lines are not worth the minutes that its dependencies take in another profile.
const NEVER: [&str; 2] = ["ashore-wasm", "wbg"];
/// What depends on `tauri`, and so on the platform's webview.
const DESKTOP: [&str; 3] = ["tauri-plugin-ashore", "ashore-shell", "ashore-tauri-host"];

/// Without what depends on a webview where there is none to build against. The types of the API are derived in all builds, so that the engine is not
/// compiled once more for the files that are generated from it.
pub(crate) fn cargo(command: &str, args: &[&str]) -> Command {
    let desktop: &[&str] = if setup::has_webview() { &[] } else { &DESKTOP };
    if !desktop.is_empty() {
        println!("without {}: there is no WebKitGTK to build against", desktop.join(" "));
    }
    let out: Vec<&str> = NEVER.iter().chain(desktop).flat_map(|package| ["--exclude", package]).collect();
    process::cargo([&[command, "--workspace"], &out[..], &["--features", "ashore-engine/export-types"], args].concat())
}

/// Builds programs for tests to start. A test among the targets makes Cargo take the dependencies with what tests want of them, as `cargo test` did:
/// otherwise half of them would be compiled once more.
pub(crate) fn programs(names: &[&str]) -> Command {
    let names: Vec<&str> = names.iter().flat_map(|name| ["--bin", name]).collect();
    cargo("build", &[&names[..], &["--test", "short"]].concat())
}
