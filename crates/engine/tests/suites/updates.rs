//! Updates and deletes by filter, modifiers, and queries of transactions, through a running engine.

use ashore_engine::api::{
    Command, Durability, ErrorCode, Failure, IndexField, IndexSpec, Outcome, Overlay, Reply, Write, WriteResult,
};
use ashore_engine::document::{DocumentId, Value, json};
use ashore_engine::query::{Filter, Modifiers, Query, Sort};
use ashore_engine::testing::Network;
use proptest::prelude::*;
use std::collections::BTreeMap;

const COLLECTION: &str = "notes";
const RELAXED: Durability = Durability::Relaxed;

fn device() -> Network {
    let mut network = Network::seeded(7);
    network.add_device("a");
    network
}

fn ask(network: &mut Network, command: Command) -> Result<Reply, Failure> {
    network.devices[0].answers.clear();
    network.ask(0, command, 1);
    assert!(network.run_until(60_000, |network| !network.devices[0].answers.is_empty()), "no answer");
    match network.devices[0].answers.pop().unwrap().1 {
        Outcome::Ok(reply) => Ok(reply),
        Outcome::Failed(failure) => Err(failure),
    }
}

fn put(network: &mut Network, documents: &BTreeMap<String, Value>) {
    let ids: Vec<String> = documents.keys().cloned().collect();
    let write = Write::Put {
        collection: COLLECTION.into(),
        bases: vec![None; ids.len()],
        ids,
        documents: texts(documents.values()),
    };
    ask(network, Command::Write { writes: vec![write], durability: RELAXED, split: true }).unwrap();
}

fn texts<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let mut text = String::from("[");
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        json::write_value(value, &mut text).unwrap();
    }
    text + "]"
}

fn documents(pairs: &[(&str, &str)]) -> BTreeMap<String, Value> {
    pairs.iter().map(|(id, text)| ((*id).to_owned(), json::parse_one(text).unwrap())).collect()
}

fn modify(ids: &[&str], modifiers: &str) -> Write {
    Write::Modify {
        collection: COLLECTION.into(),
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        modifiers: modifiers.into(),
    }
}

fn write(writes: Vec<Write>) -> Command {
    Command::Write { writes, durability: RELAXED, split: false }
}

fn update_many(query: &str, modifiers: &str) -> Command {
    Command::UpdateMany {
        collection: COLLECTION.into(),
        query: query.into(),
        modifiers: modifiers.into(),
        durability: RELAXED,
    }
}

fn delete_many(query: &str) -> Command {
    Command::DeleteMany { collection: COLLECTION.into(), query: query.into(), durability: RELAXED }
}

fn all(network: &mut Network) -> BTreeMap<String, Value> {
    found(network, "{}", 0, None).into_iter().collect()
}

/// All pages of an answer; each asks behind the one before for what is left.
fn found(network: &mut Network, query: &str, page: u32, within: Option<&Overlay>) -> Vec<(String, Value)> {
    let (mut all, mut after) = (Vec::new(), None);
    let mut query: serde_json::Value = serde_json::from_str(query).unwrap();
    loop {
        let (collection, text) = (COLLECTION.to_owned(), query.to_string());
        let find = Command::Find { collection, query: text, after, page, within: within.cloned() };
        let Ok(Reply::Found { ids, documents, next, .. }) = ask(network, find) else { panic!("{all:?}") };
        query["offset"] = 0.into();
        if let Some(limit) = query.get("limit").and_then(serde_json::Value::as_u64) {
            query["limit"] = (limit - ids.len() as u64).into();
        }
        all.extend(ids.into_iter().zip(json::parse_many(&documents).unwrap()));
        after = next;
        if after.is_none() || query.get("limit").is_some_and(|limit| limit == 0) {
            return all;
        }
    }
}

