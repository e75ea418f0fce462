//! Entries that carried nothing but what is buried go from the local log. Their ids stay, so that they are known as parents and never taken again.

use super::super::rows::Missing;
use super::super::task::ScanSlot;
use super::super::{Machine, keys};
use crate::store::keys::value_key;
use crate::store::{Key, RowValue};
use ashore_protocol::header::{Entry, EntryKind, VerifiedEntry};
use ashore_protocol::ids::EntryId;

/// Entries looked at in one step, and their bytes.
const STEP_ROWS: u32 = 100;
const STEP_BYTES: usize = 1 << 20;
/// A tag, a generation, a sequence number.
const ENTRY_KEY_BYTES: usize = 17;

impl Machine {
    /// A step of the pass over all entries.
    pub(super) fn prune_entries(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let (Some(group), Some(from)) = (&self.sync.group, self.vanish.to_do.entries_from) else {
            self.vanish.to_do.entries_from = None;
            return Ok(());
        };
        let generation = group.state.generation;
        let mut range = keys::entries(generation).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        range.start = keys::entry(generation, from);
        let (rows, rest) = self.scan_part(scan, &range)?;
        let mut missing = false;
        let mut needless: Vec<(Key, u64, EntryId)> = Vec::new();
        for (key, row) in &rows.rows {
            let Some(sequence) = keys::sequence(key) else { continue };
            let waits = self.sync.group.as_ref().is_some_and(|group| group.may_yet_give(sequence));
            let entry = row.present().filter(|_| !waits).and_then(|bytes| Entry::decode(bytes).ok());
            let entry = entry.filter(|entry| entry.header().kind == EntryKind::Data);
            let Some(entry) = entry.and_then(|entry| entry.verified_before().ok()) else { continue };
            match self.carries_only_buried(&entry) {
                Ok(true) => needless.push((key.clone(), sequence, entry.id())),
                Ok(false) => {}
                Err(Missing) => missing = true,
            }
        }
        if missing {
            *scan = Some((range, rows));
            return Err(Missing);
        }
        for (key, sequence, id) in needless {
            self.rows.write(&mut self.batch.rows, key, None);
            let index = keys::entry_index(generation, &id);
            self.rows.write(&mut self.batch.rows, index, Some(keys::dropped_entry(sequence).into()));
            self.note_dropped_entries();
        }
        // The key behind an entry's is that key with a zero behind it.
        let next =
            rest.and_then(|rest| rest.start.get(..ENTRY_KEY_BYTES).and_then(keys::sequence)).map(|last| last + 1);
        self.vanish.to_do.entries_from = next;
        self.write_to_do();
        Ok(())
    }

    /// Whether every document in an entry is buried and none of that name is here.
    fn carries_only_buried(&mut self, entry: &VerifiedEntry) -> Result<bool, Missing> {
        let Ok(payload) = self.open_changes(entry) else { return Ok(false) };
        let mut missing = false;
        let mut all = !payload.changes.is_empty();
        for change in &payload.changes {
            let key = value_key(&change.collection, &change.id);
            let (marker, row) = (self.marker(&change.collection, &change.id), self.rows.one(&key));
            match (marker, row) {
                (Ok(marker), Ok(row)) => {
                    all &= marker.is_some() && !matches!(row, Some(RowValue::Present(_) | RowValue::Corrupt))
                }
                _ => missing = true,
            }
        }
        if missing { Err(Missing) } else { Ok(all) }
    }
}
