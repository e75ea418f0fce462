//! `cargo xtask fuzz`: the targets of `crates/fuzz` under libFuzzer, one after another; without a nightly compiler or cargo-fuzz, over changed
//! copies of the corpus by chance.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process::{cargo, program, read, run as run_program};
use crate::workspace;

const SECONDS: &str = "60";
/// Of one target's committed corpus.
const CORPUS_BYTES: &str = "90000";

/// `[target] [seconds]`, or `keep [target]`: what was found is made small and taken into the committed corpus.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let targets = targets()?;
    let named = |name: &str| targets.iter().any(|target| target == name);
    match words {
        ["keep"] => targets.iter().try_for_each(|target| keep(target)),
        ["keep", target] if named(target) => keep(target),
        [] => targets.iter().try_for_each(|target| fuzz(target, SECONDS)),
        [seconds] if seconds.parse::<u32>().is_ok() => targets.iter().try_for_each(|target| fuzz(target, seconds)),
        [target] if named(target) => fuzz(target, SECONDS),
        [target, seconds] if named(target) && seconds.parse::<u32>().is_ok() => fuzz(target, seconds),
        _ => {
            Err(Failure::new(format!("cargo xtask fuzz [keep] [TARGET] [SECONDS]; the targets: {}", targets.join(" "))))
        }
    }
}

fn targets() -> Outcome<Vec<String>> {
    Ok(read(corpus(&["list"]))?.lines().map(str::to_owned).collect())
}

fn corpus(words: &[&str]) -> Command {
    cargo([&["run", "--quiet", "-p", "ashore-fuzz", "--bin", "corpus", "--"], words].concat())
}

fn fuzz(target: &str, seconds: &str) -> Outcome {
    if !has_libfuzzer() {
        println!("no nightly compiler or no cargo-fuzz (`cargo install cargo-fuzz`): changed copies by chance instead");
        return run_program(corpus(&["random", target, seconds, "1"]));
    }
    run_program(corpus(&["unpack", target, &folder(target).display().to_string()]))?;
    // Nothing here is `unsafe`: what a sanitizer would find is not worth half of the speed.
    let limits = [&format!("-max_total_time={seconds}"), "-timeout=20", "-rss_limit_mb=2048", "-max_len=8192"];
    run_program(libfuzzer(&[&["run", "-s", "none", target, "--"], &limits[..]].concat()))
}

fn keep(target: &str) -> Outcome {
    let found = folder(target).display().to_string();
    run_program(libfuzzer(&["cmin", "-s", "none", target]))?;
    run_program(corpus(&["pack", target, &found, CORPUS_BYTES]))
}

fn folder(target: &str) -> PathBuf {
    workspace::root().join("fuzz/corpus").join(target)
}

fn has_libfuzzer() -> bool {
    let works = |words: &[&str]| {
        let mut command = program("cargo");
        command.args(words);
        read(command).is_ok()
    };
    works(&["+nightly", "--version"]) && works(&["fuzz", "--version"])
}

/// Not the cargo that runs us: rustup's, which knows other compilers.
fn libfuzzer(words: &[&str]) -> Command {
    let mut command = program("cargo");
    for name in ["CARGO", "RUSTUP_TOOLCHAIN", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    command.args(["+nightly", "fuzz"]).args(words);
    command
}
