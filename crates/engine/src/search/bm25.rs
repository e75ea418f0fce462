//! BM25: how much a word says of a document.
//!
//! Stephen Robertson and Hugo Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", Foundations and Trends in
//! Information Retrieval 3(4), 2009, formula 3.15; fields with weights as in section 3.6.1 with one `b` for all of them, which is
//! the same as repeating a field's text. The rarity of a word is `ln(1 + (N - n + 0.5) / (n + 0.5))`: the 1 keeps it above zero
//! also for words that most documents have.

use super::Frequency;

/// How soon more of the same word says nothing new.
const K1: f64 = 1.2;
/// How far a document's length counts, from 0 to 1.
const B: f64 = 0.75;
/// So many bits of a length are kept.
const LENGTH_BITS: u32 = 4;

/// What is known of all documents together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Documents that have at least one word.
    pub documents: u64,
    /// Their lengths together, each [rounded](rounded_length).
    pub length: u64,
}

/// A length with its highest four bits kept and the others zero. Each row of a document carries its length; rounded, the other
/// words' rows mostly stay as they are while somebody types.
pub fn rounded_length(length: u32) -> u32 {
    let dropped = (u32::BITS - length.leading_zeros()).saturating_sub(LENGTH_BITS);
    length >> dropped << dropped
}

impl Statistics {
    /// A document of this length comes.
    pub fn add(&mut self, length: u32) {
        self.documents = self.documents.saturating_add(u64::from(length > 0));
        self.length = self.length.saturating_add(u64::from(length));
    }

    /// A document of this length goes.
    pub fn remove(&mut self, length: u32) {
        self.documents = self.documents.saturating_sub(u64::from(length > 0));
        self.length = self.length.saturating_sub(u64::from(length));
    }

    /// What a term says of a document of this length that has it so often; `having` are the documents that have it. Where a term is
    /// a beginning, all words that begin so count as one word, and the word itself counts besides: whole words come first.
    pub fn score(&self, having: super::Having, frequency: Frequency, length: u32) -> f64 {
        self.word_score(having.begun, frequency.begun, length) + self.word_score(having.whole, frequency.whole, length)
    }

    fn word_score(&self, having: u64, frequency: u32, length: u32) -> f64 {
        if frequency == 0 || self.length == 0 {
            return 0.0;
        }
        let (documents, having) = (self.documents as f64, having as f64);
        let rarity = (1.0 + ((documents - having).max(0.0) + 0.5) / (having + 0.5)).ln();
        let relative = f64::from(length) * documents / self.length as f64;
        let frequency = f64::from(frequency);
        rarity * frequency / (frequency + K1 * (1.0 - B + B * relative))
    }
}
