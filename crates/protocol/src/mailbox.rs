//! The relay's logic: who is let in, what is stored, what is answered and pushed. No socket, no clock, no random source.
//!
//! The caller feeds what happened and drains what to do:
//!
//! 1. [`Mailbox::connected`], [`Mailbox::received`], [`Mailbox::flushed`], [`Mailbox::disconnected`], as many as wait;
//! 2. [`Mailbox::commit`], which commits the store's transaction that all of them shared;
//! 3. [`Mailbox::poll`] until it is empty.
//!
//! **Save first, then send**: nothing that step 1 produced can be polled before step 2 succeeded. If it fails, the
//! mailbox forgets what it cached, and every connection is closed: devices come back and find what the disk has.
//!
//! Checking signatures is most of the work, and needs no state: [`prepare`] does it on any thread, and
//! [`Mailbox::handle`] takes the result.

mod admission;
mod append;
mod connection;
mod envelopes;
mod follow;
mod invites;
mod memory;
mod prepare;
mod requests;
mod retention;
mod snapshots;
mod store;
mod wanted;
mod whisper;
#[cfg(test)]
mod tests;

pub use admission::{AdmissionLimits, Peer};
pub use connection::ConnectionId;
pub use envelopes::Tries;
pub use memory::{MemoryLogStore, MemoryStoreError};
pub use prepare::{Prepared, PreparedEntry, prepare};
pub use retention::{Retention, Tidied};
pub use store::{
    Dropped, Envelope, Invitation, LogInfo, LogStore, NewEntry, Place, StoredRequest, StoredSnapshot, Upload,
    entry_size, item_size,
};
pub use whisper::WhisperLimits;

use crate::codec;
use crate::frame::{ClientFrame, FailureCode, RelayFrame, RequestId};
use crate::handshake::{Expected, VERSIONS};
use crate::hash;
use crate::ids::{DeviceId, EntryId, GroupId, LogId, Timestamp};
use crate::limits::Limits;
use crate::membership::Membership;
use admission::Admission;
use connection::Connection;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What a relay's operator sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailboxConfig {
    /// What devices are told and held to.
    pub limits: Limits,
    /// The names (host and port) that devices dial this relay by; empty to accept any.
    pub audiences: Vec<String>,
    /// What one network address may do in a while.
    pub admission: AdmissionLimits,
    /// How many groups' memberships are kept in memory.
    pub cached_groups: CachedGroups,
    /// How much one connection may whisper.
    pub whispers: WhisperLimits,
    /// How long what a snapshot covers is kept.
    pub retention: Retention,
}

/// A number of groups, 1,000 unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedGroups(pub usize);

impl Default for CachedGroups {
    fn default() -> Self {
        Self(1_000)
    }
}

/// What the caller does next, in this order for each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this binary message; then report it with [`Mailbox::flushed`].
    Send {
        /// To whom.
        conn: ConnectionId,
        /// The encoded frame; shared by all connections that get the same.
        bytes: Arc<[u8]>,
    },
    /// Close the connection. The mailbox has forgotten it.
    Close {
        /// Which.
        conn: ConnectionId,
        /// Why. A [`RelayFrame::Failed`] with the same code was sent before, except to a connection that does not read.
        reason: FailureCode,
    },
    /// Nothing to do: something worth a line in the log.
    Note {
        /// On which connection it happened.
        conn: ConnectionId,
        /// What.
        note: Note,
    },
}

/// What an operator may want to read in the log. No payload, no name, no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The device proved who it is.
    Welcomed(DeviceId),
    /// A log was begun.
    GroupCreated(GroupId),
    /// So many new entries stand in a log.
    Appended(GroupId, usize),
    /// A request was refused.
    Refused(FailureCode),
}

