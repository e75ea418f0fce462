//! Recoveries: what lies sealed at the relay for the day when all devices are lost, where it lies, and who gets it.

use crate::crypto::password::{PasswordError, PasswordParams, stretch};
use crate::crypto::phrase::RecoveryWords;
use crate::crypto::{KemSecret, Key, OpenError, open, seal};
use crate::normal;
use crate::rng::Rng;
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::envelope::{EnvelopeToken, EnvelopeVerifier, PasswordHint};
use ashore_protocol::hash;
use ashore_protocol::ids::{EntryId, EnvelopePlace, GroupId, LogId};
use ashore_protocol::invite::InviteCode;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, Zeroizing};

/// The longest name that a recovery is found by, in bytes of UTF-8.
pub const MAX_LOCATOR_BYTES: usize = 256;
/// The shortest.
const LEAST_LOCATOR_BYTES: usize = 3;

const CODE_PLACE_CONTEXT: &str = "ashore 2026-11 recovery code place v1";
const NAME_PLACE_CONTEXT: &str = "ashore 2026-11 recovery name place v1";
const WORDS_PLACE_CONTEXT: &str = "ashore 2026-11 recovery words place v1";
const TOKEN_CONTEXT: &str = "ashore 2026-11 recovery token v1";
const KEY_CONTEXT: &str = "ashore 2026-11 recovery key v1";
const NOTE_CONTEXT: &str = "ashore 2026-11 recovery note v1";
const ASSOCIATED: &[u8] = b"ashore 1 recovery";

/// What opens a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RecoveryKind {
    /// A password, and the locator that says where.
    #[n(0)]
    Password,
    /// Twenty-four words.
    #[n(1)]
    Phrase,
}

/// By what a recovery with a password is found at the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryLocator {
    /// 80 random bits, which nobody guesses.
    Code(InviteCode),
    /// What somebody chose, such as a mail address.
    Name(String),
}

/// The text is no locator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recovery is found by its code, or by a name of {LEAST_LOCATOR_BYTES} to {MAX_LOCATOR_BYTES} bytes")]
pub struct LocatorError;

impl RecoveryLocator {
    /// Reads what a person typed: what can be read as a code is one.
    pub fn parse(text: &str) -> Result<Self, LocatorError> {
        if text.len() > 2 * MAX_LOCATOR_BYTES {
            return Err(LocatorError);
        }
        if let Ok(code) = text.parse::<InviteCode>() {
            return Ok(Self::Code(code));
        }
        let name = normal::composed(&text.trim().to_lowercase());
        let fits = (LEAST_LOCATOR_BYTES..=MAX_LOCATOR_BYTES).contains(&name.len());
        if fits { Ok(Self::Name(name)) } else { Err(LocatorError) }
    }

    /// A fresh code.
    pub fn random(rng: &mut Rng) -> Self {
        Self::Code(InviteCode::from_random(rng.bytes()))
    }

    /// Where the envelope lies.
    pub fn place(&self) -> EnvelopePlace {
        EnvelopePlace(match self {
            Self::Code(code) => code.derive(CODE_PLACE_CONTEXT),
            Self::Name(name) => hash::derive(NAME_PLACE_CONTEXT, name.as_bytes()),
        })
    }

    /// Whether the relay keeps it from outsiders that something lies there: they could guess the place.
    pub fn is_hidden(&self) -> bool {
        matches!(self, Self::Name(_))
    }

