//! A secret key, and the one way in which bytes are sealed with it.

use crate::rng::Rng;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop};

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The bytes were sealed with another key, for another place, or were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open with this key in this place")]
pub struct OpenError;

/// A 256-bit secret. It is wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A fresh random key.
    pub fn random(rng: &mut Rng) -> Self {
        Self(rng.bytes())
    }

    /// The key for one purpose (BLAKE3's key derivation mode; the context names application, date and purpose).
    pub fn derive(&self, context: &str) -> Self {
        Self(blake3::derive_key(context, &self.0))
    }

    /// The bytes, for wrapping under another key; they never reach an API.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// How large `plain` bytes are once sealed.
pub fn sealed_size(plain: usize) -> usize {
    NONCE_BYTES + plain + TAG_BYTES
}

/// Seals `plain` with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): a random 24-byte nonce, then the ciphertext with its tag.
/// `associated` is not sealed but must be the same when opening.
pub fn seal(key: &Key, associated: &[u8], plain: &[u8], rng: &mut Rng) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = rng.bytes();
    let cipher = XChaCha20Poly1305::new((&key.0).into());
    let mut sealed = nonce.to_vec();
    // Encryption fails only for plaintexts over 2^38 bytes, which the limits exclude long before.
    if let Ok(ciphertext) = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: associated }) {
        sealed.extend_from_slice(&ciphertext);
    }
    sealed
}

/// Opens what [`seal`] made.
pub fn open(key: &Key, associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError)?;
    let cipher = XChaCha20Poly1305::new((&key.0).into());
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: associated }).map_err(|_| OpenError)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn sealed_bytes_open_only_with_the_key_and_place_they_were_sealed_for() {
        let mut rng = Rng::seeded([1; 32]);
        let key = Key::random(&mut rng);
        let sealed = seal(&key, b"header", b"milk", &mut rng);
        assert_eq!(sealed.len(), sealed_size(4));
        assert_eq!(open(&key, b"header", &sealed).unwrap(), b"milk");
        assert_eq!(open(&key, b"other", &sealed), Err(OpenError));
        assert_eq!(open(&key.derive("ashore test"), b"header", &sealed), Err(OpenError));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"header", &changed), Err(OpenError));
            assert_eq!(open(&key, b"header", &sealed[..at]), Err(OpenError));
        }
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn the_published_test_vector_opens() {
        let key = Key::new(std::array::from_fn(|i| 0x80 + i as u8));
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
        let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let ciphertext = data_encoding::HEXLOWER
            .decode(
                b"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39\
                  ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
                  21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
            )
            .unwrap();
        let sealed = [&nonce[..], &ciphertext[..]].concat();
        assert!(open(&key, &associated, &sealed).unwrap().starts_with(b"Ladies and Gentlemen of the class of '99"));
    }
}
