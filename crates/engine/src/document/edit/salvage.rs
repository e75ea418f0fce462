//! Documents whose stored bytes may be damaged: what they say, and what can be had of the chunks that are left.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, Change, ChangeHash};

use super::check::{self, Expanded};
use super::{CorruptDocument, changes_of, corrupt, is_deleted, joined, load, read, reads_as, sorted_heads};
use crate::document::state::{ChunkSpan, DocumentRow};
use crate::document::value::Value;

/// What a document's chunks say.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// Its heads, sorted.
    pub heads: Vec<ChangeHash>,
    /// Whether all of them are deletes.
    pub deleted: bool,
    /// Its fields, also below a delete.
    pub fields: Value,
    known: BTreeSet<ChangeHash>,
}

impl Examined {
    /// Whether the chunks hold all of a document at these heads.
    pub fn reaches(&self, heads: &[ChangeHash]) -> bool {
        heads.iter().all(|head| self.known.contains(head))
    }

    /// What readers get of it.
    pub fn value(&self) -> Value {
        if self.deleted { Value::empty() } else { self.fields.clone() }
    }

    /// Whether a row's value is what the chunks say; rows may be older than texts and counters.
    pub fn reads_as(&self, value: &[u8]) -> bool {
        let own = self.value();
        own.to_bytes() == value || Value::decode(value).is_ok_and(|value| reads_as(&own, &value))
    }

    /// The row of the document, whose chunks these are.
    pub fn row(&self, sent_with: u64, chunks: ChunkSpan) -> DocumentRow {
        let (heads, deleted) = (self.heads.clone(), self.deleted);
        DocumentRow { heads, deleted, sent_with, received_with: 0, chunks, value: self.value().to_bytes(), parts: None }
    }
}

/// Loads a document and says what is in it. Damage is an error, never a panic where panics unwind.
pub fn examine(chunks: &[&[u8]]) -> Result<Examined, CorruptDocument> {
    let all = || {
        let doc = load(chunks)?;
        let heads = sorted_heads(&doc);
        let known = doc.get_changes_meta(&[]).iter().map(|change| change.hash).collect();
        Ok(Examined { deleted: is_deleted(&doc, &heads), fields: read::document(&doc, None), heads, known })
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|_| Err(corrupt("Automerge cannot bear it")))
}

/// What is left of a document in some of its chunks, as one chunk: every change whose past is there too. None: nothing.
pub fn salvage(chunks: &[&[u8]]) -> Option<Vec<u8>> {
    let all = || {
        let mut left: Vec<Change> = chunks.iter().filter_map(|chunk| changes_of(chunk).ok()).flatten().collect();
        let mut doc = Automerge::new();
        let mut known = BTreeSet::new();
        loop {
            let (ready, later): (Vec<Change>, Vec<Change>) =
                left.into_iter().partition(|change| change.deps().iter().all(|dep| known.contains(dep)));
            if ready.is_empty() {
                break;
            }
            known.extend(ready.iter().map(Change::hash));
            doc.apply_changes(ready).ok()?;
            left = later;
        }
        (!known.is_empty()).then(|| joined(&doc))
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_default()
}

/// A document, or nothing yet, with the changes of entries, each checked as those of a merge are. What builds on changes that
/// are not there is left out.
pub fn gather(chunk: Option<&[u8]>, entries: &[&[u8]]) -> Option<Vec<u8>> {
    let all = || {
        let mut doc = match chunk {
            Some(chunk) => load(&[chunk]).ok()?,
            None => Automerge::new(),
        };
        let mut expanded = Expanded::new();
        for entry in entries {
            let Ok(mut changes) = changes_of(entry) else { continue };
            changes.retain(|change| doc.get_change_meta_by_hash(&change.hash()).is_none());
            if let Ok(changes) = check::check(&doc, changes, &mut expanded) {
                doc.apply_changes(changes).ok()?;
            }
        }
        (!doc.get_heads().is_empty()).then(|| joined(&doc))
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_default()
}
