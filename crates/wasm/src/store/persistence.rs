//! Whether the browser may throw this site's data away when it needs room.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The browser's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// The data stays until somebody removes it.
    Granted,
    /// The browser may remove the data when it runs out of room. Asking again later may help.
    Denied,
    /// There is nobody to ask here: WebKitGTK has no `navigator.storage`, and a worker can only look, not ask.
    Unsupported,
}

/// Asks the browser to keep this site's data. In a worker, where only pages may ask, it looks whether that was granted before.
pub async fn request_persistence() -> Persistence {
    match ask("persist").await {
        Some(true) => Persistence::Granted,
        Some(false) => Persistence::Denied,
        None if ask("persisted").await == Some(true) => Persistence::Granted,
        None => Persistence::Unsupported,
    }
}

/// Calls a method of `navigator.storage` that promises a boolean; `None` where there is none or it fails.
async fn ask(method: &str) -> Option<bool> {
    let storage = property(&property(&js_sys::global(), "navigator")?, "storage")?;
    let method: Function = property(&storage, method)?.dyn_into().ok()?;
    let promise: Promise = method.call0(&storage).ok()?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok()?.as_bool()
}

fn property(of: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(of, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}
