//! What the control entries that stand have made of a group, and what the next has to fulfil that knows of all of them.

use super::act::{Act, Node, Turn};
use super::order::Ordered;
use super::{Change, Gone, Member, OpenInvite, Refusal, RotationInfo};
use crate::control::Role;
use crate::gather::Gather;
use crate::ids::{DeviceId, EntryId, Epoch, GroupId, InviteKey, Timestamp};
use crate::keys::{KemKey, Recipient};
use std::collections::{BTreeMap, BTreeSet};

/// What an entry builds on.
#[derive(Clone, Copy)]
pub(super) enum View<'o> {
    /// Everything that was applied: the entry names all the last ones as parents.
    All,
    /// What is in its past; the entry is at this place.
    Past(&'o Ordered, usize),
}

impl View<'_> {
    fn contains(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Past(ordered, at) => ordered.precedes(place, at),
        }
    }

    /// Whether what stands at `earlier` was known where `later` was written.
    fn precedes(self, earlier: usize, later: usize) -> bool {
        match self {
            Self::All => earlier < later,
            Self::Past(ordered, _) => ordered.precedes(earlier, later),
        }
    }

    /// Whether one stands before the other in the order of the rule.
    fn is_before(self, one: usize, other: usize) -> bool {
        match self {
            Self::All => one < other,
            Self::Past(ordered, _) => ordered.rank(one) < ordered.rank(other),
        }
    }

    fn place(self, id: &EntryId) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Past(ordered, _) => ordered.places.get(id).copied(),
        }
    }
}

/// A device's seat in the group.
#[derive(Debug, Clone, Default)]
struct Seat {
    /// The first entry by which it is gone.
    gone: Option<EntryId>,
    /// What the device gave up itself, until an admin says the same: by place.
    given_up: Option<usize>,
    /// What was done about it, by place, as far as nothing else that was has it in its past: this says what the device is.
    last: Vec<(usize, Event)>,
    /// By what it left itself, by place.
    left: Vec<usize>,
    /// Somebody took from it the right to write, and did not know that it had left.
    is_put_out: bool,
    /// By what it gave up the right to write itself and stayed, by place, but for what was before it was given that again.
    stepped_down: Vec<usize>,
    /// By what others took it, by place, who did not know that; likewise.
    demoted: Vec<usize>,
}

impl Seat {
    /// Whether it writes no more because it wanted to.
    fn has_stepped_down(&self) -> bool {
        !self.stepped_down.is_empty() && self.demoted.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Is(Role),
    Gone(EntryId),
}

/// The members and all else that control entries make.
#[derive(Debug, Clone)]
pub(super) struct State {
    group: GroupId,
    /// How many entries were looked at: the place of the next.
    pub(super) places: usize,
    seats: BTreeMap<DeviceId, Seat>,
    pub(super) members: BTreeMap<DeviceId, Member>,
    pub(super) gone: BTreeMap<DeviceId, Gone>,
    pub(super) invites: BTreeMap<EntryId, OpenInvite>,
    revoked: BTreeSet<EntryId>,
    recoveries: BTreeMap<EntryId, KemKey>,
    rotations: BTreeMap<EntryId, RotationInfo>,
    /// What began them, in the order of the rule, by place.
    turns: Vec<(usize, EntryId)>,
    /// The same in ascending order of epochs, and in that order where these are the same: the last is the one that new entries are sealed in.
    epochs: Vec<(Epoch, usize, EntryId)>,
    pub(super) standing: BTreeSet<EntryId>,
}

impl State {
    pub(super) fn new(group: GroupId) -> Self {
        Self {
            group,
            places: 0,
            seats: BTreeMap::new(),
            members: BTreeMap::new(),
            gone: BTreeMap::new(),
            invites: BTreeMap::new(),
            revoked: BTreeSet::new(),
            recoveries: BTreeMap::new(),
            rotations: BTreeMap::new(),
            turns: Vec::new(),
            epochs: Vec::new(),
            standing: BTreeSet::new(),
        }
    }

    /// Applies the next entry, which knows of everything that was applied, or says why it does not stand: nothing is changed then.
    pub(super) fn apply(&mut self, node: &Node) -> Result<Change, Refusal> {
        self.check(node)?;
        self.record(node, self.places, View::All);
        self.places += 1;
        self.close_invites();
        Ok(node.act.change(node))
    }

