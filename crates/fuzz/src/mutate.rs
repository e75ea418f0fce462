//! Changed copies of inputs by chance: the same for the same seed, with the stable compiler and on every machine.

use crate::program::{Program, damage};
use ashore_engine::rng::Rng;

/// Most bytes of a changed copy.
const MAX_BYTES: usize = 8_192;

/// Changes inputs.
pub struct Mutations {
    rng: Rng,
    inputs: Vec<Vec<u8>>,
}

impl Mutations {
    /// Copies of these inputs, at least one, changed by the dice of this seed.
    pub fn of(inputs: Vec<Vec<u8>>, seed: u64) -> Self {
        assert!(!inputs.is_empty());
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self { rng: Rng::seeded(bytes), inputs }
    }

    fn pick(&mut self) -> &Vec<u8> {
        let at = self.rng.below(self.inputs.len() as u64) as usize;
        &self.inputs[at]
    }

    /// The next one.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick().clone();
        if self.rng.below(8) == 0 {
            let at = self.rng.below(input.len() as u64 + 1) as usize;
            let other = self.pick();
            let tail = other[at.min(other.len())..].to_vec();
            input.truncate(at);
            input.extend(tail);
        }
        let dice: [u8; 64] = self.rng.bytes();
        damage(&mut Program::new(&dice), &mut input);
        input.truncate(MAX_BYTES);
        input
    }
}
