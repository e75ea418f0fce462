//! Entries from the relay's log: verified before they are stored, applied whole or kept aside, and never skipped.
//!
//! The place in the log moves with the entries, in the same batch. It moves by what the log says, one by one, never by the
//! acknowledgements of what this device sent.

use super::batch::Effect;
use super::documents::{Staged, Stop};
use super::indexes::Incoming;
use super::link::Stage;
use super::parts::{Parted, Whole};
use super::rows::Missing;
use super::sync::{Kept, KeptReason};
use super::task::ReceiveTask;
use super::texts::MAX_LIVE;
use super::vanish::Returned;
use super::vouching::{Grounds, Vouched};
use super::{Machine, keys};
use crate::api::{ErrorCode, Event, Failure};
use crate::collection::{Declarations, Declared, Held, Travels};
use crate::crypto::{Key, open_payload};
use crate::document::edit::{self, Current, Live, MergeError, Merged};
use crate::document::state::ChunkWrite;
use crate::document::{CollectionName, DocumentId, DocumentRow, Value};
use crate::group::{DATA_CONTEXT, DataPayload, DocumentChange};
use crate::store::RowValue;
use crate::store::keys::value_key;
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::control::Control;
use ashore_protocol::frame::Item;
use ashore_protocol::hash::log_prefix;
use ashore_protocol::header::{Entry, EntryKind, VerifiedEntry};
use ashore_protocol::ids::EntryId;
use minicbor::{Decode, Encode};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// More than this is not kept aside: then the place in the log does not move on, and sync says that it failed.
pub(super) const MAX_QUARANTINED: usize = 10_000;

/// A verified entry, and what it carries once it was opened; kept while its documents are loaded.
pub(super) struct Front {
    entry: VerifiedEntry,
    opened: Option<DataPayload>,
}

impl Front {
    pub(super) fn entry(&self) -> &VerifiedEntry {
        &self.entry
    }
}

/// The row of a quarantined entry.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct QuarantineRow {
    #[n(0)]
    pub(super) reason: KeptReason,
    #[n(1)]
    pub(super) entry: Bytes,
    /// What applied entries when it was kept: see [`APPLIES`].
    #[n(2)]
    pub(super) kept_by: Option<u32>,
}

/// Raised with every version that applies entries which earlier ones could not: those that they kept aside are then tried once more.
const APPLIES: u32 = 1;

impl QuarantineRow {
    pub(super) fn new(reason: KeptReason, entry: Bytes) -> Self {
        Self { reason, entry, kept_by: Some(APPLIES) }
    }

    /// Whether it is worth another try when the database is opened.
    pub(super) fn may_pass_now(&self) -> bool {
        let is_newer = self.kept_by.unwrap_or(0) < APPLIES;
        self.reason.may_pass() || is_newer && self.reason.may_pass_by_an_update()
    }
}

/// A document with the remote changes merged in.
pub(super) struct MergedDocument {
    pub(super) collection: String,
    pub(super) id: String,
    pub(super) row: DocumentRow,
    chunks: Vec<Vec<u8>>,
    writes: Vec<ChunkWrite>,
    changed: bool,
}

/// What came of merging changes.
#[derive(Default)]
pub(super) struct MergedChanges {
    pub(super) documents: Vec<MergedDocument>,
    pub(super) buried: Returned,
}

impl Machine {
    pub(super) fn receive(&mut self, task: &mut ReceiveTask) -> Result<(), Missing> {
        while self.is_current(task) {
            let Some(item) = task.items.front() else { break };
            let Some(group) = &self.sync.group else { return Ok(()) };
            let place = group.place.cursor;
            if item.cursor() <= place {
                task.items.pop_front();
                continue;
            }
            if item.cursor() != place.next() {
                // Something in between was not sent. A page has no gaps, or asking for it would never end; of a push, ask for it: what is here
                // comes again.
                match task.page {
                    Some(_) => self.misbehaved("a page with a gap"),
                    None => self.pull(),
                }
                return Ok(());
            }
            let item = item.clone();
            self.receive_item(task, &item)?;
            task.front = None;
            task.items.pop_front();
        }
        if self.is_current(task) {
            self.page_received(task.page);
        }
        Ok(())
    }

    fn is_current(&self, task: &ReceiveTask) -> bool {
        let link = self.sync.link.as_ref();
        link.is_some_and(|link| link.id == task.connection && link.stage == Stage::Open && link.log == Some(task.log))
            && self.sync.group.as_ref().is_some_and(|group| group.place.log == Some(task.log))
    }

