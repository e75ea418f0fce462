//! Edits of one document by one, two and three devices.

use automerge::Automerge;
use proptest::prelude::*;

use super::arbitrary;
use super::replica::{Replica, value};
use crate::document::edit::EditError;
use crate::document::{DocumentError, Value, Version};

proptest! {
    #[test]
    fn any_document_comes_back_from_automerge(first in arbitrary::document(), second in arbitrary::document()) {
        let mut alice = Replica::new(1);
        prop_assert!(alice.put_value(None, &first).unwrap());
        prop_assert_eq!(alice.state().unwrap().2, first.clone());
        prop_assert_eq!(alice.put_value(None, &second).unwrap(), first != second);
        prop_assert_eq!(alice.state().unwrap().2, second);
        let bob = alice.fork(2);
        prop_assert_eq!(alice.state(), bob.state());
    }

    #[test]
    fn a_put_makes_at_most_one_change(values in proptest::collection::vec(arbitrary::small_document(), 1..8)) {
        let mut alice = Replica::new(1);
        let changed = values.iter().filter(|value| alice.put_value(None, value).unwrap()).count();
        let history = Automerge::load(&alice.whole()).unwrap().get_changes(&[]);
        prop_assert_eq!(history.len(), changed);
        prop_assert_eq!(alice.sent.len(), changed);
        let carried: Vec<u8> = history.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
        prop_assert_eq!(alice.sent.concat(), carried);
    }
}

