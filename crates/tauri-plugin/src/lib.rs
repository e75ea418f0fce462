//! Ashore in a Tauri app: one native engine for each database, for every window and for the app's own Rust code.
//!
//! ```
//! fn app<R: tauri::Runtime>(builder: tauri::Builder<R>) -> tauri::Builder<R> {
//!     builder.plugin(tauri_plugin_ashore::init())
//! }
//! ```
//!
//! Pages speak to it through the package `ashore`, in the bytes that a browser's worker takes: `open` gives a page a channel, `calls` brings its calls,
//! `close` ends it. What a window may do is said by the permissions `ashore:read`, `ashore:write`, `ashore:sync` and `ashore:admin`, or all of them,
//! `ashore:default`; a call that is not allowed ends in `permission.refused`, and its neighbours are answered. Rust reaches the same databases through
//! [`AshoreExt::ashore`].

mod allowed;
mod frames;
mod outgoing;
mod databases;
mod pages;
mod commands;
mod plugin;

pub use ashore_native as native;
pub use ashore_native::{Database, ErrorCode, Failure, Options};
pub use databases::Ashore;
pub use plugin::{AshoreExt, Builder, init};

#[cfg(test)]
mod tests;
