//! Bytes of every frame, entry and control, in `testdata/`: they must decode for ever, to what they were written from.
//!
//! `ASHORE_BLESS=1 cargo test -p ashore-protocol --test golden` writes the files that are missing. A file that exists is
//! never rewritten: when the code writes other bytes, that is a new version of the format, or a mistake.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_protocol::codec::{self, Bytes};
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::envelope::{EnvelopeToken, PasswordHint};
use ashore_protocol::frame::{ClientFrame, FailureCode, Item, PageSize, Placed, Received, RelayFrame, RequestId};
use ashore_protocol::invite::{InviteCode, KEY_CONTEXT};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey, Rotation, Wrap};
use ashore_protocol::peer::{self, PeerFrame, PeerProof};
use ashore_protocol::request::{AskState, JoinRequest, SignedRequest};
use ashore_protocol::snapshot::{Manifest, Part};
use ashore_protocol::{
    Cursor, DeviceId, EntryDraft, EntryId, EntryKind, EnvelopePlace, Epoch, GroupId, InvitePlace, Limits, LogId,
    LogPrefix, PeerSession, SigningKey, SnapshotNonce, Timestamp, VerifiedEntry, handshake,
};
use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const REQUEST: RequestId = RequestId(300);
const NONCE: SnapshotNonce = SnapshotNonce([0x40; 16]);
const LOG: LogId = LogId([0x10; 16]);
const ENVELOPE: EnvelopePlace = EnvelopePlace([0x50; 32]);
const HINT: PasswordHint = PasswordHint { memory_kib: 65_536, passes: 3, salt: [0x70; 16] };
const PLACE: InvitePlace = InvitePlace([0x20; 32]);

fn time() -> Timestamp {
    Timestamp::from_ms(1_790_000_000_000)
}

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

fn sealed() -> Bytes {
    Bytes(b"sealed by the engine".to_vec())
}

/// Alice's group: genesis, an invite, Bob's join and new name, a data entry, a snapshot, and what Bob has seen.
fn entries() -> Vec<(&'static str, VerifiedEntry)> {
    let (alice, bob, secret) = ([1; 32], [2; 32], [3; 32]);
    let [alice, bob, secret] = [alice, bob, secret].map(|seed| SigningKey::from_seed(&seed));
    let genesis = Control::Genesis { created_at: time(), nonce: [4; 16], sealed: sealed(), kem: None };
    let genesis = genesis.sign(&alice, None, [], Epoch(0)).unwrap();
    let group = genesis.group();
    let (invite_key, expires_at) = (secret.invite_key(), time().plus_ms(600_000));
    let invite = Control::Invite { invite_key, role: Role::Writer, expires_at, uses: 1, sealed: sealed() };
    let invite = invite.sign(&alice, Some(group), [genesis.id()], Epoch(0)).unwrap();
    let joined_at = time().plus_ms(5);
    let proof = JoinProof { group, device: bob.device_id(), invite: invite.id(), joined_at }.sign(&secret);
    let join = Control::Join { invite: invite.id(), joined_at, proof, sealed: sealed(), kem: None };
    let join = join.sign(&bob, Some(group), [genesis.id(), invite.id()], Epoch(0)).unwrap();
    let name = Control::Name { sealed: sealed(), kem: None }.sign(&bob, Some(group), [join.id()], Epoch(0)).unwrap();
    let (device, payload) = (alice.device_id(), vec![0x55; 300]);
    let draft = EntryDraft::new(Some(group), device, [join.id(), name.id()], Epoch(70_000), EntryKind::Data, 300);
    let data = draft.unwrap().sign(&alice, payload).unwrap();
    let tips = [data.id()];
    let snapshot = manifest().sign(&bob, group, tips, Epoch(70_000)).unwrap();
    let seen = EntryDraft::new(Some(group), bob.device_id(), tips, Epoch(70_000), EntryKind::Seen, 0);
    let seen = ("seen", seen.unwrap().sign(&bob, vec![]).unwrap());
    let (data, snapshot) = (("data", data), ("snapshot", snapshot));
    vec![("genesis", genesis), ("invite", invite), ("join", join), ("name", name), data, snapshot, seen]
}

