//! Documents that were here before the group: put into entries step by step, in the order of their keys, so that they reach
//! the others too. Until a document's turn its changes travel with it then; from its turn on each change travels by itself.

use super::batch::Effect;
use super::documents::{Staged, Stop};
use super::rows::{Missing, parse_document};
use super::sync::Group;
use super::task::{ScanSlot, SweepTask};
use super::{Machine, keys};
use crate::api::{ErrorCode, Event, Failure};
use crate::collection::Travels;
use crate::document::DocumentRow;
use crate::document::edit::{self, OwnActors};
use crate::document::state::{BEHIND, ChunkSpan};
use crate::group::{Announced, DocumentChange, MAX_CHANGE_BYTES};
use crate::store::keys::chunk_key;
use crate::store::{Key, Range};

/// Documents looked at in one step.
const STEP_ROWS: u32 = 500;
/// Bytes of documents looked at in one step.
const STEP_BYTES: usize = 512 << 10;
/// The tag of value rows. See [`crate::store::keys::value_key`].
const VALUE_TAG: u8 = b'v';
/// Rows deleted in one step of tidying.
const SWEEP_ROWS: u32 = 1_000;

/// What an entry carries of a document, in pieces that fit one, and the document if it was made anew for that. Nothing of one
/// that cannot be read.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) pieces: Vec<Vec<u8>>,
    /// Its writers that were this device.
    pub(super) own: OwnActors,
    pub(super) rebuilt: Option<Staged>,
    /// Chunks that are no part of it any more.
    dropped: Option<ChunkSpan>,
}

impl Machine {
    /// A device that has no documents when it comes to a group has none to announce: what comes from there need not go back.
    pub(super) fn look_for_documents(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let begins = |group: &Group| group.state.announced == Announced::Through(vec![]);
        if !self.sync.group.as_ref().is_some_and(begins) {
            return Ok(());
        }
        let rows = self.scan_rows(scan, &Range::prefix([VALUE_TAG]).limit(1))?;
        if rows.rows.is_empty() {
            self.all_is_announced();
        }
        Ok(())
    }

    fn all_is_announced(&mut self) {
        self.seal_draft();
        let Some(group) = &mut self.sync.group else { return };
        group.state.announced_at = Some(group.state.next_sequence.saturating_sub(1));
        group.state.announced = Announced::All;
        group.announcing = true;
        self.batch.group_changed = true;
        self.batch.effects.push(Effect::Announced(Announced::All));
    }

    pub(super) fn announce(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let Announced::Through(last) = &group.state.announced else { return Ok(()) };
        let mut range = Range::prefix([VALUE_TAG]).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if !last.is_empty() {
            range = range.after(&Key::from(last.as_slice()));
        }
        let rows = self.scan_rows(scan, &range)?;
        let documents: Vec<(Key, String, String)> = rows
            .rows
            .iter()
            .filter_map(|(key, _)| parse_document(key).map(|(collection, id)| (key.clone(), collection, id)))
            .collect();
        let wholes = match self.load_wholes(&documents) {
            Ok(wholes) => wholes,
            Err(missing) => {
                *scan = Some((range, rows));
                return Err(missing);
            }
        };
        let mut last = None;
        for ((key, collection, id), whole) in documents.into_iter().zip(wholes) {
            let own = whole.own;
            if let Some(rebuilt) = whole.rebuilt {
                self.note_own_writing();
                let (row, writes) = rebuilt.into_written();
                self.store_document(&key, &collection, &id, row.as_ref(), writes);
            }
            for number in whole.dropped.into_iter().flat_map(|span| span.first..=span.last) {
                self.rows.write(&mut self.batch.rows, chunk_key(&collection, &id, u64::from(number)), None);
            }
            for piece in whole.pieces {
                let change = DocumentChange { collection: collection.clone(), id: id.clone(), chunks: piece.into() };
                self.make_room_in_draft(change.size());
                self.carry(change);
                self.batch.draft.writers.extend(own.iter().copied());
                let announces = &mut self.batch.draft.announces;
                let first = announces.take().map_or_else(|| key.to_vec(), |(first, _)| first);
                *announces = Some((first, key.to_vec()));
            }
            last = Some(key);
        }
        let Some(last) = last.filter(|_| rows.more) else {
            self.all_is_announced();
            return Ok(());
        };
        let announced = Announced::Through(last.to_vec());
        if let Some(group) = &mut self.sync.group {
            group.state.announced = announced.clone();
            group.announcing = true;
        }
        self.batch.group_changed = true;
        self.batch.effects.push(Effect::Announced(announced));
        Ok(())
    }

