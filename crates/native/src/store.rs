//! Where a database is: one SQLite file in WAL mode, and beside it a lock.
//!
//! - [`Lease`]: who may open the file; a second program gets `store.locked`
//! - [`SqliteFile`]: the file, its tables and their version, and the records of a database's keys
//! - [`SqliteStore`]: ordered rows in one table, as they are: a database that is not encrypted
//! - [`SqliteBlobs`]: named blobs in one table, for `Packed` over `SealedBlobs`: a database that is
//!
//! Loads are read where they are asked for; commits are written by a thread of their own, so that the next batch gathers what arrives while one
//! is being written.

mod blobs;
mod failure;
mod file;
mod lease;
mod rows;
mod sqlite;
mod writer;

pub use blobs::SqliteBlobs;
pub(crate) use file::Holds;
pub use file::SqliteFile;
pub use lease::Lease;
pub use sqlite::SqliteStore;
