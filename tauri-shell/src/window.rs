//! The one window: opening it, bringing it to the front, handing it a link, and closing it with what was typed.

use crate::links;
use std::thread;
use std::time::Duration;
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Window};

const NAME: &str = "main";
const PAGE: &str = "index.html";
/// A page that does not answer keeps nobody from leaving.
const LONGEST_GOODBYE: Duration = Duration::from_millis(500);

/// Opens the window, with a link when the app was started by one.
pub(crate) fn open(app: &AppHandle, link: Option<&str>) -> tauri::Result<()> {
    let page = link.map_or_else(|| PAGE.to_owned(), |link| format!("{PAGE}#{}", links::fragment(link)));
    WebviewWindowBuilder::new(app, NAME, WebviewUrl::App(page.into()))
        .title("Saltbox")
        .inner_size(1100.0, 760.0)
        .min_inner_size(360.0, 480.0)
        .disable_drag_drop_handler()
        .on_navigation(is_ours)
        .build()?;
    Ok(())
}

/// The window shows these pages and nothing else.
fn is_ours(url: &Url) -> bool {
    url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost")
}

pub(crate) fn bring_to_front(app: &AppHandle) {
    if let Some(window) = shown(app) {
        // A window system that does not let windows come forward shows that this one wants to.
        let _ = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    }
}

/// The page is told by its address, as a browser would tell it.
pub(crate) fn open_link(app: &AppHandle, link: &str) {
    if let Some(window) = shown(app)
        && let Ok(mut page) = window.url()
    {
        page.set_fragment(Some(&links::fragment(link)));
        let _ = window.navigate(page);
    }
}

/// Tells the page that it goes away, as a browser would, so that it can leave what was being typed where it finds it again. Then the window goes.
pub(crate) fn close(window: &Window) {
    let (going, late) = (window.clone(), window.clone());
    let told = shown(window.app_handle())
        .map(|page| page.eval_with_callback("dispatchEvent(new Event('pagehide'))", move |_| drop(going.destroy())));
    if !matches!(told, Some(Ok(()))) {
        let _ = window.destroy();
        return;
    }
    thread::spawn(move || {
        thread::sleep(LONGEST_GOODBYE);
        // It is gone already, unless the page is stuck.
        let _ = late.destroy();
    });
}

pub(crate) fn shown(app: &AppHandle) -> Option<WebviewWindow> {
    app.get_webview_window(NAME)
}
