//! Which rows a document has in an index of words, and what a row says.
//!
//! A row's key is the word, a zero byte and the document's id; no word has a zero byte. Its value is two CBOR integers: how often
//! the word is there, and the document's length.

use super::IndexDef;
use crate::document::Value;
use crate::search::{DocumentWords, Postings};
use crate::store::keys::{index_key, index_range, parse_index_key};
use crate::store::{Key, Range, Value as RowBytes};
use minicbor::{Decoder, Encoder};

/// Ends a word in a key.
const END: &[u8] = &[0];

/// What one row of an index of words says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting<'k> {
    /// The word, folded.
    pub word: &'k str,
    /// The document that has it.
    pub id: &'k str,
    /// How often: see [`Postings::frequencies`].
    pub frequency: u32,
    /// See [`Postings::length`].
    pub length: u32,
}

impl IndexDef {
    /// The words of a document in the fields of this index, in order.
    pub fn document_words(&self, document: &Value) -> DocumentWords {
        DocumentWords::of(document, self.fields.iter().map(|field| (&field.path, field.weight)))
    }

    /// The words of a document, counted; what the rows of an index of words are made of.
    ///
    /// ```
    /// use ashore_engine::document::json;
    /// use ashore_engine::index::IndexDef;
    /// let index = IndexDef::new_text(1, "words", [("title", 2), ("body", 1)].into_iter()).unwrap();
    /// let document = json::parse_one(r#"{"title":"Oat milk","body":"Milk, milk!"}"#).unwrap();
    /// let postings = index.postings(&document);
    /// assert_eq!((postings.frequencies["milk"], postings.frequencies["oat"], postings.length), (4, 2, 6));
    /// ```
    pub fn postings(&self, document: &Value) -> Postings {
        self.document_words(document).postings()
    }

    /// The key of the row of a word in a document.
    pub fn word_row(&self, word: &str, id: &str) -> Key {
        index_key(self.number, &[word.as_bytes(), END].concat(), id)
    }

    /// The value of the row of a word.
    pub fn word_value(frequency: u32, length: u32) -> RowBytes {
        let mut encoder = Encoder::new(Vec::with_capacity(4));
        // A `Vec` takes everything.
        let _ = encoder.u32(frequency).and_then(|encoder| encoder.u32(length));
        encoder.into_writer().into()
    }

    /// The rows of a word; with `prefix` those of every word that begins so.
    pub fn rows_of_word(&self, word: &str, prefix: bool) -> Range {
        if prefix {
            index_range(self.number, word.as_bytes())
        } else {
            index_range(self.number, &[word.as_bytes(), END].concat())
        }
    }

    /// What a row says; `None` when it is no row of this index of words.
    pub fn parse_posting<'k>(&self, key: &'k [u8], value: &[u8]) -> Option<Posting<'k>> {
        let (number, rest) = parse_index_key(key).ok()?;
        let end = rest.iter().position(|byte| *byte == 0).filter(|_| number == self.number)?;
        let (word, id) = (rest.get(..end)?, rest.get(end + 1..)?);
        let mut decoder = Decoder::new(value);
        let (frequency, length) = (decoder.u32().ok()?, decoder.u32().ok()?);
        let (word, id) = (std::str::from_utf8(word).ok()?, std::str::from_utf8(id).ok()?);
        Some(Posting { word, id, frequency, length })
    }
}
