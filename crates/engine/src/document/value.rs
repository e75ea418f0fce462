//! What a document holds, as a tree and as the compact bytes that the store keeps to answer reads.
//!
//! The bytes are CBOR: null, bool, unsigned integer, f64 (always 8 bytes), text, bytes, array and map (keys in byte order)
//! as themselves; a signed integer as tag 6, a date in milliseconds as tag 7, a counter as tag 8, a collaborative text as tag 9
//! around a text. Equal values have equal bytes.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};

use super::DocumentError;

/// Most bytes that a document's encoded value may have when it is put. Merging may exceed it: what was written stays.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// How deep maps and lists may lie in one another; the document itself is the first level.
pub const MAX_DEPTH: usize = 100;
/// Most bytes in one key of a map.
pub const MAX_KEY_BYTES: usize = 1_024;
/// The largest integer that JavaScript's numbers count to without a gap: 2^53 - 1.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

pub(super) const TAG_INT: u64 = 6;
pub(super) const TAG_DATE: u64 = 7;
pub(super) const TAG_COUNTER: u64 = 8;
pub(super) const TAG_TEXT: u64 = 9;

/// One value in a document; a document is a `Map`.
///
/// Each JavaScript value has exactly one form here: a number that is a safe non-negative integer is `Uint`, any other
/// finite number `F64`; a bigint is `Int` when it fits, else a `Uint` above `i64::MAX`. [`Value::number`] keeps to that.
#[derive(Debug, Clone)]
pub enum Value {
    /// JSON's null.
    Null,
    /// True or false.
    Bool(bool),
    /// A number up to 2^53 - 1, or a bigint above `i64::MAX`.
    Uint(u64),
    /// A bigint.
    Int(i64),
    /// A finite number that is no safe non-negative integer; -0 is one of them.
    F64(f64),
    /// Text that is replaced as a whole.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A moment, in milliseconds since 1970.
    Date(i64),
    /// A number to which concurrent writers add: a put of one over another adds their difference.
    Counter(i64),
    /// Text that merges character by character: a put of one over another makes the difference.
    Text(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by key, in the byte order of the keys.
    Map(BTreeMap<String, Value>),
}

/// Why bytes are no encoded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeValueError {
    /// Not the CBOR that [`Value::encode`] writes.
    #[error("not an encoded document value")]
    Malformed,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the value is nested too deep")]
    TooDeep,
}

impl From<minicbor::decode::Error> for DecodeValueError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

impl Value {
    /// An empty document.
    pub fn empty() -> Self {
        Self::Map(BTreeMap::new())
    }

    /// The value of a JavaScript number; none for NaN and the infinities.
    ///
    /// ```
    /// use ashore_engine::document::Value;
    /// assert_eq!(Value::number(3.0), Some(Value::Uint(3)));
    /// assert_eq!(Value::number(-0.0), Some(Value::F64(-0.0)));
    /// assert_eq!(Value::number(f64::NAN), None);
    /// ```
    pub fn number(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let whole = number >= 0.0 && number.is_sign_positive() && number.fract() == 0.0;
        if whole && number <= MAX_SAFE_INTEGER as f64 {
            return Some(Self::Uint(number as u64));
        }
        Some(Self::F64(number))
    }

    /// The value of an unsigned integer as other writers of Automerge keep it: a number when safe, a bigint above that.
    pub fn unsigned(number: u64) -> Self {
        match i64::try_from(number) {
            Ok(signed) if number > MAX_SAFE_INTEGER => Self::Int(signed),
            _ => Self::Uint(number),
        }
    }

    /// The bytes of this value. Fails when it cannot be a document: no map, too deep, too large, or a number that is not
    /// finite.
    ///
    /// ```
    /// use ashore_engine::document::{Value, json};
    /// let value = json::parse_one(r#"{"title":"Milk"}"#).unwrap();
    /// assert_eq!(Value::decode(&value.encode().unwrap()).unwrap(), value);
    /// ```
    pub fn encode(&self) -> Result<Vec<u8>, DocumentError> {
        self.check()?;
        let bytes = self.to_bytes();
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError::TooLarge { bytes: bytes.len(), max: MAX_DOCUMENT_BYTES });
        }
        Ok(bytes)
    }

    /// The bytes of this value, whatever its size: what a merge made is kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(256));
        write(self, &mut encoder).expect("a Vec takes every byte");
        encoder.into_writer()
    }

    /// The value that `bytes` are. Never panics, allocates no more than a small multiple of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeValueError> {
        let mut decoder = Decoder::new(bytes);
        let value = read(&mut decoder, 0)?;
        if decoder.position() == bytes.len() { Ok(value) } else { Err(DecodeValueError::Malformed) }
    }

    /// The characters, of a string and of a collaborative text alike.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this can be a document's value, apart from its size.
    pub fn check(&self) -> Result<(), DocumentError> {
        match self {
            Self::Map(_) => check(self, 0).map_err(|(path, reason)| DocumentError::NotSerializable { path, reason }),
            _ => Err(DocumentError::NotSerializable { path: String::new(), reason: NOT_AN_OBJECT }),
        }
    }
}

