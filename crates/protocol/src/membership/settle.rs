//! Which control entries stand: the rule, over all of a group's entries at once.
//!
//! Entries are applied in causal order. One that takes something away (a removal, a change of role, a withdrawn invite) also voids what
//! was done with it at the same time: what its author could not know of. Several of them may void one another, so they are
//! settled one by one: first those that no other open one hits; where all that are left hit each other, the one whose author was
//! admitted first. What is settled counts from then on, and the rest is judged again.
//!
//! At most one look at all entries for each that takes something away; `tests/plain` says the same rule in plain words, and is compared with this.

use super::act::Node;
use super::hits::Hits;
use super::judge::Judge;
use super::order::Ordered;
use super::places::Places;
use super::settled::{Round, Settled};
use super::state::{State, View};
use super::{Refusal, Resolution};
use crate::gather::Gather;
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
    let mut rounds = Vec::new();
    judge.look(&void, 0);
    loop {
        let mut round = judge.round(&void);
        let is_open = |taking: &usize| judge.standing.contains(*taking) && !settled.contains(*taking);
        let open: Vec<usize> = takings.iter().copied().filter(is_open).collect();
        open.iter().for_each(|taking| round.open.insert(*taking));
        if open.is_empty() {
            rounds.push(round);
            break;
        }
        // None hits what it rests on itself: that is in its past.
        let mut hit = Places::default();
        open.iter().for_each(|taking| hits.add_to(&mut hit, *taking));
        let resting = judge.resting_on(&hit);
        let free: Vec<usize> = open.iter().copied().filter(|taking| !resting.contains(*taking)).collect();
        let senior = |taking: &usize| (judge.seniority(*taking), *taking);
        round.senior = open.iter().copied().min_by_key(senior).filter(|_| free.is_empty());
        let next = round.senior.map_or(free, |senior| vec![senior]);
        let mut newly_void = Places::default();
        for taking in next {
            settled.insert(taking);
            round.chosen.insert(taking);
            hits.add_to(&mut newly_void, taking);
        }
        newly_void.subtract(&void);
        (round.resting, round.newly_void) = (resting, newly_void);
        if let Some(first) = round.newly_void.first() {
            void.extend(&round.newly_void);
            judge.look(&void, first);
        }
        if !Round::is_one_too_many(&rounds) {
            rounds.push(round);
        }
    }
    let refused = judge.refused().iter();
    let refused = refused.filter_map(|(place, refusal)| Some((ordered.nodes.get(*place)?.id, *refusal))).gather();
    let (state, steps) = (finish(group, &ordered, &judge.standing), judge.steps);
    Resolution { state, refused, steps, settled: Settled::new(ordered, rounds) }
}

/// What those make of the group that stand.
pub(super) fn finish(group: GroupId, ordered: &Ordered, standing: &Places) -> State {
    let mut state = State::new(group);
    for place in ordered.order.iter().copied().filter(|place| standing.contains(*place)) {
        if let Some(node) = ordered.nodes.get(place) {
            state.record(node, place, View::Past(ordered, place));
        }
    }
    state.places = ordered.nodes.len();
    state.close_invites();
    state
}

impl Judge<'_> {
    /// What there is to keep of the last look.
    fn round(&self, void: &Places) -> Round {
        let mut round = Round { void: void.clone(), standing: self.standing.clone(), ..Round::default() };
        for (place, refusal) in self.refused() {
            match refusal {
                Refusal::LastAdmin => round.lacking.insert(*place),
                Refusal::NotAMember => round.strangers.insert(*place),
                _ => {}
            }
        }
        round.steady = self.steady();
        round
    }
}
