//! The desktop as a host for Ashore's engine: one file on disk, a WebSocket to the relay, a thread of its own. For Rust programs, with or without Tauri.
//!
//! ```
//! # use ashore_engine::store::conformance::wait_for;
//! use ashore_native::{Database, Failure, Options};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct Note {
//!     title: String,
//!     done: bool,
//! }
//!
//! # wait_for(async {
//! // `Options::of_app("org.example.notes", "family")` for a file in the platform's place for it.
//! let database = Database::open(Options::in_memory()).await?;
//! let notes = database.collection::<Note>("notes");
//! notes.put("n1", &Note { title: "Milk".into(), done: false }).await?;
//! notes.update("n1", |note| note.done = true).await?;
//! assert_eq!(notes.get("n1").await?, Some(Note { title: "Milk".into(), done: true }));
//!
//! let done = notes.find(serde_json::json!({ "done": true })).sort("title").limit(20).rows().await?;
//! assert_eq!(done.len(), 1);
//! database.close().await;
//! # Ok::<(), Failure>(())
//! # }).unwrap();
//! ```
//!
//! Every future here is woken from the engine's own thread, so any executor will do. Sharing with other devices is [`Database::sync`]. A webview's page
//! speaks bytes through a [`Port`] of the same [`Engine`]. What fails is a [`Failure`] with a stable code, the same as everywhere in Ashore.
//!
//! The program must be built with `panic = "unwind"`, Rust's default, for an engine that breaks to be replaced; with `abort` it ends the program.

mod failure;
pub mod paths;
mod clock;
mod transport;
pub mod store;
pub mod secrets;
mod options;
mod disk;
mod keys;
mod host;
mod vault;
mod engine;
mod conversation;
mod query;
mod collection;
mod transaction;
mod sync;
mod asking;
mod database;
mod health;
mod export;

pub use ashore_engine::api;
pub use ashore_engine::api::{ErrorCode, Failure};
pub use ashore_engine::log::Note;
pub use asking::{ApprovalInvite, Ticket};
pub use collection::Collection;
pub use conversation::Events;
pub use database::Database;
pub use engine::{Engine, EngineState, EngineStatus, Port, PortListener};
pub use export::ExportProgress;
pub use health::HealthPage;
pub use options::Options;
pub use query::{Query, Watch};
pub use sync::{Invite, InviteOptions, Joined, Sync, Synced};
pub use transaction::Transaction;

/// The examples of docs/rust.md compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct Page;
