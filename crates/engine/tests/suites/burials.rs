//! Documents that are gone for good on one device and written again on another: what is written stays, everywhere, and all show the same.

use crate::world::{ALICE, BOB, CAROL, World};
use ashore_engine::api::{Command, Reply, Write, WriteResult};
use serde_json::json;

const A_WHILE_MS: u64 = 120_000;
const A_DAY_S: u64 = 24 * 3_600;
const EVERYBODY: [usize; 3] = [ALICE, BOB, CAROL];

fn keep(world: &mut World, device: usize, seconds: u64) {
    let keep = Command::ConfigureRetention {
        keep_deleted_seconds: Some(seconds),
        idle_seconds: None,
        keep_entries_seconds: None,
    };
    assert_eq!(world.call(device, keep).unwrap(), Reply::Done {});
}

/// Alice and Carol let go of what is deleted at once, Bob after a day. A note was written, read by Bob and deleted; answers the version that Bob read.
fn buried_but_on_bob(seed: u64) -> (World, String) {
    let mut world = World::of(&["admin", "writer", "writer"], seed);
    for device in EVERYBODY {
        keep(&mut world, device, if device == BOB { A_DAY_S } else { 0 });
    }
    world.put_json(ALICE, "n", r#"{"old":1}"#);
    world.put(ALICE, "other", 1);
    world.settle();
    let read = version(&mut world, BOB);
    world.delete(ALICE, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 0, 1], "it is gone but on Bob's");
    (world, read)
}

fn markers(world: &World, device: usize) -> usize {
    world.network.devices[device].disk().with_prefix(b"b").filter(|(key, _)| key.len() == 26).count()
}

fn version(world: &mut World, device: usize) -> String {
    let get = Command::Get { collection: "notes".into(), ids: vec!["n".into()] };
    let Reply::Documents { versions, .. } = world.call(device, get).unwrap() else { panic!() };
    versions[0].clone()
}

fn put_at(world: &mut World, device: usize, base: &str, json: &str) {
    let put = Write::Put {
        collection: "notes".into(),
        ids: vec!["n".into()],
        documents: format!("[{json}]"),
        bases: vec![Some(base.into())],
    };
    world.write(device, put).unwrap();
}

/// All show this, now and when it was told who has buried what.
fn all_show(world: &mut World, value: &serde_json::Value) {
    world.settle();
    world.run(A_WHILE_MS);
    world.settle();
    for device in EVERYBODY {
        assert_eq!(world.get(device, "n").as_ref(), Some(value), "device {device}");
    }
}

