//! Groups that change: roles, removal, new keys, leaving; and that everybody who stays ends alike, whatever happens at the same time.

use ashore_engine::api::{
    Command, Device, Durability, ErrorCode, Event, Failure, Reply, SyncState, Write, WriteResult,
};
use ashore_engine::testing::Network;
use ashore_protocol::control::{Control, Role};
use ashore_protocol::header::{Entry, EntryKind, VerifiedEntry};
use ashore_protocol::ids::{DeviceId, Epoch, GroupId};

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dora", "erik"];
const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DORA: usize = 3;
const ERIK: usize = 4;

struct World {
    network: Network,
}

impl World {
    /// So many devices in one group: the first founds it, the others join it as admins unless a role is given.
    fn of(seed: u64, roles: &[&str]) -> Self {
        let mut world = Self { network: Network::seeded(seed) };
        world.network.add_device(NAMES[0]);
        world.network.found(0);
        for role in roles {
            world.add(role);
            // One after another, so that it is clear who was admitted first.
            world.settle_all();
        }
        world
    }

    fn add(&mut self, role: &str) -> usize {
        let name = NAMES[self.network.devices.len()];
        let index = self.network.add_device(name);
        self.join(index, ALICE, role).unwrap();
        index
    }

    fn invite(&mut self, by: usize, role: &str) -> Result<(String, String), Failure> {
        self.network.invite(by, role)
    }

    fn join_by(&mut self, index: usize, code: &str) -> Result<Reply, Failure> {
        self.network.join_by(index, code)
    }

    fn join(&mut self, index: usize, by: usize, role: &str) -> Result<Reply, Failure> {
        let (_, code) = self.invite(by, role)?;
        self.join_by(index, &code)
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn ok(&mut self, device: usize, command: Command) -> Reply {
        self.call(device, command).unwrap()
    }

    fn put(&mut self, device: usize, id: &str) -> Result<(), Failure> {
        let (ids, bases) = (vec![id.to_owned()], vec![None]);
        let documents = format!("[{{\"by\":{device}}}]");
        let write = Write::Put { collection: "notes".into(), ids, documents, bases };
        let command = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false };
        match self.call(device, command)? {
            Reply::Written { results, .. } => assert!(matches!(results[0], WriteResult::Put { .. })),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn ids(&mut self, device: usize) -> Vec<String> {
        let range = ashore_engine::api::IdRange::default();
        match self.ok(device, Command::Scan { collection: "notes".into(), range }) {
            Reply::Documents { ids, .. } => ids,
            other => panic!("{other:?}"),
        }
    }

    fn devices(&mut self, device: usize) -> Vec<Device> {
        match self.ok(device, Command::Devices {}) {
            Reply::Devices { devices } => devices,
            other => panic!("{other:?}"),
        }
    }

    /// Names and roles, as this device sees them.
    fn members(&mut self, device: usize) -> Vec<(String, String)> {
        let mut members: Vec<_> = self.devices(device).into_iter().map(|device| (device.name, device.role)).collect();
        members.sort();
        members
    }

    fn id_of(&mut self, index: usize) -> String {
        self.devices(index).into_iter().find(|device| device.me).unwrap().id
    }

    fn remove(&mut self, by: usize, who: &str) -> Result<Reply, Failure> {
        self.call(by, Command::RemoveDevice { device: who.into() })
    }

    fn role(&mut self, by: usize, who: &str, role: &str) -> Result<Reply, Failure> {
        self.call(by, Command::ChangeRole { device: who.into(), role: role.into() })
    }

    fn settle_all(&mut self) {
        let all: Vec<usize> = (0..self.network.devices.len()).collect();
        self.settle(&all);
    }

    /// Everything is in step, and what the group needs has been seen to.
    fn settle(&mut self, devices: &[usize]) {
        self.network.settle(devices);
        self.network.run_ms(30_000);
        self.network.settle(devices);
    }

    fn group(&self) -> GroupId {
        self.network.group(ALICE)
    }

    fn log(&self) -> Vec<Vec<u8>> {
        self.network.relay.entries(&self.group())
    }

    fn epochs_of_data(&self) -> Vec<Epoch> {
        let headers = self.log().into_iter().map(|bytes| Entry::decode(&bytes).unwrap().header().clone());
        headers.filter(|header| header.kind == EntryKind::Data).map(|header| header.epoch).collect()
    }

    /// All of these hold the same documents and see the same members.
    fn assert_alike(&mut self, devices: &[usize]) {
        let (ids, members) = (self.ids(devices[0]), self.members(devices[0]));
        for device in devices {
            assert_eq!(self.ids(*device), ids, "{} and {}", NAMES[devices[0]], NAMES[*device]);
            assert_eq!(self.members(*device), members);
            assert_eq!(self.network.devices[*device].status.as_ref().unwrap().quarantined, 0);
        }
    }

    fn is_removed(&self, device: usize) -> bool {
        self.network.devices[device].status.as_ref().is_some_and(|status| status.removed)
    }
}

#[test]
fn a_removed_device_gets_no_new_entry_and_cannot_open_one_with_all_its_old_keys() {
    let mut world = World::of(1, &["writer", "writer"]);
    world.put(ALICE, "before").unwrap();
    world.settle_all();
    let before = world.log().len();
    let carol = world.id_of(CAROL);
    world.remove(ALICE, &carol).unwrap();
    world.settle(&[ALICE, BOB]);
    world.put(BOB, "after").unwrap();
    world.put(ALICE, "later").unwrap();
    world.settle(&[ALICE, BOB]);
    world.assert_alike(&[ALICE, BOB]);
    assert_eq!(world.ids(CAROL), ["before"]);
    assert!(world.is_removed(CAROL));
    assert_eq!(world.call(CAROL, Command::SyncNow { timeout_ms: 1_000 }).unwrap_err().code, ErrorCode::GroupRemoved);
    assert_eq!(world.devices(ALICE).len(), 2);
    // The relay hands all its bytes to the removed device: what came after the removal stays closed, what came before opens.
    let log = world.log();
    let data = |bytes: &&Vec<u8>| Entry::decode(bytes).unwrap().header().kind == EntryKind::Data;
    assert!(log[..before].iter().filter(data).all(|entry| world.network.opens(CAROL, entry)));
    let after: Vec<_> = log[before..].iter().filter(data).collect();
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|entry| !world.network.opens(CAROL, entry) && world.network.opens(BOB, entry)));
    assert_eq!(*world.epochs_of_data().last().unwrap(), Epoch(1));
}

