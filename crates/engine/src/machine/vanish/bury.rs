//! Which deleted documents may vanish, and what stays of them: a marker, by which what comes back is known.

use super::super::documents::Stop;
use super::super::parts::{Parted, Whole};
use super::super::rows::{Missing, chunk_unit, parse_document};
use super::super::task::ScanSlot;
use super::super::{Machine, keys};
use super::from;
use crate::document::edit::{self, BEGINNING_BYTES, Beginning, Merged};
use crate::document::state::{ChunkSpan, DocumentRowRef};
use crate::document::{DocumentRow, Value};
use crate::group::{BuriedDocument, DataPayload, MAX_CHANGE_BYTES, Marker};
use crate::store::keys::value_key;
use crate::store::{Key, Range, RowValue};
use crate::time::Timestamp;
use ashore_protocol::gather::Gather;
use std::collections::BTreeSet;

/// The tag of value rows. See [`crate::store::keys::value_key`].
const VALUE_TAG: u8 = b'v';
/// Documents compared in one step, and the bytes of their rows.
const STEP_ROWS: u32 = 500;
const STEP_BYTES: usize = 512 << 10;
/// Tombstones that wait for something of this device are looked at again after this long.
const PENDING_MS: u64 = 60_000;
/// A document with a longer history is not buried in a group: what is written over its tombstone elsewhere must bring all of it along, in one entry.
const MAX_BURIED_BYTES: usize = MAX_CHANGE_BYTES / 2;
/// A marker names at most so many beginnings: a document has as many as devices made it at the same time, or wrote over its tombstone.
const MAX_BEGINNINGS: usize = 1_024;

/// A document that may vanish.
pub(super) struct Burial {
    collection: String,
    id: String,
    beginnings: BTreeSet<Beginning>,
    chunks: Vec<Key>,
}

/// Why a deleted document is still here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::machine) enum Held {
    /// It can still be undone until then.
    Until(Timestamp),
    /// Something of it is not at the relay yet, or entries are kept aside that may be about it.
    Pending,
    /// Members have not seen it: entries with lower numbers than one behind this are needed.
    Unseen(u64),
    /// It was deleted here only, or a part of it stays here.
    Local,
    /// Nothing: it goes with the next pass.
    Nothing,
}

impl Machine {
    /// Why a tombstone is still here.
    pub(in crate::machine) fn held(&self, row: &DocumentRowRef<'_>, key: &Key, since: u64) -> Held {
        // What stays here of a document that others have deleted is kept for the case that somebody edited it at the same time: nobody did.
        let only_here = row.parts.is_some_and(|parts| !(parts.deleted || parts.is_absent() && row.heads.is_empty()));
        if !row.deleted || only_here {
            return Held::Local;
        }
        // A clock that was set back must not make the wait longer: a pass writes that it begins again.
        let until = Timestamp::from_ms(since.min(self.now.as_ms())).plus_ms(self.vanish.settings.keep_ms());
        if until > self.now {
            return Held::Until(until);
        }
        let Some(group) = self.sync.group.as_ref().filter(|_| !row.heads.is_empty()) else { return Held::Nothing };
        let aside = group.quarantine.values().any(|kept| kept.reason.may_pass()) || group.upkeep.needs.vouching;
        let Some(made_by) = group.made_by(row, key).filter(|_| !aside && !group.behind) else { return Held::Pending };
        match group.seen_by_all() {
            Some(below) if made_by >= below => Held::Unseen(made_by),
            _ => Held::Nothing,
        }
    }