/// The relay's state machine over a store. See the [module's documentation](self).
#[derive(Debug)]
pub struct Mailbox<S: LogStore> {
    store: S,
    config: MailboxConfig,
    /// Log ids grow from it: random, given once.
    seed: [u8; 32],
    logs_begun: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    followers: BTreeMap<GroupId, BTreeSet<ConnectionId>>,
    groups: BTreeMap<GroupId, Group>,
    /// Counts uses of the cache, to find what was not used for longest.
    uses: u64,
    admission: Admission,
    guesses: envelopes::Guesses,
    forgot_invites_at: Timestamp,
    round: retention::Round,
    in_transaction: bool,
    broken: Option<S::Error>,
    fresh: BTreeMap<GroupId, News>,
    held: VecDeque<Output>,
    released: VecDeque<Output>,
}

/// What is cached of a group: all that an append has to know.
#[derive(Debug, Clone)]
struct Group {
    info: LogInfo,
    membership: Membership,
    /// Parents that entries of the log name and it does not have; worked out when it is needed first.
    wanted: Option<wanted::Wanted>,
    used: u64,
}

/// What the open transaction appended to one log. It keeps the log's id, because the cache may forget the group.
#[derive(Debug)]
struct News {
    log: LogId,
    entries: Vec<Fresh>,
    /// The members as they are after it, if it changed them.
    membership: Option<Membership>,
}

/// An entry appended in the open transaction, to be pushed once it is committed.
#[derive(Debug, Clone)]
struct Fresh {
    cursor: crate::ids::Cursor,
    id: EntryId,
    author: DeviceId,
    bytes: Arc<[u8]>,
}

/// Why a request was not done.
enum Problem<E> {
    Refused(Refused),
    Store(E),
}

struct Refused {
    code: FailureCode,
    entry: Option<EntryId>,
    retry_after_ms: Option<u32>,
    /// The connection ends with it.
    close: bool,
}

impl<E> From<FailureCode> for Problem<E> {
    fn from(code: FailureCode) -> Self {
        Self::Refused(Refused { code, entry: None, retry_after_ms: None, close: false })
    }
}

impl<E> Problem<E> {
    fn entry(code: FailureCode, entry: Option<EntryId>) -> Self {
        Self::Refused(Refused { code, entry, retry_after_ms: None, close: false })
    }
}

impl<S: LogStore> Mailbox<S> {
    /// A relay over this store. `seed` is 32 random bytes of this process's own.
    pub fn new(store: S, config: MailboxConfig, seed: [u8; 32]) -> Self {
        let admission = Admission::new(config.admission.clone());
        Self {
            store,
            config,
            seed,
            logs_begun: 0,
            connections: BTreeMap::new(),
            followers: BTreeMap::new(),
            groups: BTreeMap::new(),
            uses: 0,
            admission,
            guesses: envelopes::Guesses::default(),
            forgot_invites_at: Timestamp::default(),
            round: retention::Round::default(),
            in_transaction: false,
            broken: None,
            fresh: BTreeMap::new(),
            held: VecDeque::new(),
            released: VecDeque::new(),
        }
    }

    /// A device connected from `peer` (`None` when no limits by address apply). `nonce` is 32 fresh random bytes.
    pub fn connected(&mut self, conn: ConnectionId, peer: Option<Peer>, nonce: [u8; 32], now: Timestamp) {
        self.forget(conn);
        self.connections.insert(conn, Connection::new(peer, nonce));
        let (versions, limits) = (VERSIONS.to_vec(), self.config.limits.clone());
        self.send(conn, &RelayFrame::Challenge { versions, nonce, limits, now });
    }

    /// A binary message arrived.
    pub fn received(&mut self, conn: ConnectionId, now: Timestamp, bytes: &[u8]) {
        let prepared = prepare(bytes, &self.config.limits);
        self.handle(conn, now, prepared);
    }

    /// A binary message arrived and was prepared.
    pub fn handle(&mut self, conn: ConnectionId, now: Timestamp, prepared: Prepared) {
        if self.broken.is_some() || !self.connections.contains_key(&conn) {
            return;
        }
        let request = prepared.request();
        match self.dispatch(conn, now, prepared) {
            Ok(()) => {}
            Err(Problem::Refused(refused)) => self.refuse(conn, request, refused),
            Err(Problem::Store(error)) => self.broken = Some(error),
        }
    }

