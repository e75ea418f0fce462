//! Whispers: forwarded to members who listen, kept nowhere, and not too many.
use super::*;

fn whisper(group: GroupId, words: &[u8]) -> ClientFrame {
    ClientFrame::Whisper { request: REQUEST, group, epoch: Epoch(0), sealed: Bytes(words.to_vec()) }
}

fn whispered(group: GroupId, from: &Device, words: &[u8]) -> RelayFrame {
    RelayFrame::Whispered { group, from: from.id(), epoch: Epoch(0), sealed: Bytes(words.to_vec()) }
}

#[test]
fn a_whisper_reaches_the_others_who_have_the_group_open_and_is_stored_nowhere() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, .. } = household();
    let second_of_bob = relay.connect(&bob);
    relay.ask(second_of_bob, open(group));
    relay.next(second_of_bob);
    let not_open = relay.connect(&bob);
    relay.send(at_alice, whisper(group, b"here I am"));
    for conn in [at_bob, second_of_bob] {
        assert_eq!(relay.next(conn), whispered(group, &alice, b"here I am"));
    }
    for conn in [at_alice, not_open] {
        assert_eq!(relay.try_next(conn), None);
    }
    assert_eq!(relay.stored(group), 3);
    assert!(!relay.mailbox.store().contains_bytes(b"here I am"));
    let late = relay.connect(&bob);
    relay.ask(late, open(group));
    relay.next(late);
    assert_eq!(relay.try_next(late), None, "what was said before is gone");
}

#[test]
fn a_whisper_begins_no_transaction_of_the_store() {
    let Household { mut relay, group, at_alice, at_bob, .. } = household();
    relay.mailbox.store_mut().fail_commits(1);
    relay.send(at_alice, whisper(group, b"words"));
    assert!(matches!(relay.next(at_bob), RelayFrame::Whispered { .. }));
    assert!(relay.closed.is_empty());
}

#[test]
fn readers_may_whisper() {
    let Household { mut relay, bob, group, at_alice, at_bob, .. } =
        household_with(MailboxConfig::default(), Role::Reader);
    relay.send(at_bob, whisper(group, b"I only read"));
    assert_eq!(relay.next(at_alice), whispered(group, &bob, b"I only read"));
}

#[test]
fn who_is_no_member_or_has_not_opened_the_group_is_not_forwarded() {
    let Household { mut relay, alice, group, at_bob, .. } = household();
    let dialled = relay.dial();
    relay.next(dialled);
    assert_eq!(relay.refused(dialled, whisper(group, b"x")), FailureCode::NotAuthenticated);
    let stranger = relay.connect(&Device::new(9));
    assert_eq!(relay.refused(stranger, open(group)), FailureCode::NotAMember);
    assert_eq!(relay.refused(stranger, whisper(group, b"x")), FailureCode::NotOpen);
    let not_open = relay.connect(&alice);
    assert_eq!(relay.refused(not_open, whisper(group, b"x")), FailureCode::NotOpen);
    assert_eq!(relay.try_next(at_bob), None);
}

#[test]
fn a_whisper_that_is_too_large_is_refused() {
    let Household { mut relay, group, at_alice, at_bob, .. } = household();
    let most = vec![7; crate::limits::MAX_WHISPER_BYTES];
    relay.send(at_alice, whisper(group, &most));
    assert!(matches!(relay.next(at_bob), RelayFrame::Whispered { .. }));
    assert_eq!(relay.refused(at_alice, whisper(group, &[most, vec![7]].concat())), FailureCode::WhisperTooLarge);
    assert_eq!(relay.try_next(at_bob), None);
}

#[test]
fn who_whispers_too_fast_is_told_once_in_a_while_and_heard_again_later() {
    let config = MailboxConfig { whispers: WhisperLimits { per_second: 10, burst: 5 }, ..MailboxConfig::default() };
    let Household { mut relay, group, at_alice, at_bob, .. } = household_with(config, Role::Writer);
    let say = |relay: &mut Relay, times: usize| {
        (0..times).for_each(|_| relay.send(at_alice, whisper(group, b"x")));
        let heard = std::iter::from_fn(|| relay.try_next(at_bob)).count();
        let told: Vec<_> = std::iter::from_fn(|| relay.try_next(at_alice)).collect();
        (heard, told)
    };
    let (heard, told) = say(&mut relay, 20);
    assert_eq!(heard, 5);
    let [RelayFrame::Failed { request: Some(REQUEST), code, retry: true, retry_after_ms: Some(100), .. }] = told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(code, FailureCode::TooManyWhispers);
    relay.now = relay.now.plus_ms(250);
    assert_eq!(say(&mut relay, 20), (2, vec![]), "told once in ten seconds");
    relay.now = relay.now.plus_ms(10_000);
    let (heard, told) = say(&mut relay, 6);
    assert_eq!((heard, told.len()), (5, 1), "no more than the burst, however long the rest was");
    assert!(relay.closed.is_empty());
}

#[test]
fn a_relay_may_forward_none() {
    let config = MailboxConfig { whispers: WhisperLimits { per_second: 0, burst: 5 }, ..MailboxConfig::default() };
    let Household { mut relay, group, at_alice, at_bob, .. } = household_with(config, Role::Writer);
    assert_eq!(relay.refused(at_alice, whisper(group, b"x")), FailureCode::TooManyWhispers);
    assert_eq!(relay.try_next(at_bob), None);
}

#[test]
fn a_connection_that_lags_hears_no_whispers_until_it_has_caught_up() {
    let limits = Limits { max_pending_bytes: 100, ..Limits::default() };
    let config = MailboxConfig { limits, ..MailboxConfig::default() };
    let Household { mut relay, alice, group, at_alice, at_bob, .. } = household_with(config, Role::Writer);
    relay.reads = false;
    relay.send(at_alice, whisper(group, &[1; 90]));
    assert!(matches!(relay.next(at_bob), RelayFrame::Whispered { .. }));
    relay.send(at_alice, whisper(group, b"dropped"));
    assert_eq!(relay.try_next(at_bob), None);
    relay.mailbox.flushed(at_bob, 100_000);
    relay.mailbox.flushed(at_alice, 100_000);
    relay.reads = true;
    relay.send(at_alice, whisper(group, b"heard again"));
    assert_eq!(relay.next(at_bob), whispered(group, &alice, b"heard again"));
}

#[test]
fn who_was_removed_neither_hears_nor_is_heard() {
    let mut home = household();
    let control = Control::Remove { device: home.bob.id(), rotation: None };
    let removal = home.alice.control(home.group, &control, &[home.bobs_join.id()]);
    assert_eq!(home.relay.placed(home.at_alice, home.group, &[&removal]), [4]);
    let read: Vec<_> = std::iter::from_fn(|| home.relay.try_next(home.at_bob)).collect();
    assert!(matches!(read[..], [RelayFrame::Live { .. }]), "{read:?}");
    home.relay.send(home.at_alice, whisper(home.group, b"for those who stayed"));
    assert_eq!(home.relay.try_next(home.at_bob), None);
    assert_eq!(home.relay.refused(home.at_bob, whisper(home.group, b"still here")), FailureCode::NotAMember);
    let heard: Vec<_> = std::iter::from_fn(|| home.relay.try_next(home.at_alice)).collect();
    assert!(!heard.iter().any(|frame| matches!(frame, RelayFrame::Whispered { .. })), "{heard:?}");
}
