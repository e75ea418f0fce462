//! Why a store could not do what it was asked, and whether asking again helps.

use thiserror::Error;

/// Why a store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreFailure {
    /// The disk, or the share of it that the browser grants, is full. What was stored before is intact.
    /// Helps: free space, then open the store again.
    #[error("no room is left to store this")]
    Quota,
    /// The host closed the store, or its connection was lost and could not be opened again. Helps: open it again.
    #[error("the store is closed")]
    Closed,
    /// Another handle has taken over this store. This one never works again; its owner goes to the new one.
    #[error("another handle has taken over the store")]
    Superseded,
    /// An earlier commit failed, so memory and disk may differ. Helps: open the store again.
    #[error("an earlier commit failed: {reason}")]
    Poisoned {
        /// What happened to the commit that failed.
        reason: String,
    },
    /// A newer version of the software wrote this store. Nothing was changed. Helps: update the software.
    #[error("the store has format {found}, and this version knows up to {known}")]
    NewerFormat {
        /// The format version found on disk.
        found: u8,
        /// The newest format version this code reads.
        known: u8,
    },
    /// The part of the store that says where everything else is cannot be read. Nothing was changed.
    #[error("the store cannot be read: {reason}")]
    Unreadable {
        /// Which part, and what is wrong with it.
        reason: String,
    },
    /// The batch is over a limit of every store; nothing was written. The caller has to write less.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// `key`, `value` or `batch`.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The host's disk failed in a way it has no name for. May pass.
    #[error("the store failed: {reason}")]
    Failed {
        /// The host's words.
        reason: String,
    },
}

impl StoreFailure {
    /// Whether the same call may succeed when the store is opened again, with nothing else changed.
    pub fn reopening_may_help(&self) -> bool {
        match self {
            Self::Closed | Self::Poisoned { .. } | Self::Failed { .. } => true,
            Self::Quota
            | Self::Superseded
            | Self::NewerFormat { .. }
            | Self::Unreadable { .. }
            | Self::TooLarge { .. } => false,
        }
    }
}
