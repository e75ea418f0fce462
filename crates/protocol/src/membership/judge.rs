//! One look at all entries in their order: which stand, when some of them are void.
//!
//! What an entry asks for is worked out once ([`Case`]); each look asks it again of what stands before it.

use super::act::{Act, Node, Turn};
use super::led::needs_an_admin;
use super::order::Ordered;
use super::places::Places;
use super::seats::{Count, Seat, Seats, View};
use super::{Refusal, act};
use crate::control::Role;
use crate::gather::{Gather, sorted_by};
use crate::ids::{DeviceId, EntryId, Epoch, GroupId};
use crate::keys::Recipient;
use std::collections::BTreeMap;

/// The entries and what was made of them at the last look.
pub(super) struct Judge<'o> {
    group: GroupId,
    ordered: &'o Ordered,
    seats: Seats,
    cases: Vec<Case>,
    /// By the place of each invite: the withdrawals of it that stand, and how many may still join.
    invites: BTreeMap<usize, Invite>,
    rotations: Rotations,
    count: Count,
    /// Those that stand.
    pub(super) standing: Places,
    refused: Vec<(usize, Refusal)>,
    /// How often an entry was judged, or something counted that its author knew of.
    pub(super) steps: u64,
}

/// An entry, and what it has to do with others.
struct Case {
    author: View,
    /// The device that it changes or the one that made its invite.
    about: Option<View>,
    /// Of a join and a withdrawal: the invite, if it is one; of a share: the rotation.
    named: Option<usize>,
    /// Of a join: the withdrawals of its invite in its past; of what turns the epoch: the rotations.
    seen: Places,
    /// The number of a withdrawal or a rotation.
    number: usize,
}

#[derive(Default)]
struct Invite {
    /// The places of its withdrawals.
    withdrawals: Vec<usize>,
    standing: Places,
    uses_left: u32,
}

/// Everything that may begin an epoch, in ascending order of epochs and then of places.
struct Rotations {
    all: Vec<(Epoch, usize)>,
    standing: Places,
}

impl<'o> Judge<'o> {
    pub(super) fn new(group: GroupId, ordered: &'o Ordered) -> Self {
        let mut judge = Self {
            group,
            ordered,
            seats: Seats::new(ordered),
            cases: Vec::with_capacity(ordered.nodes.len()),
            invites: invites(ordered),
            rotations: Rotations::new(ordered),
            count: Count::default(),
            standing: Places::default(),
            refused: Vec::new(),
            steps: 0,
        };
        for (place, node) in ordered.nodes.iter().enumerate() {
            let case = judge.case(place, node);
            judge.cases.push(case);
        }
        judge
    }

    fn case(&mut self, place: usize, node: &Node) -> Case {
        let ordered = self.ordered;
        let author = self.seats.view(ordered, node.author, place);
        let mut case = Case { author, about: None, named: None, seen: Places::default(), number: 0 };
        match &node.act {
            Act::Join { invite, .. } => {
                case.named = self.invite(invite);
                case.about = ordered.node(invite).map(|invite| self.seats.view(ordered, invite.author, place));
                let withdrawals = case.named.and_then(|at| self.invites.get(&at));
                let places = withdrawals.into_iter().flat_map(|invite| invite.withdrawals.iter().copied());
                case.seen = seen(ordered, place, places);
            }
            Act::Revoke { invite } => {
                case.named = self.invite(invite);
                let withdrawals = case.named.and_then(|at| self.invites.get(&at));
                case.number = withdrawals.map_or(0, |invite| invite.withdrawals.partition_point(|at| *at < place));
            }
            Act::Role { device, .. } => case.about = Some(self.seats.view(ordered, *device, place)),
            Act::Share { epoch, rotation, .. } => {
                let at = ordered.places.get(rotation).copied();
                case.named = at.filter(|at| self.rotations.number(*epoch, *at).is_ok());
            }
            _ => {}
        }
        if let Some(epoch) = act::begun(node) {
            case.number = self.rotations.number(epoch, place).unwrap_or_default();
            case.seen = seen(ordered, place, self.rotations.all.iter().map(|(_, place)| *place));
        }
        case
    }

    /// The place of an invite or recovery.
    fn invite(&self, id: &EntryId) -> Option<usize> {
        self.ordered.places.get(id).copied().filter(|place| self.invites.contains_key(place))
    }

