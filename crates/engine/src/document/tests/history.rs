//! A document's changes one by one, and its conflicts.

use super::replica::{Replica, value};
use crate::document::edit::EditError;
use crate::document::history::{self, Claim, Conflict, Kind, Moment, Step};
use crate::document::{Value, Version, json};

fn moments(replica: &Replica) -> Vec<Moment> {
    let (moments, more) = page(replica, None, 1_000);
    assert!(!more);
    moments
}

fn page(replica: &Replica, before: Option<&Version>, limit: usize) -> (Vec<Moment>, bool) {
    let chunks: Vec<_> = replica.chunks.values().map(Vec::as_slice).collect();
    history::history(&chunks, before, limit).unwrap()
}

fn conflicts(replica: &Replica) -> Vec<Conflict> {
    replica.with_current(|current| history::conflicts(current.unwrap(), 1_000)).unwrap().0
}

#[test]
fn each_change_is_a_moment_with_its_writer_kind_and_fields() {
    let mut alice = Replica::with(1, r#"{"title":"Milk","tags":[],"more":{"deep":[{"x":1}]}}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"title":"Milk","tags":["a"],"more":{"deep":[{"x":2}]}}"#);
    alice.exchange(&mut bob);
    alice.put(r#"{"title":"Oat milk","tags":["a"],"more":{"deep":[{"x":2}]}}"#);
    alice.undo();
    alice.redo();
    alice.delete();
    let told: Vec<_> = moments(&alice)
        .iter()
        .map(|moment| (moment.writer.unwrap()[0], moment.kind, moment.fields.join(" ")))
        .collect();
    let expected = [
        (1, Kind::Delete, ""),
        (1, Kind::Redo, "title"),
        (1, Kind::Undo, "title"),
        (1, Kind::Put, "title"),
        (2, Kind::Put, "more tags"),
        (1, Kind::Put, "more tags title"),
    ];
    assert_eq!(told, expected.map(|(who, kind, fields)| (who, kind, fields.to_owned())));
}

#[test]
fn the_version_of_a_moment_is_the_document_as_its_writer_saw_it() {
    let mut alice = Replica::with(1, r#"{"n":0}"#);
    for n in 1..5 {
        alice.put(&format!(r#"{{"n":{n}}}"#));
    }
    alice.delete();
    let seen: Vec<_> = moments(&alice)
        .iter()
        .map(|moment| match alice.value_at(&moment.version) {
            Value::Null => "none".to_owned(),
            document => json::write_text(&document.encode().unwrap()).unwrap(),
        })
        .collect();
    assert_eq!(seen, ["none", r#"{"n":4}"#, r#"{"n":3}"#, r#"{"n":2}"#, r#"{"n":1}"#, r#"{"n":0}"#]);
}

#[test]
fn pages_follow_one_another_to_the_first_change() {
    let mut alice = Replica::with(1, r#"{"n":0}"#);
    for n in 1..100 {
        alice.put(&format!(r#"{{"n":{n}}}"#));
    }
    let all = moments(&alice);
    let mut paged: Vec<Moment> = vec![];
    loop {
        let (mut some, more) = page(&alice, paged.last().map(|moment| &moment.version), 7);
        assert!(some.len() <= 7);
        paged.append(&mut some);
        if !more {
            break;
        }
    }
    assert_eq!(paged, all);
    assert_eq!(all.len(), 100);
    let chunks: Vec<_> = alice.chunks.values().map(Vec::as_slice).collect();
    let unknown = Version::parse("AAECAwQFBgc").unwrap();
    assert_eq!(history::history(&chunks, Some(&unknown), 7), Err(EditError::UnknownVersion));
}

#[test]
fn fields_that_writers_set_apart_are_conflicts_until_somebody_sets_them_again() {
    let mut alice = Replica::with(1, r#"{"a":0,"m":{"x":[0,1]},"same":0,"free":0}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"a":"alice","m":{"x":[0,{"by":"alice"}]},"same":1,"free":1}"#);
    bob.put(r#"{"a":"bob","m":{"x":[0,"bob"]},"same":1,"free":0}"#);
    alice.exchange(&mut bob);
    let found = conflicts(&alice);
    assert_eq!(found, conflicts(&bob), "devices agree");
    let paths: Vec<_> = found.iter().map(|conflict| conflict.path.clone()).collect();
    let key = |key: &str| Step::Key(key.to_owned());
    assert_eq!(paths, [vec![key("a")], vec![key("m"), key("x"), Step::Index(1)]]);
    let writer = |claim: &Claim| claim.writer.unwrap()[0];
    assert_eq!(found[0].values.iter().map(writer).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(found[0].values[1].value, Value::String("alice".into()));
    let in_list: Vec<_> = found[1].values.iter().map(|claim| claim.value.clone()).collect();
    assert!(in_list.contains(&value(r#"{"by":"alice"}"#)) && in_list.contains(&Value::String("bob".into())));
    let shown = alice.text();
    assert!(shown.contains(r#""a":"bob""#), "{shown}");
    let claimed = alice.value_at(&found[0].values[1].version);
    assert_eq!(claimed, value(r#"{"a":"alice","m":{"x":[0,{"by":"alice"}]},"same":1,"free":1}"#));

    let both = shown.replacen("bob", "both", 1);
    alice.put(&both);
    assert_eq!(conflicts(&alice).len(), 1, "the list is not settled");
    alice.exchange(&mut bob);
    assert_eq!(conflicts(&bob).len(), 1);
    alice.delete();
    assert_eq!(conflicts(&alice), []);
}

#[test]
fn a_documents_conflicts_are_counted_up_to_a_limit() {
    let mut alice = Replica::with(1, "{}");
    let mut bob = alice.fork(2);
    let document = |by: &str| {
        let fields: Vec<_> = (0..20).map(|n| format!(r#""f{n}":"{by}""#)).collect();
        format!("{{{}}}", fields.join(","))
    };
    alice.put(&document("alice"));
    bob.put(&document("bob"));
    alice.exchange(&mut bob);
    let limited = |limit| alice.with_current(|current| history::conflicts(current.unwrap(), limit)).unwrap();
    assert_eq!((limited(7).0.len(), limited(7).1), (7, true));
    assert_eq!((limited(20).0.len(), limited(20).1), (20, false));
}
