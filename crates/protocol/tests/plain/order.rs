//! The one order in which control entries are applied, and what each has in its past.

use super::act::Node;
use ashore_protocol::EntryId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Control entries in causal order: parents first, and otherwise by id. Parents that are not among them do not count.
pub(super) struct Ordered {
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) places: BTreeMap<EntryId, usize>,
    pasts: Vec<Places>,
}

impl Ordered {
    pub(super) fn new(entries: &BTreeMap<EntryId, Arc<Node>>) -> Self {
        let nodes = causal_order(entries);
        let places: BTreeMap<EntryId, usize> = nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
        let mut pasts: Vec<Places> = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let mut past = Places::new(nodes.len());
            for parent in node.parents.iter().filter_map(|parent| places.get(parent)) {
                past.insert(*parent);
                if let Some(before) = pasts.get(*parent) {
                    past.extend(before);
                }
            }
            pasts.push(past);
        }
        Self { nodes, places, pasts }
    }

    /// Whether the entry at `earlier` is in the past of the one at `later`.
    pub(super) fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.pasts.get(later).is_some_and(|past| past.contains(earlier))
    }

    /// Whether neither is in the past of the other.
    pub(super) fn are_concurrent(&self, one: usize, other: usize) -> bool {
        one != other && !self.precedes(one, other) && !self.precedes(other, one)
    }
}

/// A set of places, one bit each.
#[derive(Clone, Debug)]
pub(super) struct Places(Vec<u64>);

impl Places {
    pub(super) fn new(places: usize) -> Self {
        Self(vec![0; places.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(super) fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// Whether some place is in both.
    pub(super) fn meet(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one & other != 0)
    }
}

fn causal_order(entries: &BTreeMap<EntryId, Arc<Node>>) -> Vec<Arc<Node>> {
    let mut missing: BTreeMap<EntryId, usize> = BTreeMap::new();
    let mut children: BTreeMap<EntryId, Vec<EntryId>> = BTreeMap::new();
    for (id, node) in entries {
        let known = node.parents.iter().filter(|parent| entries.contains_key(parent));
        let mut count = 0;
        for parent in known {
            children.entry(*parent).or_default().push(*id);
            count += 1;
        }
        missing.insert(*id, count);
    }
    let mut ready: BTreeSet<EntryId> = missing.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(id) = ready.pop_first() {
        order.extend(entries.get(&id).cloned());
        for child in children.remove(&id).unwrap_or_default() {
            if let Some(count) = missing.get_mut(&child) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(child);
                }
            }
        }
    }
    order
}
