//! Snapshots: who takes one has what who read every entry has; nothing that was acknowledged is lost by what a relay forgets; a
//! relay or member that lies about them is found out.

use ashore_engine::api::{Command, Diagnostics, Durability, Failure, IdRange, Reply, SyncState, Write};
use ashore_engine::testing::{Network, indexes};
use ashore_protocol::codec::Bytes;
use ashore_protocol::control::Control;
use ashore_protocol::frame::{Item, RelayFrame};
use ashore_protocol::header::{EntryKind, VerifiedEntry};
use ashore_protocol::ids::{Cursor, GroupId};

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DAVE: usize = 3;
const DAY_MS: u64 = 24 * 3_600_000;
const YEAR_MS: u64 = 365 * DAY_MS;

struct World {
    network: Network,
}

impl World {
    /// Alice's group with Bob in it.
    fn of_two(seed: u64) -> Self {
        let mut network = Network::seeded(seed);
        network.add_device("alice");
        network.add_device("bob");
        let mut world = Self { network };
        world.network.found(ALICE);
        world.join(BOB);
        world.settle(&[ALICE, BOB]);
        world
    }

    fn join(&mut self, device: usize) {
        self.network.join(device, ALICE, "admin");
    }

    /// A new device joins.
    fn carol(&mut self) {
        self.network.add_device("carol");
        self.join(CAROL);
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn put_command(id: &str, text: &str) -> Command {
        let write = Write::Put {
            collection: "notes".into(),
            ids: vec![id.into()],
            documents: format!("[{{\"text\":\"{text}\",\"more\":\"{}\"}}]", text.repeat(20)),
            bases: vec![None],
        };
        Command::Write { writes: vec![write], durability: Durability::Strict, split: false }
    }

    fn put(&mut self, device: usize, id: &str, text: &str) {
        self.call(device, Self::put_command(id, text)).unwrap();
    }

    /// So many documents, each written and rewritten by itself.
    fn write_many(&mut self, device: usize, count: usize) {
        for n in 0..count {
            self.put(device, &format!("n{}", n % (count / 2).max(1)), &format!("text {n}"));
        }
    }

    /// Documents that do not compress: a snapshot of them has several parts.
    fn write_large(&mut self, device: usize, count: usize) {
        for n in 0..count {
            let text: String = (0..60_000).map(|_| char::from(b'a' + self.network.rng.below(26) as u8)).collect();
            let write = Write::Put {
                collection: "notes".into(),
                ids: vec![format!("large{n}")],
                documents: format!("[{{\"text\":\"{text}\"}}]"),
                bases: vec![None],
            };
            let command = Command::Write { writes: vec![write], durability: Durability::Strict, split: false };
            self.call(device, command).unwrap();
        }
    }

    fn parts(&self) -> usize {
        let entry = self.network.relay.snapshots(&self.group()).remove(0);
        VerifiedEntry::decode(&entry).unwrap().manifest().unwrap().parts.len()
    }

    fn all(&mut self, device: usize) -> String {
        let range = IdRange { limit: 100_000, ..IdRange::default() };
        match self.call(device, Command::Scan { collection: "notes".into(), range }).unwrap() {
            Reply::Documents { ids, documents, .. } => format!("{ids:?} {documents}"),
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self, devices: &[usize]) {
        self.network.settle(devices);
        for device in &self.network.devices {
            indexes::check(device.disk()).unwrap();
        }
    }

    fn publish(&mut self, device: usize) -> (u64, u64, u64) {
        match self.call(device, Command::PublishSnapshot { timeout_ms: 120_000 }).unwrap() {
            Reply::Snapshot { documents, bytes, cursor } => (documents, bytes, cursor),
            other => panic!("{other:?}"),
        }
    }

    fn group(&self) -> GroupId {
        self.network.devices[ALICE].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap()
    }

    fn diagnostics(&mut self, device: usize) -> Diagnostics {
        match self.call(device, Command::Diagnostics {}).unwrap() {
            Reply::Diagnostics { diagnostics } => diagnostics,
            other => panic!("{other:?}"),
        }
    }

    fn began_from_snapshot(&mut self, device: usize) -> bool {
        self.diagnostics(device).snapshot.unwrap().began_from
    }

    /// All devices are closed for so long; afterwards these are opened again.
    fn time_passes(&mut self, ms: u64, open: &[usize]) {
        for device in 0..self.network.devices.len() {
            self.network.crash(device, false);
        }
        self.network.run_ms(ms);
        for device in open {
            self.network.open(*device);
        }
    }

    /// A snapshot is made, a year goes by, Alice comes, and the relay forgets what it may.
    fn year_with_forgetting(&mut self, open: &[usize]) {
        self.publish(ALICE);
        self.time_passes(YEAR_MS, open);
        self.settle(open);
        assert!(self.network.tidy_relay() > 0, "there is something to forget");
        assert!(self.network.relay.floor(&self.group()) > 0);
    }
}

#[test]
fn a_fresh_device_that_took_a_snapshot_has_what_one_has_that_read_every_entry() {
    for seed in 0..3 {
        let mut world = World::of_two(seed);
        world.write_many(ALICE, 120);
        world
            .call(
                BOB,
                Command::Write {
                    writes: vec![Write::Delete { collection: "notes".into(), ids: vec!["n1".into(), "n2".into()] }],
                    durability: Durability::Strict,
                    split: false,
                },
            )
            .unwrap();
        world.settle(&[ALICE, BOB]);
        let (documents, bytes, cursor) = world.publish(ALICE);
        assert!(documents == 60 && bytes > 1_000 && cursor > 120, "{documents} {bytes} {cursor}");
        world.put(BOB, "after", "behind the snapshot");
        world.settle(&[ALICE, BOB]);
        world.carol();
        world.settle(&[ALICE, BOB, CAROL]);
        assert!(world.began_from_snapshot(CAROL));
        assert!(!world.began_from_snapshot(BOB));
        let all = world.all(BOB);
        assert_eq!(world.all(CAROL), all);
        world.put(CAROL, "n3", "carol writes on what she took");
        world.put(ALICE, "n3", "so does alice");
        world.settle(&[ALICE, BOB, CAROL]);
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all);
        assert_eq!(world.all(BOB), all);
        assert_eq!(
            world.network.devices.iter().map(|device| device.status.clone().unwrap().quarantined).sum::<u64>(),
            0
        );
    }
}

#[test]
fn who_comes_with_nothing_sends_nothing_back() {
    let mut world = World::of_two(91);
    world.write_many(ALICE, 60);
    world.settle(&[ALICE, BOB]);
    let group = world.group();
    let data = |world: &World| {
        let entries = world.network.relay.entries(&group);
        entries.iter().filter(|entry| VerifiedEntry::decode(entry).unwrap().kind() == EntryKind::Data).count()
    };
    let before = data(&world);
    world.carol();
    world.settle(&[ALICE, BOB, CAROL]);
    assert_eq!(data(&world), before);
    world.put(CAROL, "carols", "written since");
    world.settle(&[ALICE, BOB, CAROL]);
    assert_eq!(data(&world), before + 1);
    // Who comes with something does.
    world.network.add_device("dave");
    world.put(DAVE, "daves", "written before");
    world.join(DAVE);
    world.settle(&[ALICE, BOB, CAROL, DAVE]);
    let all = world.all(DAVE);
    assert!(all.contains("written since") && all.contains("written before"));
    assert_eq!(world.all(CAROL), all);
}

#[test]
fn who_takes_a_snapshot_does_not_read_first_what_it_covers() {
    let mut world = World::of_two(90);
    world.write_many(ALICE, 400);
    world.settle(&[ALICE, BOB]);
    let (_, snapshot, _) = world.publish(ALICE);
    world.settle(&[ALICE, BOB]);
    let before = world.network.bytes_down;
    world.carol();
    world.settle(&[ALICE, BOB, CAROL]);
    assert!(world.began_from_snapshot(CAROL));
    let read = world.network.bytes_down - before;
    assert!(read < snapshot + 40_000, "{read} bytes for a snapshot of {snapshot}");
}

#[test]
fn a_snapshot_of_many_parts_comes_whole_also_when_it_is_interrupted_anywhere() {
    for steps in [0, 20, 35, 50, 65, 80] {
        let mut world = World::of_two(100 + steps);
        world.write_large(ALICE, 40);
        world.settle(&[ALICE, BOB]);
        world.year_with_forgetting(&[ALICE]);
        assert!(world.parts() > 2, "{} parts", world.parts());
        world.carol();
        for _ in 0..steps {
            world.network.step();
        }
        world.network.crash(CAROL, false);
        world.network.open(CAROL);
        world.settle(&[ALICE, CAROL]);
        assert!(world.began_from_snapshot(CAROL));
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all);
    }
}

