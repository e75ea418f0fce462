//! Saltbox on the desktop: the pages of web-demo/ in a window of their own, on the native engine of `tauri-plugin-ashore`.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod links;
mod window;
mod menu;

use std::process::ExitCode;
use tauri_plugin_deep_link::DeepLinkExt;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("saltbox: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> tauri::Result<()> {
    tauri::Builder::default()
        // First, so that a second start does nothing before it ends: its link, if it has one, is for the window that is there.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            window::bring_to_front(app);
            if let Some(link) = links::among(&arguments) {
                window::open_link(app, &link);
            }
        }))
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .plugin(tauri_plugin_ashore::init())
        .setup(|app| {
            let arguments: Vec<String> = std::env::args().collect();
            window::open(app.handle(), links::among(&arguments).as_deref())?;
            listen_for_links(app.handle());
            Ok(())
        })
        .menu(menu::make)
        .on_menu_event(|app, event| menu::choose(app, event.id().as_ref()))
        .on_window_event(|window, event| {
            if let tauri::WindowEvent::CloseRequested { api, .. } = event {
                api.prevent_close();
                window::close(window);
            }
        })
        .run(tauri::generate_context!())
}

/// macOS hands links over as events, and starts nothing.
fn listen_for_links(app: &tauri::AppHandle) {
    if !cfg!(target_os = "macos") {
        return;
    }
    let here = app.clone();
    app.deep_link().on_open_url(move |event| {
        if let Some(link) = event.urls().iter().find_map(|link| links::checked(link.as_str())) {
            window::bring_to_front(&here);
            window::open_link(&here, &link);
        }
    });
}