fn manifest() -> Manifest {
    let parts = vec![Part::of(b"sealed by the engine"), Part::of(b"the rest")];
    Manifest { log: LOG, cursor: cursor(70_000), prefix: LogPrefix([0x30; 32]), nonce: NONCE, documents: 300, parts }
}

/// One of each control that changes a group which is there, all by Alice.
fn changes(group: GroupId, device: DeviceId) -> Vec<(&'static str, VerifiedEntry)> {
    let alice = SigningKey::from_seed(&[1; 32]);
    let kem = KemKey::from_slice(&[6; KEM_KEY_BYTES]).unwrap();
    let wraps = vec![Wrap { to: alice.device_id().into(), sealed: sealed() }];
    let rotation = Rotation { epoch: Epoch(1), wraps, previous: sealed() };
    let some = EntryId([7; 32]);
    let controls = [
        (
            "founded-with-key",
            Control::Genesis { created_at: time(), nonce: [4; 16], sealed: sealed(), kem: Some(kem.clone()) },
        ),
        ("new-key", Control::Name { sealed: sealed(), kem: Some(kem.clone()) }),
        ("remove", Control::Remove { device, rotation: Some(rotation.clone()) }),
        ("remove-without-rotation", Control::Remove { device, rotation: None }),
        ("role", Control::Role { device, role: Role::Reader }),
        ("leave", Control::Leave),
        ("rotate", Control::Rotate { rotation }),
        ("revoke", Control::Revoke { invite: some }),
        (
            "admit",
            Control::Admit {
                device,
                role: Role::Writer,
                admitted_at: time(),
                kem: kem.clone(),
                sealed: sealed(),
                share: sealed(),
            },
        ),
        ("share", Control::Share { to: device.into(), epoch: Epoch(1), rotation: some, sealed: sealed() }),
        (
            "recovery",
            Control::Recovery { invite_key: alice.invite_key(), kem: kem.clone(), share: sealed(), sealed: None },
        ),
        (
            "recovery-with-note",
            Control::Recovery { invite_key: alice.invite_key(), kem, share: sealed(), sealed: Some(sealed()) },
        ),
    ];
    let sign = |control: &Control| match control {
        Control::Genesis { .. } => control.sign(&alice, None, [], Epoch(0)).unwrap(),
        _ => control.sign(&alice, Some(group), [some], Epoch(0)).unwrap(),
    };
    controls.iter().map(|(name, control)| (*name, sign(control))).collect()
}

fn client_frames(group: GroupId, id: EntryId) -> Vec<(&'static str, ClientFrame)> {
    let request = REQUEST;
    let page = PageSize { max_entries: 100, max_bytes: 70_000, own_in_full: true };
    let hello = handshake::answer(&SigningKey::from_seed(&[1; 32]), &[1], [9; 32], "relay.example.org").unwrap();
    vec![
        ("hello", hello),
        (
            "open",
            ClientFrame::Open {
                request,
                group,
                log: Some(LOG),
                cursor: cursor(9),
                prefix: Some(LogPrefix(id.0)),
                page,
            },
        ),
        ("open-new", ClientFrame::Open { request, group, log: None, cursor: cursor(0), prefix: None, page }),
        ("append", ClientFrame::Append { request, group, entries: vec![sealed(), Bytes(vec![1])] }),
        ("pull", ClientFrame::Pull { request, group, after: Cursor::MAX, page }),
        (
            "put-invite",
            ClientFrame::PutInvite { request, group, place: PLACE, expires_at: time(), sealed: sealed(), uses: None },
        ),
        (
            "put-invite-for-many",
            ClientFrame::PutInvite {
                request,
                group,
                place: PLACE,
                expires_at: time(),
                sealed: sealed(),
                uses: Some(20),
            },
        ),
        ("take-invite", ClientFrame::TakeInvite { request, place: PLACE }),
        ("revoke-invite", ClientFrame::RevokeInvite { request, group, place: PLACE }),
        ("close", ClientFrame::Close { request, group }),
        ("ping", ClientFrame::Ping { number: 5 }),
        ("whisper", ClientFrame::Whisper { request, group, epoch: Epoch(3), sealed: sealed() }),
        (
            "put-snapshot-part",
            ClientFrame::PutSnapshotPart { request, group, nonce: NONCE, index: 300, sealed: sealed() },
        ),
        ("get-snapshot-part", ClientFrame::GetSnapshotPart { request, group, snapshot: id, index: 300 }),
        ("get-controls", ClientFrame::GetControls { request, group, after: cursor(9) }),
        ("ask", ClientFrame::Ask { request, group, asks: asks(group) }),
        ("list-requests", ClientFrame::ListRequests { request, group }),
        ("reject", ClientFrame::Reject { request, group, device: DeviceId([0x30; 32]) }),
        ("withdraw", ClientFrame::Withdraw { request, group }),
        ("put-envelope", put_envelope(group, id, Some(HINT))),
        ("put-envelope-without-hint", put_envelope(group, id, None)),
        ("ask-hint", ClientFrame::AskHint { request, place: ENVELOPE, hidden: true }),
        ("open-envelope", ClientFrame::OpenEnvelope { request, place: ENVELOPE, hidden: false, token: token() }),
        ("drop-envelope", ClientFrame::DropEnvelope { request, group, place: ENVELOPE }),
    ]
}