#[test]
fn a_document_whose_history_is_larger_than_a_part_travels_in_pieces() {
    let mut world = World::of_two(120);
    world.put(ALICE, "huge", "begins small");
    for _ in 0..3 {
        let text: String = (0..400_000).map(|_| char::from(b'a' + world.network.rng.below(26) as u8)).collect();
        let modifiers = format!("{{\"$set\":{{\"text\":\"{text}\"}}}}");
        let write = Write::Modify { collection: "notes".into(), ids: vec!["huge".into()], modifiers };
        let command = Command::Write { writes: vec![write], durability: Durability::Strict, split: false };
        world.call(ALICE, command).unwrap();
    }
    world.settle(&[ALICE, BOB]);
    world.year_with_forgetting(&[ALICE]);
    assert!(world.parts() > 1);
    world.carol();
    world.settle(&[ALICE, CAROL]);
    assert!(world.began_from_snapshot(CAROL));
    let all = world.all(ALICE);
    assert!(all.len() > 400_000);
    assert_eq!(world.all(CAROL), all);
}

#[test]
fn a_snapshot_while_others_write_loses_none_of_it() {
    for seed in 10..14 {
        let mut world = World::of_two(seed);
        world.write_many(ALICE, 80);
        world.settle(&[ALICE, BOB]);
        let publishing = world.network.begin(ALICE, Command::PublishSnapshot { timeout_ms: 300_000 });
        let mut writes = Vec::new();
        for n in 0..40 {
            let device = if n % 2 == 0 { ALICE } else { BOB };
            writes.push((
                device,
                world.network.begin(device, World::put_command(&format!("n{}", n % 7), &format!("while {n}"))),
            ));
            world.network.run_ms(3);
        }
        let done = |network: &Network| network.devices[ALICE].answers.iter().any(|(call, _)| call.mark == publishing);
        assert!(world.network.run_until(300_000, done));
        world.network.answer(ALICE, publishing).unwrap().unwrap();
        world.settle(&[ALICE, BOB]);
        for (device, mark) in writes {
            world.network.answer(device, mark).unwrap().unwrap();
        }
        world.carol();
        world.settle(&[ALICE, BOB, CAROL]);
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all);
    }
}