    fn page_received(&mut self, page: Option<bool>) {
        match page {
            Some(true) => self.pull_on(),
            Some(false) => {
                let Some(link) = &mut self.sync.link else { return };
                // From here on our own entries need not come back in full: one more pull says so.
                if std::mem::take(&mut link.own_in_full) {
                    return self.pull();
                }
                link.caught_up = true;
                // What was kept aside on the way may prevent the snapshot that the relay was to get.
                self.go_on_with_refill();
            }
            None => {}
        }
    }

    fn receive_item(&mut self, task: &mut ReceiveTask, item: &Item) -> Result<(), Missing> {
        let id = match item {
            Item::Own { id, .. } => *id,
            Item::Entry { bytes, .. } => ashore_protocol::hash::entry_id(bytes),
        };
        let Some(group) = &self.sync.group else { return Ok(()) };
        let index = keys::entry_index(group.state.generation, &id);
        if self.sync.group.as_ref().is_some_and(|group| group.snapshots.is_own(&id) || group.seen.is_own(&id)) {
            self.advance(item, id);
            return Ok(());
        }
        if let Some(known) = self.rows.one(&index)? {
            self.advance(item, id);
            let sequence = known.present().and_then(|bytes| keys::sequence(bytes));
            let waits = sequence
                .filter(|sequence| self.sync.group.as_ref().is_some_and(|group| group.outbox.contains_key(sequence)));
            self.acknowledge(waits.into_iter().collect());
            return Ok(());
        }
        if self.sync.group.as_ref().is_some_and(|group| group.quarantine.contains_key(&id)) {
            self.advance(item, id);
            return Ok(());
        }
        match item {
            Item::Own { .. } => self.fetch_own_in_full(task),
            Item::Entry { bytes, .. } => {
                if task.front.is_none() {
                    task.front = self.verify(bytes);
                }
                let Some(front) = &mut task.front else { return Ok(()) };
                let brings_something = front.entry.kind() != EntryKind::Seen;
                if self.settle_entry(front, false)? {
                    self.advance(item, id);
                    self.batch.effects.push(Effect::Pulled(u64::from(brings_something)));
                }
            }
        }
        Ok(())
    }

    /// We wrote it and do not have it: this device was restored from a backup, or lost its last moments.
    fn fetch_own_in_full(&mut self, task: &mut ReceiveTask) {
        task.items.clear();
        task.page = None;
        if let Some(link) = &mut self.sync.link {
            link.own_in_full = true;
        }
        self.pull_on();
    }

    fn advance(&mut self, item: &Item, id: EntryId) {
        if let Some(group) = &mut self.sync.group {
            group.place.cursor = item.cursor();
            group.place.prefix = Some(log_prefix(group.place.prefix.as_ref(), &id));
            let bytes = match item {
                Item::Entry { bytes, .. } => bytes.len() as u64,
                Item::Own { .. } => group.outbox.values().find(|waiting| waiting.id == id).map_or(0, |own| own.bytes),
            };
            group.snapshots.note_entry(bytes);
        }
        self.write_place();
    }

    pub(super) fn verify(&mut self, bytes: &[u8]) -> Option<Front> {
        let group = self.sync.group.as_ref()?.state.group;
        match VerifiedEntry::decode(bytes) {
            Ok(entry) if entry.group() == group => Some(Front { entry, opened: None }),
            Ok(_) => {
                self.misbehaved("an entry of another group");
                None
            }
            Err(error) => {
                self.take_nothing_of(&error.into());
                None
            }
        }
    }

    /// Stores an entry: applied, or kept aside. `false` when it may not stand at all and the connection was given up.
    pub(super) fn settle_entry(&mut self, front: &mut Front, again: bool) -> Result<bool, Missing> {
        let settled = match front.entry.kind() {
            EntryKind::Data => self.settle_data(front, again),
            EntryKind::Genesis | EntryKind::Control => self.settle_control(&front.entry),
            EntryKind::Snapshot => self.settle_snapshot(&front.entry),
            EntryKind::Seen => {
                self.settle_seen(&front.entry);
                Ok(true)
            }
        };
        self.trials.end();
        settled
    }

