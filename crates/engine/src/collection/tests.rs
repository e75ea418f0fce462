//! Laws of the two parts of a document, over random values and declarations.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::crypto::Key;
use crate::document::version::Seen;
use crate::document::{Value, json};
use proptest::prelude::*;

fn parse(text: &str) -> Value {
    json::parse_one(text).unwrap()
}

fn declared(travels: Travels) -> Declared {
    Declared { number: 7, travels, deletes: true }
}

fn fields(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn except(texts: &[&str]) -> Declared {
    declared(Travels::new(false, &fields(texts), None).unwrap())
}

fn only(texts: &[&str]) -> Declared {
    declared(Travels::new(false, &[], Some(&fields(texts))).unwrap())
}

fn key() -> Key {
    Key::new([5; 32])
}

fn value(depth: u32) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![any::<bool>().prop_map(Value::Bool), (0u64..4).prop_map(Value::Uint)];
    let name = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(str::to_owned);
    let tree = leaf.prop_recursive(depth, 24, 3, move |inner| {
        let map = proptest::collection::btree_map(name.clone(), inner.clone(), 0..4).prop_map(Value::Map);
        prop_oneof![3 => map, 1 => proptest::collection::vec(inner, 0..3).prop_map(Value::List)]
    });
    tree.boxed()
}

fn document() -> BoxedStrategy<Value> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(str::to_owned);
    proptest::collection::btree_map(name, value(3), 0..4).prop_map(Value::Map).boxed()
}

fn declaration() -> BoxedStrategy<Declared> {
    let path = prop_oneof![Just("a"), Just("b"), Just("a.b"), Just("a.b.c"), Just("b.a"), Just("c.c")];
    let paths = proptest::collection::vec(path.prop_map(str::to_owned), 0..4);
    let travels = (0..4, paths).prop_map(|(kind, paths)| match kind {
        0 => Travels::All,
        1 => Travels::new(false, &paths, None).unwrap(),
        2 => Travels::new(false, &[], Some(&paths)).unwrap(),
        _ => Travels::Nothing,
    });
    travels.prop_map(declared).boxed()
}

proptest! {
    #[test]
    fn two_parts_laid_over_each_other_are_the_document(declared in declaration(), document in document()) {
        let (travels, stays) = declared.split(&document);
        prop_assert_eq!(declared.overlay(&travels, &stays), document.clone());
        prop_assert!(!declared.is_tainted(&travels), "what travels holds nothing that stays");
        prop_assert_eq!(declared.stays_in(&document, &travels), stays);
    }

    #[test]
    fn others_never_change_what_is_shown_of_a_field_that_stays(
        declared in declaration(), mine in document(), theirs in document(),
    ) {
        let (_, stays) = declared.split(&mine);
        let shown = declared.overlay(&theirs, &stays);
        // A field whose way others have made impassable is not shown; it is not theirs either.
        prop_assert!(is_part(&declared.stays_in(&shown, &theirs), &stays) || matches!(declared.travels, Travels::Only(_)));
    }

    #[test]
    fn what_a_put_lets_travel_holds_nothing_that_stays(
        was in declaration(), now in declaration(), before in document(), new in document(),
    ) {
        let (travels, stays) = was.split(&before);
        let seen = was.seen(&stays, &key());
        let held = Held { travels: travels.clone(), stays: Some(stays), shown: true };
        let put = now.put(&was, &held, &travels, Some(&seen), &new, &key());
        if let Some(after) = &put.travels {
            // What stands there at a field that stays was there before.
            let (_, before) = now.split(&travels);
            let (_, after) = now.split(after);
            prop_assert!(is_part(&after, &before));
        }
        // Nothing moved meanwhile, so the caller reads what it put; but for an empty object around what others left there.
        let travels = put.travels.unwrap_or(travels);
        prop_assert_eq!(without_empty(now.overlay(&travels, &put.stays)), without_empty(new));
    }

    #[test]
    fn declarations_are_read_as_they_were_written(all in proptest::collection::vec(declaration(), 0..5)) {
        let mut declarations = Declarations::default();
        for declared in all {
            declarations.declare(declared.travels.clone(), declared.deletes).unwrap();
            prop_assert_eq!(&declarations.current().travels, &declared.travels);
            prop_assert!(!declarations.declare(declared.travels, declared.deletes).unwrap());
        }
        prop_assert_eq!(Declarations::decode(&declarations.encode()).unwrap(), declarations);
    }

    #[test]
    fn no_bytes_make_a_reader_of_declarations_panic(bytes: Vec<u8>) {
        let _ = Declarations::decode(&bytes);
    }
}

/// Without the fields that hold nothing but objects around nothing.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Map(map) => {
            let fields = map.into_iter().map(|(key, value)| (key, without_empty(value)));
            Value::Map(fields.filter(|(_, value)| *value != Value::empty()).collect())
        }
        value => value,
    }
}

/// Whether every field of `part` stands in `whole` too. Objects around nothing are the way to what travels.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Map(part), Value::Map(whole)) => part.iter().all(|(key, value)| match whole.get(key) {
            Some(whole) => is_part(value, whole),
            None => is_part(value, &Value::empty()),
        }),
        (part, whole) => part == whole,
    }
}

#[test]
fn a_list_on_the_way_to_a_field_that_stays_stays_whole() {
    let (travels, stays) = except(&["accounts.password"]).split(&parse(r#"{"accounts":[{"password":"p"}],"n":1}"#));
    assert_eq!((travels, stays), (parse(r#"{"n":1}"#), parse(r#"{"accounts":[{"password":"p"}]}"#)));
}

#[test]
fn a_field_inside_another_is_named_by_the_outer_one() {
    assert_eq!(except(&["a.b", "a", "a.c"]).travels, except(&["a"]).travels);
    assert_eq!(except(&["ab", "a"]).travels.fields().len(), 2);
}

#[test]
fn a_first_put_where_only_some_fields_travel_lets_nothing_travel() {
    let items = only(&["read"]);
    let held = Held { travels: parse(r#"{"read":true}"#), stays: None, shown: false };
    let new = parse(r#"{"read":false,"title":"t"}"#);
    let put = items.put(&items, &held, &held.travels, Some(&Seen::Nothing), &new, &key());
    assert_eq!(put, New { travels: None, stays: new });
    assert_eq!(items.overlay(&held.travels, &put.stays), parse(r#"{"read":true,"title":"t"}"#));
}

#[test]
fn a_digest_tells_nothing_without_the_key() {
    let accounts = except(&["password"]);
    let stays = parse(r#"{"password":"p"}"#);
    assert_ne!(accounts.seen(&stays, &key()), accounts.seen(&stays, &Key::new([6; 32])));
    assert_eq!(accounts.seen(&stays, &key()), accounts.seen(&stays, &key()));
}

#[test]
fn a_document_with_many_fields_is_replaced_by_a_put() {
    let local = declared(Travels::Nothing);
    let many = Value::Map((0..300).map(|n| (format!("f{n}"), Value::Uint(n))).collect());
    assert_eq!(local.seen(&many, &key()), Seen::Many);
    let held = Held { travels: Value::empty(), stays: Some(many), shown: true };
    let new = parse(r#"{"a":1}"#);
    assert_eq!(local.put(&local, &held, &Value::empty(), Some(&Seen::Many), &new, &key()).stays, new);
}
