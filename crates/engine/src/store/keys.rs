//! Tuples as bytes whose order is the order of the tuples.
//!
//! A key is a tag byte followed by fields. A text or byte field is escaped (`00` becomes `00 ff`) and ends with `00 01`,
//! so that a shorter text sorts before every longer one that it begins. A number is eight bytes, big end first. The tags
//! stand here alone; a new kind of row takes a new tag and a function that builds its key.

use thiserror::Error;

use super::{Key, Range};

/// Rows by document: heads, the deleted flag and the materialised value.
const VALUE: u8 = b'v';
/// Rows by document and number: Automerge chunks, base first.
const CHUNK: u8 = b'a';
/// Rows by collection: the definitions of its indexes.
const DEFINITIONS: u8 = b'd';
/// Rows by index number, values' keys and document: the indexes. Their values are empty.
const INDEX: u8 = b'y';

/// Rows by collection: what is declared to leave the device.
const DECLARATIONS: u8 = b'w';

const ESCAPE: u8 = 0x00;
const ESCAPED: u8 = 0xff;
const END: u8 = 0x01;

/// The row of a document's materialised value: `v, collection, id`.
pub fn value_key(collection: &str, id: &str) -> Key {
    KeyWriter::new(VALUE).text(collection).text(id).finish()
}

/// The materialised values of a collection, by id.
pub fn value_range(collection: &str) -> Range {
    KeyWriter::new(VALUE).text(collection).range()
}

/// The collection and id of a [`value_key`].
pub fn parse_value_key(key: &[u8]) -> Result<(String, String), KeyDamaged> {
    let mut reader = KeyReader::new(key, VALUE)?;
    let parsed = (reader.text()?, reader.text()?);
    reader.finish()?;
    Ok(parsed)
}

/// The row of a document's `n`th Automerge chunk: `a, collection, id, n`.
pub fn chunk_key(collection: &str, id: &str, n: u64) -> Key {
    KeyWriter::new(CHUNK).text(collection).text(id).number(n).finish()
}

/// The Automerge chunks of a document, in order.
pub fn chunk_range(collection: &str, id: &str) -> Range {
    KeyWriter::new(CHUNK).text(collection).text(id).range()
}

/// The collection, id and number of a [`chunk_key`].
pub fn parse_chunk_key(key: &[u8]) -> Result<(String, String, u64), KeyDamaged> {
    let mut reader = KeyReader::new(key, CHUNK)?;
    let parsed = (reader.text()?, reader.text()?, reader.number()?);
    reader.finish()?;
    Ok(parsed)
}

/// The row that defines a collection's indexes: `d, collection`.
pub fn definitions_key(collection: &str) -> Key {
    KeyWriter::new(DEFINITIONS).text(collection).finish()
}

/// The definitions of all indexes, by collection.
pub fn definitions_range() -> Range {
    KeyWriter::new(DEFINITIONS).range()
}

/// The collection of a [`definitions_key`].
pub fn parse_definitions_key(key: &[u8]) -> Result<String, KeyDamaged> {
    let mut reader = KeyReader::new(key, DEFINITIONS)?;
    let collection = reader.text()?;
    reader.finish()?;
    Ok(collection)
}

/// The row of what a collection is declared to be: `w, collection`.
pub fn declarations_key(collection: &str) -> Key {
    KeyWriter::new(DECLARATIONS).text(collection).finish()
}

/// What all collections are declared to be.
pub fn declarations_range() -> Range {
    KeyWriter::new(DECLARATIONS).range()
}

/// The collection of a [`declarations_key`].
pub fn parse_declarations_key(key: &[u8]) -> Result<String, KeyDamaged> {
    let mut reader = KeyReader::new(key, DECLARATIONS)?;
    let collection = reader.text()?;
    reader.finish()?;
    Ok(collection)
}

/// A row of an index: `y, number, key, id`; number as 4 bytes, big end first, key and id as they are. A key is the sort keys
/// of the index's fields, one after another; none of them begins another, so that it is known where the id begins.
pub fn index_key(number: u32, key: &[u8], id: &str) -> Key {
    KeyWriter::new(INDEX).fixed(&number.to_be_bytes()).fixed(key).fixed(id.as_bytes()).finish()
}

/// The rows of an index whose keys begin with `prefix`.
pub fn index_range(number: u32, prefix: &[u8]) -> Range {
    KeyWriter::new(INDEX).fixed(&number.to_be_bytes()).fixed(prefix).range()
}

/// The rows of all indexes with numbers from `first` to before `end`; `None`: to the last.
pub fn indexes_range(first: u32, end: Option<u32>) -> Range {
    let all = KeyWriter::new(INDEX).range();
    let from = |number: u32| KeyWriter::new(INDEX).fixed(&number.to_be_bytes()).finish();
    Range { start: from(first), end: end.map(from).or(all.end.clone()), ..all }
}

/// The number of an [`index_key`] and what stands behind it: key and id.
pub fn parse_index_key(key: &[u8]) -> Result<(u32, &[u8]), KeyDamaged> {
    let mut reader = KeyReader::new(key, INDEX)?;
    let number = reader.fixed(4)?.try_into().map_err(|_| KeyDamaged)?;
    Ok((u32::from_be_bytes(number), reader.0))
}

/// A key that no [`KeyWriter`] wrote, or one of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a store key is damaged")]
pub struct KeyDamaged;

/// Builds a key field by field.
#[derive(Debug, Clone)]
pub struct KeyWriter(Vec<u8>);

impl KeyWriter {
    /// A key of the kind `tag`.
    pub fn new(tag: u8) -> Self {
        Self(vec![tag])
    }