#[test]
fn a_device_away_for_a_year_catches_up_and_delivers_its_own_writes() {
    for seed in 20..23 {
        let mut world = World::of_two(seed);
        world.write_many(ALICE, 60);
        world.settle(&[ALICE, BOB]);
        world.network.cut_off(BOB, true);
        world.put(BOB, "bobs", "written offline");
        world.put(BOB, "n5", "bob's view of five");
        world.write_many(ALICE, 40);
        let done = |network: &Network| network.devices[ALICE].status.as_ref().unwrap().state == SyncState::Synced;
        assert!(world.network.run_until(60_000, done));
        world.year_with_forgetting(&[ALICE]);
        world.put(ALICE, "new", "a year later");
        world.network.cut_off(BOB, false);
        world.network.open(BOB);
        world.settle(&[ALICE, BOB]);
        assert!(world.began_from_snapshot(BOB));
        let all = world.all(ALICE);
        assert!(all.contains("written offline") && all.contains("a year later"), "{all}");
        assert_eq!(world.all(BOB), all);
        world.carol();
        world.settle(&[ALICE, BOB, CAROL]);
        assert_eq!(world.all(CAROL), all);
    }
}

#[test]
fn a_device_that_has_it_all_goes_on_by_entries_after_the_relay_forgot() {
    let mut world = World::of_two(30);
    world.write_many(ALICE, 40);
    world.settle(&[ALICE, BOB]);
    world.year_with_forgetting(&[ALICE, BOB]);
    world.put(BOB, "on", "it goes on");
    world.settle(&[ALICE, BOB]);
    assert!(!world.began_from_snapshot(BOB) && !world.began_from_snapshot(ALICE));
}

