//! The rule of membership: what the library makes of entries is what the plain rule makes of them, and floods of them are bounded work.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod floods;
mod plain;

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey, Recipient, Rotation, Wrap};
use ashore_protocol::membership::Membership;
use ashore_protocol::{DeviceId, EntryId, Epoch, GroupId, SigningKey, Timestamp, VerifiedEntry};
use proptest::prelude::*;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn device(number: u8) -> DeviceId {
    key(number).device_id()
}

fn kem(number: u8) -> KemKey {
    KemKey::from_slice(&[number; KEM_KEY_BYTES]).unwrap()
}

fn assert_is_the_plain_rule(all: &[VerifiedEntry]) {
    let group = all[0].group();
    let fast = Membership::resolve(group, all);
    assert_eq!(fast.refused, plain::resolve(group, all).refused);
    assert_is_plain(&fast.membership, all);
}

/// Everything that can be asked of both.
fn assert_is_plain(membership: &Membership, all: &[VerifiedEntry]) {
    let plain = plain::resolve(all[0].group(), all);
    for entry in all {
        assert_eq!(membership.refusal_of(&entry.id()), plain.refused.get(&entry.id()).copied());
    }
    assert!(membership.members().eq(plain.members()));
    assert!(membership.invites().eq(plain.invites()));
    assert_eq!(membership.rotation(), plain.rotation());
    assert!(membership.rotations().eq(plain.rotations()));
    assert_eq!(membership.to_confirm(), plain.to_confirm());
    for entry in all {
        assert_eq!(membership.has_applied(&entry.id()), plain.has_applied(&entry.id()));
        assert_eq!(membership.gone(&entry.author()), plain.gone().get(&entry.author()));
    }
    let recoveries = plain.recoveries().into_iter().map(Recipient::from);
    assert!(recoveries.into_iter().all(|recovery| membership.recipients().contains_key(&recovery)));
}

/// Entries that come one by one, each as far from its turn as is said, make the same group as the plain rule does of those that were kept, after each of them.
fn assert_is_the_plain_rule_after_each(all: &[VerifiedEntry], turns: &[usize]) {
    let mut waiting: Vec<&VerifiedEntry> = all[1..].iter().collect();
    let mut membership = Membership::new(all[0].group());
    let mut kept = Vec::new();
    let mut turns = turns.iter().cycle();
    let mut next = Some(&all[0]);
    while let Some(entry) = next {
        let mut trial = membership.clone();
        assert_eq!(membership.would_stand(entry), trial.clone().apply(entry).map(drop));
        let judged = trial.take_in(entry);
        assert_eq!(membership.take_in(entry), judged, "a trial changes nothing");
        assert_eq!(trial, membership);
        if membership.has_taken_in(&entry.id()) {
            kept.push(entry.clone());
            assert_is_plain(&membership, &kept);
            assert_eq!(membership, Membership::resolve(entry.group(), &kept).membership);
        }
        next = (!waiting.is_empty()).then(|| waiting.remove(turns.next().unwrap() % waiting.len()));
    }
}

/// An entry to be written: by whom, what, about which device and which entry before, and naming which.
#[derive(Debug, Clone)]
struct Draft {
    by: u8,
    what: u8,
    about: u8,
    named: usize,
    parents: Vec<usize>,
    number: u32,
}

/// Parents are mostly late ones, so that there are long chains; some are far back, so that much is concurrent.
fn drafts(most: usize) -> impl Strategy<Value = Vec<Draft>> {
    let back = || prop_oneof![6 => 0..4usize, 3 => 0..12usize, 1 => 0..300usize];
    let parents = prop_oneof![
        3 => prop::collection::vec(back(), 1),
        3 => prop::collection::vec(back(), 2..4),
        1 => prop::collection::vec(back(), 4..20),
    ];
    let draft = (0..6u8, 0..32u8, 0..8u8, back(), parents, 0..4u32);
    let draft =
        draft.prop_map(|(by, what, about, named, parents, number)| Draft { by, what, about, named, parents, number });
    prop::collection::vec(draft, 1..most)
}

