//! What a device keeps aside keeps nobody from making snapshots, and is not lost by them: it travels as it is, and is applied
//! wherever what it waits for comes.

use ashore_engine::api::{Command, Reply};
use ashore_engine::crypto::{SealedPlan, plan_payload};
use ashore_engine::document::edit::{self, Actor};
use ashore_engine::document::json;
use ashore_engine::group::{DataPayload, DocumentChange};
use ashore_engine::testing::Network;
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::control::Control;
use ashore_protocol::header::{EntryDraft, EntryKind, VerifiedEntry};
use ashore_protocol::sign::SigningKey;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// What an entry holds that makes this document.
fn document(id: &str) -> SealedPlan {
    let chunk = edit::create(&json::parse_one(r#"{"n":1}"#).unwrap(), Actor([7; 16]), 1).unwrap().change;
    let change = DocumentChange { collection: "notes".into(), id: id.into(), chunks: Bytes(chunk) };
    plan_payload(&encode(&DataPayload { changes: vec![change], writers: None, buried: None }))
}

/// Alice and Bob, a few notes, and an entry that both keep aside.
fn with_one_aside(seed: u64) -> (Network, VerifiedEntry, String) {
    let mut network = Network::group_of(seed, &["alice", "bob"]);
    for n in 0..20 {
        network.put(BOB, "notes", &format!("n{n}"), r#"{"by":"bob"}"#).unwrap();
    }
    network.settle(&[ALICE, BOB]);
    let (parent, waits) = one_aside(&mut network);
    (network, parent, waits)
}

/// Alice and Bob keep an entry aside because they lack its parent, which Alice has written, and which went nowhere: it is answered.
fn one_aside(network: &mut Network) -> (VerifiedEntry, String) {
    let parent = network.forged(ALICE, document("parent"), vec![]).unwrap();
    let waits = network.forge(ALICE, document("waits"), vec![parent.id()]).unwrap().to_string();
    network.run_ms(1_000);
    network.settle(&[ALICE, BOB]);
    for device in [ALICE, BOB] {
        assert_eq!(network.quarantined(device), [(waits.clone(), "missing-parent".to_owned())]);
    }
    (parent, waits)
}

fn publish(network: &mut Network, device: usize) {
    let made = network.ok(device, Command::PublishSnapshot { timeout_ms: 120_000 });
    assert!(matches!(made, Reply::Snapshot { .. }), "{made:?}");
}

/// Bob's call that makes a snapshot comes to its end.
fn finish(network: &mut Network, publishing: u64) {
    let done = |network: &Network| network.devices[BOB].answers.iter().any(|(call, _)| call.mark == publishing);
    assert!(network.run_until(300_000, done));
    network.answer(BOB, publishing).unwrap().unwrap();
    network.settle(&[ALICE, BOB]);
}

/// A year later, with nobody there but this device, the relay has forgotten what it may.
fn a_year_later(network: &mut Network, device: usize) {
    for device in [ALICE, BOB] {
        network.crash(device, false);
    }
    network.run_ms(YEAR_MS);
    network.open(device);
    network.settle(&[device]);
    assert!(network.tidy_relay() > 0, "there is something to forget");
}

fn carol_joins(network: &mut Network, by: usize) {
    network.add_device("carol");
    network.join(CAROL, by, "admin");
}

fn began_from_snapshot(network: &mut Network, device: usize) -> bool {
    match network.ok(device, Command::Diagnostics {}) {
        Reply::Diagnostics { diagnostics } => diagnostics.snapshot.unwrap().began_from,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_keeps_an_entry_aside_makes_a_snapshot_and_the_entry_travels_in_it() {
    let (mut network, parent, waits) = with_one_aside(1);
    publish(&mut network, BOB);
    a_year_later(&mut network, BOB);
    carol_joins(&mut network, BOB);
    network.settle(&[BOB, CAROL]);
    assert!(began_from_snapshot(&mut network, CAROL));
    assert_eq!(network.get(CAROL, "notes", "n7"), r#"{"by":"bob"}"#);
    assert_eq!(network.quarantined(CAROL), [(waits, "missing-parent".to_owned())]);
    // It is stored like any other.
    network.crash(CAROL, true);
    network.open(CAROL);
    network.open(ALICE);
    network.settle(&[ALICE, BOB, CAROL]);
    network.append_as(ALICE, &[&parent]).unwrap();
    network.run_ms(1_000);
    network.settle(&[ALICE, BOB, CAROL]);
    for device in [ALICE, BOB, CAROL] {
        assert_eq!(network.get(device, "notes", "waits"), r#"{"n":1}"#, "device {device}");
        assert_eq!(network.quarantined(device), []);
    }
}

#[test]
fn what_is_applied_while_a_snapshot_is_made_is_in_it() {
    for wait_ms in [0, 2, 5, 10, 20, 40, 80] {
        let (mut network, parent, _) = with_one_aside(2);
        for n in 0..6 {
            let text: String = (0..60_000).map(|_| char::from(b'a' + network.rng.below(26) as u8)).collect();
            network.put(BOB, "notes", &format!("large{n}"), &format!(r#"{{"text":"{text}"}}"#)).unwrap();
        }
        network.settle(&[ALICE, BOB]);
        let publishing = network.begin(BOB, Command::PublishSnapshot { timeout_ms: 300_000 });
        network.run_ms(wait_ms);
        network.append_as(ALICE, &[&parent]).unwrap();
        finish(&mut network, publishing);
        a_year_later(&mut network, BOB);
        carol_joins(&mut network, BOB);
        network.settle(&[BOB, CAROL]);
        assert!(began_from_snapshot(&mut network, CAROL));
        for id in ["parent", "waits"] {
            assert_eq!(network.get(CAROL, "notes", id), r#"{"n":1}"#, "{id} after {wait_ms} ms");
        }
    }
}

#[test]
fn what_was_aside_when_the_relay_lost_its_log_is_given_to_it_once_it_is_applied() {
    let mut network = Network::group_of(3, &["alice", "bob", "carol"]);
    network.put(BOB, "notes", "n", r#"{"by":"bob"}"#).unwrap();
    network.settle_all();
    network.crash(CAROL, false);
    let (parent, _) = one_aside(&mut network);
    // Alice stays away: the entry is in no log, and nobody but Bob has it.
    network.crash(ALICE, false);
    network.lose_relay_disk();
    network.settle(&[BOB]);
    network.open(CAROL);
    network.settle(&[BOB, CAROL]);
    assert_eq!(network.quarantined(CAROL), [], "she lacks nothing that a snapshot would tell her of");
    network.append_as(BOB, &[&parent]).unwrap();
    network.run_ms(1_000);
    network.settle(&[BOB, CAROL]);
    for device in [BOB, CAROL] {
        assert_eq!(network.get(device, "notes", "waits"), r#"{"n":1}"#, "device {device}");
        assert_eq!(network.quarantined(device), []);
    }
}

#[test]
fn one_that_fits_no_part_of_a_snapshot_is_waited_for() {
    let mut network = Network::group_of(4, &["alice", "bob"]);
    let noise: Vec<u8> = (0..930_000).map(|_| network.rng.below(256) as u8).collect();
    network.forge(ALICE, plan_payload(&noise), vec![]).unwrap();
    network.run_ms(1_000);
    network.settle(&[ALICE, BOB]);
    assert_eq!(network.quarantined(BOB).len(), 1);
    let made = network.call(BOB, Command::PublishSnapshot { timeout_ms: 5_000 });
    assert_eq!(made.unwrap_err().code.as_str(), "request.timed-out");
}

/// Bob puts this as an entry into a snapshot, and Carol joins when there is nothing else.
fn carol_gets_smuggled(seed: u64, bytes: impl Fn(&mut Network) -> Vec<u8>) -> Network {
    let mut network = Network::group_of(seed, &["alice", "bob"]);
    network.put(ALICE, "notes", "n", r#"{"by":"alice"}"#).unwrap();
    network.settle(&[ALICE, BOB]);
    let bytes = bytes(&mut network);
    let publishing = network.begin(BOB, Command::PublishSnapshot { timeout_ms: 300_000 });
    while !network.smuggle(BOB, bytes.clone()) {
        assert!(network.step());
    }
    finish(&mut network, publishing);
    a_year_later(&mut network, BOB);
    carol_joins(&mut network, BOB);
    network.run_ms(60_000);
    network
}

#[test]
fn a_snapshot_that_holds_what_is_no_data_of_the_group_is_refused_before_anything_of_it_is_stored() {
    let noise = |_: &mut Network| vec![0xa5; 300];
    let cut = |network: &mut Network| {
        let mut bytes = network.forged(BOB, document("cut"), vec![]).unwrap().encoded().to_vec();
        bytes.pop();
        bytes
    };
    let other_group = |_: &mut Network| {
        let mut other = Network::group_of(77, &["mallory"]);
        other.forged(ALICE, document("other"), vec![]).unwrap().encoded().to_vec()
    };
    let control =
        |network: &mut Network| network.forged_control(BOB, &Control::Leave, vec![]).unwrap().encoded().to_vec();
    let all: [fn(&mut Network) -> Vec<u8>; 4] = [noise, cut, other_group, control];
    for (seed, bytes) in all.into_iter().enumerate() {
        let mut network = carol_gets_smuggled(10 + seed as u64, bytes);
        let status = network.devices[CAROL].status.clone().unwrap();
        assert_eq!(status.last_error.map(|error| error.code.as_str()), Some("sync.snapshot-unusable"), "{seed}");
        assert_eq!(network.get(CAROL, "notes", "n"), "null");
        assert_eq!(network.quarantined(CAROL), []);
        // Another one by somebody else is taken.
        network.open(ALICE);
        network.settle(&[ALICE, BOB]);
        publish(&mut network, ALICE);
        network.settle(&[ALICE, BOB, CAROL]);
        assert_eq!(network.get(CAROL, "notes", "n"), r#"{"by":"alice"}"#);
    }
}

#[test]
fn what_a_stranger_wrote_does_not_come_in_by_a_snapshot() {
    let stranger = |network: &mut Network| {
        // Of Bob's group by its header, and of nobody who was ever in it.
        let ours = network.forged(BOB, document("stranger"), vec![]).unwrap();
        let (mallory, sealed) = (SigningKey::from_seed(&[9; 32]), ours.payload().to_vec());
        let (group, parents) = (Some(ours.group()), ours.parents().to_vec());
        let draft = EntryDraft::new(group, mallory.device_id(), parents, ours.epoch(), EntryKind::Data, sealed.len());
        draft.unwrap().sign(&mallory, sealed).unwrap().encoded().to_vec()
    };
    let mut network = carol_gets_smuggled(20, stranger);
    network.settle(&[BOB, CAROL]);
    assert_eq!(network.get(CAROL, "notes", "n"), r#"{"by":"alice"}"#);
    assert_eq!(network.get(CAROL, "notes", "stranger"), "null");
    assert_eq!(network.quarantined(CAROL), []);
}
