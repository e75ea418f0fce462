//! Ashore's engine: documents, collections, sealing and sync as a state machine that is fed and drained.
//!
//! It has no clock, no random source, no file, no socket, no `Send` and no async runtime: a host hands it what happened,
//! the time and a seed, and does what it answers. Modules stand in the order in which they build on one another.

pub mod time;
pub mod rng;
mod normal;
pub mod crypto;
pub mod store;
pub mod document;
pub mod query;
pub mod search;
pub mod index;
pub mod collection;
pub mod group;
pub mod api;
pub mod log;
pub mod machine;
pub mod driver;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
