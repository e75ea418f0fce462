//! One IndexedDB transaction: how it begins, how durable it is, and how it ends.

use std::cell::Cell;
use std::rc::Rc;

use ashore_engine::store::Durability;
use ashore_engine::store::packed::BlobFailure;
use futures_channel::oneshot;
use idb::{ObjectStore, Transaction};
use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbTransaction;

use super::connection::{BLOBS, Connection, IndexedDb, KEYS, answer};
use super::failure::{blob_failure, error_name, from_idb};

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write(Durability),
}

/// An open transaction over one object store.
#[derive(Debug)]
pub(super) struct Work {
    transaction: Transaction,
    raw: IdbTransaction,
    connection: Rc<Connection>,
    pub(super) store: ObjectStore,
}

impl IndexedDb {
    /// Begins a transaction over one object store, on a new connection if the old one is gone.
    pub(super) async fn begin(&self, store: &str, mode: Mode) -> Result<Work, BlobFailure> {
        let connection = self.connect().await?;
        match Work::begin(connection.clone(), store, mode) {
            Err(error) if error_name(&error) == "InvalidStateError" => {
                // Nothing was sent: the browser closed the connection and has not told us yet.
                connection.lose();
                Work::begin(self.connect().await?, store, mode).map_err(|error| blob_failure(&error))
            }
            begun => begun.map_err(|error| blob_failure(&error)),
        }
    }
}

impl IndexedDb {
    /// Waits until every transaction has ended, those too of which nothing but an answer was wanted: one that writes to an object store comes after all
    /// others there. A worker that ends while a transaction does leaves it in WebKit to the database for good, which nobody can write to or delete then.
    pub(super) async fn let_end(&self) {
        let Some(connection) = self.connected() else { return };
        for store in [BLOBS, KEYS] {
            // A connection that is gone has no transactions.
            let Ok(work) = Work::begin(connection.clone(), store, Mode::Write(Durability::Relaxed)) else { return };
            let _ = work.complete().await;
        }
    }
}

impl Work {
    /// `idb` and `web-sys` have no words for `durability` yet, so the method is called by name.
    fn begin(connection: Rc<Connection>, store: &str, mode: Mode) -> Result<Self, JsValue> {
        let begin: Function = Reflect::get(&connection.raw, &"transaction".into())?.dyn_into()?;
        let options: JsValue = mode.options()?.into();
        let raw = begin.call3(&connection.raw, &Array::of1(&store.into()), &mode.name().into(), &options)?;
        let raw: IdbTransaction = raw.dyn_into()?;
        let store = ObjectStore::from(raw.object_store(store)?);
        Ok(Self { transaction: Transaction::from(raw.clone()), raw, connection, store })
    }

    /// Sends the transaction off and waits until it is as durable as asked; `Err` when nothing of it took effect, or when
    /// nobody knows.
    pub(super) async fn complete(mut self) -> Result<(), BlobFailure> {
        let (sender, ended) = oneshot::channel();
        let sender = Rc::new(Cell::new(Some(sender)));
        let other = sender.clone();
        let completed = Rc::new(Cell::new(false));
        let on_complete = completed.clone();
        self.transaction.on_complete(move |_| {
            on_complete.set(true);
            answer(&sender);
        });
        self.transaction.on_abort(move |_| answer(&other));
        self.send_off();
        let _ = ended.await;
        if completed.get() { Ok(()) } else { Err(self.abort_reason()) }
    }

    /// Says that no request follows, instead of waiting until the browser notices: saves a turn of its event loop, and what was sent is done and let go
    /// of even when this process is stopped from here on.
    pub(super) fn send_off(&self) {
        let commit =
            Reflect::get(&self.raw, &"commit".into()).ok().and_then(|commit| commit.dyn_into::<Function>().ok());
        if let Some(commit) = commit {
            // Throws when it has aborted already, which the abort event tells as well.
            let _ = commit.call0(&self.raw);
        }
    }

    fn abort_reason(&self) -> BlobFailure {
        match self.raw.error() {
            Some(error) if error.name() != "AbortError" => blob_failure(&error),
            _ if self.connection.is_lost() => BlobFailure::Closed,
            _ => BlobFailure::Failed("the browser aborted the transaction".into()),
        }
    }
}

/// Whoever stops waiting takes the handlers along: an event must not find them gone.
impl Drop for Work {
    fn drop(&mut self) {
        self.raw.set_oncomplete(None);
        self.raw.set_onabort(None);
    }
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "readonly",
            Self::Write(_) => "readwrite",
        }
    }

    fn options(self) -> Result<Object, JsValue> {
        let options = Object::new();
        let durability = match self {
            Self::Read => return Ok(options),
            Self::Write(Durability::Relaxed) => "relaxed",
            Self::Write(Durability::Strict) => "strict",
        };
        Reflect::set(&options, &"durability".into(), &durability.into())?;
        Ok(options)
    }
}

/// Turns an error of a request's making into a failure.
pub(super) fn made<R>(request: Result<R, idb::Error>) -> Result<R, BlobFailure> {
    request.map_err(from_idb)
}