    /// As people write it down.
    pub fn to_text(&self) -> String {
        match self {
            Self::Code(code) => code.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

/// What fetches and opens one envelope.
pub struct RecoveryAccess {
    place: EnvelopePlace,
    hidden: bool,
    hint: Option<PasswordHint>,
    secret: Key,
}

impl RecoveryAccess {
    /// By a password; it costs what the hint says.
    pub fn with_password(locator: &RecoveryLocator, hint: PasswordHint, password: &str) -> Result<Self, PasswordError> {
        let params = PasswordParams { memory_kib: hint.memory_kib, passes: hint.passes };
        let secret = stretch(password, &hint.salt, params)?;
        Ok(Self { place: locator.place(), hidden: locator.is_hidden(), hint: Some(hint), secret })
    }

    /// By 24 words.
    pub fn with_words(words: &RecoveryWords) -> Self {
        let place = EnvelopePlace(hash::derive(WORDS_PLACE_CONTEXT, words.expose()));
        Self { place, hidden: false, hint: None, secret: Key::new(*words.expose()) }
    }

    /// Where the envelope lies.
    pub fn place(&self) -> EnvelopePlace {
        self.place
    }

    /// Whether the place can be guessed.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// What the relay gives the envelope for.
    pub fn token(&self) -> EnvelopeToken {
        EnvelopeToken(*self.secret.derive(TOKEN_CONTEXT).expose())
    }

    /// Seals what it takes to come back.
    pub fn seal(&self, kit: &RecoveryKit, rng: &mut Rng) -> Vec<u8> {
        let plain = Zeroizing::new(encode(kit));
        seal(&self.secret.derive(KEY_CONTEXT), &self.associated(), &plain, rng)
    }

    /// Opens what [`RecoveryAccess::seal`] made.
    pub fn open(&self, sealed: &[u8]) -> Result<RecoveryKit, OpenError> {
        let plain = Zeroizing::new(open(&self.secret.derive(KEY_CONTEXT), &self.associated(), sealed)?);
        decode(&plain).map_err(|_| OpenError)
    }

    /// What a device keeps of the envelope, to leave it at a relay.
    pub fn stored(&self, kind: RecoveryKind, kit: &RecoveryKit, rng: &mut Rng) -> StoredEnvelope {
        StoredEnvelope {
            recovery: kit.recovery,
            kind,
            place: self.place,
            hidden: self.hidden,
            verifier: self.token().verifier(),
            sealed: self.seal(kit, rng).into(),
            hint: self.hint,
            log: None,
        }
    }

    fn associated(&self) -> Vec<u8> {
        [ASSOCIATED, &encode(&(self.place, self.hint))].concat()
    }
}

/// Everything that a new device needs when all others are gone: where, with which proof, and the key to read what comes.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RecoveryKit {
    /// The group.
    #[n(0)]
    pub group: GroupId,
    /// The control entry that made the recovery.
    #[n(1)]
    pub recovery: EntryId,
    /// The seed of its signing key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub invite_seed: [u8; 32],
    /// The seed of the key that the group's keys are wrapped for.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub kem_seed: [u8; 32],
    /// The group's epoch when it was made.
    #[n(4)]
    pub epoch: u32,
    /// The group's key of that epoch.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub epoch_key: [u8; 32],
    /// The entry that began the epoch.
    #[n(6)]
    pub begun_by: EntryId,
}

impl Drop for RecoveryKit {
    fn drop(&mut self) {
        self.invite_seed.zeroize();
        self.kem_seed.zeroize();
        self.epoch_key.zeroize();
    }
}

/// The recovery by which a device came in: unwraps what is wrapped for it.
#[derive(Clone, Debug)]
pub struct RecoverySecret {
    /// The control entry that made it; its id is the recipient of wraps.
    pub entry: EntryId,
    /// Unwraps them.
    pub secret: KemSecret,
}

/// What admins' devices know of a recovery; sealed inside its control entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RecoveryNote {
    /// What opens it.
    #[n(0)]
    pub kind: RecoveryKind,
    /// Where its envelope lies.
    #[n(1)]
    pub place: EnvelopePlace,
    /// By what that is found, for a password.
    #[n(2)]
    pub locator: Option<String>,
}

impl RecoveryNote {
    /// Seals it for the group.
    pub fn seal(&self, epoch_key: &Key, rng: &mut Rng) -> Vec<u8> {
        seal(&epoch_key.derive(NOTE_CONTEXT), &[], &encode(self), rng)
    }

    /// Opens what [`RecoveryNote::seal`] made.
    pub fn open(epoch_key: &Key, sealed: &[u8]) -> Option<Self> {
        decode(&open(&epoch_key.derive(NOTE_CONTEXT), &[], sealed).ok()?).ok()
    }
}

/// An envelope that this device made, as it lies at the relay: it can be left there again, should the relay lose it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StoredEnvelope {
    /// The control entry that made the recovery.
    #[n(0)]
    pub recovery: EntryId,
    /// What opens it.
    #[n(1)]
    pub kind: RecoveryKind,
    /// Where it lies.
    #[n(2)]
    pub place: EnvelopePlace,
    /// Whether the place can be guessed.
    #[n(3)]
    pub hidden: bool,
    /// The hash of its token.
    #[n(4)]
    pub verifier: EnvelopeVerifier,
    /// The sealed bytes.
    #[n(5)]
    pub sealed: Bytes,
    /// Cost and salt, for a password.
    #[n(6)]
    pub hint: Option<PasswordHint>,
    /// The relay's log beside which it was put last; `None`: it never lay anywhere.
    #[n(7)]
    pub log: Option<LogId>,
}

