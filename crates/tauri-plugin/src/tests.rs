//! The plugin in an app of Tauri's mock runtime, with its real permissions, a real engine and a real file.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod app;
mod bytes;
mod lifecycle;
mod logs;
mod permissions;
mod sharing;
