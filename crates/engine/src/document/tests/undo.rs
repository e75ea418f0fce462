//! Undo and redo: what one's own changes did is taken back, what others did stays.

use std::collections::BTreeMap;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT};
use proptest::prelude::*;

use super::arbitrary::small_document;
use super::replica::{Replica, value};
use crate::document::edit::{self, Actor, Direction, Step, steps_left};
use crate::document::{Value, Version};

#[test]
fn undo_takes_back_the_last_put_and_redo_does_it_again() {
    let mut alice = Replica::with(1, r#"{"a":1,"l":[1,2],"m":{"x":1}}"#);
    alice.put(r#"{"a":2,"l":[1,3,2],"m":{"x":2,"y":1}}"#);
    alice.put(r#"{"b":1,"l":[3],"m":7}"#);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":2,"l":[1,3,2],"m":{"x":2,"y":1}}"#);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":1,"l":[1,2],"m":{"x":1}}"#);
    assert!(alice.undo());
    assert_eq!(alice.text(), "deleted");
    assert!(!alice.undo());
    for text in
        [r#"{"a":1,"l":[1,2],"m":{"x":1}}"#, r#"{"a":2,"l":[1,3,2],"m":{"x":2,"y":1}}"#, r#"{"b":1,"l":[3],"m":7}"#]
    {
        assert!(alice.redo());
        assert_eq!(alice.text(), text);
    }
    assert!(!alice.redo());
}

#[test]
fn a_new_change_ends_what_could_be_redone() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    alice.put(r#"{"a":2}"#);
    alice.undo();
    alice.put(r#"{"a":1,"b":1}"#);
    assert!(!alice.redo());
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":1}"#);
}

#[test]
fn undo_of_a_delete_brings_the_document_back() {
    let mut alice = Replica::with(1, r#"{"a":1,"l":[{"x":1}]}"#);
    alice.delete();
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":1,"l":[{"x":1}]}"#);
    assert!(alice.redo());
    assert_eq!(alice.text(), "deleted");
    let mut bob = alice.fork(2);
    alice.undo();
    bob.merge(alice.sent.last().unwrap());
    assert_eq!(bob.text(), r#"{"a":1,"l":[{"x":1}]}"#);
}

#[test]
fn a_document_that_others_have_deleted_too_stays_deleted() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    let mut bob = alice.fork(2);
    alice.delete();
    bob.delete();
    alice.exchange(&mut bob);
    assert!(!alice.undo());
    assert_eq!(alice.text(), "deleted");
}

#[test]
fn a_document_that_others_have_changed_is_not_deleted_by_undoing_its_first_put() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"a":1,"b":2}"#);
    alice.exchange(&mut bob);
    assert!(!alice.undo());
    assert_eq!(alice.text(), r#"{"a":1,"b":2}"#);
}

#[test]
fn nobody_undoes_what_others_did() {
    let alice = Replica::with(1, r#"{"a":1}"#);
    let mut bob = alice.fork(2);
    assert!(!bob.undo());
    bob.put(r#"{"a":1,"b":1}"#);
    assert!(bob.undo() && !bob.undo());
    assert_eq!(bob.text(), r#"{"a":1}"#);
    let first = Version::of(&alice.row.as_ref().unwrap().heads);
    assert!(!bob.revert(Direction::Undo, Step::Change(&first)), "not even when told to");
}

#[test]
fn a_field_that_others_set_since_stays_and_the_rest_is_taken_back() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    alice.put(r#"{"a":2,"b":2}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"a":3,"b":2}"#);
    alice.exchange(&mut bob);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":3,"b":1}"#);
    assert!(alice.redo());
    assert_eq!(alice.text(), r#"{"a":3,"b":2}"#);
}

#[test]
fn what_others_set_at_the_same_time_and_lost_comes_to_light() {
    for alice_is in [1, 3] {
        let mut alice = Replica::with(alice_is, r#"{"a":1}"#);
        let mut bob = alice.fork(2);
        alice.put(r#"{"a":"alice"}"#);
        bob.put(r#"{"a":"bob"}"#);
        alice.exchange(&mut bob);
        let alice_wins = alice.text() == r#"{"a":"alice"}"#;
        assert_eq!(alice_wins, alice_is == 3);
        assert_eq!(alice.undo(), alice_wins);
        assert_eq!(alice.text(), r#"{"a":"bob"}"#);
    }
}

#[test]
fn what_others_removed_at_the_same_time_is_not_brought_back() {
    let mut alice = Replica::with(1, r#"{"a":1,"l":["x","y"]}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"a":2,"l":["X","y"]}"#);
    bob.put(r#"{"l":["y"]}"#);
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"a":2,"l":["X","y"]}"#);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"l":["y"]}"#);
}

#[test]
fn items_are_removed_by_identity_and_come_back_at_their_place() {
    let mut alice = Replica::with(1, r#"{"l":["a","b","c"]}"#);
    alice.put(r#"{"l":["a","x","c"]}"#);
    alice.put(r#"{"l":["a","c","y"]}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"l":["0","a","1","c","2","y"]}"#);
    alice.exchange(&mut bob);
    assert!(alice.undo());
    let Value::Map(map) = alice.state().unwrap().2 else { panic!() };
    let Value::List(items) = &map["l"] else { panic!() };
    let mine: Vec<_> =
        items.iter().filter(|item| !matches!(item, Value::String(text) if "012".contains(text))).collect();
    assert_eq!(mine, [&value_of("a"), &value_of("x"), &value_of("c")]);
    assert_eq!(items.len(), 6, "{}", alice.text());
    assert!(alice.undo());
    assert!(alice.text().contains("\"b\"") && !alice.text().contains("\"x\""), "{}", alice.text());
}

#[test]
fn an_item_that_others_have_worked_on_stays() {
    let mut alice = Replica::with(1, r#"{"l":[]}"#);
    alice.put(r#"{"l":[{"title":"Milk","done":false},{"title":"Bread"}]}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"l":[{"title":"Milk","done":true},{"title":"Bread"}]}"#);
    alice.exchange(&mut bob);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"l":[{"done":true,"title":"Milk"}]}"#);
}

#[test]
fn what_others_wrote_into_an_object_that_was_replaced_comes_back_with_it() {
    let mut alice = Replica::with(1, r#"{"m":{"x":1},"l":[{"x":1},2]}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"m":7,"l":[2]}"#);
    bob.put(r#"{"m":{"x":1,"y":2},"l":[{"x":2},2]}"#);
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"l":[2],"m":7}"#);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"l":[{"x":2},2],"m":{"x":1,"y":2}}"#);
}

#[test]
fn text_is_taken_back_character_by_character() {
    let mut doc = Automerge::new().with_actor(ActorId::from([9; 16]));
    let mut tx = doc.transaction();
    let text = tx.put_object(ROOT, "t", ObjType::Text).unwrap();
    tx.splice_text(&text, 0, 0, "hello 🎉 world").unwrap();
    tx.commit();
    let mut alice = Replica::new(1);
    alice.merge(&doc.save_nocompress());
    let put = |replica: &mut Replica, text: &str| {
        let Value::Map(mut map) = replica.state().unwrap().2 else { panic!() };
        map.insert("t".into(), Value::Text(text.to_owned()));
        assert!(replica.put_value(None, &Value::Map(map)).unwrap());
    };
    let shown = |replica: &Replica| match replica.state().unwrap().2 {
        Value::Map(map) => map["t"].clone(),
        _ => panic!("a document is a map"),
    };
    let text = |text: &str| Value::Text(text.to_owned());
    put(&mut alice, "hello 🎉 [xyz] world");
    put(&mut alice, "hell🎉 [xyz] world!");
    let mut bob = alice.fork(2);
    put(&mut bob, "Oh, hell🎉 [xyz] world! 2");
    alice.exchange(&mut bob);
    assert!(alice.undo());
    assert_eq!(shown(&alice), text("Oh, hello 🎉 [xyz] world 2"));
    assert!(alice.undo());
    assert_eq!(shown(&alice), text("Oh, hello 🎉 world 2"));
    assert!(!alice.undo());
    assert!(alice.redo() && alice.redo());
    assert_eq!(shown(&alice), text("Oh, hell🎉 [xyz] world! 2"));
    alice.exchange(&mut bob);
    assert!(bob.undo());
    assert_eq!(shown(&bob), text("hell🎉 [xyz] world!"));
}

#[test]
fn a_counter_is_counted_back() {
    let mut doc = Automerge::new().with_actor(ActorId::from([9; 16]));
    let mut tx = doc.transaction();
    tx.put(ROOT, "n", automerge::ScalarValue::counter(5)).unwrap();
    tx.commit();
    let mut alice = Replica::new(1);
    alice.merge(&doc.save_nocompress());
    let mut bob = alice.fork(2);
    for (device, by) in [(&mut alice, 3), (&mut bob, 10)] {
        count(device, by);
    }
    alice.exchange(&mut bob);
    assert_eq!(counted(&alice), 18);
    assert!(alice.undo());
    assert_eq!(counted(&alice), 15);
    alice.exchange(&mut bob);
    assert!(bob.undo() && alice.redo());
    alice.exchange(&mut bob);
    assert_eq!(counted(&alice), 8);
}

/// A change of this device that counts on: made by Automerge itself, whatever a value of a counter is.
fn count(replica: &mut Replica, by: i64) {
    let chunks: Vec<u8> = replica.chunks.values().flatten().copied().collect();
    let actor = *replica.own().first().unwrap();
    let mut doc = Automerge::load(&chunks).unwrap().with_actor(ActorId::from(actor));
    let before = doc.get_heads();
    let mut tx = doc.transaction();
    tx.increment(ROOT, "n", by).unwrap();
    tx.commit();
    replica.merge(&doc.save_after(&before));
}

fn counted(replica: &Replica) -> i64 {
    use automerge::ReadDoc;
    let chunks: Vec<u8> = replica.chunks.values().flatten().copied().collect();
    let doc = Automerge::load(&chunks).unwrap();
    doc.get(ROOT, "n").unwrap().unwrap().0.as_i64().unwrap_or_default()
}

#[test]
fn a_change_of_an_earlier_opening_is_undone_and_is_known_after_rewriting() {
    let mut alice = Replica::with(1, r#"{"n":0}"#);
    for n in 1..=200 {
        alice.put(&format!(r#"{{"n":{n}}}"#));
    }
    let again = Actor([7; 16]);
    let own = [[1; 16], [7; 16]].into();
    for n in (190..200).rev() {
        let edited = alice
            .with_current(|current| edit::undo(current.unwrap(), Direction::Undo, Step::Last, &own, again, 0))
            .unwrap()
            .unwrap();
        alice.keep(edited);
        assert_eq!(alice.text(), format!(r#"{{"n":{n}}}"#));
    }
    let left = alice.with_current(|current| steps_left(current.unwrap(), &own)).unwrap();
    assert_eq!(left, (191, 10));
}

#[test]
fn a_change_that_was_put_at_an_older_version_is_undone_to_the_one_it_beat() {
    let mut alice = Replica::with(1, r#"{"a":0}"#);
    let read = alice.version();
    alice.put_at(&read, r#"{"a":1}"#);
    alice.put_at(&read, r#"{"a":2}"#);
    assert_eq!(alice.text(), r#"{"a":2}"#);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":1}"#);
}

#[test]
fn messages_of_others_take_nothing_back() {
    let mut alice = Replica::with(1, r#"{"a":1}"#);
    alice.put(r#"{"a":2}"#);
    let hash = alice.row.as_ref().unwrap().heads[0];
    let chunks: Vec<u8> = alice.chunks.values().flatten().copied().collect();
    let mut doc = Automerge::load(&chunks).unwrap().with_actor(ActorId::from([9; 16]));
    let before = doc.get_heads();
    for message in [format!("undo {hash}"), format!("redo {hash}"), format!("delete undo {hash}x")] {
        doc.empty_commit(automerge::transaction::CommitOptions::default().with_message(message));
    }
    alice.merge(&doc.save_after(&before));
    assert_eq!(alice.text(), r#"{"a":2}"#);
    assert!(alice.undo() && !alice.redo_of_others());
    assert_eq!(alice.text(), r#"{"a":1}"#);
}

fn value_of(text: &str) -> Value {
    Value::String(text.to_owned())
}

impl Replica {
    /// What a redo would take back must be an undo of this device.
    fn redo_of_others(&mut self) -> bool {
        let (undo, redo) = self.with_current(|current| steps_left(current.unwrap(), &self.own())).unwrap();
        assert_eq!((undo, redo), (1, 1));
        false
    }
}

/// A put of a document, or a delete.
fn step() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![9 => small_document().prop_map(Some), 1 => Just(None)]
}

fn take(replica: &mut Replica, step: Option<&Value>) -> bool {
    match step {
        Some(document) => replica.put_value(None, document).unwrap(),
        None if replica.row.is_some() => replica.delete(),
        None => false,
    }
}

type Flat = BTreeMap<String, Value>;

fn flat() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[abcd]", (0_u64..4).prop_map(Value::Uint), 0..4).prop_map(Value::Map)
}

fn fields(replica: &Replica) -> Flat {
    match replica.state().unwrap().2 {
        Value::Map(map) => map,
        _ => panic!("a document is a map"),
    }
}

fn changed(before: &Flat, after: &Flat) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn alone_undo_goes_back_through_all_values_and_redo_forth(steps in proptest::collection::vec(step(), 1..12)) {
        let mut alice = Replica::new(1);
        let mut seen = vec![];
        for step in &steps {
            if take(&mut alice, step.as_ref()) {
                seen.push(alice.text());
            }
        }
        for round in 0..2 {
            for text in seen.iter().rev().skip(1) {
                prop_assert!(alice.undo());
                prop_assert_eq!(&alice.text(), text, "undone, round {}", round);
            }
            for text in seen.iter().skip(1) {
                prop_assert!(alice.redo());
                prop_assert_eq!(&alice.text(), text, "redone, round {}", round);
            }
            prop_assert!(seen.is_empty() || !alice.redo());
        }
    }

    #[test]
    fn steps_taken_back_together_end_where_they_end_one_by_one(
        steps in proptest::collection::vec(step(), 2..12), back in 1_usize..6, redone in 0_usize..6,
    ) {
        let mut alice = Replica::new(1);
        let mut made = vec![];
        for step in &steps {
            if take(&mut alice, step.as_ref()) {
                made.push(alice.version());
            }
        }
        prop_assume!(!made.is_empty());
        let together = made.iter().rev().take(back).cloned().collect::<Vec<_>>();
        let mut bob = alice.fork(1);
        let undone = bob.revert_each(Direction::Undo, &together);
        prop_assert_eq!(undone.len(), together.len());
        for _ in &together {
            prop_assert!(alice.undo());
        }
        prop_assert_eq!(alice.text(), bob.text());

        let again = undone.iter().rev().take(redone).cloned().collect::<Vec<_>>();
        prop_assert_eq!(bob.revert_each(Direction::Redo, &again).len(), again.len());
        for _ in &again {
            prop_assert!(alice.redo());
        }
        prop_assert_eq!(alice.text(), bob.text());
    }

    #[test]
    fn what_others_set_is_never_taken_back(
        first in flat(), mine in flat(), meanwhile in proptest::option::of(flat()), later in proptest::option::of(flat()), bob_is in 2_u8..4,
    ) {
        let mut alice = Replica::new(if bob_is == 2 { 3 } else { 2 });
        let mut bob = Replica::new(bob_is);
        alice.put_value(None, &first).unwrap();
        bob.merge(&alice.whole());
        let Value::Map(first) = first else { panic!() };
        let put = alice.put_value(None, &mine).unwrap();
        let mut set: Flat = Flat::new();
        let mut removed = vec![];
        if let Some(meanwhile) = &meanwhile {
            bob.put_value(None, meanwhile).unwrap();
            let theirs = fields(&bob);
            for key in changed(&first, &theirs) {
                match theirs.get(&key) {
                    Some(value) => drop(set.insert(key, value.clone())),
                    None => removed.push(key),
                }
            }
        }
        alice.exchange(&mut bob);
        let mut kept = vec![];
        if let Some(later) = &later {
            let before = fields(&bob);
            bob.put_value(None, later).unwrap();
            kept = changed(&before, &fields(&bob));
            alice.exchange(&mut bob);
        }
        let before = fields(&alice);
        prop_assume!(put);
        alice.undo();
        let after = fields(&alice);
        for key in kept {
            prop_assert_eq!(before.get(&key), after.get(&key), "{} was set later", key);
            set.remove(&key);
            removed.retain(|each| *each != key);
        }
        for (key, value) in &set {
            prop_assert_eq!(after.get(key), Some(value), "{} was set meanwhile", key);
        }
        for key in &removed {
            prop_assert_eq!(after.get(key), None, "{} was removed meanwhile", key);
        }
        alice.exchange(&mut bob);
    }

    #[test]
    fn devices_that_undo_and_redo_agree(steps in proptest::collection::vec((0_usize..2, 0_u8..8, step()), 1..25)) {
        let mut devices = [Replica::new(1), Replica::new(2)];
        for (who, what, document) in steps {
            match what {
                0 | 1 => drop(devices[who].undo()),
                2 => drop(devices[who].redo()),
                3 | 4 => {
                    let [alice, bob] = &mut devices;
                    if alice.row.is_some() && bob.row.is_some() {
                        alice.exchange(bob);
                    } else if alice.row.is_some() {
                        bob.merge(&alice.whole());
                    }
                }
                _ => drop(take(&mut devices[who], document.as_ref())),
            }
        }
        let [alice, bob] = &mut devices;
        if alice.row.is_some() && bob.row.is_some() {
            alice.exchange(bob);
        }
    }
}

#[test]
fn a_step_that_others_have_overtaken_is_passed_over() {
    let mut alice = Replica::with(1, r#"{"a":1,"b":1}"#);
    alice.put(r#"{"a":1,"b":2}"#);
    alice.put(r#"{"a":2,"b":2}"#);
    let mut bob = alice.fork(2);
    bob.put(r#"{"a":3,"b":2}"#);
    alice.exchange(&mut bob);
    assert!(alice.undo());
    assert_eq!(alice.text(), r#"{"a":3,"b":1}"#);
    assert_eq!(value(&alice.text()), value(r#"{"a":3,"b":1}"#));
}
