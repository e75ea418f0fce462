//! Envelopes: given to whoever has the token, and to guessers less and less often.
use super::*;
use crate::envelope::{EnvelopeToken, PasswordHint};
use crate::ids::EnvelopePlace;
use crate::keys::{KEM_KEY_BYTES, KemKey};

const PLACE: EnvelopePlace = EnvelopePlace([42; 32]);
const ELSEWHERE: EnvelopePlace = EnvelopePlace([43; 32]);
const HINT: PasswordHint =
    PasswordHint { memory_kib: PasswordHint::MEMORY_KIB, passes: PasswordHint::PASSES, salt: [8; 16] };

fn token(n: u8) -> EnvelopeToken {
    EnvelopeToken([n; 32])
}

fn recovery(home: &mut Household, secret: u8) -> VerifiedEntry {
    let invite_key = SigningKey::from_seed(&[secret; 32]).invite_key();
    let kem = KemKey::from_slice(&[6; KEM_KEY_BYTES]).unwrap();
    let control = Control::Recovery { invite_key, kem, share: sealed(), sealed: None };
    let entry = home.alice.control(home.group, &control, &[EntryId::from(home.group)]);
    home.relay.placed(home.at_alice, home.group, &[&entry]);
    while home.relay.try_next(home.at_alice).is_some() || home.relay.try_next(home.at_bob).is_some() {}
    entry
}

fn put_at(group: GroupId, recovery: EntryId, place: EnvelopePlace, hidden: bool, n: u8) -> ClientFrame {
    let (verifier, hint) = (token(n).verifier(), Some(HINT));
    ClientFrame::PutEnvelope { request: REQUEST, group, recovery, place, hidden, verifier, sealed: sealed(), hint }
}

fn open_with(place: EnvelopePlace, hidden: bool, n: u8) -> ClientFrame {
    ClientFrame::OpenEnvelope { request: REQUEST, place, hidden, token: token(n) }
}

fn ask_hint(place: EnvelopePlace, hidden: bool) -> ClientFrame {
    ClientFrame::AskHint { request: REQUEST, place, hidden }
}

/// Alice's envelope lies at [`PLACE`], its token is `token(1)`.
fn recoverable(hidden: bool) -> (Household, VerifiedEntry) {
    let mut home = household();
    let entry = recovery(&mut home, 50);
    let answer = home.relay.ask(home.at_alice, put_at(home.group, entry.id(), PLACE, hidden, 1));
    assert_eq!(answer, RelayFrame::EnvelopePut { request: REQUEST });
    (home, entry)
}

fn envelope() -> RelayFrame {
    RelayFrame::Envelope { request: REQUEST, sealed: sealed() }
}

#[test]
fn whoever_has_the_token_gets_the_envelope_and_nobody_else() {
    for hidden in [false, true] {
        let (Household { mut relay, .. }, _) = recoverable(hidden);
        let stranger = relay.connect(&Device::new(9));
        let hint = RelayFrame::Hint { request: REQUEST, hint: HINT };
        assert_eq!(relay.ask(stranger, ask_hint(PLACE, hidden)), hint);
        assert_eq!(relay.refused(stranger, open_with(PLACE, hidden, 2)), FailureCode::RecoveryRefused);
        assert_eq!(relay.ask(stranger, open_with(PLACE, hidden, 1)), envelope());
        assert_eq!(relay.ask(stranger, open_with(PLACE, hidden, 1)), envelope(), "as often as it is needed");
    }
}

#[test]
fn of_a_hidden_place_nobody_learns_whether_something_lies_there() {
    let (Household { mut relay, .. }, _) = recoverable(true);
    let stranger = relay.connect(&Device::new(9));
    let RelayFrame::Hint { hint: made_up, .. } = relay.ask(stranger, ask_hint(ELSEWHERE, true)) else { panic!() };
    assert_eq!((made_up.memory_kib, made_up.passes), (HINT.memory_kib, HINT.passes));
    let RelayFrame::Hint { hint: third, .. } = relay.ask(stranger, ask_hint(EnvelopePlace([1; 32]), true)) else {
        panic!()
    };
    assert_ne!(made_up.salt, third.salt, "each place has its own");
    let mut answers = [vec![], vec![]];
    for round in 0..8 {
        for (place, answers) in [PLACE, ELSEWHERE].into_iter().zip(&mut answers) {
            answers.push(relay.ask(stranger, open_with(place, true, 100 + round)));
        }
        relay.now = relay.now.plus_ms(70_000);
    }
    assert_eq!(answers[0], answers[1]);
    // Asked as if it could not be guessed, it is not there.
    assert_eq!(relay.refused(stranger, ask_hint(PLACE, false)), FailureCode::RecoveryNotFound);
    assert_eq!(relay.refused(stranger, open_with(PLACE, false, 1)), FailureCode::RecoveryNotFound);
    let mut relay = relay.restarted();
    let stranger = relay.connect(&Device::new(9));
    let again = relay.ask(stranger, ask_hint(ELSEWHERE, true));
    assert_eq!(again, RelayFrame::Hint { request: REQUEST, hint: made_up }, "also after a restart");
}

