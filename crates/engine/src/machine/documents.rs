//! Commands about documents: reading them, listing them, and writing several, all or nothing.

use super::history::parse_version;
use super::indexes::Incoming;
use super::many::{not_applicable, parse_modifiers};
use super::rows::{Missing, chunk_unit, parse_document};
use super::task::CommandTask;
use super::texts::MAX_LIVE;
use super::{Machine, keys};
use crate::api::{ChangedVersions, ErrorCode, Failure, IdRange, Outcome, Reply, Write, WriteResult};
use crate::document::edit::{self, Current, Direction, EditError, Edited, Live, OwnActors, Step};
use crate::document::state::{ChunkWrite, DocumentRowRef};
use crate::document::{CollectionName, DocumentError, DocumentId, DocumentRow, Value, Version, json};
use crate::group::{DocumentChange, MAX_CHANGE_BYTES, MAX_PLAIN_ENTRY_BYTES};
use crate::query::Modifiers;
use crate::store::keys::{chunk_key, value_key, value_range};
use crate::store::{Key, Range, RowValue, Rows};
use std::collections::{BTreeMap, BTreeSet};

/// The most ids in one `get`, and rows in one page.
const MAX_PAGE: u32 = 10_000;
/// The most bytes of rows behind one page of documents.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// Of writes that change more documents the changes are not told one by one.
const MAX_TOLD_CHANGES: usize = 1_000;

/// A command that failed, or rows that are missing.
pub(super) enum Stop {
    Missing(Missing),
    Failed(Failure),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A document as a write found it or left it.
#[derive(Default)]
pub(super) struct Staged {
    row: Option<DocumentRow>,
    chunks: Vec<Vec<u8>>,
    writes: Vec<ChunkWrite>,
    changes: Vec<Vec<u8>>,
    /// The row is another than before, though nothing may travel.
    touched: bool,
    /// It was written over a delete: see [`Edited::over_delete`].
    over_delete: bool,
    /// Not everything of it travels: an edit of it as a whole would let the rest leave. See [`super::parts`].
    parted: bool,
    /// The versions that the changes are.
    versions: Vec<String>,
    /// Which of its writers were this device; asked for only where something is taken back.
    own: OwnActors,
    /// The document in Automerge's memory, when a text of it was edited or when it is large.
    live: Option<Live>,
}

/// The ids of documents that a write has changed.
pub(super) type Changed = BTreeSet<String>;

/// The documents that a write touches, by their value key.
type Stage = BTreeMap<Key, (String, String, Staged)>;

/// Stages one document of a write that puts; answers its version.
type StagePut = fn(&mut Machine, &str, &str, &Value, Option<&str>, &mut Stage) -> Result<String, Failure>;

impl Machine {
    pub(super) fn get(&mut self, collection: &str, ids: &[String]) -> Result<(Reply, bool), Stop> {
        let collection = parse_collection(collection)?;
        if ids.len() > MAX_PAGE as usize {
            return Err(Failure::new(ErrorCode::RequestInvalid, "more than 10,000 ids in one get").into());
        }
        let mut found = Vec::with_capacity(ids.len());
        let mut missing = None;
        let mut uncommitted = false;
        for id in ids {
            let key = value_key(collection.as_str(), parse_id(collection.as_str(), id)?.as_str());
            uncommitted |= self.rows.is_uncommitted(&key);
            match self.rows.one(&key) {
                Ok(row) => found.push(row),
                Err(not_here) => missing = Some(not_here),
            }
        }
        if let Some(missing) = missing {
            return Err(missing.into());
        }
        let mut page = Page::default();
        for (id, row) in ids.iter().zip(found) {
            if !page.push(row.as_ref()) {
                page.corrupt.push(id.clone());
            }
        }
        Ok((page.reply(vec![], false), uncommitted))
    }

    pub(super) fn list(&mut self, task: &mut CommandTask, collection: &str, range: &IdRange) -> Result<Reply, Stop> {
        self.list_if(task, collection, range, is_live)
    }

