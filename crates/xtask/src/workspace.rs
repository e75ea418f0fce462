//! Where things stand: the repository's root and cargo's target directory.

use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR` or `target/`.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |directory| root().join(directory))
}

/// A program that cargo built, with the platform's ending.
pub(crate) fn built(profile_directory: &str, name: &str) -> PathBuf {
    target().join(profile_directory).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Whether `path` under the root exists.
pub(crate) fn has(path: &str) -> bool {
    root().join(path).exists()
}
