//! A relay that lies: for each lie what it ends in, as docs/security.md says.

use ashore_engine::api::{Command, ErrorCode, Event, SyncState, SyncStatus};
use ashore_engine::testing::Network;
use ashore_engine::testing::hostile::{self, Lie};
use ashore_protocol::control::Control;
use ashore_protocol::header::{Entry, VerifiedEntry};
use ashore_protocol::ids::DeviceId;

const ALICE: usize = 0;
/// The one who is lied to; Alice mostly, too.
const BOB: usize = 1;
const CAROL: usize = 2;
const FIVE_MINUTES_MS: u64 = 300_000;

fn put(network: &mut Network, device: usize, id: &str) {
    network.put(device, "notes", id, "{}").unwrap();
}

fn has(network: &mut Network, device: usize, id: &str) -> bool {
    network.get(device, "notes", id) == "{}"
}

fn quarantined(network: &mut Network, device: usize) -> Vec<String> {
    network.quarantined(device).into_iter().map(|(_, reason)| reason).collect()
}

fn settle(network: &mut Network) {
    network.settle_all();
}

/// Alice and Bob, paired and in step.
fn pair(seed: u64) -> Network {
    let mut network = Network::group_of(seed, &["alice", "bob"]);
    network.devices.iter_mut().for_each(|device| device.events.clear());
    network
}

fn lie(network: &mut Network, lie: Lie) {
    network.lie(Some(lie));
    network.devices.iter_mut().for_each(|device| device.events.clear());
}

fn told(network: &Network, code: ErrorCode) -> bool {
    let is = |event: &Event| matches!(event, Event::Error { failure } if failure.code == code);
    network.devices[BOB].events.iter().any(is)
}

/// Alice writes several documents while Bob is away, so that they come in one page; then Bob is back.
fn write_while_bob_is_away(network: &mut Network) {
    network.cut_off(BOB, true);
    for id in ["one", "two", "three"] {
        put(network, ALICE, id);
    }
    let sent = |network: &Network| network.devices[ALICE].status.as_ref().is_some_and(|status| status.pending == 0);
    assert!(network.run_until(60_000, sent));
    network.cut_off(BOB, false);
}

/// The relay is honest again, and everything is as if it had always been.
fn all_is_well(network: &mut Network) {
    network.lie(None);
    put(network, ALICE, "last");
    put(network, BOB, "bobs");
    settle(network);
    for id in ["one", "two", "three", "last", "bobs"] {
        assert!(has(network, ALICE, id) && has(network, BOB, id), "{id}");
    }
    assert_eq!(quarantined(network, BOB), Vec::<String>::new());
}

/// Lies that end in `relay.misbehaved`: nothing of them is stored, and the device does not ask without pause.
fn is_found_out(seed: u64, what: Lie) {
    let mut network = pair(seed);
    write_while_bob_is_away(&mut network);
    lie(&mut network, what);
    let entries = network.devices[BOB].disk().with_prefix(b"e").count();
    let frames = network.devices[BOB].frames_sent;
    network.run_ms(FIVE_MINUTES_MS);
    assert!(told(&network, ErrorCode::RelayMisbehaved), "{:?}", network.devices[BOB].events);
    assert_eq!(network.devices[BOB].disk().with_prefix(b"e").count(), entries, "nothing of it is stored");
    let asked = network.devices[BOB].frames_sent - frames;
    assert!(asked < 400, "{asked} frames in five minutes: it pauses between attempts");
    all_is_well(&mut network);
}

/// Lies that cost some time at most.
fn costs_time_at_most(seed: u64, what: Lie) {
    let mut network = pair(seed);
    lie(&mut network, what);
    for id in ["one", "two", "three"] {
        put(&mut network, ALICE, id);
        network.run_ms(200);
    }
    settle(&mut network);
    for id in ["one", "two", "three"] {
        assert!(has(&mut network, BOB, id), "{id}");
    }
    all_is_well(&mut network);
}

#[test]
fn a_relay_that_drops_every_push_is_asked_within_five_minutes() {
    let mut network = pair(21);
    lie(&mut network, hostile::drop_pushes());
    for id in ["one", "two", "three"] {
        put(&mut network, ALICE, id);
    }
    network.run_ms(FIVE_MINUTES_MS + 60_000);
    assert!(has(&mut network, BOB, "one") && has(&mut network, BOB, "three"));
    all_is_well(&mut network);
}

#[test]
fn a_relay_that_delays_pushes_costs_time() {
    costs_time_at_most(22, hostile::delay_pushes());
}

#[test]
fn a_relay_that_replays_everything_changes_nothing() {
    costs_time_at_most(23, hostile::replay());
}

