//! What an entry carries, from plain bytes to sealed ones: compressed, then padded, then sealed with the header as
//! associated data. The sealed size is known before sealing, because the header names it.

use super::key::{Key, OpenError, open, seal, sealed_size};
use super::padding::padded_size;
use crate::rng::Rng;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// The largest plain payload, in bytes: bounds what opening an entry may allocate.
pub const MAX_PLAIN_BYTES: usize = 8 << 20;

/// Compression costs more than it saves below this size.
const COMPRESS_FROM_BYTES: usize = 128;

/// Deflate's level: most of the gain at a fraction of the cost of the highest.
const LEVEL: u8 = 4;

const STORED: u8 = 0;
const DEFLATED: u8 = 1;

/// Why a payload does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The key or the header is another, or the bytes were changed.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// It opened, but what is inside is not framed, compressed or bounded as it must be.
    #[error("the payload opened but is malformed")]
    Malformed,
}

/// A compressed and padded payload, ready to be sealed; tells its sealed size first.
pub struct SealedPlan(Vec<u8>);

/// Frames `plain` as: flag (0 stored, 1 deflated), length (u32, big endian), content, zeros up to the padded size.
pub fn plan_payload(plain: &[u8]) -> SealedPlan {
    let deflated = (plain.len() >= COMPRESS_FROM_BYTES).then(|| compress_to_vec(plain, LEVEL));
    let (flag, content) = match &deflated {
        Some(deflated) if deflated.len() < plain.len() => (DEFLATED, deflated.as_slice()),
        _ => (STORED, plain),
    };
    let mut framed = Vec::with_capacity(padded_size(content.len() + 5));
    framed.push(flag);
    framed.extend_from_slice(&(content.len() as u32).to_be_bytes());
    framed.extend_from_slice(content);
    framed.resize(padded_size(framed.len()), 0);
    SealedPlan(framed)
}

impl SealedPlan {
    /// Size of the sealed payload in bytes.
    pub fn sealed_size(&self) -> usize {
        sealed_size(self.0.len())
    }

    /// Seals it; `header` is the associated data.
    pub fn seal(self, key: &Key, header: &[u8], rng: &mut Rng) -> Vec<u8> {
        seal(key, header, &self.0, rng)
    }
}

/// Opens a sealed payload; never allocates more than [`MAX_PLAIN_BYTES`] for it.
pub fn open_payload(key: &Key, header: &[u8], sealed: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let framed = open(key, header, sealed)?;
    let (flag, rest) = framed.split_first().ok_or(PayloadError::Malformed)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(PayloadError::Malformed)?;
    let length = u32::from_be_bytes(*length) as usize;
    let content = rest.get(..length).ok_or(PayloadError::Malformed)?;
    match *flag {
        STORED => Ok(content.to_vec()),
        DEFLATED => decompress_to_vec_with_limit(content, MAX_PLAIN_BYTES).map_err(|_| PayloadError::Malformed),
        _ => Err(PayloadError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn payloads_of_every_size_come_back_and_tell_their_sealed_size_first() {
        let mut rng = Rng::seeded([2; 32]);
        let key = Key::random(&mut rng);
        for size in [0, 1, 58, 59, 60, 127, 128, 1_000, 100_000] {
            let noise: Vec<u8> = (0..size).map(|_| rng.bytes::<1>()[0]).collect();
            for plain in [vec![7; size], noise] {
                let plan = plan_payload(&plain);
                let expected = plan.sealed_size();
                let sealed = plan.seal(&key, b"header", &mut rng);
                assert_eq!(sealed.len(), expected);
                assert_eq!(open_payload(&key, b"header", &sealed).unwrap(), plain);
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_within_its_bound() {
        let mut rng = Rng::seeded([3; 32]);
        let key = Key::random(&mut rng);
        let sealed = plan_payload(&vec![0; MAX_PLAIN_BYTES + 1]).seal(&key, b"", &mut rng);
        assert_eq!(open_payload(&key, b"", &sealed), Err(PayloadError::Malformed));
    }
}
