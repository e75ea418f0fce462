//! What a relay keeps, as a trait: logs of groups, their snapshots, where devices stand in them, invitations, and
//! requests to join.

use super::envelopes::Tries;
use crate::codec::Bytes;
use crate::envelope::{EnvelopeVerifier, PasswordHint};
use crate::frame::Item;
use crate::ids::{
    Cursor, DeviceId, EntryId, EnvelopePlace, GroupId, InvitePlace, LogId, LogPrefix, SnapshotNonce, Timestamp,
};
use crate::request::SignedRequest;
use crate::snapshot::Part;
use std::collections::BTreeMap;

/// One log, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogInfo {
    /// Which log of the group it is.
    pub log: LogId,
    /// The last cursor in it.
    pub head: Cursor,
    /// Bytes of the entries that are there.
    pub bytes: u64,
    /// Up to here only control entries are there: the others were dropped.
    pub floor: Cursor,
    /// Since when it is written down where devices stand in it.
    pub places_since: Timestamp,
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
    /// When it came, by the relay's clock.
    pub appended_at: Timestamp,
}

/// A snapshot of which all parts are there and whose entry stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Its entry.
    pub id: EntryId,
    /// Who made it.
    pub author: DeviceId,
    /// It covers the log up to here.
    pub covers: Cursor,
    /// Bytes of its parts.
    pub bytes: u64,
    /// When its entry came, by the relay's clock.
    pub finished_at: Timestamp,
    /// The encoded entry, kept also when the log's row of it was dropped.
    pub entry: Bytes,
}

/// Parts of a snapshot that a device is making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Which snapshot.
    pub nonce: SnapshotNonce,
    /// Bytes of the parts so far.
    pub bytes: u64,
}

/// Where a device stood in a log when it asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// It has everything up to here.
    pub cursor: Cursor,
    /// When, by the relay's clock.
    pub at: Timestamp,
}

/// What [`LogStore::drop_covered`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Entries that are gone.
    pub entries: u32,
    /// The log's floor now.
    pub floor: Cursor,
    /// As many were looked at as was allowed: there may be more.
    pub more: bool,
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
    /// How many devices may take it.
    pub uses: u32,
    /// Those that have, in order.
    pub taken_by: Vec<DeviceId>,
}

impl Invitation {
    /// One for a single device, which nobody has taken.
    pub fn new(group: GroupId, expires_at: Timestamp, sealed: Bytes) -> Self {
        Self { group, expires_at, sealed, uses: 1, taken_by: Vec::new() }
    }

    /// The same for so many devices.
    #[must_use]
    pub fn with_uses(self, uses: u32) -> Self {
        Self { uses, ..self }
    }

    /// Whether no further device may take it.
    pub fn is_used_up(&self) -> bool {
        self.taken_by.len() >= self.uses as usize
    }
}

/// A request to join a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// Who asks.
    pub device: DeviceId,
    /// As it was made.
    pub asks: SignedRequest,
    /// When it came, or was rejected, by the relay's clock.
    pub came_at: Timestamp,
    /// An admin has said no.
    pub is_rejected: bool,
}

/// The sealed envelope of a recovery that lies at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The group that it brings back.
    pub group: GroupId,
    /// The entry that made the recovery.
    pub recovery: EntryId,
    /// Outsiders are not to find out that it is there.
    pub hidden: bool,
    /// What it takes to make a token from a password.
    pub hint: Option<PasswordHint>,
    /// Whoever has the token of this gets it.
    pub verifier: EnvelopeVerifier,
    /// What the other half of the password opens.
    pub sealed: Bytes,
    /// Wrong tokens lately.
    pub tries: Tries,
}

