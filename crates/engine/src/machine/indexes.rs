//! The indexes of collections: declaring them, keeping them with every document that is written, and who may read them.
//!
//! What holds in every batch, and so after every crash: an index holds exactly the rows of the documents that it covers (see
//! [`IndexDef::covers`]), and there are no rows but those of indexes that are defined. Every document that is stored passes
//! [`Machine::index_document`], whoever wrote it; documents behind the place up to which an index is built are left to the
//! builder.

mod build;
mod unique;

pub(super) use unique::{ConflictSearch, Incoming};

use super::Machine;
use super::documents::parse_collection;
use super::task::Task;
use crate::api::{ErrorCode, Event, Failure, IndexField, IndexInfo, IndexSpec, Reply};
use crate::document::state::DocumentRowRef;
use crate::document::{DocumentRow, Value};
use crate::index::{self, IndexDef, IndexError, IndexState, Keys, MAX_INDEXES};
use crate::query::Direction;
use crate::search::{Postings, WORDS_VERSION};
use crate::store::keys::{definitions_key, parse_definitions_key};
use crate::store::{Key, RowValue, Value as RowBytes};
use std::collections::{BTreeMap, BTreeSet};

/// A batch of this size takes no more rows of indexes beside documents: the index is built again in the background.
const FULL_OF_ROWS_BYTES: usize = 32 << 20;
/// The same for the number of its rows: small ones take more memory than bytes.
const FULL_OF_ROWS: usize = 600_000;

/// What is declared, by collection; the order is that of the declaration, with dropped ones at the end.
#[derive(Default)]
pub(super) struct Indexes {
    of: BTreeMap<String, Vec<IndexDef>>,
    /// Definitions that could not be read; their rows stay until what they defined is swept, so that no crash forgets it.
    unreadable: Vec<Key>,
    /// Rows of indexes with numbers from here on may belong to none, when definitions could not be read.
    orphans_from: u32,
}

impl Machine {
    /// Whether the index with this number is of words.
    pub(super) fn is_index_of_words(&self, number: u32) -> bool {
        self.indexes.of.values().flatten().any(|index| index.number == number && index.text.is_some())
    }

    /// The indexes of a collection for a reader, which may use those that are [ready](IndexDef::is_ready).
    ///
    /// Rows that are written and not committed are seen by [`Machine::scan_rows`], as those of documents are.
    pub(super) fn index_catalog(&self, collection: &str) -> &[IndexDef] {
        self.indexes.of.get(collection).map_or(&[], Vec::as_slice)
    }

    /// Every index that is defined, dropped ones too, with its collection.
    pub(super) fn defined_indexes(&self) -> impl Iterator<Item = (&str, &IndexDef)> {
        self.indexes.of.iter().flat_map(|(name, all)| all.iter().map(move |index| (name.as_str(), index)))
    }

    /// Declares indexes of another database, to be built here; those that are declared already stay.
    pub(super) fn define_anew(&mut self, collection: &str, definitions: Vec<IndexDef>) {
        let mut all = self.index_catalog(collection).to_vec();
        for definition in definitions.into_iter().take(MAX_INDEXES) {
            if !all.iter().any(|known| known.state != IndexState::Dropped && known.is_same(&definition)) {
                let number = self.new_index_number(&all);
                all.push(definition.anew(number));
            }
        }
        if !all.is_empty() {
            self.set_indexes(collection, all);
        }
    }

    /// Definitions could not be read: rows of indexes that nobody knows are swept.
    pub(super) fn has_unreadable_definitions(&self) -> bool {
        !self.indexes.unreadable.is_empty()
    }

    pub(super) fn open_indexes(&mut self, rows: &[(Key, RowValue)]) {
        for (key, row) in rows {
            let Ok(collection) = parse_definitions_key(key) else { continue };
            match row.present().map(|bytes| index::decode(bytes)) {
                Some(Ok(indexes)) => self.open_collection_indexes(collection, indexes),
                Some(Err(_)) | None => {
                    self.indexes.unreadable.push(key.clone());
                    let message = "the indexes of a collection cannot be read and are dropped; declare them again";
                    let mut failure = Failure::new(ErrorCode::StoreCorrupt, message);
                    failure.collection = Some(collection);
                    self.tell(Event::Error { failure });
                }
            }
        }
    }

    /// Takes over what is defined. Indexes that divide texts by other rules are built again.
    fn open_collection_indexes(&mut self, collection: String, mut indexes: Vec<IndexDef>) {
        let is_old = |index: &IndexDef| {
            index.state != IndexState::Dropped && index.text.is_some_and(|text| text.version != WORDS_VERSION)
        };
        let old = indexes.iter().any(is_old);
        if old {
            self.build_again(&mut indexes, is_old);
        }
        self.indexes.of.insert(collection.clone(), indexes);
        if old {
            self.write_definitions(&collection);
        }
    }

