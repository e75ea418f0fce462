//! Which index a query reads, and which parts of it: the narrowest that the filter's bounds allow, or one that is in the order asked for.

use crate::document::Value;
use crate::index::IndexDef;
use crate::query::{Bounds, Direction, Query, Sort, sort_key};
use crate::store::Range;
use crate::store::keys::index_range;
use ashore_protocol::gather::sorted_by;
use std::collections::{BTreeSet, VecDeque};

/// Most ranges of an index that a query reads; a filter that would need more is asked of fewer fields.
const MAX_RANGES: usize = 1_000;

/// How a query reads an index.
pub(super) struct Plan {
    pub(super) index: IndexDef,
    /// What is left to be read, in order.
    pub(super) ranges: VecDeque<Range>,
    /// The rows are in the order that is asked for: the first that match are the answer.
    pub(super) in_order: bool,
    /// Ids that were met, when a document may have several rows.
    seen: Option<BTreeSet<String>>,
}

/// The rows of one index among which every match is.
struct Access<'i> {
    index: &'i IndexDef,
    ranges: Vec<Range>,
    /// The values of so many of its first fields are given.
    fixed: usize,
    /// The keys of those, when there is but one choice.
    prefix: Option<Vec<u8>>,
    /// The field behind them is bounded.
    ranged: bool,
    /// No row is missing that matters, though the index is sparse.
    leaves_null_out: bool,
}

impl Plan {
    /// The best of these indexes for a query whose answer up to the key `after` is known; none when a scan is better.
    pub(super) fn choose(indexes: &[IndexDef], query: &Query, after: Option<&[u8]>) -> Option<Self> {
        let ready = indexes.iter().filter(|index| index.is_ready() && index.text.is_none());
        let usable = ready.map(|index| Access::to(index, query)).filter(|access| access.is_usable(&query.sort));
        usable.max_by_key(|access| access.worth(query)).map(|access| access.plan(query, after))
    }

    /// Whether this id comes for the first time.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        self.seen.as_mut().is_none_or(|seen| seen.insert(id.to_owned()))
    }
}

impl<'i> Access<'i> {
    fn to(index: &'i IndexDef, query: &Query) -> Self {
        let null = sort_key(&Value::Null);
        let (mut fixed, mut leaves_null_out) = (0, false);
        let mut prefixes = vec![Vec::new()];
        for field in &index.fields {
            let bounds = query.filter.bounds(&field.path, field.multi);
            let ranges = prefixes.len().saturating_mul(bounds.intervals().len());
            if bounds.is_everything() || ranges > MAX_RANGES {
                break;
            }
            leaves_null_out |= !bounds.contains(&null);
            if !bounds.is_points() {
                let ranges = ranged(index.number, &prefixes, &bounds, field.direction);
                let prefix = single(&prefixes);
                return Self { index, ranges, fixed, prefix, ranged: true, leaves_null_out };
            }
            prefixes = longer(&prefixes, &bounds, field.direction);
            fixed += 1;
        }
        let ranges = prefixes.iter().map(|prefix| index_range(index.number, prefix)).collect();
        Self { index, ranges, fixed, prefix: single(&prefixes), ranged: false, leaves_null_out }
    }

    fn is_usable(&self, sort: &Sort) -> bool {
        let complete = !self.index.sparse || self.leaves_null_out;
        complete && (self.fixed > 0 || self.ranged || self.is_in_order(sort))
    }

    /// Whether its rows come in the order of `sort`, each document once.
    fn is_in_order(&self, sort: &Sort) -> bool {
        let rest = self.index.fields.get(self.fixed..).unwrap_or_default();
        let same = rest.len() == sort.by().len()
            && rest.iter().zip(sort.by()).all(|(field, by)| field.path == by.path && field.direction == by.direction);
        let once = !self.index.apart && !self.index.multi();
        same && once && self.prefix.is_some() && self.ranges.len() <= 1
    }

    fn worth(&self, query: &Query) -> (bool, usize, bool, bool) {
        let in_order = self.is_in_order(&query.sort);
        let narrow = self.fixed > 0 || self.ranged;
        // With a limit, the order saves more than a narrower choice that has to be sorted.
        (in_order && narrow && query.limit.is_some(), self.fixed, self.ranged, in_order)
    }

    fn plan(self, query: &Query, after: Option<&[u8]>) -> Plan {
        let in_order = self.is_in_order(&query.sort);
        let mut ranges = VecDeque::from(self.ranges);
        if let (true, Some(prefix), Some(after), Some(range)) = (in_order, &self.prefix, after, ranges.front_mut()) {
            let from = index_range(self.index.number, &[prefix.as_slice(), after].concat()).start;
            range.start = range.start.clone().max(from);
        }
        // The documents that are kept apart match or not, whatever the bounds; the whole index has them anyway.
        if self.index.apart && (self.fixed > 0 || self.ranged) {
            ranges.push_back(self.index.apart_range());
        }
        let seen = (self.index.multi() || ranges.len() > 1).then(BTreeSet::new);
        Plan { index: self.index.clone(), ranges, in_order, seen }
    }
}

/// Each prefix with each of the keys behind it.
fn longer(prefixes: &[Vec<u8>], points: &Bounds, direction: Direction) -> Vec<Vec<u8>> {
    let key = |start: &[u8]| match direction {
        Direction::Ascending => start.to_vec(),
        Direction::Descending => start.iter().map(|byte| !byte).collect(),
    };
    let keys: Vec<Vec<u8>> = points.intervals().iter().map(|interval| key(&interval.start)).collect();
    let longer: Vec<Vec<u8>> =
        prefixes.iter().flat_map(|prefix| keys.iter().map(move |key| [prefix.as_slice(), key].concat())).collect();
    sorted_by(longer, Ord::cmp)
}

/// The rows behind each prefix whose next key is inside the bounds.
fn ranged(number: u32, prefixes: &[Vec<u8>], bounds: &Bounds, direction: Direction) -> Vec<Range> {
    let descending;
    let bounds = match direction {
        Direction::Ascending => bounds,
        Direction::Descending => {
            descending = bounds.descending();
            &descending
        }
    };
    let place = |prefix: &[u8], key: &[u8]| index_range(number, &[prefix, key].concat()).start;
    let between = |prefix: &Vec<u8>| {
        let prefix = prefix.clone();
        let range = move |interval: &crate::query::Interval| {
            Range::between(place(&prefix, &interval.start), Some(place(&prefix, &interval.end)))
        };
        bounds.intervals().iter().map(range).collect::<Vec<_>>()
    };
    prefixes.iter().flat_map(between).collect()
}

fn single(prefixes: &[Vec<u8>]) -> Option<Vec<u8>> {
    match prefixes {
        [prefix] => Some(prefix.clone()),
        _ => None,
    }
}
