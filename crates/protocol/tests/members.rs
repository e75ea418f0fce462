//! Who is in a group: the same for everyone, in whatever order the entries came.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::membership::{Change, Membership, Refusal};
use ashore_protocol::{EntryId, Epoch, GroupId, SigningKey, Timestamp, VerifiedEntry};
use proptest::prelude::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn sign(control: &Control, author: &SigningKey, group: GroupId, parents: &[EntryId]) -> VerifiedEntry {
    control.sign(author, Some(group), parents.iter().copied(), Epoch(0)).unwrap()
}

fn genesis() -> VerifiedEntry {
    let control =
        Control::Genesis { created_at: Timestamp::from_ms(1), nonce: [1; 16], sealed: Bytes::default(), kem: None };
    control.sign(&key(1), None, [], Epoch(0)).unwrap()
}

fn invite(
    by: &SigningKey,
    group: GroupId,
    parent: EntryId,
    secret: &SigningKey,
    role: Role,
    uses: u32,
) -> VerifiedEntry {
    let (invite_key, expires_at) = (secret.invite_key(), Timestamp::from_ms(1_000));
    sign(&Control::Invite { invite_key, role, expires_at, uses, sealed: Bytes::default() }, by, group, &[parent])
}

fn join(device: &SigningKey, group: GroupId, invite: EntryId, secret: &SigningKey, at_ms: u64) -> VerifiedEntry {
    let joined_at = Timestamp::from_ms(at_ms);
    let proof = JoinProof { group, device: device.device_id(), invite, joined_at }.sign(secret);
    sign(&Control::Join { invite, joined_at, proof, sealed: Bytes::default(), kem: None }, device, group, &[invite])
}

/// Alice founds; Bob joins as admin, invites Carol; Carol joins as reader and renames herself.
fn story() -> (GroupId, Vec<VerifiedEntry>) {
    let genesis = genesis();
    let group = genesis.group();
    let (first, second) = (key(50), key(51));
    let for_bob = invite(&key(1), group, genesis.id(), &first, Role::Admin, 1);
    let bob = join(&key(2), group, for_bob.id(), &first, 10);
    let for_carol = invite(&key(2), group, bob.id(), &second, Role::Reader, 1);
    let carol = join(&key(3), group, for_carol.id(), &second, 20);
    let name = sign(&Control::Name { sealed: Bytes(vec![1]), kem: None }, &key(3), group, &[carol.id()]);
    (group, vec![genesis, for_bob, bob, for_carol, carol, name])
}

#[test]
fn an_admin_invites_and_a_device_joins_with_the_role_of_its_invite() {
    let (group, entries) = story();
    let mut members = Membership::new(group);
    let changes: Vec<Change> = entries.iter().map(|entry| members.apply(entry).unwrap()).collect();
    assert_eq!(changes[2], Change::Joined(key(2).device_id()));
    let [alice, bob, carol] = [1, 2, 3].map(|seed| key(seed).device_id());
    assert!(members.may_admit(&alice) && members.may_admit(&bob) && !members.may_admit(&carol));
    assert!(members.may_write(&bob) && !members.may_write(&carol) && members.may_read(&carol));
    assert_eq!(members.member(&carol).unwrap().admitted_by, entries[4].id());
    assert_eq!(members.member(&carol).unwrap().named_by, entries[5].id());
    assert_eq!(members.invite_in(&entries[1].id()).unwrap().uses_left, 0);
    assert_eq!(members.members().count(), 3);
}

#[test]
fn applying_an_entry_again_changes_nothing() {
    let (group, entries) = story();
    let mut members = Membership::new(group);
    for entry in &entries {
        members.apply(entry).unwrap();
    }
    let before = members.clone();
    entries.iter().for_each(|entry| assert_eq!(members.apply(entry), Ok(Change::Nothing)));
    assert_eq!(members, before);
}

#[test]
fn joins_that_break_the_rules_are_refused() {
    let genesis = genesis();
    let group = genesis.group();
    let (secret, guess) = (key(50), key(60));
    let open = invite(&key(1), group, genesis.id(), &secret, Role::Writer, 1);
    let nothing = invite(&key(1), group, genesis.id(), &secret, Role::Writer, 0);
    let mut members = Membership::new(group);
    assert_eq!(members.apply(&open), Err(Refusal::NotAMember), "nobody is admin before the genesis");
    members.apply(&genesis).unwrap();
    assert_eq!(members.apply(&join(&key(2), group, open.id(), &secret, 10)), Err(Refusal::UnknownInvite));
    members.apply(&open).unwrap();
    assert_eq!(members.apply(&nothing), Err(Refusal::NoUses));
    assert_eq!(members.apply(&join(&key(2), group, open.id(), &guess, 10)), Err(Refusal::BadProof));
    assert_eq!(members.apply(&join(&key(2), group, open.id(), &secret, 1_001)), Err(Refusal::InviteExpired));
    assert_eq!(members.apply(&join(&key(1), group, open.id(), &secret, 10)), Err(Refusal::AlreadyAMember));
    let joined = join(&key(2), group, open.id(), &secret, 1_000);
    assert!(members.apply(&joined).is_ok());
    assert_eq!(members.apply(&join(&key(3), group, open.id(), &secret, 10)), Err(Refusal::InviteUsed));
    let by_bob = invite(&key(2), group, joined.id(), &key(51), Role::Writer, 1);
    assert_eq!(members.apply(&by_bob), Err(Refusal::RoleForbids));
    let before_he_joined = invite(&key(2), group, genesis.id(), &key(51), Role::Writer, 1);
    assert_eq!(members.apply(&before_he_joined), Err(Refusal::NotAMember));
    let elsewhere = invite(&key(1), GroupId([7; 32]), genesis.id(), &secret, Role::Writer, 1);
    assert_eq!(members.apply(&elsewhere), Err(Refusal::OtherGroup));
}

