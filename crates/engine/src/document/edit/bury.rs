//! Documents that were deleted for good: told apart from what is written later under the same name by the changes that began them.
//!
//! A change *begins* a document if it rests on no other, or if it rests directly on a delete and is none: then its author had seen that delete. A marker names
//! the beginnings of what was buried. What rests on one of these is left out, whoever brings it: an old backup, or a device that did not know. But if
//! a beginning that no marker names, or a change that rests on such a one, rests on what was buried too, somebody who had seen the delete wrote on. Then nothing
//! is left out any more: the document is alive, with all that it rests on. Whoever has the same changes and the same markers decides the same, in whatever order
//! they came.

use super::message::Message;
use super::{ChangeHash, CorruptDocument, Current, MergeError, changes_of, load};
use ashore_protocol::gather::Gather;
use automerge::{Automerge, Change};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of a change's hash that name a beginning.
pub const BEGINNING_BYTES: usize = 16;

/// The first bytes of the hash of a change that begins a document.
pub type Beginning = [u8; BEGINNING_BYTES];

/// What is left of changes once what was buried is left out of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Divided {
    /// The changes that stay, each after those it rests on.
    pub kept: Vec<u8>,
    /// Something was left out: it was buried, or rests on what is not here.
    pub left_out: bool,
    /// Not only deletes were left out: who has them shows something that is not here.
    pub returned: bool,
    /// Something was left out since what it rests on is not here. That may be what was buried; or a later document of the same name is alive elsewhere, of which
    /// the beginning has not come yet.
    pub lacks: bool,
    /// What was buried is alive again, since something that stays rests on it.
    pub alive: bool,
    /// The beginnings of what is here and stays: no marker names these any more.
    pub beginnings: BTreeSet<Beginning>,
}

/// The beginnings of a document.
pub fn beginnings(chunks: &[&[u8]]) -> Result<BTreeSet<Beginning>, CorruptDocument> {
    let changes = load(chunks)?.get_changes(&[]);
    let deletes: BTreeSet<ChangeHash> = changes.iter().filter(|change| deletes(change)).map(Change::hash).gather();
    let first = changes.iter().filter(|change| begins(change, |dep| deletes.contains(dep)));
    Ok(first.map(|change| beginning(&change.hash())).gather())
}

/// The changes in `remote` that stay beside what is here.
pub fn divide(
    current: Option<Current<'_>>,
    remote: &[u8],
    buried: &BTreeSet<Beginning>,
) -> Result<Divided, MergeError> {
    let divide = || {
        let here = match current {
            Some(current) => load(current.chunks)?.get_changes(&[]),
            None => vec![],
        };
        Ok(divided(here, changes_of(remote)?, buried))
    };
    catch_unwind(AssertUnwindSafe(divide)).unwrap_or(Err(MergeError::Panicked))
}

/// The same of a document that is here.
pub fn divide_here(chunks: &[&[u8]], buried: &BTreeSet<Beginning>) -> Result<Divided, CorruptDocument> {
    Ok(divided(vec![], load(chunks)?.get_changes(&[]), buried))
}

/// Whether a change rests directly on a delete and is none.
pub(super) fn rests_on_delete(doc: &Automerge, change: &Change) -> bool {
    let is_delete = |dep: &ChangeHash| super::is_deleted(doc, std::slice::from_ref(dep));
    !change.deps().is_empty() && begins(change, is_delete)
}

/// What is known of a change whose past is here.
#[derive(Clone, Copy)]
struct Place {
    deletes: bool,
    /// It is or rests on what was buried.
    buried: bool,
    /// It is or rests on a beginning that was not.
    stands: bool,
}

fn divided(here: Vec<Change>, came: Vec<Change>, buried: &BTreeSet<Beginning>) -> Divided {
    let known: BTreeSet<ChangeHash> = here.iter().map(Change::hash).gather();
    let mut waiting: Vec<Change> = here.into_iter().chain(came).collect();
    let mut places: BTreeMap<ChangeHash, Place> = BTreeMap::new();
    let mut ordered = Vec::with_capacity(waiting.len());
    // Changes may come in any order: as often as one more finds what it rests on.
    loop {
        let before = waiting.len();
        let mut rest = Vec::new();
        for change in waiting {
            match place(&change, &places, buried) {
                Some(place) => {
                    places.insert(change.hash(), place);
                    ordered.push((change, place));
                }
                None => rest.push(change),
            }
        }
        waiting = rest;
        if waiting.len() == before || waiting.is_empty() {
            break;
        }
    }
    let alive = ordered.iter().any(|(_, place)| place.buried && place.stands);
    let mut divided = Divided { alive, lacks: !waiting.is_empty(), ..Divided::default() };
    let mut out = waiting;
    for (change, place) in &ordered {
        let stays = alive || !place.buried;
        let came = !known.contains(&change.hash());
        if came && stays {
            divided.kept.extend_from_slice(change.raw_bytes());
        } else if came {
            out.push(change.clone());
        }
        if stays && begins(change, |dep| places.get(dep).is_some_and(|place| place.deletes)) {
            divided.beginnings.insert(beginning(&change.hash()));
        }
    }
    let rested_on: BTreeSet<ChangeHash> = out.iter().flat_map(|change| change.deps().iter().copied()).gather();
    divided.left_out = !out.is_empty();
    divided.returned = out.iter().any(|change| !deletes(change) && !rested_on.contains(&change.hash()));
    divided
}

