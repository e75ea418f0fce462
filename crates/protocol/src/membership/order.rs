//! The one order in which control entries are applied, and what each has in its past.

use super::act::Node;
use super::places::Places;
use crate::gather::Gather;
use crate::ids::EntryId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// Control entries in causal order: parents first, and otherwise by id. Parents that are not among them do not count.
///
/// An entry keeps the number that is called its place here. One that comes later and that nobody names takes the next, so parents have lower
/// ones, and `order` says where it stands; until one comes the two are the same.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) places: BTreeMap<EntryId, usize>,
    pub(super) pasts: Vec<Arc<Places>>,
    /// The places as they follow on each other.
    pub(super) order: Vec<usize>,
    ranks: Vec<usize>,
}

impl Ordered {
    pub(super) fn new(entries: &BTreeMap<EntryId, Arc<Node>>) -> Self {
        let nodes = causal_order(entries);
        let places: BTreeMap<EntryId, usize> = nodes.iter().enumerate().map(|(place, node)| (node.id, place)).gather();
        let mut pasts: Vec<Arc<Places>> = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let mut past = Places::default();
            let parents = node.parents.iter().filter_map(|parent| places.get(parent));
            for (place, before) in parents.filter_map(|parent| Some((*parent, pasts.get(*parent)?))) {
                past.extend(before);
                past.insert(place);
            }
            pasts.push(Arc::new(past));
        }
        let order: Vec<usize> = (0..nodes.len()).collect();
        Self { nodes, places, pasts, ranks: order.clone(), order }
    }

    /// How many stand before the one at this place.
    pub(super) fn rank(&self, place: usize) -> usize {
        self.ranks.get(place).copied().unwrap_or(usize::MAX)
    }

    /// What an entry that is not here has in its past.
    pub(super) fn past_of(&self, node: &Node) -> Places {
        let mut past = Places::default();
        let parents = node.parents.iter().filter_map(|parent| self.places.get(parent));
        for (place, before) in parents.filter_map(|parent| Some((*parent, self.pasts.get(*parent)?))) {
            past.extend(before);
            past.insert(place);
        }
        past
    }

    /// Where an entry would stand that is not here and that none names: behind its parents, before the first that has a higher id. The others stay in their order.
    pub(super) fn rank_of_new(&self, node: &Node) -> usize {
        let parents = node.parents.iter().filter_map(|parent| self.places.get(parent));
        let first = parents.map(|parent| self.rank(*parent) + 1).max().unwrap_or(0);
        let behind = self.order.iter().skip(first);
        let ids = behind.map_while(|place| self.nodes.get(*place));
        first + ids.take_while(|other| other.id < node.id).count()
    }

    /// Adds an entry that none names.
    pub(super) fn add(&mut self, node: Arc<Node>, past: Places, rank: usize) {
        let place = self.nodes.len();
        self.places.insert(node.id, place);
        self.nodes.push(node);
        self.pasts.push(Arc::new(past));
        self.order.insert(rank.min(place), place);
        self.ranks.iter_mut().filter(|later| **later >= rank).for_each(|later| *later += 1);
        self.ranks.push(rank);
    }

    pub(super) fn node(&self, id: &EntryId) -> Option<&Node> {
        self.nodes.get(*self.places.get(id)?).map(|node| &**node)
    }

    /// Whether the entry at `earlier` is in the past of the one at `later`.
    pub(super) fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.pasts.get(later).is_some_and(|past| past.contains(earlier))
    }

    /// What has each entry in its past, by place.
    pub(super) fn futures(&self) -> Vec<Places> {
        let mut futures = vec![Places::default(); self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate().rev() {
            let mut known = futures.get_mut(place).map(std::mem::take).unwrap_or_default();
            known.insert(place);
            for parent in node.parents.iter().filter_map(|parent| self.places.get(parent)) {
                futures.get_mut(*parent).into_iter().for_each(|future| future.extend(&known));
            }
            futures.get_mut(place).into_iter().for_each(|future| *future = std::mem::take(&mut known));
        }
        futures
    }
}

fn causal_order(entries: &BTreeMap<EntryId, Arc<Node>>) -> Vec<Arc<Node>> {
    // By rank: the number of ids below.
    let nodes: Vec<&Arc<Node>> = entries.values().collect();
    let rank = |id: &EntryId| nodes.binary_search_by(|node| node.id.cmp(id)).ok();
    let mut missing: Vec<usize> = Vec::with_capacity(nodes.len());
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (child, node) in nodes.iter().enumerate() {
        let mut count = 0;
        for parent in node.parents.iter().filter_map(rank) {
            children.get_mut(parent).into_iter().for_each(|all| all.push(child));
            count += 1;
        }
        missing.push(count);
    }
    let without = missing.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = without.map(|(node, _)| Reverse(node)).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(next)) = ready.pop() {
        order.extend(nodes.get(next).map(|node| Arc::clone(node)));
        for child in children.get(next).into_iter().flatten() {
            if let Some(count) = missing.get_mut(*child) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(*child));
                }
            }
        }
    }
    order
}
