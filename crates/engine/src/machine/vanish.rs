//! True delete: once every member has seen that a document was deleted, its content and the mark of its deletion vanish from this device.
//!
//! Every deleted document has a row that says since when. A pass over these rows looks, whenever more was seen or the time that deletes can be
//! undone is over, which of them nobody needs any more ([`bury`]); then the entries that carried nothing else go ([`prune`]). What stays is a
//! marker: a hash of the document's name and of the changes that began it, by which a copy that comes back is known and left out.

mod aged;
mod bury;
mod prune;
mod tell;

pub(super) use bury::Held;
pub(super) use tell::Returned;

use super::rows::Missing;
use super::task::{ScanSlot, Task};
use super::{Machine, keys};
use crate::document::DocumentRow;
use crate::document::state::DocumentRowRef;
use crate::store::{Key, Range, RowValue};
use crate::time::Timestamp;
use ashore_protocol::codec::{decode, encode};
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// So long a delete can be undone, whoever has seen it, unless the app says otherwise.
pub(super) const KEEP_MS: u64 = 24 * 3_600_000;
/// A member of which nothing was heard for so long is said to be idle, unless the app says otherwise.
pub(super) const IDLE_MS: u64 = 90 * 24 * 3_600_000;
/// Tombstones looked at in one step.
const STEP_ROWS: u32 = 200;

/// What the app decided; part of the settings' row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct RetentionSettings {
    #[n(0)]
    pub(super) keep_deleted_ms: Option<u64>,
    #[n(1)]
    pub(super) idle_ms: Option<u64>,
    /// Entries that came longer ago go from the local log. `None`: they stay.
    #[n(2)]
    pub(super) keep_entries_ms: Option<u64>,
}

impl RetentionSettings {
    pub(super) fn keep_ms(self) -> u64 {
        self.keep_deleted_ms.unwrap_or(KEEP_MS)
    }

    pub(super) fn idle_ms(self) -> u64 {
        self.idle_ms.unwrap_or(IDLE_MS)
    }
}

/// What is still to be done after a crash; its row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct ToDo {
    /// Entries from this local sequence number on are to be looked at: they may carry nothing but what is buried.
    #[n(0)]
    entries_from: Option<u64>,
    /// Markers came with a snapshot: documents here are to be compared with them.
    #[n(1)]
    compare: Option<bool>,
    /// There are markers.
    #[n(2)]
    markers: Option<bool>,
    /// Buried documents of which changes came, or which others write without knowing: they must hear of it.
    #[n(3)]
    untold: Option<BTreeSet<Name>>,
    /// Documents of which changes are missing: who has them is asked to send them whole.
    #[n(4)]
    wanted: Option<BTreeSet<Name>>,
    /// How far letting go of old entries is.
    #[n(5)]
    aged: Option<aged::Aged>,
}

/// A document, by its collection and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
struct Name {
    #[n(0)]
    collection: String,
    #[n(1)]
    id: String,
}

/// How far vanishing is.
#[derive(Default)]
pub(super) struct Vanish {
    pub(super) settings: RetentionSettings,
    to_do: ToDo,
    /// There may be tombstones.
    tombstones: bool,
    /// What everybody had seen at the last pass.
    floor: Option<u64>,
    /// When the next tombstone may go.
    due_at: Option<Timestamp>,
    /// A pass is under way, from this key on.
    passing: Option<Option<Key>>,
    comparing: Option<Key>,
    tell_at: Option<Timestamp>,
    /// It is time to tell.
    telling: bool,
    /// It is time to let go of old entries.
    letting_go: bool,
}

impl Machine {
    /// When something of this is due.
    pub(super) fn vanish_deadline(&self) -> Option<Timestamp> {
        if !self.opened {
            return None;
        }
        let pass = self.vanish.due_at.filter(|_| self.vanish.tombstones && self.vanish.passing.is_none());
        let tell = self.vanish.tell_at.filter(|_| self.sync.link.is_some() && !self.vanish.telling);
        [pass, tell, self.aged_deadline()].into_iter().flatten().min()
    }

    /// What is still to be done is read when the database opens.
    pub(super) fn open_vanish(&mut self) -> Result<(), Missing> {
        let generation = self.sync.group.as_ref().map_or(0, |group| group.state.generation);
        let first = self.rows.once(keys::tombstones().limit(1));
        let to_do = self.rows.one(&keys::vanish(generation));
        let (first, to_do) = match (first, to_do) {
            (Ok(first), Ok(to_do)) => (first, to_do),
            _ => return Err(Missing),
        };
        self.vanish.tombstones = !first.is_empty();
        self.vanish.due_at = self.vanish.tombstones.then_some(self.now);
        let to_do = to_do.as_ref().and_then(RowValue::present).and_then(|bytes| decode(bytes).ok());
        self.vanish.to_do = to_do.unwrap_or_default();
        Ok(())
    }

    pub(super) fn configure_retention(
        &mut self,
        keep_deleted_seconds: Option<u64>,
        idle_seconds: Option<u64>,
        keep_entries_seconds: Option<u64>,
    ) {
        let ms = |seconds: u64| seconds.saturating_mul(1_000).min(100 * 365 * 24 * 3_600_000);
        let settings = &mut self.vanish.settings;
        settings.keep_deleted_ms = keep_deleted_seconds.map(ms).or(settings.keep_deleted_ms);
        settings.idle_ms = idle_seconds.map(ms).or(settings.idle_ms);
        settings.keep_entries_ms = keep_entries_seconds.map(ms).or(settings.keep_entries_ms);
        self.vanish.due_at = Some(self.now);
        self.write_settings();
    }

