//! What collections are declared to be: which part of their documents leaves the device, and bringing documents that are
//! there to a new declaration, in steps.

use super::Machine;
use super::documents::{Staged, Stop, parse_collection};
use super::parts::Writer;
use super::rows::{Missing, parse_document};
use super::task::{CommandTask, ScanSlot, Task};
use crate::api::{ErrorCode, Event, Failure, IdRange, Reply};
use crate::collection::{Declarations, DeclareError, Declared, Travels};
use crate::document::DocumentRow;
use crate::document::state::DocumentRowRef;
use crate::store::keys::{declarations_key, parse_declarations_key, value_key, value_range};
use crate::store::{Key, RowValue};
use std::rc::Rc;

/// Documents looked at in one step, and their bytes.
const STEP_ROWS: u32 = 500;
const STEP_BYTES: usize = 512 << 10;

/// By which declaration a document's parts were told apart, and by which they are now.
type WasNow = (Rc<Declared>, Rc<Declared>);

impl Machine {
    pub(super) fn open_declarations(&mut self, rows: &[(Key, RowValue)]) {
        for (key, row) in rows {
            let Ok(collection) = parse_declarations_key(key) else { continue };
            let declarations = row.present().and_then(|bytes| Declarations::decode(bytes).ok());
            if declarations.is_none() {
                self.tell(Event::Error { failure: lost(&collection) });
            }
            self.collections.insert(collection, declarations.unwrap_or_else(Declarations::lost));
        }
    }

    pub(super) fn declare_collection(
        &mut self,
        task: &mut CommandTask,
        collection: &str,
        (local, local_fields, sync_fields): (bool, &[String], Option<&[String]>),
        sync_deletes: bool,
    ) -> Result<Reply, Stop> {
        let collection = parse_collection(collection)?;
        let invalid = |error: &DeclareError| {
            let mut failure = Failure::new(ErrorCode::CollectionInvalid, error.to_string());
            failure.collection = Some(collection.to_string());
            failure
        };
        let mut declarations = self.collections.get(collection.as_str()).cloned().unwrap_or_default();
        let declared = Travels::new(local, local_fields, sync_fields)
            .and_then(|travels| declarations.declare(travels, sync_deletes))
            .map_err(|error| {
                // Calls do not wait for this answer: until it says again what may leave, nothing is written.
                self.refused_collections.insert(collection.to_string());
                invalid(&error)
            })?;
        self.refused_collections.remove(collection.as_str());
        if declared {
            self.set_declarations(collection.as_str(), declarations);
        }
        // A collection that is not large is as declared before anything else is asked of it.
        self.adopt_some(collection.as_str(), &mut task.scan)?;
        Ok(Reply::Done {})
    }

    pub(super) fn set_declarations(&mut self, collection: &str, declarations: Declarations) {
        let row = declarations.encode();
        self.rows.write_beside(&mut self.batch.rows, &[], declarations_key(collection), Some(row.into()));
        self.collections.insert(collection.to_owned(), declarations);
    }

    /// The declarations of a collection; none when they are lost.
    pub(super) fn readable_declarations(&self, collection: &str) -> Option<Declarations> {
        let declarations = self.collections.get(collection).cloned().unwrap_or_default();
        (!declarations.unreadable).then_some(declarations)
    }

    /// How the parts of a document are told apart; `None` when it has none and gets none.
    pub(super) fn parted(&self, collection: &str, row: Option<&DocumentRow>) -> Result<Option<WasNow>, Failure> {
        if self.refused_collections.contains(collection) {
            let message = "what was declared of this collection was refused, so nothing is written to it";
            let mut failure = Failure::new(ErrorCode::CollectionInvalid, message);
            failure.collection = Some(collection.to_owned());
            return Err(failure);
        }
        let Some(declarations) = self.collections.get(collection) else { return Ok(None) };
        if declarations.unreadable {
            return Err(lost(collection));
        }
        let now = declarations.current();
        let parts = row.and_then(|row| row.parts.as_ref());
        if parts.is_none() && now.is_plain() {
            return Ok(None);
        }
        let was = match (row, parts) {
            (_, Some(parts)) => declarations.of(parts.number),
            (Some(_), None) => declarations.of(0),
            (None, None) => now.clone(),
        };
        Ok(Some((was, now)))
    }

    /// Whether a document may have a part that stays here.
    pub(super) fn has_parts(&self, collection: &str, row: Option<&DocumentRow>) -> bool {
        let declared = self.collections.get(collection).is_some_and(|all| all.unreadable || !all.current().is_plain());
        declared || row.is_some_and(|row| row.parts.is_some())
    }