#[test]
fn what_a_removed_device_writes_reaches_nobody_until_it_joins_again_as_a_new_device() {
    let mut world = World::of(2, &["writer", "writer"]);
    let carol = world.id_of(CAROL);
    world.network.cut_off(CAROL, true);
    world.put(CAROL, "offline").unwrap();
    world.remove(ALICE, &carol).unwrap();
    world.settle(&[ALICE, BOB]);
    world.network.cut_off(CAROL, false);
    assert!(world.network.run_until(3_600_000, |network| {
        network.devices[CAROL].status.as_ref().is_some_and(|status| status.removed)
    }));
    world.put(CAROL, "unheard").unwrap();
    world.put(ALICE, "ours").unwrap();
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.ids(ALICE), ["ours"]);
    assert_eq!(world.ids(CAROL), ["offline", "unheard"]);
    assert_eq!(world.join(CAROL, ALICE, "writer").unwrap_err().code, ErrorCode::GroupAlreadyJoined);
    world.ok(CAROL, Command::DisableSync { forget: true });
    world.join(CAROL, ALICE, "writer").unwrap();
    world.settle_all();
    assert_eq!(world.ids(CAROL), ["offline", "ours", "unheard"]);
    world.assert_alike(&[ALICE, BOB, CAROL]);
    assert_ne!(world.id_of(CAROL), carol);
}

#[test]
fn all_end_alike_when_a_device_is_removed_while_it_writes() {
    for seed in 10..22 {
        let mut world = World::of(seed, &["writer", "writer", "writer"]);
        let carol = world.id_of(CAROL);
        world.network.cut_off(DORA, true);
        for number in 0..6 {
            world.put(CAROL, &format!("carol-{number}")).unwrap();
            world.put(BOB, &format!("bob-{number}")).unwrap();
            world.put(DORA, &format!("dora-{number}")).unwrap();
            if number == 3 {
                world.remove(ALICE, &carol).unwrap();
            }
            let pause = world.network.rng.below(60);
            world.network.run_ms(pause);
        }
        world.network.cut_off(DORA, false);
        world.settle(&[ALICE, BOB, DORA]);
        world.assert_alike(&[ALICE, BOB, DORA]);
        assert!(world.is_removed(CAROL), "seed {seed}");
        let ids = world.ids(ALICE);
        assert_eq!(ids.iter().filter(|id| id.starts_with("bob") || id.starts_with("dora")).count(), 12);
    }
}