    fn write_to_do(&mut self) {
        let generation = self.sync.group.as_ref().map_or(0, |group| group.state.generation);
        let row = encode(&self.vanish.to_do);
        self.rows.write(&mut self.batch.rows, keys::vanish(generation), Some(row.into()));
    }

    /// A document is written as this row: it becomes a tombstone, or is none any more.
    pub(super) fn note_tombstone(&mut self, key: &Key, collection: &str, id: &str, row: &DocumentRow) {
        let before = self.rows.known(key);
        let was = match &before {
            Some(None) => Some(false),
            Some(Some(RowValue::Present(bytes))) => DocumentRowRef::decode(bytes).ok().map(|row| row.deleted),
            Some(Some(RowValue::Corrupt)) | None => None,
        };
        if was == Some(row.deleted) {
            return;
        }
        let tombstone = keys::tombstone(collection, id);
        if !row.deleted {
            self.rows.write(&mut self.batch.rows, tombstone, None);
            return;
        }
        self.rows.write(&mut self.batch.rows, tombstone, Some(self.now.as_ms().to_be_bytes().into()));
        let due = self.now.plus_ms(self.vanish.settings.keep_ms());
        self.vanish.tombstones = true;
        self.vanish.due_at = Some(self.vanish.due_at.map_or(due, |at| at.min(due)));
    }

    /// Begins a pass when one may find something, and tells others what must not come back.
    pub(super) fn go_on_with_vanishing(&mut self) {
        if !self.opened || !matches!(self.phase, super::Phase::Open) {
            return;
        }
        self.plan_telling();
        self.plan_letting_go();
        let floor = self.seen_floor();
        let vanish = &mut self.vanish;
        let due = vanish.due_at.is_some_and(|at| at <= self.now) || vanish.floor != floor;
        if vanish.tombstones && vanish.passing.is_none() && due {
            vanish.passing = Some(None);
            vanish.floor = floor;
            vanish.due_at = None;
        }
    }

    /// What every other member has seen; everything, where there is none.
    fn seen_floor(&self) -> Option<u64> {
        let group = self.sync.group.as_ref()?;
        Some(group.seen_by_all().unwrap_or(u64::MAX))
    }

    /// A step of what is to be done, when nothing else is.
    pub(super) fn vanish_task(&self) -> Option<Task> {
        let idle = self.committing.is_none() && self.batch.writes_nothing();
        let waits = self.vanish.passing.is_some() || self.vanish.to_do.compare == Some(true);
        let prunes = self.vanish.to_do.entries_from.is_some() && self.sync.group.is_some();
        let waits = waits || self.vanish.telling || self.vanish.letting_go;
        (idle && (waits || prunes)).then_some(Task::Vanish(None))
    }

    pub(super) fn vanish_step(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        if self.vanish.telling {
            return self.tell_buried();
        }
        if let Some(after) = self.vanish.passing.clone() {
            return self.look_at_tombstones(scan, after);
        }
        if self.vanish.to_do.compare == Some(true) {
            return self.compare_with_markers(scan);
        }
        if self.vanish.to_do.entries_from.is_some() {
            return self.prune_entries(scan);
        }
        self.let_go_of_entries(scan)
    }

    /// Another group: nothing of what was to be done in the one before is.
    pub(super) fn forget_group_to_do(&mut self) {
        self.vanish.to_do = ToDo::default();
    }

    /// A step of the pass over tombstones.
    fn look_at_tombstones(&mut self, scan: &mut ScanSlot, after: Option<Key>) -> Result<(), Missing> {
        let all = keys::tombstones().limit(STEP_ROWS);
        let range = from(all, after.as_ref());
        let (rows, rest) = self.scan_part(scan, &range)?;
        let mut missing = false;
        let mut ready = Vec::new();
        let now = self.now.as_ms();
        let mut ahead = Vec::new();
        for (key, row) in &rows.rows {
            let Some((collection, id)) = keys::parse_tombstone(key) else { continue };
            let since = row.present().and_then(|bytes| bytes[..].try_into().ok()).map_or(0, u64::from_be_bytes);
            // The clock was set back: the wait begins again, instead of lasting until then.
            let since = if since > now {
                ahead.push(key.clone());
                now
            } else {
                since
            };
            match self.may_bury(&collection, &id, since) {
                Ok(Some(burial)) => ready.push(burial),
                Ok(None) => {}
                Err(Missing) => missing = true,
            }
        }
        if missing {
            *scan = Some((range, rows));
            return Err(Missing);
        }
        for key in ahead {
            self.rows.write(&mut self.batch.rows, key, Some(now.to_be_bytes().into()));
        }
        for burial in ready {
            self.bury(burial);
        }
        // What is left begins behind the last row that was read, whether that is still there or not.
        self.vanish.passing = rest.map(|rest| Some(rest.start));
        if self.vanish.passing.is_none() && after.is_none() && rows.rows.is_empty() {
            self.vanish.tombstones = false;
        }
        Ok(())
    }
}

/// What of a range begins at this key.
fn from(range: Range, start: Option<&Key>) -> Range {
    match start {
        Some(start) => Range { start: start.clone(), ..range },
        None => range,
    }
}