    /// A control entry is kept whether it stands or not: what others do may make it stand. It does not wait for its parents: when a relay is filled again
    /// it may come before data that it names.
    pub(super) fn settle_control(&mut self, entry: &VerifiedEntry) -> Result<bool, Missing> {
        let kept = self.kept_controls(true)?;
        // What was gathered is sealed under the key of before.
        self.seal_draft();
        let Some(group) = &mut self.sync.group else { return Ok(false) };
        if let Err(refusal) = group.membership.take_in(entry)
            && !group.membership.has_taken_in(&entry.id())
        {
            self.misbehaved(&format!("an entry that may not stand in the group: {refusal}"));
            return Ok(false);
        }
        let stands = group.membership.has_applied(&entry.id());
        let against_us = matches!(entry.control(), Some(Control::Remove { device, .. }) if *device == group.me());
        if let Some(link) = self.sync.link.as_mut().filter(|_| against_us && !stands) {
            link.cut_short = true;
        }
        self.release_from_quarantine(entry.id(), false);
        self.store_entry(entry);
        self.find_members(&kept);
        self.take_control(entry);
        Ok(true)
    }

    /// Nothing rests on a snapshot's entry, so it is not stored.
    fn settle_snapshot(&mut self, entry: &VerifiedEntry) -> Result<bool, Missing> {
        match self.may_stand(entry) {
            Err(refusal) => {
                self.misbehaved(&format!("an entry that may not stand in the group: {refusal}"));
                return Ok(false);
            }
            // What somebody made who was removed since serves nobody any more; of somebody who left it does. The relay may have forgotten what it covers, so it
            // is known.
            Ok(by) if by != Grounds::Author && !self.is_believed(&entry.author()) => {
                self.note_snapshot(entry);
                return Ok(true);
            }
            Ok(_) => {}
        }
        let unknown = self.missing_parent(entry)?.is_some();
        self.snapshot_in_log(entry, unknown);
        Ok(true)
    }

    fn settle_data(&mut self, front: &mut Front, again: bool) -> Result<bool, Missing> {
        let by = match self.may_stand(&front.entry) {
            Ok(by) => by,
            Err(refusal) => {
                self.misbehaved(&format!("an entry that may not stand in the group: {refusal}"));
                return Ok(false);
            }
        };
        if by == Grounds::None {
            return Ok(self.keep_aside(&front.entry, KeptReason::AuthorRemoved, again));
        }
        let keep = |reason: KeptReason| match (reason.may_pass(), by) {
            (true, Grounds::Vouched) => KeptReason::Vouched,
            _ => reason,
        };
        let vouched = self.vouched_by(&front.entry)?;
        if self.trials.must_not_try(&front.entry.id()) {
            return Ok(self.keep_and_vouch(&front.entry, KeptReason::Crashes, again, vouched));
        }
        self.trials.begin(&front.entry.id());
        if let Some(reason) = self.missing_parent(&front.entry)? {
            return Ok(self.keep_and_vouch(&front.entry, keep(reason), again, vouched));
        }
        let opened = match front.opened.take() {
            Some(opened) => opened,
            None => match self.open_changes(&front.entry) {
                Ok(opened) => opened,
                Err(reason) => return Ok(self.keep_and_vouch(&front.entry, keep(reason), again, vouched)),
            },
        };
        if let Err(missing) = self.take_buried(&opened) {
            front.opened = Some(opened);
            return Err(missing);
        }
        let MergedChanges { documents: merged, buried } = match self.merge_changes(&opened.changes) {
            Ok(Ok(merged)) => merged,
            Ok(Err(KeptReason::MissingChange)) if !again => {
                self.want_whole(&opened);
                return Ok(self.keep_and_vouch(&front.entry, keep(KeptReason::MissingChange), again, vouched));
            }
            Ok(Err(reason)) => return Ok(self.keep_and_vouch(&front.entry, keep(reason), again, vouched)),
            Err(missing) => {
                front.opened = Some(opened);
                return Err(missing);
            }
        };
        let incoming = merged.iter().map(|MergedDocument { collection, id, row, .. }| Incoming { collection, id, row });
        let claims = self.claims(incoming);
        let ready = self.load_claims(&claims).and_then(|()| self.note_writers(front.entry.author(), &opened));
        if let Err(missing) = ready {
            front.opened = Some(opened);
            return Err(missing);
        }
        // What waits goes before: so the number of this entry is known.
        self.seal_draft();
        let sequence = self.next_entry();
        for document in merged {
            self.store_merged(document, sequence);
        }
        self.settle_returned(buried);
        self.note_unknowing(&opened);
        self.tell_conflicts(&claims);
        self.release_from_quarantine(front.entry.id(), again);
        self.store_entry(&front.entry);
        if again {
            self.give_what_was_aside(&front.entry, sequence);
        }
        self.release_vouched(vouched);
        Ok(true)
    }

