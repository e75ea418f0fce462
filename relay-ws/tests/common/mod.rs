//! The relay's program and folders of a test's own; the rest is `ashore-relay-load`'s.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub use ashore_relay_load::{Device, Relay, admit, append, found, key, open, write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty directory of this test's own; what an earlier run left in it is removed.
pub fn directory(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// The program, with none of the caller's own settings.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ashore-relay"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ASHORE_RELAY_") {
            command.env_remove(name);
        }
    }
    command
}

/// The program over this data directory.
pub fn start(data: &Path, flags: &[&str]) -> Relay {
    Relay::start(program(), data, flags)
}
