//! What settling has worked out, kept so that the next entry costs little.
//!
//! Settling goes in rounds ([`super::settle`]). An entry that nobody names is in nobody's past, so in most cases each round ends as it did, with one entry more:
//! then it is enough to judge that entry in each round. [`Settled::probe`] does this, and answers `None` wherever the new entry might
//! change what a round makes of another: then everything is settled anew. Whether it is exact is not left to reasoning: `tests/rule.rs` compares after each entry.

use super::Refusal;
use super::act::{self, Act, Node};
use super::order::Ordered;
use super::places::{Places, Run};
use super::seats::done_by;
use crate::control::Role;
use crate::ids::{DeviceId, EntryId, Epoch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// More rounds than this are not kept: a set that needs them is settled anew each time.
const MAX_ROUNDS: usize = 64;

/// All entries that are here, and the rounds in which they were settled.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) ordered: Ordered,
    pub(super) about: About,
    pub(super) rounds: Vec<Round>,
}

/// One round: what stood, and what was settled next.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    pub(super) void: Places,
    pub(super) standing: Places,
    /// What takes something away, stands and is not settled yet. In the last round there is none.
    pub(super) open: Places,
    /// What an open one hits, and what rests on that.
    pub(super) resting: Places,
    pub(super) chosen: Places,
    /// Where no open one was free: the one whose author was admitted first.
    pub(super) senior: Option<usize>,
    /// What the chosen ones void that was not void before.
    pub(super) newly_void: Places,
    /// What was refused because members would have been left without an admin.
    pub(super) lacking: Places,
    /// What was refused because its author was no member.
    pub(super) strangers: Places,
    /// Some devices that were admins from their admission on, which is at this place.
    pub(super) steady: Vec<(DeviceId, usize)>,
}

/// What entries have to do with each device and each invite, by place.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    devices: BTreeMap<DeviceId, Arc<AboutDevice>>,
    invites: BTreeMap<EntryId, Arc<AboutInvite>>,
    /// What may begin an epoch, in ascending order.
    epochs: Vec<(Epoch, usize)>,
    /// What some entry names and is not here.
    unknown: Arc<BTreeSet<EntryId>>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct AboutDevice {
    /// What was done about it, and of that what admits it, what it is gone by, and what makes it a reader or a writer.
    pub(super) events: Run,
    pub(super) admissions: Run,
    pub(super) ends: Run,
    pub(super) readers: Run,
    pub(super) writers: Run,
    /// What uses a role of it: any, and that of an admin.
    pub(super) uses: Run,
    pub(super) uses_as_admin: Run,
    /// What others do that takes these away.
    pub(super) removals: Run,
    pub(super) demotions: Run,
}

#[derive(Debug, Clone, Default)]
pub(super) struct AboutInvite {
    pub(super) joins: Run,
    pub(super) withdrawals: Run,
}

/// A new entry, and what becomes of it in each round.
pub(super) struct Extension {
    pub(super) past: Places,
    pub(super) rank: usize,
    pub(super) steps: Vec<Step>,
}

/// What becomes of a new entry in one round.
#[derive(Default)]
pub(super) struct Step {
    pub(super) refusal: Option<Refusal>,
    /// It is settled by itself, in a round of its own before this one.
    pub(super) goes_before: bool,
    pub(super) is_void: bool,
    pub(super) is_open: bool,
    pub(super) is_resting: bool,
    pub(super) is_chosen: bool,
    pub(super) is_voided: bool,
}

impl Extension {
    /// What comes of the entry in the end.
    pub(super) fn judged(&self) -> Result<(), Refusal> {
        self.steps.last().and_then(|step| step.refusal).map_or(Ok(()), Err)
    }
}

impl Settled {
    /// Of all entries and the rounds in which they were settled; `None` if these are too many.
    pub(super) fn new(ordered: Ordered, rounds: Vec<Round>) -> Option<Self> {
        if rounds.len() > MAX_ROUNDS {
            return None;
        }
        let mut about = About::default();
        for (place, node) in ordered.nodes.iter().enumerate() {
            about.add(&ordered, place, node);
        }
        Some(Self { ordered, about, rounds })
    }

    /// Whether it has as many rounds as are kept: one more entry may take one more.
    pub(super) fn is_full(&self) -> bool {
        self.rounds.len() > MAX_ROUNDS
    }

