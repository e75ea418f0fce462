//! The traps that other systems fell into, each as a test of the behaviour that keeps us out of it.

use ashore_engine::api::{Command, Durability, Event, Hint, Outcome, Reply, SyncState, SyncStatus, Write, WriteResult};
use ashore_engine::crypto::{Key, open_payload, plan_payload};
use ashore_engine::rng::Rng;
use ashore_engine::testing::Network;
use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::{Item, RelayFrame};
use ashore_protocol::ids::{Cursor, GroupId};

const RELAY: &str = "ws://relay.test/v1/ws";
const A_DAY_MS: u64 = 24 * 3_600_000;

/// Asks and waits for the answer.
fn ask(network: &mut Network, device: usize, command: Command) -> Outcome {
    network.devices[device].answers.clear();
    network.ask(device, command, 1);
    assert!(network.run_until(60_000, |network| !network.devices[device].answers.is_empty()), "no answer");
    network.devices[device].answers.pop().unwrap().1
}

fn ok(network: &mut Network, device: usize, command: Command) -> Reply {
    match ask(network, device, command) {
        Outcome::Ok(reply) => reply,
        Outcome::Failed(failure) => panic!("{failure}"),
    }
}

fn put(id: &str, document: &str) -> Command {
    let (ids, bases) = (vec![id.to_owned()], vec![Some(String::new())]);
    let write = Write::Put { collection: "notes".into(), ids, documents: format!("[{document}]"), bases };
    Command::Write { writes: vec![write], durability: Durability::Relaxed, split: false }
}

fn get(network: &mut Network, device: usize, id: &str) -> String {
    match ok(network, device, Command::Get { collection: "notes".into(), ids: vec![id.to_owned()] }) {
        Reply::Documents { documents, .. } => documents,
        other => panic!("{other:?}"),
    }
}

fn enable(relay: &str) -> Command {
    Command::EnableSync { relay: Some(relay.into()), device_name: None }
}

fn invite(network: &mut Network) -> String {
    match ok(network, 0, Command::CreateInvite { ttl_seconds: 600, link_base: None, role: None, uses: None }) {
        Reply::Invite { short_code, .. } => short_code,
        other => panic!("{other:?}"),
    }
}

fn in_step(network: &Network) -> bool {
    let status = |device: usize| network.devices[device].status.as_ref();
    let all = (0..network.devices.len()).all(|device| status(device).is_some_and(|s| s.state == SyncState::Synced));
    all && (1..network.devices.len()).all(|device| status(device).map(|s| s.cursor) == status(0).map(|s| s.cursor))
}

fn settle(network: &mut Network) {
    assert!(network.run_until(120_000, in_step), "{:?}", network.devices.iter().map(|d| &d.status).collect::<Vec<_>>());
}

/// Alice and Bob, paired and in step.
fn pair(seed: u64) -> Network {
    let mut network = Network::seeded(seed);
    network.add_device("alice");
    network.add_device("bob");
    ok(&mut network, 0, enable(RELAY));
    let invite = invite(&mut network);
    ok(&mut network, 1, Command::JoinInvite { invite, relay: Some(RELAY.into()), device_name: None });
    settle(&mut network);
    network
}

