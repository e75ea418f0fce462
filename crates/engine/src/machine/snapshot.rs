//! Snapshots: when one is made, and what is remembered of them. [`make`] writes one, [`take`] takes one in.
//!
//! A snapshot covers the log up to a cursor. It is begun only when everything up to there is applied or kept aside here and everything of
//! ours stands there, and it may hold more than it covers: documents are read one after another while others write, and what
//! is newer than the cursor comes by in the log too. Merging it twice changes nothing. What is kept aside and cannot be applied
//! travels as it is: see [`aside`].

mod alone;
mod aside;
mod covered;
mod make;
mod take;

pub(super) use covered::beginning;
pub(super) use make::Making;
pub(super) use take::{TakeControls, TakePart, Taking};

use super::sync::{Group, Wait};
use super::{Machine, keys};
use crate::api::{ErrorCode, Failure, Outcome, Reply, SnapshotInfo};
use crate::crypto::Key as SecretKey;
use crate::group::{KnownSnapshot, SnapshotState};
use crate::time::Timestamp;
use alone::Alone;
use ashore_protocol::codec::encode;
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{DeviceId, EntryId, Epoch};

/// Fewer entries than this since the last one are never worth another.
const MIN_ENTRIES: u64 = 256;
/// Nor are fewer bytes of entries.
const MIN_BYTES: u64 = 256 << 10;
/// So many times the bytes of the last one must have come since.
const FACTOR: u64 = 2;
/// A device waits at least this long before it makes one, and at most twice as long: mostly one of several does.
const WAIT_MS: u64 = 60_000;
/// The same when others wait for it.
const SHORT_WAIT_MS: u64 = 2_000;
/// After a failure none is made for this long.
const HOLD_MS: u64 = 600_000;

/// What a device knows of its group's snapshots.
#[derive(Default)]
pub(super) struct Snapshots {
    pub(super) state: SnapshotState,
    pub(super) making: Option<Making>,
    pub(super) taking: Option<Taking>,
    /// What this device learns before it goes on without what the relay has dropped.
    alone: Option<Alone>,
    /// When one is to be made, if all stays as it is.
    due_at: Option<Timestamp>,
    /// None is made before.
    hold_until: Option<Timestamp>,
    /// The last one that this device finished: its entry comes by in the log and is not stored.
    own: Option<EntryId>,
    /// Those that could not be used.
    unusable: Vec<EntryId>,
    /// One that came by while another was being taken.
    next: Option<VerifiedEntry>,
    /// The state differs from what is stored.
    changed: bool,
}

impl Snapshots {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.due_at
    }

    /// Whether this is the entry of a snapshot that this device has made.
    pub(super) fn is_own(&self, id: &EntryId) -> bool {
        self.own == Some(*id)
    }

    /// The relay has forgotten some of its log: a snapshot that is still there comes by again.
    pub(super) fn forget_what_stands(&mut self) {
        // One that was begun before says nothing about what the relay has forgotten.
        self.making = None;
        self.own = None;
        self.changed |= self.state.known.take().is_some();
    }

    /// Entries came by in the log.
    pub(super) fn note_entry(&mut self, bytes: u64) {
        self.state.entries_since += 1;
        self.state.bytes_since += bytes;
        self.changed = true;
    }
}

impl Group {
    /// The keys under which what was sealed in this epoch may open.
    pub(super) fn snapshot_keys(&self, epoch: Epoch) -> Vec<SecretKey> {
        self.secrets.epochs.of(epoch).cloned().collect()
    }

    fn may_make(&self) -> bool {
        self.membership.may_write(&self.secrets.device.device_id()) && !self.keeps_too_large_aside()
    }
}

impl Machine {
    /// Makes one when it is due or asked for, takes one that is offered, and asks the relay for what is needed next.
    pub(super) fn go_on_with_snapshots(&mut self) {
        if !self.opened || !matches!(self.phase, super::Phase::Open) {
            return;
        }
        self.plan_snapshot();
        self.ask_for_snapshot();
        self.put_snapshot();
    }

    fn plan_snapshot(&mut self) {
        let wait = self.snapshot_wait();
        let now = self.now;
        let asked = self.sync.waiters.iter().any(|waiter| matches!(waiter.what, Wait::Snapshot));
        let Some(group) = &mut self.sync.group else { return };
        let snapshots = &mut group.snapshots;
        if snapshots.making.is_some() {
            snapshots.due_at = None;
            return;
        }
        let due = match wait {
            None => {
                snapshots.due_at = None;
                false
            }
            Some(wait_ms) => {
                let random = || now.plus_ms(wait_ms + self.rng.below(wait_ms));
                // A clock that was set back must not make the wait longer.
                let at = snapshots.due_at.map_or_else(random, |at| at.min(now.plus_ms(2 * wait_ms)));
                snapshots.due_at = Some(at);
                at <= now
            }
        };
        if !due && !asked {
            return;
        }
        if self.may_begin_snapshot() {
            self.begin_snapshot();
        } else if due && let Some(group) = &mut self.sync.group {
            group.snapshots.due_at = Some(now.plus_ms(1_000));
        }
    }

