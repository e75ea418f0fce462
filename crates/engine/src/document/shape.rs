//! Which version of an app's shape a document has, so that apps of different versions can share it.
//!
//! It stands in the document itself, in one root field that pages hide from apps. A document that has none has version 1. What
//! a put never does, whoever puts: lower that version, or take away what a newer app wrote and the putter has not read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::value::Value;

/// The root field. The page writes it and hides it; the name can stand in no filter.
pub const SHAPE: &str = "$version";

/// The version of a document's shape.
pub fn number(document: &Value) -> u64 {
    match document {
        Value::Map(fields) => fields.get(SHAPE).map_or(1, of),
        _ => 1,
    }
}

fn of(field: &Value) -> u64 {
    if let Value::Uint(number) = field { *number } else { 1 }
}

/// The later of two versions in concurrent writes of the field.
pub(super) fn later(one: Value, other: Value) -> Value {
    if of(&other) > of(&one) { other } else { one }
}

/// What a put of `new` over `old` makes of the document. Over a newer shape the version stays; who puts without having read it
/// (`unread`) cannot mean to remove what it does not name, so that stays, too.
pub(super) fn kept<'a>(old: &Value, new: &'a Value, unread: bool) -> Cow<'a, Value> {
    let (Value::Map(before), Value::Map(after)) = (old, new) else { return Cow::Borrowed(new) };
    let Some(version) = before.get(SHAPE).filter(|version| of(version) > number(new)) else {
        return Cow::Borrowed(new);
    };
    let mut fields = if unread { over(before, after) } else { after.clone() };
    fields.insert(SHAPE.to_owned(), version.clone());
    Cow::Owned(Value::Map(fields))
}

/// Everything of `after`, and of `before` what `after` does not name.
fn over(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut fields = before.clone();
    for (key, value) in after {
        let value = match (before.get(key), value) {
            (Some(Value::Map(before)), Value::Map(after)) => Value::Map(over(before, after)),
            _ => value.clone(),
        };
        fields.insert(key.clone(), value);
    }
    fields
}
