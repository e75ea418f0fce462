//! Entries that came long ago go from a device's own log, if the app wants it; nothing is lost by that, and everything goes on.

use crate::world::{ALICE, BOB, CAROL, World};
use ashore_engine::api::{Command, IdRange, Reply, StorageKind};
use ashore_engine::crypto::plan_payload;
use ashore_engine::group::DataPayload;
use ashore_engine::store::{Range, RowValue, StoreBatch};
use ashore_protocol::codec::encode;
use ashore_protocol::ids::{EntryId, GroupId};

const MINUTE_MS: u64 = 60_000;

fn keep_entries(world: &mut World, device: usize, seconds: u64) {
    let keep = Command::ConfigureRetention {
        keep_deleted_seconds: None,
        idle_seconds: None,
        keep_entries_seconds: Some(seconds),
    };
    assert_eq!(world.call(device, keep).unwrap(), Reply::Done {});
}

/// Data entries in a device's log.
fn entries(world: &World, device: usize) -> usize {
    world.network.payloads(device).len()
}

fn all(world: &mut World, device: usize) -> String {
    let range = IdRange { limit: 100_000, ..IdRange::default() };
    match world.call(device, Command::Scan { collection: "notes".into(), range }).unwrap() {
        Reply::Documents { ids, documents, .. } => format!("{ids:?} {documents}"),
        other => panic!("{other:?}"),
    }
}

fn publish(world: &mut World, device: usize) {
    let publish = Command::PublishSnapshot { timeout_ms: 120_000 };
    assert!(matches!(world.call(device, publish).unwrap(), Reply::Snapshot { .. }));
    world.settle();
}

fn write_some(world: &mut World, from: i64) {
    for n in from..from + 20 {
        world.put([ALICE, BOB][(n % 2) as usize], &format!("n{}", n % 7), n);
    }
    world.settle();
}

fn bytes_of_entries(world: &mut World, device: usize) -> u64 {
    let (mut after, mut bytes) = (None, 0);
    loop {
        let Reply::Stored { kinds, next, .. } = world.call(device, Command::Storage { after }).unwrap() else {
            panic!()
        };
        bytes += kinds.iter().filter(|kind| kind.kind == StorageKind::Entries).map(|kind| kind.bytes).sum::<u64>();
        match next {
            None => return bytes,
            next => after = next,
        }
    }
}

fn repair(world: &mut World, device: usize) {
    let (mut after, mut rounds) = (None, 0);
    loop {
        let Reply::Repaired { next, waits, .. } = world.call(device, Command::Repair { after: after.clone() }).unwrap()
        else {
            panic!()
        };
        if waits {
            world.run(1_000);
        }
        match next {
            None => return,
            next => after = next,
        }
        rounds += 1;
        assert!(rounds < 1_000, "it ends");
    }
}

/// Two who write, with a snapshot of what they wrote; alice keeps entries for ten minutes, and they are over.
fn alice_let_go(roles: &[&str], seed: u64) -> World {
    let mut world = World::of(roles, seed);
    write_some(&mut world, 0);
    publish(&mut world, BOB);
    keep_entries(&mut world, ALICE, 600);
    let before = entries(&world, ALICE);
    assert!(before >= 20, "{before}");
    world.run(5 * MINUTE_MS);
    assert_eq!(entries(&world, ALICE), before, "it is not time yet");
    world.run(7 * MINUTE_MS);
    assert!(entries(&world, ALICE) <= 2, "only what is named next stays: {}", entries(&world, ALICE));
    world
}

#[test]
fn entries_that_came_long_ago_go_and_all_goes_on() {
    let mut world = alice_let_go(&["admin", "writer"], 1);
    let before = all(&mut world, BOB);
    assert_eq!(all(&mut world, ALICE), before);
    let (alices, bobs) = (bytes_of_entries(&mut world, ALICE), bytes_of_entries(&mut world, BOB));
    assert!(alices * 2 < bobs, "{alices} bytes of {bobs}");
    world.check_is_healthy(ALICE);
    write_some(&mut world, 20);
    let young = entries(&world, ALICE);
    assert!(young >= 20, "what came since is here: {young}");
    world.network.crash(ALICE, false);
    world.network.open(ALICE);
    world.settle();
    let before = all(&mut world, BOB);
    assert_eq!(all(&mut world, ALICE), before);
    world.run(25 * MINUTE_MS);
    assert!(entries(&world, ALICE) <= 2, "the setting holds: {}", entries(&world, ALICE));
    world.check_is_healthy(ALICE);
    assert!(entries(&world, BOB) >= 40, "bob was not asked to");
}

