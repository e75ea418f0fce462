//! The browser as a host for the engine: IndexedDB, WebSocket, timers, and the boundary to JavaScript.
//!
//! Bytes in, bytes out: `Engine::handle` takes a `Calls` message, the `deliver` callback gets `News`. Built for `wasm32-unknown-unknown` only; on any
//! other target this crate is empty.

#![cfg(target_arch = "wasm32")]

mod failure;
mod clock;
mod log;
mod transport;
pub mod store;
mod disk;
mod keys;
mod trials;
mod gate;
mod host;
mod vault;

use crate::store::IndexedDb;
use ashore_engine::api::{ErrorCode, Failure, Protection};
use ashore_protocol::EntryId;
use disk::Disk;
use futures_util::future::{FutureExt, LocalBoxFuture};
use host::Listener;
use js_sys::{Function, Promise, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use vault::Vault;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

/// Before a database's name in the list of the origin's IndexedDB databases.
const DATABASE_PREFIX: &str = "ashore/";

/// A running engine of one database.
#[wasm_bindgen]
pub struct Engine {
    vault: Rc<Vault>,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the database of that name, in IndexedDB or, with `memory`, nowhere.
    ///
    /// `encrypt`: how it is protected if it is made now, `platform`, `passphrase` or not at all. `spare`: what `held` was given last, here or in another tab.
    ///
    /// `deliver(client: string | undefined, news: Uint8Array)` gets the answers of one client or what all shall hear; `ended(failure: string)` hears once, as
    /// JSON, that the engine can do nothing any more; `held(spare)` gets what opens an unlocked database again, and `undefined` when it was locked;
    /// `trying(entry: string | undefined)` hears which entry of another device is being merged: if this instance dies before it hears that it is over, the
    /// entry's id belongs into the key record `ended-badly`, an array of strings, so that the next engine does not try it; `next_turn()` answers a promise
    /// that resolves in the next turn of the event loop. Rejects with a failure as JSON.
    #[expect(clippy::too_many_arguments, reason = "the boundary to JavaScript has no structures of functions")]
    pub async fn open(
        database: String,
        memory: bool,
        encrypt: Option<String>,
        spare: JsValue,
        deliver: Function,
        ended: Function,
        held: Function,
        trying: Function,
        next_turn: Function,
    ) -> Result<Engine, JsValue> {
        log::start();
        report_panics(&ended);
        let listener = Rc::new(Callbacks { deliver, ended, held, trying, next_turn });
        let wanted = match encrypt.as_deref() {
            None => Protection::None,
            Some("platform") => Protection::Platform,
            Some(_) => Protection::Passphrase,
        };
        let vault = match (memory, wanted) {
            (true, Protection::None) => Vault::in_memory(listener),
            (true, _) => Vault::open(Disk::Memory(Rc::default()), wanted, &spare, listener).await,
            (false, _) => Vault::open(browser(&database), wanted, &spare, listener).await,
        };
        vault.map(|vault| Engine { vault }).map_err(|failure| text(&failure))
    }

    /// Takes the bytes of one `Calls` message.
    pub fn handle(&self, calls: Vec<u8>) {
        self.vault.handle(calls);
    }

    /// A client will not come back: its remembered answers may go.
    pub fn forget(&self, client: String) {
        self.vault.forget(client);
    }

    /// Commits what waits, closes the store and stops.
    pub fn close(&self) -> Promise {
        let vault = Rc::clone(&self.vault);
        future_to_promise(async move {
            vault.close().await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Stops at once: no further read, write or frame.
    pub fn abandon(&self) {
        self.vault.abandon();
    }

    /// The version of this crate.
    pub fn version() -> String {
        env!("CARGO_PKG_VERSION").into()
    }
}

fn browser(database: &str) -> Disk {
    Disk::Browser(Rc::new(IndexedDb::new(format!("{DATABASE_PREFIX}{database}"))))
}

struct Callbacks {
    deliver: Function,
    ended: Function,
    held: Function,
    trying: Function,
    next_turn: Function,
}

impl Listener for Callbacks {
    fn deliver(&self, client: Option<&str>, news: &[u8]) {
        let client = client.map_or(JsValue::UNDEFINED, JsValue::from_str);
        let _ = self.deliver.call2(&JsValue::UNDEFINED, &client, &Uint8Array::from(news).into());
    }

    fn ended(&self, failure: &Failure) {
        let _ = self.ended.call1(&JsValue::UNDEFINED, &text(failure));
    }

    fn held(&self, spare: Option<&JsValue>) {
        let _ = self.held.call1(&JsValue::UNDEFINED, spare.unwrap_or(&JsValue::UNDEFINED));
    }

    fn trying(&self, entry: Option<&EntryId>) {
        let entry = entry.map_or(JsValue::UNDEFINED, |entry| JsValue::from_str(&entry.to_string()));
        let _ = self.trying.call1(&JsValue::UNDEFINED, &entry);
    }

    fn next_turn(&self) -> LocalBoxFuture<'static, ()> {
        let turn = self.next_turn.call1(&JsValue::UNDEFINED, &JsValue::UNDEFINED).unwrap_or_default();
        JsFuture::from(Promise::resolve(&turn)).map(drop).boxed_local()
    }
}

fn text(failure: &Failure) -> JsValue {
    JsValue::from_str(&serde_json::to_string(failure).unwrap_or_default())
}

thread_local! {
    /// Who is told when this instance breaks: a panic ends every engine in it.
    static OPENED: RefCell<Vec<Function>> = const { RefCell::new(Vec::new()) };
}

fn report_panics(ended: &Function) {
    OPENED.with_borrow_mut(|opened| opened.push(ended.clone()));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let failure = Failure::new(ErrorCode::Internal, format!("The engine broke at {place}."));
        web_sys::console::error_1(&JsValue::from_str(&format!("ashore: {panic}")));
        for ended in OPENED.take() {
            let _ = ended.call1(&JsValue::UNDEFINED, &text(&failure));
        }
    }));
}
