//! For tests only: a Tauri app with one window, which shows the page that it is started with, and with the plugin as apps add it.
//!
//! `ashore-tauri-host URL`; it ends when its standard input does, so that nobody who starts it leaves it behind. Beside the plugin's commands the page
//! has some that no app has: what lies in the files, faults in them, an engine that breaks, sockets that count who dials them, what a round trip costs without a webview, and
//! four hops of JSON to compare it with.

mod files;
mod faults;
mod sockets;
mod floor;
mod hops;

use std::io::Read;
use std::path::Path;
use tauri::ipc::{InvokeBody, Request};
use tauri::{AppHandle, Url, WebviewUrl, WebviewWindowBuilder};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, file] = &words[..]
        && word == hops::SIDECAR
    {
        if let Err(error) = hops::serve(Path::new(file)) {
            eprintln!("the second process ended: {error}");
            std::process::exit(1);
        }
        return;
    }
    let Some(page) = words.first().and_then(|page| Url::parse(page).ok()) else {
        eprintln!("ashore-tauri-host URL");
        std::process::exit(2);
    };
    let mut context = tauri::generate_context!();
    // As `tauri dev` has it: the page of a local server is the app's own.
    context.config_mut().build.dev_url = page.join("/").ok();
    let started = tauri::Builder::default()
        .plugin(tauri_plugin_ashore::init())
        .invoke_handler(tauri::generate_handler![
            way_of_bytes,
            faults::break_engine,
            faults::forget_record,
            faults::flip,
            faults::flip_sealed,
            files::databases,
            files::kept,
            files::record,
            floor::floor,
            hops::hop,
            sockets::dialled,
            sockets::listen,
        ])
        .manage(sockets::Sockets::default())
        .manage(hops::Sidecar::default())
        .setup(move |app| {
            WebviewWindowBuilder::new(app, "suite", WebviewUrl::External(page)).title("Ashore's suite").build()?;
            end_with_input(app.handle().clone())?;
            Ok(())
        })
        .run(context);
    if let Err(error) = started {
        eprintln!("the app could not start: {error}");
        std::process::exit(1);
    }
}

/// Whoever started the app holds the other end, and lets it go also when it is killed.
fn end_with_input(app: AppHandle) -> std::io::Result<()> {
    let wait = move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        app.exit(0);
    };
    std::thread::Builder::new().name("input".into()).spawn(wait).map(drop)
}

/// How a page's bytes arrive: as they are, or as JSON where the webview refuses Tauri's own protocol.
#[tauri::command]
fn way_of_bytes(request: Request<'_>) -> &'static str {
    match request.body() {
        InvokeBody::Raw(_) => "raw",
        InvokeBody::Json(_) => "json",
    }
}
