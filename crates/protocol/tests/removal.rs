//! Removal, roles, rotation: what stands when several act at the same time, and that it is the same for everyone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::keys::{KEM_KEY_BYTES, KemKey, Recipient, Rotation, Wrap};
use ashore_protocol::membership::{Change, Membership, Refusal};
use ashore_protocol::{DeviceId, EntryDraft, EntryId, EntryKind, Epoch, GroupId, SigningKey, Timestamp, VerifiedEntry};
use proptest::prelude::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn device(seed: u8) -> DeviceId {
    key(seed).device_id()
}

fn kem(seed: u8) -> KemKey {
    KemKey::from_slice(&[seed; KEM_KEY_BYTES]).unwrap()
}

/// The secret of the invite that admits this device.
fn secret(seed: u8) -> SigningKey {
    key(100 + seed)
}

/// One device's idea of the group.
#[derive(Clone)]
struct View(Membership);

impl View {
    fn tips(&self) -> Vec<EntryId> {
        self.0.tips().copied().collect()
    }

    /// An entry of this device that knows of everything here; it is taken in at once.
    fn act(&mut self, by: u8, control: Control) -> VerifiedEntry {
        let entry = self.sign(by, &control, &self.tips());
        let _ = self.0.take_in(&entry);
        entry
    }

    fn sign(&self, by: u8, control: &Control, parents: &[EntryId]) -> VerifiedEntry {
        control.sign(&key(by), Some(self.0.group()), parents.iter().copied(), Epoch(0)).unwrap()
    }

    /// An invite by one device and the join of another.
    fn admit(&mut self, by: u8, who: u8, role: Role) -> [VerifiedEntry; 2] {
        let invite = self.act(by, invite(who, role));
        let join = join(self.0.group(), who, invite.id());
        let _ = self.0.take_in(&join);
        [invite, join]
    }

    fn take(&mut self, entries: &[&VerifiedEntry]) {
        for entry in entries {
            let _ = self.0.take_in(entry);
        }
    }
}

fn invite(who: u8, role: Role) -> Control {
    let (invite_key, expires_at) = (secret(who).invite_key(), Timestamp::from_ms(1_000));
    Control::Invite { invite_key, role, expires_at, uses: 1, sealed: Bytes::default() }
}

fn join(group: GroupId, who: u8, invite: EntryId) -> VerifiedEntry {
    let joined_at = Timestamp::from_ms(5);
    let proof = JoinProof { group, device: device(who), invite, joined_at }.sign(&secret(who));
    let control = Control::Join { invite, joined_at, proof, sealed: Bytes::default(), kem: Some(kem(who)) };
    control.sign(&key(who), Some(group), [invite], Epoch(0)).unwrap()
}

fn remove(who: u8) -> Control {
    Control::Remove { device: device(who), rotation: None }
}

fn role(who: u8, role: Role) -> Control {
    Control::Role { device: device(who), role }
}

fn rotation(epoch: u32, to: &[u8]) -> Rotation {
    let mut wraps: Vec<Wrap> =
        to.iter().map(|who| Wrap { to: device(*who).into(), sealed: Bytes(vec![*who]) }).collect();
    wraps.sort_by_key(|wrap| wrap.to);
    Rotation { epoch: Epoch(epoch), wraps, previous: Bytes::default() }
}

fn data(group: GroupId, by: u8, parents: &[EntryId]) -> VerifiedEntry {
    let draft = EntryDraft::new(Some(group), device(by), parents.iter().copied(), Epoch(0), EntryKind::Data, 3);
    draft.unwrap().sign(&key(by), vec![1, 2, 3]).unwrap()
}

/// Device 1 founds; the others join by invites of hers, with these roles.
fn group_of(roles: &[Role]) -> (View, Vec<VerifiedEntry>) {
    let control = Control::Genesis {
        created_at: Timestamp::from_ms(1),
        nonce: [1; 16],
        sealed: Bytes::default(),
        kem: Some(kem(1)),
    };
    let genesis = control.sign(&key(1), None, [], Epoch(0)).unwrap();
    let mut view = View(Membership::new(genesis.group()));
    view.0.take_in(&genesis).unwrap();
    let mut all = vec![genesis];
    for (who, role) in (2..).zip(roles) {
        all.extend(view.admit(1, who, *role));
    }
    (view, all)
}

