//! Snapshots are finished only whole, by who may write; the log is dropped only behind them, and never before active devices have it.

use super::*;
use crate::ids::{LogPrefix, SnapshotNonce};
use crate::mailbox::{Place, Retention};
use crate::snapshot::{MAX_SNAPSHOT_PART_BYTES, Manifest, Part};

const DAY: u64 = 24 * 3_600_000;
const NONCE: SnapshotNonce = SnapshotNonce([1; 16]);

/// A group whose log has so many data entries of Alice behind its three control entries.
fn written(count: u8) -> (Household, Vec<EntryId>) {
    let mut house = household();
    for n in 0..count {
        let entry = house.alice.write(house.group, vec![n; 20]);
        let (conn, group) = (house.at_alice, house.group);
        house.relay.placed(conn, group, &[&entry]);
    }
    house.head += u64::from(count);
    house.relay.inbox.clear();
    let log = log_of(&house.relay, house.group);
    (house, log)
}

fn manifest(log: LogId, found: &[EntryId], parts: &[&[u8]]) -> Manifest {
    let prefix = found.iter().fold(None, |before, id| Some(log_prefix(before.as_ref(), id))).unwrap();
    let parts = parts.iter().map(|sealed| Part::of(sealed)).collect();
    Manifest { log, cursor: Cursor::new(found.len() as u64).unwrap(), prefix, nonce: NONCE, documents: 1, parts }
}

fn put(group: GroupId, index: u32, sealed: &[u8]) -> ClientFrame {
    ClientFrame::PutSnapshotPart { request: REQUEST, group, nonce: NONCE, index, sealed: sealed.into() }
}

fn get(group: GroupId, snapshot: EntryId, index: u32) -> ClientFrame {
    ClientFrame::GetSnapshotPart { request: REQUEST, group, snapshot, index }
}

impl Household {
    /// Alice publishes a snapshot of what stands in the log up to these.
    fn snapshot(&mut self, found: &[EntryId], parts: &[&[u8]]) -> VerifiedEntry {
        self.snapshot_by(self.at_alice, &self.alice.key.clone(), found, parts)
    }

    fn snapshot_by(
        &mut self,
        conn: ConnectionId,
        by: &SigningKey,
        found: &[EntryId],
        parts: &[&[u8]],
    ) -> VerifiedEntry {
        let group = self.group;
        for (index, part) in (0..).zip(parts) {
            let answer = self.relay.ask(conn, put(group, index, part));
            assert_eq!(answer, RelayFrame::SnapshotPartPut { request: REQUEST });
        }
        let tip = *found.last().unwrap();
        let entry = manifest(self.log, found, parts).sign(by, group, [tip], Epoch(0)).unwrap();
        assert_eq!(self.relay.placed(conn, group, &[&entry]).len(), 1);
        self.relay.inbox.clear();
        entry
    }

    fn open_at(&mut self, conn: ConnectionId, found: &[EntryId]) -> RelayFrame {
        let frame = open_behind(self.group, self.log, found);
        self.relay.ask(conn, frame)
    }

    fn later(&mut self, ms: u64) {
        self.relay.now = self.relay.now.plus_ms(ms);
    }

    /// A whole round; how many entries were dropped.
    fn tidy(&mut self) -> u32 {
        let mut entries = 0;
        loop {
            let tidied = self.relay.mailbox.tidy(self.relay.now);
            self.relay.settle();
            entries += tidied.entries;
            if !tidied.more {
                return entries;
            }
        }
    }

    fn floor(&self) -> u64 {
        self.relay.mailbox.store().group(&self.group).unwrap().unwrap().floor.get()
    }
}

#[test]
fn a_snapshot_is_told_at_opening_and_its_parts_come_back_as_they_were_put() {
    let (mut house, log) = written(4);
    let entry = house.snapshot(&log, &[b"part one", b"part two"]);
    let at_bob = house.at_bob;
    let RelayFrame::Opened { floor: None, snapshot: Some(told), .. } = house.open_at(at_bob, &log[..3]) else {
        panic!("not opened with a snapshot")
    };
    assert_eq!(*told, *entry.encoded());
    house.relay.inbox.clear();
    for (index, part) in [(0, b"part one"), (1, b"part two")] {
        let answer = house.relay.ask(at_bob, get(house.group, entry.id(), index));
        assert_eq!(answer, RelayFrame::SnapshotPart { request: REQUEST, sealed: part[..].into() });
    }
    assert_eq!(house.relay.refused(at_bob, get(house.group, entry.id(), 2)), FailureCode::SnapshotNotFound);
    let answer = house.open_at(at_bob, &log);
    assert!(matches!(answer, RelayFrame::Opened { snapshot: None, .. }), "who has it all needs none: {answer:?}");
}