fn token() -> EnvelopeToken {
    EnvelopeToken([0x60; 32])
}

fn put_envelope(group: GroupId, recovery: EntryId, hint: Option<PasswordHint>) -> ClientFrame {
    let (request, place, hidden) = (REQUEST, ENVELOPE, hint.is_some());
    let verifier = token().verifier();
    ClientFrame::PutEnvelope { request, group, recovery, place, hidden, verifier, sealed: sealed(), hint }
}

fn relay_frames(group: GroupId, id: EntryId) -> Vec<(&'static str, RelayFrame)> {
    let (request, log, head) = (REQUEST, LOG, cursor(70_000));
    let items = vec![Item::Entry { cursor: cursor(8), bytes: sealed() }, Item::Own { cursor: cursor(9), id }];
    let (versions, limits) = (vec![1, 2], Limits { max_snapshot_bytes: None, ..Limits::default() });
    let (nonce, floor) = ([9; 32], Some(cursor(65_536)));
    let opened =
        |floor, snapshot, floor_prefix| RelayFrame::Opened { request, group, log, head, floor, snapshot, floor_prefix };
    let keeps_snapshots = Limits { max_snapshot_bytes: Some(512 << 20), ..limits.clone() };
    let failed = RelayFrame::Failed {
        request: Some(request),
        code: FailureCode::TooManyAttempts,
        retry: true,
        retry_after_ms: Some(60_000),
        entry: Some(id),
    };
    vec![
        ("challenge", RelayFrame::Challenge { versions: versions.clone(), nonce, limits, now: time() }),
        ("challenge-snapshots", RelayFrame::Challenge { versions, nonce, limits: keeps_snapshots, now: time() }),
        ("welcome", RelayFrame::Welcome { version: 1, now: time() }),
        ("opened", opened(None, None, None)),
        ("opened-snapshot", opened(floor, Some(sealed()), None)),
        ("opened-below", opened(floor, None, Some(LogPrefix([11; 32])))),
        ("diverged", RelayFrame::Diverged { request, group, log, head }),
        ("page", RelayFrame::Page { request, group, log, items: items.clone(), head, more: true }),
        ("live", RelayFrame::Live { group, log, items: items.clone() }),
        ("controls", RelayFrame::Controls { request, group, log, items, more: true }),
        ("snapshot-part-put", RelayFrame::SnapshotPartPut { request }),
        ("snapshot-part", RelayFrame::SnapshotPart { request, sealed: sealed() }),
        ("lagged", RelayFrame::Lagged { group, head }),
        ("appended", RelayFrame::Appended { request, group, log, placed: vec![Placed { id, cursor: head }] }),
        ("invite-put", RelayFrame::InvitePut { request }),
        ("invitation", RelayFrame::Invitation { request, sealed: sealed(), expires_at: time() }),
        ("invite-revoked", RelayFrame::InviteRevoked { request }),
        ("closed", RelayFrame::Closed { request }),
        ("failed", failed),
        ("failed-connection", RelayFrame::failed(None, FailureCode::BadFrame)),
        ("pong", RelayFrame::Pong { number: 5 }),
        ("whispered", RelayFrame::Whispered { group, from: DeviceId([0x30; 32]), epoch: Epoch(3), sealed: sealed() }),
        ("ask-state", RelayFrame::AskState { request, group, state: AskState::Pending }),
        ("requests", RelayFrame::Requests { request, group, waiting: vec![asks(group)] }),
        ("asked", RelayFrame::Asked { group }),
        ("decided", RelayFrame::Decided { group, state: AskState::Rejected }),
        ("hint", RelayFrame::Hint { request, hint: HINT }),
        ("envelope", RelayFrame::Envelope { request, sealed: sealed() }),
        ("envelope-put", RelayFrame::EnvelopePut { request }),
        ("envelope-dropped", RelayFrame::EnvelopeDropped { request }),
    ]
}

