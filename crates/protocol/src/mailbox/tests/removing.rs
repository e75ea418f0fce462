//! A device that was removed learns of it, and gets nothing that comes later.
use super::*;
use crate::keys::Rotation;

/// The household, after Alice removed Bob; what Bob's connection was given of it is still unread.
fn removed() -> (Household, VerifiedEntry) {
    let mut home = household();
    let control = Control::Remove { device: home.bob.id(), rotation: None };
    let removal = home.alice.control(home.group, &control, &[home.bobs_join.id()]);
    assert_eq!(home.relay.placed(home.at_alice, home.group, &[&removal]), [4]);
    (home, removal)
}

#[test]
fn a_removed_device_that_follows_is_given_its_removal_and_nothing_after_it() {
    let mut home = household();
    let control = Control::Remove { device: home.bob.id(), rotation: None };
    let removal = home.alice.control(home.group, &control, &[home.bobs_join.id()]);
    let later = home.alice.write(home.group, *b"for those who stayed");
    // Both in one append, so in one push.
    assert_eq!(home.relay.placed(home.at_alice, home.group, &[&removal, &later]), [4, 5]);
    let RelayFrame::Live { items, .. } = home.relay.next(home.at_bob) else { panic!("not told") };
    assert_eq!(cursors(&items), [4]);
    home.relay.placed(home.at_alice, home.group, &[&home.alice.write(home.group, *b"more")]);
    assert_eq!(home.relay.try_next(home.at_bob), None);
    assert_eq!(home.relay.refused(home.at_bob, pull(home.group, 4, 10, 10_000)), FailureCode::Removed);
}

#[test]
fn a_removed_device_that_was_away_is_served_up_to_its_removal() {
    let (Household { mut relay, alice, bob, group, log, at_alice, .. }, removal) = removed();
    relay.placed(at_alice, group, &[&alice.write(group, *b"later")]);
    let ids = log_of(&relay, group);
    let mut relay = relay.restarted();
    let at_bob = relay.connect(&bob);
    let RelayFrame::Opened { head, .. } = relay.ask(at_bob, open_behind(group, log, &ids[..3])) else {
        panic!("not opened")
    };
    assert_eq!(head.get(), 4);
    let RelayFrame::Page { items, head, more, .. } = relay.next(at_bob) else { panic!("no page") };
    assert_eq!((cursors(&items), head.get(), more), (vec![4], 4, false));
    assert!(matches!(&items[0], Item::Entry { bytes, .. } if bytes[..] == *removal.encoded()));
    assert_eq!(relay.refused(at_bob, pull(group, 4, 10, 10_000)), FailureCode::Removed);
}

#[test]
fn a_removed_device_writes_nothing_also_when_it_pins_old_parents() {
    let (Household { mut relay, bob, group, at_bob, bobs_join, .. }, _) = removed();
    let (late, pinned) = (bob.write(group, *b"late"), bob.write_after(group, *b"pinned", &[bobs_join.id()]));
    let name = bob.control(group, &Control::Name { sealed: sealed(), kem: None }, &[bobs_join.id()]);
    while relay.try_next(at_bob).is_some() {}
    for entry in [&late, &pinned] {
        assert_eq!(relay.refused(at_bob, append(group, &[entry])), FailureCode::Removed);
    }
    assert_eq!(relay.refused(at_bob, append(group, &[&name])), FailureCode::Superseded);
    assert_eq!(relay.stored(group), 4);
}

