//! The engine as a state machine: it is handed what happened and answers with what to do.
//!
//! Everything runs as a task, one after another. A task changes memory and the open batch; when no commit is under way the
//! batch is closed and committed, and only then do answers, events and frames that follow from it leave. So nothing that is
//! not durable here is ever told to anybody.

mod announce;
mod approval;
mod asking;
mod batch;
mod behind;
mod channels;
mod check;
mod clients;
mod collections;
mod commands;
mod documents;
mod export;
mod find;
mod history;
mod import;
mod indexes;
mod input;
mod invites;
mod kept;
mod keys;
mod link;
mod looking_in;
mod many;
mod members;
mod opening;
mod outbox;
mod output;
mod parts;
mod presence;
mod qr;
mod receive;
mod recover;
mod recovery;
mod relays;
mod repair;
mod requests;
mod rotation;
mod rows;
mod search;
mod seen;
mod snapshot;
mod status;
mod storage;
mod sync;
mod task;
mod texts;
mod trials;
mod upkeep;
mod vanish;
mod vouching;
mod waiting;
mod watch;
mod writers;

pub use input::{ConnectionId, Input};
pub use output::Output;
pub use trials::Trials;

use crate::api::{Answer, Calls, ErrorCode, Event, Failure, News, Outcome};
use crate::collection::Declarations;
use crate::crypto::Key as SecretKey;
use crate::crypto::password::PasswordParams;
use crate::document::edit::Actor;
use crate::rng::Rng;
use crate::store::{Range, Rows, StoreFailure};
use crate::time::Timestamp;
use batch::{Batch, Effect};
use clients::{Admission, Clients};
use indexes::Indexes;
use presence::Presence;
use rows::{Missing, RowCache};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use sync::Sync;
use task::{CommandTask, OpenTask, ScanSlot, Task};
use texts::LiveDocuments;
use watch::Watches;

/// A batch that has grown this large waits for its commit before more is done.
const FULL_BATCH_BYTES: usize = 16 << 20;
/// How many waiting commands are looked at, so that what they need is loaded together.
const LOOK_AHEAD: usize = 1_024;

/// What the key of digests of what pages saw is derived for.
const SEEN_CONTEXT: &str = "ashore 2026-11 what a page saw v1";

/// What a host gives a machine.
pub struct MachineOptions {
    /// 32 random bytes from the operating system or the browser, fresh for each opening.
    pub seed: [u8; 32],
    /// 32 bytes that only this device has; the same at each opening. Secrets are stored sealed with it.
    pub local_secret: [u8; 32],
    /// Now.
    pub opening: Timestamp,
}

/// The engine of one database.
pub struct Machine {
    now: Timestamp,
    rng: Rng,
    local: SecretKey,
    actor: Actor,
    phase: Phase,
    /// What the store knew at opening is here.
    opened: bool,
    rows: RowCache,
    tasks: VecDeque<Task>,
    loading: Option<Loading>,
    wanted_scan: Option<Range>,
    batch: Batch,
    committing: Option<Committing>,
    outputs: VecDeque<Output>,
    answers: BTreeMap<String, Vec<Answer>>,
    clients: Clients,
    known_collections: BTreeSet<String>,
    /// This opening has written a document.
    wrote: bool,
    indexes: Indexes,
    watches: Watches,
    /// What collections are declared to be, and the key for the digests of what pages saw.
    collections: BTreeMap<String, Declarations>,
    seen_key: SecretKey,
    /// Collections of which something was declared that cannot be.
    refused_collections: BTreeSet<String>,
    lives: LiveDocuments,
    presence: Presence,
    vanish: vanish::Vanish,
    sync: Sync,
    channels: channels::Channels,
    mending: repair::Mending,
    /// Which file is being imported: until that has ended nothing else is answered.
    importing: Option<Vec<u8>>,
    /// For the next group: rows of different groups and sequence numbers never meet.
    next_generation: u64,
    next_sequence: u64,
    next_load: u64,
    next_commit: u64,
    commits: u64,
    /// So many entries wait in the outbox before documents are put into them whole.
    outbox_cap: usize,
    /// What stretching a recovery's password costs when it is set, and at the least when it is used.
    recovery_cost: PasswordParams,
    trials: Trials,
}