#[test]
fn whoever_crashes_while_making_one_begins_anew_and_nothing_half_made_counts() {
    for steps in 0..60 {
        let mut world = World::of_two(40);
        world.write_many(ALICE, 20);
        world.settle(&[ALICE, BOB]);
        let mark = world.network.begin(ALICE, Command::PublishSnapshot { timeout_ms: 300_000 });
        for _ in 0..steps {
            world.network.step();
        }
        let group = world.group();
        world.network.crash(ALICE, false);
        let finished = world.network.relay.snapshots(&group).len();
        assert!(finished <= 1);
        world.network.open(ALICE);
        let done = |network: &Network| network.devices[ALICE].answers.iter().any(|(call, _)| call.mark == mark);
        assert!(world.network.run_until(400_000, done), "after {steps} steps");
        world.network.answer(ALICE, mark).unwrap().unwrap();
        world.carol();
        world.settle(&[ALICE, BOB, CAROL]);
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all, "after {steps} steps");
    }
}

#[test]
fn whoever_crashes_while_taking_one_goes_on_with_it() {
    for steps in (0..120).step_by(3) {
        let mut world = World::of_two(50);
        world.write_many(ALICE, 40);
        world.settle(&[ALICE, BOB]);
        world.publish(ALICE);
        world.carol();
        for _ in 0..steps {
            world.network.step();
        }
        world.network.crash(CAROL, steps % 2 == 0);
        world.network.open(CAROL);
        world.settle(&[ALICE, BOB, CAROL]);
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all, "after {steps} steps");
        assert!(world.began_from_snapshot(CAROL), "after {steps} steps");
    }
}

#[test]
fn a_relay_that_lost_its_disk_is_filled_again_by_who_has_no_old_entries() {
    for seed in 60..63 {
        let mut world = World::of_two(seed);
        world.write_many(ALICE, 50);
        world.settle(&[ALICE, BOB]);
        world.publish(ALICE);
        world.carol();
        world.settle(&[ALICE, BOB, CAROL]);
        let all = world.all(ALICE);
        // Only who began from a snapshot is left.
        world.network.crash(ALICE, false);
        world.network.crash(BOB, false);
        world.network.lose_relay_disk();
        world.put(CAROL, "carols", "after the loss");
        world.settle(&[CAROL]);
        let all = all.len();
        assert_eq!(world.network.relay.snapshots(&world.group_of(CAROL)).len(), 1, "she gave it a snapshot");
        world.network.open(ALICE);
        world.network.open(BOB);
        world.settle(&[ALICE, BOB, CAROL]);
        let after = world.all(BOB);
        assert!(after.contains("after the loss") && after.len() > all);
        assert_eq!(world.all(CAROL), after);
    }
}

#[test]
fn a_snapshot_that_comes_by_while_another_is_taken_is_taken_too() {
    for seed in 64..68 {
        let mut world = World::of_two(seed);
        world.network.relay.forgets_at_once();
        world.network.crash(ALICE, false);
        world.write_large(BOB, 40);
        world.publish(BOB);
        world.network.run_ms(2_000);
        assert!(world.network.tidy_relay() > 0);
        world.network.add_device("carol");
        world.network.join(CAROL, BOB, "admin");
        world.settle(&[BOB, CAROL]);
        // What Carol does not see, Dave does; both know it by snapshots alone.
        world.network.crash(CAROL, false);
        world.put(BOB, "last", "bob's last words");
        world.publish(BOB);
        world.network.run_ms(2_000);
        assert!(world.network.tidy_relay() > 0);
        world.network.add_device("dave");
        world.network.join(DAVE, BOB, "admin");
        world.settle(&[BOB, DAVE]);
        world.network.crash(BOB, false);
        world.network.crash(DAVE, false);
        world.network.lose_relay_disk();
        // Carol fills the relay again, then Dave does, while Alice still takes what Carol gave.
        world.network.open(CAROL);
        world.settle(&[CAROL]);
        world.network.open(ALICE);
        while world.diagnostics(ALICE).snapshot.unwrap().taking.is_none_or(|taking| taking == 0) {
            world.network.run_ms(1);
        }
        world.network.crash(ALICE, false);
        world.network.open(DAVE);
        world.settle(&[CAROL, DAVE]);
        assert!(world.all(DAVE).contains("last words"));
        world.network.open(ALICE);
        // It is known also to who goes down meanwhile.
        if seed % 2 == 1 {
            while world.diagnostics(ALICE).snapshot.unwrap().taking != Some(2) {
                world.network.run_ms(1);
            }
            world.network.crash(ALICE, true);
            world.network.open(ALICE);
        }
        world.settle(&[ALICE, CAROL, DAVE]);
        let all = world.all(DAVE);
        assert_eq!(world.all(CAROL), all);
        assert_eq!(world.all(ALICE), all);
    }
}

