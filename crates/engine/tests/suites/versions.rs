//! Versions meet: what a device of this version does with what a newer one wrote, and what a newer one finds of it. Nothing is lost.
//!
//! A newer version is today's bytes with what this one cannot know: a higher number, another kind, a field behind the last one. The update is the
//! same device opened again, which then gets the bytes that it understands.

use ashore_engine::api::{ErrorCode, Event, SyncState};
use ashore_engine::crypto::{SealedPlan, plan_payload};
use ashore_engine::document::edit::{self, Actor};
use ashore_engine::document::json;
use ashore_engine::group::{
    Announced, BuriedDocument, DataPayload, DocumentChange, GroupState, Invitation, InviteNote, ProfilePayload,
    RecoveryKind, RecoveryKit, RecoveryNote, RelayPlace, SnapshotPart, SnapshotState, SyncSettings, Writer, WriterOf,
};
use ashore_engine::store::StoreBatch;
use ashore_engine::testing::Network;
use ashore_engine::testing::hostile::written_anew;
use ashore_protocol::codec::{self, Bytes, decode, encode};
use ashore_protocol::frame::{FailureCode, RelayFrame};
use ashore_protocol::header::{Entry, VerifiedEntry};
use ashore_protocol::ids::{Cursor, DeviceId, EntryId, EnvelopePlace, Epoch, GroupId, InvitePlace, LogId, Timestamp};
use data_encoding::HEXLOWER;
use minicbor::Encoder;
use std::path::Path;

const ALICE: usize = 0;
/// The one whose app is older.
const BOB: usize = 1;
const FIVE_MINUTES_MS: u64 = 300_000;
const TWO_HOURS_MS: u64 = 7_200_000;

fn pair(seed: u64) -> Network {
    let mut network = Network::group_of(seed, &["alice", "bob"]);
    network.devices.iter_mut().for_each(|device| device.events.clear());
    network
}

fn told(network: &Network, device: usize, code: ErrorCode) -> usize {
    let is = |event: &&Event| matches!(event, Event::Error { failure } if failure.code == code);
    network.devices[device].events.iter().filter(is).count()
}

fn last_error(network: &Network, device: usize) -> Option<ErrorCode> {
    network.devices[device].status.as_ref()?.last_error.as_ref().map(|failure| failure.code)
}

fn pending(network: &Network, device: usize) -> u64 {
    network.devices[device].status.as_ref().unwrap().pending
}

fn update(network: &mut Network, device: usize) {
    network.crash(device, false);
    network.open(device);
}

/// Alice writes three documents while Bob is away, and Bob one; answers the entry with the second of hers.
fn write_apart(network: &mut Network) -> Entry {
    network.cut_off(BOB, true);
    for id in ["one", "two", "three"] {
        network.put(ALICE, "notes", id, "{}").unwrap();
    }
    network.put(BOB, "notes", "his", "{}").unwrap();
    assert!(network.run_until(60_000, |network| pending(network, ALICE) == 0));
    let group = network.group(ALICE);
    let entries = network.relay.entries(&group);
    Entry::decode(&entries[entries.len() - 2]).unwrap()
}

fn envelope(header: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes).array(3).unwrap().bytes(header).unwrap().bytes(payload).unwrap().bytes(signature).unwrap();
    bytes
}

/// The same entry as a newer version would have written it: other numbers in its header, signed by Alice.
fn newer(network: &Network, entry: &Entry, change: impl FnOnce(&mut Vec<u8>, usize), payload: &[u8]) -> Vec<u8> {
    let mut header = entry.header_bytes().to_vec();
    let size = codec::encode(&entry.header().payload_size).len();
    let kind = header.len() - size - 1;
    assert_eq!(header[kind], 2, "a data entry");
    change(&mut header, kind);
    let signature = network.sign_as(ALICE, &header, payload).unwrap();
    envelope(&header, payload, &signature.0)
}

fn of_a_newer_version(network: &Network, entry: &Entry) -> Vec<u8> {
    newer(network, entry, |header, _| header[1] = 2, entry.payload())
}

fn of_a_newer_kind(network: &Network, entry: &Entry) -> Vec<u8> {
    newer(network, entry, |header, kind| header[kind] = 5, entry.payload())
}

