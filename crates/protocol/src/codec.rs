//! CBOR, read strictly: one value, nothing after it and, where bytes are hashed or signed, only in its one form.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::fmt;
use std::ops::Deref;

/// The bytes are not the one encoding of a value of this type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not CBOR, or not this type.
    #[error("does not decode: {0}")]
    Malformed(String),
    /// There are bytes after the value.
    #[error("{0} bytes after the value")]
    Trailing(usize),
    /// The value would be written in other bytes.
    #[error("not the canonical encoding")]
    NotCanonical,
}

/// The encoding of a value.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    // Writing into a Vec cannot fail, and none of our types refuses to be encoded.
    let written = value.encode(&mut encoder, &mut ());
    debug_assert!(written.is_ok());
    bytes
}

/// The value that all of these bytes encode. Fields that a newer peer added at the end of an array are passed over.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CodecError> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|error| CodecError::Malformed(error.to_string()))?;
    match bytes.len() - decoder.position() {
        0 => Ok(value),
        left => Err(CodecError::Trailing(left)),
    }
}

/// The value that these bytes are the one canonical encoding of: for everything that is hashed or signed.
pub fn decode_canonical<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8]) -> Result<T, CodecError> {
    let value: T = decode(bytes)?;
    if encode(&value) == bytes { Ok(value) } else { Err(CodecError::NotCanonical) }
}

/// Bytes in a wire type: a CBOR byte string. `Debug` prints only how many, so that no payload ends in a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl<C> Encode<C> for Bytes {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Bytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self(d.bytes()?.to_vec()))
    }
}
