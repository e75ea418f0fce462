//! Strangers, forgers and noise: refused, and nothing stored.
use super::*;
use proptest::prelude::*;

#[test]
fn nothing_is_served_or_stored_before_the_handshake() {
    let Household { mut relay, alice, group, .. } = household();
    let entry = alice.write(group, *b"unproved");
    let page = pull(group, 0, 10, 10_000);
    let take = ClientFrame::TakeInvite { request: REQUEST, place: InvitePlace([1; 32]) };
    for frame in [open(group), page, append(group, &[&entry]), take] {
        let conn = relay.dial();
        assert!(matches!(relay.next(conn), RelayFrame::Challenge { .. }));
        assert_eq!(relay.refused(conn, frame), FailureCode::NotAuthenticated);
        assert_eq!(relay.closed[&conn], FailureCode::NotAuthenticated);
        relay.send(conn, open(group));
        assert_eq!(relay.try_next(conn), None);
    }
    assert_eq!(relay.stored(group), 3);
}

#[test]
fn a_stranger_is_served_nothing_and_stores_nothing() {
    let Household { mut relay, group, .. } = household();
    let stranger = Device::new(9);
    let conn = relay.connect(&stranger);
    assert_eq!(relay.refused(conn, open(group)), FailureCode::NotAMember);
    assert_eq!(relay.refused(conn, pull(group, 0, 10, 10_000)), FailureCode::NotOpen);
    let own = stranger.write(group, *b"spam");
    assert_eq!(relay.refused(conn, append(group, &[&own])), FailureCode::NotAMember);
    let held: Vec<VerifiedEntry> =
        relay.mailbox.store().entries(&group).iter().map(|bytes| VerifiedEntry::decode(bytes).unwrap()).collect();
    let replay = append(group, &held.iter().collect::<Vec<_>>());
    assert_eq!(relay.refused(conn, replay), FailureCode::NotAMember, "not even where entries stand");
    assert_eq!(relay.stored(group), 3);
}

#[test]
fn an_answer_to_another_challenge_is_refused() {
    let Household { mut relay, alice, .. } = household();
    let conn = relay.dial();
    relay.next(conn);
    let hello = crate::handshake::answer(&alice.key, VERSIONS, [200; 32], "relay").unwrap();
    assert_eq!(relay.refused(conn, hello), FailureCode::BadHandshake);
    assert_eq!(relay.closed[&conn], FailureCode::BadHandshake);
}

#[test]
fn an_answer_meant_for_another_relay_is_refused() {
    let mut relay = Relay::with(MailboxConfig { audiences: vec!["mine:1".to_owned()], ..MailboxConfig::default() });
    let conn = relay.dial();
    let RelayFrame::Challenge { versions, nonce, .. } = relay.next(conn) else { panic!() };
    let hello = crate::handshake::answer(&Device::new(1).key, &versions, nonce, "evil:1").unwrap();
    assert_eq!(relay.refused(conn, hello), FailureCode::WrongAudience);
}

#[test]
fn forged_swapped_and_foreign_entries_are_refused() {
    let Household { mut relay, alice, bob, group, at_alice, .. } = household();
    let (one, two) = (alice.write(group, *b"one"), alice.write(group, *b"two"));
    let at = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
    let mut forged = one.encoded().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut swapped = one.encoded().to_vec();
    let place = at(&swapped, b"one");
    swapped[place..place + 3].copy_from_slice(two.payload());
    let mut renamed = one.encoded().to_vec();
    let place = at(&renamed, alice.id().as_bytes());
    renamed[place..place + 32].copy_from_slice(bob.id().as_bytes());
    let foreign = alice.write(GroupId([1; 32]), *b"one").into_encoded();
    for (bytes, what) in [(forged, "forged"), (swapped, "swapped"), (renamed, "renamed"), (foreign, "foreign")] {
        let frame = ClientFrame::Append { request: REQUEST, group, entries: vec![Bytes(bytes)] };
        assert_eq!(relay.refused(at_alice, frame), FailureCode::BadEntry, "{what}");
    }
    assert_eq!(relay.stored(group), 3);
}

#[test]
fn a_join_without_the_invites_secret_is_refused() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let (secret, guess) = (SigningKey::from_seed(&[97; 32]), SigningKey::from_seed(&[96; 32]));
    let invite = alice.invite(group, &secret, Role::Admin, 5_000_000);
    relay.placed(at_alice, group, &[&invite]);
    let (carol, dave) = (Device::new(3), Device::new(4));
    let at_dave = relay.connect(&dave);
    let guessed = append(group, &[&dave.join(group, &guess, invite.id(), 2)]);
    assert_eq!(relay.refused(at_dave, guessed), FailureCode::BadEntry);
    let at_carol = relay.connect(&carol);
    let for_carol = carol.join(group, &secret, invite.id(), 2);
    assert_eq!(relay.refused(at_dave, append(group, &[&for_carol])), FailureCode::NotAMember, "not by another device");
    assert_eq!(relay.placed(at_carol, group, &[&for_carol]), [5]);
}

#[test]
fn a_writer_cannot_invite() {
    let Household { mut relay, bob, group, at_bob, bobs_join, .. } = household();
    let (secret, expires_at) = (SigningKey::from_seed(&[97; 32]), Timestamp::from_ms(5_000_000));
    let (invite_key, role) = (secret.invite_key(), Role::Admin);
    let invite = Control::Invite { invite_key, role, expires_at, uses: 1, sealed: sealed() };
    let known = bob.control(group, &invite, &[bobs_join.id()]);
    assert_eq!(relay.refused(at_bob, append(group, &[&known])), FailureCode::RoleForbids);
    let pinned = bob.control(group, &invite, &[group.into()]);
    assert_eq!(relay.refused(at_bob, append(group, &[&pinned])), FailureCode::NotAMember, "it was none there");
}