#[test]
fn an_entry_of_a_removed_device_is_taken_when_somebody_had_built_on_it() {
    let (Household { mut relay, alice, bob, group, at_alice, .. }, _) = removed();
    let (first, second) = (bob.write(group, *b"one"), bob.write(group, *b"two"));
    let second = bob.write_after(group, second.payload(), &[first.id()]);
    let unseen = bob.write(group, *b"nobody saw this");
    while relay.try_next(at_alice).is_some() {}
    for entry in [&first, &second, &unseen] {
        assert_eq!(relay.refused(at_alice, append(group, &[entry])), FailureCode::Removed);
    }
    let built = alice.write_after(group, *b"on two", &[second.id()]);
    assert_eq!(relay.placed(at_alice, group, &[&built]), [5]);
    while relay.try_next(at_alice).is_some() {}
    assert_eq!(relay.refused(at_alice, append(group, &[&first])), FailureCode::Removed, "not named yet");
    assert_eq!(relay.placed(at_alice, group, &[&second, &first]), [6, 7], "each is named by the one before");
    while relay.try_next(at_alice).is_some() {}
    assert_eq!(relay.refused(at_alice, append(group, &[&unseen])), FailureCode::Removed);
    let mut relay = relay.restarted();
    let at_alice = relay.connect(&alice);
    assert_eq!(relay.refused(at_alice, append(group, &[&unseen])), FailureCode::Removed);
}

#[test]
fn a_device_in_whose_place_nobody_was_admitted_is_served_nothing() {
    let (Household { mut relay, group, .. }, _) = removed();
    let at_mallory = relay.connect(&Device::new(66));
    assert_eq!(relay.refused(at_mallory, open(group)), FailureCode::NotAMember);
}

#[test]
fn a_control_entry_that_came_to_nothing_is_taken_when_something_builds_on_it() {
    let (Household { mut relay, alice, bob, group, at_alice, bobs_join, .. }, _) = removed();
    while relay.try_next(at_alice).is_some() {}
    let name = bob.control(group, &Control::Name { sealed: sealed(), kem: None }, &[bobs_join.id()]);
    assert_eq!(relay.refused(at_alice, append(group, &[&name])), FailureCode::Superseded);
    let built = alice.write_after(group, *b"on the name", &[name.id()]);
    assert_eq!(relay.placed(at_alice, group, &[&built]), [5]);
    assert_eq!(relay.placed(at_alice, group, &[&name]), [6]);
    let mut relay = relay.restarted();
    let at_alice = relay.connect(&alice);
    assert_eq!(
        relay.placed(at_alice, group, &[&alice.write(group, *b"more")]),
        [7],
        "the members are the same as before"
    );
    let at_bob = relay.connect(&bob);
    let RelayFrame::Opened { head, .. } = relay.ask(at_bob, open(group)) else { panic!("not opened") };
    assert_eq!(head.get(), 4, "and Bob is none of them");
}

#[test]
fn data_of_a_reader_is_taken_by_the_word_of_an_admin_or_of_data_and_not_by_what_a_reader_may_say() {
    let mut home = household();
    let demotion = Control::Role { device: home.bob.id(), role: Role::Reader };
    let demotion = home.alice.control(home.group, &demotion, &[home.bobs_join.id()]);
    assert_eq!(home.relay.placed(home.at_alice, home.group, &[&demotion]), [4]);
    let Household { mut relay, alice, bob, group, at_alice, at_bob, .. } = home;
    let [named, vouched, built_on, snapshot] =
        [*b"named", *b"vouch", *b"built", *b"snaps"].map(|payload| bob.write(group, payload));
    let says = Control::Name { sealed: sealed(), kem: None };
    let says = bob.control(group, &says, &[demotion.id(), named.id(), built_on.id()]);
    let seen = EntryDraft::new(Some(group), bob.id(), [named.id()], Epoch(0), EntryKind::Seen, 0).unwrap();
    let seen = seen.sign(&bob.key, Vec::new()).unwrap();
    assert_eq!(relay.placed(at_bob, group, &[&seen, &says]), [5, 6]);
    let refused = |relay: &mut Relay, conn, entries: &[&VerifiedEntry]| {
        while relay.try_next(conn).is_some() {}
        relay.refused(conn, append(group, entries))
    };
    assert_eq!(refused(&mut relay, at_bob, &[&named]), FailureCode::RoleForbids);
    assert_eq!(refused(&mut relay, at_alice, &[&named]), FailureCode::RoleForbids, "nor from somebody else");
    // A leave in the same frame does no more.
    let leave = bob.control(group, &Control::Leave, &[says.id(), named.id()]);
    assert_eq!(refused(&mut relay, at_bob, &[&leave, &named]), FailureCode::Removed);
    // An admin's entry and data of somebody who may write do, before it in the frame or in the log.
    let rotation = Rotation { epoch: Epoch(1), wraps: Vec::new(), previous: Bytes::default() };
    let rotate = alice.control(group, &Control::Rotate { rotation }, &[says.id(), vouched.id()]);
    while relay.try_next(at_alice).is_some() {}
    assert_eq!(relay.placed(at_alice, group, &[&rotate, &vouched]), [7, 8]);
    let on_it = alice.write_after(group, *b"on it", &[built_on.id()]);
    assert_eq!(relay.placed(at_alice, group, &[&on_it]), [9]);
    // A relay that starts anew finds the same in its log.
    let mut relay = relay.restarted();
    let at_bob = relay.connect(&bob);
    for entry in [&named, &snapshot] {
        assert_eq!(refused(&mut relay, at_bob, &[entry]), FailureCode::RoleForbids);
    }
    assert_eq!(relay.placed(at_bob, group, &[&built_on]), [10]);
}