#[test]
fn modifiers_change_what_is_there_and_make_nothing() {
    let mut network = device();
    put(&mut network, &documents(&[("a", r#"{"n":1,"tags":["x"]}"#)]));
    let modify = modify(&["a", "missing"], r#"{"$inc":{"n":2},"$push":{"tags":"y"},"$set":{"at.city":"Bern"}}"#);
    let Ok(Reply::Written { results, .. }) = ask(&mut network, write(vec![modify])) else { panic!() };
    let WriteResult::Modified { versions } = &results[0] else { panic!("{results:?}") };
    assert!(!versions[0].is_empty() && versions[1].is_empty());
    assert_eq!(all(&mut network), documents(&[("a", r#"{"n":3,"tags":["x","y"],"at":{"city":"Bern"}}"#)]));
}

#[test]
fn modifiers_see_the_earlier_writes_of_their_transaction() {
    let mut network = device();
    put(&mut network, &documents(&[("a", r#"{"n":1}"#), ("b", r#"{"n":1}"#)]));
    let put = Write::Put {
        collection: COLLECTION.into(),
        ids: vec!["c".into()],
        documents: r#"[{"n":10}]"#.into(),
        bases: vec![None],
    };
    let delete = Write::Delete { collection: COLLECTION.into(), ids: vec!["b".into()] };
    let (first, second) = (modify(&["a", "c"], r#"{"$inc":{"n":1}}"#), modify(&["a", "b", "c"], r#"{"$inc":{"n":5}}"#));
    ask(&mut network, write(vec![put, first, delete, second])).unwrap();
    assert_eq!(all(&mut network), documents(&[("a", r#"{"n":7}"#), ("c", r#"{"n":16}"#)]));
}

#[test]
fn a_modifier_that_does_not_apply_names_its_document_and_nothing_is_written() {
    let mut network = device();
    let before = documents(&[("a", r#"{"n":1}"#), ("b", r#"{"n":"one"}"#)]);
    put(&mut network, &before);
    for command in [write(vec![modify(&["a", "b"], r#"{"$inc":{"n":1}}"#)]), update_many("{}", r#"{"$inc":{"n":1}}"#)] {
        let failure = ask(&mut network, command).unwrap_err();
        assert_eq!((failure.code, failure.id.as_deref()), (ErrorCode::UpdateNotApplicable, Some("b")));
        let mistake = failure.query.unwrap();
        assert_eq!((mistake.path.as_str(), mistake.operator.as_deref()), ("n", Some("$inc")));
        assert_eq!(all(&mut network), before);
    }
    let failure = ask(&mut network, update_many("{}", r#"{"$increase":{"n":1}}"#)).unwrap_err();
    assert_eq!(
        (failure.code, failure.query.unwrap().operator.as_deref()),
        (ErrorCode::QueryInvalid, Some("$increase"))
    );
}

#[test]
fn an_update_by_filter_says_what_matched_and_what_is_different() {
    let mut network = device();
    put(&mut network, &documents(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#), ("c", r#"{"n":3,"big":true}"#)]));
    let update = update_many(r#"{"filter":{"n":{"$gte":2}}}"#, r#"{"$set":{"big":true}}"#);
    let Ok(Reply::Updated { matched, ids, versions, corrupt, .. }) = ask(&mut network, update) else { panic!() };
    assert_eq!((matched, ids, corrupt), (2, vec!["b".to_owned()], vec![]));
    assert!(versions.len() == 1 && !versions[0].is_empty());
    let update = update_many(r#"{"sort":[["n",-1]],"offset":1,"limit":1}"#, r#"{"$set":{"second":true}}"#);
    ask(&mut network, update).unwrap();
    let Ok(Reply::Removed { ids, .. }) = ask(&mut network, delete_many(r#"{"filter":{"second":true}}"#)) else {
        panic!()
    };
    assert_eq!(ids, ["b"]);
    assert_eq!(all(&mut network), documents(&[("a", r#"{"n":1}"#), ("c", r#"{"n":3,"big":true}"#)]));
}

#[test]
fn more_documents_than_one_call_may_write_are_refused_with_their_number() {
    let mut network = device();
    let many: BTreeMap<String, Value> =
        (0..10_050).map(|n| (format!("d{n:05}"), json::parse_one(r#"{"n":1}"#).unwrap())).collect();
    put(&mut network, &many);
    for command in [update_many("{}", r#"{"$set":{"n":2}}"#), delete_many(r#"{"limit":10001}"#)] {
        let failure = ask(&mut network, command).unwrap_err();
        assert_eq!(failure.code, ErrorCode::UpdateTooMany);
        assert!(failure.message.contains("10050") || failure.message.contains("10001"), "{}", failure.message);
    }
    let Ok(Reply::Removed { ids, .. }) = ask(&mut network, delete_many(r#"{"limit":10000}"#)) else { panic!() };
    assert_eq!(ids.len(), 10_000);
    let Ok(Reply::Updated { matched, .. }) = ask(&mut network, update_many("{}", r#"{"$set":{"n":2}}"#)) else {
        panic!()
    };
    assert_eq!((matched, all(&mut network).len()), (50, 50));
}

#[test]
fn an_update_by_filter_that_breaks_a_unique_index_writes_nothing() {
    let mut network = device();
    let field = IndexField { path: "n".into(), descending: false, weight: None };
    let index = IndexSpec { name: "n".into(), fields: vec![field], unique: true, sparse: false, text: None };
    ask(&mut network, Command::DeclareIndexes { collection: COLLECTION.into(), indexes: vec![index] }).unwrap();
    let before = documents(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#), ("c", r#"{"n":3}"#)]);
    put(&mut network, &before);
    for command in [
        update_many(r#"{"filter":{"n":{"$gt":1}}}"#, r#"{"$set":{"n":9}}"#),
        write(vec![modify(&["a"], r#"{"$inc":{"n":1}}"#)]),
    ] {
        assert_eq!(ask(&mut network, command).unwrap_err().code, ErrorCode::IndexDuplicate);
        assert_eq!(all(&mut network), before);
    }
    // Values that pass from one document to the next are no duplicates.
    ask(&mut network, update_many("{}", r#"{"$inc":{"n":1}}"#)).unwrap();
    assert_eq!(all(&mut network), documents(&[("a", r#"{"n":2}"#), ("b", r#"{"n":3}"#), ("c", r#"{"n":4}"#)]));
}

#[test]
fn an_update_that_is_asked_again_after_a_crash_is_not_done_again() {
    for seed in 0..40 {
        let mut network = Network::seeded(seed);
        network.add_device("a");
        put(&mut network, &documents(&[("a", r#"{"n":0}"#), ("b", r#"{"n":0}"#)]));
        network.devices[0].answers.clear();
        network.ask(0, update_many(r#"{"filter":{"n":{"$lt":5}}}"#, r#"{"$inc":{"n":1}}"#), 2);
        for _ in 0..network.rng.below(4) {
            network.step();
        }
        network.crash(0, false);
        network.open(0);
        let answered = |network: &Network| network.devices[0].answers.iter().any(|(call, _)| call.mark == 2);
        assert!(network.run_until(60_000, answered), "seed {seed}");
        assert_eq!(all(&mut network), documents(&[("a", r#"{"n":1}"#), ("b", r#"{"n":1}"#)]), "seed {seed}");
    }
}

#[test]
fn modifiers_of_documents_that_a_page_holds_write_nothing() {
    let mut network = device();
    let apply = |documents: &str, modifiers: &str| Command::Apply {
        collection: COLLECTION.into(),
        ids: vec!["a".into(), "b".into()],
        documents: documents.into(),
        modifiers: modifiers.into(),
    };
    let reply = ask(&mut network, apply(r#"[{"n":1},{"n":{"$ashore":["bigint","4"]}}]"#, r#"{"$unset":{"m":""}}"#));
    let documents = r#"[{"n":1},{"n":{"$ashore":["bigint","4"]}}]"#.to_owned();
    assert_eq!(reply, Ok(Reply::Applied { documents, tagged: true, changed: vec![false, false] }));
    let failure = ask(&mut network, apply(r#"[{"n":1},{"n":"x"}]"#, r#"{"$inc":{"n":1}}"#)).unwrap_err();
    assert_eq!((failure.code, failure.id.as_deref()), (ErrorCode::UpdateNotApplicable, Some("b")));
    assert!(all(&mut network).is_empty());
}

/// A small document: few fields with few values, so that filters meet some of them.
fn any_document() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        (0u64..4).prop_map(Value::Uint),
        Just(Value::Null),
        "[ab]".prop_map(Value::String),
        prop::collection::vec((0u64..3).prop_map(Value::Uint), 0..3).prop_map(Value::List),
    ];
    prop::collection::btree_map("[xy]", value, 0..3).prop_map(Value::Map)
}

fn any_query() -> impl Strategy<Value = String> {
    let filters = [
        "{}",
        r#"{"x":1}"#,
        r#"{"x":{"$gt":0}}"#,
        r#"{"y":{"$in":[0,"a",null]}}"#,
        r#"{"$or":[{"x":2},{"y":"b"}]}"#,
        r#"{"x":null}"#,
    ];
    let sorts = ["[]", r#"[["x",1]]"#, r#"[["y",-1],["x",1]]"#, r#"[["x",-1]]"#];
    let limit = prop_oneof![Just(String::new()), (0u32..6).prop_map(|limit| format!(r#","limit":{limit}"#))];
    (prop::sample::select(filters.to_vec()), prop::sample::select(sorts.to_vec()), 0u32..3, limit).prop_map(
        |(filter, sort, offset, limit)| format!(r#"{{"filter":{filter},"sort":{sort},"offset":{offset}{limit}}}"#),
    )
}

fn parse(query: &str) -> Query {
    let Value::Map(parts) = json::parse_one(query).unwrap() else { panic!() };
    let number = |name: &str| match parts.get(name) {
        Some(Value::Uint(number)) => Some(*number as usize),
        _ => None,
    };
    Query {
        filter: Filter::parse(&parts["filter"]).unwrap(),
        sort: Sort::parse(&parts["sort"]).unwrap(),
        offset: number("offset").unwrap_or(0),
        limit: number("limit"),
        select: None,
    }
}

fn brute(query: &str, documents: &BTreeMap<String, Value>) -> Vec<(String, Value)> {
    let all = documents.iter().map(|(id, value)| (DocumentId::parse(id).unwrap(), value.clone()));
    parse(query).run(all).into_iter().map(|(id, value)| (id.to_string(), value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever a transaction has put and deleted, in whatever order and pages it asks, with indexes or without.
    #[test]
    fn every_page_within_a_transaction_is_what_brute_force_finds(
        stored in prop::collection::btree_map("[a-f]", any_document(), 0..6),
        own in prop::collection::btree_map("[a-h]", prop::option::of(any_document()), 0..6),
        queries in prop::collection::vec(any_query(), 6),
        page in 0u32..4,
        indexed: bool,
    ) {
        let mut network = device();
        if indexed {
            let index = |path: &str, descending| IndexSpec {
                name: path.into(),
                fields: vec![IndexField { path: path.into(), descending, weight: None }],
                unique: false,
                sparse: false,
                text: None,
            };
            let indexes = vec![index("x", false), index("y", true)];
            ask(&mut network, Command::DeclareIndexes { collection: COLLECTION.into(), indexes }).unwrap();
        }
        put(&mut network, &stored);
        network.run_ms(1_000);
        let mut seen = stored.clone();
        let mut within = Overlay::default();
        let mut values = Vec::new();
        for (id, value) in &own {
            match value {
                Some(value) => {
                    seen.insert(id.clone(), value.clone());
                    within.ids.push(id.clone());
                    values.push(value);
                }
                None => {
                    seen.remove(id);
                    within.absent.push(id.clone());
                }
            }
        }
        within.documents = texts(values.into_iter());
        for query in &queries {
            let expected = brute(query, &seen);
            prop_assert_eq!(&found(&mut network, query, page, Some(&within)), &expected, "{}", query);
            let (collection, query, within) = (COLLECTION.to_owned(), query.clone(), Some(within.clone()));
            let count = ask(&mut network, Command::Count { collection, query, within });
            prop_assert_eq!(count, Ok(Reply::Count { count: expected.len() as u64, corrupt: vec![] }));
        }
        prop_assert_eq!(&all(&mut network), &stored);
    }

    /// An update by filter does what finding, modifying and putting one by one would.
    #[test]
    fn an_update_by_filter_is_what_brute_force_makes(
        stored in prop::collection::btree_map("[a-h]", any_document(), 0..8),
        query in any_query(),
        modifiers in prop::sample::select(vec![
            r#"{"$set":{"x":2}}"#, r#"{"$unset":{"y":1}}"#, r#"{"$rename":{"x":"y"}}"#, r#"{"$set":{"z.w":[1]},"$unset":{"x":1}}"#,
        ]),
    ) {
        let mut network = device();
        put(&mut network, &stored);
        let parsed = Modifiers::parse(&json::parse_one(modifiers).unwrap()).unwrap();
        let mut expected = stored.clone();
        let matching = brute(&query, &stored);
        for (id, value) in &matching {
            expected.insert(id.clone(), parsed.apply(value).unwrap());
        }
        let Ok(Reply::Updated { matched, ids, .. }) = ask(&mut network, update_many(&query, modifiers)) else { panic!() };
        prop_assert_eq!(matched, matching.len() as u64);
        let different: Vec<_> = matching.iter().filter(|(id, value)| expected[id] != *value).map(|(id, _)| id.clone()).collect();
        prop_assert_eq!(ids, different);
        prop_assert_eq!(all(&mut network), expected);
    }
}