#[test]
fn a_place_that_cannot_be_guessed_says_when_it_is_empty() {
    let mut relay = Relay::new();
    let stranger = relay.connect(&Device::new(9));
    assert_eq!(relay.refused(stranger, ask_hint(PLACE, false)), FailureCode::RecoveryNotFound);
    assert_eq!(relay.refused(stranger, open_with(PLACE, false, 1)), FailureCode::RecoveryNotFound);
}

/// How long the relay makes the next try wait; `None` when it answers.
fn wait_of(relay: &mut Relay, conn: ConnectionId, frame: ClientFrame) -> Option<u64> {
    match relay.ask(conn, frame) {
        RelayFrame::Failed { code: FailureCode::TooManyAttempts, retry: true, retry_after_ms, .. } => {
            Some(u64::from(retry_after_ms.unwrap()))
        }
        _ => None,
    }
}

#[test]
fn wrong_tokens_make_the_next_try_wait_longer_each_time_also_after_a_restart() {
    let (Household { mut relay, .. }, _) = recoverable(true);
    let mut stranger = relay.connect(&Device::new(9));
    for guess in 0..5 {
        assert_eq!(relay.refused(stranger, open_with(PLACE, true, 100 + guess)), FailureCode::RecoveryRefused);
    }
    for minutes in [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360] {
        let wait = wait_of(&mut relay, stranger, open_with(PLACE, true, 1));
        assert_eq!(wait, Some(minutes * 60_000), "also for who has the right one");
        relay = relay.restarted();
        stranger = relay.connect(&Device::new(9));
        relay.now = relay.now.plus_ms(minutes * 60_000 - 1);
        assert_eq!(wait_of(&mut relay, stranger, open_with(PLACE, true, 1)), Some(1));
        relay.now = relay.now.plus_ms(1);
        assert_eq!(relay.refused(stranger, open_with(PLACE, true, 99)), FailureCode::RecoveryRefused);
    }
    relay.now = relay.now.plus_ms(360 * 60_000);
    assert_eq!(relay.ask(stranger, open_with(PLACE, true, 1)), envelope());
    assert_eq!(relay.refused(stranger, open_with(PLACE, true, 99)), FailureCode::RecoveryRefused, "counted anew");
}

#[test]
fn one_address_guesses_only_so_often_wherever() {
    let (Household { mut relay, .. }, _) = recoverable(true);
    let (here, there) = (Some(Peer([1; 16])), Some(Peer([2; 16])));
    for guess in 0..20 {
        let conn = relay.connect_from(&Device::new(9), here);
        let hidden = guess % 2 == 0;
        relay.send(conn, open_with(EnvelopePlace([guess; 32]), hidden, 1));
    }
    let conn = relay.connect_from(&Device::new(9), here);
    assert_eq!(wait_of(&mut relay, conn, open_with(PLACE, true, 1)), Some(60_000));
    let elsewhere = relay.connect_from(&Device::new(9), there);
    assert_eq!(relay.ask(elsewhere, open_with(PLACE, true, 1)), envelope());
    relay.now = relay.now.plus_ms(60_000);
    assert_eq!(relay.ask(conn, open_with(PLACE, true, 1)), envelope());
}

