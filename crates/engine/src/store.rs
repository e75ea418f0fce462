//! Durable ordered keys and values of one device: what the engine asks of a host's disk, and what keeps that promise.
//!
//! - [`keys`]: tuples as bytes whose order is the tuples' order
//! - [`memory`]: a store that lasts as long as the process, for Node and for tests
//! - [`packed`]: ordered rows in few blobs, log-structured; what browsers use over IndexedDB
//! - `faults`, `conformance`: a store that fails on purpose, and the suite every store passes (feature `testing`)
//!
//! ```
//! use ashore_engine::store::memory::Memory;
//! use ashore_engine::store::{Durability, Range, Store, StoreBatch, keys};
//! # ashore_engine::store::conformance::block_on(async {
//! let store = Memory::new();
//! let mut batch = StoreBatch::new();
//! batch.put(keys::value_key("notes", "n1"), "milk");
//! batch.put(keys::value_key("notes", "n2"), "bread");
//! store.commit(batch, Durability::Strict).await?;
//!
//! let ranges = [keys::value_range("notes").limit(20), Range::one(keys::value_key("notes", "n3"))];
//! let [notes, missing] = &store.load(&ranges).await?[..] else { unreachable!("one answer for each range") };
//! assert_eq!((notes.rows.len(), missing.rows.len()), (2, 0));
//! # Ok::<(), ashore_engine::store::StoreFailure>(())
//! # }).unwrap();
//! ```
//!
//! The promise, which `conformance` checks on every backend:
//!
//! - a commit is atomic, and once it answered `Ok` every later load sees it;
//! - one load sees one state over all of its ranges;
//! - a commit that failed poisons its handle: every later call answers [`StoreFailure::Poisoned`] until it is opened again;
//! - opening a store again supersedes the older handle, whose next commit answers [`StoreFailure::Superseded`];
//! - after a crash the acknowledged strict commits are there, whole; relaxed ones may be missing, but only the last of them;
//! - a value that was damaged on disk is answered as [`RowValue::Corrupt`], never as other bytes, and its neighbours can be read.

mod batch;
mod bytes;
mod failure;
mod range;

pub mod keys;
pub mod memory;
pub mod packed;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(any(test, feature = "testing"))]
pub mod faults;

#[cfg(test)]
mod tests;

pub use batch::StoreBatch;
pub use bytes::{Bytes, Key, Value};
pub use failure::StoreFailure;
pub use range::{LostRange, Range, RowValue, Rows};

/// Longest key a store takes, in bytes.
pub const MAX_KEY_BYTES: usize = 4 * 1024;
/// Longest value a store takes, in bytes.
pub const MAX_VALUE_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes of keys and values in one commit.
pub const MAX_BATCH_BYTES: usize = 64 * 1024 * 1024;

/// What `Ok` of a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Survives the end of the process, a crash of the browser included. A power cut may lose the last relaxed commits.
    Relaxed,
    /// Survives a power cut, together with every commit before it.
    Strict,
}

/// Ordered keys and values on one device. See the module for what every implementation promises.
///
/// No method needs `&mut`: loads may run while a commit or a maintenance step is under way.
#[expect(async_fn_in_trait, reason = "the engine lives on one thread; no caller needs the futures to be Send")]
pub trait Store {
    /// Reads one state of the store: the rows of each range, in the order the ranges were given.
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure>;

    /// Applies `batch`, all or nothing. An empty strict batch makes the relaxed commits before it durable.
    ///
    /// A batch over the limits is refused with [`StoreFailure::TooLarge`] before anything is written and does not poison.
    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure>;

    /// Applies `batch` as [`Store::commit`] does, except that it may be written with the next commit: the end of the process may lose it, with nothing that was
    /// committed before it or after. What waits so is written by [`Store::flush`] too, and by [`Store::close`].
    async fn commit_later(&self, batch: StoreBatch) -> Result<(), StoreFailure> {
        self.commit(batch, Durability::Relaxed).await
    }

    /// Writes what waits to be written with the next commit.
    async fn flush(&self) -> Result<(), StoreFailure> {
        Ok(())
    }

    /// Does one bounded step of background work; `true` means that more is waiting. Never changes what loads answer.
    async fn maintain(&self) -> Result<bool, StoreFailure>;

    /// Whether that work cannot wait for a quiet moment any more: more would be kept in memory, and read at the next opening, than is meant to be.
    fn presses(&self) -> bool {
        false
    }

    /// Waits for the commit under way and lets go of the disk. Every later call answers [`StoreFailure::Closed`].
    async fn close(&self);
}