fn peer_frames(group: GroupId, id: EntryId) -> Vec<(&'static str, PeerFrame)> {
    let (from, to, nonce) = (PeerSession([0x41; 16]), PeerSession([0x42; 16]), [9; 32]);
    let key = SigningKey::from_seed(&[1; 32]);
    let signature = PeerProof { group, from, to, nonce }.sign(&key);
    let tag = peer::tag(group, &nonce);
    vec![
        ("hello", PeerFrame::Hello { from, to: None, nonce, tag }),
        ("hello-back", PeerFrame::Hello { from, to: Some(to), nonce, tag }),
        ("proof", PeerFrame::Proof { from, to, device: key.device_id(), signature }),
        ("tips", PeerFrame::Tips { from, to, tips: vec![id] }),
        ("want", PeerFrame::Want { from, to, ids: vec![id], have: vec![EntryId([7; 32])] }),
        ("entries", PeerFrame::Entries { from, to, entries: vec![sealed()], more: true }),
        ("next", PeerFrame::Next { from, to }),
        ("bye", PeerFrame::Bye { from }),
    ]
}

/// Carol asks to be let in.
fn asks(group: GroupId) -> SignedRequest {
    let carol = SigningKey::from_seed(&[5; 32]);
    let kem = KemKey::from_slice(&[6; KEM_KEY_BYTES]).unwrap();
    let (device, role, epoch) = (carol.device_id(), Role::Reader, Epoch(3));
    JoinRequest { device, kem, role, asked_at: time(), epoch, sealed: sealed() }.sign(group, &carol)
}

/// Everything that has a golden file, by the file's name.
fn written() -> BTreeMap<String, Vec<u8>> {
    let entries = entries();
    let (group, id) = (entries[0].1.group(), entries[4].1.id());
    let mut all = BTreeMap::new();
    for (name, entry) in entries.iter().chain(&changes(group, entries[2].1.author())) {
        all.insert(format!("entry-{name}.hex"), entry.encoded().to_vec());
        if let Some(control) = entry.control() {
            all.insert(format!("control-{name}.hex"), codec::encode(control));
        }
    }
    let client =
        client_frames(group, id).into_iter().map(|(name, frame)| (format!("client-{name}.hex"), frame.encode()));
    let relay = relay_frames(group, id).into_iter().map(|(name, frame)| (format!("relay-{name}.hex"), frame.encode()));
    let peer = peer_frames(group, id).into_iter().map(|(name, frame)| (format!("peer-{name}.hex"), frame.encode()));
    all.extend(client.chain(relay).chain(peer));
    all
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn read(path: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    HEXLOWER.decode(text.split_whitespace().collect::<String>().as_bytes()).unwrap()
}

fn bless(path: &Path, bytes: &[u8]) {
    let hex = HEXLOWER.encode(bytes);
    let lines: Vec<&str> = hex.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    std::fs::create_dir_all(testdata()).unwrap();
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn the_same_values_are_written_as_the_same_bytes_for_ever() {
    for (name, bytes) in written() {
        let path = testdata().join(&name);
        if std::env::var_os("ASHORE_BLESS").is_some() && !path.exists() {
            bless(&path, &bytes);
        }
        assert_eq!(HEXLOWER.encode(&read(&path)), HEXLOWER.encode(&bytes), "{name}");
    }
}

/// Also the files that the code above does not write any more.
#[test]
fn every_file_decodes_for_ever() {
    let files: Vec<PathBuf> = std::fs::read_dir(testdata()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 34, "{} files", files.len());
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = read(&path);
        match name.split('-').next().unwrap() {
            "entry" => assert_eq!(VerifiedEntry::decode(&bytes).unwrap().encoded(), bytes),
            "control" => assert_eq!(codec::encode(&Control::parse(&bytes).unwrap()), bytes),
            "client" => {
                let Received::Frame(frame) = ClientFrame::decode(&bytes).unwrap() else { panic!("{name}") };
                assert_eq!(frame.encode(), bytes, "{name}");
            }
            "relay" => {
                let Received::Frame(frame) = RelayFrame::decode(&bytes).unwrap() else { panic!("{name}") };
                assert_eq!(frame.encode(), bytes, "{name}");
                if let RelayFrame::Requests { group, waiting, .. } = frame {
                    assert!(waiting.iter().all(|asks| asks.verify(group).is_ok()), "{name}");
                }
            }
            "peer" => {
                let Received::Frame(frame) = PeerFrame::decode(&bytes).unwrap() else { panic!("{name}") };
                assert_eq!(frame.encode(), bytes, "{name}");
            }
            other => panic!("{other}: {name}"),
        }
    }
}

/// Every frame that there is: its file's name, who says it, and its bytes.
fn frames() -> impl Iterator<Item = (String, String, Vec<u8>)> {
    let files = std::fs::read_dir(testdata()).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), read(&path)));
    named.filter_map(|(name, bytes)| {
        let by = name.split('-').next().filter(|by| ["client", "relay", "peer"].contains(by))?.to_owned();
        Some((name, by, bytes))
    })
}

