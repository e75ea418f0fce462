//! A member who holds the group's key and uses it to harm the others: what comes of it.

use ashore_engine::api::{ErrorCode, Event};
use ashore_engine::crypto::{MAX_PLAIN_BYTES, SealedPlan, plan_payload};
use ashore_engine::document::edit::{self, Actor, MergeError};
use ashore_engine::document::json;
use ashore_engine::group::{DataPayload, DocumentChange};
use ashore_engine::testing::Network;
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::control::Control;
use ashore_protocol::frame::{Item, RelayFrame};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{Cursor, EntryId, GroupId};

const ALICE: usize = 0;
/// Bob is the one whom somebody wants to harm.
const BOB: usize = 1;

/// Whole documents that Automerge 0.12 panics of when it loads them, found by fuzzing.
const CRASHING: [&[u8]; 3] = [
    include_bytes!("../../testdata/hostile/change-graph-iterates.automerge"),
    include_bytes!("../../testdata/hostile/change-graph-loads.automerge"),
    include_bytes!("../../testdata/hostile/operation-column.automerge"),
];

/// Why each quarantined entry is kept, by its id.
fn quarantined(network: &mut Network, device: usize) -> Vec<(String, String)> {
    network.quarantined(device)
}

fn get(network: &mut Network, device: usize, id: &str) -> String {
    network.get(device, "notes", id)
}

fn settle(network: &mut Network) {
    network.settle_all();
}

/// Until the others are in step: who acts against its own device may see it stuck.
fn settle_but(network: &mut Network, hostile: usize) {
    let others: Vec<usize> = (0..network.devices.len()).filter(|device| *device != hostile).collect();
    network.settle(&others);
}

/// Alice, who is hostile, and Bob, paired and in step.
fn pair(seed: u64) -> Network {
    Network::group_of(seed, &["alice", "bob"])
}

/// What an entry holds that puts these chunks into a document.
fn chunks(id: &str, chunks: &[u8]) -> SealedPlan {
    let change = DocumentChange { collection: "notes".into(), id: id.into(), chunks: Bytes(chunks.to_vec()) };
    plan_payload(&encode(&DataPayload { changes: vec![change], writers: None, buried: None }))
}

fn honest(id: &str, document: &str) -> SealedPlan {
    chunks(id, &edit::create(&json::parse_one(document).unwrap(), Actor([7; 16]), 1).unwrap().change)
}

