//! Modifiers: what each does, what is refused, and laws that hold for all of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::value;
use crate::document::Value;
use crate::query::{Modifiers, NotApplicable, Path, QueryError, compare};

fn modifiers(text: &str) -> Modifiers {
    Modifiers::parse(&value(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> QueryError {
    match Modifiers::parse(&value(text)) {
        Err(error) => error,
        Ok(modifiers) => panic!("{text} was understood: {modifiers:?}"),
    }
}

fn after(modifiers_text: &str, document: &str) -> Value {
    modifiers(modifiers_text).apply(&value(document)).unwrap_or_else(|error| panic!("{modifiers_text}: {error}"))
}

fn not_applicable(modifiers_text: &str, document: &str) -> NotApplicable {
    match modifiers(modifiers_text).apply(&value(document)) {
        Err(error) => error,
        Ok(after) => panic!("{modifiers_text} made {after:?}"),
    }
}

/// The rows of the tables of `docs/writes.md`: modifiers, before, after.
#[test]
fn every_row_of_the_page_is_true() {
    let page = include_str!("../../../../../docs/writes.md");
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| `$")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, operator, modifiers, before, result, _, _] = cells.as_slice() else { panic!("{line}") };
        let code = |cell: &str| cell.trim_matches('`').to_owned();
        assert!(modifiers.contains(operator.trim_matches('`')), "{line}");
        match *result {
            "refused" => drop(not_applicable(&code(modifiers), &code(before))),
            result => assert_eq!(after(&code(modifiers), &code(before)), value(&code(result)), "{line}"),
        }
        rows += 1;
    }
    assert!(rows > 25, "{rows} rows");
}

#[test]
fn numbers_are_added_as_javascript_does_and_bigints_exactly() {
    for (document, by, sum) in [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.30000000000000004"),
        ("1", "-3", "-2"),
        ("9007199254740991", "1", "9007199254740992"),
        (
            r#"{"$ashore":["bigint","9007199254740993"]}"#,
            r#"{"$ashore":["bigint","1"]}"#,
            r#"{"$ashore":["bigint","9007199254740994"]}"#,
        ),
        (
            r#"{"$ashore":["bigint","9223372036854775807"]}"#,
            r#"{"$ashore":["bigint","1"]}"#,
            r#"{"$ashore":["bigint","9223372036854775808"]}"#,
        ),
        (
            r#"{"$ashore":["bigint","9223372036854775808"]}"#,
            r#"{"$ashore":["bigint","-1"]}"#,
            r#"{"$ashore":["bigint","9223372036854775807"]}"#,
        ),
    ] {
        let text = format!(r#"{{"$inc":{{"a":{by}}}}}"#);
        assert_eq!(after(&text, &format!(r#"{{"a":{document}}}"#)), value(&format!(r#"{{"a":{sum}}}"#)));
    }
    for (document, by) in [
        ("1", r#"{"$ashore":["bigint","1"]}"#),
        (r#"{"$ashore":["bigint","1"]}"#, "1"),
        (r#"{"$ashore":["bigint","18446744073709551615"]}"#, r#"{"$ashore":["bigint","1"]}"#),
        (r#"{"$ashore":["bigint","-9223372036854775808"]}"#, r#"{"$ashore":["bigint","-1"]}"#),
        ("1.7e308", "1.7e308"),
        ("null", "1"),
        (r#"{"$ashore":["date",0]}"#, "1"),
    ] {
        let error = not_applicable(&format!(r#"{{"$inc":{{"a":{by}}}}}"#), &format!(r#"{{"a":{document}}}"#));
        assert_eq!((error.path.as_str(), error.operator), ("a", "$inc"));
    }
}

#[test]
fn counters_and_texts_stay_what_they_are() {
    let counter = |number: &str| format!(r#"{{"a":{{"$ashore":["counter",{number}]}}}}"#);
    let text = |text: &str| format!(r#"{{"a":{{"$ashore":["text","{text}"]}}}}"#);
    assert_eq!(after(r#"{"$inc":{"a":-3}}"#, &counter("1")), value(&counter("-2")));
    assert_eq!(after(r#"{"$set":{"a":7}}"#, &counter("1")), value(&counter("7")));
    assert_eq!(after(r#"{"$set":{"a":0.5}}"#, &counter("1")), value(r#"{"a":0.5}"#));
    assert_eq!(after(r#"{"$set":{"a":"Tea"}}"#, &text("Milk")), value(&text("Tea")));
    assert_eq!(after(r#"{"$set":{"a":1}}"#, &text("Milk")), value(r#"{"a":1}"#));
    assert_eq!(after(r#"{"$set":{"a":{"$ashore":["counter",5]}}}"#, r#"{"a":1}"#), value(&counter("5")));
    for by in ["0.5", r#"{"$ashore":["bigint","1"]}"#] {
        assert_eq!(not_applicable(&format!(r#"{{"$inc":{{"a":{by}}}}}"#), &counter("1")).operator, "$inc");
    }
}

#[test]
fn what_is_no_modifier_is_refused_with_its_place() {
    for (text, path, operator) in [
        ("{}", "", None),
        (r#"{"a":1}"#, "a", None),
        (r#"{"$set":1}"#, "", Some("$set")),
        (r#"{"$bad":{}}"#, "", Some("$bad")),
        (r#"{"$bad":{"a":1}}"#, "a", Some("$bad")),
        (r#"{"$set":{"a..b":1}}"#, "a..b", Some("$set")),
        (r#"{"$set":{"a.$.b":1}}"#, "a.$.b", Some("$set")),
        (r#"{"$set":{"a.$[].b":1}}"#, "a.$[].b", Some("$set")),
        (r#"{"$inc":{"a":null}}"#, "a", Some("$inc")),
        (r#"{"$pop":{"a":0}}"#, "a", Some("$pop")),
        (r#"{"$rename":{"a":1}}"#, "a", Some("$rename")),
        (r#"{"$rename":{"a":"a"}}"#, "a", Some("$rename")),
        (r#"{"$push":{"a":{"$slice":1}}}"#, "a", Some("$slice")),
        (r#"{"$push":{"a":{"$each":1}}}"#, "a", Some("$push")),
        (r#"{"$push":{"a":{"$each":[],"$sort":2}}}"#, "a", Some("$sort")),
        (r#"{"$push":{"a":{"$each":[],"$sort":[["b",2]]}}}"#, "a", Some("$sort")),
        (r#"{"$push":{"a":{"$each":[],"$position":0.5}}}"#, "a", Some("$position")),
        (r#"{"$addToSet":{"a":{"$each":[],"$slice":1}}}"#, "a", Some("$slice")),
        (r#"{"$pull":{"a":{"$bad":1}}}"#, "a", Some("$bad")),
        (r#"{"$pull":{"a":{"b":{"$bad":1}}}}"#, "a.b", Some("$bad")),
        (r#"{"$set":{"a.b":1},"$unset":{"a":1}}"#, "a.b", Some("$set")),
        (r#"{"$set":{"a":1},"$rename":{"b":"a.c"}}"#, "a.c", Some("$rename")),
    ] {
        let error = refused(text);
        assert_eq!((error.path.as_str(), error.operator.as_deref()), (path, operator), "{text}: {error}");
    }
    let many: Vec<String> = (0..1_001).map(|n| format!(r#""a{n}":1"#)).collect();
    assert_eq!(refused(&format!(r#"{{"$set":{{{}}}}}"#, many.join(","))).operator.as_deref(), Some("$set"));
}

#[test]
fn places_far_behind_the_end_of_arrays_are_refused_together() {
    assert_eq!(not_applicable(r#"{"$set":{"a.10001":1}}"#, r#"{"a":[]}"#).path, "a.10001");
    let error = not_applicable(r#"{"$set":{"a.6000":1,"b.6000":1}}"#, r#"{"a":[],"b":[]}"#);
    assert_eq!(error.operator, "$set");
    let Value::Map(map) = after(r#"{"$set":{"a.10000":1}}"#, r#"{"a":[]}"#) else { panic!() };
    assert!(matches!(&map["a"], Value::List(items) if items.len() == 10_001));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (0u64..5).prop_map(Value::Uint),
        (-3i64..0).prop_map(|number| Value::F64(number as f64)),
        "[ab]".prop_map(Value::String),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("[abc]", inner, 0..3).prop_map(Value::Map),
        ]
    })
}

fn any_document() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[abc]", any_value(), 0..4).prop_map(Value::Map)
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec("[abc]|[0-3]", 1..4).prop_map(|mut steps| {
        if steps[0].parse::<u32>().is_ok() {
            steps[0] = "a".to_owned();
        }
        steps.join(".")
    })
}

fn one(operator: &str, path: &str, operand: Value) -> Modifiers {
    let map = |key: &str, value| Value::Map(BTreeMap::from([(key.to_owned(), value)]));
    Modifiers::parse(&map(operator, map(path, operand))).unwrap()
}

/// What lies at a path that goes through no array but by places: the plain way to look.
fn at<'v>(document: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(document, |value, step| match value {
        Value::Map(map) => map.get(step),
        Value::List(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Everything but what lies at and below `path`, as paths and leaves; empty containers count, containers on the way do not.
fn elsewhere(document: &Value, path: &str) -> BTreeMap<String, Value> {
    fn collect(value: &Value, here: &str, path: &str, out: &mut BTreeMap<String, Value>) {
        let below = |step: &str| if here.is_empty() { step.to_owned() } else { format!("{here}.{step}") };
        if here == path {
            return;
        }
        match value {
            Value::Map(map) if !map.is_empty() => {
                map.iter().for_each(|(key, value)| collect(value, &below(key), path, out));
            }
            Value::List(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(at, value)| collect(value, &below(&at.to_string()), path, out));
            }
            _ if path.starts_with(&format!("{here}.")) || here.is_empty() => {}
            leaf => drop(out.insert(here.to_owned(), leaf.clone())),
        }
    }
    let mut out = BTreeMap::new();
    collect(document, "", path, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_set_is_read_and_everything_else_stays(document in any_document(), path in any_path(), new in any_value()) {
        let Ok(changed) = one("$set", &path, new.clone()).apply(&document) else { return Ok(()) };
        prop_assert_eq!(at(&changed, &path), Some(&new));
        let (before, mut now) = (elsewhere(&document, &path), elsewhere(&changed, &path));
        // Places that were filled on the way are null.
        now.retain(|place, value| before.contains_key(place) || *value != Value::Null);
        let mut before = before;
        before.retain(|place, _| now.contains_key(place) || at(&document, place) != Some(&Value::Null));
        prop_assert_eq!(before, now);
        let again = one("$set", &path, new).apply(&changed);
        prop_assert_eq!(again, Ok(changed));
    }

    #[test]
    fn what_was_unset_is_not_there_and_everything_else_stays(document in any_document(), path in any_path()) {
        let changed = one("$unset", &path, Value::Null).apply(&document).unwrap();
        prop_assert!(matches!(at(&changed, &path), None | Some(Value::Null)));
        prop_assert_eq!(elsewhere(&changed, &path), elsewhere(&document, &path));
    }

    #[test]
    fn what_was_added_to_a_set_is_in_it_once(document in any_document(), path in any_path(), new in any_value()) {
        prop_assume!(!matches!(&new, Value::Map(_)));
        let Ok(changed) = one("$addToSet", &path, new.clone()).apply(&document) else { return Ok(()) };
        let Some(Value::List(items)) = at(&changed, &path) else { panic!() };
        let before = match at(&document, &path) {
            Some(Value::List(items)) => items.clone(),
            _ => vec![],
        };
        let times = |items: &[Value]| items.iter().filter(|item| compare(item, &new).is_eq()).count();
        prop_assert_eq!(times(items), times(&before).max(1));
        prop_assert!(items.starts_with(&before));
    }

    #[test]
    fn what_was_pushed_and_popped_was_never_there(document in any_document(), path in any_path(), new in any_value()) {
        if matches!(&new, Value::Map(_)) || !matches!(at(&document, &path), Some(Value::List(_))) {
            return Ok(());
        }
        let pushed = one("$push", &path, new).apply(&document).unwrap();
        prop_assert_eq!(one("$pop", &path, Value::Uint(1)).apply(&pushed).unwrap(), document);
    }

    #[test]
    fn what_was_pulled_is_not_there_and_the_rest_keeps_its_order(document in any_document(), path in any_path(), out in any_value()) {
        prop_assume!(!matches!(&out, Value::Map(_)));
        let Some(Value::List(before)) = at(&document, &path) else { return Ok(()) };
        let changed = one("$pull", &path, out.clone()).apply(&document).unwrap();
        let rest: Vec<Value> = before.iter().filter(|item| !compare(item, &out).is_eq()).cloned().collect();
        prop_assert_eq!(at(&changed, &path), Some(&Value::List(rest)));
    }

    #[test]
    fn increments_add_up(document in any_document(), path in any_path(), a in -4i32..4, b in -4i32..4) {
        let by = |number: i32| Value::number(f64::from(number)).unwrap();
        let Ok(once) = one("$inc", &path, by(a)).apply(&document) else { return Ok(()) };
        let twice = one("$inc", &path, by(b)).apply(&once).unwrap();
        let together = one("$inc", &path, by(a + b)).apply(&document).unwrap();
        prop_assert!(compare(&twice, &together).is_eq());
    }

    #[test]
    fn modifiers_of_different_places_may_be_applied_in_any_order(document in any_document(), first in any_path(), second in any_path(), new in any_value()) {
        let text = |operator: &str, path: &str, operand: &Value| (operator.to_owned(), path.to_owned(), operand.clone());
        let (a, b) = (text("$set", &first, &new), text("$unset", &second, &Value::Null));
        let map = |key: &String, value: Value| (key.clone(), value);
        let both = Value::Map(BTreeMap::from([
            map(&a.0, Value::Map(BTreeMap::from([map(&a.1, a.2.clone())]))),
            map(&b.0, Value::Map(BTreeMap::from([map(&b.1, b.2.clone())]))),
        ]));
        let starts = |long: &str, short: &str| long == short || long.starts_with(&format!("{short}."));
        let Ok(both) = Modifiers::parse(&both) else {
            prop_assert!(starts(&first, &second) || starts(&second, &first));
            return Ok(());
        };
        let Ok(together) = both.apply(&document) else { return Ok(()) };
        let (set, unset) = (one(&a.0, &a.1, a.2), one(&b.0, &b.1, b.2));
        prop_assert_eq!(&unset.apply(&set.apply(&document).unwrap()).unwrap(), &together);
        // Unset first, a field may be missing that a later set makes anew.
        prop_assert_eq!(&set.apply(&unset.apply(&document).unwrap()).unwrap(), &together);
    }

    #[test]
    fn any_modifiers_end_in_a_value_or_in_an_error(document in any_document(), operator in "[$](set|unset|inc|push|addToSet|pull|pop|rename|x)", path in "[a-c0-3.$]{0,6}", operand in any_value()) {
        let map = |key: &str, value| Value::Map(BTreeMap::from([(key.to_owned(), value)]));
        if let Ok(modifiers) = Modifiers::parse(&map(&operator, map(&path, operand))) {
            prop_assert!(Path::parse(&path).is_ok());
            if let Ok(after) = modifiers.apply(&document) {
                prop_assert!(after.check().is_ok());
            }
        }
    }
}