    /// What of a document vanishes now; `None`: nothing yet.
    pub(super) fn may_bury(&mut self, collection: &str, id: &str, since: u64) -> Result<Option<Burial>, Missing> {
        let (key, unit) = (value_key(collection, id), chunk_unit(collection, id));
        let Some(row) = self.rows.one(&key)? else {
            return Ok(Some(Burial {
                collection: collection.to_owned(),
                id: id.to_owned(),
                beginnings: BTreeSet::new(),
                chunks: vec![],
            }));
        };
        let Some(row) = row.present().and_then(|bytes| DocumentRowRef::decode(bytes).ok().map(|row| row.to_owned()))
        else {
            return Ok(None);
        };
        let bytes = row.encode();
        let Ok(held) = DocumentRowRef::decode(&bytes).map(|row| self.held(&row, &key, since)) else { return Ok(None) };
        // What is pending passes without anybody seeing more.
        let uncommitted = self.rows.is_uncommitted(&key);
        let again = match held {
            Held::Until(at) => Some(at),
            Held::Pending => Some(self.now.plus_ms(PENDING_MS)),
            Held::Nothing if uncommitted => Some(self.now.plus_ms(PENDING_MS)),
            Held::Nothing | Held::Unseen(_) | Held::Local => None,
        };
        if let Some(at) = again {
            self.vanish.due_at = Some(self.vanish.due_at.map_or(at, |due| due.min(at)));
        }
        if held != Held::Nothing || uncommitted {
            return Ok(None);
        }
        let (chunks, marker) = (self.rows.all(unit), self.marker(collection, id));
        let (chunks, marker) = (chunks?, marker?);
        let bytes: Vec<&[u8]> = chunks.iter().filter_map(|(_, row)| row.present()).map(|bytes| &bytes[..]).collect();
        if self.sync.group.is_some() && bytes.iter().map(|chunk| chunk.len()).sum::<usize>() > MAX_BURIED_BYTES {
            return Ok(None);
        }
        let mut beginnings = match edit::beginnings(&bytes) {
            Ok(beginnings) => beginnings,
            Err(_) if row.heads.is_empty() => BTreeSet::new(),
            // What cannot be read could not be known when it comes back.
            Err(_) => return Ok(None),
        };
        beginnings.extend(marker.unwrap_or_default());
        if beginnings.len() > MAX_BEGINNINGS {
            return Ok(None);
        }
        let chunks = chunks.into_iter().map(|(key, _)| key).collect();
        Ok(Some(Burial { collection: collection.to_owned(), id: id.to_owned(), beginnings, chunks }))
    }

    /// Its rows go; a marker stays where there is a group.
    pub(super) fn bury(&mut self, burial: Burial) {
        let Burial { collection, id, beginnings, chunks } = burial;
        let value = value_key(&collection, &id);
        for key in chunks.into_iter().chain([value, keys::tombstone(&collection, &id)]) {
            self.rows.write(&mut self.batch.rows, key, None);
        }
        self.write_marker(&collection, &id, &beginnings);
        self.vanish.to_do.entries_from = Some(0);
        self.write_to_do();
    }

    /// Writes what a document's marker names from now on; nothing: there is none.
    pub(super) fn write_marker(&mut self, collection: &str, id: &str, beginnings: &BTreeSet<Beginning>) {
        let Some(group) = self.sync.group.as_ref() else { return };
        let name = Marker::name_of(group.state.group, collection, id);
        let key = keys::buried(group.state.generation, &name);
        if beginnings.is_empty() {
            // Where there never was one nothing is written.
            if self.rows.known(&key).flatten().is_some() {
                self.rows.write(&mut self.batch.rows, key, None);
            }
            return;
        }
        self.rows.write(
            &mut self.batch.rows,
            key,
            Some(beginnings.iter().flatten().copied().collect::<Vec<u8>>().into()),
        );
        self.write_by_a_new_name();
        if self.vanish.to_do.markers != Some(true) {
            self.vanish.to_do.markers = Some(true);
            self.write_to_do();
        }
    }

    fn marker_key(&self, collection: &str, id: &str) -> Option<Key> {
        let group = self.sync.group.as_ref().filter(|_| self.vanish.to_do.markers == Some(true))?;
        Some(keys::buried(group.state.generation, &Marker::name_of(group.state.group, collection, id)))
    }

    /// The beginnings of documents of this name that were buried.
    pub(in crate::machine) fn marker(
        &mut self,
        collection: &str,
        id: &str,
    ) -> Result<Option<BTreeSet<Beginning>>, Missing> {
        let Some(key) = self.marker_key(collection, id) else { return Ok(None) };
        Ok(self.rows.one(&key)?.as_ref().and_then(RowValue::present).map(|bytes| parse_beginnings(bytes)))
    }

    /// The same, if it is in memory: [`Machine::load_staged`] has read it.
    pub(in crate::machine) fn known_marker(&mut self, collection: &str, id: &str) -> Option<BuriedDocument> {
        let key = self.marker_key(collection, id)?;
        let row = self.rows.known(&key)??;
        let beginnings = row.present()?.to_vec().into();
        Some(BuriedDocument { collection: collection.to_owned(), id: id.to_owned(), beginnings })
    }

