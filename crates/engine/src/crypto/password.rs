//! Secrets sealed with a password: Argon2id (RFC 9106) makes a key of it, and everything that takes beside the password lies in the envelope.
//!
//! The same envelope serves a database's passphrase and what else a person may hold in their head. What lies in it, and what a password must
//! be, is in docs/at-rest.md and docs/protocol.md. Nothing here is printed, and what was derived is wiped.

use super::{Key, open, seal};
use crate::normal::decomposed;
use crate::rng::Rng;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::gather::Gather;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use zeroize::{Zeroize, Zeroizing};

/// The fewest characters of a password.
pub const LEAST_CHARACTERS: usize = 10;
/// The fewest different characters of a password.
pub const LEAST_DIFFERENT: usize = 5;
/// The most bytes of a password, and of what it seals.
pub const MOST_BYTES: usize = 1_024;

const VERSION: u8 = 1;
const SALT_BYTES: usize = 16;
const KEY_CONTEXT: &str = "ashore 2026-11-21 password envelope";
const ASSOCIATED: &[u8] = b"ashore 1 password envelope";

/// Memory that an envelope may ask for, in KiB.
const MEMORY_KIB: RangeInclusive<u32> = 19_456..=262_144;
/// Passes over it.
const PASSES: RangeInclusive<u32> = 2..=16;
/// Kibibytes written in all: what bounds the time.
const MOST_WORK_KIB: u64 = 1_048_576;

/// What a try costs: Argon2id with one lane, since WebAssembly has one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PasswordParams {
    /// Memory in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over the memory.
    #[n(1)]
    pub passes: u32,
}

impl PasswordParams {
    /// The least that is taken: OWASP's first recommendation, 19 MiB and two passes.
    pub const LEAST: Self = Self { memory_kib: *MEMORY_KIB.start(), passes: *PASSES.start() };
}

impl Default for PasswordParams {
    /// 64 MiB and three passes: RFC 9106's recommendation where memory is short. docs/at-rest.md has the times.
    fn default() -> Self {
        Self { memory_kib: 65_536, passes: 3 }
    }
}

/// Why a password makes no envelope, or opens none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is another password, or the envelope is for something else or was changed.
    #[error("the password is wrong")]
    WrongPassword,
    /// The password is too easy to guess to be taken.
    #[error("the password is weak: {0}")]
    WeakPassword(Weakness),
    /// The bytes are no envelope.
    #[error("the bytes are no password envelope")]
    Malformed,
    /// An envelope of a newer version.
    #[error("a password envelope of version {0}, which this version does not know")]
    NewerFormat(u8),
    /// The envelope asks for less work than is safe or for more than anybody has, or there is not so much memory.
    #[error("the envelope asks for {} KiB of memory and {} passes", .0.memory_kib, .0.passes)]
    ParametersOutOfBounds(PasswordParams),
}

/// What is missing from a password. Lengths are of its characters once accents are apart from their letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than [`LEAST_CHARACTERS`].
    #[error("it needs at least {LEAST_CHARACTERS} characters")]
    TooShort,
    /// Fewer than [`LEAST_DIFFERENT`] different ones.
    #[error("it needs at least {LEAST_DIFFERENT} different characters")]
    TooUniform,
    /// Nearly every character is the next or the one before of its neighbour, as in `0123456789`.
    #[error("it is a row of neighbouring characters")]
    Row,
    /// More than [`MOST_BYTES`].
    #[error("it has more than {MOST_BYTES} bytes")]
    TooLong,
}

/// A secret, sealed with a password.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PasswordEnvelope {
    #[n(0)]
    version: u8,
    #[n(1)]
    params: PasswordParams,
    #[cbor(n(2), with = "minicbor::bytes")]
    salt: [u8; SALT_BYTES],
    #[n(3)]
    sealed: ByteVec,
}

impl PasswordEnvelope {
    /// Seals `secret` for whoever knows `password`. `purpose` says what for: another purpose does not open it.
    pub fn seal(
        password: &str,
        purpose: &str,
        secret: &[u8],
        params: PasswordParams,
        rng: &mut Rng,
    ) -> Result<Self, PasswordError> {
        let password = normal(password)?;
        check_strength(&password)?;
        if secret.len() > MOST_BYTES {
            return Err(PasswordError::Malformed);
        }
        let salt = rng.bytes();
        let key = derive(&password, &salt, params)?;
        let sealed = seal(&key, &associated(params, &salt, purpose), secret, rng);
        Ok(Self { version: VERSION, params, salt, sealed: sealed.into() })
    }