    /// One page of the ids of those documents of which `wanted` holds.
    pub(super) fn list_if(
        &mut self,
        task: &mut CommandTask,
        collection: &str,
        range: &IdRange,
        wanted: fn(&RowValue) -> bool,
    ) -> Result<Reply, Stop> {
        let rows = self.page(task, collection, range, wanted)?;
        let wanted = rows.rows.iter().filter(|(_, row)| wanted(row));
        let ids = wanted.filter_map(|(key, _)| parse_document(key).map(|(_, id)| id)).collect();
        Ok(Reply::Ids { more: rows.more, ids })
    }

    pub(super) fn scan(&mut self, task: &mut CommandTask, collection: &str, range: &IdRange) -> Result<Reply, Stop> {
        let rows = self.page(task, collection, range, is_live)?;
        let (mut page, mut ids) = (Page::default(), Vec::with_capacity(rows.rows.len()));
        for (key, row) in &rows.rows {
            let Some((_, id)) = parse_document(key) else { continue };
            match row {
                RowValue::Present(bytes) if DocumentRowRef::decode(bytes).is_ok_and(|row| row.deleted) => {}
                row if page.push(Some(row)) => ids.push(id),
                _ => {
                    page.undo_null();
                    page.corrupt.push(id);
                }
            }
        }
        Ok(page.reply(ids, rows.more))
    }

    /// One page of value rows. Pages with none that is wanted are passed over, so that a page with `more` moves on.
    fn page(
        &mut self,
        task: &mut CommandTask,
        collection: &str,
        range: &IdRange,
        wanted_row: fn(&RowValue) -> bool,
    ) -> Result<Rows, Stop> {
        let collection = parse_collection(collection)?;
        let limit = if range.limit == 0 { MAX_PAGE } else { range.limit.min(MAX_PAGE) };
        let mut wanted = id_range(collection.as_str(), range).limit(limit).max_bytes(MAX_PAGE_BYTES);
        if let Some(after) = &task.continue_after {
            wanted = wanted.after(after);
        }
        if wanted.is_empty() {
            return Ok(Rows::default());
        }
        let rows = self.scan_rows(&mut task.scan, &wanted)?;
        if rows.more && !rows.rows.iter().any(|(_, row)| wanted_row(row)) {
            task.continue_after = rows.rows.last().map(|(key, _)| key.clone());
            return self.page(task, collection.as_str(), range, wanted_row);
        }
        Ok(rows)
    }

    pub(super) fn collections(&mut self, task: &mut CommandTask) -> Result<Reply, Missing> {
        let rows = self.scan_rows(&mut task.scan, &keys::collections())?;
        Ok(Reply::Collections { names: rows.rows.iter().filter_map(|(key, _)| keys::parse_collection(key)).collect() })
    }

    /// Notes what a write will need, so that commands behind a waiting one are loaded with it.
    pub(super) fn want_for_write(&mut self, writes: &[Write]) {
        for write in writes {
            let (collection, ids) = touched(write);
            for id in ids {
                let _ = self.rows.one(&value_key(collection, id));
                let _ = self.rows.all(chunk_unit(collection, id));
            }
        }
        self.want_unique(writes);
    }

    /// Applies writes: computes everything first, so that a failure leaves nothing behind.
    pub(super) fn write(&mut self, writes: &[Write], atomic: bool) -> Result<Reply, Stop> {
        self.write_changes(writes, atomic).map(|(results, _, changed)| Reply::Written { results, changed })
    }