    /// Takes in what others say was buried: all that is needed is loaded first. What is alive here is sent whole when an entry says nothing else: then it
    /// answers something that could not be taken in without. A document of which nothing is said to be gone is asked for.
    pub(in crate::machine) fn take_buried(&mut self, opened: &DataPayload) -> Result<(), Missing> {
        let buried = opened.buried.as_deref().unwrap_or_default();
        let asks = opened.changes.is_empty();
        let mut missing = false;
        let mut loaded = Vec::new();
        for document in buried.iter().filter(|document| document.is_sound()) {
            let (collection, id) = (&document.collection, &document.id);
            let known = self.rows_of_marker(collection, id);
            let staged = self.load_staged(collection, id);
            match (known, staged) {
                (Ok(known), Ok(staged)) => loaded.push((document, known, staged)),
                (Err(Missing), _) | (_, Err(Stop::Missing(_))) => missing = true,
                (Ok(_), Err(Stop::Failed(_))) => {}
            }
        }
        if missing {
            return Err(Missing);
        }
        let mut told = BTreeSet::new();
        for (document, mut beginnings, staged) in loaded {
            let (collection, id) = (&document.collection, &document.id);
            let more = parse_beginnings(&document.beginnings);
            if asks && more.is_empty() {
                self.is_asked_for(collection, id);
                // What the same entry told may have left something out of it just now.
                let Ok(staged) = self.load_staged(collection, id) else { continue };
                if let Some(row) = staged.row().filter(|row| !row.heads.is_empty()) {
                    self.send_whole(&value_key(collection, id), (collection, id), row.clone());
                } else if !beginnings.is_empty() && !told.contains(&(collection, id)) {
                    // It is gone here: who asked may still show something of it, unless it says itself what is gone.
                    self.must_tell(collection, id);
                }
                continue;
            }
            // Who knows of more than was told tells that all the same.
            if beginnings.is_subset(&more) {
                self.is_told(collection, id);
                told.insert((collection, id));
            }
            if more.is_subset(&beginnings) || beginnings.len() + more.len() > MAX_BEGINNINGS {
                continue;
            }
            beginnings.extend(more);
            self.leave_out_here((collection, id), staged.row(), &staged.chunks(), beginnings, asks);
        }
        Ok(())
    }

    fn rows_of_marker(&mut self, collection: &str, id: &str) -> Result<BTreeSet<Beginning>, Missing> {
        let Some(group) = &self.sync.group else { return Ok(BTreeSet::new()) };
        let key = keys::buried(group.state.generation, &Marker::name_of(group.state.group, collection, id));
        Ok(self
            .rows
            .one(&key)?
            .as_ref()
            .and_then(RowValue::present)
            .map_or_else(BTreeSet::new, |bytes| parse_beginnings(bytes)))
    }

    /// What is here of a buried document goes; a later document of the same name stays, and so does one that is alive: that has no marker.
    fn leave_out_here(
        &mut self,
        (collection, id): (&str, &str),
        row: Option<&DocumentRow>,
        chunks: &[&[u8]],
        buried: BTreeSet<Beginning>,
        asks: bool,
    ) {
        let row = row.filter(|row| !row.heads.is_empty()).cloned();
        // What cannot be read stays as it is.
        let divided = row.as_ref().map(|_| edit::divide_here(chunks, &buried).unwrap_or_default()).unwrap_or_default();
        let marker = if divided.alive { buried.difference(&divided.beginnings).copied().gather() } else { buried };
        self.write_marker(collection, id, &marker);
        let Some(row) = row else { return };
        let key = value_key(collection, id);
        if divided.alive && asks {
            self.send_whole(&key, (collection, id), row);
            return;
        }
        if !divided.left_out {
            return;
        }
        let rest = match edit::merge(None, &divided.kept) {
            Ok(Merged::Changed { row, write }) if !divided.kept.is_empty() => Some((row, write)),
            _ => None,
        };
        let (left, writes) = rest.map_or((None, vec![]), |(row, write)| (Some(row), vec![write]));
        let Some(left) = self.with_own_part(collection, &row, chunks, left) else { return };
        for number in row.chunks.first..=row.chunks.last {
            let key = crate::store::keys::chunk_key(collection, id, u64::from(number));
            self.rows.write(&mut self.batch.rows, key, None);
        }
        let shown = !row.deleted;
        if let Some(left) = left {
            let (sent_with, received_with) = (row.sent_with, row.received_with);
            let sent_with = if left.heads.is_empty() { 0 } else { sent_with };
            let left = DocumentRow { sent_with, received_with, ..left };
            self.store_document(&key, collection, id, Some(&left), writes);
        } else {
            let (value, chunks) = (Value::empty().to_bytes(), ChunkSpan::NONE);
            let gone = DocumentRow { heads: vec![], deleted: true, value, chunks, parts: None, ..row };
            self.store_document(&key, collection, id, Some(&gone), vec![]);
            self.rows.write(&mut self.batch.rows, key, None);
            self.rows.write(&mut self.batch.rows, keys::tombstone(collection, id), None);
        }
        if shown {
            self.batch.changed(collection, id, true);
        }
        self.vanish.to_do.entries_from = Some(0);
        self.write_to_do();
    }

