//! Which control entries stand: the rule, over all of a group's entries at once.
//!
//! Entries are applied in causal order. One that takes something away (a removal, a change of role, a withdrawn invite) also voids what
//! was done with it at the same time: what its author could not know of. Several of them may void one another, so they are
//! settled one by one: first those that no other open one hits; where all that are left hit each other, the one whose author was
//! admitted first. What is settled counts from then on, and the rest is judged again.
//!
//! At most one look at all entries for each that takes something away; `tests/plain` says the same rule in plain words, and is compared with this.

use super::Resolution;
use super::act::Node;
use super::hits::Hits;
use super::judge::Judge;
use super::order::Ordered;
use super::places::Places;
use super::state::{State, View};
use crate::ids::{EntryId, GroupId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the entries make of the group.
pub(super) fn settle(group: GroupId, entries: &BTreeMap<EntryId, Arc<Node>>) -> Resolution {
    let ordered = Ordered::new(entries);
    let (mut judge, mut hits) = (Judge::new(group, &ordered), Hits::new(&ordered));
    // What is settled, and what that voids.
    let (mut settled, mut void) = (Places::default(), Places::default());
    let takings = ordered.nodes.iter().enumerate().filter(|(_, node)| node.act.takes_away());
    let takings: Vec<usize> = takings.map(|(place, _)| place).collect();
    judge.look(&void, 0);
    loop {
        let is_open = |taking: &usize| judge.standing.contains(*taking) && !settled.contains(*taking);
        let open: Vec<usize> = takings.iter().copied().filter(is_open).collect();
        if open.is_empty() {
            return finish(group, &ordered, &judge);
        }
        // None hits what it rests on itself: that is in its past.
        let mut hit = Places::default();
        open.iter().for_each(|taking| hits.add_to(&mut hit, *taking));
        let resting = judge.resting_on(&hit);
        let free: Vec<usize> = open.iter().copied().filter(|taking| !resting.contains(*taking)).collect();
        let senior = |taking: &usize| (judge.seniority(*taking), *taking);
        let next = if free.is_empty() { open.iter().copied().min_by_key(senior).into_iter().collect() } else { free };
        let mut newly_void = Places::default();
        for taking in next {
            settled.insert(taking);
            hits.add_to(&mut newly_void, taking);
        }
        newly_void.subtract(&void);
        if let Some(first) = newly_void.first() {
            void.extend(&newly_void);
            judge.look(&void, first);
        }
    }
}

fn finish(group: GroupId, ordered: &Ordered, judge: &Judge<'_>) -> Resolution {
    let mut state = State::new(group);
    for (place, node) in ordered.nodes.iter().enumerate() {
        if judge.standing.contains(place) {
            state.record(node, place, View::Past(ordered, place));
        }
    }
    state.places = ordered.nodes.len();
    state.close_invites();
    let refused = judge.refused().iter();
    let refused = refused.filter_map(|(place, refusal)| Some((ordered.nodes.get(*place)?.id, *refusal))).collect();
    Resolution { state, refused, steps: judge.steps }
}
