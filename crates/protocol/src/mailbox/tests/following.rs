//! Following: pages, live entries, slow readers, and logs that are not what they were.
use super::*;

#[test]
fn pages_are_bounded_by_bytes_and_count_and_follow_without_gaps() {
    let Household { mut relay, alice, group, at_alice, at_bob, head, .. } = household();
    let entries: Vec<VerifiedEntry> = (0..50u8).map(|n| alice.write(group, vec![n; 1_000])).collect();
    relay.placed(at_alice, group, &entries.iter().collect::<Vec<_>>());
    while relay.try_next(at_bob).is_some() {}
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let RelayFrame::Page { items, more, .. } = relay.ask(at_bob, pull(group, after, 20, 5_000)) else { panic!() };
        let bytes: usize = items.iter().map(item_size).sum();
        assert!(!items.is_empty() && items.len() <= 20 && bytes <= 5_000, "{} items, {bytes} bytes", items.len());
        seen.extend(cursors(&items));
        after = *seen.last().unwrap();
        if !more {
            break;
        }
    }
    assert_eq!(seen, (1..=head + 50).collect::<Vec<_>>());
}

#[test]
fn the_largest_entry_fits_an_append_a_page_and_a_live_frame() {
    let Household { mut relay, alice, group, at_alice, at_bob, .. } = household();
    let largest = alice.write(group, vec![7; crate::limits::MAX_PAYLOAD_BYTES as usize]);
    assert_eq!(relay.placed(at_alice, group, &[&largest]), [4]);
    let RelayFrame::Live { items, .. } = relay.next(at_bob) else { panic!() };
    assert_eq!(cursors(&items), [4]);
    let RelayFrame::Page { items, .. } = relay.ask(at_bob, pull(group, 3, 1, 1)) else { panic!() };
    assert!(matches!(&items[..], [Item::Entry { bytes, .. }] if **bytes == *largest.encoded()));
}

#[test]
fn an_own_push_between_the_pushes_of_others_loses_nothing() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, head, .. } = household();
    let (first, own, second) = (alice.write(group, *b"1"), bob.write(group, *b"own"), alice.write(group, *b"2"));
    relay.feed(at_alice, &append(group, &[&first]));
    relay.feed(at_bob, &append(group, &[&own]));
    relay.feed(at_alice, &append(group, &[&second]));
    relay.settle();
    assert!(matches!(relay.next(at_bob), RelayFrame::Appended { .. }));
    let RelayFrame::Live { items, .. } = relay.next(at_bob) else { panic!() };
    assert_eq!(cursors(&items), [head + 1, head + 2, head + 3]);
    assert!(matches!(&items[1], Item::Own { id, .. } if *id == own.id()));
    assert!(matches!(&items[2], Item::Entry { bytes, .. } if **bytes == *second.encoded()));
}

#[test]
fn a_device_that_lost_what_it_wrote_asks_for_it_in_full() {
    let Household { mut relay, bob, group, at_bob, .. } = household();
    let own = bob.write(group, *b"mine");
    relay.placed(at_bob, group, &[&own]);
    while relay.try_next(at_bob).is_some() {}
    let page = PageSize { own_in_full: true, ..PageSize::default() };
    let after = Cursor::new(3).unwrap();
    let answer = relay.ask(at_bob, ClientFrame::Pull { request: REQUEST, group, after, page });
    let RelayFrame::Page { items, .. } = answer else { panic!() };
    assert!(matches!(&items[..], [Item::Entry { bytes, .. }] if **bytes == *own.encoded()));
}

#[test]
fn nothing_is_pushed_between_the_pages_and_then_it_goes_on_without_a_gap() {
    let Household { mut relay, alice, bob, group, log, at_alice, at_bob, .. } = household();
    relay.mailbox.disconnected(at_bob);
    for n in 0..10u8 {
        relay.placed(at_alice, group, &[&alice.write(group, [n])]);
    }
    let at_bob = relay.connect(&bob);
    let (cursor, page) = (Cursor::ZERO, PageSize { max_entries: 6, max_bytes: 100_000, own_in_full: false });
    relay.send(at_bob, ClientFrame::Open { request: REQUEST, group, log: Some(log), cursor, prefix: None, page });
    assert!(matches!(relay.next(at_bob), RelayFrame::Opened { head, .. } if head.get() == 13));
    assert!(
        matches!(relay.next(at_bob), RelayFrame::Page { more: true, items, .. } if cursors(&items) == [1, 2, 3, 4, 5, 6])
    );
    relay.placed(at_alice, group, &[&alice.write(group, *b"meanwhile")]);
    assert_eq!(relay.try_next(at_bob), None);
    let RelayFrame::Page { items, more, .. } = relay.ask(at_bob, pull(group, 6, 100, 100_000)) else { panic!() };
    assert_eq!((cursors(&items), more), ((7..=14).collect(), false));
    relay.placed(at_alice, group, &[&alice.write(group, *b"live")]);
    assert!(matches!(relay.next(at_bob), RelayFrame::Live { items, .. } if cursors(&items) == [15]));
}