#[test]
fn a_relay_that_reorders_entries_makes_them_wait_for_their_parents() {
    let mut network = pair(24);
    write_while_bob_is_away(&mut network);
    lie(&mut network, hostile::reorder());
    network.run_ms(10_000);
    assert!(has(&mut network, BOB, "one") && has(&mut network, BOB, "three"));
    assert_eq!(quarantined(&mut network, BOB), Vec::<String>::new(), "each was applied when its parent came");
    all_is_well(&mut network);
}

#[test]
fn a_page_that_runs_backwards_is_found_out() {
    is_found_out(25, hostile::reverse());
}

#[test]
fn a_frame_that_is_cut_off_is_found_out() {
    is_found_out(26, hostile::truncate());
}

#[test]
fn a_forged_entry_is_found_out() {
    is_found_out(27, hostile::forge());
}

#[test]
fn an_entry_of_another_group_is_found_out() {
    let mut elsewhere = pair(99);
    put(&mut elsewhere, ALICE, "foreign");
    settle(&mut elsewhere);
    let foreign = elsewhere.relay.entries(&elsewhere.group(ALICE)).pop().unwrap();
    is_found_out(28, hostile::splice(foreign));
}

#[test]
fn cursors_that_skip_are_found_out() {
    is_found_out(29, hostile::shift_cursors(5));
}

#[test]
fn an_entry_that_is_called_ours_and_is_not_is_found_out() {
    is_found_out(30, hostile::call_it_yours());
}

#[test]
fn pages_without_end_are_found_out() {
    is_found_out(31, hostile::endless_pages());
}

#[test]
fn a_relay_that_rolls_back_is_given_again_what_it_forgot() {
    let mut network = pair(32);
    network.back_up_relay();
    for id in ["one", "two", "three"] {
        put(&mut network, ALICE, id);
    }
    settle(&mut network);
    network.restore_relay();
    all_is_well(&mut network);
}

/// A log that is said to be longer than what is given: never `synced`, and everything that does come is used.
#[test]
fn a_relay_that_promises_more_than_it_has_is_never_believed_to_be_in_step() {
    let mut network = pair(34);
    write_while_bob_is_away(&mut network);
    lie(&mut network, hostile::promise_more(1_000));
    network.run_ms(2 * FIVE_MINUTES_MS);
    assert!(has(&mut network, BOB, "one") && has(&mut network, BOB, "three"));
    assert_eq!(status(&network, BOB).state, SyncState::Pending);
    network.lie(None);
    reconnect(&mut network, ALICE);
    reconnect(&mut network, BOB);
    all_is_well(&mut network);
}

/// The relay rolls back and says that it did not: whoever is up to date is told nothing new and cannot know. Nothing is lost, since every device keeps what it
/// has: once one is told the truth, it gives the log what it lacks.
#[test]
fn a_rollback_that_is_denied_is_not_noticed_and_loses_nothing() {
    let mut network = pair(35);
    network.back_up_relay();
    lie(&mut network, hostile::deny_rollback());
    for id in ["one", "two", "three"] {
        put(&mut network, ALICE, id);
        network.settle_all();
    }
    network.restore_relay();
    settle(&mut network);
    put(&mut network, BOB, "four");
    network.run_ms(FIVE_MINUTES_MS / 2);
    assert_eq!(status(&network, BOB).state, SyncState::Synced, "it was acknowledged");
    assert!(!has(&mut network, ALICE, "four"), "and goes nowhere");
    network.lie(None);
    reconnect(&mut network, ALICE);
    reconnect(&mut network, BOB);
    all_is_well(&mut network);
    assert!(has(&mut network, ALICE, "four"));
    assert_eq!(network.relay.entries(&network.group(ALICE)).len(), 3 + 6, "the relay has it all again");
}

/// What cannot be detected: to Bob this is a group in which Alice writes nothing. He finds out when something names what he was not given.
#[test]
fn what_a_relay_withholds_is_not_missed_before_another_entry_names_it() {
    let mut network = with_carol(33, "admin");
    let alice = network.id(ALICE);
    lie(&mut network, hostile::withhold(BOB, move |entry| author(entry) == alice));
    put(&mut network, ALICE, "one");
    network.run_ms(5_000);
    let status = status(&network, BOB);
    assert_eq!((status.state, status.quarantined), (SyncState::Synced, 0), "Bob is told that this is all");
    assert!(!has(&mut network, BOB, "one"));
    put(&mut network, CAROL, "two");
    network.run_ms(5_000);
    assert_eq!(quarantined(&mut network, BOB), ["missing-parent"], "Carol's entry names Alice's");
    assert!(told(&network, ErrorCode::EntryQuarantined));
    put(&mut network, ALICE, "three");
    network.lie(None);
    reconnect(&mut network, BOB);
    all_is_well(&mut network);
}

