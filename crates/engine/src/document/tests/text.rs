//! Collaborative texts: what several writers type is all there.

use proptest::prelude::*;

use super::replica::Replica;
use crate::document::text::difference;
use crate::document::{Value, Version};

fn body(text: &str) -> Value {
    Value::Map([("body".to_owned(), Value::Text(text.to_owned()))].into())
}

fn read(replica: &Replica) -> String {
    let Value::Map(map) = replica.state().unwrap().2 else { panic!("a document is a map") };
    let Value::Text(text) = &map["body"] else { panic!("it is a text: {map:?}") };
    text.clone()
}

fn with(actor: u8, text: &str) -> Replica {
    let mut replica = Replica::new(actor);
    replica.put_value(None, &body(text)).unwrap();
    replica
}

fn put(replica: &mut Replica, text: &str) {
    replica.put_value(None, &body(text)).unwrap();
}

fn put_copy(replica: &mut Replica, base: &Version, text: &str) -> Version {
    replica.try_put(Some(base), &body(text)).unwrap().0
}

#[test]
fn what_two_devices_type_at_once_is_all_there() {
    let mut alice = with(1, "milk and bread");
    let mut bob = alice.fork(2);
    put(&mut alice, "oat milk and bread");
    put(&mut bob, "milk and 🍞 butter");
    alice.exchange(&mut bob);
    assert_eq!(read(&alice), "oat milk and 🍞 butter");
}

#[test]
fn a_stale_copy_put_twice_neither_doubles_nor_reverts() {
    let mut alice = with(1, "milk");
    let first = alice.version();
    let mut bob = alice.fork(2);
    put(&mut bob, "milk, bread");
    alice.exchange(&mut bob);
    let second = put_copy(&mut alice, &first, "oat milk");
    assert_eq!(read(&alice), "oat milk, bread");
    assert_eq!(put_copy(&mut alice, &second, "oat milk"), second);
    assert_eq!(read(&alice), "oat milk, bread");
    let third = put_copy(&mut alice, &second, "oat milk!");
    assert!(["oat milk!, bread", "oat milk, bread!"].contains(&read(&alice).as_str()), "{}", read(&alice));
    put(&mut bob, "bread");
    alice.exchange(&mut bob);
    put_copy(&mut alice, &third, "oat!");
    assert_eq!(read(&alice).matches("bread").count(), 1);
    alice.exchange(&mut bob);
}

#[test]
fn a_string_over_a_text_and_a_text_over_a_string_are_set() {
    let mut alice = with(1, "milk");
    alice.put(r#"{"body":"plain"}"#);
    assert_eq!(alice.text(), r#"{"body":"plain"}"#);
    put(&mut alice, "text");
    let mut bob = alice.fork(2);
    put(&mut alice, "a text");
    put(&mut bob, "text of two");
    alice.exchange(&mut bob);
    assert_eq!(read(&bob), "a text of two");
}

#[test]
fn texts_in_lists_merge() {
    let list = |texts: [&str; 2]| {
        let texts = texts.map(|text| Value::Text(text.to_owned())).to_vec();
        Value::Map([("l".to_owned(), Value::List(texts))].into())
    };
    let mut alice = Replica::new(1);
    alice.put_value(None, &list(["one", "two"])).unwrap();
    let mut bob = alice.fork(2);
    alice.put_value(None, &list(["one", "two a"])).unwrap();
    bob.put_value(None, &list(["b one", "b two"])).unwrap();
    alice.exchange(&mut bob);
    assert_eq!(alice.state().unwrap().2, list(["b one", "b two a"]));
}

#[test]
fn a_long_text_that_changes_everywhere_is_compared_in_time() {
    let text = |step: u32, words: u32| -> String {
        let letter = |n: u32| char::from(b'a' + (n.wrapping_mul(step) / 7).wrapping_mul(31) as u8 % 26);
        (0..200_000).map(|n| if n % words == 0 { ' ' } else { letter(n) }).collect()
    };
    for words in [6, 300_000] {
        let (old, new) = (text(7, words), text(13, words));
        assert_eq!(apply(&old, &new), new);
    }
}

#[test]
fn two_small_changes_of_a_long_line_are_found_apart() {
    let old: String = (0..20_000).map(|n| format!("word{n} ")).collect();
    let new = old.replacen("word100 ", "word 100 ", 1).replacen("word19900", "Word19900", 1);
    let splices = difference(&old, &new);
    assert_eq!(splices.len(), 2, "{splices:?}");
    assert!(splices.iter().all(|splice| splice.delete + splice.insert.len() <= 4), "{splices:?}");
    assert_eq!(apply(&old, &new), new);
}

/// `old` after the difference to `new`.
fn apply(old: &str, new: &str) -> String {
    let before: Vec<u16> = old.encode_utf16().collect();
    let (mut after, mut at) = (Vec::new(), 0);
    for splice in difference(old, new) {
        assert!(splice.at >= at && (!splice.insert.is_empty() || splice.delete > 0));
        after.extend_from_slice(&before[at..splice.at]);
        after.extend(splice.insert.encode_utf16());
        at = splice.at + splice.delete;
    }
    after.extend_from_slice(&before[at..]);
    String::from_utf16(&after).unwrap()
}

proptest! {
    #[test]
    fn the_difference_makes_the_new_text(old in "[ab🏖é]{0,12}", new in "[ab🏖é]{0,12}") {
        prop_assert_eq!(apply(&old, &new), new);
    }

    #[test]
    fn the_difference_of_any_two_texts_makes_the_new_one(old: String, new: String) {
        prop_assert_eq!(apply(&old, &new), new);
    }
}
