//! The browser as a host for the engine: IndexedDB, WebSocket, timers, and the boundary to JavaScript.
//!
//! Built for `wasm32-unknown-unknown` only; on any other target this crate is empty.

#![cfg(target_arch = "wasm32")]

pub mod store;
