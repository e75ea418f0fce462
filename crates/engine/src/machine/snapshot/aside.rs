//! What is kept aside travels in a snapshot as it is. The snapshot covers the places of such entries in the log, and does not hold what
//! they do: without them, who takes it would lack them for ever once the relay has dropped them. Who takes it keeps them aside too, and
//! tries them by itself.

use super::super::batch::Waiting;
use super::super::receive::{MAX_QUARANTINED, QuarantineRow};
use super::super::rows::Missing;
use super::super::sync::{Group, KeptReason};
use super::super::vouching::Grounds;
use super::super::{Machine, keys};
use crate::api::{ErrorCode, Failure};
use crate::group::PART_BYTES;
use crate::store::RowValue;
use ashore_protocol::codec::{Bytes, decode};
use ashore_protocol::hash::entry_id;
use ashore_protocol::header::{EntryKind, VerifiedEntry};
use ashore_protocol::ids::EntryId;
use std::collections::VecDeque;

/// What became of an entry that was aside when the snapshot was begun.
enum Found {
    /// It is aside still, or applied.
    Entry(Bytes),
    /// It was applied and dropped.
    Gone,
    Unreadable,
}

/// Entries read in one step.
const STEP_ENTRIES: usize = 16;
/// Of entries that nobody takes, because their authors were removed, so many bytes travel: something may build on one of them still.
const MAX_REMOVED_BYTES: usize = 8 << 20;

/// What an entry of so many bytes costs in a part.
pub(super) fn aside_bytes(entry: usize) -> usize {
    entry + 8
}

impl Group {
    /// An entry that is aside fits no part: then there is no snapshot.
    pub(super) fn keeps_too_large_aside(&self) -> bool {
        let large = |bytes: usize| aside_bytes(bytes) > PART_BYTES;
        self.quarantine.values().any(|kept| kept.reason != KeptReason::AuthorRemoved && large(kept.bytes))
    }

