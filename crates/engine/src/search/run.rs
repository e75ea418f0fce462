//! The answer to a search by looking at every document: what any faster way must equal.

use super::ask::bit;
use super::{DocumentWords, Frequency, Search, Statistics};
use crate::document::Value;
use crate::query::Path;
use std::cmp::Ordering;

/// A document that a search finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its id.
    pub id: String,
    /// How well it fits; more is better.
    pub score: f64,
    /// Which of the search's terms count for it, as bits.
    pub terms: u64,
}

/// How many documents have what one term of a search asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Having {
    /// The word itself.
    pub whole: u64,
    /// Any word that begins with it; only counted where the term is a beginning.
    pub begun: u64,
}

/// All documents that a search finds, the best first; those that are alike in the order of their ids.
pub fn run(search: &Search, documents: &[(String, Value)], fields: &[(Path, u32)]) -> Vec<Hit> {
    let words = |document| DocumentWords::of(document, fields.iter().map(|(path, weight)| (path, *weight)));
    let all: Vec<_> = documents.iter().map(|(id, document)| (id, words(document))).collect();
    let (mut statistics, mut having) = (Statistics::default(), vec![Having::default(); search.terms.len()]);
    for (_, words) in &all {
        let postings = words.postings();
        statistics.add(postings.length);
        for (term, having) in search.terms.iter().zip(&mut having) {
            having.add(postings.frequency(term));
        }
    }
    let hit = |(id, words): &(&String, DocumentWords)| {
        score(search, words, &statistics, &having).map(|(score, terms)| Hit { id: (*id).clone(), score, terms })
    };
    let mut hits: Vec<Hit> = all.iter().filter_map(hit).collect();
    hits.sort_by(Hit::better_first);
    hits
}

/// The score of one document and the terms that count for it, as bits; none when the search does not find it.
///
/// Each term counts once, if it is in a clause that holds.
pub fn score(search: &Search, words: &DocumentWords, all: &Statistics, having: &[Having]) -> Option<(f64, u64)> {
    let holds = |clause| words.holds(clause, search);
    let mut wanted = search.wanted().peekable();
    wanted.peek()?;
    let (mut terms, mut every) = (0, true);
    for clause in wanted {
        if holds(clause) { terms |= clause.bits() } else { every = false }
    }
    if terms == 0 || search.all && !every || search.clauses.iter().any(|clause| clause.excludes && holds(clause)) {
        return None;
    }
    let postings = words.postings();
    let mut sum = 0.0;
    for (at, (term, having)) in search.terms.iter().zip(having).enumerate() {
        if terms & bit(at) != 0 {
            sum += all.score(*having, postings.frequency(term), postings.length);
        }
    }
    Some((sum, terms))
}

impl Having {
    /// One more document, which has it so often.
    pub fn add(&mut self, frequency: Frequency) {
        self.whole += u64::from(frequency.whole > 0);
        self.begun += u64::from(frequency.begun > 0);
    }
}

impl Hit {
    /// The better one first, then in the order of ids.
    pub fn better_first(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.id.cmp(&other.id))
    }
}
