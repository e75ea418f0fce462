//! A device: a machine, its disk, and the page that talks to it. The page outlives the machine, as a page outlives a worker.

use super::Disk;
use crate::api::{self, Answer, Command, Event, Outcome, SyncStatus};
use crate::crypto::password::PasswordParams;
use crate::machine::{Input, Machine, MachineOptions, Trials};
use crate::rng::Rng;
use crate::time::Timestamp;
use ashore_protocol::frame::ClientFrame;
use ashore_protocol::ids::EntryId;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// The name under which the page of every device asks.
const CLIENT: &str = "page";

/// A question that the page has asked.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was asked.
    pub command: Command,
    /// The story's own mark, to know what an answer is about.
    pub mark: u64,
}

/// One device.
pub struct Device {
    /// Its name, for people who read a failing story.
    pub name: String,
    pub(super) machine: Option<Machine>,
    /// Which opening this is: what was under way for an earlier one is void.
    pub(super) opening: u64,
    pub(super) disk: Disk,
    local_secret: [u8; 32],
    /// The difference of its clock to the world's.
    pub(super) clock_skew_ms: i64,
    next_call: u64,
    received: u64,
    pub(super) asked: BTreeMap<u64, Call>,
    /// Answers that the story has not looked at.
    pub answers: Vec<(Call, Outcome)>,
    /// Events that the story has not looked at.
    pub events: Vec<Event>,
    /// What the device was told last about sync.
    pub status: Option<SyncStatus>,
    /// Frames that it sent to the relay, and how many of them ask for news.
    pub frames_sent: u64,
    /// See [`Device::frames_sent`].
    pub pulls_sent: u64,
    /// What it has whispered.
    pub whispers_sent: Vec<ClientFrame>,
    /// The network is cut off for this device.
    pub(super) cut_off: bool,
    /// Entries of which its machine dies, as WebAssembly dies of a panic; and those of which it did.
    pub(super) fatal: BTreeSet<EntryId>,
    pub(super) ended_badly: BTreeSet<EntryId>,
    trying: Rc<Cell<Option<EntryId>>>,
}

impl Device {
    pub(super) fn new(name: &str, rng: &mut Rng) -> Self {
        Self {
            name: name.to_owned(),
            machine: None,
            opening: 0,
            disk: Disk::default(),
            local_secret: rng.bytes(),
            clock_skew_ms: 0,
            next_call: 1,
            received: 0,
            asked: BTreeMap::new(),
            answers: Vec::new(),
            events: Vec::new(),
            status: None,
            frames_sent: 0,
            pulls_sent: 0,
            whispers_sent: Vec::new(),
            cut_off: false,
            fatal: BTreeSet::new(),
            ended_badly: BTreeSet::new(),
            trying: Rc::default(),
        }
    }

    /// Whether its machine runs.
    pub fn is_up(&self) -> bool {
        self.machine.is_some()
    }

    /// What is on its disk.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The time on its own clock.
    pub(super) fn clock(&self, world: Timestamp) -> Timestamp {
        Timestamp::from_ms(world.as_ms().saturating_add_signed(self.clock_skew_ms))
    }

    pub(super) fn open(&mut self, seed: [u8; 32], now: Timestamp) {
        self.opening += 1;
        let opening = self.clock(now);
        let mut machine = Machine::new(MachineOptions { seed, local_secret: self.local_secret, opening });
        machine.cheapen_passwords(PasswordParams::LEAST);
        let (fatal, trying) = (self.fatal.clone(), Rc::clone(&self.trying));
        let trials = Trials::new(self.ended_badly.iter().copied(), move |entry| {
            trying.set(entry.copied());
            if entry.is_some_and(|entry| fatal.contains(entry)) {
                std::panic::resume_unwind(Box::new("this entry ends the engine"));
            }
        });
        self.machine = Some(machine.with_trials(trials));
    }

    /// Lets the machine take note of something; `false` when it died of an entry, which is remembered as a browser's worker remembers it.
    pub(super) fn handle(&mut self, now: Timestamp, input: Input) -> bool {
        let Some(machine) = &mut self.machine else { return true };
        if self.fatal.is_empty() {
            machine.handle(now, input);
            return true;
        }
        let lives = catch_unwind(AssertUnwindSafe(|| machine.handle(now, input))).is_ok();
        if !lives {
            self.ended_badly.extend(self.trying.take());
        }
        lives
    }

    pub(super) fn note_call(&mut self, call: Call) -> u64 {
        let id = self.next_call;
        self.next_call += 1;
        self.asked.insert(id, call);
        id
    }

    /// The page is gone: what it had asked will not be asked again.
    pub(super) fn lose_page(&mut self) {
        self.asked.clear();
        self.received = self.next_call - 1;
    }

    /// Everything that has not been answered, as the page asks it again.
    pub(super) fn unanswered(&self) -> api::Calls {
        let calls = self.asked.iter().map(|(id, call)| api::Call { id: *id, command: call.command.clone() }).collect();
        api::Calls { client: CLIENT.to_owned(), received: self.received, calls }
    }

    pub(super) fn one_call(&self, id: u64) -> api::Calls {
        let calls =
            self.asked.get(&id).map(|call| api::Call { id, command: call.command.clone() }).into_iter().collect();
        api::Calls { client: CLIENT.to_owned(), received: self.received, calls }
    }

    pub(super) fn take_answer(&mut self, answer: Answer) {
        // A failure that another opening may not repeat is asked again, as the page does.
        if let Outcome::Failed(failure) = &answer.outcome
            && matches!(
                failure.code.as_str(),
                "store.failed" | "store.poisoned" | "host.superseded" | "store.quota-exceeded"
            )
        {
            return;
        }
        if let Some(call) = self.asked.remove(&answer.id) {
            self.answers.push((call, answer.outcome));
        }
        self.received = match self.asked.keys().next() {
            Some(first) => first.saturating_sub(1),
            None => self.next_call - 1,
        };
    }
}
