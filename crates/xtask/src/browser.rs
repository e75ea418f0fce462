//! Finding Chromium and its driver, and opening a page for a person.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process;

/// `$CHROMIUM`, or the first browser of that kind on the path, as an absolute path.
pub(crate) fn chromium() -> Option<PathBuf> {
    find("CHROMIUM", &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
}

/// `$CHROMEDRIVER`, or `chromedriver` on the path.
pub(crate) fn driver() -> Option<PathBuf> {
    find("CHROMEDRIVER", &["chromedriver", "chromium.chromedriver"])
}

/// Shows `address` when there is a screen; says nothing when there is none.
pub(crate) fn open_page(address: &str) {
    let opener: &[&str] = if cfg!(windows) {
        &["cmd", "/C", "start", ""]
    } else if cfg!(target_os = "macos") {
        &["open"]
    } else if std::env::var_os("DISPLAY").or(std::env::var_os("WAYLAND_DISPLAY")).is_some() {
        &["xdg-open"]
    } else {
        &[]
    };
    if let [name, args @ ..] = opener {
        let mut command = Command::new(name);
        command.args(args).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_err() {
            println!("could not open a browser by itself; the address above is the page");
        }
    }
}

fn find(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(set) = std::env::var_os(variable) {
        return process::can_start(&set).then(|| PathBuf::from(set));
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.filter(|program| program.is_file()).find(|program| process::can_start(program))
}
