//! Which keys of an index on a path the documents that a filter matches can have: what a planner scans.

use ashore_protocol::gather::sorted_by;
use std::cmp::Ordering;

use super::filter::{Filter, Node, Side, Test};
use super::order::Class;
use super::path::Path;
use super::sort_key::{after, sort_key, tag, text_prefix};
use crate::document::Value;

/// Above every key, ascending or descending.
const TOP: u8 = 0xff;

/// The keys from `start` to below `end`, and every longer key that begins with one of them: so also of compound indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// The first bytes that are inside.
    pub start: Vec<u8>,
    /// The first bytes that no longer are.
    pub end: Vec<u8>,
    /// Whether exactly one key is inside, the one that `start` is when ascending: the next field of a compound index is
    /// in order then.
    pub point: bool,
}

/// Intervals in order, without overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds(Vec<Interval>);

impl Filter {
    /// Where an index on `path` keeps the documents that this filter matches: each of them has at least one of the keys
    /// inside the bounds. There may be others inside, which only [`Filter::matches`] tells apart.
    ///
    /// The keys are those of [`Path::for_each_indexed`]. `multi` says that a document of the index may have more than one:
    /// then two ranges can be met by two items of an array, and the bounds are those of one of them. Without it they are
    /// those of both together, which is true only when [`Path::meets_array`] is false for every document.
    ///
    /// ```
    /// use ashore_engine::document::{Value, json};
    /// use ashore_engine::query::{Filter, Path, sort_key};
    /// let filter = Filter::parse(&json::parse_one(r#"{"due":{"$gte":3,"$lt":7}}"#).unwrap()).unwrap();
    /// let bounds = filter.bounds(&Path::parse("due").unwrap(), false);
    /// assert!(bounds.contains(&sort_key(&Value::Uint(3))) && !bounds.contains(&sort_key(&Value::Uint(7))));
    /// assert!(filter.bounds(&Path::parse("title").unwrap(), false).is_everything());
    /// ```
    pub fn bounds(&self, path: &Path, multi: bool) -> Bounds {
        self.root().bounds(path, multi)
    }
}

impl Interval {
    /// Whether a key, or one that begins with a key, is inside.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && key < self.end.as_slice()
    }

    /// The same values in an index that keeps them in descending order.
    #[must_use]
    pub fn descending(&self) -> Self {
        let behind_inverted = |bytes: &[u8]| after(&bytes.iter().map(|byte| !byte).collect::<Vec<_>>());
        Self {
            start: behind_inverted(&self.end).unwrap_or_default(),
            end: behind_inverted(&self.start).unwrap_or(vec![TOP]),
            point: self.point,
        }
    }

    fn point(value: &Value) -> Self {
        let start = sort_key(value);
        Self { end: behind(&start), start, point: true }
    }

    fn prefix(start: Vec<u8>) -> Self {
        Self { end: behind(&start), start, point: false }
    }

    fn class(class: Class) -> Self {
        Self::prefix(vec![tag(class)])
    }

    /// The values of one class on one side of a value.
    fn range(side: Side, bound: &Value) -> Self {
        let (class, key) = (Self::class(Class::of(bound)), sort_key(bound));
        match side {
            Side::Above => Self { start: behind(&key), ..class },
            Side::From => Self { start: key, ..class },
            Side::Below => Self { end: key, ..class },
            Side::UpTo => Self { end: behind(&key), ..class },
        }
    }
}

fn behind(key: &[u8]) -> Vec<u8> {
    after(key).unwrap_or(vec![TOP])
}

impl Bounds {
    /// Every key.
    pub fn everything() -> Self {
        Self(vec![Interval { start: Vec::new(), end: vec![TOP], point: false }])
    }

    /// No key: no document can match.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// The intervals, in order and without overlap.
    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    /// Whether the index says nothing about the filter.
    pub fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Whether no document can match.
    pub fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every interval is one key.
    pub fn is_points(&self) -> bool {
        self.0.iter().all(|interval| interval.point)
    }

    /// Whether a key is inside.
    pub fn contains(&self, key: &[u8]) -> bool {
        let at = self.0.partition_point(|interval| interval.end.as_slice() <= key);
        self.0.get(at).is_some_and(|interval| interval.contains(key))
    }

    /// The same values, in order, in an index that keeps them in descending order.
    #[must_use]
    pub fn descending(&self) -> Self {
        Self(self.0.iter().rev().map(Interval::descending).collect())
    }

    fn of(mut intervals: Vec<Interval>) -> Self {
        intervals.retain(|interval| interval.start < interval.end);
        let intervals = sorted_by(intervals, |a, b| a.start.cmp(&b.start).then_with(|| b.end.cmp(&a.end)));
        let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
        for interval in intervals {
            match merged.last_mut() {
                Some(last) if interval.end <= last.end => {}
                // Points that touch stay points; everything else that touches is one.
                Some(last)
                    if interval.start < last.end || (interval.start == last.end && !last.point && !interval.point) =>
                {
                    last.end = interval.end;
                    last.point = false;
                }
                _ => merged.push(interval),
            }
        }
        Self(merged)
    }

    fn one(interval: Interval) -> Self {
        Self::of(vec![interval])
    }