#[test]
fn a_snapshot_with_missing_or_other_parts_is_refused_and_nothing_is_stored() {
    let (mut house, log) = written(2);
    let (conn, group, before) = (house.at_alice, house.group, house.relay.stored(house.group));
    let sign =
        |house: &Household, manifest: Manifest| manifest.sign(&house.alice.key, group, [log[0]], Epoch(0)).unwrap();
    let named = manifest(house.log, &log, &[b"one", b"two"]);
    let entry = sign(&house, named.clone());
    let refused = |house: &mut Household, entry: &VerifiedEntry| house.relay.refused(conn, append(group, &[entry]));
    assert_eq!(refused(&mut house, &entry), FailureCode::SnapshotIncomplete);
    house.relay.ask(conn, put(group, 0, b"one"));
    assert_eq!(refused(&mut house, &entry), FailureCode::SnapshotIncomplete);
    house.relay.ask(conn, put(group, 1, b"2wo"));
    assert_eq!(refused(&mut house, &entry), FailureCode::SnapshotIncomplete);
    house.relay.ask(conn, put(group, 1, b"two"));
    let other_nonce = sign(&house, Manifest { nonce: SnapshotNonce([2; 16]), ..named.clone() });
    assert_eq!(refused(&mut house, &other_nonce), FailureCode::SnapshotIncomplete);
    for stale in [
        Manifest { log: LogId([9; 16]), ..named.clone() },
        Manifest { prefix: LogPrefix([9; 32]), ..named.clone() },
        Manifest { cursor: Cursor::new(99).unwrap(), ..named.clone() },
    ] {
        let stale = sign(&house, stale);
        assert_eq!(refused(&mut house, &stale), FailureCode::SnapshotStale);
    }
    let beside = house.alice.write(group, "beside");
    assert_eq!(house.relay.refused(conn, append(group, &[&beside, &entry])), FailureCode::BadEntry);
    assert_eq!(house.relay.stored(group), before);
    assert_eq!(house.relay.placed(conn, group, &[&entry]), [house.head + 1]);
    assert_eq!(house.relay.placed(conn, group, &[&entry]), [house.head + 1], "again changes nothing");
}

#[test]
fn a_reader_and_a_stranger_put_no_parts_and_finish_no_snapshot() {
    let mut house = household_with(MailboxConfig::default(), Role::Reader);
    let (at_bob, group, log) = (house.at_bob, house.group, log_of(&house.relay, house.group));
    house.relay.inbox.clear();
    assert_eq!(house.relay.refused(at_bob, put(group, 0, b"one")), FailureCode::RoleForbids);
    let entry = manifest(house.log, &log, &[b"one"]).sign(&house.bob.key, group, [log[0]], Epoch(0)).unwrap();
    assert_eq!(house.relay.refused(at_bob, append(group, &[&entry])), FailureCode::RoleForbids);
    let stranger = Device::new(77);
    let at_stranger = house.relay.connect(&stranger);
    assert_eq!(house.relay.refused(at_stranger, put(group, 0, b"one")), FailureCode::NotAMember);
    assert_eq!(house.relay.refused(at_stranger, get(group, entry.id(), 0)), FailureCode::NotAMember);
    let controls = ClientFrame::GetControls { request: REQUEST, group, after: Cursor::ZERO };
    assert_eq!(house.relay.refused(at_stranger, controls), FailureCode::NotAMember);
}

#[test]
fn parts_are_bounded_in_size_number_and_sum() {
    let limits = Limits { max_snapshot_bytes: Some(100), ..Limits::default() };
    let mut house = household_with(MailboxConfig { limits, ..MailboxConfig::default() }, Role::Writer);
    let (conn, group) = (house.at_alice, house.group);
    house.relay.inbox.clear();
    let too_large = vec![0; MAX_SNAPSHOT_PART_BYTES as usize + 1];
    for (index, sealed) in [(0, &too_large[..]), (0, &[]), (4_096, &[1]), (0, &[0; 101])] {
        assert_eq!(house.relay.refused(conn, put(group, index, sealed)), FailureCode::SnapshotTooLarge);
    }
    assert!(matches!(house.relay.ask(conn, put(group, 0, &[0; 60])), RelayFrame::SnapshotPartPut { .. }));
    assert_eq!(house.relay.refused(conn, put(group, 1, &[0; 41])), FailureCode::SnapshotTooLarge);
    let other = ClientFrame::PutSnapshotPart {
        request: REQUEST,
        group,
        nonce: SnapshotNonce([2; 16]),
        index: 0,
        sealed: Bytes(vec![0; 90]),
    };
    assert!(matches!(house.relay.ask(conn, other), RelayFrame::SnapshotPartPut { .. }), "it takes the other's place");
    assert_eq!(house.relay.mailbox.store().upload_bytes(&group).unwrap(), 90);
    house.later(DAY + 1);
    house.tidy();
    assert_eq!(house.relay.mailbox.store().upload_bytes(&group).unwrap(), 0, "given up after a day");
    let none = Limits { max_snapshot_bytes: None, ..Limits::default() };
    let mut house = household_with(MailboxConfig { limits: none, ..MailboxConfig::default() }, Role::Writer);
    let (conn, group) = (house.at_alice, house.group);
    house.relay.inbox.clear();
    assert_eq!(house.relay.refused(conn, put(group, 0, &[1])), FailureCode::SnapshotTooLarge);
}

