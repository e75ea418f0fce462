//! Bounds: nothing that matches lies outside, and what can be bounded is.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::arbitrary::{PATHS, any_value, document, filter, leaf, object, path};
use super::value;
use crate::document::Value;
use crate::query::{Bounds, Direction, Filter, Path, append_sort_key, compare, sort_key};

fn bounds(filter: &str, at: &str, multi: bool) -> Bounds {
    super::filter(filter).bounds(&Path::parse(at).unwrap(), multi)
}

/// The keys of an index on `path`.
fn keys(path: &Path, document: &Value) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    path.for_each_indexed(document, &mut |value| keys.push(sort_key(value)));
    keys
}

fn inside(bounds: &Bounds, json: &str) -> bool {
    bounds.contains(&sort_key(&value(json)))
}

#[test]
fn equality_and_in_are_points() {
    let one = bounds(r#"{"a":1}"#, "a", true);
    assert!(one.is_points() && one.intervals().len() == 1 && inside(&one, "1") && !inside(&one, "2"));
    let some = bounds(r#"{"a":{"$in":[3,1,null,1]}}"#, "a", true);
    assert!(some.is_points() && some.intervals().len() == 3 && inside(&some, "null"));
    assert!(bounds(r#"{"a":{"$in":[]}}"#, "a", true).is_nothing());
    let whole = bounds(r#"{"a":[5,6]}"#, "a", true);
    assert!(inside(&whole, "5") && inside(&whole, "[5,6]") && !inside(&whole, "6"));
    assert_eq!(bounds(r#"{"a":{"$in":[false,true]}}"#, "a", true).intervals().len(), 2);
}

#[test]
fn ranges_end_with_their_class() {
    let above = bounds(r#"{"a":{"$gt":3}}"#, "a", true);
    assert!(!inside(&above, "3") && inside(&above, "3.5") && inside(&above, "1e300") && !inside(&above, r#""""#));
    let below = bounds(r#"{"a":{"$lte":"m"}}"#, "a", true);
    assert!(inside(&below, r#""""#) && inside(&below, r#""m""#) && !inside(&below, r#""ma""#) && !inside(&below, "1"));
    assert!(bounds(r#"{"a":{"$gt":null}}"#, "a", true).is_nothing());
}

#[test]
fn two_ranges_meet_only_where_no_document_has_several_keys() {
    let text = r#"{"a":{"$gte":3,"$lt":7}}"#;
    let both = bounds(text, "a", false);
    assert!(inside(&both, "3") && !inside(&both, "7") && !inside(&both, "2"));
    let one = bounds(text, "a", true);
    assert!(inside(&one, "2") != inside(&one, "7"), "one of the two ranges");
    assert!(bounds(r#"{"a":{"$gt":7,"$lt":3}}"#, "a", false).is_nothing());
    let item = bounds(r#"{"a":{"$elemMatch":{"$gte":3,"$lt":7}}}"#, "a", true);
    assert!(inside(&item, "3") && !inside(&item, "7") && !inside(&item, "2"), "an item has one key");
}

#[test]
fn the_narrowest_of_several_conditions_bounds() {
    let points = bounds(r#"{"$and":[{"a":{"$gt":0}},{"a":{"$in":[1,2]}},{"b":1}]}"#, "a", true);
    assert!(points.is_points() && points.intervals().len() == 2);
    assert!(bounds(r#"{"a":{"$all":[4,5]}}"#, "a", true).is_points());
}

#[test]
fn or_is_bounded_when_every_branch_is() {
    let both = bounds(r#"{"$or":[{"a":1},{"a":{"$gt":5,"$lt":9}}]}"#, "a", false);
    assert!(inside(&both, "1") && inside(&both, "6") && !inside(&both, "3") && both.intervals().len() == 2);
    assert!(bounds(r#"{"$or":[{"a":1},{"b":1}]}"#, "a", false).is_everything());
    assert_eq!(bounds(r#"{"$or":[{"a":{"$lte":5}},{"a":{"$gte":2}}]}"#, "a", true).intervals().len(), 1);
}

#[test]
fn a_pattern_is_bounded_by_what_it_begins_with() {
    let begins = bounds(r#"{"a":{"$regex":"^mil[kl]"}}"#, "a", true);
    assert!(inside(&begins, r#""milk""#) && inside(&begins, r#""mil""#) && !inside(&begins, r#""mim""#));
    for text in [r#"{"a":{"$regex":"mil"}}"#, r#"{"a":{"$regex":"^mil","$options":"i"}}"#, r#"{"a":{"$regex":"^m|x"}}"#]
    {
        let strings = bounds(text, "a", true);
        assert!(inside(&strings, r#""x""#) && !inside(&strings, "1") && !inside(&strings, "[]"), "{text}");
    }
}

#[test]
fn negations_bound_only_away_from_null() {
    assert!(bounds(r#"{"a":{"$ne":1}}"#, "a", true).is_everything());
    assert!(bounds(r#"{"$nor":[{"a":1}]}"#, "a", true).is_everything());
    let there = bounds(r#"{"a":{"$ne":null}}"#, "a", true);
    assert!(!inside(&there, "null") && inside(&there, "0") && inside(&there, r#"{"$ashore":["date",0]}"#));
    assert!(bounds(r#"{"a":{"$exists":false}}"#, "a", true).is_points());
}

#[test]
fn a_path_below_elem_match_is_bounded() {
    let price = bounds(r#"{"items":{"$elemMatch":{"price":{"$gte":3,"$lt":7},"name":"x"}}}"#, "items.price", false);
    assert!(inside(&price, "3") && !inside(&price, "7") && !inside(&price, "1"));
    assert!(bounds(r#"{"items":{"$elemMatch":{"0":3}}}"#, "items.0", true).is_everything());
}

/// How many of these random cases match and are bounded: the laws below would be empty without such.
#[test]
fn chance_makes_filters_that_match_and_are_bounded() {
    let mut runner = TestRunner::deterministic();
    let (mut matching, mut bounded) = (0, 0);
    for _ in 0..4_000 {
        let f = Filter::parse(&filter().new_tree(&mut runner).unwrap().current()).unwrap();
        let d = document().new_tree(&mut runner).unwrap().current();
        if f.matches(&d) {
            matching += 1;
            bounded += usize::from(PATHS.iter().any(|at| !f.bounds(&Path::parse(at).unwrap(), true).is_everything()));
        }
    }
    assert!(matching > 800 && matching < 3_200, "{matching} match");
    assert!(bounded > 80, "{bounded} match and are bounded");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16_384))]

    #[test]
    fn a_document_that_matches_has_a_key_inside_the_bounds(f in filter(), ds in proptest::collection::vec(document(), 6)) {
        let f = Filter::parse(&f).unwrap();
        for d in ds.iter().filter(|d| f.matches(d)) {
            for at in PATHS {
                let path = Path::parse(at).unwrap();
                let keys = keys(&path, d);
                let several = f.bounds(&path, true);
                prop_assert!(keys.iter().any(|key| several.contains(key)), "{} {:?}", at, several);
                let single = f.bounds(&path, false);
                if !path.meets_array(d) {
                    prop_assert_eq!(keys.len(), 1);
                    prop_assert!(keys.iter().any(|key| single.contains(key)), "{} {:?}", at, single);
                }
            }
        }
    }

    /// As above, with filters that look at one path in many ways, and documents that have it.
    #[test]
    fn bounds_hold_for_documents_made_to_match(at in path(), v in any_value(), w in leaf(), side in 0..9usize, d in document()) {
        let mut values = Vec::new();
        let path = Path::parse(at).unwrap();
        path.for_each_indexed(&d, &mut |value| values.push(value.clone()));
        let seen = values[0].clone();
        let test = match side {
            0 => object([("$eq", seen)]),
            1 => object([("$in", Value::List(vec![v, seen]))]),
            2 => object([("$gte", seen), ("$ne", v)]),
            3 => object([("$lte", seen), ("$gte", w)]),
            4 => object([("$elemMatch", object([("$gte", w), ("$lte", seen)]))]),
            5 => object([("$all", Value::List(values.clone()))]),
            6 => object([("$gt", w), ("$lte", seen)]),
            7 => object([("$eq", Value::List(values.clone()))]),
            _ => object([("$gte", Value::List(values.clone()))]),
        };
        let f = Filter::parse(&object([(at, test)])).unwrap();
        if f.matches(&d) {
            for multi in [path.meets_array(&d), true] {
                let bounds = f.bounds(&path, multi);
                prop_assert!(keys(&path, &d).iter().any(|key| bounds.contains(key)), "{:?}", bounds);
            }
        }
    }

    #[test]
    fn null_is_a_key_exactly_when_null_is_asked_for_and_found(at in path(), d in document()) {
        let path = Path::parse(at).unwrap();
        let found = Filter::parse(&object([(at, Value::Null)])).unwrap().matches(&d);
        prop_assert_eq!(keys(&path, &d).contains(&sort_key(&Value::Null)), found);
    }

    #[test]
    fn bounds_are_in_order_and_the_same_values_descending(f in filter(), at in path(), v in any_value(), multi in any::<bool>()) {
        let bounds = Filter::parse(&f).unwrap().bounds(&Path::parse(at).unwrap(), multi);
        for interval in bounds.intervals() {
            prop_assert!(interval.start < interval.end);
        }
        prop_assert!(bounds.intervals().is_sorted_by(|a, b| a.end <= b.start));
        let descending = bounds.descending();
        prop_assert!(descending.intervals().is_sorted_by(|a, b| a.end <= b.start));
        let mut key = Vec::new();
        append_sort_key(&mut key, &v, Direction::Descending);
        key.extend_from_slice(b"\xff\x00another field");
        prop_assert_eq!(bounds.contains(&sort_key(&v)), descending.contains(&key));
    }

    #[test]
    fn a_point_holds_one_value(f in filter(), at in path(), v in any_value(), w in any_value()) {
        let bounds = Filter::parse(&f).unwrap().bounds(&Path::parse(at).unwrap(), false);
        for point in bounds.intervals().iter().filter(|interval| interval.point) {
            let (a, b) = (point.contains(&sort_key(&v)), point.contains(&sort_key(&w)));
            prop_assert!(!(a && b) || compare(&v, &w).is_eq());
        }
    }
}
