//! Recovery: a password or 24 words bring a group back when all of its devices are lost, and nothing else does.

use ashore_engine::api::{
    Command, Durability, ErrorCode, Failure, IdRange, Outcome, Passphrase, RecoveryInfo, Reply, SyncState, SyncStatus,
    Write,
};
use ashore_engine::testing::{Faults, Network};
use ashore_protocol::envelope::PasswordHint;
use ashore_protocol::frame::RelayFrame;

const RELAY: &str = "ws://relay.test/v1/ws";
const ALICE: usize = 0;
const BOB: usize = 1;
const PASSWORD: &str = "four words of hers";
const OTHER: &str = "other words of hers";
const NAME: &str = "Alice@Example.org";

struct World {
    network: Network,
    marks: u64,
}

impl World {
    /// Alice's group with Bob in it as an admin, and a document of each.
    fn of_two(seed: u64) -> Self {
        let mut world = Self::of_one(seed);
        let bob = world.network.add_device("bob");
        let code = world.invite(ALICE);
        world.join(bob, &code).unwrap();
        world.put(ALICE, "by-alice");
        world.put(BOB, "by-bob");
        world.settle(&[ALICE, BOB]);
        world
    }

    fn of_one(seed: u64) -> Self {
        let mut world = Self { network: Network::seeded(seed), marks: 0 };
        world.network.add_device("alice");
        let enable = Command::EnableSync { relay: Some(RELAY.into()), device_name: Some("alice".into()) };
        world.ok(ALICE, enable);
        world.settle(&[ALICE]);
        world
    }

    fn invite(&mut self, by: usize) -> String {
        let invite =
            Command::CreateInvite { ttl_seconds: 600, link_base: None, role: Some("admin".into()), uses: None };
        match self.ok(by, invite) {
            Reply::Invite { short_code, .. } => short_code,
            other => panic!("{other:?}"),
        }
    }

    fn join(&mut self, index: usize, code: &str) -> Result<Reply, Failure> {
        let device_name = Some(self.network.devices[index].name.clone());
        self.call(index, Command::JoinInvite { invite: code.into(), relay: Some(RELAY.into()), device_name })
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.marks += 1;
        let mark = self.marks;
        self.network.ask(device, command, mark);
        loop {
            let answers = &mut self.network.devices[device].answers;
            if let Some(at) = answers.iter().position(|(call, _)| call.mark == mark) {
                return match answers.remove(at).1 {
                    Outcome::Ok(reply) => Ok(reply),
                    Outcome::Failed(failure) => Err(failure),
                };
            }
            if !self.network.devices[device].is_up() {
                self.network.open(device);
            }
            assert!(self.network.step(), "an answer comes");
        }
    }

    fn ok(&mut self, device: usize, command: Command) -> Reply {
        self.call(device, command).unwrap()
    }

    fn put(&mut self, device: usize, id: &str) {
        let (ids, bases) = (vec![id.to_owned()], vec![None]);
        let write = Write::Put { collection: "notes".into(), ids, documents: r#"[{"a":1}]"#.into(), bases };
        self.ok(device, Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false });
    }

    fn ids(&mut self, device: usize) -> Vec<String> {
        match self.ok(device, Command::Scan { collection: "notes".into(), range: IdRange::default() }) {
            Reply::Documents { ids, .. } => ids,
            other => panic!("{other:?}"),
        }
    }

