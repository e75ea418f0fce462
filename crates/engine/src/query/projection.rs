//! The parts of documents that a page wants.

use ashore_protocol::gather::Gather;
use std::collections::BTreeMap;

use super::path::Path;
use super::{MAX_SELECTED_PATHS, QueryError};
use crate::document::Value;

const NOT_A_LIST: &str = "a selection is an array of at least one path";
const TOO_MANY: &str = "a selection has more than 256 paths";
const NOT_TEXT: &str = "a path is a string";

/// The paths to keep of a document. What is kept lies where it lay: in its objects, and in the items of its arrays.
///
/// Below a path that is kept everything is kept. On the way to a path, an object stays though nothing of it is kept, other
/// values go, also out of arrays. A whole number is a key here, not a place in an array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection(BTreeMap<String, Kept>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    Whole,
    Parts(Projection),
}

impl Projection {
    /// Understands a selection as it crosses from a page: `["title", "address.city"]`.
    ///
    /// ```
    /// use ashore_engine::document::{Value, json};
    /// use ashore_engine::query::Projection;
    /// let select = Value::List(vec![Value::String("items.name".into())]);
    /// let document = json::parse_one(r#"{"title":"Shop","items":[{"name":"Milk","price":2}]}"#).unwrap();
    /// let selected = json::parse_one(r#"{"items":[{"name":"Milk"}]}"#).unwrap();
    /// assert_eq!(Projection::parse(&select).unwrap().of(&document), selected);
    /// ```
    pub fn parse(paths: &Value) -> Result<Self, QueryError> {
        let refuse = |reason: &str| QueryError::new("select", None, reason);
        let Value::List(paths) = paths else { return Err(refuse(NOT_A_LIST)) };
        if paths.is_empty() {
            return Err(refuse(NOT_A_LIST));
        }
        if paths.len() > MAX_SELECTED_PATHS {
            return Err(refuse(TOO_MANY));
        }
        let mut projection = Self::default();
        for (at, path) in paths.iter().enumerate() {
            let refuse = |reason: &str| QueryError::new(&format!("select[{at}]"), None, reason);
            let Value::String(path) = path else { return Err(refuse(NOT_TEXT)) };
            let path = Path::parse(path).map_err(refuse)?;
            projection.keep(&mut path.keys());
        }
        Ok(projection)
    }

    /// What is kept of a document.
    #[must_use]
    pub fn of(&self, document: &Value) -> Value {
        self.kept(document).unwrap_or(Value::empty())
    }

    fn keep<'p>(&mut self, keys: &mut impl Iterator<Item = &'p str>) {
        let mut parts = self;
        let mut keys = keys.peekable();
        while let Some(key) = keys.next() {
            let last = keys.peek().is_none();
            let kept = parts.0.entry(key.to_owned()).or_insert_with(|| Kept::Parts(Self::default()));
            if last {
                *kept = Kept::Whole;
                return;
            }
            match kept {
                Kept::Whole => return,
                Kept::Parts(below) => parts = below,
            }
        }
    }

    fn kept(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Map(map) => Some(Value::Map(self.kept_fields(map))),
            Value::List(items) => Some(Value::List(items.iter().filter_map(|item| self.kept(item)).collect())),
            _ => None,
        }
    }

    fn kept_fields(&self, map: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
        let field = |(key, kept): (&String, &Kept)| {
            let value = map.get(key)?;
            let value = match kept {
                Kept::Whole => Some(value.clone()),
                Kept::Parts(parts) => parts.kept(value),
            };
            value.map(|value| (key.clone(), value))
        };
        self.0.iter().filter_map(field).gather()
    }
}
