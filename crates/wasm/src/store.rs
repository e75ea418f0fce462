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

use std::rc::Rc;

pub use connection::IndexedDb;
pub use persistence::{Persistence, request_persistence};

use ashore_engine::store::StoreFailure;
use ashore_engine::store::packed::{OpenReport, Packed, PackedOptions};

/// The store that the engine uses in a browser. The connection is shared with whoever keeps key material in it.
pub type BrowserStore = Packed<Rc<IndexedDb>>;

/// Opens the store in `database`, creating both when there is nothing yet. This is the first thing that touches the disk.
pub async fn open(database: Rc<IndexedDb>) -> Result<(BrowserStore, OpenReport), StoreFailure> {
    Packed::open(database, PackedOptions::default()).await
}
