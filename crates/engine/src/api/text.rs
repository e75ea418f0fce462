//! What is asked and answered about a collaborative text, and how it is edited. Positions count UTF-16 code units.

use serde::{Deserialize, Serialize};

/// What is asked about a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum TextAsk {
    /// All of it, as it is now; answers `read`. A plain string reads as a text, and nothing as an empty one.
    Read {},
    /// What became of it since a version; answers `changes`.
    Changes {
        /// The version that the caller has.
        since: String,
    },
    /// A name for a place that stays with its neighbour while others write; answers `cursor`.
    Cursor {
        /// The version that the caller has.
        version: String,
        /// Before this unit, or the end.
        position: u32,
    },
    /// Where a cursor is; answers `position`.
    Position {
        /// The version that the caller has.
        version: String,
        /// What `cursor` answered, here or on another device.
        cursor: String,
    },
    /// Its marks; answers `marks`.
    Marks {
        /// The version that the caller has.
        version: String,
    },
}

/// The answer to a question about a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TextAnswer {
    /// To `read`.
    Read {
        /// Its characters.
        text: String,
        /// The document's version.
        version: String,
    },
    /// To `changes`.
    Changes {
        /// One after another: each is about what the ones before left.
        splices: Vec<TextSplice>,
        /// Marks were set or taken away, too.
        marks: bool,
        /// The document's version now.
        version: String,
        /// Where the text is now: it may have moved in a list.
        path: String,
    },
    /// To `cursor`.
    Cursor {
        /// Opaque.
        cursor: String,
    },
    /// To `position`.
    Position {
        /// Before this unit, or the end.
        position: u32,
    },
    /// To `marks`.
    Marks {
        /// A JSON array of objects with `start`, `end`, `name` and `value`.
        marks: String,
    },
}

/// A change of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TextSplice {
    /// Where.
    pub at: u32,
    /// So many units are taken out there.
    pub delete: u32,
    /// This is put in their place.
    pub insert: String,
}

/// One part of an edit of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum TextEdit {
    /// Takes characters out and puts others in.
    Splice(TextSplice),
    /// Makes it another text, by the difference.
    Update {
        /// The new text.
        text: String,
    },
    /// Gives a part of the text a mark, or takes it away.
    Mark {
        /// The first unit of it.
        start: u32,
        /// The first unit behind it.
        end: u32,
        /// The mark's name, at most 256 bytes.
        name: String,
        /// A JSON object with the `value`: null takes the mark away; no lists and no objects.
        value: String,
        /// Which ends grow with what is typed there.
        expand: TextExpand,
    },
}

/// Which ends of a mark grow with what is typed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum TextExpand {
    /// Neither.
    None,
    /// The beginning.
    Before,
    /// The end.
    After,
    /// Both.
    Both,
}
