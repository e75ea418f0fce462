//! Puts to and merges into what is stored of a document.

use automerge::Change;

use super::super::{Actor, Current, Edited, FEW_CHANGES, Merged, bytes_of, seconds};
use super::{MAX_CHANGES, Plain, first};
use crate::document::state::{ChunkSpan, DocumentRow};
use crate::document::value::Value;
use crate::document::version::Version;

/// A new document.
pub(in crate::document) fn create(new: &Value, value: Vec<u8>, actor: Actor, now_ms: u64) -> Edited {
    let change = first(new, actor.id(), seconds(now_ms));
    let (chunks, write) = ChunkSpan::first(change.raw_bytes().to_vec());
    let heads = vec![change.hash()];
    let version = Version::of(&heads);
    let row = DocumentRow { heads, deleted: false, sent_with: 0, received_with: 0, chunks, value, parts: None };
    let change = change.raw_bytes().to_vec();
    Edited { row, write, change, version, earlier: vec![], over_delete: false }
}

/// A put over `stored`, what the document holds; `value` is `new`, encoded.
pub(in crate::document) fn put(
    current: Current<'_>,
    stored: &Value,
    new: &Value,
    value: &[u8],
    actor: Actor,
    now_ms: u64,
) -> Option<Edited> {
    let change = load(current)?.difference(stored, new, actor.id(), seconds(now_ms))?;
    let (chunks, write) = current.row.chunks.extended(change.raw_bytes().to_vec())?;
    let (sent_with, received_with) = (current.row.sent_with, current.row.received_with);
    let (heads, value) = (vec![change.hash()], value.to_vec());
    let version = Version::of(&heads);
    let row = DocumentRow { heads, deleted: false, sent_with, received_with, chunks, value, parts: None };
    let change = change.raw_bytes().to_vec();
    Some(Edited { row, write, change, version, earlier: vec![], over_delete: false })
}

/// Merges changes that follow one another and what is stored.
pub(in crate::document) fn merge(current: Option<Current<'_>>, changes: &[Change]) -> Option<Merged> {
    let mut document = match current {
        Some(current) => load(current)?,
        None => Plain::default(),
    };
    let new: Vec<&Change> = changes.iter().filter(|change| !document.has(&change.hash())).collect();
    // Many of a new document are smaller together.
    if new.len() > if current.is_some() { MAX_CHANGES } else { FEW_CHANGES } {
        return None;
    }
    for change in &new {
        document.add(change)?;
    }
    let (sent_with, received_with, (chunks, write)) = match (current, new.as_slice()) {
        (_, []) => return Some(Merged::Unchanged),
        (Some(Current { row, .. }), new) => {
            (row.sent_with, row.received_with, row.chunks.extended(bytes_of(new.iter().copied()))?)
        }
        (None, few) => (0, 0, ChunkSpan::first(bytes_of(few.iter().copied()))),
    };
    let (heads, value) = (document.head().into_iter().collect(), document.value().to_bytes());
    let row = DocumentRow { heads, deleted: false, sent_with, received_with, chunks, value, parts: None };
    Some(Merged::Changed { row, write })
}

fn load(current: Current<'_>) -> Option<Plain> {
    if current.row.deleted || current.row.heads.len() != 1 {
        return None;
    }
    Plain::load(current.chunks).filter(|document| document.head().as_slice() == current.row.heads)
}