#[test]
fn of_two_admins_who_remove_each_other_the_one_admitted_first_stays() {
    for seed in 30..38 {
        let mut world = World::of(seed, &["admin", "admin", "writer"]);
        let (bob, carol) = (world.id_of(BOB), world.id_of(CAROL));
        world.network.cut_off(BOB, true);
        world.network.cut_off(CAROL, true);
        world.remove(BOB, &carol).unwrap();
        world.remove(CAROL, &bob).unwrap();
        world.put(CAROL, "by carol").unwrap();
        world.put(BOB, "by bob").unwrap();
        world.network.cut_off(if seed % 2 == 0 { BOB } else { CAROL }, false);
        world.network.run_ms(5_000);
        world.network.cut_off(BOB, false);
        world.network.cut_off(CAROL, false);
        world.settle(&[ALICE, BOB, DORA]);
        world.put(DORA, "after").unwrap();
        world.settle(&[ALICE, BOB, DORA]);
        world.assert_alike(&[ALICE, BOB, DORA]);
        let members = world.members(ALICE);
        assert!(members.iter().all(|(name, _)| name != "carol"), "seed {seed}: {members:?}");
        assert!(world.is_removed(CAROL) && !world.is_removed(BOB), "seed {seed}");
        assert!(world.ids(ALICE).contains(&"by bob".to_owned()));
        let last = world.log().pop().unwrap();
        assert!(!world.network.opens(CAROL, &last));
    }
}

#[test]
fn an_admin_who_was_demoted_by_one_that_it_removed_at_the_same_time_delivers_what_it_wrote_before() {
    for seed in 40..44 {
        let mut world = World::of(seed, &["admin", "admin"]);
        let (alice, bob) = (world.id_of(ALICE), world.id_of(BOB));
        world.network.cut_off(ALICE, true);
        world.put(ALICE, "before").unwrap();
        world.remove(ALICE, &bob).unwrap();
        world.put(ALICE, "after").unwrap();
        world.role(BOB, &alice, "reader").unwrap();
        world.network.run_ms(5_000);
        world.network.cut_off(ALICE, false);
        world.settle(&[ALICE, CAROL]);
        world.assert_alike(&[ALICE, CAROL]);
        assert_eq!(world.ids(CAROL), ["after", "before"], "seed {seed}");
        assert!(world.is_removed(BOB), "seed {seed}");
    }
}

#[test]
fn what_was_sealed_under_a_key_that_no_admin_has_is_told_again_under_the_next() {
    for seed in 44..48 {
        let mut world = World::of(seed, &["writer"]);
        let (_, code) = world.invite(ALICE, "admin").unwrap();
        world.ok(ALICE, Command::RotateKeys {});
        world.settle_all();
        world.put(BOB, "under the new key").unwrap();
        world.settle_all();
        let alice = world.id_of(ALICE);
        world.network.cut_off(ALICE, true);
        let carol = world.network.add_device("carol");
        world.join_by(carol, &code).unwrap();
        world.network.cut_off(ALICE, false);
        while world.devices(ALICE).len() < 3 {
            world.network.run_ms(20);
        }
        // She steps down before she has given the key on, and so nobody can.
        world.role(ALICE, &alice, "writer").unwrap();
        world.network.run_ms(120_000);
        world.settle_all();
        assert_eq!(world.ids(carol), ["under the new key"], "seed {seed}");
        assert_eq!(world.members(carol), world.members(BOB));
        let told = world.epochs_of_data().len();
        world.network.crash(BOB, false);
        world.network.open(BOB);
        world.network.run_ms(120_000);
        world.settle_all();
        assert_eq!(world.epochs_of_data().len(), told, "once is enough");
    }
}

#[test]
fn two_removals_at_the_same_time_are_followed_by_an_epoch_closed_to_both() {
    for seed in 50..56 {
        let mut world = World::of(seed, &["admin", "writer", "writer"]);
        let (carol, dora) = (world.id_of(CAROL), world.id_of(DORA));
        world.network.cut_off(BOB, true);
        world.remove(ALICE, &carol).unwrap();
        world.remove(BOB, &dora).unwrap();
        world.network.cut_off(BOB, false);
        world.settle(&[ALICE, BOB]);
        world.put(ALICE, "after").unwrap();
        world.put(BOB, "after too").unwrap();
        world.settle(&[ALICE, BOB]);
        world.assert_alike(&[ALICE, BOB]);
        assert_eq!(world.members(ALICE).len(), 2);
        assert_eq!(*world.epochs_of_data().last().unwrap(), Epoch(2), "seed {seed}");
        let last = world.log().pop().unwrap();
        assert!(world.network.opens(ALICE, &last) && world.network.opens(BOB, &last));
        assert!(!world.network.opens(CAROL, &last) && !world.network.opens(DORA, &last));
    }
}