enum Phase {
    Open,
    /// Everything is committed, then the host is told to stop.
    Closing,
    Stopped(Failure),
}

struct Loading {
    id: u64,
    ranges: Vec<Range>,
    scan: Option<Range>,
}

struct Committing {
    id: u64,
    number: u64,
    batch: Batch,
}

impl Machine {
    /// A machine that begins by reading what the store holds.
    pub fn new(options: MachineOptions) -> Self {
        let mut rng = Rng::seeded(options.seed);
        let actor = Actor(rng.bytes());
        let mut machine = Self {
            now: options.opening,
            rng,
            local: SecretKey::new(options.local_secret),
            actor,
            phase: Phase::Open,
            opened: false,
            rows: RowCache::new(),
            tasks: VecDeque::from([Task::Open(OpenTask::default())]),
            loading: None,
            wanted_scan: None,
            batch: Batch::default(),
            committing: None,
            outputs: VecDeque::new(),
            answers: BTreeMap::new(),
            clients: Clients::default(),
            known_collections: BTreeSet::new(),
            wrote: false,
            indexes: Indexes::default(),
            watches: Watches::default(),
            collections: BTreeMap::new(),
            refused_collections: BTreeSet::new(),
            seen_key: SecretKey::new(options.local_secret).derive(SEEN_CONTEXT),
            lives: LiveDocuments::default(),
            presence: Presence::default(),
            vanish: vanish::Vanish::default(),
            sync: Sync::default(),
            channels: channels::Channels::default(),
            mending: repair::Mending::default(),
            importing: None,
            next_generation: 1,
            next_sequence: 1,
            next_load: 0,
            next_commit: 0,
            commits: 0,
            outbox_cap: behind::OUTBOX_CAP,
            recovery_cost: recovery::COST,
            trials: Trials::default(),
        };
        machine.settle();
        machine
    }

    /// For hosts in which a panic ends the engine. To be called before anything else.
    #[must_use]
    pub fn with_trials(mut self, trials: Trials) -> Self {
        self.trials = trials;
        self
    }

