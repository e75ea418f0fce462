//! Secondary indexes as data: what may be declared, how it is kept, and which rows each document has in them.
//!
//! Pure functions; the machine writes the rows and builds what is new. An index of values has, for each document of its collection,
//! one row for each combination of the values that its paths reach there: see [`IndexDef::keys`]. Rows say where to look,
//! never what a document holds: who reads an index asks the whole filter of each document that it names. An index of words has
//! one row for each different word of a document: see [`IndexDef::postings`].

mod definition;
mod rows;
mod text;

pub use definition::{IndexDef, IndexError, IndexField, IndexState, TextIndex, UnknownDefinitions, decode, encode};
pub use rows::{APART, Keys};
pub use text::Posting;

/// Most indexes of one collection.
pub const MAX_INDEXES: usize = 32;
/// Most fields of one index.
pub const MAX_INDEX_FIELDS: usize = 8;
/// The largest weight of a field in an index of words.
pub const MAX_WEIGHT: u32 = 100;
/// Longest name of an index, in bytes.
pub const MAX_INDEX_NAME_BYTES: usize = 256;
/// Longest key in an index, all fields together, in bytes; a document with a longer one is kept apart.
pub const MAX_INDEX_KEY_BYTES: usize = 1_024;
/// Most rows of one document in one index; a document with more is kept apart.
pub const MAX_DOCUMENT_ROWS: usize = 1_000;
/// Most bytes that the rows of one document take in one index; a document with more is kept apart.
pub const MAX_DOCUMENT_ROW_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