/// What reading a frame comes to, whoever says it: `None` for one that is passed over.
fn understood(by: &str, bytes: &[u8]) -> Option<String> {
    fn known<F: std::fmt::Debug>(received: Received<F>) -> Option<String> {
        match received {
            Received::Frame(frame) => Some(format!("{frame:?}")),
            Received::Unknown(_) => None,
        }
    }
    match by {
        "client" => known(ClientFrame::decode(bytes).unwrap()),
        "relay" => known(RelayFrame::decode(bytes).unwrap()),
        _ => known(PeerFrame::decode(bytes).unwrap()),
    }
}

/// Optional fields that are left out are said as null, so that the field of the newer version stands behind them.
fn with_one_field_more(bytes: &[u8]) -> Vec<u8> {
    const MORE: u8 = 4;
    let mut newer = bytes.to_vec();
    assert!((0x81..0x97 - MORE).contains(&newer[0]), "an array with a head of one byte");
    newer[0] += MORE;
    newer.extend([0xf6, 0xf6, 0xf6]);
    newer.extend_from_slice(b"\x82\x01\x63new");
    newer
}

#[test]
fn a_field_that_a_newer_version_adds_to_any_frame_is_passed_over() {
    let mut count = 0;
    for (name, by, bytes) in frames() {
        let read = understood(&by, &bytes);
        assert!(read.is_some(), "{name}");
        assert_eq!(understood(&by, &with_one_field_more(&bytes)), read, "{name}");
        count += 1;
    }
    assert!(count >= 50, "{count} frames");
}

#[test]
fn a_frame_of_a_number_that_only_newer_versions_know_is_passed_over_whatever_is_in_it() {
    for (name, by, bytes) in frames() {
        // The same fields behind the first number that is free, and behind one far off.
        let numbered = |number: &[u8]| [&bytes[..1], number, &bytes[if bytes[1] < 24 { 2 } else { 3 }..]].concat();
        for number in [&[0x18, 26][..], &[0x19, 0x0f, 0xa0]] {
            assert_eq!(understood(&by, &numbered(number)), None, "{name}");
        }
    }
}

#[test]
fn places_and_keys_of_an_invite_code_stay() {
    let code: InviteCode = "7KQ2-0000-ABCD-WXYZ".parse().unwrap();
    let golden = [code.place().0, code.derive(KEY_CONTEXT)].map(|bytes| HEXLOWER.encode(&bytes));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden-invite.txt");
    let text = format!("{code}\nplace {}\nkey {}\n", golden[0], golden[1]);
    if std::env::var_os("ASHORE_BLESS").is_some() && !path.exists() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn codes_of_failures_are_unique_and_stay() {
    let codes: BTreeSet<&str> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), FailureCode::ALL.len());
    for code in FailureCode::ALL {
        assert_eq!(FailureCode::parse(code.as_str()), *code);
    }
    assert_eq!(FailureCode::parse("relay.of-the-future"), FailureCode::Unknown);
    let listed: BTreeSet<String> =
        include_str!("../failure-codes.txt").lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(codes.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), listed);
}
