//! Values, documents and filters by chance, from few keys and values so that they meet, with the nasty ones among them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use crate::document::Value;

const KEYS: [&str; 4] = ["a", "b", "c", "0"];
pub(crate) const PATHS: [&str; 9] = ["a", "b", "c", "a.b", "a.0", "b.a", "a.0.b", "a.b.c", "a.a.b"];

pub(super) fn number() -> impl Strategy<Value = Value> {
    let edge = 1u64 << 53;
    let floats = vec![
        -0.0,
        0.5,
        -1.0,
        -1.5,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
        edge as f64,
        -(edge as f64),
        edge as f64 + 2.0,
        i64::MIN as f64,
        i64::MAX as f64,
        u64::MAX as f64,
        (u64::MAX as f64).next_down(),
        1e300,
    ];
    let signed = vec![
        0,
        1,
        -1,
        i64::MIN,
        i64::MIN + 1,
        i64::MAX,
        edge as i64 - 1,
        edge as i64,
        edge as i64 + 1,
        -(edge as i64) - 1,
    ];
    prop_oneof![
        6 => (0u64..4).prop_map(Value::Uint),
        2 => select(vec![0, edge - 1, edge, edge + 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX])
            .prop_map(Value::Uint),
        2 => select(floats).prop_map(Value::F64),
        2 => select(signed).prop_map(Value::Int),
        1 => any::<u64>().prop_map(Value::Uint),
        1 => any::<i64>().prop_map(Value::Int),
        1 => any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |n| n.is_finite()).prop_map(Value::F64),
    ]
}

pub(super) fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        5 => number(),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => select(vec!["", "a", "ab", "abc", "b", "B", "a\0", "a\0b", "a\u{1}", "ü", "\u{10ffff}"])
            .prop_map(|text| Value::String(text.to_owned())),
        1 => ".{0,4}".prop_map(Value::String),
        1 => proptest::collection::vec(select(vec![0u8, 1, 254, 255]), 0..4).prop_map(Value::Bytes),
        1 => select(vec![0, 1, -1, i64::MIN, i64::MAX]).prop_map(Value::Date),
        1 => select(vec![0, 1, 3, -1, i64::MIN, i64::MAX]).prop_map(Value::Counter),
        1 => select(vec!["", "a", "ab", "b"]).prop_map(|text| Value::Text(text.to_owned())),
    ]
}

/// Of few values, so that two of them are often equal; now and then any other.
fn common() -> impl Strategy<Value = Value> {
    let texts = select(vec!["a", "ab", "b"]).prop_map(|text| Value::String(text.to_owned()));
    prop_oneof![6 => (0u64..4).prop_map(Value::Uint), 3 => texts, 1 => Just(Value::Null), 2 => leaf()]
}

pub(super) fn any_value() -> impl Strategy<Value = Value> {
    common().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List), map(inner)]
    })
}

pub(crate) fn document() -> impl Strategy<Value = Value> {
    let fields = (any_value(), any_value(), any_value(), 0..12usize);
    fields.prop_map(|(a, b, c, without)| {
        let Value::Map(mut map) = object([("a", a), ("b", b), ("c", c)]) else { unreachable!() };
        if let Some(key) = KEYS.get(without) {
            map.remove(*key);
        }
        Value::Map(map)
    })
}

fn map(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(select(KEYS.to_vec()).prop_map(str::to_owned), inner, 0..4).prop_map(Value::Map)
}

pub(crate) fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![select(PATHS.to_vec()), select(vec!["a", "b", "c"])]
}

pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// An object of operators, which may stand behind a path.
pub(super) fn operators() -> impl Strategy<Value = Value> {
    let one = |name: &'static str| move |value: Value| object([(name, value)]);
    let types = vec!["null", "number", "bigint", "string", "boolean", "array", "object", "bytes", "date"];
    let patterns = vec!["^a", "^ab", "b$", "^a.", "", "^ab*", "a|b", "^(a)"];
    let list = || proptest::collection::vec(any_value(), 0..4).prop_map(Value::List);
    let options = select(vec!["", "i", "s", "ms"]);
    let plain = prop_oneof![
        4 => common().prop_map(one("$eq")),
        2 => any_value().prop_map(one("$eq")),
        2 => any_value().prop_map(one("$ne")),
        6 => (select(vec!["$gt", "$gte", "$lt", "$lte"]), common()).prop_map(|(name, value)| object([(name, value)])),
        1 => (select(vec!["$gt", "$gte", "$lt", "$lte"]), any_value()).prop_map(|(name, value)| object([(name, value)])),
        2 => (number(), number()).prop_map(|(a, b)| object([("$gte", a), ("$lt", b)])),
        2 => list().prop_map(one("$in")),
        1 => list().prop_map(one("$nin")),
        1 => any::<bool>().prop_map(Value::Bool).prop_map(one("$exists")),
        1 => select(types).prop_map(|name| object([("$type", Value::String(name.to_owned()))])),
        1 => (0u64..4).prop_map(Value::Uint).prop_map(one("$size")),
        1 => list().prop_map(one("$all")),
        2 => (select(patterns), options).prop_map(|(pattern, options)| {
            object([("$regex", Value::String(pattern.to_owned())), ("$options", Value::String(options.to_owned()))])
        }),
    ]
    .boxed();
    let nested = plain.clone().prop_recursive(2, 6, 2, move |inner| {
        prop_oneof![
            inner.clone().prop_map(one("$not")),
            inner.clone().prop_map(one("$elemMatch")),
            (path(), inner.clone()).prop_map(|(path, test)| object([("$elemMatch", object([(path, test)]))])),
            (inner.clone(), inner).prop_map(|(a, b)| both(a, b)),
        ]
    });
    prop_oneof![3 => plain, 2 => nested]
}

/// The operators of both objects, those of the second where both have one.
fn both(a: Value, b: Value) -> Value {
    let (Value::Map(mut a), Value::Map(b)) = (a, b) else { unreachable!() };
    a.extend(b);
    Value::Map(a)
}

/// A filter that parses.
pub(crate) fn filter() -> impl Strategy<Value = Value> {
    let condition = prop_oneof![
        1 => (path(), common()).prop_map(|(path, value)| object([(path, value)])),
        4 => (path(), operators()).prop_map(|(path, value)| object([(path, value)])),
        2 => (path(), operators(), path(), operators()).prop_map(|(p, a, q, b)| {
            Value::Map(BTreeMap::from([(p.to_owned(), a), (q.to_owned(), b)]))
        }),
    ]
    .boxed();
    let nested = condition.clone().prop_recursive(3, 8, 3, |inner| {
        (select(vec!["$and", "$or", "$nor"]), proptest::collection::vec(inner, 1..4))
            .prop_map(|(name, branches)| object([(name, Value::List(branches))]))
    });
    prop_oneof![3 => condition, 2 => nested]
}

/// What may be a filter or not: any value, with operators among its keys.
pub(super) fn nonsense() -> impl Strategy<Value = Value> {
    let keys = vec![
        "a",
        "a.b",
        "$eq",
        "$ne",
        "$gt",
        "$in",
        "$nin",
        "$exists",
        "$type",
        "$size",
        "$all",
        "$elemMatch",
        "$regex",
        "$options",
        "$and",
        "$or",
        "$nor",
        "$not",
        "$where",
        "$",
        "",
        ".",
    ];
    prop_oneof![leaf(), Just(Value::F64(f64::NAN))].prop_recursive(5, 32, 4, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            3 => proptest::collection::btree_map(select(keys.clone()).prop_map(str::to_owned), inner, 0..4)
                .prop_map(Value::Map),
        ]
    })
}