impl World {
    fn group_of(&self, device: usize) -> GroupId {
        self.network.devices[device].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap()
    }

    /// Carol joins while the relay lies; she must not be in step, nor have anything but what the group wrote.
    fn carol_is_lied_to(&mut self, twist: impl Fn(RelayFrame) -> RelayFrame + 'static) {
        self.network.twist = Some(Box::new(twist));
        self.network.add_device("carol");
        self.join(CAROL);
        self.network.run_ms(60_000);
        let status = self.network.devices[CAROL].status.clone().unwrap();
        assert_eq!(status.state, SyncState::Failed, "{status:?}");
        assert_eq!(status.last_error.unwrap().code.as_str(), "relay.misbehaved");
        assert!(self.all(CAROL).starts_with("[] "), "nothing of it was stored");
        // Once it says the truth all is well.
        self.network.twist = None;
        self.settle(&[ALICE, BOB, CAROL]);
        let all = self.all(ALICE);
        assert_eq!(self.all(CAROL), all);
    }
}

#[test]
fn a_forged_part_is_found_out_before_anything_of_it_is_stored() {
    let mut world = World::of_two(70);
    world.write_many(ALICE, 30);
    world.settle(&[ALICE, BOB]);
    world.publish(ALICE);
    world.carol_is_lied_to(|frame| match frame {
        RelayFrame::SnapshotPart { request, sealed: Bytes(mut sealed) } => {
            let middle = sealed.len() / 2;
            sealed[middle] ^= 1;
            RelayFrame::SnapshotPart { request, sealed: Bytes(sealed) }
        }
        other => other,
    });
}

#[test]
fn a_changed_or_cut_list_of_parts_is_found_out() {
    for cut in [false, true] {
        let mut world = World::of_two(71);
        world.write_many(ALICE, 30);
        world.settle(&[ALICE, BOB]);
        world.publish(ALICE);
        world.carol_is_lied_to(move |frame| match frame {
            RelayFrame::Opened { request, group, log, head, floor, snapshot: Some(Bytes(mut entry)), floor_prefix } => {
                match cut {
                    true => entry.truncate(entry.len() - 70),
                    false => entry[200] ^= 1,
                }
                RelayFrame::Opened { request, group, log, head, floor, snapshot: Some(Bytes(entry)), floor_prefix }
            }
            other => other,
        });
    }
}

#[test]
fn another_groups_snapshot_is_found_out() {
    let mut other = World::of_two(72);
    other.write_many(ALICE, 30);
    other.settle(&[ALICE, BOB]);
    other.publish(ALICE);
    let theirs = other.network.relay.snapshots(&other.group()).remove(0);
    let mut world = World::of_two(73);
    world.write_many(ALICE, 30);
    world.settle(&[ALICE, BOB]);
    world.publish(ALICE);
    world.carol_is_lied_to(move |frame| match frame {
        RelayFrame::Opened { request, group, log, head, floor, snapshot: Some(_), floor_prefix } => {
            RelayFrame::Opened { request, group, log, head, floor, snapshot: Some(Bytes(theirs.clone())), floor_prefix }
        }
        other => other,
    });
}

#[test]
fn an_old_snapshot_costs_only_a_longer_tail() {
    let mut world = World::of_two(74);
    world.write_many(ALICE, 30);
    world.settle(&[ALICE, BOB]);
    world.publish(ALICE);
    let old = world.network.relay.snapshots(&world.group()).remove(0);
    world.write_many(BOB, 30);
    world.settle(&[ALICE, BOB]);
    world.publish(BOB);
    world.network.twist = Some(Box::new(move |frame| match frame {
        RelayFrame::Opened { request, group, log, head, floor, snapshot: Some(_), floor_prefix } => {
            RelayFrame::Opened { request, group, log, head, floor, snapshot: Some(Bytes(old.clone())), floor_prefix }
        }
        other => other,
    }));
    world.carol();
    world.settle(&[ALICE, BOB, CAROL]);
    assert!(world.began_from_snapshot(CAROL));
    let all = world.all(ALICE);
    assert_eq!(world.all(CAROL), all);
}

