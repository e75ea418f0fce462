//! A log store in memory, for tests and simulations. A clone of it is a backup.

use super::store::{
    Dropped, Envelope, Invitation, LogInfo, LogStore, NewEntry, Place, StoredRequest, StoredSnapshot, Upload, item_size,
};
use crate::codec::Bytes;
use crate::frame::Item;
use crate::ids::{
    Cursor, DeviceId, EntryId, EnvelopePlace, GroupId, InvitePlace, LogId, LogPrefix, SnapshotNonce, Timestamp,
};
use crate::snapshot::Part;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Logs and invitations in memory. Cloning one between transactions is a backup; dropping one is a lost disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryLogStore {
    logs: BTreeMap<GroupId, Log>,
    invitations: BTreeMap<InvitePlace, Invitation>,
    requests: BTreeMap<(GroupId, DeviceId), StoredRequest>,
    envelopes: BTreeMap<EnvelopePlace, Envelope>,
    hint_secret: Option<[u8; 32]>,
    /// How to undo the open transaction, latest last; `None` when none is open.
    undo: Option<Vec<Undo>>,
    failing_commits: u32,
}

#[derive(Debug, Clone)]
struct Log {
    id: LogId,
    entries: BTreeMap<Cursor, Stored>,
    cursors: BTreeMap<EntryId, Cursor>,
    head: Cursor,
    floor: Cursor,
    /// Of entries that were dropped.
    prefixes: BTreeMap<Cursor, LogPrefix>,
    bytes: u64,
    places_since: Timestamp,
    places: BTreeMap<DeviceId, Place>,
    uploads: BTreeMap<DeviceId, Uploading>,
    snapshots: Vec<(StoredSnapshot, Parts)>,
}

/// Sealed parts by index.
type Parts = BTreeMap<u32, Arc<[u8]>>;

#[derive(Debug, Clone)]
struct Uploading {
    nonce: SnapshotNonce,
    began_at: Timestamp,
    parts: Parts,
}

#[derive(Debug, Clone)]
struct Stored {
    id: EntryId,
    prefix: LogPrefix,
    author: DeviceId,
    is_control: bool,
    bytes: Arc<[u8]>,
    appended_at: Timestamp,
}

#[derive(Debug, Clone)]
enum Undo {
    Created(GroupId),
    Appended(GroupId),
    /// The whole log as it was; what it holds is shared, so this is cheap enough for what happens seldom.
    Changed(GroupId, Box<Log>),
    Place(GroupId, DeviceId, Option<Place>),
    Invitation(InvitePlace, Option<Invitation>),
    Request((GroupId, DeviceId), Option<StoredRequest>),
    Envelope(EnvelopePlace, Option<Box<Envelope>>),
    HintSecret(Option<[u8; 32]>),
}

/// What goes wrong in a [`MemoryLogStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryStoreError {
    /// It was told to fail.
    #[error("the commit was made to fail")]
    CommitRefused,
    /// The caller broke the contract: no transaction, or no such log.
    #[error("no open transaction, or no log of this group")]
    Misused,
}

