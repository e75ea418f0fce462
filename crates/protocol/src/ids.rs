//! The names of things: groups, entries, devices, logs, places and times. Each is a newtype that cannot be mixed up.
//!
//! Ids print and parse as lower-case base32hex without padding (RFC 4648 §7), which keeps the order of the bytes and
//! survives URLs and file names. `Debug` prints eight characters, which is enough for a log line.

use data_encoding::BASE32_DNSSEC;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::fmt;
use std::str::FromStr;

/// The text does not name an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: expected {bytes} bytes in base32")]
pub struct ParseIdError {
    kind: &'static str,
    bytes: usize,
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $size:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// The id in these bytes, if there are exactly as many as it has.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The first eight characters: for logs and screens, never for comparing.
            pub fn short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_DNSSEC.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let refused = ParseIdError { kind: stringify!($name), bytes: $size };
                let bytes = BASE32_DNSSEC.decode(text.as_bytes()).map_err(|_| refused)?;
                Self::from_slice(&bytes).ok_or(refused)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                let at = d.position();
                Self::from_slice(d.bytes()?)
                    .ok_or_else(|| DecodeError::message(concat!(stringify!($name), " of the wrong size")).at(at))
            }
        }
    };
}

id!(
    /// The id of a group: the id of its genesis entry.
    GroupId, 32
);
id!(
    /// The id of an entry: the BLAKE3 hash of its encoded bytes.
    EntryId, 32
);
id!(
    /// A device: its Ed25519 public key.
    DeviceId, 32
);
id!(
    /// The Ed25519 public key that an invite is bound to; whoever holds its secret half may join.
    InviteKey, 32
);
id!(
    /// Where a relay keeps a sealed invitation: one hash of the invite code (see [`crate::invite`]).
    InvitePlace, 32
);
id!(
    /// One life of a relay's log of one group. A relay that lost the log starts another with another id.
    LogId, 16
);

id!(
    /// Where a relay keeps the envelope of a recovery (see [`crate::envelope`]).
    EnvelopePlace, 32
);

id!(
    /// What a device calls one snapshot that it makes: random.
    SnapshotNonce, 16
);

id!(
    /// One opening of a channel by one device: random (see [`crate::peer`]).
    PeerSession, 16
);

id!(
    /// All that a log holds up to a cursor, in order: each entry's id hashed onto the prefix before it (see
    /// [`crate::hash::log_prefix`]). Two logs with the same prefix at a cursor are the same up to there.
    LogPrefix, 32
);

impl From<EntryId> for GroupId {
    /// The group that this entry is the genesis of.
    fn from(genesis: EntryId) -> Self {
        Self(genesis.0)
    }
}

impl From<GroupId> for EntryId {
    /// The genesis entry of this group.
    fn from(group: GroupId) -> Self {
        Self(group.0)
    }
}

/// The group's key between two membership changes. The first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Epoch(#[n(0)] pub u32);

/// A place in one relay's log of one group: the first entry has 1, the next 2, without gaps. 0 is before the first.
///
/// At most 2^53 - 1, so that it is exact as a JavaScript number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);
    /// The largest cursor, 2^53 - 1.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The cursor with this number, if it is not over [`Cursor::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next place; stays at [`Cursor::MAX`].
    pub const fn next(self) -> Self {
        if self.0 < Self::MAX.0 { Self(self.0 + 1) } else { self }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C> Encode<C> for Cursor {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Cursor {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        Self::new(d.u64()?).ok_or_else(|| DecodeError::message("cursor over 2^53 - 1").at(at))
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, as the clock of the device or relay that wrote it showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] u64);

impl Timestamp {
    /// The time so many milliseconds after the epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// So many milliseconds later; stays at the end of time.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this; 0 if this is not later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn an_id_parses_from_what_it_prints() {
        let id = EntryId([0xa7; 32]);
        assert_eq!(id.to_string().parse::<EntryId>().unwrap(), id);
        assert_eq!(id.to_string().to_uppercase().parse::<EntryId>().unwrap(), id);
        assert!("zz".parse::<EntryId>().is_err());
        assert_eq!(format!("{id:?}"), format!("EntryId({})", id.short()));
    }

    #[test]
    fn text_keeps_the_order_of_the_bytes() {
        let (low, high) = (LogId([1; 16]), LogId([200; 16]));
        assert!(low.to_string() < high.to_string());
    }

    #[test]
    fn a_cursor_over_the_safe_integers_is_refused() {
        let bytes = minicbor::to_vec(1u64 << 53).unwrap();
        assert!(minicbor::decode::<Cursor>(&bytes).is_err());
        assert_eq!(Cursor::new(1 << 53), None);
        assert_eq!(Cursor::MAX.next(), Cursor::MAX);
    }
}