fn entries(drafts: &[Draft]) -> Vec<VerifiedEntry> {
    let control = Control::Genesis {
        created_at: Timestamp::from_ms(1),
        nonce: [1; 16],
        sealed: Bytes::default(),
        kem: Some(kem(0)),
    };
    let genesis = control.sign(&key(0), None, [], Epoch(0)).unwrap();
    let group = genesis.group();
    let mut all = vec![genesis];
    // Two more admins and one writer, so that there is something to fight about from the start.
    for (number, role) in [(1, Role::Admin), (2, Role::Admin), (3, Role::Writer)] {
        let last = all[all.len() - 1].id();
        all.push(admit(number, role).sign(&key(0), Some(group), [last], Epoch(0)).unwrap());
    }
    for draft in drafts {
        let at = |back: usize| &all[all.len() - 1 - back % all.len()];
        let named = at(draft.named).id();
        let mut parents: Vec<EntryId> = draft.parents.iter().map(|back| at(*back).id()).collect();
        let control = control_of(group, draft, &all, named, &mut parents);
        parents.truncate(32);
        let entry = control.sign(&key(draft.by), Some(group), parents, Epoch(0)).unwrap();
        if all.iter().all(|old| old.id() != entry.id()) {
            all.push(entry);
        }
    }
    all
}

fn admit(number: u8, role: Role) -> Control {
    let (sealed, share) = (Bytes::default(), Bytes::default());
    Control::Admit { device: device(number), role, admitted_at: Timestamp::from_ms(2), kem: kem(number), sealed, share }
}

fn rotation(epoch: u32, to: &[u8]) -> Rotation {
    let mut wraps: Vec<Wrap> = to.iter().map(|to| Wrap { to: device(*to).into(), sealed: Bytes::default() }).collect();
    wraps.sort_by_key(|wrap| wrap.to);
    Rotation { epoch: Epoch(epoch), wraps, previous: Bytes::default() }
}

fn control_of(
    group: GroupId,
    draft: &Draft,
    all: &[VerifiedEntry],
    named: EntryId,
    parents: &mut Vec<EntryId>,
) -> Control {
    let (about, roles) = (device(draft.about), [Role::Reader, Role::Writer, Role::Admin]);
    let role = roles[draft.number as usize % 3];
    // The invite that is meant: the last that there is at or before the named one.
    let upto = all.iter().position(|entry| entry.id() == named).unwrap_or_default();
    let is_invite =
        |entry: &&VerifiedEntry| matches!(entry.control(), Some(Control::Invite { .. } | Control::Recovery { .. }));
    let invite = all[..=upto].iter().rev().find(is_invite).map_or(named, VerifiedEntry::id);
    match draft.what {
        0..=3 => Control::Remove { device: about, rotation: None },
        4 => Control::Remove { device: about, rotation: Some(rotation(draft.number, &[0, 1, 2])) },
        5..=12 => Control::Role { device: about, role },
        13..=15 => {
            let (invite_key, expires_at) = (key(100).invite_key(), Timestamp::from_ms(5 + u64::from(draft.number)));
            Control::Invite { invite_key, role, expires_at, uses: draft.number, sealed: Bytes::default() }
        }
        16..=19 => {
            let joined_at = Timestamp::from_ms(6);
            let proof = JoinProof { group, device: device(draft.by), invite, joined_at };
            let proof = proof.sign(&key(if draft.number == 3 { 101 } else { 100 }));
            if draft.about > 0 {
                parents.push(invite);
            }
            Control::Join { invite, joined_at, proof, sealed: Bytes::default(), kem: Some(kem(draft.by)) }
        }
        20 => Control::Leave,
        21 | 22 => Control::Rotate { rotation: rotation(draft.number + 1, &[0, draft.about]) },
        23 | 24 => Control::Revoke { invite },
        25..=27 => admit(draft.about, role),
        28 => {
            Control::Share { to: about.into(), epoch: Epoch(draft.number), rotation: named, sealed: Bytes::default() }
        }
        29 => {
            Control::Recovery { invite_key: key(100).invite_key(), kem: kem(7), share: Bytes::default(), sealed: None }
        }
        _ => Control::Name { sealed: Bytes::default(), kem: (draft.number == 1).then(|| kem(draft.by)) },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("ASHORE_HISTORIES").map_or(150, |cases| cases.parse().unwrap())))]

    #[test]
    fn any_entries_make_the_same_group_by_the_library_and_by_the_plain_rule(drafts in drafts(90)) {
        assert_is_the_plain_rule(&entries(&drafts));
    }

    #[test]
    fn entries_that_come_one_by_one_make_it_after_each_of_them(
        drafts in drafts(45),
        turns in prop::collection::vec(prop_oneof![6 => Just(0usize), 3 => 0..4usize, 1 => 0..100usize], 1..60),
    ) {
        assert_is_the_plain_rule_after_each(&entries(&drafts), &turns);
    }

    #[test]
    fn entries_whose_parents_are_missing_do_too(drafts in drafts(60), missing in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let mut all = entries(&drafts);
        for index in missing {
            if all.len() > 1 {
                all.remove(1 + index.index(all.len() - 1));
            }
        }
        assert_is_the_plain_rule(&all);
    }
}