/// Bob is well: he reads, writes, and both are in step.
fn bob_goes_on(network: &mut Network) {
    network.put(BOB, "notes", "later", r#"{"by":"bob"}"#).unwrap();
    network.put(ALICE, "notes", "too", r#"{"by":"alice"}"#).unwrap();
    settle(network);
    assert_eq!(get(network, ALICE, "later"), r#"{"by":"bob"}"#);
    assert_eq!(get(network, BOB, "too"), r#"{"by":"alice"}"#);
}

#[test]
fn chunks_that_make_automerge_panic_are_caught_where_panics_unwind() {
    for chunk in CRASHING {
        assert_eq!(edit::merge(None, chunk), Err(MergeError::Panicked));
    }
}

#[test]
fn an_entry_that_makes_automerge_panic_is_set_aside_and_the_others_apply() {
    let mut network = pair(11);
    let mut set_aside = Vec::new();
    for (number, crashing) in CRASHING.iter().enumerate() {
        let before = network.forge(ALICE, honest(&format!("before{number}"), "{}"), vec![]).unwrap();
        let crashes = network.forge(ALICE, chunks("victim", crashing), vec![before]).unwrap();
        network.forge(ALICE, honest(&format!("beside{number}"), "{}"), vec![before]).unwrap();
        network.forge(ALICE, honest(&format!("behind{number}"), "{}"), vec![crashes]).unwrap();
        set_aside.push((crashes.to_string(), "crashes".to_owned()));
    }
    network.run_ms(1_000);
    settle(&mut network);
    set_aside.sort();
    let mut kept = quarantined(&mut network, BOB);
    kept.sort();
    assert_eq!(kept, set_aside);
    for id in ["before0", "beside0", "behind0", "before2", "beside2", "behind2"] {
        assert_eq!(get(&mut network, BOB, id), "{}", "{id}");
    }
    assert_eq!(network.devices[BOB].status.as_ref().unwrap().quarantined, 3);
    bob_goes_on(&mut network);
}

/// What a browser does: the instance is gone, the worker noted the entry, the next engine gets it again.
#[test]
fn an_entry_that_an_engine_died_of_is_not_tried_again() {
    let mut network = pair(12);
    network.cut_off(BOB, true);
    let before = network.forge(ALICE, honest("before", "{}"), vec![]).unwrap();
    let fatal = network.forge(ALICE, honest("victim", "{}"), vec![before]).unwrap();
    network.forge(ALICE, honest("beside", "{}"), vec![before]).unwrap();
    network.forge(ALICE, honest("behind", "{}"), vec![fatal]).unwrap();
    network.run_ms(2_000);
    network.crash(BOB, false);
    network.make_fatal(BOB, fatal);
    network.open(BOB);
    network.cut_off(BOB, false);
    assert!(network.run_until(120_000, |network| !network.devices[BOB].is_up()), "the entry ends the engine");
    for _ in 0..2 {
        network.open(BOB);
        settle(&mut network);
        assert!(network.devices[BOB].is_up(), "once and not again");
        assert_eq!(quarantined(&mut network, BOB), [(fatal.to_string(), "crashes".to_owned())]);
        assert_eq!(get(&mut network, BOB, "victim"), "null");
        for id in ["before", "beside", "behind"] {
            assert_eq!(get(&mut network, BOB, id), "{}", "{id}");
        }
        network.crash(BOB, true);
    }
    network.open(BOB);
    bob_goes_on(&mut network);
}

#[test]
fn an_entry_with_a_forged_parent_waits_and_harms_nobody() {
    let mut network = pair(13);
    let forged = network.forge(ALICE, honest("forged", "{}"), vec![EntryId([0xfe; 32])]).unwrap();
    network.run_ms(1_000);
    settle(&mut network);
    assert_eq!(quarantined(&mut network, BOB), [(forged.to_string(), "missing-parent".to_owned())]);
    assert_eq!(get(&mut network, BOB, "forged"), "null");
    bob_goes_on(&mut network);
    assert_eq!(quarantined(&mut network, BOB).len(), 1);
}

#[test]
fn a_decompression_bomb_is_set_aside_unopened() {
    let mut network = pair(14);
    let bomb = plan_payload(&vec![0; MAX_PLAIN_BYTES + 1]);
    assert!(bomb.sealed_size() < 20_000, "a few bytes that would be eight million");
    let bomb = network.forge(ALICE, bomb, vec![]).unwrap();
    network.run_ms(1_000);
    settle(&mut network);
    assert_eq!(quarantined(&mut network, BOB), [(bomb.to_string(), "does-not-open".to_owned())]);
    bob_goes_on(&mut network);
}

#[test]
fn an_entry_that_opens_to_noise_is_set_aside() {
    let mut network = pair(15);
    let noise = network.forge(ALICE, plan_payload(b"\x82\xff noise"), vec![]).unwrap();
    let names = DocumentChange { collection: "no\0name".into(), id: String::new(), chunks: Bytes(vec![]) };
    let names = plan_payload(&encode(&DataPayload { changes: vec![names], writers: None, buried: None }));
    let names = network.forge(ALICE, names, vec![]).unwrap();
    network.run_ms(1_000);
    settle(&mut network);
    let mut kept = quarantined(&mut network, BOB);
    kept.sort();
    let mut expected = [noise, names].map(|id| (id.to_string(), "does-not-apply".to_owned()));
    expected.sort();
    assert_eq!(kept, expected);
    bob_goes_on(&mut network);
}

/// What a reader may say itself vouches for nothing: its name, or that it leaves.
#[test]
fn a_readers_data_is_refused_by_the_relay_and_kept_aside_by_devices_though_its_own_name_or_leave_names_it() {
    let name = Control::Name { sealed: Bytes(vec![1; 40]), kem: None };
    for (seed, control) in [(17, name), (18, Control::Leave)] {
        let mut network = pair(seed);
        let mallory = network.add_device("mallory");
        let (_, code) = network.invite(ALICE, "reader").unwrap();
        network.join_by(mallory, &code).unwrap();
        settle(&mut network);
        let status = network.devices[BOB].status.clone().unwrap();
        let group: GroupId = status.group.unwrap().parse().unwrap();
        let in_log = |network: &Network, entry: &VerifiedEntry| {
            network.relay.entries(&group).iter().any(|bytes| bytes[..] == *entry.encoded())
        };
        let written = network.forged(mallory, honest("smuggled", "{}"), vec![]).unwrap();
        let names = network.forged_control(mallory, &control, vec![written.id()]).unwrap();
        // Together, then one after the other: all of it before the device hears of what it has not said by itself.
        for frame in [&[&names, &written][..], &[&written, &names], &[&names], &[&written]] {
            network.append_as(mallory, frame).unwrap();
        }
        network.run_ms(1_000);
        assert!(in_log(&network, &names), "anybody may say that");
        assert!(!in_log(&network, &written));
        settle_but(&mut network, mallory);
        // A relay that helps serves it all the same.
        let (log, cursor) = (network.relay.log(&group).unwrap(), network.devices[BOB].status.as_ref().unwrap().cursor);
        let (cursor, bytes) = (Cursor::new(cursor + 1).unwrap(), Bytes(written.encoded().to_vec()));
        let items = vec![Item::Entry { cursor, bytes }];
        network.say_as_relay(BOB, &RelayFrame::Live { group, log, items });
        network.run_ms(100);
        assert_eq!(quarantined(&mut network, BOB), [(written.id().to_string(), "author-removed".to_owned())]);
        assert_eq!(get(&mut network, BOB, "smuggled"), "null");
        assert_eq!(get(&mut network, ALICE, "smuggled"), "null");
    }
}

/// A relay that helps: it serves what no relay accepts.
#[test]
fn an_oversized_entry_is_not_stored_and_ends_the_connection() {
    let mut network = pair(16);
    let status = network.devices[BOB].status.clone().unwrap();
    let group: GroupId = status.group.unwrap().parse().unwrap();
    let log = network.relay.log(&group).unwrap();
    let entries = network.devices[BOB].disk().with_prefix(b"e").count();
    let oversized = Bytes(vec![0x83; (2 << 20) + 70_000]);
    let cursor = Cursor::new(status.cursor + 1).unwrap();
    network.devices[BOB].events.clear();
    let items = vec![Item::Entry { cursor, bytes: oversized }];
    network.say_as_relay(BOB, &RelayFrame::Live { group, log, items });
    network.run_ms(100);
    let told = network.devices[BOB]
        .events
        .iter()
        .any(|event| matches!(event, Event::Error { failure } if failure.code == ErrorCode::RelayMisbehaved));
    assert!(told, "{:?}", network.devices[BOB].events);
    assert_eq!(network.devices[BOB].disk().with_prefix(b"e").count(), entries);
    bob_goes_on(&mut network);
}
