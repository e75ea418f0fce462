//! Entries that came long ago go from the local log, if the app wants that: a relay has them, or a snapshot of what they did.
//!
//! What stays of an entry is the beginning of its id, as if a snapshot had covered it. So everything goes on as on a device that began from one: the entry is
//! known as a parent, it is applied again should the relay be read from its start, and a relay that lost its log gets a snapshot. No device
//! lets go of entries that could not make one.
//!
//! An entry does not say when it was made. So marks remember which local sequence number came next at what time.

use super::super::rows::Missing;
use super::super::task::ScanSlot;
use super::super::{Machine, keys};
use crate::store::Key;
use crate::time::Timestamp;
use ashore_protocol::hash::entry_id;
use ashore_protocol::header::{Entry, EntryKind};
use ashore_protocol::ids::EntryId;
use minicbor::{Decode, Encode};

/// Entries looked at in one step, and their bytes. Each step writes up to 256 rows of beginnings, so it had better be long.
const STEP_ROWS: u32 = 4_096;
const STEP_BYTES: usize = 4 << 20;
/// Marks are set so far apart: a part of the time that entries are kept, within these bounds.
const MARKS: u64 = 16;
const LEAST_MS: u64 = 60_000;
const MOST_MS: u64 = 24 * 3_600_000;

/// Entries with lower local sequence numbers were here at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Mark {
    #[n(0)]
    at: u64,
    #[n(1)]
    below: u64,
}

/// How far letting go is. A part of the row of what is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Aged {
    /// No entry with a lower local sequence number is here that could go.
    #[n(0)]
    gone_below: u64,
    /// In the order in which they were set.
    #[n(1)]
    marks: Vec<Mark>,
    /// Where the last mark stood, also when it is over.
    #[n(2)]
    marked_below: u64,
}

impl Aged {
    /// When the next mark is to be set, if anything came since the last.
    fn next_mark(&self, next_sequence: u64, keep_ms: u64) -> Option<Timestamp> {
        let apart = (keep_ms / MARKS).clamp(LEAST_MS, MOST_MS);
        let at = self.marks.last().map_or(0, |mark| mark.at.saturating_add(apart));
        (next_sequence > self.marked_below).then_some(Timestamp::from_ms(at))
    }

    fn set_mark(&mut self, now: Timestamp, next_sequence: u64) {
        self.marks.push(Mark { at: now.as_ms(), below: next_sequence });
        self.marked_below = next_sequence;
    }

    /// When the entries before the first mark have been here for long enough.
    fn due(&self, keep_ms: u64) -> Option<Timestamp> {
        self.marks.first().map(|mark| Timestamp::from_ms(mark.at).plus_ms(keep_ms))
    }

    /// A clock that was set back begins the wait anew, instead of making it longer.
    fn not_after(&mut self, now: Timestamp) -> bool {
        let ahead = self.marks.iter_mut().filter(|mark| mark.at > now.as_ms());
        ahead.map(|mark| mark.at = now.as_ms()).count() > 0
    }
}

impl Machine {
    /// When something of this is due.
    pub(super) fn aged_deadline(&self) -> Option<Timestamp> {
        let (group, keep_ms) = self.sync.group.as_ref().zip(self.vanish.settings.keep_entries_ms)?;
        let aged = self.vanish.to_do.aged.clone().unwrap_or_default();
        let due = aged.due(keep_ms).filter(|_| !self.vanish.letting_go && self.may_let_go());
        [aged.next_mark(group.state.next_sequence, keep_ms), due].into_iter().flatten().min()
    }

    /// Sets a mark, and begins to let go of what stands before the first, when it is time.
    pub(super) fn plan_letting_go(&mut self) {
        let Some((group, keep_ms)) = self.sync.group.as_ref().zip(self.vanish.settings.keep_entries_ms) else {
            self.vanish.letting_go = false;
            return;
        };
        let (now, next_sequence) = (self.now, group.state.next_sequence);
        let mut aged = self.vanish.to_do.aged.clone().unwrap_or_default();
        let mut changed = aged.not_after(now);
        if aged.next_mark(next_sequence, keep_ms).is_some_and(|at| at <= now) {
            aged.set_mark(now, next_sequence);
            changed = true;
        }
        let due = aged.due(keep_ms).is_some_and(|at| at <= now);
        if changed {
            self.vanish.to_do.aged = Some(aged);
            self.write_to_do();
        }
        self.vanish.letting_go = due && self.may_let_go();
    }