impl Envelope {
    /// One that nobody has tried to open.
    pub fn new(
        group: GroupId,
        recovery: EntryId,
        hidden: bool,
        hint: Option<PasswordHint>,
        verifier: EnvelopeVerifier,
        sealed: Bytes,
    ) -> Self {
        Self { group, recovery, hidden, hint, verifier, sealed, tries: Tries::default() }
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
    /// The log's prefix that ends at a cursor: that of the entry there, also when it was dropped.
    fn prefix_at(&self, group: &GroupId, cursor: Cursor) -> Result<Option<LogPrefix>, Self::Error>;
    /// The entries after a cursor at or above the log's floor, without gaps: at most `max_entries`, and no more once [`item_size`]s add up to over
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
    /// Genesis and control entries after a cursor, in full; bounded as a page is.
    fn controls_after(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<Item>, Self::Error>;
    /// Drops entries that carry no control, from the log's floor on, in order: up to `through`, and up to the first that came
    /// at `before` or later. Looks at no more than `max`. Their prefixes stay.
    fn drop_covered(
        &mut self,
        group: &GroupId,
        through: Cursor,
        before: Timestamp,
        max: u32,
    ) -> Result<Dropped, Self::Error>;

    /// Where a device stood in the group's log.
    fn place(&self, group: &GroupId, device: &DeviceId) -> Result<Option<Place>, Self::Error>;
    /// Where all devices stood that ever asked.
    fn places(&self, group: &GroupId) -> Result<BTreeMap<DeviceId, Place>, Self::Error>;
    /// Writes down where a device stands.
    fn note_place(&mut self, group: &GroupId, device: &DeviceId, place: Place) -> Result<(), Self::Error>;

    /// What a device is making.
    fn upload(&self, group: &GroupId, author: &DeviceId) -> Result<Option<Upload>, Self::Error>;
    /// Bytes of the parts of everything that is being made for this group.
    fn upload_bytes(&self, group: &GroupId) -> Result<u64, Self::Error>;
    /// The parts of what a device is making, by index.
    fn upload_parts(&self, group: &GroupId, author: &DeviceId) -> Result<Vec<(u32, Part)>, Self::Error>;
    /// Keeps a part, in place of the one with the same index. Begins what is being made if there is none.
    fn put_part(
        &mut self,
        group: &GroupId,
        author: &DeviceId,
        nonce: SnapshotNonce,
        index: u32,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), Self::Error>;
    /// Gives up what a device is making.
    fn drop_upload(&mut self, group: &GroupId, author: &DeviceId) -> Result<(), Self::Error>;
    /// Gives up everything that was begun before this.
    fn drop_uploads_begun_before(&mut self, time: Timestamp) -> Result<(), Self::Error>;
    /// What its author was making is this snapshot.
    fn finish_snapshot(&mut self, group: &GroupId, snapshot: &StoredSnapshot) -> Result<(), Self::Error>;
    /// The finished snapshots, those that cover most first, the latest first of those that cover the same.
    fn snapshots(&self, group: &GroupId) -> Result<Vec<StoredSnapshot>, Self::Error>;
    /// One part of a finished snapshot.
    fn snapshot_part(&self, group: &GroupId, id: &EntryId, index: u32) -> Result<Option<Bytes>, Self::Error>;
    /// Drops a finished snapshot.
    fn drop_snapshot(&mut self, group: &GroupId, id: &EntryId) -> Result<(), Self::Error>;
    /// Frees the room of at most so many parts of what was dropped; answers whether there may be more.
    fn sweep_parts(&mut self, max: u32) -> Result<bool, Self::Error>;
    /// The first group after this one, in the order of ids, that has a finished snapshot.
    fn next_group_with_snapshot(&self, after: Option<&GroupId>) -> Result<Option<GroupId>, Self::Error>;

    /// The invitation at a place.
    fn invitation(&self, place: &InvitePlace) -> Result<Option<Invitation>, Self::Error>;
    /// Puts an invitation at a place, or replaces the one there.
    fn put_invitation(&mut self, place: &InvitePlace, invitation: &Invitation) -> Result<(), Self::Error>;
    /// Removes the invitation at a place.
    fn remove_invitation(&mut self, place: &InvitePlace) -> Result<(), Self::Error>;
    /// How many of the group's invitations are not used up and expire later than `now`.
    fn open_invitations(&self, group: &GroupId, now: Timestamp) -> Result<u32, Self::Error>;
    /// Removes every invitation that expired before this.
    fn remove_invitations_expired_before(&mut self, time: Timestamp) -> Result<(), Self::Error>;

    /// The requests to join a group, the earliest first, those of the same time in the order of their devices.
    fn join_requests(&self, group: &GroupId) -> Result<Vec<StoredRequest>, Self::Error>;
    /// Keeps a request, in place of the one of the same device.
    fn put_join_request(&mut self, group: &GroupId, request: &StoredRequest) -> Result<(), Self::Error>;
    /// Removes the request of a device.
    fn remove_join_request(&mut self, group: &GroupId, device: &DeviceId) -> Result<(), Self::Error>;
    /// Removes every request that came before this.
    fn remove_join_requests_before(&mut self, time: Timestamp) -> Result<(), Self::Error>;
    /// The envelope at a place.
    fn envelope(&self, place: &EnvelopePlace) -> Result<Option<Envelope>, Self::Error>;
    /// Puts an envelope at a place, or replaces the one there.
    fn put_envelope(&mut self, place: &EnvelopePlace, envelope: &Envelope) -> Result<(), Self::Error>;
    /// Removes the envelope at a place.
    fn remove_envelope(&mut self, place: &EnvelopePlace) -> Result<(), Self::Error>;
    /// Where the group's envelopes lie, and what made each.
    fn envelopes_of(&self, group: &GroupId) -> Result<BTreeMap<EnvelopePlace, EntryId>, Self::Error>;
    /// What hints are made up from: random, made once, kept for as long as the store is.
    fn hint_secret(&self) -> Result<Option<[u8; 32]>, Self::Error>;
    /// Keeps what hints are made up from.
    fn put_hint_secret(&mut self, secret: [u8; 32]) -> Result<(), Self::Error>;
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
