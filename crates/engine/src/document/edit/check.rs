//! Checks what changes of other devices refer to, before Automerge applies them.
//!
//! Automerge trusts that an operation's object, list element and predecessors exist and belong together, and panics or makes a
//! document that cannot be saved where they do not. Every operation is looked up in the document or in the changes before it.

use std::collections::{HashMap, VecDeque};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{Automerge, Change, ChangeHash, ExpandedChange, ObjId, ObjType, ReadDoc};

/// Why changes are not applied.
pub(super) enum Stopped {
    /// They build on changes that are not here.
    Missing(Vec<ChangeHash>),
    /// They refer to what does not exist or does not fit.
    Refused(&'static str),
}

/// Changes of a document that were taken apart to look something up in them.
pub(super) type Expanded = HashMap<ChangeHash, ExpandedChange>;

/// The changes in an order in which each comes after those it builds on, every operation of them checked; the same changes in the same order give the same
/// one, since what a document is saved as depends on it. `stored`: what is known
/// of the document's own; what had to be taken apart besides is added.
pub(super) fn check(doc: &Automerge, changes: Vec<Change>, stored: &mut Expanded) -> Result<Vec<Change>, Stopped> {
    let ordered = in_order(doc, changes)?;
    let mut known = Known { doc, stored, came: HashMap::new(), writers: HashMap::new() };
    for change in &ordered {
        known.add(change).map_err(Stopped::Refused)?;
    }
    Ok(ordered)
}

fn in_order(doc: &Automerge, changes: Vec<Change>) -> Result<Vec<Change>, Stopped> {
    let is_stored = |hash: &ChangeHash| doc.get_change_meta_by_hash(hash).is_some();
    let mut waiting: HashMap<ChangeHash, (Change, usize)> = HashMap::new();
    // As they came, not as a map happens to hold them.
    let mut hashes = Vec::with_capacity(changes.len());
    for change in changes {
        let hash = change.hash();
        if waiting.insert(hash, (change, 0)).is_none() {
            hashes.push(hash);
        }
    }
    let (mut missing, mut ready) = (Vec::new(), VecDeque::new());
    let mut dependents: HashMap<ChangeHash, Vec<ChangeHash>> = HashMap::new();
    for hash in hashes {
        let Some((change, _)) = waiting.get(&hash) else { continue };
        let open: Vec<_> = change.deps().iter().filter(|dep| !is_stored(dep)).copied().collect();
        if open.is_empty() {
            ready.push_back(hash);
        }
        missing.extend(open.iter().filter(|dep| !waiting.contains_key(*dep)));
        if let Some((_, count)) = waiting.get_mut(&hash) {
            *count = open.len();
        }
        open.into_iter().for_each(|dep| dependents.entry(dep).or_default().push(hash));
    }
    if !missing.is_empty() {
        missing.sort_unstable();
        missing.dedup();
        return Err(Stopped::Missing(missing));
    }
    let mut ordered = Vec::with_capacity(waiting.len());
    while let Some(hash) = ready.pop_front() {
        for dependent in dependents.remove(&hash).into_iter().flatten() {
            if let Some((_, count)) = waiting.get_mut(&dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.push_back(dependent);
                }
            }
        }
        ordered.extend(waiting.remove(&hash).map(|(change, _)| change));
    }
    Ok(ordered)
}

/// All operations that a change may refer to.
struct Known<'a> {
    doc: &'a Automerge,
    /// The document's changes that were referred to so far.
    stored: &'a mut Expanded,
    /// The changes that came and were looked at.
    came: Expanded,
    /// Which of those that came contain an actor's operations, by their first and last one.
    writers: HashMap<automerge::ActorId, Vec<(u64, u64, ChangeHash)>>,
}

type Checked = Result<(), &'static str>;

const NO_FORMER: &str = "a change does not build on its actor's change before it";
const OUT_OF_ORDER: &str = "a change's operations are counted before those it builds on";
const NO_OBJECT: &str = "an operation is on no object";
const WRONG_KEY: &str = "an operation's key does not fit its object";
const NO_ELEMENT: &str = "an operation is at no element of its list";
const WRONG_PREDECESSOR: &str = "an operation replaces what is not in its place";

