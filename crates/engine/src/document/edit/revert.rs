//! What takes one change back: the difference between what it made and what was there before, wherever what it made still
//! stands.
//!
//! Three states are compared: before the change, after it, and now. A place that the change set, and that nobody else has set
//! since, gets back what it had; if others set it at the same time and lost, theirs becomes the value. Items and characters that
//! the change inserted are removed by their identity, removed ones come back at their place as copies, a counter is counted
//! back. What others put into an object that the change made keeps that object.
//!
//! A copy is a new object. What an undo brought back stands for what had been there (`stands_for`), so that steps before it can
//! be taken back too.

use ashore_protocol::gather::Gather;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use automerge::hydrate;
use automerge::legacy::{ElementId, Key, Op, OpType};
use automerge::transaction::{Transactable, Transaction};
use automerge::{
    Automerge, AutomergeError, ChangeHash, ChangeMetadata, ExpandedChange, ObjId, ObjType, Prop, ROOT, ReadDoc,
    ScalarValue, ValueRef,
};

use super::message::Message;
use super::undo::{OwnActors, is_own};
use super::{CorruptDocument, corrupt, is_deleted, read};
use crate::document::ancestry::{Ancestry, object_of};
use crate::document::text::{as_range, edit_script};
use crate::document::value::{MAX_DEPTH, Value};

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The document is deleted by it.
    pub(super) deletes: bool,
    todo: Vec<Todo>,
}

#[derive(Debug)]
enum Todo {
    Put(ObjId, Prop, hydrate::Value),
    Delete(ObjId, Prop),
    Count(ObjId, Prop, i64),
    Splice { list: ObjId, at: usize, delete: usize, insert: Vec<hydrate::Value> },
    SpliceText { text: ObjId, at: usize, delete: usize, insert: String },
}

/// What takes the change `hash` back; none when nothing of it is left. Changes that it did not know and that are to stay are
/// told by `stays`; all others since are undone ones and undos.
pub(super) fn plan(
    doc: &Automerge,
    deleted: bool,
    hash: ChangeHash,
    own: &OwnActors,
    stays: &dyn Fn(&ChangeMetadata<'_>) -> bool,
) -> Result<Option<Plan>, CorruptDocument> {
    let Some(change) = doc.get_change_by_hash(&hash) else { return Ok(None) };
    let meta = doc.get_change_meta_by_hash(&hash);
    if !meta.is_some_and(|meta| is_own(&meta, own)) {
        return Ok(None);
    }
    let before = change.deps().to_vec();
    let was_there = !is_deleted(doc, &before);
    let is_there = !is_deleted(doc, &[hash]);
    let others = Others::since(doc, hash, stays);
    let mut plan = Plan::default();
    match (was_there, is_there) {
        (true, true) if !deleted => {}
        // It brought the document: that goes again, as long as nobody else has changed anything.
        (false, true) if !deleted && !others.any => plan.deletes = true,
        // It deleted the document: that comes back, unless others have deleted it too.
        (true, false) if deleted && only_own_heads(doc, own) => {}
        _ => return Ok(None),
    }
    // A document that was not there at all is deleted as it is: a redo has its objects back.
    if !before.is_empty() {
        let changed = changed_objects(doc, &change.decode());
        let mut reverting = Reverting { doc, own, before, after: vec![hash], changed, others, todo: vec![] };
        reverting.map(&ROOT, &ROOT, 0)?;
        plan.todo = reverting.todo;
    }
    let says_something = was_there != is_there;
    Ok(if says_something || !plan.is_empty() { Some(plan) } else { None })
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.todo.is_empty()
    }

    pub(super) fn apply(self, tx: &mut Transaction<'_>) -> Result<(), AutomergeError> {
        self.todo.into_iter().try_for_each(|todo| todo.apply(tx))
    }
}

impl Todo {
    fn apply(self, tx: &mut Transaction<'_>) -> Result<(), AutomergeError> {
        match self {
            Self::Put(object, prop, hydrate::Value::Scalar(scalar)) => tx.put(object, prop, scalar),
            Self::Put(object, prop, value) => tx.batch_create_object(object, prop, &value, false).map(drop),
            Self::Delete(object, prop) => tx.delete(object, prop),
            Self::Count(object, prop, by) => tx.increment(object, prop, by),
            Self::Splice { list, at, delete, insert } => {
                if !insert.is_empty() {
                    tx.splice(&list, at, 0, insert.iter().cloned())?;
                }
                let from = at + insert.len();
                (from..from + delete).rev().try_for_each(|index| tx.delete(&list, index))
            }
            Self::SpliceText { text, at, delete, insert } => tx.splice_text(text, at, delete.cast_signed(), &insert),
        }
    }
}