fn members(membership: &Membership) -> Vec<(u8, Role)> {
    let number = |id: &DeviceId| (1..=9).find(|seed| device(*seed) == *id).unwrap();
    let mut all: Vec<(u8, Role)> = membership.members().map(|(id, member)| (number(id), member.role)).collect();
    all.sort();
    all
}

const ADMIN: Role = Role::Admin;
const WRITER: Role = Role::Writer;
const READER: Role = Role::Reader;

#[test]
fn a_removed_device_is_gone_and_never_comes_back_under_the_same_key() {
    let (mut view, _) = group_of(&[ADMIN, WRITER]);
    let removal = view.act(1, remove(3));
    assert_eq!(members(&view.0), [(1, ADMIN), (2, ADMIN)]);
    assert_eq!(view.0.gone(&device(3)).unwrap().by, removal.id());
    let [_, join] = view.admit(1, 3, WRITER);
    assert_eq!(view.0.refusal_of(&join.id()), Some(Refusal::AlreadyAMember));
    assert!(!view.0.may_read(&device(3)));
}

#[test]
fn only_admins_remove_invite_and_change_roles() {
    let (view, _) = group_of(&[WRITER, READER, ADMIN]);
    for by in [2, 3] {
        for control in [remove(4), role(by, ADMIN), invite(9, READER), Control::Rotate { rotation: rotation(1, &[1]) }]
        {
            let entry = view.sign(by, &control, &view.tips());
            assert_eq!(view.0.clone().apply(&entry), Err(Refusal::RoleForbids), "{by}: {control:?}");
        }
    }
    let stranger = view.sign(9, &remove(1), &view.tips());
    assert_eq!(view.0.clone().take_in(&stranger), Err(Refusal::NotAMember));
    assert!(
        !{
            let mut kept = view.0.clone();
            let _ = kept.take_in(&stranger);
            kept.has_taken_in(&stranger.id())
        },
        "strangers fill nobody's disk"
    );
}

#[test]
fn what_a_removed_device_did_at_the_same_time_is_void_also_when_it_pins_an_old_state() {
    let (view, _) = group_of(&[ADMIN, WRITER]);
    let (mut one, mut other) = (view.clone(), view.clone());
    let removal = one.act(1, remove(2));
    // Device 2 knows better and pretends not to: invites a friend, who joins and removes the founder.
    let invite = other.act(2, invite(4, ADMIN));
    let friend = join(view.0.group(), 4, invite.id());
    other.take(&[&friend]);
    let revenge = other.act(4, remove(1));
    let promotion = other.act(2, role(3, ADMIN));
    one.take(&[&invite, &friend, &revenge, &promotion]);
    other.take(&[&removal]);
    assert_eq!(members(&one.0), [(1, ADMIN), (3, WRITER)]);
    assert_eq!(one.0, other.0);
    for entry in [&invite, &friend, &promotion] {
        assert_eq!(one.0.refusal_of(&entry.id()), Some(Refusal::Voided));
    }
    assert!(one.0.refusal_of(&revenge.id()).is_some());
}

#[test]
fn a_code_of_a_removed_admin_opens_nothing_afterwards() {
    let (mut view, _) = group_of(&[ADMIN]);
    let invite = view.act(2, invite(5, ADMIN));
    view.act(1, remove(2));
    assert!(view.0.invite_in(&invite.id()).unwrap().closed);
    let late = join(view.0.group(), 5, invite.id());
    assert!(view.0.clone().apply(&late).is_err());
    assert_eq!(members(&view.0), [(1, ADMIN)]);
}

