//! Names: the id of a document and the name of its collection, parsed once at the edge.

use std::fmt;

/// Most bytes (UTF-8) in a document's id.
pub const MAX_DOCUMENT_ID_BYTES: usize = 1_024;
/// Most bytes (UTF-8) in a collection's name.
pub const MAX_COLLECTION_NAME_BYTES: usize = 256;

/// Why a text is no id of a document or name of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// An empty text names nothing.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`MAX_DOCUMENT_ID_BYTES`] or [`MAX_COLLECTION_NAME_BYTES`].
    #[error("the name takes {bytes} bytes, more than the {max} it may have")]
    TooLong {
        /// Its size in UTF-8.
        bytes: usize,
        /// The most it may be.
        max: usize,
    },
    /// U+0000 to U+001F and U+007F: they end lines, cut C strings and cannot be seen in a log.
    #[error("the name holds a control character at byte {at}")]
    ControlCharacter {
        /// Where, in bytes.
        at: usize,
    },
}

/// The id of a document inside its collection: 1 to 1,024 bytes of UTF-8 without control characters. Ordered by bytes.
///
/// ```
/// use ashore_engine::document::{DocumentId, NameError};
/// assert_eq!(DocumentId::parse("n1").unwrap().as_str(), "n1");
/// assert_eq!(DocumentId::parse(""), Err(NameError::Empty));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(String);

/// The name of a collection: 1 to 256 bytes of UTF-8 without control characters. Ordered by bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(String);

impl DocumentId {
    /// The id that `text` is, if it can be one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(text, MAX_DOCUMENT_ID_BYTES).map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CollectionName {
    /// The name that `text` is, if it can be one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        checked(text, MAX_COLLECTION_NAME_BYTES).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn checked(text: &str, max: usize) -> Result<String, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > max {
        return Err(NameError::TooLong { bytes: text.len(), max });
    }
    match text.bytes().position(|byte| byte.is_ascii_control()) {
        Some(at) => Err(NameError::ControlCharacter { at }),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_short_visible_text() {
        assert_eq!(CollectionName::parse("notes").unwrap().to_string(), "notes");
        assert!(DocumentId::parse(&"x".repeat(1_024)).is_ok());
        assert_eq!(DocumentId::parse(&"é".repeat(513)), Err(NameError::TooLong { bytes: 1_026, max: 1_024 }));
        assert_eq!(CollectionName::parse(&"x".repeat(257)), Err(NameError::TooLong { bytes: 257, max: 256 }));
        assert_eq!(DocumentId::parse("a\nb"), Err(NameError::ControlCharacter { at: 1 }));
        assert!(DocumentId::parse("a/b c ü 🏖").is_ok());
    }
}
