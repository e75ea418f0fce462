//! Taking a snapshot in: the control entries first, to know who may write; then part by part, each checked against the signed
//! manifest before anything of it is stored and merged into what is here; then the place in the log is the snapshot's.
//!
//! How far it is stands in the store, so that a device which crashes goes on with the next part. What is merged twice is the
//! same. Until it is finished a change of several documents may be seen in part.

use super::super::indexes::Incoming;
use super::super::input::ConnectionId;
use super::super::link::{Stage, Unfit};
use super::super::receive::MergedChanges;
use super::super::rows::Missing;
use super::super::sync::KeptReason;
use super::super::task::Task;
use super::super::{Machine, keys};
use super::{Snapshots, unusable};
use crate::api::{DisconnectReason, ErrorCode, Event, Failure};
use crate::document::{CollectionName, DocumentId};
use crate::group::{DocumentChange, RelayPlace, SnapshotPart};
use crate::store::RowValue;
use ashore_protocol::control::{Control, Role};
use ashore_protocol::frame::{ClientFrame, FailureCode, Item, RequestId};
use ashore_protocol::header::{Entry, VerifiedEntry};
use ashore_protocol::ids::{Cursor, GroupId, LogId};
use ashore_protocol::membership::Membership;
use ashore_protocol::snapshot::Manifest;
use std::borrow::Cow;
use std::collections::VecDeque;

/// What an entry of a log costs, roughly: below that a fresh device takes the entries one by one.
const ENTRY_BYTES: u64 = 512;

/// A snapshot that is being taken.
pub(in crate::machine) struct Taking {
    entry: VerifiedEntry,
    manifest: Manifest,
    /// The control entries after this are asked for; `None` when all are here.
    controls_after: Option<Cursor>,
    /// The first place in this log where the author says that it leaves, or that it writes no more.
    left_at: Option<Cursor>,
    /// The part that is merged next.
    next: u32,
    /// What was asked, on which connection.
    request: Option<(ConnectionId, RequestId)>,
    /// What came of it waits to be done.
    working: bool,
}

/// Control entries that came, in the order of the log.
pub(in crate::machine) struct TakeControls {
    items: VecDeque<Item>,
    more: bool,
}

/// A part that came.
pub(in crate::machine) struct TakePart {
    index: u32,
    part: SnapshotPart,
}

impl Taking {
    pub(in crate::machine) fn restore(entry: VerifiedEntry, next: u32) -> Option<Self> {
        let manifest = entry.manifest()?.clone();
        let controls_after = Some(Cursor::ZERO);
        Some(Self { entry, manifest, controls_after, left_at: None, next, request: None, working: false })
    }

    pub(super) fn covers(&self) -> Cursor {
        self.manifest.cursor
    }

    /// Takes note of a control entry at this place of the log.
    fn note_control(&mut self, at: Cursor, entry: &Entry) {
        let author = self.entry.author();
        let leaves = match Control::parse(entry.payload()) {
            Ok(Control::Leave) => true,
            Ok(Control::Remove { device, .. }) => device == author,
            Ok(Control::Role { device, role }) => device == author && role < Role::Writer,
            _ => false,
        };
        if leaves && entry.header().author == author {
            self.left_at.get_or_insert(at);
        }
    }

    /// Whether it may be rested on: its author may write, or has left or become a reader by itself, and not before the place that it covers: what others
    /// wrote later is not its to tell.
    fn is_believed(&self, members: &Membership) -> bool {
        let author = self.entry.author();
        let left_later = self.left_at.is_some_and(|at| at > self.manifest.cursor);
        members.may_write(&author) || members.is_believed(&author) && left_later
    }

    /// Parts that are merged, and how many there are.
    pub(in crate::machine) fn progress(&self) -> (u32, usize) {
        (self.next, self.manifest.parts.len())
    }
}

