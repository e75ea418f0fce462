//! What each modifier does at its place.

use ashore_protocol::gather::{Gather, sorted_by};
use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Modifier, Order, Pull, Push, whole};
use crate::document::Value;
use crate::document::value::MAX_SAFE_INTEGER;
use crate::query::order::compare;
use crate::query::path::{Path, Step};
use crate::query::sort_key::{Direction, sort_key};

/// Most nulls that one application puts before a place behind the end of an array.
pub(super) const MAX_PADDING: usize = 10_000;

const NO_FIELDS: &str = "the path goes through something that is neither an object nor an array";
const NOT_A_PLACE: &str = "the path goes through an array, where a step is a place: a whole number";
const TOO_FAR: &str = "the place is more than 10,000 behind the end of its array";
const NOT_AN_ARRAY: &str = "what is there is not an array";
const NOT_A_NUMBER: &str = "what is there is not a number";
const NOT_A_BIGINT: &str = "what is there is a number: it is not added to a bigint";
const IS_A_BIGINT: &str = "what is there is a bigint: it is not added to a number";
const NOT_WHOLE: &str = "what is there is a counter, which counts whole numbers";
const NOT_FINITE: &str = "the sum is not finite";
const BEYOND_64_BITS: &str = "the sum does not fit 64 bits";
const RENAME_IN_ARRAY: &str = "the path goes through an array: only fields of objects are renamed";

type Reason = &'static str;

impl Change {
    pub(super) fn apply(&self, document: &mut Value, padding: &mut usize) -> Result<(), Reason> {
        match &self.modifier {
            Modifier::Set(value) => {
                let mut slot = make(document, &self.path, padding)?;
                let value = slot.value().map_or_else(|| value.clone(), |before| kept(before, value));
                slot.put(value, padding)
            }
            Modifier::Unset => {
                if let Some(slot) = find(document, &self.path) {
                    slot.unset();
                }
                Ok(())
            }
            Modifier::Inc(by) => {
                let mut slot = make(document, &self.path, padding)?;
                match slot.value() {
                    Some(value) => sum(value, by).map(|sum| *value = sum),
                    None => slot.put(by.clone(), padding),
                }
            }
            Modifier::Push(push) => push.apply(made_array(document, &self.path, padding)?),
            Modifier::AddToSet(items) => {
                add_to_set(made_array(document, &self.path, padding)?, items);
                Ok(())
            }
            Modifier::Pull(pull) => found_array(document, &self.path, |items| items.retain(|item| !pull.takes(item))),
            Modifier::Pop { first } => found_array(document, &self.path, |items| {
                if !items.is_empty() {
                    items.remove(if *first { 0 } else { items.len() - 1 });
                }
            }),
            Modifier::Rename(to) => rename(document, &self.path, to, padding),
        }
    }
}

/// The last step of a path, and what it is a step in.
enum Slot<'v> {
    Field(&'v mut BTreeMap<String, Value>, &'v str),
    Place(&'v mut Vec<Value>, usize),
}

impl Slot<'_> {
    fn value(&mut self) -> Option<&mut Value> {
        match self {
            Self::Field(map, key) => map.get_mut(*key),
            Self::Place(items, at) => items.get_mut(*at),
        }
    }

    fn put(self, value: Value, padding: &mut usize) -> Result<(), Reason> {
        match self {
            Self::Field(map, key) => {
                map.insert(key.to_owned(), value);
                Ok(())
            }
            Self::Place(items, at) => place(items, at, padding).map(|place| *place = value),
        }
    }

    /// A field goes; a place in an array stays and becomes null, so that the items behind it keep theirs.
    fn unset(self) {
        match self {
            Self::Field(map, key) => drop(map.remove(key)),
            Self::Place(items, at) => {
                if let Some(item) = items.get_mut(at) {
                    *item = Value::Null;
                }
            }
        }
    }
}

