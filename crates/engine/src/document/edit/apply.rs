//! Applies the difference between two values to an Automerge document.
//!
//! Maps are compared key by key, lists by an edit script (`imara-diff`: it interns what it compares and is nearly linear on
//! any input, where plain Myers is quadratic), so that what two devices change in different places merges. When the caller
//! read an older version, a list's elements are found again by their Automerge ids, and what the caller removes stays if
//! somebody changed it since: a removal removes what was seen.

use std::collections::{BTreeMap, HashMap};

use automerge::hydrate;
use automerge::legacy::{Key, OpType};
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, AutomergeError, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue};
use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Interner};

use super::read;
use crate::document::value::{MAX_SAFE_INTEGER, Value};

type Applied = Result<(), AutomergeError>;
/// An operation's id: counter and actor.
type OpId = (u64, ActorId);

/// Which value of the document the caller changed.
pub(super) enum Base {
    /// The current one.
    Now,
    /// An earlier one.
    Then {
        /// Its heads.
        heads: Vec<ChangeHash>,
        /// What has overwritten list elements since, by the operation that was overwritten.
        overwritten: HashMap<OpId, Vec<OpId>>,
    },
}

impl Base {
    /// The base at earlier heads of `doc`.
    pub(super) fn then(doc: &Automerge, heads: Vec<ChangeHash>) -> Self {
        let mut overwritten: HashMap<OpId, Vec<OpId>> = HashMap::new();
        for change in doc.get_changes(&heads) {
            let change = change.decode();
            for (counter, op) in (change.start_op.get()..).zip(&change.operations) {
                let sets = matches!(op.action, OpType::Put(_) | OpType::Make(_)) && matches!(op.key, Key::Seq(_));
                for pred in op.pred.iter().filter(|_| sets && !op.insert) {
                    let pred = (pred.counter(), pred.actor().clone());
                    overwritten.entry(pred).or_default().push((counter, change.actor_id.clone()));
                }
            }
        }
        Self::Then { heads, overwritten }
    }
}

/// Fills an empty document.
pub(super) fn init(tx: &mut Transaction<'_>, new: &Value) -> Applied {
    match new {
        Value::Map(map) => tx.init_root_from_hydrate(&to_map(map)),
        _ => Ok(()),
    }
}

/// Applies what makes `new` of `old`, the value at `base`.
pub(super) fn difference(tx: &mut Transaction<'_>, base: &Base, old: &Value, new: &Value) -> Applied {
    match (old, new) {
        (Value::Map(old), Value::Map(new)) => Applying { tx, base }.map(&Place::root(), old, new),
        _ => Ok(()),
    }
}

/// An object as it is now, and what it was for the caller: the same object, unless it was replaced since.
struct Place {
    now: ObjId,
    then: ObjId,
}

impl Place {
    fn root() -> Self {
        Self { now: ROOT, then: ROOT }
    }
}

struct Applying<'a, 'doc> {
    tx: &'a mut Transaction<'doc>,
    base: &'a Base,
}

impl Applying<'_, '_> {
    fn map(&mut self, place: &Place, old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Applied {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            let prop = Prop::from(key.as_str());
            if self.as_seen(place, &prop, &prop)? {
                self.tx.delete(&place.now, prop)?;
            }
        }
        for (key, value) in new {
            let prop = Prop::from(key.as_str());
            match old.get(key) {
                Some(old) if old == value => {}
                Some(old) => self.change(place, prop.clone(), prop, old, value)?,
                None => self.add(place, prop, value)?,
            }
        }
        Ok(())
    }

    /// A key that the caller's map did not have.
    fn add(&mut self, place: &Place, prop: Prop, new: &Value) -> Applied {
        let same = matches!(self.base, Base::Then { .. }) && self.read(place, &prop)?.as_ref() == Some(new);
        if same { Ok(()) } else { self.set(place, prop, new) }
    }

