//! A log store in memory, for tests and simulations. A clone of it is a backup.

use super::store::{Invitation, LogInfo, LogStore, NewEntry, item_size};
use crate::codec::Bytes;
use crate::frame::Item;
use crate::ids::{Cursor, DeviceId, EntryId, GroupId, InvitePlace, LogId, LogPrefix, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Logs and invitations in memory. Cloning one between transactions is a backup; dropping one is a lost disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryLogStore {
    logs: BTreeMap<GroupId, Log>,
    invitations: BTreeMap<InvitePlace, Invitation>,
    /// How to undo the open transaction, latest last; `None` when none is open.
    undo: Option<Vec<Undo>>,
    failing_commits: u32,
}

#[derive(Debug, Clone)]
struct Log {
    id: LogId,
    entries: Vec<Stored>,
    cursors: BTreeMap<EntryId, Cursor>,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct Stored {
    id: EntryId,
    prefix: LogPrefix,
    author: DeviceId,
    is_control: bool,
    bytes: Arc<[u8]>,
}

#[derive(Debug, Clone)]
enum Undo {
    Created(GroupId),
    Appended(GroupId),
    Invitation(InvitePlace, Option<Invitation>),
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

    /// Every encoded entry of a group by cursor, first to last.
    pub fn entries(&self, group: &GroupId) -> Vec<Vec<u8>> {
        let entries = self.logs.get(group).map(|log| log.entries.as_slice()).unwrap_or_default();
        entries.iter().map(|stored| stored.bytes.to_vec()).collect()
    }

    /// Everything that is kept, for looking for words that must not be in it.
    pub fn contains_bytes(&self, needle: &[u8]) -> bool {
        let entries = self.logs.values().flat_map(|log| log.entries.iter().map(|stored| stored.bytes.as_ref()));
        let sealed = self.invitations.values().map(|invitation| &*invitation.sealed);
        entries.chain(sealed).any(|bytes| bytes.windows(needle.len().max(1)).any(|window| window == needle))
    }

    fn remember(&mut self, undo: Undo) -> Result<(), MemoryStoreError> {
        self.undo.as_mut().ok_or(MemoryStoreError::Misused)?.push(undo);
        Ok(())
    }

    fn undo(&mut self, step: Undo) {
        match step {
            Undo::Created(group) => {
                self.logs.remove(&group);
            }
            Undo::Appended(group) => {
                if let Some(log) = self.logs.get_mut(&group)
                    && let Some(stored) = log.entries.pop()
                {
                    log.bytes -= stored.bytes.len() as u64;
                    log.cursors.remove(&stored.id);
                }
            }
            Undo::Invitation(place, Some(before)) => {
                self.invitations.insert(place, before);
            }
            Undo::Invitation(place, None) => {
                self.invitations.remove(&place);
            }
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
        Ok(self.logs.get(group).map(|log| LogInfo { log: log.id, head: log.head(), bytes: log.bytes }))
    }

    fn create_group(&mut self, group: &GroupId, log: LogId, _: Timestamp) -> Result<(), MemoryStoreError> {
        self.remember(Undo::Created(*group))?;
        let log = Log { id: log, entries: Vec::new(), cursors: BTreeMap::new(), bytes: 0 };
        self.logs.insert(*group, log);
        Ok(())
    }

    fn append(&mut self, group: &GroupId, entries: &[NewEntry<'_>]) -> Result<Cursor, MemoryStoreError> {
        for entry in entries {
            self.remember(Undo::Appended(*group))?;
            self.logs.get_mut(group).ok_or(MemoryStoreError::Misused)?.append(entry);
        }
        Ok(self.logs.get(group).ok_or(MemoryStoreError::Misused)?.head())
    }

    fn cursor_of(&self, group: &GroupId, id: &EntryId) -> Result<Option<Cursor>, MemoryStoreError> {
        Ok(self.logs.get(group).and_then(|log| log.cursors.get(id)).copied())
    }

    fn prefix_at(&self, group: &GroupId, cursor: Cursor) -> Result<Option<LogPrefix>, MemoryStoreError> {
        let Some(index) = cursor.get().checked_sub(1).and_then(|index| usize::try_from(index).ok()) else {
            return Ok(None);
        };
        Ok(self.logs.get(group).and_then(|log| log.entries.get(index)).map(|stored| stored.prefix))
    }

    fn page(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
        own: Option<&DeviceId>,
    ) -> Result<Vec<Item>, MemoryStoreError> {
        let entries = self.logs.get(group).map(|log| log.entries.as_slice()).unwrap_or_default();
        let skipped = usize::try_from(after.get()).unwrap_or(usize::MAX);
        let (mut items, mut cursor, mut bytes) = (Vec::new(), after, 0);
        for stored in entries.iter().skip(skipped).take(max_entries.max(1) as usize) {
            cursor = cursor.next();
            let item = stored.item(cursor, own);
            bytes += item_size(&item);
            if !items.is_empty() && bytes > max_bytes as usize {
                break;
            }
            items.push(item);
        }
        Ok(items)
    }

    fn controls(&self, group: &GroupId) -> Result<Vec<Vec<u8>>, MemoryStoreError> {
        let entries = self.logs.get(group).map(|log| log.entries.as_slice()).unwrap_or_default();
        Ok(entries.iter().filter(|stored| stored.is_control).map(|stored| stored.bytes.to_vec()).collect())
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
        let open = |i: &&Invitation| i.group == *group && i.taken_by.is_none() && i.expires_at > now;
        Ok(u32::try_from(self.invitations.values().filter(open).count()).unwrap_or(u32::MAX))
    }

    fn remove_invitations_expired_before(&mut self, time: Timestamp) -> Result<(), MemoryStoreError> {
        let old = self.invitations.iter().filter(|(_, invitation)| invitation.expires_at < time);
        let places: Vec<InvitePlace> = old.map(|(place, _)| *place).collect();
        places.iter().try_for_each(|place| self.remove_invitation(place))
    }
}

impl Log {
    fn head(&self) -> Cursor {
        Cursor::new(self.entries.len() as u64).unwrap_or(Cursor::MAX)
    }

    fn append(&mut self, entry: &NewEntry<'_>) {
        let NewEntry { id, prefix, author, is_control, bytes } = *entry;
        self.cursors.insert(id, self.head().next());
        self.bytes += bytes.len() as u64;
        self.entries.push(Stored { id, prefix, author, is_control, bytes: bytes.into() });
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
