//! Documents: rows against chunks, documents against their rows in the indexes, and chunks that belong to nothing.

use super::fault::{Broken, Fault};
use crate::api::HealthCounts;
use crate::document::edit;
use crate::document::state::{ChunkSpan, DocumentRowRef};
use crate::document::{DocumentRow, Value};
use crate::index::{IndexDef, IndexState};
use crate::machine::indexes::value_of;
use crate::machine::parts::Parted;
use crate::machine::rows::{Missing, parse_document};
use crate::machine::{Machine, rows};
use crate::store::keys::{parse_chunk_key, value_key};
use crate::store::{Key, RowValue, Rows, Value as RowBytes};
use std::collections::BTreeMap;

/// Chunks that are read for the documents of one page, in bytes; one document is always read.
const CHUNK_BYTES: u64 = 4 << 20;

/// A row and the document that its key names: collection and id.
type NamedRow<'r> = (Option<(String, String)>, &'r Key, &'r RowValue);

/// So many rows fit one page; `None`: all of them.
pub(in crate::machine) fn fitting(rows: &Rows) -> Option<usize> {
    let mut bytes = 0;
    let full = rows.rows.iter().position(|(_, row)| {
        let span = row.present().and_then(|bytes| DocumentRowRef::decode(bytes).ok()).map(|row| row.chunks);
        bytes += span.map_or(0, |span| u64::from(span.base_bytes) + u64::from(span.appended_bytes));
        bytes > CHUNK_BYTES
    });
    full.map(|full| full.max(1)).filter(|full| *full < rows.rows.len())
}

/// A document's chunks by number; `None` when one cannot be read or they do not follow each other.
pub(in crate::machine) fn sorted_chunks(
    rows: &[(Key, RowValue)],
    span: Option<ChunkSpan>,
) -> Option<Vec<(u32, RowBytes)>> {
    let numbered = |(key, row): &(Key, RowValue)| {
        let (_, _, number) = parse_chunk_key(key).ok()?;
        Some((u32::try_from(number).ok()?, row.present()?.clone()))
    };
    let within = |(key, _): &&(Key, RowValue)| {
        let number = parse_chunk_key(key).map(|(_, _, number)| number);
        span.is_none_or(|span| {
            number.is_ok_and(|number| (u64::from(span.first)..=u64::from(span.last)).contains(&number))
        })
    };
    let chunks = rows.iter().filter(within).map(numbered).collect::<Option<Vec<_>>>()?;
    let follows = chunks.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a.checked_add(1) == Some(*b)));
    let ends = |span: ChunkSpan| {
        let ends = (chunks.first().map(|first| first.0), chunks.last().map(|last| last.0));
        ends == (Some(span.first), Some(span.last))
    };
    (follows && span.is_none_or(ends)).then_some(chunks)
}

impl Machine {
    pub(super) fn look_at_documents(&mut self, rows: &Rows) -> Result<(HealthCounts, Vec<Fault>), Missing> {
        let named: Vec<NamedRow<'_>> = rows.rows.iter().map(|(key, row)| (parse_document(key), key, row)).collect();
        let mut missing = None;
        let mut chunks = Vec::with_capacity(named.len());
        let mut expected = Vec::new();
        for (name, _, row) in &named {
            let Some((collection, id)) = name else {
                chunks.push(vec![]);
                continue;
            };
            match self.rows.aside(rows::chunk_unit(collection, id)) {
                Ok(rows) => chunks.push(rows),
                Err(not_here) => missing = Some(not_here),
            }
            expected.extend(self.rows_expected(collection, id, row));
        }
        let mut wrong_indexes = BTreeMap::new();
        for (collection, name, number, key, value) in expected {
            match self.rows.one_aside(&key) {
                Ok(Some(RowValue::Present(found))) if found == value => {}
                Ok(_) => drop(wrong_indexes.insert(number, (collection, name))),
                Err(not_here) => missing = Some(not_here),
            }
        }
        if let Some(missing) = missing {
            return Err(missing);
        }
        let mut faults = Vec::new();
        for ((name, key, row), chunks) in named.iter().zip(&chunks) {
            match name {
                Some((collection, id)) => faults.extend(self.look_at_document(collection, id, row, chunks)),
                None => faults.push(Fault::Other { key: (*key).clone() }),
            }
        }
        let wrong = wrong_indexes.into_iter();
        faults.extend(wrong.map(|(number, (collection, name))| Fault::Index { collection, name, number }));
        Ok((HealthCounts { documents: named.len() as u64, ..HealthCounts::default() }, faults))
    }

