//! Requests to join: kept for admins alone, bounded, and answered to the device that asked.
use super::*;
use crate::keys::{KEM_KEY_BYTES, KemKey};
use crate::request::{AskState, JoinRequest, MAX_GROUP_REQUESTS, SignedRequest};

fn asks(device: &Device, group: GroupId) -> SignedRequest {
    asks_at(device, group, 1)
}

fn asks_at(device: &Device, group: GroupId, at_ms: u64) -> SignedRequest {
    let kem = KemKey::from_slice(&[4; KEM_KEY_BYTES]).unwrap();
    let (role, asked_at) = (Role::Writer, Timestamp::from_ms(at_ms));
    JoinRequest { device: device.id(), kem, role, asked_at, epoch: Epoch(0), sealed: sealed() }.sign(group, &device.key)
}

fn ask(group: GroupId, asks: &SignedRequest) -> ClientFrame {
    ClientFrame::Ask { request: REQUEST, group, asks: asks.clone() }
}

fn list(group: GroupId) -> ClientFrame {
    ClientFrame::ListRequests { request: REQUEST, group }
}

fn reject(group: GroupId, device: &Device) -> ClientFrame {
    ClientFrame::Reject { request: REQUEST, group, device: device.id() }
}

fn withdraw(group: GroupId) -> ClientFrame {
    ClientFrame::Withdraw { request: REQUEST, group }
}

fn is(group: GroupId, state: AskState) -> RelayFrame {
    RelayFrame::AskState { request: REQUEST, group, state }
}

fn waiting(group: GroupId, waiting: &[&SignedRequest]) -> RelayFrame {
    let waiting = waiting.iter().map(|asks| (*asks).clone()).collect();
    RelayFrame::Requests { request: REQUEST, group, waiting }
}

fn admit(admin: &Device, group: GroupId, device: &Device, parent: EntryId) -> VerifiedEntry {
    let control = Control::Admit {
        device: device.id(),
        role: Role::Reader,
        admitted_at: Timestamp::from_ms(9),
        kem: KemKey::from_slice(&[4; KEM_KEY_BYTES]).unwrap(),
        sealed: sealed(),
        share: sealed(),
    };
    admin.control(group, &control, &[parent])
}

#[test]
fn admins_are_told_at_once_and_nobody_else_sees_who_asks() {
    let Household { mut relay, group, at_alice, at_bob, .. } = household();
    let carol = Device::new(3);
    let at_carol = relay.connect(&carol);
    let request = asks(&carol, group);
    assert_eq!(relay.ask(at_carol, ask(group, &request)), is(group, AskState::Pending));
    assert_eq!(relay.next(at_alice), RelayFrame::Asked { group });
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[&request]));
    assert_eq!(relay.try_next(at_bob), None, "a writer is not told");
    assert_eq!(relay.refused(at_bob, list(group)), FailureCode::RoleForbids);
    assert_eq!(relay.refused(at_bob, reject(group, &carol)), FailureCode::RoleForbids);
    assert_eq!(relay.refused(at_carol, list(group)), FailureCode::NotAMember);
    assert_eq!(relay.refused(at_carol, reject(group, &carol)), FailureCode::NotAMember);
    let dialled = relay.dial();
    relay.next(dialled);
    assert_eq!(relay.refused(dialled, ask(group, &request)), FailureCode::NotAuthenticated);
}

#[test]
fn a_request_survives_the_relay_and_admins_who_come_later_hear_of_it() {
    let Household { mut relay, alice, bob, group, .. } = household();
    let carol = Device::new(3);
    let at_carol = relay.connect(&carol);
    let request = asks(&carol, group);
    relay.ask(at_carol, ask(group, &request));
    let mut relay = relay.restarted();
    for (device, hears) in [(&bob, false), (&alice, true)] {
        let conn = relay.connect(device);
        assert!(matches!(relay.ask(conn, open(group)), RelayFrame::Opened { .. }));
        assert!(matches!(relay.next(conn), RelayFrame::Page { .. }));
        assert_eq!(relay.try_next(conn), hears.then_some(RelayFrame::Asked { group }));
    }
    let at_alice = relay.connect(&alice);
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[&request]));
    let at_carol = relay.connect(&carol);
    assert_eq!(relay.ask(at_carol, ask(group, &request)), is(group, AskState::Pending));
}

#[test]
fn an_admission_answers_the_request_and_tells_who_asked() {
    let Household { mut relay, alice, group, at_alice, bobs_join, .. } = household();
    let carol = Device::new(3);
    let at_carol = relay.connect(&carol);
    relay.ask(at_carol, ask(group, &asks(&carol, group)));
    relay.next(at_alice);
    let admit = admit(&alice, group, &carol, bobs_join.id());
    relay.send(at_alice, append(group, &[&admit]));
    assert_eq!(relay.next(at_carol), RelayFrame::Decided { group, state: AskState::Admitted });
    let told: Vec<RelayFrame> = std::iter::from_fn(|| relay.try_next(at_alice)).collect();
    assert!(told.contains(&RelayFrame::Asked { group }), "{told:?}");
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[]));
    // Who was away hears it when it asks again.
    let mut relay = relay.restarted();
    let at_carol = relay.connect(&carol);
    assert_eq!(relay.ask(at_carol, ask(group, &asks(&carol, group))), is(group, AskState::Admitted));
    assert!(matches!(relay.ask(at_carol, open(group)), RelayFrame::Opened { .. }));
}

