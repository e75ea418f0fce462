//! A whole query over documents one by one: the plain answer, which any index only gives sooner.

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
    /// The answer, from documents in any order, all of which that match are held and sorted.
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
        let matching = documents.into_iter().filter(|(_, document)| self.filter.matches(document));
        let mut found: Vec<_> = matching.map(|(id, document)| (self.sort.key(&id, &document), id, document)).collect();
        found.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
        let wanted = found.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        wanted.map(|(_, id, document)| (id, self.selected(document))).collect()
    }

    fn selected(&self, document: Value) -> Value {
        match &self.select {
            None => document,
            Some(select) => select.of(&document),
        }
    }
}
