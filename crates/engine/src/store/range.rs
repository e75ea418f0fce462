//! Which rows a load asks for, and what it gets.

use super::{Key, Value};

/// Neighbouring rows: from `start` to just before `end`, at most `limit` of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first key that may be answered.
    pub start: Key,
    /// The first key after the range; `None` is the end of the store.
    pub end: Option<Key>,
    /// Most rows to answer.
    pub limit: u32,
    /// Most bytes of keys and values to answer. One row is always answered, however large.
    pub max_bytes: usize,
    /// From the end backwards.
    pub reverse: bool,
}

impl Range {
    /// Everything.
    pub fn all() -> Self {
        Self::between(Key::default(), None)
    }

    /// From `start` to just before `end` (`None`: the end of the store).
    pub fn between(start: Key, end: Option<Key>) -> Self {
        Self { start, end, limit: u32::MAX, max_bytes: usize::MAX, reverse: false }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: impl Into<Key>) -> Self {
        let start = prefix.into();
        let end = successor_of_prefix(&start);
        Self::between(start, end)
    }

    /// The one row at `key`.
    pub fn one(key: impl Into<Key>) -> Self {
        let start = key.into();
        let end = just_after(&start);
        Self { limit: 1, ..Self::between(start, Some(end)) }
    }

    /// At most `limit` rows.
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// At most `max_bytes` of keys and values, or one row.
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// The same rows from the last to the first.
    pub fn reversed(self) -> Self {
        Self { reverse: !self.reverse, ..self }
    }

    /// What is left of this range when its answer ended at `last`.
    pub fn after(&self, last: &Key) -> Self {
        if self.reverse {
            Self { end: Some(last.clone()), ..self.clone() }
        } else {
            Self { start: just_after(last), ..self.clone() }
        }
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= &self.start[..] && self.is_before_end(key)
    }

    /// Whether no key at all can be in the range.
    pub fn is_empty(&self) -> bool {
        self.limit == 0 || self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    pub(crate) fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < &end[..])
    }
}

/// What a row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowValue {
    /// The bytes that were put.
    Present(Value),
    /// The bytes on disk are not those that were put. They are kept until the key is written again.
    Corrupt,
}

impl RowValue {
    /// The bytes, unless they are corrupt.
    pub fn present(&self) -> Option<&Value> {
        match self {
            Self::Present(value) => Some(value),
            Self::Corrupt => None,
        }
    }
}

/// Keys of which it is not known any more what was stored: a page, a block or a commit cannot be read.
///
/// Rows inside may be missing, and older values may be answered for keys whose newer ones are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// The first key that may be concerned.
    pub start: Key,
    /// The last key that may be concerned; `None` is the end of the store.
    pub end: Option<Key>,
}

impl LostRange {
    /// Every key: nothing is known of what is lost.
    pub fn everything() -> Self {
        Self { start: Key::default(), end: None }
    }

    /// Whether any key of `range` may be concerned.
    pub fn touches(&self, range: &Range) -> bool {
        self.end.as_ref().is_none_or(|end| *end >= range.start) && range.is_before_end(&self.start)
    }
}

/// The answer to one [`Range`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The rows in the order that the range asked for.
    pub rows: Vec<(Key, RowValue)>,
    /// Whether the range holds more rows than `limit` and `max_bytes` let through.
    pub more: bool,
    /// What could not be read in this range.
    pub lost: Vec<LostRange>,
}

/// Counts rows and bytes of an answer and says when it is full.
#[derive(Debug)]
pub(crate) struct Allowance {
    rows: u32,
    bytes: usize,
    untouched: bool,
}

impl Allowance {
    pub(crate) fn of(range: &Range) -> Self {
        Self { rows: range.limit, bytes: range.max_bytes, untouched: true }
    }

    /// Whether a row of `bytes` may still be answered; counts it if so.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        if self.rows == 0 || (bytes > self.bytes && !self.untouched) {
            return false;
        }
        self.untouched = false;
        self.rows -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

/// The smallest key after `key`.
fn just_after(key: &[u8]) -> Key {
    let mut after = Vec::with_capacity(key.len() + 1);
    after.extend_from_slice(key);
    after.push(0);
    after.into()
}

/// The smallest key after every key that begins with `prefix`; `None` when there is none.
fn successor_of_prefix(prefix: &[u8]) -> Option<Key> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    *end.last_mut()? += 1;
    Some(end.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_holds_exactly_the_keys_that_begin_with_it() {
        let range = Range::prefix([1, 0xff]);
        assert!(range.contains(&[1, 0xff]));
        assert!(range.contains(&[1, 0xff, 0xff, 0xff]));
        assert!(!range.contains(&[2]));
        assert!(!range.contains(&[1, 0xfe, 0xff]));
        assert_eq!(Range::prefix([0xff, 0xff]).end, None);
    }

    #[test]
    fn one_row_is_always_answered_however_large() {
        let mut allowance = Allowance::of(&Range::all().max_bytes(10));
        assert!(allowance.take(1000));
        assert!(!allowance.take(1));
    }

    #[test]
    fn what_is_left_begins_just_after_the_last_row() {
        let range = Range::prefix("a");
        let left = range.after(&"ab".into());
        assert!(!left.contains(b"ab") && left.contains(b"ab\0"));
        let left = range.reversed().after(&"ab".into());
        assert!(!left.contains(b"ab") && left.contains(b"aa"));
    }
}
