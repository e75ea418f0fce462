//! Takes over the pages of web-demo/, without what a desktop app never asks for, then lets Tauri check its configuration.

use std::fs;
use std::io;
use std::path::Path;

const BUILT: &str = "../web-demo/dist";
/// Where `tauri.conf.json` looks for them.
const PAGES: &str = "pages";

fn main() {
    println!("cargo:rerun-if-changed={BUILT}");
    if Path::new(PAGES).exists() {
        fs::remove_dir_all(PAGES).expect("the pages of the last build can be removed");
    }
    if Path::new(BUILT).join("index.html").exists() {
        copy(Path::new(BUILT), Path::new(PAGES)).expect("the pages can be copied");
    } else {
        say_what_to_run().expect("a page can be written");
    }
    tauri_build::build();
}

/// Lints and unit tests need no pages. A program that would be used does.
fn say_what_to_run() -> io::Result<()> {
    assert_eq!(
        std::env::var("PROFILE").as_deref(),
        Ok("debug"),
        "web-demo/dist is missing: `cargo xtask desktop` builds it"
    );
    println!("cargo:warning=web-demo/dist is missing, so the app has no pages: `cargo xtask desktop` builds them");
    fs::create_dir_all(PAGES)?;
    fs::write(Path::new(PAGES).join("index.html"), "The pages are missing: run <code>cargo xtask desktop</code>.")
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
