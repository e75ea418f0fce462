//! Appending: cursors without gaps, once each, and only what may stand.
use super::*;

#[test]
fn cursors_have_no_gaps_however_appends_interleave() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, head, .. } = household();
    for round in 0..20u8 {
        relay.feed(at_alice, &append(group, &[&alice.write(group, [round, 1]), &alice.write(group, [round, 2])]));
        relay.feed(at_bob, &append(group, &[&bob.write(group, [round])]));
        relay.feed(at_alice, &append(group, &[&alice.write(group, [round, 3])]));
        relay.settle();
    }
    let log = relay.mailbox.store().page(&group, Cursor::ZERO, 1_000, u32::MAX, None).unwrap();
    assert_eq!(cursors(&log), (1..=head + 80).collect::<Vec<_>>());
}

#[test]
fn an_append_after_a_lost_acknowledgement_gets_the_first_cursor_and_is_stored_once() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let entry = alice.write(group, *b"once");
    assert_eq!(relay.placed(at_alice, group, &[&entry]), [4]);
    relay.mailbox.disconnected(at_alice);
    let mut relay = relay.restarted();
    let again = relay.connect(&alice);
    let next = alice.write(group, *b"next");
    assert_eq!(relay.placed(again, group, &[&entry, &next, &entry]), [4, 5, 4]);
    assert_eq!(relay.stored(group), 5);
}

#[test]
fn an_entry_twice_in_one_frame_is_stored_once() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let entry = alice.write(group, *b"twin");
    assert_eq!(relay.placed(at_alice, group, &[&entry, &entry]), [4, 4]);
    assert_eq!(relay.stored(group), 4);
}

#[test]
fn a_join_directly_followed_by_data_is_appended_in_one_frame() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let (carol, secret) = (Device::new(3), SigningKey::from_seed(&[98; 32]));
    let invite = alice.invite(group, &secret, Role::Writer, 5_000_000);
    relay.placed(at_alice, group, &[&invite]);
    let at_carol = relay.connect(&carol);
    let join = carol.join(group, &secret, invite.id(), 2);
    assert_eq!(relay.placed(at_carol, group, &[&join, &carol.write(group, *b"hello")]), [5, 6]);
}

#[test]
fn a_frame_with_one_bad_entry_stores_none_of_it() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, .. } = household();
    let other = Device::new(9).write(group, *b"stranger");
    let (good, bad) = (alice.write(group, *b"good"), other.id());
    let answer = relay.append(at_alice, group, &[&good, &other]);
    assert!(matches!(answer, RelayFrame::Failed { code: FailureCode::NotAMember, entry: Some(id), .. } if id == bad));
    assert_eq!(relay.stored(group), 3);
    assert_eq!(relay.placed(at_bob, group, &[&bob.write(group, *b"after")]), [4]);
}

#[test]
fn an_unknown_group_begins_with_its_genesis_only() {
    let (mut relay, alice) = (Relay::new(), Device::new(1));
    let genesis = alice.found(0);
    let group = genesis.group();
    let at_alice = relay.connect(&alice);
    let entry = alice.write(group, *b"early");
    assert_eq!(relay.refused(at_alice, open(group)), FailureCode::UnknownGroup);
    assert_eq!(relay.refused(at_alice, append(group, &[&entry])), FailureCode::UnknownGroup);
    assert_eq!(relay.refused(at_alice, append(group, &[&entry, &genesis])), FailureCode::UnknownGroup);
    assert_eq!(relay.placed(at_alice, group, &[&genesis, &entry]), [1, 2]);
}

#[test]
fn any_member_fills_an_empty_relay_again_with_the_controls_first() {
    let Household { relay, alice, bob, group, bobs_join, .. } = household();
    let held: Vec<VerifiedEntry> =
        relay.mailbox.store().entries(&group).iter().map(|bytes| VerifiedEntry::decode(bytes).unwrap()).collect();
    let mut empty = Relay::new();
    let at_bob = empty.connect(&bob);
    let theirs = alice.write(group, *b"hers");
    assert_eq!(held[2].id(), bobs_join.id());
    assert_eq!(empty.placed(at_bob, group, &[&held[0], &held[1], &held[2], &theirs]), [1, 2, 3, 4]);
}

#[test]
fn a_stranger_cannot_begin_the_log_of_a_group_by_its_genesis() {
    let (mut relay, alice, stranger) = (Relay::new(), Device::new(1), Device::new(9));
    let genesis = alice.found(0);
    let conn = relay.connect(&stranger);
    assert_eq!(relay.refused(conn, append(genesis.group(), &[&genesis])), FailureCode::NotAMember);
    assert_eq!(relay.mailbox.store().group(&genesis.group()).unwrap(), None);
    let at_alice = relay.connect(&alice);
    assert_eq!(relay.placed(at_alice, genesis.group(), &[&genesis]), [1]);
}

