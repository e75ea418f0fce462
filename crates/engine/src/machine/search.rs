//! Searches: reads the rows of each word in an index of words, joins them by document, and answers the best.
//!
//! How rare a word is, is counted while its rows are read, so all rows of each word of a search are read. Documents are read only
//! where the answer needs them: those that are answered, and for phrases and a filter the best candidates one after another until
//! no later one can be among the answered.

use super::Machine;
use super::documents::{Stop, parse_collection};
use super::find::{Found, query_failure};
use super::rows::Missing;
use super::task::CommandTask;
use crate::api::{ErrorCode, Failure, Reply};
use crate::document::state::DocumentRowRef;
use crate::document::{CollectionName, Value, json};
use crate::index::{IndexDef, IndexState};
use crate::query::{Filter, QueryError};
use crate::search::{Frequency, Having, Hit, Search, Statistics, score};
use crate::store::{Range, RowValue};
use ashore_protocol::gather::sorted_by;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The most documents in one answer.
const MAX_PAGE: usize = 1_000;
/// The most bytes of rows behind one answer; one document always fits.
const MAX_PAGE_BYTES: usize = 4 << 20;
/// Rows of an index that are read in one step.
const STEP_ROWS: u32 = 20_000;
/// Bytes of rows of an index that are read in one step.
const STEP_BYTES: usize = 4 << 20;
/// Most rows that are read for the beginning of words; the first words in byte order count.
const MAX_PREFIX_ROWS: usize = 250_000;
/// Documents that are looked into in one step.
const STEP_DOCUMENTS: usize = 128;

/// What is asked, as it came.
pub(super) struct Asked<'c> {
    pub(super) collection: &'c str,
    pub(super) text: &'c str,
    pub(super) index: Option<&'c str>,
    pub(super) filter: Option<&'c str>,
    pub(super) prefix: bool,
    pub(super) any: bool,
    pub(super) offset: u32,
    pub(super) limit: u32,
}

/// A search under way.
pub(super) struct Searching {
    search: Search,
    filter: Option<Filter>,
    offset: usize,
    limit: usize,
    index: IndexDef,
    statistics: Statistics,
    having: Vec<Having>,
    /// The term whose rows are read.
    at: usize,
    /// What is left of them, once they are begun.
    rest: Option<Range>,
    /// What was read of them.
    list: Vec<Listed>,
    /// Documents that have some of the terms before, in the order of ids; then they move to `ranked`.
    candidates: Vec<Candidate>,
    /// The best on top. The score is the highest that the document may have.
    ranked: BinaryHeap<Candidate>,
    /// Those that are looked into next.
    named: Vec<Candidate>,
    /// The best so far, the worst of them on top.
    hits: BinaryHeap<Reverse<Candidate>>,
    corrupt: Vec<String>,
    /// Some words that fit a beginning were not looked at.
    cut: bool,
    /// A part of the index cannot be read.
    damaged: bool,
}

/// A document that has a term.
struct Listed {
    id: String,
    frequency: Frequency,
    length: u32,
}

/// A document that may be answered.
struct Candidate(Hit);

impl Machine {
    /// The documents that fit a search best.
    pub(super) fn search(&mut self, task: &mut CommandTask, asked: &Asked<'_>) -> Result<Reply, Stop> {
        let collection = parse_collection(asked.collection)?;
        let mut searching = match task.searching.take() {
            Some(searching) => searching,
            None => Box::new(self.begin_searching(&collection, asked)?),
        };
        let page = self.search_page(&collection, &mut searching, task);
        page.map_err(|missing| {
            task.searching = Some(searching);
            missing.into()
        })
    }

    fn begin_searching(&self, collection: &CollectionName, asked: &Asked<'_>) -> Result<Searching, Failure> {
        let of_words = self.index_catalog(collection.as_str()).iter().filter(|index| index.text.is_some());
        let mut usable = of_words.filter(|index| index.state != IndexState::Dropped);
        let index = usable.find(|index| asked.index.is_none_or(|name| index.name == name));
        let Some((index, text)) = index.and_then(|index| Some((index, index.text?))) else {
            let mut failure = Failure::new(ErrorCode::IndexMissing, missing_index(asked.index));
            failure.collection = Some(collection.to_string());
            return Err(failure);
        };
        let search = Search::parse(asked.text, asked.prefix, !asked.any);
        let search = search.map_err(|error| mistake("text", error.to_string()))?;
        let filter = asked.filter.map(parse_filter).transpose()?;
        let limit = if asked.limit == 0 { MAX_PAGE } else { MAX_PAGE.min(asked.limit as usize) };
        Ok(Searching {
            filter,
            offset: asked.offset as usize,
            limit,
            index: index.clone(),
            statistics: text.statistics,
            having: vec![Having::default(); search.terms.len()],
            search,
            at: 0,
            rest: None,
            list: Vec::new(),
            candidates: Vec::new(),
            ranked: BinaryHeap::new(),
            named: Vec::new(),
            hits: BinaryHeap::new(),
            corrupt: Vec::new(),
            cut: false,
            damaged: false,
        })
    }

