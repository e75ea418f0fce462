//! What the control entries that stand have made of a group, and what each has to fulfil to stand.

use super::act::{Act, Node, Turn};
use super::order::Ordered;
use ashore_protocol::control::Role;
use ashore_protocol::keys::{KemKey, Recipient};
use ashore_protocol::membership::{Gone, Member, OpenInvite, Refusal, RotationInfo};
use ashore_protocol::{DeviceId, EntryId, GroupId, InviteKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What an entry builds on.
#[derive(Clone, Copy)]
pub(super) enum View<'o> {
    /// What is in its past; the entry is at this place.
    Past(&'o Ordered, usize),
}

impl View<'_> {
    fn contains(self, place: usize) -> bool {
        match self {
            Self::Past(ordered, at) => ordered.precedes(place, at),
        }
    }

    /// Whether what stands at `earlier` was known where `later` was written.
    fn precedes(self, earlier: usize, later: usize) -> bool {
        match self {
            Self::Past(ordered, _) => ordered.precedes(earlier, later),
        }
    }
}

/// A device's seat in the group: what was done about it, by place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seat {
    events: Vec<(usize, Event)>,
    /// What the device gave up itself, until an admin says the same: by place.
    given_up: Option<usize>,
    /// Those that none of the others has in its past: they say what the device is.
    last: Vec<(usize, Event)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Is(Role),
    Gone(EntryId),
}

