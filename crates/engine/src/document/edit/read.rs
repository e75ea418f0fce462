//! An Automerge document's value: Automerge's winner wherever writers were concurrent.
//!
//! What no version here writes reads as the nearest value: a table as a map, an unknown scalar as bytes. What no value can hold (NaN, anything deeper than the limit) reads as null. None of it is lost by
//! a put that leaves it alone.

use ashore_protocol::gather::Gather;
use automerge::{Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, ScalarValueRef, ValueRef};

use crate::document::shape::{self, SHAPE};
use crate::document::value::{MAX_DEPTH, Value};

/// The document's value, now or at earlier heads.
pub(in crate::document) fn document(doc: &Automerge, at: Option<&[ChangeHash]>) -> Value {
    let mut document = object(doc, &ROOT, ObjType::Map, at, 0);
    if let Value::Map(fields) = &mut document
        && let Some(version) = fields.get_mut(SHAPE)
    {
        *version = latest_shape(doc, at, version.clone());
    }
    document
}

/// Of concurrent writes of the shape's version the highest counts, whichever Automerge lets win: nobody may lower it.
fn latest_shape(doc: &Automerge, at: Option<&[ChangeHash]>, winner: Value) -> Value {
    let all = match at {
        Some(heads) => doc.get_all_at(ROOT, SHAPE, heads),
        None => doc.get_all(ROOT, SHAPE),
    };
    let numbers = all.unwrap_or_default().into_iter().filter_map(|(value, _)| value.as_u64());
    numbers.map(Value::unsigned).fold(winner, shape::later)
}

/// The value of one object in it, which lies at this depth.
pub(in crate::document) fn object(
    doc: &Automerge,
    id: &ObjId,
    kind: ObjType,
    at: Option<&[ChangeHash]>,
    depth: usize,
) -> Value {
    if kind == ObjType::Text {
        return Value::Text(text(doc, id, at));
    }
    if depth >= MAX_DEPTH {
        return Value::Null;
    }
    match kind {
        ObjType::Map | ObjType::Table => {
            let items = match at {
                Some(heads) => doc.map_range_at(id, .., heads),
                None => doc.map_range(id, ..),
            };
            Value::Map(
                items.map(|item| (item.key.to_string(), value(doc, &item.value, || item.id(), at, depth))).gather(),
            )
        }
        ObjType::List | ObjType::Text => {
            let items = match at {
                Some(heads) => doc.list_range_at(id, .., heads),
                None => doc.list_range(id, ..),
            };
            Value::List(items.map(|item| value(doc, &item.value, || item.id(), at, depth)).collect())
        }
    }
}

fn value(
    doc: &Automerge,
    value: &ValueRef<'_>,
    id: impl FnOnce() -> ObjId,
    at: Option<&[ChangeHash]>,
    depth: usize,
) -> Value {
    match value {
        ValueRef::Object(kind) => object(doc, &id(), *kind, at, depth + 1),
        ValueRef::Scalar(scalar) => self::scalar(scalar),
    }
}

fn text(doc: &Automerge, id: &ObjId, at: Option<&[ChangeHash]>) -> String {
    let text = match at {
        Some(heads) => doc.text_at(id, heads),
        None => doc.text(id),
    };
    text.unwrap_or_default()
}

/// A scalar that was read before.
pub(in crate::document) fn owned(scalar: &ScalarValue) -> Value {
    self::scalar(&scalar.clone().into())
}

fn scalar(scalar: &ScalarValueRef<'_>) -> Value {
    match scalar {
        ScalarValueRef::Bytes(bytes) | ScalarValueRef::Unknown { bytes, .. } => Value::Bytes(bytes.to_vec()),
        ScalarValueRef::Str(text) => Value::String(text.to_string()),
        ScalarValueRef::Int(number) => Value::Int(*number),
        ScalarValueRef::Uint(number) => Value::unsigned(*number),
        ScalarValueRef::F64(number) => Value::number(*number).unwrap_or(Value::Null),
        ScalarValueRef::Counter(number) => Value::Counter(*number),
        ScalarValueRef::Timestamp(millis) => Value::Date(*millis),
        ScalarValueRef::Boolean(bool) => Value::Bool(*bool),
        ScalarValueRef::Null => Value::Null,
    }
}

/// The value of a scalar that is by itself, such as a mark's.
pub(super) fn owned_scalar(scalar: &automerge::ScalarValue) -> Value {
    match scalar {
        automerge::ScalarValue::Bytes(bytes) | automerge::ScalarValue::Unknown { bytes, .. } => {
            Value::Bytes(bytes.clone())
        }
        automerge::ScalarValue::Str(text) => Value::String(text.to_string()),
        automerge::ScalarValue::Int(number) => Value::Int(*number),
        automerge::ScalarValue::Uint(number) => Value::unsigned(*number),
        automerge::ScalarValue::F64(number) => Value::number(*number).unwrap_or(Value::Null),
        automerge::ScalarValue::Counter(counter) => Value::Int(i64::from(counter)),
        automerge::ScalarValue::Timestamp(millis) => Value::Date(*millis),
        automerge::ScalarValue::Boolean(bool) => Value::Bool(*bool),
        automerge::ScalarValue::Null => Value::Null,
    }
}