/// `None` while something that it rests on is not here.
fn place(change: &Change, places: &BTreeMap<ChangeHash, Place>, marked: &BTreeSet<Beginning>) -> Option<Place> {
    let deps: Vec<Place> = change.deps().iter().map(|dep| places.get(dep).copied()).collect::<Option<_>>()?;
    let is_marked = marked.contains(&beginning(&change.hash()));
    let begins = begins(change, |dep| places.get(dep).is_some_and(|place| place.deletes));
    Some(Place {
        deletes: deletes(change),
        buried: is_marked || deps.iter().any(|dep| dep.buried),
        stands: begins && !is_marked || deps.iter().any(|dep| dep.stands),
    })
}

fn begins(change: &Change, is_delete: impl FnMut(&ChangeHash) -> bool) -> bool {
    change.deps().is_empty() || !deletes(change) && change.deps().iter().any(is_delete)
}

fn deletes(change: &Change) -> bool {
    Message::parse(change.message()).deletes
}

fn beginning(hash: &ChangeHash) -> Beginning {
    hash.0.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use super::super::{Actor, Edited, create, delete, merge, put};
    use super::*;
    use crate::document::edit::Merged;
    use crate::document::{DocumentRow, Value};

    fn value(json: &str) -> Value {
        crate::document::json::parse_many(&format!("[{json}]")).unwrap().remove(0)
    }

    /// A document on one device: its row, and everything that was written.
    struct Here {
        row: DocumentRow,
        chunks: Vec<Vec<u8>>,
    }

    impl Here {
        fn of(edited: &Edited) -> Self {
            Self { row: edited.row.clone(), chunks: vec![edited.write.bytes.clone()] }
        }

        fn with<T>(&self, work: impl FnOnce(Current<'_>) -> T) -> T {
            let chunks: Vec<&[u8]> = self.chunks.iter().map(Vec::as_slice).collect();
            work(Current { row: &self.row, chunks: &chunks })
        }

        fn and(&self, remote: &[u8]) -> Self {
            let Merged::Changed { row, write } = self.with(|current| merge(Some(current), remote)).unwrap() else {
                panic!("nothing new")
            };
            let mut chunks = if write.replaces.is_some() { vec![] } else { self.chunks.clone() };
            chunks.push(write.bytes);
            Self { row, chunks }
        }

        fn put(&self, base: Option<&crate::document::Version>, json: &str, actor: u8) -> Edited {
            self.with(|current| put(Some(current), base, &value(json), Actor([actor; 16]), 9)).unwrap().edited.unwrap()
        }

        fn beginnings(&self) -> BTreeSet<Beginning> {
            self.with(|current| beginnings(current.chunks)).unwrap()
        }

        fn divide(&self, buried: &BTreeSet<Beginning>) -> Divided {
            self.with(|current| divide_here(current.chunks, buried)).unwrap()
        }

        fn whole(&self) -> Vec<u8> {
            self.with(|current| super::super::whole(current.chunks)).unwrap()
        }
    }

    /// A document and its delete, which everybody has seen, and which somebody has buried.
    fn buried() -> (Here, Here, BTreeSet<Beginning>) {
        let old = Here::of(&create(&value(r#"{"a":1}"#), Actor([1; 16]), 0).unwrap());
        let gone = old.with(|current| delete(current, Actor([3; 16]), 2)).unwrap().unwrap();
        let tombstone = old.and(&gone.change);
        assert!(tombstone.row.deleted);
        let marker = tombstone.beginnings();
        (old, tombstone, marker)
    }

    #[test]
    fn what_rests_on_what_was_buried_is_left_out_and_nothing_else() {
        let (old, tombstone, buried) = buried();
        let edited = old.put(None, r#"{"a":2}"#, 2);
        let tombstone = tombstone.whole();
        for late in [&old.whole(), &old.and(&edited.change).whole(), &edited.change, &tombstone] {
            let divided = divide(None, late, &buried).unwrap();
            assert!(divided.kept.is_empty() && divided.left_out && !divided.alive);
            assert_eq!(divided.returned, *late != tombstone, "of a tombstone nobody need hear");
        }
        let new = create(&value(r#"{"b":1}"#), Actor([4; 16]), 3).unwrap();
        let both = [edited.change, new.change.clone(), old.whole()].concat();
        let divided = divide(None, &both, &buried).unwrap();
        assert!(divided.left_out && !divided.alive);
        assert_eq!(divided.kept, new.change, "a document of the same name that began later is another");
        assert!(!divide(None, &new.change, &buried).unwrap().left_out);
        let divided = old.and(&new.change).divide(&buried);
        assert_eq!((divided.kept, divided.left_out), (new.change, true));
    }

    #[test]
    fn who_writes_over_the_tombstone_keeps_the_document_where_it_was_buried() {
        let (old, tombstone, buried) = buried();
        let over = tombstone.put(None, r#"{"b":2}"#, 5);
        assert!(over.over_delete);
        let alone = divide(None, &over.change, &buried).unwrap();
        assert!(alone.left_out && alone.kept.is_empty(), "by itself it has nothing to rest on");
        let alive = tombstone.and(&over.change);
        let divided = divide(None, &alive.whole(), &buried).unwrap();
        assert!(divided.alive && !divided.left_out);
        assert!(divided.beginnings.is_superset(&buried));
        assert!(alive.divide(&buried).alive, "nothing of it goes where it is");
        let late = old.put(None, r#"{"a":7}"#, 6).change;
        let here: Vec<&[u8]> = alive.chunks.iter().map(Vec::as_slice).collect();
        let here = Current { row: &alive.row, chunks: &here };
        assert!(!divide(Some(here), &late, &BTreeSet::new()).unwrap().left_out);
    }

    #[test]
    fn a_change_that_rests_on_what_is_not_here_is_missed() {
        let (_, tombstone, buried) = buried();
        let own = create(&value(r#"{"own":1}"#), Actor([4; 16]), 3).unwrap();
        let both = tombstone.and(&own.change);
        let deleted = both.with(|current| delete(current, Actor([3; 16]), 5)).unwrap().unwrap();
        let here = Here::of(&own);
        let divided = here.with(|current| divide(Some(current), &deleted.change, &buried)).unwrap();
        assert!(divided.lacks && divided.left_out && !divided.alive && !divided.returned);
        let whole = both.and(&deleted.change).whole();
        let divided = here.with(|current| divide(Some(current), &whole, &buried)).unwrap();
        assert!(divided.alive && !divided.lacks);
        let late = both.with(|current| divide(Some(current), &tombstone.whole(), &buried)).unwrap();
        assert!(!late.lacks);
        let old = tombstone.put(None, r#"{"b":2}"#, 5);
        let divided = here.with(|current| divide(Some(current), &old.change, &buried)).unwrap();
        assert!(divided.left_out && divided.lacks, "what it rests on may be a later document");
        assert!(!divide(None, &tombstone.and(&old.change).whole(), &BTreeSet::new()).unwrap().lacks);
    }

    #[test]
    fn a_copy_that_was_read_before_the_delete_is_known_to_be_put_after_it() {
        let (old, tombstone, buried) = buried();
        let stale = tombstone.put(Some(&old.row.version()), r#"{"a":1,"b":2}"#, 5);
        assert!(stale.over_delete && !stale.row.deleted);
        assert_eq!(stale.row.heads.len(), 1, "nothing is beside the delete");
        let alive = tombstone.and(&stale.change);
        assert!(divide(None, &alive.whole(), &buried).unwrap().alive);
        let unknowing = old.put(Some(&old.row.version()), r#"{"a":1,"b":2}"#, 5);
        assert!(!unknowing.over_delete);
        assert!(!divide(None, &old.and(&unknowing.change).whole(), &buried).unwrap().alive);
    }

    #[test]
    fn what_came_alive_and_was_buried_again_does_not_come_back() {
        let (_, tombstone, first) = buried();
        let alive = tombstone.and(&tombstone.put(None, r#"{"b":2}"#, 5).change);
        let again = alive.with(|current| delete(current, Actor([3; 16]), 4)).unwrap().unwrap();
        let gone = alive.and(&again.change);
        let second = gone.beginnings();
        assert!(second.is_superset(&first) && second.len() == 2);
        let edited = alive.and(&alive.put(None, r#"{"b":3}"#, 6).change);
        for late in [alive.whole(), gone.whole(), edited.whole()] {
            assert!(divide(None, &late, &second).unwrap().kept.is_empty());
        }
        assert!(divide(None, &alive.whole(), &first).unwrap().alive, "who knows only of the first burial");
    }
}
