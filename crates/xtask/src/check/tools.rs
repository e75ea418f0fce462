//! What builds us is pinned, and it is cargo: a build script starts no compiler of its own, and nothing is taken as it comes.

use crate::failure::{Failure, Outcome};
use crate::sources;

/// Build scripts that may be there: they hand over to Tauri's, copy pages, and start nothing.
const STARTS: [&str; 4] = ["Command", "cc::", "cmake::", "pkg_config::"];

pub(crate) fn check() -> Outcome {
    let mut problems = Vec::new();
    for path in sources::tracked()? {
        let Some(text) = sources::text(&path)? else { continue };
        problems.extend(found(&path, &text).into_iter().map(|what| format!("{path}: {what}")));
    }
    Failure::unless_empty("tools that are not pinned, or are started by a build script", &problems)
}

/// What is wrong with that file.
fn found(path: &str, text: &str) -> Vec<String> {
    match path.rsplit('/').next() {
        // A module of this name elsewhere is no build script.
        Some("build.rs") if !path.contains("/src/") => started(text),
        Some("package.json") => ranges(text),
        Some("rust-toolchain.toml") => channel(text),
        Some("Cargo.toml") if path == "Cargo.toml" => bindgen(text),
        _ => Vec::new(),
    }
}

fn started(text: &str) -> Vec<String> {
    let names = STARTS.iter().filter(|name| text.contains(*name));
    names.map(|name| format!("a build script that uses `{name}`")).collect()
}

/// Versions of npm packages that are no single version. What Node and a peer may be is a range by its nature.
fn ranges(text: &str) -> Vec<String> {
    let mut within = "";
    let mut problems = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(": {") {
            within = name;
        }
        let pinned = ["\"dependencies\"", "\"devDependencies\"", "\"overrides\""].contains(&within);
        let (name, version) = line.split_once("\": \"").unwrap_or_default();
        let version = version.trim_end_matches(['"', ',']);
        // Our own package, of the same commit.
        if pinned && !version.is_empty() && name != "\"ashore" && !is_exact(version) {
            problems.push(format!("`{version}` is not one version: {line}"));
        }
    }
    problems
}

/// `1.2.3`, with whatever may stand behind it.
fn is_exact(version: &str) -> bool {
    version.chars().next().is_some_and(|first| first.is_ascii_digit()) && !version.contains(['x', '*', ' ', '|'])
}

/// A channel by its number, not by a name that means another compiler every few weeks.
fn channel(text: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("channel = "));
    match line.map(|version| version.trim_matches('"')) {
        Some(version) if is_exact(version) && version.split('.').count() == 3 => Vec::new(),
        other => vec![format!("the compiler is {other:?}, not one version")],
    }
}

/// The library that the engine is compiled with and the command that makes its glue must be of one release: `crates/wbg` compiles that command from source.
fn bindgen(text: &str) -> Vec<String> {
    let version = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.and_then(|line| line.split('"').find(|part| part.starts_with('=')))
    };
    match (version("wasm-bindgen"), version("wasm-bindgen-cli")) {
        (Some(library), Some(command)) if library == command => Vec::new(),
        other => vec![format!("wasm-bindgen and its command are not pinned to one version: {other:?}")],
    }
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn a_build_script_that_starts_a_program_is_a_problem_and_a_module_of_that_name_is_none() {
        let script = "fn main() { std::process::Command::new(\"go\"); }";
        assert_eq!(found("crates/a/build.rs", script).len(), 1);
        assert!(found("crates/a/src/index/build.rs", script).is_empty());
        assert!(found("crates/a/build.rs", "fn main() { tauri_build::build(); }").is_empty());
    }

    #[test]
    fn a_tool_that_is_not_pinned_is_a_problem() {
        let package = |version: &str| format!("{{\n  \"devDependencies\": {{\n    \"vite\": \"{version}\"\n  }}\n}}");
        assert!(found("npm/package.json", &package("8.3.8")).is_empty());
        for version in ["^8.3.8", "~8.3.8", "latest", "8.x", ">=8", "8.3.8 || 9.0.0"] {
            assert_eq!(found("npm/package.json", &package(version)).len(), 1, "{version}");
        }
        assert!(found("package.json", "{\n  \"engines\": {\n    \"node\": \">=20.19\"\n  }\n}").is_empty());
        assert!(found("rust-toolchain.toml", "[toolchain]\nchannel = \"1.95.0\"\n").is_empty());
        for channel in ["stable", "nightly-2026-01-01", "1.95"] {
            assert_eq!(found("rust-toolchain.toml", &format!("channel = \"{channel}\"\n")).len(), 1, "{channel}");
        }
    }

    #[test]
    fn the_command_for_glue_is_of_the_release_that_the_engine_is_compiled_with() {
        let manifest = |command: &str| {
            format!("wasm-bindgen = \"=0.2.130\"\nwasm-bindgen-cli = {{ version = \"{command}\", features = [] }}\n")
        };
        assert!(found("Cargo.toml", &manifest("=0.2.130")).is_empty());
        assert_eq!(found("Cargo.toml", &manifest("=0.2.131")).len(), 1);
        assert_eq!(found("Cargo.toml", &manifest("0.2.130")).len(), 1);
    }
}
