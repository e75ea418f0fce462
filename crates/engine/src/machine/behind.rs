//! A bounded outbox: when it is full, documents that are edited are not put into entries change by change. Their rows say so,
//! and when there is room again each goes into an entry whole, however many edits that are.
//!
//! What is in the outbox stays there: an entry may be at the relay already, and later ones name it as their parent.

use super::Machine;
use super::announce::Whole;
use super::batch::Effect;
use super::documents::{Staged, Stop};
use super::rows::{Missing, parse_document};
use super::task::{ScanSlot, Task};
use crate::api::{Event, Failure};
use crate::document::DocumentRow;
use crate::document::state::{BEHIND, DocumentRowRef};
use crate::group::{Announced, DocumentChange};
use crate::store::{Key, Range, RowValue};

/// The most entries that wait in the outbox, but for those of the batch that fills it.
pub(super) const OUTBOX_CAP: usize = 10_000;
/// Rows looked at in one step, their bytes, and the documents that one step puts into entries.
const STEP_ROWS: u32 = 2_000;
const STEP_BYTES: usize = 512 << 10;
/// The tag of value rows. See [`crate::store::keys::value_key`].
const VALUE_TAG: u8 = b'v';

/// A document's row, and what an entry carries of it.
type CaughtUp = (Option<DocumentRow>, Whole);

impl Machine {
    /// Whether a change may still go into an entry of its own.
    pub(super) fn outbox_has_room(&self) -> bool {
        self.sync.group.as_ref().is_none_or(|group| group.outbox.len() < self.outbox_cap)
    }

    /// Whether a document with this mark waits to be put into an entry whole: the outbox was full, or the entry that carried it
    /// was lost before the relay had it.
    pub(super) fn is_behind(&self, sent_with: u64) -> bool {
        let lost = self.mending.resend.as_ref();
        sent_with == BEHIND || lost.is_some_and(|lost| (lost.from..lost.until).contains(&sent_with))
    }

    /// This document goes into an entry whole, later.
    pub(super) fn fall_behind(&mut self, row: Option<&mut DocumentRow>) {
        if let Some(row) = row {
            row.sent_with = BEHIND;
        }
        let Some(group) = &mut self.sync.group else { return };
        group.more_behind = true;
        if group.state.behind != Some(true) {
            group.state.behind = Some(true);
            self.batch.group_changed = true;
        }
        self.batch.effects.push(Effect::Behind(true));
    }

    /// Putting documents into entries whole, once the outbox is half empty and everything else is announced.
    pub(super) fn behind_task(&self) -> Option<Task> {
        let group = self.sync.group.as_ref()?;
        let idle = self.committing.is_none() && self.batch.rows.is_empty();
        let room = group.outbox.len() <= self.outbox_cap / 2;
        let due = group.state.behind == Some(true) && group.state.announced == Announced::All && !group.announcing;
        (idle && room && due && !self.declarations_are_lost()).then_some(Task::CatchUp(None))
    }

    /// One step of the pass over all documents that finds those that are behind.
    pub(super) fn catch_up(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let mut range = Range::prefix([VALUE_TAG]).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if let Some(through) = &group.caught_up_through {
            range = range.after(through);
        }
        let begins = group.caught_up_through.is_none();
        let rows = self.scan_rows(scan, &range)?;
        let mut documents: Vec<(Key, String, String, Result<CaughtUp, Failure>)> = Vec::new();
        let mut missing = None;
        for (key, row) in &rows.rows {
            let RowValue::Present(bytes) = row else { continue };
            let behind = DocumentRowRef::decode(bytes).is_ok_and(|row| self.is_behind(row.sent_with));
            let Some((collection, id)) = parse_document(key).filter(|_| behind) else { continue };
            let whole = self.load_staged(&collection, &id).and_then(|staged| {
                let row = staged.row().cloned();
                Ok((row, self.whole(&collection, staged)?))
            });
            match whole {
                Ok(whole) => documents.push((key.clone(), collection, id, Ok(whole))),
                Err(Stop::Missing(not_here)) => missing = Some(not_here),
                Err(Stop::Failed(failure)) => documents.push((key.clone(), collection, id, Err(failure))),
            }
        }
        if let Some(missing) = missing {
            *scan = Some((range, rows));
            return Err(missing);
        }
        if let Some(group) = self.sync.group.as_mut().filter(|_| begins) {
            group.more_behind = false;
        }
        for (key, collection, id, staged) in documents {
            self.catch_up_one(&key, &collection, &id, staged);
        }
        let last = rows.rows.last().map(|(key, _)| key.clone());
        let Some(group) = &mut self.sync.group else { return Ok(()) };
        group.caught_up_through = last.filter(|_| rows.more);
        group.announcing = true;
        let behind = group.caught_up_through.is_some() || group.more_behind;
        if !behind {
            group.state.behind = None;
            self.all_is_sent_again();
        }
        self.batch.group_changed = true;
        self.batch.effects.push(Effect::Behind(behind));
        Ok(())
    }

    fn catch_up_one(&mut self, key: &Key, collection: &str, id: &str, whole: Result<CaughtUp, Failure>) {
        let (row, whole) = match whole {
            Ok(whole) => whole,
            Err(failure) => return self.tell(Event::Error { failure: failure.about(collection, id) }),
        };
        let mut row = whole.rebuilt.as_ref().and_then(Staged::row).cloned().or(row);
        let mut sequence = 0;
        for piece in &whole.pieces {
            let change =
                DocumentChange { collection: collection.to_owned(), id: id.to_owned(), chunks: piece.clone().into() };
            self.make_room_in_draft(change.size());
            sequence = self.carry(change);
            self.batch.draft.writers.extend(whole.own.iter().copied());
        }
        if whole.rebuilt.is_some() {
            self.note_own_writing();
        }
        if let Some(row) = &mut row {
            row.sent_with = sequence;
        }
        let writes = whole.rebuilt.map(|staged| staged.into_written().1).unwrap_or_default();
        self.store_document(key, collection, id, row.as_ref(), writes);
    }
}
