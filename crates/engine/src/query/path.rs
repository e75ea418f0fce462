//! Dot paths: what they reach in a document, through arrays, and the values by which an index keeps it.

use crate::document::Value;

use super::{MAX_PATH_BYTES, MAX_PATH_STEPS};

const TOO_LONG: &str = "a path takes more than 1,024 bytes";
const TOO_MANY_STEPS: &str = "a path has more than 100 steps";

static MISSING: Value = Value::Null;

/// A way into a document: keys of objects and places in arrays, with dots between them.
///
/// A key meets an array: the path goes on in each of its items that is an object. A whole number meets an array: it is a
/// place in it. Where nothing is reached, in an object or a whole array, something is missing. A key that itself has a dot
/// cannot be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) key: String,
    /// The place in an array, when the key is a whole number as JavaScript writes it.
    pub(super) index: Option<usize>,
}

impl Path {
    /// The path that `text` is: at most [`MAX_PATH_BYTES`] and [`MAX_PATH_STEPS`].
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_PATH_BYTES {
            return Err(TOO_LONG);
        }
        if text.split('.').count() > MAX_PATH_STEPS {
            return Err(TOO_MANY_STEPS);
        }
        Ok(Self { steps: text.split('.').map(Step::new).collect() })
    }

    /// The field of the document that the path begins with.
    pub fn field(&self) -> &str {
        self.steps.first().map_or("", |step| &step.key)
    }

    /// Whether `test` holds for anything that the path reaches in `document`; what is missing is asked once, as none.
    /// An array at the end of the path is one thing.
    pub(super) fn any<'a>(&self, document: &'a Value, test: &mut dyn FnMut(Option<&'a Value>) -> bool) -> bool {
        reach(document, &self.steps, test)
    }

    /// Calls `each` with every value by which an index on this path keeps `document`; there is always at least one.
    ///
    /// An array counts as each of its items, an empty one as itself, and what is missing as null.
    ///
    /// ```
    /// use ashore_engine::document::{Value, json};
    /// use ashore_engine::query::Path;
    /// let document = json::parse_one(r#"{"tags":["a","b"]}"#).unwrap();
    /// let mut values = Vec::new();
    /// Path::parse("tags").unwrap().for_each_indexed(&document, &mut |value| values.push(value.clone()));
    /// Path::parse("due").unwrap().for_each_indexed(&document, &mut |value| values.push(value.clone()));
    /// assert_eq!(values, [Value::String("a".into()), Value::String("b".into()), Value::Null]);
    /// ```
    pub fn for_each_indexed<'a>(&self, document: &'a Value, each: &mut dyn FnMut(&'a Value)) {
        self.any(document, &mut |reached| {
            match reached {
                Some(Value::List(items)) if !items.is_empty() => items.iter().for_each(&mut *each),
                reached => each(reached.unwrap_or(&MISSING)),
            }
            false
        });
    }

    /// Whether an index on this path has to be kept as one of arrays for `document`: the path meets an array.
    pub fn meets_array(&self, document: &Value) -> bool {
        let mut value = document;
        for step in &self.steps {
            match value {
                Value::List(_) => return true,
                Value::Map(map) => match map.get(&step.key) {
                    Some(below) => value = below,
                    None => return false,
                },
                _ => return false,
            }
        }
        matches!(value, Value::List(_))
    }

    /// What is left of this path behind `start`, when it begins so.
    pub(super) fn behind(&self, start: &Self) -> Option<Self> {
        self.steps.strip_prefix(start.steps.as_slice()).map(|rest| Self { steps: rest.to_vec() })
    }

    /// Whether the first step may be a place in an array.
    pub(super) fn begins_with_index(&self) -> bool {
        self.steps.first().is_some_and(|step| step.index.is_some())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The keys, as they stand between the dots.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.key.as_str())
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, key) in self.keys().enumerate() {
            f.write_str(if at == 0 { "" } else { "." })?;
            f.write_str(key)?;
        }
        Ok(())
    }
}

impl Step {
    fn new(key: &str) -> Self {
        let canonical = key == "0" || !key.starts_with(['0', '+']);
        // The same on every host, whatever its usize.
        let index =
            if canonical { key.parse::<u32>().ok().and_then(|index| usize::try_from(index).ok()) } else { None };
        Self { key: key.to_owned(), index }
    }
}

fn reach<'a>(value: &'a Value, steps: &[Step], test: &mut dyn FnMut(Option<&'a Value>) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return test(Some(value));
    };
    match (value, step.index) {
        (Value::Map(map), _) => match map.get(&step.key) {
            Some(below) => reach(below, rest, test),
            None => test(None),
        },
        (Value::List(items), Some(index)) => match items.get(index) {
            Some(item) => reach(item, rest, test),
            None => test(None),
        },
        (Value::List(items), None) => {
            let mut objects = items.iter().filter(|item| matches!(item, Value::Map(_))).peekable();
            if objects.peek().is_none() {
                return test(None);
            }
            objects.any(|item| reach(item, steps, test))
        }
        _ => test(None),
    }
}
