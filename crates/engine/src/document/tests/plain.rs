//! What is read and written without Automerge, beside what Automerge makes of the same.

use std::collections::HashMap;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, Change, ReadDoc, hydrate};
use proptest::prelude::*;

use super::arbitrary::{document, small_document};
use super::chunks::{changed_bytes, with_changed_bytes};
use super::replica::Replica;
use crate::document::Value;
use crate::document::edit::{self, Actor, Current, Merged};

/// The first change of a document as Automerge writes it.
fn first_by_automerge(new: &Value, now_ms: u64) -> Vec<u8> {
    let mut doc = Automerge::new().with_actor(ActorId::from([1; 16]));
    let options = || CommitOptions::default().with_time((now_ms / 1_000) as i64);
    let mut tx = doc.transaction();
    tx.init_root_from_hydrate(&fields(new)).unwrap();
    let hash = tx.commit_with(options()).0.unwrap_or_else(|| doc.empty_commit(options()));
    doc.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec()
}

fn fields(value: &Value) -> hydrate::Map {
    let Value::Map(fields) = value else { panic!("a document is a map") };
    fields.iter().map(|(key, value)| (key.as_str(), hydrated(value))).collect::<HashMap<_, _>>().into()
}

fn hydrated(value: &Value) -> hydrate::Value {
    use automerge::ScalarValue;
    match value {
        Value::Null => ScalarValue::Null.into(),
        Value::Bool(bool) => ScalarValue::Boolean(*bool).into(),
        Value::Uint(number) => ScalarValue::Uint(*number).into(),
        Value::Int(number) => ScalarValue::Int(*number).into(),
        Value::F64(number) => ScalarValue::F64(*number).into(),
        Value::String(text) => ScalarValue::Str(text.as_str().into()).into(),
        Value::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()).into(),
        Value::Date(millis) => ScalarValue::Timestamp(*millis).into(),
        Value::Counter(number) => ScalarValue::counter(*number).into(),
        Value::Text(text) => hydrate::Value::text(automerge::TextEncoding::Utf16CodeUnit, text),
        Value::List(items) => hydrate::Value::List(items.iter().map(hydrated).collect::<Vec<_>>().into()),
        Value::Map(_) => hydrate::Value::Map(fields(value)),
    }
}

/// Merges both ways; whether it could be done without Automerge.
fn merges_alike(current: Option<Current<'_>>, remote: &[u8]) -> bool {
    let changes = edit::changes_of(remote).unwrap();
    let plainly = edit::plain::merge(current, &changes);
    plainly.is_some_and(|plainly| {
        assert_eq!(Ok(plainly), edit::merge_by_automerge(current, changes).map(|(_, merged)| merged));
        true
    })
}

/// Puts both ways; whether it could be done without Automerge.
fn puts_alike(current: Current<'_>, new: &Value, now_ms: u64) -> bool {
    let (stored, value) = (Value::decode(&current.row.value).unwrap(), new.encode().unwrap());
    if current.row.deleted || value == current.row.value {
        return false;
    }
    let plainly = edit::plain::put(current, &stored, new, &value, Actor([1; 16]), now_ms);
    plainly.is_some_and(|plainly| {
        let mut live = edit::Live::load(current).unwrap();
        let automerge = live.put_now(current.row, Some(stored), new, value, Actor([1; 16]), now_ms).unwrap();
        assert_eq!(automerge.edited, Some(plainly));
        true
    })
}

/// Whether it travels as the changes that it has, which come to the same as all of it in one chunk.
fn travels_as_it_is(replica: &Replica) -> bool {
    let whole = replica.whole();
    let (pieces, writers) = replica.travelling();
    let mut others = [Replica::new(8), Replica::new(9)];
    others[0].merge(&whole);
    for piece in &pieces {
        others[1].merge(piece);
    }
    assert_eq!((others[0].state(), others[1].state()), (replica.state(), replica.state()));
    assert_eq!(writers, edit::writers(&[whole.as_slice()]).unwrap());
    pieces != [whole]
}

