//! From changes to entries in the outbox, and from the outbox to the relay.
//!
//! The changes of one commit travel in as few entries as hold them. An entry is written in the batch of its changes, with
//! its outbox row; it is sent when the batch is committed, and its row goes when the relay has acknowledged it.

use super::batch::{Draft, Effect, Waiting};
use super::rows::Missing;
use super::sync::Group;
use super::task::{RefillTask, Task};
use super::{Machine, keys};
use crate::api::{ErrorCode, Event, Failure};
use crate::crypto::plan_payload;
use crate::group::{
    Announced, DATA_CONTEXT, DataPayload, DocumentChange, MAX_BURIED, MAX_PLAIN_ENTRY_BYTES, MAX_WRITERS, PutAside,
    RelayPlace, Writer,
};
use crate::store::{Key, RowValue, StoreFailure};
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::control::Control;
use ashore_protocol::frame::{ClientFrame, FailureCode, Placed};
use ashore_protocol::gather::{Gather, sorted_by};
use ashore_protocol::header::{Entry, EntryDraft, EntryKind, VerifiedEntry};
use ashore_protocol::ids::{Cursor, DeviceId, EntryId};
use ashore_protocol::keys::Rotation;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

use super::link::Stage;

/// So much may wait for acknowledgements on one connection.
const MAX_BYTES_IN_FLIGHT: u64 = 2 << 20;
/// One append carries at most about this much, unless a single entry is larger.
const APPEND_BYTES: usize = 512 << 10;
/// After a refusal that may pass, nothing is sent for this long.
const HOLD_MS: u64 = 5_000;
/// Entries looked at in one step of filling a relay again.
const REFILL_ROWS: u32 = 200;
/// Entries that could not stand of which as many are remembered, the latest.
const MAX_PUT_ASIDE: usize = 1_000;

/// The row of an entry in the outbox.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct OutboxRow {
    #[n(0)]
    pub(super) id: EntryId,
    #[n(1)]
    pub(super) changes: u64,
    #[n(2)]
    pub(super) bytes: u64,
    #[n(3)]
    pub(super) announces: Option<KeySpan>,
    #[n(4)]
    pub(super) author: Option<DeviceId>,
    #[n(5)]
    pub(super) is_new_control: Option<bool>,
    #[n(6)]
    pub(super) parents: Option<Vec<EntryId>>,
    #[n(7)]
    pub(super) is_carried: Option<bool>,
}

/// The first and last key of the documents that an entry announces.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct KeySpan {
    #[cbor(n(0), with = "minicbor::bytes")]
    first: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    last: Vec<u8>,
}

impl OutboxRow {
    pub(super) fn waiting(self) -> Waiting {
        let announces = self.announces.map(|span| (span.first, span.last));
        let is_new_control = self.is_new_control.unwrap_or(false);
        Waiting {
            id: self.id,
            changes: self.changes,
            bytes: self.bytes,
            announces,
            author: self.author,
            is_new_control,
            parents: self.parents.unwrap_or_default(),
            is_carried: self.is_carried.unwrap_or(false),
        }
    }

    fn of(waiting: &Waiting) -> Self {
        let announces = waiting.announces.clone().map(|(first, last)| KeySpan { first, last });
        Self {
            id: waiting.id,
            changes: waiting.changes,
            bytes: waiting.bytes,
            announces,
            author: waiting.author,
            is_new_control: waiting.is_new_control.then_some(true),
            parents: Some(waiting.parents.clone()).filter(|parents| !parents.is_empty()),
            is_carried: waiting.is_carried.then_some(true),
        }
    }
}

/// When an entry of the outbox is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// In order.
    First,
    /// After all others, the latest first: a relay takes it because one that builds on it is there.
    Last,
    /// Not at all.
    ComesToNothing,
}

/// When each entry is sent; `None` while this device may not write.
fn turns(group: &Group) -> impl Fn(&Waiting) -> Option<Turn> {
    let may_write = group.membership.may_write(&group.me()) || group.is_leaving();
    move |waiting| {
        let stands = group.membership.has_applied(&waiting.id);
        let is_control = group.membership.has_taken_in(&waiting.id);
        match waiting.author {
            _ if is_control && stands => Some(Turn::First),
            // What somebody said afterwards names it, and nobody could place that without it.
            _ if is_control && group.waits_on(&waiting.id) => Some(Turn::First),
            _ if is_control && group.is_named_by_waiting(&waiting.id) => Some(Turn::Last),
            None if is_control => Some(Turn::ComesToNothing),
            None if waiting.changes == 0 || may_write => Some(Turn::First),
            None => None,
            Some(author) if !is_control && group.membership.may_write(&author) => Some(Turn::First),
            Some(_) => Some(Turn::Last),
        }
    }
}