#[test]
fn a_reader_reads_but_does_not_write() {
    let Household { mut relay, bob, group, at_bob, bobs_join, .. } =
        household_with(MailboxConfig::default(), Role::Reader);
    assert_eq!(relay.refused(at_bob, append(group, &[&bob.write(group, *b"no")])), FailureCode::RoleForbids);
    let name = bob.control(group, &Control::Name { sealed: sealed(), kem: None }, &[bobs_join.id()]);
    assert_eq!(relay.placed(at_bob, group, &[&name]), [4]);
}

#[test]
fn a_group_over_its_quota_is_refused_and_what_it_has_stays() {
    let mut config = MailboxConfig::default();
    config.limits.max_group_bytes = 4_000;
    let Household { mut relay, alice, group, at_alice, .. } = household_with(config, Role::Writer);
    let big = alice.write(group, vec![0; 4_000]);
    assert_eq!(relay.refused(at_alice, append(group, &[&big])), FailureCode::QuotaExceeded);
    assert_eq!(relay.placed(at_alice, group, &[&alice.write(group, *b"small")]), [4]);
}

#[test]
fn one_address_begins_only_so_many_groups_in_a_while() {
    let mut config = MailboxConfig::default();
    config.admission.max_new_groups = 2;
    let (mut relay, alice) = (Relay::with(config), Device::new(1));
    let conn = relay.connect_from(&alice, Some(Peer([1; 16])));
    let groups: Vec<VerifiedEntry> = (0..3).map(|nonce| alice.found(nonce)).collect();
    relay.placed(conn, groups[0].group(), &[&groups[0]]);
    relay.placed(conn, groups[1].group(), &[&groups[1]]);
    let third = append(groups[2].group(), &[&groups[2]]);
    let wait = match relay.ask(conn, third.clone()) {
        RelayFrame::Failed { code: FailureCode::TooManyAttempts, retry: true, retry_after_ms: Some(wait), .. } => wait,
        other => panic!("{other:?}"),
    };
    let elsewhere = relay.connect_from(&alice, Some(Peer([2; 16])));
    assert!(matches!(relay.ask(elsewhere, third.clone()), RelayFrame::Appended { .. }));
    relay.now = relay.now.plus_ms(u64::from(wait));
    let fourth = alice.found(4);
    relay.placed(conn, fourth.group(), &[&fourth]);
}

#[test]
fn nothing_is_sent_before_the_commit() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    relay.feed(at_alice, &append(group, &[&alice.write(group, *b"wait")]));
    assert_eq!(relay.mailbox.poll(), None);
    relay.settle();
    assert!(matches!(relay.next(at_alice), RelayFrame::Appended { .. }));
}

#[test]
fn a_failed_commit_acknowledges_nothing_closes_everyone_and_the_relay_goes_on() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, .. } = household();
    relay.mailbox.store_mut().fail_commits(1);
    let entry = alice.write(group, *b"unlucky");
    relay.feed(at_alice, &append(group, &[&entry]));
    assert!(relay.mailbox.commit().is_err());
    relay.deliver();
    for conn in [at_alice, at_bob] {
        assert!(matches!(relay.next(conn), RelayFrame::Failed { request: None, retry: true, .. }));
        assert_eq!(relay.closed[&conn], FailureCode::Unavailable);
    }
    assert_eq!(relay.stored(group), 3);
    let (at_alice, at_bob) = (relay.connect(&alice), relay.connect(&bob));
    assert_eq!(relay.placed(at_bob, group, &[&bob.write(group, *b"first")]), [4]);
    assert_eq!(relay.placed(at_alice, group, &[&entry]), [5]);
}

#[test]
fn members_are_known_again_after_a_restart_and_when_the_cache_is_full() {
    let config = MailboxConfig { cached_groups: CachedGroups(1), ..MailboxConfig::default() };
    let Household { mut relay, alice, bob, group, at_alice, at_bob, .. } = household_with(config, Role::Writer);
    let second = alice.found(1);
    relay.feed(at_bob, &append(group, &[&bob.write(group, *b"one")]));
    relay.feed(at_alice, &append(second.group(), &[&second]));
    relay.settle();
    let answer = relay.next(at_alice);
    assert!(matches!(answer, RelayFrame::Appended { .. }), "{answer:?}");
    // The push does not depend on the cache, which holds the other group now.
    assert!(matches!(relay.next(at_alice), RelayFrame::Live { .. }));
    assert!(matches!(relay.next(at_bob), RelayFrame::Appended { .. }));
    let mut relay = relay.restarted();
    let at_bob = relay.connect(&bob);
    assert_eq!(relay.placed(at_bob, group, &[&bob.write(group, *b"two")]), [5]);
}
