//! The repository's own files: what git tracks or would track, so never what was built or installed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Outcome;
use crate::process;
use crate::workspace;

/// Paths from the root with `/` between the parts, in order.
pub(crate) fn tracked() -> Outcome<Vec<String>> {
    let mut git = process::program("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let mut paths: Vec<String> = process::read(git)?.split_terminator('\0').map(str::to_owned).collect();
    paths.retain(|path| workspace::has(path));
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The text of a file under the root; `None` when it is not text.
pub(crate) fn text(path: &str) -> Outcome<Option<String>> {
    Ok(String::from_utf8(fs::read(workspace::root().join(path))?).ok())
}

/// Every file below `directory`, in order.
pub(crate) fn below(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !directory.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(below(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}
