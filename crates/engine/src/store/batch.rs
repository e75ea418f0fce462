//! What one commit writes.

use std::collections::BTreeMap;

use super::{Key, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, StoreFailure, Value};

/// Puts and deletes that become durable together. The last word on a key wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreBatch {
    rows: BTreeMap<Key, Option<Value>>,
    bytes: usize,
}

impl StoreBatch {
    /// A batch that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes `value` at `key`, over whatever is there.
    pub fn put(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.set(key.into(), Some(value.into()));
    }

    /// Removes `key`; nothing happens when it is not there.
    pub fn delete(&mut self, key: impl Into<Key>) {
        self.set(key.into(), None);
    }

    /// Adds all of `later`; where both speak of a key, `later` wins.
    pub fn append(&mut self, later: Self) {
        if self.rows.is_empty() {
            *self = later;
            return;
        }
        for (key, value) in later.rows {
            self.set(key, value);
        }
    }

    /// What this batch says of `key`: not mentioned, deleted, or put.
    pub fn get(&self, key: &[u8]) -> Option<Option<&Value>> {
        self.rows.get(key).map(Option::as_ref)
    }

    /// Bytes of all keys and values.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }

    /// Number of rows put or deleted.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is put or deleted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in key order; `None` deletes.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, Option<&Value>)> {
        self.rows.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// The rows in key order; `None` deletes.
    pub fn into_rows(self) -> impl Iterator<Item = (Key, Option<Value>)> {
        self.rows.into_iter()
    }

    /// Refuses what no store takes, so that every store refuses the same.
    pub fn check_limits(&self) -> Result<(), StoreFailure> {
        limit("batch", self.bytes, MAX_BATCH_BYTES)?;
        for (key, value) in &self.rows {
            limit("key", key.len(), MAX_KEY_BYTES)?;
            limit("value", value.as_ref().map_or(0, |value| value.len()), MAX_VALUE_BYTES)?;
        }
        Ok(())
    }

    fn set(&mut self, key: Key, value: Option<Value>) {
        let key_bytes = key.len();
        let value_bytes = value.as_ref().map_or(0, |value| value.len());
        match self.rows.insert(key, value) {
            None => self.bytes += key_bytes + value_bytes,
            Some(before) => self.bytes = self.bytes + value_bytes - before.map_or(0, |before| before.len()),
        }
    }
}

fn limit(what: &'static str, bytes: usize, limit: usize) -> Result<(), StoreFailure> {
    if bytes > limit { Err(StoreFailure::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_key_wins_and_bytes_are_counted_once() {
        let mut batch = StoreBatch::new();
        batch.put("k", "four");
        batch.put("k", "sixsix");
        assert_eq!(batch.byte_len(), 7);
        batch.delete("k");
        assert_eq!((batch.byte_len(), batch.len()), (1, 1));
        assert_eq!(batch.get(b"k"), Some(None));
        assert_eq!(batch.get(b"other"), None);
    }

    #[test]
    fn a_key_over_the_limit_is_refused_by_name() {
        let mut batch = StoreBatch::new();
        batch.put(vec![0; MAX_KEY_BYTES + 1], "v");
        assert!(matches!(batch.check_limits(), Err(StoreFailure::TooLarge { what: "key", .. })));
    }
}