    /// Takes note of what happened. `now` may jump; it is only compared with itself.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = now;
        if let Phase::Stopped(failure) = &self.phase {
            let failure = failure.clone();
            self.refuse(input, &failure);
            return;
        }
        match input {
            Input::Calls(calls) => self.take_calls(calls),
            Input::Loaded { load, result } => self.take_loaded(load, result),
            Input::Committed { commit, result } => self.take_committed(commit, result),
            Input::Connected { connection } if self.channel_opened(connection) => {}
            Input::Connected { connection } => self.link_opened(connection),
            Input::Disconnected { connection, .. } if self.channel_closed(connection) => {}
            Input::Disconnected { connection, reason } => self.link_closed(connection, &reason),
            Input::Received { connection, frame } if self.channel_received(connection, &frame) => {}
            Input::Received { connection, frame } => self.link_received(connection, &frame),
            Input::Tick => {}
        }
        self.on_time();
        self.settle();
    }

    /// For tests: puts another key in the place of the group's; answers the one that was there.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn replace_epoch_key(&mut self, key: [u8; 32]) -> Option<[u8; 32]> {
        let group = self.sync.group.as_mut()?;
        let (epoch, begun_by) = group.membership.rotation().map(|rotation| (rotation.epoch, rotation.entry))?;
        let before = *group.secrets.epochs.get(epoch, &begun_by)?.expose();
        group.secrets.epochs.insert(epoch, begun_by, SecretKey::new(key));
        Some(before)
    }

    /// For tests: another bound of the outbox.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn bound_outbox(&mut self, cap: usize) {
        self.outbox_cap = cap;
    }

    /// For tests: another cost of passwords.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn cheapen_passwords(&mut self, cost: PasswordParams) {
        self.recovery_cost = cost;
    }

    /// For tests: whether this device could give keys, and everybody has all that are here by the newest.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn sees_no_key_missing(&self) -> bool {
        let settled = |group: &sync::Group| {
            let upkeep = group.upkeep.needs.rotation || group.upkeep.needs.share;
            group.membership.may_admit(&group.me()) && !upkeep && !group.newest_lacks_keys()
        };
        self.sync.group.as_ref().is_some_and(settled)
    }

    /// For tests: whether the group's present key is here.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn has_present_key(&self) -> bool {
        self.sync.group.as_ref().is_some_and(|group| group.sealing().is_some())
    }

    /// Whether entries were let go of here.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn lacks_entries(&self) -> bool {
        self.sync.group.as_ref().is_some_and(|group| group.snapshots.state.dropped == Some(true))
    }

    /// For tests: what an entry of this group carries, before it was sealed.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn plaintext(&self, entry: &[u8]) -> Option<Vec<u8>> {
        let entry = ashore_protocol::header::VerifiedEntry::decode(entry).ok()?;
        let opened = |key: &SecretKey| {
            let key = key.derive(crate::group::DATA_CONTEXT);
            crate::crypto::open_payload(&key, entry.header_bytes(), entry.payload()).ok()
        };
        self.sync.group.as_ref()?.secrets.epochs.of(entry.epoch()).find_map(opened)
    }

    /// For tests: the entry in a row of quarantine, and why it is there.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn set_aside(row: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        let row: receive::QuarantineRow = ashore_protocol::codec::decode(row).ok()?;
        Some((row.reason.as_str(), row.entry.0))
    }

    /// For tests: an entry of this device with any content, as a hostile member makes one. No parents: the tips.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn forged(
        &mut self,
        content: crate::crypto::SealedPlan,
        parents: Vec<ashore_protocol::ids::EntryId>,
    ) -> Option<ashore_protocol::header::VerifiedEntry> {
        use ashore_protocol::header::{EntryDraft, EntryKind};
        let group = self.sync.group.as_ref()?;
        let state = &group.state;
        let (epoch, key) = group.sealing().map(|(epoch, key)| (epoch, key.derive(crate::group::DATA_CONTEXT)))?;
        let author = group.secrets.device.device_id();
        let parents = if parents.is_empty() { state.tips.clone() } else { parents };
        let size = content.sealed_size();
        let draft = EntryDraft::new(Some(state.group), author, parents, epoch, EntryKind::Data, size).ok()?;
        let sealed = content.seal(&key, draft.header_bytes(), &mut self.rng);
        draft.sign(&group.secrets.device, sealed).ok()
    }

    /// For tests: what this device says to a header and a payload that need be none that this version knows.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn sign_as_entry(&self, header: &[u8], payload: &[u8]) -> Option<ashore_protocol::sign::Signature> {
        let digest = ashore_protocol::hash::entry_digest(header, payload);
        let group = self.sync.group.as_ref()?;
        Some(group.secrets.device.sign(ashore_protocol::sign::Domain::Entry, &digest))
    }

    /// For tests: a control entry of this device that names these beside its tips.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn forged_control(
        &self,
        control: &ashore_protocol::control::Control,
        parents: Vec<ashore_protocol::ids::EntryId>,
    ) -> Option<ashore_protocol::header::VerifiedEntry> {
        let group = self.sync.group.as_ref()?;
        let (epoch, _) = group.sealing()?;
        let parents = parents.into_iter().chain(group.state.tips.iter().copied());
        control.sign(&group.secrets.device, Some(group.state.group), parents, epoch).ok()
    }

    /// The next thing to do, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due, if ever.
    pub fn deadline(&self) -> Option<Timestamp> {
        if matches!(self.phase, Phase::Stopped(_)) {
            return None;
        }
        let parts = [self.sync.deadline(), self.channels_deadline(), self.presence.deadline(), self.vanish_deadline()];
        parts.into_iter().flatten().min()
    }

    fn take_calls(&mut self, calls: Calls) {
        let Calls { client, received, calls } = calls;
        if client.is_empty() || client.len() > 64 {
            return;
        }
        // The row that remembers them is written again with the client's next write: until then it holds a little too much.
        self.clients.received(&client, received);
        for call in calls {
            match self.clients.admit(&client, call.id) {
                Admission::Underway => {}
                Admission::Answered(outcome) => self.answer_now(&client, call.id, outcome),
                Admission::New => {
                    let (scan, continue_after, finding, searching, matched) = (None, None, None, None, None);
                    let conflicts = indexes::ConflictSearch::default();
                    let (client, id, command) = (client.clone(), call.id, call.command);
                    let task = CommandTask {
                        client,
                        id,
                        command,
                        scan,
                        continue_after,
                        finding,
                        searching,
                        matched,
                        conflicts,
                    };
                    self.tasks.push_back(Task::Command(task));
                }
            }
        }
    }

    fn take_loaded(&mut self, load: u64, result: Result<Vec<Rows>, StoreFailure>) {
        let Some(loading) = self.loading.take_if(|loading| loading.id == load) else { return };
        let mut answers = match result {
            Ok(answers) => answers,
            Err(failure) => return self.fail_store(&failure),
        };
        if let Some(scan) = loading.scan {
            let rows = answers.pop().unwrap_or_default();
            if let Some(slot) = self.tasks.front_mut().and_then(Task::scan_slot) {
                *slot = Some((scan, rows));
            }
        }
        self.rows.loaded(&loading.ranges, &answers);
        self.run_tasks(true);
        if self.loading.is_none() {
            self.rows.load_ended();
        }
    }

    fn take_committed(&mut self, commit: u64, result: Result<(), StoreFailure>) {
        let Some(committing) = self.committing.take_if(|committing| committing.id == commit) else { return };
        if let Err(failure) = result {
            self.committing = Some(committing);
            return self.fail_store(&failure);
        }
        self.commits += 1;
        self.rows.committed(committing.number);
        self.release(committing.batch);
    }

    /// Lets out what waited for this batch.
    fn release(&mut self, mut batch: Batch) {
        for effect in std::mem::take(&mut batch.effects) {
            self.take_effect(effect);
        }
        for (client, id) in batch.waiting_calls() {
            self.clients.done(&client, id);
        }
        for (client, news) in batch.take_news() {
            self.outputs.push_back(Output::Deliver { client, news });
        }
        for (connection, frame) in std::mem::take(&mut batch.frames) {
            self.send_if_open(connection, frame);
        }
    }

    /// Runs what can run, then commits what has gathered and tells what has changed.
    fn settle(&mut self) {
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        self.plan_upkeep();
        self.go_on_with_vanishing();
        self.run_tasks(false);
        self.plan_upkeep();
        self.connect_if_due();
        self.go_on_with_snapshots();
        // What that has begun begins now, not when something else happens.
        self.run_tasks(false);
        self.go_on_with_seen();
        self.put_invitations();
        self.ask_about_requests();
        self.withdraw_invitations();
        self.see_to_envelopes();
        self.forget_recovery_secret();
        self.open_what_was_cut();
        self.ask_for_waiters();
        self.keep_time_of_sync();
        self.go_on_with_channels();
        self.commit_what_gathered();
        self.tell_status();
        self.leave_if_unwanted();
        self.tell_requests();
        self.go_on_with_presence();
        self.flush_answers();
        self.flush_presence();
        self.stop_if_closed();
    }

    fn run_tasks(&mut self, after_load: bool) {
        if self.loading.is_some() {
            return;
        }
        while self.batch.rows.byte_len() < FULL_BATCH_BYTES || after_load && self.committing.is_none() {
            let Some(mut task) = self.tasks.pop_front().or_else(|| self.background_task()) else { return };
            if self.run(&mut task) == Err(Missing) {
                self.tasks.push_front(task);
                self.look_ahead();
                self.load_wanted();
                return;
            }
            if matches!(self.phase, Phase::Stopped(_)) {
                return;
            }
        }
    }

    fn run(&mut self, task: &mut Task) -> Result<(), Missing> {
        match task {
            Task::Open(task) => self.open(task),
            Task::Command(task) => self.run_command(task),
            Task::Receive(task) => self.receive(task),
            Task::Send => self.send_outbox(),
            Task::Announce(scan) => self.announce(scan),
            Task::LookForDocuments(scan) => self.look_for_documents(scan),
            Task::Refill(task) => self.refill(task),
            Task::Retry => self.retry_quarantined(),
            Task::Sweep(task) => self.sweep(task),
            Task::Index(scan) => self.index_step(scan),
            Task::Watch(task) => self.read_for_watch(task),
            Task::Adopt(scan) => self.adopt_step(scan),
            Task::CatchUp(scan) => self.catch_up(scan),
            Task::Switch => self.switch_group(),
            Task::Snapshot(scan) => self.make_step(scan),
            Task::TakeControls(task) => self.take_controls(task),
            Task::TakePart(task) => self.take_part(task),
            Task::Vanish(scan) => self.vanish_step(scan),
            Task::Upkeep => self.see_to_group(),
            Task::TakeAdmission(task) => self.take_admission(task),
            Task::PeerServe(task) => self.serve_peer(task),
            Task::PeerPage(peer) => self.serve_page(*peer),
            Task::PeerLook(peer) => self.look_at_peer(*peer),
            Task::PeerTake(task) => self.take_from_peer(task),
            Task::Admit => {
                self.admit_approved();
                Ok(())
            }
            Task::Depart => {
                self.depart();
                Ok(())
            }
        }
    }

    /// Notes what the commands behind the first will need.
    fn look_ahead(&mut self) {
        let mut writes = Vec::new();
        for task in self.tasks.iter().skip(1).take(LOOK_AHEAD) {
            if let Task::Command(CommandTask { command: crate::api::Command::Write { writes: more, .. }, .. }) = task {
                writes.extend_from_slice(more);
            }
        }
        self.want_for_write(&writes);
    }

    fn load_wanted(&mut self) {
        let ranges = self.rows.take_wanted();
        let scan = self.wanted_scan.take();
        let mut asked = ranges.clone();
        asked.extend(scan.clone());
        self.next_load += 1;
        self.rows.loading();
        self.loading = Some(Loading { id: self.next_load, ranges, scan });
        self.outputs.push_back(Output::Load { load: self.next_load, ranges: asked });
    }

    /// The rows of a range, as the store and the writes since know them.
    fn scan_rows(&mut self, slot: &mut ScanSlot, range: &Range) -> Result<Rows, Missing> {
        match slot.take() {
            Some((asked, rows)) if asked == *range => Ok(self.rows.merged(range, rows)),
            _ => {
                self.wanted_scan = Some(range.clone());
                Err(Missing)
            }
        }
    }

    /// The same, with what is left of the range when the answer ended before it; that is known even if all rows of this part
    /// are deleted by writes since.
    fn scan_part(&mut self, slot: &mut ScanSlot, range: &Range) -> Result<(Rows, Option<Range>), Missing> {
        let last = slot.as_ref().and_then(|(_, rows)| rows.rows.last()).map(|(key, _)| key.clone());
        let rows = self.scan_rows(slot, range)?;
        let rest = last.filter(|_| rows.more).map(|last| range.after(&last));
        Ok((rows, rest))
    }

    fn commit_what_gathered(&mut self) {
        if self.committing.is_some() || matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        self.patch_watches();
        self.tell_membership();
        if self.batch.writes_nothing() {
            let batch = std::mem::take(&mut self.batch);
            return self.release(batch);
        }
        self.seal_draft();
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        self.write_clients();
        self.write_snapshot_state();
        self.write_group();
        let mut batch = std::mem::take(&mut self.batch);
        let number = self.rows.close_batch();
        let (durability, may_wait) = (batch.durability(), batch.is_word_of_the_relay());
        self.next_commit += 1;
        let rows = std::mem::take(&mut batch.rows);
        self.outputs.push_back(Output::Commit { commit: self.next_commit, batch: rows, durability, may_wait });
        self.committing = Some(Committing { id: self.next_commit, number, batch });
    }

    fn write_clients(&mut self) {
        for client in std::mem::take(&mut self.batch.clients) {
            let row = self.clients.row(&client, self.now).map(Into::into);
            self.rows.write(&mut self.batch.rows, keys::client(&client), row);
        }
    }

    /// Whether something is written that is not known to be committed.
    fn has_uncommitted(&self) -> bool {
        self.committing.is_some() || !self.batch.writes_nothing()
    }

    /// Answers when everything that was written so far is committed.
    fn answer_after_commit(&mut self, client: &str, id: u64, outcome: Outcome) {
        self.batch.answer(client, Answer { id, outcome });
        self.watches_are_due();
    }

    fn answer_now(&mut self, client: &str, id: u64, outcome: Outcome) {
        self.clients.done(client, id);
        self.answers.entry(client.to_owned()).or_default().push(Answer { id, outcome });
    }

    fn flush_answers(&mut self) {
        for (client, answers) in std::mem::take(&mut self.answers) {
            let news = News { answers, events: vec![] };
            self.outputs.push_back(Output::Deliver { client: Some(client), news });
        }
    }

    fn tell(&mut self, event: Event) {
        let news = News { answers: vec![], events: vec![event] };
        self.outputs.push_back(Output::Deliver { client: None, news });
    }

    /// The store failed: nothing that waited for it is acknowledged, and nothing works until the database is opened again.
    fn fail_store(&mut self, failure: &StoreFailure) {
        let failure = store_failure(failure);
        let batches = self.committing.take().map(|committing| committing.batch).into_iter();
        let mut waiting: Vec<(String, u64)> = batches.flat_map(|batch| batch.waiting_calls()).collect();
        waiting.extend(std::mem::take(&mut self.batch).waiting_calls());
        for task in std::mem::take(&mut self.tasks) {
            if let Task::Command(CommandTask { client, id, .. }) = task {
                waiting.push((client, id));
            }
        }
        waiting.extend(self.sync.take_waiting_calls());
        for (client, id) in waiting {
            self.answer_now(&client, id, Outcome::Failed(failure.clone()));
        }
        self.flush_answers();
        self.drop_link();
        self.drop_channels();
        self.phase = Phase::Stopped(Failure::new(ErrorCode::StorePoisoned, failure.message.clone()));
        self.tell(Event::Error { failure });
        self.outputs.push_back(Output::Stop);
    }

    fn stop_if_closed(&mut self) {
        let idle = self.committing.is_none() && self.tasks.is_empty() && self.batch.writes_nothing();
        if matches!(self.phase, Phase::Closing) && idle {
            for (client, id) in self.sync.take_waiting_calls() {
                self.answer_now(&client, id, Outcome::Failed(closed()));
            }
            self.flush_answers();
            self.phase = Phase::Stopped(closed());
            self.outputs.push_back(Output::Stop);
        }
    }

    fn refuse(&mut self, input: Input, failure: &Failure) {
        if let Input::Calls(Calls { client, calls, .. }) = input {
            for call in calls {
                self.answer_now(&client, call.id, Outcome::Failed(failure.clone()));
            }
            self.flush_answers();
        }
    }

    fn take_effect(&mut self, effect: Effect) {
        self.sync.take_effect(effect);
    }
}