impl Group {
    /// What waits a little before it is sent although nothing else does: a peer wrote it, who most likely sends it too. Not while something of this device's
    /// own is to be sent: that builds on it.
    fn holds(&self, sent: &BTreeSet<u64>) -> impl Fn(&u64, &Waiting) -> bool {
        let own_waits =
            self.outbox.iter().any(|(sequence, waiting)| waiting.author.is_none() && !sent.contains(sequence));
        move |sequence, waiting| !own_waits && waiting.is_carried && self.carried.contains_key(sequence)
    }

    /// Whether the relay gets this entry, or may get it still: it did not take it, and what others do may make it stand.
    pub(super) fn may_yet_give(&self, sequence: u64) -> bool {
        let put_aside = || self.state.put_aside.iter().flatten().any(|put| put.sequence == sequence);
        self.outbox.contains_key(&sequence) || put_aside()
    }

    /// Whether a control entry in the outbox names this one as a parent.
    fn waits_on(&self, control: &EntryId) -> bool {
        let named_by = self.named_by.get(control);
        named_by.is_some_and(|by| self.outbox.values().any(|waiting| by.contains(&waiting.id)))
    }

    /// Whether anything in the outbox names this control entry as a parent: nobody who lacks it could place that.
    fn is_named_by_waiting(&self, control: &EntryId) -> bool {
        self.outbox.values().any(|waiting| waiting.parents.contains(control))
    }

    /// The control entries that stand, and those that they build on.
    fn needed_controls(&self) -> BTreeSet<EntryId> {
        let mut open: Vec<EntryId> =
            self.controls.iter().map(|(_, id, _)| *id).filter(|id| self.membership.has_applied(id)).gather();
        let mut needed = BTreeSet::new();
        while let Some(id) = open.pop() {
            if needed.insert(id)
                && let Some(control) = self.control(&id)
            {
                open.extend(control.parents());
            }
        }
        needed
    }

    /// These, and what those control entries among them name that were put aside, and so on: a relay takes each by the one that names it.
    fn named_with_parents(&self, named: &[EntryId], aside: &[PutAside]) -> BTreeSet<EntryId> {
        let (mut open, mut all) = (named.to_vec(), BTreeSet::new());
        while let Some(id) = open.pop() {
            if all.insert(id)
                && aside.iter().any(|put| put.id == id)
                && let Some(control) = self.control(&id)
            {
                open.extend(control.parents());
            }
        }
        all
    }

    /// What this device said itself, came to nothing, and is in the past of this entry: nobody else may have it. With sequence numbers and sizes.
    fn own_vain_parents(&self, entry: &VerifiedEntry) -> Vec<(u64, EntryId, u64)> {
        let (me, mut open, mut found) = (self.me(), entry.parents().to_vec(), Vec::new());
        while let Some(id) = open.pop() {
            let Some((sequence, _, bytes)) = self.controls.iter().find(|(_, known, _)| *known == id) else { continue };
            let parent = self.control(&id).filter(|parent| parent.author() == me && !self.membership.has_applied(&id));
            if let Some(parent) = parent
                && !found.iter().any(|(known, _, _)| known == sequence)
            {
                found.push((*sequence, id, bytes.len() as u64));
                open.extend(parent.parents());
            }
        }
        found
    }
}

/// The epoch that a control begins, if it does.
pub(super) fn rotation_in(control: &Control) -> Option<&Rotation> {
    match control {
        Control::Rotate { rotation } | Control::Remove { rotation: Some(rotation), .. } => Some(rotation),
        _ => None,
    }
}

impl Machine {
    /// Whether changes of the document at this key go into an entry now: there is a group, and it knows the document.
    pub(super) fn travels_now(&self, key: &Key) -> bool {
        self.sync.group.as_ref().is_some_and(|group| group.state.announced.covers(key))
    }

    /// Closes the entry that is being gathered if `bytes` more do not fit it.
    pub(super) fn make_room_in_draft(&mut self, bytes: usize) {
        if self.batch.draft.bytes + bytes > MAX_PLAIN_ENTRY_BYTES {
            self.seal_draft();
        }
    }

    /// Puts a change into the entry that is being gathered; answers the entry's sequence number.
    pub(super) fn carry(&mut self, change: DocumentChange) -> u64 {
        self.batch.draft.bytes += change.size();
        // Whoever still has the tombstone must not merge what begins anew into it.
        if let Some(buried) = self.known_marker(&change.collection, &change.id) {
            let name = (change.collection.clone(), change.id.clone());
            self.batch.draft.bytes += change.collection.len() + change.id.len() + buried.beginnings.len() + 16;
            self.batch.draft.buried.insert(name, buried);
        }
        self.batch.draft.changes.push(change);
        self.sync.group.as_ref().map_or(0, |group| group.state.next_sequence)
    }