#[test]
fn what_stands_after_a_snapshot_was_made_without_it_reaches_whoever_joins() {
    for seed in 80..84 {
        let mut world = World::of(seed, &["admin", "writer"]);
        world.network.relay.forgets_at_once();
        let bob = world.id_of(BOB);
        // Alice removes Bob, while he lets Dora in. Carol builds on what she writes, and does not know of it yet.
        world.network.cut_off(ALICE, true);
        world.remove(ALICE, &bob).unwrap();
        world.network.add_device(NAMES[DORA]);
        world.join(DORA, BOB, "writer").unwrap();
        world.settle(&[BOB, CAROL, DORA]);
        world.put(DORA, "late").unwrap();
        world.settle(&[BOB, CAROL, DORA]);
        world.network.cut_off(CAROL, true);
        world.put(CAROL, "on it").unwrap();
        [BOB, DORA].into_iter().for_each(|device| world.network.crash(device, false));
        world.network.cut_off(ALICE, false);
        world.settle(&[ALICE]);
        assert_eq!(world.network.devices[ALICE].status.as_ref().unwrap().quarantined, 1);
        world.ok(ALICE, Command::PublishSnapshot { timeout_ms: 60_000 });
        world.network.run_ms(2_000);
        assert!(world.network.tidy_relay() > 0);
        if seed % 2 == 0 {
            world.add("writer");
            world.settle(&[ALICE, ERIK]);
        }
        world.network.cut_off(CAROL, false);
        world.settle(&[ALICE, CAROL]);
        if seed % 2 == 1 {
            world.add("writer");
        }
        world.settle(&[ALICE, CAROL, ERIK]);
        world.assert_alike(&[ALICE, CAROL, ERIK]);
        assert_eq!(world.ids(ERIK), ["late", "on it"], "seed {seed}");
    }
}

#[test]
fn a_crash_during_a_removal_leaves_all_of_it_or_nothing() {
    for seed in 60..76 {
        let mut world = World::of(seed, &["writer", "writer"]);
        let carol = world.id_of(CAROL);
        world.network.begin(ALICE, Command::RemoveDevice { device: carol });
        let steps = world.network.rng.below(12);
        for _ in 0..steps {
            world.network.step();
        }
        world.network.crash(ALICE, seed % 2 == 0);
        world.network.run_ms(100);
        world.network.open(ALICE);
        world.network.run_ms(60_000);
        let gone = world.devices(ALICE).len() == 2;
        world.put(ALICE, "after").unwrap();
        let left: &[usize] = if gone { &[ALICE, BOB] } else { &[ALICE, BOB, CAROL] };
        world.settle(left);
        world.assert_alike(left);
        let last = world.log().pop().unwrap();
        assert!(world.network.opens(BOB, &last), "seed {seed}");
        assert_eq!(world.network.opens(CAROL, &last), !gone, "seed {seed}");
    }
}

#[test]
fn a_reader_reads_and_its_writes_are_refused_at_once() {
    let mut world = World::of(80, &["reader"]);
    world.put(ALICE, "for all").unwrap();
    world.settle_all();
    assert_eq!(world.ids(BOB), ["for all"]);
    assert_eq!(world.put(BOB, "mine").unwrap_err().code, ErrorCode::GroupNotAllowed);
    assert_eq!(world.ids(BOB), ["for all"]);
    assert_eq!(world.invite(BOB, "reader").unwrap_err().code, ErrorCode::GroupNotAllowed);
    let (alice, bob) = (world.id_of(ALICE), world.id_of(BOB));
    assert_eq!(world.remove(BOB, &alice).unwrap_err().code, ErrorCode::GroupNotAllowed);
    assert_eq!(world.role(BOB, &bob, "admin").unwrap_err().code, ErrorCode::GroupNotAllowed);
    assert_eq!(world.call(BOB, Command::RotateKeys {}).unwrap_err().code, ErrorCode::GroupNotAllowed);
    let snapshot = Command::PublishSnapshot { timeout_ms: 120_000 };
    assert_eq!(world.call(BOB, snapshot).unwrap_err().code, ErrorCode::GroupNotAllowed);
    world.role(ALICE, &bob, "writer").unwrap();
    world.settle_all();
    world.put(BOB, "mine").unwrap();
    world.settle_all();
    world.assert_alike(&[ALICE, BOB]);
    assert_eq!(world.invite(BOB, "reader").unwrap_err().code, ErrorCode::GroupNotAllowed, "a writer does not invite");
}

#[test]
fn what_a_writer_had_not_sent_when_it_became_a_reader_waits_until_it_may_write_again() {
    let mut world = World::of(81, &["writer"]);
    let bob = world.id_of(BOB);
    world.network.cut_off(BOB, true);
    world.put(BOB, "late").unwrap();
    world.role(ALICE, &bob, "reader").unwrap();
    world.settle(&[ALICE]);
    world.network.cut_off(BOB, false);
    world.network.run_ms(60_000);
    assert_eq!(world.ids(ALICE), Vec::<String>::new());
    assert_eq!(world.put(BOB, "refused").unwrap_err().code, ErrorCode::GroupNotAllowed);
    let status = world.network.devices[BOB].status.clone().unwrap();
    assert_eq!((status.state, status.pending), (SyncState::Failed, 1));
    assert_eq!(status.last_error.unwrap().code, ErrorCode::GroupNotAllowed);
    world.role(ALICE, &bob, "writer").unwrap();
    world.settle_all();
    assert_eq!(world.ids(ALICE), ["late"]);
    world.assert_alike(&[ALICE, BOB]);
}

