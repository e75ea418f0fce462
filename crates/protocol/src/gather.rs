//! Maps, sets and orders, made with little code.
//!
//! `collect` sorts everything first when it makes a `BTreeMap` or a `BTreeSet`, with a sort that is compiled anew for each kind
//! of iterator: 5 to 9 KB each, in what pages download. To put in one after the other uses the insertion that is there
//! already. The result is the same; of items that are equal the last value stays, as there.

use std::cmp::Ordering;

/// Fills a collection with what an iterator gives.
pub trait Gather: Iterator + Sized {
    /// All items, put in one after the other.
    ///
    /// ```
    /// use ashore_protocol::gather::Gather;
    /// use std::collections::BTreeMap;
    /// let names: BTreeMap<u32, &str> = [(2, "bob"), (1, "alice"), (2, "carol")].into_iter().gather();
    /// assert_eq!(names, BTreeMap::from([(1, "alice"), (2, "carol")]));
    /// ```
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Gather for I {}

/// The items in that order; those that are alike stay as they stood. For few items, or now and then: it asks through a pointer,
/// and every caller shares one sort.
///
/// ```
/// use ashore_protocol::gather::sorted_by;
/// let names = sorted_by(vec!["carol", "bo", "al"], |a, b| a.len().cmp(&b.len()));
/// assert_eq!(names, ["bo", "al", "carol"]);
/// ```
pub fn sorted_by<T>(items: Vec<T>, mut compare: impl FnMut(&T, &T) -> Ordering) -> Vec<T> {
    let mut places: Vec<usize> = (0..items.len()).collect();
    sort_places(&mut places, &mut |a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    places.into_iter().filter_map(|place| items.get_mut(place)?.take()).collect()
}

#[inline(never)]
fn sort_places(places: &mut [usize], compare: &mut dyn FnMut(usize, usize) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn items_are_sorted_as_a_stable_sort_does(items in proptest::collection::vec((0u8..8, any::<u8>()), 0..80)) {
            let mut expected = items.clone();
            expected.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(sorted_by(items, |(a, _), (b, _)| a.cmp(b)), expected);
        }
    }
}