impl MemoryLogStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next commits fail, as a full disk would.
    pub fn fail_commits(&mut self, count: u32) {
        self.failing_commits = count;
    }

    /// Every encoded entry that is kept of a group by cursor, first to last.
    pub fn entries(&self, group: &GroupId) -> Vec<Vec<u8>> {
        let entries = self.logs.get(group).into_iter().flat_map(|log| log.entries.values());
        entries.map(|stored| stored.bytes.to_vec()).collect()
    }

    /// Everything that is kept, for looking for words that must not be in it.
    pub fn contains_bytes(&self, needle: &[u8]) -> bool {
        let entries = self.logs.values().flat_map(|log| log.entries.values().map(|stored| stored.bytes.as_ref()));
        let parts = self.logs.values().flat_map(|log| log.snapshots.iter().flat_map(|(_, parts)| parts.values()));
        let uploads = self.logs.values().flat_map(|log| log.uploads.values().flat_map(|upload| upload.parts.values()));
        let sealed = self.invitations.values().map(|invitation| &*invitation.sealed);
        let sealed = sealed.chain(self.envelopes.values().map(|envelope| &*envelope.sealed));
        let parts = parts.chain(uploads).map(|part| part.as_ref());
        let requests = self.requests.values().map(|known| &*known.asks.request);
        entries
            .chain(sealed)
            .chain(requests)
            .chain(parts)
            .any(|bytes| bytes.windows(needle.len().max(1)).any(|window| window == needle))
    }

    fn remember(&mut self, undo: Undo) -> Result<(), MemoryStoreError> {
        self.undo.as_mut().ok_or(MemoryStoreError::Misused)?.push(undo);
        Ok(())
    }

    /// The log, to be changed; how it was is remembered.
    fn change(&mut self, group: &GroupId) -> Result<&mut Log, MemoryStoreError> {
        let before = self.logs.get(group).ok_or(MemoryStoreError::Misused)?.clone();
        self.remember(Undo::Changed(*group, Box::new(before)))?;
        self.logs.get_mut(group).ok_or(MemoryStoreError::Misused)
    }

    fn undo(&mut self, step: Undo) {
        match step {
            Undo::Changed(group, before) => {
                self.logs.insert(group, *before);
            }
            Undo::Created(group) => {
                self.logs.remove(&group);
            }
            Undo::Appended(group) => {
                if let Some(log) = self.logs.get_mut(&group)
                    && let Some((cursor, stored)) = log.entries.pop_last()
                {
                    log.bytes -= stored.bytes.len() as u64;
                    log.cursors.remove(&stored.id);
                    log.head = Cursor::new(cursor.get() - 1).unwrap_or_default();
                }
            }
            Undo::Place(group, device, before) => {
                if let Some(log) = self.logs.get_mut(&group) {
                    match before {
                        Some(before) => drop(log.places.insert(device, before)),
                        None => drop(log.places.remove(&device)),
                    }
                }
            }
            Undo::Invitation(place, Some(before)) => {
                self.invitations.insert(place, before);
            }
            Undo::Invitation(place, None) => {
                self.invitations.remove(&place);
            }
            Undo::Request(place, Some(before)) => {
                self.requests.insert(place, before);
            }
            Undo::Request(place, None) => {
                self.requests.remove(&place);
            }
            Undo::Envelope(place, Some(before)) => {
                self.envelopes.insert(place, *before);
            }
            Undo::Envelope(place, None) => {
                self.envelopes.remove(&place);
            }
            Undo::HintSecret(before) => self.hint_secret = before,
        }
    }
}

impl LogStore for MemoryLogStore {
    type Error = MemoryStoreError;

    fn begin(&mut self) -> Result<(), MemoryStoreError> {
        match self.undo.replace(Vec::new()) {
            None => Ok(()),
            Some(_) => Err(MemoryStoreError::Misused),
        }
    }

    fn commit(&mut self) -> Result<(), MemoryStoreError> {
        if self.failing_commits > 0 {
            self.failing_commits -= 1;
            self.rollback()?;
            return Err(MemoryStoreError::CommitRefused);
        }
        self.undo.take().map(drop).ok_or(MemoryStoreError::Misused)
    }

    fn rollback(&mut self) -> Result<(), MemoryStoreError> {
        for step in self.undo.take().ok_or(MemoryStoreError::Misused)?.into_iter().rev() {
            self.undo(step);
        }
        Ok(())
    }

    fn group(&self, group: &GroupId) -> Result<Option<LogInfo>, MemoryStoreError> {
        Ok(self.logs.get(group).map(|log| LogInfo {
            log: log.id,
            head: log.head,
            bytes: log.bytes,
            floor: log.floor,
            places_since: log.places_since,
        }))
    }

    fn create_group(&mut self, group: &GroupId, log: LogId, now: Timestamp) -> Result<(), MemoryStoreError> {
        self.remember(Undo::Created(*group))?;
        self.logs.insert(*group, Log::new(log, now));
        Ok(())
    }

