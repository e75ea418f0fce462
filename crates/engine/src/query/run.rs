//! A whole query over documents one by one: the plain answer, which any index only gives sooner.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::filter::Filter;
use super::projection::Projection;
use super::sort::Sort;
use crate::document::{DocumentId, Value};

/// What is asked of a collection. The default one asks for every document, in the order of ids.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Which documents.
    pub filter: Filter,
    /// In which order; ties, and everything when there is none, by id.
    pub sort: Sort,
    /// How many of the first to leave out.
    pub offset: usize,
    /// At most how many then; 0 is none at all.
    pub limit: Option<usize>,
    /// Which parts of them; everything when there is none.
    pub select: Option<Projection>,
}

impl Query {
    /// The answer, from documents in any order. With a limit, no more than `offset + limit` documents are held at a time.
    ///
    /// ```
    /// use ashore_engine::document::{DocumentId, json};
    /// use ashore_engine::query::{Filter, Query};
    /// let document = |id: &str, text| (DocumentId::parse(id).unwrap(), json::parse_one(text).unwrap());
    /// let filter = Filter::parse(&json::parse_one(r#"{"n":{"$gt":1}}"#).unwrap()).unwrap();
    /// let query = Query { filter, limit: Some(1), ..Query::default() };
    /// let found = query.run([document("c", r#"{"n":3}"#), document("b", r#"{"n":2}"#), document("a", r#"{"n":1}"#)]);
    /// assert_eq!(found, [document("b", r#"{"n":2}"#)]);
    /// ```
    pub fn run(&self, documents: impl IntoIterator<Item = (DocumentId, Value)>) -> Vec<(DocumentId, Value)> {
        let most = self.limit.map(|limit| if limit == 0 { 0 } else { limit.saturating_add(self.offset) });
        let mut first = First::new(most);
        let mut key = Vec::new();
        for (id, document) in documents {
            if most != Some(0) && self.filter.matches(&document) {
                self.sort.write_key(&id, &document, &mut key);
                first.offer(&key, id, document);
            }
        }
        first.in_order().skip(self.offset).map(|found| (found.id, self.selected(found.document))).collect()
    }

    fn selected(&self, document: Value) -> Value {
        match &self.select {
            None => document,
            Some(select) => select.of(&document),
        }
    }
}

/// The first so many of what is offered, or all.
struct First {
    most: Option<usize>,
    /// The last of them on top.
    found: BinaryHeap<Found>,
}

struct Found {
    key: Vec<u8>,
    id: DocumentId,
    document: Value,
}

impl First {
    fn new(most: Option<usize>) -> Self {
        Self { most, found: BinaryHeap::new() }
    }

    fn offer(&mut self, key: &[u8], id: DocumentId, document: Value) {
        if self.most.is_some_and(|most| self.found.len() >= most) {
            match self.found.peek_mut() {
                Some(mut last) if key < last.key.as_slice() => *last = Found { key: key.to_vec(), id, document },
                _ => {}
            }
            return;
        }
        self.found.push(Found { key: key.to_vec(), id, document });
    }

    fn in_order(self) -> impl Iterator<Item = Found> {
        self.found.into_sorted_vec().into_iter()
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}