    pub(super) fn writer(&self) -> Writer<'_> {
        Writer { actor: self.actor, now_ms: self.now.as_ms(), key: &self.seen_key }
    }

    /// Whether readers find no document at this key, which is in memory.
    pub(super) fn is_hidden(&mut self, key: &Key) -> bool {
        match self.rows.one(key) {
            Ok(Some(RowValue::Present(bytes))) => DocumentRowRef::decode(&bytes).is_ok_and(|row| row.deleted),
            Ok(None) => true,
            Ok(Some(RowValue::Corrupt)) | Err(_) => false,
        }
    }

    pub(super) fn declarations_are_lost(&self) -> bool {
        self.collections.values().any(|declarations| declarations.unreadable)
    }

    /// The first collection whose documents are to be brought to a new declaration.
    pub(super) fn next_to_adopt(&self) -> Option<&str> {
        let due = |(_, declarations): &(&String, &Declarations)| declarations.adopting.is_some();
        self.collections.iter().find(due).map(|(collection, _)| collection.as_str())
    }

    pub(super) fn adopt_task(&self) -> Option<Task> {
        let idle = self.committing.is_none() && self.batch.rows.is_empty();
        (idle && self.next_to_adopt().is_some()).then_some(Task::Adopt(None))
    }

    /// One step of bringing documents to what their collection is declared to be now.
    pub(super) fn adopt_step(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        match self.next_to_adopt().map(str::to_owned) {
            Some(collection) => self.adopt_some(&collection, scan),
            None => Ok(()),
        }
    }

    fn adopt_some(&mut self, collection: &str, scan: &mut ScanSlot) -> Result<(), Missing> {
        let Some(mut declarations) = self.collections.get(collection).cloned() else { return Ok(()) };
        let Some(through) = declarations.adopting.clone() else { return Ok(()) };
        let now = declarations.current();
        let mut range = value_range(collection).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if !through.is_empty() {
            range = range.after(&value_key(collection, &through));
        }
        let rows = self.scan_rows(scan, &range)?;
        let mut documents = Vec::new();
        let mut missing = None;
        for (key, row) in &rows.rows {
            let Some((_, id)) = parse_document(key) else { continue };
            let stale = match row {
                RowValue::Present(bytes) => DocumentRowRef::decode(bytes)
                    .is_ok_and(|row| !row.deleted && row.parts.map_or(0, |parts| parts.number) != now.number),
                RowValue::Corrupt => false,
            };
            if stale {
                match self.load_staged(collection, &id) {
                    Ok(staged) => documents.push((key.clone(), id, staged)),
                    Err(Stop::Missing(not_here)) => missing = Some(not_here),
                    Err(Stop::Failed(failure)) => self.tell(Event::Error { failure }),
                }
            }
        }
        if let Some(missing) = missing {
            *scan = Some((range, rows));
            return Err(missing);
        }
        for (key, id, staged) in documents {
            self.adopt_document(key, collection, &id, staged);
        }
        let last = rows.rows.last().and_then(|(key, _)| parse_document(key)).map(|(_, id)| id);
        declarations.adopting = last.filter(|_| rows.more);
        self.set_declarations(collection, declarations);
        Ok(())
    }

    /// One that cannot be brought to the declaration is told of and left to the next put.
    fn adopt_document(&mut self, key: Key, collection: &str, id: &str, mut staged: Staged) {
        let adopted = match self.parted(collection, staged.row()) {
            Ok(Some((was, now))) => staged.adopt((&was, &now), &self.writer()),
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        };
        match adopted {
            Ok(()) => {
                let behind = !self.outbox_has_room();
                self.apply_staged(key, collection, id, staged, behind);
            }
            Err(failure) => self.tell(Event::Error { failure: failure.about(collection, id) }),
        }
    }

    /// One page of the ids of documents of which others have said something and nothing is here.
    pub(super) fn parked(&mut self, task: &mut CommandTask, collection: &str, range: &IdRange) -> Result<Reply, Stop> {
        self.list_if(task, collection, range, is_parked)
    }
}

fn is_parked(row: &RowValue) -> bool {
    let RowValue::Present(bytes) = row else { return false };
    let parked = |row: DocumentRowRef<'_>| {
        !row.heads.is_empty() && row.parts.is_some_and(|parts| parts.is_absent() && !parts.deleted)
    };
    DocumentRowRef::decode(bytes).is_ok_and(parked)
}

fn lost(collection: &str) -> Failure {
    let message = "what leaves of this collection cannot be read from the store; declare the collection again";
    let mut failure = Failure::new(ErrorCode::StoreCorrupt, message);
    failure.collection = Some(collection.to_owned());
    failure
}