    fn look_at_document(
        &self,
        collection: &str,
        id: &str,
        row: &RowValue,
        chunks: &[(Key, RowValue)],
    ) -> Option<Fault> {
        let broken = |what| Some(Fault::Document { collection: collection.to_owned(), id: id.to_owned(), what });
        let Some(row) = row.present().and_then(|bytes| DocumentRow::decode(bytes).ok()) else {
            return broken(Broken::Row);
        };
        if Value::decode(&row.value).is_err() {
            return broken(Broken::Row);
        }
        if row.heads.is_empty() && row.parts.is_some() {
            return None;
        }
        let Some(chunks) = sorted_chunks(chunks, Some(row.chunks)) else { return broken(Broken::Chunks) };
        let chunks: Vec<&[u8]> = chunks.iter().map(|(_, bytes)| &bytes[..]).collect();
        let Ok(examined) = edit::examine(&chunks) else { return broken(Broken::Chunks) };
        let same = match &row.parts {
            None => examined.deleted == row.deleted && examined.reads_as(&row.value),
            Some(parts) => {
                let declarations = self.readable_declarations(collection);
                let held = declarations.map(|declarations| {
                    Parted { row: &row, chunks: &chunks, was: &declarations.of(parts.number) }.held().is_ok()
                });
                parts.deleted == examined.deleted && held.unwrap_or(true)
            }
        };
        if examined.heads == row.heads && same { None } else { broken(Broken::Differs) }
    }

    /// The rows that a document has in the indexes that cover it: collection and name of the index, its number, key and value.
    fn rows_expected(&self, collection: &str, id: &str, row: &RowValue) -> Vec<(String, String, u32, Key, RowBytes)> {
        let Some(document) = document_of(row) else { return vec![] };
        let covers = |index: &&IndexDef| index.state != IndexState::Dropped && index.covers(id);
        let indexes = self.index_catalog(collection).iter().filter(covers);
        let each = |index: &IndexDef| {
            let (collection, name, number) = (collection.to_owned(), index.name.clone(), index.number);
            index
                .rows_of_document(id, &document)
                .into_iter()
                .map(move |(key, value)| (collection.clone(), name.clone(), number, key, value))
        };
        indexes.flat_map(each).collect()
    }

    pub(super) fn look_at_changes(&mut self, rows: &Rows) -> Result<(HealthCounts, Vec<Fault>), Missing> {
        let mut documents: BTreeMap<(String, String), Vec<(u64, &Key)>> = BTreeMap::new();
        let mut faults = Vec::new();
        for (key, _) in &rows.rows {
            match parse_chunk_key(key) {
                Ok((collection, id, number)) => documents.entry((collection, id)).or_default().push((number, key)),
                Err(_) => faults.push(Fault::Other { key: key.clone() }),
            }
        }
        let found: Vec<_> =
            documents.keys().map(|(collection, id)| self.rows.one_aside(&value_key(collection, id))).collect();
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (((collection, id), chunks), row) in documents.into_iter().zip(found) {
            let stray = |needless| Fault::StrayChanges { collection: collection.clone(), id: id.clone(), needless };
            let Some(row) = row else {
                faults.push(stray(None));
                continue;
            };
            // Of a row that cannot be read nobody knows which chunks it names.
            let Some(row) = row.present().and_then(|bytes| DocumentRowRef::decode(bytes).ok()) else { continue };
            let span = u64::from(row.chunks.first)..=u64::from(row.chunks.last);
            let needless = chunks.iter().filter(|(number, _)| row.heads.is_empty() || !span.contains(number));
            faults.extend(needless.map(|(_, key)| stray(Some((*key).clone()))));
        }
        Ok((HealthCounts::default(), faults))
    }
}

/// The document of a row, if there is one that can be read.
pub(super) fn document_of(row: &RowValue) -> Option<Value> {
    let row = DocumentRowRef::decode(row.present()?).ok()?;
    value_of(row.deleted, row.value).flatten()
}