#[test]
fn an_entry_or_frame_over_the_limit_is_refused() {
    let mut config = MailboxConfig::default();
    config.limits.max_entry_bytes = 1_000;
    config.limits.max_frame_bytes = 20_000;
    config.limits.max_append_entries = 2;
    let Household { mut relay, alice, group, at_alice, .. } = household_with(config, Role::Writer);
    let large = alice.write(group, vec![0; 1_000]);
    assert_eq!(relay.refused(at_alice, append(group, &[&large])), FailureCode::EntryTooLarge);
    let small = alice.write(group, *b"small");
    assert_eq!(relay.refused(at_alice, append(group, &[&small, &small, &small])), FailureCode::TooManyEntries);
    let huge = alice.write(group, vec![0; 20_000]);
    assert_eq!(relay.refused(at_alice, append(group, &[&huge])), FailureCode::FrameTooLarge);
    assert_eq!(relay.closed[&at_alice], FailureCode::FrameTooLarge);
}

#[test]
fn a_frame_of_a_newer_version_is_passed_over() {
    let Household { mut relay, at_alice, .. } = household();
    let mut newer = Vec::new();
    minicbor::Encoder::new(&mut newer).array(2).unwrap().u32(4_000).unwrap().str("what?").unwrap();
    relay.mailbox.received(at_alice, relay.now, &newer);
    relay.settle();
    assert_eq!(relay.try_next(at_alice), None);
    assert_eq!(relay.ask(at_alice, ClientFrame::Ping { number: 5 }), RelayFrame::Pong { number: 5 });
}

/// An entry with these bytes as its header and payload, signed.
fn signed(by: &Device, header: &[u8], payload: &[u8]) -> Bytes {
    let signature = by.key.sign(crate::sign::Domain::Entry, &hash::entry_digest(header, payload));
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(3).unwrap().bytes(header).unwrap().bytes(payload).unwrap().bytes(&signature.0).unwrap();
    Bytes(bytes)
}

#[test]
fn a_control_of_a_newer_version_is_refused_as_unsupported() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let payload = vec![0x81, 0x18, 0x20];
    let parents = [EntryId::from(group)];
    let draft = EntryDraft::new(Some(group), alice.id(), parents, Epoch(0), EntryKind::Control, payload.len()).unwrap();
    assert!(draft.clone().sign(&alice.key, payload.clone()).is_err(), "this version does not write it either");
    let entries = vec![signed(&alice, draft.header_bytes(), &payload)];
    let frame = ClientFrame::Append { request: REQUEST, group, entries };
    assert_eq!(relay.refused(at_alice, frame), FailureCode::UnsupportedEntry);
}

/// The device keeps all of them and tries again, as the code's `retry` says: the relay has to be updated first.
#[test]
fn an_entry_of_a_newer_version_or_kind_is_refused_as_unsupported_with_all_that_goes_along() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let known = alice.write(group, *b"known");
    let header = known.header_bytes();
    let (version, kind) = (1, header.len() - 2);
    for (place, number) in [(version, 2), (kind, 5)] {
        let mut newer = header.to_vec();
        newer[place] = number;
        let newer = signed(&alice, &newer, known.payload());
        let id = hash::entry_id(&newer);
        let entries = vec![Bytes(known.encoded().to_vec()), newer];
        relay.send(at_alice, ClientFrame::Append { request: REQUEST, group, entries });
        let said = relay.next(at_alice);
        let RelayFrame::Failed { code, retry, entry, .. } = said else { panic!("{said:?}") };
        assert_eq!((code, retry, entry), (FailureCode::UnsupportedEntry, true, Some(id)));
        assert_eq!(relay.stored(group), 3, "all or nothing");
    }
    relay.send(at_alice, append(group, &[&known]));
    assert!(matches!(relay.next(at_alice), RelayFrame::Appended { .. }));
}

#[test]
fn noise_ends_the_connection_it_came_on_and_no_other() {
    let Household { mut relay, at_alice, at_bob, .. } = household();
    relay.mailbox.received(at_alice, relay.now, b"GET / HTTP/1.1");
    relay.settle();
    assert_eq!(relay.closed[&at_alice], FailureCode::BadFrame);
    assert_eq!(relay.ask(at_bob, ClientFrame::Ping { number: 1 }), RelayFrame::Pong { number: 1 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut relay = Relay::new();
        let conn = relay.dial();
        relay.mailbox.received(conn, relay.now, &bytes);
        relay.settle();
        let _ = RelayFrame::decode(&bytes);
        let _ = VerifiedEntry::decode(&bytes);
        let _ = Control::parse(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_valid_frame_with_a_flipped_byte_never_panics_nor_stores(at in any::<prop::sample::Index>(), mask in 1u8..) {
        let Household { mut relay, alice, group, at_alice, .. } = household();
        let entry = alice.write(group, *b"flip");
        let mut bytes = append(group, &[&entry]).encode();
        let index = at.index(bytes.len());
        bytes[index] ^= mask;
        relay.mailbox.received(at_alice, relay.now, &bytes);
        relay.settle();
        let stored = relay.mailbox.store().entries(&group);
        // A flip in the request's number or the group's id is another valid frame, with the same entry or none.
        prop_assert!(stored.len() == 3 || stored[3] == entry.encoded());
    }
}
