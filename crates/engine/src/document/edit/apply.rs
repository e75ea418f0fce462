//! Applies the difference between two values to an Automerge document.
//!
//! Maps are compared key by key, lists by an edit script (`imara-diff`: it interns what it compares and is nearly linear on
//! any input, where plain Myers is quadratic), so that what two devices change in different places merges.

use std::collections::{BTreeMap, HashMap};

use automerge::hydrate;
use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue, TextEncoding};
use imara_diff::Hunk;

use crate::document::text::{self, Splice, as_range, edit_script};
use crate::document::value::{MAX_SAFE_INTEGER, Value};

type Applied = Result<(), AutomergeError>;

/// Applies what makes `new` of `old`, the value that the transaction sees.
pub(super) fn difference(tx: &mut Transaction<'_>, old: &Value, new: &Value) -> Applied {
    match (old, new) {
        (Value::Map(old), Value::Map(new)) => Applying { tx }.map(&ROOT, old, new),
        _ => Ok(()),
    }
}

struct Applying<'a, 'doc> {
    tx: &'a mut Transaction<'doc>,
}

impl Applying<'_, '_> {
    fn map(&mut self, object: &ObjId, old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Applied {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.tx.delete(object, key.as_str())?;
        }
        for (key, value) in new {
            let prop = Prop::from(key.as_str());
            match old.get(key) {
                Some(old) if old == value => {}
                Some(old) => self.change(object, prop, old, value)?,
                None => self.set(object, prop, value)?,
            }
        }
        Ok(())
    }

    /// What is `old` becomes `new`.
    fn change(&mut self, object: &ObjId, prop: Prop, old: &Value, new: &Value) -> Applied {
        let Some((kind, id)) = self.kind(object, &prop)? else { return self.set(object, prop, new) };
        match (old, new, kind) {
            (Value::Map(old), Value::Map(new), Kind::Object(ObjType::Map | ObjType::Table)) => self.map(&id, old, new),
            (Value::List(old), Value::List(new), Kind::Object(ObjType::List)) => self.list(&id, old, new),
            (Value::Text(old), Value::Text(new), Kind::Object(ObjType::Text)) => self.text(&id, old, new),
            (Value::Counter(old), Value::Counter(now), Kind::Counter) => match now.checked_sub(*old) {
                Some(added) => self.tx.increment(object, prop, added),
                None => self.set(object, prop, new),
            },
            // Rows that were written before there were counters and texts read as plain values still.
            (Value::String(old), Value::String(new), Kind::Object(ObjType::Text)) => self.text(&id, old, new),
            (old, now, Kind::Counter) => match (integer(old), integer(now)) {
                (Some(old), Some(now)) => self.tx.increment(object, prop, now - old),
                _ => self.set(object, prop, new),
            },
            _ => self.set(object, prop, new),
        }
    }

    fn set(&mut self, object: &ObjId, prop: Prop, new: &Value) -> Applied {
        match to_hydrate(new) {
            hydrate::Value::Scalar(scalar) => self.tx.put(object, prop, scalar),
            value => self.tx.batch_create_object(object, prop, &value, false).map(|_| ()),
        }
    }

    fn text(&mut self, object: &ObjId, old: &str, new: &str) -> Applied {
        // From the end, so that the positions before stay what they are.
        text::difference(old, new).into_iter().rev().try_for_each(|Splice { at, delete, insert }| {
            self.tx.splice_text(object, at, delete.cast_signed(), &insert)
        })
    }

    fn list(&mut self, object: &ObjId, old: &[Value], new: &[Value]) -> Applied {
        let mut hunks: Vec<Hunk> = edit_script(old, new);
        // From the end, so that the positions before stay what they are.
        hunks.reverse();
        for hunk in hunks {
            let (before, after) = (as_range(hunk.before), as_range(hunk.after));
            let pairs = before.len().min(after.len());
            let surplus = new.get(after.start + pairs..after.end).unwrap_or_default();
            self.splice(object, before.start + pairs..before.end, surplus)?;
            let pairs = before.zip(after).take(pairs).collect::<Vec<_>>();
            for (index, new_index) in pairs.into_iter().rev() {
                if let (Some(old), Some(new)) = (old.get(index), new.get(new_index)) {
                    self.change(object, Prop::Seq(index), old, new)?;
                }
            }
        }
        Ok(())
    }

    /// Puts `new` in the place of these elements; one of both is empty.
    fn splice(&mut self, object: &ObjId, old: std::ops::Range<usize>, new: &[Value]) -> Applied {
        if !new.is_empty() {
            self.tx.splice(object, old.start, 0, new.iter().map(to_hydrate))?;
        }
        old.rev().try_for_each(|index| self.tx.delete(object, index))
    }

    fn kind(&self, object: &ObjId, prop: &Prop) -> Result<Option<(Kind, ObjId)>, AutomergeError> {
        let found = self.tx.get(object, prop.clone())?;
        Ok(found.map(|(value, id)| match value {
            automerge::Value::Object(kind) => (Kind::Object(kind), id),
            automerge::Value::Scalar(scalar) if scalar.is_counter() => (Kind::Counter, id),
            automerge::Value::Scalar(_) => (Kind::Scalar, id),
        }))
    }
}

/// What the document has in a place, as far as it matters to an update.
enum Kind {
    Object(ObjType),
    Counter,
    Scalar,
}

/// A number that a counter can be counted to without a gap.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Uint(number) if *number <= MAX_SAFE_INTEGER => i64::try_from(*number).ok(),
        Value::F64(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64 => Some(*number as i64),
        _ => None,
    }
}

/// The scalar that a plain value is; none for lists, maps, counters and texts.
pub(super) fn scalar(value: &Value) -> Option<ScalarValue> {
    leaf(value).filter(|scalar| !scalar.is_counter())
}

fn to_hydrate(value: &Value) -> hydrate::Value {
    match value {
        Value::Text(text) => hydrate::Value::text(TextEncoding::Utf16CodeUnit, text),
        Value::List(items) => hydrate::Value::List(items.iter().map(to_hydrate).collect::<Vec<_>>().into()),
        Value::Map(map) => hydrate::Value::Map(to_map(map)),
        scalar => hydrate::Value::Scalar(leaf(scalar).unwrap_or(ScalarValue::Null)),
    }
}

/// The scalar that Automerge keeps for a value; none for texts, lists and maps.
pub(super) fn leaf(value: &Value) -> Option<ScalarValue> {
    Some(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(bool) => ScalarValue::Boolean(*bool),
        Value::Uint(number) => ScalarValue::Uint(*number),
        Value::Int(number) => ScalarValue::Int(*number),
        Value::F64(number) => ScalarValue::F64(*number),
        Value::String(text) => ScalarValue::Str(text.as_str().into()),
        Value::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
        Value::Date(millis) => ScalarValue::Timestamp(*millis),
        Value::Counter(number) => ScalarValue::counter(*number),
        Value::Text(_) | Value::List(_) | Value::Map(_) => return None,
    })
}

fn to_map(map: &BTreeMap<String, Value>) -> hydrate::Map {
    map.iter().map(|(key, value)| (key.as_str(), to_hydrate(value))).collect::<HashMap<_, _>>().into()
}