    /// [`Machine::write`], which also answers the ids of documents that are different now. When they are not to be `atomic`,
    /// they travel as one only if one entry can carry them.
    pub(super) fn write_changes(
        &mut self,
        writes: &[Write],
        atomic: bool,
    ) -> Result<(Vec<WriteResult>, Changed, Vec<ChangedVersions>), Stop> {
        let mut stage = Stage::new();
        let loaded = self.load_stage(writes, &mut stage);
        if matches!(loaded, Err(Stop::Missing(_))) {
            self.want_unique(writes);
        }
        loaded?;
        let results = writes.iter().map(|write| self.stage_write(write, &mut stage)).collect::<Result<Vec<_>, _>>()?;
        let incoming = stage
            .values()
            .filter_map(|(collection, id, staged)| staged.row.as_ref().map(|row| Incoming { collection, id, row }));
        self.check_unique(incoming)?;
        if self.only_reads() && stage.values().any(|(_, _, staged)| !staged.changes.is_empty()) {
            return Err(super::members::may_not_write());
        }
        let mut carried = self.carried_bytes(&stage);
        if atomic && carried > MAX_PLAIN_ENTRY_BYTES {
            let message = format!("the changes take {carried} bytes, one entry carries {MAX_PLAIN_ENTRY_BYTES}");
            return Err(Failure::new(ErrorCode::TransactionTooLarge, message).into());
        }
        for (_, _, staged) in stage.values_mut().filter(|_| self.sync.group.is_some()) {
            carried += staged.carry_whole(MAX_PLAIN_ENTRY_BYTES.saturating_sub(carried));
        }
        self.make_room_in_draft(if carried <= MAX_PLAIN_ENTRY_BYTES { carried } else { 0 });
        let behind = !self.may_carry();
        let told = changed_versions(&stage);
        let mut changed = Changed::new();
        for (key, (collection, id, staged)) in stage {
            if !staged.changes.is_empty() || staged.touched {
                changed.insert(id.clone());
            }
            self.apply_staged(key, &collection, &id, staged, behind);
        }
        Ok((results, changed, told))
    }

    fn load_stage(&mut self, writes: &[Write], stage: &mut Stage) -> Result<(), Stop> {
        let mut missing = None;
        for write in writes {
            let (collection, ids) = touched(write);
            let collection = parse_collection(collection)?;
            for id in ids {
                let id = parse_id(collection.as_str(), id)?;
                let loaded = self.load_staged(collection.as_str(), id.as_str());
                let loaded = match write {
                    Write::Revert { .. } => loaded.and_then(|staged| self.with_own_writers(staged)),
                    Write::Put { .. }
                    | Write::Migrate { .. }
                    | Write::Delete { .. }
                    | Write::Modify { .. }
                    | Write::Text { .. } => loaded,
                };
                match loaded {
                    Ok(staged) => {
                        let key = value_key(collection.as_str(), id.as_str());
                        let own = staged.own.clone();
                        let (_, _, kept) =
                            stage.entry(key).or_insert_with(|| (collection.to_string(), id.to_string(), staged));
                        kept.own.extend(own);
                    }
                    Err(Stop::Missing(not_here)) => missing = Some(not_here),
                    Err(failed) => return Err(failed),
                }
            }
        }
        missing.map_or(Ok(()), |missing| Err(missing.into()))
    }

    /// A document's row and chunks, as they are in memory.
    pub(super) fn load_staged(&mut self, collection: &str, id: &str) -> Result<Staged, Stop> {
        let (key, unit) = (value_key(collection, id), chunk_unit(collection, id));
        let (row, chunks, marker) = (self.rows.one(&key), self.rows.all(unit.clone()), self.marker(collection, id));
        marker?;
        let Some(row) = row? else {
            self.rows.note_empty(&unit);
            chunks?;
            return Ok(Staged { parted: self.has_parts(collection, None), ..Staged::default() });
        };
        let corrupt =
            || Failure::new(ErrorCode::StoreCorrupt, "the stored document does not decode").about(collection, id);
        let row = row.present().and_then(|bytes| DocumentRow::decode(bytes).ok()).ok_or_else(corrupt)?;
        let mut bytes = Vec::new();
        for (_, chunk) in chunks? {
            bytes.push(chunk.present().ok_or_else(corrupt)?.to_vec());
        }
        let parted = self.has_parts(collection, Some(&row));
        Ok(Staged { row: Some(row), chunks: bytes, parted, ..Staged::default() })
    }