#[test]
fn only_an_admin_puts_or_drops_an_envelope_and_only_of_an_open_recovery() {
    let (Household { mut relay, alice, group, at_alice, at_bob, .. }, entry) = recoverable(false);
    let drop = ClientFrame::DropEnvelope { request: REQUEST, group, place: PLACE };
    let put = put_at(group, entry.id(), ELSEWHERE, false, 1);
    let stranger = relay.connect(&Device::new(9));
    assert_eq!(relay.refused(at_bob, put.clone()), FailureCode::RoleForbids);
    assert_eq!(relay.refused(stranger, put.clone()), FailureCode::NotAMember);
    assert_eq!(relay.refused(at_bob, drop.clone()), FailureCode::RoleForbids);
    assert_eq!(relay.refused(stranger, drop.clone()), FailureCode::NotAMember);
    let of_no_recovery = put_at(group, EntryId::from(group), ELSEWHERE, false, 1);
    assert_eq!(relay.refused(at_alice, of_no_recovery), FailureCode::RecoveryClosed);
    let (request, sealed, recovery) = (REQUEST, Bytes(vec![0; MAX_BYTES + 1]), entry.id());
    let verifier = token(1).verifier();
    let large = ClientFrame::PutEnvelope {
        request,
        group,
        recovery,
        place: ELSEWHERE,
        hidden: false,
        verifier,
        sealed,
        hint: None,
    };
    assert_eq!(relay.refused(at_alice, large), FailureCode::RecoveryTooLarge);
    let revoke = alice.control(group, &Control::Revoke { invite: entry.id() }, &[entry.id()]);
    relay.placed(at_alice, group, &[&revoke]);
    assert_eq!(relay.refused(stranger, open_with(PLACE, false, 1)), FailureCode::RecoveryClosed);
    assert_eq!(relay.refused(stranger, open_with(PLACE, false, 2)), FailureCode::RecoveryRefused);
    while relay.try_next(at_alice).is_some() {}
    assert_eq!(relay.refused(at_alice, put), FailureCode::RecoveryClosed);
    assert_eq!(relay.ask(at_alice, drop.clone()), RelayFrame::EnvelopeDropped { request: REQUEST });
    assert_eq!(relay.ask(at_alice, drop), RelayFrame::EnvelopeDropped { request: REQUEST }, "also when it is gone");
    assert_eq!(relay.refused(stranger, open_with(PLACE, false, 1)), FailureCode::RecoveryNotFound);
}

#[test]
fn the_envelope_of_an_open_recovery_is_dropped_by_nobody() {
    let (Household { mut relay, group, at_alice, .. }, _) = recoverable(false);
    // Who closed another recovery in this place may not know of this one.
    let drop = ClientFrame::DropEnvelope { request: REQUEST, group, place: PLACE };
    assert_eq!(relay.ask(at_alice, drop), RelayFrame::EnvelopeDropped { request: REQUEST });
    let stranger = relay.connect(&Device::new(9));
    assert_eq!(relay.ask(stranger, open_with(PLACE, false, 1)), envelope());
}

const MAX_BYTES: usize = crate::limits::MAX_ENVELOPE_BYTES;

#[test]
fn an_envelope_replaces_its_groups_at_the_place_and_no_other_groups() {
    let (mut home, entry) = recoverable(true);
    let other = home.relay.connect(&home.bob);
    let genesis = home.bob.found(7);
    home.relay.placed(other, genesis.group(), &[&genesis]);
    let bobs = Household { group: genesis.group(), alice: Device::new(2), at_alice: other, ..home };
    let mut bobs = bobs;
    let bobs_recovery = recovery(&mut bobs, 51);
    let taken = put_at(bobs.group, bobs_recovery.id(), PLACE, true, 3);
    assert_eq!(bobs.relay.refused(other, taken), FailureCode::RecoveryPlaceTaken);
    let drop = ClientFrame::DropEnvelope { request: REQUEST, group: bobs.group, place: PLACE };
    assert_eq!(bobs.relay.ask(other, drop), RelayFrame::EnvelopeDropped { request: REQUEST });
    let (mut relay, group) = (bobs.relay, entry.group());
    let at_alice = relay.connect(&Device::new(1));
    assert_eq!(relay.ask(at_alice, open_with(PLACE, true, 1)), envelope(), "another group's drop does nothing");
    assert!(matches!(relay.ask(at_alice, put_at(group, entry.id(), PLACE, true, 4)), RelayFrame::EnvelopePut { .. }));
    assert_eq!(relay.refused(at_alice, open_with(PLACE, true, 1)), FailureCode::RecoveryRefused);
    assert_eq!(relay.ask(at_alice, open_with(PLACE, true, 4)), envelope());
}

#[test]
fn a_group_has_so_many_envelopes_and_closed_ones_make_room() {
    let (mut home, first) = recoverable(false);
    let group = home.group;
    for n in 1..8 {
        let put = put_at(group, first.id(), EnvelopePlace([n; 32]), false, n);
        assert!(matches!(home.relay.ask(home.at_alice, put), RelayFrame::EnvelopePut { .. }));
    }
    let second = recovery(&mut home, 51);
    let one_more = put_at(group, second.id(), EnvelopePlace([99; 32]), false, 1);
    assert_eq!(home.relay.refused(home.at_alice, one_more.clone()), FailureCode::TooManyRecoveries);
    let revoke = home.alice.control(group, &Control::Revoke { invite: first.id() }, &[first.id(), second.id()]);
    home.relay.placed(home.at_alice, group, &[&revoke]);
    while home.relay.try_next(home.at_alice).is_some() {}
    assert!(matches!(home.relay.ask(home.at_alice, one_more), RelayFrame::EnvelopePut { .. }));
    assert_eq!(home.relay.mailbox.store().envelopes_of(&group).unwrap().len(), 1);
}
