//! The disk keeps what the memory keeps: both log stores answer the same to the same history.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_protocol::codec::Bytes;
use ashore_protocol::envelope::{EnvelopeVerifier, PasswordHint};
use ashore_protocol::mailbox::{
    Envelope, Invitation, LogStore, MemoryLogStore, NewEntry, Place, StoredRequest, StoredSnapshot, Tries,
};
use ashore_protocol::request::SignedRequest;
use ashore_protocol::sign::Signature;
use ashore_protocol::{
    Cursor, DeviceId, EntryId, EnvelopePlace, GroupId, InvitePlace, LogId, LogPrefix, SnapshotNonce, Timestamp,
};
use ashore_relay::storage::SqliteLogStore;
use std::path::{Path, PathBuf};

const GROUPS: [GroupId; 2] = [GroupId([1; 32]), GroupId([2; 32])];
const ALICE: DeviceId = DeviceId([10; 32]);
const BOB: DeviceId = DeviceId([11; 32]);
const ENVELOPES: [EnvelopePlace; 2] = [EnvelopePlace([3; 32]), EnvelopePlace([4; 32])];
const PLACE: InvitePlace = InvitePlace([7; 32]);

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("storage-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn append(store: &mut impl LogStore, group: GroupId, numbers: std::ops::Range<u8>) {
    let bodies: Vec<Vec<u8>> = numbers.clone().map(|n| vec![n; 10 * usize::from(n)]).collect();
    let row = |(n, bytes)| {
        let author = if n % 3 == 0 { BOB } else { ALICE };
        let (id, prefix) = (EntryId([n; 32]), LogPrefix([n + 100; 32]));
        let appended_at = Timestamp::from_ms(1_000 * u64::from(n));
        NewEntry { id, prefix, author, is_control: n < 3 || n == 10, bytes, appended_at }
    };
    let rows: Vec<NewEntry<'_>> = numbers.zip(bodies.iter().map(Vec::as_slice)).map(row).collect();
    store.append(&group, &rows).unwrap();
}

/// Everything that can be asked, as text.
fn look(store: &impl LogStore) -> String {
    let mut seen = String::new();
    for group in &GROUPS {
        seen += &format!("{:?}\n", store.group(group).unwrap());
        seen += &format!("{:?}\n", store.controls(group).unwrap());
        seen += &format!("{:?}\n", store.snapshots(group).unwrap());
        seen += &format!("{:?} {:?}\n", store.places(group).unwrap(), store.upload_bytes(group).unwrap());
        for device in [&ALICE, &BOB] {
            seen += &format!("{:?} ", store.place(group, device).unwrap());
            seen += &format!("{:?} ", store.upload(group, device).unwrap());
            seen += &format!("{:?}\n", store.upload_parts(group, device).unwrap());
        }
        for (id, index) in [(1, 0), (1, 1), (1, 2), (2, 0)] {
            seen += &format!("{:?}\n", store.snapshot_part(group, &EntryId([id; 32]), index).unwrap());
        }
        seen += &format!("{:?}\n", store.next_group_with_snapshot(Some(group)).unwrap());
        seen += &format!("{:?}\n", store.join_requests(group).unwrap());
        let floor = store.group(group).unwrap().map_or(0, |info| info.floor.get());
        for n in 0..30u8 {
            let cursor = Cursor::new(u64::from(n)).unwrap();
            seen += &format!("{:?}\n", store.controls_after(group, cursor, 2, 15).unwrap());
            let after = Cursor::new(u64::from(n).max(floor)).unwrap();
            seen += &format!("{:?} ", store.cursor_of(group, &EntryId([n; 32])).unwrap());
            seen += &format!("{:?}\n", store.prefix_at(group, cursor).unwrap());
            for (count, bytes, own) in [(5, 1_000, None), (100, 300, Some(&ALICE)), (100, 0, Some(&BOB)), (0, 9, None)]
            {
                let page = store.page(group, after, count, bytes, own).unwrap();
                let bytes: Vec<_> = page.iter().map(ashore_protocol::mailbox::item_size).collect();
                seen += &format!("{page:?} {bytes:?}\n");
            }
        }
        for now in [0, 100, 101, 200] {
            seen += &format!("{:?}\n", store.open_invitations(group, Timestamp::from_ms(now)).unwrap());
        }
    }
    for place in [PLACE, InvitePlace([8; 32])] {
        seen += &format!("{:?}\n", store.invitation(&place).unwrap());
    }
    for place in ENVELOPES {
        // The verifier does not print itself.
        let envelope = store.envelope(&place).unwrap();
        seen += &format!("{envelope:?} {:?}\n", envelope.as_ref().map(|envelope| envelope.verifier.0));
    }
    for group in &GROUPS {
        seen += &format!("{:?}\n", store.envelopes_of(group).unwrap());
    }
    seen += &format!("{:?}\n", store.hint_secret().unwrap());
    seen
}

