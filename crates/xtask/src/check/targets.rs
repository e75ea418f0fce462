//! What the host of programs is compiled for besides this machine: its types are checked for each platform, with no linker and no C compiler.
//!
//! Left out is what needs one: SQLite's own sources and TLS (`ring`). What else is not checked is in docs/rust.md.

use crate::failure::Outcome;
use crate::process::{cargo, run};
use crate::setup;

/// Desktops have the command line, too.
const DESKTOPS: [&str; 2] = ["x86_64-pc-windows-msvc", "aarch64-apple-darwin"];
const PHONES: [&str; 2] = ["aarch64-linux-android", "aarch64-apple-ios"];

/// Rust's standard library for each of them.
pub(crate) fn fetch() -> Outcome {
    DESKTOPS.iter().chain(&PHONES).try_for_each(|target| setup::target(target))
}

pub(crate) fn check() -> Outcome {
    fetch()?;
    commands().into_iter().try_for_each(|words| {
        let mut command = cargo(words);
        // Said to the build scripts of SQLite's bindings and of BLAKE3: link a library that is somewhere, and compile no C.
        command.env("SQLITE3_LIB_DIR", "/").env("CARGO_FEATURE_PURE", "1");
        run(command)
    })
}

/// The desktops first, with the command line: what the phones have is a part of that.
fn commands() -> [Vec<&'static str>; 2] {
    [of(&["ashore-native", "ashore-cli"], &DESKTOPS), of(&["ashore-native"], &PHONES)]
}

/// Checks these packages and everything below them: engine and protocol, too.
fn of(packages: &[&'static str], targets: &[&'static str]) -> Vec<&'static str> {
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    let targets = targets.iter().flat_map(|target| ["--target", target]);
    ["check", "--quiet", "--no-default-features"].into_iter().chain(packages).chain(targets).collect()
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn the_host_is_checked_for_each_desktop_and_phone_and_the_command_line_for_desktops() {
        let checks = |package: &str, target: &str| {
            commands().iter().any(|words| words.contains(&package) && words.contains(&target))
        };
        let desktops = ["x86_64-pc-windows-msvc", "aarch64-apple-darwin"];
        let phones = ["aarch64-linux-android", "aarch64-apple-ios"];
        assert!(desktops.iter().chain(&phones).all(|target| checks("ashore-native", target)));
        assert!(desktops.iter().all(|target| checks("ashore-cli", target)));
    }
}
