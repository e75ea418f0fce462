//! The world: devices, a relay, connections between them, and a clock that moves from event to event.

use super::device::{Call, Device};
use super::hostile::Lie;
use super::relay::Relay;
use crate::api::{Command, Event};
use crate::crypto::SealedPlan;
use crate::machine::{Input, Output};
use crate::rng::Rng;
use crate::store::{Durability, Range, StoreBatch, StoreFailure};
use crate::time::Timestamp;
use ashore_protocol::codec::Bytes;
use ashore_protocol::control::Control;
use ashore_protocol::frame::{ClientFrame, Received, RelayFrame, RequestId};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::EntryId;
use ashore_protocol::mailbox::Output as RelayOutput;
use ashore_protocol::peer::PeerFrame;
use ashore_protocol::sign::Signature;
use std::collections::BTreeMap;

/// What goes wrong, in chances of one in so many; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A frame breaks its connection, and what is in flight is lost.
    pub connection_breaks: u64,
    /// A frame comes twice.
    pub frame_doubled: u64,
    /// A frame overtakes those before it.
    pub frame_overtakes: u64,
    /// A commit is refused by the disk.
    pub commit_fails: u64,
    /// A device crashes after one of its outputs.
    pub device_crashes: u64,
    /// The power goes with it: commits that were not synced may be gone.
    pub power_is_lost: u64,
    /// The relay's disk refuses a commit.
    pub relay_commit_fails: u64,
    /// A frame on a channel does not come to one of those who have it open.
    pub channel_loses: u64,
}

/// Something that will happen.
enum Pending {
    Load { device: usize, opening: u64, load: u64, ranges: Vec<Range> },
    Commit { device: usize, opening: u64, commit: u64, batch: StoreBatch, durability: Durability },
    Open { connection: u64 },
    ToRelay { connection: u64, frame: Vec<u8> },
    ToDevice { connection: u64, frame: Vec<u8> },
    OnChannel { connection: u64, frame: Vec<u8> },
    Broken { connection: u64 },
}

/// One connection, as the network knows it.
struct Wire {
    device: usize,
    opening: u64,
    /// Its number on the device's side.
    local: u64,
    /// Of the relay at its other end.
    address: String,
    open: bool,
    last_up: u64,
    last_down: u64,
}

/// Everything there is.
pub struct Network {
    /// The world's generator: every choice comes from it.
    pub rng: Rng,
    now: Timestamp,
    /// The devices, in the order in which they were added.
    pub devices: Vec<Device>,
    /// The relay.
    pub relay: Relay,
    /// Relays at other addresses; [`Network::relay`] is at all the rest.
    pub others: BTreeMap<String, Relay>,
    /// What goes wrong.
    pub faults: Faults,
    agenda: BTreeMap<(u64, u64), Pending>,
    wires: BTreeMap<u64, Wire>,
    next: u64,
    /// Events that happened so far, to print with a failure.
    pub steps: u64,
    /// Prints what crosses the wires, for somebody who reads a failing story.
    pub trace: bool,
    /// A relay that lies: each of its frames as a device gets it instead.
    pub twist: Option<Twist>,
    /// Bytes that went to devices.
    pub bytes_down: u64,
    /// What every device is told to meet others on, each time it is opened.
    pub channels: Vec<String>,
    /// Bytes said on channels.
    pub channel_bytes: u64,
    /// What is made of each frame on a channel.
    pub twist_channel: Option<PeerTwist>,
    /// Whose frames on channels are kept, and those.
    overhears: Option<usize>,
    overheard: Vec<PeerFrame>,
    lie: Option<Lie>,
    marks: u64,
}

/// What somebody on a channel makes of a frame.
pub type PeerTwist = Box<dyn Fn(PeerFrame) -> PeerFrame>;

/// What a lying relay makes of a frame.
pub type Twist = Box<dyn Fn(RelayFrame) -> RelayFrame>;

