//! Presence between simulated devices: who is seen, for how long, and what a hostile relay can make of it.

use ashore_engine::api::{Command, ErrorCode, Event, Failure, PresencePeer, Reply, SyncState};
use ashore_engine::testing::{Faults, Network};
use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::{ClientFrame, FailureCode, RelayFrame};
use ashore_protocol::ids::{DeviceId, Epoch, GroupId};
use std::collections::BTreeMap;

const ALICE: usize = 0;
const BOB: usize = 1;
/// The handle that each device's page watches with.
const HANDLE: &str = "main";

struct World {
    network: Network,
    /// What each page shows, by what it was told: device and handle.
    shown: Vec<BTreeMap<(Option<String>, String), PresencePeer>>,
    /// Joins and leaves that each page was told.
    joins: Vec<usize>,
    leaves: Vec<usize>,
}

impl World {
    /// Devices of one group, all connected.
    fn of(devices: usize, seed: u64) -> Self {
        let mut world = Self { network: Network::seeded(seed), shown: vec![], joins: vec![], leaves: vec![] };
        for device in 0..devices {
            world.add_device();
            match device {
                ALICE => world.network.found(ALICE),
                _ => world.join(device),
            }
        }
        world.settle();
        world
    }

    fn add_device(&mut self) {
        let name = match self.network.devices.len() {
            ALICE => "alice".to_owned(),
            device => format!("device {device}"),
        };
        self.network.add_device(&name);
        self.shown.push(BTreeMap::new());
        self.joins.push(0);
        self.leaves.push(0);
    }

    fn join(&mut self, device: usize) {
        self.network.join(device, ALICE, "admin");
    }

    fn settle(&mut self) {
        let done = |network: &Network| {
            let states = network.devices.iter().map(|device| device.status.as_ref());
            states.clone().all(|status| status.is_some_and(|status| status.state == SyncState::Synced))
                && states.flatten().all(|status| status.cursor == status.head)
        };
        assert!(self.network.run_until(3_600_000, done));
    }

    fn call(&mut self, device: usize, command: Command) -> Result<Reply, Failure> {
        self.network.call(device, command)
    }

    fn set(&mut self, device: usize, handle: &str, state: &str) {
        let since = self.network.now().as_ms();
        let set = Command::SetPresence { handle: handle.into(), since, state: Some(state.into()) };
        assert_eq!(self.call(device, set).unwrap(), Reply::Done {});
    }

    fn clear(&mut self, device: usize, handle: &str) {
        self.call(device, Command::SetPresence { handle: handle.into(), since: 0, state: None }).unwrap();
    }

    fn watch(&mut self, device: usize) {
        let reply = self.call(device, Command::WatchPresence { handle: HANDLE.into() }).unwrap();
        let Reply::Presence { peers } = reply else { panic!("{reply:?}") };
        self.shown[device] = peers.into_iter().map(|peer| ((peer.device.clone(), peer.handle.clone()), peer)).collect();
    }

    fn run(&mut self, ms: u64) {
        self.network.run_ms(ms);
        for device in 0..self.network.devices.len() {
            self.hear(device);
        }
    }

    fn hear(&mut self, device: usize) {
        for event in std::mem::take(&mut self.network.devices[device].events) {
            let Event::Presence { peers, gone } = event else { continue };
            for peer in peers {
                let name = (peer.device.clone(), peer.handle.clone());
                self.joins[device] += usize::from(self.shown[device].insert(name, peer).is_none());
            }
            for peer in gone {
                let was = self.shown[device].remove(&(peer.device.clone(), peer.handle.clone()));
                assert_eq!(was.as_ref(), Some(&peer), "only who was here goes");
                self.leaves[device] += 1;
            }
        }
    }

    /// What a page shows: each handle with its state.
    fn seen(&self, device: usize) -> Vec<(String, String)> {
        self.shown[device].values().map(|peer| (peer.handle.clone(), peer.state.clone())).collect()
    }

