//! What TypeScript and readers get from Rust: npm/src/generated/ and docs/errors.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::native;
use crate::process;
use crate::setup;
use crate::sources;
use crate::workspace;

/// Whether the files are written or only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

const TYPES: &str = "npm/src/generated";
const ERRORS: &str = "docs/errors.md";

pub(crate) fn run(mode: Mode) -> Outcome {
    setup::npm_packages()?;
    let scratch = workspace::target().join("xtask-gen");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    let types = scratch.join(TYPES);
    fs::create_dir_all(&types)?;
    let codes = export(&types)?;
    prettier(&types)?;
    let mut wanted = read_folder(&types)?
        .into_iter()
        .map(|(name, text)| (format!("{TYPES}/{name}"), text))
        .collect::<BTreeMap<_, _>>();
    wanted.insert(ERRORS.to_owned(), errors_page(&codes)?);
    match mode {
        Mode::Write => write(&wanted),
        Mode::Check => compare(&wanted),
    }
}

/// Runs the engine's example, which writes the types and prints the error codes.
fn export(types: &Path) -> Outcome<String> {
    process::run(native::cargo("build", &["--example", "export_types"]))?;
    let mut command = process::program(workspace::built("debug/examples", "export_types"));
    command.arg(types);
    process::read(command)
}

fn prettier(folder: &Path) -> Outcome {
    let mut command =
        process::npm_tool("prettier", ["--log-level", "warn", "--write", "--ignore-path", "none", "--config"]);
    command.arg(workspace::root().join(".prettierrc.json")).arg(folder);
    process::read(command).map(|_| ())
}

/// The page of codes: one row for each line `code<tab>retry<tab>meaning`.
fn errors_page(codes: &str) -> Outcome<String> {
    let mut page = String::from(
        "# Error codes\n\nGenerated from `ErrorCode` in crates/engine by `cargo xtask gen`; do not edit. Codes keep their meaning for \
         ever; sentences may improve.\n\n| code | trying again may help | what happened |\n| --- | --- | --- |\n",
    );
    let mut rows = 0;
    for line in codes.lines() {
        let [code, retry, meaning] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(Failure::new(format!("the engine printed a code that cannot be read: {line}")));
        };
        page.push_str(&format!("| `{code}` | {} | {} |\n", if retry == "true" { "yes" } else { "no" }, meaning.trim()));
        rows += 1;
    }
    if rows == 0 { Err(Failure::new("the engine printed no error codes")) } else { Ok(page) }
}

fn write(wanted: &BTreeMap<String, String>) -> Outcome {
    for (path, text) in wanted {
        let place = workspace::root().join(path);
        if fs::read_to_string(&place).is_ok_and(|present| present == *text) {
            continue;
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(place, text)?;
        println!("wrote {path}");
    }
    for extra in extra_files(wanted)? {
        fs::remove_file(workspace::root().join(&extra))?;
        println!("removed {extra}");
    }
    Ok(())
}

fn compare(wanted: &BTreeMap<String, String>) -> Outcome {
    let differs = |path: &&String| fs::read_to_string(workspace::root().join(path)).ok().as_ref() != wanted.get(*path);
    let mut problems: Vec<String> = wanted.keys().filter(differs).map(|path| format!("{path} differs")).collect();
    problems.extend(extra_files(wanted)?.iter().map(|path| format!("{path} is no longer generated")));
    Failure::unless_empty("generated files are old: run `cargo xtask gen`", &problems)
}

fn extra_files(wanted: &BTreeMap<String, String>) -> Outcome<Vec<String>> {
    let present = read_folder(&workspace::root().join(TYPES))?;
    Ok(present.into_keys().map(|name| format!("{TYPES}/{name}")).filter(|path| !wanted.contains_key(path)).collect())
}

/// The texts below `folder` by their path inside it.
fn read_folder(folder: &Path) -> Outcome<BTreeMap<String, String>> {
    let inside = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let read = |path: PathBuf| Ok((inside(&path), fs::read_to_string(&path)?));
    sources::below(folder)?.into_iter().map(read).collect()
}
