//! A few bytes sealed for whoever holds one X25519 secret: HPKE (RFC 9180), single shot in base mode, with DHKEM(X25519,
//! HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. For what has to fit a link: a key of 32 bytes, where X-Wing's has 1,216. It does not
//! resist a quantum computer, so nothing but names is sealed with it.

use super::key::{Key, OpenError};
use crate::rng::Rng;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng};

/// Size of a public key, and of an encapsulated one.
pub const BOX_KEY_BYTES: usize = 32;

/// The secret half: it opens what others sealed.
pub struct BoxSecret(<X25519HkdfSha256 as Kem>::PrivateKey);

impl BoxSecret {
    /// The secret that grows from this key.
    pub fn grown_from(key: &Key) -> Self {
        Self(X25519HkdfSha256::derive_keypair(key.expose()).0)
    }

    /// The half that others seal with.
    pub fn public(&self) -> [u8; BOX_KEY_BYTES] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// Opens what [`seal_in_box`] made with the same `info` and `associated`.
    pub fn open(&self, info: &[u8], associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (encapsulated, sealed) = sealed.split_at_checked(BOX_KEY_BYTES).ok_or(OpenError)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| OpenError)?;
        let mode = OpModeR::Base;
        single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &mode,
            &self.0,
            &encapsulated,
            info,
            sealed,
            associated,
        )
        .map_err(|_| OpenError)
    }
}

/// Seals `plain` for the holder of the secret half of `to`. `None` when `to` is no key.
pub fn seal_in_box(
    to: &[u8; BOX_KEY_BYTES],
    info: &[u8],
    associated: &[u8],
    plain: &[u8],
    rng: &mut Rng,
) -> Option<Vec<u8>> {
    let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to).ok()?;
    let (encapsulated, sealed) = single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &to,
        info,
        plain,
        associated,
        rng.source(),
    )
    .ok()?;
    Some([encapsulated.to_bytes().as_slice(), &sealed].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_box_opens_only_with_its_secret_in_its_place() {
        let mut rng = Rng::seeded([3; 32]);
        let secret = BoxSecret::grown_from(&Key::new([1; 32]));
        let other = BoxSecret::grown_from(&Key::new([2; 32]));
        let sealed = seal_in_box(&secret.public(), b"info", b"place", b"name", &mut rng).unwrap();
        assert_eq!(secret.open(b"info", b"place", &sealed).unwrap(), b"name");
        assert_eq!(other.open(b"info", b"place", &sealed), Err(OpenError));
        assert_eq!(secret.open(b"other", b"place", &sealed), Err(OpenError));
        assert_eq!(secret.open(b"info", b"other", &sealed), Err(OpenError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(secret.open(b"info", b"place", &changed), Err(OpenError), "byte {at}");
            assert_eq!(secret.open(b"info", b"place", &sealed[..at]), Err(OpenError));
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let mut rng = Rng::seeded([3; 32]);
        assert_eq!(seal_in_box(&[0; 32], b"", b"", b"name", &mut rng), None);
    }
}