    pub(super) fn declare_indexes(&mut self, collection: &str, specs: &[IndexSpec]) -> Result<Reply, Failure> {
        let collection = parse_collection(collection)?;
        let invalid = |error: &IndexError| {
            let mut failure = Failure::new(ErrorCode::IndexInvalid, error.to_string());
            failure.collection = Some(collection.to_string());
            failure
        };
        if specs.len() > MAX_INDEXES {
            return Err(invalid(&IndexError::TooMany));
        }
        let before = self.index_catalog(collection.as_str()).to_vec();
        let (mut names, mut after) = (BTreeSet::new(), Vec::with_capacity(specs.len()));
        for spec in specs {
            if !names.insert(&spec.name) {
                return Err(invalid(&IndexError::NameTwice(spec.name.chars().take(64).collect())));
            }
            let number = self.new_index_number(&after);
            let new = definition(number, spec).map_err(|error| invalid(&error))?;
            let kept = before.iter().find(|known| known.state != IndexState::Dropped && known.is_same(&new));
            after.push(kept.cloned().unwrap_or(new));
        }
        for known in &before {
            if !after.iter().any(|index| index.number == known.number) {
                after.push(IndexDef { state: IndexState::Dropped, ..known.clone() });
            }
        }
        if after != before {
            self.set_indexes(collection.as_str(), after);
        }
        self.list_indexes(collection.as_str())
    }

    pub(super) fn list_indexes(&self, collection: &str) -> Result<Reply, Failure> {
        let collection = parse_collection(collection)?;
        Ok(Reply::Indexes { indexes: self.index_infos(collection.as_str()) })
    }

    fn index_infos(&self, collection: &str) -> Vec<IndexInfo> {
        let defined = self.index_catalog(collection).iter();
        defined.filter(|index| index.state != IndexState::Dropped).map(info).collect()
    }

    /// Something to do about indexes, at most once in a batch, and not while another batch is written for nothing else.
    pub(super) fn index_task(&self) -> Option<Task> {
        let may = !self.batch.index_step && (self.committing.is_none() || !self.batch.rows.is_empty());
        let unfinished = |index: &IndexDef| index.state != IndexState::Ready;
        let due = !self.indexes.unreadable.is_empty() || self.indexes.of.values().flatten().any(unfinished);
        (may && due).then_some(Task::Index(None))
    }

    /// Writes what a new state of a document changes in the indexes of its collection; the row of the state before is still
    /// in the store or in memory. Part of storing the document.
    pub(super) fn index_document(&mut self, key: &Key, collection: &str, id: &str, row: &DocumentRow) {
        let Some(mut indexes) = self.take_indexes(collection) else { return };
        let states = self.value_before(key).and_then(|before| Some((before, value_of(row.deleted, &row.value)?)));
        let full = self.batch.rows.byte_len() > FULL_OF_ROWS_BYTES || self.batch.rows.len() > FULL_OF_ROWS;
        let mut changed = false;
        if let Some((before, after)) = states.filter(|_| !full) {
            for index in indexes.iter_mut().filter(|index| index.covers(id)) {
                changed |= self.index_change(index, id, before.as_ref(), after.as_ref());
            }
        } else {
            changed = self.build_again(&mut indexes, |index| index.covers(id));
        }
        if let Some(place) = self.indexes.of.get_mut(collection) {
            *place = indexes;
        }
        if changed {
            self.write_definitions(collection);
        }
    }

    /// Takes a collection's indexes out for a moment, so that rows can be written along them.
    fn take_indexes(&mut self, collection: &str) -> Option<Vec<IndexDef>> {
        self.indexes.of.get_mut(collection).map(std::mem::take)
    }

    /// The value of a document as it is stored: `None` inside when there is none, outside when it cannot be read.
    pub(super) fn value_before(&mut self, key: &Key) -> Option<Option<Value>> {
        match self.rows.one(key) {
            Ok(None) => Some(None),
            Ok(Some(RowValue::Present(bytes))) => {
                let row = DocumentRowRef::decode(&bytes).ok()?;
                value_of(row.deleted, row.value)
            }
            Ok(Some(RowValue::Corrupt)) | Err(_) => None,
        }
    }

    /// The rows that one index loses and gets; `true` when its definition changed with them.
    fn index_change(&mut self, index: &mut IndexDef, id: &str, before: Option<&Value>, after: Option<&Value>) -> bool {
        if index.text.is_some() {
            return self.word_change(index, id, before, after);
        }
        let keys = |value: Option<&Value>| value.map_or(Keys::new(), |value| index.keys(id, value));
        let (old, new) = (keys(before), keys(after));
        for key in old.difference(&new) {
            self.write_index_row(index, key, id, None);
        }
        for key in new.difference(&old) {
            self.write_index_row(index, key, id, Some(RowBytes::default()));
        }
        after.is_some_and(|after| index.note(after, &new))
    }

