//! Judging one new entry that nobody names in each round of what was settled: see [`super::settled`].

use super::Refusal;
use super::act::{Act, Node, Turn};
use super::led::needs_an_admin;
use super::places::{Places, Run};
use super::seats::done_by;
use super::settled::{AboutDevice, Extension, Round, Settled, Step, used_by};
use crate::control::Role;
use crate::ids::{DeviceId, GroupId};
use crate::keys::Recipient;

/// The new entry, and where it would stand.
struct New<'n> {
    group: GroupId,
    node: &'n Node,
    past: Places,
    rank: usize,
    /// What it voids, if it is settled.
    hits: Run,
}

/// What an entry sees of a device.
struct Seen {
    role: Option<Role>,
    grounds: Vec<usize>,
}

impl Settled {
    /// What becomes of a new entry, if all others stay as they are in every round; `None` where that is not sure.
    pub(super) fn probe(&self, group: GroupId, node: &Node) -> Option<Extension> {
        if self.about.is_waited_for(&node.id) || matches!(node.act, Act::Found { .. }) || self.is_full() {
            return None;
        }
        let past = self.ordered.past_of(node);
        let rank = self.ordered.rank_of_new(node);
        let hits = self.hits(node, &past);
        let new = New { group, node, past, rank, hits };
        let (mut is_void, mut is_settled, mut steps) = (false, false, Vec::with_capacity(self.rounds.len()));
        for round in &self.rounds {
            let step = self.step(&new, round, is_void, &mut is_settled)?;
            is_void |= step.is_voided;
            steps.push(step);
        }
        Some(Extension { past: new.past, rank: new.rank, steps })
    }

    fn hits(&self, node: &Node, past: &Places) -> Run {
        let touched = match &node.act {
            Act::Remove { device, .. } if *device != node.author => self.about.device(device).map(|about| &about.uses),
            Act::Role { device, role } if *device != node.author && *role < Role::Admin => {
                self.about.device(device).map(|about| &about.uses_as_admin)
            }
            Act::Revoke { invite } => self.about.invite(invite).map(|about| &about.joins),
            _ => None,
        };
        touched.map(|touched| touched.outside(past, &Places::default())).unwrap_or_default()
    }

    /// Whether one of these takes away what the new entry needs, and did not know of it, nor that of it.
    fn is_hit_by(&self, new: &New<'_>, takings: &Places) -> bool {
        let hit = |run: &Run| run.meets_outside(takings, &new.past);
        let user = used_by(&self.ordered, new.node);
        let by_device = user.and_then(|(user, needed)| Some((self.about.device(&user)?, needed)));
        let by_device = by_device
            .is_some_and(|(about, needed)| hit(&about.removals) || needed > Role::Reader && hit(&about.demotions));
        let invite = if let Act::Join { invite, .. } = &new.node.act { self.about.invite(invite) } else { None };
        by_device || invite.is_some_and(|invite| hit(&invite.withdrawals))
    }

    fn step(&self, new: &New<'_>, round: &Round, is_void: bool, is_settled: &mut bool) -> Option<Step> {
        let author = self.seen(&new.node.author, new, round);
        let judged = if is_void { Err(Refusal::Voided) } else { self.judge(new, &author, round)? };
        let stands = judged.is_ok();
        if stands && self.disturbs(new, round) {
            return None;
        }
        let mut step = Step { refusal: judged.err(), is_void, ..Step::default() };
        step.is_open = stands && !*is_settled && new.node.act.takes_away();
        step.is_resting = stands && self.rests(new, &author, round);
        let is_last = round.open.is_empty();
        if step.is_open {
            // The others would not be free as they were.
            if new.hits.meets_outside(&round.standing, &round.resting) {
                return None;
            }
            let none = Places::default();
            match round.senior {
                // It is free, and settled by itself before the others.
                _ if (is_last || round.senior.is_some()) && !step.is_resting => {
                    if !new.hits.outside(&round.void, &none).is_empty() {
                        return None;
                    }
                    (step.is_open, step.goes_before) = (false, true);
                    *is_settled = true;
                }
                Some(senior) => {
                    let of_new = (self.admitted(&new.node.author, round), new.rank);
                    if of_new < self.seniority(senior, round) {
                        return None;
                    }
                }
                None if !step.is_resting => {
                    if !new.hits.outside(&round.void, &round.newly_void).is_empty() {
                        return None;
                    }
                    step.is_chosen = true;
                    *is_settled = true;
                }
                None => {}
            }
        }
        step.is_voided = !is_void && self.is_hit_by(new, &round.chosen);
        Some(step)
    }

    fn rests(&self, new: &New<'_>, author: &Seen, round: &Round) -> bool {
        let invite = if let Act::Join { invite, .. } = &new.node.act { Some(invite) } else { None };
        let invite = invite.and_then(|invite| self.ordered.places.get(invite));
        self.is_hit_by(new, &round.open)
            || author.grounds.iter().any(|ground| round.resting.contains(*ground))
            || invite.is_some_and(|invite| round.resting.contains(*invite))
    }

