//! Takes over the pages of web-demo/, without what a desktop app never asks for, then lets Tauri check its configuration.

use std::fs;
use std::io;
use std::path::Path;

const BUILT: &str = "../web-demo/dist";
/// Where `tauri.conf.json` looks for them.
const PAGES: &str = "pages";

fn main() {
    println!("cargo:rerun-if-changed={BUILT}");
    assert!(Path::new(BUILT).join("index.html").exists(), "web-demo/dist is missing: `cargo xtask desktop` builds it");
    if Path::new(PAGES).exists() {
        fs::remove_dir_all(PAGES).expect("the pages of the last build can be removed");
    }
    copy(Path::new(BUILT), Path::new(PAGES)).expect("the pages can be copied");
    tauri_build::build();
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &place)?;
        } else if is_asked_for(&entry.file_name().to_string_lossy()) {
            fs::copy(path, place)?;
        }
    }
    Ok(())
}

/// The engine is in the app, which needs neither the browser's nor its service worker; maps are for developers.
fn is_asked_for(name: &str) -> bool {
    name != "sw.js" && !name.ends_with(".wasm") && !name.ends_with(".map")
}