    fn stage_write(&mut self, write: &Write, stage: &mut Stage) -> Result<WriteResult, Failure> {
        match write {
            Write::Put { collection, ids, documents, bases } => {
                self.stage_puts(collection, ids, documents, bases, stage, Self::stage_put)
            }
            Write::Migrate { collection, ids, documents, bases } => {
                self.stage_puts(collection, ids, documents, bases, stage, Self::stage_migration)
            }
            Write::Delete { collection, ids } => {
                let existed =
                    ids.iter().map(|id| self.stage_delete(collection, id, stage)).collect::<Result<_, _>>()?;
                Ok(WriteResult::Deleted { existed })
            }
            Write::Modify { collection, ids, modifiers } => {
                let modifiers = parse_modifiers(modifiers)?;
                let modified = ids.iter().map(|id| self.stage_modify(collection, id, &modifiers, stage));
                Ok(WriteResult::Modified { versions: modified.collect::<Result<_, _>>()? })
            }
            Write::Revert { collection, ids, versions, redo } => {
                if versions.len() != ids.len() {
                    return Err(Failure::new(ErrorCode::RequestInvalid, "ids and versions differ in number"));
                }
                let direction = if *redo { Direction::Redo } else { Direction::Undo };
                let each = ids.iter().zip(versions);
                let reverted = each.map(|(id, versions)| self.stage_revert(collection, id, versions, direction, stage));
                Ok(WriteResult::Reverted { reverted: reverted.collect::<Result<_, _>>()? })
            }
            Write::Text { collection, id, path, base, edits } => {
                let key = value_key(collection, id);
                let mut staged = std::mem::take(staged(stage, collection, id)?);
                let result = self.stage_text(collection, &key, &mut staged, path, base, edits);
                let result = result.map_err(|failure| failure.about(collection, id))?;
                *self::staged(stage, collection, id)? = staged;
                Ok(result)
            }
        }
    }

    fn stage_puts(
        &mut self,
        collection: &str,
        ids: &[String],
        documents: &str,
        bases: &[Option<String>],
        stage: &mut Stage,
        put: StagePut,
    ) -> Result<WriteResult, Failure> {
        let values = json::parse_many(documents).map_err(|error| document_failure(&error))?;
        if values.len() != ids.len() || bases.len() != ids.len() {
            return Err(Failure::new(ErrorCode::RequestInvalid, "ids, documents and bases differ in number"));
        }
        let mut versions = Vec::with_capacity(ids.len());
        for ((id, value), base) in ids.iter().zip(&values).zip(bases) {
            let version = put(self, collection, id, value, base.as_deref(), stage);
            versions.push(version.map_err(|failure| failure.about(collection, id))?);
        }
        Ok(WriteResult::Put { versions })
    }

    fn stage_put(
        &mut self,
        collection: &str,
        id: &str,
        value: &Value,
        base: Option<&str>,
        stage: &mut Stage,
    ) -> Result<String, Failure> {
        self.stage_value(collection, id, (None, value), base, stage)
    }

    /// [`Self::stage_put`]; `before` is the document's value now, where that is known.
    fn stage_value(
        &mut self,
        collection: &str,
        id: &str,
        (before, value): (Option<Value>, &Value),
        base: Option<&str>,
        stage: &mut Stage,
    ) -> Result<String, Failure> {
        let base = base.map(parse_version).transpose()?;
        let keeps_live = stage.len() <= MAX_LIVE;
        let staged = staged(stage, collection, id)?;
        if let Some((was, now)) = self.parted(collection, staged.row.as_ref())? {
            let version = staged.put_parts((&was, &now), base.as_ref(), value, &self.writer())?;
            return Ok(version.to_string());
        }
        let (now, actor) = (self.now.as_ms(), self.actor);
        let mut live = staged.take_live();
        if let Some(row) = staged.row().filter(|_| live.is_none()) {
            live = self.lives.take(&value_key(collection, id), row);
        }
        let was_live = live.is_some();
        let values = (before, value);
        let put = staged.edit(|current| edit::put_live(current, &mut live, base.as_ref(), values, actor, now))?;
        if let Some(edited) = put.edited {
            staged.take(edited)?;
        }
        staged.live = live.filter(|_| was_live || keeps_live);
        Ok(put.version.to_string())
    }