    /// So many bytes of what was polled for this connection are on their way.
    pub fn flushed(&mut self, conn: ConnectionId, bytes: usize) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.pending_bytes = connection.pending_bytes.saturating_sub(bytes);
        }
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, conn: ConnectionId) {
        self.forget(conn);
    }

    /// Tells every connection that the relay stops, and closes it.
    pub fn shut_down(&mut self) {
        self.close_all(FailureCode::ShuttingDown);
    }

    /// Commits what was received since the last commit, and releases what came of it. On failure nothing of it was
    /// stored or will be sent, and every connection is closed.
    pub fn commit(&mut self) -> Result<(), S::Error> {
        let committed = self.end_transaction();
        match &committed {
            Ok(()) => {
                self.released.append(&mut self.held);
                self.push_fresh();
                self.released.append(&mut self.held);
            }
            Err(_) => {
                self.held.clear();
                self.fresh.clear();
                self.groups.clear();
                self.close_all(FailureCode::Unavailable);
                self.released.append(&mut self.held);
            }
        }
        committed
    }

    /// What to do next; `None` when there is nothing until more is fed and committed.
    pub fn poll(&mut self) -> Option<Output> {
        self.released.pop_front()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Whether anything was fed that [`Mailbox::commit`] has not decided about yet.
    pub fn is_dirty(&self) -> bool {
        self.in_transaction || self.broken.is_some() || !self.held.is_empty()
    }

    /// What the relay allows.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// The store, for looking at.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The store, for tests that make it fail; nothing cached is checked against it again.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Ends the relay as a crash would: connections, caches and whatever was not committed are gone.
    pub fn into_store(mut self) -> S {
        if self.in_transaction {
            // A store that cannot roll back has nothing durable of the transaction either.
            let _ = self.store.rollback();
        }
        self.store
    }

    fn dispatch(&mut self, conn: ConnectionId, now: Timestamp, prepared: Prepared) -> Result<(), Problem<S::Error>> {
        let frame = match prepared {
            Prepared::Bad(code) => return Err(Problem::Refused(Refused::closing(code))),
            Prepared::Unknown => return Ok(()),
            Prepared::Append { request, group, entries } => {
                let device = self.authenticated(conn)?;
                self.begin(now)?;
                return self.append(conn, device, now, request, group, entries);
            }
            Prepared::Frame(frame) => frame,
        };
        match frame {
            ClientFrame::Ping { number } => {
                self.send(conn, &RelayFrame::Pong { number });
                return Ok(());
            }
            ClientFrame::Hello { version, device, audience, signature } => {
                return self.welcome(conn, now, version, device, &audience, &signature);
            }
            ClientFrame::Whisper { group, epoch, sealed, .. } => {
                let device = self.authenticated(conn)?;
                return self.whisper(conn, device, now, group, epoch, sealed);
            }
            _ => {}
        }
        let device = self.authenticated(conn)?;
        self.begin(now)?;
        match frame {
            ClientFrame::Open { request, group, log, cursor, prefix, page } => {
                self.open(conn, device, now, request, group, follow::Stand { log, cursor, prefix }, page)
            }
            ClientFrame::Pull { request, group, after, page } => {
                self.pull(conn, device, now, request, group, after, page)
            }
            ClientFrame::Close { request, group } => {
                self.unfollow(conn, group);
                self.send(conn, &RelayFrame::Closed { request });
                Ok(())
            }
            ClientFrame::PutInvite { request, group, place, expires_at, sealed, uses } => {
                let invitation = Invitation::new(group, expires_at, sealed).with_uses(uses.unwrap_or(1));
                self.put_invite(conn, device, now, request, place, invitation)
            }
            ClientFrame::TakeInvite { request, place } => self.take_invite(conn, device, now, request, place),
            ClientFrame::RevokeInvite { request, group, place } => {
                self.revoke_invite(conn, device, request, group, place)
            }
            ClientFrame::PutSnapshotPart { request, group, nonce, index, sealed } => {
                self.put_snapshot_part(conn, device, now, request, group, nonce, index, &sealed)
            }
            ClientFrame::GetSnapshotPart { request, group, snapshot, index } => {
                self.get_snapshot_part(conn, device, request, group, snapshot, index)
            }
            ClientFrame::GetControls { request, group, after } => {
                self.get_controls(conn, device, request, group, after)
            }
            ClientFrame::Ask { request, group, asks } => self.ask(conn, device, now, request, group, asks),
            ClientFrame::ListRequests { request, group } => self.list_requests(conn, device, now, request, group),
            ClientFrame::Reject { request, group, device: asker } => {
                self.reject(conn, device, now, request, group, asker)
            }
            ClientFrame::Withdraw { request, group } => self.withdraw(conn, device, now, request, group),
            ClientFrame::PutEnvelope { request, group, recovery, place, hidden, verifier, sealed, hint } => {
                let envelope = Envelope::new(group, recovery, hidden, hint, verifier, sealed);
                self.put_envelope(conn, device, now, request, place, envelope)
            }
            ClientFrame::AskHint { request, place, hidden } => self.give_hint(conn, request, place, hidden),
            ClientFrame::OpenEnvelope { request, place, hidden, token } => {
                self.open_envelope(conn, now, request, (place, hidden), &token)
            }
            ClientFrame::DropEnvelope { request, group, place } => {
                self.drop_envelope(conn, device, request, group, place)
            }
            // These were handled above, and an append is prepared as one.
            ClientFrame::Ping { .. }
            | ClientFrame::Hello { .. }
            | ClientFrame::Whisper { .. }
            | ClientFrame::Append { .. } => Ok(()),
        }
    }

    fn welcome(
        &mut self,
        conn: ConnectionId,
        now: Timestamp,
        version: u32,
        device: DeviceId,
        audience: &str,
        signature: &crate::sign::Signature,
    ) -> Result<(), Problem<S::Error>> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        if connection.device.is_some() {
            return Err(Problem::Refused(Refused::closing(FailureCode::BadFrame)));
        }
        let expected = Expected { offered: VERSIONS, nonce: connection.nonce, audiences: &self.config.audiences };
        expected
            .check(version, device, audience, signature)
            .map_err(|code| Problem::Refused(Refused::closing(code)))?;
        connection.device = Some(device);
        self.send(conn, &RelayFrame::Welcome { version, now });
        self.note(conn, Note::Welcomed(device));
        Ok(())
    }

    /// Nothing is served or stored before the handshake.
    fn authenticated(&self, conn: ConnectionId) -> Result<DeviceId, Problem<S::Error>> {
        let device = self.connections.get(&conn).and_then(|connection| connection.device);
        device.ok_or(Problem::Refused(Refused::closing(FailureCode::NotAuthenticated)))
    }

    fn begin(&mut self, now: Timestamp) -> Result<(), Problem<S::Error>> {
        if self.in_transaction {
            return Ok(());
        }
        self.store.begin().map_err(Problem::Store)?;
        self.in_transaction = true;
        self.forget_old_invites(now).map_err(Problem::Store)
    }

    fn end_transaction(&mut self) -> Result<(), S::Error> {
        let in_transaction = std::mem::take(&mut self.in_transaction);
        match self.broken.take() {
            Some(error) => {
                if in_transaction {
                    // The error that broke the transaction is the one to report.
                    let _ = self.store.rollback();
                }
                Err(error)
            }
            None if in_transaction => self.store.commit(),
            None => Ok(()),
        }
    }

    /// The group's log and members, from the cache or the store; `None` if the relay has no log of it.
    fn group(&mut self, id: GroupId) -> Result<Option<&mut Group>, Problem<S::Error>> {
        self.uses += 1;
        if !self.groups.contains_key(&id) {
            let Some(info) = self.store.group(&id).map_err(Problem::Store)? else { return Ok(None) };
            let membership = self.load_membership(id).map_err(Problem::Store)?;
            self.cache(id, Group { info, membership, wanted: None, used: self.uses });
        }
        let uses = self.uses;
        let mut group = self.groups.get_mut(&id);
        if let Some(group) = &mut group {
            group.used = uses;
        }
        Ok(group)
    }

    /// The members that the control entries of a log make.
    fn load_membership(&self, id: GroupId) -> Result<Membership, S::Error> {
        let entry = |bytes| crate::header::Entry::from_vec(bytes).and_then(crate::header::Entry::verified_before);
        // One that does not decode any more (a damaged disk) admits nobody.
        let entries: Vec<_> = self.store.controls(&id)?.into_iter().filter_map(|bytes| entry(bytes).ok()).collect();
        Ok(Membership::resolve(id, &entries).membership)
    }

    fn cache(&mut self, id: GroupId, group: Group) {
        if self.groups.len() >= self.config.cached_groups.0.max(1) {
            let oldest = self.groups.iter().min_by_key(|(_, group)| group.used).map(|(id, _)| *id);
            oldest.map(|id| self.groups.remove(&id));
        }
        self.groups.insert(id, group);
    }

    /// A log id that no other log has: from the process's seed, the group and a count.
    fn new_log_id(&mut self, group: GroupId) -> LogId {
        self.logs_begun += 1;
        let material = [self.seed.as_slice(), group.as_bytes(), &self.logs_begun.to_le_bytes()].concat();
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            hash::derive("ashore 2026 log id v1", &material);
        LogId(id)
    }

    fn send(&mut self, conn: ConnectionId, frame: &RelayFrame) {
        self.send_bytes(conn, codec::encode(frame).into());
    }

    /// A connection that asks faster than it reads is closed when twice the limit waits.
    fn send_bytes(&mut self, conn: ConnectionId, bytes: Arc<[u8]>) {
        let max = (self.config.limits.max_pending_bytes as usize).saturating_mul(2);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.pending_bytes > max {
            self.forget(conn);
            self.held.push_back(Output::Close { conn, reason: FailureCode::TooSlow });
            return;
        }
        connection.pending_bytes += bytes.len();
        self.held.push_back(Output::Send { conn, bytes });
    }

    fn note(&mut self, conn: ConnectionId, note: Note) {
        self.held.push_back(Output::Note { conn, note });
    }

    fn refuse(&mut self, conn: ConnectionId, request: Option<RequestId>, refused: Refused) {
        let Refused { code, entry, retry_after_ms, close } = refused;
        self.note(conn, Note::Refused(code));
        let request = if close { None } else { request };
        self.send(conn, &RelayFrame::Failed { request, code, retry: code.retry(), retry_after_ms, entry });
        if close {
            self.close(conn, code);
        }
    }

    fn close(&mut self, conn: ConnectionId, reason: FailureCode) {
        if self.connections.contains_key(&conn) {
            self.forget(conn);
            self.held.push_back(Output::Close { conn, reason });
        }
    }

    fn close_all(&mut self, reason: FailureCode) {
        let all: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for conn in all {
            self.send(conn, &RelayFrame::failed(None, reason));
            self.close(conn, reason);
        }
    }

    fn forget(&mut self, conn: ConnectionId) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        for group in connection.following.keys() {
            self.remove_follower(group, conn);
        }
    }

    fn remove_follower(&mut self, group: &GroupId, conn: ConnectionId) {
        if let Some(followers) = self.followers.get_mut(group) {
            followers.remove(&conn);
            if followers.is_empty() {
                self.followers.remove(group);
            }
        }
    }
}

impl Refused {
    fn closing(code: FailureCode) -> Self {
        Self { code, entry: None, retry_after_ms: None, close: true }
    }
}
