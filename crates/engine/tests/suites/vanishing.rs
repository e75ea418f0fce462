//! True delete: what everybody has seen deleted is gone from every disk, and nobody brings it back.

use crate::world::{ALICE, BOB, CAROL, World};
use ashore_engine::api::{Command, KeptBecause, Reply, StorageKind, StoredKind};
use ashore_engine::store::Range;
use std::collections::BTreeMap;

const A_WHILE_MS: u64 = 120_000;
/// So long deletes can be undone in most tests here, so that they need not live through days.
const KEPT_MS: u64 = 600_000;
/// A word that stands in no other place.
const SECRET: &str = "quetzalcoatl";

/// Rows on a device's disk whose key or value holds these bytes.
fn rows_with(world: &World, device: usize, bytes: &str) -> usize {
    let holds = |haystack: &[u8]| haystack.windows(bytes.len()).any(|window| window == bytes.as_bytes());
    let all = world.network.devices[device].disk().load(&Range::all());
    all.rows.iter().filter(|(key, row)| holds(key) || row.present().is_some_and(|value| holds(value))).count()
}

/// What a device could still read of its entries.
fn entries_with(world: &World, device: usize, bytes: &str) -> usize {
    let payloads = world.network.payloads(device);
    let holds = |haystack: &Vec<u8>| haystack.windows(bytes.len()).any(|window| window == bytes.as_bytes());
    payloads.iter().filter(|payload| holds(payload)).count()
}

fn nothing_is_left(world: &World, devices: usize) {
    for device in 0..devices {
        assert_eq!(rows_with(world, device, SECRET), 0, "device {device}: the word is on its disk");
        assert_eq!(entries_with(world, device, SECRET), 0, "device {device}: its entries hold it");
    }
}

/// What a page was answered is remembered until it writes again: it writes something else.
fn forget_answers(world: &mut World, devices: usize) {
    for device in 0..devices {
        let keep =
            Command::ConfigureRetention { keep_deleted_seconds: None, idle_seconds: None, keep_entries_seconds: None };
        world.call(device, keep).unwrap();
        if world.may_write(device) {
            world.put(device, &format!("by-{device}"), 1);
        }
    }
    world.settle();
}

/// A note with the word, deleted, seen by all and buried.
fn bury(world: &mut World, devices: usize) {
    world.put_json(ALICE, &format!("id-{SECRET}"), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.put(ALICE, "other", 1);
    world.settle();
    world.run(A_WHILE_MS);
    assert!((0..devices).all(|device| rows_with(world, device, SECRET) > 0));
    world.delete(BOB, &format!("id-{SECRET}"));
    world.settle();
    forget_answers(world, devices);
    world.run(KEPT_MS + A_WHILE_MS);
}

/// Devices that let go of what was deleted after ten minutes.
fn hasty(roles: &[&str], seed: u64) -> World {
    let mut world = World::of(roles, seed);
    (0..roles.len()).for_each(|device| keep(&mut world, device, KEPT_MS / 1_000));
    world
}

fn keep(world: &mut World, device: usize, seconds: u64) {
    let keep = Command::ConfigureRetention {
        keep_deleted_seconds: Some(seconds),
        idle_seconds: None,
        keep_entries_seconds: None,
    };
    assert_eq!(world.call(device, keep).unwrap(), Reply::Done {});
}

fn secret() -> String {
    format!("id-{SECRET}")
}

#[test]
fn what_everybody_has_seen_deleted_is_gone_from_every_disk() {
    let mut world = hasty(&["admin", "writer", "reader"], 1);
    bury(&mut world, 3);
    nothing_is_left(&world, 3);
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(world.get(device, &secret()), None);
        assert_eq!(world.get(device, "other"), Some(serde_json::json!({ "n": 1 })), "nothing else is touched");
        world.check_is_healthy(device);
    }
}

#[test]
fn a_delete_can_be_undone_for_a_day_or_as_long_as_the_app_says() {
    let mut world = World::of(&["admin", "writer"], 2);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.settle();
    world.delete(ALICE, &secret());
    world.settle();
    forget_answers(&mut world, 2);
    world.run(A_WHILE_MS);
    assert!(rows_with(&world, ALICE, SECRET) > 0, "a minute later everything is still here");
    [ALICE, BOB].into_iter().for_each(|device| keep(&mut world, device, 0));
    world.run(A_WHILE_MS);
    nothing_is_left(&world, 2);
}

