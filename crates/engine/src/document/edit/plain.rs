//! Documents whose changes follow one another, read and written without Automerge: each is what its operations say, in their order.
//!
//! Most documents are like that, and building Automerge's takes many times as long. Whatever is not (writers that did not know of each
//! other, what was counted up, marked, deleted or joined into one chunk) is left to Automerge: then every function here answers
//! none. What they do answer is what Automerge answers, to the byte: `document::tests::plain` compares both.

mod stored;
mod writing;

pub(in crate::document) use stored::{create, merge, put};
use writing::first;

use std::collections::BTreeMap;

use ashore_protocol::gather::Gather;
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Change, ChangeHash, ObjType, ScalarValue};

use super::read;
use crate::document::chunk::{self, ChunkKind};
use crate::document::shape::{self, SHAPE};
use crate::document::value::{MAX_DEPTH, Value};

/// Longer histories are left to Automerge, whose work grows more slowly with them.
const MAX_CHANGES: usize = 32;
const MAX_BYTES: usize = 32 << 10;
/// A few bytes may stand for many more operations than they look like.
const MAX_OPERATIONS: u64 = 4_096;
/// The counter of no operation: the document's root.
const ROOT: u64 = 0;

/// A document and its history. Every operation in it has a counter of its own.
#[derive(Default)]
struct Plain {
    /// Its changes, each built on the one before it.
    changes: Vec<ChangeHash>,
    /// The counter of its latest operation.
    max_op: u64,
    /// The first operation of each change, and who wrote it.
    writers: Vec<(u64, ActorId)>,
    /// How many changes each has written, and the latest.
    written: BTreeMap<ActorId, (u64, ChangeHash)>,
    /// Maps, lists and texts by the operation that made them, the root too; those that were replaced as well.
    objects: BTreeMap<u64, Object>,
}

enum Object {
    Map(BTreeMap<String, Place>),
    List(Vec<Element>),
    Text(Vec<Element>),
}

/// An element that was inserted by operation `id`.
struct Element {
    id: u64,
    /// None after it was deleted.
    place: Option<Place>,
}

/// What operation `op` put somewhere.
struct Place {
    op: u64,
    what: What,
}

enum What {
    Scalar(ScalarValue),
    /// The object that the operation made.
    Object,
}

impl Plain {
    /// The document that these chunks are.
    fn load(chunks: &[&[u8]]) -> Option<Self> {
        let bytes: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        if chunks.len() > MAX_CHANGES || bytes > MAX_BYTES {
            return None;
        }
        let mut document = Self::default();
        for chunk in chunks {
            for part in chunk::split(chunk).ok()? {
                match part.kind {
                    ChunkKind::Change => document.add(&Change::from_bytes(part.bytes.to_vec()).ok()?)?,
                    ChunkKind::Document => return None,
                }
            }
        }
        Some(document)
    }

    /// Its latest change.
    fn head(&self) -> Option<ChangeHash> {
        self.changes.last().copied()
    }

    /// Whether this change is one of its own.
    fn has(&self, change: &ChangeHash) -> bool {
        self.changes.contains(change)
    }

    /// Applies one more change. After none it is no document any more.
    fn add(&mut self, change: &Change) -> Option<()> {
        let writer = change.actor_id();
        let (number, deps) = self.next(writer);
        let counts_on = change.seq() == number && change.start_op().get() == self.max_op + 1;
        let is_short = change.max_op() <= MAX_OPERATIONS;
        if change.deps() != deps || !counts_on || !is_short || change.message().is_some() {
            return None;
        }
        let expanded = change.decode();
        if expanded.author.is_some() || !expanded.extra_bytes.is_empty() {
            return None;
        }
        self.objects.entry(ROOT).or_insert_with(|| Object::Map(BTreeMap::new()));
        self.writers.push((change.start_op().get(), writer.clone()));
        for op in expanded.operations {
            self.max_op += 1;
            self.apply(op)?;
        }
        self.written.insert(writer.clone(), (number, change.hash()));
        self.changes.push(change.hash());
        Some(())
    }

    /// The sequence number of a writer's next change, and what it builds on: the latest change and the writer's own latest.
    fn next(&self, writer: &ActorId) -> (u64, Vec<ChangeHash>) {
        let (number, own) = self.written.get(writer).map_or((0, None), |(number, own)| (*number, Some(*own)));
        let mut deps: Vec<_> = own.into_iter().chain(self.head()).collect();
        deps.sort_unstable();
        deps.dedup();
        (number + 1, deps)
    }

