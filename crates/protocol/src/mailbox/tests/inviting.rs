//! Invitations: taken once, by one device unless it is for more, in time.
use super::*;

const PLACE: InvitePlace = InvitePlace([42; 32]);

fn put(group: GroupId, place: InvitePlace, expires_ms: u64) -> ClientFrame {
    let expires_at = Timestamp::from_ms(expires_ms);
    ClientFrame::PutInvite { request: REQUEST, group, place, expires_at, sealed: sealed(), uses: None }
}

fn take(place: InvitePlace) -> ClientFrame {
    ClientFrame::TakeInvite { request: REQUEST, place }
}

/// Alice's invitation lies at [`PLACE`] until 600 s after now.
fn invited() -> (Household, Timestamp) {
    let mut home = household();
    let expires_at = home.relay.now.plus_ms(600_000);
    let answer = home.relay.ask(home.at_alice, put(home.group, PLACE, expires_at.as_ms()));
    assert_eq!(answer, RelayFrame::InvitePut { request: REQUEST });
    (home, expires_at)
}

#[test]
fn an_invitation_is_taken_once_by_whoever_has_the_code() {
    let (Household { mut relay, .. }, expires_at) = invited();
    let (carol, dave) = (Device::new(3), Device::new(4));
    let at_carol = relay.connect(&carol);
    let invitation = RelayFrame::Invitation { request: REQUEST, sealed: sealed(), expires_at };
    assert_eq!(relay.ask(at_carol, take(PLACE)), invitation);
    let at_dave = relay.connect(&dave);
    assert_eq!(relay.refused(at_dave, take(PLACE)), FailureCode::InviteUsed);
    let at_carol = relay.connect(&carol);
    assert_eq!(relay.ask(at_carol, take(PLACE)), invitation, "her answer may have been lost");
}

#[test]
fn a_used_invitation_is_remembered_as_used_until_a_day_after_it_expired() {
    let (Household { mut relay, .. }, expires_at) = invited();
    let (carol, dave) = (Device::new(3), Device::new(4));
    let at_carol = relay.connect(&carol);
    relay.ask(at_carol, take(PLACE));
    let at_dave = relay.connect(&dave);
    let grace_ms = relay.mailbox.limits().invite_grace_ms;
    relay.now = expires_at.plus_ms(grace_ms);
    assert_eq!(relay.refused(at_dave, take(PLACE)), FailureCode::InviteUsed);
    relay.now = expires_at.plus_ms(grace_ms + 1);
    assert_eq!(relay.refused(at_dave, take(PLACE)), FailureCode::InviteNotFound);
}

#[test]
fn an_expired_invitation_says_so_and_is_forgotten_later() {
    let (Household { mut relay, .. }, expires_at) = invited();
    let at_carol = relay.connect(&Device::new(3));
    relay.now = expires_at.plus_ms(1);
    assert_eq!(relay.refused(at_carol, take(PLACE)), FailureCode::InviteExpired);
    relay.now = expires_at.plus_ms(relay.mailbox.limits().invite_grace_ms + 1);
    assert_eq!(relay.refused(at_carol, take(PLACE)), FailureCode::InviteNotFound);
    relay.now = relay.now.plus_ms(120_000);
    relay.send(at_carol, take(InvitePlace([1; 32])));
    assert_eq!(relay.mailbox.store().invitation(&PLACE).unwrap(), None, "gone from the disk");
}

#[test]
fn an_invitation_can_be_taken_until_the_moment_it_expires() {
    let (Household { mut relay, .. }, expires_at) = invited();
    let at_carol = relay.connect(&Device::new(3));
    relay.now = expires_at;
    assert!(matches!(relay.ask(at_carol, take(PLACE)), RelayFrame::Invitation { .. }));
}

#[test]
fn only_an_admin_puts_or_revokes_an_invitation() {
    let (Household { mut relay, group, at_alice, at_bob, .. }, expires_at) = invited();
    let revoke = ClientFrame::RevokeInvite { request: REQUEST, group, place: PLACE };
    let other = InvitePlace([43; 32]);
    assert_eq!(relay.refused(at_bob, put(group, other, expires_at.as_ms())), FailureCode::RoleForbids);
    assert_eq!(relay.refused(at_bob, revoke.clone()), FailureCode::RoleForbids);
    let stranger = relay.connect(&Device::new(9));
    assert_eq!(relay.refused(stranger, put(group, other, expires_at.as_ms())), FailureCode::NotAMember);
    assert_eq!(relay.refused(stranger, revoke.clone()), FailureCode::NotAMember);
    assert_eq!(relay.ask(at_alice, revoke.clone()), RelayFrame::InviteRevoked { request: REQUEST });
    assert_eq!(relay.refused(at_alice, revoke), FailureCode::InviteNotFound);
    assert_eq!(relay.refused(stranger, take(PLACE)), FailureCode::InviteNotFound);
}

#[test]
fn putting_the_same_again_is_fine_and_something_else_at_its_place_is_not() {
    let (Household { mut relay, group, at_alice, .. }, expires_at) = invited();
    let again = relay.ask(at_alice, put(group, PLACE, expires_at.as_ms()));
    assert_eq!(again, RelayFrame::InvitePut { request: REQUEST });
    assert_eq!(relay.refused(at_alice, put(group, PLACE, expires_at.as_ms() - 1)), FailureCode::InvitePlaceTaken);
}

