//! Running other programs: in the root, loudly or quietly, with a clear sentence when one fails.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};
use crate::workspace;

/// A program to be run in the repository's root.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(workspace::root());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` sets for us would make nested builds of path crates look different.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    command.args(args);
    command
}

/// npm, whatever it is called here.
pub(crate) fn npm<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = program(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").args(args);
    command
}

/// A tool that an npm package of the root brought.
pub(crate) fn npm_tool<I: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = I>) -> Command {
    let ending = if cfg!(windows) { ".cmd" } else { "" };
    let mut command = program(workspace::root().join("node_modules/.bin").join(format!("{name}{ending}")));
    command.args(args);
    command
}

/// Runs it with its output on ours.
pub(crate) fn run(mut command: Command) -> Outcome {
    let line = written(&command);
    println!("$ {line}");
    let status = command.status().map_err(|error| Failure::new(format!("cannot start `{line}`: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{line}` failed ({status})"))) }
}

/// Runs it and answers what it printed; its errors come to us only when it fails.
pub(crate) fn read(mut command: Command) -> Outcome<String> {
    let line = written(&command);
    let done = command.stdin(Stdio::null()).output();
    let output = done.map_err(|error| Failure::new(format!("cannot start `{line}`: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`{line}` failed ({})\n{}", output.status, said.trim_end())));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure::new(format!("`{line}` printed something that is not text")))
}

/// Whether a program of this name can be started.
pub(crate) fn can_start(name: impl AsRef<OsStr>) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The command line as a person would type it, without the long beginnings of paths.
fn written(command: &Command) -> String {
    let root = format!("{}/", workspace::root().display());
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy().replace(&root, "")).collect::<Vec<_>>().join(" ");
    let cargo = std::env::var("CARGO").unwrap_or_default();
    line.strip_prefix(&cargo).filter(|_| !cargo.is_empty()).map_or(line.clone(), |rest| format!("cargo{rest}"))
}