    fn group(&self) -> GroupId {
        self.network.group(ALICE)
    }

    fn id(&self, device: usize) -> DeviceId {
        self.network.id(device)
    }

    /// What the relay makes of a device's whispers: to be said again by a relay that replays.
    fn whispered(&self, device: usize) -> Vec<RelayFrame> {
        let from = self.id(device);
        let each = |frame: &ClientFrame| match frame.clone() {
            ClientFrame::Whisper { group, epoch, sealed, .. } => RelayFrame::Whispered { group, from, epoch, sealed },
            other => panic!("{other:?}"),
        };
        self.network.devices[device].whispers_sent.iter().map(each).collect()
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(handle, state)| ((*handle).to_owned(), (*state).to_owned())).collect()
}

/// Alice is here and Bob watches.
fn alice_seen_by_bob(seed: u64) -> World {
    let mut world = World::of(2, seed);
    world.watch(BOB);
    world.set(ALICE, "a", r#"{"at":1}"#);
    world.run(500);
    assert_eq!(world.seen(BOB), pairs(&[("a", r#"{"at":1}"#)]));
    world
}

#[test]
fn devices_that_are_connected_see_each_other_and_every_change() {
    let mut world = alice_seen_by_bob(1);
    let peer = world.shown[BOB].values().next().unwrap().clone();
    assert_eq!((peer.name.as_str(), peer.me), ("alice", false));
    assert_eq!(peer.device, Some(world.id(ALICE).to_string()));
    world.watch(ALICE);
    world.set(BOB, "b", "1");
    world.set(ALICE, "a", r#"{"at":2}"#);
    world.run(500);
    for device in [ALICE, BOB] {
        let mut seen = world.seen(device);
        seen.sort();
        assert_eq!(
            seen,
            pairs(&[("a", r#"{"at":2}"#), ("b", "1")]),
            "handles of its own too, but for the one that watches"
        );
        let mine = world.shown[device].values().find(|peer| peer.me).unwrap();
        assert_eq!(mine.device, Some(world.id(device).to_string()));
    }
    assert_eq!(world.joins[BOB], 2);
}

#[test]
fn who_comes_later_sees_at_once_who_is_here() {
    let mut world = World::of(3, 2);
    world.set(ALICE, "a", "1");
    world.set(BOB, "b", "2");
    world.run(5_000);
    world.watch(2);
    world.run(800);
    let mut seen = world.seen(2);
    seen.sort();
    assert_eq!(seen, pairs(&[("a", "1"), ("b", "2")]));
    world.network.cut_off(2, true);
    world.run(40_000);
    assert_eq!(world.seen(2), []);
    world.network.cut_off(2, false);
    let seen_again = |network: &Network| network.devices[2].status.as_ref().unwrap().state == SyncState::Synced;
    assert!(world.network.run_until(60_000, seen_again));
    world.run(800);
    assert_eq!(world.seen(2).len(), 2);
}

#[test]
fn handles_of_one_device_see_each_other_without_any_network() {
    let mut world = World { network: Network::seeded(3), shown: vec![], joins: vec![], leaves: vec![] };
    world.add_device();
    world.watch(ALICE);
    world.set(ALICE, "other tab", "1");
    world.run(1);
    let peer = world.shown[ALICE].values().next().unwrap().clone();
    assert_eq!((peer.me, peer.device, peer.state.as_str()), (true, None, "1"));
    world.clear(ALICE, "other tab");
    world.run(1);
    assert_eq!(world.seen(ALICE), []);
    assert_eq!(world.network.devices[ALICE].frames_sent, 0);
}

#[test]
fn who_stays_is_seen_for_as_long_as_it_stays() {
    let mut world = alice_seen_by_bob(4);
    world.run(600_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", r#"{"at":1}"#)]));
    assert_eq!((world.joins[BOB], world.leaves[BOB]), (1, 0));
    let sent = world.network.devices[ALICE].whispers_sent.len();
    assert!((55..70).contains(&sent), "{sent} whispers in ten minutes");
}

#[test]
fn who_falls_silent_is_gone_after_half_a_minute() {
    let mut world = alice_seen_by_bob(5);
    world.network.cut_off(ALICE, true);
    world.run(19_000);
    assert_eq!(world.seen(BOB).len(), 1);
    world.run(12_000);
    assert_eq!((world.seen(BOB).len(), world.leaves[BOB]), (0, 1));
}

#[test]
fn who_leaves_is_gone_at_once() {
    let mut world = alice_seen_by_bob(6);
    world.clear(ALICE, "a");
    world.run(300);
    assert_eq!(world.seen(BOB), []);
    world.set(ALICE, "a", "2");
    world.run(300);
    assert_eq!(world.seen(BOB), pairs(&[("a", "2")]));
    world.call(ALICE, Command::ForgetClient { client: "page".into() }).unwrap();
    world.run(300);
    assert_eq!(world.seen(BOB), [], "its page is gone");
    world.set(ALICE, "a", "3");
    world.run(300);
    let said = world.network.devices[ALICE].whispers_sent.len();
    world.call(ALICE, Command::DisableSync { forget: false }).unwrap();
    assert_eq!(world.network.devices[ALICE].whispers_sent.len(), said + 1, "the last word of the connection");
    // This network loses what is on the way when a connection ends.
    world.run(31_000);
    assert_eq!(world.seen(BOB), []);
    world.call(ALICE, Command::EnableSync { relay: None, device_name: None }).unwrap();
    world.run(1_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "3")]), "and does again");
}

#[test]
fn who_disables_sync_sees_nobody_at_once() {
    let mut world = alice_seen_by_bob(7);
    world.call(BOB, Command::DisableSync { forget: false }).unwrap();
    world.run(1);
    assert_eq!((world.seen(BOB).len(), world.leaves[BOB]), (0, 1));
}

#[test]
fn many_changes_travel_as_few_whispers_and_the_last_one_arrives() {
    let mut world = alice_seen_by_bob(8);
    let before = world.network.devices[ALICE].whispers_sent.len();
    for at in 0..300 {
        world.set(ALICE, "a", &format!("{at}"));
        world.run(5);
    }
    world.run(500);
    assert_eq!(world.seen(BOB), pairs(&[("a", "299")]));
    let sent = world.network.devices[ALICE].whispers_sent.len() - before;
    assert!((10..=50).contains(&sent), "{sent} whispers for 300 changes in about two seconds");
}

#[test]
fn what_was_set_without_a_network_is_said_when_there_is_one() {
    let mut world = World::of(2, 9);
    world.watch(BOB);
    world.network.cut_off(ALICE, true);
    world.set(ALICE, "a", "1");
    world.run(5_000);
    assert_eq!(world.seen(BOB), []);
    world.network.cut_off(ALICE, false);
    world.run(60_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "1")]));
}

#[test]
fn another_engine_of_the_same_device_goes_on_without_anybody_noticing() {
    let mut world = alice_seen_by_bob(10);
    let since = world.shown[BOB].values().next().unwrap().since;
    world.network.crash(ALICE, false);
    world.run(1_000);
    world.network.open(ALICE);
    let set = Command::SetPresence { handle: "a".into(), since, state: Some(r#"{"at":1}"#.into()) };
    world.call(ALICE, set).unwrap();
    world.run(60_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", r#"{"at":1}"#)]));
    assert_eq!((world.joins[BOB], world.leaves[BOB]), (1, 0));
}

#[test]
fn nothing_of_it_is_stored_anywhere() {
    let mut world = World::of(2, 11);
    world.watch(BOB);
    world.set(ALICE, "a", r#""words that nobody keeps""#);
    world.run(20_000);
    assert_eq!(world.seen(BOB).len(), 1);
    let log = world.network.relay.entries(&world.group()).len();
    for needle in [b"words that nobody keeps".as_slice(), b"nobody"] {
        assert!(!world.network.relay.contains_bytes(needle));
        for device in &world.network.devices {
            assert!(
                device.disk().with_prefix(b"").all(|(_, row)| !row.windows(needle.len()).any(|part| part == needle))
            );
        }
    }
    assert_eq!(world.network.relay.entries(&world.group()).len(), log);
    let ClientFrame::Whisper { sealed, .. } = &world.network.devices[ALICE].whispers_sent[0] else { panic!() };
    assert!(!sealed.windows(6).any(|part| part == b"nobody"), "what travels is sealed");
}

#[test]
fn a_relay_that_repeats_what_was_said_is_not_believed() {
    let mut world = alice_seen_by_bob(12);
    let old = world.whispered(ALICE);
    world.clear(ALICE, "a");
    world.run(300);
    assert_eq!(world.seen(BOB), []);
    for frame in &old {
        world.network.say_as_relay(BOB, frame);
    }
    world.run(1_000);
    assert_eq!(world.seen(BOB), [], "each was heard before");
    // Another engine has heard nothing yet; what is old is no news to it either.
    world.network.crash(BOB, false);
    world.run(11 * 60_000);
    world.network.open(BOB);
    world.settle();
    world.watch(BOB);
    for frame in &old {
        world.network.say_as_relay(BOB, frame);
    }
    world.run(1_000);
    assert_eq!(world.seen(BOB), []);
}

#[test]
fn a_relay_that_says_it_is_somebody_elses_or_makes_it_up_is_not_believed() {
    let mut world = World::of(3, 13);
    world.watch(BOB);
    world.set(ALICE, "a", "1");
    world.run(500);
    let (group, carol) = (world.group(), world.id(2));
    let RelayFrame::Whispered { epoch, sealed, .. } = world.whispered(ALICE).pop().unwrap() else { panic!() };
    let stranger = DeviceId([9; 32]);
    for from in [carol, stranger, world.id(BOB)] {
        world.network.say_as_relay(BOB, &RelayFrame::Whispered { group, from, epoch, sealed: sealed.clone() });
    }
    let other = RelayFrame::Whispered { group: GroupId([1; 32]), from: carol, epoch, sealed: sealed.clone() };
    world.network.say_as_relay(BOB, &other);
    for size in [0, 1, 24, 40, 300, 2_048, 5_000] {
        let sealed = Bytes((0..size).map(|at| (at % 251) as u8).collect());
        world.network.say_as_relay(BOB, &RelayFrame::Whispered { group, from: carol, epoch: Epoch(0), sealed });
    }
    let other_epoch = RelayFrame::Whispered { group, from: world.id(ALICE), epoch: Epoch(7), sealed };
    world.network.say_as_relay(BOB, &other_epoch);
    world.run(1_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "1")]));
    assert!(world.network.devices[BOB].status.as_ref().unwrap().connected, "it is no reason to part");
}

#[test]
fn a_member_with_another_key_is_not_heard() {
    let mut world = World::of(2, 14);
    world.watch(BOB);
    let key = world.network.damage_key(ALICE, [7; 32]).unwrap();
    world.set(ALICE, "a", "1");
    world.run(500);
    assert_eq!(world.seen(BOB), []);
    world.network.damage_key(ALICE, key);
    world.run(15_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "1")]));
}

#[test]
fn clocks_may_differ_by_minutes_but_not_by_more() {
    let mut world = World::of(2, 15);
    world.watch(BOB);
    world.network.skew_clock(ALICE, -5 * 60_000);
    world.set(ALICE, "a", "1");
    world.run(12_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "1")]));
    world.network.skew_clock(ALICE, 15 * 60_000);
    world.run(45_000);
    assert_eq!(world.seen(BOB), []);
    world.network.skew_clock(ALICE, 0);
    world.run(20 * 60_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "1")]));
}