/// The slot at `path`, if everything before it is there.
fn find<'v>(document: &'v mut Value, path: &'v Path) -> Option<Slot<'v>> {
    let (last, parents) = path.steps().split_last()?;
    let mut value = document;
    for step in parents {
        value = match value {
            Value::Map(map) => map.get_mut(&step.key)?,
            Value::List(items) => items.get_mut(step.index?)?,
            _ => return None,
        };
    }
    slot(value, last).ok()
}

/// The slot at `path`; objects that are missing before it are made.
fn make<'v>(document: &'v mut Value, path: &'v Path, padding: &mut usize) -> Result<Slot<'v>, Reason> {
    let (last, parents) = path.steps().split_last().ok_or(NO_FIELDS)?;
    let mut value = document;
    for step in parents {
        value = match value {
            Value::Map(map) => map.entry(step.key.clone()).or_insert_with(Value::empty),
            Value::List(items) => {
                let at = step.index.ok_or(NOT_A_PLACE)?;
                let is_new = at >= items.len();
                let place = place(items, at, padding)?;
                if is_new {
                    *place = Value::empty();
                }
                place
            }
            _ => return Err(NO_FIELDS),
        };
    }
    slot(value, last)
}

fn slot<'v>(parent: &'v mut Value, step: &'v Step) -> Result<Slot<'v>, Reason> {
    match parent {
        Value::Map(map) => Ok(Slot::Field(map, &step.key)),
        Value::List(items) => step.index.map(|at| Slot::Place(items, at)).ok_or(NOT_A_PLACE),
        _ => Err(NO_FIELDS),
    }
}

/// The item at a place, behind nulls where the array was shorter.
fn place<'v>(items: &'v mut Vec<Value>, at: usize, padding: &mut usize) -> Result<&'v mut Value, Reason> {
    if at >= items.len() {
        *padding = padding.checked_sub(at - items.len()).ok_or(TOO_FAR)?;
        items.resize(at + 1, Value::Null);
    }
    items.get_mut(at).ok_or(TOO_FAR)
}

fn made_array<'v>(document: &'v mut Value, path: &'v Path, padding: &mut usize) -> Result<&'v mut Vec<Value>, Reason> {
    let value = match make(document, path, padding)? {
        Slot::Field(map, key) => map.entry(key.to_owned()).or_insert_with(|| Value::List(Vec::new())),
        Slot::Place(items, at) => {
            let is_new = at >= items.len();
            let place = place(items, at, padding)?;
            if is_new {
                *place = Value::List(Vec::new());
            }
            place
        }
    };
    match value {
        Value::List(items) => Ok(items),
        _ => Err(NOT_AN_ARRAY),
    }
}

/// Changes the array at `path`, if there is something.
fn found_array(document: &mut Value, path: &Path, change: impl FnOnce(&mut Vec<Value>)) -> Result<(), Reason> {
    match find(document, path).as_mut().and_then(Slot::value) {
        None => Ok(()),
        Some(Value::List(items)) => {
            change(items);
            Ok(())
        }
        Some(_) => Err(NOT_AN_ARRAY),
    }
}

/// What is set over `before`: a text stays one, and so does a counter, so that what others type and count meanwhile is kept.
fn kept(before: &Value, value: &Value) -> Value {
    match (before, value) {
        (Value::Text(_), Value::String(text)) => Value::Text(text.clone()),
        (Value::Counter(_), value) => whole(value).map_or_else(|| value.clone(), Value::Counter),
        _ => value.clone(),
    }
}

