//! Queries of a running engine: every answer, page by page, is that of a query over the documents one by one.

use ashore_engine::api::{Command, Durability, ErrorCode, Failure, IndexField, IndexSpec, Outcome, Reply, Write};
use ashore_engine::document::{DocumentId, Value, json};
use ashore_engine::query::{Filter, Projection, Query, Sort};
use ashore_engine::testing::Network;
use proptest::prelude::*;

const COLLECTION: &str = "notes";

fn ask(network: &mut Network, command: Command) -> Outcome {
    network.devices[0].answers.clear();
    network.ask(0, command, 1);
    assert!(network.run_until(60_000, |network| !network.devices[0].answers.is_empty()), "no answer");
    network.devices[0].answers.pop().unwrap().1
}

fn ok(network: &mut Network, command: Command) -> Reply {
    match ask(network, command) {
        Outcome::Ok(reply) => reply,
        Outcome::Failed(failure) => panic!("{failure}"),
    }
}

fn refused(network: &mut Network, query: &str) -> Failure {
    match ask(network, find(query, None, 0)) {
        Outcome::Failed(failure) => failure,
        Outcome::Ok(reply) => panic!("{reply:?}"),
    }
}

fn put(network: &mut Network, documents: &[(String, String)]) {
    let ids: Vec<String> = documents.iter().map(|(id, _)| id.clone()).collect();
    let bases = vec![None; ids.len()];
    let texts: Vec<&str> = documents.iter().map(|(_, text)| text.as_str()).collect();
    let write = Write::Put { collection: COLLECTION.into(), ids, documents: format!("[{}]", texts.join(",")), bases };
    ok(network, Command::Write { writes: vec![write], durability: Durability::Relaxed, split: true });
}

fn find(query: &str, after: Option<String>, page: u32) -> Command {
    Command::Find { collection: COLLECTION.into(), query: query.to_owned(), after, page, within: None }
}

/// All pages of an answer: ids, and the documents' texts.
fn found(network: &mut Network, query: &str, page: u32) -> (Vec<String>, Vec<Value>) {
    let (mut all_ids, mut all, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let reply = ok(network, find(query, after.take(), page));
        let Reply::Found { ids, documents, versions, corrupt, next, .. } = reply else { panic!("{reply:?}") };
        assert_eq!((ids.len(), corrupt.len()), (versions.len(), 0));
        assert!(page == 0 || ids.len() <= page as usize);
        all.extend(json::parse_many(&documents).unwrap());
        all_ids.extend(ids);
        match next {
            Some(next) => after = Some(next),
            None => return (all_ids, all),
        }
    }
}

fn count(network: &mut Network, query: &str) -> u64 {
    match ok(network, Command::Count { collection: COLLECTION.into(), query: query.to_owned(), within: None }) {
        Reply::Count { count, .. } => count,
        other => panic!("{other:?}"),
    }
}

fn index(name: &str, paths: &[&str], sparse: bool) -> IndexSpec {
    let field = |path: &&str| match path.strip_prefix('-') {
        Some(path) => IndexField { path: path.to_owned(), descending: true, weight: None },
        None => IndexField { path: (*path).to_owned(), descending: false, weight: None },
    };
    IndexSpec { name: name.to_owned(), fields: paths.iter().map(field).collect(), unique: false, sparse, text: None }
}

/// Declares these indexes and waits until they are built.
fn declare(network: &mut Network, indexes: &[IndexSpec]) {
    ok(network, Command::DeclareIndexes { collection: COLLECTION.into(), indexes: indexes.to_vec() });
    for _ in 0..1_000 {
        let reply = ok(network, Command::Indexes { collection: COLLECTION.into() });
        let Reply::Indexes { indexes } = reply else { panic!("{reply:?}") };
        if indexes.iter().all(|index| index.ready) {
            return;
        }
        network.run_ms(10);
    }
    panic!("the indexes are not built");
}

/// Which index a query reads, in how many ranges, and whether in the order asked for.
fn plan(network: &mut Network, query: &str) -> (Option<String>, u32, bool) {
    match ok(network, Command::Explain { collection: COLLECTION.into(), query: query.to_owned() }) {
        Reply::Plan { index, ranges, in_order } => (index, ranges, in_order),
        other => panic!("{other:?}"),
    }
}

