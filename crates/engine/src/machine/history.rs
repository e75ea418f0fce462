//! Commands about a document's past: its changes, the document as it was, and its conflicts.

use super::Machine;
use super::documents::{Stop, edit_failure, parse_collection, parse_id};
use super::writers::KnownWriters;
use crate::api::{ChangeKind, ErrorCode, Failure, FieldClaim, FieldConflict, HistoryChange, PathStep, Reply, Written};
use crate::document::edit::{self, Current, EditError};
use crate::document::history::{self, Claim, Kind, Moment, Step};
use crate::document::{Value, Version, json};
use ashore_protocol::gather::Gather;

/// The most changes in one answer.
const MAX_CHANGES: u32 = 1_000;
/// The most conflicts in one answer.
const MAX_CONFLICTS: usize = 1_000;

impl Machine {
    /// One page of a document's changes.
    pub(super) fn history(
        &mut self,
        collection: &str,
        id: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Reply, Stop> {
        let before = before.map(parse_version).transpose()?;
        let limit = if limit == 0 { MAX_CHANGES } else { limit.min(MAX_CHANGES) };
        let staged = self.load_document(collection, id)?;
        if staged.has_no_changes() {
            return Ok(Reply::History { changes: vec![], more: false });
        }
        let page = history::history(&staged.chunks(), before.as_ref(), limit as usize);
        let (moments, more) = page.map_err(|error| edit_failure(&error).about(collection, id))?;
        let known = self.known_writers(&moments.iter().filter_map(|moment| moment.writer).gather())?;
        let changes = moments.into_iter().map(|moment| self.history_change(moment, &known));
        Ok(Reply::History { changes: changes.collect(), more })
    }

    /// A document as it was.
    pub(super) fn document_at(&mut self, collection: &str, id: &str, version: &str) -> Result<Reply, Stop> {
        let version = parse_version(version)?;
        let staged = self.load_document(collection, id)?;
        let chunks = staged.chunks();
        let found = match staged.row().filter(|_| !staged.has_no_changes()) {
            Some(row) => edit::value_at(Current { row, chunks: &chunks }, &version),
            None if version.is_absent() => Ok(Value::Null),
            None => Err(EditError::UnknownVersion),
        };
        let value = found.map_err(|error| edit_failure(&error).about(collection, id))?;
        let mut documents = "[".to_owned();
        let tagged = json::write_value(&value, &mut documents).map_err(|_| unreadable(collection, id))?;
        documents.push(']');
        let versions = vec![version.to_string()];
        Ok(Reply::Documents { ids: vec![], documents, versions, tagged, corrupt: vec![], more: false })
    }

    /// What writers who did not know of each other set in a document.
    pub(super) fn conflicts(&mut self, collection: &str, id: &str) -> Result<Reply, Stop> {
        let staged = self.load_document(collection, id)?;
        let chunks = staged.chunks();
        let (found, more) = match staged.row().filter(|_| !staged.has_no_changes()) {
            Some(row) => history::conflicts(Current { row, chunks: &chunks }, MAX_CONFLICTS)
                .map_err(|error| edit_failure(&error.into()).about(collection, id))?,
            None => (vec![], false),
        };
        let writers = found.iter().flat_map(|conflict| conflict.values.iter().filter_map(|claim| claim.writer));
        let known = self.known_writers(&writers.gather())?;
        let (mut values, mut tagged) = ("[".to_owned(), false);
        let mut conflicts = Vec::with_capacity(found.len());
        for conflict in found {
            values.push_str(if conflicts.is_empty() { "[" } else { ",[" });
            for (index, claim) in conflict.values.iter().enumerate() {
                values.push_str(if index == 0 { "" } else { "," });
                tagged |= json::write_value(&claim.value, &mut values).map_err(|_| unreadable(collection, id))?;
            }
            values.push(']');
            let claims = conflict.values.iter().map(|claim| self.field_claim(claim, &known)).collect();
            conflicts.push(FieldConflict { path: conflict.path.into_iter().map(path_step).collect(), claims });
        }
        values.push(']');
        Ok(Reply::Conflicts { conflicts, values, tagged, more })
    }

    fn load_document(&mut self, collection: &str, id: &str) -> Result<super::documents::Staged, Stop> {
        let collection = parse_collection(collection)?;
        let id = parse_id(collection.as_str(), id)?;
        self.load_staged(collection.as_str(), id.as_str())
    }

    fn history_change(&self, moment: Moment, known: &KnownWriters) -> HistoryChange {
        HistoryChange {
            version: moment.version.to_string(),
            by: self.written(moment.at_ms, moment.writer, known),
            kind: match moment.kind {
                Kind::Put => ChangeKind::Put,
                Kind::Delete => ChangeKind::Delete,
                Kind::Undo => ChangeKind::Undo,
                Kind::Redo => ChangeKind::Redo,
            },
            fields: moment.fields,
        }
    }

    fn field_claim(&self, claim: &Claim, known: &KnownWriters) -> FieldClaim {
        let by = self.written(claim.at_ms, claim.writer, known);
        FieldClaim { version: claim.version.to_string(), by }
    }

    fn written(&self, at: i64, writer: Option<[u8; 16]>, known: &KnownWriters) -> Written {
        let mine = writer.is_some_and(|writer| known.own.contains(&writer));
        let group = self.sync.group.as_ref();
        let device = match writer {
            _ if mine => group.map(|group| group.secrets.device.device_id()),
            Some(writer) => known.members.get(&writer).copied(),
            None => None,
        };
        let name = device.and_then(|device| group?.name_of(&device).cloned());
        Written { at, mine, device: device.map(|device| device.to_string()), name }
    }
}

pub(super) fn parse_version(text: &str) -> Result<Version, Failure> {
    Version::parse(text)
        .ok_or_else(|| Failure::new(ErrorCode::DocumentUnknownVersion, "this is no version of this database"))
}

fn path_step(step: Step) -> PathStep {
    match step {
        Step::Key(key) => PathStep::Key(key),
        Step::Index(index) => PathStep::Index(u32::try_from(index).unwrap_or(u32::MAX)),
    }
}

fn unreadable(collection: &str, id: &str) -> Failure {
    Failure::new(ErrorCode::StoreCorrupt, "the document's value cannot be written").about(collection, id)
}