#[test]
fn of_two_admins_who_remove_each_other_the_one_admitted_first_stays() {
    for (older, younger) in [(1, 2), (2, 3)] {
        let (view, _) = group_of(&[ADMIN, ADMIN]);
        let (mut one, mut other) = (view.clone(), view.clone());
        let removes = one.act(older, remove(younger));
        let removed = other.act(younger, remove(older));
        one.take(&[&removed]);
        other.take(&[&removes]);
        assert_eq!(one.0, other.0);
        assert!(one.0.member(&device(older)).is_some() && one.0.member(&device(younger)).is_none());
        assert_eq!(one.0.refusal_of(&removed.id()), Some(Refusal::Voided));
    }
}

#[test]
fn a_removal_by_somebody_who_was_removed_at_the_same_time_is_void() {
    let (view, _) = group_of(&[ADMIN, ADMIN, WRITER]);
    let mut views = [view.clone(), view.clone(), view];
    let first = views[0].act(1, remove(2));
    let second = views[1].act(2, remove(3));
    let third = views[2].act(3, remove(4));
    views[0].take(&[&third, &second]);
    views[1].take(&[&first, &third]);
    views[2].take(&[&second, &first]);
    assert_eq!(members(&views[0].0), [(1, ADMIN), (3, ADMIN)]);
    assert!(views.iter().all(|view| view.0 == views[0].0));
}

#[test]
fn of_roles_given_at_the_same_time_the_least_counts_and_later_ones_replace_them() {
    let (view, _) = group_of(&[ADMIN, WRITER]);
    let (mut one, mut other) = (view.clone(), view);
    let up = one.act(1, role(3, ADMIN));
    let down = other.act(2, role(3, READER));
    one.take(&[&down]);
    other.take(&[&up]);
    assert_eq!(one.0, other.0);
    assert_eq!(one.0.member(&device(3)).unwrap().role, READER);
    one.act(2, role(3, ADMIN));
    assert_eq!(one.0.member(&device(3)).unwrap().role, ADMIN);
}

#[test]
fn what_an_admin_did_while_it_was_made_a_writer_is_void() {
    let (view, _) = group_of(&[ADMIN, WRITER]);
    let (mut one, mut other) = (view.clone(), view);
    let demotion = one.act(1, role(2, WRITER));
    let removal = other.act(2, remove(3));
    let name = other.act(2, Control::Name { sealed: Bytes(vec![1]), kem: None });
    one.take(&[&removal, &name]);
    other.take(&[&demotion]);
    assert_eq!(one.0, other.0);
    assert_eq!(members(&one.0), [(1, ADMIN), (2, WRITER), (3, WRITER)]);
    assert!(one.0.has_applied(&name.id()), "a writer may rename itself");
}

#[test]
fn nothing_takes_the_last_admin_from_a_group_that_has_members() {
    let (mut view, _) = group_of(&[ADMIN, WRITER]);
    let (mut one, mut other) = (view.clone(), view.clone());
    for control in [Control::Leave, role(1, WRITER)] {
        let mut alone = group_of(&[WRITER]).0;
        let entry = alone.sign(1, &control, &alone.tips());
        assert_eq!(alone.0.apply(&entry), Err(Refusal::LastAdmin));
    }
    // Both step down, neither knows of the other.
    let first = one.act(1, role(1, READER));
    let second = other.act(2, role(2, READER));
    one.take(&[&second]);
    other.take(&[&first]);
    assert_eq!(one.0, other.0);
    assert_eq!(members(&one.0).iter().filter(|(_, role)| *role == ADMIN).count(), 1);
    // With another admin it may go.
    view.act(1, Control::Leave);
    assert_eq!(members(&view.0), [(2, ADMIN), (3, WRITER)]);
    let (mut alone, _) = group_of(&[]);
    alone.act(1, Control::Leave);
    assert_eq!(alone.0.members().count(), 0, "a group may end");
}

