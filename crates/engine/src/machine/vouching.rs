//! Entries of authors that may not write any more: they stand when something that stands builds on them.
//!
//! A device that merged such an entry before it heard of the removal cannot take it back. Its next entry names it as a parent, and so everybody
//! takes it: all end with the same documents. What nobody built on is kept aside.

use super::receive::QuarantineRow;
use super::rows::Missing;
use super::sync::{Group, KeptReason};
use super::{Machine, keys};
use crate::group::DataPayload;
use crate::store::RowValue;
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::control::Control;
use ashore_protocol::header::{Entry, EntryKind, VerifiedEntry};
use ashore_protocol::ids::{DeviceId, EntryId};
use ashore_protocol::membership::Refusal;

/// By what an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grounds {
    /// Its author may write.
    Author,
    /// Its author may not, but something that stands builds on it.
    Vouched,
    /// It does not stand.
    None,
}

/// An entry that was kept aside and on which something builds now.
pub(super) struct Vouched {
    id: EntryId,
    entry: Bytes,
}

impl Group {
    /// By what a data entry stands; the refusal where it may not even be kept aside.
    fn grounds(&self, entry: &VerifiedEntry) -> Result<Grounds, Refusal> {
        match self.membership.may_stand(entry) {
            Ok(()) => Ok(Grounds::Author),
            Err(refusal) if !refusal.passes_when_wanted() => Err(refusal),
            Err(_) if self.is_vouched_for(&entry.id()) || self.is_not_told_yet(&entry.author()) => Ok(Grounds::Vouched),
            Err(_) => Ok(Grounds::None),
        }
    }

    fn is_vouched_for(&self, id: &EntryId) -> bool {
        let before = self.quarantine.get(id).is_some_and(|kept| kept.reason != KeptReason::AuthorRemoved);
        let by_control =
            || self.named_by.get(id).is_some_and(|controls| controls.iter().any(|by| self.membership.vouches(by)));
        let by_waiting = || {
            let stands = |reason| reason != KeptReason::AuthorRemoved;
            self.quarantine.values().any(|kept| stands(kept.reason) && kept.parents.contains(id))
        };
        before || by_control() || by_waiting()
    }

    /// Whether what took the right to write from this device is only here: then what the log brings of it stands before that.
    fn is_not_told_yet(&self, author: &DeviceId) -> bool {
        let own = self.outbox.values().filter(|waiting| waiting.is_new_control).map(|waiting| waiting.id);
        let takes_away = |id: EntryId| match self.control(&id)?.control()? {
            Control::Remove { device, .. } | Control::Role { device, .. } => Some(device == author),
            _ => None,
        };
        own.filter_map(takes_away).any(|is_this| is_this)
    }
}

impl Machine {
    pub(super) fn may_stand(&self, entry: &VerifiedEntry) -> Result<Grounds, Refusal> {
        self.sync.group.as_ref().map_or(Err(Refusal::OtherGroup), |group| group.grounds(entry))
    }

    /// What was kept aside and is a parent of this entry.
    pub(super) fn vouched_by(&mut self, entry: &VerifiedEntry) -> Result<Vec<Vouched>, Missing> {
        let Some(group) = &self.sync.group else { return Ok(vec![]) };
        let generation = group.state.generation;
        let aside =
            |id: &&EntryId| group.quarantine.get(*id).is_some_and(|kept| kept.reason == KeptReason::AuthorRemoved);
        let ids: Vec<EntryId> = entry.parents().iter().filter(aside).copied().collect();
        let rows: Vec<_> = ids.iter().map(|id| (*id, self.rows.one(&keys::quarantine(generation, id)))).collect();
        let mut vouched = Vec::new();
        for (id, row) in rows {
            if let Some(RowValue::Present(bytes)) = row?
                && let Ok(row) = decode::<QuarantineRow>(&bytes)
            {
                vouched.push(Vouched { id, entry: row.entry });
            }
        }
        Ok(vouched)
    }

    /// Something that stands builds on these: they are tried again, also after a restart.
    pub(super) fn release_vouched(&mut self, vouched: Vec<Vouched>) {
        let Some(group) = &mut self.sync.group else { return };
        for Vouched { id, entry } in vouched {
            let reason = KeptReason::Vouched;
            if let Some(kept) = group.quarantine.get_mut(&id) {
                kept.reason = reason;
            }
            let key = keys::quarantine(group.state.generation, &id);
            self.rows.write(&mut self.batch.rows, key, Some(encode(&QuarantineRow::new(reason, entry)).into()));
            if !group.retry.contains(&id) {
                group.retry.push_back(id);
            }
        }
    }

    /// Tries what was kept aside again that stands by what control entries say now.
    pub(super) fn look_at_what_was_kept_aside(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let aside = group.quarantine.iter().filter(|(_, kept)| kept.reason == KeptReason::AuthorRemoved);
        let stands = |id: &EntryId, author: &DeviceId| {
            group.membership.may_write(author) || group.is_vouched_for(id) || group.is_not_told_yet(author)
        };
        let now: Vec<EntryId> = aside.filter(|(id, kept)| stands(id, &kept.author)).map(|(id, _)| *id).collect();
        let now: Vec<EntryId> = now.into_iter().filter(|id| !group.retry.contains(id)).collect();
        group.retry.extend(now);
    }

    /// Whether the tips are of an author that may not write any more, so that nothing of this device has built on them yet. Or control entries that came to nothing: they may still decide
    /// between others that are against each other, and a relay that lost its log takes one only if something names it.
    pub(super) fn tips_want_vouching(&mut self) -> Result<bool, Missing> {
        let Some(group) = &self.sync.group else { return Ok(false) };
        if group.state.tips.iter().any(|tip| group.membership.refusal_of(tip).is_some()) {
            return Ok(true);
        }
        let (generation, tips) = (group.state.generation, group.state.tips.clone());
        let rows: Vec<_> = tips.iter().map(|tip| self.rows.one(&keys::entry_index(generation, tip))).collect();
        let mut sequences = Vec::new();
        for row in rows {
            let sequence = row?.as_ref().and_then(RowValue::present).and_then(|bytes| bytes[..].try_into().ok());
            sequences.extend(sequence.map(u64::from_be_bytes));
        }
        let rows: Vec<_> =
            sequences.iter().map(|sequence| self.rows.one(&keys::entry(generation, *sequence))).collect();
        let mut wanted = false;
        for row in rows {
            let row = row?;
            let entry = row.as_ref().and_then(RowValue::present).and_then(|bytes| Entry::decode(bytes).ok());
            let Some(group) = &self.sync.group else { return Ok(false) };
            let of_one_gone = |entry: &Entry| {
                let header = entry.header();
                header.kind == EntryKind::Data && !group.membership.may_write(&header.author)
            };
            wanted |= entry.as_ref().is_some_and(of_one_gone);
        }
        Ok(wanted)
    }

    /// Writes an empty entry, which names the tips as its parents.
    pub(super) fn vouch(&mut self) {
        self.seal_draft();
        self.seal_data(&DataPayload { changes: vec![], writers: None, buried: None }, 0, None);
    }
}
