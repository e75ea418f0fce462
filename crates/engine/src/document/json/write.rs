//! Encoded values to JSON text, without building the value in between.

use std::fmt::Write as _;

use data_encoding::BASE64;
use minicbor::Decoder;
use minicbor::data::Type;

use super::TAG;
use crate::document::value::{
    DecodeValueError, MAX_SAFE_INTEGER, TAG_COUNTER, TAG_DATE, TAG_INT, TAG_TEXT, Value, deeper, read_number,
};

/// Appends the JSON text of an encoded value to `out`; answers whether any of it is tagged, so that a reader who knows that
/// nothing is need not look. On an error `out` may hold a part of it.
///
/// ```
/// use ashore_engine::document::{Value, json};
/// let bytes = json::parse_one(r#"{"at":{"$ashore":["date",5]}}"#).unwrap().encode().unwrap();
/// let mut text = String::new();
/// assert!(json::write_json(&bytes, &mut text).unwrap());
/// assert_eq!(text, r#"{"at":{"$ashore":["date",5]}}"#);
/// ```
pub fn write_json(value: &[u8], out: &mut String) -> Result<bool, DecodeValueError> {
    let mut writer = Writer { decoder: Decoder::new(value), out, tagged: false };
    writer.value(0)?;
    if writer.decoder.position() == value.len() { Ok(writer.tagged) } else { Err(DecodeValueError::Malformed) }
}

/// The JSON text of an encoded value.
pub fn write_text(value: &[u8]) -> Result<String, DecodeValueError> {
    let mut out = String::with_capacity(value.len() + value.len() / 4);
    write_json(value, &mut out).map(|_| out)
}

/// Appends the JSON text of a value to `out`; answers whether any of it is tagged.
pub fn write_value(value: &Value, out: &mut String) -> Result<bool, DecodeValueError> {
    write_json(&value.to_bytes(), out)
}

struct Writer<'a, 'out> {
    decoder: Decoder<'a>,
    out: &'out mut String,
    tagged: bool,
}

type Written = Result<(), DecodeValueError>;

impl Writer<'_, '_> {
    fn value(&mut self, depth: usize) -> Written {
        match self.decoder.datatype()? {
            Type::Null => {
                self.decoder.null()?;
                self.out.push_str("null");
            }
            Type::Bool => self.out.push_str(if self.decoder.bool()? { "true" } else { "false" }),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.unsigned()?,
            Type::F64 => self.number()?,
            Type::String => {
                let text = self.decoder.str()?;
                self.string(text);
            }
            Type::Bytes => self.bytes()?,
            Type::Tag => self.tagged()?,
            Type::Array => self.list(deeper(depth)?)?,
            Type::Map => self.map(deeper(depth)?)?,
            _ => return Err(DecodeValueError::Malformed),
        }
        Ok(())
    }

    fn unsigned(&mut self) -> Written {
        let number = self.decoder.u64()?;
        if number > MAX_SAFE_INTEGER {
            self.tag("bigint", |out| write!(out, "\"{number}\""));
        } else {
            let _ = write!(self.out, "{number}");
        }
        Ok(())
    }

    fn number(&mut self) -> Written {
        let number = read_number(&mut self.decoder)?;
        // Debug is the shortest text that reads back the same, with an exponent where digits would be many.
        let _ = write!(self.out, "{number:?}");
        Ok(())
    }

    fn bytes(&mut self) -> Written {
        let bytes = self.decoder.bytes()?;
        self.tag("bytes", |out| {
            out.push('"');
            BASE64.encode_append(bytes, out);
            out.push('"');
            Ok(())
        });
        Ok(())
    }

    fn tagged(&mut self) -> Written {
        match self.decoder.tag()?.as_u64() {
            TAG_TEXT => self.text()?,
            TAG_INT => {
                let number = self.decoder.i64()?;
                self.tag("bigint", |out| write!(out, "\"{number}\""));
            }
            TAG_DATE => {
                let millis = self.decoder.i64()?;
                self.tag("date", |out| write!(out, "{millis}"));
            }
            TAG_COUNTER => {
                let number = self.decoder.i64()?;
                // As digits where numbers have gaps.
                let quote = if number.unsigned_abs() > MAX_SAFE_INTEGER { "\"" } else { "" };
                self.tag("counter", |out| write!(out, "{quote}{number}{quote}"));
            }
            _ => return Err(DecodeValueError::Malformed),
        }
        Ok(())
    }

    fn text(&mut self) -> Written {
        let text = self.decoder.str()?;
        self.tagged = true;
        let _ = write!(self.out, "{{\"{TAG}\":[\"text\",");
        self.string(text);
        self.out.push_str("]}");
        Ok(())
    }

    /// `{"$ashore":["kind",…]}`; writing to a String cannot fail.
    fn tag(&mut self, kind: &str, write: impl FnOnce(&mut String) -> std::fmt::Result) {
        self.tagged = true;
        let _ = write!(self.out, "{{\"{TAG}\":[\"{kind}\",");
        let _ = write(self.out);
        self.out.push_str("]}");
    }

    fn list(&mut self, depth: usize) -> Written {
        let length = self.decoder.array()?.ok_or(DecodeValueError::Malformed)?;
        self.out.push('[');
        for index in 0..length {
            if index > 0 {
                self.out.push(',');
            }
            self.value(depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, depth: usize) -> Written {
        let start = self.out.len();
        let length = self.decoder.map()?.ok_or(DecodeValueError::Malformed)?;
        let mut has_tag_key = false;
        self.out.push('{');
        for index in 0..length {
            if index > 0 {
                self.out.push(',');
            }
            let key = self.decoder.str()?;
            has_tag_key |= key == TAG;
            self.string(key);
            self.out.push(':');
            self.value(depth)?;
        }
        self.out.push('}');
        if has_tag_key {
            self.tagged = true;
            self.out.insert_str(start, r#"{"$ashore":["object","#);
            self.out.push_str("]}");
        }
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(needs_escape) {
            let (plain, special) = rest.split_at(at);
            self.out.push_str(plain);
            rest = self.escape(special);
        }
        self.out.push_str(rest);
        self.out.push('"');
    }

    /// Escapes the first character of `text`, which is ASCII, and answers the rest.
    fn escape<'t>(&mut self, text: &'t str) -> &'t str {
        let mut chars = text.chars();
        match chars.next() {
            Some('"') => self.out.push_str("\\\""),
            Some('\\') => self.out.push_str("\\\\"),
            Some('\n') => self.out.push_str("\\n"),
            Some('\r') => self.out.push_str("\\r"),
            Some('\t') => self.out.push_str("\\t"),
            Some(control) => {
                let _ = write!(self.out, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        chars.as_str()
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}
