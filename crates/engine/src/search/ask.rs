//! What a search asks for: words, beginnings, phrases, and words that must not be there.

use super::{MAX_SEARCH_BYTES, MAX_SEARCH_WORDS, words};

/// A search, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Different words and beginnings; those that count come first.
    pub terms: Vec<Term>,
    /// So many of the terms count; the others are only in clauses that exclude.
    pub counting: usize,
    /// What must hold.
    pub clauses: Vec<Clause>,
    /// All clauses that do not exclude must hold; otherwise one of them.
    pub all: bool,
}

/// A word to look for, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The word.
    pub word: String,
    /// Words that begin with it are meant, too.
    pub prefix: bool,
}

/// Words that must stand one after another; mostly it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Places in [`Search::terms`], in order.
    pub terms: Vec<usize>,
    /// Documents in which it holds are left out.
    pub excludes: bool,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Too long.
    #[error("a search has at most {MAX_SEARCH_BYTES} bytes")]
    TooLong,
    /// Too many words.
    #[error("a search has at most {MAX_SEARCH_WORDS} different words")]
    TooManyWords,
}

/// A part of the text between spaces, or in quotes.
struct Piece<'t> {
    text: &'t str,
    quoted: bool,
    excludes: bool,
}

impl Search {
    /// Reads what somebody typed: words; `"words in quotes"`, which must stand together; `-word` and `-"a phrase"`, which must not be
    /// there. What stands between two spaces and is several words (`foo/bar`, `東京`) is a phrase as well. With `prefix` the last
    /// word is also the beginning of longer ones, unless it is in quotes or excluded. A quote that is not closed ends with the text.
    pub fn parse(text: &str, prefix: bool, all: bool) -> Result<Self, SearchError> {
        if text.len() > MAX_SEARCH_BYTES {
            return Err(SearchError::TooLong);
        }
        let mut search = Self { terms: Vec::new(), counting: 0, clauses: Vec::new(), all };
        let (mut pieces, mut excluded) = (Vec::new(), Vec::new());
        for piece in Pieces(text) {
            let found: Vec<String> = words(piece.text).collect();
            if found.is_empty() {
                continue;
            }
            if piece.excludes { excluded.push(found) } else { pieces.push((found, piece.quoted)) }
        }
        let last = pieces.len().saturating_sub(1);
        for (at, (words, quoted)) in pieces.into_iter().enumerate() {
            search.push(words, prefix && at == last && !quoted, false);
        }
        search.counting = search.terms.len();
        excluded.into_iter().for_each(|words| search.push(words, false, true));
        if search.terms.len() > MAX_SEARCH_WORDS { Err(SearchError::TooManyWords) } else { Ok(search) }
    }

    /// The clauses that must hold, or one of which must.
    pub fn wanted(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().filter(|clause| !clause.excludes)
    }

    /// Whether some clause is about the order of words, which only the document itself tells.
    pub fn has_phrases(&self) -> bool {
        self.clauses.iter().any(|clause| clause.terms.len() > 1)
    }

    fn push(&mut self, words: Vec<String>, prefix: bool, excludes: bool) {
        let last = words.len().saturating_sub(1);
        let terms = words.into_iter().enumerate();
        let terms = terms.map(|(at, word)| self.term(Term { word, prefix: prefix && at == last })).collect();
        let clause = Clause { terms, excludes };
        if !self.clauses.contains(&clause) {
            self.clauses.push(clause);
        }
    }

    fn term(&mut self, term: Term) -> usize {
        self.terms.iter().position(|known| *known == term).unwrap_or_else(|| {
            self.terms.push(term);
            self.terms.len() - 1
        })
    }
}

impl Term {
    /// Whether this word of a document is what it asks for.
    pub fn matches(&self, word: &str) -> bool {
        if self.prefix { word.starts_with(&self.word) } else { word == self.word }
    }
}

impl Clause {
    /// The places of its terms as bits.
    pub fn bits(&self) -> u64 {
        self.terms.iter().fold(0, |bits, at| bits | bit(*at))
    }
}

/// The bit of a place in [`Search::terms`].
pub(super) fn bit(at: usize) -> u64 {
    u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or_default()
}

/// What is left of a text, piece by piece.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start();
        let minus = text.strip_prefix('-').filter(|rest| !rest.starts_with(char::is_whitespace));
        let (text, excludes) = (minus.unwrap_or(text), minus.is_some());
        if let Some(quoted) = text.strip_prefix('"') {
            let (text, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
            self.0 = rest;
            return Some(Piece { text, quoted: true, excludes });
        }
        let end = text.find(|char: char| char.is_whitespace() || char == '"').unwrap_or(text.len());
        let (piece, rest) = text.split_at(end);
        self.0 = rest;
        (!piece.is_empty()).then_some(Piece { text: piece, quoted: false, excludes })
    }
}