#[test]
fn what_a_relay_drops_is_said_again_and_the_connection_stays() {
    let mut world = alice_seen_by_bob(16);
    let ClientFrame::Whisper { request, .. } = world.network.devices[ALICE].whispers_sent[0] else { panic!() };
    let before = world.network.devices[ALICE].whispers_sent.len();
    world.network.say_as_relay(ALICE, &RelayFrame::failed(Some(request), FailureCode::TooManyWhispers));
    world.run(500);
    assert_eq!(world.network.devices[ALICE].whispers_sent.len(), before, "it waits");
    world.run(1_000);
    assert_eq!(world.network.devices[ALICE].whispers_sent.len(), before + 1);
    let status = world.network.devices[ALICE].status.as_ref().unwrap();
    assert_eq!((status.connected, &status.last_error), (true, &None));
}

#[test]
fn who_does_not_use_presence_says_and_keeps_nothing() {
    let mut world = World::of(2, 17);
    world.set(ALICE, "a", "1");
    world.run(30_000);
    assert!(!world.network.devices[ALICE].whispers_sent.is_empty());
    assert!(world.network.devices[BOB].whispers_sent.is_empty());
    world.watch(BOB);
    world.run(500);
    assert_eq!(world.seen(BOB).len(), 1);
    world.call(BOB, Command::UnwatchPresence { handle: HANDLE.into() }).unwrap();
    world.run(1_000);
    world.set(ALICE, "a", "2");
    world.run(1_000);
    assert_eq!(world.seen(BOB), pairs(&[("a", "1")]), "nothing is told any more");
}