    /// Modifies a document as it is now, earlier writes of the stage included; answers its version, empty when there is none.
    fn stage_modify(
        &mut self,
        collection: &str,
        id: &str,
        modifiers: &Modifiers,
        stage: &mut Stage,
    ) -> Result<String, Failure> {
        let found = stage.get(&value_key(collection, id)).and_then(|(_, _, staged)| staged.row.as_ref());
        let Some(row) = found.filter(|row| !row.deleted) else { return Ok(String::new()) };
        let corrupt = |_| Failure::new(ErrorCode::StoreCorrupt, "the stored document does not decode");
        Value::decode(&row.value)
            .map_err(corrupt)
            .and_then(|value| {
                let new = modifiers.apply(&value).map_err(|error| not_applicable(&error))?;
                self.stage_value(collection, id, (Some(value), &new), None, stage)
            })
            .map_err(|failure| failure.about(collection, id))
    }

    /// Makes a document what a migration of this device made of it; see [`edit::migrate`].
    fn stage_migration(
        &mut self,
        collection: &str,
        id: &str,
        value: &Value,
        base: Option<&str>,
        stage: &mut Stage,
    ) -> Result<String, Failure> {
        let base = parse_version(base.unwrap_or_default())?;
        let staged = staged(stage, collection, id)?;
        // A device that only reads shows documents as the migration makes them, and stores nothing of it.
        if self.only_reads() || staged.row.as_ref().is_none_or(|row| row.deleted) {
            return Ok(base.to_string());
        }
        if let Some((was, now)) = self.parted(collection, staged.row.as_ref())? {
            let version = staged.migrate_parts((&was, &now), &base, value, &self.writer())?;
            return Ok(version.to_string());
        }
        let put = staged.edit(|current| match current {
            Some(current) => edit::migrate(current, &base, value),
            None => Ok(edit::Put { version: base.clone(), edited: None }),
        })?;
        if let Some(edited) = put.edited {
            staged.take(edited)?;
        }
        Ok(put.version.to_string())
    }

    fn stage_delete(&mut self, collection: &str, id: &str, stage: &mut Stage) -> Result<bool, Failure> {
        let staged = staged(stage, collection, id)?;
        if let Some((was, now)) = self.parted(collection, staged.row.as_ref())? {
            let deleted = staged.delete_parts((&was, &now), &self.writer());
            return deleted.map_err(|failure| failure.about(collection, id));
        }
        let (now, actor) = (self.now.as_ms(), self.actor);
        if staged.row.as_ref().is_none_or(|row| row.deleted) {
            return Ok(false);
        }
        let edited = staged.edit(|current| match current {
            Some(current) => edit::delete(current, actor, now),
            None => Ok(None),
        });
        if let Some(edited) = edited.map_err(|failure| failure.about(collection, id))? {
            staged.take(edited)?;
        }
        Ok(true)
    }

    /// Takes changes back, the latest first; without any, the last one that can be.
    fn stage_revert(
        &mut self,
        collection: &str,
        id: &str,
        versions: &[String],
        direction: Direction,
        stage: &mut Stage,
    ) -> Result<bool, Failure> {
        let staged = staged(stage, collection, id)?;
        let versions = versions.iter().rev().map(|version| parse_version(version)).collect::<Result<Vec<_>, _>>()?;
        let mut steps: Vec<Step<'_>> = versions.iter().map(Step::Change).collect();
        if steps.is_empty() {
            steps.push(Step::Last);
        }
        let taken_back = self.stage_steps(collection, staged, direction, &steps);
        taken_back.map_err(|failure| failure.about(collection, id))
    }

    /// Takes steps back; answers whether anything was left of them.
    fn stage_steps(
        &self,
        collection: &str,
        staged: &mut Staged,
        direction: Direction,
        steps: &[Step<'_>],
    ) -> Result<bool, Failure> {
        let own = std::mem::take(&mut staged.own);
        let take_back = |current: Option<Current<'_>>| match current {
            Some(current) => edit::undo_each(current, direction, steps, &own, self.actor, self.now.as_ms()),
            None => Ok(None),
        };
        let taken_back = match self.parted(collection, staged.row())? {
            Some((was, now)) => {
                let done = staged.change_travelling((&was, &now), &self.writer(), |current| {
                    let edited = take_back(current).map_err(|error| edit_failure(&error))?;
                    Ok((edited.is_some(), edited))
                });
                done.map(|done| done.unwrap_or(false))
            }
            None => staged.edit(take_back).and_then(|edited| {
                let found = edited.is_some();
                edited.map_or(Ok(()), |edited| staged.take(edited)).map(|()| found)
            }),
        };
        staged.own = own;
        taken_back
    }