    /// Whether the next entry stands, which knows of everything that was applied.
    pub(super) fn check(&self, node: &Node) -> Result<(), Refusal> {
        if let Some(needed) = node.act.needs() {
            self.check_author(node, needed)?;
        }
        match &node.act {
            Act::Invite { uses: 0, .. } => Err(Refusal::NoUses),
            Act::Found { .. } | Act::Invite { .. } | Act::Recovery { .. } | Act::Name { .. } => Ok(()),
            Act::Join { invite, at, .. } => self.check_join(node, invite, *at),
            Act::Admit { device, .. } => self.check_new(device),
            // Also a device that left may be removed: so that nothing it did at the same time counts.
            Act::Remove { device, .. } if !self.seats.contains_key(device) => Err(Refusal::UnknownDevice),
            Act::Remove { device, turn } => {
                turn.as_ref().map_or(Ok(()), |turn| self.check_turn(turn, Some(device)))?;
                self.check_led(device, None)
            }
            Act::Leave => self.check_led(&node.author, None),
            Act::Role { device, .. } if self.role_now(device).is_none() => Err(Refusal::UnknownDevice),
            Act::Role { device, role } => self.check_led(device, Some(*role)),
            Act::Rotate { turn } => self.check_turn(turn, None),
            Act::Revoke { invite } if !self.invites.contains_key(invite) => Err(Refusal::UnknownInvite),
            Act::Revoke { .. } => Ok(()),
            Act::Share { epoch, rotation, .. } => {
                let info = self.rotations.get(rotation);
                if info.is_some_and(|info| info.epoch == *epoch) { Ok(()) } else { Err(Refusal::UnknownEpoch) }
            }
        }
    }

    fn check_author(&self, node: &Node, needed: Role) -> Result<(), Refusal> {
        match self.role_now(&node.author) {
            Some(role) if role >= needed => Ok(()),
            Some(_) => Err(Refusal::RoleForbids),
            None if self.gone.contains_key(&node.author) => Err(Refusal::Removed),
            None => Err(Refusal::NotAMember),
        }
    }

    fn check_join(&self, node: &Node, invite_id: &EntryId, at: Timestamp) -> Result<(), Refusal> {
        if !node.parents.contains(invite_id) {
            return Err(Refusal::InviteNotAParent);
        }
        let invite = self.invites.get(invite_id).ok_or(Refusal::UnknownInvite)?;
        if !node.is_proven(self.group, &invite.invite_key) {
            return Err(Refusal::BadProof);
        }
        self.check_new(&node.author)?;
        if at > invite.expires_at {
            return Err(Refusal::InviteExpired);
        }
        if self.revoked.contains(invite_id) || self.role_now(&invite.invited_by) != Some(Role::Admin) {
            return Err(Refusal::InviteClosed);
        }
        if invite.uses_left == 0 { Err(Refusal::InviteUsed) } else { Ok(()) }
    }

    /// A device is admitted once: after its removal it comes back as another.
    fn check_new(&self, device: &DeviceId) -> Result<(), Refusal> {
        if self.seats.contains_key(device) { Err(Refusal::AlreadyAMember) } else { Ok(()) }
    }

    /// The next epoch, for nobody that it is to be closed to.
    fn check_turn(&self, turn: &Turn, removed: Option<&DeviceId>) -> Result<(), Refusal> {
        let next = self.epochs.last().map_or(0, |(epoch, ..)| epoch.0).checked_add(1);
        let closed = removed.is_none_or(|device| !turn.recipients.contains(&Recipient::from(*device)));
        if turn.is_sound && closed && next == Some(turn.epoch.0) { Ok(()) } else { Err(Refusal::BadRotation) }
    }

    /// Whether members have an admin when this device has that role, or none.
    fn check_led(&self, device: &DeviceId, role: Option<Role>) -> Result<(), Refusal> {
        let mut others = self.members.iter().filter(|(other, _)| *other != device).peekable();
        let role = role.filter(|_| self.members.contains_key(device));
        let nobody = others.peek().is_none() && role.is_none();
        let is_led = nobody || role == Some(Role::Admin) || others.any(|(_, member)| member.role == Role::Admin);
        if is_led { Ok(()) } else { Err(Refusal::LastAdmin) }
    }

