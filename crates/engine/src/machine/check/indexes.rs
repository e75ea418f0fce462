//! Rows of indexes: each belongs to an index that is defined and to a document that has it.

use super::documents::document_of;
use super::fault::Fault;
use crate::api::HealthCounts;
use crate::index::{IndexDef, IndexState};
use crate::machine::Machine;
use crate::machine::rows::Missing;
use crate::store::keys::{parse_index_key, value_key};
use crate::store::{Key, RowValue, Rows};
use ashore_protocol::gather::Gather;
use std::collections::BTreeMap;

impl Machine {
    pub(super) fn look_at_indexes(&mut self, rows: &Rows) -> Result<(HealthCounts, Vec<Fault>), Missing> {
        let defined: BTreeMap<u32, (String, IndexDef)> = self
            .defined_indexes()
            .map(|(collection, index)| (index.number, (collection.to_owned(), index.clone())))
            .gather();
        let index_of = |key: &Key| parse_index_key(key).ok().and_then(|(number, _)| defined.get(&number));
        let (mut missing, mut documents) = (None, Vec::with_capacity(rows.rows.len()));
        for (key, row) in &rows.rows {
            let id = index_of(key).and_then(|(collection, index)| Some((collection, id_of(index, key, row)?)));
            match id.map(|(collection, id)| self.rows.one_aside(&value_key(collection, &id)).map(|row| (id, row))) {
                Some(Ok(document)) => documents.push(Some(document)),
                Some(Err(not_here)) => missing = Some(not_here),
                None => documents.push(None),
            }
        }
        if let Some(missing) = missing {
            return Err(missing);
        }
        let mut wrong: BTreeMap<u32, (String, String)> = BTreeMap::new();
        let mut faults = Vec::new();
        for ((key, row), document) in rows.rows.iter().zip(documents) {
            let Some((collection, index)) = index_of(key) else {
                if !self.has_unreadable_definitions() {
                    faults.push(Fault::StrayIndexRow { key: key.clone() });
                }
                continue;
            };
            if index.state != IndexState::Dropped && !belongs(index, key, row, document) {
                wrong.insert(index.number, (collection.clone(), index.name.clone()));
            }
        }
        let wrong = wrong.into_iter();
        faults.extend(wrong.map(|(number, (collection, name))| Fault::Index { collection, name, number }));
        Ok((HealthCounts { index_rows: rows.rows.len() as u64, ..HealthCounts::default() }, faults))
    }
}

/// The document that a row is about.
fn id_of(index: &IndexDef, key: &Key, row: &RowValue) -> Option<String> {
    if index.state == IndexState::Dropped {
        return None;
    }
    match index.text {
        Some(_) => index.parse_posting(key, row.present()?).map(|posting| posting.id.to_owned()),
        None => index.parse_row(key).map(|(_, id)| id.to_owned()),
    }
}

/// Whether the document has this row. Of one that cannot be read nobody knows.
fn belongs(index: &IndexDef, key: &Key, row: &RowValue, document: Option<(String, Option<RowValue>)>) -> bool {
    let (Some(value), Some((id, document))) = (row.present(), document) else { return false };
    match document {
        None => false,
        Some(RowValue::Corrupt) => true,
        Some(document) => {
            let rows = document_of(&document).map(|document| index.rows_of_document(&id, &document));
            index.covers(&id) && rows.is_some_and(|rows| rows.get(key) == Some(value))
        }
    }
}