#[test]
fn a_withdrawn_invite_admits_nobody_also_not_at_the_same_time() {
    let (mut view, _) = group_of(&[]);
    let invite = view.act(1, invite(5, WRITER));
    let mut other = view.clone();
    let revoked = view.act(1, Control::Revoke { invite: invite.id() });
    let late = join(view.0.group(), 5, invite.id());
    assert_eq!(view.0.clone().apply(&late), Err(Refusal::Voided));
    other.take(&[&late, &revoked]);
    view.take(&[&late]);
    assert_eq!(other.0, view.0);
    assert_eq!(members(&view.0), [(1, ADMIN)]);
    assert!(view.0.needs_rotation(), "the invitation held the present key");
    view.act(1, Control::Rotate { rotation: rotation(1, &[1]) });
    assert!(!view.0.needs_rotation());
}

#[test]
fn an_epoch_is_the_next_one_and_closed_to_who_is_removed() {
    let (view, _) = group_of(&[ADMIN, WRITER]);
    let with = |rotation| Control::Remove { device: device(3), rotation: Some(rotation) };
    let unsorted = Rotation { wraps: rotation(1, &[1, 2]).wraps.into_iter().rev().collect(), ..rotation(1, &[]) };
    for bad in [rotation(2, &[1, 2]), rotation(0, &[1, 2]), rotation(1, &[1, 2, 3]), unsorted] {
        let entry = view.sign(1, &with(bad), &view.tips());
        assert_eq!(view.0.clone().apply(&entry), Err(Refusal::BadRotation));
    }
    let mut after = view.clone();
    let entry = after.act(1, with(rotation(1, &[1, 2])));
    let current = after.0.rotation().unwrap();
    assert_eq!((current.epoch, current.entry), (Epoch(1), entry.id()));
    assert!(!after.0.needs_rotation());
    assert!(after.0.without_key().is_empty());
    assert_eq!(after.0.recipients().keys().copied().collect::<Vec<_>>(), {
        let mut both = [Recipient::from(device(1)), device(2).into()];
        both.sort();
        both
    });
}

#[test]
fn two_removals_at_once_and_leaving_call_for_a_rotation() {
    let (view, _) = group_of(&[ADMIN, WRITER, WRITER]);
    let (mut one, mut other) = (view.clone(), view.clone());
    let first = one.act(1, Control::Remove { device: device(3), rotation: Some(rotation(1, &[1, 2, 4])) });
    let second = other.act(2, Control::Remove { device: device(4), rotation: Some(rotation(1, &[1, 2, 3])) });
    assert!(!one.0.needs_rotation());
    one.take(&[&second]);
    other.take(&[&first]);
    assert_eq!(one.0, other.0);
    assert!(one.0.needs_rotation(), "each of the keys is known to one who was removed");
    one.act(1, Control::Rotate { rotation: rotation(2, &[1, 2]) });
    assert!(!one.0.needs_rotation());
    let mut left = view;
    left.act(4, Control::Leave);
    assert!(left.0.needs_rotation());
}

#[test]
fn who_joins_by_an_invitation_of_before_a_rotation_lacks_the_key_until_it_is_shared() {
    let (mut view, _) = group_of(&[ADMIN]);
    let invite = view.act(1, invite(5, WRITER));
    let rotate = view.act(1, Control::Rotate { rotation: rotation(1, &[1, 2]) });
    let join = join(view.0.group(), 5, invite.id());
    view.take(&[&join]);
    assert!(view.0.may_write(&device(5)));
    assert_eq!(view.0.without_key().into_keys().collect::<Vec<_>>(), [Recipient::from(device(5))]);
    let share = Control::Share { to: device(5).into(), epoch: Epoch(1), rotation: rotate.id(), sealed: Bytes(vec![1]) };
    view.act(2, share);
    assert!(view.0.without_key().is_empty());
}