pub(super) const NOT_AN_OBJECT: &str = "a document is an object";
pub(super) const TOO_DEEP: &str = "nested deeper than 100 levels";
pub(super) const KEY_TOO_LONG: &str = "a key takes more than 1,024 bytes";
pub(super) const NOT_FINITE: &str = "a number is not finite";
const OTHER_FORM: &str = "a number is not in the one form that it has in documents";

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write(value: &Value, out: &mut Encoder<Vec<u8>>) -> Written {
    match value {
        Value::Null => out.null()?,
        Value::Bool(bool) => out.bool(*bool)?,
        Value::Uint(number) => out.u64(*number)?,
        Value::Int(number) => out.tag(Tag::new(TAG_INT))?.i64(*number)?,
        Value::F64(number) => out.f64(*number)?,
        Value::String(text) => out.str(text)?,
        Value::Bytes(bytes) => out.bytes(bytes)?,
        Value::Date(millis) => out.tag(Tag::new(TAG_DATE))?.i64(*millis)?,
        Value::Counter(number) => out.tag(Tag::new(TAG_COUNTER))?.i64(*number)?,
        Value::Text(text) => out.tag(Tag::new(TAG_TEXT))?.str(text)?,
        Value::List(items) => {
            out.array(items.len() as u64)?;
            return items.iter().try_for_each(|item| write(item, out));
        }
        Value::Map(map) => {
            out.map(map.len() as u64)?;
            for (key, value) in map {
                out.str(key)?;
                write(value, out)?;
            }
            out
        }
    };
    Ok(())
}

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, DecodeValueError> {
    Ok(match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Uint(decoder.u64()?),
        Type::F64 => Value::F64(read_number(decoder)?),
        Type::String => Value::String(decoder.str()?.to_owned()),
        Type::Bytes => Value::Bytes(decoder.bytes()?.to_vec()),
        Type::Tag => match decoder.tag()?.as_u64() {
            TAG_INT => Value::Int(decoder.i64()?),
            TAG_DATE => Value::Date(decoder.i64()?),
            TAG_COUNTER => Value::Counter(decoder.i64()?),
            TAG_TEXT => Value::Text(decoder.str()?.to_owned()),
            _ => return Err(DecodeValueError::Malformed),
        },
        Type::Array => read_list(decoder, depth)?,
        Type::Map => read_map(decoder, depth)?,
        _ => return Err(DecodeValueError::Malformed),
    })
}

pub(super) fn read_number(decoder: &mut Decoder<'_>) -> Result<f64, DecodeValueError> {
    let number = decoder.f64()?;
    if number.is_finite() { Ok(number) } else { Err(DecodeValueError::Malformed) }
}

fn read_list(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, DecodeValueError> {
    let depth = deeper(depth)?;
    let length = decoder.array()?.ok_or(DecodeValueError::Malformed)?;
    (0..length).map(|_| read(decoder, depth)).collect::<Result<_, _>>().map(Value::List)
}

fn read_map(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, DecodeValueError> {
    let depth = deeper(depth)?;
    let length = decoder.map()?.ok_or(DecodeValueError::Malformed)?;
    let mut map = BTreeMap::new();
    let mut last: Option<&str> = None;
    for _ in 0..length {
        let key = decoder.str()?;
        if last.is_some_and(|last| last >= key) {
            return Err(DecodeValueError::Malformed);
        }
        last = Some(key);
        map.insert(key.to_owned(), read(decoder, depth)?);
    }
    Ok(Value::Map(map))
}

/// The depth inside a container that lies at `depth`.
pub(super) fn deeper(depth: usize) -> Result<usize, DecodeValueError> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(DecodeValueError::TooDeep) }
}

fn check(value: &Value, depth: usize) -> Result<(), (String, &'static str)> {
    match value {
        Value::F64(number) if !number.is_finite() => Err((String::new(), NOT_FINITE)),
        Value::F64(number) if Value::number(*number).as_ref() != Some(value) => Err((String::new(), OTHER_FORM)),
        Value::Uint(number) if Value::unsigned(*number) != *value => Err((String::new(), OTHER_FORM)),
        Value::List(_) | Value::Map(_) if depth >= MAX_DEPTH => Err((String::new(), TOO_DEEP)),
        Value::List(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            check(item, depth + 1).map_err(|(path, reason)| (format!("[{index}]{path}"), reason))
        }),
        Value::Map(map) => map.iter().try_for_each(|(key, value)| {
            if key.len() > MAX_KEY_BYTES {
                return Err((String::new(), KEY_TOO_LONG));
            }
            check(value, depth + 1).map_err(|(path, reason)| (format!(".{key}{path}"), reason))
        }),
        _ => Ok(()),
    }
}

/// Equal means that a put of one over the other changes nothing: -0 and 0 differ.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Uint(a), Self::Uint(b)) => a == b,
            (Self::Int(a), Self::Int(b)) | (Self::Date(a), Self::Date(b)) | (Self::Counter(a), Self::Counter(b)) => {
                a == b
            }
            (Self::F64(a), Self::F64(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) | (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(bool) => bool.hash(state),
            Self::Uint(number) => number.hash(state),
            Self::Int(number) | Self::Date(number) | Self::Counter(number) => number.hash(state),
            Self::F64(number) => number.to_bits().hash(state),
            Self::String(text) | Self::Text(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::List(items) => items.hash(state),
            Self::Map(map) => map.hash(state),
        }
    }
}
