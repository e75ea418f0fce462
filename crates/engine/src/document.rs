//! Documents as pure functions over bytes: their values, their JSON text, their versions, and edits as Automerge changes.
//!
//! Nothing here keeps a live Automerge document: an edit takes stored chunks and answers with what to store and send.
//! [`edit`] is the plain way, through Automerge itself; it stays as the oracle of any faster way.

mod ancestry;
pub mod chunk;
pub mod edit;
pub mod history;
pub mod json;
pub mod name;
pub mod shape;
pub mod state;
pub mod text;
pub mod text_path;
pub mod value;
pub mod version;

pub use name::{CollectionName, DocumentId, NameError};
pub use state::DocumentRow;
pub use text_path::TextPath;
pub use value::Value;
pub use version::Version;

/// Why a value cannot be a document. The path is written like `.list[2].name`; the whole document is the empty path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The text or value holds something that a document cannot hold.
    #[error("the value at `{path}` cannot be stored: {reason}")]
    NotSerializable {
        /// Where in the document.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is not JSON at all: the page and the engine do not speak the same version.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The encoded value is larger than [`value::MAX_DOCUMENT_BYTES`].
    #[error("the document takes {bytes} bytes, more than the {max} that one document may have")]
    TooLarge {
        /// The size of the encoded value.
        bytes: usize,
        /// The most it may be.
        max: usize,
    },
}

#[cfg(test)]
mod tests;
