//! The one order in which all values stand, across types: for sorting, for ranges and for the keys of indexes.
//!
//! null < numbers < strings < booleans < arrays < objects < bytes < dates. Numbers by their exact value, whatever their form;
//! strings and bytes by their bytes; false before true; arrays item by item, then the shorter first; objects as arrays of key
//! and value in the order of keys. A counter is its number, a collaborative text its string. What is missing counts as null.

use std::cmp::Ordering;

use super::number::Exact;
use crate::document::Value;

/// The types that have a place of their own in the order; values are compared by range only within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Null, and what is missing.
    Null,
    /// Numbers and bigints.
    Number,
    /// Text.
    String,
    /// False and true.
    Boolean,
    /// Arrays.
    Array,
    /// Objects.
    Object,
    /// Bytes.
    Bytes,
    /// Dates.
    Date,
}

impl Class {
    /// The class of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Uint(_) | Value::Int(_) | Value::F64(_) | Value::Counter(_) => Self::Number,
            Value::String(_) | Value::Text(_) => Self::String,
            Value::Bool(_) => Self::Boolean,
            Value::List(_) => Self::Array,
            Value::Map(_) => Self::Object,
            Value::Bytes(_) => Self::Bytes,
            Value::Date(_) => Self::Date,
        }
    }
}

/// Where `a` stands to `b` in the order of all values. Equal here is equal to a filter: 1 and a bigint 1, 0 and -0.
///
/// ```
/// use ashore_engine::document::Value;
/// use ashore_engine::query::compare;
/// assert!(compare(&Value::F64(9_007_199_254_740_992.0), &Value::Int(9_007_199_254_740_993)).is_lt());
/// assert!(compare(&Value::Uint(1), &Value::Int(1)).is_eq());
/// assert!(compare(&Value::Uint(9), &Value::String("1".into())).is_lt());
/// ```
pub fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Uint(a), Value::Uint(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) | (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::String(a) | Value::Text(a), Value::String(b) | Value::Text(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => items(a.iter().zip(b), compare_items, a.len().cmp(&b.len())),
        (Value::Map(a), Value::Map(b)) => items(a.iter().zip(b), compare_fields, a.len().cmp(&b.len())),
        _ => match (exact(a), exact(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => Class::of(a).cmp(&Class::of(b)),
        },
    }
}

/// The exact value, if `value` is a number.
pub(super) fn exact(value: &Value) -> Option<Exact> {
    match value {
        Value::Uint(number) => Some(Exact::unsigned(*number)),
        Value::Int(number) | Value::Counter(number) => Some(Exact::signed(*number)),
        Value::F64(number) => Some(Exact::float(*number)),
        _ => None,
    }
}

fn items<T>(pairs: impl Iterator<Item = (T, T)>, compare: fn(T, T) -> Ordering, lengths: Ordering) -> Ordering {
    for (a, b) in pairs {
        let order = compare(a, b);
        if order.is_ne() {
            return order;
        }
    }
    lengths
}

fn compare_items(a: &Value, b: &Value) -> Ordering {
    compare(a, b)
}

fn compare_fields(a: (&String, &Value), b: (&String, &Value)) -> Ordering {
    a.0.cmp(b.0).then_with(|| compare(a.1, b.1))
}