impl Network {
    /// A world without devices, in which nothing goes wrong yet.
    pub fn seeded(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(to, from)| *to = from);
        let mut rng = Rng::seeded(bytes);
        let relay = Relay::new(&mut rng);
        Self {
            rng,
            now: Timestamp::from_ms(1_800_000_000_000),
            devices: Vec::new(),
            relay,
            others: BTreeMap::new(),
            faults: Faults::default(),
            agenda: BTreeMap::new(),
            wires: BTreeMap::new(),
            next: 0,
            steps: 0,
            trace: false,
            twist: None,
            bytes_down: 0,
            channels: Vec::new(),
            channel_bytes: 0,
            twist_channel: None,
            overhears: None,
            overheard: Vec::new(),
            lie: None,
            marks: 0,
        }
    }

    /// A new device with an empty disk; it is opened at once.
    pub fn add_device(&mut self, name: &str) -> usize {
        let device = Device::new(name, &mut self.rng);
        self.devices.push(device);
        let index = self.devices.len() - 1;
        self.open(index);
        index
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// One chance in `of`; never for 0.
    pub fn chance(&mut self, of: u64) -> bool {
        of > 0 && self.rng.below(of) == 0
    }

    fn device(&mut self, index: usize) -> Option<&mut Device> {
        self.devices.get_mut(index)
    }

    /// Opens a device's machine if it is down; its page asks again what was not answered.
    pub fn open(&mut self, index: usize) {
        let (seed, now) = (self.rng.bytes(), self.now);
        let Some(device) = self.device(index) else { return };
        if device.is_up() {
            return;
        }
        device.open(seed, now);
        let calls = device.unanswered();
        self.feed(index, Input::Calls(calls));
        if !self.channels.is_empty() {
            let channels = Some(self.channels.clone());
            self.ask(index, Command::ConfigureSync { auto: None, interval_ms: None, relays: None, channels }, u64::MAX);
        }
    }

    /// The machine is gone from one moment to the next, and when the power goes, the page too. A commit under way may or may not have happened.
    pub fn crash(&mut self, index: usize, power_lost: bool) {
        let Some(device) = self.device(index) else { return };
        device.machine = None;
        device.status = None;
        let opening = device.opening;
        let at = self.agenda.iter().find(|(_, pending)| {
            matches!(pending, Pending::Commit { device, opening: of, .. } if *device == index && *of == opening)
        });
        let at = at.map(|(at, _)| *at);
        let happened = self.chance(2);
        if let Some(Pending::Commit { batch, durability, .. }) = at.and_then(|at| self.agenda.remove(&at))
            && happened
            && let Some(device) = self.device(index)
        {
            device.disk.commit(batch, durability);
        }
        if power_lost {
            let unsynced = self.devices.get(index).map_or(0, |device| device.disk().unsynced() as u64);
            let kept = self.rng.below(unsynced + 1) as usize;
            if let Some(device) = self.device(index) {
                device.disk.lose_power(kept);
                device.lose_page();
            }
        }
        self.break_wires(|wire| wire.device == index);
    }

    /// Cuts a device off, or lets it back.
    pub fn cut_off(&mut self, index: usize, cut: bool) {
        if let Some(device) = self.device(index) {
            device.cut_off = cut;
        }
        if cut {
            self.break_wires(|wire| wire.device == index && !wire.address.starts_with("channel:"));
        }
    }

    /// Sets a device's clock to another time than the world's.
    pub fn skew_clock(&mut self, index: usize, skew_ms: i64) {
        if let Some(device) = self.device(index) {
            device.clock_skew_ms = skew_ms;
        }
        // Timers that are set run on; what they find is the new time.
        self.feed(index, Input::Tick);
    }

    /// Writes to a device's disk behind its back: damage, or what another version left. Its machine must be down.
    pub fn overwrite(&mut self, index: usize, batch: StoreBatch) {
        if let Some(device) = self.device(index).filter(|device| !device.is_up()) {
            device.disk.commit(batch, Durability::Strict);
        }
    }

    /// The disk of a device, to damage it. Its machine must be down.
    pub fn disk_of(&mut self, index: usize) -> Option<&mut super::Disk> {
        self.device(index).filter(|device| !device.is_up()).map(|device| &mut device.disk)
    }

    /// Another relay, at an address of its own.
    pub fn add_relay(&mut self, address: &str) {
        let relay = Relay::new(&mut self.rng);
        self.others.insert(address.to_owned(), relay);
    }

    /// Stops the relay at another address, or lets it run again with what is on its disk.
    pub fn set_other_up(&mut self, address: &str, up: bool) {
        self.break_wires(|wire| wire.address == address);
        match self.others.get_mut(address) {
            Some(relay) if up => relay.restart(&mut self.rng),
            Some(relay) => relay.up = false,
            None => {}
        }
    }

    /// The relay is killed; what it acknowledged is on its disk.
    pub fn stop_relay(&mut self) {
        self.relay.up = false;
        let others: Vec<String> = self.others.keys().cloned().collect();
        self.break_wires(|wire| !others.contains(&wire.address) && !wire.address.starts_with("channel:"));
    }

    /// The relay runs again.
    pub fn start_relay(&mut self) {
        self.relay.restart(&mut self.rng);
    }

    /// The relay comes back with an empty disk.
    pub fn lose_relay_disk(&mut self) {
        self.break_wires(|wire| !wire.address.starts_with("channel:"));
        self.relay.lose_disk(&mut self.rng);
    }

    /// Keeps a copy of the relay's disk.
    pub fn back_up_relay(&mut self) {
        self.relay.back_up();
    }

    /// The relay comes back with the copy that was kept, if there is one.
    pub fn restore_relay(&mut self) {
        self.break_wires(|wire| !wire.address.starts_with("channel:"));
        self.relay.restore(&mut self.rng);
    }

    /// The relay forgets what it may; answers how many entries went.
    pub fn tidy_relay(&mut self) -> u32 {
        self.relay.tidy(self.now)
    }

    pub(super) fn next_mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks
    }

    /// The page of a device asks; the answer appears in [`Device::answers`].
    pub fn ask(&mut self, index: usize, command: Command, mark: u64) {
        let Some(device) = self.device(index) else { return };
        let id = device.note_call(Call { command, mark });
        if device.is_up() {
            let calls = device.one_call(id);
            self.feed(index, Input::Calls(calls));
        }
    }

    /// A relay that says what it must not: this frame comes to the device on its open connection.
    pub fn say_as_relay(&mut self, index: usize, frame: &RelayFrame) {
        let open = self.wires.iter().find(|(_, wire)| wire.device == index && wire.open).map(|(id, _)| *id);
        if let Some(connection) = open {
            self.plan(1, Pending::ToDevice { connection, frame: frame.encode() });
        }
    }

    /// Bounds the outbox of a device that is up; for as long as it is.
    pub fn bound_outbox(&mut self, index: usize, cap: usize) {
        if let Some(machine) = self.devices.get_mut(index).and_then(|device| device.machine.as_mut()) {
            machine.bound_outbox(cap);
        }
    }

    /// What all entries on a device's disk carry, opened with its group's key: what was or will be sealed and sent.
    pub fn payloads(&self, index: usize) -> Vec<Vec<u8>> {
        let Some(device) = self.devices.get(index) else { return vec![] };
        let entries = device.disk.with_prefix(b"e").map(|(_, entry)| entry);
        entries.filter_map(|entry| device.machine.as_ref()?.plaintext(entry)).collect()
    }

    /// Whether a device that is up has entries only by what they did.
    pub fn lacks_entries(&self, index: usize) -> bool {
        let machine = self.devices.get(index).and_then(|device| device.machine.as_ref());
        machine.is_some_and(crate::machine::Machine::lacks_entries)
    }

    /// Whether a device that is up opens this entry with the keys that it holds, wherever the entry comes from.
    pub fn opens(&self, index: usize, entry: &[u8]) -> bool {
        let machine = self.devices.get(index).and_then(|device| device.machine.as_ref());
        machine.is_some_and(|machine| machine.plaintext(entry).is_some())
    }

    /// A member whose key is damaged: what it writes now does not open for the others. Answers the key it had.
    pub fn damage_key(&mut self, index: usize, key: [u8; 32]) -> Option<[u8; 32]> {
        self.device(index)?.machine.as_mut()?.replace_epoch_key(key)
    }

    /// The relay lies from now on, or is honest again.
    pub fn lie(&mut self, lie: Option<Lie>) {
        self.lie = lie;
    }

    /// A hostile member: an entry with any content and these parents (none: its tips), sealed and signed as it should be, goes to the relay on
    /// the device's open connection. Answers its id.
    pub fn forge(&mut self, index: usize, content: SealedPlan, parents: Vec<EntryId>) -> Option<EntryId> {
        let entry = self.forged(index, content, parents)?;
        self.append_as(index, &[&entry])?;
        Some(entry.id())
    }

    /// The same entry, which goes nowhere yet.
    pub fn forged(&mut self, index: usize, content: SealedPlan, parents: Vec<EntryId>) -> Option<VerifiedEntry> {
        self.device(index)?.machine.as_mut()?.forged(content, parents)
    }

    /// A hostile member: these bytes go as an entry into the snapshot that it is making; `false` when it makes none.
    pub fn smuggle(&mut self, index: usize, bytes: Vec<u8>) -> bool {
        let machine = self.device(index).and_then(|device| device.machine.as_mut());
        machine.is_some_and(|machine| machine.smuggle_aside(bytes))
    }

    /// A hostile member: a control entry that names these beside its tips, which goes nowhere yet.
    pub fn forged_control(&mut self, index: usize, control: &Control, parents: Vec<EntryId>) -> Option<VerifiedEntry> {
        self.device(index)?.machine.as_ref()?.forged_control(control, parents)
    }

    /// A newer version's entry: this header, whatever it says, and this payload, signed by the device.
    pub fn sign_as(&self, index: usize, header: &[u8], payload: &[u8]) -> Option<Signature> {
        self.devices.get(index)?.machine.as_ref()?.sign_as_entry(header, payload)
    }

    /// These entries go to the relay in one frame on the device's open connection.
    pub fn append_as(&mut self, index: usize, entries: &[&VerifiedEntry]) -> Option<()> {
        let group = entries.first()?.group();
        let entries = entries.iter().map(|entry| Bytes(entry.encoded().to_vec())).collect();
        let frame = ClientFrame::Append { request: RequestId(u32::MAX), group, entries }.encode();
        let connection = self.wires.iter().find(|(_, wire)| wire.device == index && wire.open).map(|(id, _)| *id)?;
        self.plan(1, Pending::ToRelay { connection, frame });
        Some(())
    }

    /// From its next opening on, this device's machine dies when it tries this entry, as WebAssembly dies of a panic.
    pub fn make_fatal(&mut self, index: usize, entry: EntryId) {
        if let Some(device) = self.device(index) {
            device.fatal.insert(entry);
        }
    }

    /// Lets the next thing happen. `false`: nothing will ever happen by itself again.
    pub fn step(&mut self) -> bool {
        let agenda = self.agenda.keys().next().copied();
        let alarm = self.next_alarm();
        match (agenda, alarm) {
            (None, None) => return false,
            (Some(at), alarm) if alarm.is_none_or(|(time, _)| at.0 <= time) => {
                self.now = self.now.max(Timestamp::from_ms(at.0));
                if let Some(pending) = self.agenda.remove(&at) {
                    self.happen(pending);
                }
            }
            (_, Some((time, index))) => {
                self.now = self.now.max(Timestamp::from_ms(time));
                self.feed(index, Input::Tick);
            }
            (Some(_), None) => {}
        }
        self.steps += 1;
        true
    }

    /// Lets everything happen that is due within so many milliseconds.
    pub fn run_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        loop {
            let next = [self.agenda.keys().next().map(|at| at.0), self.next_alarm().map(|(time, _)| time)];
            match next.into_iter().flatten().min() {
                Some(time) if time <= end.as_ms() => drop(self.step()),
                _ => break,
            }
        }
        self.now = end;
    }

    /// Runs until `done`, at most for so long on the world's clock; answers whether it was.
    pub fn run_until(&mut self, ms: u64, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now.plus_ms(ms);
        while !done(self) {
            if self.now >= end || !self.step() {
                return done(self);
            }
        }
        true
    }

    /// The next deadline of a machine, in the world's time.
    fn next_alarm(&self) -> Option<(u64, usize)> {
        let each = |(index, device): (usize, &Device)| {
            let deadline = device.machine.as_ref()?.deadline()?;
            let world = deadline.as_ms().saturating_add_signed(-device.clock_skew_ms);
            Some((world.max(self.now.as_ms()), index))
        };
        self.devices.iter().enumerate().filter_map(each).min()
    }

    fn feed(&mut self, index: usize, input: Input) {
        let now = self.now;
        let Some(device) = self.device(index) else { return };
        let clock = device.clock(now);
        if !device.is_up() {
            return;
        }
        match device.handle(clock, input) {
            true => self.drain(index),
            false => self.crash(index, false),
        }
    }

    /// Does what a machine wants done. It may crash between any two of its outputs.
    fn drain(&mut self, index: usize) {
        loop {
            let Some(output) = self.device(index).and_then(|device| device.machine.as_mut()?.poll()) else { return };
            self.take_output(index, output);
            if self.chance(self.faults.device_crashes) {
                let power_lost = self.chance(self.faults.power_is_lost);
                self.crash(index, power_lost);
                return;
            }
        }
    }

    fn take_output(&mut self, index: usize, output: Output) {
        let opening = self.devices.get(index).map_or(0, |device| device.opening);
        match output {
            Output::Load { load, ranges } => {
                let delay = self.rng.below(3);
                self.plan(delay, Pending::Load { device: index, opening, load, ranges });
            }
            Output::Commit { commit, batch, durability, .. } => {
                let delay = 1 + self.rng.below(8);
                self.plan(delay, Pending::Commit { device: index, opening, commit, batch, durability });
            }
            Output::Connect { connection, address } => self.connect(index, opening, connection, address),
            Output::Send { connection, frame } => {
                if let Some(device) = self.device(index) {
                    device.frames_sent += 1;
                    match ClientFrame::decode(&frame) {
                        Ok(Received::Frame(ClientFrame::Pull { .. })) => device.pulls_sent += 1,
                        Ok(Received::Frame(whisper @ ClientFrame::Whisper { .. })) => {
                            device.whispers_sent.push(whisper)
                        }
                        _ => {}
                    }
                }
                self.send_up(index, opening, connection, frame);
            }
            Output::Disconnect { connection } => {
                self.break_wires(|wire| wire.device == index && wire.opening == opening && wire.local == connection);
            }
            Output::Deliver { news, .. } => {
                let Some(device) = self.device(index) else { return };
                for event in news.events {
                    if let Event::Status { status } = &event {
                        device.status = Some(status.clone());
                    }
                    device.events.push(event);
                }
                for answer in news.answers {
                    device.take_answer(answer);
                }
            }
            Output::Stop => {
                if let Some(device) = self.device(index) {
                    device.machine = None;
                    device.status = None;
                }
                self.break_wires(|wire| wire.device == index);
            }
        }
    }

    fn plan(&mut self, delay_ms: u64, pending: Pending) {
        self.plan_at(self.now.as_ms() + delay_ms, pending);
    }

    fn plan_at(&mut self, time: u64, pending: Pending) {
        self.next += 1;
        self.agenda.insert((time, self.next), pending);
    }

    fn happen(&mut self, pending: Pending) {
        match pending {
            Pending::Load { device, opening, load, ranges } => {
                if !self.is_current(device, opening) {
                    return;
                }
                let Some(disk) = self.devices.get(device).map(Device::disk) else { return };
                let result = Ok(ranges.iter().map(|range| disk.load(range)).collect());
                self.feed(device, Input::Loaded { load, result });
            }
            Pending::Commit { device, opening, commit, batch, durability } => {
                if self.is_current(device, opening) {
                    self.commit(device, commit, batch, durability);
                }
            }
            Pending::Open { connection } => self.opened(connection),
            Pending::ToRelay { connection, frame } => {
                self.print(connection, true, &frame);
                let now = self.now;
                if self.relay_of(connection).is_some_and(|relay| relay.up) {
                    let disk_fails = self.chance(self.faults.relay_commit_fails);
                    if let Some(relay) = self.relay_of(connection) {
                        relay.received(connection, now, &frame, disk_fails);
                    }
                    self.drain_relays();
                }
            }
            Pending::ToDevice { connection, frame } => {
                let Some(wire) = self.wires.get(&connection) else { return };
                let (device, opening, local) = (wire.device, wire.opening, wire.local);
                self.print(connection, false, &frame);
                if self.is_current(device, opening) {
                    self.feed(device, Input::Received { connection: local, frame });
                }
            }
            Pending::OnChannel { connection, frame } => {
                let Some(wire) = self.wires.get(&connection).filter(|wire| wire.open) else { return };
                let (device, opening, local) = (wire.device, wire.opening, wire.local);
                if self.is_current(device, opening) {
                    self.feed(device, Input::Received { connection: local, frame });
                }
            }
            Pending::Broken { connection } => self.break_wires_by(|id, _| *id == connection),
        }
    }

    fn print(&self, connection: u64, up: bool, frame: &[u8]) {
        let Some(wire) = self.wires.get(&connection).filter(|_| self.trace) else { return };
        let shown =
            if up { format!("{:?}", ClientFrame::decode(frame)) } else { format!("{:?}", RelayFrame::decode(frame)) };
        let arrow = if up { "->" } else { "<-" };
        eprintln!("{} {} {arrow} {connection}: {shown:.300}", self.now.as_ms() % 100_000_000, wire.device);
    }

    fn is_current(&self, device: usize, opening: u64) -> bool {
        self.devices.get(device).is_some_and(|device| device.is_up() && device.opening == opening)
    }

    fn commit(&mut self, index: usize, commit: u64, batch: StoreBatch, durability: Durability) {
        let fails = self.chance(self.faults.commit_fails);
        let Some(device) = self.device(index) else { return };
        let result = if fails {
            Err(StoreFailure::Failed { reason: "the disk refused".into() })
        } else {
            device.disk.commit(batch, durability);
            Ok(())
        };
        self.feed(index, Input::Committed { commit, result });
    }

    fn connect(&mut self, device: usize, opening: u64, local: u64, address: String) {
        self.next += 1;
        let connection = self.next;
        let now = self.now.as_ms();
        let wire = Wire { device, opening, local, address, open: false, last_up: now, last_down: now };
        self.wires.insert(connection, wire);
        let delay = 5 + self.rng.below(60);
        self.plan(delay, Pending::Open { connection });
    }

    fn opened(&mut self, connection: u64) {
        let Some(wire) = self.wires.get(&connection) else { return };
        let (device, local) = (wire.device, wire.local);
        if self.is_channel(connection) {
            if let Some(wire) = self.wires.get_mut(&connection) {
                wire.open = true;
            }
            return self.feed(device, Input::Connected { connection: local });
        }
        let cut_off = self.devices.get(device).is_none_or(|device| device.cut_off);
        if cut_off || !self.relay_of(connection).is_some_and(|relay| relay.up) {
            return self.break_wires_by(|id, _| *id == connection);
        }
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.open = true;
        }
        let (nonce, now) = (self.rng.bytes(), self.now);
        self.feed(device, Input::Connected { connection: local });
        if let Some(relay) = self.relay_of(connection) {
            relay.connected(connection, nonce, now);
        }
        self.drain_relays();
    }

    /// Whether a connection is to a channel, which needs no relay and no network.
    fn is_channel(&self, connection: u64) -> bool {
        self.wires.get(&connection).is_some_and(|wire| wire.address.starts_with("channel:"))
    }

    /// Everybody else who has the channel open gets the frame, unless it is lost on the way.
    fn say_on_channel(&mut self, connection: u64, frame: &[u8]) {
        let Some(wire) = self.wires.get(&connection) else { return };
        self.channel_bytes += frame.len() as u64;
        let said = PeerFrame::decode(frame);
        if self.trace {
            eprintln!("{} {} on {}: {said:.400?}", self.now.as_ms() % 100_000_000, wire.device, wire.address);
        }
        if let Ok(Received::Frame(said)) = &said
            && self.overhears == Some(wire.device)
        {
            self.overheard.push(said.clone());
        }
        let frame = match (&self.twist_channel, said) {
            (Some(twist), Ok(Received::Frame(said))) => twist(said).encode(),
            _ => frame.to_vec(),
        };
        let others = self.wires.iter();
        let others = others.filter(|(id, other)| **id != connection && other.open && other.address == wire.address);
        let others: Vec<u64> = others.map(|(id, _)| *id).collect();
        for other in others {
            if self.chance(self.faults.channel_loses) {
                continue;
            }
            let last = self.wires.get(&other).map_or(0, |wire| wire.last_down);
            let time = self.arrival(last);
            if let Some(wire) = self.wires.get_mut(&other) {
                wire.last_down = last.max(time);
            }
            self.plan_at(time, Pending::OnChannel { connection: other, frame: frame.clone() });
        }
    }

    /// From now on what this device says on channels is kept.
    pub fn overhear(&mut self, index: usize) {
        self.overhears = Some(index);
    }

    /// What it said there since.
    pub fn overheard(&mut self) -> Vec<PeerFrame> {
        std::mem::take(&mut self.overheard)
    }

    /// Says something on the channel of a device, as anybody may who has it open.
    pub fn say_as_stranger(&mut self, index: usize, frame: &[u8]) {
        let channels = self.wires.iter();
        let channels = channels.filter(|(_, wire)| wire.device == index && wire.address.starts_with("channel:"));
        let channels: Vec<u64> = channels.map(|(id, _)| *id).collect();
        for connection in channels {
            self.plan(1, Pending::OnChannel { connection, frame: frame.to_vec() });
        }
    }

    /// The relay at the other end of a connection.
    fn relay_of(&mut self, connection: u64) -> Option<&mut Relay> {
        let wire = self.wires.get(&connection)?;
        Some(self.others.get_mut(&wire.address).unwrap_or(&mut self.relay))
    }

    fn next_of_relays(&mut self) -> Option<RelayOutput> {
        self.relay.poll().or_else(|| self.others.values_mut().find_map(Relay::poll))
    }

    fn send_up(&mut self, device: usize, opening: u64, local: u64, frame: Vec<u8>) {
        let found =
            self.wires.iter().find(|(_, wire)| (wire.device, wire.opening, wire.local) == (device, opening, local));
        let Some(connection) = found.map(|(id, _)| *id) else { return };
        if self.is_channel(connection) {
            return self.say_on_channel(connection, &frame);
        }
        let mut last = self.wires.get(&connection).map_or(0, |wire| wire.last_up);
        for frame in self.on_the_way(connection, frame) {
            let time = self.arrival(last);
            last = last.max(time);
            self.plan_at(time, Pending::ToRelay { connection, frame });
        }
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.last_up = last;
        }
    }

    fn send_down(&mut self, connection: u64, frame: Vec<u8>) {
        let frame = match (&self.twist, RelayFrame::decode(&frame)) {
            (Some(twist), Ok(Received::Frame(said))) => twist(said).encode(),
            _ => frame,
        };
        self.bytes_down += frame.len() as u64;
        let Some(mut last) = self.wires.get(&connection).map(|wire| wire.last_down) else { return };
        for frame in self.on_the_way(connection, frame) {
            let time = self.arrival(last);
            last = last.max(time);
            self.plan_at(time, Pending::ToDevice { connection, frame });
        }
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.last_down = last;
        }
    }

    /// A frame once, twice, or not at all because the connection breaks.
    fn on_the_way(&mut self, connection: u64, frame: Vec<u8>) -> Vec<Vec<u8>> {
        if self.chance(self.faults.connection_breaks) {
            let delay = self.rng.below(2_000);
            self.plan(delay, Pending::Broken { connection });
            return vec![];
        }
        if self.chance(self.faults.frame_doubled) { vec![frame.clone(), frame] } else { vec![frame] }
    }

    /// Behind the frame before it, unless it overtakes.
    fn arrival(&mut self, last: u64) -> u64 {
        let time = self.now.as_ms() + 1 + self.rng.below(40);
        if self.chance(self.faults.frame_overtakes) { time } else { time.max(last) }
    }

    fn drain_relays(&mut self) {
        while let Some(output) = self.next_of_relays() {
            match output {
                RelayOutput::Send { conn, bytes } => {
                    if let Some(relay) = self.relay_of(conn.0) {
                        relay.flushed(conn.0, bytes.len());
                    }
                    for frame in self.said(conn.0, &bytes) {
                        self.send_down(conn.0, frame);
                    }
                }
                RelayOutput::Close { conn, .. } => {
                    let delay = 1 + self.rng.below(40);
                    self.plan(delay + 40, Pending::Broken { connection: conn.0 });
                }
                RelayOutput::Note { .. } => {}
            }
        }
    }

    /// What the relay says instead of a frame.
    fn said(&mut self, connection: u64, bytes: &[u8]) -> Vec<Vec<u8>> {
        let device = self.wires.get(&connection).map(|wire| wire.device);
        match (&mut self.lie, RelayFrame::decode(bytes), device) {
            (Some(lie), Ok(Received::Frame(frame)), Some(device)) => lie(device, frame),
            _ => vec![bytes.to_vec()],
        }
    }

    fn break_wires(&mut self, which: impl Fn(&Wire) -> bool) {
        self.break_wires_by(|_, wire| which(wire));
    }

    fn break_wires_by(&mut self, which: impl Fn(&u64, &Wire) -> bool) {
        let broken: Vec<u64> = self.wires.iter().filter(|(id, wire)| which(id, wire)).map(|(id, _)| *id).collect();
        for connection in broken {
            let open = self.wires.get(&connection).is_some_and(|wire| wire.open);
            let is_channel = self.is_channel(connection);
            if let Some(relay) = self.relay_of(connection).filter(|_| open && !is_channel) {
                relay.disconnected(connection);
            }
            let Some(wire) = self.wires.remove(&connection) else { continue };
            if self.is_current(wire.device, wire.opening) {
                let input = Input::Disconnected { connection: wire.local, reason: "broken".into() };
                self.feed(wire.device, input);
            }
        }
    }
}