#[test]
fn interleaved_pushes_and_pulls_lose_nothing() {
    let mut network = pair(1);
    for round in 0..20 {
        network.ask(0, put(&format!("a{round}"), r#"{"by":"alice"}"#), 0);
        network.ask(1, put(&format!("b{round}"), r#"{"by":"bob"}"#), 0);
        network.run_ms(round * 7 % 60);
    }
    settle(&mut network);
    for device in [0, 1] {
        for round in 0..20 {
            assert_eq!(get(&mut network, device, &format!("a{round}")), r#"[{"by":"alice"}]"#);
            assert_eq!(get(&mut network, device, &format!("b{round}")), r#"[{"by":"bob"}]"#);
        }
    }
}

#[test]
fn sync_goes_on_from_its_place_and_reads_nothing_again() {
    let mut network = pair(2);
    for number in 0..10 {
        ok(&mut network, 0, put(&format!("n{number}"), "{}"));
    }
    settle(&mut network);
    network.crash(1, false);
    ok(&mut network, 0, put("new", "{}"));
    network.open(1);
    match ok(&mut network, 1, Command::SyncNow { timeout_ms: 30_000 }) {
        Reply::Synced { pulled, .. } => assert_eq!(pulled, 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cursor_belongs_to_one_relay_and_another_gets_everything() {
    let mut network = pair(3);
    ok(&mut network, 0, put("before", r#"{"n":1}"#));
    settle(&mut network);
    network.lose_relay_disk();
    ok(&mut network, 0, enable("ws://other.test/v1/ws"));
    ok(&mut network, 1, enable("ws://other.test/v1/ws"));
    ok(&mut network, 1, put("after", r#"{"n":2}"#));
    settle(&mut network);
    network.add_device("carol");
    let invite = invite(&mut network);
    let join = Command::JoinInvite { invite, relay: Some("ws://other.test/v1/ws".into()), device_name: None };
    ok(&mut network, 2, join);
    settle(&mut network);
    assert_eq!(get(&mut network, 2, "before"), r#"[{"n":1}]"#);
    assert_eq!(get(&mut network, 2, "after"), r#"[{"n":2}]"#);
}

#[test]
fn an_entry_that_does_not_open_is_kept_reported_and_blocks_nothing() {
    let mut network = pair(4);
    let key = network.damage_key(0, [7; 32]).unwrap();
    ok(&mut network, 0, put("sealed", r#"{"n":1}"#));
    network.damage_key(0, key).unwrap();
    ok(&mut network, 0, put("open", r#"{"n":2}"#));
    settle(&mut network);
    assert_eq!(get(&mut network, 1, "open"), r#"[{"n":2}]"#);
    let reported =
        |event: &Event| matches!(event, Event::Error { failure } if failure.code.as_str() == "entry.quarantined");
    assert!(network.devices[1].events.iter().any(reported));
    match ok(&mut network, 1, Command::Quarantine {}) {
        Reply::Quarantine { entries } => {
            assert_eq!(entries.len(), 1);
            assert_eq!(entries[0].reason, "does-not-open");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(network.devices[1].status.as_ref().unwrap().quarantined, 1);
}

fn quarantined(network: &mut Network, device: usize) -> Vec<String> {
    match ok(network, device, Command::Quarantine {}) {
        Reply::Quarantine { entries } => entries.into_iter().map(|entry| entry.reason).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_that_comes_before_its_parent_is_kept_and_applied_when_the_parent_comes() {
    let mut network = pair(16);
    let status = network.devices[1].status.clone().unwrap();
    let group: GroupId = status.group.unwrap().parse().unwrap();
    // Alice's two entries, of which a relay that came back from a backup knows nothing yet.
    network.back_up_relay();
    network.cut_off(1, true);
    ok(&mut network, 0, put("parent", r#"{"n":1}"#));
    ok(&mut network, 0, put("child", r#"{"n":2}"#));
    let sent = |network: &Network| network.devices[0].status.as_ref().is_some_and(|status| status.pending == 0);
    assert!(network.run_until(10_000, sent));
    let [.., parent, child] = &network.relay.entries(&group)[..] else { panic!("they are at the relay") };
    let (parent, child) = (parent.clone(), child.clone());
    network.cut_off(0, true);
    network.restore_relay();
    network.cut_off(1, false);
    assert!(network.run_until(60_000, |network| network.devices[1].status.as_ref().is_some_and(|s| s.connected)));
    // Bob is given them in the wrong order.
    let log = network.relay.log(&group).unwrap();
    let live = |offset: u64, bytes: Vec<u8>| {
        let cursor = Cursor::new(status.cursor + offset).unwrap();
        RelayFrame::Live { group, log, items: vec![Item::Entry { cursor, bytes: Bytes(bytes) }] }
    };
    clear_events(&mut network);
    network.say_as_relay(1, &live(1, child));
    network.run_ms(100);
    assert_eq!(quarantined(&mut network, 1), ["missing-parent"]);
    assert_eq!(errors(&network, 1), ["entry.quarantined"]);
    assert_eq!(get(&mut network, 1, "child"), "[null]");
    clear_events(&mut network);
    network.say_as_relay(1, &live(2, parent));
    network.run_ms(100);
    assert_eq!(quarantined(&mut network, 1), Vec::<String>::new());
    assert_eq!(get(&mut network, 1, "parent"), r#"[{"n":1}]"#);
    assert_eq!(get(&mut network, 1, "child"), r#"[{"n":2}]"#);
    assert_eq!(errors(&network, 1), Vec::<&str>::new());
    network.cut_off(0, false);
    settle(&mut network);
    assert_eq!(network.devices[1].status.as_ref().unwrap().quarantined, 0);
}

#[test]
fn a_payload_moved_under_another_header_does_not_open() {
    let mut rng = Rng::seeded([1; 32]);
    let key = Key::random(&mut rng);
    let sealed = plan_payload(b"words").seal(&key, b"one header", &mut rng);
    assert!(open_payload(&key, b"one header", &sealed).is_ok());
    assert!(open_payload(&key, b"another header", &sealed).is_err());
}

#[test]
fn two_invites_share_nothing_and_neither_is_part_of_a_secret() {
    let mut network = pair(5);
    let (one, two) = (invite(&mut network), invite(&mut network));
    assert_ne!(one, two);
    let groups = |code: &str| code.split('-').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert!(groups(&one).is_disjoint(&groups(&two)));
    assert!(!network.relay.contains_bytes(one.as_bytes()));
}

#[test]
fn a_write_made_offline_is_kept_and_sent_later() {
    let mut network = pair(6);
    network.cut_off(0, true);
    ok(&mut network, 0, put("n", r#"{"n":1}"#));
    network.crash(0, false);
    network.run_ms(60_000);
    network.cut_off(0, false);
    network.open(0);
    settle(&mut network);
    assert_eq!(get(&mut network, 1, "n"), r#"[{"n":1}]"#);
}

#[test]
fn a_month_without_the_relay_loses_nothing() {
    let mut network = pair(7);
    network.stop_relay();
    for day in 0..30 {
        ok(&mut network, 0, put(&format!("day{day}"), r#"{"kept":true}"#));
        network.run_ms(A_DAY_MS);
    }
    let waiting = network.devices[0].status.clone().unwrap();
    assert_eq!((waiting.state, waiting.pending), (SyncState::Failed, 30));
    network.start_relay();
    settle(&mut network);
    for day in 0..30 {
        assert_eq!(get(&mut network, 1, &format!("day{day}")), r#"[{"kept":true}]"#);
    }
}

#[test]
fn a_write_is_sent_when_it_is_committed_and_waits_for_no_tick() {
    let mut network = pair(8);
    network.run_ms(5_000);
    ok(&mut network, 0, put("n", "{}"));
    let written = network.now();
    let there =
        |network: &Network| network.devices[1].events.iter().any(|event| matches!(event, Event::Changed { .. }));
    network.devices[1].events.clear();
    assert!(network.run_until(10_000, there));
    assert!(network.now().ms_since(written) < 200, "it took {} ms", network.now().ms_since(written));
}

#[test]
fn of_two_concurrent_edits_both_are_shown() {
    let mut network = pair(9);
    network.cut_off(0, true);
    network.cut_off(1, true);
    ok(&mut network, 0, put("n", r#"{"from":"alice","a":1}"#));
    ok(&mut network, 1, put("n", r#"{"from":"bob","b":2}"#));
    network.cut_off(0, false);
    network.cut_off(1, false);
    settle(&mut network);
    let (alice, bob) = (get(&mut network, 0, "n"), get(&mut network, 1, "n"));
    assert_eq!(alice, bob);
    assert!(alice.contains(r#""a":1"#) && alice.contains(r#""b":2"#), "{alice}");
}

#[test]
fn an_entry_that_does_not_verify_is_not_stored() {
    let mut network = pair(10);
    let status = network.devices[1].status.clone().unwrap();
    let group: GroupId = status.group.unwrap().parse().unwrap();
    let mut forged = network.relay.entries(&group).pop().unwrap();
    *forged.last_mut().unwrap() ^= 1;
    let rows = network.devices[1].disk().with_prefix(b"").count();
    let log = network.relay.log(&group).unwrap();
    let cursor = Cursor::new(status.cursor + 1).unwrap();
    let items = vec![Item::Entry { cursor, bytes: Bytes(forged) }];
    network.devices[1].events.clear();
    network.say_as_relay(1, &RelayFrame::Live { group, log, items });
    network.run_ms(100);
    let refused =
        |event: &Event| matches!(event, Event::Error { failure } if failure.code.as_str() == "relay.misbehaved");
    assert!(network.devices[1].events.iter().any(refused), "{:?}", network.devices[1].events);
    assert_eq!(network.devices[1].disk().with_prefix(b"").count(), rows);
    settle(&mut network);
}

/// The errors that a device was told since its events were cleared.
fn errors(network: &Network, device: usize) -> Vec<&str> {
    let code = |event: &'_ Event| match event {
        Event::Error { failure } => Some(failure.code.as_str()),
        _ => None,
    };
    network.devices[device].events.iter().filter_map(code).collect()
}

fn clear_events(network: &mut Network) {
    network.devices.iter_mut().for_each(|device| device.events.clear());
}

#[test]
fn a_fault_that_goes_on_is_told_once_and_the_next_one_again() {
    let mut network = pair(13);
    clear_events(&mut network);
    for fault in 1..=3 {
        network.stop_relay();
        ok(&mut network, 0, put(&format!("n{fault}"), "{}"));
        network.run_ms(10 * 60_000);
        assert_eq!(errors(&network, 0), vec!["relay.unreachable"; fault]);
        network.start_relay();
        settle(&mut network);
    }
    assert_eq!(errors(&network, 0), ["relay.unreachable"; 3]);
}

#[test]
fn a_relay_that_misbehaves_again_and_again_is_asked_ever_more_rarely() {
    let mut network = pair(14);
    let status = network.devices[1].status.clone().unwrap();
    let group: GroupId = status.group.unwrap().parse().unwrap();
    let log = network.relay.log(&group).unwrap();
    let in_step = |status: &SyncStatus| status.connected && status.cursor == status.head;
    let connected = |network: &Network| network.devices[1].status.as_ref().is_some_and(in_step);
    let mut waits_ms = Vec::new();
    for _ in 0..8 {
        assert!(network.run_until(60_000, connected));
        let place = network.devices[1].status.as_ref().unwrap().cursor;
        let items = vec![Item::Entry { cursor: Cursor::new(place + 1).unwrap(), bytes: Bytes(vec![0]) }];
        network.say_as_relay(1, &RelayFrame::Live { group, log, items });
        let lost = |network: &Network| network.devices[1].status.as_ref().is_some_and(|status| !status.connected);
        assert!(network.run_until(1_000, lost));
        let retry_at = network.devices[1].status.as_ref().unwrap().retry_at.unwrap();
        waits_ms.push(retry_at - network.now().as_ms());
    }
    assert!(waits_ms.windows(2).all(|pair| pair[1] >= pair[0] || pair[1] >= 15_000), "{waits_ms:?}");
    assert!(waits_ms.last().is_some_and(|last| (15_000..=30_000).contains(last)), "{waits_ms:?}");
    // A connection that lasts makes up for it.
    assert!(network.run_until(60_000, connected));
    network.run_ms(60_000);
    network.stop_relay();
    network.run_ms(50);
    let retry_at = network.devices[1].status.as_ref().unwrap().retry_at.unwrap();
    assert!(retry_at - network.now().as_ms() <= 500);
    network.start_relay();
    settle(&mut network);
}

#[test]
fn coming_to_the_front_without_a_network_is_no_fault() {
    let mut network = pair(15);
    network.cut_off(0, true);
    ok(&mut network, 0, Command::Hint { hint: Hint::Offline });
    clear_events(&mut network);
    ok(&mut network, 0, Command::Hint { hint: Hint::Foreground });
    network.run_ms(10_000);
    assert_eq!(errors(&network, 0), Vec::<&str>::new());
    assert_eq!(network.devices[0].status.as_ref().unwrap().state, SyncState::Offline);
    network.cut_off(0, false);
    ok(&mut network, 0, Command::Hint { hint: Hint::Foreground });
    settle(&mut network);
}

#[test]
fn a_call_that_waits_blocks_nobody() {
    let mut network = pair(11);
    network.stop_relay();
    network.run_ms(1_000);
    network.devices[0].answers.clear();
    network.ask(0, Command::SyncNow { timeout_ms: 60_000 }, 7);
    assert_eq!(get(&mut network, 0, "nothing"), "[null]");
    ok(&mut network, 0, put("n", "{}"));
    network.start_relay();
    assert!(network.run_until(60_000, |network| network.devices[0].answers.iter().any(|(call, _)| call.mark == 7)));
}

#[test]
fn more_changes_than_are_named_are_told_as_missed() {
    let mut network = Network::seeded(12);
    network.add_device("alice");
    let ids: Vec<String> = (0..10_001).map(|number| format!("n{number}")).collect();
    let documents = format!("[{}]", vec!["{}"; ids.len()].join(","));
    let bases = vec![None; ids.len()];
    let write = Write::Put { collection: "notes".into(), ids, documents, bases };
    let command = Command::Write { writes: vec![write], durability: Durability::Relaxed, split: true };
    match ok(&mut network, 0, command) {
        Reply::Written { results, .. } => {
            assert!(matches!(&results[0], WriteResult::Put { versions } if versions.len() == 10_001))
        }
        other => panic!("{other:?}"),
    }
    let missed = |event: &Event| matches!(event, Event::Changed { missed: true, .. });
    assert!(network.devices[0].events.iter().any(missed));
}
