//! The outbox: entries that are committed here and that the relay has not acknowledged.

use super::batch::Waiting;
use std::collections::BTreeMap;
use std::ops::Deref;

/// Entries by sequence number, and how much they change: that is asked for with every turn, and there may be thousands.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: BTreeMap<u64, Waiting>,
    pending: u64,
}

impl Outbox {
    /// How many documents its entries change; those that change none count as one.
    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    pub(super) fn insert(&mut self, sequence: u64, waiting: Waiting) {
        self.pending += counted(&waiting);
        let before = self.waiting.insert(sequence, waiting);
        self.pending -= before.as_ref().map_or(0, counted);
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, sequence: u64) -> bool {
        let removed = self.waiting.remove(&sequence);
        self.pending -= removed.as_ref().map_or(0, counted);
        removed.is_some()
    }

    /// The log has shown this entry. Its control entry's id, if it is the first time that one of this device's is shown.
    pub(super) fn note_shown(&mut self, sequence: u64) -> Option<ashore_protocol::ids::EntryId> {
        let waiting = self.waiting.get_mut(&sequence)?;
        std::mem::take(&mut waiting.is_new_control).then_some(waiting.id)
    }
}

impl Deref for Outbox {
    type Target = BTreeMap<u64, Waiting>;

    fn deref(&self) -> &Self::Target {
        &self.waiting
    }
}

fn counted(waiting: &Waiting) -> u64 {
    waiting.changes.max(1)
}
