//! The rows the machine holds in memory: what was loaded, what was written, and what is still missing.
//!
//! Rows are cached in *units*: one row, or all chunks of one document. A task asks for units; those that are not here are
//! noted, loaded together, and the task runs again. At most one load is under way, so that no older answer can arrive after
//! a newer write; nothing is evicted while one is.

use crate::store::{Key, LostRange, Range, RowValue, Rows, StoreBatch, Value};
use ashore_protocol::gather::{Gather, sorted_by};
use std::collections::{BTreeMap, BTreeSet};

/// Some rows are not in memory: load what was noted, then try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing;

/// The tag of chunk rows, which are cached by document. See [`crate::store::keys::chunk_key`].
const CHUNK_TAG: u8 = b'a';
const CHUNK_NUMBER_BYTES: usize = 8;

/// Memory for rows; the least recently used units go first.
const BUDGET_BYTES: usize = 48 << 20;

/// What a unit costs besides its bytes.
const UNIT_BYTES: usize = 96;

#[derive(Debug, Default)]
struct Unit {
    rows: BTreeMap<Key, RowValue>,
    used: u64,
    bytes: usize,
}

/// Cached units and the writes that a scan's answer may not know of yet.
#[derive(Debug, Default)]
pub(super) struct RowCache {
    units: BTreeMap<Key, Unit>,
    bytes: usize,
    clock: u64,
    wanted: BTreeMap<Key, Range>,
    /// Written since the last load was asked for, or not committed yet; with the batch that wrote it.
    recent: BTreeMap<Key, (Option<Value>, u64)>,
    /// The batch that gathers now, and the newest committed one.
    gathering: u64,
    committed: u64,
    loading: bool,
    /// Units read from the store though they may be in memory, and those that are to be read so.
    aside: BTreeMap<Key, Vec<(Key, RowValue)>>,
    wanted_aside: BTreeMap<Key, Range>,
    /// Keys that were lost once and have been looked after since.
    forgiven: Vec<LostRange>,
}

impl RowCache {
    pub(super) fn new() -> Self {
        Self { gathering: 1, ..Self::default() }
    }

    /// One row. `None`: there is none.
    pub(super) fn one(&mut self, key: &Key) -> Result<Option<RowValue>, Missing> {
        match self.unit(Range::one(key.clone())) {
            Ok(unit) => Ok(unit.rows.get(key).cloned()),
            Err(missing) => Err(missing),
        }
    }

    /// One row if it is in memory; nothing is noted to be loaded. `None` inside: there is none.
    pub(super) fn known(&mut self, key: &Key) -> Option<Option<RowValue>> {
        let unit = self.units.get_mut(key)?;
        unit.used = self.clock;
        Some(unit.rows.get(key).cloned())
    }

    /// Keeps a row that a scan has read: as the store has it, with every write since.
    pub(super) fn keep(&mut self, key: Key, row: Value) {
        if let std::collections::btree_map::Entry::Vacant(unit) = self.units.entry(key.clone()) {
            let bytes = key.len() + row.len();
            self.bytes += bytes;
            unit.insert(Unit { rows: BTreeMap::from([(key, RowValue::Present(row))]), used: self.clock, bytes });
        }
    }