/// Two stories: each side writes on and is told that it is in step. The first entry of somebody who was told both shows it to both.
#[test]
fn two_devices_that_are_told_different_stories_find_out_by_an_entry_of_a_third() {
    let mut network = with_carol(36, "admin");
    let (alice, bob) = (network.id(ALICE), network.id(BOB));
    lie(&mut network, hostile::fork((ALICE, alice), (BOB, bob)));
    for id in ["one", "two"] {
        put(&mut network, ALICE, id);
        put(&mut network, BOB, &format!("{id} of bob"));
        network.run_ms(5_000);
    }
    for device in [ALICE, BOB] {
        let status = status(&network, device);
        assert_eq!((status.state, status.pending, status.quarantined), (SyncState::Synced, 0, 0), "nothing shows it");
    }
    assert!(!has(&mut network, BOB, "one") && !has(&mut network, ALICE, "one of bob"));
    assert!(has(&mut network, CAROL, "one") && has(&mut network, CAROL, "one of bob"));
    put(&mut network, CAROL, "three");
    network.run_ms(5_000);
    for device in [ALICE, BOB] {
        assert_eq!(quarantined(&mut network, device), ["missing-parent"], "Carol's entry names both");
    }
    assert!(told(&network, ErrorCode::EntryQuarantined));
    network.lie(None);
    reconnect(&mut network, ALICE);
    reconnect(&mut network, BOB);
    all_is_well(&mut network);
    assert!(has(&mut network, BOB, "one") && has(&mut network, ALICE, "two of bob"));
}

/// A relay that helps a removed device: who is not told of the removal goes on sealing under a key that the removed device has. The first entry of
/// somebody who knows of it shows it, and from then on nothing is sealed under the old key.
#[test]
fn a_removal_that_is_withheld_keeps_the_old_key_in_use_until_an_entry_of_somebody_who_knows() {
    let mut network = with_carol(37, "writer");
    let (group, carol) = (network.group(ALICE), network.id(CAROL));
    let removes = |entry: &[u8]| {
        VerifiedEntry::decode(entry).is_ok_and(|entry| matches!(entry.control(), Some(Control::Remove { .. })))
    };
    lie(&mut network, hostile::withhold(BOB, removes));
    network.ok(ALICE, Command::RemoveDevice { device: carol.to_string() });
    network.run_ms(30_000);
    put(&mut network, BOB, "bobs");
    network.run_ms(5_000);
    assert_eq!(status(&network, BOB).state, SyncState::Synced, "nothing shows it");
    let last = |network: &Network| network.relay.entries(&group).pop().unwrap();
    assert!(network.opens(CAROL, &last(&network)), "what it costs: what Bob writes, if the relay hands it to Carol");
    put(&mut network, ALICE, "one");
    network.run_ms(5_000);
    assert!(!network.opens(CAROL, &last(&network)), "what Alice writes stays closed");
    assert_eq!(quarantined(&mut network, BOB), ["missing-parent"], "Alice's entry names the removal");
    assert!(told(&network, ErrorCode::EntryQuarantined));
    network.lie(None);
    reconnect(&mut network, BOB);
    network.settle(&[ALICE, BOB]);
    assert!(has(&mut network, BOB, "one") && has(&mut network, ALICE, "bobs"));
    assert_eq!(quarantined(&mut network, BOB), Vec::<String>::new());
    put(&mut network, BOB, "later");
    network.settle(&[ALICE, BOB]);
    assert!(!network.opens(CAROL, &last(&network)), "Bob seals under the new key");
}

/// The removed device itself is not told: it is served nothing new either way, and goes on believing that it is a member.
#[test]
fn a_removed_device_that_is_not_told_gets_nothing_new_all_the_same() {
    let mut network = with_carol(38, "writer");
    let (group, carol) = (network.group(ALICE), network.id(CAROL));
    lie(&mut network, hostile::withhold(CAROL, |_| true));
    network.ok(ALICE, Command::RemoveDevice { device: carol.to_string() });
    put(&mut network, ALICE, "one");
    network.settle(&[ALICE, BOB]);
    network.run_ms(FIVE_MINUTES_MS);
    assert!(!status(&network, CAROL).removed && !has(&mut network, CAROL, "one"));
    assert!(!network.opens(CAROL, &network.relay.entries(&group).pop().unwrap()), "with the relay's bytes neither");
}

fn author(entry: &[u8]) -> DeviceId {
    Entry::decode(entry).unwrap().header().author
}

fn status(network: &Network, device: usize) -> SyncStatus {
    network.devices[device].status.clone().unwrap()
}

fn reconnect(network: &mut Network, device: usize) {
    network.cut_off(device, true);
    network.run_ms(1_000);
    network.cut_off(device, false);
}

/// Alice, Bob and Carol in step.
fn with_carol(seed: u64, role: &str) -> Network {
    let mut network = pair(seed);
    network.add_device("carol");
    network.join(CAROL, ALICE, role);
    settle(&mut network);
    network
}
