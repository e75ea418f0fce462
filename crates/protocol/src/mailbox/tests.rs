//! What the relay's logic promises, told as stories of Alice, Bob, Carol and a stranger.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod appending;
mod enveloping;
mod following;
mod hostile;
mod inviting;
mod removing;
mod requesting;
mod snapshots;
mod whispering;

use super::*;
use crate::codec::Bytes;
use crate::control::{Control, JoinProof, Role};
use crate::frame::{Item, PageSize, Received};
use crate::hash::{entry_id, log_prefix};
use crate::header::{EntryDraft, EntryKind, VerifiedEntry};
use crate::ids::{Cursor, Epoch, InvitePlace};
use crate::sign::SigningKey;

/// A relay in memory and the frames that each connection got, in order.
struct Relay {
    mailbox: Mailbox<MemoryLogStore>,
    now: Timestamp,
    conns: u64,
    inbox: BTreeMap<ConnectionId, VecDeque<RelayFrame>>,
    closed: BTreeMap<ConnectionId, FailureCode>,
    /// Whether frames count as read as soon as they are polled.
    reads: bool,
}

impl Relay {
    fn new() -> Self {
        Self::with(MailboxConfig::default())
    }

    fn with(config: MailboxConfig) -> Self {
        Self::over(MemoryLogStore::new(), config)
    }

    fn over(store: MemoryLogStore, config: MailboxConfig) -> Self {
        let mailbox = Mailbox::new(store, config, [5; 32]);
        let (inbox, closed) = (BTreeMap::new(), BTreeMap::new());
        Self { mailbox, now: Timestamp::from_ms(1_000_000), conns: 0, inbox, closed, reads: true }
    }

    /// A relay that lost its process: the same store, everything else forgotten.
    fn restarted(self) -> Self {
        let (conns, now) = (self.conns, self.now);
        let mut relay = Self::over(self.mailbox.into_store(), MailboxConfig::default());
        (relay.conns, relay.now) = (conns, now);
        relay
    }

    fn dial(&mut self) -> ConnectionId {
        self.dial_from(None)
    }

    fn dial_from(&mut self, peer: Option<Peer>) -> ConnectionId {
        self.conns += 1;
        let conn = ConnectionId(self.conns);
        self.mailbox.connected(conn, peer, [conn.0 as u8; 32], self.now);
        self.settle();
        conn
    }

    /// A connection of this device, past the handshake.
    fn connect(&mut self, device: &Device) -> ConnectionId {
        self.connect_from(device, None)
    }

    fn connect_from(&mut self, device: &Device, peer: Option<Peer>) -> ConnectionId {
        let conn = self.dial_from(peer);
        let RelayFrame::Challenge { versions, nonce, .. } = self.next(conn) else { panic!("no challenge") };
        let hello = crate::handshake::answer(&device.key, &versions, nonce, "relay").unwrap();
        assert!(matches!(self.ask(conn, hello), RelayFrame::Welcome { .. }));
        conn
    }

    fn feed(&mut self, conn: ConnectionId, frame: &ClientFrame) {
        self.mailbox.received(conn, self.now, &frame.encode());
    }

    /// Commits and hands out what came of it.
    fn settle(&mut self) {
        self.mailbox.commit().unwrap();
        self.deliver();
    }

    fn deliver(&mut self) {
        while let Some(output) = self.mailbox.poll() {
            match output {
                Output::Send { conn, bytes } => {
                    let Ok(Received::Frame(frame)) = RelayFrame::decode(&bytes) else { panic!("not a frame") };
                    assert!(bytes.len() <= self.mailbox.limits().max_frame_bytes as usize);
                    self.inbox.entry(conn).or_default().push_back(frame);
                    if self.reads {
                        self.mailbox.flushed(conn, bytes.len());
                    }
                }
                Output::Close { conn, reason } => {
                    self.closed.insert(conn, reason);
                }
                Output::Note { .. } => {}
            }
        }
    }

    fn send(&mut self, conn: ConnectionId, frame: ClientFrame) {
        self.feed(conn, &frame);
        self.settle();
    }

    /// Sends and returns the next frame of the connection.
    fn ask(&mut self, conn: ConnectionId, frame: ClientFrame) -> RelayFrame {
        self.send(conn, frame);
        self.next(conn)
    }

    fn next(&mut self, conn: ConnectionId) -> RelayFrame {
        self.try_next(conn).expect("a frame waits")
    }

    fn try_next(&mut self, conn: ConnectionId) -> Option<RelayFrame> {
        self.inbox.get_mut(&conn)?.pop_front()
    }

    fn append(&mut self, conn: ConnectionId, group: GroupId, entries: &[&VerifiedEntry]) -> RelayFrame {
        let mut answer = self.ask(conn, append(group, entries));
        while matches!(answer, RelayFrame::Live { .. }) {
            answer = self.next(conn);
        }
        answer
    }

    fn placed(&mut self, conn: ConnectionId, group: GroupId, entries: &[&VerifiedEntry]) -> Vec<u64> {
        match self.append(conn, group, entries) {
            RelayFrame::Appended { placed, .. } => placed.iter().map(|placed| placed.cursor.get()).collect(),
            other => panic!("not appended: {other:?}"),
        }
    }

