//! What the API tells about a document's past.

use serde::{Deserialize, Serialize};

/// One change of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct HistoryChange {
    /// The document as the writer saw it then: what `at` takes.
    pub version: String,
    /// Who and when.
    pub by: Written,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The document's own fields in which something changed, in byte order; at most 1,000.
    pub fields: Vec<String>,
}

/// Who made a change, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Written {
    /// Milliseconds since 1970 by the writer's clock, in whole seconds.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub at: i64,
    /// This device did, now or before it was opened again.
    pub mine: bool,
    /// The writer's id in the group, lower-case base32, as far as it is known.
    pub device: Option<String>,
    /// The name that it gave itself.
    pub name: Option<String>,
}

/// What a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It set or removed fields, or brought the document back.
    Put,
    /// It deleted the document.
    Delete,
    /// It took a change back.
    Undo,
    /// It took an undo back.
    Redo,
}

/// A place that several devices set apart from each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FieldConflict {
    /// Where it is.
    pub path: Vec<PathStep>,
    /// Who set what, the value that the document shows first.
    pub claims: Vec<FieldClaim>,
}

/// A step into a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum PathStep {
    /// A field.
    Key(String),
    /// An item of a list.
    Index(u32),
}

/// Who set one of the values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FieldClaim {
    /// The change that did.
    pub version: String,
    /// Who and when.
    pub by: Written,
}

/// The changes that a write made in one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ChangedVersions {
    /// The collection's name.
    pub collection: String,
    /// The document's id.
    pub id: String,
    /// The changes, the latest last.
    pub versions: Vec<String>,
}