#[test]
fn what_a_snapshot_covers_is_dropped_when_it_is_old_and_active_devices_have_it() {
    let (mut house, log) = written(6);
    assert_eq!((house.tidy(), house.floor()), (0, 0), "nothing without a snapshot");
    house.snapshot(&log[..8], &[b"all"]);
    let (at_alice, at_bob) = (house.at_alice, house.at_bob);
    house.later(DAY);
    house.open_at(at_alice, &log);
    house.open_at(at_bob, &log);
    assert_eq!(house.tidy(), 0, "all of it is young");
    house.later(6 * DAY - 1);
    house.tidy();
    assert_eq!(house.floor(), 3, "control entries are passed, and stay");
    house.later(DAY);
    assert_eq!((house.tidy(), house.floor()), (5, 8), "the ninth is not covered");
    let kept = log_of(&house.relay, house.group);
    assert_eq!(kept[..4], [log[0], log[1], log[2], log[8]]);
    let bytes: usize = house.relay.mailbox.store().entries(&house.group).iter().map(Vec::len).sum();
    let info = house.relay.mailbox.store().group(&house.group).unwrap().unwrap();
    assert_eq!(info.bytes, bytes as u64, "the quota counts what is there");
}

#[test]
fn nothing_is_dropped_that_an_active_device_lacks() {
    let (mut house, log) = written(6);
    house.snapshot(&log, &[b"all"]);
    let (at_alice, at_bob) = (house.at_alice, house.at_bob);
    house.open_at(at_bob, &log[..5]);
    house.later(30 * DAY);
    house.open_at(at_alice, &log);
    assert_eq!((house.tidy(), house.floor()), (2, 5), "Bob has five");
    house.later(59 * DAY);
    house.tidy();
    assert_eq!(house.floor(), 5, "he may still come");
    house.later(2 * DAY);
    house.open_at(at_alice, &log);
    house.tidy();
    assert_eq!(house.floor(), 9, "he was away for ninety days");
    house.relay.inbox.clear();
    let answer = house.open_at(at_bob, &log[..5]);
    assert!(matches!(answer, RelayFrame::Opened { floor: Some(floor), snapshot: Some(_), .. } if floor.get() == 9));
    assert_eq!(house.relay.try_next(at_bob), None, "no page below the floor");
    assert_eq!(house.relay.refused(at_bob, pull(house.group, 5, 10, 1_000)), FailureCode::Pruned);
    let page = house.relay.ask(at_bob, pull(house.group, 9, 10, 1_000));
    assert!(matches!(page, RelayFrame::Page { more: false, .. }), "from there on it goes on as ever");
}

#[test]
fn a_device_that_never_asked_is_waited_for_as_long_as_places_are_known() {
    let (mut house, log) = written(3);
    house.snapshot(&log, &[b"all"]);
    // As after the relay learned to write places down: nothing is known of anybody.
    let store = house.relay.mailbox.store_mut();
    store.begin().unwrap();
    for device in [house.alice.id(), house.bob.id()] {
        let long_ago = Place { cursor: Cursor::new(6).unwrap(), at: Timestamp::from_ms(0) };
        store.note_place(&house.group, &device, long_ago).unwrap();
    }
    store.commit().unwrap();
    house.later(100 * DAY);
    assert_eq!(house.tidy(), 3, "both were away for longer");
}

#[test]
fn the_log_below_the_floor_is_still_told_from_another() {
    let (mut house, log) = written(6);
    house.snapshot(&log, &[b"all"]);
    house.later(100 * DAY);
    assert_eq!(house.tidy(), 6);
    let at_bob = house.at_bob;
    for stands in [5, 8, 9] {
        let answer = house.open_at(at_bob, &log[..stands]);
        assert!(matches!(answer, RelayFrame::Opened { .. }), "at {stands}: {answer:?}");
        house.relay.inbox.clear();
    }
    let mut other = log[..5].to_vec();
    other.swap(3, 4);
    assert!(matches!(house.open_at(at_bob, &other), RelayFrame::Diverged { .. }));
}

