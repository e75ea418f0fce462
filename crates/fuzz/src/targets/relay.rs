//! The relay's session: a program of connections and frames, some valid and signed, some changed, some any bytes, to a real mailbox over a log in
//! memory. What a relay sends is looked at as everybody on the wire would.

use super::members;
use crate::program::{Program, damage};
use ashore_protocol::codec::Bytes;
use ashore_protocol::envelope::{EnvelopeToken, PasswordHint};
use ashore_protocol::frame::{ClientFrame, Item, PageSize, Received, RelayFrame, RequestId};
use ashore_protocol::hash::entry_id;
use ashore_protocol::header::{Entry, EntryKind};
use ashore_protocol::ids::{EnvelopePlace, Epoch, InvitePlace, LogId, LogPrefix};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey};
use ashore_protocol::mailbox::{ConnectionId, Mailbox, MailboxConfig, MemoryLogStore, Note, Output};
use ashore_protocol::request::{JoinRequest, MAX_GROUP_REQUESTS, SignedRequest};
use ashore_protocol::{Cursor, DeviceId, EntryId, GroupId, Membership, Role, Timestamp, VerifiedEntry, handshake};
use minicbor::Encoder;
use std::collections::BTreeMap;

const MAX_OPS: usize = 60;
const MAX_FRAME_BYTES: u32 = 40_000;
const MAX_PENDING_BYTES: u32 = 30_000;
/// The place of Alice's recovery in the pool.
const RECOVERY: usize = 6;

/// A relay and what its wires saw.
struct World {
    mailbox: Mailbox<MemoryLogStore>,
    now: Timestamp,
    group: GroupId,
    /// Entries that devices may send.
    pool: Vec<Vec<u8>>,
    wires: BTreeMap<ConnectionId, Wire>,
    next_connection: u64,
}

/// One connection as somebody on the wire sees it.
#[derive(Default)]
struct Wire {
    nonce: [u8; 32],
    device: Option<DeviceId>,
    /// Sent and not reported as read.
    pending: usize,
    /// The last cursor that came.
    cursor: Option<Cursor>,
}

/// A program of what happens at a relay.
pub fn run(data: &[u8]) {
    let program = &mut Program::new(data);
    let mut world = World::new();
    for _ in 0..MAX_OPS {
        if program.is_over() {
            break;
        }
        world.happen(program);
        world.settle();
    }
    world.log_is_sound();
}

fn config() -> MailboxConfig {
    let mut config = MailboxConfig::default();
    config.limits.max_frame_bytes = MAX_FRAME_BYTES;
    config.limits.max_entry_bytes = 20_000;
    config.limits.max_page_bytes = 20_000;
    config.limits.max_page_entries = 5;
    config.limits.max_append_entries = 10;
    config.limits.max_open_groups = 3;
    config.limits.max_group_bytes = 200_000;
    config.limits.max_pending_bytes = MAX_PENDING_BYTES;
    config.limits.max_group_invites = 3;
    config
}

impl World {
    /// Alice's group with Bob, who writes, and Carol, who reads; Dave is nobody.
    fn new() -> Self {
        let genesis = members::genesis();
        let group = GroupId::from(entry_id(&genesis));
        let mut world = Self {
            mailbox: Mailbox::new(MemoryLogStore::new(), config(), [5; 32]),
            now: Timestamp::from_ms(1_000_000),
            group,
            pool: household(&genesis, group),
            wires: BTreeMap::new(),
            next_connection: 0,
        };
        let alice = world.dial();
        world.greet(alice, 0);
        let first = [&world.pool[..3], &world.pool[RECOVERY..=RECOVERY]].concat();
        world.send(alice, &world.append(first));
        for device in [1, 2] {
            let conn = world.dial();
            world.greet(conn, device);
            let join = world.pool[2 + usize::from(device)].clone();
            world.send(conn, &world.append(vec![join]));
        }
        let stored = world.mailbox.store().entries(&group).len();
        assert_eq!(stored, 6, "the household stands");
        world
    }

    fn happen(&mut self, program: &mut Program<'_>) {
        let conn = ConnectionId(1 + program.below(6) as u64);
        match program.below(16) {
            0 => drop(self.dial()),
            1 => self.greet(conn, program.below(4) as u8),
            2 => self.mailbox.disconnected(conn),
            3 => {
                let bytes = program.bytes();
                self.mailbox.received(conn, self.now, bytes);
            }
            4 => self.now = self.now.plus_ms(program.number() & 0xfff_ffff),
            5 => self.mailbox.store_mut().fail_commits(1),
            6 => self.restart(),
            7 => {
                let read = self.wires.get_mut(&conn).map_or(0, |wire| std::mem::take(&mut wire.pending));
                self.mailbox.flushed(conn, read);
            }
            _ => {
                let frame = self.frame(program);
                let mut bytes = frame.encode();
                if program.byte() > 200 {
                    damage(program, &mut bytes);
                }
                self.mailbox.received(conn, self.now, &bytes);
            }
        }
    }

