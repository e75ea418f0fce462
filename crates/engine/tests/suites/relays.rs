//! Several relays: when one fails the next is followed, everybody goes back to the first, and nothing is lost on the way.

use ashore_engine::api::{
    Command, Durability, ErrorCode, Failure, IdRange, JoinRequestInfo, OwnRequest, OwnRequestState, Reply,
    SyncSettings, SyncState, Write,
};
use ashore_engine::testing::{Network, RELAY as FIRST};

const ALICE: usize = 0;
const BOB: usize = 1;
const SECOND: &str = "ws://second.test/v1/ws";
const RETURN_MS: u64 = 601_000;

struct World {
    network: Network,
}

impl World {
    /// Alice and Bob, who know both relays and follow the first.
    fn of_two(seed: u64) -> Self {
        let mut world = Self { network: Network::group_of(seed, &["alice", "bob"]) };
        world.network.add_relay(SECOND);
        for device in [ALICE, BOB] {
            world.set_relays(device, &[FIRST, SECOND]).unwrap();
        }
        world.settle(FIRST);
        world
    }

    fn set_relays(&mut self, device: usize, relays: &[&str]) -> Result<SyncSettings, Failure> {
        let relays = Some(relays.iter().map(|relay| (*relay).to_owned()).collect());
        match self
            .network
            .call(device, Command::ConfigureSync { auto: None, interval_ms: None, relays, channels: None })?
        {
            Reply::SyncSettings { settings } => Ok(settings),
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, device: usize, id: &str) {
        // Power is lost in some of the tests: what counts as written must survive that.
        let (documents, durability) = (format!("[{{\"by\":{device}}}]"), Durability::Strict);
        let write = Write::Put { collection: "notes".into(), ids: vec![id.into()], documents, bases: vec![None] };
        self.network.ok(device, Command::Write { writes: vec![write], durability, split: false });
    }

    fn ids(&mut self, device: usize) -> Vec<String> {
        match self
            .network
            .call(device, Command::Scan { collection: "notes".into(), range: IdRange::default() })
            .unwrap()
        {
            Reply::Documents { ids, .. } => ids,
            other => panic!("{other:?}"),
        }
    }

    /// Both are in step with this relay, and with each other.
    fn settle(&mut self, relay: &str) {
        let relay = relay.to_owned();
        let done = move |network: &Network| {
            let all: Vec<_> = network.devices.iter().filter_map(|device| device.status.as_ref()).collect();
            all.len() == 2
                && all.iter().all(|status| {
                    status.state == SyncState::Synced
                        && status.relay.as_ref() == Some(&relay)
                        && status.cursor == all[0].cursor
                })
        };
        let came = self.network.run_until(1_200_000, done);
        assert!(came, "{:?}", self.network.devices.iter().map(|device| &device.status).collect::<Vec<_>>());
    }

    /// Somebody new asks with a ticket of Alice's.
    fn ask(&mut self) -> (usize, OwnRequest) {
        let ticket = match self.network.ok(ALICE, Command::CreateTicket { link_base: None }) {
            Reply::Ticket { link, .. } => link,
            other => panic!("{other:?}"),
        };
        let carol = self.network.add_device("carol");
        let ask = Command::RequestToJoin { ticket, role: None, relay: None, device_name: Some("carol".into()) };
        self.network.ok(carol, ask);
        (carol, self.own(carol))
    }

    fn own(&mut self, device: usize) -> OwnRequest {
        match self.network.ok(device, Command::OwnRequest {}) {
            Reply::OwnRequest { request } => request.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn requests(&mut self) -> Vec<JoinRequestInfo> {
        match self.network.ok(ALICE, Command::Requests {}) {
            Reply::Requests { requests } => requests,
            other => panic!("{other:?}"),
        }
    }

    /// Alice says yes, and the device is in the group with everything.
    fn let_in(&mut self, carol: usize, expected: &[&str]) {
        let device = self.requests()[0].device.clone();
        self.network.ok(ALICE, Command::ApproveRequest { device, role: "writer".into() });
        let has_it = |network: &Network| {
            network.devices[carol].status.as_ref().is_some_and(|status| status.state == SyncState::Synced)
        };
        assert!(self.network.run_until(120_000, has_it), "{:?}", self.own(carol));
        assert_eq!(self.own(carol).state, OwnRequestState::Admitted);
        assert_eq!(self.ids(carol), expected);
    }

    fn both_have(&mut self, expected: &[&str]) {
        for device in [ALICE, BOB] {
            assert_eq!(self.ids(device), expected, "device {device}");
        }
    }
}

#[test]
fn when_the_first_relay_is_dead_the_second_is_used_and_gets_everything() {
    let mut world = World::of_two(1);
    world.put(ALICE, "before");
    world.settle(FIRST);
    world.network.stop_relay();
    world.put(ALICE, "during");
    world.put(BOB, "during too");
    world.settle(SECOND);
    world.both_have(&["before", "during", "during too"]);
}

#[test]
fn everybody_goes_back_to_the_first_relay_which_gets_what_it_missed() {
    for seed in 10..20 {
        let mut world = World::of_two(seed);
        world.put(ALICE, "a");
        world.settle(FIRST);
        world.network.stop_relay();
        world.put(ALICE, "b");
        world.settle(SECOND);
        world.network.start_relay();
        world.network.run_ms(RETURN_MS);
        world.settle(FIRST);
        world.put(BOB, "c");
        world.settle(FIRST);
        world.both_have(&["a", "b", "c"]);
        // Somebody who knows the first alone has what was written while it was away.
        world.network.set_other_up(SECOND, false);
        let carol = world.network.add_device("carol");
        world.network.join(carol, ALICE, "admin");
        world.network.run_ms(60_000);
        assert_eq!(world.ids(carol), ["a", "b", "c"]);
    }
}

#[test]
fn who_was_on_the_other_relay_alone_loses_nothing() {
    for seed in 30..40 {
        let mut world = World::of_two(seed);
        world.network.cut_off(BOB, true);
        world.put(BOB, "by bob");
        world.network.stop_relay();
        world.put(ALICE, "by alice");
        let on_second = |network: &Network| {
            let status = network.devices[ALICE].status.as_ref();
            status.is_some_and(|status| status.state == SyncState::Synced && status.relay.as_deref() == Some(SECOND))
        };
        assert!(world.network.run_until(600_000, on_second));
        // The second dies before Bob has seen it, and the first is back.
        world.network.set_other_up(SECOND, false);
        world.network.start_relay();
        world.network.cut_off(BOB, false);
        world.settle(FIRST);
        world.both_have(&["by alice", "by bob"]);
    }
}

#[test]
fn nothing_is_lost_when_relays_and_devices_die_again_and_again() {
    for seed in 100..130 {
        let mut world = World::of_two(seed);
        let mut expected = vec![];
        for round in 0..12 {
            match world.network.rng.below(6) {
                0 => world.network.stop_relay(),
                1 => world.network.start_relay(),
                2 => world.network.set_other_up(SECOND, false),
                3 => world.network.set_other_up(SECOND, true),
                4 => world.network.crash(BOB, true),
                _ => world.network.run_ms(RETURN_MS),
            }
            world.network.open(BOB);
            let device = world.network.rng.below(2) as usize;
            let id = format!("n{round:02}");
            world.put(device, &id);
            expected.push(id);
            let pause = world.network.rng.below(60_000);
            world.network.run_ms(pause);
        }
        world.network.start_relay();
        world.network.set_other_up(SECOND, true);
        world.network.run_ms(2 * RETURN_MS);
        world.settle(FIRST);
        for device in [ALICE, BOB] {
            assert_eq!(world.ids(device), expected, "seed {seed}, device {device}");
        }
    }
}

#[test]
fn a_relay_that_was_taken_off_the_list_is_not_turned_to() {
    for wait in (0..4_000).step_by(250) {
        let mut world = World::of_two(200 + wait);
        world.network.stop_relay();
        world.network.run_ms(wait);
        world.set_relays(ALICE, &[FIRST]).unwrap();
        world.network.run_ms(60_000);
        let status = world.network.devices[ALICE].status.as_ref();
        assert_eq!(status.unwrap().relay.as_deref(), Some(FIRST), "after {wait} ms");
    }
}

#[test]
fn settings_name_the_relays_and_what_is_none_is_refused() {
    let mut world = World::of_two(50);
    let set = world.set_relays(ALICE, &[SECOND, FIRST]).unwrap();
    assert_eq!(set.relays, [SECOND, FIRST]);
    for wrong in [&[][..], &[FIRST, FIRST], &[FIRST; 9]] {
        assert_eq!(world.set_relays(ALICE, wrong).unwrap_err().code, ErrorCode::RequestInvalid);
    }
    let failure = world.set_relays(ALICE, &["http://relay.test"]).unwrap_err();
    assert_eq!(failure.code, ErrorCode::RelayInvalidAddress);
    world.network.crash(ALICE, false);
    world.network.open(ALICE);
    let kept = world
        .network
        .call(ALICE, Command::ConfigureSync { auto: None, interval_ms: None, relays: None, channels: None })
        .unwrap();
    let Reply::SyncSettings { settings } = kept else { panic!() };
    assert_eq!(settings.relays, [SECOND, FIRST]);
    world.network.run_ms(RETURN_MS);
    world.set_relays(BOB, &[SECOND, FIRST]).unwrap();
    world.network.run_ms(RETURN_MS);
    world.settle(SECOND);
}

#[test]
fn who_asks_turns_to_the_next_relay_when_the_first_is_dead() {
    for seed in 200..210 {
        let mut world = World::of_two(seed);
        world.put(ALICE, "a");
        world.network.stop_relay();
        world.settle(SECOND);
        let (carol, own) = world.ask();
        assert!(!own.delivered);
        world.network.run_ms(60_000);
        assert!(world.own(carol).delivered, "seed {seed}");
        world.let_in(carol, &["a"]);
    }
}

#[test]
fn who_asks_goes_back_to_the_first_relay_where_the_admins_are() {
    for seed in 210..220 {
        let mut world = World::of_two(seed);
        world.put(ALICE, "a");
        world.network.stop_relay();
        world.settle(SECOND);
        let (carol, _) = world.ask();
        world.network.run_ms(60_000);
        world.network.start_relay();
        world.network.run_ms(2 * RETURN_MS);
        let followed = world.network.devices[ALICE].status.as_ref().and_then(|status| status.relay.clone());
        assert_eq!(followed.as_deref(), Some(FIRST), "seed {seed}");
        world.let_in(carol, &["a"]);
    }
}

#[test]
fn a_relay_that_does_not_know_the_group_is_left_for_one_that_may() {
    let mut world = World::of_two(220);
    world.network.cut_off(ALICE, true);
    world.network.cut_off(BOB, true);
    world.network.stop_relay();
    // The second has never heard of the group.
    let (carol, _) = world.ask();
    world.network.run_ms(120_000);
    let own = world.own(carol);
    assert_eq!((own.state, own.delivered), (OwnRequestState::Pending, false));
    world.network.start_relay();
    world.network.run_ms(120_000);
    assert!(world.own(carol).delivered);
    // Where none knows it, nobody is asked for ever.
    let mut world = World::of_two(221);
    world.network.cut_off(ALICE, true);
    world.network.cut_off(BOB, true);
    world.network.stop_relay();
    world.network.lose_relay_disk();
    world.network.start_relay();
    let (carol, _) = world.ask();
    world.network.run_ms(120_000);
    let own = world.own(carol);
    assert_eq!((own.state, own.code.as_deref()), (OwnRequestState::Refused, Some("relay.unknown-group")));
}
