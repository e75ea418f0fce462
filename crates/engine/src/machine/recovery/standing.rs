//! Which of this device's recoveries stand, as the group comes to know more: one takes the place of those that it knew and of those made at the same time, and
//! one that was closed by what came to nothing stands again, with its envelope.

use super::super::Machine;
use super::super::sync::Group;
use ashore_protocol::control::Control;
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{EntryId, LogId};
use std::collections::BTreeSet;

/// In place of the relay's log: the envelope lay at a relay, which may have been told to drop it.
pub(super) const TAKEN_AWAY: LogId = LogId([0; 16]);
/// How many envelopes are kept of recoveries that others closed.
const MAX_TAKEN_AWAY: usize = 8;

impl Group {
    /// Whether one control entry was made by somebody who knew the other.
    fn was_known_to(&self, earlier: &EntryId, later: &EntryId) -> bool {
        let mut seen = BTreeSet::from([*earlier]);
        let mut open = vec![*earlier];
        while let Some(id) = open.pop() {
            if id == *later {
                return true;
            }
            let by = self.named_by.get(&id).into_iter().flatten();
            open.extend(by.filter(|by| seen.insert(**by)));
        }
        false
    }

    /// What an own recovery takes the place of. Of two that were made at the same time one stays: that with the greater id, by its maker's word.
    fn replaced_by(&self, recovery: &EntryId) -> Vec<EntryId> {
        let Some(own) = self.envelopes.iter().find(|envelope| envelope.recovery == *recovery) else { return vec![] };
        let others = self.others_of(own.kind, recovery).into_iter().map(|(id, _)| id);
        let replaced = |other: &EntryId| {
            self.was_known_to(other, recovery) || other < recovery && !self.was_known_to(recovery, other)
        };
        others.filter(replaced).collect()
    }
}

impl Machine {
    /// The relay is not what it was: what it had beside its log may be gone.
    pub(in super::super) fn envelopes_may_be_gone(&mut self) {
        let envelopes = self.sync.group.iter_mut().flat_map(|group| &mut group.envelopes);
        for envelope in envelopes.filter(|envelope| envelope.log.is_some()) {
            envelope.log = Some(TAKEN_AWAY);
        }
        self.write_envelopes();
    }

    /// Somebody closes a recovery that was made here, and has the relay drop its envelope. Should that come to nothing, the envelope goes there again.
    pub(in super::super) fn note_taken_away(&mut self, entry: &VerifiedEntry) {
        let (Some(group), Some(Control::Revoke { invite })) = (&mut self.sync.group, entry.control()) else { return };
        let other = entry.author() != group.me();
        let own = group.envelopes.iter_mut().find(|own| own.recovery == *invite && own.log.is_some());
        if let Some(own) = own.filter(|_| other) {
            own.log = Some(TAKEN_AWAY);
            self.write_envelopes();
        }
    }

    /// Control entries have come, or an envelope lies at the relay: what that means for the recoveries that were made here.
    pub(super) fn look_at_recoveries(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        if !std::mem::take(&mut group.recoveries_changed) {
            return;
        }
        let open = |id: &EntryId| group.membership.invite_in(id).is_some_and(|invite| !invite.closed);
        let taken: Vec<bool> = group.envelopes.iter().map(|envelope| !open(&envelope.recovery)).collect();
        let lay = |log: &Option<LogId>| log.is_some_and(|log| log != TAKEN_AWAY);
        let mut changed = false;
        for (envelope, _) in group.envelopes.iter_mut().zip(taken).filter(|(_, taken)| *taken) {
            if lay(&envelope.log) {
                envelope.log = Some(TAKEN_AWAY);
                changed = true;
            }
        }
        let lies = group.envelopes.iter().filter(|envelope| lay(&envelope.log));
        let replaced = lies.map(|envelope| (envelope.recovery, group.replaced_by(&envelope.recovery)));
        let replaced: Vec<_> = replaced.filter(|(_, others)| !others.is_empty()).collect();
        for (recovery, others) in replaced {
            self.close_replaced(&recovery, others);
        }
        if changed {
            self.write_envelopes();
        }
    }

    /// Without the right to close them, they were not this device's to replace.
    fn close_replaced(&mut self, recovery: &EntryId, others: Vec<EntryId>) {
        for other in others {
            let place = |group: &Group, id: &EntryId| group.recovery_note(id).map(|note| note.place);
            let same = self.sync.group.as_ref().is_some_and(|group| place(group, &other) == place(group, recovery));
            if self.close_recovery(other).is_err() {
                continue;
            }
            // The other's envelope may lie where this one should: once that is closed it goes there again.
            let envelopes = self.sync.group.iter_mut().flat_map(|group| &mut group.envelopes);
            for own in envelopes.filter(|own| same && own.recovery == *recovery) {
                own.log = Some(TAKEN_AWAY);
            }
        }
        self.write_envelopes();
    }

    /// Leaves out those that were closed here, and of those that others closed all but the latest.
    pub(super) fn forget_closed_envelopes(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let membership = &group.membership;
        let open = |id: &EntryId| membership.invite_in(id).is_some_and(|invite| !invite.closed);
        group.envelopes.retain(|envelope| open(&envelope.recovery) || envelope.log == Some(TAKEN_AWAY));
        let closed = group.envelopes.iter().filter(|envelope| !open(&envelope.recovery)).count();
        let mut surplus = closed.saturating_sub(MAX_TAKEN_AWAY);
        group.envelopes.retain(|envelope| {
            let goes = surplus > 0 && !open(&envelope.recovery);
            surplus -= usize::from(goes);
            !goes
        });
    }
}