#[test]
fn a_relay_that_is_filled_again_takes_data_of_a_removed_device_by_a_removal_that_names_it_and_not_by_a_void_one() {
    let home = household();
    let secret = SigningKey::from_seed(&[98; 32]);
    let carol = Device::new(3);
    let invite = home.alice.invite(home.group, &secret, Role::Admin, 5_000_000);
    let join = carol.join(home.group, &secret, invite.id(), 1_000_000);
    let data = home.bob.write(home.group, *b"known to carol");
    // Carol had Bob's entry when she removed him; Alice removed Carol at the same time.
    let by_carol = Control::Remove { device: home.bob.id(), rotation: None };
    let by_carol = carol.control(home.group, &by_carol, &[home.bobs_join.id(), join.id(), data.id()]);
    let by_alice = |device: &Device| Control::Remove { device: device.id(), rotation: None };
    let against_carol = home.alice.control(home.group, &by_alice(&carol), &[home.bobs_join.id(), join.id()]);
    let against_bob = home.alice.control(home.group, &by_alice(&home.bob), &[against_carol.id()]);
    let controls: Vec<VerifiedEntry> = home.relay.mailbox.store().entries(&home.group)[..3]
        .iter()
        .map(|bytes| VerifiedEntry::decode(bytes).unwrap())
        .collect();
    let filled = |more: &[&VerifiedEntry]| {
        let mut relay = Relay::new();
        let at_alice = relay.connect(&home.alice);
        let all: Vec<&VerifiedEntry> = controls.iter().chain([&invite, &join]).chain(more.iter().copied()).collect();
        assert_eq!(relay.placed(at_alice, home.group, &all).len(), all.len());
        relay.append(at_alice, home.group, &[&data])
    };
    assert!(matches!(filled(&[&by_carol]), RelayFrame::Appended { .. }));
    let void = filled(&[&by_carol, &against_carol, &against_bob]);
    assert!(matches!(void, RelayFrame::Failed { code: FailureCode::Removed, .. }), "{void:?}");
}

