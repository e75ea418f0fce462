//! A disk that keeps what was synced and may lose the rest.

use crate::store::{Durability, Key, Range, RowValue, Rows, StoreBatch, Value};
use std::collections::BTreeMap;

/// What a device has stored.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    rows: BTreeMap<Key, Value>,
    synced: BTreeMap<Key, Value>,
    tail: Vec<StoreBatch>,
}

impl Disk {
    /// Reads like a store does.
    pub fn load(&self, range: &Range) -> Rows {
        if range.is_empty() {
            return Rows::default();
        }
        let within = self.rows.range(range.start.clone()..).take_while(|(key, _)| range.contains(key));
        let mut found: Vec<_> = within.map(|(key, value)| (key.clone(), RowValue::Present(value.clone()))).collect();
        if range.reverse {
            found.reverse();
        }
        let mut bytes = 0;
        let fits = found.iter().take_while(|(key, value)| {
            bytes += key.len() + value.present().map_or(0, |value| value.len());
            bytes <= range.max_bytes
        });
        let kept = fits.count().max(1).min(range.limit as usize).min(found.len());
        let more = kept < found.len();
        found.truncate(kept);
        Rows { rows: found, more, lost: vec![] }
    }

    /// Applies a batch; a strict one makes everything before it safe too.
    pub fn commit(&mut self, batch: StoreBatch, durability: Durability) {
        apply(&mut self.rows, &batch);
        self.tail.push(batch);
        if durability == Durability::Strict {
            self.sync();
        }
    }

    /// Everything so far is safe.
    pub fn sync(&mut self) {
        for batch in std::mem::take(&mut self.tail) {
            apply(&mut self.synced, &batch);
        }
    }

    /// How many commits a power cut may take.
    pub fn unsynced(&self) -> usize {
        self.tail.len()
    }

    /// The power goes: only so many of the unsynced commits, the first ones, were on the disk.
    pub fn lose_power(&mut self, kept: usize) {
        self.tail.truncate(kept);
        self.sync();
        self.rows = self.synced.clone();
    }

    /// The rows whose keys begin with these bytes.
    pub fn with_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = (&Key, &Value)> {
        let prefix = prefix.to_vec();
        self.rows.range(Key::from(prefix.clone())..).take_while(move |(key, _)| key.starts_with(&prefix))
    }
}

fn apply(rows: &mut BTreeMap<Key, Value>, batch: &StoreBatch) {
    for (key, value) in batch.rows() {
        match value {
            Some(value) => drop(rows.insert(key.clone(), value.clone())),
            None => drop(rows.remove(key)),
        }
    }
}
