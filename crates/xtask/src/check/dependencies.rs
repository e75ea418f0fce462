//! What a crate must never bring along: the engine no runtime and no browser, the desktop's host and the command line no
//! webview, the relay no cipher.

use crate::failure::{Failure, Outcome};
use crate::process;

/// A crate, and the crates that must not be below it.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    (
        "ashore-protocol",
        &["tokio", "web-sys", "js-sys", "wasm-bindgen", "chacha20poly1305", "aes", "aes-gcm", "automerge"],
    ),
    (
        "ashore-engine",
        &["tokio", "async-std", "smol", "web-sys", "js-sys", "wasm-bindgen", "rusqlite", "socket2", "mio"],
    ),
    (
        "ashore-native",
        &["ashore-wasm", "ashore-relay", "tauri", "web-sys", "js-sys", "wasm-bindgen", "openssl", "aws-lc-sys"],
    ),
    ("tauri-plugin-ashore", &["ashore-wasm", "ashore-relay", "tauri-plugin-shell", "openssl", "aws-lc-sys"]),
    (
        "ashore-cli",
        &["ashore-wasm", "ashore-relay", "tauri", "web-sys", "js-sys", "wasm-bindgen", "openssl", "aws-lc-sys"],
    ),
    (
        "ashore-relay",
        &["chacha20poly1305", "aes", "aes-gcm", "xchacha20poly1305", "hpke", "automerge", "ashore-engine"],
    ),
];

pub(crate) fn check() -> Outcome {
    let mut problems = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let tree = process::read(process::cargo([
            "tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}",
        ]))?;
        problems.extend(found(&tree, forbidden).map(|name| format!("{package} depends on {name}")));
    }
    Failure::unless_empty("crates that must not be there", &problems)
}

/// Those of `forbidden` that start a line of `cargo tree`.
fn found<'a>(tree: &'a str, forbidden: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let present = |name: &&&str| tree.lines().any(|line| line.split(' ').next() == Some(**name));
    forbidden.iter().filter(present).copied()
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn a_forbidden_crate_is_found_by_its_whole_name() {
        let tree = "ashore-relay v0.1.0\naes v0.9.0\nautomerge-macros v1.0.0 (*)\n";
        assert_eq!(found(tree, &["aes", "automerge"]).collect::<Vec<_>>(), ["aes"]);
    }
}