/// Does what random steps say on two devices, and compares both ways at each; how many were done without Automerge.
fn devices_meet(steps: &[(bool, Step)]) -> usize {
    let mut devices = [Replica::with(1, "{}"), Replica::new(2)];
    let mut plainly = 0;
    let mut taken = [0, 0];
    for (at, (second, step)) in steps.iter().enumerate() {
        let [mine, other] = if *second { [1, 0] } else { [0, 1] };
        match step {
            Step::Put(new) => {
                plainly += usize::from(
                    devices[mine].with_current(|current| current.is_some_and(|c| puts_alike(c, new, at as u64))),
                );
                devices[mine].put_value(None, new).unwrap();
            }
            Step::Delete => {
                devices[mine].delete();
            }
            Step::Take => {
                let sent = devices[other].sent[taken[mine]..].concat();
                taken[mine] = devices[other].sent.len();
                if sent.is_empty() {
                    continue;
                }
                plainly += usize::from(devices[mine].with_current(|current| merges_alike(current, &sent)));
                if devices[mine].try_merge(&sent).is_none() {
                    // It builds on what is not here yet.
                    taken[mine] = 0;
                }
            }
            Step::Whole => {
                if devices[other].row.is_some() {
                    let whole = devices[other].whole();
                    plainly += usize::from(devices[mine].with_current(|current| merges_alike(current, &whole)));
                    devices[mine].merge(&whole);
                }
            }
        }
        for device in devices.iter().filter(|device| device.row.is_some()) {
            travels_as_it_is(device);
        }
    }
    plainly
}

