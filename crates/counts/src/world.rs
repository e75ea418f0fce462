//! Hosts, the relay's mailbox between them, and a clock that moves when everybody waits.

use crate::host::{Host, Wish};
use ashore_engine::api::{Call, Calls, Command, Durability, Event, Outcome, Reply, SyncState, SyncStatus, Write};
use ashore_engine::machine::Input;
use ashore_engine::store::memory::MemoryBlobs;
use ashore_engine::time::Timestamp;
use ashore_protocol::mailbox::{ConnectionId, Mailbox, MailboxConfig, MemoryLogStore, Output as RelayOutput};
use std::collections::VecDeque;

const PAGE: &str = "page";
const RELAY: &str = "ws://relay.test/v1/ws";
/// More than anything here takes.
const MAX_TURNS: usize = 100_000;

/// One device.
struct Device {
    host: Host,
    asked: u64,
    answer: Option<Outcome>,
    status: Option<SyncStatus>,
    /// Patches of live queries that came and were not taken: of which watch, and which.
    patches: VecDeque<(u64, u64)>,
    /// Its place on the network: there is none while it is cut off.
    connection: Option<u64>,
    is_cut_off: bool,
}

pub(crate) struct World {
    devices: Vec<Device>,
    relay: Mailbox<MemoryLogStore>,
    now: Timestamp,
    agenda: VecDeque<(usize, Wish)>,
    /// Every frame that crossed, to be read again: to the relay, and from it.
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) received: Vec<Vec<u8>>,
}

impl World {
    /// One device without a group.
    pub(crate) fn alone() -> Self {
        let relay = Mailbox::new(MemoryLogStore::new(), MailboxConfig::default(), [3; 32]);
        let now = Timestamp::from_ms(1_800_000_000_000);
        let (sent, received) = (Vec::new(), Vec::new());
        let mut world = Self { devices: Vec::new(), relay, now, agenda: VecDeque::new(), sent, received };
        world.add_device();
        world
    }

    /// One device that has founded a group, in step with the relay.
    pub(crate) fn founded() -> Self {
        let mut world = Self::alone();
        world.ask(0, Command::EnableSync { relay: Some(RELAY.into()), device_name: Some("first".into()) });
        world.settle();
        world
    }