    fn frame(&self, program: &mut Program<'_>) -> ClientFrame {
        let request = RequestId(program.below(5) as u32);
        let group = if program.byte() < 240 { self.group } else { GroupId([program.byte(); 32]) };
        let cursor = Cursor::new(program.number()).unwrap_or(Cursor::MAX);
        let page = PageSize {
            max_entries: program.number() as u32,
            max_bytes: program.number() as u32,
            own_in_full: program.flag(),
        };
        let place = InvitePlace([program.below(3) as u8; 32]);
        match program.below(17) {
            0 | 1 => {
                let log = program.flag().then(|| self.log(program));
                let prefix = program.flag().then(|| LogPrefix([program.byte(); 32]));
                ClientFrame::Open { request, group, log, cursor, prefix, page }
            }
            2 | 3 => {
                let entries = (0..=program.below(4)).map(|_| self.some_entry(program)).collect();
                ClientFrame::Append { request, group, entries }
            }
            4 => ClientFrame::Pull { request, group, after: cursor, page },
            5 => {
                let expires_at = self.now.plus_ms(program.number() & 0xffff_ffff);
                ClientFrame::PutInvite {
                    request,
                    group,
                    place,
                    expires_at,
                    sealed: Bytes(program.bytes().to_vec()),
                    uses: None,
                }
            }
            6 => ClientFrame::TakeInvite { request, place },
            7 if program.flag() => ClientFrame::RevokeInvite { request, group, place },
            7 => ClientFrame::Close { request, group },
            8 => ClientFrame::Ping { number: program.number() as u32 },
            9 | 10 => ClientFrame::Ask { request, group, asks: self.asks(program, group) },
            11 if program.flag() => ClientFrame::ListRequests { request, group },
            11 => ClientFrame::Withdraw { request, group },
            12 => {
                let device = members::key(program.below(5) as u8).device_id();
                ClientFrame::Reject { request, group, device }
            }
            _ => self.envelope_frame(program, request, group),
        }
    }

    /// A request to join of one of the devices, mostly as it signed it.
    fn asks(&self, program: &mut Program<'_>, group: GroupId) -> SignedRequest {
        let (device, signer) = (members::key(program.below(5) as u8), members::key(program.below(5) as u8));
        let request = JoinRequest {
            device: device.device_id(),
            kem: KemKey::from_slice(&[3; KEM_KEY_BYTES]).unwrap(),
            role: [Role::Reader, Role::Writer, Role::Admin][program.below(3)],
            asked_at: self.now.plus_ms(program.number() & 0xffff),
            epoch: Epoch(0),
            sealed: Bytes(vec![1; program.below(3_000)]),
        };
        let mut asks = request.sign(group, if program.byte() < 220 { &device } else { &signer });
        if program.byte() > 230 {
            damage(program, &mut asks.request.0);
        }
        asks
    }

    /// What recoveries' envelopes are put, asked, opened and dropped with: few places and tokens, so that many are right.
    fn envelope_frame(&self, program: &mut Program<'_>, request: RequestId, group: GroupId) -> ClientFrame {
        let (place, hidden) = (EnvelopePlace([program.below(3) as u8; 32]), program.flag());
        let token = EnvelopeToken([program.below(3) as u8; 32]);
        match program.below(6) {
            0 | 1 => {
                let recovery = match program.byte() {
                    0..200 => entry_id(&self.pool[RECOVERY]),
                    byte => EntryId([byte; 32]),
                };
                let (verifier, sealed) = (token.verifier(), Bytes(vec![7; program.below(5_000)]));
                let hint = PasswordHint { memory_kib: program.number() as u32, passes: 3, salt: [8; 16] };
                let hint = program.flag().then_some(hint);
                ClientFrame::PutEnvelope { request, group, recovery, place, hidden, verifier, sealed, hint }
            }
            2 => ClientFrame::AskHint { request, place, hidden },
            3 | 4 => ClientFrame::OpenEnvelope { request, place, hidden, token },
            _ => ClientFrame::DropEnvelope { request, group, place },
        }
    }

    fn log(&self, program: &mut Program<'_>) -> LogId {
        use ashore_protocol::mailbox::LogStore;
        let known = self.mailbox.store().group(&self.group).ok().flatten().map(|info| info.log);
        known.filter(|_| program.byte() < 220).unwrap_or(LogId([program.byte(); 16]))
    }

