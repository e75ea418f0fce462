//! A random schedule of edits and disasters, and the promises that must hold at every step and afterwards.
//!
//! After every schedule, once everything is healed: all devices show the same documents at the same versions; every
//! acknowledged write is in them, exactly once; each counter is the sum of what was added, each text has every piece that was typed
//! and not erased, once; nobody ever saw half of a transaction; what one device takes back is its own; a document that was written
//! in a newer shape never falls back to an older one; `synced` was never said while something waited; nothing that was written
//! can be read at the relay; and at every crash and at the end each index holds exactly the rows of its documents.

#![expect(clippy::indexing_slicing, reason = "a story is test code: its own slip may end it")]

mod asking;
mod burials;
mod dump;
mod edits;
mod losing;
mod members;
mod recovering;
mod ways;

use self::members::Members;
use self::ways::Ways;
use super::network::{Faults, Network};
use super::{indexes, rich};
use crate::api::{Command, ErrorCode, Outcome, Reply, SyncState, WriteResult};
use crate::document::DocumentRow;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A word in every value, name and id; the relay must never hold it.
const CANARY: &str = "canarybird";

/// In this time everybody has heard what is buried.
const BURIALS_MS: u64 = 90_000;

/// Documents by their keys.
type Rows = BTreeMap<Vec<u8>, DocumentRow>;

/// Why a story ended badly: the seed, and what was broken.
#[derive(Debug)]
pub struct Broken {
    /// The seed that shows it again.
    pub seed: u64,
    /// Which promise, with its facts.
    pub what: String,
}

/// What a story came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// BLAKE3 over every document's id and heads: the same seed gives the same natively and in WebAssembly.
    pub heads: [u8; 32],
    /// How many writes were acknowledged.
    pub acknowledged: usize,
    /// How many events it took.
    pub steps: u64,
    /// How often a machine was opened.
    pub openings: u64,
    /// How often somebody was told that a change of the group was made.
    pub changes: usize,
    /// How many devices let go of entries that came long ago.
    pub let_go: usize,
    /// How many markers of buried documents the devices have in the end.
    pub buried: usize,
    /// How often a group was brought back by a password or by words.
    pub recovered: usize,
    /// How many devices that asked came in.
    pub admitted: usize,
}

/// What the page of one device remembers.
#[derive(Default)]
struct Page {
    /// What was read last: the value and its version.
    read: BTreeMap<(String, String), (Value, String)>,
    /// Relaxed writes that a power cut may take before they are at the relay.
    at_risk: BTreeSet<u64>,
    /// Which opening of the machine it talked to last, and whether that was up.
    seen: (u64, bool),
}

/// A write whose answer is awaited, or was acknowledged.
struct Written {
    device: usize,
    documents: Vec<(String, String)>,
    strict: bool,
    acknowledged: bool,
}

struct Story {
    seed: u64,
    network: Network,
    pages: Vec<Page>,
    writes: BTreeMap<u64, Written>,
    reads: BTreeMap<u64, (usize, Vec<(String, String)>)>,
    invites: Vec<String>,
    joined: BTreeSet<usize>,
    next_mark: u64,
    /// The power is never lost in this story.
    power_is_safe: bool,
    /// Writes that may be gone with good reason: relaxed, and the power went before they were synced.
    excused: BTreeSet<u64>,
    /// Snapshots are made between the edits, and the relay forgets what they cover at once.
    snapshots: bool,
    /// The group changes between the edits.
    group_changes: bool,
    members: Members,
    ways: Ways,
    /// Calls that change the group and were done.
    changes: usize,
    /// From now on nobody deletes the document that is deleted again and again: what is written to it must stay.
    deletes_are_over: bool,
}

/// Runs the story of this seed to its end.
///
/// ```
/// let ending = ashore_engine::testing::story::run(1).expect("every promise is kept");
/// assert!(ending.acknowledged > 0);
/// ```
pub fn run(seed: u64) -> Result<Ending, Broken> {
    run_traced(seed, false)
}

/// The same, printing what crosses the wires.
pub fn run_traced(seed: u64, trace: bool) -> Result<Ending, Broken> {
    tell(Story::new(seed), trace)
}

