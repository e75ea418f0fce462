//! Entries: control entries are kept twice and each copy mends the other; the relay has what was sent; what was lost before it was
//! sent goes again, in other entries.

use super::plan::{Plan, Planned};
use super::{Mending, Resend};
use crate::api::Remedy;
use crate::group::Announced;
use crate::machine::batch::{Effect, Waiting};
use crate::machine::check::verified;
use crate::machine::rows::Missing;
use crate::machine::{Machine, keys};
use ashore_protocol::gather::Gather;
use ashore_protocol::header::{Entry, EntryKind, VerifiedEntry};
use ashore_protocol::membership::Membership;
use std::collections::{BTreeMap, BTreeSet};

impl Machine {
    /// An entry that cannot be read.
    pub(super) fn plan_entry(&mut self, sequence: u64) -> Result<Planned, Missing> {
        let Some((generation, group)) = self.generation() else { return Ok((None, Plan::Nothing)) };
        let copy = self.rows.one_aside(&keys::control(generation, sequence))?;
        if let Some(entry) = verified(copy.as_ref(), group).or_else(|| self.control_in_memory(sequence)) {
            return Ok((Some(Remedy::Restored), Plan::Control { sequence, entry: Box::new(entry) }));
        }
        if self.sync.group.as_ref().is_some_and(|group| group.outbox.contains_key(&sequence)) {
            return Ok((Some(Remedy::SentAgain), Plan::SendAgain));
        }
        let rows = vec![(keys::entry(generation, sequence), None), (keys::control(generation, sequence), None)];
        Ok((Some(Remedy::AskedAgain), Plan::AskAgain(rows)))
    }

    fn control_in_memory(&self, sequence: u64) -> Option<VerifiedEntry> {
        let controls = &self.sync.group.as_ref()?.controls;
        let (_, _, bytes) = controls.iter().find(|(at, _, _)| *at == sequence)?;
        Entry::decode(bytes).and_then(Entry::verified_before).ok()
    }

    pub(super) fn plan_control(&mut self, sequence: u64) -> Result<Planned, Missing> {
        let Some((generation, group)) = self.generation() else { return Ok((None, Plan::Nothing)) };
        let entry = self.rows.one_aside(&keys::entry(generation, sequence))?;
        let entry = verified(entry.as_ref(), group);
        let plan = entry.map(|entry| Plan::Control { sequence, entry: Box::new(entry) });
        Ok(plan.map_or((None, Plan::Nothing), |plan| (Some(Remedy::Restored), plan)))
    }

    pub(super) fn plan_stray_control(&mut self, sequence: u64) -> Result<Planned, Missing> {
        let Some((generation, group)) = self.generation() else { return Ok((None, Plan::Nothing)) };
        let key = keys::control(generation, sequence);
        let copy = self.rows.one_aside(&key)?;
        Ok(match verified(copy.as_ref(), group).or_else(|| self.control_in_memory(sequence)) {
            Some(entry) => (Some(Remedy::Restored), Plan::Control { sequence, entry: Box::new(entry) }),
            None => (Some(Remedy::AskedAgain), Plan::AskAgain(vec![(key, None)])),
        })
    }

    pub(super) fn plan_outbox(&mut self, sequence: u64) -> Result<Planned, Missing> {
        let Some((generation, group)) = self.generation() else { return Ok((None, Plan::Nothing)) };
        let entry = self.rows.one_aside(&keys::entry(generation, sequence))?;
        let Some(entry) = verified(entry.as_ref(), group) else {
            return Ok((Some(Remedy::SentAgain), Plan::SendAgain));
        };
        let changes = u64::from(entry.kind() == EntryKind::Data);
        let bytes = entry.encoded().len() as u64;
        let waiting = Waiting { changes, ..Waiting::control(entry.id(), bytes) };
        Ok((Some(Remedy::Restored), Plan::Waits { sequence, waiting }))
    }

    /// Writes a control entry in both places; who is in the group is found again from all of them.
    pub(super) fn restore_control(&mut self, sequence: u64, entry: &VerifiedEntry) {
        let Some((generation, _)) = self.generation() else { return };
        let bytes = || entry.encoded().to_vec().into();
        self.write_rows(vec![
            (keys::entry(generation, sequence), Some(bytes())),
            (keys::control(generation, sequence), Some(bytes())),
            (keys::entry_index(generation, &entry.id()), Some(sequence.to_be_bytes().into())),
        ]);
        self.find_members(&[(sequence, entry.encoded().to_vec())]);
    }