    fn refused(&mut self, conn: ConnectionId, frame: ClientFrame) -> FailureCode {
        match self.ask(conn, frame) {
            RelayFrame::Failed { code, .. } => code,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn stored(&self, group: GroupId) -> usize {
        self.mailbox.store().entries(&group).len()
    }
}

const REQUEST: RequestId = RequestId(7);

struct Device {
    key: SigningKey,
}

impl Device {
    fn new(seed: u8) -> Self {
        Self { key: SigningKey::from_seed(&[seed; 32]) }
    }

    fn id(&self) -> DeviceId {
        self.key.device_id()
    }

    fn found(&self, nonce: u8) -> VerifiedEntry {
        let control =
            Control::Genesis { created_at: Timestamp::from_ms(1), nonce: [nonce; 16], sealed: sealed(), kem: None };
        control.sign(&self.key, None, [], Epoch(0)).unwrap()
    }

    fn invite(&self, group: GroupId, secret: &SigningKey, role: Role, expires_ms: u64) -> VerifiedEntry {
        let expires_at = Timestamp::from_ms(expires_ms);
        let control = Control::Invite { invite_key: secret.invite_key(), role, expires_at, uses: 1, sealed: sealed() };
        self.control(group, &control, &[EntryId::from(group)])
    }

    fn control(&self, group: GroupId, control: &Control, parents: &[EntryId]) -> VerifiedEntry {
        control.sign(&self.key, Some(group), parents.iter().copied(), Epoch(0)).unwrap()
    }

    fn join(&self, group: GroupId, secret: &SigningKey, invite: EntryId, joined_ms: u64) -> VerifiedEntry {
        let joined_at = Timestamp::from_ms(joined_ms);
        let proof = JoinProof { group, device: self.id(), invite, joined_at }.sign(secret);
        let control = Control::Join { invite, joined_at, proof, sealed: sealed(), kem: None };
        control.sign(&self.key, Some(group), [invite], Epoch(0)).unwrap()
    }

    fn write(&self, group: GroupId, payload: impl Into<Vec<u8>>) -> VerifiedEntry {
        self.write_after(group, payload, &[EntryId::from(group)])
    }

    fn write_after(&self, group: GroupId, payload: impl Into<Vec<u8>>, parents: &[EntryId]) -> VerifiedEntry {
        let payload = payload.into();
        let parents = parents.iter().copied();
        let draft = EntryDraft::new(Some(group), self.id(), parents, Epoch(0), EntryKind::Data, payload.len());
        draft.unwrap().sign(&self.key, payload).unwrap()
    }
}

fn sealed() -> Bytes {
    Bytes(vec![0xee; 40])
}

fn append(group: GroupId, entries: &[&VerifiedEntry]) -> ClientFrame {
    let entries = entries.iter().map(|entry| Bytes(entry.encoded().to_vec())).collect();
    ClientFrame::Append { request: REQUEST, group, entries }
}

fn open(group: GroupId) -> ClientFrame {
    let page = PageSize::default();
    ClientFrame::Open { request: REQUEST, group, log: None, cursor: Cursor::ZERO, prefix: None, page }
}

/// From who has found these entries in the log.
fn open_behind(group: GroupId, log: LogId, found: &[EntryId]) -> ClientFrame {
    let (cursor, page) = (Cursor::new(found.len() as u64).unwrap(), PageSize::default());
    let prefix = found.iter().fold(None, |before, id| Some(log_prefix(before.as_ref(), id)));
    ClientFrame::Open { request: REQUEST, group, log: Some(log), cursor, prefix, page }
}

/// The ids of the log's entries, in order.
fn log_of(relay: &Relay, group: GroupId) -> Vec<EntryId> {
    relay.mailbox.store().entries(&group).iter().map(|bytes| entry_id(bytes)).collect()
}

fn pull(group: GroupId, after: u64, max_entries: u32, max_bytes: u32) -> ClientFrame {
    let page = PageSize { max_entries, max_bytes, own_in_full: false };
    ClientFrame::Pull { request: REQUEST, group, after: Cursor::new(after).unwrap(), page }
}

fn cursors(items: &[Item]) -> Vec<u64> {
    items.iter().map(|item| item.cursor().get()).collect()
}

/// Alice's group with Bob in it, both connected and following live.
struct Household {
    relay: Relay,
    alice: Device,
    bob: Device,
    group: GroupId,
    log: LogId,
    at_alice: ConnectionId,
    at_bob: ConnectionId,
    /// Entries in the log: genesis, invite, join.
    head: u64,
    bobs_join: VerifiedEntry,
}

fn household() -> Household {
    household_with(MailboxConfig::default(), Role::Writer)
}

fn household_with(config: MailboxConfig, bobs_role: Role) -> Household {
    let (mut relay, alice, bob) = (Relay::with(config), Device::new(1), Device::new(2));
    let genesis = alice.found(0);
    let group = genesis.group();
    let secret = SigningKey::from_seed(&[99; 32]);
    let invite = alice.invite(group, &secret, bobs_role, 5_000_000);
    let at_alice = relay.connect(&alice);
    assert_eq!(relay.placed(at_alice, group, &[&genesis, &invite]), [1, 2]);
    let at_bob = relay.connect(&bob);
    let bobs_join = bob.join(group, &secret, invite.id(), 1_000_000);
    assert_eq!(relay.placed(at_bob, group, &[&bobs_join]), [3]);
    let mut log = None;
    for conn in [at_alice, at_bob] {
        let RelayFrame::Opened { log: opened, .. } = relay.ask(conn, open(group)) else { panic!("not opened") };
        assert!(matches!(relay.next(conn), RelayFrame::Page { more: false, .. }));
        log = Some(opened);
    }
    let log = log.unwrap();
    Household { relay, alice, bob, group, log, at_alice, at_bob, head: 3, bobs_join }
}
