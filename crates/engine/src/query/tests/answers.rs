//! Sorting, selecting, and whole queries.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::arbitrary::{PATHS, document, filter, path};
use super::value;
use crate::document::{DocumentId, Value};
use crate::query::{Direction, Filter, Path, Projection, Query, Sort, compare, sort_key};

fn id(text: &str) -> DocumentId {
    DocumentId::parse(text).unwrap()
}

/// The ids, in the order asked for, of documents whose ids are their letters.
fn sorted(order: &str, documents: &[(&str, &str)]) -> String {
    let query = Query { sort: Sort::parse(&value(order)).unwrap(), ..Query::default() };
    let documents = documents.iter().map(|(name, text)| (id(name), value(text)));
    query.run(documents).iter().map(|(id, _)| id.as_str()).collect()
}

fn selected(paths: &str, document: &str) -> Value {
    Projection::parse(&value(paths)).unwrap().of(&value(document))
}

#[test]
fn documents_are_sorted_by_path_after_path_and_then_by_id() {
    let documents =
        [("d", r#"{"a":1,"b":2}"#), ("a", r#"{"a":2}"#), ("c", r#"{"a":1,"b":2}"#), ("b", r#"{"a":1,"b":3}"#)];
    assert_eq!(sorted(r#"[["a",1],["b",-1]]"#, &documents), "bcda");
    assert_eq!(sorted(r#"[["a",-1],["b",1]]"#, &documents), "acdb");
    assert_eq!(sorted("[]", &documents), "abcd");
}

#[test]
fn what_is_missing_sorts_as_null() {
    let documents = [("a", r#"{"a":1}"#), ("b", "{}"), ("c", r#"{"a":null}"#), ("d", r#"{"a":""}"#)];
    assert_eq!(sorted(r#"[["a",1]]"#, &documents), "bcad");
    assert_eq!(sorted(r#"[["a",-1]]"#, &documents), "dabc");
}

#[test]
fn an_array_sorts_by_its_smallest_or_largest_item() {
    let documents = [("a", r#"{"a":[5,1]}"#), ("b", r#"{"a":3}"#), ("c", r#"{"a":[]}"#), ("d", r#"{"a":[2,9]}"#)];
    assert_eq!(sorted(r#"[["a",1]]"#, &documents), "adbc");
    assert_eq!(sorted(r#"[["a",-1]]"#, &documents), "cdab");
}

#[test]
fn an_order_that_is_none_is_refused() {
    for (text, at) in [
        ("1", "sort"),
        (r#""due""#, "sort"),
        (r#"["due"]"#, "sort[0]"),
        (r#"[["due",1],["due"]]"#, "sort[1]"),
        (r#"[["due",2]]"#, "sort[0]"),
        (r#"[["due",true]]"#, "sort[0]"),
        (r#"[["due",1],["due",-1]]"#, "sort[1]"),
        (r#"[[1,1]]"#, "sort[0]"),
    ] {
        assert_eq!(Sort::parse(&value(text)).unwrap_err().path, at, "{text}");
    }
    let many = vec![r#"["a",1]"#; 17].join(",");
    assert!(Sort::parse(&value(&format!("[{many}]"))).unwrap_err().reason.contains("16 paths"));
}

#[test]
fn a_selection_keeps_the_shape_of_the_document() {
    let document = r#"{"a":1,"b":{"c":2,"d":3},"e":[{"f":4,"g":5},6,[{"f":7}],{"g":8}]}"#;
    assert_eq!(selected(r#"["a"]"#, document), value(r#"{"a":1}"#));
    assert_eq!(selected(r#"["b.c"]"#, document), value(r#"{"b":{"c":2}}"#));
    assert_eq!(selected(r#"["b.d","b.c","a"]"#, document), value(r#"{"a":1,"b":{"c":2,"d":3}}"#));
    assert_eq!(selected(r#"["e.f"]"#, document), value(r#"{"e":[{"f":4},[{"f":7}],{}]}"#));
    assert_eq!(selected(r#"["b.x","a.x","x"]"#, document), value(r#"{"b":{}}"#));
    assert_eq!(selected(r#"["b","b.c"]"#, document), selected(r#"["b.c","b"]"#, document));
    assert_eq!(selected(r#"["b","b.c"]"#, document), value(r#"{"b":{"c":2,"d":3}}"#));
}

#[test]
fn a_selection_that_is_none_is_refused() {
    for (text, at) in [("{}", "select"), ("[]", "select"), (r#"["a",1]"#, "select[1]")] {
        assert_eq!(Projection::parse(&value(text)).unwrap_err().path, at, "{text}");
    }
    let many = vec![r#""a""#; 257].join(",");
    assert!(Projection::parse(&value(&format!("[{many}]"))).is_err());
}

#[test]
fn offset_and_limit_cut_the_sorted_answer() {
    let documents =
        || (0..10u64).rev().map(|n| (id(&format!("d{n}")), super::arbitrary::object([("n", Value::Uint(n))])));
    let run = |offset, limit| {
        let query = Query { offset, limit, ..Query::default() };
        query.run(documents()).iter().map(|(id, _)| id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(run(2, Some(3)), ["d2", "d3", "d4"]);
    assert_eq!(run(8, Some(5)), ["d8", "d9"]);
    assert_eq!(run(8, None), ["d8", "d9"]);
    assert!(run(0, Some(0)).is_empty() && run(20, Some(2)).is_empty() && run(usize::MAX, Some(usize::MAX)).is_empty());
}

/// Where `a` stands to `b`, path by path, by values: another way than by keys.
fn naive(by: &[(&str, bool)], a: &(DocumentId, Value), b: &(DocumentId, Value)) -> Ordering {
    let value_of = |path: &str, document: &Value, descending: bool| {
        let mut values = Vec::new();
        Path::parse(path).unwrap().for_each_indexed(document, &mut |value| values.push(value.clone()));
        values.sort_by(compare);
        if descending { values.pop().unwrap() } else { values.remove(0) }
    };
    let one = |(path, descending): &(&str, bool)| {
        let order = compare(&value_of(path, &a.1, *descending), &value_of(path, &b.1, *descending));
        if *descending { order.reverse() } else { order }
    };
    by.iter().map(one).find(|order| order.is_ne()).unwrap_or_else(|| a.0.cmp(&b.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn a_query_is_filter_sort_offset_limit_select(
        f in filter(),
        documents in proptest::collection::vec(document(), 0..24),
        by in proptest::sample::subsequence(PATHS.to_vec(), 0..3),
        down in any::<[bool; 3]>(),
        offset in 0..4usize,
        limit in proptest::option::of(0..6usize),
        select in proptest::option::of(path()),
    ) {
        let by: Vec<(&str, bool)> = by.into_iter().zip(down).collect();
        let pair = |(path, down): &(&str, bool)| {
            let direction = if *down { Value::F64(-1.0) } else { Value::Uint(1) };
            Value::List(vec![Value::String((*path).to_owned()), direction])
        };
        let query = Query {
            filter: Filter::parse(&f).unwrap(),
            sort: Sort::parse(&Value::List(by.iter().map(pair).collect())).unwrap(),
            offset,
            limit,
            select: select.map(|path| Projection::parse(&Value::List(vec![Value::String(path.to_owned())])).unwrap()),
        };
        let documents: Vec<_> = documents.into_iter().enumerate().map(|(n, d)| (id(&format!("d{}", n * 7 % 24)), d)).collect();

        let mut expected: Vec<_> = documents.iter().filter(|(_, d)| query.filter.matches(d)).cloned().collect();
        expected.sort_by(|a, b| naive(&by, a, b));
        let expected: Vec<_> = expected.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX)).collect();
        let selected = |(id, d): (DocumentId, Value)| (id, query.select.as_ref().map_or(d.clone(), |select| select.of(&d)));
        let expected: Vec<_> = expected.into_iter().map(selected).collect();
        prop_assert_eq!(query.run(documents), expected);
    }

    #[test]
    fn the_value_sorted_by_is_the_first_key_that_an_index_meets(at in path(), d in document()) {
        let mut keys = Vec::new();
        Path::parse(at).unwrap().for_each_indexed(&d, &mut |value| keys.push(sort_key(value)));
        let pair = |direction| Value::List(vec![Value::List(vec![Value::String(at.to_owned()), direction])]);
        let up = Sort::parse(&pair(Value::Uint(1))).unwrap();
        let down = Sort::parse(&pair(Value::F64(-1.0))).unwrap();
        prop_assert_eq!(up.by()[0].direction, Direction::Ascending);
        prop_assert_eq!(Some(sort_key(up.by()[0].value(&d))), keys.iter().min().cloned());
        prop_assert_eq!(Some(sort_key(down.by()[0].value(&d))), keys.iter().max().cloned());
    }

    #[test]
    fn nonsense_is_no_order_and_no_selection_and_never_panics(text in super::arbitrary::nonsense()) {
        let _ = Sort::parse(&text);
        let _ = Projection::parse(&text);
    }
}
