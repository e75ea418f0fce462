//! A device's engine: rows of its disk changed behind its back, calls of a page, frames of a relay that says anything. The machine answers or
//! fails, in bounded steps; it does not panic and does not run for ever.

use crate::program::{Program, damage};
use ashore_engine::api::{Calls, decode, decode_calls};
use ashore_engine::machine::{Input, Machine, MachineOptions, Output};
use ashore_engine::store::{Durability, Key, StoreBatch, Value};
use ashore_engine::testing::Disk;
use ashore_engine::time::Timestamp;
use ashore_protocol::frame::{ClientFrame, Received};
use ashore_protocol::mailbox::{ConnectionId, Mailbox, MailboxConfig, MemoryLogStore, Output as RelayOutput};
use ashore_protocol::peer::PeerFrame;
use std::sync::OnceLock;

const SECRET: [u8; 32] = [4; 32];
const MAX_OPS: usize = 12;
/// One thing that happens leads to no more steps than this: a machine that runs in circles is found.
const MAX_STEPS: usize = 20_000;

/// What the device of every program has done before: documents, indexes, what stays here, a group.
const STORY: &str = include_str!("device_story.json");

/// A machine, its disk, and a real relay beside the one that lies.
struct Host {
    machine: Machine,
    disk: Disk,
    now: Timestamp,
    connection: Option<u64>,
    /// A channel that is open, and what the device has said on it: said again, changed, it comes from a peer.
    channel: Option<u64>,
    said_on_channel: Vec<Vec<u8>>,
    relay: Mailbox<MemoryLogStore>,
    /// Frames go to the relay; else they are lost.
    relay_is_there: bool,
    steps: usize,
}

/// The disk, and a relay that knows the device's group.
struct Before {
    disk: Disk,
    log: MemoryLogStore,
    /// What the relay said on the way: to be said again, changed.
    said: Vec<Vec<u8>>,
}

fn before() -> &'static Before {
    static BEFORE: OnceLock<Before> = OnceLock::new();
    BEFORE.get_or_init(|| {
        let mut host = Host::new(Disk::default(), MemoryLogStore::new(), 1);
        let mut said = Vec::new();
        let calls: Vec<serde_json::Value> = serde_json::from_str(STORY).unwrap();
        for call in calls {
            let calls: Calls = serde_json::from_value(call).unwrap();
            host.feed(Input::Calls(calls), &mut said);
        }
        for _ in 0..40 {
            host.tick(&mut said);
        }
        assert!(host.disk.with_prefix(b"e").count() > 0, "the device has written entries");
        assert!(said.len() > 3, "and spoke with the relay");
        Before { disk: host.disk, log: host.relay.into_store(), said }
    })
}