    /// Makes of the group what an entry makes of it that stands at this place.
    pub(super) fn record(&mut self, node: &Node, place: usize, view: View<'_>) {
        let author = node.author;
        match &node.act {
            Act::Found { at, kem } => {
                self.turn(node.id, place, node.epoch, [author.into()].into(), view);
                self.seat(author, place, Event::Is(Role::Admin), view);
                self.admit(author, node, *at, kem.clone());
            }
            Act::Invite { key, role, expires_at, uses } => {
                let open = OpenInvite {
                    role: *role,
                    expires_at: *expires_at,
                    uses_left: *uses,
                    ..self.unlimited(node, *key, view)
                };
                self.invites.insert(node.id, open);
            }
            Act::Recovery { key, kem } => {
                let open = OpenInvite { recovers: true, ..self.unlimited(node, *key, view) };
                self.learn(node.id.into(), open.rotation);
                self.invites.insert(node.id, open);
                self.recoveries.insert(node.id, kem.clone());
            }
            Act::Join { invite, at, kem, .. } => {
                if let Some(invite) = self.invites.get_mut(invite) {
                    invite.uses_left = invite.uses_left.saturating_sub(1);
                    let (role, rotation) = (invite.role, invite.rotation);
                    self.seat(author, place, Event::Is(role), view);
                    self.admit(author, node, *at, kem.clone());
                    self.learn(author.into(), rotation);
                }
            }
            Act::Admit { device, role, at, kem } => {
                self.seat(*device, place, Event::Is(*role), view);
                self.admit(*device, node, *at, Some(kem.clone()));
                let rotation = self.rotation_in(view);
                self.learn((*device).into(), rotation);
            }
            Act::Name { kem } => {
                if let Some(member) = self.members.get_mut(&author) {
                    member.named_by = node.id;
                    member.kem = kem.clone().or(member.kem.take());
                }
            }
            Act::Remove { device, turn } => {
                self.seat(*device, place, Event::Gone(node.id), view);
                self.note_giving_up(device, place, author == *device, view);
                self.note_end(device, place, author == *device, view);
                if let Some(turn) = turn {
                    self.turn(node.id, place, turn.epoch, turn.recipients.iter().copied().gather(), view);
                }
            }
            Act::Leave => {
                self.seat(author, place, Event::Gone(node.id), view);
                self.note_giving_up(&author, place, true, view);
                self.note_end(&author, place, true, view);
            }
            Act::Role { device, role } => {
                self.seat(*device, place, Event::Is(*role), view);
                self.note_giving_up(device, place, author == *device, view);
                // Who gives a role did not know that the device was gone.
                if *role < Role::Writer && self.gone.contains_key(device) {
                    self.note_end(device, place, false, view);
                }
                self.note_right_to_write(device, place, *role >= Role::Writer, author == *device, view);
            }
            Act::Rotate { turn } => {
                self.turn(node.id, place, turn.epoch, turn.recipients.iter().copied().gather(), view);
            }
            Act::Revoke { invite } => {
                self.revoked.insert(*invite);
            }
            Act::Share { to, rotation, .. } => self.learn(*to, *rotation),
        }
        self.standing.insert(node.id);
    }

    fn unlimited(&self, node: &Node, invite_key: InviteKey, view: View<'_>) -> OpenInvite {
        OpenInvite {
            invite_key,
            role: Role::Admin,
            expires_at: Timestamp::from_ms(u64::MAX),
            uses_left: u32::MAX,
            invited_by: node.author,
            rotation: self.rotation_in(view),
            recovers: false,
            closed: false,
        }
    }

    /// The last in the order says whether an admin did it.
    fn note_giving_up(&mut self, device: &DeviceId, place: usize, by_itself: bool, view: View<'_>) {
        if let Some(seat) = self.seats.get_mut(device)
            && !seat.last.iter().any(|(other, _)| view.is_before(place, *other))
        {
            seat.given_up = by_itself.then_some(place);
        }
    }

    /// Notes who did it that a device is gone, or writes no more.
    fn note_end(&mut self, device: &DeviceId, place: usize, by_itself: bool, view: View<'_>) {
        let Some(seat) = self.seats.get_mut(device) else { return };
        match by_itself {
            true => seat.left.push(place),
            false => seat.is_put_out |= !seat.left.iter().any(|left| view.contains(*left)),
        }
    }

