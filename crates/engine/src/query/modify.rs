//! Modifiers: what `update` changes in a document, in MongoDB's words. Pure: a value in, a value out.
//!
//! ```
//! use ashore_engine::document::json;
//! use ashore_engine::query::Modifiers;
//! let text = r#"{"$set":{"address.city":"Bern"},"$inc":{"likes":1},"$push":{"tags":"new"}}"#;
//! let modifiers = Modifiers::parse(&json::parse_one(text).unwrap()).unwrap();
//! let before = json::parse_one(r#"{"likes":2,"tags":["old"]}"#).unwrap();
//! let after = json::parse_one(r#"{"address":{"city":"Bern"},"likes":3,"tags":["old","new"]}"#).unwrap();
//! assert_eq!(modifiers.apply(&before), Ok(after));
//! ```

mod apply;
mod parse;

use super::QueryError;
use super::filter::Filter;
use super::path::Path;
use super::sort::Sort;
use super::sort_key::Direction;
use crate::document::Value;
use crate::document::value::MAX_SAFE_INTEGER;

/// Modifiers that have been understood.
#[derive(Debug, Clone)]
pub struct Modifiers {
    changes: Vec<Change>,
}

/// Why modifiers do not apply to a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the modifiers do not apply to the document at `{path}`, operator `{operator}`: {reason}")]
pub struct NotApplicable {
    /// Where in the document.
    pub path: String,
    /// Which modifier, such as `$inc`.
    pub operator: &'static str,
    /// What is wrong, for people.
    pub reason: &'static str,
}

impl Modifiers {
    /// Understands modifiers as they cross from a page: an object of operators, each an object of paths.
    pub fn parse(modifiers: &Value) -> Result<Self, QueryError> {
        parse::modifiers(modifiers).map(|changes| Self { changes })
    }

    /// What they make of a document. All of them or none: they touch different places, so their order does not matter.
    pub fn apply(&self, document: &Value) -> Result<Value, NotApplicable> {
        let mut document = document.clone();
        let mut padding = apply::MAX_PADDING;
        for change in &self.changes {
            change.apply(&mut document, &mut padding).map_err(|reason| NotApplicable {
                path: change.path.to_string(),
                operator: change.modifier.name(),
                reason,
            })?;
        }
        Ok(document)
    }
}

/// One modifier at one path.
#[derive(Debug, Clone)]
struct Change {
    path: Path,
    modifier: Modifier,
}

#[derive(Debug, Clone)]
enum Modifier {
    Set(Value),
    Unset,
    /// A number or a bigint.
    Inc(Value),
    Push(Push),
    AddToSet(Vec<Value>),
    Pull(Pull),
    /// The first item, or else the last.
    Pop {
        first: bool,
    },
    Rename(Path),
}

impl Modifier {
    fn name(&self) -> &'static str {
        match self {
            Self::Set(_) => "$set",
            Self::Unset => "$unset",
            Self::Inc(_) => "$inc",
            Self::Push(_) => "$push",
            Self::AddToSet(_) => "$addToSet",
            Self::Pull(_) => "$pull",
            Self::Pop { .. } => "$pop",
            Self::Rename(_) => "$rename",
        }
    }
}

#[derive(Debug, Clone)]
struct Push {
    items: Vec<Value>,
    /// Where; counted from the end when it is negative, at the end when there is none.
    position: Option<i64>,
    sort: Option<Order>,
    /// How many of the first to keep, or of the last when it is negative.
    slice: Option<i64>,
}

#[derive(Debug, Clone)]
enum Order {
    /// The items themselves.
    Items(Direction),
    /// What they hold.
    Fields(Sort),
}

/// Which items go.
#[derive(Debug, Clone)]
enum Pull {
    Equal(Value),
    /// Objects that the filter matches.
    Objects(Filter),
    /// Items that pass operators: a filter of an object that has the item in the field without a name.
    Passing(Filter),
}

/// A whole number that JavaScript counts to without a gap.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Uint(number) if *number <= MAX_SAFE_INTEGER => i64::try_from(*number).ok(),
        Value::F64(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64 => Some(*number as i64),
        _ => None,
    }
}
