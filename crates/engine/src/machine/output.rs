//! What the machine wants done.

use super::input::ConnectionId;
use crate::api::News;
use crate::store::{Durability, Range, StoreBatch};

/// Something to do. The host does it and reports with an [`Input`](super::Input) where one is named.
#[derive(Debug)]
pub enum Output {
    /// Read these ranges from one snapshot, then [`Input::Loaded`](super::Input::Loaded).
    Load {
        /// Comes back with the answer.
        load: u64,
        /// What to read.
        ranges: Vec<Range>,
    },
    /// Apply this batch, all or nothing, then [`Input::Committed`](super::Input::Committed). One at a time.
    Commit {
        /// Comes back with the answer.
        commit: u64,
        /// The rows.
        batch: StoreBatch,
        /// How durable before the answer.
        durability: Durability,
        /// It may be written with the next one, a little later: see [`Store::commit_later`](crate::store::Store::commit_later).
        may_wait: bool,
    },
    /// Open a connection to the relay, then `Connected` or `Disconnected`.
    Connect {
        /// Its number from now on.
        connection: ConnectionId,
        /// A `ws:` or `wss:` address.
        address: String,
    },
    /// Send one frame. Frames of one connection stay in order.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// Its bytes.
        frame: Vec<u8>,
    },
    /// Close the connection; no report is needed.
    Disconnect {
        /// Which one.
        connection: ConnectionId,
    },
    /// Hand this to a client, or to every client.
    Deliver {
        /// `None`: to every client.
        client: Option<String>,
        /// Answers and events.
        news: News,
    },
    /// Everything is committed and answered: close the store and stop.
    Stop,
}