fn invitation(taken_by: &[DeviceId]) -> Invitation {
    Invitation {
        taken_by: taken_by.to_vec(),
        ..Invitation::new(GROUPS[0], Timestamp::from_ms(101), Bytes(vec![1, 2, 3]))
    }
}

/// A history with what was kept after each step.
fn history(store: &mut impl LogStore) -> Vec<String> {
    let now = Timestamp::from_ms(5);
    let mut seen = vec![look(store)];
    store.begin().unwrap();
    store.create_group(&GROUPS[0], LogId([3; 16]), now).unwrap();
    append(store, GROUPS[0], 0..12);
    seen.push(look(store));
    store.commit().unwrap();
    store.begin().unwrap();
    append(store, GROUPS[0], 12..20);
    store.create_group(&GROUPS[1], LogId([4; 16]), now).unwrap();
    append(store, GROUPS[1], 0..3);
    store.put_invitation(&PLACE, &invitation(&[])).unwrap();
    seen.push(look(store));
    store.rollback().unwrap();
    seen.push(look(store));
    assert_eq!(seen[1], seen[3], "a rollback leaves what was committed");
    store.begin().unwrap();
    append(store, GROUPS[0], 20..25);
    store.put_invitation(&PLACE, &invitation(&[])).unwrap();
    store.put_invitation(&InvitePlace([8; 32]), &invitation(&[])).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.put_invitation(&PLACE, &invitation(&[BOB]).with_uses(2)).unwrap();
    store.remove_invitation(&InvitePlace([8; 32])).unwrap();
    store.remove_invitations_expired_before(Timestamp::from_ms(101)).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.put_invitation(&PLACE, &invitation(&[BOB, ALICE]).with_uses(2)).unwrap();
    store.commit().unwrap();
    assert!(store.invitation(&PLACE).unwrap().unwrap().is_used_up());
    seen.push(look(store));
    store.begin().unwrap();
    store.remove_invitations_expired_before(Timestamp::from_ms(102)).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
    requests(store, &mut seen);
    snapshots(store, &mut seen);
    envelopes(store, &mut seen);
    seen
}

fn asked(device: DeviceId, came_ms: u64, is_rejected: bool) -> StoredRequest {
    let asks = SignedRequest { request: Bytes(vec![device.0[0]; 9]), signature: Signature([came_ms as u8; 64]) };
    StoredRequest { device, asks, came_at: Timestamp::from_ms(came_ms), is_rejected }
}

/// Requests come, are rejected, withdrawn and forgotten; some of it is rolled back.
fn requests(store: &mut impl LogStore, seen: &mut Vec<String>) {
    let [group, other] = GROUPS;
    store.begin().unwrap();
    for (group, request) in
        [(group, asked(BOB, 30, false)), (group, asked(ALICE, 40, false)), (other, asked(BOB, 50, true))]
    {
        store.put_join_request(&group, &request).unwrap();
    }
    store.commit().unwrap();
    assert_eq!(store.join_requests(&group).unwrap(), [asked(BOB, 30, false), asked(ALICE, 40, false)]);
    seen.push(look(store));
    store.begin().unwrap();
    store.put_join_request(&group, &asked(BOB, 60, true)).unwrap();
    store.remove_join_request(&group, &ALICE).unwrap();
    store.remove_join_request(&other, &ALICE).unwrap();
    seen.push(look(store));
    store.rollback().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.put_join_request(&group, &asked(BOB, 60, true)).unwrap();
    store.remove_join_requests_before(Timestamp::from_ms(50)).unwrap();
    store.commit().unwrap();
    assert_eq!(store.join_requests(&group).unwrap(), [asked(BOB, 60, true)]);
    seen.push(look(store));
}

fn envelope(group: GroupId, hint: Option<PasswordHint>, wrong: u32) -> Envelope {
    let (recovery, verifier, sealed) = (EntryId([5; 32]), EnvelopeVerifier([6; 32]), Bytes(vec![7; 8]));
    let tries = Tries { wrong, last: Timestamp::from_ms(u64::from(wrong)) };
    Envelope { tries, ..Envelope::new(group, recovery, hint.is_some(), hint, verifier, sealed) }
}