#[test]
fn a_proof_taken_from_one_join_serves_no_other_device_or_time() {
    let genesis = genesis();
    let group = genesis.group();
    let secret = key(50);
    let open = invite(&key(1), group, genesis.id(), &secret, Role::Writer, 5);
    let joined_at = Timestamp::from_ms(10);
    let proof = JoinProof { group, device: key(2).device_id(), invite: open.id(), joined_at }.sign(&secret);
    let mut members = Membership::new(group);
    members.apply(&genesis).unwrap();
    members.apply(&open).unwrap();
    for (thief, joined_at) in [(key(3), joined_at), (key(2), Timestamp::from_ms(11))] {
        let stolen = Control::Join { invite: open.id(), joined_at, proof, sealed: Bytes::default(), kem: None };
        assert_eq!(members.apply(&sign(&stolen, &thief, group, &[open.id()])), Err(Refusal::BadProof));
    }
}

#[test]
fn of_two_joins_by_one_use_the_same_one_stands_everywhere() {
    let genesis = genesis();
    let group = genesis.group();
    let secret = key(50);
    let open = invite(&key(1), group, genesis.id(), &secret, Role::Writer, 1);
    let (bob, carol) = (join(&key(2), group, open.id(), &secret, 10), join(&key(3), group, open.id(), &secret, 11));
    let one = Membership::resolve(group, [&genesis, &open, &bob, &carol]);
    let two = Membership::resolve(group, [&carol, &bob, &open, &genesis]);
    assert_eq!(one, two);
    assert_eq!(one.membership.members().count(), 2);
    let loser = bob.id().max(carol.id());
    assert_eq!(one.refused.into_iter().collect::<Vec<_>>(), [(loser, Refusal::InviteUsed)]);
}

#[test]
fn what_rests_on_a_missing_entry_waits_for_it() {
    let (group, entries) = story();
    let without_bob: Vec<&VerifiedEntry> = entries.iter().filter(|entry| entry.id() != entries[2].id()).collect();
    let resolved = Membership::resolve(group, without_bob);
    assert_eq!(resolved.membership.members().count(), 1);
    assert!(resolved.refused.values().all(|refusal| refusal.may_pass()));
    assert_eq!(Membership::resolve(group, &entries).refused.len(), 0);
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle()) {
        let (group, entries) = story();
        let shuffled: Vec<&VerifiedEntry> = order.iter().map(|&index| &entries[index]).collect();
        let resolved = Membership::resolve(group, shuffled);
        prop_assert_eq!(&resolved, &Membership::resolve(group, &entries));
        prop_assert_eq!(resolved.membership.members().count(), 3);
    }
}

#[test]
fn nobody_comes_into_a_group_that_all_admins_have_left_but_an_admin() {
    for role in [Role::Reader, Role::Writer, Role::Admin] {
        let (mut stood, mut fell) = (0, 0);
        for seed in 0..16 {
            let genesis = genesis();
            let (group, secret, guest) = (genesis.group(), key(100 + seed), key(60 + seed));
            let invite = invite(&key(1), group, genesis.id(), &secret, role, 1);
            // At the same time the only admin leaves: the lower id decides what comes first.
            let leave = sign(&Control::Leave, &key(1), group, &[invite.id()]);
            let join = join(&guest, group, invite.id(), &secret, 10);
            let mut members = Membership::new(group);
            [&genesis, &invite, &join, &leave].into_iter().for_each(|entry| drop(members.take_in(entry)));
            let other = Membership::resolve(group, [&leave, &join, &genesis, &invite]).membership;
            assert!(members.members().eq(other.members()));
            assert!(members.members().count() == 0 || members.members().any(|(_, member)| member.role == Role::Admin));
            let first = leave.id() < join.id();
            let came = members.member(&guest.device_id()).is_some();
            assert_eq!(came, !first || role == Role::Admin);
            assert_eq!(members.refusal_of(&join.id()), (!came).then_some(Refusal::LastAdmin));
            *(if came { &mut stood } else { &mut fell }) += 1;
        }
        assert!(stood > 0 && (fell > 0) == (role != Role::Admin), "{stood} {fell}");
    }
}