    /// Two devices of one group, in step.
    pub(crate) fn pair() -> Self {
        let mut world = Self::founded();
        world.add_device();
        let invite =
            Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some("writer".into()), uses: None };
        let Reply::Invite { short_code, .. } = world.ask(0, invite) else { panic!("no invite") };
        let device_name = Some("second".into());
        world.ask(1, Command::JoinInvite { invite: short_code, relay: Some(RELAY.into()), device_name });
        world.settle();
        world
    }

    fn add_device(&mut self) {
        let seed = 10 + self.devices.len() as u8;
        let host = Host::open(MemoryBlobs::new(), seed, self.now, false);
        let (patches, is_cut_off) = (VecDeque::new(), false);
        let device = Device { host, asked: 0, answer: None, status: None, patches, connection: None, is_cut_off };
        self.devices.push(device);
    }

    /// What this device's engine does meanwhile is counted, and nothing else.
    pub(crate) fn count(&mut self, device: usize, meanwhile: impl FnOnce(&mut Self)) {
        self.devices[device].host.is_counted = true;
        meanwhile(self);
        self.devices[device].host.is_counted = false;
    }

    /// Closes a device whose background work is done, and opens it again from its disk.
    pub(crate) fn reopen(&mut self, device: usize) {
        let host = &mut self.devices[device].host;
        host.maintain();
        *host = Host::open(host.blobs(), 99, self.now, host.is_counted);
    }

    /// Asks, and answers what the engine answered. What can be done at once has been done afterwards.
    pub(crate) fn ask(&mut self, device: usize, command: Command) -> Reply {
        let page = &mut self.devices[device];
        page.asked += 1;
        let (id, received) = (page.asked, page.asked - 1);
        let calls = Calls { client: PAGE.into(), received, calls: vec![Call { id, command }] };
        let wishes = page.host.call(self.now, &calls);
        self.agenda.extend(wishes.into_iter().map(|wish| (device, wish)));
        for _ in 0..MAX_TURNS {
            self.run();
            match self.devices[device].answer.take() {
                Some(Outcome::Ok(reply)) => return reply,
                Some(Outcome::Failed(failure)) => panic!("{failure}"),
                None => self.wait(),
            }
        }
        panic!("no answer")
    }

    /// Until all who are not cut off are in step; answers where the relay's log ends then.
    pub(crate) fn settle(&mut self) -> u64 {
        for _ in 0..MAX_TURNS {
            self.run();
            let head = |device: &Device| {
                let status = device.status.as_ref()?;
                (status.state == SyncState::Synced && status.cursor == status.head).then_some(status.head)
            };
            let mut heads = self.devices.iter().filter(|device| !device.is_cut_off).map(head);
            let first = heads.next().flatten();
            match first {
                Some(end) if heads.all(|head| head == first) => return end,
                _ => self.wait(),
            }
        }
        panic!("they do not come into step")
    }

    /// Cuts a device off, or lets it back.
    pub(crate) fn cut_off(&mut self, device: usize, is_cut_off: bool) {
        self.devices[device].is_cut_off = is_cut_off;
        if is_cut_off {
            self.devices[device].status = None;
            self.disconnect(device);
        }
    }

    /// Puts documents `from..to` of a collection in one call; each in a transaction of its own when they are many.
    pub(crate) fn put(&mut self, device: usize, ids: std::ops::Range<usize>, document: impl Fn(usize) -> String) {
        let documents: Vec<String> = ids.clone().map(document).collect();
        let bases = vec![None; ids.len()];
        let ids = ids.map(|id| format!("d{id:06}")).collect();
        let documents = format!("[{}]", documents.join(","));
        let write = Write::Put { collection: "notes".into(), ids, documents, bases };
        self.ask(device, Command::Write { writes: vec![write], durability: Durability::Relaxed, split: true });
    }

    /// Waits for the next patch of a live query, and takes it.
    pub(crate) fn take_patch(&mut self, device: usize) {
        for _ in 0..MAX_TURNS {
            self.run();
            match self.devices[device].patches.pop_front() {
                Some((watch, patch)) => return drop(self.ask(device, Command::WatchTaken { watch, patch })),
                None => self.wait(),
            }
        }
        panic!("no patch")
    }

    /// Everything that can happen now.
    fn run(&mut self) {
        while let Some((device, wish)) = self.agenda.pop_front() {
            match wish {
                Wish::Connect { connection } => self.connect(device, connection),
                Wish::Send { connection, frame } => self.send(device, connection, frame),
                Wish::Disconnect { connection } if self.devices[device].connection == Some(connection) => {
                    self.devices[device].connection = None;
                    self.relay.disconnected(at_relay(device));
                }
                Wish::Disconnect { .. } => {}
                Wish::Tell { news } => {
                    let page = &mut self.devices[device];
                    for event in news.events {
                        match event {
                            Event::Status { status } => page.status = Some(status),
                            Event::Patch { patch } => page.patches.push_back((patch.watch, patch.number)),
                            _ => {}
                        }
                    }
                    let answer = news.answers.into_iter().find(|answer| answer.id == page.asked);
                    page.answer = answer.map(|answer| answer.outcome).or(page.answer.take());
                }
            }
        }
    }

    fn connect(&mut self, device: usize, connection: u64) {
        if self.devices[device].is_cut_off {
            return self.feed(device, Input::Disconnected { connection, reason: "no network".into() });
        }
        self.devices[device].connection = Some(connection);
        self.feed(device, Input::Connected { connection });
        self.relay.connected(at_relay(device), None, [device as u8; 32], self.now);
        self.take_from_relay();
    }

    fn send(&mut self, device: usize, connection: u64, frame: Vec<u8>) {
        if self.devices[device].connection != Some(connection) {
            return;
        }
        self.relay.received(at_relay(device), self.now, &frame);
        self.sent.push(frame);
        self.take_from_relay();
    }

    fn take_from_relay(&mut self) {
        self.relay.commit().expect("memory does not fail");
        while let Some(output) = self.relay.poll() {
            match output {
                RelayOutput::Send { conn, bytes } => {
                    self.relay.flushed(conn, bytes.len());
                    let device = usize::try_from(conn.0).expect("it is a place in a list");
                    if let Some(connection) = self.devices[device].connection {
                        self.received.push(bytes.to_vec());
                        self.feed(device, Input::Received { connection, frame: bytes.to_vec() });
                    }
                }
                RelayOutput::Close { conn, .. } => self.disconnect(usize::try_from(conn.0).unwrap_or_default()),
                RelayOutput::Note { .. } => {}
            }
        }
    }

    fn disconnect(&mut self, device: usize) {
        if let Some(connection) = self.devices[device].connection.take() {
            self.relay.disconnected(at_relay(device));
            self.feed(device, Input::Disconnected { connection, reason: "closed".into() });
        }
    }

    fn feed(&mut self, device: usize, input: Input) {
        let wishes = self.devices[device].host.feed(self.now, input);
        self.agenda.extend(wishes.into_iter().map(|wish| (device, wish)));
    }

    /// The next deadline of anybody has come.
    fn wait(&mut self) {
        let deadlines = self.devices.iter().enumerate();
        let next = deadlines.filter_map(|(at, device)| Some((device.host.deadline()?, at))).min();
        let (deadline, device) = next.expect("somebody waits for something");
        self.now = deadline.max(self.now);
        self.feed(device, Input::Tick);
    }
}

/// A device has one connection at a time, so its place names it.
fn at_relay(device: usize) -> ConnectionId {
    ConnectionId(device as u64)
}