    /// Seals, signs and stores the entry that was being gathered.
    pub(super) fn seal_draft(&mut self) {
        let Draft { changes, announces, writers, buried, .. } = std::mem::take(&mut self.batch.draft);
        if changes.is_empty() {
            return;
        }
        let documents: BTreeSet<_> = changes.iter().map(|change| (&change.collection, &change.id)).gather();
        let count = documents.len() as u64;
        let writers = writers.into_iter().take(MAX_WRITERS).map(Writer).collect();
        let buried: Vec<_> = buried.into_values().take(MAX_BURIED).collect();
        let buried = Some(buried).filter(|buried| !buried.is_empty());
        self.seal_data(&DataPayload { changes, writers: Some(writers), buried }, count, announces);
    }

    /// Seals, signs and stores an entry under the key of the present epoch.
    pub(super) fn seal_data(&mut self, payload: &DataPayload, count: u64, announces: Option<(Vec<u8>, Vec<u8>)>) {
        let plan = plan_payload(&encode(payload));
        let Some(group) = &self.sync.group else { return };
        let Some((epoch, key)) = group.sealing().map(|(epoch, key)| (epoch, key.derive(DATA_CONTEXT))) else {
            return self
                .fail_store(&StoreFailure::Failed { reason: "an entry cannot be sealed: its key is missing".into() });
        };
        let device = group.secrets.device.clone();
        let draft = EntryDraft::new(
            Some(group.state.group),
            device.device_id(),
            group.parents(false),
            epoch,
            EntryKind::Data,
            plan.sealed_size(),
        );
        let sealed_entry = draft.and_then(|draft| {
            let sealed = plan.seal(&key, draft.header_bytes(), &mut self.rng);
            draft.sign(&device, sealed)
        });
        match sealed_entry {
            Ok(entry) => self.store_own(&entry, count, announces),
            // Nothing of this batch may be committed without its entry.
            Err(error) => {
                self.fail_store(&StoreFailure::Failed { reason: format!("an entry cannot be written: {error}") })
            }
        }
    }

    /// Stores an entry of this device and puts it into the outbox. Nothing builds on a control entry before the log has shown it: it may come
    /// to nothing, and then others would wait for it for ever.
    pub(super) fn store_own(&mut self, entry: &VerifiedEntry, changes: u64, announces: Option<(Vec<u8>, Vec<u8>)>) {
        let is_new_control = entry.kind() == EntryKind::Control;
        let Some(sequence) = self.store(entry, !is_new_control) else { return };
        let bytes = entry.encoded().len() as u64;
        let parents = entry.parents().to_vec();
        self.take_up_what_was_put_aside(entry.parents());
        let waiting = Waiting { changes, announces, is_new_control, parents, ..Waiting::control(entry.id(), bytes) };
        self.put_into_outbox(sequence, waiting);
    }

    pub(super) fn put_into_outbox(&mut self, sequence: u64, waiting: Waiting) {
        let Some(group) = &self.sync.group else { return };
        let key = keys::outbox(group.state.generation, sequence);
        self.rows.write(&mut self.batch.rows, key, Some(encode(&OutboxRow::of(&waiting)).into()));
        self.batch.effects.push(Effect::Waits(sequence, waiting));
    }

    /// A relay that refused what came to nothing needs it all the same once this device builds on it.
    pub(super) fn send_vain_parents(&mut self, entry: &VerifiedEntry) {
        let Some(group) = &self.sync.group else { return };
        for (sequence, id, bytes) in group.own_vain_parents(entry) {
            if let Some(link) = &mut self.sync.link {
                link.sent.remove(&sequence);
            }
            self.put_into_outbox(sequence, Waiting::control(id, bytes));
        }
    }

    /// Stores an entry of the log; answers its sequence number.
    pub(super) fn store_entry(&mut self, entry: &VerifiedEntry) -> Option<u64> {
        self.store(entry, true)
    }