fn with_a_newer_control(network: &Network, entry: &Entry) -> Vec<u8> {
    let control = |header: &mut Vec<u8>, kind: usize| {
        header.truncate(kind);
        header.extend([1, 2]);
    };
    newer(network, entry, control, &[0x81, 12])
}

fn holds_its_place_until_it_is_updated(seed: u64, anew: fn(&Network, &Entry) -> Vec<u8>) {
    let mut network = pair(seed);
    let two = write_apart(&mut network);
    let newer = anew(&network, &two);
    assert!(VerifiedEntry::decode(&newer).unwrap_err().is_of_newer_version(), "nothing else is wrong with it");
    let two = two.encoded().to_vec();
    network.lie(Some(written_anew(move |device, bytes| (device == BOB && bytes == two).then(|| newer.clone()))));
    network.cut_off(BOB, false);
    let frames = network.devices[BOB].frames_sent;
    network.run_ms(TWO_HOURS_MS);

    assert_eq!(last_error(&network, BOB), Some(ErrorCode::EntryNewerFormat));
    assert_eq!(network.devices[BOB].status.as_ref().unwrap().state, SyncState::Failed);
    assert_eq!(
        (told(&network, BOB, ErrorCode::EntryNewerFormat), told(&network, BOB, ErrorCode::RelayMisbehaved)),
        (1, 0)
    );
    assert_eq!((network.get(BOB, "notes", "one"), network.get(BOB, "notes", "his")), ("{}".into(), "{}".into()));
    assert_eq!((network.get(BOB, "notes", "two"), network.get(BOB, "notes", "three")), ("null".into(), "null".into()));
    let asked = network.devices[BOB].frames_sent - frames;
    assert!(asked < 30, "{asked} frames in two hours: only an update helps");
    network.put(BOB, "notes", "still", "{}").unwrap();
    assert_eq!(pending(&network, BOB), 2, "what he writes waits");

    network.lie(None);
    update(&mut network, BOB);
    network.settle_all();
    for id in ["one", "two", "three", "his", "still"] {
        assert_eq!(
            (network.get(ALICE, "notes", id), network.get(BOB, "notes", id)),
            ("{}".into(), "{}".into()),
            "{id}"
        );
    }
    assert_eq!(network.quarantined(BOB), []);
}

#[test]
fn an_entry_of_a_newer_version_holds_the_place_before_it_and_everything_comes_after_the_update() {
    holds_its_place_until_it_is_updated(61, of_a_newer_version);
}

#[test]
fn an_entry_of_a_newer_kind_holds_the_place_before_it_and_everything_comes_after_the_update() {
    holds_its_place_until_it_is_updated(62, of_a_newer_kind);
}

#[test]
fn a_control_entry_of_a_newer_kind_holds_the_place_before_it_and_everything_comes_after_the_update() {
    holds_its_place_until_it_is_updated(63, with_a_newer_control);
}

#[test]
fn a_snapshot_of_a_newer_version_is_not_taken_for_a_lie() {
    let mut network = pair(73);
    let two = write_apart(&mut network);
    let newer = of_a_newer_kind(&network, &two);
    network.lie(Some(Box::new(move |device, mut frame| {
        if let RelayFrame::Opened { snapshot, .. } = &mut frame
            && device == BOB
        {
            *snapshot = Some(Bytes(newer.clone()));
        }
        vec![frame.encode()]
    })));
    network.cut_off(BOB, false);
    network.run_ms(FIVE_MINUTES_MS);
    assert_eq!(last_error(&network, BOB), Some(ErrorCode::EntryNewerFormat));
    network.lie(None);
    update(&mut network, BOB);
    network.settle_all();
    assert_eq!(network.get(BOB, "notes", "three"), "{}");
}

