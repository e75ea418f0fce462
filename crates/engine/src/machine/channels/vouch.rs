//! What a peer wrote and the relay does not take, because its author may not write any more, stands only by what builds on it. Whoever has taken
//! it cannot take it back, so it says so: with an entry that carries nothing and names it.

use crate::group::DataPayload;
use crate::machine::Machine;
use crate::machine::batch::Waiting;
use ashore_protocol::ids::EntryId;

impl Machine {
    /// The relay did not take this entry for good; whether a peer gave it to this device.
    pub(in crate::machine) fn note_orphan(&mut self, sequence: u64) -> bool {
        let Some(group) = &mut self.sync.group else { return false };
        let is_carried = group.outbox.get(&sequence).is_some_and(|waiting| waiting.is_carried);
        if is_carried {
            group.orphans.insert(sequence);
        }
        is_carried
    }

    /// Vouches for what came from peers whose authors have lost the right to write since. Once while the database is open: a second time changes nothing.
    pub(super) fn vouch_for_carried(&mut self) {
        let Some(group) = self.sync.group.as_mut().filter(|group| group.may_seal()) else { return };
        let (orphans, vouched, membership) = (&group.orphans, &group.vouched, &group.membership);
        let is_orphan = |sequence: &u64, waiting: &Waiting| {
            let lost = || waiting.author.is_some_and(|author| !membership.may_write(&author));
            waiting.is_carried && !vouched.contains(sequence) && (orphans.contains(sequence) || lost())
        };
        let found = group.outbox.iter().filter(|(sequence, waiting)| is_orphan(sequence, waiting));
        let found: Vec<(u64, EntryId)> = found.map(|(sequence, waiting)| (*sequence, waiting.id)).collect();
        if found.is_empty() {
            return;
        }
        let own = || group.outbox.values().filter(|waiting| waiting.author.is_none());
        let named = |id: &EntryId| own().any(|waiting| waiting.parents.contains(id));
        let needs_word = found.iter().any(|(_, id)| !named(id));
        group.vouched.extend(found.into_iter().map(|(sequence, _)| sequence));
        if needs_word {
            self.seal_draft();
            self.seal_data(&DataPayload { changes: vec![], writers: None, buried: None }, 0, None);
        }
    }
}