    /// What was `old` at `then` and is at `now` today becomes `new`.
    fn change(&mut self, place: &Place, then: Prop, now: Prop, old: &Value, new: &Value) -> Applied {
        let Some((today, today_id)) = owned(self.tx.get(&place.now, now.clone())?) else {
            return self.set(place, now, new);
        };
        match (old, new, today) {
            (Value::Map(old), Value::Map(new), Today::Object(ObjType::Map | ObjType::Table)) => {
                let then = self.seen(place, &then)?.unwrap_or_else(|| today_id.clone());
                self.map(&Place { now: today_id, then }, old, new)
            }
            (Value::List(old), Value::List(new_items), Today::Object(ObjType::List)) => {
                if self.seen(place, &then)?.as_ref() == Some(&today_id) {
                    return self.list(&Place { now: today_id.clone(), then: today_id }, old, new_items);
                }
                self.set(place, now, new)
            }
            (Value::String(_), Value::String(text), Today::Object(ObjType::Text)) => {
                self.tx.update_text(&today_id, text)
            }
            (old, new, Today::Counter) => match (integer(old), integer(new)) {
                (Some(old), Some(new)) => self.tx.increment(&place.now, now, new - old),
                _ => self.set(place, now, new),
            },
            _ => self.set(place, now, new),
        }
    }

    fn set(&mut self, place: &Place, prop: Prop, new: &Value) -> Applied {
        match to_hydrate(new) {
            hydrate::Value::Scalar(scalar) => self.tx.put(&place.now, prop, scalar),
            object => self.tx.batch_create_object(&place.now, prop, &object, false).map(|_| ()),
        }
    }