#[test]
fn a_relay_that_lost_its_log_gets_a_snapshot_from_who_let_go() {
    let mut world = alice_let_go(&["admin", "writer"], 2);
    let before = all(&mut world, ALICE);
    world.network.crash(BOB, false);
    world.network.lose_relay_disk();
    world.put(ALICE, "after", 1);
    world.settle_but(BOB);
    let group = world.network.devices[ALICE].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap();
    assert_eq!(world.network.relay.snapshots(&group).len(), 1);
    world.network.add_device("carol");
    world.join(CAROL, "writer");
    world.settle_but(BOB);
    world.network.open(BOB);
    world.settle();
    let after = all(&mut world, ALICE);
    assert!(after.len() > before.len());
    assert_eq!(all(&mut world, CAROL), after);
    assert_eq!(all(&mut world, BOB), after);
}

fn group_of(world: &World) -> GroupId {
    world.network.devices[ALICE].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap()
}

#[test]
fn a_snapshot_that_was_begun_before_the_relay_forgot_does_not_stand_for_what_it_forgot() {
    let mut begun_before = 0;
    for steps in 0..6 {
        let mut world = alice_let_go(&["admin", "writer"], 20);
        world.network.crash(BOB, false);
        world.network.back_up_relay();
        let (group, mark) = (group_of(&world), u64::MAX);
        let (kept, stands) = (world.network.relay.entries(&group).len(), world.network.relay.snapshots(&group));
        world.network.ask(ALICE, Command::PublishSnapshot { timeout_ms: 600_000 }, mark);
        (0..steps).for_each(|_| assert!(world.network.step()));
        world.put(ALICE, "after", 1);
        while world.network.relay.entries(&group).len() == kept {
            assert!(world.network.step());
        }
        world.network.run_ms(30);
        begun_before += usize::from(world.network.relay.snapshots(&group) == stands);
        world.network.stop_relay();
        world.network.restore_relay();
        world.network.start_relay();
        world.settle_but(BOB);
        world.run(MINUTE_MS);
        world.network.open(BOB);
        world.settle();
        assert_eq!(world.get(BOB, "after"), Some(serde_json::json!({ "n": 1 })), "after {steps} steps");
    }
    assert!(begun_before > 2, "{begun_before}");
}

#[test]
fn who_let_go_and_keeps_something_aside_gives_the_relay_the_entries_that_are_left() {
    let mut world = alice_let_go(&["admin", "writer"], 21);
    // What it builds on is nowhere.
    let plan = plan_payload(&encode(&DataPayload { changes: vec![], writers: None, buried: None }));
    world.network.forge(BOB, plan, vec![EntryId([7; 32])]).unwrap();
    world.settle();
    world.network.back_up_relay();
    world.put(ALICE, "after", 1);
    world.settle();
    assert_eq!(world.network.devices[ALICE].status.as_ref().unwrap().quarantined, 1);
    world.network.crash(BOB, false);
    world.network.stop_relay();
    world.network.restore_relay();
    world.network.start_relay();
    world.settle_but(BOB);
    world.network.add_device("carol");
    world.join(CAROL, "writer");
    world.settle_but(BOB);
    assert_eq!(world.get(CAROL, "after"), Some(serde_json::json!({ "n": 1 })));
}

#[test]
fn who_let_go_and_may_not_write_gives_the_relay_a_snapshot_once_it_may() {
    let mut world = World::of(&["admin", "writer"], 22);
    let device = world.id(BOB);
    write_some(&mut world, 0);
    publish(&mut world, ALICE);
    world.network.back_up_relay();
    keep_entries(&mut world, BOB, 600);
    world.run(3 * MINUTE_MS);
    // Alice is away while Bob writes, and never comes to have it; Bob lets go of the entry.
    world.network.crash(ALICE, false);
    let backup = world.network.disk_of(ALICE).unwrap().clone();
    world.network.open(ALICE);
    world.put(BOB, "from-bob", 1);
    world.settle();
    publish(&mut world, ALICE);
    world.run(20 * MINUTE_MS);
    world.put(BOB, "from-bob-too", 1);
    world.settle();
    world.run(20 * MINUTE_MS);
    assert!(entries(&world, BOB) <= 2, "{}", entries(&world, BOB));
    // The relay and Alice come back from their backups, and she takes Bob's right before he is there.
    world.network.crash(BOB, false);
    world.network.crash(ALICE, false);
    world.network.stop_relay();
    world.network.restore_relay();
    world.network.start_relay();
    *world.network.disk_of(ALICE).unwrap() = backup;
    world.network.open(ALICE);
    let role = |role: &str| Command::ChangeRole { device: device.clone(), role: role.into() };
    world.settle_but(BOB);
    world.call(ALICE, role("reader")).unwrap();
    world.settle_but(BOB);
    world.network.open(BOB);
    world.run(MINUTE_MS);
    assert_eq!(world.get(ALICE, "from-bob"), None, "a reader makes no snapshot");
    world.call(ALICE, role("writer")).unwrap();
    world.settle();
    assert_eq!(world.get(ALICE, "from-bob"), Some(serde_json::json!({ "n": 1 })));
    assert_eq!(all(&mut world, ALICE), all(&mut world, BOB));
}

