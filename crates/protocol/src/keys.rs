//! Public keys and wrapped keys as they stand in control entries. What wraps and unwraps them is in the engine: here they are bytes of
//! known size.

use crate::codec::Bytes;
use crate::ids::{DeviceId, EntryId, Epoch};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::fmt;
use std::sync::Arc;

/// Size of an X-Wing public key in bytes (draft-connolly-cfrg-xwing-kem): ML-KEM-768's and X25519's.
pub const KEM_KEY_BYTES: usize = 1_216;

/// The most keys in one rotation: they fit one entry with room to spare.
pub const MAX_WRAPS: usize = 700;

/// An X-Wing public key: whoever holds its secret half opens what was wrapped for it. Not checked beyond its size.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KemKey(Arc<[u8]>);

impl KemKey {
    /// The key in these bytes, if there are exactly as many as one has.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEM_KEY_BYTES).then(|| Self(bytes.into()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for KemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemKey")
    }
}

impl<C> Encode<C> for KemKey {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KemKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        Self::from_slice(d.bytes()?).ok_or_else(|| DecodeError::message("KemKey of the wrong size").at(at))
    }
}

/// Whom a key is wrapped for: a device, by its id, or a recovery, by the id of its entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(pub [u8; 32]);

impl From<DeviceId> for Recipient {
    fn from(device: DeviceId) -> Self {
        Self(device.0)
    }
}

impl From<EntryId> for Recipient {
    fn from(recovery: EntryId) -> Self {
        Self(recovery.0)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", DeviceId(self.0).short())
    }
}

impl<C> Encode<C> for Recipient {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Recipient {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        let bytes = d.bytes()?.try_into();
        bytes.map(Self).map_err(|_| DecodeError::message("Recipient of the wrong size").at(at))
    }
}

/// A fresh epoch: its key, once for each who gets it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Rotation {
    /// One more than the epoch before.
    #[n(0)]
    pub epoch: Epoch,
    /// In ascending order of whom they are for, without repeats, at most [`MAX_WRAPS`].
    #[n(1)]
    pub wraps: Vec<Wrap>,
    /// The keys of earlier epochs, sealed by the engine under the new one: who gets it reads the history too.
    #[n(2)]
    pub previous: Bytes,
}

impl Rotation {
    /// Whether the wraps are in order, without repeats and not too many.
    pub fn is_sound(&self) -> bool {
        self.wraps.len() <= MAX_WRAPS && self.wraps.is_sorted_by(|a, b| a.to < b.to)
    }

    /// What is wrapped for this recipient.
    pub fn wrap_for(&self, recipient: Recipient) -> Option<&Wrap> {
        self.wraps.iter().find(|wrap| wrap.to == recipient)
    }
}

/// A key, wrapped for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Wrap {
    /// For whom.
    #[n(0)]
    pub to: Recipient,
    /// HPKE's encapsulated key and ciphertext, one after the other; opaque here.
    #[n(1)]
    pub sealed: Bytes,
}