    fn list(&mut self, place: &Place, old: &[Value], new: &[Value]) -> Applied {
        let found = self.find_elements(place, old.len());
        let mut hunks: Vec<Hunk> = edit_script(old, new);
        // From the end, so that the positions before stay what they are.
        hunks.reverse();
        for hunk in hunks {
            let (before, after) = (as_range(hunk.before), as_range(hunk.after));
            let pairs = before.len().min(after.len());
            let (surplus_old, surplus_new) = (before.start + pairs..before.end, after.start + pairs..after.end);
            self.insert(place, found.position_before(before.start + pairs), new.get(surplus_new).unwrap_or_default())?;
            for index in surplus_old.rev() {
                self.remove(place, index, &found)?;
            }
            let pairs = before.zip(after).take(pairs).collect::<Vec<_>>();
            for (index, new_index) in pairs.into_iter().rev() {
                if let (Some(old), Some(new)) = (old.get(index), new.get(new_index)) {
                    self.update(place, index, &found, old, new)?;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, place: &Place, position: usize, new: &[Value]) -> Applied {
        if new.is_empty() {
            return Ok(());
        }
        self.tx.splice(&place.now, position, 0, new.iter().map(to_hydrate))
    }

    fn remove(&mut self, place: &Place, index: usize, found: &Found) -> Applied {
        match found.position(index) {
            Some(now) if self.as_seen(place, &Prop::Seq(index), &Prop::Seq(now))? => self.tx.delete(&place.now, now),
            _ => Ok(()),
        }
    }

    fn update(&mut self, place: &Place, index: usize, found: &Found, old: &Value, new: &Value) -> Applied {
        match found.position(index) {
            Some(now) => self.change(place, Prop::Seq(index), Prop::Seq(now), old, new),
            // Removed since by somebody who had not seen this edit: the edit wins.
            None => self.insert(place, found.position_before(index), std::slice::from_ref(new)),
        }
    }

    /// Whether what is at `now` today is what the caller saw at `then`.
    fn as_seen(&self, place: &Place, then: &Prop, now: &Prop) -> Result<bool, AutomergeError> {
        if matches!(self.base, Base::Now) {
            return Ok(true);
        }
        let today = self.tx.get(&place.now, now.clone())?.map(|(_, id)| id);
        Ok(today.is_some() && today == self.seen(place, then)?)
    }

    /// The id of what the caller saw at `then`.
    fn seen(&self, place: &Place, then: &Prop) -> Result<Option<ObjId>, AutomergeError> {
        let found = match self.base {
            Base::Now => self.tx.get(&place.then, then.clone())?,
            Base::Then { heads, .. } => self.tx.get_at(&place.then, then.clone(), heads)?,
        };
        Ok(found.map(|(_, id)| id))
    }

    fn read(&self, place: &Place, prop: &Prop) -> Result<Option<Value>, AutomergeError> {
        Ok(match self.tx.get(&place.now, prop.clone())? {
            Some((automerge::Value::Object(kind), id)) => Some(read::object(self.tx, &id, kind, None, 0)),
            Some((automerge::Value::Scalar(scalar), _)) => Some(read::owned_scalar(&scalar)),
            None => None,
        })
    }

    fn find_elements(&self, place: &Place, length: usize) -> Found {
        let Base::Then { heads, overwritten } = self.base else { return Found::InPlace };
        let now: HashMap<OpId, usize> =
            self.tx.list_range(&place.now, ..).filter_map(|item| Some((op_id(item.id())?, item.index))).collect();
        let mut found: Vec<_> = self
            .tx
            .list_range_at(&place.then, .., heads)
            .map(|item| op_id(item.id()).and_then(|id| latest(id, &now, overwritten)))
            .collect();
        found.resize(length, None);
        Found::At(found)
    }
}

/// Where the elements of the caller's list are today.
enum Found {
    InPlace,
    At(Vec<Option<usize>>),
}

impl Found {
    fn position(&self, index: usize) -> Option<usize> {
        match self {
            Self::InPlace => Some(index),
            Self::At(positions) => positions.get(index).copied().flatten(),
        }
    }

    /// Where to insert what stands before `index`: right after the last element before it that is still there.
    fn position_before(&self, index: usize) -> usize {
        match self {
            Self::InPlace => index,
            Self::At(positions) => {
                positions.iter().take(index).rev().flatten().next().map_or(0, |position| position + 1)
            }
        }
    }
}

/// The position of an element, through all that overwrote it.
fn latest(id: OpId, now: &HashMap<OpId, usize>, overwritten: &HashMap<OpId, Vec<OpId>>) -> Option<usize> {
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if let Some(position) = now.get(&id) {
            return Some(*position);
        }
        open.extend(overwritten.get(&id).into_iter().flatten().cloned());
    }
    None
}

fn op_id(id: ObjId) -> Option<OpId> {
    match id {
        ObjId::Id(counter, actor, _) => Some((counter, actor)),
        ObjId::Root => None,
    }
}

fn edit_script(old: &[Value], new: &[Value]) -> Vec<Hunk> {
    let mut input =
        InternedInput { before: Vec::new(), after: Vec::new(), interner: Interner::new(old.len() + new.len()) };
    input.update_before(old.iter());
    input.update_after(new.iter());
    Diff::compute(Algorithm::Myers, &input).hunks().collect()
}

fn as_range(range: std::ops::Range<u32>) -> std::ops::Range<usize> {
    range.start as usize..range.end as usize
}

/// What is there today, as far as it matters to an update.
enum Today {
    Object(ObjType),
    Counter,
    Scalar,
}

fn owned(found: Option<(automerge::Value<'_>, ObjId)>) -> Option<(Today, ObjId)> {
    found.map(|(value, id)| match value {
        automerge::Value::Object(kind) => (Today::Object(kind), id),
        automerge::Value::Scalar(scalar) if scalar.is_counter() => (Today::Counter, id),
        automerge::Value::Scalar(_) => (Today::Scalar, id),
    })
}

/// A number that a counter can be counted to without a gap.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Uint(number) if *number <= MAX_SAFE_INTEGER => i64::try_from(*number).ok(),
        Value::F64(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64 => Some(*number as i64),
        _ => None,
    }
}

fn to_hydrate(value: &Value) -> hydrate::Value {
    hydrate::Value::Scalar(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(bool) => ScalarValue::Boolean(*bool),
        Value::Uint(number) => ScalarValue::Uint(*number),
        Value::Int(number) => ScalarValue::Int(*number),
        Value::F64(number) => ScalarValue::F64(*number),
        Value::String(text) => ScalarValue::Str(text.as_str().into()),
        Value::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
        Value::Date(millis) => ScalarValue::Timestamp(*millis),
        Value::List(items) => {
            return hydrate::Value::List(items.iter().map(to_hydrate).collect::<Vec<_>>().into());
        }
        Value::Map(map) => return hydrate::Value::Map(to_map(map)),
    })
}

fn to_map(map: &BTreeMap<String, Value>) -> hydrate::Map {
    map.iter().map(|(key, value)| (key.as_str(), to_hydrate(value))).collect::<HashMap<_, _>>().into()
}
