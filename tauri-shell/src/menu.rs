//! The menu: what the pages can do, by their own names for it; what a window can do; and the editing that every system has.

mod editing;

use crate::window;
use tauri::menu::{AboutMetadata, Menu, MenuBuilder, MenuItem, MenuItemBuilder, Submenu, SubmenuBuilder};
use tauri::{AppHandle, Manager, WebviewWindow, Wry};

const QUIT: &str = "quit";
const FULL_SCREEN: &str = "full-screen";
const LARGER: &str = "larger";
const SMALLER: &str = "smaller";
const USUAL_SIZE: &str = "usual-size";
/// What is in front of the name of something that the page does.
const OF_PAGE: &str = "page:";

pub(crate) fn make(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let menus = [saltbox(app)?, file(app)?, editing::menu(app)?, view(app)?, help(app)?];
    menus.iter().fold(MenuBuilder::new(app), |menu, one| menu.item(one)).build()
}

fn saltbox(app: &AppHandle) -> tauri::Result<Submenu<Wry>> {
    let about = AboutMetadata {
        name: Some("Saltbox".into()),
        version: Some(env!("CARGO_PKG_VERSION").into()),
        comments: Some("A household's shared lists and notes: the demo of Ashore.".into()),
        license: Some(env!("CARGO_PKG_LICENSE").into()),
        website: Some(env!("CARGO_PKG_REPOSITORY").into()),
        icon: app.default_window_icon().cloned(),
        ..AboutMetadata::default()
    };
    SubmenuBuilder::new(app, "Saltbox")
        .about_with_text("About Saltbox", Some(about))
        .separator()
        .item(&item(app, QUIT, "Quit Saltbox", Some("CmdOrCtrl+Q"))?)
        .build()
}

fn file(app: &AppHandle) -> tauri::Result<Submenu<Wry>> {
    SubmenuBuilder::new(app, "File")
        .item(&of_page(app, "new-list", "New List…", Some("CmdOrCtrl+N"))?)
        .item(&of_page(app, "new-note", "New Note", Some("CmdOrCtrl+Shift+N"))?)
        .item(&of_page(app, "add-item", "Add to the Open List", Some("CmdOrCtrl+L"))?)
        .separator()
        .item(&of_page(app, "pair", "Pair a Device…", Some("CmdOrCtrl+P"))?)
        .item(&of_page(app, "join", "I Have a Code…", Some("CmdOrCtrl+J"))?)
        .build()
}

fn view(app: &AppHandle) -> tauri::Result<Submenu<Wry>> {
    SubmenuBuilder::new(app, "View")
        .item(&of_page(app, "home", "Home", Some("CmdOrCtrl+1"))?)
        .item(&of_page(app, "devices", "Devices and Roles", Some("CmdOrCtrl+2"))?)
        .item(&of_page(app, "sync", "Sync", Some("CmdOrCtrl+3"))?)
        .separator()
        .item(&item(app, LARGER, "Larger", Some("CmdOrCtrl+="))?)
        .item(&item(app, SMALLER, "Smaller", Some("CmdOrCtrl+-"))?)
        .item(&item(app, USUAL_SIZE, "Usual Size", Some("CmdOrCtrl+0"))?)
        .separator()
        .item(&item(app, FULL_SCREEN, "Full Screen", Some("F11"))?)
        .build()
}

fn help(app: &AppHandle) -> tauri::Result<Submenu<Wry>> {
    SubmenuBuilder::new(app, "Help").item(&of_page(app, "shortcuts", "Keyboard Shortcuts", Some("F1"))?).build()
}

fn of_page(app: &AppHandle, name: &str, text: &str, keys: Option<&str>) -> tauri::Result<MenuItem<Wry>> {
    item(app, &format!("{OF_PAGE}{name}"), text, keys)
}

fn item(app: &AppHandle, id: &str, text: &str, keys: Option<&str>) -> tauri::Result<MenuItem<Wry>> {
    let built = MenuItemBuilder::with_id(id, text);
    keys.into_iter().fold(built, MenuItemBuilder::accelerator).build(app)
}

/// Does what was chosen. What fails here does so because the window is on its way out.
pub(crate) fn choose(app: &AppHandle, id: &str) {
    let Some(window) = window::shown(app) else { return };
    let _ = match id {
        QUIT => window.close(),
        LARGER => zoom(&window, |step| step + 1),
        SMALLER => zoom(&window, |step| step - 1),
        USUAL_SIZE => zoom(&window, |_| 0),
        FULL_SCREEN => window.is_fullscreen().and_then(|is| window.set_fullscreen(!is)),
        _ => match id.strip_prefix(OF_PAGE) {
            Some(name) => tell_page(&window, name),
            None => editing::choose(&window, id),
        },
    };
}

/// The page listens for it: web-demo/src/model/app-menu.ts.
fn tell_page(window: &WebviewWindow, name: &str) -> tauri::Result<()> {
    window.eval(format!("dispatchEvent(new CustomEvent('saltbox-menu', {{ detail: '{name}' }}))"))
}

/// How many steps the page is larger than usual.
#[derive(Default)]
struct Zoom(std::sync::Mutex<i32>);

fn zoom(window: &WebviewWindow, step: impl FnOnce(i32) -> i32) -> tauri::Result<()> {
    window.app_handle().manage(Zoom::default());
    let zoom = window.state::<Zoom>();
    let mut steps = zoom.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *steps = step(*steps).clamp(-5, 10);
    window.set_zoom(1.1_f64.powi(*steps))
}