    /// The row of what is left of a document. The part that never left is this device's own: it stays, unless it is hidden below a delete already. `None`: what is
    /// declared of the collection cannot be read.
    fn with_own_part(
        &self,
        collection: &str,
        row: &DocumentRow,
        chunks: &[&[u8]],
        left: Option<DocumentRow>,
    ) -> Option<Option<DocumentRow>> {
        let Some(parts) = &row.parts else { return Some(left) };
        let declared = self.readable_declarations(collection)?.of(parts.number);
        let held = Parted { row, chunks, was: &declared }.held().ok()?;
        let stays = held.stays.filter(|_| held.shown);
        if left.is_none() && stays.is_none() {
            return Some(None);
        }
        let travels = left.as_ref().and_then(|row| Value::decode(&row.value).ok()).unwrap_or_else(Value::empty);
        let whole = Whole {
            alone: left,
            travels: &travels,
            stays: stays.as_ref(),
            tainted: parts.tainted,
            rebuilt: parts.rebuilt,
        };
        Some(Some(whole.row(&declared, &self.seen_key)))
    }

    /// A document that is here and was buried elsewhere goes into an entry whole.
    fn send_whole(&mut self, key: &Key, (collection, id): (&str, &str), mut row: DocumentRow) {
        let may = self.sync.group.as_ref().is_some_and(|group| group.membership.may_write(&group.me()));
        if may && self.travels_now(key) {
            self.fall_behind(Some(&mut row));
            self.store_document(key, collection, id, Some(&row), vec![]);
        }
    }

    /// Markers came with a snapshot.
    pub(in crate::machine) fn with_markers(&mut self, markers: &[Marker]) -> Result<Vec<(Key, Vec<u8>)>, Missing> {
        let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else { return Ok(vec![]) };
        let sound: Vec<&Marker> = markers.iter().filter(|marker| marker.is_sound()).collect();
        let rows: Vec<_> = sound.iter().map(|marker| self.rows.one(&keys::buried(generation, &marker.name))).collect();
        let mut written = Vec::new();
        for (marker, row) in sound.into_iter().zip(rows) {
            let row = row?;
            let mut all =
                row.as_ref().and_then(RowValue::present).map_or_else(BTreeSet::new, |bytes| parse_beginnings(bytes));
            let more = parse_beginnings(&marker.beginnings);
            if !more.is_subset(&all) && all.len() + more.len() <= MAX_BEGINNINGS {
                all.extend(more);
                written.push((keys::buried(generation, &marker.name), all.into_iter().flatten().collect()));
            }
        }
        Ok(written)
    }

    /// Writes them, and has the documents here compared with them.
    pub(in crate::machine) fn take_markers(&mut self, written: Vec<(Key, Vec<u8>)>) {
        if written.is_empty() {
            return;
        }
        for (key, row) in written {
            self.rows.write(&mut self.batch.rows, key, Some(row.into()));
        }
        self.write_by_a_new_name();
        self.vanish.to_do.markers = Some(true);
        self.vanish.to_do.compare = Some(true);
        self.vanish.comparing = None;
        self.write_to_do();
    }

    /// A step of comparing all documents with the markers.
    pub(super) fn compare_with_markers(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let all = Range::prefix([VALUE_TAG]).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        let range = from(all, self.vanish.comparing.as_ref());
        let (rows, rest) = self.scan_part(scan, &range)?;
        let mut missing = false;
        let mut found = Vec::new();
        for (key, _) in &rows.rows {
            let Some((collection, id)) = parse_document(key) else { continue };
            match self.marker(&collection, &id) {
                Ok(Some(beginnings)) => match self.load_staged(&collection, &id) {
                    Ok(staged) => found.push((collection, id, beginnings, staged)),
                    Err(Stop::Missing(_)) => missing = true,
                    Err(Stop::Failed(_)) => {}
                },
                Ok(None) => {}
                Err(Missing) => missing = true,
            }
        }
        if missing {
            *scan = Some((range, rows));
            return Err(Missing);
        }
        for (collection, id, beginnings, staged) in found {
            self.leave_out_here((&collection, &id), staged.row(), &staged.chunks(), beginnings, false);
        }
        self.vanish.comparing = rest.map(|rest| rest.start);
        if self.vanish.comparing.is_none() {
            self.vanish.to_do.compare = None;
            self.write_to_do();
        }
        Ok(())
    }
}

fn parse_beginnings(bytes: &[u8]) -> BTreeSet<Beginning> {
    bytes.chunks_exact(BEGINNING_BYTES).filter_map(|chunk| Beginning::try_from(chunk).ok()).gather()
}
