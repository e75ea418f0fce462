//! A well-known engine of the same modifiers: its answers, measured, beside ours.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Value, json};
use crate::query::Modifiers;

const TABLE: &str = include_str!("../../../testdata/update_peer.json");
const PAGE: &str = include_str!("../../../../../docs/writes.md");

/// Why we differ, by the names that `docs/writes.md` explains, and in how many cases.
const REASONS: [(&str, usize); 9] = [
    ("all-items", 1),
    ("half-applied", 35),
    ("new-arrays", 6),
    ("null-parents", 20),
    ("order-of-types", 16),
    ("passed-over", 855),
    ("pull-of-items", 9),
    ("rename-in-arrays", 10),
    ("sets-of-arrays", 7),
];

fn ours(modifiers: &Value, document: &Value) -> Value {
    let applied = Modifiers::parse(modifiers).ok().and_then(|modifiers| modifiers.apply(document).ok());
    applied.unwrap_or(Value::String("refused".into()))
}

fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        other => panic!("{other:?}"),
    }
}

/// The documents for which a case says that we differ, by reason.
fn written_down(case: &BTreeMap<String, Value>) -> BTreeMap<String, BTreeSet<usize>> {
    let Some(Value::Map(reasons)) = case.get("differs") else { return BTreeMap::new() };
    let place = |place: &Value| match place {
        Value::Uint(place) => *place as usize,
        other => panic!("{other:?}"),
    };
    reasons.iter().map(|(reason, at)| (reason.clone(), list(Some(at)).iter().map(place).collect())).collect()
}

#[test]
fn updates_as_a_peer_does_except_where_written_down() {
    let Value::Map(table) = json::parse_one(TABLE).unwrap() else { panic!() };
    let (documents, cases) = (list(table.get("documents")), list(table.get("cases")));
    assert!(documents.len() * cases.len() > 2_000);
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases {
        let Value::Map(case) = case else { panic!() };
        let theirs = list(case.get("mingo"));
        assert_eq!(theirs.len(), documents.len());
        let differing = documents.iter().zip(theirs).enumerate();
        let differing = differing.filter(|(_, (document, theirs))| ours(&case["modifiers"], document) != **theirs);
        let found: BTreeSet<usize> = differing.map(|(at, _)| at).collect();
        let reasons = written_down(case);
        let written: BTreeSet<usize> = reasons.values().flatten().copied().collect();
        if found != written {
            for at in found.symmetric_difference(&written) {
                wrong.push(format!(
                    "{} on {}: ours {}, theirs {}",
                    shown(&case["modifiers"]),
                    shown(&documents[*at]),
                    shown(&ours(&case["modifiers"], &documents[*at])),
                    shown(&theirs[*at])
                ));
            }
        }
        assert_eq!(reasons.values().map(BTreeSet::len).sum::<usize>(), written.len(), "one reason each");
        for (reason, at) in reasons {
            *counted.entry(reason).or_default() += at.len();
        }
    }
    assert!(wrong.is_empty(), "{} differ otherwise than written down:\n{}", wrong.len(), wrong.join("\n"));
    let expected: BTreeMap<String, usize> = REASONS.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(counted, expected);
    for (reason, count) in REASONS {
        assert!(PAGE.contains(&format!("| `{reason}` | {count} |")), "{reason} is not in docs/writes.md");
    }
}

fn shown(value: &Value) -> String {
    let mut text = String::new();
    json::write_value(value, &mut text).unwrap();
    text
}
