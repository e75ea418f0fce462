//! Puts of copies that were read before others wrote: they are made where they were read.

use automerge::Automerge;

use super::replica::{Replica, value};
use crate::document::{Value, Version};

/// The actors of a document's changes, each once.
fn writers(replica: &Replica) -> usize {
    let doc = Automerge::load(&replica.whole()).unwrap();
    let changes = doc.get_changes_meta(&[]);
    changes.iter().map(|change| change.actor.clone()).collect::<std::collections::BTreeSet<_>>().len()
}

/// Another device takes each change of this one by itself, in order, and ends with the same document.
fn assert_others_take_it(replica: &Replica) {
    let mut other = Replica::new(99);
    for change in &replica.sent {
        other.merge(change);
    }
    assert_eq!(other.state(), replica.state());
    assert_eq!(replica.fork(98).state(), replica.state());
}

#[test]
fn a_copy_put_again_and_again_never_reverts_another_devices_field() {
    let mut alice = Replica::with(1, r#"{"t":0,"z":1}"#);
    let read = alice.version();
    let mut bob = alice.fork(2);
    bob.put(r#"{"t":0,"z":2,"new":1}"#);
    alice.exchange(&mut bob);
    let first = alice.put_copy(&read, r#"{"t":1,"z":1}"#);
    assert_eq!(alice.text(), r#"{"new":1,"t":1,"z":2}"#);
    let second = alice.put_copy(&first, r#"{"t":2,"z":1}"#);
    assert_eq!(alice.text(), r#"{"new":1,"t":2,"z":2}"#);
    assert_eq!(alice.put_copy(&second, r#"{"t":2,"z":1}"#), second, "nothing changes");
    alice.put_copy(&second, r#"{"t":2}"#);
    assert_eq!(alice.text(), r#"{"new":1,"t":2,"z":2}"#, "a removal removes what was seen");
    alice.exchange(&mut bob);
    assert_eq!(writers(&bob), 2);
}

#[test]
fn a_list_put_again_and_again_keeps_what_others_added_changed_and_removed() {
    let mut alice = Replica::with(1, r#"{"l":["x","a","b","c",{"n":1}]}"#);
    let read = alice.version();
    let mut bob = alice.fork(2);
    bob.put(r#"{"l":["a","B","c",{"n":1,"m":1},"d"]}"#);
    alice.exchange(&mut bob);
    let first = alice.put_copy(&read, r#"{"l":["0","x","a","b","c",{"n":1}]}"#);
    assert_eq!(alice.text(), r#"{"l":["0","a","B","c",{"m":1,"n":1},"d"]}"#);
    let second = alice.put_copy(&first, r#"{"l":["0","1","x","a","b","c",{"n":2}]}"#);
    assert_eq!(alice.text(), r#"{"l":["0","1","a","B","c",{"m":1,"n":2},"d"]}"#);
    alice.put_copy(&second, r#"{"l":["1","x","b","c",{"n":2}]}"#);
    assert_eq!(alice.text(), r#"{"l":["1","B","c",{"m":1,"n":2},"d"]}"#);
    alice.exchange(&mut bob);
}

#[test]
fn two_devices_that_put_their_copies_in_turns_converge() {
    let mut alice = Replica::with(1, r#"{"a":0,"b":0,"l":[]}"#);
    let mut bob = alice.fork(2);
    let (mut of_alice, mut of_bob) = (alice.version(), bob.version());
    for turn in 1..20 {
        of_alice = alice.put_copy(&of_alice, &format!(r#"{{"a":{turn},"b":0,"l":["a"]}}"#));
        alice.exchange(&mut bob);
        of_bob = bob.put_copy(&of_bob, &format!(r#"{{"a":0,"b":{turn},"l":["b"]}}"#));
        alice.exchange(&mut bob);
        let Value::Map(both) = alice.state().unwrap().2 else { panic!("it is a map") };
        assert_eq!((&both["a"], &both["b"]), (&Value::Uint(turn), &Value::Uint(turn)));
        let Value::List(items) = &both["l"] else { panic!("it is a list") };
        assert_eq!(items.len(), 2);
    }
    assert_eq!(writers(&alice), 2);
}

#[test]
fn of_two_puts_of_one_field_both_devices_have_the_same_winner() {
    let mut alice = Replica::with(1, r#"{"a":0}"#);
    let read = alice.version();
    let mut bob = alice.fork(2);
    bob.put(r#"{"a":1}"#);
    alice.exchange(&mut bob);
    alice.put_at(&read, r#"{"a":2}"#);
    bob.put_at(&read, r#"{"a":3}"#);
    assert_eq!((alice.text().as_str(), bob.text().as_str()), (r#"{"a":2}"#, r#"{"a":3}"#), "each sees its own");
    alice.exchange(&mut bob);
}

#[test]
fn many_puts_at_one_version_are_changes_that_every_device_takes() {
    let make = || {
        let mut alice = Replica::with(1, r#"{"n":0}"#);
        let read = alice.version();
        for field in ["a", "b", "c", "d"] {
            alice.put_copy(&read, &format!(r#"{{"n":0,"{field}":1}}"#));
        }
        alice.put(r#"{"a":1,"b":1,"c":1,"d":1,"n":1}"#);
        alice.put_copy(&read, r#"{"n":0,"e":1}"#);
        alice
    };
    let alice = make();
    assert_eq!(alice.text(), r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"n":1}"#);
    assert_eq!(alice.sent, make().sent, "the same each time");
    assert_others_take_it(&alice);
}

#[test]
fn a_put_at_a_version_that_knows_its_actors_latest_change_only_from_afar_is_taken() {
    let mut alice = Replica::with(1, r#"{"a":0}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"a":0,"b":1}"#);
    alice.exchange(&mut bob);
    let read = alice.version();
    bob.put(r#"{"a":0,"b":2}"#);
    alice.exchange(&mut bob);
    alice.put_at(&read, r#"{"a":1,"b":1}"#);
    bob.merge(alice.sent.last().unwrap());
    assert_eq!(bob.state(), alice.state());
    assert_eq!((alice.text().as_str(), writers(&alice)), (r#"{"a":1,"b":2}"#, 2));
}

#[test]
fn a_put_based_on_what_was_there_before_a_delete_keeps_the_document() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    let read = alice.version();
    let mut bob = alice.fork(2);
    bob.delete();
    alice.exchange(&mut bob);
    let next = alice.put_copy(&read, r#"{"a":2,"b":1}"#);
    assert_eq!(alice.text(), r#"{"a":2,"b":1}"#);
    alice.put_copy(&next, r#"{"a":3}"#);
    alice.exchange(&mut bob);
    assert_eq!(bob.text(), r#"{"a":3}"#);
}

#[test]
fn a_put_after_ones_own_delete_is_taken_by_every_device() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    let read = alice.version();
    alice.delete();
    alice.clone().put_at(&read, r#"{"a":2}"#);
    assert!(alice.put_at(&read, r#"{"a":1}"#), "also an unchanged copy brings it back");
    assert_eq!(alice.text(), r#"{"a":1}"#);
    assert_others_take_it(&alice);
    alice.delete();
    assert_eq!(alice.text(), "deleted");
    assert!(alice.put_at(&read, r#"{"a":3}"#));
    assert_eq!(alice.text(), r#"{"a":3}"#);
    assert_others_take_it(&alice);
}

#[test]
fn an_unchanged_copy_of_an_older_version_changes_nothing() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    let read = alice.version();
    alice.put(r#"{"a":2}"#);
    assert_eq!(alice.try_put(Some(&read), &value(r#"{"a":1}"#)), Ok((read, false)));
    assert_eq!(alice.text(), r#"{"a":2}"#);
}

#[test]
fn who_read_that_there_is_nothing_removes_nobodys_fields() {
    let mut alice = Replica::with(1, r#"{"a":1,"l":[1]}"#);
    let first = alice.put_copy(&Version::absent(), r#"{"b":1}"#);
    assert_eq!(alice.text(), r#"{"a":1,"b":1,"l":[1]}"#);
    alice.put_copy(&first, r#"{"c":1}"#);
    assert_eq!(alice.text(), r#"{"a":1,"c":1,"l":[1]}"#);
    let empty = alice.put_copy(&Version::absent(), "{}");
    assert!(!empty.is_absent(), "now the caller holds an empty document");
    assert_eq!(alice.text(), r#"{"a":1,"c":1,"l":[1]}"#);
    assert_others_take_it(&alice);
    assert_eq!(alice.value_at(&Version::absent()), Value::Null);
}

#[test]
fn who_read_that_a_document_is_deleted_puts_exactly_the_new_fields() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    alice.delete();
    let back = alice.put_copy(&Version::absent(), r#"{"b":1}"#);
    assert_eq!((alice.text().as_str(), back), (r#"{"b":1}"#, alice.version()));
    assert_others_take_it(&alice);
}