#[test]
fn a_relay_that_forgot_without_a_snapshot_is_told_of_and_nothing_here_is_lost() {
    let mut world = World::of_two(75);
    world.write_many(ALICE, 20);
    world.settle(&[ALICE, BOB]);
    world.network.cut_off(BOB, true);
    world.put(BOB, "bobs", "kept");
    world.write_many(ALICE, 10);
    world.network.twist = Some(Box::new(|frame| match frame {
        RelayFrame::Opened { request, group, log, head, .. } => {
            RelayFrame::Opened { request, group, log, head, floor: Some(head), snapshot: None, floor_prefix: None }
        }
        other => other,
    }));
    world.network.cut_off(BOB, false);
    world.network.run_ms(60_000);
    let status = world.network.devices[BOB].status.clone().unwrap();
    assert_eq!(status.last_error.unwrap().code.as_str(), "sync.snapshot-unusable");
    assert!(world.all(BOB).contains("kept"));
    world.network.twist = None;
    world.settle(&[ALICE, BOB]);
    let all = world.all(ALICE);
    assert!(all.contains("kept"));
    assert_eq!(world.all(BOB), all);
}

/// Alice is away while Bob writes, makes a snapshot, and the relay forgets what it covers; then she removes him before she hears of it.
fn removed_while_away(seed: u64, others: &[usize]) -> World {
    let mut world = World::of_two(seed);
    world.write_many(ALICE, 20);
    for other in others {
        world.network.add_device("other");
        world.network.join(*other, ALICE, "reader");
    }
    let everybody: Vec<_> = [ALICE, BOB].iter().chain(others).copied().collect();
    world.settle(&everybody);
    let bob = world.network.devices[BOB].status.as_ref().unwrap().device.clone().unwrap();
    world.network.cut_off(ALICE, true);
    world.put(ALICE, "alices", "kept");
    world.write_many(BOB, 40);
    world.settle(&everybody[1..]);
    world.publish(BOB);
    world.time_passes(YEAR_MS, &everybody[1..]);
    world.settle(&everybody[1..]);
    assert!(world.network.tidy_relay() > 0, "there is something to forget");
    world.network.crash(BOB, false);
    world.network.open(ALICE);
    world.call(ALICE, Command::RemoveDevice { device: bob }).unwrap();
    world.network.cut_off(ALICE, false);
    world
}

#[test]
fn the_only_member_left_goes_on_without_what_nobody_else_has() {
    for restored in [false, true] {
        let mut world = removed_while_away(76, &[]);
        if restored {
            // It asks again, and the relay offers what Bob made as long as it has not heard that he is out.
            world.network.crash(ALICE, true);
            world.network.open(ALICE);
        }
        world.settle(&[ALICE]);
        let status = world.network.devices[ALICE].status.clone().unwrap();
        assert_eq!((status.state, status.pending), (SyncState::Synced, 0), "{status:?}");
        assert!(world.all(ALICE).contains("kept"));
        world.put(ALICE, "later", "goes on");
        world.settle(&[ALICE]);
        world.carol();
        world.settle(&[ALICE, CAROL]);
        assert!(world.began_from_snapshot(CAROL), "she made one of what she has");
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all);
        world.put(CAROL, "carols", "goes both ways");
        world.settle(&[ALICE, CAROL]);
        assert!(world.all(ALICE).contains("carols"));
        world.time_passes(60_000, &[ALICE, CAROL]);
        world.settle(&[ALICE, CAROL]);
    }
}

#[test]
fn nobody_goes_on_without_what_another_member_has() {
    let mut world = removed_while_away(77, &[CAROL]);
    world.network.run_ms(120_000);
    let status = world.network.devices[ALICE].status.clone().unwrap();
    assert_eq!(status.last_error.unwrap().code.as_str(), "sync.snapshot-unusable");
    assert!(world.all(ALICE).contains("kept"));
    let device = world.network.devices[CAROL].status.as_ref().unwrap().device.clone().unwrap();
    world.call(ALICE, Command::ChangeRole { device, role: "writer".into() }).unwrap();
    world.network.run_ms(DAY_MS);
    world.settle(&[ALICE, CAROL]);
    let all = world.all(CAROL);
    assert_eq!(world.all(ALICE), all);
    assert!(all.contains("kept") && all.contains("text 39"), "{all}");
}

