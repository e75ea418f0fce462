//! What can be wrong, with what it takes to mend it.

use crate::api::{Finding, FindingCode};
use crate::store::{Key, LostRange};
use ashore_protocol::ids::EntryId;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::machine) enum Fault {
    Lost {
        lost: LostRange,
    },
    Other {
        key: Key,
    },
    Document {
        collection: String,
        id: String,
        what: Broken,
    },
    /// Chunks of a document that is there and does not name them; `None`: of one that is not there.
    StrayChanges {
        collection: String,
        id: String,
        needless: Option<Key>,
    },
    Index {
        collection: String,
        name: String,
        number: u32,
    },
    StrayIndexRow {
        key: Key,
    },
    Entry {
        sequence: u64,
    },
    Unindexed {
        sequence: u64,
        id: EntryId,
    },
    StrayEntryIndex {
        key: Key,
    },
    /// The entry is there; its second copy is not.
    Control {
        sequence: u64,
    },
    /// The copy is there; the entry is not.
    StrayControl {
        sequence: u64,
    },
    Outbox {
        sequence: u64,
    },
    Quarantine {
        key: Key,
    },
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::machine) enum Broken {
    /// The row.
    Row,
    /// The chunks.
    Chunks,
    /// They do not say the same.
    Differs,
}

impl Fault {
    pub(in crate::machine) fn finding(&self) -> Finding {
        let (code, message) = self.words();
        let (collection, id) = match self {
            Self::Document { collection, id, .. } | Self::StrayChanges { collection, id, .. } => {
                (Some(collection.clone()), Some(id.clone()))
            }
            Self::Index { collection, .. } => (Some(collection.clone()), None),
            _ => (None, None),
        };
        let sequence = match self {
            Self::Entry { sequence }
            | Self::Unindexed { sequence, .. }
            | Self::Control { sequence }
            | Self::StrayControl { sequence }
            | Self::Outbox { sequence } => Some(*sequence),
            _ => None,
        };
        Finding { code, collection, id, sequence, message }
    }

    fn words(&self) -> (FindingCode, String) {
        let (code, message) = match self {
            Self::Lost { .. } => (FindingCode::StoreLost, "a part of the storage cannot be read; rows may be missing"),
            Self::Other { key } => {
                let tag = char::from(key.first().copied().unwrap_or(b'?'));
                return (FindingCode::RowUnreadable, format!("a row of the kind {tag} cannot be read"));
            }
            Self::Document { what: Broken::Row, .. } => {
                (FindingCode::DocumentUnreadable, "the document's row cannot be read")
            }
            Self::Document { what: Broken::Chunks, .. } => {
                (FindingCode::DocumentChangesBroken, "changes of the document are missing or cannot be read")
            }
            Self::Document { what: Broken::Differs, .. } => {
                (FindingCode::DocumentDiffers, "the document's row is not what its changes say")
            }
            Self::StrayChanges { .. } => (FindingCode::ChangesStray, "changes that belong to no document"),
            Self::Index { name, .. } => {
                let shown: String = name.chars().take(64).collect();
                return (FindingCode::IndexWrong, format!("the index {shown} has not exactly its documents' rows"));
            }
            Self::StrayIndexRow { .. } => (FindingCode::IndexStray, "a row of no index"),
            Self::Entry { .. } => (FindingCode::EntryUnreadable, "an entry cannot be read or is not what was signed"),
            Self::Unindexed { .. } => (FindingCode::EntryIndexWrong, "an entry is not found by its id"),
            Self::StrayEntryIndex { .. } => (FindingCode::EntryIndexWrong, "an entry's id leads to no entry"),
            Self::Control { .. } => (FindingCode::ControlWrong, "a control entry is not kept twice"),
            Self::StrayControl { .. } => (FindingCode::ControlWrong, "a control entry is kept without its entry"),
            Self::Outbox { .. } => (FindingCode::OutboxWrong, "a row of the outbox cannot be read or names no entry"),
            Self::Quarantine { .. } => {
                (FindingCode::QuarantineUnreadable, "an entry that was kept and not applied cannot be read")
            }
        };
        (code, message.to_owned())
    }
}