/// A value in a place, and the operation that put it there.
#[derive(Debug, Clone)]
struct Held {
    id: ObjId,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Object(ObjType),
    Scalar(ScalarValue),
}

/// An item of a list or a character of a text.
#[derive(Debug, Clone)]
struct Element {
    /// The operation that inserted it: it stays the same however often the item is set.
    place: ObjId,
    held: Held,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Before,
    After,
    Now,
}

struct Reverting<'a> {
    doc: &'a Automerge,
    own: &'a OwnActors,
    before: Vec<ChangeHash>,
    after: Vec<ChangeHash>,
    /// The objects that were there before the change and that it changed, and all that they lie in.
    changed: HashSet<ObjId>,
    others: Others,
    todo: Vec<Todo>,
}

impl Reverting<'_> {
    fn at(&self, when: When) -> Option<&[ChangeHash]> {
        match when {
            When::Before => Some(&self.before),
            When::After => Some(&self.after),
            When::Now => None,
        }
    }

    /// Takes back what the change did to the map `then`, in the map `now` that stands for it.
    fn map(&mut self, then: &ObjId, now: &ObjId, depth: usize) -> Result<(), CorruptDocument> {
        let (before, after) = (self.entries(then, When::Before), self.entries(then, When::After));
        let current = self.entries(now, When::Now);
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).gather();
        for key in keys {
            let (old, new, held) = (before.get(key), after.get(key), current.get(key));
            let place = Place::Key(key.clone());
            let touched = self.others.touched(then, &place) || self.others.touched(now, &place);
            self.place(now, Prop::Map(key.clone()), (old, new, held), touched, depth)?;
        }
        Ok(())
    }

    fn place(
        &mut self,
        now: &ObjId,
        prop: Prop,
        (old, new, held): (Option<&Held>, Option<&Held>, Option<&Held>),
        touched: bool,
        depth: usize,
    ) -> Result<(), CorruptDocument> {
        if let (Some(old), Some(new)) = (old, new)
            && old.id == new.id
        {
            let Some(held) = held.filter(|held| held.id == new.id || !touched && self.stands_for(held, new)) else {
                return Ok(());
            };
            return self.inside(now, prop, (old, new, held), depth);
        }
        let stands = match (new, held) {
            (None, None) => !touched,
            (Some(new), Some(held)) if held.id == new.id => !self.others.built_on(&held.id),
            (Some(new), Some(held)) => {
                let same = || self.plain(held, When::Now) == self.plain(new, When::After);
                !touched && self.stands_for(held, new) && !self.others.built_on(&held.id) && same()
            }
            _ => false,
        };
        if !stands {
            return Ok(());
        }
        let beaten = held.map(|held| self.beaten(now, &prop, held)).transpose()?.flatten();
        let back = match beaten {
            Some(beaten) => Some(self.copy(&beaten, When::Now, depth)),
            // Others had removed it at the same time.
            None if touched => None,
            None => old.map(|old| self.copy(old, still(old), depth)),
        };
        match back {
            Some(value) => self.todo.push(Todo::Put(now.clone(), prop, value)),
            None if held.is_some() => self.todo.push(Todo::Delete(now.clone(), prop)),
            None => {}
        }
        Ok(())
    }

    /// The same value before and after: what the change did inside it.
    fn inside(
        &mut self,
        now: &ObjId,
        prop: Prop,
        (old, new, held): (&Held, &Held, &Held),
        depth: usize,
    ) -> Result<(), CorruptDocument> {
        match (&old.what, &new.what, &held.what) {
            (What::Object(kind), What::Object(_), What::Object(now_kind)) => {
                if kind != now_kind || depth >= MAX_DEPTH || !self.changed.contains(&new.id) {
                    return Ok(());
                }
                match kind {
                    ObjType::Map | ObjType::Table => self.map(&new.id, &held.id, depth + 1),
                    ObjType::List | ObjType::Text => self.sequence(*kind, &new.id, &held.id, depth + 1),
                }
            }
            (What::Scalar(old), What::Scalar(new), What::Scalar(held)) => {
                if let (Some(old), Some(new), Some(_)) = (count(old), count(new), count(held))
                    && old != new
                {
                    self.todo.push(Todo::Count(now.clone(), prop, old.saturating_sub(new)));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn sequence(&mut self, kind: ObjType, then: &ObjId, now: &ObjId, depth: usize) -> Result<(), CorruptDocument> {
        let [before, after, current] = self.elements(kind, then, now)?;
        let found = self.counterparts(&after, &current);
        let place_of: HashMap<&ObjId, usize> =
            after.iter().enumerate().map(|(index, element)| (&element.place, index)).collect();
        let there: HashMap<&ObjId, usize> =
            current.iter().enumerate().map(|(index, element)| (&element.place, index)).collect();
        let old_places: HashSet<&ObjId> = before.iter().map(|element| &element.place).collect();

        let mut edits = SequenceEdits::default();
        for (element, found) in after.iter().zip(&found) {
            let Some(index) = *found else { continue };
            let Some(held) = current.get(index) else { continue };
            if !old_places.contains(&element.place) && self.is_as_inserted(then, now, element, held) {
                edits.delete.insert(index);
            }
        }
        let mut behind = 0;
        for element in &before {
            let touched =
                |place: &ObjId| self.others.touched_element(then, place) || self.others.touched_element(now, place);
            let new = place_of.get(&element.place).copied();
            match new.and_then(|new| Some((after.get(new)?, found.get(new)?.as_ref().copied()))) {
                Some((new, Some(index))) => {
                    behind = index + 1;
                    edits.set.push((index, element.held.clone(), new.held.clone(), touched(&element.place)));
                }
                Some((_, None)) => {}
                None => match there.get(&element.place) {
                    // Somebody has set it while it was removed, so it was not.
                    Some(index) => behind = index + 1,
                    None if !touched(&element.place) => {
                        let what = self.copy(&element.held, still(&element.held), depth);
                        edits.insert.entry(behind).or_default().push(what);
                    }
                    None => {}
                },
            }
        }
        match kind {
            ObjType::Text => self.write_text(now, &current, edits),
            _ => self.write_list(now, &current, edits, depth)?,
        }
        Ok(())
    }

    /// An item that the change inserted and nobody else has changed.
    fn is_as_inserted(&self, then: &ObjId, now: &ObjId, element: &Element, held: &Element) -> bool {
        let others = &self.others;
        let touched = [(then, &element.place), (now, &held.place)];
        if touched.iter().any(|(object, place)| others.touched_element(object, place)) || others.built_on(&held.held.id)
        {
            return false;
        }
        held.held.id == element.held.id || self.plain(&held.held, When::Now) == self.plain(&element.held, When::After)
    }

    fn write_list(
        &mut self,
        list: &ObjId,
        current: &[Element],
        edits: SequenceEdits,
        depth: usize,
    ) -> Result<(), CorruptDocument> {
        let SequenceEdits { mut insert, delete, set } = edits;
        let mut set: HashMap<usize, _> =
            set.into_iter().map(|(index, old, new, touched)| (index, (old, new, touched))).collect();
        // From the end, so that the positions before stay what they are.
        for index in (0..=current.len()).rev() {
            if let Some((old, new, touched)) = set.remove(&index) {
                let held = current.get(index).map(|element| &element.held);
                self.place(list, Prop::Seq(index), (Some(&old), Some(&new), held), touched, depth)?;
            }
            let delete = usize::from(delete.contains(&index));
            let insert = insert.remove(&index).unwrap_or_default();
            if delete > 0 || !insert.is_empty() {
                self.todo.push(Todo::Splice { list: list.clone(), at: index, delete, insert });
            }
        }
        Ok(())
    }

    fn write_text(&mut self, text: &ObjId, current: &[Element], edits: SequenceEdits) {
        let width = |element: &Element| self.width(&element.held.what);
        let mut offset = 0;
        let mut splices: Vec<(usize, usize, String)> = Vec::new();
        for index in 0..=current.len() {
            let inserted: String = edits.insert.get(&index).into_iter().flatten().map(character).collect();
            let units = current.get(index).map_or(0, width);
            let deleted = if edits.delete.contains(&index) { units } else { 0 };
            match splices.last_mut() {
                Some((at, delete, _)) if inserted.is_empty() && deleted > 0 && *at + *delete == offset => {
                    *delete += deleted;
                }
                _ if deleted > 0 || !inserted.is_empty() => splices.push((offset, deleted, inserted)),
                _ => {}
            }
            offset += units;
        }
        for (at, delete, insert) in splices.into_iter().rev() {
            self.todo.push(Todo::SpliceText { text: text.clone(), at, delete, insert });
        }
    }

    /// For each of `elements` as they were, where it is now; what an undo brought back stands for what was there.
    fn counterparts(&self, elements: &[Element], current: &[Element]) -> Vec<Option<usize>> {
        let there: HashMap<&ObjId, usize> =
            current.iter().enumerate().map(|(index, element)| (&element.place, index)).collect();
        let mut found: Vec<Option<usize>> = elements.iter().map(|element| there.get(&element.place).copied()).collect();
        let known: HashSet<usize> = found.iter().flatten().copied().collect();
        let (mut start, mut from) = (0, 0);
        while start <= elements.len() {
            let end = (start..elements.len()).find(|index| found.get(*index).is_some_and(Option::is_some));
            let end = end.unwrap_or(elements.len());
            let until = found.get(end).copied().flatten().unwrap_or(current.len());
            if end > start {
                let lost: Vec<usize> = (start..end).collect();
                let restored: Vec<usize> = (from..until)
                    .filter(|index| !known.contains(index))
                    .filter(|index| current.get(*index).is_some_and(|element| self.is_restored(&element.held.id)))
                    .collect();
                for (was, is) in self.alike(elements, &lost, current, &restored) {
                    if let Some(found) = found.get_mut(was) {
                        *found = Some(is);
                    }
                }
            }
            (start, from) = (end + 1, until + 1);
        }
        found
    }

    /// Pairs of equal values in both sequences, in order.
    fn alike(&self, old: &[Element], lost: &[usize], now: &[Element], restored: &[usize]) -> Vec<(usize, usize)> {
        if lost.is_empty() || restored.is_empty() {
            return vec![];
        }
        let plain = |elements: &[Element], indexes: &[usize], when| -> Vec<Value> {
            let elements = indexes.iter().filter_map(|index| elements.get(*index));
            elements.map(|element| self.plain(&element.held, when)).collect()
        };
        let (was, is) = (plain(old, lost, When::After), plain(now, restored, When::Now));
        unchanged(&was, &is).filter_map(|(was, is)| Some((*lost.get(was)?, *restored.get(is)?))).collect()
    }

    fn entries(&self, map: &ObjId, when: When) -> BTreeMap<String, Held> {
        let items = match self.at(when) {
            Some(heads) => self.doc.map_range_at(map, .., heads),
            None => self.doc.map_range(map, ..),
        };
        items.map(|item| (item.key.to_string(), Held { id: item.id(), what: what(&item.value) })).gather()
    }

    fn elements(&self, kind: ObjType, then: &ObjId, now: &ObjId) -> Result<[Vec<Element>; 3], CorruptDocument> {
        let mut before = self.sequence_at(then, When::Before);
        let mut after = self.sequence_at(then, When::After);
        let mut current = self.sequence_at(now, When::Now);
        if kind == ObjType::List {
            // An item that was set has the operation that set it: its place is asked for where the three differ.
            let same: HashSet<ObjId> = {
                let ids = |elements: &[Element]| elements.iter().map(|element| element.held.id.clone()).collect();
                let (a, b, c): (HashSet<ObjId>, HashSet<ObjId>, HashSet<ObjId>) =
                    (ids(&before), ids(&after), ids(&current));
                a.into_iter().filter(|id| b.contains(id) && c.contains(id)).collect()
            };
            self.find_places(then, When::Before, &mut before, &same)?;
            self.find_places(then, When::After, &mut after, &same)?;
            self.find_places(now, When::Now, &mut current, &same)?;
        }
        Ok([before, after, current])
    }

    fn sequence_at(&self, object: &ObjId, when: When) -> Vec<Element> {
        let items = match self.at(when) {
            Some(heads) => self.doc.list_range_at(object, .., heads),
            None => self.doc.list_range(object, ..),
        };
        items.map(|item| Element { place: item.id(), held: Held { id: item.id(), what: what(&item.value) } }).collect()
    }

    fn find_places(
        &self,
        list: &ObjId,
        when: When,
        elements: &mut [Element],
        same: &HashSet<ObjId>,
    ) -> Result<(), CorruptDocument> {
        for (index, element) in elements.iter_mut().enumerate() {
            if !same.contains(&element.held.id) {
                let cursor = self.doc.get_cursor(list, index, self.at(when)).map_err(corrupt)?;
                element.place = place_of(&cursor).ok_or_else(|| corrupt("an item without a place"))?;
            }
        }
        Ok(())
    }

    /// Of the values that were put into this place at the same time and that `held` beats, the first.
    fn beaten(&self, object: &ObjId, prop: &Prop, held: &Held) -> Result<Option<Held>, CorruptDocument> {
        let all = self.doc.get_all(object, prop.clone()).map_err(corrupt)?;
        let others = all.into_iter().filter(|(_, id)| *id != held.id);
        Ok(others.last().map(|(value, id)| {
            let what = match value {
                automerge::Value::Object(kind) => What::Object(kind),
                automerge::Value::Scalar(scalar) => What::Scalar(scalar.into_owned()),
            };
            Held { id, what }
        }))
    }

    /// Whether this value, which stands where `new` stood, was brought back by this device's undo or redo.
    fn stands_for(&self, held: &Held, new: &Held) -> bool {
        let alike = match (&held.what, &new.what) {
            (What::Object(held), What::Object(new)) => held == new,
            (What::Scalar(_), What::Scalar(_)) => true,
            _ => false,
        };
        alike && self.is_restored(&held.id)
    }

    fn is_restored(&self, id: &ObjId) -> bool {
        let Some(hash) = self.doc.hash_for_opid(id) else { return false };
        if let Some(known) = self.others.restored.borrow().get(&hash) {
            return *known;
        }
        let restored = self.doc.get_change_meta_by_hash(&hash).is_some_and(|change| {
            is_own(&change, self.own) && Message::parse(change.message.as_deref()).reverts.is_some()
        });
        self.others.restored.borrow_mut().insert(hash, restored);
        restored
    }

    fn plain(&self, held: &Held, when: When) -> Value {
        match &held.what {
            What::Object(kind) => read::object(self.doc, &held.id, *kind, self.at(when), 0),
            What::Scalar(scalar) => read::owned(scalar),
        }
    }

    /// The value as it is written anew.
    fn copy(&self, held: &Held, when: When, depth: usize) -> hydrate::Value {
        match &held.what {
            What::Scalar(scalar) => hydrate::Value::Scalar(scalar.clone()),
            What::Object(_) if depth >= MAX_DEPTH => hydrate::Value::Scalar(ScalarValue::Null),
            What::Object(ObjType::Text) => {
                let text = match self.at(when) {
                    Some(heads) => self.doc.text_at(&held.id, heads),
                    None => self.doc.text(&held.id),
                };
                hydrate::Value::text(self.doc.text_encoding(), &text.unwrap_or_default())
            }
            What::Object(ObjType::List) => {
                let items = self.sequence_at(&held.id, when);
                let items = items.iter().map(|element| self.copy(&element.held, when, depth + 1));
                hydrate::Value::List(items.collect::<Vec<_>>().into())
            }
            What::Object(ObjType::Map | ObjType::Table) => {
                let entries = self.entries(&held.id, when);
                let entries = entries.iter().map(|(key, held)| (key.as_str(), self.copy(held, when, depth + 1)));
                hydrate::Value::Map(entries.collect::<HashMap<_, _>>().into())
            }
        }
    }

    /// How many units of the document's texts an element takes.
    fn width(&self, what: &What) -> usize {
        let text = match what {
            What::Scalar(ScalarValue::Str(text)) => text.as_str(),
            _ => "\u{fffc}",
        };
        match self.doc.text_encoding() {
            automerge::TextEncoding::UnicodeCodePoint => text.chars().count(),
            automerge::TextEncoding::Utf8CodeUnit => text.len(),
            automerge::TextEncoding::Utf16CodeUnit => text.encode_utf16().count(),
            automerge::TextEncoding::GraphemeCluster => 1,
        }
    }
}

/// What is done to one list or text, by positions as they are now.
#[derive(Default)]
struct SequenceEdits {
    /// Before the element at this position.
    insert: BTreeMap<usize, Vec<hydrate::Value>>,
    delete: BTreeSet<usize>,
    /// Elements that were there before and after: their values then, and whether others have set them.
    set: Vec<(usize, Held, Held, bool)>,
}

/// What others changed that the change did not know: later, or at the same time.
#[derive(Default)]
struct Others {
    any: bool,
    places: HashSet<(ObjId, Place)>,
    /// Objects that others changed with all that they lie in, and counters that they counted.
    built_on: HashSet<ObjId>,
    restored: RefCell<HashMap<ChangeHash, bool>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Key(String),
    Element(ObjId),
}

impl Others {
    fn since(doc: &Automerge, hash: ChangeHash, stays: &dyn Fn(&ChangeMetadata<'_>) -> bool) -> Self {
        let (mut others, mut ancestry) = (Self::default(), Ancestry::new(doc));
        for change in doc.get_changes_meta(&[hash]).iter().filter(|change| stays(change)) {
            others.any = true;
            let Some(change) = doc.get_change_by_hash(&change.hash) else { continue };
            for op in &change.decode().operations {
                others.add(op, &mut ancestry);
            }
        }
        others
    }

    fn add(&mut self, op: &Op, ancestry: &mut Ancestry<'_>) {
        let object = object_of(&op.obj);
        if let OpType::Increment(_) = op.action {
            self.built_on.extend(op.pred.iter().map(|id| ObjId::Id(id.0, id.1.clone(), 0)));
        } else if !op.insert
            && let Some(place) = Place::of(&op.key)
        {
            self.places.insert((object.clone(), place));
        }
        ancestry.add_with_parents(object, &mut self.built_on);
    }

    fn touched(&self, object: &ObjId, place: &Place) -> bool {
        self.places.contains(&(object.clone(), place.clone()))
    }

    fn touched_element(&self, object: &ObjId, place: &ObjId) -> bool {
        self.touched(object, &Place::Element(place.clone()))
    }

    fn built_on(&self, id: &ObjId) -> bool {
        self.built_on.contains(id)
    }
}

impl Place {
    fn of(key: &Key) -> Option<Self> {
        match key {
            Key::Map(key) => Some(Self::Key(key.to_string())),
            Key::Seq(ElementId::Id(id)) => Some(Self::Element(ObjId::Id(id.0, id.1.clone(), 0))),
            Key::Seq(ElementId::Head) => None,
        }
    }
}

fn changed_objects(doc: &Automerge, change: &ExpandedChange) -> HashSet<ObjId> {
    let (mut objects, mut ancestry) = (HashSet::new(), Ancestry::new(doc));
    for op in &change.operations {
        ancestry.add_with_parents(object_of(&op.obj), &mut objects);
    }
    objects
}

/// Pairs of positions whose values are equal, rising in both.
fn unchanged(old: &[Value], new: &[Value]) -> impl Iterator<Item = (usize, usize)> {
    let (mut was, mut is) = (0, 0);
    let mut pairs = Vec::with_capacity(old.len().min(new.len()));
    for hunk in edit_script(old, new) {
        let (before, after) = (as_range(hunk.before), as_range(hunk.after));
        pairs.extend((was..before.start).zip(is..));
        (was, is) = (before.end, after.end);
    }
    pairs.extend((was..old.len()).zip(is..));
    pairs.into_iter()
}

fn only_own_heads(doc: &Automerge, own: &OwnActors) -> bool {
    let heads = doc.get_heads();
    heads.iter().all(|head| doc.get_change_meta_by_hash(head).is_some_and(|change| is_own(&change, own)))
}

/// An object that was removed is copied as it is now, with what others wrote into it meanwhile.
fn still(held: &Held) -> When {
    if matches!(held.what, What::Object(_)) { When::Now } else { When::Before }
}

fn what(value: &ValueRef<'_>) -> What {
    match value.to_owned().into() {
        automerge::Value::Object(kind) => What::Object(kind),
        automerge::Value::Scalar(scalar) => What::Scalar(scalar.into_owned()),
    }
}

fn count(scalar: &ScalarValue) -> Option<i64> {
    match scalar {
        ScalarValue::Counter(counter) => Some(i64::from(counter)),
        _ => None,
    }
}

fn character(value: &hydrate::Value) -> &str {
    match value {
        hydrate::Value::Scalar(ScalarValue::Str(text)) => text.as_str(),
        _ => "",
    }
}

/// The operation that a cursor names, which its text is: `COUNTER@ACTOR`.
fn place_of(cursor: &automerge::Cursor) -> Option<ObjId> {
    let text = cursor.to_string();
    let (counter, actor) = text.split_once('@')?;
    Some(ObjId::Id(counter.parse().ok()?, automerge::ActorId::try_from(actor).ok()?, 0))
}
