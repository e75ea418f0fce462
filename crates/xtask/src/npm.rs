//! The TypeScript side: types, the package, the demo's pages, and their test runs.

use std::fs;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process::{self, npm_tool, run};
use crate::setup;
use crate::workspace;

/// Folders with a tsconfig.json that belong to the project.
const TYPED: [&str; 5] = ["npm", "npm/test", "web-demo", "tests/e2e", "tests/packaging"];

/// `tsc -b` over everything that is there.
pub(crate) fn check_types() -> Outcome {
    let present = TYPED.iter().filter(|folder| workspace::has(&format!("{folder}/tsconfig.json")));
    run(npm_tool("tsc", ["-b"].into_iter().chain(present.copied())))
}

/// Builds npm/dist/. npm/wasm/ must be there: see `wasm::build`.
pub(crate) fn build() -> Outcome {
    setup::npm_packages()?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(workspace::root().join(license), workspace::root().join("npm").join(license))?;
    }
    run(script("npm", "build")?)
}

/// Builds web-demo/dist/.
pub(crate) fn build_demo() -> Outcome {
    run(script("web-demo", "build")?)
}

/// `npm run <name>` in a folder of the repository, which must have that script.
pub(crate) fn script(folder: &str, name: &str) -> Outcome<Command> {
    let package = format!("{folder}/package.json");
    if !workspace::has(&package) {
        return Err(Failure::new(format!("{package} is missing")));
    }
    let mut command = process::npm(["run", "--silent", name]);
    command.current_dir(workspace::root().join(folder));
    Ok(command)
}