/// A story in which snapshots are made between the edits, and the relay forgets what they cover as soon as it may.
pub fn run_with_snapshots(seed: u64, trace: bool) -> Result<Ending, Broken> {
    let mut story = Story::new(seed);
    story.snapshots = true;
    story.network.relay.forgets_at_once();
    tell(story, trace)
}

/// A story in which devices are removed, demoted, leave and come back, keys change, and years pass; snapshots are made, and in every other one the relay
/// forgets at once what it may.
pub fn run_with_members(seed: u64, trace: bool) -> Result<Ending, Broken> {
    let mut story = Story::of(seed, 3);
    story.group_changes = true;
    story.snapshots = true;
    if seed.is_multiple_of(2) {
        story.network.relay.forgets_at_once();
    }
    tell(story, trace)
}

/// A story of a group that changes, whose devices also meet on a channel without the relay.
pub fn run_with_channels(seed: u64, trace: bool) -> Result<Ending, Broken> {
    let mut story = Story::of(seed, 4);
    story.group_changes = true;
    story.snapshots = true;
    story.network.channels = vec!["channel:kitchen".into()];
    if seed.is_multiple_of(2) {
        story.network.relay.forgets_at_once();
    }
    tell(story, trace)
}

/// A story of such a group into which devices also come by asking and by recoveries, and whose devices are lost: one after another, or all at once.
pub fn run_with_ways(seed: u64, trace: bool) -> Result<Ending, Broken> {
    let mut story = Story::of(seed, 3);
    story.group_changes = true;
    story.snapshots = true;
    story.ways.on = true;
    if seed.is_multiple_of(2) {
        story.network.relay.forgets_at_once();
    }
    tell(story, trace)
}

fn tell(mut story: Story, trace: bool) -> Result<Ending, Broken> {
    story.network.trace = trace;
    let ending = story.tell_all();
    if trace && ending.is_err() {
        story.dump();
    }
    ending
}

impl Story {
    fn new(seed: u64) -> Self {
        Self::of(seed, 2)
    }

    fn tell_all(&mut self) -> Result<Ending, Broken> {
        self.found_and_join()?;
        self.note_group();
        self.live()?;
        if self.ways.on && self.network.rng.below(2) == 0 {
            self.leave_something()?;
            self.lose_all()?;
        }
        if self.group_changes {
            self.heal_group()?;
            let members = self.check_group()?;
            let trusted = self.lost_and_trusted(&members)?;
            return self.check_the_end(&members, &trusted);
        }
        self.heal()?;
        self.check_the_end(&(0..self.pages.len()).collect::<Vec<_>>(), &[])
    }

    /// At least so many devices, at most two more.
    fn of(seed: u64, least: usize) -> Self {
        let mut network = Network::seeded(seed);
        let devices = least + network.rng.below(3) as usize;
        let pages = (0..devices).map(|_| Page::default()).collect();
        let power_is_safe = network.rng.below(3) == 0;
        for index in 0..devices {
            network.add_device(&format!("{CANARY}-device-{index}"));
        }
        Self {
            seed,
            network,
            pages,
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            invites: vec![],
            joined: BTreeSet::new(),
            next_mark: 1,
            power_is_safe,
            excused: BTreeSet::new(),
            snapshots: false,
            group_changes: false,
            members: Members::default(),
            ways: Ways::default(),
            changes: 0,
            deletes_are_over: false,
        }
    }

    fn broken<T>(&self, what: impl Into<String>) -> Result<T, Broken> {
        Err(Broken { seed: self.seed, what: what.into() })
    }

    fn mark(&mut self) -> u64 {
        self.next_mark += 1;
        self.next_mark
    }

    /// Everybody writes something alone; then the first founds a group and the others join, one of them perhaps later.
    fn found_and_join(&mut self) -> Result<(), Broken> {
        for index in 0..self.pages.len() {
            for _ in 0..self.network.rng.below(4) {
                self.edit(index);
                self.settle_answers()?;
            }
        }
        self.network.run_ms(1_000);
        self.settle_answers()?;
        let command = Command::EnableSync {
            relay: Some("ws://relay.test/v1/ws".into()),
            device_name: Some(format!("{CANARY} first")),
        };
        let mark = self.mark();
        self.network.ask(0, command, mark);
        self.joined.insert(0);
        let first = 1 + self.network.rng.below(self.pages.len() as u64 - 1) as usize;
        for index in 1..=first {
            self.join(index)?;
        }
        Ok(())
    }