/// The members and all else that control entries make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    group: GroupId,
    /// How many entries were looked at: the place of the next.
    pub(super) places: usize,
    seats: BTreeMap<DeviceId, Seat>,
    pub(super) members: BTreeMap<DeviceId, Member>,
    pub(super) gone: BTreeMap<DeviceId, Gone>,
    pub(super) invites: BTreeMap<EntryId, OpenInvite>,
    invite_places: BTreeMap<EntryId, usize>,
    /// What closed an invite, by place.
    revoked: BTreeMap<EntryId, Vec<usize>>,
    recoveries: BTreeMap<EntryId, KemKey>,
    rotations: Vec<(usize, RotationInfo)>,
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
            invite_places: BTreeMap::new(),
            revoked: BTreeMap::new(),
            recoveries: BTreeMap::new(),
            rotations: Vec::new(),
            standing: BTreeSet::new(),
        }
    }

    /// Applies the next entry, or says why it does not stand. An entry that does not stand changes nothing but the count of places.
    pub(super) fn apply(&mut self, node: &Node, view: View<'_>) -> Result<(), Refusal> {
        let place = self.places;
        self.places += 1;
        if let Some(needed) = node.act.needs() {
            self.check_author(node, needed, view)?;
        }
        self.act(node, place, view)?;
        self.standing.insert(node.id);
        Ok(())
    }

    fn check_author(&self, node: &Node, needed: Role, view: View<'_>) -> Result<(), Refusal> {
        match self.role_in(&node.author, view) {
            Some(role) if role >= needed => Ok(()),
            Some(_) => Err(Refusal::RoleForbids),
            None if self.gone.contains_key(&node.author) => Err(Refusal::Removed),
            None => Err(Refusal::NotAMember),
        }
    }

    fn act(&mut self, node: &Node, place: usize, view: View<'_>) -> Result<(), Refusal> {
        let author = node.author;
        match &node.act {
            Act::Found { at, kem } => {
                let knows = [author.into()].into();
                self.rotations.push((place, RotationInfo { epoch: node.epoch, entry: node.id, known_to: knows }));
                self.seat(author, place, Event::Is(Role::Admin), view);
                self.admit(author, node, *at, kem.clone());
            }
            Act::Invite { key, role, expires_at, uses } => {
                if *uses == 0 {
                    return Err(Refusal::NoUses);
                }
                let open = OpenInvite {
                    role: *role,
                    expires_at: *expires_at,
                    uses_left: *uses,
                    ..self.unlimited(node, *key, view)
                };
                self.open(node.id, place, open);
            }
            Act::Recovery { key, kem } => {
                let open = OpenInvite { recovers: true, ..self.unlimited(node, *key, view) };
                self.learn(node.id.into(), open.rotation);
                self.open(node.id, place, open);
                self.recoveries.insert(node.id, kem.clone());
            }
            Act::Join { invite, at, kem, .. } => self.join(node, place, *invite, *at, kem.clone(), view)?,
            Act::Admit { device, role, at, kem } => {
                self.check_new(device)?;
                self.check_led_with(*role)?;
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
                self.check_known(device, view)?;
                if let Some(turn) = turn {
                    self.check_turn(turn, Some(device), view)?;
                }
                self.take_away(*device, node.id, place, view)?;
                self.note_giving_up(device, place, author == *device);
                if let Some(turn) = turn {
                    self.turn(node.id, place, turn);
                }
            }
            Act::Leave => {
                self.take_away(author, node.id, place, view)?;
                self.note_giving_up(&author, place, true);
            }
            Act::Role { device, role } => {
                self.check_target(device, view)?;
                let before = self.seats.get(device).cloned();
                self.seat(*device, place, Event::Is(*role), view);
                self.keep_an_admin(*device, before)?;
                self.note_giving_up(device, place, author == *device);
            }
            Act::Rotate { turn } => {
                self.check_turn(turn, None, view)?;
                self.turn(node.id, place, turn);
            }
            Act::Revoke { invite } => {
                if !self.invites.contains_key(invite) {
                    return Err(Refusal::UnknownInvite);
                }
                self.revoked.entry(*invite).or_default().push(place);
            }
            Act::Share { to, epoch, rotation } => {
                let of = self.rotations.iter_mut().find(|(_, info)| info.entry == *rotation && info.epoch == *epoch);
                let Some((_, info)) = of else { return Err(Refusal::UnknownEpoch) };
                info.known_to.insert(*to);
            }
        }
        Ok(())
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

    fn open(&mut self, id: EntryId, place: usize, open: OpenInvite) {
        self.invites.insert(id, open);
        self.invite_places.insert(id, place);
    }

    fn join(
        &mut self,
        node: &Node,
        place: usize,
        invite_id: EntryId,
        at: Timestamp,
        kem: Option<KemKey>,
        view: View<'_>,
    ) -> Result<(), Refusal> {
        if !node.parents.contains(&invite_id) {
            return Err(Refusal::InviteNotAParent);
        }
        let invite = self.invites.get(&invite_id).ok_or(Refusal::UnknownInvite)?;
        if !node.is_proven(self.group, &invite.invite_key) {
            return Err(Refusal::BadProof);
        }
        self.check_new(&node.author)?;
        if at > invite.expires_at {
            return Err(Refusal::InviteExpired);
        }
        let revoked = self.revoked.get(&invite_id).is_some_and(|places| places.iter().any(|at| view.contains(*at)));
        if revoked || self.role_in(&invite.invited_by, view) != Some(Role::Admin) {
            return Err(Refusal::InviteClosed);
        }
        let (role, rotation) = (invite.role, invite.rotation);
        if invite.uses_left > 0 {
            self.check_led_with(role)?;
        }
        let invite = self.invites.get_mut(&invite_id).ok_or(Refusal::UnknownInvite)?;
        invite.uses_left = invite.uses_left.checked_sub(1).ok_or(Refusal::InviteUsed)?;
        self.seat(node.author, place, Event::Is(role), view);
        self.admit(node.author, node, at, kem);
        self.learn(node.author.into(), rotation);
        Ok(())
    }

    /// A device is admitted once: after its removal it comes back as another.
    fn check_new(&self, device: &DeviceId) -> Result<(), Refusal> {
        if self.seats.contains_key(device) { Err(Refusal::AlreadyAMember) } else { Ok(()) }
    }

    /// Nobody comes into a group that all admins have left at the same time, but an admin.
    fn check_led_with(&self, role: Role) -> Result<(), Refusal> {
        let mut roles = self.members.values().map(|member| member.role).chain([role]);
        if roles.any(|role| role == Role::Admin) { Ok(()) } else { Err(Refusal::LastAdmin) }
    }

    fn check_target(&self, device: &DeviceId, view: View<'_>) -> Result<(), Refusal> {
        if self.role_in(device, view).is_some() { Ok(()) } else { Err(Refusal::UnknownDevice) }
    }

    /// Also a device that left may be removed: so that nothing it did at the same time counts.
    fn check_known(&self, device: &DeviceId, view: View<'_>) -> Result<(), Refusal> {
        let events = self.seats.get(device).map(|seat| seat.events.as_slice()).unwrap_or_default();
        let known = events.iter().any(|(place, _)| view.contains(*place));
        if known { Ok(()) } else { Err(Refusal::UnknownDevice) }
    }

    fn note_giving_up(&mut self, device: &DeviceId, place: usize, by_itself: bool) {
        if let Some(seat) = self.seats.get_mut(device) {
            seat.given_up = by_itself.then_some(place);
        }
    }

    /// Devices that left or took a lesser role by themselves, which no admin has said since; with what they are now.
    pub(super) fn to_confirm(&self) -> impl Iterator<Item = (&DeviceId, Option<Role>)> {
        let gave_up = self.seats.iter().filter(|(_, seat)| seat.given_up.is_some());
        gave_up.map(|(device, _)| (device, self.role_now(device)))
    }

    /// The next epoch, for nobody that it is to be closed to.
    fn check_turn(&self, turn: &Turn, removed: Option<&DeviceId>, view: View<'_>) -> Result<(), Refusal> {
        let known = self.rotations.iter().filter(|(place, _)| view.contains(*place));
        let next = known.map(|(_, info)| info.epoch.0).max().unwrap_or(0).checked_add(1);
        let closed = removed.is_none_or(|device| !turn.recipients.contains(&Recipient::from(*device)));
        if turn.is_sound && closed && next == Some(turn.epoch.0) { Ok(()) } else { Err(Refusal::BadRotation) }
    }

    fn turn(&mut self, entry: EntryId, place: usize, turn: &Turn) {
        let known_to = turn.recipients.iter().copied().collect();
        self.rotations.push((place, RotationInfo { epoch: turn.epoch, entry, known_to }));
    }

    /// The entry that began the epoch in which new entries are sealed, as far as the view goes: the highest, then the latest.
    fn rotation_in(&self, view: View<'_>) -> EntryId {
        let known = self.rotations.iter().filter(|(place, _)| view.contains(*place));
        let newest = known.max_by_key(|(place, info)| (info.epoch, *place));
        newest.map_or(EntryId(*self.group.as_bytes()), |(_, info)| info.entry)
    }

    /// Whoever comes in has the key of an epoch, by an invitation or a share.
    fn learn(&mut self, who: Recipient, rotation: EntryId) {
        if let Some((_, info)) = self.rotations.iter_mut().find(|(_, info)| info.entry == rotation) {
            info.known_to.insert(who);
        }
    }

    fn admit(&mut self, device: DeviceId, node: &Node, joined_at: Timestamp, kem: Option<KemKey>) {
        let role = self.role_now(&device).unwrap_or(Role::Reader);
        self.members.insert(device, Member { role, admitted_by: node.id, joined_at, named_by: node.id, kem });
    }

    fn take_away(&mut self, device: DeviceId, by: EntryId, place: usize, view: View<'_>) -> Result<(), Refusal> {
        let before = self.seats.get(&device).cloned();
        self.seat(device, place, Event::Gone(by), view);
        self.keep_an_admin(device, before)
    }

    /// Undoes what was done to a device's seat if it left members without an admin.
    fn keep_an_admin(&mut self, device: DeviceId, before: Option<Seat>) -> Result<(), Refusal> {
        let is_led = self.members.is_empty() || self.members.values().any(|member| member.role == Role::Admin);
        if is_led {
            return Ok(());
        }
        if let Some(seat) = before {
            self.seats.insert(device, seat);
        }
        self.look_at_seat(device);
        Err(Refusal::LastAdmin)
    }

    fn seat(&mut self, device: DeviceId, place: usize, event: Event, view: View<'_>) {
        let seat = self.seats.entry(device).or_default();
        seat.events.push((place, event));
        seat.last.retain(|(before, _)| !view.precedes(*before, place));
        seat.last.push((place, event));
        self.look_at_seat(device);
    }

    /// Brings the member in line with its seat.
    fn look_at_seat(&mut self, device: DeviceId) {
        let gone = self.seats.get(&device).and_then(Seat::gone);
        match (gone, self.role_now(&device)) {
            (Some(by), _) => {
                if let Some(member) = self.members.remove(&device) {
                    self.gone.insert(device, Gone { by, member });
                }
            }
            (None, Some(role)) => {
                if let Some(Gone { member, .. }) = self.gone.remove(&device) {
                    self.members.insert(device, member);
                }
                if let Some(member) = self.members.get_mut(&device) {
                    member.role = role;
                }
            }
            (None, None) => {}
        }
    }

    fn role_now(&self, device: &DeviceId) -> Option<Role> {
        role_of(self.seats.get(device)?.last.iter().map(|(_, event)| *event))
    }

    /// What a device is, as far as the view goes.
    fn role_in(&self, device: &DeviceId, view: View<'_>) -> Option<Role> {
        role_of(self.grounds_in(device, view).map(|(_, event)| event))
    }

    /// The last things done about a device, as far as the view goes: what it is rests on them.
    fn grounds_in(&self, device: &DeviceId, view: View<'_>) -> impl Iterator<Item = (usize, Event)> {
        let seat = self.seats.get(device);
        let events: &[(usize, Event)] = match (seat, view) {
            (Some(seat), View::Past(..)) => &seat.events,
            (None, _) => &[],
        };
        let known = move |place: usize| view.contains(place);
        let is_last = move |place: usize| {
            !events.iter().any(|(later, _)| known(*later) && *later != place && view.precedes(place, *later))
        };
        events.iter().copied().filter(move |(place, _)| known(*place) && is_last(*place))
    }

    /// The places of the entries that an author's right to act rests on, and an invite's.
    pub(super) fn rests_on(&self, node: &Node, view: View<'_>) -> Vec<usize> {
        let author = self.grounds_in(&node.author, view).map(|(place, _)| place);
        let invite = match &node.act {
            Act::Join { invite, .. } => self.invite_places.get(invite).copied(),
            _ => None,
        };
        author.chain(invite).collect()
    }

    /// The place at which a device was admitted.
    pub(super) fn admitted_at(&self, device: &DeviceId) -> usize {
        let seat = self.seats.get(device);
        seat.and_then(|seat| seat.events.first()).map_or(usize::MAX, |(place, _)| *place)
    }

    /// Marks the invites by which nobody can join any more: withdrawn, or made by somebody who is no admin now.
    pub(super) fn close_invites(&mut self) {
        for (id, invite) in &mut self.invites {
            let by_admin = self.members.get(&invite.invited_by).is_some_and(|member| member.role == Role::Admin);
            invite.closed = !by_admin || self.revoked.contains_key(id);
        }
    }

    /// The recoveries that are not closed.
    pub(super) fn recoveries(&self) -> impl Iterator<Item = (&EntryId, &KemKey)> {
        self.recoveries.iter().filter(|(id, _)| self.invites.get(id).is_some_and(|invite| !invite.closed))
    }

    /// The epoch in which new entries are sealed.
    pub(super) fn rotation(&self) -> Option<&RotationInfo> {
        let newest = self.rotations.iter().max_by_key(|(place, info)| (info.epoch, *place));
        newest.map(|(_, info)| info)
    }

    /// Every rotation that stands.
    pub(super) fn rotations(&self) -> impl Iterator<Item = &RotationInfo> {
        self.rotations.iter().map(|(_, info)| info)
    }
}

impl Seat {
    fn gone(&self) -> Option<EntryId> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::Gone(by) => Some(*by),
            Event::Is(_) => None,
        })
    }
}

/// Of things done at the same time the one that gives least counts; who is gone is gone.
fn role_of(events: impl Iterator<Item = Event>) -> Option<Role> {
    let roles = events.map(|event| match event {
        Event::Is(role) => Some(role),
        Event::Gone(_) => None,
    });
    roles.min().flatten()
}
