//! `cargo xtask …`: what people and CI run. Needs Rust and Node; installs what else is missing.

mod workspace;
mod failure;
mod process;
mod steps;
mod sources;
mod browser;
mod setup;
mod native;
mod wasm;
mod generate;
mod npm;
mod check;
mod release;
mod size;
mod counts;
mod demo;
mod desktop;
mod offline;
mod test;
mod fuzz;
mod bench;
mod soak;

use crate::failure::{Failure, Outcome};

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--port N] [--no-open]   build everything, start the relay with the demo's pages, print the address
  desktop [--release]           the demo as a desktop app: build and start it, or build it small and say its size
  test [PART]...                every check and test, or only: check lints native counts wasm npm packaging e2e size desktop
  check [NAME]...               formatting, lints, layers, dependencies, generated files, promises: all or one by name
  gen [--check]                 write npm/src/generated/ and docs/errors.md from the Rust types
  wasm [--profile wasm|dev]     build the engine for browsers into npm/wasm/
  fuzz [TARGET] [SECONDS]       every fuzz target under libFuzzer, or one; 60 seconds each. `fuzz keep` takes what was found into the corpus
  bench [OPTION]...             Ashore beside other systems in Chromium: hours. --rounds N --sizes N,NxBYTES --systems NAME,NAME
  bench relay                   how much a relay bears, beside bare WebSockets: minutes
  bench hops                    one call beside four hops of JSON: minutes
  soak [OPTION]...              two browsers and a native device for an hour: what grows, and what is left. --minutes N --writes PER_SECOND
  size                          what a page downloads, against size-budget.json and sizes.json
  release                       what a release consists of, with checksums, in target/artefacts/
  counts [--bless] [NAME]...    instructions of the engine's hot paths, against instruction-budget.json, or written into it
  setup                         install what is missing: the wasm target, npm packages, Chromium";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Err(failure) = run(&words) {
        eprintln!("error: {failure}");
        std::process::exit(1);
    }
}

fn run(words: &[&str]) -> Outcome {
    match words {
        ["demo", options @ ..] => demo::run(options),
        ["desktop", options @ ..] => desktop::run(options),
        ["test", parts @ ..] => test::run(parts),
        ["check", names @ ..] => check::run(names),
        ["gen"] => generate::run(generate::Mode::Write),
        ["gen", "--check"] => generate::run(generate::Mode::Check),
        ["wasm"] => wasm::build(wasm::Profile::Wasm),
        ["wasm", "--profile", name] => wasm::build(wasm::Profile::parse(name)?),
        ["size"] => size::run(),
        ["release"] => release::run(),
        ["counts", words @ ..] => counts::run(words),
        ["bench", words @ ..] => bench::run(words),
        ["soak", words @ ..] => soak::run(words),
        ["fuzz", words @ ..] => fuzz::run(words),
        ["setup"] => setup::all(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::new(format!("cannot read `{}`\n\n{USAGE}", words.join(" ")))),
    }
}
