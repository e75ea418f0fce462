//! Building indexes and deleting the rows of dropped ones, in steps: each is one task and one part of one batch, with the mark
//! that says how far it came.

use super::super::rows::{Missing, parse_document};
use super::super::task::ScanSlot;
use super::unique::Claims;
use super::{Machine, value_of};
use crate::api::Event;
use crate::document::Value;
use crate::document::state::DocumentRowRef;
use crate::index::{IndexDef, IndexState};
use crate::store::keys::{indexes_range, parse_definitions_key, value_key, value_range};
use crate::store::{Range, RowValue, Rows};

/// Documents that one step of building looks at, and their bytes.
const STEP_ROWS: u32 = 1_000;
const STEP_BYTES: usize = 1 << 20;
/// A step of building stops early when it made so many bytes of rows.
const STEP_WRITTEN_BYTES: usize = 4 << 20;
/// Rows of a dropped index that one step deletes, and their bytes.
const SWEEP_ROWS: u32 = 5_000;
const SWEEP_BYTES: usize = 1 << 20;

impl Machine {
    /// One step of what is due first: dropped indexes, then new ones, then rows that no definition knows.
    pub(in crate::machine) fn index_step(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let find = |is: fn(&IndexDef) -> bool| {
            let mut all = self.indexes.of.iter().flat_map(|(name, all)| all.iter().map(move |index| (name, index)));
            all.find(|(_, index)| is(index)).map(|(name, index)| (name.clone(), index.clone()))
        };
        if let Some((collection, index)) = find(|index| index.state == IndexState::Dropped) {
            self.sweep_index(&collection, &index, scan)?;
        } else if let Some((collection, index)) = find(|index| index.state != IndexState::Ready) {
            self.build_indexes(&collection, &index, scan)?;
        } else {
            self.sweep_orphans(scan)?;
        }
        // What wrote nothing goes on at once: no commit will come that would make the machine look again.
        self.batch.index_step = !self.batch.rows.is_empty();
        Ok(())
    }

    /// Brings every index of the collection that is as far as this one some documents further.
    fn build_indexes(&mut self, collection: &str, first: &IndexDef, scan: &mut ScanSlot) -> Result<(), Missing> {
        let IndexState::Building(through) = &first.state else { return Ok(()) };
        let mut range = value_range(collection).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if !through.is_empty() {
            range = range.after(&value_key(collection, through));
        }
        let rows = self.scan_rows(scan, &range)?;
        let claims = self.claims_of_unbuilt(collection, first, &rows);
        if let Err(missing) = self.load_claims(&claims) {
            *scan = Some((range, rows));
            return Err(missing);
        }
        let Some(mut indexes) = self.take_indexes(collection) else { return Ok(()) };
        let room = self.batch.rows.byte_len() + STEP_WRITTEN_BYTES;
        let (mut last, mut documents, mut more) = (None, 0, rows.more);
        let mut left = rows.rows.into_iter().peekable();
        while let Some((key, row)) = left.next() {
            let Some((_, id)) = parse_document(&key) else { continue };
            if let Some(document) = document(&row) {
                documents += 1;
                for index in indexes.iter_mut().filter(|index| index.state == first.state) {
                    self.index_change(index, &id, None, Some(&document));
                }
            }
            last = Some(id);
            if self.batch.rows.byte_len() > room && left.peek().is_some() {
                more = true;
                break;
            }
        }
        let state = match (more, last) {
            (true, Some(last)) => IndexState::Building(last),
            (true, None) | (false, _) => IndexState::Ready,
        };
        for index in indexes.iter_mut().filter(|index| index.state == first.state) {
            index.state = state.clone();
            index.documents += documents;
        }
        self.set_indexes(collection, indexes);
        self.tell_conflicts(&claims);
        let (collection, indexes) = (collection.to_owned(), self.index_infos(collection));
        self.batch.event(Event::Indexes { collection, indexes });
        Ok(())
    }

    /// What these documents claim in the unique indexes that are as far as `first`.
    fn claims_of_unbuilt(&self, collection: &str, first: &IndexDef, rows: &Rows) -> Claims {
        let mut claims = Claims::default();
        let unique = self.index_catalog(collection).iter().filter(|index| index.unique && index.state == first.state);
        for index in unique {
            for (key, row) in &rows.rows {
                let (Some((_, id)), Some(document)) = (parse_document(key), document(row)) else { continue };
                index.keys(&id, &document).iter().for_each(|key| claims.gain(collection, index, key, &id));
            }
        }
        claims
    }

    fn sweep_index(&mut self, collection: &str, index: &IndexDef, scan: &mut ScanSlot) -> Result<(), Missing> {
        if self.sweep_rows(index.range(), scan)? {
            return Ok(());
        }
        let mut indexes = self.take_indexes(collection).unwrap_or_default();
        indexes.retain(|each| each.number != index.number);
        self.set_indexes(collection, indexes);
        Ok(())
    }

    /// Deletes rows of numbers that no definition has, from one such number to the next, and at the end the definitions that
    /// could not be read.
    fn sweep_orphans(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let from = self.indexes.orphans_from;
        let known = self.indexes.of.values().flatten().map(|index| index.number);
        let next = known.filter(|number| *number >= from).min();
        if next != Some(from) && self.sweep_rows(indexes_range(from, next), scan)? {
            return Ok(());
        }
        if let Some(after) = next.and_then(|next| next.checked_add(1)) {
            self.indexes.orphans_from = after;
            return Ok(());
        }
        for key in std::mem::take(&mut self.indexes.unreadable) {
            // One that was declared again meanwhile is readable now.
            let known = parse_definitions_key(&key).is_ok_and(|name| self.indexes.of.contains_key(&name));
            if !known {
                self.rows.write_beside(&mut self.batch.rows, &[], key, None);
            }
        }
        self.indexes.orphans_from = 0;
        Ok(())
    }

    /// Deletes the first rows of a range; `true` when there are more.
    fn sweep_rows(&mut self, range: Range, scan: &mut ScanSlot) -> Result<bool, Missing> {
        let rows = self.scan_rows(scan, &range.limit(SWEEP_ROWS).max_bytes(SWEEP_BYTES))?;
        for (key, _) in rows.rows {
            self.rows.write_beside(&mut self.batch.rows, &[], key, None);
        }
        Ok(rows.more)
    }
}

/// The document of a row, if there is one that can be read.
fn document(row: &RowValue) -> Option<Value> {
    let row = DocumentRowRef::decode(row.present()?).ok()?;
    value_of(row.deleted, row.value).flatten()
}