/// Frames are lost with their connections, come twice and overtake each other; in the end everybody shows what is so.
#[test]
fn on_a_bad_network_nobody_shows_what_is_not_so_for_long() {
    for seed in 100..130 {
        let mut world = World::of(3, seed);
        (0..3).for_each(|device| world.watch(device));
        world.network.faults =
            Faults { connection_breaks: 60, frame_doubled: 8, frame_overtakes: 8, ..Faults::default() };
        let mut truth: Vec<Option<String>> = vec![None; 3];
        for round in 0..60 {
            let device = world.network.rng.below(3) as usize;
            truth[device] = if world.network.chance(5) { None } else { Some(round.to_string()) };
            match truth[device].clone() {
                Some(state) => world.set(device, "h", &state),
                None => world.clear(device, "h"),
            }
            let wait = world.network.rng.below(2_000);
            world.run(wait);
        }
        world.network.faults = Faults::default();
        world.run(75_000);
        for device in 0..3 {
            let mut expected: Vec<(String, String)> =
                truth.iter().flatten().map(|state| ("h".to_owned(), state.clone())).collect();
            let mut seen = world.seen(device);
            expected.sort();
            seen.sort();
            assert_eq!(seen, expected, "seed {seed}, device {device}");
        }
    }
}

#[test]
fn what_cannot_be_a_presence_is_refused() {
    let mut world = World::of(1, 18);
    let set =
        |handle: &str, state: String| Command::SetPresence { handle: handle.into(), since: 0, state: Some(state) };
    for command in [
        set("", "1".into()),
        set(&"h".repeat(65), "1".into()),
        set("h", "x".repeat(1_025)),
        Command::WatchPresence { handle: String::new() },
    ] {
        assert_eq!(world.call(ALICE, command).unwrap_err().code, ErrorCode::RequestInvalid);
    }
    world.call(ALICE, set("h", "x".repeat(1_024))).unwrap();
    for handle in 1..16 {
        world.set(ALICE, &handle.to_string(), "1");
    }
    assert_eq!(world.call(ALICE, set("one more", "1".into())).unwrap_err().code, ErrorCode::RequestInvalid);
    world.clear(ALICE, "h");
    world.set(ALICE, "one more", "1");
}
