//! Durable blobs in IndexedDB, key material beside them, and how long the browser promises to keep both.
//!
//! - [`IndexedDb`]: one browser database, opened when it is first used and again when the browser closes it
//! - [`request_persistence`]: asks the browser not to throw the database away

mod blobs;
mod connection;
mod failure;
mod key_records;
mod persistence;
mod transaction;

pub use connection::IndexedDb;
pub use persistence::{Persistence, request_persistence};

use ashore_engine::store::StoreFailure;
use ashore_engine::store::packed::{AtRest, OpenReport, Packed, PackedOptions};

use crate::disk::Disk;

/// The store that the engine uses in a browser, plain or sealed; there is one type, since each would be compiled for itself.
pub(crate) type BrowserStore = Packed<AtRest<Disk>>;

/// Opens the store in `blobs`, creating both when there is nothing yet. This is the first thing that touches the disk.
pub(crate) async fn open(blobs: AtRest<Disk>) -> Result<(BrowserStore, OpenReport), StoreFailure> {
    Packed::open(blobs, PackedOptions::default()).await
}
