//! Indexes as a page declares them and as the engine lists them.

use serde::{Deserialize, Serialize};

/// What a page asks an index to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct IndexSpec {
    /// Names it within its collection, 1 to 256 bytes.
    pub name: String,
    /// What it orders by, the most important first: 1 to 8.
    pub fields: Vec<IndexField>,
    /// No two documents may have the same values in all fields. A write of this device that would put a second one there
    /// fails with `index.duplicate`, and one with values too long or too many to be compared with `document.too-large`; what
    /// comes from other devices is always kept, told with `index.conflict`, and listed by `indexConflicts`. Null and missing
    /// are values like others, unless it is sparse. While it is built, what is built so far counts.
    pub unique: bool,
    /// Documents in which every field is null or missing are left out.
    pub sparse: bool,
    /// It is of words, for `search`: its fields are those whose strings are divided into words, and it has no order. Such an index is
    /// neither unique nor sparse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub text: Option<bool>,
}

/// One field of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct IndexField {
    /// Keys with dots between them, as in filters; an array counts as each of its items.
    pub path: String,
    /// The largest first.
    pub descending: bool,
    /// In an index of words: a word here counts as much as so many elsewhere, 1 to 100; 1 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "export-types", ts(optional))]
    pub weight: Option<u32>,
}

/// An index as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct IndexInfo {
    /// What was declared.
    pub spec: IndexSpec,
    /// It is built: it knows every document, and reads use it.
    pub ready: bool,
    /// How many documents were looked at while it was, or is, built.
    #[cfg_attr(feature = "export-types", ts(type = "number"))]
    pub documents: u64,
}

/// Documents that have the same key in a unique index: devices that were apart wrote them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct IndexConflict {
    /// Their ids, in byte order; the same on every device.
    pub ids: Vec<String>,
}