impl Task {
    fn scan_slot(&mut self) -> Option<&mut ScanSlot> {
        match self {
            Self::Open(task) => Some(&mut task.scan),
            Self::Command(task) => Some(&mut task.scan),
            Self::Announce(scan)
            | Self::LookForDocuments(scan)
            | Self::Index(scan)
            | Self::Adopt(scan)
            | Self::CatchUp(scan) => Some(scan),
            Self::Snapshot(scan) | Self::Vanish(scan) => Some(scan),
            Self::Refill(task) => Some(&mut task.scan),
            Self::Sweep(task) => Some(&mut task.scan),
            Self::Watch(task) => Some(&mut task.scan),
            Self::PeerServe(task) => Some(&mut task.scan),
            Self::Receive(_) | Self::Send | Self::Retry | Self::Switch | Self::Upkeep | Self::Depart => None,
            Self::TakeControls(_) | Self::TakePart(_) | Self::TakeAdmission(_) | Self::Admit => None,
            Self::PeerPage(_) | Self::PeerLook(_) | Self::PeerTake(_) => None,
        }
    }
}

fn closed() -> Failure {
    Failure::new(ErrorCode::DatabaseClosed, "the database is closed")
}

/// What a failing store means to the callers that waited for it.
fn store_failure(failure: &StoreFailure) -> Failure {
    let code = match failure {
        StoreFailure::Quota => ErrorCode::StoreQuotaExceeded,
        StoreFailure::Closed => ErrorCode::DatabaseClosed,
        StoreFailure::Superseded => ErrorCode::HostSuperseded,
        StoreFailure::Poisoned { .. } => ErrorCode::StorePoisoned,
        StoreFailure::NewerFormat { .. } => ErrorCode::StoreNewerFormat,
        StoreFailure::Unreadable { .. } => ErrorCode::StoreCorrupt,
        StoreFailure::TooLarge { .. } => ErrorCode::TransactionTooLarge,
        _ => ErrorCode::StoreFailed,
    };
    Failure::new(code, failure.to_string())
}
