//! Whether a document is what a filter asks for.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::Decoder;

use super::{Node, Side, Test, TypeName};
use crate::document::Value;
use crate::document::value::{DecodeValueError, MAX_SAFE_INTEGER};
use crate::query::order::{Class, compare};
use crate::query::path::Path;

impl Node {
    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.matches(document)),
            Self::Or(nodes) => nodes.iter().any(|node| node.matches(document)),
            Self::Nor(nodes) => !nodes.iter().any(|node| node.matches(document)),
            Self::At(path, test) => test.holds(path, document),
        }
    }
}

impl Test {
    /// Whether anything that `path` reaches passes; negations are of the whole answer.
    fn holds(&self, path: &Path, document: &Value) -> bool {
        match self {
            Self::Not(test) => !test.holds(path, document),
            Self::Every(tests) => tests.iter().all(|test| test.holds(path, document)),
            Self::Exists(wanted) => path.any(document, &mut |reached| reached.is_some()) == *wanted,
            Self::Size(_) | Self::ObjectItem(_) | Self::Item(_) => {
                path.any(document, &mut |reached| self.passes(reached))
            }
            Self::Equal(_) | Self::In(_) | Self::Range(..) | Self::Type(_) | Self::Pattern(_) => {
                path.any(document, &mut |reached| match reached {
                    Some(Value::List(items)) => {
                        items.iter().any(|item| self.passes(Some(item))) || self.passes(reached)
                    }
                    _ => self.passes(reached),
                })
            }
        }
    }

    /// Whether this one value passes, or nothing where something is missing.
    fn passes(&self, reached: Option<&Value>) -> bool {
        match self {
            Self::Equal(wanted) => compare(reached.unwrap_or(&Value::Null), wanted).is_eq(),
            Self::In(wanted) => {
                let value = reached.unwrap_or(&Value::Null);
                wanted.binary_search_by(|wanted| compare(wanted, value)).is_ok()
            }
            Self::Range(side, bound) => side.holds(reached.unwrap_or(&Value::Null), bound),
            Self::Exists(wanted) => reached.is_some() == *wanted,
            Self::Type(names) => reached.is_some_and(|value| names.iter().any(|name| name.is_of(value))),
            Self::Size(size) => matches!(reached, Some(Value::List(items)) if items.len() as u64 == *size),
            Self::ObjectItem(node) => has_item(reached, |item| matches!(item, Value::Map(_)) && node.matches(item)),
            Self::Item(tests) => has_item(reached, |item| tests.iter().all(|test| test.passes(Some(item)))),
            Self::Pattern(pattern) => reached.and_then(Value::as_str).is_some_and(|text| pattern.matches(text)),
            Self::Every(tests) => tests.iter().all(|test| test.passes(reached)),
            Self::Not(test) => !test.passes(reached),
        }
    }
}

fn has_item(reached: Option<&Value>, passes: impl Fn(&Value) -> bool) -> bool {
    matches!(reached, Some(Value::List(items)) if items.iter().any(passes))
}

impl Side {
    fn holds(self, value: &Value, bound: &Value) -> bool {
        if Class::of(value) != Class::of(bound) {
            return false;
        }
        let order = compare(value, bound);
        match self {
            Self::Above => order.is_gt(),
            Self::From => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::UpTo => order.is_le(),
        }
    }
}

impl TypeName {
    fn is_of(self, value: &Value) -> bool {
        if self == Self::Bigint {
            return matches!(value, Value::Int(_))
                || matches!(value, Value::Uint(number) if *number > MAX_SAFE_INTEGER);
        }
        self.class() == Class::of(value)
    }

    /// The class to which every value of the type belongs.
    pub(in crate::query) fn class(self) -> Class {
        match self {
            Self::Null => Class::Null,
            Self::Number | Self::Bigint => Class::Number,
            Self::String => Class::String,
            Self::Boolean => Class::Boolean,
            Self::Array => Class::Array,
            Self::Object => Class::Object,
            Self::Bytes => Class::Bytes,
            Self::Date => Class::Date,
        }
    }
}

/// The document that `bytes` are, with these of its fields only.
pub(super) fn only(fields: &BTreeSet<String>, bytes: &[u8]) -> Result<Value, DecodeValueError> {
    let mut decoder = Decoder::new(bytes);
    let length = decoder.map()?.ok_or(DecodeValueError::Malformed)?;
    let mut found = BTreeMap::new();
    for _ in 0..length {
        if found.len() == fields.len() {
            break;
        }
        let key = decoder.str()?;
        let start = decoder.position();
        decoder.skip()?;
        if fields.contains(key) {
            let value = bytes.get(start..decoder.position()).ok_or(DecodeValueError::Malformed)?;
            found.insert(key.to_owned(), Value::decode(value)?);
        }
    }
    Ok(Value::Map(found))
}