impl Known<'_> {
    fn add(&mut self, change: &Change) -> Checked {
        let (hash, start) = (change.hash(), change.start_op().get());
        for dep in change.deps() {
            if self.max_op(dep).is_none_or(|max| max >= start) {
                return Err(OUT_OF_ORDER);
            }
        }
        if change.seq() != 1 && !change.deps().iter().any(|dep| self.is_before(dep, change)) {
            return Err(NO_FORMER);
        }
        let expanded = change.decode();
        let span = (start, change.max_op(), hash);
        self.writers.entry(change.actor_id().clone()).or_default().push(span);
        self.came.insert(hash, expanded.clone());
        (start..).zip(&expanded.operations).try_for_each(|(counter, op)| self.check(counter, op))
    }

    fn check(&mut self, counter: u64, op: &Op) -> Checked {
        let is_map = match self.object(counter, &op.obj)? {
            ObjType::Map | ObjType::Table => true,
            ObjType::List | ObjType::Text => false,
        };
        match &op.key {
            Key::Map(_) if is_map && !op.insert => {}
            Key::Seq(ElementId::Head) if !is_map && op.insert => {}
            Key::Seq(ElementId::Id(element)) if !is_map => {
                let inserted = self.earlier(counter, element).is_some_and(|at| at.insert && at.obj == op.obj);
                if !inserted {
                    return Err(NO_ELEMENT);
                }
            }
            _ => return Err(WRONG_KEY),
        }
        let replaces = op.pred.iter().next().is_some();
        let must_replace = matches!(op.action, OpType::Delete | OpType::Increment(_)) || (!is_map && !op.insert);
        if op.insert && replaces || must_replace && !replaces {
            return Err(WRONG_PREDECESSOR);
        }
        let in_place = op.pred.iter().all(|pred| {
            self.earlier(counter, pred)
                .is_some_and(|at| at.obj == op.obj && same_slot(&at, pred, op) && at.action != OpType::Delete)
        });
        if in_place { Ok(()) } else { Err(WRONG_PREDECESSOR) }
    }

    fn object(&mut self, counter: u64, object: &ObjectId) -> Result<ObjType, &'static str> {
        match object {
            ObjectId::Root => Ok(ObjType::Map),
            ObjectId::Id(id) => match self.earlier(counter, id).map(|op| op.action) {
                Some(OpType::Make(kind)) => Ok(kind),
                _ => Err(NO_OBJECT),
            },
        }
    }

    /// The operation `id`, if it exists and comes before the one that is counted `counter`.
    fn earlier(&mut self, counter: u64, id: &OpId) -> Option<Op> {
        if id.counter() >= counter {
            return None;
        }
        let incoming = self.writers.get(id.actor()).into_iter().flatten();
        let came = incoming
            .filter(|(first, last, _)| (*first..=*last).contains(&id.counter()))
            .map(|(_, _, hash)| *hash)
            .next();
        let hash = came.or_else(|| self.doc.hash_for_opid(&ObjId::Id(id.counter(), id.actor().clone(), 0)))?;
        if !self.came.contains_key(&hash) && !self.stored.contains_key(&hash) {
            self.stored.insert(hash, self.doc.get_change_by_hash(&hash)?.decode());
        }
        let change = self.came.get(&hash).or_else(|| self.stored.get(&hash))?;
        let index = id.counter().checked_sub(change.start_op.get())?;
        change.operations.get(usize::try_from(index).ok()?).cloned()
    }

    /// Whether `hash` is the same actor's change before `change`; Automerge always makes it a direct dependency.
    fn is_before(&self, hash: &ChangeHash, change: &Change) -> bool {
        let (actor, seq) = (change.actor_id(), change.seq().checked_sub(1));
        if let Some(before) = self.came.get(hash) {
            return before.actor_id == *actor && Some(before.seq) == seq;
        }
        self.doc.get_change_meta_by_hash(hash).is_some_and(|before| *before.actor == *actor && Some(before.seq) == seq)
    }

    fn max_op(&self, hash: &ChangeHash) -> Option<u64> {
        if let Some(change) = self.came.get(hash) {
            return Some(change.start_op.get() + change.operations.len() as u64 - 1);
        }
        self.doc.get_change_meta_by_hash(hash).map(|change| change.max_op)
    }
}

/// Whether the operation `at`, whose id is `id`, is what `op` may replace: the same key, or the same element.
fn same_slot(at: &Op, id: &OpId, op: &Op) -> bool {
    match (&at.key, &op.key) {
        (Key::Map(at), Key::Map(key)) => at == key,
        (Key::Seq(_), Key::Seq(ElementId::Id(element))) if at.insert => id == element,
        (Key::Seq(at), Key::Seq(key)) => at == key,
        _ => false,
    }
}