    /// Applies the operation that is counted [`Self::max_op`].
    fn apply(&mut self, op: Op) -> Option<()> {
        let counter = self.max_op;
        let object = match &op.obj {
            ObjectId::Root => ROOT,
            ObjectId::Id(id) => self.known(id)?,
        };
        let replaced = match op.pred.len() {
            0 => None,
            1 => Some(self.known(op.pred.get(0)?)?),
            _ => return None,
        };
        let element = match &op.key {
            Key::Seq(ElementId::Id(id)) => Some(self.known(id)?),
            _ => None,
        };
        let (place, made) = match op.action {
            OpType::Put(scalar) => (Some(Place { op: counter, what: What::Scalar(scalar) }), None),
            OpType::Make(kind) => (Some(Place { op: counter, what: What::Object }), Some(Object::empty(kind)?)),
            OpType::Delete => (None, None),
            OpType::Increment(_) | OpType::MarkBegin(_) | OpType::MarkEnd(_) => return None,
        };
        match (self.objects.get_mut(&object)?, op.key, op.insert) {
            (Object::Map(places), Key::Map(key), false) => {
                let is_there = places.get(key.as_str()).map(|place| place.op);
                match place {
                    _ if is_there != replaced => return None,
                    Some(place) => places.insert(key.to_string(), place),
                    None if is_there.is_none() => return None,
                    None => places.remove(key.as_str()),
                };
            }
            (Object::List(elements), Key::Seq(_), inserts) => {
                sequence(elements, element, inserts, replaced, counter, place)?;
            }
            (Object::Text(elements), Key::Seq(_), inserts) => {
                let is_text =
                    place.as_ref().is_none_or(|place| matches!(place.what, What::Scalar(ScalarValue::Str(_))));
                if !is_text {
                    return None;
                }
                sequence(elements, element, inserts, replaced, counter, place)?;
            }
            _ => return None,
        }
        if let Some(made) = made {
            self.objects.insert(counter, made);
        }
        Some(())
    }

    /// The counter of an operation of this document that comes before the latest one.
    fn known(&self, id: &OpId) -> Option<u64> {
        let counter = id.counter();
        let is_before = (1..self.max_op).contains(&counter);
        (is_before && self.writer_of(counter)? == id.actor()).then_some(counter)
    }

    fn writer_of(&self, counter: u64) -> Option<&ActorId> {
        let after = self.writers.partition_point(|(first, _)| *first <= counter);
        self.writers.get(after.checked_sub(1)?).map(|(_, writer)| writer)
    }

    /// The whole name of an operation.
    fn id(&self, counter: u64) -> Option<OpId> {
        self.writer_of(counter).map(|writer| OpId::new(counter, writer))
    }

    /// What it holds.
    fn value(&self) -> Value {
        let mut document = self.object(ROOT, 0);
        if let (Value::Map(fields), Some(Object::Map(places))) = (&mut document, self.objects.get(&ROOT))
            && let Some(version) = fields.get_mut(SHAPE)
            && let Some(Place { what: What::Scalar(scalar), .. }) = places.get(SHAPE)
            && let Some(number) = scalar.as_u64()
        {
            *version = shape::later(version.clone(), Value::unsigned(number));
        }
        document
    }

    fn object(&self, object: u64, depth: usize) -> Value {
        let place = |place: &Place| match &place.what {
            What::Scalar(scalar) => read::owned(scalar),
            What::Object => self.object(place.op, depth + 1),
        };
        match self.objects.get(&object) {
            Some(Object::Text(elements)) => {
                let parts = elements.iter().filter_map(|element| match &element.place.as_ref()?.what {
                    What::Scalar(ScalarValue::Str(text)) => Some(text.as_str()),
                    _ => None,
                });
                Value::Text(parts.collect())
            }
            Some(Object::Map(places)) if depth < MAX_DEPTH => {
                Value::Map(places.iter().map(|(key, at)| (key.clone(), place(at))).gather())
            }
            Some(Object::List(elements)) if depth < MAX_DEPTH => {
                Value::List(elements.iter().filter_map(|element| element.place.as_ref()).map(place).collect())
            }
            _ => Value::Null,
        }
    }
}

impl Object {
    /// A new one; tables, which no Ashore makes, are left to Automerge.
    fn empty(kind: ObjType) -> Option<Self> {
        match kind {
            ObjType::Map => Some(Self::Map(BTreeMap::new())),
            ObjType::List => Some(Self::List(Vec::new())),
            ObjType::Text => Some(Self::Text(Vec::new())),
            ObjType::Table => None,
        }
    }
}

/// Applies operation `counter` to a list or a text: inserts behind `element` (none: at the head), or replaces or deletes what is there.
fn sequence(
    elements: &mut Vec<Element>,
    element: Option<u64>,
    inserts: bool,
    replaced: Option<u64>,
    counter: u64,
    place: Option<Place>,
) -> Option<()> {
    // What is written is mostly behind what was written last.
    let at = element.map(|id| elements.iter().rposition(|element| element.id == id));
    if inserts {
        let at = at.map_or(Some(0), |at| at.map(|at| at + 1))?;
        if replaced.is_some() || place.is_none() {
            return None;
        }
        elements.insert(at, Element { id: counter, place });
        return Some(());
    }
    let element = elements.get_mut(at??)?;
    let is_there = element.place.as_ref().map(|place| place.op)?;
    if Some(is_there) != replaced {
        return None;
    }
    element.place = place;
    Some(())
}

/// That an operation replaces `place`, or nothing.
fn replaces(id: Option<OpId>) -> SortedVec<OpId> {
    id.into_iter().collect()
}
