//! Undo and redo of what this device's user did in one document.
//!
//! Nothing is remembered beside the document: an undo is a change whose message names the change that it takes back, so the
//! steps that can be undone and redone are read from this device's own changes, in the order in which they were made.
//! A step that has nothing left to take back, because others have changed all of it since, is passed over.

use ashore_protocol::gather::Gather;
use std::collections::{BTreeSet, HashMap, HashSet};

use automerge::{Automerge, Change, ChangeHash, ChangeMetadata};

use super::message::{Direction, Message};
use super::revert::{self, Plan};
use super::{
    Actor, CorruptDocument, Current, EditError, Edited, empty_change, heads_of, is_deleted, made, options, read,
};
use crate::document::chunk;
use crate::document::value::Value;
use crate::document::version::Version;

/// So many steps are looked at for one that has something left to take back.
const MAX_PASSED_OVER: usize = 100;

/// The writers that were this device: see [`Actor`].
pub type OwnActors = BTreeSet<[u8; 16]>;

/// Which change is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The user's last one.
    Last,
    /// This one: the version that is this change alone.
    Change(&'a Version),
}

/// Takes back what this device's user did last, or an own change; with [`Direction::Redo`] an undo. None when nothing is left
/// of it to take back.
///
/// Each thing that the change did is taken back where it still stands: what others changed since stays. A delete that is taken
/// back brings the document back; the first put that is taken back deletes it, unless others have changed it since.
///
/// ```
/// use ashore_engine::document::edit::{Actor, Current, Direction, Step, create, undo};
/// use ashore_engine::document::json;
/// let first = create(&json::parse_one(r#"{"title":"Milk"}"#).unwrap(), Actor([1; 16]), 0).unwrap();
/// let chunks = [first.write.bytes.as_slice()];
/// let current = Current { row: &first.row, chunks: &chunks };
/// let undone = undo(current, Direction::Undo, Step::Last, &[[1; 16]].into(), Actor([2; 16]), 1).unwrap();
/// assert!(undone.expect("there was something").row.deleted);
/// ```
pub fn undo(
    current: Current<'_>,
    direction: Direction,
    step: Step<'_>,
    own: &OwnActors,
    actor: Actor,
    now_ms: u64,
) -> Result<Option<Edited>, EditError> {
    undo_each(current, direction, &[step], own, actor, now_ms)
}