    fn keep_and_vouch(
        &mut self,
        entry: &VerifiedEntry,
        reason: KeptReason,
        again: bool,
        vouched: Vec<Vouched>,
    ) -> bool {
        let kept = self.keep_aside(entry, reason, again);
        if kept {
            self.release_vouched(vouched);
        }
        kept
    }

    /// Stores a control entry that came beside the log; `false` when it may not stand and the connection was given up.
    pub(super) fn take_control_beside(&mut self, bytes: &[u8]) -> Result<bool, Missing> {
        match self.verify(bytes) {
            Some(mut front) if front.entry.kind().is_control() => self.settle_entry(&mut front, false),
            Some(_) => {
                self.misbehaved("something else than a control entry");
                Ok(false)
            }
            None => Ok(false),
        }
    }

    fn missing_parent(&mut self, entry: &VerifiedEntry) -> Result<Option<KeptReason>, Missing> {
        let Some(group) = &self.sync.group else { return Ok(None) };
        let generation = group.state.generation;
        let unknown: Vec<EntryId> =
            entry.parents().iter().filter(|parent| !group.quarantine.contains_key(parent)).copied().collect();
        let rows: Vec<_> = unknown.iter().map(|parent| self.rows.one(&keys::entry_index(generation, parent))).collect();
        let mut missing = None;
        for (parent, row) in unknown.iter().zip(rows) {
            if row?.is_none() && !self.is_covered(parent)? {
                missing = Some(KeptReason::MissingParent);
            }
        }
        Ok(missing)
    }

    pub(super) fn open_changes(&self, entry: &VerifiedEntry) -> Result<DataPayload, KeptReason> {
        let group = self.sync.group.as_ref().ok_or(KeptReason::MissingKey)?;
        let open = |key: &Key| open_payload(&key.derive(DATA_CONTEXT), entry.header_bytes(), entry.payload());
        let opened = group.secrets.epochs.of(entry.epoch()).find_map(|key| open(key).ok());
        let plain = opened.ok_or_else(|| group.why_not_opened(entry.epoch()))?;
        let payload: DataPayload = decode(&plain).map_err(|_| KeptReason::DoesNotApply)?;
        let named = |change: &DocumentChange| {
            CollectionName::parse(&change.collection).is_ok() && DocumentId::parse(&change.id).is_ok()
        };
        if payload.changes.iter().all(named) { Ok(payload) } else { Err(KeptReason::DoesNotApply) }
    }