fn device_with(documents: &[(&str, &str)]) -> Network {
    let mut network = Network::seeded(7);
    network.add_device("a");
    let documents: Vec<_> = documents.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
    put(&mut network, &documents);
    network
}

#[test]
fn a_filter_an_order_a_limit_and_a_selection_work_together() {
    let documents = [
        ("milk", r#"{"title":"Milk","due":3,"done":false}"#),
        ("bread", r#"{"title":"Bread","due":1,"done":false}"#),
        ("soap", r#"{"title":"Soap","due":2,"done":true}"#),
        ("tea", r#"{"title":"Tea","due":5,"done":false}"#),
    ];
    let mut network = device_with(&documents);
    let query = r#"{"filter":{"done":false,"due":{"$lt":5}},"sort":[["due",-1]],"limit":1,"select":["title"]}"#;
    let (ids, found) = found(&mut network, query, 0);
    assert_eq!(ids, ["milk"]);
    assert_eq!(found, [json::parse_one(r#"{"title":"Milk"}"#).unwrap()]);
    assert_eq!(count(&mut network, r#"{"filter":{"done":false}}"#), 3);
    assert_eq!(count(&mut network, r#"{"filter":{"done":false},"offset":1,"limit":1}"#), 1);
}

#[test]
fn what_was_deleted_or_never_there_is_not_found() {
    let mut network = device_with(&[("a", r#"{"n":1}"#), ("b", r#"{"n":2}"#)]);
    let delete = Write::Delete { collection: COLLECTION.into(), ids: vec!["a".into()] };
    ok(&mut network, Command::Write { writes: vec![delete], durability: Durability::Relaxed, split: false });
    assert_eq!(found(&mut network, "{}", 0).0, ["b"]);
    assert_eq!(count(&mut network, "{}"), 1);
    let elsewhere = Command::Count { collection: "nowhere".into(), query: "{}".into(), within: None };
    assert_eq!(ok(&mut network, elsewhere), Reply::Count { count: 0, corrupt: vec![] });
}

#[test]
fn a_limit_of_none_finds_nothing_and_reads_nothing_on() {
    let mut network = device_with(&[("a", r#"{"n":1}"#)]);
    assert_eq!(found(&mut network, r#"{"limit":0}"#, 0).0, [""; 0]);
    assert_eq!(count(&mut network, r#"{"limit":0}"#), 0);
    assert_eq!(found(&mut network, r#"{"offset":9007199254740991,"limit":9007199254740991}"#, 3).0, [""; 0]);
}

#[test]
fn a_query_that_cannot_be_understood_says_where_and_why() {
    let mut network = device_with(&[]);
    let failure = refused(&mut network, r#"{"filter":{"$or":[{"due":{"$after":3}}]}}"#);
    assert_eq!(failure.code, ErrorCode::QueryInvalid);
    let mistake = failure.query.unwrap();
    assert_eq!((mistake.path.as_str(), mistake.operator.as_deref()), ("$or[0].due", Some("$after")));
    assert_eq!(mistake.reason, "there is no such operator");
    for (query, path) in
        [(r#"{"limit":-1}"#, "limit"), (r#"{"offset":0.5}"#, "offset"), (r#"{"sort":["due"]}"#, "sort[0]")]
    {
        let failure = refused(&mut network, query);
        assert_eq!((failure.code, failure.query.unwrap().path.as_str()), (ErrorCode::QueryInvalid, path), "{query}");
    }
    for query in ["", "[]", r#"{"where":{}}"#] {
        assert_eq!(refused(&mut network, query).code, ErrorCode::RequestInvalid, "{query}");
    }
}

#[test]
fn a_page_of_large_documents_ends_before_it_is_too_large_and_none_is_lost() {
    let mut network = device_with(&[]);
    let filler = "x".repeat(900_000);
    for n in 0..12 {
        put(&mut network, &[(format!("d{n:02}"), format!(r#"{{"n":{n},"text":"{filler}"}}"#))]);
    }
    for query in ["{}", r#"{"sort":[["n",1]]}"#] {
        let reply = ok(&mut network, find(query, None, 0));
        let Reply::Found { ids, next, .. } = reply else { panic!("{reply:?}") };
        assert!(ids.len() < 6 && next.is_some(), "{} in one page", ids.len());
        let all: Vec<String> = (0..12).map(|n| format!("d{n:02}")).collect();
        assert_eq!(found(&mut network, query, 0).0, all);
    }
}

#[test]
fn a_query_reads_the_index_that_serves_it_best() {
    let documents: Vec<(String, String)> =
        (0..50).map(|n| (format!("d{n:02}"), format!(r#"{{"a":{},"b":{},"c":["x","y{n}"]}}"#, n % 5, n))).collect();
    let mut network = device_with(&[]);
    put(&mut network, &documents);
    let indexes = [
        index("a", &["a"], false),
        index("a-b", &["a", "-b"], false),
        index("b", &["b"], false),
        index("c", &["c"], false),
        index("sparse", &["d"], true),
    ];
    declare(&mut network, &indexes);
    for (query, wanted) in [
        (r#"{"filter":{"a":1}}"#, (Some("a"), 1, true)),
        (r#"{"filter":{"a":{"$in":[1,3]}}}"#, (Some("a-b"), 2, false)),
        (r#"{"filter":{"a":1},"sort":[["b",-1]],"limit":3}"#, (Some("a-b"), 1, true)),
        (r#"{"filter":{"a":1,"b":{"$gt":10}}}"#, (Some("a-b"), 1, false)),
        (r#"{"filter":{"b":{"$gte":10,"$lt":20}},"sort":[["b",1]]}"#, (Some("b"), 1, true)),
        (r#"{"sort":[["b",1]],"limit":5}"#, (Some("b"), 1, true)),
        (r#"{"sort":[["b",-1]],"limit":5}"#, (None, 0, false)),
        (r#"{"filter":{"c":"x"}}"#, (Some("c"), 1, false)),
        (r#"{"filter":{"d":3}}"#, (Some("sparse"), 1, true)),
        (r#"{"filter":{"d":null}}"#, (None, 0, true)),
        (r#"{"filter":{"a":{"$ne":1}},"sort":[["b",-1]]}"#, (None, 0, false)),
        (r#"{"filter":{"$or":[{"a":1},{"b":2}]}}"#, (None, 0, true)),
    ] {
        let (index, ranges, in_order) = plan(&mut network, query);
        assert_eq!((index.as_deref(), ranges, in_order), wanted, "{query}");
    }
    assert_eq!(found(&mut network, r#"{"filter":{"a":1},"sort":[["b",-1]],"limit":3}"#, 0).0, ["d46", "d41", "d36"]);
    assert_eq!(count(&mut network, r#"{"filter":{"c":"x"}}"#), 50);
}

#[test]
fn a_document_that_an_index_keeps_apart_is_found_all_the_same() {
    let long = "x".repeat(2_000);
    let mut network = device_with(&[("a", r#"{"a":"w"}"#), ("b", r#"{"a":"y"}"#)]);
    declare(&mut network, &[index("a", &["a"], false)]);
    put(&mut network, &[("apart".to_owned(), format!(r#"{{"a":"{long}"}}"#))]);
    let equal = format!(r#"{{"filter":{{"a":"{long}"}}}}"#);
    assert_eq!(plan(&mut network, &equal).0.as_deref(), Some("a"));
    assert_eq!(found(&mut network, &equal, 0).0, ["apart"]);
    let range = r#"{"filter":{"a":{"$gt":"v"}},"sort":[["a",1]]}"#;
    assert_eq!(plan(&mut network, range).0.as_deref(), Some("a"));
    for page in [0, 1] {
        assert_eq!(found(&mut network, range, page).0, ["a", "apart", "b"]);
    }
    assert_eq!(count(&mut network, range), 3);
}

#[test]
fn a_query_reads_on_behind_rows_that_a_write_under_way_has_taken_away() {
    let mut network = device_with(&[]);
    let documents: Vec<_> = (0..3_000).map(|n| (format!("d{n:04}"), format!(r#"{{"a":{}}}"#, n / 1_500))).collect();
    put(&mut network, &documents);
    declare(&mut network, &[index("a", &["a"], false)]);
    for round in 0..20 {
        network.devices[0].answers.clear();
        // While the first is being committed the second waits for it, and the third is read beside both.
        for (mark, id) in ["x", "y"].iter().enumerate() {
            let (ids, documents) = (vec![(*id).to_owned()], format!(r#"[{{"n":{round}}}]"#));
            let write = Write::Put { collection: "others".into(), ids, documents, bases: vec![None] };
            let write = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false };
            network.ask(0, write, mark as u64);
            if mark == 0 {
                network.run_ms(1);
                let modifiers = format!(r#"{{"$set":{{"a":{}}}}}"#, 5 + round);
                let filter = if round == 0 { 0 } else { 4 + round };
                let (collection, query) = (COLLECTION.to_owned(), format!(r#"{{"filter":{{"a":{filter}}}}}"#));
                network.ask(
                    0,
                    Command::UpdateMany { collection, query, modifiers, durability: Durability::Relaxed },
                    7,
                );
            }
        }
        let (collection, query) = (COLLECTION.to_owned(), r#"{"filter":{"a":{"$gte":0}}}"#.to_owned());
        network.ask(0, Command::Count { collection, query, within: None }, 2);
        assert!(network.run_until(60_000, |network| network.devices[0].answers.len() == 4), "no answers");
        let counted = network.devices[0].answers.iter().find(|(call, _)| call.mark == 2).map(|(_, outcome)| outcome);
        assert_eq!(counted, Some(&Outcome::Ok(Reply::Count { count: 3_000, corrupt: vec![] })), "round {round}");
    }
}

fn indexes() -> impl Strategy<Value = Vec<IndexSpec>> {
    let some = [
        index("a", &["a"], false),
        index("-b", &["-b"], false),
        index("a,-b", &["a", "-b"], false),
        index("-a,b", &["-a", "b"], false),
        index("c,a", &["c", "a"], false),
        index("sparse a", &["a"], true),
        index("b,c,a", &["b", "-c", "a"], false),
        index("sparse c,b", &["c", "b"], true),
    ];
    proptest::sample::subsequence(some.to_vec(), 0..5)
}

fn documents() -> impl Strategy<Value = Vec<String>> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        (-3i64..4).prop_map(|n| n.to_string()),
        "[ab]{0,2}".prop_map(|text| format!("{text:?}")),
        any::<bool>().prop_map(|bool| bool.to_string()),
    ];
    let list = proptest::collection::vec(scalar.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(",")));
    let field = prop_oneof![4 => scalar, 1 => list].prop_map(Some);
    let field = prop_oneof![5 => field, 1 => Just(None)];
    let document = proptest::collection::vec(field, 3).prop_map(|fields| {
        let fields = ["a", "b", "c"].iter().zip(fields).filter_map(|(key, value)| Some(format!("{key:?}:{}", value?)));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    });
    proptest::collection::vec(document, 0..30)
}

fn query_texts() -> impl Strategy<Value = (String, u32)> {
    let condition = prop_oneof![
        (-2i64..3).prop_map(|n| format!("{{\"$gte\":{n}}}")),
        (-2i64..3).prop_map(|n| format!("{{\"$lt\":{n}}}")),
        (-2i64..3).prop_map(|n| n.to_string()),
        Just("null".to_owned()),
        Just("{\"$ne\":null}".to_owned()),
        Just("{\"$in\":[1,\"a\",true]}".to_owned()),
        Just("{\"$exists\":true}".to_owned()),
        "[ab]".prop_map(|text| format!("{{\"$regex\":\"^{text}\"}}")),
    ];
    let filter = proptest::collection::vec((prop_oneof![Just("a"), Just("b"), Just("c")], condition), 0..3);
    let filter = filter.prop_map(|parts| {
        let parts: Vec<String> = parts.iter().map(|(path, condition)| format!("{{{path:?}:{condition}}}")).collect();
        if parts.is_empty() { "{}".to_owned() } else { format!("{{\"$and\":[{}]}}", parts.join(",")) }
    });
    let sort = prop_oneof![
        Just("[]"),
        Just("[[\"a\",1]]"),
        Just("[[\"b\",-1]]"),
        Just("[[\"a\",-1],[\"b\",1]]"),
        Just("[[\"c\",1],[\"a\",1]]"),
    ];
    let parts = (filter, sort, 0usize..5, proptest::option::of(0usize..12), any::<bool>(), 0u32..7);
    parts.prop_map(|(filter, sort, offset, limit, select, page)| {
        let limit = limit.map_or(String::new(), |limit| format!(",\"limit\":{limit}"));
        let select = if select { ",\"select\":[\"a\",\"c\"]" } else { "" };
        (format!("{{\"filter\":{filter},\"sort\":{sort},\"offset\":{offset}{limit}{select}}}"), page)
    })
}

/// The same query, understood and run over the documents one by one.
fn brute_force(query: &str, documents: &[(DocumentId, Value)]) -> Vec<(DocumentId, Value)> {
    let Value::Map(parts) = json::parse_one(query).unwrap() else { panic!("{query}") };
    let whole = |name: &str| match parts.get(name) {
        Some(Value::Uint(number)) => Some(usize::try_from(*number).unwrap()),
        _ => None,
    };
    let query = Query {
        filter: Filter::parse(&parts["filter"]).unwrap(),
        sort: Sort::parse(&parts["sort"]).unwrap(),
        offset: whole("offset").unwrap(),
        limit: whole("limit"),
        select: parts.get("select").map(|select| Projection::parse(select).unwrap()),
    };
    query.run(documents.iter().cloned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_page_of_every_query_is_what_brute_force_finds(
        texts in documents(),
        before in documents(),
        indexes in indexes(),
        built_late in any::<bool>(),
        queries in proptest::collection::vec(query_texts(), 25),
    ) {
        let named = |texts: Vec<String>| -> Vec<(String, String)> {
            texts.into_iter().enumerate().map(|(at, text)| (format!("id{at:02}"), text)).collect()
        };
        let (before, mut documents) = (named(before), named(texts));
        let mut network = Network::seeded(11);
        network.add_device("a");
        if !built_late {
            declare(&mut network, &indexes);
        }
        put(&mut network, &before);
        put(&mut network, &documents);
        declare(&mut network, &indexes);
        documents.extend(before.into_iter().skip(documents.len()));
        let values: Vec<(DocumentId, Value)> = documents
            .iter()
            .map(|(id, text)| (DocumentId::parse(id).unwrap(), json::parse_one(text).unwrap()))
            .collect();
        for (query, page) in queries {
            let wanted = brute_force(&query, &values);
            let wanted: (Vec<String>, Vec<Value>) = wanted.into_iter().map(|(id, value)| (id.to_string(), value)).unzip();
            prop_assert_eq!(found_paged(&mut network, &query, page), wanted.clone(), "{} by {}", query, page);
            prop_assert_eq!(count(&mut network, &query), wanted.0.len() as u64, "{}", query);
        }
    }
}

/// As a page does it: offset and limit of later pages are what is left of them.
fn found_paged(network: &mut Network, query: &str, page: u32) -> (Vec<String>, Vec<Value>) {
    let Value::Map(mut parts) = json::parse_one(query).unwrap() else { panic!("{query}") };
    let (mut ids, mut documents, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let mut text = String::new();
        json::write_value(&Value::Map(parts.clone()), &mut text).unwrap();
        let reply = ok(network, find(&text, after.take(), page));
        let Reply::Found { ids: more, documents: found, next, .. } = reply else { panic!("{reply:?}") };
        documents.extend(json::parse_many(&found).unwrap());
        if let Some(Value::Uint(left)) = parts.get_mut("limit") {
            *left -= more.len() as u64;
        }
        parts.insert("offset".into(), Value::Uint(0));
        ids.extend(more);
        match next {
            Some(next) => after = Some(next),
            None => return (ids, documents),
        }
    }
}