#[test]
fn every_flood_makes_the_same_group_by_the_library_and_by_the_plain_rule() {
    for (what, flood) in floods::ALL {
        for size in [12, 40, 100] {
            println!("{what}, {size}");
            assert_is_the_plain_rule(&flood(size));
        }
    }
}

#[test]
fn every_flood_that_comes_one_by_one_makes_it_after_each_entry() {
    for (what, flood) in floods::ALL {
        for turns in [&[0][..], &[0, 3, 1, 0, 9], &[5, 0, 40, 2]] {
            println!("{what}, {turns:?}");
            assert_is_the_plain_rule_after_each(&flood(48), turns);
        }
    }
}

#[test]
fn whoever_was_admitted_first_decides_also_when_its_word_comes_last() {
    let mut all = entries(&[]);
    let (group, last) = (all[0].group(), all[all.len() - 1].id());
    // In a circle, so that none is free of the others: the founder comes into a fight of two that was settled.
    for (by, whom) in [(1, 2), (2, 1), (2, 0), (0, 1)] {
        let control = Control::Remove { device: device(whom), rotation: None };
        all.push(control.sign(&key(by), Some(group), [last], Epoch(0)).unwrap());
    }
    assert_is_the_plain_rule_after_each(&all, &[0]);
}

/// Each of these is settled by a few looks at all entries, however many there are.
const FEW_LOOKS: [&str; 5] = [
    "two admins change each other's role, in two chains",
    "two admins remove each other, in two fans",
    "joins beside changes",
    "rotations at the same time",
    "three admins write at the same time, each naming what all wrote before",
];

#[test]
fn a_flood_is_settled_by_a_number_of_steps_that_grows_with_it_and_no_faster_than_its_square() {
    for (what, flood) in floods::ALL {
        for size in [250, 1_000] {
            let all = flood(size);
            let (entries, steps) = (all.len() as u64, Membership::resolve(all[0].group(), &all).steps);
            println!("{what}: {entries} entries, {steps} steps");
            let most = if FEW_LOOKS.contains(&what) { 4 * entries } else { entries * entries / 4 };
            assert!(steps >= entries && steps <= most, "{what}: {steps} steps for {entries} entries");
        }
    }
}

/// Of each of these an entry more changes nothing of what was made of the others.
const EXTENDED: [&str; 7] = [
    "two admins change each other's role, in two chains",
    "the only two admins change each other's role, in two chains",
    "two admins remove each other, in two fans",
    "a wide fan of roles of one device, which goes on behind it",
    "joins beside changes",
    "rotations at the same time",
    "three admins write at the same time, each naming what all wrote before",
];

#[test]
fn a_flood_that_comes_one_by_one_is_settled_a_few_times_and_not_for_each_entry() {
    for (what, flood) in floods::ALL.into_iter().filter(|(what, _)| EXTENDED.contains(what)) {
        let all = flood(600);
        let mut membership = Membership::new(all[0].group());
        for entry in &all {
            let _ = membership.take_in(entry);
        }
        println!("{what}: {} entries, settled {} times", all.len(), membership.settlings());
        assert!(membership.settlings() <= 3, "{what}");
        assert_eq!(membership, Membership::resolve(all[0].group(), &all).membership);
    }
}
