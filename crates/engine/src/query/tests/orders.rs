//! The order of values, and the bytes that keep it.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::arbitrary::{any_value, number};
use super::value;
use crate::document::Value;
use crate::query::sort_key::after;
use crate::query::{Direction, append_sort_key, compare, sort_key, split_sort_key};

/// The order, written down: each line is above the line before it. The hexadecimal is the stored form of the key.
const GOLDEN: &str = include_str!("../../../testdata/query_order.txt");

fn golden() -> Vec<(Value, String)> {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once("  ").unwrap()).map(|(key, text)| (value(text), key.to_owned())).collect()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[test]
fn the_order_across_types_is_the_one_written_down() {
    let values = golden();
    assert!(values.len() > 60, "{}", values.len());
    for (at, (low, _)) in values.iter().enumerate() {
        assert!(compare(low, low).is_eq());
        for (high, _) in values.iter().skip(at + 1) {
            assert!(compare(low, high).is_lt(), "{low:?} < {high:?}");
            assert!(compare(high, low).is_gt(), "{high:?} > {low:?}");
        }
    }
}

#[test]
fn sort_keys_have_the_bytes_they_always_had() {
    let written: Vec<String> = golden().iter().map(|(value, _)| hex(&sort_key(value))).collect();
    let expected: Vec<String> = golden().into_iter().map(|(_, key)| key).collect();
    assert_eq!(written, expected, "the keys of indexes are a stored format");
}

#[test]
fn numbers_and_texts_of_different_forms_are_equal_when_their_values_are() {
    for (a, b) in [
        (Value::Uint(1), Value::Int(1)),
        (Value::F64(-0.0), Value::Uint(0)),
        (Value::F64(-1.0), Value::Int(-1)),
        (Value::F64(i64::MIN as f64), Value::Int(i64::MIN)),
        (Value::F64(9_007_199_254_740_992.0), Value::Int(9_007_199_254_740_992)),
        (Value::Counter(3), Value::Uint(3)),
        (Value::Counter(-3), Value::F64(-3.0)),
        (Value::Counter(i64::MAX), Value::Int(i64::MAX)),
        (Value::Text("Milk".into()), Value::String("Milk".into())),
    ] {
        assert!(compare(&a, &b).is_eq(), "{a:?} {b:?}");
        assert_eq!(sort_key(&a), sort_key(&b));
    }
}

#[test]
fn what_no_document_holds_still_has_a_place() {
    let infinite = [Value::F64(f64::NAN), Value::F64(f64::NEG_INFINITY), Value::F64(f64::MIN)];
    assert!(infinite.is_sorted_by(|a, b| compare(a, b).is_lt() && sort_key(a) < sort_key(b)));
    assert!(compare(&Value::F64(f64::INFINITY), &Value::F64(f64::MAX)).is_gt());
    assert!(compare(&Value::F64(f64::NAN), &Value::F64(-f64::NAN)).is_eq());
}

/// The order of two numbers by whole parts as 128-bit integers and by fractions: another way than the engine's.
fn compare_numbers(a: &Value, b: &Value) -> Ordering {
    fn parts(value: &Value) -> (f64, i128, f64) {
        match value {
            Value::Uint(number) => (0.0, i128::from(*number), 0.0),
            Value::Int(number) => (0.0, i128::from(*number), 0.0),
            // Beyond every integer, so its size alone tells.
            Value::F64(number) if number.abs() > 1e30 => (*number, 0, 0.0),
            Value::F64(number) => (0.0, number.trunc() as i128, number.fract() + 0.0),
            other => panic!("{other:?}"),
        }
    }
    let (a, b) = (parts(a), parts(b));
    (a.0 + 0.0).total_cmp(&(b.0 + 0.0)).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn numbers_are_in_the_order_of_their_exact_values(a in number(), b in number()) {
        prop_assert_eq!(compare(&a, &b), compare_numbers(&a, &b));
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_values(a in any_value(), b in any_value(), c in any_value()) {
        let order = compare(&a, &b);
        prop_assert_eq!(sort_key(&a).cmp(&sort_key(&b)), order);
        prop_assert_eq!(compare(&b, &a), order.reverse());
        if order.is_le() && compare(&b, &c).is_le() {
            prop_assert!(compare(&a, &c).is_le());
        }
    }

    #[test]
    fn keys_strung_together_are_in_the_order_of_tuples(
        a in (any_value(), any_value(), any_value()),
        b in (any_value(), any_value(), any_value()),
        same in 0..3usize,
    ) {
        let b = match same { 0 => b, 1 => (a.0.clone(), b.1, b.2), _ => (a.0.clone(), a.1.clone(), b.2) };
        let key = |t: &(Value, Value, Value)| {
            let mut key = Vec::new();
            append_sort_key(&mut key, &t.0, Direction::Ascending);
            append_sort_key(&mut key, &t.1, Direction::Descending);
            append_sort_key(&mut key, &t.2, Direction::Ascending);
            key
        };
        let order = compare(&a.0, &b.0).then(compare(&b.1, &a.1)).then(compare(&a.2, &b.2));
        prop_assert_eq!(key(&a).cmp(&key(&b)), order);
    }

    #[test]
    fn a_key_ends_where_it_says(a in any_value(), b in any_value(), down in any::<bool>()) {
        let direction = if down { Direction::Descending } else { Direction::Ascending };
        let mut key = Vec::new();
        append_sort_key(&mut key, &a, direction);
        let end = key.len();
        append_sort_key(&mut key, &b, Direction::Ascending);
        let (first, rest) = split_sort_key(&key, direction).unwrap();
        prop_assert_eq!(first.len(), end);
        prop_assert_eq!(rest, sort_key(&b));
        prop_assert_eq!(split_sort_key(&key[..end - 1], direction), None);
    }

    #[test]
    fn no_bytes_make_the_splitter_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = split_sort_key(&bytes, Direction::Ascending);
        let _ = split_sort_key(&bytes, Direction::Descending);
    }

    #[test]
    fn behind_a_prefix_come_exactly_the_keys_above_it(a in any_value(), b in any_value()) {
        let (key, other) = (sort_key(&a), sort_key(&b));
        prop_assert_eq!(other >= after(&key).unwrap(), compare(&b, &a).is_gt());
    }
}