    /// Whether the group and the relay can do without entries here: all is in step, nothing is kept aside, a snapshot stands in the relay's
    /// log by somebody who may write, and this device could make another.
    fn may_let_go(&self) -> bool {
        let Some((group, link)) = self.sync.group.as_ref().zip(self.sync.link.as_ref()) else { return false };
        let known = group.snapshots.state.known.as_ref().filter(|known| Some(known.log) == link.log);
        let stands = known.is_some_and(|known| group.membership.may_write(&known.author));
        let makes = link.limits.max_snapshot_bytes.is_some() && group.membership.may_write(&group.me());
        stands && makes && group.snapshots.making.is_none() && group.quarantine.is_empty() && self.in_step()
    }

    /// A step of letting go.
    pub(super) fn let_go_of_entries(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let aged = self.vanish.to_do.aged.clone().unwrap_or_default();
        let (Some(group), Some(mark)) = (&self.sync.group, aged.marks.first().copied()) else { return Ok(()) };
        let generation = group.state.generation;
        let mut range = keys::entries(generation).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        range.start = keys::entry(generation, aged.gone_below);
        range.end = Some(keys::entry(generation, mark.below));
        let rows = self.scan_rows(scan, &range)?;
        let Some(group) = &self.sync.group else { return Ok(()) };
        let (mut gone, mut named): (Vec<(Key, EntryId)>, Option<u64>) = (Vec::new(), None);
        for (key, row) in &rows.rows {
            let (Some(sequence), Some(bytes)) = (keys::sequence(key), row.present()) else { continue };
            let is_data = Entry::decode(bytes).is_ok_and(|entry| entry.header().kind == EntryKind::Data);
            let id = entry_id(bytes);
            // What is written next names the tips, and whoever vouches for them looks at them; what the relay did not take may be given to it still. They go later.
            if is_data && (group.state.tips.contains(&id) || group.may_yet_give(sequence)) {
                named = named.or(Some(sequence));
            } else if is_data {
                gone.push((key.clone(), id));
            }
        }
        let beginnings: Vec<u8> = gone.iter().flat_map(|(_, id)| super::super::snapshot::beginning(id)).collect();
        let covered = match self.with_covered(generation, &beginnings) {
            Ok(covered) => covered,
            Err(Missing) => {
                *scan = Some((range, rows));
                return Err(Missing);
            }
        };
        for (first, row) in covered {
            let bytes: Vec<u8> = row.into_iter().flatten().collect();
            self.rows.write(&mut self.batch.rows, keys::covered(generation, first), Some(bytes.into()));
        }
        if !gone.is_empty() {
            self.note_covered_entries();
        }
        for (key, id) in gone {
            self.rows.write(&mut self.batch.rows, key, None);
            self.rows.write(&mut self.batch.rows, keys::entry_index(generation, &id), None);
        }
        let last = rows.rows.last().filter(|_| rows.more).and_then(|(key, _)| keys::sequence(key));
        let aged = self.vanish.to_do.aged.get_or_insert_default();
        match last {
            Some(last) => aged.gone_below = last + 1,
            None => {
                aged.gone_below = named.unwrap_or(mark.below);
                aged.marks.remove(0);
            }
        }
        self.vanish.letting_go = false;
        self.write_to_do();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Aged, LEAST_MS, Mark};
    use crate::time::Timestamp;

    #[test]
    fn marks_are_set_apart_and_only_when_something_came() {
        let mut aged = Aged::default();
        assert_eq!(aged.next_mark(0, 0), None, "nothing came");
        assert_eq!(aged.next_mark(5, 0), Some(Timestamp::from_ms(0)), "the first at once");
        aged.set_mark(Timestamp::from_ms(1_000), 5);
        assert_eq!(aged.next_mark(5, 0), None);
        assert_eq!(aged.next_mark(6, 0), Some(Timestamp::from_ms(1_000 + LEAST_MS)));
        assert_eq!(aged.next_mark(6, 32 * LEAST_MS), Some(Timestamp::from_ms(1_000 + 2 * LEAST_MS)));
        assert_eq!(aged.due(7), Some(Timestamp::from_ms(1_007)));
        aged.marks.clear();
        assert_eq!(aged.next_mark(5, 0), None, "no mark twice at one place");
    }

    #[test]
    fn a_clock_that_was_set_back_begins_the_wait_anew() {
        let mut aged = Aged { marks: vec![Mark { at: 50, below: 1 }, Mark { at: 90, below: 2 }], ..Aged::default() };
        assert!(aged.not_after(Timestamp::from_ms(60)));
        assert_eq!(aged.marks, [Mark { at: 50, below: 1 }, Mark { at: 60, below: 2 }]);
        assert!(!aged.not_after(Timestamp::from_ms(60)));
    }
}
