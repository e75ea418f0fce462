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
