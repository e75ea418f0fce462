//! Six words for people to compare: a short authentication string.
//!
//! 66 bits, of the English list of BIP 39. Whoever wants another input with the same words has to try 2^66 of them on average; Argon2id with 8
//! MiB makes each try dear. What that stops is in docs/security.md.

use argon2::{Algorithm, Argon2, Block, Params, Version};

/// How many words.
pub const WORDS: usize = 6;
/// What one word tells.
const BITS: u32 = 11;
/// Memory of one try in KiB, and passes over it.
const MEMORY_KIB: u32 = 8_192;
const PASSES: u32 = 1;
/// What Argon2id answers; the words take its first 66 bits.
const TAG_BYTES: usize = 16;

/// The words of this digest; none when there is no memory to work them out. `salt` says for what they are: of another purpose they are others.
pub fn words(digest: &[u8; 32], salt: &[u8; 16]) -> Vec<&'static str> {
    let list = bip39::Language::English.word_list();
    let bits = stretched(digest, salt).map(u128::from_be_bytes);
    let word = |bits: u128, at: u32| list.get((bits >> (u128::BITS - BITS * (at + 1))) as usize % list.len()).copied();
    let words = bits.map(|bits| (0..WORDS as u32).filter_map(|at| word(bits, at)).collect());
    words.unwrap_or_default()
}

fn stretched(digest: &[u8; 32], salt: &[u8; 16]) -> Option<[u8; TAG_BYTES]> {
    let cost = Params::new(MEMORY_KIB, PASSES, 1, Some(TAG_BYTES)).ok()?;
    let mut blocks: Vec<Block> = Vec::new();
    blocks.try_reserve_exact(cost.block_count()).ok()?;
    blocks.resize(cost.block_count(), Block::new());
    let mut tag = [0; TAG_BYTES];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    argon.hash_password_into_with_memory(digest, salt, &mut tag, &mut blocks).ok()?;
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_digest_are_the_same_for_ever() {
        let all = [words(&[1; 32], &[2; 16]), words(&[1; 32], &[3; 16]), words(&[2; 32], &[2; 16])];
        assert_eq!(
            all.map(|words| words.join(" ")),
            [
                "news denial wagon mother merge brush",
                "rural exile dinner seek utility denial",
                "case segment entry skin swarm close"
            ]
        );
    }
}
