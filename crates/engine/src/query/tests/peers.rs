//! Two well-known engines of the same language: their answers, measured, beside ours.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Value, json};
use crate::query::Filter;

const TABLE: &str = include_str!("../../../testdata/query_peer.json");
const PAGE: &str = include_str!("../../../../../docs/queries.md");

/// Why we differ, by the names that `docs/queries.md` explains, and in how many cases.
const REASONS: [(&str, usize); 15] = [
    ("all-of-a-value", 2),
    ("all-of-none", 45),
    ("dates-are-numbers", 65),
    ("gathered-arrays", 37),
    ("item-as-it-is", 12),
    ("items-that-are-objects", 36),
    ("javascript-ranges", 24),
    ("missing-in-arrays", 65),
    ("nested-arrays", 49),
    ("null-ranges", 4),
    ("operator-in-value", 90),
    ("text-places", 5),
    ("type-names", 90),
    ("types-of-items", 14),
    ("whole-arrays", 31),
];

fn field<'a>(value: &'a Value, key: &str) -> &'a Value {
    let Value::Map(map) = value else { panic!("{value:?}") };
    map.get(key).unwrap_or_else(|| panic!("{key}"))
}

fn list(value: &Value) -> &[Value] {
    let Value::List(items) = value else { panic!("{value:?}") };
    items
}

fn text(value: &Value) -> &str {
    let Value::String(text) = value else { panic!("{value:?}") };
    text
}

/// One digit for each document, or that the filter is refused.
fn ours(filter: &Value, documents: &[Value]) -> String {
    match Filter::parse(filter) {
        Ok(filter) => documents.iter().map(|document| if filter.matches(document) { '1' } else { '0' }).collect(),
        Err(_) => "refused".to_owned(),
    }
}

/// The documents on which two answers differ.
fn differing(ours: &str, theirs: &str, documents: usize) -> BTreeSet<usize> {
    if ours == "refused" || theirs == "refused" {
        return if ours == theirs { BTreeSet::new() } else { (0..documents).collect() };
    }
    assert_eq!((ours.len(), theirs.len()), (documents, documents));
    (0..documents).filter(|at| ours.as_bytes()[*at] != theirs.as_bytes()[*at]).collect()
}

/// The documents on which a case says that we differ from a peer, by reason.
fn written_down(case: &Value, peer: &str, documents: usize) -> BTreeMap<String, BTreeSet<usize>> {
    let Value::Map(case) = case else { panic!() };
    let Some(Value::Map(peers)) = case.get("differs") else { return BTreeMap::new() };
    let Some(Value::Map(reasons)) = peers.get(peer) else { return BTreeMap::new() };
    let places = |value: &Value| match value {
        Value::String(all) if all == "all" => (0..documents).collect(),
        places => list(places)
            .iter()
            .map(|place| match place {
                Value::Uint(place) => *place as usize,
                other => panic!("{other:?}"),
            })
            .collect(),
    };
    reasons.iter().map(|(reason, at)| (reason.clone(), places(at))).collect()
}

#[test]
fn answers_as_a_peer_does_except_where_written_down() {
    let table = json::parse_one(TABLE).unwrap();
    let (documents, cases) = (list(field(&table, "documents")), list(field(&table, "cases")));
    assert!(documents.len() * cases.len() > 6_000);
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let filter = field(case, "filter");
        let ours = ours(filter, documents);
        for peer in ["sift", "mingo"] {
            let found = differing(&ours, text(field(case, peer)), documents.len());
            let reasons = written_down(case, peer, documents.len());
            let written: BTreeSet<usize> = reasons.values().flatten().copied().collect();
            assert_eq!(found, written, "{peer} {filter:?}");
            assert_eq!(reasons.values().map(BTreeSet::len).sum::<usize>(), written.len(), "one reason each");
            for (reason, at) in reasons {
                *counted.entry(reason).or_default() += at.len();
            }
        }
    }
    let expected: BTreeMap<String, usize> = REASONS.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(counted, expected);
    for (reason, _) in REASONS {
        assert!(PAGE.contains(&format!("| `{reason}` |")), "{reason} is not in docs/queries.md");
    }
}