#[derive(Debug, Clone)]
enum Step {
    Put(Value),
    Delete,
    Take,
    Whole,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let step = prop_oneof![
        5 => small_document().prop_map(Step::Put),
        1 => document().prop_map(Step::Put),
        1 => Just(Step::Delete),
        3 => Just(Step::Take),
        2 => Just(Step::Whole),
    ];
    proptest::collection::vec((any::<bool>(), step), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_first_change_is_what_automerge_writes_and_reads(new in document(), now_ms in 0_u64..1 << 40) {
        let created = edit::create(&new, Actor([1; 16]), now_ms).unwrap();
        prop_assert_eq!(&created.change, &first_by_automerge(&new, now_ms));
        prop_assert!(merges_alike(None, &created.change));
        let Merged::Changed { row, .. } = edit::merge(None, &created.change).unwrap() else { panic!() };
        prop_assert_eq!(Value::decode(&row.value).unwrap(), new);
    }

    #[test]
    fn puts_and_merges_are_what_automerge_makes_of_them(steps in steps()) {
        devices_meet(&steps);
    }

    #[test]
    fn a_put_of_any_document_over_any_is_what_automerge_makes_of_it(one in document(), other in document()) {
        let alice = Replica::with(1, "{}");
        for values in [[&one, &other], [&other, &one]] {
            let mut alice = alice.clone();
            for value in values {
                alice.with_current(|current| puts_alike(current.unwrap(), value, 7));
                alice.put_value(None, value).unwrap();
            }
        }
    }

    #[test]
    fn what_is_taken_of_spoiled_changes_is_what_automerge_makes_of_them(changes in changed_bytes()) {
        let alice = edits();
        for (at, honest) in alice.sent.iter().enumerate() {
            spoiled_alike(&alice.sent[..at], &with_changed_bytes(honest, &changes));
        }
    }
}

/// Some of everything that a document can hold, replaced, removed and moved.
fn edits() -> Replica {
    let mut alice =
        Replica::with(1, r#"{"list":[1,2,{"x":"y"}],"s":"text","f":1.5,"n":null,"t":{"$ashore":["text","abc"]}}"#);
    alice.put(r#"{"list":[1,5,{"x":"z"},7],"s":"text","f":2.5,"n":{"a":{}},"b":true,"t":{"$ashore":["text","axc"]}}"#);
    alice.put(r#"{"list":[5,{"x":"z","y":1},7,8],"f":2.5,"n":{"a":{"q":1}},"t":{"$ashore":["text","axcd"]}}"#);
    alice
}

/// What a hostile member of the group made of an honest change.
fn spoiled_alike(before: &[Vec<u8>], spoiled: &[u8]) {
    let mut known = Replica::new(2);
    before.iter().for_each(|change| assert!(known.merge(change)));
    let Ok(changes) = std::panic::catch_unwind(|| edit::changes_of(spoiled)) else { return };
    let Ok(changes) = changes else { return };
    known.with_current(|current| {
        if let Some(plainly) = edit::plain::merge(current, &changes) {
            assert_eq!(Ok(plainly), edit::merge_by_automerge(current, changes).map(|(_, merged)| merged));
        }
    });
}

#[test]
fn a_change_that_is_no_first_one_is_left_to_automerge() {
    let alice = edits();
    let changes: Vec<Change> = edit::changes_of(&alice.sent[1]).unwrap();
    assert_eq!(edit::plain::merge(None, &changes), None);
}

#[test]
fn a_few_bytes_that_stand_for_many_operations_are_left_to_automerge() {
    use automerge::{ObjType, ROOT};
    for (items, plainly) in [(4_095_usize, true), (4_096, false)] {
        let mut doc = Automerge::new().with_actor(ActorId::from([1; 16]));
        let mut tx = doc.transaction();
        let list = tx.put_object(ROOT, "list", ObjType::List).unwrap();
        (0..items).for_each(|at| tx.insert(&list, at, ()).unwrap());
        tx.commit();
        let change = doc.get_changes(&[]).remove(0).raw_bytes().to_vec();
        assert!(change.len() < 200);
        assert_eq!(merges_alike(None, &change), plainly, "{items}");
    }
}

#[test]
fn most_of_what_devices_do_needs_no_automerge() {
    let mut alice = Replica::with(1, r#"{"title":"Milk","done":false,"tags":["a"],"at":{"x":1}}"#);
    for (at, text) in [
        r#"{"title":"Milk","done":true,"tags":["a"],"at":{"x":1}}"#,
        r#"{"title":"Oats","done":true,"tags":["a"],"at":{"x":1,"y":[2]}}"#,
        r#"{"title":"Oats","tags":null,"at":{"y":[2]}}"#,
        r#"{"title":"Rye","tags":{"a":"b"},"at":{"y":[2]},"n":-1.5}"#,
    ]
    .into_iter()
    .enumerate()
    {
        assert!(alice.with_current(|current| puts_alike(current.unwrap(), &super::replica::value(text), 7)), "{at}");
        alice.put(text);
    }
    let mut bob = Replica::new(2);
    for change in &alice.sent {
        assert!(bob.with_current(|current| merges_alike(current, change)));
        bob.merge(change);
    }
    // Lists and texts, too, once they are written.
    let edited = edits();
    let mut bob = Replica::new(2);
    for change in &edited.sent {
        assert!(bob.with_current(|current| merges_alike(current, change)));
        bob.merge(change);
    }
    assert_eq!(bob.state(), edited.state());
}

#[test]
fn few_changes_are_what_a_whole_document_is() {
    let mut alice = Replica::with(1, r#"{"n":0}"#);
    assert!(travels_as_it_is(&alice));
    let mut bob = alice.fork(2);
    bob.put(r#"{"n":0,"bobs":[1]}"#);
    alice.put(r#"{"n":1}"#);
    alice.exchange(&mut bob);
    assert!(travels_as_it_is(&alice) && travels_as_it_is(&bob), "beside each other, too");
    alice.delete();
    assert!(travels_as_it_is(&alice));
    for n in 2..40 {
        alice.put(&format!(r#"{{"n":{n}}}"#));
    }
    assert!(!travels_as_it_is(&alice), "many are smaller together");
}

#[test]
fn a_change_that_is_spoiled_or_lacks_what_it_builds_on_does_not_travel() {
    let mut alice = Replica::with(1, r#"{"n":0}"#);
    alice.put(r#"{"n":1}"#);
    let [first, second] = &alice.sent[..] else { panic!("two changes") };
    assert_eq!(edit::pieces(&[first.as_slice(), second], usize::MAX), Ok(vec![[first.as_slice(), second].concat()]));
    assert!(edit::pieces(&[second.as_slice()], usize::MAX).is_err());
    let mut spoiled = first.clone();
    spoiled[20] ^= 1;
    assert_ne!(edit::pieces(&[spoiled.as_slice()], usize::MAX), Ok(vec![spoiled.clone()]));
    assert!(edit::pieces(&[], usize::MAX).is_err());
}

#[test]
fn random_meetings_are_often_plain() {
    // So that the properties above compare something.
    let put = |text| Step::Put(super::replica::value(text));
    let steps = [
        (true, Step::Take),
        (false, put(r#"{"a":1}"#)),
        (true, Step::Take),
        (true, put(r#"{"a":2}"#)),
        (false, Step::Take),
        (false, put(r#"{"a":{"b":[1]}}"#)),
        (true, Step::Take),
    ];
    assert!(devices_meet(&steps) == steps.len());
}
