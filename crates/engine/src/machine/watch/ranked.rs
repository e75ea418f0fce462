//! Places in order, with their ranks: a list in blocks, so that a change moves a block and not the list.

use crate::store::Key;
use std::ops::Range;

/// A block of this size is halved.
const FULL_BLOCK: usize = 512;
/// What a place costs besides its key, about.
const PLACE_BYTES: usize = 48;

/// Where a document stands in an answer: bytes whose order is the answer's, which end with its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::machine) struct Place {
    key: Key,
    id_at: usize,
}

impl Place {
    pub(in crate::machine) fn new(key: Vec<u8>, id: &str) -> Self {
        Self { id_at: key.len().saturating_sub(id.len()), key: key.into() }
    }

    pub(in crate::machine) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(in crate::machine) fn id(&self) -> &str {
        self.key.get(self.id_at..).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default()
    }
}

/// Places in order; none stands twice.
#[derive(Default)]
pub(super) struct Ranked {
    /// None is empty.
    blocks: Vec<Vec<Place>>,
    len: usize,
    bytes: usize,
}

impl Ranked {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// About how much memory it takes.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes
    }

    /// Puts a place in and answers its rank; none when it stands there already.
    pub(super) fn insert(&mut self, place: Place) -> Option<usize> {
        let at = self.block_of(&place).min(self.blocks.len().saturating_sub(1));
        let before = self.before(at);
        let Some(block) = self.blocks.get_mut(at) else {
            self.count(&place);
            self.blocks.push(vec![place]);
            return Some(0);
        };
        let within = block.binary_search(&place).err()?;
        self.len += 1;
        self.bytes += place.key.len() + PLACE_BYTES;
        block.insert(within, place);
        if block.len() >= FULL_BLOCK {
            let rest = block.split_off(FULL_BLOCK / 2);
            self.blocks.insert(at + 1, rest);
        }
        Some(before + within)
    }

    /// Takes a place out and answers the rank that it had.
    pub(super) fn remove(&mut self, place: &Place) -> Option<usize> {
        let at = self.block_of(place);
        let before = self.before(at);
        let block = self.blocks.get_mut(at)?;
        let within = block.binary_search(place).ok()?;
        block.remove(within);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        self.len -= 1;
        self.bytes -= place.key.len() + PLACE_BYTES;
        Some(before + within)
    }

    /// The rank of a place that stands in it.
    pub(super) fn rank(&self, place: &Place) -> Option<usize> {
        let at = self.block_of(place);
        let within = self.blocks.get(at)?.binary_search(place).ok()?;
        Some(self.before(at) + within)
    }

    pub(super) fn get(&self, rank: usize) -> Option<&Place> {
        self.range(rank..rank.saturating_add(1)).next()
    }

    pub(super) fn last(&self) -> Option<&Place> {
        self.blocks.last()?.last()
    }

    /// The places with these ranks, as far as there are any.
    pub(super) fn range(&self, ranks: Range<usize>) -> impl Iterator<Item = &Place> {
        let mut skip = ranks.start;
        let first = self.blocks.iter().position(|block| {
            let here = skip < block.len();
            skip -= if here { 0 } else { block.len() };
            here
        });
        let blocks = self.blocks.iter().skip(first.unwrap_or(self.blocks.len()));
        blocks.flatten().skip(skip).take(ranks.end.saturating_sub(ranks.start))
    }

    /// Puts places behind the last: they are in order, and behind it.
    pub(super) fn append(&mut self, places: Vec<Place>) {
        for place in places {
            self.count(&place);
            match self.blocks.last_mut().filter(|block| block.len() < FULL_BLOCK / 2) {
                Some(block) => block.push(place),
                None => self.blocks.push(vec![place]),
            }
        }
    }

    /// Drops everything from this rank on.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.len > len {
            let Some(block) = self.blocks.last_mut() else { return };
            while self.len > len
                && let Some(place) = block.pop()
            {
                self.len -= 1;
                self.bytes -= place.key.len() + PLACE_BYTES;
            }
            if block.is_empty() {
                self.blocks.pop();
            }
        }
    }

    fn count(&mut self, place: &Place) {
        self.len += 1;
        self.bytes += place.key.len() + PLACE_BYTES;
    }

    /// The block in which a place stands, or would: behind the last when it is behind everything.
    fn block_of(&self, place: &Place) -> usize {
        self.blocks.partition_point(|block| block.last().is_some_and(|last| last < place))
    }

    fn before(&self, block: usize) -> usize {
        self.blocks.iter().take(block).map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    fn place(n: u16) -> Place {
        Place::new(n.to_be_bytes().to_vec(), "")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_is_a_sorted_list(first in proptest::collection::btree_set(any::<u16>(), 0..3_000), changes in proptest::collection::vec((any::<bool>(), any::<u16>()), 0..3_000), cut in 0..4_000usize) {
            let mut list: Vec<Place> = first.into_iter().map(place).collect();
            let mut ranked = Ranked::default();
            ranked.append(list.clone());
            for (put, n) in changes {
                let found = list.binary_search(&place(n));
                match (put, found) {
                    (true, Err(at)) => {
                        list.insert(at, place(n));
                        prop_assert_eq!(ranked.insert(place(n)), Some(at));
                        prop_assert_eq!(ranked.rank(&place(n)), Some(at));
                        prop_assert_eq!(ranked.get(at), Some(&place(n)));
                    }
                    (true, Ok(_)) => prop_assert_eq!(ranked.insert(place(n)), None),
                    (false, Ok(at)) => {
                        list.remove(at);
                        prop_assert_eq!(ranked.remove(&place(n)), Some(at));
                        prop_assert_eq!(ranked.rank(&place(n)), None);
                    }
                    (false, Err(_)) => prop_assert_eq!(ranked.remove(&place(n)), None),
                }
            }
            prop_assert_eq!(ranked.range(0..usize::MAX).collect::<Vec<_>>(), list.iter().collect::<Vec<_>>());
            ranked.truncate(cut);
            list.truncate(cut);
            prop_assert_eq!((ranked.len(), ranked.last()), (list.len(), list.last()));
            prop_assert_eq!(ranked.byte_len(), list.len() * (2 + PLACE_BYTES));
            let rest = cut / 2;
            prop_assert_eq!(ranked.range(rest..rest + 7).collect::<Vec<_>>(), list.iter().skip(rest).take(7).collect::<Vec<_>>());
        }
    }
}
