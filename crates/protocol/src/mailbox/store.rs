//! What a relay keeps, as a trait: logs of groups, and invitations.

use crate::codec::Bytes;
use crate::frame::Item;
use crate::ids::{Cursor, DeviceId, EntryId, GroupId, InvitePlace, LogId, LogPrefix, Timestamp};

/// One log, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogInfo {
    /// Which log of the group it is.
    pub log: LogId,
    /// The last cursor in it.
    pub head: Cursor,
    /// Bytes of its entries.
    pub bytes: u64,
}

/// An entry to be appended.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// Its id.
    pub id: EntryId,
    /// The log's prefix that ends with it.
    pub prefix: LogPrefix,
    /// Who wrote it.
    pub author: DeviceId,
    /// Whether it is a genesis or control: those are read back to know the members.
    pub is_control: bool,
    /// The encoded entry.
    pub bytes: &'a [u8],
}

/// A sealed invitation that lies at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The group it invites into.
    pub group: GroupId,
    /// Nobody takes it later than this.
    pub expires_at: Timestamp,
    /// What the code opens.
    pub sealed: Bytes,
    /// The device that took it.
    pub taken_by: Option<DeviceId>,
}

impl Invitation {
    /// One that nobody has taken.
    pub fn new(group: GroupId, expires_at: Timestamp, sealed: Bytes) -> Self {
        Self { group, expires_at, sealed, taken_by: None }
    }
}

/// Where a [`super::Mailbox`] keeps things.
///
/// Contract: one transaction is open at a time; what is written in it is read back in it at once, is durable when `commit`
/// returned `Ok`, and is gone entirely after `rollback`, an `Err` of `commit`, or a crash. Nobody else writes meanwhile.
pub trait LogStore {
    /// Why the store failed. The mailbox does not look inside.
    type Error: std::error::Error;

    /// Opens a transaction.
    fn begin(&mut self) -> Result<(), Self::Error>;
    /// Makes everything since `begin` durable, or nothing of it.
    fn commit(&mut self) -> Result<(), Self::Error>;
    /// Undoes everything since `begin`.
    fn rollback(&mut self) -> Result<(), Self::Error>;

    /// The group's log, if there is one.
    fn group(&self, group: &GroupId) -> Result<Option<LogInfo>, Self::Error>;
    /// Begins a log that the store does not have.
    fn create_group(&mut self, group: &GroupId, log: LogId, now: Timestamp) -> Result<(), Self::Error>;
    /// Appends entries that the log does not have, at the cursors after its head. Returns the new head.
    fn append(&mut self, group: &GroupId, entries: &[NewEntry<'_>]) -> Result<Cursor, Self::Error>;
    /// Where an entry stands in the log.
    fn cursor_of(&self, group: &GroupId, id: &EntryId) -> Result<Option<Cursor>, Self::Error>;
    /// The log's prefix that ends at a cursor: that of the entry there.
    fn prefix_at(&self, group: &GroupId, cursor: Cursor) -> Result<Option<LogPrefix>, Self::Error>;
    /// The entries after a cursor, without gaps: at most `max_entries`, and no more once [`item_size`]s add up to over
    /// `max_bytes`, but at least one if there is one. Those of `own` as [`Item::Own`].
    fn page(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
        own: Option<&DeviceId>,
    ) -> Result<Vec<Item>, Self::Error>;
    /// The encoded genesis and control entries of a group, by cursor.
    fn controls(&self, group: &GroupId) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// The invitation at a place.
    fn invitation(&self, place: &InvitePlace) -> Result<Option<Invitation>, Self::Error>;
    /// Puts an invitation at a place, or replaces the one there.
    fn put_invitation(&mut self, place: &InvitePlace, invitation: &Invitation) -> Result<(), Self::Error>;
    /// Removes the invitation at a place.
    fn remove_invitation(&mut self, place: &InvitePlace) -> Result<(), Self::Error>;
    /// How many of the group's invitations nobody has taken and expire later than `now`.
    fn open_invitations(&self, group: &GroupId, now: Timestamp) -> Result<u32, Self::Error>;
    /// Removes every invitation that expired before this.
    fn remove_invitations_expired_before(&mut self, time: Timestamp) -> Result<(), Self::Error>;
}

/// What an item counts for in a page or live frame: its bytes and the CBOR around them.
pub fn item_size(item: &Item) -> usize {
    match item {
        Item::Entry { bytes, .. } => entry_size(bytes.len()),
        Item::Own { .. } => 48,
    }
}

/// What an entry of so many bytes counts for in a page.
pub fn entry_size(bytes: usize) -> usize {
    bytes + 16
}