/// Numbers as JavaScript adds them; bigints and counters exactly.
fn sum(value: &Value, by: &Value) -> Result<Value, Reason> {
    if let Value::Counter(value) = value {
        return value.checked_add(whole(by).ok_or(NOT_WHOLE)?).map(Value::Counter).ok_or(BEYOND_64_BITS);
    }
    let bigint = |value: &Value| match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) if *number > MAX_SAFE_INTEGER => Some(i128::from(*number)),
        _ => None,
    };
    let number = |value: &Value| match value {
        Value::Uint(number) => Some(*number as f64),
        Value::F64(number) => Some(*number),
        _ => None,
    };
    match (bigint(value), bigint(by)) {
        (Some(value), Some(by)) => from_bigint(value + by).ok_or(BEYOND_64_BITS),
        (Some(_), None) => Err(IS_A_BIGINT),
        (None, Some(_)) if number(value).is_some() => Err(NOT_A_BIGINT),
        _ => match (number(value), number(by)) {
            (Some(value), Some(by)) => Value::number(value + by).ok_or(NOT_FINITE),
            _ => Err(NOT_A_NUMBER),
        },
    }
}

fn from_bigint(number: i128) -> Option<Value> {
    i64::try_from(number).map(Value::Int).or_else(|_| u64::try_from(number).map(Value::Uint)).ok()
}

impl Push {
    fn apply(&self, items: &mut Vec<Value>) -> Result<(), Reason> {
        let at = self.position.map_or(items.len(), |position| offset(position, items.len()));
        items.splice(at..at, self.items.iter().cloned());
        if let Some(order) = &self.sort {
            *items = order.sorted(std::mem::take(items));
        }
        if let Some(slice) = self.slice {
            let kept = usize::try_from(slice.unsigned_abs()).unwrap_or(usize::MAX);
            if slice >= 0 {
                items.truncate(kept);
            } else {
                items.drain(..items.len().saturating_sub(kept));
            }
        }
        Ok(())
    }
}

/// A place in an array of that length; counted from its end when negative.
fn offset(position: i64, length: usize) -> usize {
    let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position >= 0 { distance.min(length) } else { length.saturating_sub(distance) }
}

impl Order {
    /// Items that are alike stay as they stood.
    fn sorted(&self, items: Vec<Value>) -> Vec<Value> {
        match self {
            Self::Items(Direction::Ascending) => sorted_by(items, compare),
            Self::Items(Direction::Descending) => sorted_by(items, |a, b| compare(b, a)),
            Self::Fields(sort) => sorted_by(items, |a, b| {
                let by = |by: &crate::query::SortBy| match by.direction {
                    Direction::Ascending => compare(by.value(a), by.value(b)),
                    Direction::Descending => compare(by.value(b), by.value(a)),
                };
                sort.by().iter().map(by).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
            }),
        }
    }
}

impl Pull {
    fn takes(&self, item: &Value) -> bool {
        match self {
            Self::Equal(value) => compare(item, value).is_eq(),
            Self::Objects(filter) => matches!(item, Value::Map(_)) && filter.matches(item),
            Self::Passing(filter) => filter.matches(&Value::Map(BTreeMap::from([(String::new(), item.clone())]))),
        }
    }
}

fn add_to_set(items: &mut Vec<Value>, new: &[Value]) {
    // Equal values have equal keys, and looking up a key does not take longer the more items there are.
    let mut known: BTreeSet<Vec<u8>> = items.iter().map(sort_key).gather();
    items.extend(new.iter().filter(|value| known.insert(sort_key(value))).cloned());
}

fn rename(document: &mut Value, from: &Path, to: &Path, padding: &mut usize) -> Result<(), Reason> {
    if meets_array(document, from) || meets_array(document, to) {
        return Err(RENAME_IN_ARRAY);
    }
    let Some(Slot::Field(map, key)) = find(document, from) else { return Ok(()) };
    let Some(value) = map.remove(key) else { return Ok(()) };
    make(document, to, padding)?.put(value, padding)
}

/// Whether an array is on the way to the end of the path.
fn meets_array(document: &Value, path: &Path) -> bool {
    let mut value = document;
    for step in path.steps() {
        match value {
            Value::List(_) => return true,
            Value::Map(map) => match map.get(&step.key) {
                Some(below) => value = below,
                None => return false,
            },
            _ => return false,
        }
    }
    false
}
