//! What is stored, by kind, and what is deleted and still here.

use serde::{Deserialize, Serialize};

/// What stored rows are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum StorageKind {
    /// Documents as they are read.
    Documents,
    /// Documents that are deleted, without their changes.
    Tombstones,
    /// The changes that documents are made of: their history. Those of deleted documents too.
    Changes,
    /// The group's entries, sealed, and how they are found.
    Entries,
    /// What waits for the relay: only that it waits, the entries themselves are counted as such.
    Outbox,
    /// Entries that could not be opened or applied.
    Quarantine,
    /// Indexes, those of words apart.
    Indexes,
    /// Indexes of words.
    Search,
    /// What was taken of snapshots besides documents, and what is known of them.
    Snapshots,
    /// The group's control entries, sealed keys, settings.
    Keys,
    /// Marks of documents that are gone for good.
    Markers,
    /// Everything else: clients, declarations, places in logs, who wrote and who has seen what.
    Others,
}

/// So much is stored of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct StoredKind {
    /// Which.
    pub kind: StorageKind,
    /// How many rows.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub rows: u64,
    /// Bytes of their keys and values.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub bytes: u64,
}

/// Why a deleted document is still here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum KeptBecause {
    /// The delete can still be undone.
    CanBeUndone,
    /// Something of it waits for the relay, or entries are kept aside that may be about it.
    Pending,
    /// Not every member has seen it.
    NotSeen,
    /// A part of it stays on this device, or it was deleted only here.
    Local,
    /// Nothing any more: it goes within a minute.
    Nothing,
}

/// A document that is deleted and still here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KeptDocument {
    /// The collection's name.
    pub collection: String,
    /// The document's id.
    pub id: String,
    /// Since when this device knows of it, in milliseconds since 1970.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub since: u64,
    /// Why.
    pub because: KeptBecause,
    /// The members that have not seen it.
    pub waits_for: Vec<String>,
    /// Those of them of which nothing was heard for a long time, 90 days unless the app said otherwise.
    pub idle: Vec<String>,
}
