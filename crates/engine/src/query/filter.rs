//! Filters: which documents a page asks for.

mod matches;
mod parse;

use std::collections::BTreeSet;

use super::QueryError;
use super::path::Path;
use super::pattern::Pattern;
use crate::document::Value;
use crate::document::value::DecodeValueError;

/// A filter that has been understood. The default one matches every document.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    root: Node,
    /// The fields of a document that the filter looks at.
    fields: BTreeSet<String>,
}

impl Filter {
    /// Understands a filter as it crosses from a page: an object of paths and operators. Bounded by the limits of
    /// [`query`](super), which are checked before anything is copied.
    pub fn parse(filter: &Value) -> Result<Self, QueryError> {
        let root = parse::filter(filter)?;
        let mut fields = BTreeSet::new();
        root.collect_fields(&mut fields);
        Ok(Self { root, fields })
    }

    /// Whether `document` is one that is asked for.
    pub fn matches(&self, document: &Value) -> bool {
        self.root.matches(document)
    }

    /// [`Filter::matches`] over the bytes of [`Value::encode`], of which only the fields that it looks at are decoded.
    ///
    /// ```
    /// use ashore_engine::document::json;
    /// use ashore_engine::query::Filter;
    /// let filter = Filter::parse(&json::parse_one(r#"{"done":true}"#).unwrap()).unwrap();
    /// let document = json::parse_one(r#"{"title":"Milk","done":true}"#).unwrap();
    /// assert_eq!(filter.matches_encoded(&document.encode().unwrap()), Ok(true));
    /// ```
    pub fn matches_encoded(&self, document: &[u8]) -> Result<bool, DecodeValueError> {
        matches::only(&self.fields, document).map(|document| self.root.matches(&document))
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }
}

/// What a whole document is asked.
#[derive(Debug, Clone)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Nor(Vec<Node>),
    At(Path, Test),
}

impl Default for Node {
    fn default() -> Self {
        Self::And(Vec::new())
    }
}

impl Node {
    fn collect_fields(&self, fields: &mut BTreeSet<String>) {
        match self {
            Self::And(nodes) | Self::Or(nodes) | Self::Nor(nodes) => {
                nodes.iter().for_each(|node| node.collect_fields(fields));
            }
            Self::At(path, _) => {
                fields.insert(path.field().to_owned());
            }
        }
    }
}

/// What is asked of the values that a path reaches.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Equal(Value),
    /// Equal to one of these, which stand in order.
    In(Vec<Value>),
    /// On this side of a value of its own class.
    Range(Side, Value),
    Exists(bool),
    Type(Vec<TypeName>),
    /// An array of so many items.
    Size(u64),
    /// An array with an item that is an object which the filter matches.
    ObjectItem(Box<Node>),
    /// An array with an item that passes all of these.
    Item(Vec<Test>),
    Pattern(Pattern),
    Every(Vec<Test>),
    Not(Box<Test>),
}

/// The side of a value on which a range lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Above,
    From,
    Below,
    UpTo,
}

/// The names that `$type` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeName {
    Null,
    /// Numbers and bigints.
    Number,
    /// Bigints only.
    Bigint,
    String,
    Boolean,
    Array,
    Object,
    Bytes,
    Date,
}
