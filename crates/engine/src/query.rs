//! What a page may ask of documents: filters, sorting, selection, modifiers, and the bytes by which indexes keep values in order.
//!
//! Pure functions over [`Value`]s. Nothing here knows of collections, indexes or a store: [`Query::run`] is the brute-force
//! answer that any faster way must equal, and [`Filter::bounds`] says which keys of an index a faster way has to look at.
//! The language is MongoDB's; `docs/queries.md` lists the operators and every difference.
//!
//! ```
//! use ashore_engine::document::json;
//! use ashore_engine::query::Filter;
//!
//! let filter = json::parse_one(r#"{"tags":"shop","due":{"$lt":20},"$or":[{"done":false},{"done":null}]}"#).unwrap();
//! let filter = Filter::parse(&filter).unwrap();
//! assert!(filter.matches(&json::parse_one(r#"{"tags":["shop","today"],"due":3}"#).unwrap()));
//! assert!(!filter.matches(&json::parse_one(r#"{"tags":["shop"],"due":30}"#).unwrap()));
//!
//! let wrong = json::parse_one(r#"{"$or":[{"due":{"$after":3}}]}"#).unwrap();
//! let error = Filter::parse(&wrong).unwrap_err();
//! assert_eq!(error.to_string(), "the query is not valid at `$or[0].due`, operator `$after`: there is no such operator");
//! ```

mod number;
pub mod order;
pub mod sort_key;
pub mod path;
mod pattern;
pub mod filter;
pub mod bounds;
pub mod sort;
pub mod projection;
pub mod run;
pub mod modify;

pub use bounds::{Bounds, Interval};
pub use filter::Filter;
pub use modify::{Modifiers, NotApplicable};
pub use order::{Class, compare};
pub use path::Path;
pub use projection::Projection;
pub use run::Query;
pub use sort::{Sort, SortBy};
pub use sort_key::{Direction, append_sort_key, sort_key, split_sort_key};

#[cfg(doc)]
use crate::document::Value;

/// How deep `$and`, `$or`, `$nor`, `$not` and `$elemMatch` may lie in one another; the filter itself is the first level.
pub const MAX_FILTER_DEPTH: usize = 32;
/// Most conditions in a filter: each operator counts, and each `$and`, `$or` and `$nor`.
pub const MAX_CONDITIONS: usize = 1_000;
/// Most values in all `$in`, `$nin` and `$all` of a filter together.
pub const MAX_LISTED_VALUES: usize = 10_000;
/// Most bytes (UTF-8) in a path.
pub const MAX_PATH_BYTES: usize = 1_024;
/// Most steps in a path: no document is deeper.
pub const MAX_PATH_STEPS: usize = crate::document::value::MAX_DEPTH;
/// Most bytes (UTF-8) in the pattern of a `$regex`.
pub const MAX_PATTERN_BYTES: usize = 1_024;
/// Most bytes that a compiled pattern may take; `a{1000}` is short to write and long to run.
pub const MAX_COMPILED_PATTERN_BYTES: usize = 64 << 10;
/// Most paths to sort by.
pub const MAX_SORT_PATHS: usize = 16;
/// Most paths to select.
pub const MAX_SELECTED_PATHS: usize = 256;

/// Most paths in all modifiers of one update together.
pub const MAX_MODIFIERS: usize = 1_000;

/// Most bytes of the query's own text in an error.
const MAX_SHOWN_BYTES: usize = 256;

/// Why a filter, an order or a selection cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the query is not valid{}: {reason}", place(path, operator.as_deref()))]
pub struct QueryError {
    /// Where in the query, such as `$or[1].due`; empty for the whole query.
    pub path: String,
    /// The operator, `$gt`, when the mistake is an operator's.
    pub operator: Option<String>,
    /// What is wrong, for people.
    pub reason: String,
}

impl QueryError {
    fn new(path: &str, operator: Option<&str>, reason: impl Into<String>) -> Self {
        Self { path: shortened(path), operator: operator.map(shortened), reason: reason.into() }
    }

    /// The same about what was asked for with another name than a query: `the modifiers are`.
    pub(crate) fn sentence(&self, what: &str) -> String {
        format!("{what} not valid{}: {}", place(&self.path, self.operator.as_deref()), self.reason)
    }
}

fn place(path: &str, operator: Option<&str>) -> String {
    match (path, operator) {
        ("", None) => String::new(),
        ("", Some(operator)) => format!(" at operator `{operator}`"),
        (path, None) => format!(" at `{path}`"),
        (path, Some(operator)) => format!(" at `{path}`, operator `{operator}`"),
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= MAX_SHOWN_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_SHOWN_BYTES);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
pub(crate) mod tests;
