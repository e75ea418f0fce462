//! The rows of recent commits, in memory: what the segments hold that are not in blocks yet.

use std::collections::BTreeMap;

use super::crc;
use super::sheet::Row;
use crate::store::{Key, StoreBatch, Value};

/// What a key's newest recent commit says.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    Deleted,
    Value(Value),
    /// A value whose checksum does not match, carried along as it was found.
    Corrupt {
        bytes: Value,
        crc: u32,
    },
}

/// Recent rows in key order.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) rows: BTreeMap<Key, Slot>,
    /// Bytes of keys and values.
    pub(super) bytes: usize,
}

impl Table {
    pub(super) fn apply(&mut self, batch: StoreBatch) {
        for (key, value) in batch.into_rows() {
            self.set(key, value.map_or(Slot::Deleted, Slot::Value));
        }
    }

    /// Takes all rows of a newer table.
    pub(super) fn absorb(&mut self, newer: Self) {
        for (key, slot) in newer.rows {
            self.set(key, slot);
        }
    }

    /// Takes a row as it was found on disk.
    pub(super) fn replay(&mut self, key: &[u8], row: Row<'_>) {
        let slot = match row {
            Row::Deleted => Slot::Deleted,
            Row::Healthy(bytes) => Slot::Value(bytes.into()),
            Row::Value { bytes, crc } if crc::hash(bytes) == crc => Slot::Value(bytes.into()),
            Row::Value { bytes, crc } => Slot::Corrupt { bytes: bytes.into(), crc },
        };
        self.set(key.into(), slot);
    }

    fn set(&mut self, key: Key, slot: Slot) {
        let key_bytes = key.len();
        let slot_bytes = slot.byte_len();
        match self.rows.insert(key, slot) {
            None => self.bytes += key_bytes + slot_bytes,
            Some(before) => self.bytes = self.bytes + slot_bytes - before.byte_len(),
        }
    }
}

impl Slot {
    fn byte_len(&self) -> usize {
        match self {
            Self::Deleted => 0,
            Self::Value(bytes) | Self::Corrupt { bytes, .. } => bytes.len(),
        }
    }
}