    fn some_entry(&self, program: &mut Program<'_>) -> Bytes {
        match program.below(8) {
            0..=4 => Bytes(program.pick(&self.pool).clone()),
            5 => {
                let mut bytes = program.pick(&self.pool).clone();
                damage(program, &mut bytes);
                Bytes(bytes)
            }
            6 => {
                let parent = EntryId([program.byte(); 32]);
                let (author, payload) = (members::key(program.below(4) as u8), vec![7; program.below(400)]);
                Bytes(members::entry(&author, Some(self.group), &[parent], EntryKind::Data, &payload).unwrap())
            }
            _ => Bytes(program.bytes().to_vec()),
        }
    }

    fn append(&self, entries: Vec<Vec<u8>>) -> ClientFrame {
        let entries = entries.into_iter().map(Bytes).collect();
        ClientFrame::Append { request: RequestId(1), group: self.group, entries }
    }

    fn dial(&mut self) -> ConnectionId {
        self.next_connection += 1;
        let (conn, nonce) = (ConnectionId(self.next_connection), [self.next_connection as u8; 32]);
        self.wires.insert(conn, Wire { nonce, ..Wire::default() });
        self.mailbox.connected(conn, None, nonce, self.now);
        self.settle();
        conn
    }

    fn greet(&mut self, conn: ConnectionId, device: u8) {
        let Some(wire) = self.wires.get(&conn) else { return };
        let hello = handshake::answer(&members::key(device), handshake::VERSIONS, wire.nonce, "relay").unwrap();
        self.send(conn, &hello);
    }

    fn send(&mut self, conn: ConnectionId, frame: &ClientFrame) {
        self.mailbox.received(conn, self.now, &frame.encode());
        self.settle();
    }

    /// The process dies: what was committed stays.
    fn restart(&mut self) {
        let fresh = Mailbox::new(MemoryLogStore::new(), config(), [6; 32]);
        let store = std::mem::replace(&mut self.mailbox, fresh).into_store();
        self.mailbox = Mailbox::new(store, config(), [self.next_connection as u8; 32]);
        self.wires.clear();
    }

    /// Commits, and looks at all that comes of it.
    fn settle(&mut self) {
        let _ = self.mailbox.commit();
        while let Some(output) = self.mailbox.poll() {
            match output {
                Output::Send { conn, bytes } => self.sent(conn, &bytes),
                Output::Close { conn, .. } => drop(self.wires.remove(&conn)),
                Output::Note { conn, note: Note::Welcomed(device) } => {
                    self.wires.get_mut(&conn).expect("who is welcomed is connected").device = Some(device);
                }
                Output::Note { .. } => {}
            }
        }
    }

    fn sent(&mut self, conn: ConnectionId, bytes: &[u8]) {
        assert!(bytes.len() <= MAX_FRAME_BYTES as usize, "no frame is larger than the relay allows");
        let Ok(Received::Frame(frame)) = RelayFrame::decode(bytes) else { panic!("a relay sends frames") };
        let wire = self.wires.get_mut(&conn).expect("nothing is sent to who is gone");
        wire.pending += bytes.len();
        let bound = 2 * MAX_PENDING_BYTES as usize + MAX_FRAME_BYTES as usize;
        assert!(wire.pending <= bound, "{} bytes wait for one connection", wire.pending);
        let device = wire.device;
        match frame {
            RelayFrame::Page { group, items, .. } => {
                self.serves(device, group, &items);
                self.goes_on(conn, &items, false);
            }
            RelayFrame::Live { group, items, .. } => {
                assert!(!items.is_empty(), "a push holds something");
                self.serves(device, group, &items);
                self.goes_on(conn, &items, true);
            }
            RelayFrame::Opened { .. } => {
                self.wires.entry(conn).and_modify(|wire| wire.cursor = None);
            }
            RelayFrame::Requests { group, waiting, .. } => {
                let members = members_of(group, &self.mailbox.store().entries(&group));
                assert!(device.is_some_and(|device| members.may_admit(&device)), "admins alone see who asks");
                let asks = waiting.iter().all(|asks| asks.verify(group).is_ok());
                assert!(asks && waiting.len() <= MAX_GROUP_REQUESTS, "what waits was signed, and is bounded");
            }
            RelayFrame::Appended { group, placed, .. } => {
                let stored = self.mailbox.store().entries(&group);
                for placed in placed {
                    let at = stored.get(placed.cursor.get() as usize - 1).map(|bytes| entry_id(bytes));
                    assert_eq!(at, Some(placed.id), "what is acknowledged stands where it is said to stand");
                }
            }
            _ => {}
        }
    }

