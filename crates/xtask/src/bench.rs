//! `cargo xtask bench`: Ashore beside the systems that one would pick instead, in one run, which takes hours; and
//! `cargo xtask bench relay`: how much a relay bears, in minutes; and `cargo xtask bench hops`: one call beside four hops of JSON, in a minute or two. None
//! of them is a part of `test`.

use std::process::Stdio;

use crate::failure::{Failure, Outcome};
use crate::npm;
use crate::process::{self, cargo, program};
use crate::setup;
use crate::wasm;
use crate::workspace;

const FOLDER: &str = "bench";

/// Where the tables stand, and between which lines that of the relay does.
const DOCUMENT: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- relay -->\n";
const END: &str = "<!-- /relay -->";

/// One call of each at one size, into a file of its own: the large tables stay as they are.
const HOPS: [&str; 5] = [
    "--systems=indexeddb,ashore,ashore-alone,hops",
    "--steps=load,writes,reads,pings",
    "--sizes=1000",
    "--rounds=4",
    "--out=results/hops.json",
];

/// `relay`, `hops`, or words that go to the runner: see `bench/run/main.js`.
pub(crate) fn run(words: &[&str]) -> Outcome {
    match words {
        ["relay"] => relay(),
        ["hops"] => browser(&HOPS, "report:hops"),
        words => browser(words, "report"),
    }
}

/// Measures, and writes docs/benchmarks.md with the script named.
fn browser(words: &[&str], report: &str) -> Outcome {
    let browsers = setup::browsers()?;
    wasm::build(wasm::Profile::Wasm)?;
    npm::build()?;
    npm::build_demo()?;
    process::run(cargo(["build", "--release", "-p", "ashore-relay"]))?;
    setup::npm_packages_in(FOLDER)?;
    process::run(npm::script(FOLDER, "build")?)?;
    let mut runner = program("node");
    runner
        .current_dir(workspace::root().join(FOLDER))
        .env("CHROMIUM", browsers.chromium)
        .env("ASHORE_RELAY", workspace::built("release", "ashore-relay"))
        .arg("run/main.js")
        .args(words);
    process::run(runner)?;
    process::run(npm::script(FOLDER, report)?)
}

/// The relay, the load and other systems' servers in processes of their own; the table goes into the document.
fn relay() -> Outcome {
    process::run(cargo(["build", "--release", "-p", "ashore-relay", "-p", "ashore-relay-load"]))?;
    setup::npm_packages_in(FOLDER)?;
    let mut load = program(workspace::built("release", "relay-load"));
    load.arg(workspace::built("release", "ashore-relay")).arg(workspace::target().join("tmp/relay-load"));
    load.arg(workspace::root().join(FOLDER));
    let output = load.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::new(format!("relay-load cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("relay-load failed ({})", output.status)));
    }
    let path = workspace::root().join(DOCUMENT);
    let wrong = |error: &dyn std::fmt::Display| Failure::new(format!("{DOCUMENT}: {error}"));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| wrong(&format!("there is no {} and {END}", BEGIN.trim())))?;
    let table = String::from_utf8_lossy(&output.stdout);
    std::fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).map_err(|error| wrong(&error))
}