/// Breaks row and changes of a note on alice's disk, both at once, and has her mend it.
fn break_and_mend(world: &mut World, id: &str) {
    let rows = world.network.devices[ALICE].disk().load(&Range::all()).rows;
    let is_of = |key: &[u8]| key.windows(id.len()).any(|at| at == id.as_bytes());
    let broken: Vec<_> = rows
        .into_iter()
        .filter(|(key, _)| matches!(key.first(), Some(b'v' | b'a')) && is_of(key))
        .filter_map(|(key, row)| match row {
            RowValue::Present(bytes) => Some((key, bytes)),
            RowValue::Corrupt => None,
        })
        .collect();
    assert!(broken.len() >= 2, "a row and its changes");
    let mut batch = StoreBatch::new();
    for (key, bytes) in broken {
        batch.put(key, bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<u8>>());
    }
    world.network.crash(ALICE, false);
    world.network.overwrite(ALICE, batch);
    world.network.open(ALICE);
    world.settle();
    repair(world, ALICE);
    world.settle();
    world.check_is_healthy(ALICE);
    assert_eq!(world.network.devices[ALICE].status.as_ref().unwrap().quarantined, 0);
}

#[test]
fn a_document_that_broke_after_its_entries_went_is_mended_from_the_relays_log() {
    let mut world = alice_let_go(&["admin", "writer"], 3);
    let before = all(&mut world, ALICE);
    break_and_mend(&mut world, "n3");
    assert_eq!(all(&mut world, ALICE), before);
    assert_eq!(all(&mut world, BOB), before);
}

#[test]
fn a_document_that_broke_after_everybodys_entries_went_is_mended_from_the_snapshot() {
    let mut world = alice_let_go(&["admin", "writer"], 6);
    world.network.crash(ALICE, false);
    world.network.crash(BOB, false);
    world.run(365 * 24 * 60 * MINUTE_MS);
    world.network.open(ALICE);
    world.settle_but(BOB);
    assert!(world.network.tidy_relay() > 0, "the relay forgets what the snapshot covers");
    world.network.open(BOB);
    world.put(BOB, "after", 1);
    world.settle();
    let before = all(&mut world, BOB);
    break_and_mend(&mut world, "n3");
    assert_eq!(all(&mut world, ALICE), before);
    assert_eq!(all(&mut world, BOB), before);
    world.put(BOB, "n3", 99);
    world.settle();
    assert_eq!(world.get(ALICE, "n3"), Some(serde_json::json!({ "n": 99 })));
}

#[test]
fn nobody_lets_go_without_a_snapshot_or_the_right_to_make_one() {
    let mut world = World::of(&["admin", "writer", "reader"], 4);
    write_some(&mut world, 0);
    (0..3).for_each(|device| keep_entries(&mut world, device, 0));
    let before: Vec<usize> = (0..3).map(|device| entries(&world, device)).collect();
    world.run(60 * MINUTE_MS);
    assert_eq!((0..3).map(|device| entries(&world, device)).collect::<Vec<_>>(), before, "there is no snapshot");
    publish(&mut world, BOB);
    world.run(10 * MINUTE_MS);
    assert!(entries(&world, ALICE) <= 2 && entries(&world, BOB) <= 2);
    assert_eq!(entries(&world, CAROL), before[CAROL], "a reader could not give it back to a relay");
    let before = all(&mut world, CAROL);
    assert_eq!(all(&mut world, ALICE), before);
    assert_eq!(all(&mut world, BOB), before);
}

#[test]
fn entries_of_seven_days_go_and_none_before_or_unsent() {
    const HOUR_MS: u64 = 60 * MINUTE_MS;
    let mut world = World::of(&["admin", "writer"], 7);
    keep_entries(&mut world, ALICE, 7 * 24 * 3_600);
    write_some(&mut world, 0);
    publish(&mut world, BOB);
    let before = entries(&world, ALICE);
    world.run(7 * 24 * HOUR_MS - HOUR_MS);
    assert_eq!(entries(&world, ALICE), before, "six days and 23 hours");
    world.cut(ALICE, true);
    (0..5).for_each(|n| world.put(ALICE, &format!("unsent{n}"), n));
    world.run(30 * 24 * HOUR_MS);
    assert_eq!(entries(&world, ALICE), before + 5, "nothing goes while something waits");
    world.cut(ALICE, false);
    world.settle();
    world.run(2 * MINUTE_MS);
    let left = entries(&world, ALICE);
    assert!(left < before, "{left} of {before}");
    let before = all(&mut world, ALICE);
    assert!(before.contains("unsent4"));
    assert_eq!(all(&mut world, BOB), before);
}

#[test]
fn nothing_goes_while_it_waits_for_the_relay() {
    let mut world = alice_let_go(&["admin", "writer"], 5);
    world.cut(ALICE, true);
    for n in 0..10 {
        world.put(ALICE, &format!("offline{n}"), n);
    }
    world.run(60 * MINUTE_MS);
    assert!(entries(&world, ALICE) >= 10);
    world.cut(ALICE, false);
    world.settle();
    let before = all(&mut world, ALICE);
    assert!(before.contains("offline9"));
    assert_eq!(all(&mut world, BOB), before);
}