    /// The same for an index of words.
    fn word_change(&mut self, index: &mut IndexDef, id: &str, before: Option<&Value>, after: Option<&Value>) -> bool {
        let postings = |value: Option<&Value>| value.map_or_else(Postings::default, |value| index.postings(value));
        let (old, new) = (postings(before), postings(after));
        for word in old.frequencies.keys().filter(|word| !new.frequencies.contains_key(*word)) {
            self.rows.write_beside(&mut self.batch.rows, &[], index.word_row(word, id), None);
        }
        for (word, frequency) in &new.frequencies {
            if old.length != new.length || old.frequencies.get(word) != Some(frequency) {
                let value = IndexDef::word_value(*frequency, new.length);
                self.rows.write_beside(&mut self.batch.rows, &[], index.word_row(word, id), Some(value));
            }
        }
        let Some(text) = &mut index.text else { return false };
        let known = text.statistics;
        text.statistics.remove(old.length);
        text.statistics.add(new.length);
        text.statistics != known
    }

    fn write_index_row(&mut self, index: &IndexDef, key: &[u8], id: &str, value: Option<RowBytes>) {
        let start = index.rows_of(key).start;
        self.rows.write_beside(&mut self.batch.rows, &start, index.row(key, id), value);
    }

    /// Puts new empty indexes in the place of these: their rows cannot be written now, or are not what they should be.
    fn build_again(&mut self, indexes: &mut Vec<IndexDef>, which: impl Fn(&IndexDef) -> bool) -> bool {
        let (mut changed, known) = (false, indexes.len());
        for at in 0..known {
            let number = self.new_index_number(indexes);
            if let Some(index) = indexes.get_mut(at).filter(|index| which(index)) {
                let anew = index.anew(number);
                let before = std::mem::replace(index, anew);
                indexes.push(IndexDef { state: IndexState::Dropped, ..before });
                changed = true;
            }
        }
        changed
    }

    /// Builds an index again whose rows cannot all be read.
    pub(super) fn rebuild_index(&mut self, collection: &str, number: u32) {
        let Some(mut indexes) = self.take_indexes(collection) else { return };
        self.build_again(&mut indexes, |index| index.number == number);
        self.set_indexes(collection, indexes);
    }

    /// Random, so that no number comes twice even if definitions are lost.
    fn new_index_number(&mut self, besides: &[IndexDef]) -> u32 {
        loop {
            let number = u32::from_be_bytes(self.rng.bytes());
            if !self.indexes.of.values().flatten().chain(besides).any(|index| index.number == number) {
                return number;
            }
        }
    }

    fn set_indexes(&mut self, collection: &str, indexes: Vec<IndexDef>) {
        if indexes.is_empty() {
            self.indexes.of.remove(collection);
        } else {
            self.indexes.of.insert(collection.to_owned(), indexes);
        }
        self.write_definitions(collection);
    }

    pub(super) fn write_definitions(&mut self, collection: &str) {
        let row = self.indexes.of.get(collection).map(|indexes| index::encode(indexes).into());
        let key = definitions_key(collection);
        self.rows.write_beside(&mut self.batch.rows, &[], key, row);
    }
}

/// What a page declares.
fn definition(number: u32, spec: &IndexSpec) -> Result<IndexDef, IndexError> {
    if spec.text == Some(true) {
        if spec.unique || spec.sparse || spec.fields.iter().any(|field| field.descending) {
            return Err(IndexError::OfWords(spec.name.chars().take(64).collect()));
        }
        let fields = spec.fields.iter().map(|field| (field.path.as_str(), field.weight.unwrap_or(1)));
        return IndexDef::new_text(number, &spec.name, fields);
    }
    if spec.fields.iter().any(|field| field.weight.is_some()) {
        return Err(IndexError::NotOfWords(spec.name.chars().take(64).collect()));
    }
    let fields = spec.fields.iter().map(|field| (field.path.as_str(), field.descending));
    IndexDef::new(number, &spec.name, fields, spec.unique, spec.sparse)
}

/// `None` outside when the value does not decode.
pub(super) fn value_of(deleted: bool, value: &[u8]) -> Option<Option<Value>> {
    if deleted { Some(None) } else { Value::decode(value).ok().map(Some) }
}

fn info(index: &IndexDef) -> IndexInfo {
    let field = |field: &index::IndexField| IndexField {
        path: field.path.to_string(),
        descending: field.direction == Direction::Descending,
        weight: Some(field.weight).filter(|weight| *weight != 1),
    };
    let spec = IndexSpec {
        name: index.name.clone(),
        fields: index.fields.iter().map(field).collect(),
        unique: index.unique,
        sparse: index.sparse,
        text: index.text.map(|_| true),
    };
    IndexInfo { spec, ready: index.is_ready(), documents: index.documents }
}