    /// The secret, for the right password. It costs what the envelope says.
    pub fn open(&self, password: &str, purpose: &str) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        let password = normal(password).map_err(|_| PasswordError::WrongPassword)?;
        let key = derive(&password, &self.salt, self.params)?;
        let opened = open(&key, &associated(self.params, &self.salt, purpose), &self.sealed);
        opened.map(Zeroizing::new).map_err(|_| PasswordError::WrongPassword)
    }

    /// What opening costs.
    pub fn params(&self) -> PasswordParams {
        self.params
    }

    /// The bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`PasswordEnvelope::to_bytes`] wrote. What it asks for is checked here, before anything is derived.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PasswordError> {
        match version_of(bytes) {
            Ok(version) if version > VERSION => return Err(PasswordError::NewerFormat(version)),
            Ok(_) | Err(_) => {}
        }
        let envelope: Self = decode(bytes).map_err(|_| PasswordError::Malformed)?;
        if envelope.version != VERSION || envelope.sealed.len() > super::sealed_size(MOST_BYTES) {
            return Err(PasswordError::Malformed);
        }
        check_params(envelope.params)?;
        Ok(envelope)
    }
}

fn version_of(bytes: &[u8]) -> Result<u8, minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.array()?;
    decoder.u8()
}

/// 32 bytes of a password, to derive keys from, for who keeps cost and salt elsewhere than in a [`PasswordEnvelope`]. What it costs is checked before
/// anything is allocated.
pub fn stretch(password: &str, salt: &[u8; SALT_BYTES], params: PasswordParams) -> Result<Key, PasswordError> {
    let password = normal(password).map_err(|_| PasswordError::WrongPassword)?;
    stretch_normal(&password, salt, params)
}

/// Whether a password may seal something.
pub fn check_password(password: &str) -> Result<(), PasswordError> {
    check_strength(&normal(password)?)
}

/// The password as Unicode's canonical decomposition: the same keys give the same bytes on every keyboard.
fn normal(password: &str) -> Result<Zeroizing<String>, PasswordError> {
    if password.len() > MOST_BYTES {
        return Err(PasswordError::WeakPassword(Weakness::TooLong));
    }
    Ok(decomposed(password))
}

fn check_strength(password: &str) -> Result<(), PasswordError> {
    let characters: Zeroizing<Vec<u32>> = Zeroizing::new(password.chars().map(u32::from).collect());
    let different = characters.iter().copied().gather::<BTreeSet<u32>>().len();
    let steps = characters.iter().zip(characters.iter().skip(1));
    let far = steps.filter(|(one, next)| one.abs_diff(**next) > 1).count();
    let weakness = match (characters.len(), different, far) {
        (characters, ..) if characters < LEAST_CHARACTERS => Weakness::TooShort,
        (_, different, _) if different < LEAST_DIFFERENT => Weakness::TooUniform,
        (_, _, 0..=2) => Weakness::Row,
        _ => return Ok(()),
    };
    Err(PasswordError::WeakPassword(weakness))
}

fn check_params(params: PasswordParams) -> Result<(), PasswordError> {
    let work = u64::from(params.memory_kib) * u64::from(params.passes);
    let fits = MEMORY_KIB.contains(&params.memory_kib) && PASSES.contains(&params.passes) && work <= MOST_WORK_KIB;
    if fits { Ok(()) } else { Err(PasswordError::ParametersOutOfBounds(params)) }
}

fn derive(password: &str, salt: &[u8; SALT_BYTES], params: PasswordParams) -> Result<Key, PasswordError> {
    stretch_normal(password, salt, params).map(|key| key.derive(KEY_CONTEXT))
}