    /// What is aside and travels in a snapshot that begins now.
    pub(super) fn aside_to_carry(&self) -> VecDeque<EntryId> {
        let mut room = MAX_REMOVED_BYTES;
        let mut travels = |bytes: usize| {
            let fits = bytes <= room && aside_bytes(bytes) <= PART_BYTES;
            room -= if fits { bytes } else { 0 };
            fits
        };
        let kept = self.quarantine.iter();
        kept.filter(|(_, kept)| kept.reason != KeptReason::AuthorRemoved || travels(kept.bytes))
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Machine {
    /// Reads some of what was aside when the snapshot was begun. What was applied since travels too: its documents may have been read before.
    pub(super) fn gather_aside(&mut self) -> Result<(), Missing> {
        let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else { return Ok(()) };
        let Some(making) = self.making() else { return Ok(()) };
        let ids: Vec<EntryId> = making.kept.iter().take(STEP_ENTRIES).copied().collect();
        let found: Vec<_> = ids.iter().map(|id| self.kept_or_applied(generation, id)).collect();
        let found = found.into_iter().collect::<Result<Vec<_>, Missing>>()?;
        for (id, found) in ids.iter().zip(found) {
            let Some(making) = self.making() else { return Ok(()) };
            match found {
                Found::Entry(entry) => making.take_aside(entry),
                Found::Gone => {
                    self.make_anew();
                    return Ok(());
                }
                // As with a document that is not whole: somebody else makes the snapshot.
                Found::Unreadable => {
                    let why = format!("entry {}, which is kept aside, cannot be read", id.short());
                    self.give_up_making(Failure::new(ErrorCode::StoreCorrupt, why));
                    return Ok(());
                }
            }
            making.kept.pop_front();
        }
        if let Some(making) = self.making().filter(|making| making.kept.is_empty()) {
            making.end();
        }
        Ok(())
    }

    fn kept_or_applied(&mut self, generation: u64, id: &EntryId) -> Result<Found, Missing> {
        let aside = self.rows.one(&keys::quarantine(generation, id));
        let index = self.rows.one(&keys::entry_index(generation, id));
        let (aside, index) = (aside?, index?);
        let is_it = |bytes: &[u8]| entry_id(bytes) == *id;
        if let Some(row) = aside {
            let kept = row.present().and_then(|bytes| decode::<QuarantineRow>(bytes).ok());
            return Ok(kept
                .filter(|kept| is_it(&kept.entry))
                .map_or(Found::Unreadable, |kept| Found::Entry(kept.entry)));
        }
        let Some(sequence) = index.as_ref().and_then(RowValue::present).and_then(|bytes| keys::sequence(bytes)) else {
            return Ok(Found::Gone);
        };
        let entry = self.rows.one(&keys::entry(generation, sequence))?;
        let bytes = entry.as_ref().and_then(RowValue::present).filter(|bytes| is_it(bytes));
        Ok(bytes.map_or(Found::Gone, |bytes| Found::Entry(bytes.to_vec().into())))
    }

    /// The entries of a part that its author kept aside; `None` when one is none of the group's, or when they are too many.
    pub(super) fn read_asides(&self, asides: &[Bytes]) -> Option<Vec<VerifiedEntry>> {
        let group = self.sync.group.as_ref()?;
        if group.quarantine.len() + asides.len() > 2 * MAX_QUARANTINED {
            return None;
        }
        let entries = asides.iter().map(|bytes| VerifiedEntry::decode(bytes).ok());
        let ours = |entry: &VerifiedEntry| entry.group() == group.state.group && entry.kind() == EntryKind::Data;
        entries.map(|entry| entry.filter(ours)).collect()
    }

    /// Those of them that are not here, and why they are kept. What may not stand at all is passed over.
    pub(super) fn new_asides(
        &mut self,
        asides: Vec<VerifiedEntry>,
    ) -> Result<Vec<(VerifiedEntry, KeptReason)>, Missing> {
        let Some(group) = &self.sync.group else { return Ok(vec![]) };
        let generation = group.state.generation;
        let unknown: Vec<_> = asides.into_iter().filter(|entry| !group.quarantine.contains_key(&entry.id())).collect();
        let rows: Vec<_> =
            unknown.iter().map(|entry| self.rows.one(&keys::entry_index(generation, &entry.id()))).collect();
        let mut new = Vec::new();
        for (entry, row) in unknown.into_iter().zip(rows) {
            let reason = match self.may_stand(&entry) {
                Ok(Grounds::Author) => KeptReason::MissingParent,
                Ok(Grounds::Vouched) => KeptReason::Vouched,
                Ok(Grounds::None) => KeptReason::AuthorRemoved,
                Err(_) => continue,
            };
            if row?.is_none() {
                new.push((entry, reason));
            }
        }
        Ok(new)
    }

    /// Keeps them aside; once the snapshot is taken they are tried.
    pub(super) fn take_asides(&mut self, asides: Vec<(VerifiedEntry, KeptReason)>) {
        for (entry, reason) in &asides {
            self.put_into_quarantine(entry, *reason);
        }
        if !asides.is_empty() {
            self.note_aside_in_no_log();
        }
    }

    /// What is aside may stand in no log.
    pub(super) fn note_aside_in_no_log(&mut self) {
        let Some(group) = self.sync.group.as_mut().filter(|group| !group.quarantine.is_empty()) else { return };
        group.snapshots.changed |= group.snapshots.state.gives_aside.replace(true) != Some(true);
    }

    /// An entry that was aside is applied: the relay gets it, if it may lack it.
    pub(in crate::machine) fn give_what_was_aside(&mut self, entry: &VerifiedEntry, sequence: u64) {
        let Some(group) = &self.sync.group else { return };
        if group.snapshots.state.gives_aside != Some(true) {
            return;
        }
        let author = Some(entry.author()).filter(|author| *author != group.me());
        let (parents, bytes) = (entry.parents().to_vec(), entry.encoded().len() as u64);
        let waiting = Waiting { changes: 1, author, parents, ..Waiting::control(entry.id(), bytes) };
        self.put_into_outbox(sequence, waiting);
    }
}

#[cfg(any(test, feature = "testing"))]
impl Machine {
    /// For tests: a hostile member puts this into the snapshot that it is making; `false` when it makes none.
    pub(crate) fn smuggle_aside(&mut self, bytes: Vec<u8>) -> bool {
        self.making().map(|making| making.take_aside(bytes.into())).is_some()
    }
}