/// All of a group that this device made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct StoredEnvelopes {
    /// In the order in which they were made.
    #[n(0)]
    pub envelopes: Vec<StoredEnvelope>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const STORED: &str = "8181885820010101010101010101010101010101010101010101010101010101010101010100582002020202020202020202\
        02020202020202020202020202020202020202020202f5582003030303030303030303030303030303030303030303030303\
        03030303030303420404831a0001000003500505050505050505050505050505050550060606060606060606060606060606\
        06";

    fn kit() -> RecoveryKit {
        RecoveryKit {
            group: GroupId([1; 32]),
            recovery: EntryId([2; 32]),
            invite_seed: [3; 32],
            kem_seed: [4; 32],
            epoch: 5,
            epoch_key: [6; 32],
            begun_by: EntryId([7; 32]),
        }
    }

    #[test]
    fn an_envelope_opens_with_its_words_only_and_every_byte_counts() {
        let mut rng = Rng::seeded([1; 32]);
        let access = RecoveryAccess::with_words(&RecoveryWords::from_random([9; 32]));
        let sealed = access.seal(&kit(), &mut rng);
        assert!(access.open(&sealed).unwrap() == kit());
        assert!(RecoveryAccess::with_words(&RecoveryWords::from_random([8; 32])).open(&sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(access.open(&changed).is_err());
            assert!(access.open(&sealed[..at]).is_err());
        }
        assert!(sealed.len() <= ashore_protocol::limits::MAX_ENVELOPE_BYTES);
        assert!(!sealed.windows(32).any(|window| window == [4; 32]));
    }

    #[test]
    fn an_envelope_opens_only_at_its_place_and_with_its_hint() {
        let mut rng = Rng::seeded([2; 32]);
        let PasswordParams { memory_kib, passes } = PasswordParams::LEAST;
        let hint = PasswordHint { memory_kib, passes, salt: [1; 16] };
        let [here, there] = ["alice@example.org", "bob@example.org"].map(|name| RecoveryLocator::parse(name).unwrap());
        let access = |locator, hint, password| RecoveryAccess::with_password(locator, hint, password).unwrap();
        let sealed = access(&here, hint, "four words of hers").seal(&kit(), &mut rng);
        assert!(access(&here, hint, "four words of hers").open(&sealed).is_ok());
        assert!(access(&there, hint, "four words of hers").open(&sealed).is_err());
        assert!(access(&here, hint, "four words of his").open(&sealed).is_err());
        let other = PasswordHint { salt: [2; 16], ..hint };
        assert!(access(&here, other, "four words of hers").open(&sealed).is_err());
        let tokens = [hint, other].map(|hint| access(&here, hint, "four words of hers").token());
        assert!(tokens[0] != tokens[1]);
    }

    #[test]
    fn a_locator_is_found_however_it_is_typed() {
        let place = |text: &str| RecoveryLocator::parse(text).map(|locator| locator.place());
        assert_eq!(place(" Gr\u{fc}n@example.org"), place("gru\u{308}n@EXAMPLE.org "));
        assert_ne!(place("alice@example.org"), place("alicia@example.org"));
        assert_eq!(place("144G-J289-144G-J289"), place("144gj289 i44g j289"));
        assert!(!RecoveryLocator::parse("144G-J289-144G-J289").unwrap().is_hidden());
        assert!(RecoveryLocator::parse("alice@example.org").unwrap().is_hidden());
        assert_eq!(place("ab"), Err(LocatorError));
        assert_eq!(place(&"x".repeat(257)), Err(LocatorError));
        assert_eq!(place(&"x".repeat(10_000)), Err(LocatorError));
    }

    #[test]
    fn stored_envelopes_are_written_as_the_same_bytes_for_ever() {
        let envelope = StoredEnvelope {
            recovery: EntryId([1; 32]),
            kind: RecoveryKind::Password,
            place: EnvelopePlace([2; 32]),
            hidden: true,
            verifier: EnvelopeVerifier([3; 32]),
            sealed: Bytes(vec![4; 2]),
            hint: Some(PasswordHint { memory_kib: 65_536, passes: 3, salt: [5; 16] }),
            log: Some(LogId([6; 16])),
        };
        let row = StoredEnvelopes { envelopes: vec![envelope] };
        let bytes = encode(&row);
        assert_eq!(decode::<StoredEnvelopes>(&bytes).unwrap(), row);
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), STORED);
    }
}
