//! Apps of different versions on one document: what a put of an older one leaves alone, and migrations made on several devices.

use proptest::prelude::*;

use super::replica::{Replica, value};
use crate::document::edit;
use crate::document::{Value, Version};

const ADA: &str = r#"{"done":false,"name":"Ada Lovelace"}"#;
const ADA_2: &str = r#"{"$version":2,"done":false,"first":"Ada","last":"Lovelace"}"#;

/// Migrates what the replica holds at `base`; the version at which it is migrated.
fn migrate(replica: &mut Replica, base: &Version, text: &str) -> Version {
    let put = replica.with_current(|current| edit::migrate(current.unwrap(), base, &value(text))).unwrap();
    if let Some(edited) = put.edited {
        replica.keep(edited);
    }
    assert_eq!(replica.value_at(&put.version), value(text));
    put.version
}

fn put_at(replica: &mut Replica, base: Option<&Version>, text: &str) {
    let put = replica.with_current(|current| edit::put(current, base, &value(text), edit::Actor([9; 16]), 0).unwrap());
    if let Some(edited) = put.edited {
        replica.keep(edited);
    }
}

#[test]
fn a_migration_made_on_two_devices_is_one_change_and_takes_back_no_edit() {
    let mut alice = Replica::with(1, ADA);
    let mut bob = alice.fork(2);
    let base = alice.version();
    let (here, there) = (migrate(&mut alice, &base, ADA_2), migrate(&mut bob, &base, ADA_2));
    assert_eq!(here, there);
    assert!(alice.put_at(&here, r#"{"$version":2,"done":false,"first":"Augusta","last":"Lovelace"}"#));
    assert!(bob.put_at(&there, r#"{"$version":2,"done":true,"first":"Ada","last":"Lovelace"}"#));
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"$version":2,"done":true,"first":"Augusta","last":"Lovelace"}"#);
}

#[test]
fn a_migration_that_is_here_already_changes_nothing() {
    let mut alice = Replica::with(1, ADA);
    let base = alice.version();
    let migrated = migrate(&mut alice, &base, ADA_2);
    assert!(alice.put_at(&migrated, r#"{"$version":2,"done":true,"first":"Ada","last":"Lovelace"}"#));
    let before = alice.state();
    assert_eq!(migrate(&mut alice, &base, ADA_2), migrated);
    assert_eq!(alice.state(), before);
}

#[test]
fn a_migration_of_a_deleted_document_changes_nothing() {
    let mut alice = Replica::with(1, ADA);
    let base = alice.version();
    alice.delete();
    let put = alice.with_current(|current| edit::migrate(current.unwrap(), &base, &value(ADA_2))).unwrap();
    assert_eq!(put.edited, None);
    assert_eq!(alice.text(), "deleted");
}

#[test]
fn an_edit_that_the_migration_had_not_seen_stays() {
    let mut alice = Replica::with(1, ADA);
    let mut bob = alice.fork(2);
    let base = alice.version();
    migrate(&mut alice, &base, ADA_2);
    assert!(bob.put_at(&base, r#"{"done":true,"name":"Ada Byron"}"#));
    alice.exchange(&mut bob);
    assert_eq!(alice.text(), r#"{"$version":2,"done":true,"first":"Ada","last":"Lovelace","name":"Ada Byron"}"#);
}

#[test]
fn an_older_app_neither_lowers_the_version_nor_removes_what_it_does_not_know() {
    let newer = r#"{"$version":3,"a":1,"deep":{"known":1,"new":[1]},"new":{"x":1}}"#;
    let mut read = Replica::with(1, newer);
    let base = read.version();
    put_at(&mut read, Some(&base), r#"{"$version":2,"deep":{"known":2,"new":[1]},"new":{"x":1}}"#);
    assert_eq!(read.text(), r#"{"$version":3,"deep":{"known":2,"new":[1]},"new":{"x":1}}"#);

    let mut unread = Replica::with(1, newer);
    put_at(&mut unread, None, r#"{"a":2,"deep":{"known":2}}"#);
    assert_eq!(unread.text(), r#"{"$version":3,"a":2,"deep":{"known":2,"new":[1]},"new":{"x":1}}"#);

    let mut stale = Replica::with(1, newer);
    let base = stale.version();
    assert!(stale.put(r#"{"$version":3,"a":1,"deep":{"known":1,"new":[1]},"new":{"x":2}}"#));
    put_at(&mut stale, Some(&base), r#"{"a":5,"deep":{"known":1,"new":[1]},"new":{"x":1}}"#);
    assert_eq!(stale.text(), r#"{"$version":3,"a":5,"deep":{"known":1,"new":[1]},"new":{"x":2}}"#);
}

#[test]
fn a_document_of_the_same_or_an_older_shape_is_replaced_by_who_has_not_read_it() {
    let mut replica = Replica::with(1, r#"{"$version":2,"a":1,"b":1}"#);
    put_at(&mut replica, None, r#"{"$version":2,"a":2}"#);
    assert_eq!(replica.text(), r#"{"$version":2,"a":2}"#);
    put_at(&mut replica, None, r#"{"$version":3,"c":1}"#);
    assert_eq!(replica.text(), r#"{"$version":3,"c":1}"#);
}

#[test]
fn of_two_versions_written_side_by_side_the_higher_one_counts() {
    for (one, other) in [(2, 3), (3, 2)] {
        let mut alice = Replica::with(1, "{}");
        let mut bob = alice.fork(2);
        assert!(alice.put(&format!(r#"{{"$version":{one}}}"#)));
        assert!(bob.put(&format!(r#"{{"$version":{other}}}"#)));
        alice.exchange(&mut bob);
        assert_eq!(alice.text(), r#"{"$version":3}"#);
    }
}

/// What version 2 makes of version 1: `a` becomes `b`.
fn moved(old: &Value) -> Value {
    let Value::Map(mut fields) = old.clone() else { panic!() };
    if let Some(a) = fields.remove("a") {
        fields.insert("b".to_owned(), a);
    }
    fields.insert("$version".to_owned(), Value::Uint(2));
    Value::Map(fields)
}

proptest! {
    #[test]
    fn devices_of_both_versions_agree_and_the_version_never_falls(steps in prop::collection::vec((0..3usize, 0..4u8, 0..5u64), 1..24)) {
        let mut devices = vec![Replica::with(1, r#"{"a":0,"x":0}"#)];
        devices.push(devices[0].fork(2));
        devices.push(devices[0].fork(3));
        for (at, step, number) in steps {
            let device = &mut devices[at];
            let (version, current) = (device.version(), device.value_at(&device.version()));
            let newer = crate::document::shape::number(&current) == 2;
            let Value::Map(mut fields) = current.clone() else { panic!() };
            match step {
                // An app of version 1: it hides the version that it read.
                0 => {
                    fields.remove("$version");
                    fields.insert("a".to_owned(), Value::Uint(number));
                    let put = device.with_current(|now| edit::put(now, Some(&version), &Value::Map(fields), edit::Actor([at as u8; 16]), 0)).unwrap();
                    if let Some(edited) = put.edited {
        device.keep(edited);
    }
                }
                // An app of version 2: it migrates, then edits.
                1 => {
                    let migrated = if newer { current } else { moved(&current) };
                    let put = device.with_current(|now| edit::migrate(now.unwrap(), &version, &migrated)).unwrap();
                    if let Some(edited) = put.edited {
        device.keep(edited);
    }
                    let Value::Map(mut fields) = migrated else { panic!() };
                    fields.insert("b".to_owned(), Value::Uint(number));
                    let edit = device.with_current(|now| edit::put(now, Some(&put.version), &Value::Map(fields), edit::Actor([at as u8; 16]), 0)).unwrap();
                    if let Some(edited) = edit.edited {
        device.keep(edited);
    }
                }
                _ => {
                    let other = devices[(at + 1) % 3].whole();
                    devices[at].merge(&other);
                }
            }
            let after = devices[at].value_at(&devices[at].version());
            prop_assert!(!newer || crate::document::shape::number(&after) == 2);
        }
        for _ in 0..3 {
            for at in 0..3 {
                let other = devices[(at + 1) % 3].whole();
                devices[at].merge(&other);
            }
        }
        prop_assert_eq!(devices[0].state(), devices[1].state());
        prop_assert_eq!(devices[1].state(), devices[2].state());
    }
}