#[test]
fn the_last_admin_can_neither_leave_nor_step_down_but_hand_over_and_then_leave() {
    let mut world = World::of(82, &["writer"]);
    let (alice, bob) = (world.id_of(ALICE), world.id_of(BOB));
    assert_eq!(world.call(ALICE, Command::LeaveGroup {}).unwrap_err().code, ErrorCode::GroupLastAdmin);
    assert_eq!(world.role(ALICE, &alice, "reader").unwrap_err().code, ErrorCode::GroupLastAdmin);
    world.ok(ALICE, Command::HandOver { device: bob.clone() });
    world.settle_all();
    let roles = [("alice".to_owned(), "writer".to_owned()), ("bob".to_owned(), "admin".to_owned())];
    assert_eq!(world.members(BOB), roles);
    world.put(ALICE, "a farewell").unwrap();
    world.ok(ALICE, Command::LeaveGroup {});
    assert!(world.network.run_until(60_000, |network| {
        network.devices[ALICE].status.as_ref().is_some_and(|status| status.group.is_none() && !status.enabled)
    }));
    world.settle(&[BOB]);
    assert_eq!(world.members(BOB), roles[1..]);
    assert_eq!(world.ids(BOB), ["a farewell"]);
    assert_eq!(world.ids(ALICE), ["a farewell"], "documents stay");
    // Whoever left knew the key: the admin that stays has begun another epoch.
    world.put(BOB, "alone").unwrap();
    world.settle(&[BOB]);
    let group: GroupId = world.network.devices[BOB].status.as_ref().unwrap().group.as_ref().unwrap().parse().unwrap();
    let entries = world.network.relay.entries(&group);
    assert_eq!(Entry::decode(entries.last().unwrap()).unwrap().header().epoch, Epoch(1));
    // And has said of what Alice gave up by herself what she said: from then on nothing counts that she does as if she had not.
    let (alice, bob): (DeviceId, DeviceId) = (alice.parse().unwrap(), bob.parse().unwrap());
    let of_bob =
        entries.iter().map(|bytes| VerifiedEntry::decode(bytes).unwrap()).filter(|entry| entry.author() == bob);
    let said: Vec<_> = of_bob.filter_map(|entry| entry.control().cloned()).collect();
    assert!(said.iter().any(|said| matches!(said, Control::Role { device, role: Role::Writer } if *device == alice)));
    assert!(said.iter().any(|said| matches!(said, Control::Remove { device, .. } if *device == alice)));
}

#[test]
fn nobody_joins_a_group_that_its_only_admin_left_meanwhile() {
    let (mut refused, mut came) = (0, 0);
    for seed in 90..100 {
        let mut world = World::of(seed, &[]);
        let (_, code) = world.invite(ALICE, "writer").unwrap();
        world.ok(ALICE, Command::LeaveGroup {});
        world.network.run_ms(5_000);
        let bob = world.network.add_device("bob");
        match world.join_by(bob, &code) {
            Err(failure) => {
                assert_eq!(failure.code, ErrorCode::InviteRevoked, "{failure:?}");
                refused += 1;
            }
            // By the order of the entries he came first: then it was her leaving that came to nothing.
            Ok(_) => {
                world.settle(&[bob]);
                assert!(world.members(bob).iter().any(|(_, role)| role == "admin"), "seed {seed}");
                came += 1;
            }
        }
    }
    assert!(refused > 0 && came > 0, "{refused} {came}");
}

#[test]
fn a_key_changed_on_demand_reaches_everybody_and_whoever_joins_reads_all_that_was_before() {
    let mut world = World::of(83, &["writer"]);
    world.put(ALICE, "epoch 0").unwrap();
    world.settle_all();
    for epoch in 1..4 {
        world.ok(ALICE, Command::RotateKeys {});
        world.settle_all();
        world.put(BOB, &format!("epoch {epoch}")).unwrap();
        world.settle_all();
    }
    assert_eq!(world.epochs_of_data(), [Epoch(0), Epoch(1), Epoch(2), Epoch(3)]);
    world.add("writer");
    world.settle_all();
    world.assert_alike(&[ALICE, BOB, CAROL]);
    assert_eq!(world.ids(CAROL), ["epoch 0", "epoch 1", "epoch 2", "epoch 3"]);
    // Keys and names come back from the disk.
    world.network.crash(CAROL, true);
    world.network.open(CAROL);
    world.put(CAROL, "again").unwrap();
    world.settle_all();
    world.assert_alike(&[ALICE, BOB, CAROL]);
}