    /// A document together with which of its writers were this device.
    fn with_own_writers(&mut self, staged: Staged) -> Result<Staged, Stop> {
        if staged.chunks.is_empty() {
            return Ok(staged);
        }
        let writers = edit::writers(&staged.chunks()).map_err(|error| edit_failure(&error.into()))?;
        let own = self.own_writers(&writers)?;
        Ok(Staged { own, ..staged })
    }

    /// How much of an entry these changes fill, counted also when no entry is written.
    fn carried_bytes(&self, stage: &Stage) -> usize {
        let each = |(collection, id, staged): &(String, String, Staged)| {
            let changes: usize = staged.changes.iter().map(Vec::len).sum();
            if staged.changes.is_empty() { 0 } else { changes + collection.len() + id.len() + 16 }
        };
        stage.values().map(each).sum()
    }

    pub(super) fn apply_staged(&mut self, key: Key, collection: &str, id: &str, mut staged: Staged, behind: bool) {
        if let Some(live) = staged.live.take() {
            self.lives.keep(&key, live);
        }
        if staged.changes.is_empty() && !staged.touched {
            return;
        }
        self.note_own_writing();
        let covered = !staged.changes.is_empty() && self.travels_now(&key);
        let mut row = staged.row;
        let travels = covered && !behind && row.as_ref().is_none_or(|row| !self.is_behind(row.sent_with));
        if covered && !travels {
            self.fall_behind(row.as_mut());
        }
        if travels {
            let chunks = staged.changes.concat().into();
            let change = DocumentChange { collection: collection.to_owned(), id: id.to_owned(), chunks };
            self.make_room_in_draft(change.size());
            let sequence = self.carry(change);
            self.batch.draft.writers.insert(self.actor.0);
            if let Some(row) = &mut row {
                row.sent_with = sequence;
            }
        }
        self.store_document(&key, collection, id, row.as_ref(), staged.writes);
        self.batch.changed(collection, id, false);
    }

    /// Writes a document's rows into the batch.
    pub(super) fn store_document(
        &mut self,
        key: &Key,
        collection: &str,
        id: &str,
        row: Option<&DocumentRow>,
        writes: Vec<ChunkWrite>,
    ) {
        let Some(row) = row else { return };
        self.note_collection(collection);
        self.note_tombstone(key, collection, id, row);
        self.index_document(key, collection, id, row);
        self.watch_document(key, collection, id, row);
        self.rows.write(&mut self.batch.rows, key.clone(), Some(row.encode().into()));
        for write in writes {
            for number in write.replaces.into_iter().flatten() {
                let key = chunk_key(collection, id, u64::from(number));
                self.rows.write(&mut self.batch.rows, key, None);
            }
            let key = chunk_key(collection, id, u64::from(write.number));
            self.rows.write(&mut self.batch.rows, key, Some(write.bytes.into()));
        }
    }

    fn note_collection(&mut self, collection: &str) {
        if self.known_collections.insert(collection.to_owned()) {
            self.rows.write(&mut self.batch.rows, keys::collection(collection), Some(Vec::new().into()));
        }
    }
}

impl Staged {
    pub(super) fn row(&self) -> Option<&DocumentRow> {
        self.row.as_ref()
    }

    pub(super) fn chunks(&self) -> Vec<&[u8]> {
        self.chunks.iter().map(Vec::as_slice).collect()
    }