#[test]
fn one_is_made_by_itself_when_the_log_has_grown_and_once_is_enough() {
    let mut world = World::of_two(80);
    world.write_many(ALICE, 700);
    world.settle(&[ALICE, BOB]);
    let group = world.group();
    let done = move |network: &Network| !network.relay.snapshots(&group).is_empty();
    assert!(world.network.run_until(600_000, done), "{:?}", world.diagnostics(ALICE).snapshot);
    world.network.run_ms(3_600_000);
    assert_eq!(world.network.relay.snapshots(&group).len(), 1, "nobody makes another of the same");
    world.carol();
    world.settle(&[ALICE, BOB, CAROL]);
    assert!(world.began_from_snapshot(CAROL));
}

#[test]
fn what_stays_on_a_device_is_in_no_snapshot() {
    let mut world = World::of_two(81);
    let stays = Command::DeclareCollection {
        collection: "notes".into(),
        local: false,
        local_fields: vec!["more".into()],
        sync_fields: None,
        sync_deletes: true,
    };
    world.call(ALICE, stays).unwrap();
    world.put(ALICE, "n1", "hush");
    world.settle(&[ALICE, BOB]);
    world.publish(ALICE);
    world.carol();
    world.settle(&[ALICE, BOB, CAROL]);
    let taken = world.all(CAROL);
    assert!(taken.contains("\"hush\"") && !taken.contains("hushhush"), "{taken}");
    assert!(world.all(ALICE).contains("hushhush"), "it is still there where it was written");
}

#[test]
fn a_device_that_was_behind_keeps_what_stays_there() {
    let mut world = World::of_two(82);
    let stays = Command::DeclareCollection {
        collection: "notes".into(),
        local: false,
        local_fields: vec!["more".into()],
        sync_fields: None,
        sync_deletes: true,
    };
    world.call(BOB, stays).unwrap();
    world.put(BOB, "n1", "mine");
    world.settle(&[ALICE, BOB]);
    world.network.cut_off(BOB, true);
    world.put(BOB, "n1", "mine again");
    world.write_many(ALICE, 20);
    world.year_with_forgetting(&[ALICE]);
    world.network.cut_off(BOB, false);
    world.network.open(BOB);
    world.settle(&[ALICE, BOB]);
    assert!(world.began_from_snapshot(BOB));
    assert!(world.all(BOB).contains("mine againmine again"), "his own field of it");
    assert!(!world.all(ALICE).contains("mine againmine again"));
}

#[test]
fn everything_goes_on_when_the_network_breaks_all_the_time() {
    for seed in 90..94 {
        let mut world = World::of_two(seed);
        world.write_many(ALICE, 40);
        world.settle(&[ALICE, BOB]);
        world.network.faults.connection_breaks = 12;
        world.network.faults.frame_doubled = 10;
        world.network.faults.frame_overtakes = 10;
        let mark = world.network.begin(ALICE, Command::PublishSnapshot { timeout_ms: 600_000 });
        let done = |network: &Network| network.devices[ALICE].answers.iter().any(|(call, _)| call.mark == mark);
        world.network.run_until(600_000, done);
        world.network.faults = Default::default();
        let answered = world.network.answer(ALICE, mark);
        if !matches!(answered, Some(Ok(_))) {
            world.publish(ALICE);
        }
        world.carol();
        world.network.faults.connection_breaks = 15;
        world.network.faults.frame_doubled = 10;
        world.network.faults.frame_overtakes = 10;
        world.network.run_ms(60_000);
        world.network.faults = Default::default();
        world.settle(&[ALICE, BOB, CAROL]);
        let all = world.all(ALICE);
        assert_eq!(world.all(CAROL), all);
        assert_eq!(world.all(BOB), all);
    }
}