#[test]
fn a_recovery_is_wrapped_for_and_closed_with_the_admin_who_made_it() {
    let (mut view, _) = group_of(&[ADMIN]);
    let control =
        Control::Recovery { invite_key: secret(7).invite_key(), kem: kem(7), share: Bytes(vec![1]), sealed: None };
    let recovery = view.act(2, control);
    assert!(view.0.recipients().contains_key(&Recipient::from(recovery.id())));
    let mut recovered = view.clone();
    let join = join(view.0.group(), 7, recovery.id());
    assert_eq!(recovered.0.apply(&join), Ok(Change::Joined(device(7))));
    assert!(recovered.0.may_admit(&device(7)));
    view.act(1, remove(2));
    assert!(!view.0.recipients().contains_key(&Recipient::from(recovery.id())), "who made it knows its secrets");
    assert!(view.0.clone().apply(&join).is_err());
}

#[test]
fn data_of_a_removed_or_demoted_device_is_told_apart_from_a_strangers() {
    let (mut view, all) = group_of(&[WRITER, WRITER]);
    let group = view.0.group();
    let [two, three, nine] = [2, 3, 9].map(|by| data(group, by, &[all[0].id()]));
    assert_eq!(view.0.may_stand(&two), Ok(()));
    view.act(1, remove(2));
    view.act(1, role(3, READER));
    assert_eq!(view.0.may_stand(&two), Err(Refusal::Removed));
    assert_eq!(view.0.may_stand(&three), Err(Refusal::RoleForbids));
    assert_eq!(view.0.may_stand(&nine), Err(Refusal::NotAMember));
    assert!(Refusal::Removed.passes_when_wanted() && !Refusal::NotAMember.passes_when_wanted());
}

#[test]
fn leaving_by_an_old_backup_destroys_nothing_and_an_admin_confirms_it() {
    let (view, all) = group_of(&[ADMIN, WRITER]);
    let mut after = view.clone();
    // The founder's device knows only its genesis.
    let leave = view.sign(1, &Control::Leave, &[all[0].id()]);
    after.take(&[&leave]);
    assert_eq!(members(&after.0), [(2, ADMIN), (3, WRITER)]);
    assert_eq!(after.0.to_confirm().into_iter().collect::<Vec<_>>(), [(device(1), None)]);
    // As long as nobody did, it could go on as if it had not left.
    let pretends = view.sign(1, &remove(3), &view.tips());
    let mut fooled = after.clone();
    fooled.take(&[&pretends]);
    assert_eq!(members(&fooled.0), [(2, ADMIN)]);
    after.act(2, remove(1));
    assert!(after.0.to_confirm().is_empty());
    after.take(&[&pretends]);
    assert_eq!(members(&after.0), [(2, ADMIN), (3, WRITER)]);
}

#[test]
fn what_does_not_stand_still_decides_between_three_admins_in_a_circle() {
    let (view, all) = group_of(&[ADMIN, ADMIN]);
    let [first, second, third] = [(1, 2), (2, 3), (3, 1)].map(|(by, whom)| view.sign(by, &remove(whom), &view.tips()));
    let with = |some: &[&VerifiedEntry]| {
        let entries = all.iter().chain(some.iter().copied());
        members(&Membership::resolve(view.0.group(), entries).membership)
    };
    // Of all three the first is settled first and voids the second; then the third is free and voids the first.
    let everything = with(&[&first, &second, &third]);
    assert_eq!(everything, [(2, ADMIN), (3, ADMIN)]);
    assert_eq!(with(&[&first, &third]), everything);
    assert_eq!(with(&[&third]), everything, "what stands alone makes the same");
    assert_eq!(with(&[&second, &third]), [(1, ADMIN), (2, ADMIN)], "but the first keeps the second from deciding");
}