#[test]
fn who_has_not_seen_it_holds_it_back_and_who_was_removed_does_not() {
    let mut world = hasty(&["admin", "writer", "writer"], 3);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.settle();
    world.cut(CAROL, true);
    world.delete(ALICE, &secret());
    world.put(ALICE, "other", 1);
    world.settle_but(CAROL);
    world.run(3 * KEPT_MS);
    assert!(rows_with(&world, ALICE, SECRET) > 0 && rows_with(&world, BOB, SECRET) > 0);
    world.remove(ALICE, CAROL);
    world.settle_but(CAROL);
    world.run(A_WHILE_MS);
    nothing_is_left(&world, 2);
}

#[test]
fn the_gauge_counts_every_row_and_says_who_holds_a_delete_back() {
    let mut world = hasty(&["admin", "writer", "reader"], 9);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.put(ALICE, "other", 1);
    world.settle();
    world.run(A_WHILE_MS);
    world.cut(CAROL, true);
    world.delete(ALICE, &secret());
    world.settle_but(CAROL);
    assert_eq!(gauge(&mut world, ALICE).1, vec![(KeptBecause::CanBeUndone, vec![], vec![])]);
    world.run(2 * KEPT_MS);
    let carol = world.id(CAROL);
    let (kinds, kept) = gauge(&mut world, ALICE);
    assert_eq!(kept, vec![(KeptBecause::NotSeen, vec![carol.clone()], vec![])]);
    let all = world.network.devices[ALICE].disk().load(&Range::all());
    let rows: u64 = kinds.values().map(|kind| kind.rows).sum();
    assert_eq!(rows, all.rows.len() as u64, "each row is counted once");
    let bytes: usize = all.rows.iter().map(|(key, row)| key.len() + row.present().map_or(0, |value| value.len())).sum();
    assert_eq!(kinds.values().map(|kind| kind.bytes).sum::<u64>(), bytes as u64);
    assert_eq!((kinds[&StorageKind::Documents].rows, kinds[&StorageKind::Tombstones].rows), (1, 2));
    let idle =
        Command::ConfigureRetention { keep_deleted_seconds: None, idle_seconds: Some(60), keep_entries_seconds: None };
    world.call(ALICE, idle).unwrap();
    assert_eq!(gauge(&mut world, ALICE).1, vec![(KeptBecause::NotSeen, vec![carol.clone()], vec![carol])]);
    world.cut(CAROL, false);
    world.settle();
    world.run(2 * KEPT_MS);
    let (kinds, kept) = gauge(&mut world, ALICE);
    assert_eq!((kept.len(), kinds.get(&StorageKind::Tombstones)), (0, None));
    assert_eq!(kinds[&StorageKind::Markers].rows, 2, "the marker, and that there is nothing to do");
}

type Kept = (KeptBecause, Vec<String>, Vec<String>);

fn gauge(world: &mut World, device: usize) -> (BTreeMap<StorageKind, StoredKind>, Vec<Kept>) {
    let (mut all, mut held, mut after) = (BTreeMap::<StorageKind, StoredKind>::new(), vec![], None);
    loop {
        let Reply::Stored { kinds, kept, next } = world.call(device, Command::Storage { after }).unwrap() else {
            panic!()
        };
        for kind in kinds {
            let sum = all.entry(kind.kind).or_insert(StoredKind { rows: 0, bytes: 0, ..kind });
            (sum.rows, sum.bytes) = (sum.rows + kind.rows, sum.bytes + kind.bytes);
        }
        held.extend(kept.into_iter().map(|kept| (kept.because, kept.waits_for, kept.idle)));
        if next.is_none() {
            return (all, held);
        }
        after = next;
    }
}