fn stretch_normal(password: &str, salt: &[u8; SALT_BYTES], params: PasswordParams) -> Result<Key, PasswordError> {
    check_params(params)?;
    let refused = PasswordError::ParametersOutOfBounds(params);
    let cost = Params::new(params.memory_kib, params.passes, 1, Some(32)).map_err(|_| refused)?;
    let mut blocks: Vec<Block> = Vec::new();
    blocks.try_reserve_exact(cost.block_count()).map_err(|_| refused)?;
    blocks.resize(cost.block_count(), Block::new());
    let mut tag = Zeroizing::new([0u8; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    let derived = argon.hash_password_into_with_memory(password.as_bytes(), salt, &mut *tag, &mut blocks);
    // The key could be read from what is left there.
    blocks.zeroize();
    derived.map_err(|_| refused)?;
    Ok(Key::new(*tag))
}

/// Ties the seal to what it was made with and for.
fn associated(params: PasswordParams, salt: &[u8; SALT_BYTES], purpose: &str) -> Vec<u8> {
    let head = encode(&(VERSION, params, <&minicbor::bytes::ByteSlice>::from(&salt[..])));
    [ASSOCIATED, &head, purpose.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::rng::Rng;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    const PURPOSE: &str = "test";

    fn sealed(password: &str) -> Result<PasswordEnvelope, PasswordError> {
        PasswordEnvelope::seal(password, PURPOSE, b"secret", PasswordParams::LEAST, &mut Rng::seeded([7; 32]))
    }

    #[test]
    fn an_envelope_opens_with_its_password_and_purpose_only() {
        let envelope = sealed("correct horse battery").unwrap();
        assert_eq!(PasswordEnvelope::from_bytes(&envelope.to_bytes()), Ok(envelope.clone()));
        assert_eq!(**envelope.open("correct horse battery", PURPOSE).unwrap(), *b"secret");
        let wrong = Err(PasswordError::WrongPassword);
        assert_eq!(envelope.open("correct horse batterz", PURPOSE), wrong);
        assert_eq!(envelope.open("", PURPOSE), wrong);
        assert_eq!(envelope.open(&"x".repeat(MOST_BYTES + 1), PURPOSE), wrong);
        assert_eq!(envelope.open("correct horse battery", "another"), wrong);
        assert!(!envelope.to_bytes().windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn every_byte_of_an_envelope_counts() {
        let envelope = PasswordEnvelope { sealed: vec![0; 3].into(), ..sealed("correct horse battery").unwrap() };
        assert_eq!(envelope.open("correct horse battery", PURPOSE), Err(PasswordError::WrongPassword));
        let good = sealed("correct horse battery").unwrap();
        let other_salt = PasswordEnvelope { salt: [0; SALT_BYTES], ..good.clone() };
        let params = PasswordParams { passes: 3, ..PasswordParams::LEAST };
        let other_cost = PasswordEnvelope { params, ..good };
        for changed in [other_salt, other_cost] {
            assert_eq!(changed.open("correct horse battery", PURPOSE), Err(PasswordError::WrongPassword));
        }
    }

    #[test]
    fn the_same_words_open_it_however_the_keyboard_writes_accents() {
        let envelope = sealed("Gr\u{fc}\u{df}e aus K\u{f6}ln, ti\u{1ebf}ng Vi\u{1ec7}t").unwrap();
        let apart = "Gru\u{308}\u{df}e aus Ko\u{308}ln, tie\u{302}\u{301}ng Vi\u{ea}\u{323}t";
        assert!(envelope.open(apart, PURPOSE).is_ok());
    }

    #[test]
    fn weak_passwords_seal_nothing() {
        let weak = |password: &str| match sealed(password) {
            Err(PasswordError::WeakPassword(weakness)) => Some(weakness),
            _ => None,
        };
        assert_eq!(weak("short one"), Some(Weakness::TooShort));
        assert_eq!(weak("abababababab"), Some(Weakness::TooUniform));
        assert_eq!(weak("0123456789"), Some(Weakness::Row));
        assert_eq!(weak("zyxwvutsrqpo"), Some(Weakness::Row));
        assert_eq!(weak("1234567890"), Some(Weakness::Row));
        assert_eq!(weak(&"long and ".repeat(200)), Some(Weakness::TooLong));
        assert_eq!(weak("ten marks!"), None);
    }

    #[test]
    fn an_envelope_that_asks_for_too_much_or_too_little_is_refused_before_anything_is_allocated() {
        let good = sealed("correct horse battery").unwrap();
        for (memory_kib, passes) in
            [(u32::MAX, 3), (262_145, 2), (65_536, 17), (65_536, 0), (65_536, 1), (8, 3), (0, 0), (131_072, 9)]
        {
            let params = PasswordParams { memory_kib, passes };
            let refused = PasswordError::ParametersOutOfBounds(params);
            let asks = PasswordEnvelope { params, ..good.clone() };
            assert_eq!(PasswordEnvelope::from_bytes(&asks.to_bytes()), Err(refused));
            assert_eq!(asks.open("correct horse battery", PURPOSE), Err(refused));
            let mut rng = Rng::seeded([7; 32]);
            let made = PasswordEnvelope::seal("correct horse battery", PURPOSE, b"", params, &mut rng);
            assert_eq!(made, Err(refused));
        }
        assert_eq!(check_params(PasswordParams { memory_kib: 262_144, passes: 4 }), Ok(()));
        assert_eq!(check_params(PasswordParams::default()), Ok(()));
    }

    /// RFC 9106, section 5.3. It has four lanes, a secret and associated data, which envelopes have not.
    #[test]
    fn the_published_test_vector_of_argon2id_comes_out() {
        let mut builder = argon2::ParamsBuilder::new();
        builder.m_cost(32).t_cost(3).p_cost(4).data(argon2::AssociatedData::new(&[4; 12]).unwrap());
        let params = builder.build().unwrap();
        let mut blocks = vec![Block::new(); params.block_count()];
        let argon = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon.hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, &mut blocks).unwrap();
        assert_eq!(HEXLOWER.encode(&tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    }

    #[test]
    fn an_envelope_of_a_newer_version_is_no_damaged_one() {
        let mut newer = sealed("correct horse battery").unwrap().to_bytes();
        assert_eq!(newer[..2], [0x84, 1]);
        newer[1] = 2;
        assert_eq!(PasswordEnvelope::from_bytes(&newer), Err(PasswordError::NewerFormat(2)));
        // Whatever else the newer version put into it.
        assert_eq!(PasswordEnvelope::from_bytes(b"\x82\x03\x61x"), Err(PasswordError::NewerFormat(3)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = PasswordEnvelope::from_bytes(&bytes);
        }
    }
}
