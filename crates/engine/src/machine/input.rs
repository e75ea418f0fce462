//! What a host tells the machine.

use crate::api::Calls;
use crate::store::{Rows, StoreFailure};

/// One connection of the transport; the machine counts them.
pub type ConnectionId = u64;

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A client asks.
    Calls(Calls),
    /// The answer to [`Output::Load`](super::Output::Load): one `Rows` per range, from one snapshot.
    Loaded {
        /// Which load.
        load: u64,
        /// The rows, or why not.
        result: Result<Vec<Rows>, StoreFailure>,
    },
    /// The answer to [`Output::Commit`](super::Output::Commit).
    Committed {
        /// Which commit.
        commit: u64,
        /// Durable as asked, or nothing of it happened.
        result: Result<(), StoreFailure>,
    },
    /// The connection is open.
    Connected {
        /// Which one.
        connection: ConnectionId,
    },
    /// The connection ended or could not be opened.
    Disconnected {
        /// Which one.
        connection: ConnectionId,
        /// For people; no secrets.
        reason: String,
    },
    /// A frame came.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// Its bytes, as they came.
        frame: Vec<u8>,
    },
    /// The deadline has passed, or may have.
    Tick,
}