    /// Appends a text; sorts by its UTF-8 bytes.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Appends bytes of any length.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.reserve(bytes.len() + 2);
        for &byte in bytes {
            self.0.push(byte);
            if byte == ESCAPE {
                self.0.push(ESCAPED);
            }
        }
        self.0.extend_from_slice(&[ESCAPE, END]);
        self
    }

    /// Appends bytes as they are. Only for fields whose length the tag fixes, such as hashes.
    pub fn fixed(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a number.
    pub fn number(self, number: u64) -> Self {
        self.fixed(&number.to_be_bytes())
    }

    /// The key.
    pub fn finish(self) -> Key {
        self.0.into()
    }

    /// Every key that begins with the fields so far.
    pub fn range(self) -> Range {
        Range::prefix(self.0)
    }
}

/// Takes a key apart, field by field, in the order it was written.
#[derive(Debug, Clone)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// Begins to read a key of the kind `tag`.
    pub fn new(key: &'a [u8], tag: u8) -> Result<Self, KeyDamaged> {
        match key.split_first() {
            Some((found, rest)) if *found == tag => Ok(Self(rest)),
            _ => Err(KeyDamaged),
        }
    }

    /// A text.
    pub fn text(&mut self) -> Result<String, KeyDamaged> {
        String::from_utf8(self.bytes()?).map_err(|_| KeyDamaged)
    }

    /// Bytes of any length.
    pub fn bytes(&mut self) -> Result<Vec<u8>, KeyDamaged> {
        let mut bytes = Vec::new();
        loop {
            let plain = self.0.iter().position(|byte| *byte == ESCAPE).ok_or(KeyDamaged)?;
            bytes.extend_from_slice(self.fixed(plain)?);
            match self.fixed(2)? {
                [ESCAPE, END] => return Ok(bytes),
                [ESCAPE, ESCAPED] => bytes.push(ESCAPE),
                _ => return Err(KeyDamaged),
            }
        }
    }

    /// `len` bytes as they are.
    pub fn fixed(&mut self, len: usize) -> Result<&'a [u8], KeyDamaged> {
        let (field, rest) = self.0.split_at_checked(len).ok_or(KeyDamaged)?;
        self.0 = rest;
        Ok(field)
    }

    /// A number.
    pub fn number(&mut self) -> Result<u64, KeyDamaged> {
        let field = self.fixed(8)?;
        field.try_into().map(u64::from_be_bytes).map_err(|_| KeyDamaged)
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), KeyDamaged> {
        if self.0.is_empty() { Ok(()) } else { Err(KeyDamaged) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_of_bytes_is_the_order_of_tuples(
            a in (any::<String>(), proptest::collection::vec(0u8..3, 0..6), any::<u64>()),
            b in (any::<String>(), proptest::collection::vec(0u8..3, 0..6), any::<u64>()),
            same in any::<bool>(),
        ) {
            let b = if same { (a.0.clone(), b.1, b.2) } else { b };
            let key = |t: &(String, Vec<u8>, u64)| KeyWriter::new(b't').text(&t.0).bytes(&t.1).number(t.2).finish();
            let (key_a, key_b) = (key(&a), key(&b));
            prop_assert_eq!(key_a.cmp(&key_b), a.cmp(&b));
            let mut reader = KeyReader::new(&key_a, b't').unwrap();
            prop_assert_eq!((reader.text().unwrap(), reader.bytes().unwrap(), reader.number().unwrap()), a);
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(0u8..4, 0..40)) {
            let _ = parse_value_key(&bytes);
            let _ = parse_chunk_key(&bytes);
            let _ = parse_definitions_key(&bytes);
            let _ = parse_index_key(&bytes);
        }
    }

    #[test]
    fn a_collections_range_holds_its_documents_and_no_others() {
        let range = value_range("note");
        assert!(range.contains(&value_key("note", "")));
        assert!(range.contains(&value_key("note", "\u{10ffff}")));
        assert!(!range.contains(&value_key("notes", "a")));
        assert!(!range.contains(&value_key("note\0", "a")));
        assert!(chunk_range("note", "a").contains(&chunk_key("note", "a", u64::MAX)));
        assert!(!chunk_range("note", "a").contains(&chunk_key("note", "a\0", 0)));
    }

    #[test]
    fn keys_come_apart_as_they_were_put_together() {
        assert_eq!(parse_value_key(&value_key("a\0b", "ü")), Ok(("a\0b".into(), "ü".into())));
        assert_eq!(parse_chunk_key(&chunk_key("c", "d", 7)), Ok(("c".into(), "d".into(), 7)));
        assert_eq!(parse_value_key(&chunk_key("c", "d", 7)), Err(KeyDamaged));
        assert_eq!(parse_definitions_key(&definitions_key("a\0b")), Ok("a\0b".into()));
        assert_eq!(parse_index_key(&index_key(7, b"\x10", "d")), Ok((7, &b"\x10d"[..])));
    }

    #[test]
    fn an_indexs_range_holds_its_rows_and_no_others() {
        let row = index_key(7, b"\x10", "d");
        assert!(index_range(7, b"").contains(&row) && index_range(7, b"\x10").contains(&row));
        assert!(!index_range(8, b"").contains(&row) && !index_range(7, b"\x20").contains(&row));
        assert!(indexes_range(0, None).contains(&row) && indexes_range(7, Some(8)).contains(&row));
        assert!(!indexes_range(0, Some(7)).contains(&row) && !indexes_range(8, None).contains(&row));
    }
}
