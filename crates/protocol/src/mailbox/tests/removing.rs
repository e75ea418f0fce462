//! A device that was removed learns of it, and gets nothing that comes later.
use super::*;

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
