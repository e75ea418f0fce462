//! A disk that keeps what was synced and may lose the rest.

use crate::store::{Durability, Key, LostRange, Range, RowValue, Rows, StoreBatch, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a device has stored.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    rows: BTreeMap<Key, Value>,
    synced: BTreeMap<Key, Value>,
    tail: Vec<StoreBatch>,
    /// Rows that cannot be read until they are written again.
    damaged: BTreeSet<Key>,
    lost: Vec<LostRange>,
}

impl Disk {
    /// Reads like a store does.
    pub fn load(&self, range: &Range) -> Rows {
        if range.is_empty() {
            return Rows::default();
        }
        let within = self.rows.range(range.start.clone()..).take_while(|(key, _)| range.contains(key));
        let row = |(key, value): (&Key, &Value)| match self.damaged.contains(key) {
            true => (key.clone(), RowValue::Corrupt),
            false => (key.clone(), RowValue::Present(value.clone())),
        };
        let mut found: Vec<_> = within.map(row).collect();
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
        let lost = self.lost.iter().filter(|lost| lost.touches(range)).cloned().collect();
        Rows { rows: found, more, lost }
    }

    /// Applies a batch; a strict one makes everything before it safe too.
    pub fn commit(&mut self, batch: StoreBatch, durability: Durability) {
        apply(&mut self.rows, &batch);
        for (key, _) in batch.rows() {
            self.damaged.remove(key);
        }
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

    /// This row cannot be read any more.
    pub fn damage(&mut self, key: &Key) {
        if self.rows.contains_key(key) {
            self.damaged.insert(key.clone());
        }
    }

    /// These rows are gone, and it is said that some may be.
    pub fn lose(&mut self, start: &Key, last: &Key) {
        self.sync();
        self.rows.retain(|key, _| key < start || key > last);
        self.synced = self.rows.clone();
        self.lost.push(LostRange { start: start.clone(), end: Some(last.clone()) });
    }

    /// The keys of all rows, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.rows.keys()
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