#[test]
fn an_edit_that_the_delete_did_not_see_keeps_the_document() {
    let mut world = hasty(&["admin", "writer", "writer"], 4);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.settle();
    world.run(A_WHILE_MS);
    world.cut(CAROL, true);
    world.put_json(CAROL, &secret(), &format!(r#"{{"text":"{SECRET} again"}}"#));
    world.delete(ALICE, &secret());
    world.settle_but(CAROL);
    world.run(2 * KEPT_MS);
    world.cut(CAROL, false);
    world.settle();
    world.run(2 * KEPT_MS);
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(world.get(device, &secret()).unwrap()["text"], format!("{SECRET} again"));
    }
}

#[test]
fn a_device_restored_from_an_old_backup_brings_nothing_back() {
    let mut world = hasty(&["admin", "writer", "writer"], 5);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.put(ALICE, "other", 1);
    world.settle();
    world.run(A_WHILE_MS);
    world.network.crash(CAROL, false);
    let backup = world.network.disk_of(CAROL).unwrap().clone();
    world.network.open(CAROL);
    world.delete(BOB, &secret());
    world.settle();
    forget_answers(&mut world, 3);
    world.run(KEPT_MS + A_WHILE_MS);
    nothing_is_left(&world, 3);
    world.network.crash(CAROL, false);
    *world.network.disk_of(CAROL).unwrap() = backup;
    world.cut(CAROL, true);
    world.network.open(CAROL);
    world.put_json(CAROL, &secret(), &format!(r#"{{"text":"{SECRET} is back"}}"#));
    world.put(CAROL, "from-carol", 7);
    world.cut(CAROL, false);
    world.settle();
    world.run(KEPT_MS + A_WHILE_MS);
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(world.get(device, &secret()), None, "device {device}");
        assert_eq!(world.get(device, "from-carol"), Some(serde_json::json!({ "n": 7 })), "its other edits arrive");
        assert_eq!(rows_with(&world, device, SECRET), 0, "device {device}");
        world.check_is_healthy(device);
    }
}

#[test]
fn an_id_that_is_used_again_is_another_document_everywhere() {
    let mut world = hasty(&["admin", "writer", "writer"], 6);
    // Bob keeps what was deleted for longer, so that it still has the tombstone when the others have not.
    keep(&mut world, BOB, 7_200);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}","old":true}}"#));
    world.put(ALICE, "other", 1);
    world.settle();
    world.delete(ALICE, &secret());
    world.settle();
    world.run(KEPT_MS + A_WHILE_MS);
    assert_eq!(entries_with(&world, ALICE, SECRET) + rows_with(&world, CAROL, SECRET), 0);
    assert!(rows_with(&world, BOB, SECRET) > 0);
    world.put_json(ALICE, &secret(), r#"{"new":true}"#);
    world.settle();
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(world.get(device, &secret()), Some(serde_json::json!({ "new": true })), "device {device}");
    }
    world.put_json(BOB, &secret(), r#"{"new":true,"more":2}"#);
    world.settle();
    assert_eq!(world.get(CAROL, &secret()), Some(serde_json::json!({ "new": true, "more": 2 })));
    world.delete(CAROL, &secret());
    world.settle();
    forget_answers(&mut world, 3);
    world.run(7_200_000 + A_WHILE_MS);
    nothing_is_left(&world, 3);
}

#[test]
fn a_database_without_a_group_lets_go_of_what_it_deleted() {
    let mut world = World::alone(7);
    keep(&mut world, ALICE, KEPT_MS / 1_000);
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.delete(ALICE, &secret());
    assert!(rows_with(&world, ALICE, SECRET) > 0);
    world.put(ALICE, "other", 1);
    world.run(KEPT_MS + A_WHILE_MS);
    nothing_is_left(&world, 1);
    world.put_json(ALICE, &secret(), r#"{"again":1}"#);
    assert_eq!(world.get(ALICE, &secret()), Some(serde_json::json!({ "again": 1 })));
}

#[test]
fn a_crash_at_any_moment_leaves_nothing_half_done() {
    for seed in 0..4 {
        let mut world = hasty(&["admin", "writer"], 200 + seed);
        bury_with_crashes(&mut world);
        world.network.faults.device_crashes = 0;
        world.reopen_all();
        world.settle();
        world.run(2 * KEPT_MS);
        nothing_is_left(&world, 2);
        for device in [ALICE, BOB] {
            assert_eq!(world.get(device, &secret()), None);
            world.check_is_healthy(device);
        }
    }
}

fn bury_with_crashes(world: &mut World) {
    world.network.faults.device_crashes = 0;
    world.put_json(ALICE, &secret(), &format!(r#"{{"text":"{SECRET}"}}"#));
    world.put(ALICE, "other", 1);
    world.settle();
    world.delete(ALICE, &secret());
    forget_answers(world, 2);
    world.network.faults.device_crashes = 60;
    for _ in 0..40 {
        world.run(30_000);
        world.reopen_all();
    }
}
