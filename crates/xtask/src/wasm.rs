//! The engine for browsers: crates/wasm compiled, and its JavaScript glue written into npm/wasm/.

use crate::failure::{Failure, Outcome};
use crate::process;
use crate::setup;
use crate::workspace;

/// How the engine is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// What ships: small and fast, minutes to build.
    Wasm,
    /// For trying things: quick to build, large and slow.
    Dev,
}

impl Profile {
    pub(crate) fn parse(name: &str) -> Outcome<Self> {
        match name {
            "wasm" => Ok(Self::Wasm),
            "dev" => Ok(Self::Dev),
            other => Err(Failure::new(format!("there is no profile `{other}`: wasm or dev"))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Dev => "dev",
        }
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Dev => "debug",
        }
    }
}

/// Builds crates/wasm and writes npm/wasm/. Cargo skips what is up to date; the glue takes half a second.
pub(crate) fn build(profile: Profile) -> Outcome {
    setup::wasm_target()?;
    process::run(process::cargo(["build", "-p", "wbg", "--profile", "tool"]))?;
    // As a cdylib alone: cargo leaves link-time optimisation out of a library that is built as an rlib too.
    let package = ["rustc", "-p", "ashore-wasm", "--lib", "--crate-type", "cdylib"];
    let target = ["--target", "wasm32-unknown-unknown", "--profile", profile.name()];
    process::run(process::cargo([&package[..], &target].concat()))?;
    bindgen(profile)
}

fn bindgen(profile: Profile) -> Outcome {
    let compiled =
        workspace::target().join("wasm32-unknown-unknown").join(profile.directory()).join("ashore_wasm.wasm");
    let into = workspace::root().join("npm/wasm");
    let mut glue = process::program(workspace::built("tool", "wbg"));
    glue.args(["bindgen", "--target", "web", "--out-name", "ashore_wasm", "--out-dir"]).arg(&into).arg(compiled);
    process::run(glue)?;
    // By the functions' names, which it then takes out.
    let mut order = process::program(workspace::built("tool", "wbg"));
    order.arg("order").arg(into.join("ashore_wasm_bg.wasm"));
    process::run(order)
}