#[test]
fn a_write_over_a_tombstone_stays_where_it_was_buried() {
    let (mut world, _) = buried_but_on_bob(1);
    world.put_json(BOB, "n", r#"{"new":1}"#);
    all_show(&mut world, &json!({ "new": 1 }));
    world.put_json(CAROL, "n", r#"{"new":1,"more":2}"#);
    world.put_json(BOB, "n", r#"{"new":2}"#);
    world.settle();
    let shown = world.get(ALICE, "n").unwrap();
    all_show(&mut world, &shown);
    // It is alive, so no marker of it is left; and it can go again, for good.
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [0, 0, 0]);
    keep(&mut world, BOB, 0);
    world.delete(CAROL, "n");
    world.settle();
    world.run(2 * A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    assert_eq!(EVERYBODY.map(|device| world.get(device, "n")), [None, None, None]);
}

#[test]
fn a_copy_that_was_read_before_the_delete_stays_when_it_is_put_after_it() {
    let (mut world, read) = buried_but_on_bob(2);
    put_at(&mut world, BOB, &read, r#"{"old":1,"new":1}"#);
    all_show(&mut world, &json!({ "old": 1, "new": 1 }));
}

#[test]
fn a_delete_that_is_taken_back_is_taken_back_everywhere() {
    let (mut world, _) = buried_but_on_bob(3);
    // Bob brings it back with something new, and takes that back, and forth.
    world.put_json(BOB, "n", r#"{"old":2}"#);
    all_show(&mut world, &json!({ "old": 2 }));
    let revert =
        |redo| Write::Revert { collection: "notes".into(), ids: vec!["n".into()], versions: vec![vec![]], redo };
    let undone = world.write(BOB, revert(false)).unwrap();
    assert_eq!(undone, vec![WriteResult::Reverted { reverted: vec![true] }]);
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| world.get(device, "n")), [None, None, None]);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 0, 1]);
    world.write(BOB, revert(true)).unwrap();
    all_show(&mut world, &json!({ "old": 2 }));
}

#[test]
fn what_was_written_offline_over_a_tombstone_stays_with_all_that_rests_on_it() {
    let (mut world, read) = buried_but_on_bob(4);
    world.cut(BOB, true);
    world.put_json(BOB, "n", r#"{"bob":1}"#);
    put_at(&mut world, BOB, &read, r#"{"old":1,"late":1}"#);
    world.put_json(CAROL, "n", r#"{"carol":1}"#);
    world.settle_but(BOB);
    world.cut(BOB, false);
    world.settle();
    world.run(A_WHILE_MS);
    world.settle();
    let shown = world.get(ALICE, "n").unwrap();
    for field in ["bob", "late", "carol"] {
        assert_eq!(shown[field], json!(1), "{shown}");
    }
    all_show(&mut world, &shown);
}

#[test]
fn one_device_began_both_documents_that_meet() {
    let (mut world, _) = buried_but_on_bob(11);
    world.cut(BOB, true);
    world.put_json(ALICE, "n", r#"{"alice":1}"#);
    world.put_json(BOB, "n", r#"{"bob":1}"#);
    world.settle_but(BOB);
    world.cut(BOB, false);
    all_show(&mut world, &json!({ "alice": 1, "bob": 1 }));
    world.put_json(ALICE, "n", r#"{"alice":2,"bob":1}"#);
    all_show(&mut world, &json!({ "alice": 2, "bob": 1 }));
}

#[test]
fn a_document_that_a_new_device_has_of_its_own_does_not_bring_back_what_was_buried() {
    let (mut world, _) = buried_but_on_bob(5);
    world.network.add_device("device");
    world.add_role("writer");
    let dave = 3;
    world.put_json(dave, "n", r#"{"own":1}"#);
    world.join(dave, "writer");
    all_show(&mut world, &json!({ "own": 1 }));
    assert_eq!(world.get(dave, "n"), Some(json!({ "own": 1 })), "what the group had deleted is not under it");
    world.put_json(BOB, "n", r#"{"own":1,"bob":1}"#);
    all_show(&mut world, &json!({ "own": 1, "bob": 1 }));
}

#[test]
fn who_knows_of_more_burials_tells_them_after_another_told_fewer() {
    let mut world = World::of(&["admin", "writer", "writer"], 12);
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, 0));
    world.network.crash(CAROL, false);
    let backup = world.network.disk_of(CAROL).unwrap().clone();
    world.network.open(CAROL);
    world.put_json(ALICE, "n", r#"{"first":1}"#);
    world.put(ALICE, "other", 1);
    world.settle();
    world.delete(ALICE, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    // Of the second one Bob does not let go.
    keep(&mut world, BOB, A_DAY_S);
    world.put_json(ALICE, "n", r#"{"second":1}"#);
    world.settle();
    world.delete(ALICE, "n");
    world.settle();
    world.run(A_WHILE_MS);
    // Carol comes back from before the first, and writes another without knowing of either.
    world.network.crash(CAROL, false);
    *world.network.disk_of(CAROL).unwrap() = backup;
    world.cut(CAROL, true);
    world.network.open(CAROL);
    world.put_json(CAROL, "n", r#"{"own":1}"#);
    world.cut(CAROL, false);
    while world.get(ALICE, "n").is_none() {
        world.run(50);
    }
    assert_eq!(world.get(ALICE, "n"), Some(json!({ "own": 1 })));
    // Bob tells what he knows while Alice is away.
    world.network.crash(ALICE, false);
    world.run(A_WHILE_MS);
    assert_eq!(world.get(BOB, "n"), Some(json!({ "second": 1, "own": 1 })), "he still has the tombstone");
    world.network.open(ALICE);
    all_show(&mut world, &json!({ "own": 1 }));
}

#[test]
fn a_delete_that_rests_on_what_was_buried_here_and_on_what_was_not_arrives() {
    let mut world = World::of(&["admin", "writer", "writer"], 13);
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, if device == ALICE { 0 } else { A_DAY_S }));
    world.network.crash(CAROL, false);
    let backup = world.network.disk_of(CAROL).unwrap().clone();
    world.network.open(CAROL);
    world.put_json(BOB, "n", r#"{"old":1}"#);
    world.put(ALICE, "other", 1);
    world.settle();
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 0, 0]);
    // Carol comes back from before all that, with another of the same name.
    world.network.crash(ALICE, false);
    world.network.crash(CAROL, false);
    *world.network.disk_of(CAROL).unwrap() = backup;
    world.cut(CAROL, true);
    world.network.open(CAROL);
    world.put_json(CAROL, "n", r#"{"own":1}"#);
    world.cut(CAROL, false);
    world.settle_but(ALICE);
    // It is deleted, together with what is left of the first, and written at the same time.
    world.cut(CAROL, true);
    world.put_json(CAROL, "n", r#"{"own":1,"more":1}"#);
    world.delete(BOB, "n");
    world.run(2_000);
    world.cut(CAROL, false);
    world.settle_but(ALICE);
    world.network.open(ALICE);
    all_show(&mut world, &json!({ "own": 1, "more": 1 }));
    let versions = EVERYBODY.map(|device| version(&mut world, device));
    assert_eq!(versions[ALICE], versions[BOB], "Alice has the delete, too");
    assert_eq!(versions[CAROL], versions[BOB]);
}

#[test]
fn who_had_buried_what_comes_alive_ends_with_the_same_changes_as_the_others() {
    let mut world = World::of(&["admin", "writer", "writer"], 14);
    world.network.relay.forgets_at_once();
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, if device == ALICE { 0 } else { A_DAY_S }));
    world.put_json(BOB, "n", r#"{"old":1}"#);
    world.settle();
    // Carol goes, and writes over her own delete.
    world.call(CAROL, Command::LeaveGroup {}).unwrap();
    world.delete(CAROL, "n");
    world.put_json(CAROL, "n", r#"{"new":1}"#);
    // Alice deletes, lets go of it, and makes a snapshot without it.
    world.delete(ALICE, "n");
    world.network.settle(&[ALICE, BOB]);
    world.run(A_WHILE_MS);
    assert_eq!([ALICE, BOB].map(|device| markers(&world, device)), [1, 0]);
    world.call(ALICE, Command::PublishSnapshot { timeout_ms: 60_000 }).unwrap();
    world.network.tidy_relay();
    world.join(CAROL, "writer");
    all_show(&mut world, &json!({ "new": 1 }));
    let versions = EVERYBODY.map(|device| version(&mut world, device));
    assert_eq!(versions[0], versions[1], "Alice's own delete is there again");
    assert_eq!(versions[1], versions[2]);
}

#[test]
fn a_change_of_a_later_document_that_comes_before_its_beginning_is_not_lost() {
    let mut world = World::of(&["admin", "writer", "writer"], 14);
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, 0));
    world.put_json(ALICE, "n", r#"{"old":1}"#);
    world.settle();
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    world.network.back_up_relay();
    [ALICE, CAROL].into_iter().for_each(|device| world.network.crash(device, false));
    world.put_json(BOB, "n", r#"{"new":1}"#);
    world.run(1_000);
    // What began the later document comes back with Bob's snapshot only.
    world.network.restore_relay();
    world.run(A_WHILE_MS);
    let group = world.network.devices[BOB].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap();
    assert_eq!(world.network.relay.snapshots(&group).len(), 1);
    world.put(BOB, "other", 1);
    world.run(1_000);
    world.put_json(BOB, "n", r#"{"new":2}"#);
    world.run(1_000);
    world.reopen_all();
    all_show(&mut world, &json!({ "new": 2 }));
}

#[test]
fn a_marker_comes_with_a_snapshot_and_leaves_out_what_an_old_backup_brings() {
    let mut world = World::of(&["admin", "writer", "writer"], 6);
    world.network.relay.forgets_at_once();
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, 0));
    world.put_json(ALICE, "n", r#"{"old":1}"#);
    world.put(ALICE, "other", 1);
    world.settle();
    world.network.crash(CAROL, false);
    let backup = world.network.disk_of(CAROL).unwrap().clone();
    world.network.open(CAROL);
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    world.call(ALICE, Command::PublishSnapshot { timeout_ms: 60_000 }).unwrap();
    world.network.tidy_relay();
    world.network.crash(CAROL, false);
    *world.network.disk_of(CAROL).unwrap() = backup;
    world.network.open(CAROL);
    world.settle();
    world.run(A_WHILE_MS);
    world.settle();
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1], "it took the snapshot's marker");
    assert_eq!(EVERYBODY.map(|device| world.get(device, "n")), [None, None, None]);
    assert_eq!(world.get(CAROL, "other"), Some(json!({ "n": 1 })));
}

#[test]
fn what_is_to_be_told_is_told_after_a_crash() {
    let mut world = World::of(&["admin", "writer", "writer"], 10);
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, 0));
    world.put_json(ALICE, "n", r#"{"old":1}"#);
    world.settle();
    world.network.crash(CAROL, false);
    let backup = world.network.disk_of(CAROL).unwrap().clone();
    world.network.open(CAROL);
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    world.network.crash(CAROL, false);
    *world.network.disk_of(CAROL).unwrap() = backup;
    world.cut(CAROL, true);
    world.network.open(CAROL);
    world.put_json(CAROL, "n", r#"{"old":2}"#);
    world.put(CAROL, "other", 1);
    world.cut(CAROL, false);
    let arrived = |world: &mut World| [ALICE, BOB].into_iter().all(|device| world.get(device, "other").is_some());
    while !arrived(&mut world) {
        world.run(50);
    }
    [ALICE, BOB].into_iter().for_each(|device| world.network.crash(device, false));
    world.run(A_WHILE_MS);
    assert_eq!(world.get(CAROL, "n"), Some(json!({ "old": 2 })), "nobody has told it yet");
    world.reopen_all();
    world.settle();
    world.run(A_WHILE_MS);
    world.settle();
    assert_eq!(EVERYBODY.map(|device| world.get(device, "n")), [None, None, None]);
}

#[test]
fn a_relay_that_lost_its_disk_gets_everything_but_what_was_buried() {
    let mut world = World::of(&["admin", "writer", "writer"], 7);
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, 0));
    world.put_json(ALICE, "n", r#"{"old":1}"#);
    world.put(BOB, "other", 1);
    world.settle();
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    world.network.stop_relay();
    world.network.lose_relay_disk();
    world.network.start_relay();
    world.settle();
    world.run(A_WHILE_MS);
    world.settle();
    world.network.add_device("device");
    world.add_role("writer");
    let dave = 3;
    world.join(dave, "writer");
    world.settle();
    assert_eq!(world.get(dave, "other"), Some(json!({ "n": 1 })));
    assert_eq!(world.get(dave, "n"), None);
    let reads = world.network.payloads(dave);
    assert!(!reads.iter().any(|payload| payload.windows(3).any(|bytes| bytes == b"old")), "it never heard of it");
}

/// A note of which Alice keeps a field to herself.
fn partly_alices(seed: u64, keep_seconds: u64) -> World {
    let mut world = World::of(&["admin", "writer", "writer"], seed);
    EVERYBODY.into_iter().for_each(|device| keep(&mut world, device, keep_seconds));
    world.declare_local_fields(ALICE, "notes", &["mine"]);
    world.put_json(ALICE, "n", r#"{"shared":1,"mine":"quetzal"}"#);
    world.put(ALICE, "other", 1);
    world.settle();
    assert_eq!(world.get(BOB, "n"), Some(json!({ "shared": 1 })));
    world
}

fn holds(world: &World, device: usize, word: &str) -> bool {
    let has = |row: &[u8]| row.windows(word.len()).any(|bytes| bytes == word.as_bytes());
    let mut rows =
        ["v", "a", "e"].iter().flat_map(|tag| world.network.devices[device].disk().with_prefix(tag.as_bytes()));
    rows.any(|(_, row)| has(row))
}

#[test]
fn what_stayed_here_of_a_document_that_others_deleted_goes_with_it() {
    let mut world = partly_alices(8, 600);
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(world.get(ALICE, "n"), None);
    assert!(holds(&world, ALICE, "quetzal"), "it is kept for the case that somebody edited the rest");
    world.run(600_000 + A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    assert!(!holds(&world, ALICE, "quetzal"));
}

#[test]
fn a_backup_with_a_part_of_its_own_keeps_that_part_and_nothing_else() {
    let mut world = partly_alices(9, 0);
    world.network.crash(ALICE, false);
    let backup = world.network.disk_of(ALICE).unwrap().clone();
    world.network.open(ALICE);
    world.delete(BOB, "n");
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(EVERYBODY.map(|device| markers(&world, device)), [1, 1, 1]);
    world.network.crash(ALICE, false);
    *world.network.disk_of(ALICE).unwrap() = backup;
    world.cut(ALICE, true);
    world.network.open(ALICE);
    world.declare_local_fields(ALICE, "notes", &["mine"]);
    world.put_json(ALICE, "n", r#"{"shared":2,"mine":"quetzal"}"#);
    world.cut(ALICE, false);
    world.settle();
    world.run(A_WHILE_MS);
    world.settle();
    assert_eq!(EVERYBODY.map(|device| world.get(device, "n")), [Some(json!({ "mine": "quetzal" })), None, None]);
}
