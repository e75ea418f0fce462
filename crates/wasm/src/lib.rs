//! The browser as a host for the engine: IndexedDB, WebSocket, timers, and the boundary to JavaScript.
//!
//! Bytes in, bytes out: `Engine::handle` takes a `Calls` message, the `deliver` callback gets `News`. Built for `wasm32-unknown-unknown` only; on any
//! other target this crate is empty.

#![cfg(target_arch = "wasm32")]

mod log;
mod failure;
mod clock;
mod transport;
pub mod store;
mod keys;
mod trials;
mod gate;
mod host;

use crate::store::IndexedDb;
use ashore_engine::api::{ErrorCode, Failure};
use ashore_engine::store::memory::Memory;
use ashore_protocol::EntryId;
use futures_util::future::join;
use host::{Host, Listener};
use js_sys::{Function, Promise, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::future_to_promise;

/// Before a database's name in the list of the origin's IndexedDB databases.
const DATABASE_PREFIX: &str = "ashore/";

/// A running engine of one database.
#[wasm_bindgen]
pub struct Engine {
    host: Host,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the database of that name, in IndexedDB or, with `memory`, nowhere.
    ///
    /// `deliver(client: string | undefined, news: Uint8Array)` gets the answers of one client or what all shall hear; `ended(failure: string)` hears once, as
    /// JSON, that the engine can do nothing any more; `trying(entry: string | undefined)` hears which entry of another device is being merged: if this
    /// instance dies before it hears that it is over, the entry's id belongs into the key record `ended-badly`, an array of strings, so that the next
    /// engine does not try it. Rejects with a failure as JSON.
    pub async fn open(
        database: String,
        memory: bool,
        deliver: Function,
        ended: Function,
        trying: Function,
    ) -> Result<Engine, JsValue> {
        log::start();
        report_panics(&ended);
        let listener = Rc::new(Callbacks { deliver, ended, trying });
        let host = if memory { open_memory(listener) } else { open_persistent(&database, listener).await };
        host.map(|host| Engine { host }).map_err(|failure| text(&failure))
    }

    /// Takes the bytes of one `Calls` message.
    pub fn handle(&self, calls: &[u8]) {
        self.host.handle(calls);
    }

    /// A client will not come back: its remembered answers may go.
    pub fn forget(&self, client: String) {
        self.host.forget(client);
    }

    /// Commits what waits, closes the store and stops.
    pub fn close(&self) -> Promise {
        let over = self.host.close();
        future_to_promise(async move {
            over.await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Stops at once: no further read, write or frame.
    pub fn abandon(&self) {
        self.host.abandon();
    }

    /// The version of this crate.
    pub fn version() -> String {
        env!("CARGO_PKG_VERSION").into()
    }
}

fn open_memory(listener: Rc<Callbacks>) -> Result<Host, Failure> {
    Host::start(Memory::new(), keys::random_secret()?, vec![], listener)
}

async fn open_persistent(database: &str, listener: Rc<Callbacks>) -> Result<Host, Failure> {
    let disk = Rc::new(IndexedDb::new(format!("{DATABASE_PREFIX}{database}")));
    let (secret, ended_badly) = join(keys::local_secret(&disk), trials::ended_badly(&disk)).await;
    let (secret, ended_badly) = (secret?, ended_badly?);
    let (store, report) = store::open(disk).await.map_err(|failure| failure::from_store(&failure))?;
    for lost in &report.quarantined {
        tracing::warn!(source = ?lost.source, "a stored blob could not be read and was set aside");
    }
    Host::start(store, secret, ended_badly, listener)
}

struct Callbacks {
    deliver: Function,
    ended: Function,
    trying: Function,
}

impl Listener for Callbacks {
    fn deliver(&self, client: Option<&str>, news: &[u8]) {
        let client = client.map_or(JsValue::UNDEFINED, JsValue::from_str);
        let _ = self.deliver.call2(&JsValue::UNDEFINED, &client, &Uint8Array::from(news).into());
    }

    fn ended(&self, failure: &Failure) {
        let _ = self.ended.call1(&JsValue::UNDEFINED, &text(failure));
    }

    fn trying(&self, entry: Option<&EntryId>) {
        let entry = entry.map_or(JsValue::UNDEFINED, |entry| JsValue::from_str(&entry.to_string()));
        let _ = self.trying.call1(&JsValue::UNDEFINED, &entry);
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
