//! What holds of the indexes on a disk at any moment, checked by going through all documents.

use super::Disk;
use crate::document::{DocumentRow, Value};
use crate::index::{self, APART, IndexDef, IndexState};
use crate::search::Statistics;
use crate::store::keys::{parse_definitions_key, parse_index_key, parse_value_key, value_range};
use crate::store::{Key, Value as RowBytes};
use std::collections::{BTreeMap, BTreeSet};

/// Every index on a disk holds exactly the rows of the documents that it covers, and there are no rows besides; otherwise what
/// is wrong.
pub fn check(disk: &Disk) -> Result<(), String> {
    let (mut expected, mut dropped) = (BTreeMap::new(), BTreeSet::new());
    for (collection, index) in defined(disk)? {
        if index.state == IndexState::Dropped {
            dropped.insert(index.number);
            continue;
        }
        for (id, document) in documents(disk, &collection)? {
            if index.covers(&id) {
                expected.extend(rows(&index, &id, &document)?);
            }
        }
        check_statistics(disk, &collection, &index)?;
    }
    let found = disk.with_prefix(b"y").map(|(key, value)| (key.clone(), value.clone()));
    let found: BTreeMap<Key, RowBytes> =
        found.filter(|(key, _)| !parse_index_key(key).is_ok_and(|(number, _)| dropped.contains(&number))).collect();
    if let Some((row, _)) = expected.iter().find(|(row, value)| found.get(*row) != Some(*value)) {
        return Err(format!("a row of an index is not there: {}", row.escape_ascii()));
    }
    match found.keys().find(|row| !expected.contains_key(*row)) {
        Some(row) => Err(format!("a row stands in no index: {}", row.escape_ascii())),
        None => Ok(()),
    }
}

/// How many indexes are being built or dropped.
pub fn unfinished(disk: &Disk) -> usize {
    defined(disk).map_or(usize::MAX, |all| all.iter().filter(|(_, index)| !index.is_ready()).count())
}

/// The indexes that are defined, with their collections.
pub fn defined(disk: &Disk) -> Result<Vec<(String, IndexDef)>, String> {
    let mut all = Vec::new();
    for (key, row) in disk.with_prefix(b"d") {
        let collection = parse_definitions_key(key).map_err(|error| error.to_string())?;
        let indexes = index::decode(row).map_err(|error| error.to_string())?;
        all.extend(indexes.into_iter().map(|index| (collection.clone(), index)));
    }
    Ok(all)
}

fn documents(disk: &Disk, collection: &str) -> Result<Vec<(String, Value)>, String> {
    let mut all = Vec::new();
    for (key, row) in disk.with_prefix(&value_range(collection).start) {
        let (_, id) = parse_value_key(key).map_err(|error| error.to_string())?;
        let row = DocumentRow::decode(row).map_err(|error| error.to_string())?;
        if !row.deleted {
            all.push((id, Value::decode(&row.value).map_err(|error| error.to_string())?));
        }
    }
    Ok(all)
}

/// An index of words knows how many documents it covers, and how long they are.
fn check_statistics(disk: &Disk, collection: &str, index: &IndexDef) -> Result<(), String> {
    let Some(text) = index.text else { return Ok(()) };
    let mut counted = Statistics::default();
    for (_, document) in documents(disk, collection)?.iter().filter(|(id, _)| index.covers(id)) {
        counted.add(index.postings(document).length);
    }
    let name = &index.name;
    let same = counted == text.statistics;
    if same { Ok(()) } else { Err(format!("the index {name} says {:?}, counted {counted:?}", text.statistics)) }
}

fn word_rows(index: &IndexDef, id: &str, document: &Value) -> Result<Vec<(Key, RowBytes)>, String> {
    let postings = index.postings(document);
    let row = |(word, frequency): (&String, &u32)| {
        let (key, value) = (index.word_row(word, id), IndexDef::word_value(*frequency, postings.length));
        match index.parse_posting(&key, &value) {
            Some(read) if (read.word, read.id, read.frequency) == (word.as_str(), id, *frequency) => Ok((key, value)),
            other => Err(format!("a row of {} for {id} is read as {other:?}", index.name)),
        }
    };
    postings.frequencies.iter().map(row).collect()
}

fn rows(index: &IndexDef, id: &str, document: &Value) -> Result<Vec<(Key, RowBytes)>, String> {
    if index.text.is_some() {
        return word_rows(index, id, document);
    }
    let keys = index.keys(id, document);
    let name = &index.name;
    if index.fields.iter().any(|field| !field.multi && field.path.meets_array(document)) {
        return Err(format!("the index {name} does not know of an array in {id}"));
    }
    if !index.apart && keys.iter().any(|key| key == APART) {
        return Err(format!("the index {name} does not know that {id} is apart"));
    }
    let row = |key: &Vec<u8>| {
        let row = index.row(key, id);
        match index.parse_row(&row) {
            Some(parsed) if parsed == (key.as_slice(), id) => Ok((row, RowBytes::default())),
            other => Err(format!("a row of {name} for {id} is read as {other:?}")),
        }
    };
    keys.iter().map(row).collect()
}