#[test]
fn a_rejection_is_told_and_remembered() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let carol = Device::new(3);
    let at_carol = relay.connect(&carol);
    relay.ask(at_carol, ask(group, &asks(&carol, group)));
    relay.next(at_alice);
    assert_eq!(relay.ask(at_alice, reject(group, &carol)), waiting(group, &[]));
    assert_eq!(relay.next(at_carol), RelayFrame::Decided { group, state: AskState::Rejected });
    let mut relay = relay.restarted();
    let (at_carol, at_alice) = (relay.connect(&carol), relay.connect(&alice));
    assert_eq!(relay.ask(at_carol, ask(group, &asks_at(&carol, group, 77))), is(group, AskState::Rejected));
    assert_eq!(relay.refused(at_alice, reject(group, &carol)), FailureCode::JoinRequestNotFound);
    assert_eq!(relay.refused(at_alice, reject(group, &Device::new(8))), FailureCode::JoinRequestNotFound);
}

#[test]
fn a_device_takes_its_own_request_back() {
    let Household { mut relay, group, at_alice, .. } = household();
    let (carol, dave) = (Device::new(3), Device::new(4));
    let (at_carol, at_dave) = (relay.connect(&carol), relay.connect(&dave));
    let request = asks(&carol, group);
    relay.ask(at_carol, ask(group, &request));
    relay.next(at_alice);
    assert_eq!(relay.ask(at_dave, withdraw(group)), is(group, AskState::Withdrawn));
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[&request]), "another's stays");
    assert_eq!(relay.ask(at_carol, withdraw(group)), is(group, AskState::Withdrawn));
    assert_eq!(relay.next(at_alice), RelayFrame::Asked { group });
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[]));
}

#[test]
fn a_request_that_was_changed_replayed_or_is_anothers_is_not_kept() {
    let Household { mut relay, alice, group, at_alice, .. } = household();
    let (carol, dave) = (Device::new(3), Device::new(4));
    let (at_carol, at_dave) = (relay.connect(&carol), relay.connect(&dave));
    let genuine = asks(&carol, group);
    let mut changed = genuine.clone();
    *changed.request.0.last_mut().unwrap() ^= 1;
    let elsewhere = asks(&carol, GroupId([7; 32]));
    for request in [&changed, &elsewhere] {
        assert_eq!(relay.refused(at_carol, ask(group, request)), FailureCode::BadJoinRequest);
    }
    assert_eq!(relay.refused(at_dave, ask(group, &genuine)), FailureCode::BadJoinRequest, "replayed by another");
    assert_eq!(relay.refused(at_carol, ask(GroupId([7; 32]), &elsewhere)), FailureCode::UnknownGroup);
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[]));
    assert_eq!(relay.ask(at_alice, ask(group, &asks(&alice, group))), is(group, AskState::Admitted));
}

#[test]
fn a_flood_is_bounded_and_one_device_has_one_request() {
    let mut config = MailboxConfig::default();
    config.admission.max_join_requests = 40;
    let Household { mut relay, group, at_alice, .. } = household_with(config, Role::Writer);
    let peer = Some(Peer([1; 16]));
    for number in 0..MAX_GROUP_REQUESTS {
        let device = Device::new(100 + number as u8);
        let conn = relay.connect_from(&device, peer);
        for at_ms in [1, 1, 2] {
            if number > 3 && at_ms == 2 {
                continue;
            }
            let state = relay.ask(conn, ask(group, &asks_at(&device, group, at_ms)));
            assert_eq!(state, is(group, AskState::Pending));
        }
    }
    let one_more = Device::new(50);
    let conn = relay.connect_from(&one_more, peer);
    assert_eq!(relay.refused(conn, ask(group, &asks(&one_more, group))), FailureCode::TooManyJoinRequests);
    while relay.try_next(at_alice).is_some() {}
    let RelayFrame::Requests { waiting, .. } = relay.ask(at_alice, list(group)) else { panic!("no requests") };
    assert_eq!(waiting.len(), MAX_GROUP_REQUESTS);
    // So many from one address, whether they are kept or not; another address may still ask.
    for at_ms in 10..13 {
        relay.ask(conn, ask(group, &asks_at(&one_more, group, at_ms)));
    }
    assert_eq!(relay.refused(conn, ask(group, &asks(&one_more, group))), FailureCode::TooManyAttempts);
    let elsewhere = relay.connect_from(&one_more, Some(Peer([2; 16])));
    assert_eq!(relay.refused(elsewhere, ask(group, &asks(&one_more, group))), FailureCode::TooManyJoinRequests);
    // Whom an admin turns away makes room.
    relay.ask(at_alice, reject(group, &Device::new(100)));
    assert_eq!(relay.ask(elsewhere, ask(group, &asks(&one_more, group))), is(group, AskState::Pending));
}

#[test]
fn a_request_is_kept_for_thirty_days() {
    let Household { mut relay, alice, group, .. } = household();
    let carol = Device::new(3);
    let at_carol = relay.connect(&carol);
    let request = asks(&carol, group);
    relay.ask(at_carol, ask(group, &request));
    let day = 24 * 3_600_000;
    relay.now = relay.now.plus_ms(30 * day);
    let at_alice = relay.connect(&alice);
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[&request]));
    relay.now = relay.now.plus_ms(day);
    assert_eq!(relay.ask(at_alice, list(group)), waiting(group, &[]));
    assert_eq!(relay.mailbox.store().join_requests(&group).unwrap(), []);
}

#[test]
fn a_removed_device_asks_for_nothing() {
    let Household { mut relay, alice, bob, group, at_alice, at_bob, bobs_join, .. } = household();
    let remove = alice.control(group, &Control::Remove { device: bob.id(), rotation: None }, &[bobs_join.id()]);
    relay.append(at_alice, group, &[&remove]);
    while relay.try_next(at_bob).is_some() {}
    assert_eq!(relay.refused(at_bob, ask(group, &asks(&bob, group))), FailureCode::Removed);
}