#[test]
fn an_entry_of_a_newer_version_that_is_pushed_is_not_stored_either() {
    let mut network = pair(64);
    network.lie(Some(written_anew(|device, bytes| {
        let entry = Entry::decode(bytes).ok().filter(|_| device == BOB)?;
        let mut header = entry.header_bytes().to_vec();
        header[1] = 2;
        Some(envelope(&header, entry.payload(), &[0; 64]))
    })));
    let stored = network.devices[BOB].disk().with_prefix(b"e").count();
    network.put(ALICE, "notes", "one", "{}").unwrap();
    network.run_ms(FIVE_MINUTES_MS);
    assert_eq!(last_error(&network, BOB), Some(ErrorCode::EntryNewerFormat));
    assert_eq!(network.devices[BOB].disk().with_prefix(b"e").count(), stored);
    network.lie(None);
    update(&mut network, BOB);
    network.settle_all();
    assert_eq!(network.get(BOB, "notes", "one"), "{}");
}

/// What an entry holds that puts this document there.
fn payload(id: &str) -> DataPayload {
    let made = edit::create(&json::parse_one("{}").unwrap(), Actor([7; 16]), 1).unwrap();
    let change = DocumentChange { collection: "notes".into(), id: id.into(), chunks: Bytes(made.change) };
    DataPayload { changes: vec![change], writers: None, buried: None }
}

/// The optional fields that are left out, and one behind them.
fn with_one_field_more<T: minicbor::Encode<()>>(value: &T, fields: u8) -> Vec<u8> {
    let mut bytes = encode(value);
    let left_out = fields.checked_sub(bytes[0] - 0x80).unwrap();
    bytes[0] = 0x80 + fields + 1;
    bytes.extend(std::iter::repeat_n(0xf6, left_out.into()));
    bytes.extend_from_slice(b"\x82\x01\x63new");
    bytes
}

#[test]
fn what_a_newer_version_adds_to_the_content_of_an_entry_is_passed_over_and_the_rest_applies() {
    let mut network = pair(65);
    let content: SealedPlan = plan_payload(&with_one_field_more(&payload("one"), 3));
    network.forge(ALICE, content, vec![]).unwrap();
    network.run_ms(5_000);
    assert_eq!(network.get(BOB, "notes", "one"), "{}");
    assert_eq!(network.quarantined(BOB), []);
}

/// Something that is sealed or stored: its encoding, the same as a newer version may write it, and whether bytes decode to it.
struct Kept {
    name: &'static str,
    bytes: Vec<u8>,
    newer: Vec<u8>,
    is: Box<IsOf>,
}

type IsOf = dyn Fn(&[u8]) -> bool;

