//! Who has seen a document as it is now: told by what devices write, and by entries without content of those that do not.

use crate::world::{ALICE, BOB, CAROL, World};
use ashore_engine::api::{Command, Reply, Write};

/// Longer than any device waits before it says what it has seen.
const A_WHILE_MS: u64 = 120_000;

#[test]
fn a_reader_is_seen_to_have_seen_what_it_only_read() {
    let mut world = World::of(&["admin", "reader"], 1);
    world.put(ALICE, "n1", 1);
    world.settle();
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE], false), "nobody has said so yet");
    world.run(A_WHILE_MS);
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], true));
    assert_eq!(world.seen_by(BOB, "n1"), (vec![ALICE, BOB], true), "who wrote it has seen it");
    world.put(ALICE, "n1", 2);
    world.settle();
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE], false), "not as it is now");
    world.run(A_WHILE_MS);
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], true));
}

#[test]
fn who_builds_on_it_has_seen_it_at_once() {
    let mut world = World::of(&["admin", "writer"], 2);
    world.put(ALICE, "n1", 1);
    world.settle();
    world.put(BOB, "n2", 1);
    world.settle();
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], true));
    assert_eq!(world.seen_by(ALICE, "n2"), (vec![ALICE, BOB], true), "who wrote it has seen it");
    assert_eq!(world.seen_by(BOB, "n2"), (vec![BOB], false));
}

#[test]
fn nobody_answers_a_word_about_what_was_seen() {
    let mut world = World::of(&["admin", "writer", "reader"], 3);
    world.put(ALICE, "n1", 1);
    world.settle();
    world.run(A_WHILE_MS);
    let quiet = world.head();
    world.run(100 * A_WHILE_MS);
    assert_eq!(world.head(), quiet, "nothing is written when nothing was stored");
    let before = world.head();
    for n in 2..30 {
        world.put(ALICE, "n1", n);
    }
    world.settle();
    world.run(A_WHILE_MS);
    assert!(world.head() <= before + 28 + 2, "each device says it once, whatever came meanwhile");
    assert_eq!(world.seen_by(ALICE, "n1").0.len(), 3);
}

#[test]
fn what_is_known_outlives_a_crash() {
    let mut world = World::of(&["admin", "reader"], 4);
    world.put(ALICE, "n1", 1);
    world.settle();
    world.run(A_WHILE_MS);
    world.network.crash(ALICE, false);
    world.network.open(ALICE);
    world.settle();
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], true));
    world.put(ALICE, "n1", 2);
    world.settle();
    world.network.crash(BOB, false);
    world.network.open(BOB);
    world.settle();
    world.run(A_WHILE_MS);
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], true), "what it owed it still owes");
}

#[test]
fn who_was_removed_does_not_count() {
    let mut world = World::of(&["admin", "writer", "reader"], 5);
    world.cut(CAROL, true);
    world.put(ALICE, "n1", 1);
    world.settle_but(CAROL);
    world.run(A_WHILE_MS);
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], false));
    world.remove(ALICE, CAROL);
    world.settle_but(CAROL);
    assert_eq!(world.seen_by(ALICE, "n1"), (vec![ALICE, BOB], true));
}

#[test]
fn nobody_is_said_to_have_seen_what_it_has_not() {
    for seed in 0..4 {
        let mut world = World::of(&["admin", "writer", "reader"], 100 + seed);
        let mut newest = [0_i64; 4];
        for round in 1..40_i64 {
            let (writer, id) = (world.random(2), world.random(4));
            newest[id] = round;
            world.put(writer, &format!("n{id}"), round);
            let (whom, cut) = (world.random(3), world.random(3) == 0);
            world.cut(whom, cut);
            if world.random(3) == 0 {
                world.settle_what_can();
            }
            let waits = [0, 1_000, 40_000, 90_000][world.random(4)];
            world.run(waits);
            for asked in [ALICE, BOB, CAROL] {
                for id in 0..4 {
                    let name = format!("n{id}");
                    let changes = world.changes(asked, &name);
                    for device in world.seen_by(asked, &name).0 {
                        let has = world.changes(device, &name);
                        assert!(changes.iter().all(|change| has.contains(change)), "seed {seed}, round {round}");
                    }
                }
            }
        }
        (0..3).for_each(|device| world.cut(device, false));
        world.settle();
        world.run(A_WHILE_MS);
        for id in (0..4).filter(|id| newest[*id] > 0) {
            for asked in [ALICE, BOB, CAROL] {
                assert!(
                    world.seen_by(asked, &format!("n{id}")).1,
                    "seed {seed}: everybody has seen everything in the end"
                );
            }
        }
    }
}

#[test]
fn a_document_that_is_not_shared_was_seen_by_nobody() {
    let mut world = World::of(&["admin", "reader"], 6);
    assert_eq!(world.seen_by(ALICE, "missing"), (vec![], false));
    let write =
        Write::Put { collection: "drafts".into(), ids: vec!["d1".into()], documents: "[{}]".into(), bases: vec![None] };
    world.declare_local(ALICE, "drafts");
    world.write(ALICE, write).unwrap();
    let Reply::SeenBy { devices, everyone } = world.ask_seen(ALICE, "drafts", "d1") else { panic!() };
    assert_eq!((devices.len(), everyone), (0, false));
}

#[test]
fn a_member_is_listed_with_when_it_was_last_heard_of() {
    let mut world = World::of(&["admin", "writer", "reader"], 8);
    let heard = |world: &mut World| {
        let Reply::Devices { devices } = world.call(ALICE, Command::Devices {}).unwrap() else { panic!() };
        devices.into_iter().map(|device| device.last_heard_at).collect::<Vec<_>>()
    };
    world.put(BOB, "n1", 1);
    world.settle();
    let before = heard(&mut world);
    assert_eq!(before[ALICE], None, "of itself a device has nothing to hear");
    world.run(A_WHILE_MS);
    world.put(BOB, "n1", 2);
    world.settle();
    let after = heard(&mut world);
    assert!(after[BOB] > before[BOB]);
    assert!(after[CAROL] > before[CAROL], "who only reads says that it has read");
}
