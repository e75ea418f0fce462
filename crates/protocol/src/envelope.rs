//! Envelopes of recoveries: what stands about them on the wire and at the relay, which cannot open them.
//!
//! Argon2id makes two secrets of a password: a *token*, which fetches the envelope, and a key, which opens it. The relay keeps a hash of the token, its
//! *verifier*, and what it takes to make the token again, the *hint*. So whoever only knows where an envelope lies has to ask the relay for each
//! guess, and the relay counts. Twenty-four words give place, token and key without a hint.

use crate::hash;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The context of the hash that makes a verifier of a token.
pub const VERIFIER_CONTEXT: &str = "ashore 2026-11 recovery verifier v1";

/// What stretching a password takes beside it: Argon2id with one lane, this cost and this salt. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PasswordHint {
    /// Memory in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over the memory.
    #[n(1)]
    pub passes: u32,
    /// Random.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub salt: [u8; 16],
}

impl PasswordHint {
    /// The cost of every hint that is made up, and of every envelope that this version makes: 64 MiB.
    pub const MEMORY_KIB: u32 = 65_536;
    /// Three passes.
    pub const PASSES: u32 = 3;
}

/// Whoever has it is given the envelope. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EnvelopeToken(pub [u8; 32]);

/// The hash of a token: what a relay compares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeVerifier(pub [u8; 32]);

impl EnvelopeToken {
    /// What a relay keeps instead of it.
    pub fn verifier(&self) -> EnvelopeVerifier {
        EnvelopeVerifier(hash::derive(VERIFIER_CONTEXT, &self.0))
    }
}

impl fmt::Debug for EnvelopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvelopeToken(…)")
    }
}

impl fmt::Debug for EnvelopeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvelopeVerifier(…)")
    }
}

macro_rules! fixed {
    ($name:ident) => {
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                let at = d.position();
                let wrong = || DecodeError::message(concat!(stringify!($name), " of the wrong size")).at(at);
                d.bytes()?.try_into().map(Self).map_err(|_| wrong())
            }
        }
    };
}

fixed!(EnvelopeToken);
fixed!(EnvelopeVerifier);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_not_printed_and_its_verifier_says_nothing_of_it() {
        let token = EnvelopeToken([7; 32]);
        assert_eq!(format!("{token:?} {:?}", token.verifier()), "EnvelopeToken(…) EnvelopeVerifier(…)");
        assert_ne!(token.verifier().0, token.0);
        let short = minicbor::to_vec(minicbor::bytes::ByteVec::from(vec![7; 31])).unwrap();
        assert!(minicbor::decode::<EnvelopeToken>(&short).is_err());
    }
}