    /// Id and role of each member, by name.
    fn member(&mut self, at: usize, name: &str) -> (String, String) {
        match self.ok(at, Command::Devices {}) {
            Reply::Devices { devices } => {
                devices.into_iter().find(|device| device.name == name).map(|device| (device.id, device.role)).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn remove(&mut self, by: usize, name: &str) {
        let (device, _) = self.member(by, name);
        self.ok(by, Command::RemoveDevice { device });
    }

    fn set_password(&mut self, by: usize, password: &str, locator: Option<&str>) -> Result<String, Failure> {
        let locator = locator.map(str::to_owned);
        match self.call(by, Command::SetPassword { password: Passphrase::new(password), locator })? {
            Reply::Recovery { locator: Some(locator), words: None, .. } => Ok(locator),
            other => panic!("{other:?}"),
        }
    }

    fn phrase(&mut self, by: usize) -> String {
        match self.ok(by, Command::CreateRecoveryPhrase {}) {
            Reply::Recovery { locator: None, words: Some(words), .. } => words.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    fn recoveries(&mut self, at: usize) -> Vec<RecoveryInfo> {
        match self.ok(at, Command::Recoveries {}) {
            Reply::Recoveries { recoveries } => recoveries,
            other => panic!("{other:?}"),
        }
    }

    fn kinds(&mut self, at: usize) -> Vec<String> {
        let mut kinds: Vec<String> = self.recoveries(at).into_iter().map(|recovery| recovery.kind).collect();
        kinds.sort();
        kinds
    }

    fn recover(&mut self, index: usize, locator: Option<&str>, secret: &str) -> Result<Reply, Failure> {
        let (relay, device_name) = (Some(RELAY.into()), Some(self.network.devices[index].name.clone()));
        let (locator, secret) = (locator.map(str::to_owned), Passphrase::new(secret));
        self.call(index, Command::Recover { relay, device_name, locator, secret })
    }

    fn code(&mut self, index: usize, locator: Option<&str>, secret: &str) -> ErrorCode {
        self.recover(index, locator, secret).unwrap_err().code
    }

    /// A fresh device that comes back.
    fn back(&mut self, name: &str, locator: Option<&str>, secret: &str) -> usize {
        let index = self.network.add_device(name);
        self.recover(index, locator, secret).unwrap();
        self.settle(&[index]);
        index
    }

    /// These devices are gone for good.
    fn lose(&mut self, devices: &[usize]) {
        for device in devices {
            self.network.crash(*device, true);
        }
    }

    fn status(&self, device: usize) -> SyncStatus {
        self.network.devices[device].status.clone().unwrap()
    }

    fn settle(&mut self, devices: &[usize]) {
        let in_step = |network: &Network| {
            let status = |device: &usize| network.devices[*device].status.clone();
            let cursors: Vec<_> = devices.iter().map(|device| status(device).map(|status| status.cursor)).collect();
            let synced = |device: &usize| status(device).is_some_and(|status| status.state == SyncState::Synced);
            devices.iter().all(synced) && cursors.windows(2).all(|pair| pair[0] == pair[1])
        };
        for _ in 0..2 {
            let came = self.network.run_until(3_600_000, in_step);
            let seen: Vec<_> = devices.iter().map(|device| self.network.devices[*device].status.clone()).collect();
            assert!(came, "{seen:#?}");
            self.network.run_ms(30_000);
        }
        assert!(self.network.run_until(3_600_000, in_step));
    }
}

#[test]
fn when_all_devices_are_lost_a_password_brings_all_documents_back() {
    for locator in [None, Some(NAME)] {
        let mut world = World::of_two(1);
        let found_by = world.set_password(ALICE, PASSWORD, locator).unwrap();
        assert_eq!(found_by, locator.map_or(found_by.clone(), str::to_lowercase));
        world.settle(&[ALICE, BOB]);
        world.lose(&[ALICE, BOB]);
        let carol = world.back("carol", Some(&found_by), PASSWORD);
        assert_eq!(world.ids(carol), ["by-alice", "by-bob"]);
        assert_eq!(world.member(carol, "carol").1, "admin");
        assert_eq!(world.status(carol).quarantined, 0);
        world.put(carol, "by-carol");
        world.settle(&[carol]);
        world.lose(&[carol]);
        let dora = world.back("dora", Some(&found_by), PASSWORD);
        assert_eq!(world.ids(dora), ["by-alice", "by-bob", "by-carol"], "as often as it is needed");
    }
}

#[test]
fn when_all_devices_are_lost_words_bring_all_documents_back() {
    let mut world = World::of_two(2);
    let words = world.phrase(BOB);
    assert_eq!(words.split(' ').count(), 24);
    world.settle(&[ALICE, BOB]);
    assert!(!world.network.relay.contains_bytes(words.as_bytes()));
    world.lose(&[ALICE, BOB]);
    let carol = world.back("carol", None, &words.to_uppercase());
    assert_eq!(world.ids(carol), ["by-alice", "by-bob"]);
}

#[test]
fn a_recovery_stands_through_removals_and_new_keys() {
    let mut world = World::of_two(3);
    let found_by = world.set_password(ALICE, PASSWORD, None).unwrap();
    let words = world.phrase(ALICE);
    world.remove(ALICE, "bob");
    world.put(ALICE, "after-the-removal");
    world.settle(&[ALICE]);
    world.ok(ALICE, Command::RotateKeys {});
    world.put(ALICE, "after-another-key");
    world.settle(&[ALICE]);
    world.lose(&[ALICE, BOB]);
    let all = ["after-another-key", "after-the-removal", "by-alice", "by-bob"];
    let carol = world.back("carol", Some(&found_by), PASSWORD);
    assert_eq!(world.ids(carol), all);
    // What was wrapped for the recovery is not needed any more: the engine starts again with what it has.
    world.network.crash(carol, false);
    world.network.open(carol);
    world.put(carol, "by-carol");
    world.ok(carol, Command::RotateKeys {});
    world.settle(&[carol]);
    world.lose(&[carol]);
    let dora = world.back("dora", None, &words);
    assert_eq!(world.ids(dora), ["after-another-key", "after-the-removal", "by-alice", "by-bob", "by-carol"]);
    assert_eq!(world.status(dora).quarantined, 0);
}

#[test]
fn after_a_password_was_changed_the_old_one_fails() {
    let mut world = World::of_two(4);
    let found_by = world.set_password(ALICE, PASSWORD, None).unwrap();
    world.settle(&[ALICE, BOB]);
    // Another admin changes it.
    assert_eq!(world.set_password(BOB, OTHER, None).unwrap(), found_by, "it is found by the same code");
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.kinds(ALICE), ["password"], "the one before is closed");
    world.lose(&[ALICE, BOB]);
    let carol = world.network.add_device("carol");
    assert_eq!(world.code(carol, Some(&found_by), PASSWORD), ErrorCode::RecoveryBadPassword);
    world.recover(carol, Some(&found_by), OTHER).unwrap();
    world.settle(&[carol]);
    assert_eq!(world.ids(carol), ["by-alice", "by-bob"]);
}

#[test]
fn what_does_not_open_a_recovery_is_told_apart() {
    let mut world = World::of_one(5);
    let weak = |world: &mut World, password: &str| world.set_password(ALICE, password, None).unwrap_err().code;
    assert_eq!(weak(&mut world, "short"), ErrorCode::RecoveryWeakPassword);
    assert_eq!(weak(&mut world, "0123456789"), ErrorCode::RecoveryWeakPassword);
    assert_eq!(weak(&mut world, &"long and ".repeat(200)), ErrorCode::RecoveryWeakPassword);
    let bad = |world: &mut World, locator: &str| world.set_password(ALICE, PASSWORD, Some(locator)).unwrap_err().code;
    assert_eq!(bad(&mut world, "ab"), ErrorCode::RecoveryBadLocator);
    assert_eq!(bad(&mut world, "0000-0000-0000-0000"), ErrorCode::RecoveryBadLocator, "who would guess that");
    assert_eq!(world.recoveries(ALICE), []);

    let found_by = world.set_password(ALICE, PASSWORD, Some(NAME)).unwrap();
    let carol = world.network.add_device("carol");
    assert_eq!(world.code(carol, Some(&found_by), OTHER), ErrorCode::RecoveryBadPassword);
    assert_eq!(world.code(carol, Some("nobody@example.org"), PASSWORD), ErrorCode::RecoveryBadPassword);
    assert_eq!(world.code(carol, Some("144G-J289-144G-J289"), PASSWORD), ErrorCode::RecoveryNotFound);
    assert_eq!(world.code(carol, None, &("abandon ".repeat(23) + "art")), ErrorCode::RecoveryNotFound);
    assert_eq!(world.code(carol, None, "abandon art"), ErrorCode::RecoveryBadWords);
    assert_eq!(world.code(carol, Some("x"), PASSWORD), ErrorCode::RecoveryBadLocator);
    assert_eq!(world.code(carol, Some(&found_by), &"x".repeat(2_000)), ErrorCode::RecoveryBadPassword);
    assert!(!world.status(carol).remote);
    world.recover(carol, Some(&found_by), PASSWORD).unwrap();
    world.settle(&[ALICE, carol]);
    assert_eq!(world.code(carol, Some(&found_by), PASSWORD), ErrorCode::GroupAlreadyJoined);
}

#[test]
fn who_guesses_has_to_wait_and_so_has_who_knows() {
    let mut world = World::of_one(6);
    world.set_password(ALICE, PASSWORD, Some(NAME)).unwrap();
    let mallory = world.network.add_device("mallory");
    for guess in 0..5 {
        let guess = format!("guess number {guess}");
        assert_eq!(world.code(mallory, Some(NAME), &guess), ErrorCode::RecoveryBadPassword);
    }
    let failure = world.recover(mallory, Some(NAME), PASSWORD).unwrap_err();
    assert_eq!((failure.code, failure.retry), (ErrorCode::RecoveryTooManyAttempts, true));
    world.network.run_ms(60_000);
    world.recover(mallory, Some(NAME), PASSWORD).unwrap();
}

#[test]
fn a_recovery_is_closed_when_its_maker_is_removed_and_when_it_is_taken_away() {
    let mut world = World::of_two(7);
    let found_by = world.set_password(BOB, PASSWORD, Some(NAME)).unwrap();
    let words = world.phrase(BOB);
    let hers = world.set_password(ALICE, OTHER, Some("alice-too")).unwrap();
    world.settle(&[ALICE, BOB]);
    assert_eq!(world.kinds(ALICE), ["password", "phrase"], "a group has one password");
    let carol = world.network.add_device("carol");
    assert_eq!(world.code(carol, Some(&found_by), PASSWORD), ErrorCode::RecoveryBadPassword, "it was taken away");
    world.remove(ALICE, "bob");
    world.settle(&[ALICE]);
    assert_eq!(world.kinds(ALICE), ["password"]);
    assert_eq!(world.code(carol, None, &words), ErrorCode::RecoveryClosed);
    let [left] = &world.recoveries(ALICE)[..] else { panic!() };
    let (id, made_by) = (left.id.clone(), left.made_by.clone());
    assert_eq!((made_by, left.locator.clone()), (world.member(ALICE, "alice").0, Some(hers.clone())));
    world.ok(ALICE, Command::RemoveRecovery { recovery: id.clone() });
    world.ok(ALICE, Command::RemoveRecovery { recovery: id });
    world.settle(&[ALICE]);
    assert_eq!(world.recoveries(ALICE), []);
    assert_eq!(world.code(carol, Some(&hers), OTHER), ErrorCode::RecoveryBadPassword);
    let unknown = world.call(ALICE, Command::RemoveRecovery { recovery: "x".into() }).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::RecoveryNotFound);
}

#[test]
fn only_an_admin_makes_and_closes_recoveries() {
    let mut world = World::of_two(8);
    let (alice, _) = world.member(ALICE, "alice");
    world.phrase(ALICE);
    world.ok(
        BOB,
        Command::ChangeRole {
            device: world.network.devices[BOB].status.clone().unwrap().device.unwrap(),
            role: "writer".into(),
        },
    );
    world.settle(&[ALICE, BOB]);
    let refused = world.set_password(BOB, PASSWORD, None).unwrap_err();
    assert_eq!(refused.code, ErrorCode::GroupNotAllowed);
    let [phrase] = &world.recoveries(BOB)[..] else { panic!() };
    assert_eq!(phrase.made_by, alice);
    let removal = Command::RemoveRecovery { recovery: phrase.id.clone() };
    assert_eq!(world.call(BOB, removal).unwrap_err().code, ErrorCode::GroupNotAllowed);
}

#[test]
fn a_device_in_no_group_knows_that_there_is_a_recovery() {
    let mut world = World::of_one(9);
    let found_by = world.set_password(ALICE, PASSWORD, None).unwrap();
    assert!(!world.status(ALICE).remote);
    world.ok(ALICE, Command::DisableSync { forget: true });
    world.network.run_ms(1_000);
    assert!(world.status(ALICE).remote);
    world.network.crash(ALICE, false);
    world.network.open(ALICE);
    world.network.run_ms(1_000);
    assert!(world.status(ALICE).remote, "also after a restart");
    let carol = world.network.add_device("carol");
    assert_eq!(world.code(carol, Some(&found_by), OTHER), ErrorCode::RecoveryBadPassword);
    assert!(world.status(carol).remote, "of a code the relay says that something lies there");
    world.recover(carol, Some(&found_by), PASSWORD).unwrap();
    assert!(!world.status(carol).remote);
}

#[test]
fn what_never_came_to_lie_at_the_relay_is_given_up() {
    let mut world = World::of_one(10);
    world.network.stop_relay();
    let failed = world.set_password(ALICE, PASSWORD, None).unwrap_err();
    assert!(failed.retry, "{failed:?}");
    assert_eq!(world.recoveries(ALICE), []);
    // An engine that ends before the relay has answered leaves nothing that nobody knows of.
    world.marks += 1;
    world.network.ask(ALICE, Command::CreateRecoveryPhrase {}, world.marks);
    world.network.run_ms(200);
    world.network.crash(ALICE, true);
    world.network.start_relay();
    world.network.open(ALICE);
    world.settle(&[ALICE]);
    assert_eq!(world.recoveries(ALICE), []);
}

#[test]
fn a_relay_that_lost_its_disk_is_given_the_envelope_again() {
    let mut world = World::of_two(11);
    let found_by = world.set_password(ALICE, PASSWORD, None).unwrap();
    world.settle(&[ALICE, BOB]);
    world.network.lose_relay_disk();
    world.settle(&[ALICE, BOB]);
    world.lose(&[ALICE, BOB]);
    let carol = world.back("carol", Some(&found_by), PASSWORD);
    assert_eq!(world.ids(carol), ["by-alice", "by-bob"]);
}

/// A relay that answers hints and envelopes in its own way.
fn lying(answer: impl Fn(RelayFrame) -> RelayFrame + 'static) -> World {
    let mut world = World::of_one(12);
    world.set_password(ALICE, PASSWORD, Some(NAME)).unwrap();
    world.settle(&[ALICE]);
    world.network.twist = Some(Box::new(answer));
    world.network.add_device("carol");
    world
}

#[test]
fn a_hostile_relay_gets_no_cheaper_guess_and_no_more_work_done_than_is_fair() {
    for (memory_kib, passes) in [(u32::MAX, 3), (262_145, 2), (65_536, u32::MAX), (19_455, 2), (19_456, 1), (0, 0)] {
        let mut world = lying(move |frame| match frame {
            RelayFrame::Hint { request, hint } => {
                RelayFrame::Hint { request, hint: PasswordHint { memory_kib, passes, ..hint } }
            }
            other => other,
        });
        assert_eq!(world.code(1, Some(NAME), PASSWORD), ErrorCode::RelayMisbehaved);
    }
}

#[test]
fn a_forged_envelope_does_not_open_and_nothing_of_it_is_kept() {
    type Forge = fn(Vec<u8>) -> Vec<u8>;
    let forges: [Forge; 3] = [
        |_| vec![],
        |_| vec![7; 4_096],
        |mut sealed| {
            let last = sealed.len() - 1;
            sealed[last] ^= 1;
            sealed
        },
    ];
    for forge in forges {
        let mut world = lying(move |frame| match frame {
            RelayFrame::Envelope { request, sealed } => {
                RelayFrame::Envelope { request, sealed: forge(sealed.0).into() }
            }
            other => other,
        });
        assert_eq!(world.code(1, Some(NAME), PASSWORD), ErrorCode::RelayMisbehaved);
        assert_eq!(world.status(1).group, None);
        world.network.twist = None;
        world.recover(1, Some(NAME), PASSWORD).unwrap();
    }
}

#[test]
fn envelopes_and_hints_that_nobody_asked_for_harm_nobody() {
    let mut world = World::of_one(13);
    world.put(ALICE, "by-alice");
    world.settle(&[ALICE]);
    let request = ashore_protocol::frame::RequestId(1);
    let hint = PasswordHint { memory_kib: 262_144, passes: 4, salt: [0; 16] };
    for frame in [
        RelayFrame::Hint { request, hint },
        RelayFrame::Envelope { request, sealed: vec![1].into() },
        RelayFrame::EnvelopePut { request },
        RelayFrame::EnvelopeDropped { request },
    ] {
        world.network.say_as_relay(ALICE, &frame);
        world.network.run_ms(1_000);
        world.settle(&[ALICE]);
    }
    assert_eq!(world.ids(ALICE), ["by-alice"]);
}

#[test]
fn recovery_comes_through_crashes_and_broken_connections() {
    for seed in 100..120 {
        let mut world = World::of_two(seed);
        world.network.faults =
            Faults { connection_breaks: 40, frame_doubled: 20, device_crashes: 150, ..Faults::default() };
        let found_by = loop {
            match world.set_password(ALICE, PASSWORD, None) {
                Ok(found_by) => break found_by,
                Err(failure) => assert!(failure.retry, "{failure:?}"),
            }
        };
        let carol = world.network.add_device("carol");
        while let Err(failure) = world.recover(carol, Some(&found_by), PASSWORD) {
            // It came through, only its answer was lost.
            if failure.code == ErrorCode::GroupAlreadyJoined {
                break;
            }
            assert!(failure.retry || failure.code == ErrorCode::RequestInvalid, "{failure:?}");
            // The one that was under way before a crash goes on by itself.
            world.network.run_ms(1_000);
        }
        world.network.faults = Faults::default();
        for device in [ALICE, BOB, carol] {
            world.network.open(device);
        }
        world.settle(&[ALICE, BOB, carol]);
        assert_eq!(world.ids(carol), ["by-alice", "by-bob"], "seed {seed}");
        assert_eq!(world.kinds(carol), ["password"], "seed {seed}");
    }
}

/// Found by stories of devices that come back.
#[test]
fn of_two_passwords_that_are_set_at_the_same_time_one_stays_and_opens() {
    for seed in 200..230 {
        let mut world = World::of_two(seed);
        let set = |password: &str, locator: Option<&str>| Command::SetPassword {
            password: Passphrase::new(password),
            locator: locator.map(str::to_owned),
        };
        let locator = (seed % 2 == 0).then_some(NAME);
        for (device, password) in [(ALICE, PASSWORD), (BOB, OTHER)] {
            world.marks += 1;
            world.network.ask(device, set(password, locator), world.marks);
        }
        world.network.run_ms(60_000);
        world.settle(&[ALICE, BOB]);
        let open = world.recoveries(ALICE);
        assert_eq!(open.len(), 1, "seed {seed}: {open:?}");
        let password = if open[0].made_by == world.status(ALICE).device.unwrap() { PASSWORD } else { OTHER };
        world.lose(&[ALICE, BOB]);
        let carol = world.back("carol", open[0].locator.as_deref(), password);
        assert_eq!(world.ids(carol), ["by-alice", "by-bob"]);
    }
}

/// Found by story 201 of devices that come back: whoever closed it had told the relay to drop the envelope.
#[test]
fn a_recovery_that_a_removed_admin_closed_meanwhile_opens_again() {
    for seed in 240..250 {
        let mut world = World::of_two(seed);
        let found_by = world.set_password(ALICE, PASSWORD, None).unwrap();
        let words = world.phrase(ALICE);
        world.settle(&[ALICE, BOB]);
        world.network.cut_off(ALICE, true);
        let closed: Vec<String> = world.recoveries(BOB).into_iter().map(|recovery| recovery.id).collect();
        for recovery in closed {
            world.ok(BOB, Command::RemoveRecovery { recovery });
        }
        world.settle(&[BOB]);
        let carol = world.network.add_device("carol");
        assert_eq!(world.code(carol, Some(&found_by), PASSWORD), ErrorCode::RecoveryNotFound, "it is taken away");
        // She knows nothing of that.
        world.remove(ALICE, "bob");
        world.network.cut_off(ALICE, false);
        world.settle(&[ALICE]);
        assert_eq!(world.kinds(ALICE), ["password", "phrase"], "who was removed closed nothing");
        if seed % 2 == 0 {
            world.network.crash(ALICE, true);
            world.network.open(ALICE);
            world.settle(&[ALICE]);
        }
        world.lose(&[ALICE, BOB]);
        let dora = world.back("dora", Some(&found_by), PASSWORD);
        let emma = world.back("emma", None, &words);
        for device in [dora, emma] {
            assert_eq!(world.ids(device), ["by-alice", "by-bob"]);
        }
    }
}

/// Found by stories 203 and 230 of devices that come back.
#[test]
fn a_recovery_made_just_after_two_new_keys_at_once_brings_what_is_under_both_back() {
    for seed in 260..270 {
        let mut world = World::of_two(seed);
        for (device, id) in [(ALICE, "alice-2"), (BOB, "bob-2")] {
            world.network.cut_off(device, true);
            world.ok(device, Command::RotateKeys {});
            world.put(device, id);
        }
        for device in [ALICE, BOB] {
            world.network.cut_off(device, false);
        }
        let all = |network: &Network| {
            let status = |device: usize| network.devices[device].status.clone().unwrap();
            let synced = |device: usize| status(device).state == SyncState::Synced;
            synced(ALICE) && synced(BOB) && status(ALICE).cursor == status(BOB).cursor
        };
        assert!(world.network.run_until(60_000, all));
        let by = if seed % 2 == 0 { ALICE } else { BOB };
        let words = world.phrase(by);
        world.lose(&[ALICE, BOB]);
        let carol = world.back("carol", None, &words);
        assert_eq!(world.ids(carol), ["alice-2", "bob-2", "by-alice", "by-bob"], "seed {seed}");
        assert_eq!(world.status(carol).quarantined, 0);
    }
}

/// Found by story 234 of devices that come back: the log goes by the same name as before.
#[test]
fn a_relay_that_returned_from_a_backup_is_given_the_envelope_again() {
    let mut world = World::of_two(280);
    world.network.back_up_relay();
    let found_by = world.set_password(ALICE, PASSWORD, None).unwrap();
    let words = world.phrase(BOB);
    world.settle(&[ALICE, BOB]);
    world.network.restore_relay();
    world.settle(&[ALICE, BOB]);
    world.lose(&[ALICE, BOB]);
    let carol = world.back("carol", Some(&found_by), PASSWORD);
    let dora = world.back("dora", None, &words);
    for device in [carol, dora] {
        assert_eq!(world.ids(device), ["by-alice", "by-bob"]);
    }
}
