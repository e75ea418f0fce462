//! What each operator does, by example, and what is refused.

use super::{filter, matches, refused, value};
use crate::document::Value;
use crate::query::{Filter, MAX_CONDITIONS, MAX_FILTER_DEPTH, MAX_LISTED_VALUES, MAX_PATH_BYTES, MAX_PATTERN_BYTES};

#[test]
fn an_empty_filter_matches_every_document() {
    assert!(matches("{}", "{}") && matches("{}", r#"{"a":1}"#));
    assert!(Filter::default().matches(&value("{}")));
}

#[test]
fn a_plain_value_is_equality() {
    assert!(matches(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
    assert!(!matches(r#"{"a":1}"#, r#"{"a":2}"#));
    assert!(!matches(r#"{"a":1}"#, r#"{"a":"1"}"#));
    assert!(matches(r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#));
    assert!(!matches(r#"{"a":1,"b":2}"#, r#"{"a":1,"b":3}"#));
}

#[test]
fn a_bigint_and_a_number_of_one_value_are_equal() {
    assert!(matches(r#"{"a":1}"#, r#"{"a":{"$ashore":["bigint","1"]}}"#));
    assert!(matches(r#"{"a":0}"#, r#"{"a":-0}"#));
    assert!(!matches(r#"{"a":9007199254740992}"#, r#"{"a":{"$ashore":["bigint","9007199254740993"]}}"#));
    assert!(matches(r#"{"a":{"$gt":9007199254740992}}"#, r#"{"a":{"$ashore":["bigint","9007199254740993"]}}"#));
}

#[test]
fn null_is_null_or_missing() {
    assert!(matches(r#"{"a":null}"#, "{}") && matches(r#"{"a":null}"#, r#"{"a":null}"#));
    assert!(!matches(r#"{"a":null}"#, r#"{"a":0}"#));
    assert!(matches(r#"{"a":null}"#, r#"{"a":[1,null]}"#) && !matches(r#"{"a":null}"#, r#"{"a":[]}"#));
    assert!(matches(r#"{"a.b":null}"#, r#"{"a":1}"#) && matches(r#"{"a.b":null}"#, r#"{"a":[{"b":1},{}]}"#));
    assert!(matches(r#"{"a":{"$in":[null,1]}}"#, "{}") && matches(r#"{"a":{"$gte":null}}"#, "{}"));
    assert!(!matches(r#"{"a":{"$ne":null}}"#, "{}") && !matches(r#"{"a":{"$gt":null}}"#, r#"{"a":1}"#));
}

#[test]
fn an_array_matches_by_any_item_and_as_a_whole() {
    let document = r#"{"tags":["a","b"]}"#;
    assert!(matches(r#"{"tags":"a"}"#, document) && matches(r#"{"tags":["a","b"]}"#, document));
    assert!(!matches(r#"{"tags":["b","a"]}"#, document) && !matches(r#"{"tags":["a"]}"#, document));
    assert!(matches(r#"{"tags":["a"]}"#, r#"{"tags":[["a"],1]}"#));
    assert!(matches(r#"{"n":{"$gt":5}}"#, r#"{"n":[1,9]}"#));
    // Each condition by an item of its own.
    assert!(matches(r#"{"n":{"$gt":5,"$lt":3}}"#, r#"{"n":[1,9]}"#));
    assert!(!matches(r#"{"n":{"$ne":1}}"#, r#"{"n":[1,2]}"#));
}

#[test]
fn dots_go_into_objects_and_arrays() {
    let document = r#"{"a":{"b":[{"c":1},{"c":2},7,[{"c":9}]],"0":"zero"}}"#;
    assert!(matches(r#"{"a.b.c":2}"#, document) && !matches(r#"{"a.b.c":3}"#, document));
    assert!(matches(r#"{"a.b.0.c":1}"#, document) && !matches(r#"{"a.b.1.c":1}"#, document));
    assert!(matches(r#"{"a.b.2":7}"#, document) && matches(r#"{"a.0":"zero"}"#, document));
    // An array in an array is entered by its place only.
    assert!(!matches(r#"{"a.b.c":9}"#, document) && matches(r#"{"a.b.3.c":9}"#, document));
    assert!(!matches(r#"{"a.b.01.c":2}"#, document) && matches(r#"{"a.b.9":null}"#, document));
    assert!(matches(r#"{"a":5}"#, r#"{"a":[5]}"#) && matches(r#"{"a.0":5}"#, r#"{"a":[[5]]}"#));
}

#[test]
fn an_object_equals_the_whole_object_in_any_order_of_fields() {
    assert!(matches(r#"{"a":{"x":1,"y":2}}"#, r#"{"a":{"y":2,"x":1}}"#));
    assert!(!matches(r#"{"a":{"x":1}}"#, r#"{"a":{"x":1,"y":2}}"#));
    assert!(matches(r#"{"a":{}}"#, r#"{"a":{}}"#) && !matches(r#"{"a":{}}"#, r#"{"a":{"x":1}}"#));
    assert!(matches(r#"{"a":{"$eq":{"$x":1}}}"#, r#"{"a":{"$x":1}}"#));
}

#[test]
fn ranges_hold_within_one_type_only() {
    assert!(matches(r#"{"a":{"$gte":2,"$lt":3}}"#, r#"{"a":2.5}"#));
    assert!(!matches(r#"{"a":{"$gt":1}}"#, r#"{"a":"2"}"#) && !matches(r#"{"a":{"$lt":1}}"#, r#"{"a":null}"#));
    assert!(!matches(r#"{"a":{"$gt":1}}"#, r#"{"a":{"$ashore":["date",5]}}"#));
    assert!(matches(r#"{"a":{"$gt":"a"}}"#, r#"{"a":"ab"}"#) && matches(r#"{"a":{"$gt":false}}"#, r#"{"a":true}"#));
    assert!(matches(r#"{"a":{"$lt":{"$ashore":["date",9]}}}"#, r#"{"a":{"$ashore":["date",5]}}"#));
    assert!(matches(r#"{"a":{"$gt":[1,2]}}"#, r#"{"a":[1,3]}"#) && !matches(r#"{"a":{"$gt":[1,2]}}"#, r#"{"a":[1]}"#));
}

#[test]
fn in_and_nin_list_values() {
    assert!(matches(r#"{"a":{"$in":[3,1]}}"#, r#"{"a":1}"#) && !matches(r#"{"a":{"$in":[3,1]}}"#, r#"{"a":2}"#));
    assert!(matches(r#"{"a":{"$in":[[1]]}}"#, r#"{"a":[1]}"#) && matches(r#"{"a":{"$in":[1]}}"#, r#"{"a":[0,1]}"#));
    assert!(!matches(r#"{"a":{"$in":[]}}"#, "{}") && matches(r#"{"a":{"$nin":[]}}"#, "{}"));
    assert!(matches(r#"{"a":{"$nin":[1]}}"#, "{}") && !matches(r#"{"a":{"$nin":[null]}}"#, "{}"));
}

#[test]
fn exists_asks_for_presence_even_of_null() {
    assert!(matches(r#"{"a":{"$exists":true}}"#, r#"{"a":null}"#) && !matches(r#"{"a":{"$exists":true}}"#, "{}"));
    assert!(matches(r#"{"a.b":{"$exists":false}}"#, r#"{"a":[]}"#));
    assert!(matches(r#"{"a.b":{"$exists":true}}"#, r#"{"a":[{},{"b":1}]}"#));
}

#[test]
fn types_have_our_names() {
    for (name, text) in [
        ("null", "null"),
        ("number", "1.5"),
        ("number", r#"{"$ashore":["bigint","1"]}"#),
        ("bigint", r#"{"$ashore":["bigint","1"]}"#),
        ("bigint", r#"{"$ashore":["bigint","18446744073709551615"]}"#),
        ("string", r#""""#),
        ("boolean", "false"),
        ("array", "[]"),
        ("object", "{}"),
        ("bytes", r#"{"$ashore":["bytes",""]}"#),
        ("date", r#"{"$ashore":["date",0]}"#),
    ] {
        assert!(matches(&format!(r#"{{"a":{{"$type":"{name}"}}}}"#), &format!(r#"{{"a":{text}}}"#)), "{name}");
        assert!(matches(&format!(r#"{{"a":{{"$type":"{name}"}}}}"#), &format!(r#"{{"a":[{text}]}}"#)), "{name}");
    }
    assert!(!matches(r#"{"a":{"$type":"bigint"}}"#, r#"{"a":1}"#) && !matches(r#"{"a":{"$type":"null"}}"#, "{}"));
    assert!(matches(r#"{"a":{"$type":["string","null"]}}"#, r#"{"a":null}"#));
}

#[test]
fn size_counts_the_items_of_an_array() {
    assert!(matches(r#"{"a":{"$size":2}}"#, r#"{"a":[1,2]}"#) && matches(r#"{"a":{"$size":0}}"#, r#"{"a":[]}"#));
    assert!(!matches(r#"{"a":{"$size":1}}"#, r#"{"a":1}"#) && !matches(r#"{"a":{"$size":2}}"#, r#"{"a":[[1,2]]}"#));
}

#[test]
fn all_asks_for_each_value() {
    assert!(
        matches(r#"{"a":{"$all":[1,2]}}"#, r#"{"a":[2,3,1]}"#) && !matches(r#"{"a":{"$all":[1,4]}}"#, r#"{"a":[1]}"#)
    );
    assert!(matches(r#"{"a":{"$all":[1]}}"#, r#"{"a":1}"#) && !matches(r#"{"a":{"$all":[]}}"#, r#"{"a":[]}"#));
    let both = r#"{"a":{"$all":[{"$elemMatch":{"x":1,"y":1}},{"$elemMatch":{"$gt":5}},7]}}"#;
    assert!(matches(both, r#"{"a":[{"x":1,"y":1},7]}"#) && !matches(both, r#"{"a":[{"x":1},{"y":1},7]}"#));
}

#[test]
fn elem_match_asks_one_item_everything() {
    let document = r#"{"a":[{"x":1,"y":2},{"x":2,"y":1}],"n":[1,9]}"#;
    assert!(matches(r#"{"a.x":1,"a.y":1}"#, document) && !matches(r#"{"a":{"$elemMatch":{"x":1,"y":1}}}"#, document));
    assert!(matches(r#"{"a":{"$elemMatch":{"x":2,"y":{"$lt":2}}}}"#, document));
    assert!(!matches(r#"{"n":{"$elemMatch":{"$gt":1,"$lt":9}}}"#, document));
    assert!(matches(r#"{"n":{"$elemMatch":{"$gt":1,"$lt":10}}}"#, document));
    assert!(matches(r#"{"a":{"$elemMatch":{"$or":[{"x":5},{"y":1}]}}}"#, document));
    assert!(matches(r#"{"a":{"$elemMatch":{}}}"#, document) && !matches(r#"{"n":{"$elemMatch":{}}}"#, document));
    assert!(!matches(r#"{"a":{"$elemMatch":{"x":1}}}"#, r#"{"a":{"x":1}}"#));
    // An item is asked as it is: an array in an array is not looked into.
    assert!(!matches(r#"{"a":{"$elemMatch":{"$gt":1}}}"#, r#"{"a":[[2]]}"#));
    assert!(matches(r#"{"a":{"$elemMatch":{"$elemMatch":{"$gt":1}}}}"#, r#"{"a":[[2]]}"#));
    assert!(matches(r#"{"a":{"$elemMatch":{"$not":{"$gt":1}}}}"#, r#"{"a":[2,1]}"#));
}

#[test]
fn regex_searches_strings() {
    assert!(
        matches(r#"{"a":{"$regex":"il"}}"#, r#"{"a":"Milk"}"#)
            && !matches(r#"{"a":{"$regex":"^il"}}"#, r#"{"a":"Milk"}"#)
    );
    assert!(matches(r#"{"a":{"$regex":"^milk$","$options":"i"}}"#, r#"{"a":["Bread","Milk"]}"#));
    assert!(matches(r#"{"a":{"$regex":"^b","$options":"m"}}"#, r#"{"a":"a\nb"}"#));
    assert!(
        matches(r#"{"a":{"$regex":"a.b","$options":"s"}}"#, r#"{"a":"a\nb"}"#)
            && !matches(r#"{"a":{"$regex":"a.b"}}"#, r#"{"a":"a\nb"}"#)
    );
    assert!(matches(r#"{"a":{"$regex":"a b","$options":"x"}}"#, r#"{"a":"ab"}"#));
    // ASCII only, and so it is written down.
    assert!(!matches(r#"{"a":{"$regex":"ä","$options":"i"}}"#, r#"{"a":"Ä"}"#));
    assert!(!matches(r#"{"a":{"$regex":""}}"#, r#"{"a":1}"#) && !matches(r#"{"a":{"$regex":""}}"#, "{}"));
}

#[test]
fn not_negates_operators_and_nor_negates_filters() {
    assert!(matches(r#"{"a":{"$not":{"$gt":5}}}"#, "{}") && !matches(r#"{"a":{"$not":{"$gt":5}}}"#, r#"{"a":[1,9]}"#));
    assert!(matches(r#"{"a":{"$not":{"$gt":5,"$lt":9}}}"#, r#"{"a":9}"#));
    assert!(matches(r#"{"a":{"$not":{"$not":{"$gt":5}}}}"#, r#"{"a":9}"#));
    assert!(matches(r#"{"a":{"$not":{"$regex":"^x"}}}"#, r#"{"a":"y"}"#));
    assert!(
        matches(r#"{"$nor":[{"a":1},{"b":1}]}"#, r#"{"a":2}"#)
            && !matches(r#"{"$nor":[{"a":1},{"b":1}]}"#, r#"{"b":1}"#)
    );
}

#[test]
fn a_refusal_says_where_and_what() {
    for (text, path, operator, reason) in [
        (r#"{"a":{"$foo":1}}"#, "a", Some("$foo"), "there is no such operator"),
        (r#"{"$where":"1"}"#, "", Some("$where"), "there is no such operator"),
        (r#"{"$gt":1}"#, "", Some("$gt"), "stands behind a path"),
        (r#"{"a":{"$or":[]}}"#, "a", Some("$or"), "stands before paths"),
        (r#"{"a":{"$gt":1,"b":2}}"#, "a", None, "one object"),
        (r#"{"a":{"b":{"$gt":1}}}"#, "a", None, "inside a value"),
        (r#"{"a":[{"$gt":1}]}"#, "a", None, "inside a value"),
        (r#"{"$or":[]}"#, "", Some("$or"), "at least one filter"),
        (r#"{"$and":{"a":1}}"#, "", Some("$and"), "at least one filter"),
        (r#"{"$or":[{"a":1},5]}"#, "$or[1]", None, "a filter is an object"),
        (r#"{"$or":[{"$and":[{"x.y":{"$size":-1}}]}]}"#, "$or[0].$and[0].x.y", Some("$size"), "whole number"),
        (r#"{"a":{"$size":1.5}}"#, "a", Some("$size"), "whole number"),
        (r#"{"a":{"$in":1}}"#, "a", Some("$in"), "an array"),
        (r#"{"a":{"$all":1}}"#, "a", Some("$all"), "an array"),
        (r#"{"a":{"$all":[{"$gt":1}]}}"#, "a", Some("$all"), "inside a value"),
        (r#"{"a":{"$exists":1}}"#, "a", Some("$exists"), "true or false"),
        (r#"{"a":{"$type":"int"}}"#, "a", Some("$type"), "one or more of"),
        (r#"{"a":{"$type":[]}}"#, "a", Some("$type"), "one or more of"),
        (r#"{"a":{"$elemMatch":1}}"#, "a", Some("$elemMatch"), "an object"),
        (r#"{"a":{"$elemMatch":{"$gt":1,"b":1}}}"#, "a.$elemMatch", None, "one object"),
        (r#"{"a":{"$elemMatch":{"b":{"$foo":1}}}}"#, "a.$elemMatch.b", Some("$foo"), "no such operator"),
        (r#"{"a":{"$not":1}}"#, "a", Some("$not"), "object of operators"),
        (r#"{"a":{"$not":{}}}"#, "a", Some("$not"), "object of operators"),
        (r#"{"a":{"$not":{"$size":"x"}}}"#, "a.$not", Some("$size"), "whole number"),
        (r#"{"a":{"$regex":1}}"#, "a", Some("$regex"), "a string"),
        (r#"{"a":{"$regex":"("}}"#, "a", Some("$regex"), "cannot be used"),
        (r#"{"a":{"$regex":"(?=a)"}}"#, "a", Some("$regex"), "cannot be used"),
        (r#"{"a":{"$regex":"(a{999}){999}"}}"#, "a", Some("$regex"), "cannot be used"),
        (r#"{"a":{"$regex":"a","$options":"g"}}"#, "a", Some("$options"), "i, m, s and x"),
        (r#"{"a":{"$regex":"a","$options":"ii"}}"#, "a", Some("$options"), "twice"),
        (r#"{"a":{"$regex":"a","$options":1}}"#, "a", Some("$options"), "a string"),
        (r#"{"a":{"$options":"i"}}"#, "a", Some("$options"), "beside $regex"),
    ] {
        let error = refused(text);
        assert_eq!((error.path.as_str(), error.operator.as_deref()), (path, operator), "{text}");
        assert!(error.reason.contains(reason), "{text}: {}", error.reason);
        assert!(error.to_string().starts_with("the query is not valid"), "{error}");
    }
    assert!(Filter::parse(&Value::Null).is_err());
}

#[test]
fn limits_hold_at_their_edge_and_not_beyond() {
    let nested = |levels: usize| format!("{}{{}}{}", r#"{"$and":["#.repeat(levels), "]}".repeat(levels));
    filter(&nested(MAX_FILTER_DEPTH - 1));
    assert!(refused(&nested(MAX_FILTER_DEPTH)).reason.contains("32 levels"));

    let not = |levels: usize| format!(r#"{{"a":{}{{"$gt":1}}{}}}"#, r#"{"$not":"#.repeat(levels), "}".repeat(levels));
    filter(&not(MAX_FILTER_DEPTH - 1));
    assert!(refused(&not(MAX_FILTER_DEPTH)).reason.contains("32 levels"));

    let wide = |fields: usize| {
        let fields: Vec<_> = (0..fields).map(|n| format!(r#""f{n}":{n}"#)).collect();
        format!("{{{}}}", fields.join(","))
    };
    filter(&wide(MAX_CONDITIONS));
    assert!(refused(&wide(MAX_CONDITIONS + 1)).reason.contains("1,000 conditions"));

    let listed = |count: usize| format!(r#"{{"a":{{"$in":[{}]}}}}"#, vec!["1"; count].join(","));
    filter(&listed(MAX_LISTED_VALUES));
    assert!(refused(&listed(MAX_LISTED_VALUES + 1)).reason.contains("10,000 values"));

    let pattern = |bytes: usize| format!(r#"{{"a":{{"$regex":"{}"}}}}"#, "a".repeat(bytes));
    filter(&pattern(MAX_PATTERN_BYTES));
    assert!(refused(&pattern(MAX_PATTERN_BYTES + 1)).reason.contains("1,024 bytes"));

    let long = |bytes: usize| Filter::parse(&super::arbitrary::object([("a".repeat(bytes).as_str(), Value::Null)]));
    assert!(long(MAX_PATH_BYTES).is_ok() && long(MAX_PATH_BYTES + 1).unwrap_err().reason.contains("1,024 bytes"));
    let steps = |count: usize| format!(r#"{{"{}":1}}"#, vec!["a"; count].join("."));
    filter(&steps(100));
    assert!(refused(&steps(101)).reason.contains("100 steps"));
}

#[test]
fn a_value_nested_too_deep_is_refused_without_copying_it() {
    let deep = (0..5_000).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let error = Filter::parse(&super::arbitrary::object([("a", deep.clone())])).unwrap_err();
    assert!(error.reason.contains("nested deeper"), "{error}");
    let operand = super::arbitrary::object([("$in", Value::List(vec![deep]))]);
    assert!(Filter::parse(&super::arbitrary::object([("a", operand)])).is_err());
}

#[test]
fn a_long_name_does_not_make_a_long_error() {
    let error = refused(&format!(r#"{{"a":{{"${}":1}}}}"#, "ü".repeat(500)));
    assert!(error.to_string().len() < 700 && error.operator.unwrap().ends_with('…'));
}