    /// Whether something that stands here, and of which others do not know, could change what is made of them all the same.
    fn disturbs(&self, new: &New<'_>, round: &Round) -> bool {
        if let Act::Join { invite, .. } = &new.node.act
            && self.uses_left(invite, |_| true, round) == 0
        {
            return true;
        }
        let Some((device, role)) = done_by(&self.ordered, new.node) else { return false };
        let about = self.about.device(&device);
        let by_device = |place: usize| self.ordered.nodes.get(place).is_some_and(|node| node.author == device);
        let is_admission = matches!(new.node.act, Act::Join { .. } | Act::Admit { .. });
        // What needs an admin was counted when it was judged.
        let is_led = || needs_an_admin(new.node) || self.is_led(&device, new, round) == Some(Ok(()));
        !is_led()
            || role.is_none() && round.strangers.iter().any(by_device)
            || is_admission && about.is_some_and(|about| !about.admissions.is_empty())
    }

    /// Whether members have an admin with what is done about this device: somebody else is one all the time, or it is counted.
    fn is_led(&self, device: &DeviceId, new: &New<'_>, round: &Round) -> Option<Result<(), Refusal>> {
        let is_steady = |(other, since): &(DeviceId, usize)| other != device && self.ordered.rank(*since) < new.rank;
        if round.lacking.is_empty() && round.steady.iter().any(is_steady) {
            return Some(Ok(()));
        }
        self.is_led_with((new.node, &new.past, new.rank), round)
    }

    /// What the new entry sees of a device: by the last things that it knows of.
    fn seen(&self, device: &DeviceId, new: &New<'_>, round: &Round) -> Seen {
        let Some(about) = self.about.device(device) else { return Seen { role: None, grounds: Vec::new() } };
        let mut left = Places::default();
        about.events.add_to(&mut left);
        let mut left = left.both(&new.past).both(&round.standing);
        let mut grounds = Vec::new();
        while let Some(last) = left.pop_last() {
            grounds.push(last);
            self.ordered.pasts.get(last).into_iter().for_each(|past| left.subtract(past));
        }
        Seen { role: about.role_by(&grounds), grounds }
    }

    /// The place in the order of a device's admission.
    fn admitted(&self, device: &DeviceId, round: &Round) -> usize {
        let admissions = self.about.device(device).map(|about| &about.admissions);
        let mut standing = admissions.into_iter().flat_map(Run::iter).filter(|place| round.standing.contains(*place));
        standing.next().map_or(usize::MAX, |place| self.ordered.rank(place))
    }

    fn seniority(&self, place: usize, round: &Round) -> (usize, usize) {
        let author = self.ordered.nodes.get(place).map(|node| node.author);
        let admitted = author.map_or(usize::MAX, |author| self.admitted(&author, round));
        (admitted, self.ordered.rank(place))
    }

    /// Whether one of these stands, before the new entry.
    fn stands_before(&self, some: Option<&Run>, new: &New<'_>, round: &Round) -> bool {
        let is_before = |place: usize| round.standing.contains(place) && self.ordered.rank(place) < new.rank;
        some.is_some_and(|some| some.iter().any(is_before))
    }

    /// How many may still join by an invite when those did that stand and of which this is said.
    fn uses_left(&self, invite: &crate::ids::EntryId, of: impl Fn(usize) -> bool, round: &Round) -> u32 {
        let Some(Act::Invite { uses, .. }) = self.ordered.node(invite).map(|node| &node.act) else { return u32::MAX };
        let joins = self.about.invite(invite).map(|about| &about.joins);
        let joins = joins.into_iter().flat_map(Run::iter);
        let joined = joins.filter(|place| round.standing.contains(*place) && of(*place)).count();
        uses.saturating_sub(u32::try_from(joined).unwrap_or(u32::MAX))
    }

