//! JSON text straight into values, in one pass and with the path of what cannot be stored.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::TAG;
use crate::document::DocumentError;
use crate::document::value::{
    KEY_TOO_LONG, MAX_DEPTH, MAX_KEY_BYTES, MAX_SAFE_INTEGER, NOT_AN_OBJECT, NOT_FINITE, TOO_DEEP, Value,
};

const BAD_TAG: &str = "an object with the key \"$ashore\" is not written as one";
const TOO_LARGE_BIGINT: &str = "a bigint does not fit 64 bits";

/// The document that a JSON text is.
///
/// ```
/// use ashore_engine::document::{DocumentError, Value, json};
/// let value = json::parse_one(r#"{"count":3,"when":{"$ashore":["date",0]}}"#).unwrap();
/// let Value::Map(map) = value else { panic!() };
/// assert_eq!(map["count"], Value::Uint(3));
/// assert_eq!(map["when"], Value::Date(0));
/// assert!(matches!(json::parse_one("[]"), Err(DocumentError::NotSerializable { .. })));
/// ```
pub fn parse_one(text: &str) -> Result<Value, DocumentError> {
    parse(text, false).and_then(document)
}

/// The documents of a JSON array of documents. The path of an error begins with the document's place: `[3].title`.
///
/// ```
/// use ashore_engine::document::json;
/// assert_eq!(json::parse_many(r#"[{"n":1},{"n":2}]"#).unwrap().len(), 2);
/// ```
pub fn parse_many(text: &str) -> Result<Vec<Value>, DocumentError> {
    let Value::List(documents) = parse(text, true)? else {
        return Err(not_serializable(String::new(), "many documents are a list"));
    };
    for (index, value) in documents.iter().enumerate() {
        if !matches!(value, Value::Map(_)) {
            return Err(not_serializable(format!("[{index}]"), NOT_AN_OBJECT));
        }
    }
    Ok(documents)
}

fn document(value: Value) -> Result<Value, DocumentError> {
    match value {
        Value::Map(_) => Ok(value),
        _ => Err(not_serializable(String::new(), NOT_AN_OBJECT)),
    }
}

fn not_serializable(path: String, reason: &'static str) -> DocumentError {
    DocumentError::NotSerializable { path, reason }
}

fn parse(text: &str, many: bool) -> Result<Value, DocumentError> {
    let failure = Failure::default();
    let levels = MAX_DEPTH + usize::from(many);
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = Seed { failure: &failure, levels }.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    parsed.map_err(|error| match failure.0.into_inner() {
        Some((path, reason)) => not_serializable(path.into_iter().rev().collect(), reason),
        // The parser itself stops at 128 levels, tags counted.
        None if error.to_string().starts_with("recursion limit") => not_serializable(String::new(), TOO_DEEP),
        None => DocumentError::NotJson(error.to_string()),
    })
}

/// What cannot be stored and where, the innermost step of its path first: filled while errors travel outwards.
#[derive(Default)]
struct Failure(RefCell<Option<(Vec<String>, &'static str)>>);

impl Failure {
    fn raise<E: serde::de::Error>(&self, reason: &'static str) -> E {
        *self.0.borrow_mut() = Some((Vec::new(), reason));
        E::custom(reason)
    }

    fn inside(&self, step: impl FnOnce() -> String) {
        if let Some((path, _)) = self.0.borrow_mut().as_mut() {
            path.push(step());
        }
    }
}

/// Reads one value, with so many levels of maps and lists left.
#[derive(Clone, Copy)]
struct Seed<'a> {
    failure: &'a Failure,
    levels: usize,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(self.failure.raise(TOO_DEEP)),
        }
    }

    fn number<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Value::number(number).ok_or_else(|| self.failure.raise(NOT_FINITE))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        if number <= MAX_SAFE_INTEGER { Ok(Value::Uint(number)) } else { self.number(number as f64) }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.number(number as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        self.number(number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        loop {
            let next =
                items.next_element_seed(seed).inspect_err(|_| self.failure.inside(|| format!("[{}]", list.len())))?;
            match next {
                Some(item) => list.push(item),
                None => return Ok(Value::List(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let Some(first) = fields.next_key::<String>()? else {
            return self.deeper().map(|_: Self| Value::empty());
        };
        if first != TAG {
            return MapSeed { seed: self, tagged: false }.rest(Some(first), fields);
        }
        let value = fields.next_value_seed(TagSeed(self))?;
        match fields.next_key::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(self.failure.raise(BAD_TAG)),
        }
    }
}

/// Reads a map's fields; inside an "object" tag every key is the user's.
struct MapSeed<'a> {
    seed: Seed<'a>,
    tagged: bool,
}

impl MapSeed<'_> {
    fn rest<'de, A: MapAccess<'de>>(self, first: Option<String>, mut fields: A) -> Result<Value, A::Error> {
        let (seed, failure) = (self.seed.deeper()?, self.seed.failure);
        let mut map = BTreeMap::new();
        let mut next = first;
        loop {
            let Some(key) = next.take().map_or_else(|| fields.next_key(), |key| Ok(Some(key)))? else {
                return Ok(Value::Map(map));
            };
            if key.len() > MAX_KEY_BYTES {
                return Err(failure.raise(KEY_TOO_LONG));
            }
            if key == TAG && !self.tagged {
                return Err(failure.raise(BAD_TAG));
            }
            let value = fields.next_value_seed(seed).inspect_err(|_| failure.inside(|| format!(".{key}")))?;
            map.insert(key, value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for MapSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MapSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Value, A::Error> {
        self.rest(None, fields)
    }
}

/// Reads the `["kind",…]` of a tag.
struct TagSeed<'a>(Seed<'a>);

impl<'de> DeserializeSeed<'de> for TagSeed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let failure = self.0.failure;
        deserializer.deserialize_any(self).map_err(|error| {
            // Whatever does not fit a tag's form, unless the reason is known better.
            if failure.0.borrow().is_some() { error } else { failure.raise(BAD_TAG) }
        })
    }
}

impl<'de> Visitor<'de> for TagSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tagged value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let Self(seed) = self;
        let bad = || seed.failure.raise::<A::Error>(BAD_TAG);
        let value = match parts.next_element::<String>()?.as_deref() {
            Some("date") => parts.next_element::<i64>()?.map(Value::Date),
            Some("bytes") => match parts.next_element::<String>()? {
                Some(text) => Some(Value::Bytes(BASE64.decode(text.as_bytes()).map_err(|_| bad())?)),
                None => None,
            },
            Some("bigint") => match parts.next_element::<String>()? {
                Some(text) => Some(bigint(&text).ok_or_else(|| seed.failure.raise::<A::Error>(TOO_LARGE_BIGINT))?),
                None => None,
            },
            Some("counter") => match parts.next_element_seed(seed)? {
                Some(number) => Some(counter(&number).ok_or_else(bad)?),
                None => None,
            },
            Some("text") => parts.next_element::<String>()?.map(Value::Text),
            Some("object") => parts.next_element_seed(MapSeed { seed, tagged: true })?,
            _ => None,
        };
        match (value, parts.next_element::<IgnoredAny>()?) {
            (Some(value), None) => Ok(value),
            _ => Err(bad()),
        }
    }
}

fn bigint(text: &str) -> Option<Value> {
    text.parse().map(Value::Int).ok().or_else(|| text.parse().map(Value::Uint).ok())
}

/// A number, or digits where numbers have gaps.
fn counter(number: &Value) -> Option<Value> {
    match number {
        Value::Uint(number) => i64::try_from(*number).ok(),
        Value::F64(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64 => Some(*number as i64),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
    .map(Value::Counter)
}
