//! Entries: signed, found by their ids, control entries twice, and what waits for the relay.

use super::fault::Fault;
use crate::api::HealthCounts;
use crate::machine::receive::QuarantineRow;
use crate::machine::rows::Missing;
use crate::machine::{Machine, keys};
use crate::store::{Key, RowValue, Rows};
use ashore_protocol::codec::decode;
use ashore_protocol::hash::entry_id;
use ashore_protocol::header::{EntryKind, VerifiedEntry};
use ashore_protocol::ids::GroupId;

type Found = (HealthCounts, Vec<Fault>);
/// A row's key, and the bytes of the entry that it is about.
type NamedEntry = (Key, Option<Vec<u8>>);

/// The entry of a row, if it is one of this group and what its author signed.
pub(in crate::machine) fn verified(row: Option<&RowValue>, group: GroupId) -> Option<VerifiedEntry> {
    let entry = VerifiedEntry::decode(row?.present()?).ok()?;
    (entry.group() == group).then_some(entry)
}

impl Machine {
    pub(super) fn look_at_entries(&mut self, rows: &Rows) -> Result<Found, Missing> {
        let Some((generation, group)) = self.generation() else { return Ok(Found::default()) };
        let entries: Vec<(u64, Option<VerifiedEntry>)> = rows
            .rows
            .iter()
            .filter_map(|(key, row)| Some((keys::sequence(key)?, verified(Some(row), group))))
            .collect();
        let mut missing = None;
        let mut faults = Vec::new();
        for (sequence, entry) in &entries {
            let Some(entry) = entry else {
                faults.push(Fault::Entry { sequence: *sequence });
                continue;
            };
            match self.rows.one_aside(&keys::entry_index(generation, &entry.id())) {
                Ok(Some(RowValue::Present(found))) if found[..] == sequence.to_be_bytes() => {}
                Ok(_) => faults.push(Fault::Unindexed { sequence: *sequence, id: entry.id() }),
                Err(not_here) => missing = Some(not_here),
            }
            if entry.kind() == EntryKind::Data {
                continue;
            }
            match self.rows.one_aside(&keys::control(generation, *sequence)) {
                Ok(Some(RowValue::Present(found))) if found[..] == *entry.encoded() => {}
                Ok(_) => faults.push(Fault::Control { sequence: *sequence }),
                Err(not_here) => missing = Some(not_here),
            }
        }
        let counts = HealthCounts { entries: entries.len() as u64, ..HealthCounts::default() };
        missing.map_or(Ok((counts, faults)), Err)
    }

    pub(super) fn look_at_entry_index(&mut self, rows: &Rows) -> Result<Found, Missing> {
        let Some((generation, _)) = self.generation() else { return Ok(Found::default()) };
        let mut faults = Vec::new();
        let dropped = |row: &RowValue| row.present().is_some_and(|bytes| keys::is_dropped(bytes));
        let named: Vec<_> = rows.rows.iter().filter(|(_, row)| !dropped(row)).cloned().collect();
        let named = Rows { rows: named, ..Rows::default() };
        for (key, entry) in self.entries_named(generation, &named, |_, row| keys::sequence(row?))? {
            if entry.as_deref().map(entry_id) != keys::entry_id(&key) {
                faults.push(Fault::StrayEntryIndex { key });
            }
        }
        Ok((HealthCounts::default(), faults))
    }

    pub(super) fn look_at_controls(&mut self, rows: &Rows) -> Result<Found, Missing> {
        let Some((generation, _)) = self.generation() else { return Ok(Found::default()) };
        let mut faults = Vec::new();
        // One that differs from its entry was found with the entry.
        for (key, entry) in self.entries_named(generation, rows, |key, _| keys::sequence(key))? {
            if let (None, Some(sequence)) = (entry, keys::sequence(&key)) {
                faults.push(Fault::StrayControl { sequence });
            }
        }
        Ok((HealthCounts::default(), faults))
    }

    pub(super) fn look_at_outbox(&mut self, rows: &Rows) -> Result<Found, Missing> {
        let Some((generation, _)) = self.generation() else { return Ok(Found::default()) };
        let entries = self.entries_named(generation, rows, |key, _| keys::sequence(key))?;
        let mut faults = Vec::new();
        for ((key, row), (_, entry)) in rows.rows.iter().zip(entries) {
            let waiting = row.present().and_then(|bytes| Self::decode_outbox(bytes)).map(|waiting| waiting.id);
            if waiting.is_none() || waiting != entry.as_deref().map(entry_id) {
                faults.extend(keys::sequence(key).map(|sequence| Fault::Outbox { sequence }));
            }
        }
        Ok((HealthCounts::default(), faults))
    }

    pub(super) fn look_at_quarantine(&mut self, rows: &Rows) -> Found {
        let Some((_, group)) = self.generation() else { return Found::default() };
        let broken = |(key, row): &&(Key, RowValue)| {
            let stored = row.present().and_then(|bytes| decode::<QuarantineRow>(bytes).ok());
            let entry = stored.and_then(|stored| VerifiedEntry::decode(&stored.entry).ok());
            !entry.is_some_and(|entry| entry.group() == group && keys::entry_id(key) == Some(entry.id()))
        };
        let faults = rows.rows.iter().filter(broken).map(|(key, _)| Fault::Quarantine { key: key.clone() });
        (HealthCounts::default(), faults.collect())
    }

    pub(in crate::machine) fn generation(&self) -> Option<(u64, GroupId)> {
        self.sync.group.as_ref().map(|group| (group.state.generation, group.state.group))
    }

    /// The bytes of the entries that these rows are about.
    fn entries_named(
        &mut self,
        generation: u64,
        rows: &Rows,
        sequence: fn(&[u8], Option<&[u8]>) -> Option<u64>,
    ) -> Result<Vec<NamedEntry>, Missing> {
        let (mut missing, mut entries) = (None, Vec::with_capacity(rows.rows.len()));
        for (key, row) in &rows.rows {
            let row = row.present().map(|value| &value[..]);
            match sequence(key, row).map(|sequence| self.rows.one_aside(&keys::entry(generation, sequence))) {
                Some(Ok(entry)) => {
                    let bytes = entry.as_ref().and_then(RowValue::present).map(|bytes| bytes.to_vec());
                    entries.push((key.clone(), bytes));
                }
                Some(Err(not_here)) => missing = Some(not_here),
                None => entries.push((key.clone(), None)),
            }
        }
        missing.map_or(Ok(entries), Err)
    }
}