/// Envelopes are put, replaced, tried and removed; some of it is rolled back.
fn envelopes(store: &mut impl LogStore, seen: &mut Vec<String>) {
    let hint = PasswordHint { memory_kib: 65_536, passes: 3, salt: [9; 16] };
    store.begin().unwrap();
    store.put_envelope(&ENVELOPES[0], &envelope(GROUPS[0], Some(hint), 0)).unwrap();
    store.put_envelope(&ENVELOPES[1], &envelope(GROUPS[0], None, 3)).unwrap();
    store.put_hint_secret([1; 32]).unwrap();
    seen.push(look(store));
    store.commit().unwrap();
    store.begin().unwrap();
    store.put_envelope(&ENVELOPES[0], &envelope(GROUPS[0], Some(hint), 7)).unwrap();
    store.remove_envelope(&ENVELOPES[1]).unwrap();
    store.put_hint_secret([2; 32]).unwrap();
    seen.push(look(store));
    store.rollback().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.put_envelope(&ENVELOPES[0], &envelope(GROUPS[1], Some(hint), 8)).unwrap();
    store.remove_envelope(&ENVELOPES[1]).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
}

fn snapshot(id: u8, author: DeviceId, covers: u64, finished_ms: u64) -> StoredSnapshot {
    let (covers, finished_at) = (Cursor::new(covers).unwrap(), Timestamp::from_ms(finished_ms));
    StoredSnapshot { id: EntryId([id; 32]), author, covers, bytes: 9, finished_at, entry: Bytes(vec![id; 5]) }
}

/// Parts are put, snapshots finished and dropped, places noted, entries dropped; some of it is rolled back.
fn snapshots(store: &mut impl LogStore, seen: &mut Vec<String>) {
    let (group, now) = (&GROUPS[0], Timestamp::from_ms(50));
    let (one, two) = (SnapshotNonce([1; 16]), SnapshotNonce([2; 16]));
    store.begin().unwrap();
    store.put_part(group, &ALICE, one, 1, b"alice 1", now).unwrap();
    store.put_part(group, &ALICE, one, 0, b"alice", now).unwrap();
    store.put_part(group, &BOB, two, 0, b"bob", Timestamp::from_ms(40)).unwrap();
    store.note_place(group, &ALICE, Place { cursor: Cursor::new(7).unwrap(), at: now }).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.put_part(group, &ALICE, one, 0, b"alice again", now).unwrap();
    store.note_place(group, &ALICE, Place { cursor: Cursor::new(9).unwrap(), at: now }).unwrap();
    store.note_place(group, &BOB, Place { cursor: Cursor::new(8).unwrap(), at: now }).unwrap();
    store.drop_uploads_begun_before(now).unwrap();
    store.drop_covered(group, Cursor::new(9).unwrap(), Timestamp::from_ms(99_000), 100).unwrap();
    seen.push(look(store));
    store.rollback().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.put_part(group, &ALICE, one, 0, b"alice again", now).unwrap();
    store.finish_snapshot(group, &snapshot(1, ALICE, 9, 60)).unwrap();
    store.finish_snapshot(group, &snapshot(2, BOB, 9, 61)).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    for (through, before, max) in [(9, 4_000, 100), (9, 99_000, 3), (9, 99_000, 100), (12, 99_000, 100)] {
        let through = Cursor::new(through).unwrap();
        let dropped = store.drop_covered(group, through, Timestamp::from_ms(before), max).unwrap();
        seen.push(format!("{dropped:?}"));
        seen.push(look(store));
    }
    store.drop_snapshot(group, &EntryId([2; 32])).unwrap();
    seen.push(look(store));
    while store.sweep_parts(1).unwrap() {}
    store.put_part(group, &BOB, two, 3, b"bob", now).unwrap();
    store.commit().unwrap();
    seen.push(look(store));
    store.begin().unwrap();
    store.drop_upload(group, &BOB).unwrap();
    append(store, GROUPS[0], 25..28);
    store.commit().unwrap();
    seen.push(look(store));
}

#[test]
fn the_disk_answers_as_the_memory_does() {
    let directory = directory("same");
    let mut disk = SqliteLogStore::open(&directory).unwrap();
    let (on_disk, in_memory) = (history(&mut disk), history(&mut MemoryLogStore::new()));
    for (step, (disk, memory)) in on_disk.iter().zip(&in_memory).enumerate() {
        assert_eq!(disk, memory, "after step {step}");
    }
    drop(disk);
    let reopened = SqliteLogStore::open(&directory).unwrap();
    assert_eq!(Some(&look(&reopened)), in_memory.last(), "after it was opened again");
}

#[test]
fn what_was_not_committed_is_gone_when_it_is_opened_again() {
    let directory = directory("uncommitted");
    let mut disk = SqliteLogStore::open(&directory).unwrap();
    let before = look(&disk);
    disk.begin().unwrap();
    disk.create_group(&GROUPS[0], LogId([3; 16]), Timestamp::from_ms(5)).unwrap();
    append(&mut disk, GROUPS[0], 0..3);
    drop(disk);
    assert_eq!(look(&SqliteLogStore::open(&directory).unwrap()), before);
}