impl World {
    /// Bob makes a snapshot that nobody but the relay gets, and leaves. Answers an invite of Alice's, who is away since before.
    fn bob_leaves_with_the_only_snapshot(seed: u64) -> (Self, String) {
        let mut world = Self::of_two(seed);
        let (_, code) = world.network.invite(ALICE, "admin").unwrap();
        world.settle(&[ALICE, BOB]);
        world.network.cut_off(ALICE, true);
        world.write_many(BOB, 40);
        world.settle(&[BOB]);
        world.publish(BOB);
        world.call(BOB, Command::LeaveGroup {}).unwrap();
        let left = |network: &Network| network.devices[BOB].status.as_ref().unwrap().group.is_none();
        assert!(world.network.run_until(60_000, left));
        (world, code)
    }
}

#[test]
fn a_snapshot_of_somebody_who_left_is_still_taken_and_no_more_is_dropped_by_it() {
    let (mut world, code) = World::bob_leaves_with_the_only_snapshot(80);
    world.network.relay.forgets_at_once();
    assert_eq!(world.network.tidy_relay(), 0, "nothing is dropped by the word of somebody who left");
    world.network.add_device("carol");
    world.network.join_by(CAROL, &code).unwrap();
    world.settle(&[CAROL]);
    assert!(world.began_from_snapshot(CAROL));
    let all = world.all(BOB);
    assert!(all.contains("text 39"));
    assert_eq!(world.all(CAROL), all);
    // She makes another within seconds, and by that the relay forgets.
    world.network.run_ms(10_000);
    world.settle(&[CAROL]);
    assert!(world.network.tidy_relay() > 0);
    // Alice confirms that he left; she finds nothing but snapshots of what came while she was away.
    world.network.cut_off(ALICE, false);
    world.settle(&[ALICE, CAROL]);
    assert!(world.began_from_snapshot(ALICE));
    assert_eq!(world.all(ALICE), all);
}

#[test]
fn a_snapshot_of_somebody_who_left_before_the_place_that_it_covers_is_found_out() {
    let (mut world, code) = World::bob_leaves_with_the_only_snapshot(81);
    // What a snapshot looks like that was made afterwards: his leave comes before the place up to which it speaks.
    world.network.twist = Some(Box::new(|frame| match frame {
        RelayFrame::Controls { request, group, log, mut items, more } => {
            let is_leave = |item: &Item| {
                let Item::Entry { bytes, .. } = item else { return false };
                VerifiedEntry::decode(bytes).unwrap().control() == Some(&Control::Leave)
            };
            if let Some(at) = items.iter().position(is_leave)
                && let Item::Entry { cursor, .. } = &mut items[at]
            {
                *cursor = Cursor::new(cursor.get() - 2).unwrap();
            }
            RelayFrame::Controls { request, group, log, items, more }
        }
        other => other,
    }));
    world.network.add_device("carol");
    world.network.join_by(CAROL, &code).unwrap();
    world.network.run_ms(60_000);
    let status = world.network.devices[CAROL].status.clone().unwrap();
    assert_eq!(status.last_error.unwrap().code.as_str(), "relay.misbehaved");
    assert!(world.all(CAROL).starts_with("[] "), "nothing of it was stored");
}

#[test]
fn when_who_made_the_last_snapshot_is_removed_another_device_makes_one() {
    for seed in 120..130 {
        let mut world = World::of_two(seed);
        world.network.relay.forgets_at_once();
        world.write_many(BOB, 20);
        world.settle(&[ALICE, BOB]);
        world.publish(BOB);
        world.settle(&[ALICE, BOB]);
        assert!(world.network.tidy_relay() > 0);
        let (group, bob) = (world.group(), world.network.devices[BOB].status.clone().unwrap().device.unwrap());
        let author = |world: &World| {
            let newest = world.network.relay.snapshots(&group).into_iter().next().unwrap();
            VerifiedEntry::decode(&newest).unwrap().author().to_string()
        };
        assert_eq!(author(&world), bob);
        world.call(ALICE, Command::RemoveDevice { device: bob.clone() }).unwrap();
        if seed % 2 == 0 {
            // What it knew of the last one is on its disk.
            world.network.run_ms(500);
            world.network.crash(ALICE, false);
            world.network.open(ALICE);
        }
        world.settle(&[ALICE]);
        world.network.run_ms(180_000);
        assert_ne!(author(&world), bob, "seed {seed}");
        world.carol();
        world.settle(&[ALICE, CAROL]);
        assert!(world.began_from_snapshot(CAROL));
        assert_eq!(world.all(ALICE), world.all(CAROL));
    }
}