#[test]
fn whoever_joins_by_an_invite_from_before_a_new_key_is_given_it_by_an_admin() {
    let mut world = World::of(84, &["writer"]);
    let (_, code) = world.invite(ALICE, "writer").unwrap();
    world.ok(ALICE, Command::RotateKeys {});
    world.put(ALICE, "under the new key").unwrap();
    world.settle_all();
    world.network.cut_off(ALICE, true);
    let carol = world.network.add_device("carol");
    world.join_by(carol, &code).unwrap();
    world.network.run_ms(60_000);
    world.put(carol, "before it has the key").unwrap();
    world.network.run_ms(60_000);
    assert_eq!(world.ids(carol), ["before it has the key"]);
    assert_eq!(world.epochs_of_data(), [Epoch(1)], "nothing was sealed under the old key");
    world.network.cut_off(ALICE, false);
    world.settle_all();
    world.assert_alike(&[ALICE, BOB, carol]);
    assert_eq!(world.ids(BOB), ["before it has the key", "under the new key"]);
    assert_eq!(world.epochs_of_data(), [Epoch(1), Epoch(1)]);
    assert!(world.members(carol).contains(&("alice".to_owned(), "admin".to_owned())), "names open");
}

#[test]
fn nobody_joins_by_an_invite_that_was_withdrawn() {
    let mut world = World::of(85, &["admin"]);
    let (id, code) = world.invite(ALICE, "writer").unwrap();
    world.settle_all();
    let open = |reply: Reply| match reply {
        Reply::Invites { invites } => {
            let invite = invites.into_iter().find(|invite| invite.id == id).unwrap();
            assert_eq!(invite.role, "writer");
            invite.open
        }
        other => panic!("{other:?}"),
    };
    assert!(open(world.ok(BOB, Command::Invites {})));
    // Another admin withdraws it.
    assert!(!open(world.ok(BOB, Command::RevokeInvite { invite: id.clone() })));
    world.settle_all();
    assert!(!open(world.ok(ALICE, Command::Invites {})));
    let carol = world.network.add_device("carol");
    assert_eq!(world.join_by(carol, &code).unwrap_err().code, ErrorCode::InviteNotFound);
    assert_eq!(world.devices(ALICE).len(), 2);
    let unknown = world.call(ALICE, Command::RevokeInvite { invite: "nonsense".into() });
    assert_eq!(unknown.unwrap_err().code, ErrorCode::InviteNotFound);
}

#[test]
fn a_relay_that_lost_its_disk_after_a_removal_is_filled_again_and_all_end_alike() {
    for seed in 90..98 {
        let mut world = World::of(seed, &["writer", "writer"]);
        for number in 0..4 {
            world.put(CAROL, &format!("carol-{number}")).unwrap();
            world.put(BOB, &format!("bob-{number}")).unwrap();
            world.network.run_ms(200);
        }
        world.settle_all();
        let carol = world.id_of(CAROL);
        world.remove(ALICE, &carol).unwrap();
        world.put(BOB, "after").unwrap();
        world.settle(&[ALICE, BOB]);
        world.network.cut_off(if seed % 2 == 0 { ALICE } else { BOB }, true);
        world.network.lose_relay_disk();
        world.network.run_ms(120_000);
        world.network.cut_off(ALICE, false);
        world.network.cut_off(BOB, false);
        world.settle(&[ALICE, BOB]);
        world.assert_alike(&[ALICE, BOB]);
        assert_eq!(world.ids(ALICE).len(), 9);
        // Somebody new finds everything there, what the removed device wrote too.
        let dora = world.network.add_device("dora");
        world.join(dora, ALICE, "writer").unwrap();
        world.settle(&[ALICE, BOB, dora]);
        world.assert_alike(&[ALICE, BOB, dora]);
        assert_eq!(world.ids(dora).len(), 9, "seed {seed}");
    }
}

#[test]
fn everybody_is_told_when_the_members_change() {
    let mut world = World::of(99, &["writer"]);
    let bob = world.id_of(BOB);
    world.network.devices[ALICE].events.clear();
    world.network.devices[BOB].events.clear();
    world.role(ALICE, &bob, "reader").unwrap();
    world.settle_all();
    for device in [ALICE, BOB] {
        let told = world.network.devices[device].events.iter().rev().find_map(|event| match event {
            Event::Membership { devices } => Some(devices.clone()),
            _ => None,
        });
        let role = told.unwrap().into_iter().find(|device| device.id == bob).unwrap().role;
        assert_eq!(role, "reader");
    }
}

