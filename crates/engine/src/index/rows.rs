//! Which rows a document has in an index, and what a row says.

use ashore_protocol::gather::Gather;
use std::collections::{BTreeMap, BTreeSet};

use super::{IndexDef, MAX_DOCUMENT_ROW_BYTES, MAX_DOCUMENT_ROWS, MAX_INDEX_KEY_BYTES};
use crate::document::Value;
use crate::query::{append_sort_key, split_sort_key};
use crate::store::keys::{index_key, index_range, parse_index_key};
use crate::store::{Key, Range, Value as RowBytes};

/// The key of documents that an index cannot keep by their values: one is longer than [`MAX_INDEX_KEY_BYTES`], or they would
/// have more rows than a document may. It stands above every sort key, ascending or descending, in one row per document.
///
/// Where [`IndexDef::apart`] is set a reader looks at these documents too, whatever it looks for, and puts them in order itself.
pub const APART: &[u8] = &[0xff];

/// Bytes of a row's key before the key of its values: tag and number.
const HEAD_BYTES: usize = 5;

/// The keys by which an index keeps one document.
pub type Keys = BTreeSet<Vec<u8>>;

impl IndexDef {
    /// The keys of a document: the sort keys of its fields, in order, in the direction of each; where a path reaches several
    /// values (see [`Path::for_each_indexed`](crate::query::Path::for_each_indexed)), every combination with those of the
    /// other fields. What is missing counts as null. A sparse index has no key in which every field is null. A document with
    /// too many keys, or too long ones, has the one key [`APART`].
    ///
    /// ```
    /// use ashore_engine::document::json;
    /// use ashore_engine::index::IndexDef;
    /// let index = IndexDef::new(1, "by-tag", [("tags", false), ("due", true)].into_iter(), false, false).unwrap();
    /// let document = json::parse_one(r#"{"tags":["a","b","a"],"due":3}"#).unwrap();
    /// assert_eq!(index.keys("n1", &document).len(), 2);
    /// ```
    pub fn keys(&self, id: &str, document: &Value) -> Keys {
        let mut keys = Keys::from([Vec::new()]);
        for field in &self.fields {
            let mut parts = Keys::new();
            field.path.for_each_indexed(document, &mut |value| {
                if parts.len() <= MAX_DOCUMENT_ROWS {
                    let mut part = Vec::new();
                    append_sort_key(&mut part, value, field.direction);
                    parts.insert(part);
                }
            });
            if keys.len() * parts.len() > MAX_DOCUMENT_ROWS {
                return Keys::from([APART.to_vec()]);
            }
            keys = keys.iter().flat_map(|key| parts.iter().map(|part| [key.as_slice(), part].concat())).gather();
            if keys.iter().any(|key| key.len() > MAX_INDEX_KEY_BYTES) {
                return Keys::from([APART.to_vec()]);
            }
        }
        if self.sparse {
            keys.remove(&self.null_key());
        }
        let bytes: usize = keys.iter().map(|key| HEAD_BYTES + key.len() + id.len()).sum();
        if bytes > MAX_DOCUMENT_ROW_BYTES { Keys::from([APART.to_vec()]) } else { keys }
    }

    /// All rows of a document, with their values.
    pub fn rows_of_document(&self, id: &str, document: &Value) -> BTreeMap<Key, RowBytes> {
        if self.text.is_none() {
            return self.keys(id, document).iter().map(|key| (self.row(key, id), RowBytes::default())).gather();
        }
        let postings = self.postings(document);
        let row = |(word, frequency): (&String, &u32)| {
            (self.word_row(word, id), Self::word_value(*frequency, postings.length))
        };
        postings.frequencies.iter().map(row).collect()
    }

    /// The row of a document at one of its keys.
    pub fn row(&self, key: &[u8], id: &str) -> Key {
        index_key(self.number, key, id)
    }

    /// The rows of every document that has this key.
    pub fn rows_of(&self, key: &[u8]) -> Range {
        index_range(self.number, key)
    }

    /// The documents that are kept apart: see [`APART`].
    pub fn apart_range(&self) -> Range {
        index_range(self.number, APART)
    }

    /// The key and the document's id of a row; `None` when it is no row of this index.
    ///
    /// ```
    /// use ashore_engine::index::IndexDef;
    /// let index = IndexDef::new(1, "by-due", [("due", true)].into_iter(), false, false).unwrap();
    /// let key = index.keys("n1", &ashore_engine::document::Value::empty()).pop_first().unwrap();
    /// assert_eq!(index.parse_row(&index.row(&key, "n1")), Some((key.as_slice(), "n1")));
    /// ```
    pub fn parse_row<'a>(&self, row: &'a [u8]) -> Option<(&'a [u8], &'a str)> {
        let (number, rest) = parse_index_key(row).ok()?;
        if number != self.number {
            return None;
        }
        let id = match rest.strip_prefix(APART) {
            Some(id) => id,
            None => self
                .fields
                .iter()
                .try_fold(rest, |rest, field| split_sort_key(rest, field.direction).map(|(_, rest)| rest))?,
        };
        let key = rest.get(..rest.len() - id.len())?;
        Some((key, std::str::from_utf8(id).ok()?))
    }

    /// Notes what a document that is put into it shows: arrays on its paths, and whether it is kept apart. `true` when that
    /// is new, and the definition has to be stored again.
    pub fn note(&mut self, document: &Value, keys: &Keys) -> bool {
        let mut new = !self.apart && keys.first().is_some_and(|key| key == APART);
        self.apart |= new;
        for field in self.fields.iter_mut().filter(|field| !field.multi) {
            field.multi = field.path.meets_array(document);
            new |= field.multi;
        }
        new
    }

    fn null_key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        self.fields.iter().for_each(|field| append_sort_key(&mut key, &Value::Null, field.direction));
        key
    }
}
