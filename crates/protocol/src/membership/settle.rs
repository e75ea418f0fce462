//! Which control entries stand: the rule, over all of a group's entries at once.
//!
//! Entries are applied in causal order. One that takes something away (a removal, a change of role, a withdrawn invite) also voids what
//! was done with it at the same time: what its author could not know of. Several of them may void one another, so they are
//! settled one by one: first those that no other open one hits; where all that are left hit each other, the one whose author was
//! admitted first. What is settled counts from then on, and the rest is judged again.

use super::act::{Act, Node};
use super::order::{Ordered, Places};
use super::state::{State, View};
use super::{Refusal, Resolution};
use crate::control::Role;
use crate::ids::{DeviceId, EntryId, GroupId};
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
    let mut settled: Vec<usize> = Vec::new();
    loop {
        let pass = pass(group, &ordered, &settled);
        let open: Vec<usize> = pass.takings.iter().copied().filter(|taking| !settled.contains(taking)).collect();
        if open.is_empty() {
            let Pass { mut state, refused, .. } = pass;
            state.close_invites();
            return Resolution { state, refused };
        }
        let is_hit = |taking: &usize| open.iter().any(|other| hits_grounds(&ordered, *other, *taking, &pass));
        let free: Vec<usize> = open.iter().copied().filter(|taking| !is_hit(taking)).collect();
        let senior = |taking: &usize| {
            let author = ordered.nodes.get(*taking).map(|node| node.author);
            (author.map_or(usize::MAX, |author| pass.state.admitted_at(&author)), *taking)
        };
        match free.is_empty() {
            true => settled.extend(open.iter().copied().min_by_key(senior)),
            false => settled.extend(free),
        }
    }
}

fn pass(group: GroupId, ordered: &Ordered, settled: &[usize]) -> Pass {
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
        if settled.iter().any(|taking| hits(ordered, *taking, place)) {
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

/// Whether one that takes something away voids another, or something that the other rests on.
fn hits_grounds(ordered: &Ordered, taking: usize, other: usize, pass: &Pass) -> bool {
    taking != other
        && pass.grounds.get(&other).is_some_and(|grounds| grounds.iter().any(|ground| hits(ordered, taking, ground)))
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
        Act::Join { invite, .. } => {
            let inviter =
                ordered.places.get(invite).and_then(|place| ordered.nodes.get(*place)).map(|node| node.author);
            inviter == Some(*device) && lacks(Role::Admin)
        }
        act => node.author == *device && act.needs().is_some_and(lacks),
    }
}
