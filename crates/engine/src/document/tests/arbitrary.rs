//! Random values: any that a document can hold, and small ones that are often alike.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::document::Value;
use crate::document::value::MAX_SAFE_INTEGER;

/// Any document.
pub(super) fn document() -> impl Strategy<Value = Value> {
    btree_map(key(), value(), 0..6).prop_map(Value::Map)
}

/// Any value.
pub(super) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::List), btree_map(key(), inner, 0..6).prop_map(Value::Map),]
    })
}

/// Documents of few keys and few values, so that writers meet.
pub(super) fn small_document() -> impl Strategy<Value = Value> {
    btree_map("[abc]", small_value(), 0..4).prop_map(Value::Map)
}

fn small_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        (0_u64..4).prop_map(Value::Uint),
        "[xy]".prop_map(Value::String),
        Just(Value::Null),
        (-2_i64..3).prop_map(Value::Counter),
        "[xyz🏖]{0,4}".prop_map(Value::Text),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::List),
            btree_map("[abc]", inner, 0..3).prop_map(Value::Map),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![5 => "[a-f]{1,3}", 1 => Just("$ashore".to_owned()), 1 => Just(String::new()), 2 => any::<String>()]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (0..=MAX_SAFE_INTEGER).prop_map(Value::Uint),
        (0..10_u64).prop_map(Value::Uint),
        Just(Value::Uint(MAX_SAFE_INTEGER)),
        (1 << 63..=u64::MAX).prop_map(Value::Uint),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter_map("NaN", Value::number),
        Just(Value::F64(-0.0)),
        any::<i32>().prop_filter_map("never", |number| Value::number(f64::from(number))),
        any::<String>().prop_map(Value::String),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Date),
        any::<i32>().prop_map(|number| Value::Counter(number.into())),
        any::<String>().prop_map(Value::Text),
    ]
}