#[test]
fn a_page_and_an_append_in_one_transaction_neither_lose_nor_repeat() {
    let Household { mut relay, alice, group, at_alice, at_bob, .. } = household();
    relay.feed(at_alice, &append(group, &[&alice.write(group, *b"before")]));
    relay.feed(at_bob, &pull(group, 3, 100, 100_000));
    relay.feed(at_alice, &append(group, &[&alice.write(group, *b"after")]));
    relay.settle();
    assert!(matches!(relay.next(at_bob), RelayFrame::Page { items, .. } if cursors(&items) == [4]));
    assert!(matches!(relay.next(at_bob), RelayFrame::Live { items, .. } if cursors(&items) == [5]));
    assert_eq!(relay.try_next(at_bob), None);
}

#[test]
fn live_frames_are_bounded_too() {
    let Household { mut relay, alice, group, at_alice, at_bob, head, .. } = household();
    let entries: Vec<VerifiedEntry> = (0..4u8).map(|n| alice.write(group, vec![n; 200_000])).collect();
    for entry in &entries {
        relay.feed(at_alice, &append(group, &[entry]));
    }
    relay.settle();
    let mut seen = Vec::new();
    while let Some(RelayFrame::Live { items, .. }) = relay.try_next(at_bob) {
        assert!(items.iter().map(item_size).sum::<usize>() <= relay.mailbox.limits().max_page_bytes as usize);
        seen.extend(cursors(&items));
    }
    assert_eq!(seen, (head + 1..=head + 4).collect::<Vec<_>>());
}

#[test]
fn a_slow_reader_is_told_once_that_it_lags_and_catches_up_by_pulling() {
    let mut config = MailboxConfig::default();
    config.limits.max_pending_bytes = 2_000;
    let Household { mut relay, alice, group, at_alice, at_bob, .. } = household_with(config, Role::Writer);
    relay.reads = false;
    for n in 0..6u8 {
        relay.feed(at_alice, &append(group, &[&alice.write(group, vec![n; 900])]));
        relay.settle();
        relay.mailbox.flushed(at_alice, usize::MAX);
    }
    let mut got = Vec::new();
    while let Some(frame) = relay.try_next(at_bob) {
        got.push(frame);
    }
    let lagged = got.iter().filter(|frame| matches!(frame, RelayFrame::Lagged { .. })).count();
    assert_eq!(lagged, 1);
    assert!(matches!(got.last(), Some(RelayFrame::Lagged { .. })), "nothing is pushed after it");
    let live = got.iter().filter_map(|frame| match frame {
        RelayFrame::Live { items, .. } => Some(cursors(items)),
        _ => None,
    });
    let last = live.flatten().last().unwrap();
    relay.mailbox.flushed(at_bob, usize::MAX);
    relay.reads = true;
    let RelayFrame::Page { items, more, .. } = relay.ask(at_bob, pull(group, last, 100, 100_000)) else { panic!() };
    assert_eq!((cursors(&items), more), ((last + 1..=9).collect(), false));
    relay.placed(at_alice, group, &[&alice.write(group, *b"again")]);
    assert!(matches!(relay.next(at_bob), RelayFrame::Live { items, .. } if cursors(&items) == [10]));
}

#[test]
fn a_connection_that_asks_and_never_reads_is_closed() {
    let mut config = MailboxConfig::default();
    config.limits.max_pending_bytes = 10_000;
    let Household { mut relay, at_bob, .. } = household_with(config, Role::Writer);
    relay.reads = false;
    for number in 0..20_000 {
        relay.feed(at_bob, &ClientFrame::Ping { number });
    }
    relay.settle();
    assert_eq!(relay.closed[&at_bob], FailureCode::TooSlow);
    assert!(relay.inbox[&at_bob].len() < 10_000);
}