    fn append(&mut self, group: &GroupId, entries: &[NewEntry<'_>]) -> Result<Cursor, MemoryStoreError> {
        for entry in entries {
            self.remember(Undo::Appended(*group))?;
            self.logs.get_mut(group).ok_or(MemoryStoreError::Misused)?.append(entry);
        }
        Ok(self.logs.get(group).ok_or(MemoryStoreError::Misused)?.head)
    }

    fn cursor_of(&self, group: &GroupId, id: &EntryId) -> Result<Option<Cursor>, MemoryStoreError> {
        Ok(self.logs.get(group).and_then(|log| log.cursors.get(id)).copied())
    }

    fn prefix_at(&self, group: &GroupId, cursor: Cursor) -> Result<Option<LogPrefix>, MemoryStoreError> {
        let Some(log) = self.logs.get(group) else { return Ok(None) };
        let stored = log.entries.get(&cursor).map(|stored| stored.prefix);
        Ok(stored.or_else(|| log.prefixes.get(&cursor).copied()))
    }

    fn page(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
        own: Option<&DeviceId>,
    ) -> Result<Vec<Item>, MemoryStoreError> {
        let entries = self.logs.get(group).into_iter().flat_map(|log| log.after(after));
        Ok(bounded(entries.map(|(cursor, stored)| stored.item(cursor, own)), max_entries, max_bytes))
    }

    fn controls(&self, group: &GroupId) -> Result<Vec<Vec<u8>>, MemoryStoreError> {
        let entries = self.logs.get(group).into_iter().flat_map(|log| log.entries.values());
        Ok(entries.filter(|stored| stored.is_control).map(|stored| stored.bytes.to_vec()).collect())
    }

    fn controls_after(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<Item>, MemoryStoreError> {
        let entries = self.logs.get(group).into_iter().flat_map(|log| log.after(after));
        let controls = entries.filter(|(_, stored)| stored.is_control);
        Ok(bounded(controls.map(|(cursor, stored)| stored.item(cursor, None)), max_entries, max_bytes))
    }

    fn drop_covered(
        &mut self,
        group: &GroupId,
        through: Cursor,
        before: Timestamp,
        max: u32,
    ) -> Result<Dropped, MemoryStoreError> {
        Ok(self.change(group)?.drop_covered(through, before, max))
    }

    fn place(&self, group: &GroupId, device: &DeviceId) -> Result<Option<Place>, MemoryStoreError> {
        Ok(self.logs.get(group).and_then(|log| log.places.get(device)).copied())
    }

    fn places(&self, group: &GroupId) -> Result<BTreeMap<DeviceId, Place>, MemoryStoreError> {
        Ok(self.logs.get(group).map(|log| log.places.clone()).unwrap_or_default())
    }

    fn note_place(&mut self, group: &GroupId, device: &DeviceId, place: Place) -> Result<(), MemoryStoreError> {
        let log = self.logs.get_mut(group).ok_or(MemoryStoreError::Misused)?;
        let before = log.places.insert(*device, place);
        self.remember(Undo::Place(*group, *device, before))
    }

    fn upload(&self, group: &GroupId, author: &DeviceId) -> Result<Option<Upload>, MemoryStoreError> {
        let upload = self.logs.get(group).and_then(|log| log.uploads.get(author));
        Ok(upload.map(|upload| Upload { nonce: upload.nonce, bytes: upload.bytes() }))
    }

    fn upload_bytes(&self, group: &GroupId) -> Result<u64, MemoryStoreError> {
        Ok(self.logs.get(group).into_iter().flat_map(|log| log.uploads.values()).map(Uploading::bytes).sum())
    }

    fn upload_parts(&self, group: &GroupId, author: &DeviceId) -> Result<Vec<(u32, Part)>, MemoryStoreError> {
        let upload = self.logs.get(group).and_then(|log| log.uploads.get(author));
        let parts = upload.into_iter().flat_map(|upload| upload.parts.iter());
        Ok(parts.map(|(index, sealed)| (*index, Part::of(sealed))).collect())
    }

    fn put_part(
        &mut self,
        group: &GroupId,
        author: &DeviceId,
        nonce: SnapshotNonce,
        index: u32,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), MemoryStoreError> {
        let fresh = || Uploading { nonce, began_at: now, parts: BTreeMap::new() };
        let upload = self.change(group)?.uploads.entry(*author).or_insert_with(fresh);
        upload.parts.insert(index, sealed.into());
        Ok(())
    }

    fn drop_upload(&mut self, group: &GroupId, author: &DeviceId) -> Result<(), MemoryStoreError> {
        self.change(group)?.uploads.remove(author);
        Ok(())
    }

    fn drop_uploads_begun_before(&mut self, time: Timestamp) -> Result<(), MemoryStoreError> {
        let groups: Vec<GroupId> = self.logs.keys().copied().collect();
        for group in groups {
            self.change(&group)?.uploads.retain(|_, upload| upload.began_at >= time);
        }
        Ok(())
    }

    fn finish_snapshot(&mut self, group: &GroupId, snapshot: &StoredSnapshot) -> Result<(), MemoryStoreError> {
        let log = self.change(group)?;
        let parts = log.uploads.remove(&snapshot.author).map(|upload| upload.parts).unwrap_or_default();
        log.snapshots.insert(0, (snapshot.clone(), parts));
        log.snapshots.sort_by_key(|(snapshot, _)| std::cmp::Reverse(snapshot.covers));
        Ok(())
    }

    fn snapshots(&self, group: &GroupId) -> Result<Vec<StoredSnapshot>, MemoryStoreError> {
        let snapshots = self.logs.get(group).into_iter().flat_map(|log| log.snapshots.iter());
        Ok(snapshots.map(|(snapshot, _)| snapshot.clone()).collect())
    }

    fn snapshot_part(&self, group: &GroupId, id: &EntryId, index: u32) -> Result<Option<Bytes>, MemoryStoreError> {
        let mut snapshots = self.logs.get(group).into_iter().flat_map(|log| log.snapshots.iter());
        let parts = snapshots.find(|(snapshot, _)| snapshot.id == *id).map(|(_, parts)| parts);
        Ok(parts.and_then(|parts| parts.get(&index)).map(|sealed| Bytes(sealed.to_vec())))
    }

    fn drop_snapshot(&mut self, group: &GroupId, id: &EntryId) -> Result<(), MemoryStoreError> {
        self.change(group)?.snapshots.retain(|(snapshot, _)| snapshot.id != *id);
        Ok(())
    }

    /// What was dropped is gone already.
    fn sweep_parts(&mut self, _: u32) -> Result<bool, MemoryStoreError> {
        Ok(false)
    }

    fn next_group_with_snapshot(&self, after: Option<&GroupId>) -> Result<Option<GroupId>, MemoryStoreError> {
        let mut with = self.logs.iter().filter(|(_, log)| !log.snapshots.is_empty()).map(|(group, _)| *group);
        Ok(with.find(|group| after.is_none_or(|after| group > after)))
    }

    fn invitation(&self, place: &InvitePlace) -> Result<Option<Invitation>, MemoryStoreError> {
        Ok(self.invitations.get(place).cloned())
    }

    fn put_invitation(&mut self, place: &InvitePlace, invitation: &Invitation) -> Result<(), MemoryStoreError> {
        let before = self.invitations.insert(*place, invitation.clone());
        self.remember(Undo::Invitation(*place, before))
    }

    fn remove_invitation(&mut self, place: &InvitePlace) -> Result<(), MemoryStoreError> {
        let before = self.invitations.remove(place);
        self.remember(Undo::Invitation(*place, before))
    }

    fn open_invitations(&self, group: &GroupId, now: Timestamp) -> Result<u32, MemoryStoreError> {
        let open = |i: &&Invitation| i.group == *group && !i.is_used_up() && i.expires_at > now;
        Ok(u32::try_from(self.invitations.values().filter(open).count()).unwrap_or(u32::MAX))
    }

    fn remove_invitations_expired_before(&mut self, time: Timestamp) -> Result<(), MemoryStoreError> {
        let old = self.invitations.iter().filter(|(_, invitation)| invitation.expires_at < time);
        let places: Vec<InvitePlace> = old.map(|(place, _)| *place).collect();
        places.iter().try_for_each(|place| self.remove_invitation(place))
    }

    fn join_requests(&self, group: &GroupId) -> Result<Vec<StoredRequest>, MemoryStoreError> {
        let of_group = self.requests.range((*group, DeviceId([0; 32]))..=(*group, DeviceId([0xff; 32])));
        let mut known: Vec<StoredRequest> = of_group.map(|(_, known)| known.clone()).collect();
        known.sort_by_key(|known| (known.came_at, known.device));
        Ok(known)
    }

    fn put_join_request(&mut self, group: &GroupId, request: &StoredRequest) -> Result<(), MemoryStoreError> {
        let place = (*group, request.device);
        let before = self.requests.insert(place, request.clone());
        self.remember(Undo::Request(place, before))
    }

    fn remove_join_request(&mut self, group: &GroupId, device: &DeviceId) -> Result<(), MemoryStoreError> {
        let place = (*group, *device);
        let before = self.requests.remove(&place);
        self.remember(Undo::Request(place, before))
    }

    fn remove_join_requests_before(&mut self, time: Timestamp) -> Result<(), MemoryStoreError> {
        let old = self.requests.iter().filter(|(_, known)| known.came_at < time);
        let places: Vec<(GroupId, DeviceId)> = old.map(|(place, _)| *place).collect();
        places.iter().try_for_each(|(group, device)| self.remove_join_request(group, device))
    }

    fn envelope(&self, place: &EnvelopePlace) -> Result<Option<Envelope>, MemoryStoreError> {
        Ok(self.envelopes.get(place).cloned())
    }

    fn put_envelope(&mut self, place: &EnvelopePlace, envelope: &Envelope) -> Result<(), MemoryStoreError> {
        let before = self.envelopes.insert(*place, envelope.clone());
        self.remember(Undo::Envelope(*place, before.map(Box::new)))
    }

    fn remove_envelope(&mut self, place: &EnvelopePlace) -> Result<(), MemoryStoreError> {
        let before = self.envelopes.remove(place);
        self.remember(Undo::Envelope(*place, before.map(Box::new)))
    }

    fn envelopes_of(&self, group: &GroupId) -> Result<BTreeMap<EnvelopePlace, EntryId>, MemoryStoreError> {
        let of_group = self.envelopes.iter().filter(|(_, envelope)| envelope.group == *group);
        Ok(of_group.map(|(place, envelope)| (*place, envelope.recovery)).collect())
    }

    fn hint_secret(&self) -> Result<Option<[u8; 32]>, MemoryStoreError> {
        Ok(self.hint_secret)
    }

    fn put_hint_secret(&mut self, secret: [u8; 32]) -> Result<(), MemoryStoreError> {
        let before = self.hint_secret.replace(secret);
        self.remember(Undo::HintSecret(before))
    }
}

/// As many items as a page may hold, but at least one.
fn bounded(all: impl Iterator<Item = Item>, max_entries: u32, max_bytes: u32) -> Vec<Item> {
    let (mut items, mut bytes) = (Vec::new(), 0);
    for item in all.take(max_entries.max(1) as usize) {
        bytes += item_size(&item);
        if !items.is_empty() && bytes > max_bytes as usize {
            break;
        }
        items.push(item);
    }
    items
}

impl Uploading {
    fn bytes(&self) -> u64 {
        self.parts.values().map(|part| part.len() as u64).sum()
    }
}

impl Log {
    fn new(id: LogId, now: Timestamp) -> Self {
        Self {
            id,
            entries: BTreeMap::new(),
            cursors: BTreeMap::new(),
            head: Cursor::ZERO,
            floor: Cursor::ZERO,
            prefixes: BTreeMap::new(),
            bytes: 0,
            places_since: now,
            places: BTreeMap::new(),
            uploads: BTreeMap::new(),
            snapshots: Vec::new(),
        }
    }

    fn after(&self, after: Cursor) -> impl Iterator<Item = (Cursor, &Stored)> {
        self.entries.range(after.next()..).filter(move |(cursor, _)| **cursor > after).map(|(cursor, e)| (*cursor, e))
    }

    fn append(&mut self, entry: &NewEntry<'_>) {
        let NewEntry { id, prefix, author, is_control, bytes, appended_at } = *entry;
        self.head = self.head.next();
        self.cursors.insert(id, self.head);
        self.bytes += bytes.len() as u64;
        self.entries.insert(self.head, Stored { id, prefix, author, is_control, bytes: bytes.into(), appended_at });
    }

    fn drop_covered(&mut self, through: Cursor, before: Timestamp, max: u32) -> Dropped {
        let young = |stored: &Stored| !stored.is_control && stored.appended_at >= before;
        let passed: Vec<(Cursor, bool)> = self
            .after(self.floor)
            .take(max as usize)
            .take_while(|(cursor, stored)| *cursor <= through && !young(stored))
            .map(|(cursor, stored)| (cursor, stored.is_control))
            .collect();
        let mut entries = 0;
        for (cursor, is_control) in &passed {
            self.floor = *cursor;
            if *is_control {
                continue;
            }
            if let Some(stored) = self.entries.remove(cursor) {
                self.cursors.remove(&stored.id);
                self.prefixes.insert(*cursor, stored.prefix);
                self.bytes -= stored.bytes.len() as u64;
                entries += 1;
            }
        }
        Dropped { entries, floor: self.floor, more: passed.len() >= max as usize }
    }
}

impl Stored {
    fn item(&self, cursor: Cursor, own: Option<&DeviceId>) -> Item {
        match own == Some(&self.author) {
            true => Item::Own { cursor, id: self.id },
            false => Item::Entry { cursor, bytes: Bytes(self.bytes.to_vec()) },
        }
    }
}