fn kept<T>(name: &'static str, value: T, fields: u8) -> Kept
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + 'static,
{
    let (bytes, newer) = (encode(&value), with_one_field_more(&value, fields));
    Kept { name, bytes, newer, is: Box::new(move |bytes| decode::<T>(bytes).is_ok_and(|read| read == value)) }
}

fn all_kept() -> Vec<Kept> {
    let (group, entry, device) = (GroupId([1; 32]), EntryId([2; 32]), DeviceId([3; 32]));
    let (seed, epoch, at) = ([4; 32], 5, Timestamp::from_ms(6));
    let change = DocumentChange { collection: "notes".into(), id: "n1".into(), chunks: vec![7].into() };
    let gone = BuriedDocument { collection: "notes".into(), id: "n2".into(), beginnings: vec![8; 16].into() };
    let writer = Writer([9; 16]);
    let expires_at = at;
    let begun_by = Some(entry);
    let invitation =
        Invitation { group, invite: entry, invite_seed: seed, epoch, epoch_key: seed, expires_at, begun_by };
    let kit = RecoveryKit {
        group,
        recovery: entry,
        invite_seed: seed,
        kem_seed: seed,
        epoch,
        epoch_key: seed,
        begun_by: entry,
    };
    let state = GroupState {
        group,
        generation: 1,
        epoch: Epoch(epoch),
        secrets: vec![10].into(),
        announced: Announced::Through(vec![11]),
        tips: vec![entry],
        next_sequence: 12,
        join: None,
        behind: Some(true),
        told_anew: None,
        announced_at: None,
        put_aside: None,
    };
    let settings = SyncSettings { enabled: true, relay: Some("wss://relay".into()), ..SyncSettings::default() };
    let log = Some(LogId([13; 16]));
    vec![
        kept(
            "data",
            DataPayload { changes: vec![change.clone()], writers: Some(vec![writer]), buried: Some(vec![gone]) },
            3,
        ),
        kept("data of before writers", DataPayload { changes: vec![change.clone()], writers: None, buried: None }, 3),
        kept("profile", ProfilePayload::of("tablet"), 2),
        kept("invitation", invitation, 7),
        kept("invite note", InviteNote { place: InvitePlace([14; 32]), marks: None }, 2),
        kept("recovery kit", kit, 7),
        kept(
            "recovery note",
            RecoveryNote { kind: RecoveryKind::Phrase, place: EnvelopePlace([15; 32]), locator: None },
            3,
        ),
        kept(
            "snapshot part",
            SnapshotPart {
                documents: vec![change],
                covered: vec![16; 16].into(),
                writers: vec![WriterOf { writer, device }],
                ..SnapshotPart::default()
            },
            5,
        ),
        kept("group state", state, 12),
        kept("settings", settings, 9),
        kept("place at a relay", RelayPlace { log, cursor: Cursor::new(17).unwrap(), ..RelayPlace::default() }, 4),
        kept(
            "what is known of snapshots",
            SnapshotState { covered: true, entries_since: 18, ..SnapshotState::default() },
            8,
        ),
    ]
}

#[test]
fn a_field_that_a_newer_version_adds_to_anything_sealed_or_stored_is_passed_over() {
    for Kept { name, newer, is, .. } in all_kept() {
        assert!(is(&newer), "{name}");
    }
}

/// `testdata/sealed.txt`: a name and bytes in each line. A line that is missing is written when `UPDATE_GOLDEN` is set; none is ever written again.
#[test]
fn what_is_sealed_and_stored_has_the_bytes_it_always_had() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join("sealed.txt");
    let mut golden = std::fs::read_to_string(&path).unwrap_or_default();
    for Kept { name, bytes, is, .. } in all_kept() {
        let begin = format!("{name}: ");
        if std::env::var_os("UPDATE_GOLDEN").is_some() && !golden.lines().any(|line| line.starts_with(&begin)) {
            golden += &format!("{begin}{}\n", HEXLOWER.encode(&bytes));
            std::fs::write(&path, &golden).unwrap();
        }
        let line = golden.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(line, HEXLOWER.encode(&bytes), "{name}");
        assert!(is(&HEXLOWER.decode(line.as_bytes()).unwrap()), "{name}");
    }
}

/// An entry in Bob's quarantine that an earlier version did not know how to apply.
fn set_aside(network: &mut Network, kept_by: Option<u32>) -> VerifiedEntry {
    let entry = network.forged(ALICE, plan_payload(&encode(&payload("aside"))), vec![]).unwrap();
    let generation = network.devices[BOB].disk().with_prefix(b"e").next().unwrap().0[1..9].to_vec();
    let mut row = Vec::new();
    let mut encoder = Encoder::new(&mut row);
    encoder.array(if kept_by.is_some() { 3 } else { 2 }).unwrap().u8(4).unwrap().bytes(entry.encoded()).unwrap();
    if let Some(number) = kept_by {
        encoder.u32(number).unwrap();
    }
    network.crash(BOB, false);
    let mut batch = StoreBatch::new();
    batch.put([b"q".as_slice(), &generation, &entry.id().0].concat(), row);
    network.overwrite(BOB, batch);
    entry
}

#[test]
fn what_an_earlier_version_could_not_apply_is_tried_once_more_by_this_one() {
    for (seed, kept_by, applies) in [(66, None, true), (67, Some(0), true), (68, Some(1), false)] {
        let mut network = pair(seed);
        network.cut_off(BOB, true);
        let entry = set_aside(&mut network, kept_by);
        network.open(BOB);
        network.run_ms(5_000);
        let found = network.get(BOB, "notes", "aside");
        let kept = network.quarantined(BOB);
        if applies {
            assert_eq!((found.as_str(), kept), ("{}", vec![]), "kept by {kept_by:?}");
        } else {
            let waits = vec![(entry.id().to_string(), "does-not-apply".to_owned())];
            assert_eq!((found.as_str(), kept), ("null", waits), "this version has tried it");
        }
    }
}