    fn search_page(
        &mut self,
        collection: &CollectionName,
        searching: &mut Searching,
        task: &mut CommandTask,
    ) -> Result<Reply, Missing> {
        self.read_terms(searching, task)?;
        searching.rank();
        self.choose_hits(collection, searching)?;
        let mut hits: Vec<&Candidate> = searching.hits.iter().map(|Reverse(hit)| hit).collect();
        hits.sort_unstable_by(|a, b| b.cmp(a));
        let wanted: Vec<&Hit> = hits.iter().skip(searching.offset).take(searching.limit).map(|hit| &hit.0).collect();
        let rows = self.document_rows(collection, wanted.iter().map(|hit| hit.id.as_str()))?;
        let (mut found, mut bytes) = (Found::new(None, None), 0);
        let (mut scores, mut matched) = (Vec::new(), Vec::new());
        let mut taken = 0;
        for (hit, row) in wanted.iter().zip(&rows) {
            bytes += row.as_ref().and_then(RowValue::present).map_or(0, |row| row.len());
            if taken > 0 && bytes > MAX_PAGE_BYTES {
                break;
            }
            taken += 1;
            if found.push(&hit.id, row.as_ref()) {
                scores.push(hit.score);
                matched.push(searching.matched(hit));
            }
        }
        let more = hits.len() > searching.offset.saturating_add(taken);
        if searching.damaged {
            self.rebuild_index(collection.as_str(), searching.index.number);
        }
        let Found { ids, versions, mut text, tagged, mut corrupt, .. } = found;
        text.push(']');
        corrupt.append(&mut searching.corrupt);
        let terms =
            searching.search.terms.iter().take(searching.search.counting).map(|term| term.word.clone()).collect();
        let complete = searching.index.is_ready() && !searching.cut && !searching.damaged;
        Ok(Reply::Hits { ids, documents: text, versions, scores, terms, matched, tagged, corrupt, more, complete })
    }

    /// Reads the rows of each term, one term after the other, and joins them with what the terms before have.
    fn read_terms(&mut self, searching: &mut Searching, task: &mut CommandTask) -> Result<(), Missing> {
        while let Some(term) = searching.search.terms.get(searching.at) {
            let all = searching.rest.take().unwrap_or_else(|| searching.index.rows_of_word(&term.word, term.prefix));
            let range = all.limit(STEP_ROWS).max_bytes(STEP_BYTES);
            let (rows, rest) = match self.scan_part(&mut task.scan, &range) {
                Ok(part) => part,
                Err(missing) => {
                    searching.rest = Some(range);
                    return Err(missing);
                }
            };
            searching.damaged |= !rows.lost.is_empty();
            for (key, value) in &rows.rows {
                let posting = value.present().and_then(|value| searching.index.parse_posting(key, value));
                let Some(posting) = posting.filter(|posting| term.matches(posting.word)) else {
                    searching.damaged = true;
                    continue;
                };
                let whole = if posting.word == term.word { posting.frequency } else { 0 };
                let begun = if term.prefix { posting.frequency } else { 0 };
                let (id, frequency) = (posting.id.to_owned(), Frequency { whole, begun });
                searching.list.push(Listed { id, frequency, length: posting.length });
            }
            let full = term.prefix && searching.list.len() >= MAX_PREFIX_ROWS;
            searching.cut |= full && rest.is_some();
            match rest.filter(|_| !full) {
                Some(rest) => searching.rest = Some(rest),
                None => searching.end_of_term(),
            }
        }
        Ok(())
    }

    /// Takes the best candidates, looking into their documents where the rows do not tell enough.
    fn choose_hits(&mut self, collection: &CollectionName, searching: &mut Searching) -> Result<(), Missing> {
        let most = searching.offset.saturating_add(searching.limit).saturating_add(1);
        let looks = searching.filter.is_some() || searching.search.has_phrases();
        loop {
            if looks {
                let rows = self.document_rows(collection, searching.named.iter().map(|named| named.0.id.as_str()))?;
                for (candidate, row) in std::mem::take(&mut searching.named).into_iter().zip(rows) {
                    if let Some(hit) = searching.look_into(candidate, row.as_ref()) {
                        searching.hits.push(Reverse(hit));
                    }
                }
            } else {
                searching.hits.extend(std::mem::take(&mut searching.named).into_iter().map(Reverse));
            }
            while searching.hits.len() > most {
                searching.hits.pop();
            }
            let worst = searching.hits.peek().filter(|_| searching.hits.len() == most);
            let done = searching.ranked.peek().is_none_or(|next| worst.is_some_and(|worst| worst.0 > *next));
            if done {
                return Ok(());
            }
            let step = if looks { STEP_DOCUMENTS.min(most.saturating_mul(2)) } else { most };
            searching.named.extend((0..step).map_while(|_| searching.ranked.pop()));
        }
    }
}

