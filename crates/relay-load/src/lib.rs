//! A relay as a real process, and devices that talk to it over real sockets: for the relay's tests and for measuring it.
//!
//! What goes wrong here is a test that fails or a measurement that is void: it panics.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod entries;

mod device;

mod relay;

pub use device::Device;
pub use entries::{REQUEST, admit, admit_all, append, found, key, numbered_key, open, write};
pub use relay::Relay;