    fn store(&mut self, entry: &VerifiedEntry, is_tip: bool) -> Option<u64> {
        self.seal_draft();
        let covered = self.covered_by(entry.parents());
        let group = self.sync.group.as_mut()?;
        let (generation, sequence) = (group.state.generation, group.state.next_sequence);
        group.state.next_sequence += 1;
        if is_tip {
            group.note_tip(entry);
        }
        if entry.kind().is_control() {
            group.note_control(sequence, entry);
            if group.state.join.as_ref().is_some_and(|join| join[..] == *entry.encoded()) {
                group.state.join = None;
            }
            let key = keys::control(generation, sequence);
            self.rows.write(&mut self.batch.rows, key, Some(entry.encoded().into()));
        }
        self.batch.group_changed = true;
        let key = keys::entry(generation, sequence);
        self.rows.write(&mut self.batch.rows, key, Some(entry.encoded().into()));
        let key = keys::entry_index(generation, &entry.id());
        self.rows.write(&mut self.batch.rows, key, Some(sequence.to_be_bytes().into()));
        self.note_stored(entry.header(), covered, sequence);
        Some(sequence)
    }

    /// Writes the group's state into the batch if it changed.
    pub(super) fn write_group(&mut self) {
        if !std::mem::take(&mut self.batch.group_changed) {
            return;
        }
        let row = self.sync.group.as_ref().map(|group| encode(&group.state).into());
        self.rows.write(&mut self.batch.rows, keys::group(), row);
    }

    /// Writes where we stand in the relay's log into the batch.
    pub(super) fn write_place(&mut self) {
        let (Some(group), Some(address)) = (&self.sync.group, &self.sync.settings.relay) else { return };
        let key = keys::relay(group.state.generation, address);
        self.batch.word.insert(key.clone());
        self.rows.write(&mut self.batch.rows, key, Some(encode(&group.place).into()));
        self.batch.effects.push(Effect::Stored(group.place.clone()));
    }

    /// Something to do when nothing else is: sending, trying again, announcing, tidying, building indexes.
    pub(super) fn background_task(&mut self) -> Option<Task> {
        if !matches!(self.phase, super::Phase::Open) {
            return None;
        }
        if self.has_something_to_send() {
            return Some(Task::Send);
        }
        let first = self.watch_task().or_else(|| self.group_task());
        let first = first.or_else(|| self.vanish_task());
        first.or_else(|| self.adopt_task()).or_else(|| self.index_task())
    }

    fn group_task(&self) -> Option<Task> {
        let idle = self.committing.is_none() && self.batch.rows.is_empty();
        let group = self.sync.group.as_ref()?;
        if !group.retry.is_empty() {
            return Some(Task::Retry);
        }
        if let Some(task) = self.member_task() {
            return Some(task);
        }
        // Before our own join has come by there is nothing that an entry of ours could build on.
        let adopted = self.next_to_adopt().is_none() && !self.declarations_are_lost();
        let may = idle && adopted && self.may_carry();
        if may && !group.announcing && group.state.announced != crate::group::Announced::All {
            return Some(Task::Announce(None));
        }
        if let Some(task) = self.behind_task().filter(|_| may) {
            return Some(task);
        }
        if let Some(task) = self.snapshot_task() {
            return Some(task);
        }
        if idle && self.sync.sweep_below.is_some() {
            return Some(Task::Sweep(super::task::SweepTask::default()));
        }
        None
    }

    fn has_something_to_send(&self) -> bool {
        let (Some(group), Some(link)) = (&self.sync.group, &self.sync.link) else { return false };
        // While a relay is filled again it is read first, so that what it still has is not sent.
        let reading_first = group.stored.refill_from.is_some() && !link.caught_up;
        let may_send =
            link.stage == Stage::Open && link.hold_sends_until.is_none() && !reading_first && !self.is_removed();
        let (turn, held) = (turns(group), group.holds(&link.sent));
        let is_due = |sequence: &u64, waiting: &Waiting| !link.sent.contains(sequence) && !held(sequence, waiting);
        may_send
            && link.bytes_in_flight() < MAX_BYTES_IN_FLIGHT
            && group.outbox.iter().any(|(sequence, waiting)| is_due(sequence, waiting) && turn(waiting).is_some())
    }