#[test]
fn what_an_older_relay_refuses_as_unsupported_waits_and_goes_once_it_is_updated() {
    let mut network = pair(69);
    network.lie(Some(Box::new(|device, frame| match frame {
        RelayFrame::Appended { request, placed, .. } if device == ALICE => {
            let entry = placed.first().map(|placed| placed.id);
            let code = FailureCode::UnsupportedEntry;
            let retry = code.retry();
            vec![RelayFrame::Failed { request: Some(request), code, retry, retry_after_ms: None, entry }.encode()]
        }
        RelayFrame::Live { .. } | RelayFrame::Page { .. } if device == ALICE => vec![],
        frame => vec![frame.encode()],
    })));
    let frames = network.devices[ALICE].frames_sent;
    network.put(ALICE, "notes", "one", "{}").unwrap();
    network.run_ms(20_000);
    assert_eq!((last_error(&network, ALICE), pending(&network, ALICE)), (Some(ErrorCode::RelayIncompatible), 1));
    assert!(network.devices[ALICE].status.as_ref().unwrap().last_error.as_ref().unwrap().retry);
    assert!(network.devices[ALICE].frames_sent - frames < 20, "it waits between attempts");
    network.lie(None);
    network.settle_all();
    assert_eq!((pending(&network, ALICE), network.get(BOB, "notes", "one")), (0, "{}".into()));
}

#[test]
fn a_relay_without_a_version_in_common_is_said_to_be_so_and_what_is_written_waits() {
    let mut network = pair(70);
    network.crash(BOB, false);
    network.lie(Some(Box::new(|device, frame| match frame {
        RelayFrame::Challenge { nonce, limits, now, .. } if device == BOB => {
            vec![RelayFrame::Challenge { versions: vec![2, 3], nonce, limits, now }.encode()]
        }
        frame => vec![frame.encode()],
    })));
    network.open(BOB);
    network.put(BOB, "notes", "one", "{}").unwrap();
    network.run_ms(60_000);
    assert_eq!((last_error(&network, BOB), pending(&network, BOB)), (Some(ErrorCode::RelayIncompatible), 1));
    network.lie(None);
    update(&mut network, BOB);
    network.settle_all();
    assert_eq!(network.get(ALICE, "notes", "one"), "{}");
}

/// Every frame has a field more, and behind each comes one of a number that nobody knows.
#[test]
fn a_newer_relay_says_more_than_this_version_knows_and_everything_goes_on() {
    let mut network = pair(71);
    network.lie(Some(Box::new(|_, frame| {
        let mut more = frame.encode();
        more[0] += 4;
        more.extend([0xf6, 0xf6, 0xf6, 0x61, b'x']);
        vec![more, vec![0x82, 0x19, 0x0f, 0xa0, 0x61, b'x']]
    })));
    update(&mut network, BOB);
    for device in [ALICE, BOB] {
        network.put(device, "notes", &format!("by {device}"), "{}").unwrap();
    }
    network.settle_all();
    assert_eq!((network.get(ALICE, "notes", "by 1"), network.get(BOB, "notes", "by 0")), ("{}".into(), "{}".into()));
    assert_eq!((last_error(&network, ALICE), last_error(&network, BOB)), (None, None));
}

/// An app that is older again, or another tab's: rows that it does not know are not its to touch.
#[test]
fn rows_of_a_tag_that_only_newer_versions_know_stay_as_they_are() {
    let mut network = pair(72);
    let rows = |network: &Network| -> Vec<(Vec<u8>, Vec<u8>)> {
        let known = network.devices[BOB].disk().with_prefix(b"~");
        known.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    };
    network.crash(BOB, false);
    let mut batch = StoreBatch::new();
    batch.put("~new", "what an older version cannot read");
    network.overwrite(BOB, batch);
    let before = rows(&network);
    network.open(BOB);
    network.put(ALICE, "notes", "one", "{}").unwrap();
    network.settle_all();
    update(&mut network, BOB);
    network.settle_all();
    assert_eq!((network.get(BOB, "notes", "one"), rows(&network)), ("{}".into(), before.clone()));
    assert_eq!(before.len(), 1);
}
