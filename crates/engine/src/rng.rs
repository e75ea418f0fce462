//! The engine's only source of randomness: a generator that the host seeds once per opening.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// ChaCha20 (RFC 8439) as a generator. The seed must come from the operating system or the browser and be used once.
pub struct Rng(ChaCha20Rng);

impl Rng {
    /// The generator of this seed. Equal seeds give equal bytes: that is what the simulator lives on.
    pub fn seeded(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// So many random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// The generator itself, for crates that draw from one.
    pub(crate) fn source(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }

    /// A number below `bound`, for jitter; slightly uneven for bounds near 2^64. 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }
}