    /// All rows of a unit that is a whole range, such as a document's chunks.
    pub(super) fn all(&mut self, range: Range) -> Result<Vec<(Key, RowValue)>, Missing> {
        self.unit(range).map(|unit| unit.rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn unit(&mut self, range: Range) -> Result<&Unit, Missing> {
        self.clock += 1;
        let clock = self.clock;
        match self.units.get_mut(&range.start) {
            Some(unit) => {
                unit.used = clock;
                Ok(unit)
            }
            None => {
                self.wanted.insert(range.start.clone(), range);
                Err(Missing)
            }
        }
    }

    /// Writes a row: seen at once, and put into `batch`. A unit that is not cached stays so, unless it is this one row.
    pub(super) fn write(&mut self, batch: &mut StoreBatch, key: Key, value: Option<Value>) {
        let start = unit_start(&key);
        if start == key || self.units.contains_key(&start) {
            let unit = self.units.entry(start).or_default();
            let before = unit.bytes;
            match &value {
                Some(value) => drop(unit.rows.insert(key.clone(), RowValue::Present(value.clone()))),
                None => drop(unit.rows.remove(&key)),
            }
            unit.bytes = size_of(&unit.rows);
            unit.used = self.clock;
            self.bytes = self.bytes + unit.bytes - before;
        }
        self.recent.insert(key.clone(), (value.clone(), self.gathering));
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        }
    }

    /// Writes a row of the unit that begins at `start`, which stays as it is in memory: cached with the row, or not at all.
    pub(super) fn write_beside(&mut self, batch: &mut StoreBatch, start: &[u8], key: Key, value: Option<Value>) {
        if let Some(unit) = self.units.get_mut(start) {
            let before = unit.bytes;
            match &value {
                Some(value) => drop(unit.rows.insert(key.clone(), RowValue::Present(value.clone()))),
                None => drop(unit.rows.remove(&key)),
            }
            unit.bytes = size_of(&unit.rows);
            self.bytes = self.bytes + unit.bytes - before;
        }
        self.recent.insert(key.clone(), (value.clone(), self.gathering));
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        }
    }

    /// All rows of a unit that is needed only this once.
    pub(super) fn once(&mut self, range: Range) -> Result<Vec<(Key, RowValue)>, Missing> {
        let start = range.start.clone();
        let rows = self.all(range)?;
        self.units.remove(&start).inspect(|unit| self.bytes -= unit.bytes);
        Ok(rows)
    }

    /// All rows of a unit as the store has them, with every write since, whatever is in memory. They stay until
    /// [`RowCache::end_aside`].
    pub(super) fn aside(&mut self, range: Range) -> Result<Vec<(Key, RowValue)>, Missing> {
        match self.aside.get(&range.start) {
            Some(rows) => Ok(rows.clone()),
            None => {
                self.wanted_aside.insert(range.start.clone(), range);
                Err(Missing)
            }
        }
    }

    /// One row in the way of [`RowCache::aside`].
    pub(super) fn one_aside(&mut self, key: &Key) -> Result<Option<RowValue>, Missing> {
        self.aside(Range::one(key.clone())).map(|rows| rows.into_iter().next().map(|(_, row)| row))
    }

    /// What was read aside is not needed any more.
    pub(super) fn end_aside(&mut self) {
        self.aside.clear();
        self.wanted_aside.clear();
    }

    /// What is missing in these ranges was lost once and is known to be: it reads as absent.
    pub(super) fn forgive(&mut self, lost: Vec<LostRange>) {
        self.forgiven = lost;
    }

    /// The document at these chunks is new: its unit is known to be empty.
    pub(super) fn note_empty(&mut self, range: &Range) {
        self.units.entry(range.start.clone()).or_default();
    }

    /// The batch that gathered is closed: writes belong to the next from now on.
    pub(super) fn close_batch(&mut self) -> u64 {
        let closed = self.gathering;
        self.gathering += 1;
        closed
    }

    /// Everything up to and including this batch is in the store.
    pub(super) fn committed(&mut self, batch: u64) {
        self.committed = batch;
        self.tidy();
    }

    /// What has been asked for and is not here; a load of it is under way from now on.
    pub(super) fn take_wanted(&mut self) -> Vec<Range> {
        self.loading = true;
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.extend(self.wanted_aside.clone());
        wanted.into_values().collect()
    }

    /// A load starts that asks for no units.
    pub(super) fn loading(&mut self) {
        self.loading = true;
    }