/// What a relay refuses may decide between others: whoever has it has to name it, or a relay that lost its log makes another group than devices know.
#[test]
fn a_relay_that_is_filled_again_makes_the_same_group_once_what_came_to_nothing_is_named() {
    let home = household();
    let (group, alice, bob, carol) = (home.group, &home.alice, &home.bob, Device::new(3));
    let secret = SigningKey::from_seed(&[98; 32]);
    let invite = alice.invite(group, &secret, Role::Admin, 5_000_000);
    let join = carol.join(group, &secret, invite.id(), 1_000_000);
    let role = Control::Role { device: bob.id(), role: Role::Admin };
    let raised = alice.control(group, &role, &[home.bobs_join.id(), join.id()]);
    let removes = |by: &Device, whom: &Device| {
        by.control(group, &Control::Remove { device: whom.id(), rotation: None }, &[raised.id()])
    };
    // In a circle: the first comes to nothing, as does the second, whom the first alone keeps from deciding.
    let (first, second, third) = (removes(alice, bob), removes(bob, &carol), removes(&carol, alice));
    let mut relay = Relay::new();
    let at_carol = relay.connect(&carol);
    let known: Vec<VerifiedEntry> =
        home.relay.mailbox.store().entries(&group).iter().map(|bytes| VerifiedEntry::decode(bytes).unwrap()).collect();
    let all: Vec<&VerifiedEntry> = known.iter().chain([&invite, &join, &raised, &third]).collect();
    relay.placed(at_carol, group, &all);
    assert_eq!(relay.refused(at_carol, append(group, &[&first])), FailureCode::Superseded, "nothing names it");
    // So the second stands, and for the relay it is Carol who is out.
    let at_bob = relay.connect(bob);
    relay.placed(at_bob, group, &[&second]);
    assert_eq!(relay.refused(at_carol, append(group, &[&carol.write(group, *b"out")])), FailureCode::Removed);
    // Once data names the first, the relay takes it: it is as if it had never been lost.
    let names = bob.write_after(group, *b"names it", &[first.id()]);
    assert_eq!(relay.placed(at_bob, group, &[&names, &first]).len(), 2);
    relay.placed(at_carol, group, &[&carol.write(group, *b"in again")]);
    let at_alice = relay.connect(alice);
    assert_eq!(relay.refused(at_alice, append(group, &[&alice.write(group, *b"out")])), FailureCode::Removed);
}

#[test]
fn a_device_whose_admission_came_to_nothing_while_it_followed_is_told_that_it_lags() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, bobs_join, .. } =
        household_with(MailboxConfig::default(), Role::Admin);
    let (carol, secret) = (Device::new(3), SigningKey::from_seed(&[33; 32]));
    let (invite_key, expires_at) = (secret.invite_key(), Timestamp::from_ms(9_000_000));
    let invite = Control::Invite { invite_key, role: Role::Writer, expires_at, uses: 1, sealed: sealed() };
    let invite = bob.control(group, &invite, &[bobs_join.id()]);
    let join = carol.join(group, &secret, invite.id(), 1_000_000);
    assert_eq!(relay.placed(at_bob, group, &[&invite]), [4]);
    let at_carol = relay.connect(&carol);
    assert_eq!(relay.placed(at_carol, group, &[&join]), [5]);
    assert!(matches!(relay.ask(at_carol, open(group)), RelayFrame::Opened { head, .. } if head.get() == 5));
    assert!(matches!(relay.next(at_carol), RelayFrame::Page { more: false, .. }));
    // Alice knew nothing of Carol when she removed Bob: who came by Bob's word never was a member, and no entry says that she is out.
    let remove = Control::Remove { device: bob.id(), rotation: None };
    let removal = alice.control(group, &remove, &[bobs_join.id()]);
    let later = alice.write(group, *b"for those who stayed");
    assert_eq!(relay.placed(at_alice, group, &[&removal, &later]), [6, 7]);
    let told = relay.next(at_carol);
    assert!(matches!(told, RelayFrame::Lagged { head, .. } if head.get() == 7), "{told:?}");
    relay.placed(at_alice, group, &[&alice.write(group, *b"more")]);
    assert_eq!(relay.try_next(at_carol), None, "nothing is pushed after it");
    assert_eq!(relay.refused(at_carol, pull(group, 5, 10, 10_000)), FailureCode::NotAMember);
}