impl Searching {
    /// All rows of a term have been read.
    fn end_of_term(&mut self) {
        let list = by_document(std::mem::take(&mut self.list));
        let mut having = Having::default();
        list.iter().for_each(|listed| having.add(listed.frequency));
        if let Some(place) = self.having.get_mut(self.at) {
            *place = having;
        }
        self.join(list, having);
        self.at += 1;
        if self.search.all && self.candidates.is_empty() {
            self.at = self.search.terms.len();
        }
    }

    /// Brings the documents of the present term together with those of the terms before; both are in the order of ids.
    fn join(&mut self, list: Vec<Listed>, having: Having) {
        let bit = 1_u64.checked_shl(u32::try_from(self.at).unwrap_or(u32::MAX)).unwrap_or_default();
        let counts = self.at < self.search.counting;
        let keeps_old = !(counts && self.search.all && self.at > 0);
        let takes_new = counts && (!self.search.all || self.at == 0);
        let mut old = std::mem::take(&mut self.candidates).into_iter().peekable();
        let mut joined = Vec::new();
        for Listed { id, frequency, length } in list {
            while let Some(before) = old.next_if(|before| before.0.id < id) {
                if keeps_old {
                    joined.push(before);
                }
            }
            let score = if counts { self.statistics.score(having, frequency, length) } else { 0.0 };
            match old.next_if(|before| before.0.id == id) {
                Some(Candidate(Hit { id, score: before, terms })) => {
                    joined.push(Candidate(Hit { id, score: before + score, terms: terms | bit }));
                }
                None if takes_new => joined.push(Candidate(Hit { id, score, terms: bit })),
                None => {}
            }
        }
        if keeps_old {
            joined.extend(old);
        }
        self.candidates = joined;
    }

    /// Puts the candidates that may fit, as far as the rows tell, in the order of their scores.
    fn rank(&mut self) {
        let candidates = std::mem::take(&mut self.candidates);
        if !candidates.is_empty() {
            self.ranked = candidates.into_iter().filter(|candidate| self.may_fit(candidate.0.terms)).collect();
        }
    }

    fn may_fit(&self, terms: u64) -> bool {
        let has = |clause: &crate::search::Clause| terms & clause.bits() == clause.bits();
        let excluded =
            self.search.clauses.iter().any(|clause| clause.excludes && clause.terms.len() == 1 && has(clause));
        let fits = if self.search.all { self.search.wanted().all(has) } else { self.search.wanted().any(has) };
        fits && !excluded
    }

    /// The candidate with its true score, if its document fits.
    fn look_into(&mut self, candidate: Candidate, row: Option<&RowValue>) -> Option<Candidate> {
        let Candidate(hit) = candidate;
        match self.looked_into(&hit, row?) {
            Ok(found) => found.map(|(score, terms)| Candidate(Hit { id: hit.id, score, terms })),
            Err(Unreadable) => {
                self.corrupt.push(hit.id);
                None
            }
        }
    }

    fn looked_into(&self, hit: &Hit, row: &RowValue) -> Result<Option<(f64, u64)>, Unreadable> {
        let row = DocumentRowRef::decode(row.present().ok_or(Unreadable)?).map_err(|_| Unreadable)?;
        if row.deleted {
            return Ok(None);
        }
        if let Some(filter) = &self.filter
            && !filter.matches_encoded(row.value).map_err(|_| Unreadable)?
        {
            return Ok(None);
        }
        if !self.search.has_phrases() {
            return Ok(Some((hit.score, hit.terms)));
        }
        let document = Value::decode(row.value).map_err(|_| Unreadable)?;
        Ok(score(&self.search, &self.index.document_words(&document), &self.statistics, &self.having))
    }

    /// The places of the terms that count for a hit.
    fn matched(&self, hit: &Hit) -> Vec<u32> {
        let counting = u32::try_from(self.search.counting).unwrap_or_default();
        (0..counting).filter(|at| hit.terms >> at & 1 == 1).collect()
    }
}

/// A document's stored bytes do not decode.
struct Unreadable;

/// One item for each document, in the order of ids; the rows of a beginning come word by word.
fn by_document(mut list: Vec<Listed>) -> Vec<Listed> {
    if !list.is_sorted_by(|a, b| a.id < b.id) {
        list = sorted_by(list, |a, b| a.id.cmp(&b.id));
        list.dedup_by(|next, kept| {
            let same = next.id == kept.id;
            if same {
                kept.frequency.whole += next.frequency.whole;
                kept.frequency.begun += next.frequency.begun;
            }
            same
        });
    }
    list
}

fn parse_filter(text: &str) -> Result<Filter, Failure> {
    let invalid = |error| Failure::new(ErrorCode::RequestInvalid, format!("the filter is not readable: {error}"));
    let value = json::parse_one(text).map_err(invalid)?;
    Filter::parse(&value).map_err(|error| query_failure(&error))
}

fn mistake(path: &str, reason: String) -> Failure {
    query_failure(&QueryError { path: path.to_owned(), operator: None, reason })
}

fn missing_index(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("there is no index of words `{}`", name.chars().take(64).collect::<String>()),
        None => "the collection has no index of words".to_owned(),
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The better one is the greater.
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.better_first(&self.0)
    }
}