#[test]
fn invitations_are_bounded_in_size_number_and_time() {
    let mut config = MailboxConfig::default();
    config.limits.max_group_invites = 2;
    config.limits.max_invite_bytes = 40;
    let Household { mut relay, group, at_alice, .. } = household_with(config, Role::Writer);
    let now = relay.now.as_ms();
    let far = relay.now.plus_ms(relay.mailbox.limits().max_invite_ms + 1).as_ms();
    assert_eq!(relay.refused(at_alice, put(group, PLACE, far)), FailureCode::InviteExpired);
    assert_eq!(relay.refused(at_alice, put(group, PLACE, now)), FailureCode::InviteExpired);
    let (expires_at, sealed) = (Timestamp::from_ms(now + 1), Bytes(vec![0; 41]));
    let large = ClientFrame::PutInvite { request: REQUEST, group, place: PLACE, expires_at, sealed, uses: None };
    assert_eq!(relay.refused(at_alice, large), FailureCode::InviteTooLarge);
    for place in 0..2 {
        relay.ask(at_alice, put(group, InvitePlace([place; 32]), now + 1_000));
    }
    assert_eq!(relay.refused(at_alice, put(group, PLACE, now + 1_000)), FailureCode::TooManyInvites);
    relay.now = relay.now.plus_ms(1_000);
    assert!(matches!(relay.ask(at_alice, put(group, PLACE, now + 2_000)), RelayFrame::InvitePut { .. }));
}

#[test]
fn five_wrong_codes_end_the_connection() {
    let mut relay = Relay::new();
    let conn = relay.connect(&Device::new(9));
    for guess in 0..4 {
        assert_eq!(relay.refused(conn, take(InvitePlace([guess; 32]))), FailureCode::InviteNotFound);
    }
    assert_eq!(relay.refused(conn, take(PLACE)), FailureCode::TooManyAttempts);
    assert_eq!(relay.closed[&conn], FailureCode::TooManyAttempts);
}

#[test]
fn one_address_guesses_only_so_often_whatever_its_connections() {
    let (Household { mut relay, .. }, _) = invited();
    let (here, there) = (Some(Peer([1; 16])), Some(Peer([2; 16])));
    for round in 0..5u8 {
        let conn = relay.connect_from(&Device::new(100 + round), here);
        for guess in 0..4 {
            assert_eq!(relay.refused(conn, take(InvitePlace([guess; 32]))), FailureCode::InviteNotFound);
        }
    }
    let conn = relay.connect_from(&Device::new(3), here);
    assert_eq!(relay.refused(conn, take(PLACE)), FailureCode::TooManyAttempts, "even with the right code");
    let elsewhere = relay.connect_from(&Device::new(4), there);
    assert!(matches!(relay.ask(elsewhere, take(PLACE)), RelayFrame::Invitation { .. }));
}

#[test]
fn a_second_join_by_one_invite_is_told_that_it_is_used_up() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let secret = SigningKey::from_seed(&[97; 32]);
    let invite = alice.invite(group, &secret, Role::Writer, 5_000_000);
    relay.placed(at_alice, group, &[&invite]);
    let (carol, dave) = (Device::new(3), Device::new(4));
    let (at_carol, at_dave) = (relay.connect(&carol), relay.connect(&dave));
    relay.placed(at_carol, group, &[&carol.join(group, &secret, invite.id(), 2)]);
    let second = append(group, &[&dave.join(group, &secret, invite.id(), 2)]);
    assert_eq!(relay.refused(at_dave, second), FailureCode::InviteUsed);
    let late = append(group, &[&dave.join(group, &secret, invite.id(), 5_000_001)]);
    assert_eq!(relay.refused(at_dave, late), FailureCode::InviteExpired);
    assert_eq!(relay.refused(at_dave, open(group)), FailureCode::NotAMember);
}

#[test]
fn an_invitation_for_several_devices_is_given_to_so_many_and_no_more() {
    let Household { mut relay, group, at_alice, .. } = household();
    let put = |uses| match put(group, PLACE, 1_600_000) {
        ClientFrame::PutInvite { request, group, place, expires_at, sealed, .. } => {
            ClientFrame::PutInvite { request, group, place, expires_at, sealed, uses: Some(uses) }
        }
        other => panic!("{other:?}"),
    };
    for uses in [0, crate::limits::MAX_INVITE_USES + 1] {
        assert_eq!(relay.refused(at_alice, put(uses)), FailureCode::TooManyInvites);
    }
    assert_eq!(relay.ask(at_alice, put(2)), RelayFrame::InvitePut { request: REQUEST });
    let conns: Vec<ConnectionId> = (50..53).map(|seed| relay.connect(&Device::new(seed))).collect();
    let take = ClientFrame::TakeInvite { request: REQUEST, place: PLACE };
    for conn in [conns[0], conns[1], conns[0]] {
        assert!(matches!(relay.ask(conn, take.clone()), RelayFrame::Invitation { .. }));
    }
    assert_eq!(relay.refused(conns[2], take), FailureCode::InviteUsed);
}