/// Found by stories 16 and 27 of groups that change.
#[test]
fn a_device_that_became_a_reader_with_something_unsent_can_still_leave() {
    let mut world = World::of(110, &["writer"]);
    let bob = world.id_of(BOB);
    world.network.cut_off(BOB, true);
    world.put(BOB, "unsent").unwrap();
    world.role(ALICE, &bob, "reader").unwrap();
    world.settle(&[ALICE]);
    world.ok(BOB, Command::LeaveGroup {});
    world.network.cut_off(BOB, false);
    let left = |network: &Network| network.devices[BOB].status.as_ref().is_some_and(|status| status.group.is_none());
    assert!(world.network.run_until(120_000, left), "{:?}", world.network.devices[BOB].status);
    world.settle(&[ALICE]);
    assert_eq!(world.members(ALICE).len(), 1);
    assert_eq!(world.ids(ALICE), Vec::<String>::new());
    assert_eq!(world.ids(BOB), ["unsent"], "documents stay");
    // What was not sent is delivered when it comes back as somebody who may write.
    world.join(BOB, ALICE, "writer").unwrap();
    world.settle_all();
    assert_eq!(world.ids(ALICE), ["unsent"]);
}

/// Found by story 2 of groups that change: the relay refused the first, and what named it for ever.
#[test]
fn what_a_device_says_after_something_that_came_to_nothing_is_heard_all_the_same() {
    for seed in 120..132 {
        let mut world = World::of(seed, &["admin", "writer"]);
        let (alice, bob) = (world.id_of(ALICE), world.id_of(BOB));
        world.network.cut_off(ALICE, true);
        world.role(ALICE, &alice, "writer").unwrap();
        world.ok(ALICE, Command::RenameDevice { name: "alice again".into() });
        world.put(ALICE, "by alice").unwrap();
        world.role(BOB, &bob, "writer").unwrap();
        world.settle(&[BOB, CAROL]);
        world.network.cut_off(ALICE, false);
        world.settle_all();
        world.assert_alike(&[ALICE, BOB, CAROL]);
        let members = world.members(CAROL);
        assert!(members.iter().any(|(name, _)| name == "alice again"), "seed {seed}: {members:?}");
        assert_eq!(members.iter().filter(|(_, role)| role == "admin").count(), 1, "seed {seed}: {members:?}");
        assert_eq!(world.ids(CAROL), ["by alice"]);
    }
}

/// Found by stories 27 and 181 of groups that change: the same when the relay had refused the first long before.
#[test]
fn what_a_device_says_long_after_something_that_came_to_nothing_is_heard_too() {
    for seed in 140..152 {
        let mut world = World::of(seed, &["admin", "writer"]);
        let (alice, bob) = (world.id_of(ALICE), world.id_of(BOB));
        world.network.cut_off(ALICE, true);
        world.role(ALICE, &alice, "writer").unwrap();
        world.role(BOB, &bob, "writer").unwrap();
        world.settle(&[BOB, CAROL]);
        world.network.cut_off(ALICE, false);
        world.settle_all();
        for device in [ALICE, BOB] {
            world.ok(device, Command::RenameDevice { name: format!("{device} again") });
            world.put(device, &format!("by {device}")).unwrap();
        }
        world.settle_all();
        world.assert_alike(&[ALICE, BOB, CAROL]);
        assert_eq!(world.ids(CAROL), ["by 0", "by 1"], "seed {seed}");
        // Also when a relay is filled again.
        world.network.lose_relay_disk();
        world.put(CAROL, "later").unwrap();
        world.settle_all();
        world.assert_alike(&[ALICE, BOB, CAROL]);
    }
}

/// Three admins take each other's role in a circle. What comes to nothing decides there: without the first word the other two would end otherwise.
#[test]
fn what_came_to_nothing_decides_between_admins_in_a_circle_also_after_the_relay_lost_its_disk() {
    for seed in 140..146 {
        // Dora stands by, so that there never lacks an admin.
        let mut world = World::of(seed, &["admin", "admin", "admin"]);
        let [alice, bob, carol] = [ALICE, BOB, CAROL].map(|device| world.id_of(device));
        world.network.cut_off(BOB, true);
        world.network.cut_off(CAROL, true);
        world.role(BOB, &carol, "writer").unwrap();
        world.role(CAROL, &alice, "writer").unwrap();
        world.role(ALICE, &bob, "writer").unwrap();
        world.settle(&[ALICE, DORA]);
        // Carol's word voids that of Alice, who is away from here on.
        world.network.cut_off(CAROL, false);
        world.network.settle(&[CAROL, DORA]);
        // Whether somebody has built on it before the relay loses it, or not yet.
        world.network.run_ms(if seed % 2 == 0 { 30_000 } else { 0 });
        world.network.cut_off(ALICE, true);
        let in_log = |world: &World, whom: &str| {
            let says = |bytes: &Vec<u8>| match VerifiedEntry::decode(bytes).unwrap().control() {
                Some(Control::Role { device, .. }) => device.to_string() == whom,
                _ => false,
            };
            world.log().iter().any(says)
        };
        assert!(in_log(&world, &bob) && in_log(&world, &alice) && !in_log(&world, &carol));
        world.network.lose_relay_disk();
        world.settle(&[CAROL, DORA]);
        assert!(in_log(&world, &bob), "seed {seed}: it came to nothing, and the relay has it again");
        world.network.cut_off(ALICE, false);
        world.network.cut_off(BOB, false);
        world.settle_all();
        let erik = world.network.add_device(NAMES[4]);
        world.join(erik, CAROL, "writer").unwrap();
        world.settle_all();
        world.assert_alike(&[ALICE, BOB, CAROL, DORA, erik]);
        let roles: Vec<String> = world.members(erik).into_iter().map(|(_, role)| role).collect();
        assert_eq!(roles, ["writer", "admin", "admin", "admin", "writer"], "seed {seed}");
    }
}

