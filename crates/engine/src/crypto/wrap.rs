//! Keys wrapped for one recipient: HPKE (RFC 9180), single shot in base mode, with X-Wing (ML-KEM-768 and X25519 together) as
//! its KEM, SHAKE256 as its KDF and ChaCha20-Poly1305 as its AEAD. What was recorded today stays closed to whoever breaks one of
//! the two later.

use super::key::Key;
use crate::rng::Rng;
use ashore_protocol::keys::KemKey;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::KdfShake256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng};
use zeroize::{Zeroize, Zeroizing};

/// Size of an encapsulated key: ML-KEM-768's ciphertext and an X25519 public key.
const ENCAPSULATED_BYTES: usize = 1_120;

/// Size of a wrapped key: the encapsulated key, the key, and the tag.
pub const WRAPPED_BYTES: usize = ENCAPSULATED_BYTES + 32 + 16;

/// A key cannot be wrapped for this recipient, or what was wrapped is meant for another recipient or place, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key does not wrap for this recipient, or does not unwrap here")]
pub struct WrapError;

/// The secret half of a device's X-Wing key: 32 bytes, wiped when dropped and never printed.
#[derive(Clone)]
pub struct KemSecret(Box<<XWing as Kem>::PrivateKey>);

impl KemSecret {
    /// The secret of this seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, WrapError> {
        <XWing as Kem>::PrivateKey::from_bytes(seed).map(|secret| Self(Box::new(secret))).map_err(|_| WrapError)
    }

    /// A fresh one.
    pub fn random(rng: &mut Rng) -> Result<Self, WrapError> {
        Self::from_seed(&Zeroizing::new(rng.bytes()))
    }

    /// The seed, for sealing it; it never reaches an API.
    pub(crate) fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        self.0.write_exact(&mut seed[..]);
        seed
    }

    /// The half that others wrap keys for.
    pub fn public(&self) -> Option<KemKey> {
        KemKey::from_slice(&XWing::sk_to_pk(&self.0).to_bytes())
    }
}

impl std::fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KemSecret(…)")
    }
}

/// Wraps `key` for whoever holds the secret half of `to`: the encapsulated key, then the sealed key. `info` and `associated` are not
/// in it but must be the same when unwrapping. A key that is no X-Wing key ends in an error.
pub fn wrap_key(to: &KemKey, info: &[u8], associated: &[u8], key: &Key, rng: &mut Rng) -> Result<Vec<u8>, WrapError> {
    let to = <XWing as Kem>::PublicKey::from_bytes(to.as_bytes()).map_err(|_| WrapError)?;
    let (encapsulated, sealed) = single_shot_seal_with_rng::<ChaCha20Poly1305, KdfShake256, XWing>(
        &OpModeS::Base,
        &to,
        info,
        key.expose(),
        associated,
        rng.source(),
    )
    .map_err(|_| WrapError)?;
    Ok([encapsulated.to_bytes().as_slice(), &sealed].concat())
}

/// Unwraps what [`wrap_key`] made.
pub fn unwrap_key(secret: &KemSecret, info: &[u8], associated: &[u8], wrapped: &[u8]) -> Result<Key, WrapError> {
    let (encapsulated, sealed) = wrapped.split_at_checked(ENCAPSULATED_BYTES).ok_or(WrapError)?;
    let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| WrapError)?;
    let mut plain = single_shot_open::<ChaCha20Poly1305, KdfShake256, XWing>(
        &OpModeR::Base,
        &secret.0,
        &encapsulated,
        info,
        sealed,
        associated,
    )
    .map_err(|_| WrapError)?;
    let key = <[u8; 32]>::try_from(plain.as_slice()).map(Key::new).map_err(|_| WrapError);
    plain.zeroize();
    key
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use data_encoding::HEXLOWER_PERMISSIVE as HEX;

    #[test]
    fn a_wrapped_key_unwraps_only_for_its_recipient_in_its_place() {
        let mut rng = Rng::seeded([6; 32]);
        let (alice, bob) = (KemSecret::random(&mut rng).unwrap(), KemSecret::random(&mut rng).unwrap());
        let key = Key::random(&mut rng);
        let wrapped = wrap_key(&alice.public().unwrap(), b"info", b"place", &key, &mut rng).unwrap();
        assert_eq!(wrapped.len(), WRAPPED_BYTES);
        assert_eq!(unwrap_key(&alice, b"info", b"place", &wrapped).unwrap(), key);
        assert_eq!(unwrap_key(&bob, b"info", b"place", &wrapped), Err(WrapError));
        assert_eq!(unwrap_key(&alice, b"other", b"place", &wrapped), Err(WrapError));
        assert_eq!(unwrap_key(&alice, b"info", b"other", &wrapped), Err(WrapError));
        for at in [0, 600, 1_087, 1_088, 1_119, 1_120, 1_151, 1_152, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert_eq!(unwrap_key(&alice, b"info", b"place", &changed), Err(WrapError), "byte {at}");
            assert_eq!(unwrap_key(&alice, b"info", b"place", &wrapped[..at]), Err(WrapError));
        }
    }

    #[test]
    fn a_secret_comes_back_from_its_seed_and_is_not_printed() {
        let secret = KemSecret::from_seed(&[7; 32]).unwrap();
        assert_eq!(*secret.to_seed(), [7; 32]);
        assert_eq!(format!("{secret:?}"), "KemSecret(…)");
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_nothing_panics() {
        let mut rng = Rng::seeded([8; 32]);
        let key = Key::random(&mut rng);
        let noise = KemKey::from_slice(&[0xff; ashore_protocol::keys::KEM_KEY_BYTES]).unwrap();
        assert_eq!(wrap_key(&noise, b"", b"", &key, &mut rng), Err(WrapError));
    }

    /// draft-connolly-cfrg-xwing-kem-06, appendix C, the first vector: seed, randomness of the encapsulation, public key and
    /// ciphertext.
    #[test]
    fn the_published_x_wing_vector_comes_out() {
        let vector = include_str!("../../testdata/x_wing.txt");
        let field = |name: &str| {
            let line = vector.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            HEX.decode(line.trim().as_bytes()).unwrap()
        };
        let secret = KemSecret::from_seed(&field("seed:").try_into().unwrap()).unwrap();
        assert_eq!(secret.public().unwrap().as_bytes(), field("pk:"));
        let key = x_wing::EncapsulationKey::try_from(&field("pk:")[..]).unwrap();
        let (ciphertext, shared) = key.encapsulate_deterministic(&field("eseed:")[..].try_into().unwrap());
        assert_eq!(ciphertext.as_slice(), field("ct:"));
        assert_eq!(shared.as_slice(), field("ss:"));
    }
}