    /// The stored control entries, with their sequence numbers.
    pub(super) fn stored_controls(&mut self) -> Result<Vec<(u64, Vec<u8>)>, Missing> {
        let Some((generation, _)) = self.generation() else { return Ok(vec![]) };
        let rows = self.rows.aside(keys::controls(generation))?;
        Ok(rows.iter().filter_map(|(key, row)| Some((keys::sequence(key)?, row.present()?.to_vec()))).collect())
    }

    /// The same while a repair has the relay read again and a control entry has come: others may build on it.
    pub(in crate::machine) fn kept_controls(&mut self, control: bool) -> Result<Vec<(u64, Vec<u8>)>, Missing> {
        if !control || !self.mending.asked {
            return Ok(vec![]);
        }
        let controls = self.stored_controls()?;
        self.rows.end_aside();
        Ok(controls)
    }

    /// Finds again who is in the group when there are control entries that were not counted.
    pub(in crate::machine) fn find_members(&mut self, more: &[(u64, Vec<u8>)]) {
        let Some(group) = &mut self.sync.group else { return };
        let known: BTreeSet<u64> = group.controls.iter().map(|(at, _, _)| *at).gather();
        if more.iter().all(|(at, _)| known.contains(at)) {
            return;
        }
        let counted = std::mem::take(&mut group.controls).into_iter().map(|(at, _, bytes)| (at, bytes));
        let mut controls: BTreeMap<u64, Vec<u8>> = counted.gather();
        controls.extend(more.iter().cloned());
        let entries: Vec<(u64, VerifiedEntry)> = controls
            .into_iter()
            .filter_map(|(at, bytes)| Some((at, Entry::decode(&bytes).and_then(Entry::verified_before).ok()?)))
            .collect();
        group.membership = Membership::resolve(group.state.group, entries.iter().map(|(_, entry)| entry)).membership;
        group.named_by.clear();
        group.begun.clear();
        for (at, entry) in &entries {
            group.note_control(*at, entry);
        }
        self.look_at_membership();
    }

    /// An entry was lost that the relay may not have: later ones name it, so nobody could take them. What waits for the relay
    /// is dropped, control entries apart, and the documents that went with it go into entries again, whole.
    pub(super) fn send_all_again(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let generation = group.state.generation;
        let controls: BTreeSet<u64> = group.controls.iter().map(|(at, _, _)| *at).gather();
        let dropped: Vec<(u64, Waiting)> = group
            .outbox
            .iter()
            .filter(|(sequence, _)| !controls.contains(sequence))
            .map(|(sequence, waiting)| (*sequence, waiting.clone()))
            .collect();
        let Some(from) = dropped.iter().map(|(sequence, _)| *sequence).min() else { return };
        let until = group.state.next_sequence;
        // Nobody knows any more what the lost one built on. What stands by itself is named instead.
        group.state.tips = group.membership.tips().copied().collect();
        let first = dropped.iter().filter_map(|(_, waiting)| Some(waiting.announces.as_ref()?.0.clone())).min();
        if let Some(first) = first {
            let announced = group.state.announced.clone().min(before(first));
            group.state.announced = announced.clone();
            group.announcing = true;
            self.batch.effects.push(Effect::Announced(announced));
        }
        self.batch.group_changed = true;
        let rows = dropped.iter().flat_map(|(sequence, waiting)| {
            let entry = keys::entry(generation, *sequence);
            [
                (keys::outbox(generation, *sequence), None),
                (entry, None),
                (keys::entry_index(generation, &waiting.id), None),
            ]
        });
        self.write_rows(rows.collect());
        self.batch.effects.push(Effect::Acknowledged(dropped.iter().map(|(sequence, _)| *sequence).collect()));
        let from = self.mending.resend.as_ref().map_or(from, |before| before.from.min(from));
        self.set_mending(Mending { resend: Some(Resend { from, until }), ..self.mending.clone() });
        self.fall_behind(None);
    }
}

/// All documents before the one with this key are announced. A key ends with `00 01`, and none has `00 00` there.
fn before(mut key: Vec<u8>) -> Announced {
    if let Some(last) = key.last_mut() {
        *last = 0;
    }
    Announced::Through(key)
}