#[test]
fn who_left_by_itself_as_a_writer_is_still_believed_and_who_was_put_out_is_not() {
    let (view, _) = group_of(&[ADMIN, WRITER, READER]);
    let believed = |view: &View, who: u8| view.0.is_believed(&device(who));
    assert!(believed(&view, 3) && !believed(&view, 4) && !believed(&view, 9));
    let mut left = view.clone();
    let leave = left.act(3, Control::Leave);
    assert!(believed(&left, 3));
    left.act(1, remove(3));
    assert!(believed(&left, 3) && left.0.to_confirm().is_empty(), "that it left is only confirmed");
    left.act(4, Control::Leave);
    assert!(!believed(&left, 4), "a reader never wrote");
    // Whoever takes the right to write and does not know that it has left does not only confirm.
    for control in [remove(3), role(3, READER)] {
        let mut before = view.clone();
        let taken = before.act(1, control);
        assert!(!believed(&before, 3));
        let mut after = left.clone();
        before.take(&[&leave]);
        after.take(&[&taken]);
        for view in [&mut before, &mut after] {
            assert!(!believed(view, 3));
            view.act(2, remove(3));
            assert!(!believed(view, 3), "nor does it help to confirm it afterwards");
        }
    }
    let mut demoted = view;
    demoted.act(1, role(3, READER));
    demoted.act(3, Control::Leave);
    assert!(!believed(&demoted, 3));
}

#[test]
fn who_gave_up_to_write_by_itself_is_still_believed_and_whose_role_was_taken_is_not() {
    let (view, _) = group_of(&[ADMIN, ADMIN, WRITER]);
    let believed = |view: &View, who: u8| view.0.is_believed(&device(who));
    let mut stepped = view.clone();
    let step = stepped.act(3, role(3, READER));
    assert!(believed(&stepped, 3) && !stepped.0.may_write(&device(3)));
    stepped.act(1, role(3, READER));
    assert!(believed(&stepped, 3), "that it stepped down is only confirmed");
    let mut left = stepped.clone();
    left.act(3, Control::Leave);
    assert!(believed(&left, 3), "also when it leaves afterwards");
    left.act(1, remove(3));
    assert!(believed(&left, 3));
    // Whoever takes it at the same time does not only confirm, in whatever order that is heard of.
    let mut before = view.clone();
    let taken = before.act(1, role(3, READER));
    assert!(!believed(&before, 3));
    before.take(&[&step]);
    let mut after = view.clone();
    after.take(&[&step]);
    after.take(&[&taken]);
    assert!(!believed(&before, 3) && !believed(&after, 3));
    // Who may write again begins anew.
    let mut again = stepped.clone();
    again.act(1, role(3, WRITER));
    assert!(believed(&again, 3));
    again.act(1, role(3, READER));
    assert!(!believed(&again, 3), "this time it was taken");
    before.act(1, role(3, ADMIN));
    before.act(3, role(3, READER));
    assert!(believed(&before, 3), "and this time given up");
}

/// What one of several devices does next, in a random story.
#[derive(Debug, Clone)]
enum Step {
    Act {
        by: u8,
        about: u8,
        what: u8,
    },
    /// Like `Act`, naming only this one of the entries that there are.
    Pin {
        by: u8,
        about: u8,
        what: u8,
        parent: usize,
    },
    /// One device hears of everything that another has.
    Hear {
        who: u8,
        from: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (1..=5u8, 1..=8u8, 0..8u8).prop_map(|(by, about, what)| Step::Act { by, about, what }),
        1 => (1..=5u8, 1..=8u8, 0..8u8, 0..40usize).prop_map(|(by, about, what, parent)| Step::Pin { by, about, what, parent }),
        3 => (1..=5u8, 1..=5u8).prop_map(|(who, from)| Step::Hear { who, from }),
    ];
    prop::collection::vec(step, 0..25)
}

fn control_of(view: &Membership, about: u8, what: u8) -> Control {
    let epoch = view.rotation().map_or(0, |rotation| rotation.epoch.0) + 1;
    let present: Vec<u8> = members(view).into_iter().map(|(who, _)| who).filter(|who| *who != about).collect();
    match what {
        0 => remove(about),
        1 => Control::Remove { device: device(about), rotation: Some(rotation(epoch, &present)) },
        2 => role(about, READER),
        3 => role(about, ADMIN),
        4 => invite(about, ADMIN),
        5 => Control::Rotate { rotation: rotation(epoch, &present) },
        6 => Control::Name { sealed: Bytes(vec![about]), kem: None },
        _ => Control::Leave,
    }
}