    /// Only members are served, and only what stands in the log.
    fn serves(&self, device: Option<DeviceId>, group: GroupId, items: &[Item]) {
        let device = device.expect("nobody is served before the handshake");
        let stored = self.mailbox.store().entries(&group);
        assert!(members_of(group, &stored).may_read(&device), "nobody is served who is no member");
        for item in items {
            let bytes = &stored[item.cursor().get() as usize - 1];
            match item {
                Item::Entry { bytes: served, .. } => assert_eq!(&served.0, bytes, "served as it was stored"),
                Item::Own { id, .. } => {
                    assert_eq!(*id, entry_id(bytes));
                    assert_eq!(Entry::decode(bytes).unwrap().header().author, device, "own entries are one's own");
                }
            }
        }
    }

    /// Cursors come without gaps; a push goes on where the last page or push ended.
    fn goes_on(&mut self, conn: ConnectionId, items: &[Item], pushed: bool) {
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        let mut last = wire.cursor.filter(|_| pushed);
        for item in items {
            if let Some(last) = last {
                assert_eq!(item.cursor(), last.next(), "cursors have no gaps");
            }
            last = Some(item.cursor());
        }
        // An empty page, and an answer without one, leave it to the device where it stands: it may have said anything.
        wire.cursor = last;
    }

    /// Everything in the log is an entry of the group that may stand there.
    fn log_is_sound(&self) {
        let stored = self.mailbox.store().entries(&self.group);
        let mut membership = Membership::new(self.group);
        for bytes in &stored {
            let entry = VerifiedEntry::decode(bytes).expect("what is stored was verified");
            assert_eq!(entry.group(), self.group);
            match entry.kind() {
                EntryKind::Genesis | EntryKind::Control => drop(membership.apply(&entry).expect("it was admitted")),
                _ => {}
            }
        }
        let mut ids: Vec<EntryId> = stored.iter().map(|bytes| entry_id(bytes)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), stored.len(), "no entry stands twice");
    }
}

fn members_of(group: GroupId, stored: &[Vec<u8>]) -> Membership {
    let mut membership = Membership::new(group);
    for bytes in stored {
        if let Ok(entry) = Entry::decode(bytes).and_then(Entry::verified_before) {
            let _ = membership.apply(&entry);
        }
    }
    membership
}

/// Genesis, two invites, Bob's and Carol's joins; then entries of everybody.
fn household(genesis: &[u8], group: GroupId) -> Vec<Vec<u8>> {
    let founded = EntryId::from(group);
    let (alice, secret) = (members::key(0), members::key(5));
    let control = |author: u8, parents: &[EntryId], payload: &[u8]| {
        members::entry(&members::key(author), Some(group), parents, EntryKind::Control, payload).unwrap()
    };
    let invite = |role: u8| {
        let mut payload = Vec::new();
        let mut to = Encoder::new(&mut payload);
        to.array(6).unwrap().u8(1).unwrap().bytes(&secret.invite_key().0).unwrap().u8(role).unwrap();
        to.u64(1 << 40).unwrap().u32(1).unwrap().bytes(b"note").unwrap();
        control(0, &[founded], &payload)
    };
    let join = |device: u8, invite: &[u8]| {
        let invite = entry_id(invite);
        let joined_at = Timestamp::from_ms(5);
        let claim =
            ashore_protocol::control::JoinProof { group, device: members::key(device).device_id(), invite, joined_at };
        let mut payload = Vec::new();
        let mut to = Encoder::new(&mut payload);
        to.array(5).unwrap().u8(2).unwrap().bytes(&invite.0).unwrap().u64(5).unwrap();
        to.bytes(&claim.sign(&secret).0).unwrap().bytes(b"name").unwrap();
        control(device, &[invite], &payload)
    };
    let (writer, reader) = (invite(1), invite(0));
    let joins = [join(1, &writer), join(2, &reader), join(3, &writer)];
    let data = |device: u8, size: usize| {
        members::entry(&members::key(device), Some(group), &[founded], EntryKind::Data, &vec![device; size]).unwrap()
    };
    let recovery = {
        let mut payload = Vec::new();
        let mut to = Encoder::new(&mut payload);
        to.array(4).unwrap().u8(11).unwrap().bytes(&secret.invite_key().0).unwrap();
        to.bytes(&[3; KEM_KEY_BYTES]).unwrap().bytes(b"share").unwrap();
        control(0, &[founded], &payload)
    };
    let mut pool = vec![genesis.to_vec(), writer, reader];
    pool.extend(joins);
    pool.push(recovery);
    for (device, size) in [(0, 100), (0, 15_000), (1, 50), (1, 300), (1, 19_000), (2, 60), (3, 60)] {
        pool.push(data(device, size));
    }
    let _ = alice;
    pool
}