    /// Judges the entries from this place on, except those that are void; those before it are as they were at the last look.
    pub(super) fn look(&mut self, void: &Places, from: usize) {
        self.reset(from);
        for place in 0..self.cases.len() {
            let judged = match () {
                () if place < from && self.standing.contains(place) => Ok(()),
                () if place < from => continue,
                () if void.contains(place) => Err(Refusal::Voided),
                () => self.judge(place),
            };
            match judged {
                Ok(()) => self.stand(place),
                Err(refusal) => self.fall(place, refusal),
            }
        }
    }

    fn reset(&mut self, from: usize) {
        self.seats.seats.iter_mut().for_each(Seat::reset);
        for (place, invite) in &mut self.invites {
            let act = self.ordered.nodes.get(*place).map(|node| &node.act);
            invite.uses_left = if let Some(Act::Invite { uses, .. }) = act { *uses } else { u32::MAX };
            invite.standing.zero();
        }
        self.rotations.standing.zero();
        self.standing.cut(from);
        let known = self.refused.partition_point(|(place, _)| *place < from);
        self.refused.truncate(known);
        self.count = Count::default();
    }

    fn judge(&mut self, place: usize) -> Result<(), Refusal> {
        let Self { ordered, seats, cases, invites, rotations, steps, standing, .. } = self;
        let (Some(node), Some(case)) = (ordered.nodes.get(place), cases.get_mut(place)) else { return Ok(()) };
        *steps += 1;
        let about = case.about.as_mut().and_then(|view| seats.role_in(view, steps));
        let role = seats.role_in(&mut case.author, steps);
        if let Some(needed) = node.act.needs() {
            match role {
                Some(role) if role >= needed => {}
                Some(_) => return Err(Refusal::RoleForbids),
                None if seats.is_gone(case.author.seat) => return Err(Refusal::Removed),
                None => return Err(Refusal::NotAMember),
            }
        }
        let event = seats.events.get(place).copied().flatten();
        let named = case.named.filter(|named| standing.contains(*named));
        match &node.act {
            Act::Invite { uses: 0, .. } => return Err(Refusal::NoUses),
            Act::Join { invite, at, .. } => {
                if !node.parents.contains(invite) {
                    return Err(Refusal::InviteNotAParent);
                }
                let invite = named.and_then(|named| Some((ordered.nodes.get(named)?, invites.get(&named)?)));
                let (made_by, invite) = invite.ok_or(Refusal::UnknownInvite)?;
                let (key, expires_at) = match &made_by.act {
                    Act::Invite { key, expires_at, .. } => (key, Some(*expires_at)),
                    Act::Recovery { key, .. } => (key, None),
                    _ => return Err(Refusal::UnknownInvite),
                };
                if !node.is_proven(self.group, key) {
                    return Err(Refusal::BadProof);
                }
                if seats.is_taken(case.author.seat) {
                    return Err(Refusal::AlreadyAMember);
                }
                if expires_at.is_some_and(|expires_at| *at > expires_at) {
                    return Err(Refusal::InviteExpired);
                }
                if case.seen.meets(&invite.standing) || about != Some(Role::Admin) {
                    return Err(Refusal::InviteClosed);
                }
                if invite.uses_left == 0 {
                    return Err(Refusal::InviteUsed);
                }
            }
            Act::Admit { .. } if event.is_some_and(|(seat, _)| seats.is_taken(seat)) => {
                return Err(Refusal::AlreadyAMember);
            }
            // Also a device that left may be removed: so that nothing it did at the same time counts.
            Act::Remove { .. } if !event.is_some_and(|event| seats.was_known(event)) => {
                return Err(Refusal::UnknownDevice);
            }
            Act::Remove { device, turn: Some(turn) } => {
                let closed = !turn.recipients.contains(&Recipient::from(*device));
                rotations.check(turn, &case.seen, closed)?;
            }
            Act::Role { .. } if about.is_none() => return Err(Refusal::UnknownDevice),
            Act::Rotate { turn } => rotations.check(turn, &case.seen, true)?,
            Act::Revoke { .. } if named.is_none() => return Err(Refusal::UnknownInvite),
            Act::Share { .. } if named.is_none() => return Err(Refusal::UnknownEpoch),
            _ => {}
        }
        match event.filter(|_| needs_an_admin(node)).map(|event| seats.count_with(event, self.count)) {
            Some(after) if !after.is_led() => Err(Refusal::LastAdmin),
            _ => Ok(()),
        }
    }