#[test]
fn a_relay_restored_from_a_backup_says_so() {
    let Household { mut relay, alice, bob, group, log, at_alice, .. } = household();
    let backup = relay.mailbox.store().clone();
    let (lost, other) = (alice.write(group, *b"lost"), bob.write(group, *b"other"));
    relay.placed(at_alice, group, &[&lost]);
    let found = log_of(&relay, group);
    let mut relay = Relay::over(backup, MailboxConfig::default());
    let at_alice = relay.connect(&alice);
    let diverged = relay.ask(at_alice, open_behind(group, log, &found));
    assert!(
        matches!(diverged, RelayFrame::Diverged { head, .. } if head.get() == 3),
        "behind the device: {diverged:?}"
    );
    let at_bob = relay.connect(&bob);
    assert_eq!(relay.placed(at_bob, group, &[&other]), [4]);
    let diverged = relay.ask(at_alice, open_behind(group, log, &found));
    assert!(matches!(diverged, RelayFrame::Diverged { head, .. } if head.get() == 4), "another entry there");
    relay.send(at_alice, open(group));
    assert!(matches!(relay.next(at_alice), RelayFrame::Opened { .. }));
    assert!(matches!(relay.next(at_alice), RelayFrame::Page { items, .. } if cursors(&items) == [1, 2, 3, 4]));
    assert_eq!(relay.placed(at_alice, group, &[&lost]), [5]);
}

#[test]
fn a_restored_log_that_was_filled_in_another_order_says_so_though_the_same_entry_stands_there() {
    let Household { mut relay, alice, bob, group, log, at_alice, .. } = household();
    let backup = relay.mailbox.store().clone();
    let (ours, last, theirs) =
        (alice.write(group, *b"ours"), alice.write(group, *b"last"), bob.write(group, *b"theirs"));
    relay.placed(at_alice, group, &[&ours, &last]);
    let found = log_of(&relay, group);
    let mut relay = Relay::over(backup, MailboxConfig::default());
    let at_bob = relay.connect(&bob);
    assert_eq!(relay.placed(at_bob, group, &[&theirs]), [4]);
    let at_alice = relay.connect(&alice);
    assert_eq!(relay.placed(at_alice, group, &[&last, &ours]), [5, 6]);
    assert_eq!(log_of(&relay, group)[4], *found.last().unwrap(), "the same entry at the same cursor");
    let answer = relay.ask(at_alice, open_behind(group, log, &found));
    assert!(matches!(answer, RelayFrame::Diverged { .. }), "it would never hear of cursor 4: {answer:?}");
    let all = log_of(&relay, group);
    assert!(matches!(relay.ask(at_alice, open_behind(group, log, &all)), RelayFrame::Opened { .. }));
}

#[test]
fn a_log_that_began_again_has_another_id() {
    let Household { mut relay, alice, group, log, at_alice, .. } = household();
    let found = log_of(&relay, group);
    assert!(matches!(relay.ask(at_alice, open_behind(group, log, &found)), RelayFrame::Opened { .. }));
    let genesis = VerifiedEntry::decode(&relay.mailbox.store().entries(&group)[0]).unwrap();
    let mut relay = Relay::with(MailboxConfig::default());
    relay.mailbox = Mailbox::new(MemoryLogStore::new(), MailboxConfig::default(), [6; 32]);
    let at_alice = relay.connect(&alice);
    relay.placed(at_alice, group, &[&genesis]);
    let answer = relay.ask(at_alice, open_behind(group, log, &[genesis.id()]));
    assert!(matches!(answer, RelayFrame::Diverged { log: new, .. } if new != log), "{answer:?}");
}

#[test]
fn a_closed_group_is_pushed_no_more() {
    let Household { mut relay, alice, group, at_alice, at_bob, .. } = household();
    assert!(matches!(relay.ask(at_bob, ClientFrame::Close { request: REQUEST, group }), RelayFrame::Closed { .. }));
    relay.placed(at_alice, group, &[&alice.write(group, *b"quiet")]);
    assert_eq!(relay.try_next(at_bob), None);
    assert_eq!(relay.refused(at_bob, pull(group, 0, 1, 1)), FailureCode::NotOpen);
}

#[test]
fn one_connection_opens_only_so_many_groups() {
    let mut config = MailboxConfig::default();
    config.limits.max_open_groups = 2;
    let (mut relay, alice) = (Relay::with(config), Device::new(1));
    let conn = relay.connect(&alice);
    let groups: Vec<VerifiedEntry> = (0..3).map(|nonce| alice.found(nonce)).collect();
    for genesis in &groups {
        relay.placed(conn, genesis.group(), &[genesis]);
    }
    for genesis in &groups[..2] {
        assert!(matches!(relay.ask(conn, open(genesis.group())), RelayFrame::Opened { .. }));
        assert!(matches!(relay.next(conn), RelayFrame::Page { .. }));
    }
    assert_eq!(relay.refused(conn, open(groups[2].group())), FailureCode::TooManyGroups);
}

#[test]
fn a_relay_that_stops_says_so() {
    let Household { mut relay, at_alice, .. } = household();
    relay.mailbox.shut_down();
    relay.settle();
    assert!(matches!(relay.next(at_alice), RelayFrame::Failed { code: FailureCode::ShuttingDown, request: None, .. }));
    assert_eq!(relay.closed[&at_alice], FailureCode::ShuttingDown);
    assert_eq!(relay.mailbox.connections(), 0);
}