    /// The answer to [`RowCache::take_wanted`].
    pub(super) fn loaded(&mut self, ranges: &[Range], answers: &[Rows]) {
        for (range, answer) in ranges.iter().zip(answers) {
            let is_aside = self.wanted_aside.remove(&range.start).is_some();
            if self.units.contains_key(&range.start) && !is_aside {
                continue;
            }
            // From a vector, as in `merged`: each kind of iterator would bring a sort of its own.
            let loaded = answer.rows.to_vec();
            let mut rows: BTreeMap<Key, RowValue> = loaded.into_iter().collect();
            let mut lost = answer.lost.iter().filter(|lost| !self.forgiven.contains(lost));
            if !is_aside && lost.any(|lost| lost.touches(range)) && rows.is_empty() {
                rows.insert(range.start.clone(), RowValue::Corrupt);
            }
            // Rows that were written while the load was under way and belong to a unit that was not cached.
            for (key, (value, _)) in self.recent.range(range.start.clone()..).take_while(|(key, _)| range.contains(key))
            {
                match value {
                    Some(value) => drop(rows.insert(key.clone(), RowValue::Present(value.clone()))),
                    None => drop(rows.remove(key)),
                }
            }
            if is_aside {
                self.aside.insert(range.start.clone(), rows.into_iter().collect());
                continue;
            }
            let bytes = size_of(&rows);
            self.bytes += bytes;
            self.units.insert(range.start.clone(), Unit { rows, used: self.clock, bytes });
        }
    }

    /// The load is over, and what needed it has run.
    pub(super) fn load_ended(&mut self) {
        self.loading = false;
        self.tidy();
    }

    /// A scan's answer with the writes that it may not know of.
    pub(super) fn merged(&self, range: &Range, answer: Rows) -> Rows {
        let Rows { rows, more, mut lost } = answer;
        lost.retain(|lost| !self.forgiven.contains(lost));
        let last = rows.last().map(|(key, _)| key.clone());
        let mut merged: BTreeMap<Key, RowValue> = rows.into_iter().collect();
        for (key, (value, _)) in self.recent.range(range.start.clone()..).take_while(|(key, _)| range.contains(key)) {
            if more && last.as_ref().is_none_or(|last| key > last) {
                break;
            }
            match value {
                Some(value) => drop(merged.insert(key.clone(), RowValue::Present(value.clone()))),
                None => drop(merged.remove(key)),
            }
        }
        Rows { rows: merged.into_iter().collect(), more, lost }
    }

    /// Whether this row is written but not known to be committed.
    pub(super) fn is_uncommitted(&self, key: &Key) -> bool {
        self.recent.get(key).is_some_and(|(_, batch)| *batch > self.committed)
    }

    /// Bytes of cached rows.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes
    }

    fn tidy(&mut self) {
        if self.loading {
            return;
        }
        let committed = self.committed;
        self.recent.retain(|_, (_, batch)| *batch > committed);
        if self.bytes + self.units.len() * UNIT_BYTES > BUDGET_BYTES {
            self.evict();
        }
    }

    /// Drops the least recently used units until three quarters of the budget are left. What is not committed stays.
    fn evict(&mut self) {
        let dirty: BTreeSet<Key> = self.recent.keys().map(unit_start).gather();
        let by_use: Vec<(u64, Key)> = self
            .units
            .iter()
            .filter(|(key, _)| !dirty.contains(*key))
            .map(|(key, unit)| (unit.used, key.clone()))
            .collect();
        for (_, key) in sorted_by(by_use, Ord::cmp) {
            if self.bytes + self.units.len() * UNIT_BYTES <= BUDGET_BYTES / 4 * 3 {
                return;
            }
            if let Some(unit) = self.units.remove(&key) {
                self.bytes -= unit.bytes;
            }
        }
    }
}

/// The key under which the unit of this row is cached.
fn unit_start(key: &Key) -> Key {
    match key.split_last_chunk::<CHUNK_NUMBER_BYTES>() {
        Some((prefix, _)) if key.first() == Some(&CHUNK_TAG) => Key::from(prefix),
        _ => key.clone(),
    }
}

fn size_of(rows: &BTreeMap<Key, RowValue>) -> usize {
    rows.iter().map(|(key, value)| key.len() + value.present().map_or(0, |value| value.len())).sum()
}

/// The chunks of one document as a unit.
pub(super) fn chunk_unit(collection: &str, id: &str) -> Range {
    crate::store::keys::chunk_range(collection, id)
}

/// The document that a value row's key names.
pub(super) fn parse_document(key: &Key) -> Option<(String, String)> {
    crate::store::keys::parse_value_key(key).ok()
}
