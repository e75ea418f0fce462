//! Twenty-four words: 256 random bits and a checksum, as BIP-39 writes them in English.

use crate::rng::Rng;
use bip39::{Error, Language, Mnemonic};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How many words there are.
pub const WORD_COUNT: usize = 24;
/// The most bytes that are looked at: every word has 8 letters at most.
const MOST_BYTES: usize = 1_024;

/// 256 bits that people write down as words. They are wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryWords([u8; 32]);

/// The text is not 24 such words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Too few or too many.
    #[error("a recovery phrase has {WORD_COUNT} words, these are {0}")]
    Count(usize),
    /// This one, counted from 1, is not in the list.
    #[error("word {0} is not one of the list")]
    Unknown(usize),
    /// All are in the list, but they do not belong together.
    #[error("one of the words is wrong, or their order is")]
    Checksum,
}

impl RecoveryWords {
    /// The words of these bits.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(bits)
    }

    /// Fresh ones.
    pub fn random(rng: &mut Rng) -> Self {
        Self(rng.bytes())
    }

    /// Reads what a person typed: either case, any white space between the words.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        if text.len() > MOST_BYTES {
            return Err(WordsError::Count(text.split_whitespace().count()));
        }
        // Room for all of it, so that no copy is left behind when it grows.
        let mut plain = Zeroizing::new(String::with_capacity(2 * text.len() + 1));
        let mut count = 0;
        for word in text.split_whitespace() {
            if count > 0 {
                plain.push(' ');
            }
            plain.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
            count += 1;
        }
        if count != WORD_COUNT {
            return Err(WordsError::Count(count));
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &plain).map_err(|error| match error {
            Error::BadWordCount(count) => WordsError::Count(count),
            Error::UnknownWord(index) => WordsError::Unknown(index + 1),
            _ => WordsError::Checksum,
        })?;
        let (mut entropy, _) = mnemonic.to_entropy_array();
        let bits = entropy.first_chunk::<32>().map(|bits| Self(*bits)).ok_or(WordsError::Checksum);
        entropy.zeroize();
        bits
    }

    /// The words, with a space between them.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(WORD_COUNT * 9));
        // 256 bits always make words.
        let Ok(mnemonic) = Mnemonic::from_entropy_in(Language::English, &self.0) else { return text };
        for (place, word) in mnemonic.words().enumerate() {
            if place > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The bits, to derive from; they never reach an API.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for RecoveryWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryWords(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// BIP-39's own vectors of 256 bits (github.com/trezor/python-mnemonic, vectors.json).
    #[test]
    fn the_published_vectors_come_out() {
        let zeros = "abandon ".repeat(23) + "art";
        let sevens = "legal winner thank year wave sausage worth useful ".repeat(2)
            + "legal winner thank year wave sausage worth title";
        let ones = "zoo ".repeat(23) + "vote";
        for (bits, words) in [([0; 32], zeros), ([0x7f; 32], sevens), ([0xff; 32], ones)] {
            assert_eq!(*RecoveryWords::from_random(bits).to_text(), words);
            assert_eq!(*RecoveryWords::parse(&words).unwrap().expose(), bits);
        }
    }

    #[test]
    fn words_are_read_as_people_type_them_and_mistakes_are_named() {
        let words = RecoveryWords::from_random([7; 32]);
        let text = words.to_text();
        let typed = format!("  {}\n", text.to_uppercase().replace(' ', "\t \n"));
        assert_eq!(RecoveryWords::parse(&typed), Ok(words));
        assert_eq!(RecoveryWords::parse("abandon art"), Err(WordsError::Count(2)));
        assert_eq!(RecoveryWords::parse(&"abandon ".repeat(24)), Err(WordsError::Checksum));
        let unknown = "abandon ".repeat(6) + "abandun " + &"abandon ".repeat(17);
        assert_eq!(RecoveryWords::parse(&unknown), Err(WordsError::Unknown(7)));
        assert_eq!(RecoveryWords::parse(&"zoo ".repeat(1_000)), Err(WordsError::Count(1_000)));
        assert_eq!(format!("{:?}", RecoveryWords::from_random([1; 32])), "RecoveryWords(…)");
    }

    proptest! {
        #[test]
        fn words_come_back_from_what_they_are_written_as(bits: [u8; 32]) {
            let words = RecoveryWords::from_random(bits);
            prop_assert_eq!(RecoveryWords::parse(&words.to_text()).unwrap(), words);
        }

        #[test]
        fn any_text_is_words_or_an_error(text in "\\PC*") {
            let _ = RecoveryWords::parse(&text);
        }
    }
}
