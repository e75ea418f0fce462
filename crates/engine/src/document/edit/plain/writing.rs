//! Changes, made of their operations.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU64;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ObjType, ScalarValue};

use super::super::apply;
use super::{Object, Place, Plain, ROOT, What};
use crate::document::value::Value;

/// The first change of a document, which is `new`. `time` in seconds since 1970.
pub(super) fn first(new: &Value, writer: ActorId, time: i64) -> Change {
    let mut writing = Writing::new(writer, 1);
    writing.fill(ObjectId::Root, new);
    writing.change(Vec::new(), 1, time)
}

impl Plain {
    /// The change that makes `new` of `old`, which is what this document holds. Differences inside of lists, texts and
    /// counters are left to Automerge.
    pub(super) fn difference(&self, old: &Value, new: &Value, writer: ActorId, time: i64) -> Option<Change> {
        let (Value::Map(old), Value::Map(new)) = (old, new) else { return None };
        let (number, deps) = self.next(&writer);
        let mut writing = Writing::new(writer, self.max_op + 1);
        self.map(&mut writing, ROOT, old, new)?;
        // Automerge makes no change of no difference.
        if writing.operations.is_empty() { None } else { Some(writing.change(deps, number, time)) }
    }

    fn map(
        &self,
        writing: &mut Writing,
        object: u64,
        old: &BTreeMap<String, Value>,
        new: &BTreeMap<String, Value>,
    ) -> Option<()> {
        let Object::Map(places) = self.objects.get(&object)? else { return None };
        let object = if object == ROOT { ObjectId::Root } else { ObjectId::Id(self.id(object)?) };
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            let place = places.get(key)?;
            writing.push(object.clone(), Key::Map(key.as_str().into()), Some(self.id(place.op)?), OpType::Delete);
        }
        for (key, value) in new.iter().filter(|(key, value)| old.get(*key) != Some(value)) {
            let place = places.get(key);
            match (old.get(key), value, place.and_then(|place| self.kind(place))) {
                (Some(Value::Map(old)), Value::Map(new), Some(Kind::Map)) => {
                    self.map(writing, place?.op, old, new)?;
                    continue;
                }
                (Some(Value::List(_)), Value::List(_), Some(Kind::List)) | (Some(_), _, Some(Kind::Merging)) => {
                    return None;
                }
                _ => {}
            }
            let replaced = match place {
                // Automerge makes no operation of that.
                Some(Place { what: What::Scalar(scalar), .. }) if apply::leaf(value).as_ref() == Some(scalar) => {
                    return None;
                }
                Some(place) => Some(self.id(place.op)?),
                None => None,
            };
            writing.set(object.clone(), Key::Map(key.as_str().into()), replaced, value);
        }
        Some(())
    }

    /// What a put over it has to look at.
    fn kind(&self, place: &Place) -> Option<Kind> {
        match &place.what {
            What::Scalar(ScalarValue::Counter(_)) => Some(Kind::Merging),
            What::Scalar(_) => None,
            What::Object => self.objects.get(&place.op).map(|object| match object {
                Object::Map(_) => Kind::Map,
                Object::List(_) => Kind::List,
                Object::Text(_) => Kind::Merging,
            }),
        }
    }
}

/// What is in the place of a put.
enum Kind {
    Map,
    List,
    /// A text or a counter.
    Merging,
}

/// A change that is being written: its operations, counted from `first`.
struct Writing {
    writer: ActorId,
    first: u64,
    operations: Vec<Op>,
}

impl Writing {
    fn new(writer: ActorId, first: u64) -> Self {
        Self { writer, first, operations: Vec::new() }
    }

    /// Appends an operation and answers its name.
    fn push(&mut self, obj: ObjectId, key: Key, replaced: Option<OpId>, action: OpType) -> OpId {
        self.append(Op { action, obj, key, pred: super::replaces(replaced), insert: false })
    }

    fn append(&mut self, op: Op) -> OpId {
        let id = OpId::new(self.first + self.operations.len() as u64, &self.writer);
        self.operations.push(op);
        id
    }

    /// Puts a value with all that is in it somewhere.
    fn set(&mut self, object: ObjectId, key: Key, replaced: Option<OpId>, value: &Value) {
        let id = self.push(object, key, replaced, action(value));
        self.fill(ObjectId::Id(id), value);
    }

    /// Writes what `value` has in it into the new object, level by level as Automerge does.
    fn fill(&mut self, object: ObjectId, value: &Value) {
        let mut waiting = VecDeque::from([(object, value)]);
        while let Some((object, value)) = waiting.pop_front() {
            match value {
                Value::Map(fields) => {
                    for (key, value) in fields {
                        let id = self.push(object.clone(), Key::Map(key.as_str().into()), None, action(value));
                        waiting.push_back((ObjectId::Id(id), value));
                    }
                }
                Value::List(items) => {
                    let mut behind = ElementId::Head;
                    for value in items {
                        let id = self.insert(object.clone(), behind, action(value));
                        behind = ElementId::Id(id.clone());
                        waiting.push_back((ObjectId::Id(id), value));
                    }
                }
                Value::Text(text) => {
                    let mut behind = ElementId::Head;
                    for character in text.chars() {
                        let id = self.insert(object.clone(), behind, OpType::Put(character.into()));
                        behind = ElementId::Id(id);
                    }
                }
                _ => {}
            }
        }
    }

    fn insert(&mut self, obj: ObjectId, behind: ElementId, action: OpType) -> OpId {
        self.append(Op { action, obj, key: Key::Seq(behind), pred: SortedVec::new(), insert: true })
    }

    fn change(self, deps: Vec<ChangeHash>, seq: u64, time: i64) -> Change {
        Change::from(ExpandedChange {
            operations: self.operations,
            actor_id: self.writer,
            hash: None,
            seq,
            start_op: NonZeroU64::new(self.first).unwrap_or(NonZeroU64::MIN),
            time,
            message: None,
            deps,
            extra_bytes: Vec::new(),
            author: None,
        })
    }
}

fn action(value: &Value) -> OpType {
    match value {
        Value::Map(_) => OpType::Make(ObjType::Map),
        Value::List(_) => OpType::Make(ObjType::List),
        Value::Text(_) => OpType::Make(ObjType::Text),
        scalar => OpType::Put(apply::leaf(scalar).unwrap_or(ScalarValue::Null)),
    }
}