/// The rows of that disk.
pub fn rows() -> Vec<(Vec<u8>, Vec<u8>)> {
    before().disk.with_prefix(b"").map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// A program: rows that are changed, then what happens.
pub fn run(data: &[u8]) {
    let program = &mut Program::new(data);
    let before = before();
    let mut disk = before.disk.clone();
    let rows: Vec<(Key, Value)> = disk.with_prefix(b"").map(|(key, value)| (key.clone(), value.clone())).collect();
    for _ in 0..program.below(4) {
        let (key, value) = program.pick(&rows);
        let (mut key, mut bytes) = (key.to_vec(), value.to_vec());
        let changed = if program.byte() < 240 { &mut bytes } else { &mut key };
        damage(program, changed);
        let mut batch = StoreBatch::new();
        if program.byte() < 240 {
            batch.put(key, bytes)
        } else {
            batch.delete(key)
        };
        disk.commit(batch, Durability::Strict);
    }
    let mut host = Host::new(disk, before.log.clone(), 2);
    host.relay_is_there = program.flag();
    let mut said = Vec::new();
    host.drain(&mut said);
    for _ in 0..MAX_OPS {
        if program.is_over() {
            break;
        }
        host.happen(program, before, &mut said);
    }
}

impl Host {
    fn new(disk: Disk, log: MemoryLogStore, seed: u8) -> Self {
        let now = Timestamp::from_ms(1_800_000_000_000);
        let options = MachineOptions { seed: [seed; 32], local_secret: SECRET, opening: now };
        let relay = Mailbox::new(log, MailboxConfig::default(), [8; 32]);
        let (machine, said_on_channel) = (Machine::new(options), Vec::new());
        let (connection, channel) = (None, None);
        Self { machine, disk, now, connection, channel, said_on_channel, relay, relay_is_there: true, steps: 0 }
    }

    fn happen(&mut self, program: &mut Program<'_>, before: &Before, said: &mut Vec<Vec<u8>>) {
        match program.below(8) {
            0..=2 => {
                let bytes = program.bytes();
                if let Ok(calls) = decode_calls(bytes).or_else(|_| decode::<Calls>(bytes)) {
                    self.feed(Input::Calls(calls), said);
                }
            }
            3 | 4 => {
                let mut frame = program.pick(&before.said).clone();
                if program.byte() < 200 {
                    damage(program, &mut frame);
                }
                self.frame(frame, said);
            }
            5 => {
                let frame = program.bytes().to_vec();
                if let Some(connection) = self.channel {
                    self.feed(Input::Received { connection, frame: frame.clone() }, said);
                    if let Some(mut heard) = self.said_on_channel.pop() {
                        damage(program, &mut heard);
                        self.feed(Input::Received { connection, frame: heard }, said);
                    }
                }
                self.frame(frame, said);
            }
            6 => self.tick(said),
            _ => {
                if let Some(connection) = self.connection.take() {
                    self.feed(Input::Disconnected { connection, reason: "cut".into() }, said);
                }
            }
        }
    }

    fn frame(&mut self, frame: Vec<u8>, said: &mut Vec<Vec<u8>>) {
        if let Some(connection) = self.connection {
            self.feed(Input::Received { connection, frame }, said);
        }
    }

    /// The next thing that the machine waits for.
    fn tick(&mut self, said: &mut Vec<Vec<u8>>) {
        if let Some(deadline) = self.machine.deadline() {
            self.now = self.now.max(deadline);
            self.feed(Input::Tick, said);
        }
    }

    fn feed(&mut self, input: Input, said: &mut Vec<Vec<u8>>) {
        self.steps = 0;
        self.machine.handle(self.now, input);
        self.drain(said);
    }

    /// Does what the machine wants until it wants nothing.
    fn drain(&mut self, said: &mut Vec<Vec<u8>>) {
        while let Some(output) = self.machine.poll() {
            self.steps += 1;
            assert!(self.steps < MAX_STEPS, "one thing that happens leads to steps without end");
            let input = match output {
                Output::Load { load, ranges } => {
                    let rows = ranges.iter().map(|range| self.disk.load(range)).collect();
                    Input::Loaded { load, result: Ok(rows) }
                }
                Output::Commit { commit, batch, durability, .. } => {
                    self.disk.commit(batch, durability);
                    Input::Committed { commit, result: Ok(()) }
                }
                Output::Connect { connection, address } if address.starts_with("channel:") => {
                    self.channel = Some(connection);
                    self.machine.handle(self.now, Input::Connected { connection });
                    continue;
                }
                Output::Send { connection, frame } if self.channel == Some(connection) => {
                    assert!(matches!(PeerFrame::decode(&frame), Ok(Received::Frame(_))), "a device sends frames");
                    self.said_on_channel.push(frame);
                    continue;
                }
                Output::Disconnect { connection } if self.channel == Some(connection) => {
                    self.channel = None;
                    continue;
                }
                Output::Connect { connection, .. } => {
                    self.connection = Some(connection);
                    self.relay.connected(ConnectionId(connection), None, [3; 32], self.now);
                    self.machine.handle(self.now, Input::Connected { connection });
                    self.hear(said);
                    continue;
                }
                Output::Send { connection, frame } => {
                    assert!(matches!(ClientFrame::decode(&frame), Ok(Received::Frame(_))), "a device sends frames");
                    if self.relay_is_there {
                        self.relay.received(ConnectionId(connection), self.now, &frame);
                        self.hear(said);
                    }
                    continue;
                }
                Output::Disconnect { connection } => {
                    self.relay.disconnected(ConnectionId(connection));
                    self.connection = None;
                    continue;
                }
                Output::Deliver { .. } => continue,
                Output::Stop => return,
            };
            self.machine.handle(self.now, input);
        }
    }

    /// What the relay says to it.
    fn hear(&mut self, said: &mut Vec<Vec<u8>>) {
        let _ = self.relay.commit();
        let mut closed = None;
        let mut frames = Vec::new();
        while let Some(output) = self.relay.poll() {
            match output {
                RelayOutput::Send { conn, bytes } => {
                    self.relay.flushed(conn, bytes.len());
                    frames.push((conn.0, bytes.to_vec()));
                }
                RelayOutput::Close { conn, .. } => closed = Some(conn.0),
                RelayOutput::Note { .. } => {}
            }
        }
        for (connection, frame) in frames {
            said.push(frame.clone());
            if Some(connection) == self.connection {
                self.machine.handle(self.now, Input::Received { connection, frame });
            }
        }
        if let Some(connection) = closed.filter(|closed| Some(*closed) == self.connection) {
            self.connection = None;
            self.machine.handle(self.now, Input::Disconnected { connection, reason: "closed".into() });
        }
    }
}