    /// What of the outbox is sent next, and what is never sent.
    fn next_to_send(&self) -> Option<(u64, Vec<u64>, Vec<u64>)> {
        let (group, link) = (self.sync.group.as_ref()?, self.sync.link.as_ref()?);
        let most = link.limits.max_append_entries.min(500) as usize;
        let room = APPEND_BYTES.min(link.limits.max_frame_bytes as usize / 2);
        let (turn, held) = (turns(group), group.holds(&link.sent));
        let unsent = || {
            let outbox = group.outbox.iter();
            outbox.filter(|(sequence, waiting)| !link.sent.contains(sequence) && !held(sequence, waiting))
        };
        let for_nothing = unsent().filter(|(_, waiting)| turn(waiting) == Some(Turn::ComesToNothing));
        let for_nothing = for_nothing.map(|(sequence, _)| *sequence).collect();
        let deferred = |sequence: &u64| link.deferred.contains(sequence);
        let (mut first, last): (Vec<_>, Vec<_>) =
            unsent().partition(|(sequence, waiting)| turn(waiting) == Some(Turn::First) && !deferred(sequence));
        if link.controls_first {
            // But for a leave: nothing of this device is taken after it.
            let leave = group.membership.gone(&group.me()).map(|gone| gone.by);
            let is_leave = |waiting: &Waiting| Some(waiting.id) == leave;
            let last = |waiting: &Waiting| is_leave(waiting) || !group.membership.has_taken_in(&waiting.id);
            let key = |waiting: &Waiting| (last(waiting), is_leave(waiting));
            first = sorted_by(first, |(_, a), (_, b)| key(a).cmp(&key(b)));
        }
        let is_last = |(sequence, waiting): &(&u64, &Waiting)| match turn(waiting) {
            Some(Turn::First) => deferred(sequence),
            other => other == Some(Turn::Last),
        };
        let last = last.into_iter().rev().filter(is_last);
        let (mut bytes, mut sequences) = (0, Vec::new());
        for (sequence, waiting) in first.into_iter().chain(last).take(most) {
            bytes += waiting.bytes as usize;
            if bytes > room && !sequences.is_empty() {
                break;
            }
            sequences.push(*sequence);
        }
        Some((group.state.generation, sequences, for_nothing))
    }

    /// Sends the next entries of the outbox in one append.
    pub(super) fn send_outbox(&mut self) -> Result<(), Missing> {
        let Some((generation, sequences, for_nothing)) = self.next_to_send() else { return Ok(()) };
        if !for_nothing.is_empty() {
            if let Some(link) = &mut self.sync.link {
                link.sent.extend(&for_nothing);
            }
            self.drop_from_outbox(for_nothing);
            return Ok(());
        }
        let entries = self.load_entries(generation, &sequences)?;
        let (Some(group), Some(link)) = (&self.sync.group, &mut self.sync.link) else { return Ok(()) };
        link.sent.extend(sequences);
        let request = link.request();
        if entries.is_empty() {
            return Ok(());
        }
        link.appends.insert(request, entries.iter().map(|entry| entry.len() as u64).sum());
        let frame = ClientFrame::Append { request, group: group.state.group, entries };
        self.send_now(&frame);
        Ok(())
    }

