//! Maps and sets, filled item by item.
//!
//! `collect` sorts everything first when it makes a `BTreeMap` or a `BTreeSet`, with a sort that is compiled anew for each kind
//! of iterator: 5 to 9 KB each, in what pages download. To put in one after the other uses the insertion that is there
//! already. The result is the same; of items that are equal the last value stays, as there.

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
