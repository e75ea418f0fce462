//! Ed25519 signatures, each over a domain tag and a message, so that one kind can never pass for another.

use crate::ids::{DeviceId, InviteKey};
use ed25519_dalek::{Signer, VerifyingKey};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::fmt;
use zeroize::Zeroizing;

/// What a signature is for. The tag stands before the message that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// An entry, by its author.
    Entry,
    /// The answer to a relay's challenge, by a device.
    Handshake,
    /// The proof in a join, by the key of the invite.
    Join,
    /// A whisper, by the device that says it.
    Whisper,
    /// A request to join, by the device that asks.
    Request,
    /// The mark in a request, by the key of the invite that it came with.
    Mark,
    /// A device's proof to another on a channel.
    Peer,
}

impl Domain {
    /// No tag is the beginning of another: each ends with a zero byte.
    const fn tag(self) -> &'static [u8] {
        match self {
            Self::Entry => b"ashore 1 entry\0",
            Self::Handshake => b"ashore 1 handshake\0",
            Self::Join => b"ashore 1 join\0",
            Self::Whisper => b"ashore 1 whisper\0",
            Self::Request => b"ashore 1 join request\0",
            Self::Mark => b"ashore 1 invite mark\0",
            Self::Peer => b"ashore 1 peer\0",
        }
    }
}

/// A secret Ed25519 key, of a device or of an invite. Overwritten with zeros when dropped; never printed.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that grows from 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, to be kept sealed. It is the secret itself.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The device whose key this is.
    pub fn device_id(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// The public half as that of an invite.
    pub fn invite_key(&self) -> InviteKey {
        InviteKey(self.0.verifying_key().to_bytes())
    }

    /// Signs the message for this purpose.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        Signature(self.0.sign(&tagged(domain, message)).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {}", self.device_id().short())
    }
}

/// An Ed25519 signature, 64 bytes, not yet checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

/// The signature is not one of this key over this message for this purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

impl DeviceId {
    /// Checks that this device signed the message for this purpose. Strict: no small-order keys, one form only.
    pub fn verify(&self, domain: Domain, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(&self.0, domain, message, signature)
    }
}

impl InviteKey {
    /// Checks that the holder of the invite's secret signed the message for this purpose.
    pub fn verify(&self, domain: Domain, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        verify(&self.0, domain, message, signature)
    }
}

fn verify(key: &[u8; 32], domain: Domain, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&tagged(domain, message), &signature).map_err(|_| BadSignature)
}

fn tagged(domain: Domain, message: &[u8]) -> Vec<u8> {
    [domain.tag(), message].concat()
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature")
    }
}

impl<C> Encode<C> for Signature {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Signature {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        let bytes = d.bytes()?;
        bytes.try_into().map(Self).map_err(|_| DecodeError::message("signature of the wrong size").at(at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn a_signature_for_one_purpose_does_not_pass_for_another() {
        let key = SigningKey::from_seed(&[7; 32]);
        let signature = key.sign(Domain::Entry, b"words");
        key.device_id().verify(Domain::Entry, b"words", &signature).unwrap();
        assert_eq!(key.device_id().verify(Domain::Handshake, b"words", &signature), Err(BadSignature));
        assert_eq!(key.device_id().verify(Domain::Entry, b"other", &signature), Err(BadSignature));
    }

    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        let mut weak = [0; 32];
        weak[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(DeviceId(weak).verify(Domain::Entry, b"any", &Signature(signature)).is_err());
    }

    #[test]
    fn a_secret_key_is_never_printed() {
        let key = SigningKey::from_seed(&[7; 32]);
        assert!(!format!("{key:?}").contains("7, 7"));
    }
}
