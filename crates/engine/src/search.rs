//! Full text: which words a text has, what a search asks for, and how well a document answers it.
//!
//! Pure functions over [`Value`]s. Nothing here knows of collections, indexes or a store: [`run`] is the brute-force answer that
//! any faster way must equal. The words of a text are those of Unicode's word boundaries, folded so that case and accents do not
//! count: see [`words`]. Ranking is BM25: see [`Statistics::score`].
//!
//! ```
//! use ashore_engine::document::json;
//! use ashore_engine::query::Path;
//! use ashore_engine::search::{Search, run};
//!
//! let documents = [("n1", r#"{"title":"Oat milk","body":"Two cartons"}"#), ("n2", r#"{"title":"Café","body":"milk foam"}"#)];
//! let documents = documents.map(|(id, text)| (id.to_owned(), json::parse_one(text).unwrap()));
//! let fields = [(Path::parse("title").unwrap(), 1), (Path::parse("body").unwrap(), 1)];
//! let found = |text| {
//!     let search = Search::parse(text, true, true).unwrap();
//!     run(&search, &documents, &fields).into_iter().map(|hit| hit.id).collect::<Vec<_>>()
//! };
//! assert_eq!(found("mil"), ["n2", "n1"], "the shorter one first");
//! assert_eq!(found("cafe milk"), ["n2"]);
//! assert_eq!(found("\"milk foam\""), ["n2"]);
//! assert_eq!(found("milk -oat"), ["n2"]);
//! ```

mod words;
mod document;
mod bm25;
mod ask;
mod run;

pub use ask::{Clause, Search, SearchError, Term};
pub use bm25::{Statistics, rounded_length};
pub use document::{DocumentWords, Frequency, Postings};
pub use run::{Having, Hit, run, score};
pub use words::words;

#[cfg(doc)]
use crate::document::Value;

/// Changes whenever the same text gets other words, or a document another length: an index of another version is built again.
pub const WORDS_VERSION: u32 = 1;
/// Most bytes of a word, folded; of a longer one the beginning counts.
pub const MAX_WORD_BYTES: usize = 128;
/// Most words of one document that count; the rest of its text is not found.
pub const MAX_DOCUMENT_WORDS: usize = 10_000;
/// Most different words in one search: one bit of a `u64` each.
pub const MAX_SEARCH_WORDS: usize = 64;
/// Most bytes (UTF-8) in the text of a search.
pub const MAX_SEARCH_BYTES: usize = 4_096;

#[cfg(test)]
mod tests;