#[test]
fn an_unchanged_put_makes_no_change() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":[1,{"c":-0.0}]}"#);
    let version = alice.version();
    assert!(!alice.put(r#"{"b":[1,{"c":-0.0}],"a":1}"#));
    assert!(!alice.put_at(&version, r#"{"a":1,"b":[1,{"c":-0.0}]}"#));
    assert_eq!(alice.version(), version);
}

#[test]
fn two_puts_in_a_row_work_from_chunks_alone() {
    let mut alice = Replica::with(1, r#"{"n":0}"#);
    for n in 1..100 {
        assert!(alice.put(&format!(r#"{{"n":{n}}}"#)));
    }
    assert_eq!(alice.text(), r#"{"n":99}"#);
    assert!(alice.chunks.len() <= 40, "{} chunks", alice.chunks.len());
    assert_eq!(Automerge::load(&alice.whole()).unwrap().get_changes(&[]).len(), 100);
}

#[test]
fn a_put_of_a_document_read_earlier_keeps_a_concurrent_change_to_another_field() {
    let mut alice = Replica::with(1, r#"{"title":"Milk","done":false,"by":{"name":"A","age":1}}"#);
    let read = alice.version();
    let mut bob = alice.fork(2);
    bob.put(r#"{"title":"Milk","done":true,"by":{"name":"A","age":2},"new":1}"#);
    alice.exchange(&mut bob);
    assert!(alice.put_at(&read, r#"{"title":"Bread","done":false,"by":{"name":"B","age":1}}"#));
    assert_eq!(alice.text(), r#"{"by":{"age":2,"name":"B"},"done":true,"new":1,"title":"Bread"}"#);
    alice.exchange(&mut bob);
}

#[test]
fn a_put_over_what_was_read_earlier_wins_over_the_change_it_had_not_seen() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    let read = alice.version();
    alice.put(r#"{"a":2,"b":1}"#);
    assert!(alice.put_at(&read, r#"{"a":3,"b":1}"#));
    assert_eq!(alice.text(), r#"{"a":3,"b":1}"#);
    assert!(!alice.put_at(&read, r#"{"a":1,"b":1}"#), "what the caller left alone is no change");
}

#[test]
fn removing_a_field_read_earlier_keeps_the_value_that_was_not_seen() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    let read = alice.version();
    alice.put(r#"{"a":2,"b":1}"#);
    assert!(alice.put_at(&read, r#"{}"#));
    assert_eq!(alice.text(), r#"{"a":2}"#);
}

#[test]
fn an_edit_inside_a_map_that_was_removed_meanwhile_goes_with_the_map() {
    let mut alice = Replica::with(1, r#"{"a":{"x":1,"y":1}}"#);
    let read = alice.version();
    alice.put("{}");
    assert!(alice.put_at(&read, r#"{"a":{"x":2,"y":1},"b":1}"#));
    assert_eq!(alice.text(), r#"{"b":1}"#);
}

#[test]
fn a_list_edit_of_a_list_read_earlier_finds_its_elements_again() {
    let mut alice = Replica::with(1, r#"{"l":["a","b","c",{"n":1}]}"#);
    let read = alice.version();
    alice.put(r#"{"l":["0","a","B","d",{"n":1,"m":1}]}"#);
    assert!(alice.put_at(&read, r#"{"l":["a","b","e","c",{"n":2}]}"#));
    assert_eq!(alice.text(), r#"{"l":["0","a","B","e","d",{"m":1,"n":2}]}"#);
    let read_again = alice.version();
    alice.put(r#"{"l":["a","e"]}"#);
    assert!(alice.put_at(&read_again, r#"{"l":["0","a","B!","e","d"]}"#));
    assert_eq!(alice.text(), r#"{"l":["a","B!","e"]}"#);
}

#[test]
fn an_unknown_version_is_an_error() {
    let mut alice = Replica::with(1, "{}");
    let unknown = Version::parse("AAECAwQFBgc").unwrap();
    assert_eq!(alice.put_value(Some(&unknown), &Value::empty()), Err(EditError::UnknownVersion));
    assert_eq!(Replica::new(1).put_value(Some(&unknown), &Value::empty()), Err(EditError::UnknownVersion));
}

#[test]
fn what_is_no_document_is_not_put() {
    let mut alice = Replica::with(1, "{}");
    let error = alice.put_value(None, &Value::List(vec![])).unwrap_err();
    assert!(matches!(error, EditError::Document(DocumentError::NotSerializable { .. })));
    assert_eq!(alice.text(), "{}");
}

#[test]
fn a_value_may_change_its_type() {
    let mut alice = Replica::with(1, r#"{"v":1}"#);
    for text in ["{}", r#"{"a":[]}"#, r#"{"a":{}}"#, r#"{"a":"x"}"#, r#"{"a":[[1],{"b":1}]}"#, r#"{"a":[{"b":1},[1]]}"#]
    {
        assert!(alice.put(text));
        assert_eq!(alice.state().unwrap().2, value(text));
    }
}

#[test]
fn a_deleted_document_reads_as_deleted_and_only_once() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    assert!(alice.delete());
    assert!(!alice.delete());
    assert_eq!(alice.text(), "deleted");
    assert_eq!(alice.fork(2).text(), "deleted");
    assert_eq!(alice.state().unwrap().2, Value::empty());
}

#[test]
fn a_put_after_a_delete_has_exactly_the_new_fields() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":{"c":1}}"#);
    let read = alice.version();
    alice.delete();
    let deleted = alice.version();
    assert!(alice.clone().put_at(&deleted, r#"{"b":{"d":1}}"#));
    assert!(alice.put_at(&read, r#"{"b":{"d":1}}"#));
    assert_eq!(alice.text(), r#"{"b":{"d":1}}"#);
}

#[test]
fn a_put_after_a_delete_brings_the_same_fields_back() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    let mut bob = alice.fork(2);
    alice.delete();
    alice.exchange(&mut bob);
    assert!(bob.put(r#"{"a":1}"#));
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"a":1}"#);
}

#[test]
fn an_empty_document_may_be_deleted_and_put_again() {
    let mut alice = Replica::with(1, "{}");
    assert!(alice.delete());
    assert!(alice.put("{}"));
    assert_eq!(alice.text(), "{}");
}

#[test]
fn a_put_by_who_saw_a_deleted_document_that_came_back_keeps_the_other_fields() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    alice.delete();
    let seen = alice.version();
    alice.put(r#"{"b":1,"c":1}"#);
    assert!(alice.put_at(&seen, r#"{"c":2}"#));
    assert_eq!(alice.text(), r#"{"b":1,"c":2}"#);
}

#[test]
fn an_edit_that_the_deleter_had_not_seen_keeps_the_document() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    let mut bob = alice.fork(2);
    alice.delete();
    bob.put(r#"{"a":2,"b":1}"#);
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"a":2,"b":1}"#);
}

#[test]
fn a_delete_that_saw_the_edit_wins() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"a":2}"#);
    alice.exchange(&mut bob);
    alice.delete();
    alice.exchange(&mut bob);
    assert_eq!(bob.text(), "deleted");
}

#[test]
fn two_concurrent_deletes_delete() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    let mut bob = alice.fork(2);
    alice.delete();
    bob.delete();
    alice.exchange(&mut bob);
    assert_eq!(bob.text(), "deleted");
    assert!(bob.put(r#"{"b":1}"#));
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"b":1}"#);
}

#[test]
fn concurrent_changes_to_different_fields_both_survive() {
    let mut alice = Replica::with(1, r#"{"a":{"x":1,"y":1},"b":1}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"a":{"x":2,"y":1},"b":1}"#);
    bob.put(r#"{"a":{"x":1,"y":2},"b":2}"#);
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"a":{"x":2,"y":2},"b":2}"#);
}

#[test]
fn concurrent_list_insertions_both_survive() {
    let mut alice = Replica::with(1, r#"{"l":["milk","bread"]}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"l":["eggs","milk","bread"]}"#);
    bob.put(r#"{"l":["milk","bread","butter"]}"#);
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"l":["eggs","milk","bread","butter"]}"#);
}

#[test]
fn concurrent_edits_of_two_maps_in_a_list_both_survive() {
    let mut alice = Replica::with(1, r#"{"l":[{"t":"a","done":false},{"t":"b","done":false}]}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"l":[{"t":"a","done":true},{"t":"b","done":false}]}"#);
    bob.put(r#"{"l":[{"t":"a!","done":false},{"t":"b","done":true},{"t":"c","done":false}]}"#);
    alice.exchange(&mut bob);
    let merged = r#"{"l":[{"done":true,"t":"a!"},{"done":true,"t":"b"},{"done":false,"t":"c"}]}"#;
    assert_eq!(alice.text(), merged);
}

#[test]
fn two_devices_that_create_the_same_document_merge_field_by_field() {
    let mut alice = Replica::with(1, r#"{"a":1,"same":1}"#);
    let mut bob = Replica::with(2, r#"{"b":1,"same":1}"#);
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"a":1,"b":1,"same":1}"#);
}

#[test]
fn a_change_whose_history_is_missing_is_not_stored() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    alice.put(r#"{"a":2}"#);
    let mut bob = Replica::new(2);
    assert_eq!(bob.try_merge(&alice.sent[1]), None);
    assert!(bob.row.is_none() && bob.chunks.is_empty());
    assert_eq!(bob.try_merge(&alice.sent[0]), Some(true));
    assert_eq!(bob.try_merge(&alice.sent[1]), Some(true));
    assert_eq!(bob.try_merge(&alice.sent[1]), Some(false));
    assert_eq!(bob.state(), alice.state());
}

#[test]
fn a_large_list_that_changes_everywhere_is_compared_in_time() {
    let list = |from: u64| {
        Value::Map(
            [("l".into(), Value::List((0..20_000).map(|n| Value::Uint((n * 7 + from) % 1_009)).collect()))].into(),
        )
    };
    let mut alice = Replica::new(1);
    alice.put_value(None, &list(0)).unwrap();
    let shuffled =
        Value::Map([("l".into(), Value::List((0..20_000).map(|n| Value::Uint((n * n + 3) % 1_009)).collect()))].into());
    alice.put_value(None, &shuffled).unwrap();
    assert_eq!(alice.state().unwrap().2, shuffled);
}
