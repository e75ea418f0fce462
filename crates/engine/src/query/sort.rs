//! The order in which a page wants documents.

use super::order::compare;
use super::path::Path;
use super::sort_key::{Direction, append_sort_key};
use super::{MAX_SORT_PATHS, QueryError};
use crate::document::{DocumentId, Value};

const NOT_A_LIST: &str = "an order is an array of [path, 1] and [path, -1]";
const TOO_MANY: &str = "an order has more than 16 paths";
const TWICE: &str = "a path stands twice in the order";

static MISSING: Value = Value::Null;

/// Paths to sort by, the first one first; documents that are alike in all of them are in the order of their ids.
///
/// What is missing sorts as null. An array sorts by its smallest item when ascending and by its largest when descending,
/// an empty one as itself: so an index on the path, whose keys are those of [`Path::for_each_indexed`], meets every
/// document first where it belongs. That is true of the whole index, and of a part only when no document has several keys:
/// the part may begin behind the key by which a document sorts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sort(Vec<SortBy>);

/// One path of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortBy {
    /// What to sort by.
    pub path: Path,
    /// Which end comes first.
    pub direction: Direction,
}

impl Sort {
    /// Understands an order as it crosses from a page: `[["due", 1], ["title", -1]]`.
    ///
    /// ```
    /// use ashore_engine::document::Value;
    /// use ashore_engine::query::{Direction, Sort};
    /// let due = Value::List(vec![Value::String("due".into()), Value::F64(-1.0)]);
    /// let sort = Sort::parse(&Value::List(vec![due])).unwrap();
    /// assert_eq!(sort.by()[0].direction, Direction::Descending);
    /// ```
    pub fn parse(order: &Value) -> Result<Self, QueryError> {
        let refuse = |at: usize, reason: &str| QueryError::new(&format!("sort[{at}]"), None, reason);
        let Value::List(pairs) = order else { return Err(QueryError::new("sort", None, NOT_A_LIST)) };
        if pairs.len() > MAX_SORT_PATHS {
            return Err(QueryError::new("sort", None, TOO_MANY));
        }
        let mut by: Vec<SortBy> = Vec::new();
        for (at, pair) in pairs.iter().enumerate() {
            let (path, direction) = path_and_direction(pair).ok_or_else(|| refuse(at, NOT_A_LIST))?;
            let path = Path::parse(path).map_err(|reason| refuse(at, reason))?;
            if by.iter().any(|earlier| earlier.path == path) {
                return Err(refuse(at, TWICE));
            }
            by.push(SortBy { path, direction });
        }
        Ok(Self(by))
    }

    /// The paths, the first one first.
    pub fn by(&self) -> &[SortBy] {
        &self.0
    }

    /// Bytes whose order is the order of the documents; no two documents of a collection have the same.
    pub fn key(&self, id: &DocumentId, document: &Value) -> Vec<u8> {
        let mut key = Vec::new();
        for by in &self.0 {
            append_sort_key(&mut key, by.value(document), by.direction);
        }
        key.extend_from_slice(id.as_str().as_bytes());
        key
    }
}

impl SortBy {
    /// The value by which a document is sorted.
    pub fn value<'a>(&self, document: &'a Value) -> &'a Value {
        let mut first: Option<&'a Value> = None;
        self.path.for_each_indexed(document, &mut |value| {
            let sooner = first.is_none_or(|first| match self.direction {
                Direction::Ascending => compare(value, first).is_lt(),
                Direction::Descending => compare(value, first).is_gt(),
            });
            if sooner {
                first = Some(value);
            }
        });
        first.unwrap_or(&MISSING)
    }
}

fn path_and_direction(pair: &Value) -> Option<(&str, Direction)> {
    let Value::List(pair) = pair else { return None };
    let [Value::String(path), direction] = pair.as_slice() else { return None };
    match direction {
        Value::Uint(1) => Some((path, Direction::Ascending)),
        Value::F64(-1.0) => Some((path, Direction::Descending)),
        _ => None,
    }
}