    /// The same questions in the same order as [`super::judge`] asks; `None` where the answer takes more than is kept.
    fn judge(&self, new: &New<'_>, author: &Seen, round: &Round) -> Option<Result<(), Refusal>> {
        let New { node, past, .. } = new;
        let about = |device: &DeviceId| self.about.device(device);
        let is_taken = |device| self.stands_before(about(device).map(|about| &about.events), new, round);
        if let Some(needed) = node.act.needs() {
            let is_gone = || self.stands_before(about(&node.author).map(|about| &about.ends), new, round);
            match author.role {
                Some(role) if role >= needed => {}
                Some(_) => return Some(Err(Refusal::RoleForbids)),
                None if is_gone() => return Some(Err(Refusal::Removed)),
                None => return Some(Err(Refusal::NotAMember)),
            }
        }
        let named = node.act.names().and_then(|id| self.ordered.places.get(&id).copied());
        let stands = |place: &usize| round.standing.contains(*place) && self.ordered.rank(*place) < new.rank;
        let named = named.filter(stands).and_then(|place| self.ordered.nodes.get(place));
        let refusal = match &node.act {
            Act::Invite { uses: 0, .. } => Some(Refusal::NoUses),
            Act::Join { .. } => return self.judge_join(new, named, is_taken(&node.author), round),
            Act::Admit { device, .. } => is_taken(device).then_some(Refusal::AlreadyAMember),
            Act::Remove { device, turn } => {
                let mut known = Places::default();
                about(device).into_iter().for_each(|about| about.events.add_to(&mut known));
                if !known.both(&round.standing).meets(past) {
                    Some(Refusal::UnknownDevice)
                } else {
                    let closed = |turn: &Turn| !turn.recipients.contains(&Recipient::from(*device));
                    turn.as_ref()
                        .filter(|turn| !self.is_next(turn, closed(turn), past, round))
                        .map(|_| Refusal::BadRotation)
                }
            }
            Act::Role { device, .. } => self.seen(device, new, round).role.is_none().then_some(Refusal::UnknownDevice),
            Act::Rotate { turn } => (!self.is_next(turn, true, past, round)).then_some(Refusal::BadRotation),
            Act::Revoke { .. } => {
                let is_invite =
                    named.is_some_and(|named| matches!(named.act, Act::Invite { .. } | Act::Recovery { .. }));
                (!is_invite).then_some(Refusal::UnknownInvite)
            }
            Act::Share { epoch, .. } => {
                let begins = named.is_some_and(|named| super::act::begun(named) == Some(*epoch));
                (!begins).then_some(Refusal::UnknownEpoch)
            }
            Act::Found { .. } | Act::Invite { .. } | Act::Name { .. } | Act::Leave | Act::Recovery { .. } => None,
        };
        if let Some(refusal) = refusal {
            return Some(Err(refusal));
        }
        match &node.act {
            Act::Remove { device, .. } | Act::Role { device, .. } | Act::Admit { device, .. } => {
                self.is_led(device, new, round)
            }
            Act::Leave => self.is_led(&node.author, new, round),
            _ => Some(Ok(())),
        }
    }

    fn judge_join(
        &self,
        new: &New<'_>,
        named: Option<&std::sync::Arc<Node>>,
        is_taken: bool,
        round: &Round,
    ) -> Option<Result<(), Refusal>> {
        let Act::Join { invite, at, .. } = &new.node.act else { return None };
        if !new.node.parents.contains(invite) {
            return Some(Err(Refusal::InviteNotAParent));
        }
        let (made_by, key, expires_at) = match named.map(|made_by| (made_by, &made_by.act)) {
            Some((made_by, Act::Invite { key, expires_at, .. })) => (made_by, key, Some(*expires_at)),
            Some((made_by, Act::Recovery { key, .. })) => (made_by, key, None),
            _ => return Some(Err(Refusal::UnknownInvite)),
        };
        let withdrawals = self.about.invite(invite).map(|about| &about.withdrawals);
        let is_withdrawn = withdrawals
            .is_some_and(|all| all.iter().any(|place| new.past.contains(place) && round.standing.contains(place)));
        let before = |place: usize| self.ordered.rank(place) < new.rank;
        let refusal = match () {
            () if !new.node.is_proven(new.group, key) => Refusal::BadProof,
            () if is_taken => Refusal::AlreadyAMember,
            () if expires_at.is_some_and(|expires_at| *at > expires_at) => Refusal::InviteExpired,
            () if is_withdrawn || self.seen(&made_by.author, new, round).role != Some(Role::Admin) => {
                Refusal::InviteClosed
            }
            () if self.uses_left(invite, before, round) == 0 => Refusal::InviteUsed,
            () => return self.is_led(&new.node.author, new, round),
        };
        Some(Err(refusal))
    }

    /// Whether a rotation begins the next epoch, for nobody that it is to be closed to.
    fn is_next(&self, turn: &Turn, closed: bool, past: &Places, round: &Round) -> bool {
        let next = self.about.newest_epoch(past, &round.standing).map_or(0, |epoch| epoch.0).checked_add(1);
        turn.is_sound && closed && next == Some(turn.epoch.0)
    }
}

impl AboutDevice {
    /// Of things done at the same time the one that gives least counts; who is gone is gone.
    fn role_by(&self, grounds: &[usize]) -> Option<Role> {
        let is_among = |some: &Run| grounds.iter().any(|ground| some.contains(*ground));
        match () {
            () if grounds.is_empty() || is_among(&self.ends) => None,
            () if is_among(&self.readers) => Some(Role::Reader),
            () if is_among(&self.writers) => Some(Role::Writer),
            () => Some(Role::Admin),
        }
    }
}
