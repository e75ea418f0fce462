//! The words of a document: in order, for phrases, and counted, as an index keeps them.

use std::collections::BTreeMap;

use super::bm25::rounded_length;
use super::{Clause, MAX_DOCUMENT_WORDS, Search, Term, words};
use crate::document::Value;
use crate::query::Path;

/// The words of a document's searched fields, text by text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentWords {
    /// The weight of a text's field, and its words in order.
    texts: Vec<(u32, Vec<String>)>,
}

/// How often each word is in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Postings {
    /// Words by how often they are there: as if the text of a field stood there as many times as its weight says.
    pub frequencies: BTreeMap<String, u32>,
    /// All words together, counted in the same way and [rounded](rounded_length).
    pub length: u32,
}

/// How often a document has what one term of a search asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frequency {
    /// The word itself.
    pub whole: u32,
    /// All words that begin with it, itself included; only counted where the term is a beginning.
    pub begun: u32,
}

impl DocumentWords {
    /// The words that strings have at these paths, in the order of the paths and in the order of the document; of an array, each
    /// item that is a string. The first [`MAX_DOCUMENT_WORDS`] count.
    pub fn of<'p>(document: &Value, fields: impl IntoIterator<Item = (&'p Path, u32)>) -> Self {
        let (mut texts, mut room) = (Vec::new(), MAX_DOCUMENT_WORDS);
        for (path, weight) in fields {
            path.for_each_indexed(document, &mut |value| {
                let Some(text) = value.as_str() else { return };
                let found: Vec<String> = words(text).take(room).collect();
                room -= found.len();
                if !found.is_empty() {
                    texts.push((weight, found));
                }
            });
        }
        Self { texts }
    }

    /// The words, counted.
    pub fn postings(&self) -> Postings {
        let (mut frequencies, mut length) = (BTreeMap::<String, u32>::new(), 0);
        for (weight, words) in &self.texts {
            for word in words {
                *frequencies.entry(word.clone()).or_default() += weight;
                length += weight;
            }
        }
        Postings { frequencies, length: rounded_length(length) }
    }

    /// Whether some text has the clause's words, one after another.
    pub fn holds(&self, clause: &Clause, search: &Search) -> bool {
        let terms: Vec<&Term> = clause.terms.iter().filter_map(|at| search.terms.get(*at)).collect();
        let fits = |words: &[String]| words.iter().zip(&terms).all(|(word, term)| term.matches(word));
        !terms.is_empty() && self.texts.iter().any(|(_, words)| words.windows(terms.len()).any(fits))
    }
}

impl Postings {
    /// How often a term is met.
    pub fn frequency(&self, term: &Term) -> Frequency {
        let whole = self.frequencies.get(&term.word).copied().unwrap_or_default();
        if !term.prefix {
            return Frequency { whole, begun: 0 };
        }
        let from = self.frequencies.range(term.word.clone()..).take_while(|(word, _)| word.starts_with(&term.word));
        Frequency { whole, begun: from.map(|(_, frequency)| frequency).sum() }
    }
}