    /// Entries from the store. One that cannot be read is reported and stays in the outbox, so that nothing claims to be in step.
    fn load_entries(
        &mut self,
        generation: u64,
        sequences: &[u64],
    ) -> Result<Vec<ashore_protocol::codec::Bytes>, Missing> {
        let rows: Vec<_> =
            sequences.iter().map(|sequence| self.rows.one(&keys::entry(generation, *sequence))).collect();
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            match row? {
                Some(RowValue::Present(bytes)) => entries.push(bytes.to_vec().into()),
                Some(RowValue::Corrupt) | None => {
                    let failure = Failure::new(ErrorCode::StoreCorrupt, "an entry of the outbox cannot be read");
                    self.tell(Event::Error { failure });
                }
            }
        }
        Ok(entries)
    }

    /// Of these acknowledged entries some may stand before our place in the log: they will not come by again.
    pub(super) fn passed_already(&mut self, placed: &[Placed]) {
        let Some(group) = &self.sync.group else { return };
        let cursor = group.place.cursor;
        let passed: BTreeSet<EntryId> =
            placed.iter().filter(|placed| placed.cursor <= cursor).map(|placed| placed.id).gather();
        if passed.is_empty() {
            return;
        }
        let waiting = group.outbox.iter().filter(|(_, waiting)| passed.contains(&waiting.id));
        let sequences = waiting.map(|(sequence, _)| *sequence).collect();
        self.acknowledge(sequences);
    }

    /// The log has these entries: they leave the outbox.
    pub(super) fn acknowledge(&mut self, sequences: Vec<u64>) {
        let Some(group) = &mut self.sync.group else { return };
        let generation = group.state.generation;
        for sequence in &sequences {
            // Here at once: what comes behind it in the same page of the log may bring it to nothing, but cannot take it back.
            let shown = group.outbox.note_shown(*sequence);
            if let Some(control) = shown.and_then(|id| group.control(&id)) {
                group.note_tip(&control);
                self.batch.group_changed = true;
            }
            let key = keys::outbox(generation, *sequence);
            self.batch.word.insert(key.clone());
            self.rows.write(&mut self.batch.rows, key, None);
        }
        if !sequences.is_empty() {
            self.batch.effects.push(Effect::Acknowledged(sequences));
        }
    }

    /// These entries are not sent any more. Documents that were sealed under the key of an epoch that came to nothing go into entries anew.
    pub(super) fn drop_from_outbox(&mut self, sequences: Vec<u64>) {
        let Some(group) = &self.sync.group else { return };
        let generation = group.state.generation;
        let begun = |sequence: &u64| {
            let own = group.outbox.get(sequence).filter(|waiting| waiting.is_new_control)?;
            rotation_in(group.control(&own.id)?.control()?).map(drop)
        };
        let epoch_is_lost = sequences.iter().any(|sequence| begun(sequence).is_some());
        for sequence in &sequences {
            self.rows.write(&mut self.batch.rows, keys::outbox(generation, *sequence), None);
        }
        self.put_aside(&sequences);
        self.take_back_what_nobody_heard();
        self.batch.effects.push(Effect::Dropped(sequences));
        if let Some(group) = self.sync.group.as_mut().filter(|_| epoch_is_lost) {
            let announced = Announced::Through(vec![]);
            group.state.announced = announced.clone();
            self.batch.group_changed = true;
            self.batch.effects.push(Effect::Announced(announced));
        }
    }

    /// Remembers what is not sent any more: what others do may make it stand.
    fn put_aside(&mut self, sequences: &[u64]) {
        let Some(group) = &mut self.sync.group else { return };
        for sequence in sequences {
            let Some(waiting) = group.outbox.get(sequence) else { continue };
            let Waiting { id, bytes, author, is_new_control: is_new, .. } = *waiting;
            let parents = Some(waiting.parents.clone()).filter(|parents| !parents.is_empty());
            let aside = group.state.put_aside.get_or_insert_default();
            aside.retain(|put| put.sequence != *sequence);
            aside.push(PutAside { sequence: *sequence, is_new, id, bytes, author, parents });
            if aside.len() > MAX_PUT_ASIDE {
                aside.remove(0);
            }
            self.batch.group_changed = true;
        }
    }

    /// Forgets control entries of this device's own that came to nothing before any log had shown them. Nobody else has them, and what does not stand may still
    /// decide between others that are against each other: this device alone would see another group.
    fn take_back_what_nobody_heard(&mut self) {
        loop {
            let Some(group) = &mut self.sync.group else { return };
            let aside = group.state.put_aside.get_or_insert_default();
            let named = |id: &EntryId| group.named_by.get(id).is_some_and(|by| !by.is_empty());
            let unheard = |put: &PutAside| put.is_new && !group.membership.has_applied(&put.id) && !named(&put.id);
            let Some(at) = aside.iter().position(unheard) else { break };
            let put = aside.remove(at);
            let generation = group.state.generation;
            group.take_back(&put);
            self.batch.group_changed = true;
            self.batch.membership_changed = true;
            for key in [
                keys::control(generation, put.sequence),
                keys::entry(generation, put.sequence),
                keys::entry_index(generation, &put.id),
            ] {
                self.rows.write(&mut self.batch.rows, key, None);
            }
        }
        if let Some(group) =
            self.sync.group.as_mut().filter(|group| group.state.put_aside.as_ref().is_some_and(Vec::is_empty))
        {
            group.state.put_aside = None;
        }
    }

    /// Puts into the outbox again what stands now, and what an entry of this device names: nobody else may have it.
    pub(super) fn take_up_what_was_put_aside(&mut self, named: &[EntryId]) {
        let Some(group) = &mut self.sync.group else { return };
        let Some(aside) = group.state.put_aside.take() else { return };
        let named = group.named_with_parents(named, &aside);
        let membership = &group.membership;
        let stands = |put: &PutAside| match put.author {
            _ if membership.has_taken_in(&put.id) => membership.has_applied(&put.id),
            Some(author) => membership.may_write(&author),
            None => false,
        };
        let mut named: BTreeSet<EntryId> = named.iter().copied().gather();
        let (mut taken, mut waits): (Vec<_>, Vec<_>) = aside.into_iter().partition(stands);
        loop {
            // What is named, and what that builds on.
            let (more, rest): (Vec<_>, Vec<_>) = waits.into_iter().partition(|put| named.contains(&put.id));
            waits = rest;
            if more.is_empty() {
                break;
            }
            named.extend(more.iter().flat_map(|put| put.parents.iter().flatten()));
            taken.extend(more);
        }
        group.state.put_aside = Some(waits).filter(|waits| !waits.is_empty());
        self.batch.group_changed |= !taken.is_empty();
        for PutAside { sequence, is_new, id, bytes, author, parents } in taken {
            if let Some(link) = &mut self.sync.link {
                link.sent.remove(&sequence);
            }
            let parents = parents.unwrap_or_default();
            let waiting = Waiting { author, is_new_control: is_new, parents, ..Waiting::control(id, bytes) };
            self.put_into_outbox(sequence, waiting);
        }
    }

    /// The relay refused an append. What can never be stored leaves the outbox; everything else stays there and is sent again later.
    pub(super) fn append_failed(
        &mut self,
        (code, failure): (FailureCode, Failure),
        retry_after_ms: Option<u32>,
        entry: Option<EntryId>,
    ) {
        if let Some(sequence) = entry.and_then(|entry| self.refused_for_good(code, &entry)) {
            // This device builds on it already.
            let is_carried = self.note_orphan(sequence);
            let is_named = entry.is_some_and(|entry| self.is_named_by_next(&entry));
            if let Some(link) =
                self.sync.link.as_mut().filter(|link| (is_named || is_carried) && !link.deferred.contains(&sequence))
            {
                // The relay takes it once it has what names it.
                link.deferred.insert(sequence);
                link.appends.clear();
                link.sent.clear();
                return;
            }
            if let Some(link) = &mut self.sync.link {
                link.appends.clear();
                link.sent = [sequence].into();
            }
            return self.drop_from_outbox(vec![sequence]);
        }
        if code == FailureCode::NotAMember && entry.is_none() {
            // About this device itself. If it may open the log all the same, the relay lacks control entries that what it sends rests on.
            if let Some(group) = &mut self.sync.group {
                group.place.refill_from = Some(0);
            }
            self.write_place();
            return self.refused(failure, retry_after_ms);
        }
        let waits_on_control = entry.is_some_and(|entry| self.stands_by_own_control(code, &entry));
        let until = self.now.plus_ms(u64::from(retry_after_ms.unwrap_or(0)).max(HOLD_MS));
        if let Some(link) = &mut self.sync.link {
            link.appends.clear();
            link.sent.clear();
            if waits_on_control && !link.controls_first {
                link.controls_first = true;
                return;
            }
            link.hold_sends_until = Some(until);
        }
        self.note_fault(failure);
    }

    /// The place in the outbox of an entry that no relay will store: a control entry that came to nothing, an entry that nobody builds on of a
    /// device that may not write any more, or what this device had not sent when it became a reader, if it leaves: that must not hold up its leave.
    fn refused_for_good(&self, code: FailureCode, entry: &EntryId) -> Option<u64> {
        let group = self.sync.group.as_ref()?;
        let (sequence, waiting) = group.outbox.iter().find(|(_, waiting)| waiting.id == *entry)?;
        let is_control = group.membership.has_taken_in(entry);
        let for_good = match code {
            FailureCode::Superseded | FailureCode::InviteRevoked | FailureCode::InviteUsed => is_control,
            FailureCode::RoleForbids | FailureCode::Removed if group.is_leaving() => !is_control,
            FailureCode::Removed | FailureCode::RoleForbids | FailureCode::NotAMember => waiting.author.is_some(),
            _ => false,
        };
        for_good.then_some(*sequence)
    }

    /// Whether something that may be sent before this entry names it as a parent.
    fn is_named_by_next(&self, entry: &EntryId) -> bool {
        let Some(group) = &self.sync.group else { return false };
        let turn = turns(group);
        let mut going: Vec<&Waiting> =
            group.outbox.values().filter(|waiting| turn(waiting) == Some(Turn::First)).collect();
        let mut named: BTreeSet<&EntryId> = BTreeSet::new();
        while let Some(waiting) = going.pop() {
            let new: Vec<&EntryId> = waiting.parents.iter().filter(|parent| named.insert(*parent)).collect();
            if !new.is_empty() {
                going.extend(group.outbox.values().filter(|other| new.contains(&&other.id)));
            }
        }
        named.contains(entry)
    }

    /// Whether the relay would take this entry of ours if it knew a control entry that waits behind it: somebody took the right to write from this
    /// device, and it voids that by what it did at the same time. That may have been at a relay before, which has lost it.
    fn stands_by_own_control(&self, code: FailureCode, entry: &EntryId) -> bool {
        let Some(group) = &self.sync.group else { return false };
        let is_own = |waiting: &Waiting| waiting.id == *entry && waiting.author.is_none();
        let says = |waiting: &Waiting| group.membership.has_applied(&waiting.id);
        matches!(code, FailureCode::RoleForbids | FailureCode::Removed)
            && group.membership.may_write(&group.me())
            && group.outbox.values().any(is_own)
            && group.outbox.values().any(says)
    }

    /// The relay does not know the group: it gets the control entries first, and later everything else.
    pub(super) fn create_log(&mut self) {
        let (Some(group), Some(link)) = (&mut self.sync.group, &mut self.sync.link) else { return };
        let followed_before = group.place.log.is_some();
        if followed_before {
            group.place = RelayPlace { log: None, cursor: Cursor::ZERO, prefix: None, refill_from: Some(0) };
        }
        let request = link.request();
        link.stage = Stage::Creating(request);
        // Those that came to nothing and on which nothing builds it would refuse, and with them all others.
        let mut needed = group.needed_controls();
        if group.is_leaving() {
            // Who is no member by what it sends founds no log: its leave follows with the outbox.
            let leave = group.membership.gone(&group.me()).map(|gone| gone.by);
            needed.retain(|id| Some(*id) != leave);
        }
        let controls = group.controls.iter().filter(|(_, id, _)| needed.contains(id));
        let controls = controls.map(|(_, _, bytes)| bytes.clone().into());
        let entries = controls.chain(group.state.join.clone()).collect();
        let frame = ClientFrame::Append { request, group: group.state.group, entries };
        if followed_before {
            self.write_place();
        }
        self.send_after_commit(&frame);
    }

    /// Puts every control entry into the outbox again, for a relay that gets a snapshot instead of the other entries.
    pub(super) fn refill_controls(&mut self) {
        let Some(group) = self.sync.group.as_ref().filter(|group| group.place.refill_from.is_some()) else { return };
        let me = group.me();
        // What was sent on this connection is on its way, or there.
        let sent = |sequence: &u64| self.sync.link.as_ref().is_some_and(|link| link.sent.contains(sequence));
        let lacking = group.controls.iter();
        let lacking = lacking.filter(|(sequence, _, _)| !group.outbox.contains_key(sequence) && !sent(sequence));
        let waiting = lacking.filter_map(|(sequence, id, bytes)| {
            let author = Some(Entry::decode(bytes).ok()?.header().author).filter(|author| *author != me);
            Some((*sequence, Waiting { author, ..Waiting::control(*id, bytes.len() as u64) }))
        });
        for (sequence, waiting) in waiting.collect::<Vec<_>>() {
            self.put_into_outbox(sequence, waiting);
        }
    }

    /// One step of putting every entry into the outbox again.
    pub(super) fn refill(&mut self, task: &mut RefillTask) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let Some(from) = group.place.refill_from else { return Ok(()) };
        let generation = group.state.generation;
        let mut range = keys::entries(generation).limit(REFILL_ROWS).max_bytes(4 << 20);
        range.start = keys::entry(generation, from);
        let rows = self.scan_rows(&mut task.scan, &range)?;
        for (key, row) in &rows.rows {
            let (Some(sequence), RowValue::Present(bytes)) = (keys::sequence(key), row) else { continue };
            let waits = self.sync.group.as_ref().is_some_and(|group| group.outbox.contains_key(&sequence));
            let Ok(entry) = Entry::decode(bytes) else { continue };
            if !waits {
                let changes = u64::from(entry.header().kind == EntryKind::Data);
                let me = self.sync.group.as_ref().map(super::sync::Group::me);
                let author = Some(entry.header().author).filter(|author| Some(*author) != me);
                let (id, bytes) = (entry.id(), bytes.len() as u64);
                let parents = entry.header().parents.clone();
                let waiting = Waiting { changes, author, parents, ..Waiting::control(id, bytes) };
                self.put_into_outbox(sequence, waiting);
            }
        }
        let last = rows.rows.last().and_then(|(key, _)| keys::sequence(key));
        let next = if rows.more { last.map(|last| last + 1) } else { None };
        if let Some(group) = &mut self.sync.group {
            group.place.refill_from = next;
        }
        self.write_place();
        if next.is_some() {
            self.tasks.push_back(Task::Refill(RefillTask::default()));
        } else {
            self.gave_entries();
            // What the relay was seen to have meanwhile is in the outbox again; sending it again changes nothing there.
            self.pull_again_if_behind();
        }
        Ok(())
    }

    fn pull_again_if_behind(&mut self) {
        let idle = self.sync.link.as_ref().is_some_and(|link| link.pull.is_none() && !link.caught_up);
        if idle {
            self.pull();
        }
    }

    /// Decodes a row of the outbox.
    pub(super) fn decode_outbox(bytes: &[u8]) -> Option<Waiting> {
        decode::<OutboxRow>(bytes).ok().map(OutboxRow::waiting)
    }
}