    /// Notes who did it that a member may write no more, or may again.
    fn note_right_to_write(&mut self, device: &DeviceId, place: usize, may: bool, by_itself: bool, view: View<'_>) {
        let Some(seat) = self.seats.get_mut(device) else { return };
        match (may, by_itself) {
            (true, _) => {
                seat.stepped_down.retain(|before| !view.contains(*before));
                seat.demoted.retain(|before| !view.contains(*before));
            }
            (false, true) => seat.stepped_down.push(place),
            (false, false) if seat.stepped_down.iter().any(|before| view.contains(*before)) => {}
            (false, false) => seat.demoted.push(place),
        }
    }

    /// Whether a device left by itself, or gave up by itself to write, might write until then, and nobody put it out at the same time or before.
    pub(super) fn left_as_writer(&self, device: &DeviceId) -> bool {
        let Some(seat) = self.seats.get(device) else { return false };
        match self.gone.get(device) {
            Some(gone) => {
                let wrote = gone.member.role >= Role::Writer || seat.has_stepped_down();
                wrote && !seat.left.is_empty() && !seat.is_put_out
            }
            None => self.members.contains_key(device) && seat.has_stepped_down(),
        }
    }

    /// Devices that left or took a lesser role by themselves, which no admin has said since; with what they are now.
    pub(super) fn to_confirm(&self) -> impl Iterator<Item = (&DeviceId, Option<Role>)> {
        let gave_up = self.seats.iter().filter(|(_, seat)| seat.given_up.is_some());
        gave_up.map(|(device, _)| (device, self.role_now(device)))
    }

    fn turn(&mut self, entry: EntryId, place: usize, epoch: Epoch, known_to: BTreeSet<Recipient>, view: View<'_>) {
        self.rotations.insert(entry, RotationInfo { epoch, entry, known_to });
        let at = self.turns.partition_point(|(other, _)| view.is_before(*other, place));
        self.turns.insert(at, (place, entry));
        let is_before = |(other_epoch, other, _): &(Epoch, usize, EntryId)| {
            *other_epoch < epoch || *other_epoch == epoch && view.is_before(*other, place)
        };
        let at = self.epochs.partition_point(is_before);
        self.epochs.insert(at, (epoch, place, entry));
    }

    /// The entry that began the epoch in which new entries are sealed, as far as the view goes: the highest, then the latest.
    fn rotation_in(&self, view: View<'_>) -> EntryId {
        let newest = self.epochs.iter().rev().find(|(_, place, _)| view.contains(*place));
        newest.map_or(EntryId(*self.group.as_bytes()), |(_, _, entry)| *entry)
    }

    /// Whoever comes in has the key of an epoch, by an invitation or a share.
    fn learn(&mut self, who: Recipient, rotation: EntryId) {
        if let Some(info) = self.rotations.get_mut(&rotation) {
            info.known_to.insert(who);
        }
    }

    fn admit(&mut self, device: DeviceId, node: &Node, joined_at: Timestamp, kem: Option<KemKey>) {
        let role = self.role_now(&device).unwrap_or(Role::Reader);
        self.members.insert(device, Member { role, admitted_by: node.id, joined_at, named_by: node.id, kem });
    }

    fn seat(&mut self, device: DeviceId, place: usize, event: Event, view: View<'_>) {
        let seat = self.seats.entry(device).or_default();
        seat.last.retain(|(before, _)| !view.precedes(*before, place));
        seat.last.push((place, event));
        if let Event::Gone(by) = event {
            seat.gone.get_or_insert(by);
        }
        self.look_at_seat(device);
    }

    /// Brings the member in line with its seat.
    fn look_at_seat(&mut self, device: DeviceId) {
        let gone = self.seats.get(&device).and_then(|seat| seat.gone);
        let role = self.role_now(&device);
        if let Some(by) = gone {
            let member = self.members.remove(&device);
            self.gone.extend(member.map(|member| (device, Gone { by, member })));
        } else if let (Some(member), Some(role)) = (self.members.get_mut(&device), role) {
            member.role = role;
        }
    }

    fn role_now(&self, device: &DeviceId) -> Option<Role> {
        role_of(self.seats.get(device)?.last.iter().map(|(_, event)| *event))
    }

