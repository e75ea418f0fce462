//! A store that can be shut from outside: what has begun ends by itself, and nothing begins any more.

use ashore_engine::store::{Durability, Range, Rows, Store, StoreBatch, StoreFailure};
use std::cell::Cell;
use std::rc::Rc;

/// Shuts a [`Gated`] store. Clones shut the same one.
#[derive(Clone, Default)]
pub(crate) struct Gate(Rc<Cell<bool>>);

impl Gate {
    /// From now on every call answers [`StoreFailure::Superseded`].
    pub(crate) fn shut(&self) {
        self.0.set(true);
    }

    /// Whether it was shut.
    pub(crate) fn is_shut(&self) -> bool {
        self.0.get()
    }

    fn check(&self) -> Result<(), StoreFailure> {
        if self.is_shut() { Err(StoreFailure::Superseded) } else { Ok(()) }
    }
}

/// A store behind a [`Gate`].
pub(crate) struct Gated<S> {
    pub(crate) store: S,
    pub(crate) gate: Gate,
}

impl<S: Store> Store for Gated<S> {
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        self.gate.check()?;
        self.store.load(ranges).await
    }

    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.gate.check()?;
        self.store.commit(batch, durability).await
    }

    async fn commit_later(&self, batch: StoreBatch) -> Result<(), StoreFailure> {
        self.gate.check()?;
        self.store.commit_later(batch).await
    }

    async fn flush(&self) -> Result<(), StoreFailure> {
        self.gate.check()?;
        self.store.flush().await
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        self.gate.check()?;
        self.store.maintain().await
    }

    fn presses(&self) -> bool {
        self.store.presses()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