#[test]
fn control_entries_are_served_from_below_the_floor() {
    let (mut house, log) = written(3);
    house.snapshot(&log, &[b"all"]);
    house.later(100 * DAY);
    house.tidy();
    let (at_bob, group) = (house.at_bob, house.group);
    let mut after = Cursor::ZERO;
    let mut found = Vec::new();
    loop {
        let answer = house.relay.ask(at_bob, ClientFrame::GetControls { request: REQUEST, group, after });
        let RelayFrame::Controls { items, more, .. } = answer else { panic!("no controls") };
        for item in items {
            let Item::Entry { cursor, bytes } = item else { panic!("his own come in full too") };
            found.push(entry_id(&bytes));
            after = cursor;
        }
        if !more {
            break;
        }
    }
    assert_eq!(found, log[..3]);
}

#[test]
fn a_newer_snapshot_replaces_an_older_one_after_a_day_and_a_third_at_once() {
    let (mut house, log) = written(6);
    let first = house.snapshot(&log[..5], &[b"first"]);
    let log = log_of(&house.relay, house.group);
    assert_eq!(log.len(), 10);
    let before = manifest(house.log, &log[..9], &[b"before"]).sign(&house.alice.key, house.group, [log[0]], Epoch(0));
    let (conn, group) = (house.at_alice, house.group);
    house.relay.ask(conn, put(group, 0, b"before"));
    let stale = house.relay.refused(conn, append(group, &[&before.unwrap()]));
    assert_eq!(stale, FailureCode::SnapshotStale, "it does not cover the one before it");
    let second = house.snapshot(&log, &[b"second"]);
    let known = |house: &Household| -> Vec<EntryId> {
        let snapshots = house.relay.mailbox.store().snapshots(&house.group).unwrap();
        snapshots.iter().map(|snapshot| snapshot.id).collect()
    };
    house.tidy();
    assert_eq!(known(&house), [second.id(), first.id()]);
    house.later(100 * DAY);
    let log = log_of(&house.relay, house.group);
    let third = house.snapshot(&log, &[b"third"]);
    assert_eq!(known(&house), [third.id(), second.id()]);
    house.tidy();
    assert_eq!(house.floor(), 10, "what a kept snapshot does not cover stays, for who is taking it");
    house.later(DAY);
    house.tidy();
    assert_eq!((known(&house), house.floor()), (vec![third.id()], 11));
}

#[test]
fn a_relay_that_was_killed_while_it_forgot_goes_on() {
    let (mut house, log) = written(6);
    house.snapshot(&log, &[b"all"]);
    house.later(100 * DAY);
    house.relay.mailbox.tidy(house.relay.now);
    let now = house.relay.now;
    house.relay = house.relay.restarted();
    house.relay.now = now;
    assert_eq!(house.floor(), 0, "what was not committed did not happen");
    assert_eq!((house.tidy(), house.floor()), (6, 9));
    assert_eq!(Retention::default().keep_ms, 7 * DAY);
}

#[test]
fn a_snapshot_of_who_left_is_offered_and_nothing_is_dropped_by_it_and_one_of_who_was_put_out_is_not() {
    for leaves in [true, false] {
        let (mut house, log) = written(6);
        let (at_alice, at_bob, group) = (house.at_alice, house.at_bob, house.group);
        let made = house.snapshot_by(at_bob, &house.bob.key.clone(), &log, &[b"by bob"]);
        let tip = house.bobs_join.id();
        let leave = house.bob.control(group, &Control::Leave, &[tip]);
        let mut parents = vec![tip];
        if leaves {
            house.relay.placed(at_bob, group, &[&leave]);
            parents = vec![leave.id()];
        }
        let offered = |house: &mut Household| {
            house.relay.inbox.clear();
            let RelayFrame::Opened { snapshot, .. } = house.open_at(at_alice, &log[..3]) else { panic!("not opened") };
            snapshot.is_some_and(|told| *told == *made.encoded())
        };
        assert!(offered(&mut house));
        let removal = Control::Remove { device: house.bob.id(), rotation: None };
        let removal = house.alice.control(group, &removal, &parents);
        house.relay.inbox.clear();
        house.relay.placed(at_alice, group, &[&removal]);
        assert_eq!(offered(&mut house), leaves);
        // Everybody has it all, and it is old: by a snapshot of somebody who may write it would go.
        let whole = log_of(&house.relay, group);
        house.relay.inbox.clear();
        house.open_at(at_alice, &whole);
        house.later(400 * DAY);
        assert_eq!((house.tidy(), house.floor()), (0, 0));
        assert_eq!(offered(&mut house), leaves, "it is not thrown away either");
    }
}