    fn union(all: impl IntoIterator<Item = Self>) -> Self {
        Self::of(all.into_iter().flat_map(|bounds| bounds.0).collect())
    }

    fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
            both.push(Interval {
                start: (&left.start).max(&right.start).clone(),
                end: (&left.end).min(&right.end).clone(),
                point: left.point || right.point,
            });
            if left.end <= right.end {
                a.next()
            } else {
                b.next()
            };
        }
        Self::of(both)
    }

    /// The narrower first: none, few points, points, intervals, everything.
    fn by_width(&self, other: &Self) -> Ordering {
        let width = |bounds: &Self| (bounds.is_everything(), !bounds.is_points(), bounds.0.len());
        width(self).cmp(&width(other))
    }

    /// The bounds of what all of `each` bound: together where that is sound, else the narrowest of them.
    fn all(each: impl Iterator<Item = Self>, together: bool) -> Self {
        if together {
            each.fold(Self::everything(), |all, bounds| all.intersection(&bounds))
        } else {
            each.min_by(Self::by_width).unwrap_or(Self::everything())
        }
    }
}

impl Node {
    fn bounds(&self, path: &Path, multi: bool) -> Bounds {
        match self {
            Self::And(nodes) => Bounds::all(nodes.iter().map(|node| node.bounds(path, multi)), !multi),
            Self::Or(nodes) => Bounds::union(nodes.iter().map(|node| node.bounds(path, multi))),
            Self::Nor(_) => Bounds::everything(),
            Self::At(at, test) if at == path => test.bounds(multi),
            Self::At(at, test) => path.behind(at).map_or(Bounds::everything(), |rest| test.bounds_below(&rest, multi)),
        }
    }
}

impl Test {
    /// The bounds of the keys of what the test is asked of.
    fn bounds(&self, multi: bool) -> Bounds {
        match self {
            Self::Equal(value) => Bounds::of(equal(value)),
            Self::In(values) => Bounds::of(values.iter().flat_map(equal).collect()),
            // A whole array is above or below another by any of its items.
            Self::Range(_, Value::List(_)) => Bounds::everything(),
            Self::Type(names) if names.iter().any(|name| name.class() == Class::Array) => Bounds::everything(),
            Self::Size(0) => Bounds::one(Interval::point(&Value::List(Vec::new()))),
            Self::Size(_) => Bounds::everything(),
            Self::Item(tests) => Bounds::all(tests.iter().map(Self::bounds_of_item), true),
            Self::ObjectItem(_) => Bounds::one(Interval::class(Class::Object)),
            Self::Every(tests) => Bounds::all(tests.iter().map(|test| test.bounds(multi)), !multi),
            // Where nothing is reached, null is the only key.
            Self::Exists(false) => Bounds::one(Interval::point(&Value::Null)),
            Self::Range(..) | Self::Type(_) | Self::Pattern(_) | Self::Exists(true) | Self::Not(_) => {
                self.bounds_of_item()
            }
        }
    }

    /// The bounds of the key of the one value that passes.
    fn bounds_of_item(&self) -> Bounds {
        match self {
            Self::Equal(value) => Bounds::one(Interval::point(value)),
            Self::In(values) => Bounds::of(values.iter().map(Interval::point).collect()),
            Self::Range(side, bound) => Bounds::one(Interval::range(*side, bound)),
            Self::Type(names) => Bounds::of(names.iter().map(|name| Interval::class(name.class())).collect()),
            Self::Pattern(pattern) => Bounds::one(Interval::prefix(text_prefix(pattern.prefix()))),
            Self::Size(_) | Self::ObjectItem(_) | Self::Item(_) => Bounds::one(Interval::class(Class::Array)),
            Self::Every(tests) => Bounds::all(tests.iter().map(Self::bounds_of_item), true),
            Self::Exists(true) => Bounds::everything(),
            Self::Exists(false) => Bounds::nothing(),
            Self::Not(test) if test.is_met_by_null() => {
                Bounds::one(Interval { start: behind(&sort_key(&Value::Null)), end: vec![TOP], point: false })
            }
            Self::Not(_) => Bounds::everything(),
        }
    }

    /// The bounds of the keys of `rest`, a path that goes on below where the test is asked.
    fn bounds_below(&self, rest: &Path, multi: bool) -> Bounds {
        match self {
            // A whole number is a place in the array outside, and a key in its items.
            Self::ObjectItem(node) if !rest.begins_with_index() => node.bounds(rest, multi),
            Self::Every(tests) => Bounds::all(tests.iter().map(|test| test.bounds_below(rest, multi)), !multi),
            _ => Bounds::everything(),
        }
    }

    /// Whether it passes whenever null is among the keys.
    fn is_met_by_null(&self) -> bool {
        match self {
            Self::Equal(value) => matches!(value, Value::Null),
            Self::In(values) => values.first().is_some_and(|first| matches!(first, Value::Null)),
            _ => false,
        }
    }
}

/// The keys of which one is there when a value, an item or a whole array equals `value`.
fn equal(value: &Value) -> Vec<Interval> {
    let mut points = vec![Interval::point(value)];
    if let Value::List(items) = value {
        points.extend(items.first().map(Interval::point));
    }
    points
}
