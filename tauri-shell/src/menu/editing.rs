//! The menu for editing. macOS and Windows bring its entries and do what they say; on Linux that is ours to do.

use tauri::menu::{Submenu, SubmenuBuilder};
use tauri::{AppHandle, WebviewWindow, Wry};

#[cfg(not(target_os = "linux"))]
pub(super) fn menu(app: &AppHandle) -> tauri::Result<Submenu<Wry>> {
    SubmenuBuilder::new(app, "Edit").undo().redo().separator().cut().copy().paste().select_all().build()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn choose(_: &WebviewWindow, _: &str) -> tauri::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
pub(super) fn menu(app: &AppHandle) -> tauri::Result<Submenu<Wry>> {
    use super::{item, of_page};
    SubmenuBuilder::new(app, "Edit")
        // The page undoes more than the text that is being typed.
        .item(&of_page(app, "undo", "Undo", Some("Ctrl+Z"))?)
        .item(&of_page(app, "redo", "Redo", Some("Ctrl+Shift+Z"))?)
        .separator()
        .item(&item(app, "Cut", "Cut", Some("Ctrl+X"))?)
        .item(&item(app, "Copy", "Copy", Some("Ctrl+C"))?)
        .item(&item(app, "Paste", "Paste", Some("Ctrl+V"))?)
        .item(&of_page(app, "select-all", "Select All", Some("Ctrl+A"))?)
        .build()
}

/// The entries have WebKit's own names for these commands.
#[cfg(target_os = "linux")]
pub(super) fn choose(window: &WebviewWindow, command: &str) -> tauri::Result<()> {
    use webkit2gtk::WebViewExt;
    let command = command.to_owned();
    window.with_webview(move |webview| webview.inner().execute_editing_command(&command))
}
