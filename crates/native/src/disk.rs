//! The store that an engine runs on, whichever it is: one type, so that the engine's loop is compiled once.

use crate::store::{SqliteBlobs, SqliteStore};
use ashore_engine::store::memory::Memory;
use ashore_engine::store::packed::{Packed, SealedBlobs};
use ashore_engine::store::{Durability, Range, Rows, Store, StoreBatch, StoreFailure};
use std::cell::Cell;
use std::rc::Rc;

/// A store, and a mark that breaks the engine at its next use of it; only tests set that.
pub(crate) struct NativeStore {
    pub(crate) kind: Kind,
    pub(crate) breaks: Rc<Cell<bool>>,
}

pub(crate) enum Kind {
    /// As it is, in one file.
    Rows(Box<SqliteStore>),
    /// Sealed, in one file.
    Sealed(Box<Packed<SealedBlobs<SqliteBlobs>>>),
    /// Nowhere.
    Memory(Memory),
}

impl NativeStore {
    #[expect(clippy::panic, reason = "breaking is what it is for")]
    fn break_if_told(&self) {
        if self.breaks.replace(false) {
            panic!("a test asked the engine to break");
        }
    }
}

impl Store for NativeStore {
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        self.break_if_told();
        match &self.kind {
            Kind::Rows(store) => store.load(ranges).await,
            Kind::Sealed(store) => store.load(ranges).await,
            Kind::Memory(store) => store.load(ranges).await,
        }
    }

    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.break_if_told();
        match &self.kind {
            Kind::Rows(store) => store.commit(batch, durability).await,
            Kind::Sealed(store) => store.commit(batch, durability).await,
            Kind::Memory(store) => store.commit(batch, durability).await,
        }
    }

    async fn commit_later(&self, batch: StoreBatch) -> Result<(), StoreFailure> {
        self.break_if_told();
        match &self.kind {
            Kind::Rows(store) => store.commit_later(batch).await,
            Kind::Sealed(store) => store.commit_later(batch).await,
            Kind::Memory(store) => store.commit_later(batch).await,
        }
    }

    async fn flush(&self) -> Result<(), StoreFailure> {
        match &self.kind {
            Kind::Rows(store) => store.flush().await,
            Kind::Sealed(store) => store.flush().await,
            Kind::Memory(store) => store.flush().await,
        }
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        match &self.kind {
            Kind::Rows(store) => store.maintain().await,
            Kind::Sealed(store) => store.maintain().await,
            Kind::Memory(store) => store.maintain().await,
        }
    }

    fn presses(&self) -> bool {
        match &self.kind {
            Kind::Rows(store) => store.presses(),
            Kind::Sealed(store) => store.presses(),
            Kind::Memory(store) => store.presses(),
        }
    }

    async fn close(&self) {
        match &self.kind {
            Kind::Rows(store) => store.close().await,
            Kind::Sealed(store) => store.close().await,
            Kind::Memory(store) => store.close().await,
        }
    }
}