    fn stand(&mut self, place: usize) {
        self.standing.insert(place);
        if let Some((seat, event)) = self.seats.events.get(place).copied().flatten() {
            self.count = self.seats.count_with((seat, event), self.count);
            self.seats.seats.get_mut(seat).into_iter().for_each(|seat| seat.stand(event));
        }
        let (Some(node), Some(case)) = (self.ordered.nodes.get(place), self.cases.get(place)) else { return };
        let invite = match node.act {
            Act::Join { .. } | Act::Revoke { .. } => case.named.and_then(|named| self.invites.get_mut(&named)),
            _ => None,
        };
        match (&node.act, invite) {
            (Act::Join { .. }, Some(invite)) => invite.uses_left = invite.uses_left.saturating_sub(1),
            (Act::Revoke { .. }, Some(invite)) => invite.standing.insert(case.number),
            (Act::Found { .. } | Act::Rotate { .. } | Act::Remove { turn: Some(_), .. }, _) => {
                self.rotations.standing.insert(case.number);
            }
            _ => {}
        }
    }

    fn fall(&mut self, place: usize, refusal: Refusal) {
        self.refused.push((place, refusal));
        if let Some((seat, event)) = self.seats.events.get(place).copied().flatten() {
            self.seats.seats.get_mut(seat).into_iter().for_each(|seat| seat.fall(event));
        }
    }

    /// Those that did not stand at the last look, in the order of places.
    pub(super) fn refused(&self) -> &[(usize, Refusal)] {
        &self.refused
    }

    /// Some devices that were admins from their admission on, with its place, at the last look.
    pub(super) fn steady(&self) -> Vec<(DeviceId, usize)> {
        self.seats.steady()
    }

    /// The place of an entry's author's admission, at the last look.
    pub(super) fn seniority(&self, place: usize) -> usize {
        let seat = self.cases.get(place).and_then(|case| self.seats.seats.get(case.author.seat));
        seat.map_or(usize::MAX, |seat| seat.admitted_at())
    }

    /// Of those that stand: which are among these, or rest on some that are.
    pub(super) fn resting_on(&self, hit: &Places) -> Places {
        let mut resting = Places::default();
        let mut by_seat = vec![Places::default(); self.seats.seats.len()];
        for (place, case) in self.cases.iter().enumerate().filter(|(place, _)| self.standing.contains(*place)) {
            let is_join = matches!(self.ordered.nodes.get(place).map(|node| &node.act), Some(Act::Join { .. }));
            let rests = hit.contains(place)
                || by_seat.get(case.author.seat).is_some_and(|events| case.author.grounds.meets(events))
                || is_join && case.named.is_some_and(|invite| resting.contains(invite));
            if rests {
                resting.insert(place);
                if let Some((seat, event)) = self.seats.events.get(place).copied().flatten()
                    && let Some(events) = by_seat.get_mut(seat)
                {
                    events.insert(event);
                }
            }
        }
        resting
    }
}

impl Rotations {
    fn new(ordered: &Ordered) -> Self {
        let nodes = ordered.nodes.iter().enumerate();
        let all: Vec<_> = nodes.filter_map(|(place, node)| Some((act::begun(node)?, place))).collect();
        let all = sorted_by(all, Ord::cmp);
        Self { all, standing: Places::default() }
    }

    fn number(&self, epoch: Epoch, place: usize) -> Result<usize, usize> {
        self.all.binary_search(&(epoch, place))
    }

    /// The next epoch, for nobody that it is to be closed to.
    fn check(&self, turn: &Turn, seen: &Places, closed: bool) -> Result<(), Refusal> {
        let newest = seen.last_in_both(&self.standing).and_then(|number| self.all.get(number));
        let next = newest.map_or(0, |(epoch, _)| epoch.0).checked_add(1);
        if turn.is_sound && closed && next == Some(turn.epoch.0) { Ok(()) } else { Err(Refusal::BadRotation) }
    }
}

fn invites(ordered: &Ordered) -> BTreeMap<usize, Invite> {
    let nodes = || ordered.nodes.iter().enumerate();
    let invites = nodes().filter(|(_, node)| matches!(node.act, Act::Invite { .. } | Act::Recovery { .. }));
    let mut invites: BTreeMap<usize, Invite> = invites.map(|(place, _)| (place, Invite::default())).gather();
    for (place, node) in nodes() {
        if let Act::Revoke { invite } = &node.act
            && let Some(invite) = ordered.places.get(invite).and_then(|invite| invites.get_mut(invite))
        {
            invite.withdrawals.push(place);
        }
    }
    invites
}

/// The numbers of those places that the entry has in its past.
fn seen(ordered: &Ordered, by: usize, places: impl Iterator<Item = usize>) -> Places {
    let mut seen = Places::default();
    let known = places.enumerate().filter(|(_, place)| ordered.precedes(*place, by));
    known.for_each(|(number, _)| seen.insert(number));
    seen
}