    /// Merges an entry's changes into copies of its documents: all of them, or none.
    pub(super) fn merge_changes(
        &mut self,
        changes: &[DocumentChange],
    ) -> Result<Result<MergedChanges, KeptReason>, Missing> {
        let mut documents: BTreeMap<(&str, &str), Staged> = BTreeMap::new();
        let mut missing = None;
        for change in changes {
            let name = (change.collection.as_str(), change.id.as_str());
            if documents.contains_key(&name) {
                continue;
            }
            match self.load_staged(name.0, name.1) {
                Ok(staged) => drop(documents.insert(name, staged)),
                Err(Stop::Missing(not_here)) => missing = Some(not_here),
                Err(Stop::Failed(_)) => return Ok(Err(KeptReason::DoesNotApply)),
            }
        }
        if let Some(missing) = missing {
            return Err(missing);
        }
        let mut lives: BTreeMap<(&str, &str), Live> = BTreeMap::new();
        for (name, staged) in &documents {
            let live = staged.row().and_then(|row| self.lives.take(&value_key(name.0, name.1), row));
            lives.extend(live.map(|live| (*name, live)));
        }
        let keeps_live = documents.len() <= MAX_LIVE;
        let mut merged: BTreeMap<(&str, &str), MergedDocument> = BTreeMap::new();
        let mut returned = Returned::default();
        for change in changes {
            let name = (change.collection.as_str(), change.id.as_str());
            let before = documents.get(&name);
            let Some(declarations) = self.readable_declarations(name.0) else {
                return Ok(Err(KeptReason::MissingChange));
            };
            let chunks = match returned.marker_of(name).or(self.marker(name.0, name.1)?).filter(|left| !left.is_empty())
            {
                None => Cow::Borrowed(&change.chunks[..]),
                Some(marker) => {
                    let (row, chunks) = match (merged.get(&name), before) {
                        (Some(merged), _) => (Some(&merged.row), merged.chunks.iter().map(Vec::as_slice).collect()),
                        (None, Some(stored)) => (stored.row(), stored.chunks()),
                        (None, None) => (None, vec![]),
                    };
                    let current = row.filter(|row| !row.heads.is_empty()).map(|row| Current { row, chunks: &chunks });
                    match edit::divide(current, &change.chunks, &marker) {
                        Ok(divided) => Cow::Owned(returned.take(name, marker, divided)),
                        Err(MergeError::Panicked) => return Ok(Err(KeptReason::Crashes)),
                        Err(_) => return Ok(Err(KeptReason::DoesNotApply)),
                    }
                }
            };
            if chunks.is_empty() && !change.chunks.is_empty() {
                continue;
            }
            let mut live = lives.remove(&name);
            let was_live = live.is_some();
            let key = &self.seen_key;
            match merge_one(name, before, merged.get(&name), &mut live, &chunks, &declarations, key) {
                Ok(Some(document)) => {
                    lives.extend(live.filter(|_| was_live || keeps_live).map(|live| (name, live)));
                    merged.insert(name, document);
                }
                Ok(None) => lives.extend(live.filter(|_| was_live).map(|live| (name, live))),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        // Each is used only while it is what its document's row says: so also when these are not stored after all.
        for (name, live) in lives {
            self.lives.keep(&value_key(name.0, name.1), live);
        }
        Ok(Ok(MergedChanges { documents: merged.into_values().collect(), buried: returned }))
    }

    /// The local sequence number of the entry that is stored next.
    pub(super) fn next_entry(&self) -> u64 {
        self.sync.group.as_ref().map_or(0, |group| group.state.next_sequence)
    }

    /// Stores a document as the entry with this number made it.
    pub(super) fn store_merged(&mut self, document: MergedDocument, sequence: u64) {
        let MergedDocument { collection, id, mut row, writes, changed, .. } = document;
        row.received_with = sequence;
        if changed {
            let key = value_key(&collection, &id);
            let parked = row.parts.is_some() && row.deleted && self.is_hidden(&key);
            self.store_document(&key, &collection, &id, Some(&row), writes);
            if !parked {
                self.batch.changed(&collection, &id, true);
            }
        }
    }

    /// Keeps an entry that cannot be applied yet, whole, so that nothing of it is lost.
    fn keep_aside(&mut self, entry: &VerifiedEntry, reason: KeptReason, again: bool) -> bool {
        // What a peer has may not be in any log: it is taken once it can be applied, and then given to the relay.
        if self.channels.hears.is_some() {
            return false;
        }
        let Some(group) = &mut self.sync.group else { return false };
        if !again && group.quarantine.len() >= MAX_QUARANTINED {
            self.misbehaved("more entries that cannot be applied than are kept");
            return false;
        }
        let known = group.quarantine.contains_key(&entry.id());
        self.put_into_quarantine(entry, reason);
        if !known {
            let message = format!("entry {} is kept but not applied: {}", entry.id().short(), reason.as_str());
            self.batch.event(Event::Error { failure: Failure::new(ErrorCode::EntryQuarantined, message) });
        }
        true
    }

    /// Keeps an entry whole, with nobody told.
    pub(super) fn put_into_quarantine(&mut self, entry: &VerifiedEntry, reason: KeptReason) {
        let Some(group) = &mut self.sync.group else { return };
        group.quarantine.insert(entry.id(), Kept::new(entry.header(), entry.encoded().len(), reason));
        let row = QuarantineRow::new(reason, entry.encoded().into());
        let key = keys::quarantine(group.state.generation, &entry.id());
        self.rows.write(&mut self.batch.rows, key, Some(encode(&row).into()));
    }

    fn release_from_quarantine(&mut self, id: EntryId, again: bool) {
        let Some(group) = &mut self.sync.group else { return };
        if again && group.quarantine.remove(&id).is_some() {
            let key = keys::quarantine(group.state.generation, &id);
            self.rows.write(&mut self.batch.rows, key, None);
        }
        let waiting = group.quarantine.iter().filter(|(_, kept)| kept.reason.may_pass()).map(|(id, _)| *id);
        let waiting: Vec<_> = waiting.filter(|id| !group.retry.contains(id)).collect();
        group.retry.extend(waiting);
    }

    /// What is in this batch has to be stored before everything is here.
    pub(super) fn settles(&mut self) {
        if let Some(group) = self.sync.group.as_mut().filter(|_| !self.batch.rows.is_empty()) {
            group.settling += 1;
            self.batch.effects.push(Effect::Settled);
        }
    }

    /// Tries one quarantined entry again.
    pub(super) fn retry_quarantined(&mut self) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let (Some(id), generation) = (group.retry.front().copied(), group.state.generation) else { return Ok(()) };
        let row = self.rows.one(&keys::quarantine(generation, &id))?;
        let stored = match &row {
            Some(RowValue::Present(bytes)) => decode::<QuarantineRow>(bytes).ok(),
            Some(RowValue::Corrupt) | None => None,
        };
        let entry =
            stored.and_then(|row| Entry::decode(&row.entry).ok()).and_then(|entry| entry.verified_before().ok());
        if let Some(entry) = entry {
            self.settle_entry(&mut Front { entry, opened: None }, true)?;
            self.settles();
        }
        if let Some(group) = &mut self.sync.group {
            group.retry.retain(|each| *each != id);
        }
        Ok(())
    }
}

/// One change merged into what is there: the stored document, or what changes before it in the same entry made of it.
fn merge_one(
    (collection, id): (&str, &str),
    stored: Option<&Staged>,
    before: Option<&MergedDocument>,
    live: &mut Option<Live>,
    chunks: &[u8],
    declarations: &Declarations,
    key: &Key,
) -> Result<Option<MergedDocument>, KeptReason> {
    let (row, known, writes): (Option<&DocumentRow>, Vec<&[u8]>, &[ChunkWrite]) = match (before, stored) {
        (Some(before), _) => (Some(&before.row), before.chunks.iter().map(Vec::as_slice).collect(), &before.writes),
        (None, Some(stored)) => (stored.row(), stored.chunks(), &[]),
        (None, None) => (None, vec![], &[]),
    };
    let declared = match row {
        Some(row) => declarations.of(row.parts.as_ref().map_or(0, |parts| parts.number)),
        None => declarations.current(),
    };
    let mut held = None;
    let alone = match row {
        Some(row) if row.parts.is_some() => {
            let parted = Parted { row, chunks: &known, was: &declared };
            let parts = parted.held().map_err(|_| KeptReason::DoesNotApply)?;
            let alone = parted.alone(&parts.travels);
            held = Some(parts);
            alone
        }
        row => row.cloned(),
    };
    let current = alone.as_ref().map(|row| Current { row, chunks: &known });
    match edit::merge_live(current, live, chunks) {
        Err(MergeError::Panicked) => Err(KeptReason::Crashes),
        Ok(Merged::Unchanged) => Ok(None),
        Ok(Merged::MissingDeps(_)) => Err(KeptReason::MissingChange),
        Ok(Merged::Changed { row: merged_row, write }) => {
            let mut chunks: Vec<Vec<u8>> =
                if write.replaces.is_some() { vec![] } else { known.iter().map(|chunk| chunk.to_vec()).collect() };
            chunks.push(write.bytes.clone());
            let row = if declared.is_plain() {
                merged_row
            } else {
                merged_parts(merged_row, row, held, &chunks, &declared, key)?
            };
            let writes = writes.iter().cloned().chain([write]).collect();
            let (collection, id) = (collection.to_owned(), id.to_owned());
            Ok(Some(MergedDocument { collection, id, row, chunks, writes, changed: true }))
        }
        Err(_) => Err(KeptReason::DoesNotApply),
    }
}

/// The row of a merged document of which not everything travels. What stays here stays.
fn merged_parts(
    merged: DocumentRow,
    before: Option<&DocumentRow>,
    held: Option<Held>,
    chunks: &[Vec<u8>],
    declared: &Declared,
    key: &Key,
) -> Result<DocumentRow, KeptReason> {
    let travels = if merged.deleted {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        edit::fields(&chunks).map_err(|_| KeptReason::DoesNotApply)?
    } else {
        Value::decode(&merged.value).map_err(|_| KeptReason::DoesNotApply)?
    };
    let new = before.is_none();
    let here =
        matches!(declared.travels, Travels::All | Travels::Except(_)) && (new || declared.deletes && !merged.deleted);
    let stays = held.and_then(|held| held.stays).or_else(|| here.then(Value::empty));
    let parts = before.and_then(|row| row.parts.as_ref());
    let whole = Whole {
        alone: Some(merged),
        travels: &travels,
        stays: stays.as_ref(),
        tainted: parts.is_some_and(|parts| parts.tainted),
        rebuilt: parts.is_some_and(|parts| parts.rebuilt),
    };
    Ok(whole.row(declared, key))
}
