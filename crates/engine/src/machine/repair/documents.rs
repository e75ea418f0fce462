//! Documents: a row is made again from its chunks where they say all that it said; else what is left is noted, to be completed
//! from entries.

use super::gather::Gathered;
use super::plan::{Plan, Planned};
use crate::api::Remedy;
use crate::document::edit::{self, Examined};
use crate::document::state::{BEHIND, ChunkSpan, ChunkWrite, Local};
use crate::document::{DocumentRow, Value};
use crate::machine::check::sorted_chunks;
use crate::machine::parts::Whole;
use crate::machine::rows::{Missing, chunk_unit};
use crate::machine::{Machine, keys};
use crate::store::RowValue;
use crate::store::keys::value_key;
use ashore_protocol::codec::encode;

/// A document's new row and chunks.
pub(super) struct RowPlan {
    pub(super) collection: String,
    pub(super) id: String,
    pub(super) row: DocumentRow,
    pub(super) writes: Vec<ChunkWrite>,
}

/// A document to be gathered.
pub(super) struct DocumentPlan {
    pub(super) collection: String,
    pub(super) id: String,
    pub(super) gathered: Gathered,
}

impl Machine {
    pub(super) fn plan_document(&mut self, collection: &str, id: &str) -> Result<Planned, Missing> {
        let key = value_key(collection, id);
        // Indexes are written from the row before: it has to be in memory as well.
        let wanted = (
            self.rows.one_aside(&key),
            self.rows.aside(chunk_unit(collection, id)),
            self.rows.one_aside(&keys::gathered(collection, id)),
            self.rows.one(&key),
        );
        let (stored, chunks, gathered, _) = (wanted.0?, wanted.1?, wanted.2?, wanted.3?);
        if gathered.is_some_and(|row| row.present().is_some()) {
            return Ok((None, Plan::Nothing));
        }
        let old = stored.as_ref().and_then(RowValue::present).and_then(|bytes| DocumentRow::decode(bytes).ok());
        let old = old.filter(|row| Value::decode(&row.value).is_ok());
        let whole = sorted_chunks(&chunks, old.as_ref().map(|row| row.chunks)).filter(|chunks| !chunks.is_empty());
        if let Some(found) = whole {
            let bytes: Vec<&[u8]> = found.iter().map(|(_, bytes)| &bytes[..]).collect();
            if let Ok(examined) = edit::examine(&bytes)
                && old.as_ref().is_none_or(|old| examined.reaches(&old.heads))
            {
                let sizes: Vec<_> = found.iter().map(|(number, bytes)| (*number, bytes.len())).collect();
                let row = self.row_of(collection, id, &examined, ChunkSpan::found(&sizes), old.as_ref());
                let remedy = self.remedy(collection, old.as_ref());
                let (collection, id) = (collection.to_owned(), id.to_owned());
                let plan = RowPlan { collection, id, row, writes: vec![] };
                return Ok((Some(remedy), Plan::Document(Box::new(plan))));
            }
        }
        let left: Vec<&[u8]> = chunks.iter().filter_map(|(_, row)| row.present().map(|bytes| &bytes[..])).collect();
        let gathered =
            Gathered { old: old.map(|row| row.encode().into()), chunk: edit::salvage(&left).map(Into::into) };
        let (collection, id) = (collection.to_owned(), id.to_owned());
        Ok((None, Plan::Gather(Box::new(DocumentPlan { collection, id, gathered }))))
    }

    /// What stays on this device stood in the row alone.
    pub(super) fn remedy(&self, collection: &str, old: Option<&DocumentRow>) -> Remedy {
        if old.is_none() && self.has_parts(collection, None) { Remedy::Lost } else { Remedy::Restored }
    }

    /// The row of a document of which the chunks say this.
    pub(super) fn row_of(
        &self,
        collection: &str,
        id: &str,
        examined: &Examined,
        chunks: ChunkSpan,
        old: Option<&DocumentRow>,
    ) -> DocumentRow {
        let unknown = if self.travels_now(&value_key(collection, id)) { BEHIND } else { 0 };
        let alone = examined.row(old.map_or(unknown, |old| old.sent_with), chunks);
        let old_parts = old.and_then(|old| old.parts.as_ref());
        let declarations = self.readable_declarations(collection).unwrap_or_default();
        let declared = match (old_parts, old) {
            (Some(parts), _) => declarations.of(parts.number),
            (None, Some(_)) => return alone,
            (None, None) => declarations.current(),
        };
        if declared.is_plain() && old_parts.is_none() {
            return alone;
        }
        let shown = old.and_then(|old| Value::decode(&old.value).ok());
        let stays = match (old_parts.map(|parts| &parts.local), shown) {
            (Some(Local::Absent), _) => None,
            (Some(Local::Kept(bytes)), _) => Value::decode(bytes).ok(),
            (Some(Local::InValue), Some(shown)) => Some(declared.stays_in(&shown, &examined.fields)),
            (Some(Local::InValue) | None, _) => Some(Value::empty()),
        };
        let (tainted, rebuilt) = old_parts.map_or((true, false), |parts| (parts.tainted, parts.rebuilt));
        let whole = Whole { alone: Some(alone), travels: &examined.fields, stays: stays.as_ref(), tainted, rebuilt };
        whole.row(&declared, &self.seen_key)
    }

    pub(super) fn restore_row(&mut self, plan: RowPlan) {
        let RowPlan { collection, id, mut row, writes } = plan;
        if row.sent_with == BEHIND {
            self.fall_behind(Some(&mut row));
        }
        let key = value_key(&collection, &id);
        self.store_document(&key, &collection, &id, Some(&row), writes);
        self.batch.changed(&collection, &id, false);
    }

    pub(super) fn note_gathered(&mut self, plan: DocumentPlan) {
        let key = keys::gathered(&plan.collection, &plan.id);
        self.rows.write(&mut self.batch.rows, key, Some(encode(&plan.gathered).into()));
    }
}