    /// Edits the document as a whole. Refused where not everything of it travels: [`Staged::put_parts`] knows what may.
    fn edit<T>(&self, edit: impl FnOnce(Option<Current<'_>>) -> Result<T, EditError>) -> Result<T, Failure> {
        if self.parted {
            let message = "this cannot be done to a document of which a part stays on this device";
            return Err(Failure::new(ErrorCode::RequestInvalid, message));
        }
        let chunks = self.chunks();
        let current = self.row.as_ref().map(|row| Current { row, chunks: &chunks });
        edit(current).map_err(|error| edit_failure(&error))
    }

    /// Nothing of it was ever to travel, or there is none.
    pub(super) fn has_no_changes(&self) -> bool {
        self.chunks.is_empty()
    }

    /// What was written over a delete travels as the whole document, if it takes at most so many bytes more: so it is complete also where it was buried
    /// already. Otherwise, and where a part of it stays here, it goes as changes; who has it sends it whole when it is told that it was buried.
    /// Answers how many bytes more.
    fn carry_whole(&mut self, room: usize) -> usize {
        if !self.over_delete || self.parted || self.changes.is_empty() {
            return 0;
        }
        let Ok(whole) = edit::whole(&self.chunks()) else { return 0 };
        let more = whole.len().saturating_sub(self.changes.iter().map(Vec::len).sum());
        if more > room || whole.len() > MAX_CHANGE_BYTES {
            return 0;
        }
        self.changes = vec![whole];
        more
    }

    pub(super) fn set_row(&mut self, row: DocumentRow) {
        self.touched |= self.row.as_ref() != Some(&row);
        self.row = Some(row);
    }

    /// The new row and what the store writes beside it.
    pub(super) fn into_written(self) -> (Option<DocumentRow>, Vec<ChunkWrite>) {
        (self.row, self.writes)
    }

    /// The live document of earlier edits, to be used only if it still is what the row says.
    pub(super) fn take_live(&mut self) -> Option<Live> {
        self.live.take()
    }

    pub(super) fn keep_live(&mut self, live: Live) {
        self.live = Some(live);
    }

    pub(super) fn take(&mut self, edited: Edited) -> Result<(), Failure> {
        if edited.change.len() > MAX_CHANGE_BYTES {
            let message =
                format!("the change takes {} bytes, at most {MAX_CHANGE_BYTES} fit an entry", edited.change.len());
            return Err(Failure::new(ErrorCode::DocumentTooLarge, message));
        }
        if edited.write.replaces.is_some() {
            self.chunks.clear();
        }
        self.chunks.push(edited.write.bytes.clone());
        self.writes.push(edited.write);
        self.changes.push(edited.change);
        self.over_delete |= edited.over_delete;
        self.versions.extend(edited.earlier.iter().chain([&edited.version]).map(Version::to_string));
        self.row = Some(edited.row);
        Ok(())
    }
}

/// The collection and the documents that a write is about.
fn touched(write: &Write) -> (&str, &[String]) {
    match write {
        Write::Put { collection, ids, .. }
        | Write::Migrate { collection, ids, .. }
        | Write::Delete { collection, ids }
        | Write::Modify { collection, ids, .. }
        | Write::Revert { collection, ids, .. } => (collection, ids),
        Write::Text { collection, id, .. } => (collection, std::slice::from_ref(id)),
    }
}

/// The changes that a write made, for a handle that may take them back.
fn changed_versions(stage: &Stage) -> Vec<ChangedVersions> {
    let changed: Vec<_> = stage.values().filter(|(_, _, staged)| !staged.versions.is_empty()).collect();
    if changed.len() > MAX_TOLD_CHANGES {
        return vec![];
    }
    let told = changed.into_iter().map(|(collection, id, staged)| ChangedVersions {
        collection: collection.clone(),
        id: id.clone(),
        versions: staged.versions.clone(),
    });
    told.collect()
}

fn staged<'a>(stage: &'a mut Stage, collection: &str, id: &str) -> Result<&'a mut Staged, Failure> {
    let found = stage.get_mut(&value_key(collection, id)).map(|(_, _, staged)| staged);
    found.ok_or_else(|| Failure::new(ErrorCode::Internal, "a document was not staged").about(collection, id))
}

/// Collects rows into the JSON text of a page.
struct Page {
    text: String,
    versions: Vec<String>,
    tagged: bool,
    corrupt: Vec<String>,
    before_last: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { text: "[".into(), versions: vec![], tagged: false, corrupt: vec![], before_last: 0 }
    }
}

