//! Values as bytes in the order of [`compare`](super::compare): what the keys of indexes are made of.
//!
//! A tag for the class, then what tells its values apart. Numbers: the greatest f64 not above, its bits made orderable, and
//! beyond 2^53 two bytes of rest. Text and bytes: escaped and ended as in [`store::keys`](crate::store::keys). Arrays: their
//! items, then an end that is below every tag. Objects: a mark, the key as text and the value of each field, then the end.
//! No key begins another, so keys can be strung together; the descending form is the same bytes inverted.
//! The tags are a stored format: they never change.

use super::number::appended_bytes;
use super::order::{Class, exact};
use crate::document::Value;

const END: u8 = 0x01;
const FIELD: u8 = 0x02;

const ESCAPE: u8 = 0x00;
const ESCAPED: u8 = 0xff;

/// The byte that every key of a class begins with. None is 0 or 255, nor is any of them inverted.
pub(super) const fn tag(class: Class) -> u8 {
    match class {
        Class::Null => 0x10,
        Class::Number => 0x20,
        Class::String => 0x30,
        Class::Boolean => 0x40,
        Class::Array => 0x50,
        Class::Object => 0x60,
        Class::Bytes => 0x70,
        Class::Date => 0x80,
    }
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// The key of a value, ascending. Two values have the same key exactly when they compare as equal.
///
/// ```
/// use ashore_engine::document::Value;
/// use ashore_engine::query::sort_key;
/// assert!(sort_key(&Value::F64(-1.5)) < sort_key(&Value::Uint(2)));
/// assert_eq!(sort_key(&Value::F64(-0.0)), sort_key(&Value::Uint(0)));
/// ```
pub fn sort_key(value: &Value) -> Vec<u8> {
    let mut key = Vec::with_capacity(16);
    append(value, &mut key);
    key
}

/// Appends the key of a value, as one field of a longer key.
pub fn append_sort_key(key: &mut Vec<u8>, value: &Value, direction: Direction) {
    let start = key.len();
    append(value, key);
    if direction == Direction::Descending {
        key.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}

/// The first key in `bytes` and what stands behind it; none when `bytes` begins with no key.
///
/// ```
/// use ashore_engine::document::Value;
/// use ashore_engine::query::{Direction, append_sort_key, sort_key, split_sort_key};
/// let mut key = sort_key(&Value::String("a".into()));
/// append_sort_key(&mut key, &Value::Uint(1), Direction::Descending);
/// let (first, rest) = split_sort_key(&key, Direction::Ascending).unwrap();
/// assert_eq!(first, sort_key(&Value::String("a".into())));
/// assert_eq!(split_sort_key(rest, Direction::Descending).unwrap().1, b"");
/// ```
pub fn split_sort_key(bytes: &[u8], direction: Direction) -> Option<(&[u8], &[u8])> {
    let mask = if direction == Direction::Descending { 0xff } else { 0x00 };
    let mut reader = Reader { left: bytes, mask, open: 0 };
    reader.skip_value()?;
    while reader.open > 0 {
        reader.skip_part()?;
    }
    bytes.split_at_checked(bytes.len() - reader.left.len())
}

/// The first bytes above every key that begins with `prefix`; none when there are none.
pub(super) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

/// What the keys of all strings that begin with `text` begin with.
pub(super) fn text_prefix(text: &str) -> Vec<u8> {
    let mut key = vec![tag(Class::String)];
    append_escaped(text.as_bytes(), &mut key);
    key
}

fn append(value: &Value, out: &mut Vec<u8>) {
    out.push(tag(Class::of(value)));
    match value {
        Value::Null => {}
        Value::Uint(_) | Value::Int(_) | Value::F64(_) | Value::Counter(_) => {
            if let Some(number) = exact(value) {
                number.append(out);
            }
        }
        Value::String(text) | Value::Text(text) => append_bytes(text.as_bytes(), out),
        Value::Bool(bool) => out.push(u8::from(*bool)),
        Value::List(items) => {
            items.iter().for_each(|item| append(item, out));
            out.push(END);
        }
        Value::Map(map) => {
            for (key, value) in map {
                out.push(FIELD);
                append_bytes(key.as_bytes(), out);
                append(value, out);
            }
            out.push(END);
        }
        Value::Bytes(bytes) => append_bytes(bytes, out),
        Value::Date(millis) => out.extend_from_slice(&(millis.cast_unsigned() ^ (1 << 63)).to_be_bytes()),
    }
}

fn append_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    append_escaped(bytes, out);
    out.extend_from_slice(&[ESCAPE, END]);
}

fn append_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() + 2);
    for &byte in bytes {
        out.push(byte);
        if byte == ESCAPE {
            out.push(ESCAPED);
        }
    }
}

/// Walks over keys without building values; containers that were begun and not ended are counted, not recursed into.
struct Reader<'a> {
    left: &'a [u8],
    mask: u8,
    open: usize,
}

impl Reader<'_> {
    fn skip_value(&mut self) -> Option<()> {
        let tag_byte = self.byte()?;
        const CLASSES: [Class; 8] = [
            Class::Null,
            Class::Number,
            Class::String,
            Class::Boolean,
            Class::Array,
            Class::Object,
            Class::Bytes,
            Class::Date,
        ];
        match CLASSES.into_iter().find(|class| tag(*class) == tag_byte)? {
            Class::Null => Some(()),
            Class::Number => self.skip_number(),
            Class::String | Class::Bytes => self.skip_bytes(),
            Class::Boolean => self.skip(1),
            Class::Array | Class::Object => {
                self.open += 1;
                Some(())
            }
            Class::Date => self.skip(8),
        }
    }

    /// An end, a field, or an item of what is open.
    fn skip_part(&mut self) -> Option<()> {
        match self.left.first()? ^ self.mask {
            END => {
                self.open -= 1;
                self.skip(1)
            }
            FIELD => {
                self.skip(1)?;
                self.skip_bytes()?;
                self.skip_value()
            }
            _ => self.skip_value(),
        }
    }

    fn skip_number(&mut self) -> Option<()> {
        let first: [u8; 8] = self.left.get(..8)?.try_into().ok()?;
        self.skip(appended_bytes(first.map(|byte| byte ^ self.mask)))
    }

    fn skip_bytes(&mut self) -> Option<()> {
        loop {
            if self.byte()? == ESCAPE && self.byte()? == END {
                return Some(());
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, left) = self.left.split_first()?;
        self.left = left;
        Some(byte ^ self.mask)
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.left = self.left.get(len..)?;
        Some(())
    }
}