    /// Marks the invites by which nobody can join any more: withdrawn, or made by somebody who is no admin now.
    pub(super) fn close_invites(&mut self) {
        for (id, invite) in &mut self.invites {
            let by_admin = self.members.get(&invite.invited_by).is_some_and(|member| member.role == Role::Admin);
            invite.closed = !by_admin || self.revoked.contains(id);
        }
    }

    /// The recoveries that are not closed.
    pub(super) fn recoveries(&self) -> impl Iterator<Item = (&EntryId, &KemKey)> {
        self.recoveries.iter().filter(|(id, _)| self.invites.get(id).is_some_and(|invite| !invite.closed))
    }

    /// The epoch in which new entries are sealed.
    pub(super) fn rotation(&self) -> Option<&RotationInfo> {
        self.rotations.get(&self.epochs.last()?.2)
    }

    /// Every rotation that stands, in the order of the rule.
    pub(super) fn rotations(&self) -> impl Iterator<Item = &RotationInfo> {
        self.turns.iter().filter_map(|(_, entry)| self.rotations.get(entry))
    }
}

impl State {
    /// Makes of the group what an entry makes of it that stands at this place, though some that come after it in the order were applied. `false` where that cannot be
    /// told from what is here: then all of them have to be applied anew.
    pub(super) fn insert(&mut self, node: &Node, place: usize, view: View<'_>) -> bool {
        let can = match &node.act {
            Act::Found { .. } => false,
            Act::Name { .. } => self.is_latest(&node.author, place, view),
            Act::Leave => self.may_take_end(&node.author, place, view),
            Act::Remove { device, .. } => self.may_take_end(device, place, view),
            Act::Role { device, .. } => self.was_gone_before(device, place, view).unwrap_or(true),
            Act::Invite { .. }
            | Act::Join { .. }
            | Act::Rotate { .. }
            | Act::Revoke { .. }
            | Act::Admit { .. }
            | Act::Share { .. }
            | Act::Recovery { .. } => true,
        };
        if can {
            self.record(node, place, view);
        }
        can
    }

    /// Whether the device was gone before this place; `None`: it is not gone.
    fn was_gone_before(&self, device: &DeviceId, place: usize, view: View<'_>) -> Option<bool> {
        let gone = self.seats.get(device)?.gone?;
        Some(view.place(&gone).is_some_and(|gone| view.is_before(gone, place)))
    }

    /// Whether nothing that was done about a member comes after this place.
    fn is_latest(&self, device: &DeviceId, place: usize, view: View<'_>) -> bool {
        let (Some(member), Some(seat)) = (self.members.get(device), self.seats.get(device)) else {
            return self.was_gone_before(device, place, view).unwrap_or(false);
        };
        let named = view.place(&member.named_by).is_some_and(|named| view.is_before(named, place));
        named && seat.last.iter().all(|(other, _)| view.is_before(*other, place))
    }

    /// Who is gone stays as it was when it went first.
    fn may_take_end(&self, device: &DeviceId, place: usize, view: View<'_>) -> bool {
        self.was_gone_before(device, place, view).unwrap_or_else(|| self.is_latest(device, place, view))
    }
}

impl PartialEq for State {
    /// The same came of the entries: the places that they were given may differ.
    fn eq(&self, other: &Self) -> bool {
        let same_seat = |(one, other): (&Seat, &Seat)| {
            let events = |seat: &Seat| {
                let mut events: Vec<Event> = seat.last.iter().map(|(_, event)| *event).collect();
                events.sort_unstable();
                events
            };
            one.gone == other.gone
                && one.given_up.is_some() == other.given_up.is_some()
                && one.has_stepped_down() == other.has_stepped_down()
                && events(one) == events(other)
        };
        self.group == other.group
            && self.members == other.members
            && self.gone == other.gone
            && self.invites == other.invites
            && self.revoked == other.revoked
            && self.recoveries == other.recoveries
            && self.rotations().eq(other.rotations())
            && self.rotation() == other.rotation()
            && self.standing == other.standing
            && self.seats.keys().eq(other.seats.keys())
            && self.seats.values().zip(other.seats.values()).all(same_seat)
    }
}

impl Eq for State {}

/// Of things done at the same time the one that gives least counts; who is gone is gone.
fn role_of(events: impl Iterator<Item = Event>) -> Option<Role> {
    let roles = events.map(|event| match event {
        Event::Is(role) => Some(role),
        Event::Gone(_) => None,
    });
    roles.min().flatten()
}