    /// How long to wait before one is made; `None` when none is needed.
    fn snapshot_wait(&self) -> Option<u64> {
        let (group, link) = self.sync.group.as_ref().zip(self.sync.link.as_ref())?;
        let SnapshotState { covered, known, entries_since, bytes_since, dropped, .. } = &group.snapshots.state;
        link.limits.max_snapshot_bytes?;
        if self.holds_snapshots() || !link.caught_up || !group.may_make() {
            return None;
        }
        let known = known.as_ref().filter(|known| Some(known.log) == link.log);
        // Without one, others cannot know what stands below the entries that we have; nor can a relay that lost its log.
        let refills = group.place.refill_from.is_some();
        // Of somebody who may not write any more nobody rests on it, but if it left by itself; then, too, another is better: the relay drops nothing by it.
        let usable = known.is_some_and(|known| group.membership.may_write(&known.author));
        let lacks = !usable && (*covered || link.floor.is_some() || known.is_some());
        if lacks || self.owes_snapshot() || refills && (*covered || *dropped == Some(true)) {
            return Some(SHORT_WAIT_MS);
        }
        let enough = known.map_or(0, |known| known.bytes).saturating_mul(FACTOR).max(MIN_BYTES);
        (*entries_since >= MIN_ENTRIES && *bytes_since >= enough).then_some(WAIT_MS)
    }

    /// Everything that the log has is applied or kept aside here, everything of ours stands in it, and all of that is committed.
    fn may_begin_snapshot(&self) -> bool {
        let Some((group, link)) = self.sync.group.as_ref().zip(self.sync.link.as_ref()) else { return false };
        let idle = !self.has_uncommitted() && self.tasks.is_empty();
        let followed = self.link_is_open() && link.caught_up && group.place == group.stored;
        let whole = group.snapshots.taking.is_none() && self.pending() == 0;
        let at_head = group.place.cursor == link.head && group.place.log.is_some() && group.place.log == link.log;
        idle && followed && whole && at_head && group.may_make() && link.limits.max_snapshot_bytes.is_some()
    }

    /// The newest snapshot that is known is this one.
    pub(super) fn note_snapshot(&mut self, entry: &VerifiedEntry) {
        let (Some(group), Some(manifest)) = (&mut self.sync.group, entry.manifest()) else { return };
        let (id, log, cursor, author) = (entry.id(), manifest.log, manifest.cursor, entry.author());
        let state = &mut group.snapshots.state;
        if state.known.as_ref().is_some_and(|known| known.log == log && known.cursor >= cursor) {
            return;
        }
        state.known = Some(KnownSnapshot { id, log, cursor, bytes: manifest.bytes(), author });
        state.entries_since = 0;
        state.bytes_since = 0;
        group.snapshots.changed = true;
    }

    /// Whether a snapshot by this device may be rested on.
    pub(super) fn is_believed(&self, author: &DeviceId) -> bool {
        self.sync.group.as_ref().is_some_and(|group| group.membership.is_believed(author))
    }

    /// A snapshot's entry came by in the log. It may hold what entries that are kept aside wait for; and when it covers entries that
    /// are `unknown` here, because the log before this one was lost with them, it is the only way to what they did.
    pub(super) fn snapshot_in_log(&mut self, entry: &VerifiedEntry, unknown: bool) {
        self.note_snapshot(entry);
        let (Some(group), Some(manifest)) = (&self.sync.group, entry.manifest()) else { return };
        let waits = unknown || group.quarantine.values().any(|kept| kept.reason.may_pass());
        let own = group.secrets.device.device_id() == entry.author();
        let here = group.place.log == Some(manifest.log);
        if waits && here && !own && !group.snapshots.unusable.contains(&entry.id()) {
            match group.snapshots.taking {
                None => self.begin_taking(entry.clone()),
                // It may hold what the one before does not.
                Some(_) => self.take_next(entry.clone()),
            }
        }
    }

