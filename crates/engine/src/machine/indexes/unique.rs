//! Unique indexes: a write of this device that would break one is refused whole; what comes from other devices is always kept,
//! and told. A key is taken when another document has a row at it, in what is built so far.

use super::super::documents::{Stop, parse_collection};
use super::super::rows::Missing;
use super::super::task::CommandTask;
use super::{Machine, value_of};
use crate::api::{ErrorCode, Event, Failure, IndexConflict, Reply, Write};
use crate::document::{DocumentRow, json};
use crate::index::{APART, IndexDef, IndexError, IndexState, Keys};
use crate::store::keys::{index_range, value_key};
use crate::store::{Key, RowValue};
use std::collections::{BTreeMap, BTreeSet};

/// Most groups of documents in one answer of `indexConflicts`.
const MAX_CONFLICTS: usize = 1_000;
/// Rows of an index that are looked at in one load.
const PAGE_ROWS: u32 = 10_000;
const PAGE_BYTES: usize = 4 << 20;

/// A document that is about to be stored.
#[derive(Clone, Copy)]
pub(in crate::machine) struct Incoming<'a> {
    pub(in crate::machine) collection: &'a str,
    pub(in crate::machine) id: &'a str,
    pub(in crate::machine) row: &'a DocumentRow,
}

/// What documents that are about to be stored change about the keys of unique indexes.
#[derive(Default)]
pub(in crate::machine) struct Claims {
    gained: BTreeMap<Place, Claim>,
    /// Documents that leave a place.
    lost: BTreeMap<Place, BTreeSet<String>>,
    /// Documents whose key is too long to be compared: collection, id, index.
    apart: Option<(String, String, String)>,
}

/// The number of an index and a key.
type Place = (u32, Vec<u8>);

/// Who comes to a place.
struct Claim {
    collection: String,
    index: String,
    ids: BTreeSet<String>,
}

/// How far a search for conflicts is.
#[derive(Default)]
pub(in crate::machine) struct ConflictSearch {
    after: Option<Key>,
    /// The key at the end of the last page, and whose it is.
    last: (Vec<u8>, Vec<String>),
    found: BTreeSet<Vec<String>>,
}