    /// A join is tried again, with a new invite, as people would.
    fn join(&mut self, index: usize) -> Result<(), Broken> {
        for _ in 0..5 {
            if let Some(code) = self.invite()?
                && self.join_by(index, code)?
            {
                return Ok(());
            }
        }
        self.broken(format!("device {index} did not join; it is at {:?}", self.network.devices[index].status))
    }

    fn invite(&mut self) -> Result<Option<String>, Broken> {
        let mark = self.mark();
        self.network.ask(0, Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: None }, mark);
        let known = self.invites.len();
        self.steps_until(|story| story.invites.len() > known || story.is_answered(0, mark))?;
        Ok(self.invites.get(known).cloned())
    }

    fn join_by(&mut self, index: usize, code: String) -> Result<bool, Broken> {
        let mark = self.mark();
        let command = Command::JoinInvite {
            invite: code,
            relay: Some("ws://relay.test/v1/ws".into()),
            device_name: Some(format!("{CANARY} {index}")),
        };
        self.network.ask(index, command, mark);
        self.steps_until(|story| story.joined.contains(&index) || story.is_answered(index, mark))?;
        Ok(self.joined.contains(&index))
    }

    fn is_answered(&self, index: usize, mark: u64) -> bool {
        !self.network.devices[index].asked.values().any(|call| call.mark == mark)
    }

    fn steps_until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), Broken> {
        for _ in 0..4_000 {
            if done(self) {
                return Ok(());
            }
            self.step()?;
        }
        Ok(())
    }

    /// Whether devices let go of what was deleted at once: in every other story with snapshots.
    fn buries(&self) -> bool {
        self.snapshots && !self.group_changes && self.seed % 2 == 1
    }

    /// Whether a device lets go of old entries as soon as it may: in every other pair of stories with snapshots, and some devices only in half of those.
    fn lets_go(&self, index: usize) -> bool {
        let all = self.seed % 8 >= 6;
        self.snapshots && self.seed % 4 >= 2 && (all || index.is_multiple_of(2))
    }

    /// Edits and disasters.
    fn live(&mut self) -> Result<(), Broken> {
        for index in 0..self.pages.len() {
            let keep_deleted_seconds = match index {
                _ if !self.buries() => None,
                // Some keep it for a while, so that they write over what others have no more.
                1 => Some(20),
                _ => Some(0),
            };
            let keep_entries_seconds = self.lets_go(index).then_some(0);
            if keep_deleted_seconds.or(keep_entries_seconds).is_some() {
                let keep =
                    Command::ConfigureRetention { keep_deleted_seconds, idle_seconds: None, keep_entries_seconds };
                let mark = self.mark();
                self.network.ask(index, keep, mark);
            }
        }
        let mild = self.network.rng.below(4) == 0;
        self.network.faults = if mild { Faults::default() } else { self.random_faults() };
        let actions = 30 + self.network.rng.below(50);
        for action in 0..actions {
            self.deletes_are_over = action * 3 > actions * 2;
            let index = self.someone_living();
            let what = self.network.rng.below(30);
            if self.network.trace && (14..26).contains(&what) {
                eprintln!("{} does {what}", index);
            }
            match what {
                0..=13 => self.edit(index),
                26..=29 => self.read(index),
                14 => {
                    let cut = self.network.rng.below(2) == 0;
                    self.network.cut_off(index, cut);
                }
                15 => self.crash(index),
                16 => self.network.stop_relay(),
                17 => self.network.start_relay(),
                18 if self.network.rng.below(3) == 0 => {
                    self.network.lose_relay_disk();
                    self.relay_forgot();
                }
                18 => self.network.back_up_relay(),
                19 if self.network.rng.below(2) == 0 => {
                    self.network.restore_relay();
                    self.relay_forgot();
                }
                20 => {
                    let skew = self.network.rng.below(4_000_000) as i64 - 2_000_000;
                    self.network.skew_clock(index, skew);
                }
                21 => {
                    let mark = self.mark();
                    self.network.ask(index, Command::Hint { hint: crate::api::Hint::Online }, mark);
                }
                22 | 23 if !self.is_away(index) => self.network.open(index),
                22 | 23 => {}
                _ => self.declare(index),
            }
            if self.snapshots {
                self.snapshot(index);
            }
            if self.group_changes {
                self.change_group(index)?;
            }
            if self.ways.on {
                self.go_ways(index)?;
            }
            let steps = self.network.rng.below(60);
            for _ in 0..steps {
                self.step()?;
            }
        }
        Ok(())
    }

    /// Somebody makes a snapshot, or the relay forgets.
    fn snapshot(&mut self, index: usize) {
        match self.network.rng.below(6) {
            0 => {
                let mark = self.mark();
                self.network.ask(index, Command::PublishSnapshot { timeout_ms: 20_000 }, mark);
            }
            1 => drop(self.network.tidy_relay()),
            _ => {}
        }
    }

    fn random_faults(&mut self) -> Faults {
        let power_is_safe = self.power_is_safe;
        let mut one_in = |often: u64| if self.network.rng.below(2) == 0 { 0 } else { often };
        Faults {
            connection_breaks: one_in(40),
            frame_doubled: one_in(30),
            frame_overtakes: one_in(20),
            commit_fails: one_in(60),
            device_crashes: one_in(120),
            power_is_lost: if power_is_safe { 0 } else { one_in(2) },
            relay_commit_fails: one_in(60),
            channel_loses: 0,
        }
    }

    fn crash(&mut self, index: usize) {
        let power_lost = !self.power_is_safe && self.network.rng.below(2) == 0;
        self.network.crash(index, power_lost);
        self.excuse(index);
    }

    /// Relaxed writes of this device may be gone if the power went before they were at the relay.
    fn excuse(&mut self, index: usize) {
        let at_risk = std::mem::take(&mut self.pages[index].at_risk);
        self.excused.extend(at_risk);
        // What came from the relay may be gone as well.
        self.ways.in_step.remove(&index);
    }

    fn read(&mut self, index: usize) {
        let names = match self.network.rng.below(6) {
            0..=2 => vec![self.some_note()],
            3 => ["a", "b"].map(|id| (edits::collection("pairs"), format!("{CANARY}-{id}"))).to_vec(),
            4 => vec![edits::some("undone", 0)],
            _ => vec![edits::some("shaped", 0)],
        };
        self.read_documents(index, names);
    }

    fn read_documents(&mut self, index: usize, names: Vec<edits::Name>) {
        let mark = self.mark();
        let (collection, ids) = (names[0].0.clone(), names.iter().map(|(_, id)| id.clone()).collect());
        self.reads.insert(mark, (index, names));
        self.network.ask(index, Command::Get { collection, ids }, mark);
    }

    fn check_indexes(&self, index: usize) -> Result<(), Broken> {
        match indexes::check(self.network.devices[index].disk()) {
            Ok(()) => Ok(()),
            Err(what) => self.broken(format!("device {index}: {what}")),
        }
    }

    /// Lets the next thing happen; `false`: nothing will happen by itself.
    fn step(&mut self) -> Result<bool, Broken> {
        let goes_on = self.network.step();
        // What was answered before a crash was acknowledged before it.
        self.settle_answers()?;
        for index in 0..self.pages.len() {
            let device = &self.network.devices[index];
            let now = (device.opening, device.is_up());
            if std::mem::replace(&mut self.pages[index].seen, now) != now {
                self.excuse(index);
                self.pages[index].read.clear();
                self.check_indexes(index)?;
            }
            let is_down = !self.network.devices[index].is_up() && !self.is_away(index);
            if is_down && self.network.rng.below(10) == 0 {
                self.network.open(index);
            }
        }
        self.check_status()?;
        self.note_who_is_in_step();
        Ok(goes_on)
    }

    fn settle_answers(&mut self) -> Result<(), Broken> {
        for index in 0..self.pages.len() {
            let events = std::mem::take(&mut self.network.devices[index].events);
            self.note_events(index, events);
            for (call, outcome) in std::mem::take(&mut self.network.devices[index].answers) {
                self.changes += usize::from(members::changes_group(&call.command) && matches!(outcome, Outcome::Ok(_)));
                if self.network.trace && self.group_changes {
                    eprintln!("{index} is answered {}: {:.160}", call.mark, format!("{outcome:?}"));
                }
                if self.ways.on {
                    self.note_answer(index, &call, &outcome);
                }
                self.take_answer(index, call.mark, outcome)?;
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, index: usize, mark: u64, outcome: Outcome) -> Result<(), Broken> {
        match outcome {
            Outcome::Ok(Reply::Written { results, .. }) => self.acknowledged(index, mark, &results),
            Outcome::Ok(Reply::Updated { ids, .. }) => self.updated(index, mark, ids),
            Outcome::Ok(Reply::Documents { documents, versions, .. }) => self.was_read(mark, &documents, &versions)?,
            Outcome::Ok(Reply::Invite { short_code, .. }) => self.invites.push(short_code),
            Outcome::Ok(Reply::Joined { .. }) => {
                self.joined.insert(index);
            }
            Outcome::Ok(Reply::Devices { devices }) => {
                self.members.lists.insert(mark, devices);
            }
            Outcome::Ok(_) => {}
            Outcome::Failed(failure) if self.is_expected(failure.code) => {
                self.members.failed.insert(mark, failure.code);
            }
            Outcome::Failed(failure) => match failure.code.as_str() {
                // The version that was read went with the power.
                "document.unknown-version" => self.pages[index].read.clear(),
                "index.duplicate" | "text.missing" => {}
                // A snapshot was asked of who is in no group yet, or at a moment when none can be made.
                "sync.disabled" | "relay.refused" | "group.not-a-member" | "group.not-allowed" if self.snapshots => {}
                "sync.offline" | "relay.unreachable" | "request.timed-out" | "relay.misbehaved" => {}
                _ => return self.broken(format!("device {index} was answered {failure}")),
            },
        }
        Ok(())
    }

    /// Whether a call may end in this because the group changes around it.
    fn is_expected(&self, code: ErrorCode) -> bool {
        self.group_changes && members::is_expected(code) || self.ways.on && ways::is_expected(code)
    }

    fn acknowledged(&mut self, index: usize, mark: u64, results: &[WriteResult]) {
        let Some(written) = self.writes.get_mut(&mark) else { return };
        written.acknowledged = true;
        self.ways.unsent.entry(index).or_default().insert(mark);
        if !written.strict {
            self.pages[index].at_risk.insert(mark);
        }
        // Modifiers make nothing: where there is no document there is none to be found later.
        if results.iter().any(|result| matches!(result, WriteResult::Modified { versions } if versions[0].is_empty())) {
            written.documents.clear();
        }
    }

    /// Every document that fitted has the write.
    fn updated(&mut self, index: usize, mark: u64, ids: Vec<String>) {
        let notes = ids.into_iter().map(|id| (edits::collection("notes"), id));
        if let Some(written) = self.writes.get_mut(&mark) {
            written.documents = notes.collect();
        }
        self.acknowledged(index, mark, &[]);
    }

    fn was_read(&mut self, mark: u64, documents: &str, versions: &[String]) -> Result<(), Broken> {
        let Some((index, names)) = self.reads.remove(&mark) else { return Ok(()) };
        let Ok(values) = serde_json::from_str::<Vec<Value>>(documents) else {
            return self.broken("a page that is not JSON");
        };
        // While a snapshot is being taken documents come part by part.
        if !self.snapshots && names.len() == 2 && marks_of(&values[0]) != marks_of(&values[1]) {
            return self.broken(format!("device {index} saw half of a transaction: {documents}"));
        }
        for ((name, value), version) in names.into_iter().zip(values).zip(versions) {
            if !value.is_null() {
                self.pages[index].read.insert(name, (with_log(value), version.clone()));
            }
        }
        Ok(())
    }

    /// `synced` is never said while something waits.
    fn check_status(&self) -> Result<(), Broken> {
        for (index, device) in self.network.devices.iter().enumerate() {
            let synced = device.status.as_ref().is_some_and(|status| status.state == SyncState::Synced);
            if synced && device.disk().with_prefix(b"o").next().is_some() {
                return self.broken(format!("device {index} says synced and has an outbox: {:?}", device.status));
            }
        }
        Ok(())
    }

    /// Everything works again: whoever was left out joins, and all must come to agree.
    fn heal(&mut self) -> Result<(), Broken> {
        self.mend();
        self.run_quiet(120_000)?;
        for index in 1..self.pages.len() {
            if !self.joined.contains(&index) {
                self.join(index)?;
            }
        }
        self.run_quiet(180_000)?;
        if self.buries() {
            // What was buried is told to who brings it back.
            self.run_for(BURIALS_MS)?;
            self.run_quiet(180_000)?;
        }
        Ok(())
    }

    fn run_for(&mut self, ms: u64) -> Result<(), Broken> {
        let end = self.network.now().plus_ms(ms);
        while self.network.now() < end && self.step()? {}
        Ok(())
    }

    /// Nothing goes wrong any more.
    fn mend(&mut self) {
        self.network.faults = Faults::default();
        self.network.start_relay();
        for index in 0..self.pages.len() {
            self.network.cut_off(index, false);
            self.network.skew_clock(index, 0);
            if !self.network.devices[index].is_up() && !self.is_lost(index) {
                self.network.open(index);
            }
        }
    }

    fn run_quiet(&mut self, ms: u64) -> Result<(), Broken> {
        let end = self.network.now().plus_ms(ms);
        while self.network.now() < end {
            self.step()?;
            let calm = self.joined.iter().all(|index| {
                let device = &self.network.devices[*index];
                device.asked.is_empty()
                    && indexes::unfinished(device.disk()) == 0
                    && device.status.as_ref().is_some_and(|status| status.state == SyncState::Synced)
            });
            if calm && self.same_cursors() {
                return Ok(());
            }
        }
        let states: Vec<_> = self.network.devices.iter().map(|device| (&device.status, device.asked.len())).collect();
        self.broken(format!("not in step after {ms} quiet ms: {states:#?}"))
    }

    fn same_cursors(&self) -> bool {
        self.are_at_the_head(self.joined.iter().copied())
    }

    /// Whether all of these are where the log ends: what is on its way to one of them may be what another waits for no more.
    fn are_at_the_head(&self, mut devices: impl Iterator<Item = usize>) -> bool {
        let status = |index: usize| self.network.devices[index].status.as_ref();
        devices.all(|index| {
            status(index).is_none_or(|status| {
                let group = status.group.as_ref().and_then(|group| group.parse().ok());
                group.is_none_or(|group| self.network.relay.head(&group) == Some(status.cursor))
            })
        })
    }

    /// These must show the same, and of what they and the `lost` ones were told that it is written nothing may be missing.
    fn check_the_end(&mut self, alike: &[usize], lost: &[usize]) -> Result<Ending, Broken> {
        for index in 0..self.pages.len() {
            self.check_indexes(index)?;
        }
        let shown: Vec<(usize, Rows)> = alike.iter().map(|index| (*index, self.rows(*index))).collect();
        let first = shown.first().cloned().unwrap_or_default();
        for other in shown.iter().skip(1) {
            self.check_alike(&first, other)?;
        }
        let first = first.1;
        self.check_writes(&first, &[alike, lost].concat())?;
        self.check_rich(&first)?;
        if self.network.relay.contains_bytes(CANARY.as_bytes()) {
            return self.broken("the relay holds a word that was written");
        }
        let mut hasher = blake3::Hasher::new();
        for (key, row) in &first {
            hasher.update(key);
            for head in &row.heads {
                hasher.update(&head.0);
            }
        }
        Ok(Ending {
            heads: *hasher.finalize().as_bytes(),
            acknowledged: self.writes.values().filter(|written| written.acknowledged).count(),
            steps: self.network.steps,
            openings: self.network.devices.iter().map(|device| device.opening).sum(),
            changes: self.changes,
            let_go: (0..self.pages.len())
                .filter(|index| self.lets_go(*index) && self.network.lacks_entries(*index))
                .count(),
            buried: self.markers().count(),
            recovered: self.ways.recovered,
            admitted: self.ways.admitted.len(),
        })
    }

    /// The documents that are on a device's disk.
    fn rows(&self, index: usize) -> Rows {
        let rows = self.network.devices[index].disk().with_prefix(b"v");
        rows.filter_map(|(key, value)| Some((key.to_vec(), DocumentRow::decode(value).ok()?))).collect()
    }

    fn check_alike(&self, (one, first): &(usize, Rows), (index, other): &(usize, Rows)) -> Result<(), Broken> {
        let names: BTreeSet<_> = first.keys().chain(other.keys()).collect();
        let buried = self.all_buried();
        for name in names {
            let view = |rows: &Rows| rows.get(name).map(|row| (row.heads.clone(), row.deleted, row.value.clone()));
            let shown = |rows: &Rows| rows.get(name).filter(|row| !row.deleted).map(|row| row.value.clone());
            // What is deleted may be gone for good on one and not yet on the other: then they differ by that and by nothing else. What is shown is the same.
            let alike_after =
                || self.view_after_burials(*one, name, &buried) == self.view_after_burials(*index, name, &buried);
            let only_by_burials = || !buried.is_empty() && shown(first) == shown(other) && alike_after();
            if view(first) != view(other) && !only_by_burials() {
                let name = String::from_utf8_lossy(name).into_owned();
                return self.broken(format!(
                    "devices {one} and {index} differ in {name}: {:?} {:?}",
                    view(first),
                    view(other)
                ));
            }
        }
        Ok(())
    }

    /// Counters and texts hold what the writes that are there say that they did.
    fn check_rich(&self, rows: &Rows) -> Result<(), Broken> {
        let names: BTreeSet<_> = self.writes.values().flat_map(|written| &written.documents).collect();
        for (collection, id) in names {
            let key = crate::store::keys::value_key(collection, id);
            let text = rows.get(&key[..]).and_then(|row| crate::document::json::write_text(&row.value).ok());
            let document: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
            let fields = document.as_object().into_iter().flatten();
            let writes = fields.filter_map(|(name, field)| Some((name.strip_prefix(CANARY)?.parse().ok()?, field)));
            rich::check(&document, writes.clone()).or_else(|what| self.broken(what))?;
            edits::check_shape(&document, writes).or_else(|what| self.broken(what))?;
        }
        Ok(())
    }

    /// Every acknowledged write is there, and in lists exactly once.
    fn check_writes(&self, rows: &Rows, writers: &[usize]) -> Result<(), Broken> {
        for (mark, written) in &self.writes {
            for (collection, id) in &written.documents {
                let key = crate::store::keys::value_key(collection, id);
                let text = rows.get(&key[..]).and_then(|row| crate::document::json::write_text(&row.value).ok());
                let value: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
                let there = value.get(edits::field(*mark)).is_some();
                let excused = self.excused.contains(mark) || !writers.contains(&written.device);
                if written.acknowledged && !there && !excused {
                    let device = written.device;
                    return self.broken(format!(
                        "write {mark} of device {device} to {id} was acknowledged and is gone: {value}"
                    ));
                }
                let times =
                    value["log"].as_array().map_or(0, |log| log.iter().filter(|each| **each == json!(mark)).count());
                if times > 1 {
                    return self.broken(format!("write {mark} stands {times} times in {id}: {value}"));
                }
            }
        }
        Ok(())
    }
}

/// The marks of the writes that a document holds.
fn marks_of(value: &Value) -> BTreeSet<&str> {
    let fields = value.as_object().into_iter().flat_map(|fields| fields.keys());
    fields.filter(|name| name.starts_with(CANARY)).map(String::as_str).collect()
}

fn with_log(mut value: Value) -> Value {
    if value.get("log").is_none() {
        value["log"] = json!([]);
    }
    value
}
