//! Which control entries stand: the rule, over all of a group's entries at once.
//!
//! Entries are applied in causal order. One that takes something away (a removal, a change of role, a withdrawn invite) also voids what
//! was done with it at the same time: what its author could not know of. Several of them may void one another, so they are
//! settled one by one: first those that no other open one hits; where all that are left hit each other, the one whose author was
//! admitted first. What is settled counts from then on, and the rest is judged again.

use super::Resolution;
use super::act::{Act, Node};
use super::order::{Ordered, Places};
use super::state::{State, View};
use ashore_protocol::control::Role;
use ashore_protocol::membership::Refusal;
use ashore_protocol::{DeviceId, EntryId, GroupId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One look at all entries.
struct Pass {
    state: State,
    refused: BTreeMap<EntryId, Refusal>,
    /// The places of those that stand and take something away.
    takings: Vec<usize>,
    /// What each of these rests on, itself included.
    grounds: BTreeMap<usize, Places>,
}

/// What the entries make of the group.
pub(super) fn settle(group: GroupId, entries: &BTreeMap<EntryId, Arc<Node>>) -> Resolution {
    let ordered = Ordered::new(entries);
    let size = ordered.nodes.len();
    let mut hits = Hits::new(&ordered);
    // What is settled, and what that voids.
    let (mut settled, mut void) = (Places::new(size), Places::new(size));
    loop {
        let pass = pass(group, &ordered, &void);
        let open: Vec<usize> = pass.takings.iter().copied().filter(|taking| !settled.contains(*taking)).collect();
        if open.is_empty() {
            let Pass { mut state, refused, .. } = pass;
            state.close_invites();
            return Resolution { state, refused };
        }
        // None hits what it rests on itself: that is in its past.
        let mut hit = Places::new(size);
        open.iter().for_each(|taking| hit.extend(hits.of(*taking)));
        let is_hit = |taking: &usize| pass.grounds.get(taking).is_some_and(|grounds| grounds.meet(&hit));
        let free: Vec<usize> = open.iter().copied().filter(|taking| !is_hit(taking)).collect();
        let senior = |taking: &usize| {
            let author = ordered.nodes.get(*taking).map(|node| node.author);
            (author.map_or(usize::MAX, |author| pass.state.admitted_at(&author)), *taking)
        };
        let next = if free.is_empty() { open.iter().copied().min_by_key(senior).into_iter().collect() } else { free };
        for taking in next {
            settled.insert(taking);
            void.extend(hits.of(taking));
        }
    }
}

fn pass(group: GroupId, ordered: &Ordered, void: &Places) -> Pass {
    let size = ordered.nodes.len();
    let mut pass =
        Pass { state: State::new(group), refused: BTreeMap::new(), takings: Vec::new(), grounds: BTreeMap::new() };
    let mut rests: Vec<Places> = Vec::with_capacity(size);
    for (place, node) in ordered.nodes.iter().enumerate() {
        let view = View::Past(ordered, place);
        let mut grounds = Places::new(size);
        grounds.insert(place);
        for ground in pass.state.rests_on(node, view) {
            if let Some(deeper) = rests.get(ground) {
                grounds.extend(deeper);
            }
        }
        if void.contains(place) {
            pass.state.places += 1;
            pass.refused.insert(node.id, Refusal::Voided);
        } else if let Err(refusal) = pass.state.apply(node, view) {
            pass.refused.insert(node.id, refusal);
        } else if node.act.takes_away() {
            pass.takings.push(place);
            pass.grounds.insert(place, grounds.clone());
        }
        rests.push(grounds);
    }
    pass
}

/// What each entry that takes something away voids; worked out once, and only among what it can touch.
struct Hits<'o> {
    ordered: &'o Ordered,
    /// What a device wrote, and the joins by its invites.
    by_device: BTreeMap<DeviceId, Vec<usize>>,
    by_invite: BTreeMap<EntryId, Vec<usize>>,
    known: BTreeMap<usize, Places>,
}

impl<'o> Hits<'o> {
    fn new(ordered: &'o Ordered) -> Self {
        let mut hits = Self { ordered, by_device: BTreeMap::new(), by_invite: BTreeMap::new(), known: BTreeMap::new() };
        for (place, node) in ordered.nodes.iter().enumerate() {
            hits.by_device.entry(node.author).or_default().push(place);
            if let Act::Join { invite, .. } = &node.act {
                hits.by_invite.entry(*invite).or_default().push(place);
                if let Some(inviter) = inviter(ordered, invite) {
                    hits.by_device.entry(inviter).or_default().push(place);
                }
            }
        }
        hits
    }

    fn of(&mut self, taking: usize) -> &Places {
        let Self { ordered, by_device, by_invite, known } = self;
        known.entry(taking).or_insert_with(|| {
            let touched = match ordered.nodes.get(taking).map(|node| &node.act) {
                Some(Act::Remove { device, .. } | Act::Role { device, .. }) => by_device.get(device),
                Some(Act::Revoke { invite }) => by_invite.get(invite),
                _ => None,
            };
            let mut places = Places::new(ordered.nodes.len());
            let hit = touched.into_iter().flatten().filter(|place| hits(ordered, taking, **place));
            hit.for_each(|place| places.insert(*place));
            places
        })
    }
}

fn inviter(ordered: &Ordered, invite: &EntryId) -> Option<DeviceId> {
    ordered.places.get(invite).and_then(|place| ordered.nodes.get(*place)).map(|node| node.author)
}

/// Whether what stands at `taking` takes from the author of the entry at `place` what it needed, at the same time.
fn hits(ordered: &Ordered, taking: usize, place: usize) -> bool {
    let (Some(taker), Some(node)) = (ordered.nodes.get(taking), ordered.nodes.get(place)) else { return false };
    let touches = match &taker.act {
        // A device that gives up something itself voids nothing: it may have forgotten what it did, as one restored from a backup has.
        Act::Remove { device, .. } => *device != taker.author && uses(ordered, node, device, None),
        Act::Role { device, role } => *device != taker.author && uses(ordered, node, device, Some(*role)),
        Act::Revoke { invite } => matches!(&node.act, Act::Join { invite: by, .. } if by == invite),
        _ => false,
    };
    touches && ordered.are_concurrent(taking, place)
}

/// Whether an entry needs more of this device than the role that it is left with: it wrote it, or invited who did.
fn uses(ordered: &Ordered, node: &Node, device: &DeviceId, left: Option<Role>) -> bool {
    let lacks = |needed: Role| left.is_none_or(|left| needed > left);
    match &node.act {
        Act::Join { invite, .. } => inviter(ordered, invite) == Some(*device) && lacks(Role::Admin),
        act => node.author == *device && act.needs().is_some_and(lacks),
    }
}