    /// All of each document. One that cannot be read is reported and left out.
    fn load_wholes(&mut self, documents: &[(Key, String, String)]) -> Result<Vec<Whole>, Missing> {
        let mut missing = None;
        let mut wholes = Vec::with_capacity(documents.len());
        for (_, collection, id) in documents {
            match self.load_staged(collection, id) {
                Ok(staged) => match self.whole(collection, staged) {
                    Ok(whole) => wholes.push(whole),
                    Err(Stop::Missing(not_here)) => missing = Some(not_here),
                    Err(Stop::Failed(failure)) => {
                        self.tell(Event::Error { failure: failure.about(collection, id) });
                        wholes.push(Whole::default());
                    }
                },
                Err(Stop::Missing(not_here)) => missing = Some(not_here),
                Err(Stop::Failed(failure)) => {
                    self.tell(Event::Error { failure });
                    wholes.push(Whole::default());
                }
            }
        }
        missing.map_or(Ok(wholes), Err)
    }

    /// What of a document travels. One whose history holds what must stay is made anew without it.
    pub(super) fn whole(&mut self, collection: &str, mut staged: Staged) -> Result<Whole, Stop> {
        let mut own = self.own_writers(&edit::writers(&staged.chunks()).unwrap_or_default())?;
        let mut rebuilt = None;
        if let Some((was, now)) = self.parted(collection, staged.row())? {
            if staged.row().is_none_or(|row| row.heads.is_empty()) {
                return Ok(Whole::default());
            }
            if now.travels == Travels::Nothing {
                // Others of this group never hear of it, so nothing may build on what was there before.
                let dropped = staged.drop_what_travels((&was, &now), &self.writer())?;
                return Ok(Whole { rebuilt: Some(staged), dropped, ..Whole::default() });
            }
            let tainted = staged.row().and_then(|row| row.parts.as_ref()).is_some_and(|parts| parts.tainted);
            if tainted || was.number != now.number && !now.is_plain() {
                staged.rebuild((&was, &now), &self.writer())?;
                own = OwnActors::from([self.actor.0]);
                rebuilt = Some(());
            }
        }
        // It goes into an entry whole now, so it is not behind any more.
        if let Some(row) = staged.row().filter(|row| row.sent_with == BEHIND).cloned() {
            staged.set_row(DocumentRow { sent_with: 0, ..row });
            rebuilt = Some(());
        }
        let pieces = edit::pieces(&staged.chunks(), MAX_CHANGE_BYTES);
        let pieces = pieces.map_err(|error| Failure::new(ErrorCode::StoreCorrupt, error.to_string()))?;
        Ok(Whole { pieces, own, rebuilt: rebuilt.map(|()| staged), dropped: None })
    }

    /// One step of deleting the rows of groups that were left.
    pub(super) fn sweep(&mut self, task: &mut SweepTask) -> Result<(), Missing> {
        let Some(below) = self.sync.sweep_below else { return Ok(()) };
        let Some(tag) = keys::OF_A_GROUP.get(task.tag) else {
            self.sync.sweep_below = None;
            return Ok(());
        };
        let range = keys::litter(*tag, below).limit(SWEEP_ROWS).max_bytes(4 << 20);
        let rows = self.scan_rows(&mut task.scan, &range)?;
        for (key, _) in &rows.rows {
            self.rows.write(&mut self.batch.rows, key.clone(), None);
        }
        if !rows.more {
            task.tag += 1;
        }
        self.tasks.push_back(super::task::Task::Sweep(SweepTask { scan: None, tag: task.tag }));
        Ok(())
    }
}