/// Several steps, one after another. What nothing is left of is passed over; none when that is so with all.
pub fn undo_each(
    current: Current<'_>,
    direction: Direction,
    steps: &[Step<'_>],
    own: &OwnActors,
    actor: Actor,
    now_ms: u64,
) -> Result<Option<Edited>, EditError> {
    let mut doc = current.load()?;
    doc.set_actor(actor.id());
    let mut deleted = current.row.deleted;
    let mut changes = Vec::new();
    for step in steps {
        changes.extend(take_back(&mut doc, deleted, direction, *step, own, now_ms)?);
        deleted = is_deleted(&doc, &doc.get_heads());
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let value = if deleted { Value::empty() } else { read::document(&doc, None) }.to_bytes();
    Ok(Some(current.edited(&doc, &changes, None, value)))
}

fn take_back(
    doc: &mut Automerge,
    deleted: bool,
    direction: Direction,
    step: Step<'_>,
    own: &OwnActors,
    now_ms: u64,
) -> Result<Option<Change>, EditError> {
    let steps = Steps::of(doc, own);
    let wanted = match step {
        Step::Last => steps.left(direction).to_vec(),
        Step::Change(version) => heads_of(doc, version)?,
    };
    for hash in wanted.into_iter().rev().take(MAX_PASSED_OVER) {
        let standing = steps.standing_after(doc, hash);
        let stays = |change: &ChangeMetadata<'_>| !is_own(change, own) || standing.contains(&change.hash);
        let Some(plan) = revert::plan(doc, deleted, hash, own, &stays)? else { continue };
        let message = Message { deletes: plan.deletes, reverts: Some((direction, hash)), keeps: false };
        return Ok(Some(commit(doc, plan, message, now_ms)?));
    }
    Ok(None)
}

/// Whether there are steps to undo and to redo, as far as the document's changes tell; all of one may have been overtaken.
pub fn steps_left(current: Current<'_>, own: &OwnActors) -> Result<(usize, usize), CorruptDocument> {
    let steps = Steps::of(&current.load()?, own);
    Ok((steps.undo.len(), steps.redo.len()))
}

/// The first bytes of the writers of a document, each of which may be one of this device's actors.
pub fn writers(chunks: &[&[u8]]) -> Result<BTreeSet<[u8; 16]>, CorruptDocument> {
    if let Some(writers) = writers_of_changes(chunks) {
        return Ok(writers);
    }
    let doc = super::load(chunks)?;
    Ok(doc.get_changes_meta(&[]).iter().filter_map(writer).gather())
}

/// The same where each change is a chunk of its own and says who wrote it.
fn writers_of_changes(chunks: &[&[u8]]) -> Option<BTreeSet<[u8; 16]>> {
    let mut writers = BTreeSet::new();
    for chunk in chunks {
        for part in chunk::split(chunk).ok()? {
            writers.extend(beginning(part.writer?));
        }
    }
    Some(writers).filter(|_| !chunks.is_empty())
}

/// The actor of a change, if it is one of Ashore's.
pub(in crate::document) fn writer(change: &ChangeMetadata<'_>) -> Option<[u8; 16]> {
    beginning(change.actor.to_bytes())
}

fn beginning(actor: &[u8]) -> Option<[u8; 16]> {
    let ours = actor.len() == 16 || actor.len() == 20;
    actor.first_chunk().copied().filter(|_| ours)
}

pub(super) fn is_own(change: &ChangeMetadata<'_>, own: &OwnActors) -> bool {
    writer(change).is_some_and(|writer| own.contains(&writer))
}

fn commit(doc: &mut Automerge, plan: Plan, message: Message, now_ms: u64) -> Result<Change, CorruptDocument> {
    let options = || options(now_ms).with_message(message.to_string());
    if plan.is_empty() {
        return empty_change(doc, options());
    }
    let mut tx = doc.transaction();
    plan.apply(&mut tx).map_err(super::corrupt)?;
    match tx.commit_with(options()).0 {
        Some(hash) => made(doc, hash),
        None => empty_change(doc, options()),
    }
}

/// The steps of this device's user in one document, the last at the end.
#[derive(Default)]
struct Steps {
    undo: Vec<ChangeHash>,
    redo: Vec<ChangeHash>,
    /// What each undo and redo took back.
    reverts: HashMap<ChangeHash, ChangeHash>,
}

impl Steps {
    /// Own changes stand in a document in the order in which they were made.
    fn of(doc: &Automerge, own: &OwnActors) -> Self {
        let mut steps = Self::default();
        for change in doc.get_changes_meta(&[]).iter().filter(|change| is_own(change, own)) {
            let Message { reverts, keeps, .. } = Message::parse(change.message.as_deref());
            // It belongs to the change before it, and has nothing to take back.
            if keeps {
                continue;
            }
            steps.reverts.extend(reverts.map(|(_, reverted)| (change.hash, reverted)));
            match reverts {
                None => {
                    steps.undo.push(change.hash);
                    steps.redo.clear();
                }
                Some((Direction::Undo, undone)) => {
                    remove_last(&mut steps.undo, undone);
                    steps.redo.push(change.hash);
                }
                Some((Direction::Redo, redone)) => {
                    remove_last(&mut steps.redo, redone);
                    steps.undo.push(change.hash);
                }
            }
        }
        steps
    }

    fn left(&self, direction: Direction) -> &[ChangeHash] {
        match direction {
            Direction::Undo => &self.undo,
            Direction::Redo => &self.redo,
        }
    }

    /// What the user did later than this step and has not taken back: it stays like what others did. A redone step is as late as
    /// what was done first.
    fn standing_after(&self, doc: &Automerge, hash: ChangeHash) -> HashSet<ChangeHash> {
        let later = doc.get_changes_meta(&[self.first(hash)]);
        let later: HashSet<ChangeHash> = later.iter().map(|change| change.hash).collect();
        self.undo.iter().copied().filter(|step| *step != hash && later.contains(&self.first(*step))).collect()
    }

    /// What an undo or a redo takes back or forth in the end.
    fn first(&self, mut hash: ChangeHash) -> ChangeHash {
        while let Some(reverted) = self.reverts.get(&hash) {
            hash = *reverted;
        }
        hash
    }
}

fn remove_last(steps: &mut Vec<ChangeHash>, hash: ChangeHash) {
    if let Some(at) = steps.iter().rposition(|step| *step == hash) {
        steps.remove(at);
    }
}
