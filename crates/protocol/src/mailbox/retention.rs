//! What a relay may forget: entries that a snapshot covers, once they are old and every active device has them; snapshots
//! that a newer one replaces; parts of snapshots that were never finished.
//!
//! It goes round all groups in bounded steps ([`Mailbox::tidy`]), called by whoever has a clock. Nothing is dropped that
//! an active device lacks, nor without a finished snapshot by somebody who may write. Control entries are kept for ever, and
//! of each dropped entry the log's prefix, so that a device that was away can still tell whether this is the log it knew.

use super::store::{LogStore, Place, StoredSnapshot};
use super::{Mailbox, Problem};
use crate::ids::{Cursor, DeviceId, GroupId, Timestamp};

const DAY_MS: u64 = 24 * 3_600_000;
/// Entries looked at in one step.
const STEP_ENTRIES: u32 = 1_000;
/// Parts whose room is freed in one step.
const STEP_PARTS: u32 = 32;
/// A device that stands where it stood is written down again after this long.
const PLACE_EVERY_MS: u64 = 3_600_000;

/// How long what a snapshot covers is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Entries are kept at least this long, in milliseconds; 7 days unless set.
    pub keep_ms: u64,
    /// A device that connected within this time is waited for, in milliseconds; 90 days unless set.
    pub active_ms: u64,
    /// A snapshot that is not finished after this long is given up, in milliseconds; a day unless set.
    pub unfinished_ms: u64,
    /// A snapshot is kept this long after a newer one was finished, in milliseconds; a day unless set.
    pub replaced_ms: u64,
    /// A round begins this long after the one before it ended, in milliseconds; ten minutes unless set.
    pub every_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep_ms: 7 * DAY_MS,
            active_ms: 90 * DAY_MS,
            unfinished_ms: DAY_MS,
            replaced_ms: DAY_MS,
            every_ms: 600_000,
        }
    }
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tidied {
    /// Entries that were dropped.
    pub entries: u32,
    /// The round is not over: another step may follow at once.
    pub more: bool,
}

/// How far the present round is.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// It is under way, and the groups up to this one are done.
    under_way: Option<Option<GroupId>>,
    ended_at: Option<Timestamp>,
}

impl<S: LogStore> Mailbox<S> {
    /// Keeps things for another time from now on.
    pub fn retain(&mut self, retention: Retention) {
        self.config.retention = retention;
    }

    /// One bounded step of forgetting. Belongs to the open transaction: [`Mailbox::commit`] must follow.
    pub fn tidy(&mut self, now: Timestamp) -> Tidied {
        if self.broken.is_some() {
            return Tidied::default();
        }
        match self.tidy_step(now) {
            Ok(tidied) => tidied,
            // A step refuses nothing.
            Err(Problem::Refused(_)) => Tidied::default(),
            Err(Problem::Store(error)) => {
                self.broken = Some(error);
                Tidied::default()
            }
        }
    }

    fn tidy_step(&mut self, now: Timestamp) -> Result<Tidied, Problem<S::Error>> {
        let waits = |ended: &Timestamp| *ended <= now && now.ms_since(*ended) < self.config.retention.every_ms;
        if self.round.under_way.is_none() && self.round.ended_at.as_ref().is_some_and(waits) {
            return Ok(Tidied::default());
        }
        self.begin(now)?;
        let after = match self.round.under_way {
            Some(after) => after,
            None => {
                let old = earlier(now, self.config.retention.unfinished_ms);
                self.store.drop_uploads_begun_before(old).map_err(Problem::Store)?;
                self.round.under_way = Some(None);
                None
            }
        };
        if self.store.sweep_parts(STEP_PARTS).map_err(Problem::Store)? {
            return Ok(Tidied { entries: 0, more: true });
        }
        let Some(group) = self.store.next_group_with_snapshot(after.as_ref()).map_err(Problem::Store)? else {
            self.round = Round { under_way: None, ended_at: Some(now) };
            return Ok(Tidied::default());
        };
        let (entries, more) = self.tidy_group(group, now)?;
        if !more {
            self.round.under_way = Some(Some(group));
        }
        Ok(Tidied { entries, more: true })
    }

    /// How many entries were dropped, and whether there may be more to drop.
    fn tidy_group(&mut self, group: GroupId, now: Timestamp) -> Result<(u32, bool), Problem<S::Error>> {
        let usable = self.usable_snapshots(group)?;
        let Some(newest) = usable.first() else { return Ok((0, false)) };
        // What somebody made who has left holds what was dropped because of it. More is dropped when somebody who may write has made another.
        if !self.group(group)?.is_some_and(|known| known.membership.may_write(&newest.author)) {
            return Ok((0, false));
        }
        let replaced = now.ms_since(newest.finished_at) >= self.config.retention.replaced_ms;
        let kept: &[StoredSnapshot] = if replaced { std::slice::from_ref(newest) } else { &usable };
        if replaced {
            for snapshot in self.store.snapshots(&group).map_err(Problem::Store)? {
                if snapshot.id != newest.id {
                    self.store.drop_snapshot(&group, &snapshot.id).map_err(Problem::Store)?;
                }
            }
        }
        let covered = kept.iter().map(|snapshot| snapshot.covers).min().unwrap_or(Cursor::ZERO);
        let through = self.had_by_active_devices(group, now)?.map_or(covered, |had| had.min(covered));
        let before = earlier(now, self.config.retention.keep_ms).plus_ms(1);
        let dropped = self.store.drop_covered(&group, through, before, STEP_ENTRIES).map_err(Problem::Store)?;
        // What is cached of the group says how many bytes it has and where its floor is.
        self.groups.remove(&group);
        Ok((dropped.entries, dropped.more))
    }

    /// What every active member has; `None` when nobody is active.
    fn had_by_active_devices(&mut self, group: GroupId, now: Timestamp) -> Result<Option<Cursor>, Problem<S::Error>> {
        let places = self.store.places(&group).map_err(Problem::Store)?;
        let active_ms = self.config.retention.active_ms;
        let Some(known) = self.group(group)? else { return Ok(Some(Cursor::ZERO)) };
        // Of a member that never asked nothing is known before places were written down for as long.
        let unknown = Place { cursor: Cursor::ZERO, at: known.info.places_since };
        let members = known.membership.members().map(|(device, _)| places.get(device).unwrap_or(&unknown));
        Ok(members.filter(|place| now.ms_since(place.at) < active_ms).map(|place| place.cursor).min())
    }

    /// The device says that it has everything up to here.
    pub(super) fn note_place(
        &mut self,
        group: GroupId,
        device: &DeviceId,
        cursor: Cursor,
        now: Timestamp,
    ) -> Result<(), Problem<S::Error>> {
        let known = self.store.place(&group, device).map_err(Problem::Store)?;
        let same = |place: Place| place.cursor == cursor && now.ms_since(place.at) < PLACE_EVERY_MS;
        if known.is_some_and(same) {
            return Ok(());
        }
        self.store.note_place(&group, device, Place { cursor, at: now }).map_err(Problem::Store)
    }
}

/// So many milliseconds earlier; stays at the beginning of time.
fn earlier(time: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_ms(time.as_ms().saturating_sub(ms))
}
