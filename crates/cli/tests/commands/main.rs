//! The real program over real files and a real relay, each in a process of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../../native/tests/folder/mod.rs"]
mod folder;
#[path = "../../../native/tests/relay/mod.rs"]
mod relay;
mod tool;

mod copies;
mod documents;
mod groups;
mod keys;
mod page;
mod shell;
