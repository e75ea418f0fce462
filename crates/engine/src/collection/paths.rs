//! Paths of fields that stay or travel: keys of objects with dots between them, and the trees of values that they reach.
//!
//! A path goes through objects only. Where one meets a list it ends there: the whole list is what it names, so that nothing
//! inside can leave that was meant to stay.

use crate::document::Value;
use crate::document::value::MAX_DEPTH;
use std::collections::BTreeMap;

/// The most bytes of a path.
const MAX_PATH_BYTES: usize = 1_024;

/// A way to a field of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// The path that `text` is, such as `smtp.password`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_PATH_BYTES {
            return Err("a path takes more than 1,024 bytes");
        }
        let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
        if keys.iter().any(String::is_empty) {
            return Err("a path is keys with dots between them");
        }
        if keys.len() > MAX_DEPTH {
            return Err("a path has more than 100 keys");
        }
        Ok(Self(keys))
    }

    /// The path of one key of the document itself, whatever stands in it.
    pub(super) fn key(key: &str) -> Self {
        Self(vec![key.to_owned()])
    }

    /// Whether what these steps lead to is this field or inside it; lists are steps, too.
    pub(super) fn holds(&self, steps: &[String]) -> bool {
        steps.starts_with(&self.0)
    }

    /// Whether this field may be a whole list that these steps lead into: see the module.
    pub(super) fn may_be_list_of(&self, steps: &[String]) -> bool {
        let is_place = |step: &String| step.bytes().all(|byte| byte.is_ascii_digit());
        steps.iter().position(is_place).and_then(|place| steps.get(..place)).is_some_and(|way| self.0.starts_with(way))
    }

    /// Whether this is the other path or leads to something inside what it names.
    pub(super) fn is_inside(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// What the path names: a value, or the list that it meets on the way, with the path to that.
    pub(super) fn reach<'a>(&self, document: &'a Value) -> Option<(Self, &'a Value)> {
        let mut value = document;
        for (at, key) in self.0.iter().enumerate() {
            let Value::Map(map) = value else { return None };
            value = map.get(key)?;
            if matches!(value, Value::List(_)) {
                return Some((Self(self.0.iter().take(at + 1).cloned().collect()), value));
            }
        }
        Some((self.clone(), value))
    }

    /// The value at the very end of the path.
    pub(super) fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.reach(document).filter(|(reached, _)| reached == self).map(|(_, value)| value)
    }

    /// Takes the value at the very end of the path out; objects on the way stay, empty or not.
    pub(super) fn remove(&self, document: &mut Value) -> Option<Value> {
        let (last, way) = self.0.split_last()?;
        let mut value = document;
        for key in way {
            let Value::Map(map) = value else { return None };
            value = map.get_mut(key)?;
        }
        match value {
            Value::Map(map) => map.remove(last),
            _ => None,
        }
    }

    /// Puts a value at the end of the path, making the objects on the way. `false` when something else stands in the way.
    pub(super) fn set(&self, document: &mut Value, new: Value) -> bool {
        let Some((last, way)) = self.0.split_last() else { return false };
        let mut value = document;
        for key in way {
            let Value::Map(map) = value else { return false };
            value = map.entry(key.clone()).or_insert_with(|| Value::Map(BTreeMap::new()));
        }
        match value {
            Value::Map(map) => {
                map.insert(last.clone(), new);
                true
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