    /// Takes in an entry that was probed.
    pub(super) fn extend(&mut self, node: &Arc<Node>, extension: Extension) -> usize {
        let place = self.ordered.nodes.len();
        let done = done_by(&self.ordered, node);
        self.ordered.add(Arc::clone(node), extension.past, extension.rank);
        self.about.add(&self.ordered, place, node);
        let own = extension.steps.iter().position(|step| step.goes_before);
        for (round, step) in self.rounds.iter_mut().zip(extension.steps) {
            let stands = step.refusal.is_none();
            let sets = [
                (&mut round.void, step.is_void),
                (&mut round.standing, stands),
                (&mut round.open, step.is_open),
                (&mut round.resting, step.is_resting),
                (&mut round.chosen, step.is_chosen),
                (&mut round.newly_void, step.is_voided),
                (&mut round.lacking, step.refusal == Some(Refusal::LastAdmin)),
                (&mut round.strangers, step.refusal == Some(Refusal::NotAMember)),
            ];
            sets.into_iter().filter(|(_, is_in)| *is_in).for_each(|(set, _)| set.insert(place));
            if let Some((device, _)) = done.filter(|(_, role)| stands && *role != Some(Role::Admin)) {
                round.steady.retain(|(steady, _)| *steady != device);
            }
        }
        if let Some((at, next)) = own.and_then(|at| Some((at, self.rounds.get(at)?))) {
            let mut round =
                Round { senior: None, chosen: Places::default(), newly_void: Places::default(), ..next.clone() };
            round.open.insert(place);
            round.chosen.insert(place);
            self.rounds.insert(at, round);
        }
        place
    }
}

impl Round {
    /// Whether more rounds than are kept came before this one.
    pub(super) fn is_one_too_many(before: &[Self]) -> bool {
        before.len() > MAX_ROUNDS
    }
}

impl About {
    pub(super) fn device(&self, device: &DeviceId) -> Option<&AboutDevice> {
        self.devices.get(device).map(|about| &**about)
    }

    pub(super) fn invite(&self, invite: &EntryId) -> Option<&AboutInvite> {
        self.invites.get(invite).map(|about| &**about)
    }

    /// Whether some entry names this one, which is not here.
    pub(super) fn is_waited_for(&self, id: &EntryId) -> bool {
        self.unknown.contains(id)
    }

    /// The highest epoch that one of these begins.
    pub(super) fn newest_epoch(&self, past: &Places, standing: &Places) -> Option<Epoch> {
        let stands = |(_, place): &&(Epoch, usize)| past.contains(*place) && standing.contains(*place);
        self.epochs.iter().rev().find(stands).map(|(epoch, _)| *epoch)
    }

    fn change(&mut self, device: DeviceId) -> &mut AboutDevice {
        Arc::make_mut(self.devices.entry(device).or_default())
    }

    /// Notes an entry that stands at the last place.
    fn add(&mut self, ordered: &Ordered, place: usize, node: &Node) {
        if let Some((device, role)) = done_by(ordered, node) {
            let about = self.change(device);
            about.events.push(place);
            match role {
                None => about.ends.push(place),
                Some(Role::Reader) => about.readers.push(place),
                Some(Role::Writer) => about.writers.push(place),
                Some(Role::Admin) => {}
            }
            if matches!(node.act, Act::Found { .. } | Act::Join { .. } | Act::Admit { .. }) {
                about.admissions.push(place);
            }
        }
        if let Some((user, needed)) = used_by(ordered, node) {
            let about = self.change(user);
            about.uses.push(place);
            if needed > Role::Reader {
                about.uses_as_admin.push(place);
            }
        }
        match &node.act {
            Act::Remove { device, .. } if *device != node.author => self.change(*device).removals.push(place),
            Act::Role { device, role } if *device != node.author && *role < Role::Admin => {
                self.change(*device).demotions.push(place);
            }
            Act::Join { invite, .. } => Arc::make_mut(self.invites.entry(*invite).or_default()).joins.push(place),
            Act::Revoke { invite } => {
                Arc::make_mut(self.invites.entry(*invite).or_default()).withdrawals.push(place);
            }
            _ => {}
        }
        if let Some(epoch) = act::begun(node) {
            let at = self.epochs.partition_point(|known| *known < (epoch, place));
            self.epochs.insert(at, (epoch, place));
        }
        let named = node.parents.iter().copied().chain(node.act.names());
        let unknown: Vec<EntryId> = named.filter(|id| !ordered.places.contains_key(id)).collect();
        if !unknown.is_empty() {
            Arc::make_mut(&mut self.unknown).extend(unknown);
        }
    }
}

/// The device whose role an entry uses, and which role that is.
pub(super) fn used_by(ordered: &Ordered, node: &Node) -> Option<(DeviceId, Role)> {
    match &node.act {
        Act::Join { invite, .. } => Some((ordered.node(invite)?.author, Role::Admin)),
        act => Some((node.author, act.needs()?)),
    }
}