    /// Writes what is remembered into the batch, if it changed.
    pub(super) fn write_snapshot_state(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        if !std::mem::take(&mut group.snapshots.changed) {
            return;
        }
        let row = encode(&group.snapshots.state);
        let key = keys::snapshot_state(group.state.generation);
        // It counts what came by in the log, so it goes with most of what the relay says.
        self.batch.word.insert(key.clone());
        self.rows.write(&mut self.batch.rows, key, Some(row.into()));
    }

    /// What an app may know of it.
    pub(super) fn snapshot_info(&self) -> Option<SnapshotInfo> {
        let Snapshots { state, making, taking, .. } = &self.sync.group.as_ref()?.snapshots;
        let known = state.known.as_ref();
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some(SnapshotInfo {
            began_from: state.covered,
            cursor: known.map_or(0, |known| known.cursor.get()),
            bytes: known.map_or(0, |known| known.bytes),
            entries_since: state.entries_since,
            bytes_since: state.bytes_since,
            making: making.as_ref().map(|making| small(making.parts())),
            taking: taking.as_ref().map(|taking| taking.progress().0),
            parts: taking.as_ref().map(|taking| small(taking.progress().1)),
        })
    }

    /// Answers who waited for a snapshot that is finished.
    fn tell_snapshot(&mut self, reply: &Reply) {
        let waiters = std::mem::take(&mut self.sync.waiters);
        let (waited, kept): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| matches!(waiter.what, Wait::Snapshot));
        self.sync.waiters = kept;
        for waiter in waited {
            self.answer_after_commit(&waiter.client, waiter.call, Outcome::Ok(reply.clone()));
        }
    }

    /// What is being made is given up.
    fn give_up_making(&mut self, failure: Failure) {
        let until = self.now.plus_ms(HOLD_MS);
        let Some(group) = &mut self.sync.group else { return };
        group.snapshots.making = None;
        group.snapshots.hold_until = Some(until);
        self.fail_waiters(&failure, |what| matches!(what, Wait::Snapshot));
    }

    /// Whether the next entries of the log are of no use before a snapshot is here.
    pub(super) fn waits_for_snapshot(&self) -> bool {
        let Some(group) = &self.sync.group else { return false };
        let taking = group.snapshots.taking.as_ref();
        group.snapshots.alone.is_some() || taking.is_some_and(|taking| taking.covers() > group.place.cursor)
    }

    /// Whether this device gives a relay that lost its log a snapshot instead of entries: it does not have them all.
    pub(super) fn gives_snapshot(&self) -> bool {
        let Some((group, link)) = self.sync.group.as_ref().zip(self.sync.link.as_ref()) else { return false };
        let may = group.may_make() && link.limits.max_snapshot_bytes.is_some();
        let lacks = group.snapshots.state.covered || group.snapshots.state.dropped == Some(true);
        lacks && may
    }

    /// The relay got the entries that are here. What else there is (it is known by a snapshot only, was let go of, or is aside and may be in no log) follows in a
    /// snapshot, as soon as one can be made.
    pub(super) fn gave_entries(&mut self) {
        self.note_aside_in_no_log();
        let Some(group) = &mut self.sync.group else { return };
        let state = &mut group.snapshots.state;
        if state.covered || state.dropped == Some(true) || !group.quarantine.is_empty() {
            group.snapshots.changed |= state.owes.replace(true) != Some(true);
        }
    }

    /// Whether the relay is to get a snapshot that can be made now.
    pub(super) fn owes_snapshot(&self) -> bool {
        let Some((group, link)) = self.sync.group.as_ref().zip(self.sync.link.as_ref()) else { return false };
        let can = group.may_make() && link.limits.max_snapshot_bytes.is_some() && !self.holds_snapshots();
        group.snapshots.state.owes == Some(true) && can
    }

    /// Entries were dropped here, though their ids are known.
    pub(super) fn note_dropped_entries(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        group.snapshots.changed |= group.snapshots.state.dropped.replace(true) != Some(true);
    }

    /// Entries were let go of as if a snapshot had covered them.
    pub(super) fn note_covered_entries(&mut self) {
        let Some(group) = &mut self.sync.group else { return };
        let state = &mut group.snapshots.state;
        group.snapshots.changed |= !state.covered || state.dropped != Some(true);
        state.covered = true;
        state.dropped = Some(true);
    }

    fn holds_snapshots(&self) -> bool {
        let until = self.sync.group.as_ref().and_then(|group| group.snapshots.hold_until);
        // A clock that was set back must not make the wait longer.
        until.is_some_and(|until| self.now < until && until <= self.now.plus_ms(HOLD_MS))
    }
}

fn unusable(what: &str) -> Failure {
    Failure::new(ErrorCode::SnapshotUnusable, what)
}