impl Page {
    /// Appends a document or `null`; `false` when there is something that does not decode.
    fn push(&mut self, row: Option<&RowValue>) -> bool {
        self.before_last = self.text.len();
        if !self.versions.is_empty() {
            self.text.push(',');
        }
        let decoded = match row {
            None => Ok(None),
            Some(RowValue::Present(bytes)) => DocumentRowRef::decode(bytes).map(Some).map_err(|_| ()),
            Some(RowValue::Corrupt) => Err(()),
        };
        let (version, fine) = match decoded {
            Ok(Some(row)) if !row.deleted => match json::write_json(row.value, &mut self.text) {
                Ok(tagged) => {
                    self.tagged |= tagged;
                    (row.to_owned().version().to_string(), true)
                }
                Err(_) => (self.null(), false),
            },
            Ok(_) => (self.null(), true),
            Err(()) => (self.null(), false),
        };
        self.versions.push(version);
        fine
    }

    fn null(&mut self) -> String {
        self.text.truncate(self.before_last);
        self.text.push_str(if self.versions.is_empty() { "null" } else { ",null" });
        String::new()
    }

    /// Takes the last push back.
    fn undo_null(&mut self) {
        self.text.truncate(self.before_last);
        self.versions.pop();
    }

    fn reply(mut self, ids: Vec<String>, more: bool) -> Reply {
        self.text.push(']');
        let Self { text, versions, tagged, corrupt, .. } = self;
        Reply::Documents { ids, documents: text, versions, tagged, corrupt, more }
    }
}

/// Whether readers find a document in this row, or cannot tell.
fn is_live(row: &RowValue) -> bool {
    match row {
        RowValue::Present(bytes) => !DocumentRowRef::decode(bytes).is_ok_and(|row| row.deleted),
        RowValue::Corrupt => true,
    }
}

/// The rows whose ids are in `range`.
fn id_range(collection: &str, range: &IdRange) -> Range {
    let mut rows = value_range(collection);
    if let Some(prefix) = &range.prefix {
        let prefixed = value_key(collection, prefix);
        // A key ends with a two-byte terminator that ids beginning with the prefix do not have in that place.
        let open = prefixed.get(..prefixed.len().saturating_sub(2)).unwrap_or_default();
        rows = Range::prefix(open);
    }
    if let Some(after) = &range.after {
        let after = rows.after(&value_key(collection, after));
        rows.start = rows.start.max(after.start);
    }
    if let Some(before) = &range.before {
        let before = value_key(collection, before);
        rows.end = Some(rows.end.map_or(before.clone(), |end| end.min(before)));
    }
    rows
}

pub(super) fn parse_collection(name: &str) -> Result<CollectionName, Failure> {
    CollectionName::parse(name).map_err(|error| {
        let mut failure = Failure::new(ErrorCode::DocumentInvalidCollection, error.to_string());
        failure.collection = Some(name.chars().take(64).collect());
        failure
    })
}

pub(super) fn parse_id(collection: &str, id: &str) -> Result<DocumentId, Failure> {
    DocumentId::parse(id).map_err(|error| {
        let shown: String = id.chars().take(64).collect();
        Failure::new(ErrorCode::DocumentInvalidId, error.to_string()).about(collection, &shown)
    })
}

pub(super) fn document_failure(error: &DocumentError) -> Failure {
    let code = match error {
        DocumentError::NotSerializable { .. } => ErrorCode::DocumentNotSerializable,
        DocumentError::NotJson(_) => ErrorCode::RequestInvalid,
        DocumentError::TooLarge { .. } => ErrorCode::DocumentTooLarge,
    };
    Failure::new(code, error.to_string())
}

pub(super) fn edit_failure(error: &EditError) -> Failure {
    match error {
        EditError::Document(error) => document_failure(error),
        EditError::UnknownVersion => Failure::new(ErrorCode::DocumentUnknownVersion, error.to_string()),
        EditError::Corrupt(_) => Failure::new(ErrorCode::StoreCorrupt, error.to_string()),
    }
}

/// The answer for a command that ran.
pub(super) fn outcome(result: Result<Reply, Failure>) -> Outcome {
    match result {
        Ok(reply) => Outcome::Ok(reply),
        Err(failure) => Outcome::Failed(failure),
    }
}