/// Every entry that was written in a story of five devices.
fn play(steps: &[Step]) -> Vec<VerifiedEntry> {
    let (view, mut all) = group_of(&[ADMIN, ADMIN, WRITER, READER]);
    let mut views: Vec<(View, Vec<VerifiedEntry>)> = (0..6).map(|_| (view.clone(), all.clone())).collect();
    for step in steps {
        let (by, about, what, parents) = match step {
            Step::Hear { who, from } => {
                let heard = views[*from as usize].1.clone();
                let (view, known) = &mut views[*who as usize];
                for entry in heard {
                    if known.iter().all(|old| old.id() != entry.id()) {
                        let _ = view.0.take_in(&entry);
                        known.push(entry);
                    }
                }
                continue;
            }
            Step::Act { by, about, what } => (*by, *about, *what, views[*by as usize].0.tips()),
            Step::Pin { by, about, what, parent } => (*by, *about, *what, vec![all[parent % all.len()].id()]),
        };
        let (view, known) = &mut views[by as usize];
        let entry = view.sign(by, &control_of(&view.0, about, what), &parents.into_iter().take(32).collect::<Vec<_>>());
        if all.iter().any(|old| old.id() == entry.id()) {
            continue;
        }
        let mut new = vec![entry.clone()];
        if what == 4 {
            new.push(join(view.0.group(), about, entry.id()));
        }
        for entry in new {
            let _ = view.0.take_in(&entry);
            known.push(entry.clone());
            all.push(entry);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn everyone_ends_with_the_same_members_whatever_order_the_entries_came_in(
        steps in steps(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 80),
    ) {
        let all = play(&steps);
        let group = all[0].group();
        // Any order in which parents come first.
        let (mut waiting, mut done) = (all.clone(), Vec::new());
        let mut membership = Membership::new(group);
        for index in order.iter().cycle() {
            let ready: Vec<usize> = (0..waiting.len())
                .filter(|at| waiting[*at].parents().iter().all(|parent| done.contains(parent)))
                .collect();
            if ready.is_empty() {
                break;
            }
            let entry = waiting.remove(ready[index.index(ready.len())]);
            let _ = membership.take_in(&entry);
            done.push(entry.id());
        }
        prop_assert!(waiting.is_empty());
        // What somebody wrote before anybody had heard of it is not kept, by nobody.
        let kept = all.iter().filter(|entry| membership.has_taken_in(&entry.id()));
        let resolved = Membership::resolve(group, kept).membership;
        prop_assert_eq!(members(&membership), members(&resolved));
        for entry in &all {
            prop_assert_eq!(membership.has_applied(&entry.id()), resolved.has_applied(&entry.id()));
        }
        prop_assert_eq!(membership.rotation(), resolved.rotation());
        prop_assert!(membership.invites().eq(resolved.invites()));
        let admins = resolved.members().filter(|(_, member)| member.role == ADMIN).count();
        prop_assert!(admins > 0 || resolved.members().count() == 0);
    }

    #[test]
    fn whoever_is_removed_has_done_nothing_that_its_remover_did_not_know_of(steps in steps()) {
        let all = play(&steps);
        let resolved = Membership::resolve(all[0].group(), &all).membership;
        let mut past: std::collections::BTreeMap<EntryId, std::collections::BTreeSet<EntryId>> = Default::default();
        for entry in &all {
            let mut before: std::collections::BTreeSet<EntryId> = entry.parents().iter().copied().collect();
            for parent in entry.parents() {
                before.extend(past.get(parent).into_iter().flatten());
            }
            past.insert(entry.id(), before);
        }
        for entry in all.iter().filter(|entry| resolved.has_applied(&entry.id())) {
            if let Some(gone) = resolved.gone(&entry.author())
                && !resolved.to_confirm().contains_key(&entry.author())
                && all.iter().any(|by| by.id() == gone.by && by.author() != entry.author())
            {
                prop_assert!(gone.by == entry.id() || past[&gone.by].contains(&entry.id()));
            }
        }
    }
}