impl Machine {
    /// The relay has opened the log, and said from where on it has all entries, and which snapshot there is.
    pub(in crate::machine) fn take_offer(&mut self, log: LogId, offered: Option<&[u8]>) {
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_ref()) else { return };
        let (cursor, group_id) = (group.place.cursor, group.state.group);
        let floor = link.floor.as_ref().map(|floor| floor.at);
        let below = floor.is_some_and(|floor| cursor < floor);
        group.snapshots.alone = None;
        if group.snapshots.taking.as_ref().is_some_and(|taking| taking.manifest.log == log) {
            return;
        }
        if group.snapshots.taking.is_some() {
            self.stop_taking();
        }
        let offered = match offered.map(|bytes| offered_snapshot(bytes, group_id, log)) {
            Some(Err(unfit)) => return self.take_nothing_of(&unfit),
            Some(Ok(entry)) => Some(entry),
            None => None,
        };
        if let Some(entry) = &offered {
            self.note_snapshot(entry);
        }
        let Some(group) = &self.sync.group else { return };
        let usable = offered.filter(|entry| !group.snapshots.unusable.contains(&entry.id()));
        let covers = |entry: &VerifiedEntry| entry.manifest().map_or(Cursor::ZERO, |manifest| manifest.cursor);
        let fresh = cursor == Cursor::ZERO && group.place.refill_from.is_none();
        let saves = |entry: &VerifiedEntry| {
            let cost = entry.manifest().map_or(u64::MAX, Manifest::bytes);
            covers(entry).get().saturating_mul(ENTRY_BYTES) > cost
        };
        match usable {
            Some(entry) if below && floor.is_some_and(|floor| covers(&entry) >= floor) => self.begin_taking(entry),
            Some(entry) if !below && fresh && saves(&entry) => self.begin_taking(entry),
            _ if below => self.look_who_is_left(log),
            _ => {}
        }
    }

    pub(super) fn begin_taking(&mut self, entry: VerifiedEntry) {
        let encoded = entry.encoded().to_vec();
        let Some(taking) = Taking::restore(entry, 0) else { return };
        let Some(group) = &mut self.sync.group else { return };
        let key = keys::snapshot_entry(group.state.generation);
        group.snapshots.alone = None;
        group.snapshots.taking = Some(taking);
        group.snapshots.state.taking = Some(0);
        group.snapshots.changed = true;
        self.rows.write(&mut self.batch.rows, key, Some(encoded.into()));
    }

    /// Takes this one when the one that is being taken is done with.
    pub(super) fn take_next(&mut self, entry: VerifiedEntry) {
        let Some(group) = &mut self.sync.group else { return };
        if group.snapshots.taking.as_ref().is_some_and(|taking| taking.entry.id() == entry.id()) {
            return;
        }
        let (key, encoded) = (keys::next_snapshot_entry(group.state.generation), entry.encoded().to_vec());
        group.snapshots.next = Some(entry);
        self.rows.write(&mut self.batch.rows, key, Some(encoded.into()));
    }

    /// This one is done with: the one that came by meanwhile has its turn. Whether there is one.
    fn end_taking(&mut self) -> bool {
        let next = self.sync.group.as_mut().and_then(|group| group.snapshots.next.take());
        self.stop_taking();
        next.map(|next| self.begin_taking(next)).is_some()
    }

    fn stop_taking(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let key = keys::snapshot_entry(group.state.generation);
        let next_key = keys::next_snapshot_entry(group.state.generation);
        group.snapshots.taking = None;
        group.snapshots.next = None;
        group.snapshots.state.taking = None;
        group.snapshots.changed = true;
        self.rows.write(&mut self.batch.rows, key, None);
        self.rows.write(&mut self.batch.rows, next_key, None);
    }

    /// What was being taken when the device went down; `None` inside: nothing.
    pub(in crate::machine) fn restore_taking(&mut self) -> Result<(), Missing> {
        let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else { return Ok(()) };
        let state = self.rows.one(&keys::snapshot_state(generation));
        let entry = self.rows.one(&keys::snapshot_entry(generation));
        let next = self.rows.one(&keys::next_snapshot_entry(generation));
        let (state, entry, next_entry) = (state?, entry?, next?);
        let present = |row: &Option<RowValue>| row.as_ref().and_then(RowValue::present).cloned();
        let Some(group) = &mut self.sync.group else { return Ok(()) };
        if let Some(state) = present(&state).and_then(|bytes| ashore_protocol::codec::decode(&bytes).ok()) {
            group.snapshots.state = state;
        }
        let verified = |row| present(row).and_then(|bytes| Entry::decode(&bytes).and_then(Entry::verified_before).ok());
        let entry = verified(&entry);
        group.snapshots.next = verified(&next_entry);
        if let (Some(next), Some(entry)) = (group.snapshots.state.taking, entry) {
            group.snapshots.taking = Taking::restore(entry, next);
        }
        Ok(())
    }

    /// Asks for what is needed next, if it was not asked on this connection.
    pub(super) fn ask_for_snapshot(&mut self) {
        self.ask_who_is_left();
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        let group_id = group.state.group;
        let Some(taking) = &mut group.snapshots.taking else { return };
        let asked = taking.request.is_some_and(|(connection, _)| connection == link.id);
        if link.stage != Stage::Open || link.log != Some(taking.manifest.log) || asked || taking.working {
            return;
        }
        let request = link.request();
        let frame = match taking.controls_after {
            Some(after) => ClientFrame::GetControls { request, group: group_id, after },
            None => {
                let (snapshot, index) = (taking.entry.id(), taking.next);
                ClientFrame::GetSnapshotPart { request, group: group_id, snapshot, index }
            }
        };
        taking.request = Some((link.id, request));
        link.asked.insert(request);
        self.send_now(&frame);
    }

    /// The taking that waits for this answer.
    fn answered_taking(&mut self, request: RequestId) -> Option<&mut Taking> {
        let link = self.sync.link.as_mut().filter(|link| link.asked.contains(&request))?;
        let at = (link.id, request);
        let taking = self.sync.group.as_mut()?.snapshots.taking.as_mut().filter(|taking| taking.request == Some(at))?;
        link.asked.remove(&request);
        taking.request = None;
        Some(taking)
    }

    pub(in crate::machine) fn controls_came(
        &mut self,
        request: RequestId,
        group: GroupId,
        log: LogId,
        items: Vec<Item>,
        more: bool,
    ) {
        let own = self.sync.group.as_ref().is_some_and(|own| own.state.group == group);
        let last = items.last().map(Item::cursor);
        if let Some(alone) = self.answered_alone(request) {
            if own && alone.takes(log, &items, more) {
                return self.tasks.push_back(Task::TakeControls(TakeControls { items: items.into(), more }));
            }
            return self.misbehaved("control entries out of order");
        }
        let Some(taking) = self.answered_taking(request) else { return };
        if !own || log != taking.manifest.log {
            return;
        }
        let ascends = items.is_sorted_by_key(Item::cursor) && (!items.is_empty() || !more);
        if !ascends || last.is_some_and(|last| taking.controls_after >= Some(last)) {
            return self.misbehaved("control entries out of order");
        }
        taking.working = true;
        taking.controls_after = last.or(taking.controls_after);
        self.tasks.push_back(Task::TakeControls(TakeControls { items: items.into(), more }));
    }

    pub(in crate::machine) fn take_controls(&mut self, task: &mut TakeControls) -> Result<(), Missing> {
        while let Some(item) = task.items.front() {
            let wanted = |Snapshots { taking, alone, .. }: &Snapshots| taking.is_some() || alone.is_some();
            if !self.sync.group.as_ref().is_some_and(|group| wanted(&group.snapshots)) {
                return Ok(());
            }
            let Item::Entry { bytes, .. } = item else {
                return self.distrust_controls();
            };
            let bytes = bytes.clone();
            let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else { return Ok(()) };
            let index = keys::entry_index(generation, &ashore_protocol::hash::entry_id(&bytes));
            if self.rows.one(&index)?.is_none() && !self.take_control_beside(&bytes)? {
                return Ok(());
            }
            let taking = self.sync.group.as_mut().and_then(|group| group.snapshots.taking.as_mut());
            if let (Some(taking), Ok(entry)) = (taking, Entry::decode(&bytes)) {
                taking.note_control(item.cursor(), &entry);
            }
            task.items.pop_front();
        }
        let Some(group) = &mut self.sync.group else { return Ok(()) };
        if let Some(alone) = &mut group.snapshots.alone {
            alone.working = false;
            if !task.more {
                self.go_on_if_alone();
            }
            return Ok(());
        }
        let Some(taking) = &mut group.snapshots.taking else { return Ok(()) };
        taking.working = false;
        if task.more {
            return Ok(());
        }
        taking.controls_after = None;
        if !taking.is_believed(&group.membership) {
            let id = taking.entry.id();
            if self.end_taking() || !self.go_on_without() {
                self.misbehaved("a snapshot by somebody who may not write");
                return Ok(());
            }
            if let Some(group) = &mut self.sync.group {
                group.snapshots.unusable.push(id);
            }
        }
        Ok(())
    }

    fn distrust_controls(&mut self) -> Result<(), Missing> {
        self.end_taking();
        self.misbehaved("something else than a control entry");
        Ok(())
    }

    pub(in crate::machine) fn part_came(&mut self, request: RequestId, sealed: &[u8]) {
        let Some(taking) = self.answered_taking(request) else { return };
        let (index, nonce, epoch) = (taking.next, taking.manifest.nonce, taking.entry.epoch());
        let named = taking.manifest.parts.get(index as usize).is_some_and(|part| part.is_of(sealed));
        if !named {
            return self.misbehaved("another part of a snapshot than was put");
        }
        taking.working = true;
        let Some(group) = &self.sync.group else { return };
        let group_id = group.state.group;
        let mut keys = group.snapshot_keys(epoch).into_iter();
        match keys.find_map(|key| SnapshotPart::open(&key, group_id, nonce, index, sealed)) {
            Some(part) => self.tasks.push_back(Task::TakePart(TakePart { index, part })),
            None if group.why_not_opened(epoch) == KeptReason::MissingKey => self.wait_for_key(),
            None => self.refuse_snapshot("a snapshot does not open with the group's key"),
        }
    }

    /// Whoever came by an invite from before the present key is given that by an admin. With the next connection the control entries are asked for anew.
    fn wait_for_key(&mut self) {
        self.end_taking();
        let failure = unusable("this device does not have the key of the snapshot yet: an admin's device gives it");
        self.lose_link(failure, DisconnectReason::Refused);
    }

    /// The snapshot is no good, whoever made it: it is not asked for again, and sync says why it does not go on.
    fn refuse_snapshot(&mut self, why: &str) {
        let Some(group) = &mut self.sync.group else { return };
        let id = group.snapshots.taking.as_ref().map(|taking| taking.entry.id());
        group.snapshots.unusable.extend(id);
        self.end_taking();
        self.lose_link(unusable(why), DisconnectReason::Refused);
    }

    /// Merges one part: all of it in one commit.
    pub(in crate::machine) fn take_part(&mut self, task: &mut TakePart) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let current = group.snapshots.taking.as_ref().is_some_and(|taking| taking.next == task.index && taking.working);
        if !current {
            return Ok(());
        }
        let generation = group.state.generation;
        let named = |change: &DocumentChange| {
            CollectionName::parse(&change.collection).is_ok() && DocumentId::parse(&change.id).is_ok()
        };
        if !task.part.documents.iter().all(named) {
            self.refuse_snapshot("a snapshot holds documents with names that cannot be");
            return Ok(());
        }
        let Some(asides) = self.read_asides(task.part.aside.as_deref().unwrap_or_default()) else {
            self.refuse_snapshot("a snapshot holds what is no entry of the group, or too many that were kept aside");
            return Ok(());
        };
        let (gathered, documents) = match self.gather_from_snapshot(&task.part.documents)? {
            Some((gathered, rest)) => (gathered, Cow::Owned(rest)),
            None => (vec![], Cow::Borrowed(&task.part.documents[..])),
        };
        let (MergedChanges { documents: merged, buried }, refused) = self.merge_part(&documents)?;
        let incoming = merged.iter().map(|document| Incoming {
            collection: &document.collection,
            id: &document.id,
            row: &document.row,
        });
        let claims = self.claims(incoming);
        let claimed = self.load_claims(&claims);
        let told: Vec<_> = task.part.writers.iter().map(|told| (told.writer.0, told.device)).collect();
        let covered = self.with_covered(generation, &task.part.covered);
        let last = self.is_last_part(task.index);
        let tips = if last { self.tips_after_snapshot(&task.part.covered) } else { Ok(None) };
        let markers = self.with_markers(task.part.buried.as_deref().unwrap_or_default());
        let aside = self.new_asides(asides);
        let (covered, tips, markers, aside) = (covered?, tips?, markers?, aside?);
        claimed?;
        // The last that may lack rows, and the first that changes something.
        self.note_told_writers(&told)?;
        self.write_rows(gathered);
        let sequence = self.next_entry();
        for document in merged {
            self.store_merged(document, sequence);
        }
        self.settle_returned(buried);
        self.tell_conflicts(&claims);
        self.take_markers(markers);
        self.take_asides(aside);
        for (collection, id) in refused {
            let failure = Failure::new(ErrorCode::EntryQuarantined, "a snapshot's copy of the document does not merge");
            self.batch.event(Event::Error { failure: failure.about(&collection, &id) });
        }
        for (first, row) in covered {
            let bytes: Vec<u8> = row.into_iter().flatten().collect();
            self.rows.write(&mut self.batch.rows, keys::covered(generation, first), Some(bytes.into()));
        }
        let Some(group) = &mut self.sync.group else { return Ok(()) };
        let Some(taking) = &mut group.snapshots.taking else { return Ok(()) };
        taking.working = false;
        taking.next += 1;
        group.snapshots.state.taking = Some(taking.next);
        // Beginnings of ids are asked for from here on: those that are here already are covered by what is merged later.
        group.snapshots.changed = true;
        if last {
            self.snapshot_taken(tips.unwrap_or_default());
            self.settles();
        }
        Ok(())
    }

    fn is_last_part(&self, index: u32) -> bool {
        let taking = self.sync.group.as_ref().and_then(|group| group.snapshots.taking.as_ref());
        taking.is_some_and(|taking| index as usize + 1 >= taking.manifest.parts.len())
    }

    /// The part's documents merged; those that do not merge by name.
    fn merge_part(&mut self, changes: &[DocumentChange]) -> Result<(MergedChanges, Vec<(String, String)>), Missing> {
        if let Ok(merged) = self.merge_changes(changes)? {
            return Ok((merged, vec![]));
        }
        let (mut merged, mut refused, mut rest) = (MergedChanges::default(), Vec::new(), changes);
        while let Some(first) = rest.first() {
            let same = |change: &&DocumentChange| change.collection == first.collection && change.id == first.id;
            let (one, others) = rest.split_at(rest.iter().take_while(same).count());
            match self.merge_changes(one)? {
                Ok(more) => {
                    merged.documents.extend(more.documents);
                    merged.buried.extend(more.buried);
                }
                Err(KeptReason::MissingChange) if self.readable_declarations(&first.collection).is_none() => {
                    self.refuse_snapshot("what is declared of a collection cannot be read");
                    return Ok((MergedChanges::default(), vec![]));
                }
                Err(_) => refused.push((first.collection.clone(), first.id.clone())),
            }
            rest = others;
        }
        Ok((merged, refused))
    }

    /// The tips once it is taken: its own, and those of ours that it does not cover.
    fn tips_after_snapshot(
        &mut self,
        last_covered: &[u8],
    ) -> Result<Option<Vec<ashore_protocol::ids::EntryId>>, Missing> {
        let Some(group) = &self.sync.group else { return Ok(None) };
        let Some(taking) = &group.snapshots.taking else { return Ok(None) };
        let (generation, parents) = (group.state.generation, taking.entry.parents().to_vec());
        let ours = group.state.tips.clone();
        let rows: Vec<_> = ours
            .iter()
            .map(|tip| {
                let beginning = super::covered::beginning(tip);
                let last = super::covered::beginnings(last_covered).any(|covered| covered == beginning);
                self.covered_row(generation, beginning[0]).map(|row| (*tip, last || row.contains(&beginning)))
            })
            .collect();
        let mut tips = parents;
        for row in rows {
            let (tip, covered) = row?;
            if !covered {
                tips.push(tip);
            }
        }
        tips.sort_unstable();
        tips.dedup();
        Ok(Some(tips))
    }

    /// Everything of it is here: the log goes on behind it, and what waited for it is tried again.
    fn snapshot_taken(&mut self, tips: Vec<ashore_protocol::ids::EntryId>) {
        let Some(group) = &mut self.sync.group else { return };
        let Some(taking) = group.snapshots.taking.take() else { return };
        let Manifest { log, cursor, prefix, .. } = taking.manifest;
        group.snapshots.state.covered = true;
        group.state.tips = tips;
        self.begin_new_place();
        let Some(group) = &mut self.sync.group else { return };
        let waiting = group.quarantine.iter().filter(|(_, kept)| kept.reason.may_pass()).map(|(id, _)| *id);
        let waiting: Vec<_> = waiting.filter(|id| !group.retry.contains(id)).collect();
        group.retry.extend(waiting);
        self.end_taking();
        let Some(group) = &mut self.sync.group else { return };
        if group.place.log != Some(log) || group.place.cursor >= cursor {
            return;
        }
        let refill_from = group.place.refill_from;
        group.place = RelayPlace { log: Some(log), cursor, prefix: Some(prefix), refill_from };
        self.write_place();
        if let Some(link) = &mut self.sync.link {
            // What the relay acknowledged meanwhile may stand before this place, and will not come by: sent again, it is answered by its place.
            link.sent.clear();
        }
        self.open_log_after_commit();
    }

    /// Whether this request was about taking one.
    pub(in crate::machine) fn taking_part_failed(&mut self, request: RequestId, code: FailureCode) -> bool {
        if self.answered_taking(request).is_none() {
            return false;
        }
        if code == FailureCode::SnapshotNotFound {
            // A newer one is there.
            if !self.end_taking() {
                self.open_log_after_commit();
            }
        }
        code == FailureCode::SnapshotNotFound
    }
}

/// The snapshot that a relay offers, if it is one of this group and log.
fn offered_snapshot(bytes: &[u8], group: GroupId, log: LogId) -> Result<VerifiedEntry, Unfit> {
    let entry = VerifiedEntry::decode(bytes)?;
    if entry.group() != group {
        return Err(Unfit::Other("a snapshot of another group"));
    }
    match entry.manifest() {
        Some(manifest) if manifest.log == log => Ok(entry),
        Some(_) => Err(Unfit::Other("a snapshot of another log")),
        None => Err(Unfit::Other("something else than a snapshot")),
    }
}
