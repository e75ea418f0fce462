//! What the API tells about the health of a database: what a check found, and what a repair did about it.

use serde::{Deserialize, Serialize};

/// Which rows a page of a check or of a repair was about, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum HealthPart {
    /// Entries of the group, as they came or were written.
    Entries,
    /// Where each entry is kept.
    EntryIndex,
    /// The entries that say who is in the group, again.
    Controls,
    /// What waits for the relay.
    Outbox,
    /// What is kept and could not be applied.
    Quarantine,
    /// Settings, names, definitions and everything else that is small.
    Others,
    /// Documents: each row against its changes, and what the indexes have of it.
    Documents,
    /// Changes of documents, against the rows.
    Changes,
    /// Rows of indexes, against the documents.
    Indexes,
    /// Repair: documents are put together again from entries.
    Gathering,
    /// Repair: what was put together takes the place of what was broken.
    Settling,
}

/// What is wrong. A code never changes its meaning; new ones may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
pub enum FindingCode {
    /// A part of the storage cannot be read: rows may be missing, and nobody knows which.
    #[serde(rename = "store.lost")]
    StoreLost,
    /// A small row (a setting, a name, a definition) cannot be read.
    #[serde(rename = "row.unreadable")]
    RowUnreadable,
    /// What readers get of a document cannot be read.
    #[serde(rename = "document.unreadable")]
    DocumentUnreadable,
    /// Changes of a document are missing or cannot be read; what readers get is intact.
    #[serde(rename = "document.changes-broken")]
    DocumentChangesBroken,
    /// What readers get of a document is not what its changes say.
    #[serde(rename = "document.differs")]
    DocumentDiffers,
    /// Changes that belong to no document.
    #[serde(rename = "changes.stray")]
    ChangesStray,
    /// An index has not exactly the rows of its documents.
    #[serde(rename = "index.wrong")]
    IndexWrong,
    /// A row of no index.
    #[serde(rename = "index.stray")]
    IndexStray,
    /// An entry cannot be read, or is not what its author signed.
    #[serde(rename = "entry.unreadable")]
    EntryUnreadable,
    /// An entry is not found by its id, or an id leads to no entry.
    #[serde(rename = "entry.index-wrong")]
    EntryIndexWrong,
    /// A control entry is not kept twice, as it must be.
    #[serde(rename = "control.wrong")]
    ControlWrong,
    /// What says that an entry waits for the relay cannot be read, or names no entry.
    #[serde(rename = "outbox.wrong")]
    OutboxWrong,
    /// An entry that was kept and not applied cannot be read.
    #[serde(rename = "quarantine.unreadable")]
    QuarantineUnreadable,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of thing.
    pub code: FindingCode,
    /// The collection, where one is known.
    pub collection: Option<String>,
    /// The document, where one is known.
    pub id: Option<String>,
    /// An entry's place among those of this device, where one is known.
    #[cfg_attr(feature = "export-types", ts(type = "number | null"))]
    pub sequence: Option<u64>,
    /// A sentence for people; holds no values of documents.
    pub message: String,
}

/// What a repair did about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// It is again what it was, made from what else is stored.
    Restored,
    /// What readers get was kept; earlier versions, or a part of them, are gone.
    Kept,
    /// It was needless and was removed.
    Removed,
    /// The relay is asked for it again.
    AskedAgain,
    /// It goes to the relay again, whole.
    SentAgain,
    /// It is gone for good, or a part of it.
    Lost,
    /// It stays as it is until the relay can be asked.
    Waiting,
}

/// A finding, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Mended {
    /// What was wrong.
    pub finding: Finding,
    /// What was done.
    pub remedy: Remedy,
}

/// How much a page looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct HealthCounts {
    /// Rows of any kind, each once.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub rows: u64,
    /// Their bytes.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub bytes: u64,
    /// Documents, deleted ones too.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub documents: u64,
    /// Rows of indexes.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub index_rows: u64,
    /// Entries.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub entries: u64,
}