impl Machine {
    /// Fails when these writes of this device put a second document under a key of a unique index.
    pub(in crate::machine) fn check_unique<'a>(
        &mut self,
        documents: impl Iterator<Item = Incoming<'a>>,
    ) -> Result<(), Stop> {
        let claims = self.claims(documents);
        self.load_claims(&claims)?;
        if let Some((collection, id, index)) = &claims.apart {
            let message = format!("its values are too long, or too many, for the unique index `{index}`");
            return Err(Failure::new(ErrorCode::DocumentTooLarge, message).about(collection, id).into());
        }
        for (place, claim) in &claims.gained {
            let stays =
                |id: &String| !claim.ids.contains(id) && !claims.lost.get(place).is_some_and(|left| left.contains(id));
            let holder = self.holders(place)?.into_iter().find(stays);
            let mut ids = claim.ids.iter();
            let (Some(first), second) = (ids.next(), ids.next()) else { continue };
            let (id, other) = match (second, &holder) {
                (Some(second), _) => (second, first),
                (None, Some(holder)) => (first, holder),
                (None, None) => continue,
            };
            let other: String = other.chars().take(64).collect();
            let message = format!("the document `{other}` has the same values in the unique index `{}`", claim.index);
            return Err(Failure::new(ErrorCode::IndexDuplicate, message).about(&claim.collection, id).into());
        }
        Ok(())
    }

    /// Notes what [`Machine::check_unique`] will need for writes, as far as what is put tells it.
    pub(in crate::machine) fn want_unique(&mut self, writes: &[Write]) {
        for write in writes {
            let (Write::Put { collection, ids, documents, .. } | Write::Migrate { collection, ids, documents, .. }) =
                write
            else {
                continue;
            };
            let unique: Vec<IndexDef> = self.unique_indexes(collection).cloned().collect();
            if unique.is_empty() {
                continue;
            }
            let values = json::parse_many(documents).unwrap_or_default();
            for (id, value) in ids.iter().zip(&values) {
                for index in &unique {
                    for key in index.keys(id, value) {
                        let _ = self.rows.all(index.rows_of(&key));
                    }
                }
            }
        }
    }

    /// The changes of documents; the states before are still in the store or in memory.
    pub(in crate::machine) fn claims<'a>(&mut self, documents: impl Iterator<Item = Incoming<'a>>) -> Claims {
        let mut claims = Claims::default();
        for Incoming { collection, id, row } in documents {
            if self.unique_indexes(collection).next().is_none() {
                continue;
            }
            let before = self.value_before(&value_key(collection, id));
            let (Some(before), Some(after)) = (before, value_of(row.deleted, &row.value)) else { continue };
            for index in self.unique_indexes(collection) {
                let keys = |value: &Option<_>| value.as_ref().map_or(Keys::new(), |value| index.keys(id, value));
                let (old, new) = (keys(&before), keys(&after));
                for key in new.difference(&old) {
                    claims.gain(collection, index, key, id);
                }
                for key in old.difference(&new) {
                    claims.lost.entry((index.number, key.clone())).or_default().insert(id.to_owned());
                }
            }
        }
        claims
    }

    /// Who stands at the places that are claimed is loaded.
    pub(in crate::machine) fn load_claims(&mut self, claims: &Claims) -> Result<(), Missing> {
        let loaded: Vec<_> =
            claims.gained.keys().map(|(number, key)| self.rows.all(index_range(*number, key)).map(drop)).collect();
        loaded.into_iter().collect()
    }

    /// Tells of claims that put a second document under a key, now that their documents are stored: once for each index.
    pub(in crate::machine) fn tell_conflicts(&mut self, claims: &Claims) {
        let mut told = BTreeSet::new();
        for (place, claim) in &claims.gained {
            let holders = self.holders(place).unwrap_or_default();
            if holders.len() > 1 && told.insert(place.0) {
                let message = format!(
                    "several documents have the same values in the unique index `{}`; all of them are kept",
                    claim.index
                );
                let id = claim.ids.first().map_or("", String::as_str);
                let failure = Failure::new(ErrorCode::IndexConflict, message).about(&claim.collection, id);
                self.batch.event(Event::Error { failure });
            }
        }
    }

    /// Documents that have the same key in a unique index, as groups of ids.
    pub(in crate::machine) fn index_conflicts(
        &mut self,
        task: &mut CommandTask,
        collection: &str,
        name: &str,
    ) -> Result<Reply, Stop> {
        let collection = parse_collection(collection)?;
        let index = self.unique_indexes(collection.as_str()).find(|index| index.name == name).cloned();
        let Some(index) = index else {
            let error = IndexError::NotUnique(name.chars().take(64).collect());
            let mut failure = Failure::new(ErrorCode::IndexInvalid, error.to_string());
            failure.collection = Some(collection.to_string());
            return Err(failure.into());
        };
        loop {
            let mut range = index.range().limit(PAGE_ROWS).max_bytes(PAGE_BYTES);
            if let Some(after) = &task.conflicts.after {
                range = range.after(after);
            }
            let last = task.scan.as_ref().and_then(|(_, rows)| rows.rows.last()).map(|(key, _)| key.clone());
            let rows = self.scan_rows(&mut task.scan, &range)?;
            let full = task.conflicts.take(&index, &rows.rows);
            if !full && rows.more {
                // The rows of this part may all have been taken away by writes under way.
                task.conflicts.after = last.or(task.conflicts.after.take());
            }
            if full || !rows.more {
                task.conflicts.end_of_key();
                let found = std::mem::take(&mut task.conflicts).found.into_iter().take(MAX_CONFLICTS);
                let conflicts = found.map(|ids| IndexConflict { ids }).collect();
                return Ok(Reply::IndexConflicts { conflicts, more: full });
            }
        }
    }

    fn unique_indexes(&self, collection: &str) -> impl Iterator<Item = &IndexDef> {
        let usable = |index: &&IndexDef| index.unique && index.state != IndexState::Dropped;
        self.index_catalog(collection).iter().filter(usable)
    }

    fn holders(&mut self, (number, key): &Place) -> Result<Vec<String>, Missing> {
        let range = index_range(*number, key);
        let start = range.start.len();
        let rows = self.rows.all(range)?;
        let id = |row: &Key| row.get(start..).and_then(|id| std::str::from_utf8(id).ok()).map(str::to_owned);
        Ok(rows.iter().filter_map(|(row, _)| id(row)).collect())
    }
}

impl Claims {
    /// A document comes to a key.
    pub(super) fn gain(&mut self, collection: &str, index: &IndexDef, key: &[u8], id: &str) {
        if key == APART {
            self.apart = Some((collection.to_owned(), id.to_owned(), index.name.clone()));
            return;
        }
        let claim = self.gained.entry((index.number, key.to_vec())).or_insert_with(|| Claim {
            collection: collection.to_owned(),
            index: index.name.clone(),
            ids: BTreeSet::new(),
        });
        claim.ids.insert(id.to_owned());
    }
}

impl ConflictSearch {
    /// Looks at a page of rows; `true` when enough was found.
    fn take(&mut self, index: &IndexDef, rows: &[(Key, RowValue)]) -> bool {
        for (row, _) in rows {
            // Those that are kept apart stand at the end and are not compared.
            let Some((key, id)) = index.parse_row(row).filter(|(key, _)| *key != APART) else { continue };
            if self.last.0 != key {
                self.end_of_key();
                self.last = (key.to_vec(), vec![]);
                if self.found.len() >= MAX_CONFLICTS {
                    return true;
                }
            }
            self.last.1.push(id.to_owned());
        }
        self.after = rows.last().map(|(row, _)| row.clone());
        false
    }

    fn end_of_key(&mut self) {
        let (_, ids) = std::mem::take(&mut self.last);
        if ids.len() > 1 {
            self.found.insert(ids);
        }
    }
}