/// Found by story 20 of devices that come back: it took the snapshot for one that nobody can open, and asked for nothing more.
#[test]
fn whoever_joins_by_an_invite_from_before_a_new_key_waits_for_the_key_of_a_snapshot() {
    let mut world = World::of(160, &["admin"]);
    world.network.relay.forgets_at_once();
    let (_, code) = world.invite(ALICE, "writer").unwrap();
    world.ok(ALICE, Command::RotateKeys {});
    for number in 0..20 {
        world.put(BOB, &format!("bob-{number}")).unwrap();
    }
    world.settle_all();
    world.ok(ALICE, Command::PublishSnapshot { timeout_ms: 120_000 });
    world.settle_all();
    assert!(world.network.tidy_relay() > 0);
    for device in [ALICE, BOB] {
        world.network.cut_off(device, true);
    }
    let carol = world.network.add_device("carol");
    world.join_by(carol, &code).unwrap();
    world.network.run_ms(60_000);
    assert_eq!(world.ids(carol), Vec::<String>::new());
    let error = world.network.devices[carol].status.clone().unwrap().last_error.unwrap();
    assert_eq!((error.code, error.retry), (ErrorCode::SnapshotUnusable, true));
    for device in [ALICE, BOB] {
        world.network.cut_off(device, false);
    }
    world.settle_all();
    world.assert_alike(&[ALICE, BOB, carol]);
    assert_eq!(world.ids(carol).len(), 20);
}

/// Carol was removed by Bob, whom Alice had removed meanwhile: so nothing came of it. Carol has heard of her removal only, and her connection has ended.
fn of_one_removed_in_vain(seed: u64) -> World {
    let mut world = World::of(seed, &["admin", "writer"]);
    let (bob, carol) = (world.id_of(BOB), world.id_of(CAROL));
    world.network.cut_off(ALICE, true);
    world.remove(ALICE, &bob).unwrap();
    world.remove(BOB, &carol).unwrap();
    world.settle(&[BOB]);
    assert!(world.is_removed(CAROL));
    assert!(!world.network.devices[CAROL].status.as_ref().unwrap().connected);
    world.network.cut_off(ALICE, false);
    world.put(ALICE, "by alice").unwrap();
    world.settle(&[ALICE]);
    assert_eq!(world.members(ALICE).len(), 2, "Carol is a member all the time");
    world
}

#[test]
fn a_removed_device_hears_within_an_hour_that_its_removal_came_to_nothing() {
    for seed in 170..174 {
        let mut world = of_one_removed_in_vain(seed);
        world.network.run_ms(50 * 60_000);
        assert!(world.is_removed(CAROL), "seed {seed}: it asks once an hour");
        world.network.run_ms(15 * 60_000);
        assert!(!world.is_removed(CAROL), "seed {seed}");
        world.put(CAROL, "by carol").unwrap();
        world.settle(&[ALICE, CAROL]);
        world.assert_alike(&[ALICE, CAROL]);
        assert_eq!(world.ids(ALICE), ["by alice", "by carol"]);
    }
}

#[test]
fn a_removed_device_hears_when_it_is_opened_that_its_removal_came_to_nothing() {
    for seed in 180..184 {
        let mut world = of_one_removed_in_vain(seed);
        world.network.crash(CAROL, false);
        world.network.open(CAROL);
        world.settle(&[ALICE, CAROL]);
        world.assert_alike(&[ALICE, CAROL]);
        assert!(!world.is_removed(CAROL));
    }
}

#[test]
fn a_removed_device_asks_once_an_hour_and_is_quiet_between() {
    let mut world = World::of(190, &["writer"]);
    let bob = world.id_of(BOB);
    world.remove(ALICE, &bob).unwrap();
    world.settle(&[ALICE]);
    assert!(world.is_removed(BOB));
    world.network.run_ms(59 * 60_000);
    let quiet = world.network.devices[BOB].frames_sent;
    world.network.run_ms(2 * 60_000);
    let asked = world.network.devices[BOB].frames_sent;
    assert!(asked > quiet, "it asks");
    world.network.run_ms(57 * 60_000);
    assert_eq!(world.network.devices[BOB].frames_sent, asked, "and ends the connection");
    assert!(world.is_removed(BOB));
    assert!(!world.network.devices[BOB].status.as_ref().unwrap().connected);
}
