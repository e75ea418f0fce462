//! Queries: reads a collection's documents in order, keeps those that a filter matches, and answers page by page.
//!
//! A page's last key is all that the next page needs to know, so nothing is kept for a query between its pages, and another
//! engine can answer the next one. While one page is made nothing else is done: it shows one moment.

mod plan;

use super::Machine;
use super::documents::{Stop, document_failure, parse_collection, parse_id};
use super::rows::{Missing, parse_document};
use super::task::{CommandTask, ScanSlot};
use crate::api::{ErrorCode, Failure, Overlay, QueryMistake, Reply};
use crate::document::state::{ChunkSpan, DocumentRowRef};
use crate::document::{CollectionName, DocumentId, DocumentRow, Value, json};
use crate::query::{Filter, Projection, Query, QueryError, Sort};
use crate::store::keys::{value_key, value_range};
use crate::store::{Key, RowValue, Value as RowBytes};
use data_encoding::BASE64URL_NOPAD;
use plan::Plan;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// The most documents in one page of an answer.
const MAX_PAGE: usize = 10_000;
/// The most bytes of rows behind one page of an answer; one document always fits.
const MAX_PAGE_BYTES: usize = 4 << 20;
/// Rows that are read in one step.
const STEP_ROWS: u32 = 4_000;
/// Bytes of rows that are read in one step.
const STEP_BYTES: usize = 4 << 20;
/// Rows of an index that are read in one step, and as many documents.
const STEP_INDEX_ROWS: usize = 1_000;
/// The fewest that are read in one step, however few are wanted.
const MIN_STEP_INDEX_ROWS: usize = 32;
/// Candidates beyond so many bytes are read once more when it is clear which are wanted.
const KEPT_BYTES: usize = 8 << 20;

/// Most documents that one update or delete by filter writes.
const MAX_MATCHED: usize = 10_000;
/// Most bytes of their rows.
const MAX_MATCHED_BYTES: usize = 32 << 20;

/// What is asked besides the collection.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) query: &'a str,
    /// Where the page before ended.
    pub(super) after: Option<&'a str>,
    /// The most documents of this page; 0 for as many as there may be.
    pub(super) page: u32,
    /// Documents as a transaction sees them.
    pub(super) within: Option<&'a Overlay>,
}

/// What an update or a delete by filter has found, in order.
#[derive(Clone)]
pub(super) struct Matched {
    pub(super) ids: Vec<String>,
    pub(super) corrupt: Vec<String>,
}

/// A query under way.
pub(super) struct Finding {
    query: Query,
    /// Documents in the place of stored ones, as rows; none where there is no document.
    overlay: BTreeMap<String, Option<RowBytes>>,
    /// Those of the overlay that match are among the candidates.
    overlaid: bool,
    /// What was answered before ends with this key.
    after: Option<Vec<u8>>,
    /// The most documents of this page.
    page: usize,
    /// The index that is read; without one, the documents are.
    plan: Option<Plan>,
    /// Documents that the index named, whose rows are to be read next.
    named: Vec<String>,
    /// Everything up to this row has been read.
    read: Option<Key>,
    first: First,
    corrupt: Vec<String>,
    count: u64,
}

/// The first so many candidates, in the order that is asked for.
struct First {
    most: usize,
    /// The last of them on top.
    heap: BinaryHeap<Candidate>,
    kept_bytes: usize,
}

/// A document that matches.
struct Candidate {
    key: Vec<u8>,
    id: String,
    bytes: usize,
    row: Option<RowBytes>,
}

/// A match that was read.
pub(super) struct Read {
    pub(super) key: Vec<u8>,
    pub(super) id: String,
    pub(super) row: Option<RowBytes>,
}

impl Machine {
    /// One page of the documents that a query asks for.
    pub(super) fn find(&mut self, task: &mut CommandTask, collection: &str, asked: Asked<'_>) -> Result<Reply, Stop> {
        let collection = parse_collection(collection)?;
        let mut finding = match task.finding.take() {
            Some(finding) => finding,
            None => Box::new(self.begin_finding(&collection, asked)?),
        };
        self.find_page(&collection, &mut finding, task).map_err(|missing| {
            task.finding = Some(finding);
            missing.into()
        })
    }

    /// How many documents match.
    pub(super) fn count(&mut self, task: &mut CommandTask, collection: &str, asked: Asked<'_>) -> Result<Reply, Stop> {
        let collection = parse_collection(collection)?;
        let mut finding = match task.finding.take() {
            Some(finding) => finding,
            None => Box::new(self.begin_finding(&collection, asked)?),
        };
        if let Err(missing) = self.read_candidates(&collection, &mut finding, &mut task.scan, Finding::count) {
            task.finding = Some(finding);
            return Err(missing.into());
        }
        let Finding { query, count, corrupt, .. } = *finding;
        let behind = count.saturating_sub(query.offset as u64);
        let count = query.limit.map_or(behind, |limit| behind.min(limit as u64));
        Ok(Reply::Count { count, corrupt })
    }

    /// The ids of all documents that a query asks for; fails when they are more than one call may write.
    pub(super) fn find_ids(&mut self, task: &mut CommandTask, collection: &str, query: &str) -> Result<Matched, Stop> {
        let collection = parse_collection(collection)?;
        let mut finding = match task.finding.take() {
            Some(finding) => finding,
            None => {
                let mut finding = self.begin_finding(&collection, Asked { query, ..Asked::default() })?;
                // So many as may be written: how many there are beyond them is only counted.
                let limit = finding.query.limit.unwrap_or(usize::MAX).min(MAX_MATCHED);
                finding.first = First::new(finding.query.offset.saturating_add(limit));
                Box::new(finding)
            }
        };
        if let Err(missing) = self.read_candidates(&collection, &mut finding, &mut task.scan, Finding::note) {
            task.finding = Some(finding);
            return Err(missing.into());
        }
        finding.matched().map_err(Stop::from)
    }

    /// Which index a query reads.
    pub(super) fn explain(&self, collection: &str, query: &str) -> Result<Reply, Failure> {
        let finding = self.begin_finding(&parse_collection(collection)?, Asked { query, ..Asked::default() })?;
        let plan = finding.plan.as_ref();
        Ok(Reply::Plan {
            index: plan.map(|plan| plan.index.name.clone()),
            ranges: plan.map_or(0, |plan| u32::try_from(plan.ranges.len()).unwrap_or(u32::MAX)),
            in_order: plan.map_or(finding.query.sort.by().is_empty(), |plan| plan.in_order),
        })
    }

    fn begin_finding(&self, collection: &CollectionName, asked: Asked<'_>) -> Result<Finding, Failure> {
        let mut finding = Finding::begin(collection, asked)?;
        let indexes = self.index_catalog(collection.as_str());
        finding.plan = Plan::choose(indexes, &finding.query, finding.after.as_deref());
        Ok(finding)
    }

    /// A reading of the first `most` matches behind the key `after`, in the order that is asked for: whatever the offset and
    /// the limit are.
    pub(super) fn begin_reading(
        &self,
        collection: &CollectionName,
        query: &Query,
        after: Option<Vec<u8>>,
        most: impl FnOnce(bool) -> usize,
    ) -> Finding {
        let mut finding = Finding::new(collection, query.clone(), after, 0);
        finding.plan = Plan::choose(self.index_catalog(collection.as_str()), &finding.query, finding.after.as_deref());
        finding.first = First::new(most(finding.is_in_order()));
        finding
    }

    /// Reads on; [`Finding::into_read`] has what was read.
    pub(super) fn read_on(
        &mut self,
        collection: &CollectionName,
        finding: &mut Finding,
        scan: &mut ScanSlot,
    ) -> Result<(), Missing> {
        self.read_candidates(collection, finding, scan, Finding::keep)
    }

    fn find_page(
        &mut self,
        collection: &CollectionName,
        finding: &mut Finding,
        task: &mut CommandTask,
    ) -> Result<Reply, Missing> {
        if finding.page > 0 {
            self.read_candidates(collection, finding, &mut task.scan, Finding::keep)?;
        }
        let wanted = finding.first.wanted(finding.query.offset, finding.page);
        let kept = |candidate: &Candidate| match &candidate.row {
            Some(row) => Some(row.clone()),
            None => finding.overlay.get(&candidate.id).cloned().flatten(),
        };
        let unkept = wanted.iter().filter(|candidate| kept(candidate).is_none()).map(|candidate| candidate.id.as_str());
        let mut loaded = self.document_rows(collection, unkept)?.into_iter();
        let row = |candidate: &&Candidate| match kept(candidate) {
            Some(row) => Some(RowValue::Present(row)),
            None => loaded.next().flatten(),
        };
        let rows: Vec<Option<RowValue>> = wanted.iter().map(row).collect();
        let at_limit = finding.query.limit == Some(wanted.len());
        let more = !at_limit && finding.first.heap.len() > finding.query.offset.saturating_add(wanted.len());
        let next = wanted.last().filter(|_| more).map(|last| BASE64URL_NOPAD.encode(&last.key));
        let mut found = Found::new(finding.query.select.as_ref(), next);
        found.corrupt = finding.corrupt.clone();
        for (candidate, row) in wanted.iter().zip(rows) {
            found.push(&candidate.id, row.as_ref());
        }
        Ok(found.reply())
    }

    /// Hands every row that may match to `take`, until that wants no more.
    fn read_candidates(
        &mut self,
        collection: &CollectionName,
        finding: &mut Finding,
        scan: &mut ScanSlot,
        take: Take,
    ) -> Result<(), Missing> {
        finding.take_overlay(take);
        if finding.plan.is_some() {
            self.read_index(collection, finding, scan, take)
        } else {
            self.read_collection(collection, finding, scan, take)
        }
    }

    /// Reads what the plan names in the index, step by step, and the documents of each step.
    fn read_index(
        &mut self,
        collection: &CollectionName,
        finding: &mut Finding,
        scan: &mut ScanSlot,
        take: Take,
    ) -> Result<(), Missing> {
        loop {
            let rows = self.document_rows(collection, finding.named.iter().map(String::as_str))?;
            for (id, row) in std::mem::take(&mut finding.named).into_iter().zip(rows) {
                if finding.overlay.contains_key(&id) {
                    continue;
                }
                let wants_more = match row {
                    Some(RowValue::Present(row)) => take(finding, id, &row),
                    Some(RowValue::Corrupt) => {
                        finding.corrupt.push(id);
                        true
                    }
                    None => true,
                };
                if !wants_more {
                    finding.end_plan();
                    return Ok(());
                }
            }
            let step = finding.first.most.clamp(MIN_STEP_INDEX_ROWS, STEP_INDEX_ROWS);
            let Some(plan) = &mut finding.plan else { return Ok(()) };
            let Some(range) = plan.ranges.front() else { return Ok(()) };
            let range = range.clone().limit(u32::try_from(step).unwrap_or(u32::MAX));
            if range.is_empty() {
                plan.ranges.pop_front();
                continue;
            }
            let (rows, rest) = self.scan_part(scan, &range)?;
            if !rows.lost.is_empty() {
                // A part of the index cannot be read: the documents tell what it would have.
                finding.begin_again();
                finding.take_overlay(take);
                return self.read_collection(collection, finding, scan, take);
            }
            plan.ranges.pop_front();
            if let Some(rest) = rest {
                plan.ranges.push_front(rest);
            }
            for (row, _) in &rows.rows {
                let id = plan.index.parse_row(row).map(|(_, id)| id.to_owned());
                if let Some(id) = id.filter(|id| plan.is_new(id)) {
                    finding.named.push(id);
                }
            }
        }
    }

    /// The rows of these documents, all of which are loaded together.
    pub(super) fn document_rows<'i>(
        &mut self,
        collection: &CollectionName,
        ids: impl Iterator<Item = &'i str>,
    ) -> Result<Vec<Option<RowValue>>, Missing> {
        let rows: Vec<_> = ids.map(|id| self.rows.one(&value_key(collection.as_str(), id))).collect();
        rows.into_iter().collect()
    }

    /// Reads the collection in the order of ids.
    fn read_collection(
        &mut self,
        collection: &CollectionName,
        finding: &mut Finding,
        scan: &mut ScanSlot,
        take: Take,
    ) -> Result<(), Missing> {
        loop {
            let mut range = value_range(collection.as_str()).limit(STEP_ROWS).max_bytes(STEP_BYTES);
            if let Some(read) = &finding.read {
                range = range.after(read);
            }
            if range.is_empty() {
                return Ok(());
            }
            let rows = self.scan_rows(scan, &range)?;
            for (key, row) in &rows.rows {
                let Some((_, id)) = parse_document(key).filter(|(_, id)| !finding.overlay.contains_key(id)) else {
                    continue;
                };
                match row {
                    RowValue::Present(row) => {
                        if !take(finding, id, row) {
                            finding.read = value_range(collection.as_str()).end;
                            return Ok(());
                        }
                    }
                    RowValue::Corrupt => finding.corrupt.push(id),
                }
            }
            match rows.rows.last() {
                Some((last, _)) if rows.more => finding.read = Some(last.clone()),
                _ => {
                    finding.read = value_range(collection.as_str()).end;
                    return Ok(());
                }
            }
        }
    }
}

/// Takes a row that may match; `false` when it wants no more.
type Take = fn(&mut Finding, String, &RowBytes) -> bool;

impl Finding {
    fn begin(collection: &CollectionName, asked: Asked<'_>) -> Result<Self, Failure> {
        let Asked { query, after, page, within } = asked;
        let query = parse_query(query)?;
        let overlay = within.map(|within| overlay_rows(collection, within)).transpose()?.unwrap_or_default();
        let after = after.map(|after| BASE64URL_NOPAD.decode(after.as_bytes())).transpose();
        let after = after.map_err(|_| Failure::new(ErrorCode::RequestInvalid, "`after` is not where a page ended"))?;
        let page = if page == 0 { MAX_PAGE } else { MAX_PAGE.min(page as usize) };
        let page = query.limit.map_or(page, |limit| page.min(limit));
        Ok(Self { overlay, ..Self::new(collection, query, after, page) })
    }

    fn new(collection: &CollectionName, query: Query, after: Option<Vec<u8>>, page: usize) -> Self {
        // Without an order the keys are the ids: what was answered before need not be read again.
        let read = after.as_deref().filter(|_| query.sort.by().is_empty()).and_then(|id| std::str::from_utf8(id).ok());
        let read = read.map(|id| value_key(collection.as_str(), id));
        let first = First::new(query.offset.saturating_add(page).saturating_add(1));
        let (plan, named, corrupt, overlay, overlaid) = (None, Vec::new(), Vec::new(), BTreeMap::new(), false);
        Self { query, overlay, overlaid, after, page, plan, named, read, first, corrupt, count: 0 }
    }

    /// Whether there may be more matches than were read.
    pub(super) fn is_full(&self) -> bool {
        self.first.is_full()
    }

    /// What was read, in order: the key, the id, and the row of most of them; and the ids of rows that do not decode.
    pub(super) fn into_read(self) -> (Vec<Read>, Vec<String>) {
        let read = self.first.heap.into_sorted_vec().into_iter();
        (read.map(|Candidate { key, id, row, .. }| Read { key, id, row }).collect(), self.corrupt)
    }

    /// The plan has given all that is wanted.
    fn end_plan(&mut self) {
        if let Some(plan) = &mut self.plan {
            plan.ranges.clear();
        }
    }

    /// Forgets what an index gave, and the index.
    fn begin_again(&mut self) {
        self.plan = None;
        self.first = First::new(self.first.most);
        self.corrupt.clear();
        self.count = 0;
        self.overlaid = false;
    }

    /// Hands the documents of the overlay to `take`, once. They come before all others and in no order.
    fn take_overlay(&mut self, take: Take) {
        if std::mem::replace(&mut self.overlaid, true) {
            return;
        }
        let overlay = std::mem::take(&mut self.overlay);
        for (id, row) in &overlay {
            if let Some(row) = row {
                take(self, id.clone(), row);
            }
        }
        self.overlay = overlay;
    }

    /// Candidates come in the order that is asked for.
    pub(super) fn is_in_order(&self) -> bool {
        self.plan.as_ref().map_or(self.query.sort.by().is_empty(), |plan| plan.in_order)
    }

    /// The row's document, if it matches: decoded only as far as that takes. A row that does not decode is noted.
    fn matching<'r>(&mut self, id: &str, row: &'r RowBytes) -> Option<DocumentRowRef<'r>> {
        let Ok(row) = DocumentRowRef::decode(row) else {
            self.corrupt.push(id.to_owned());
            return None;
        };
        if row.deleted {
            return None;
        }
        match self.query.filter.matches_encoded(row.value) {
            Ok(matches) => matches.then_some(row),
            Err(_) => {
                self.corrupt.push(id.to_owned());
                None
            }
        }
    }

    fn count(&mut self, id: String, row: &RowBytes) -> bool {
        if self.matching(&id, row).is_some() {
            self.count += 1;
        }
        true
    }

    /// Keeps a document that matches; `false` when no later one can be among the first.
    fn keep(&mut self, id: String, row: &RowBytes) -> bool {
        let Some(found) = self.matching(&id, row) else { return true };
        let Some(key) = self.key(&id, found.value) else {
            self.corrupt.push(id);
            return true;
        };
        if self.after.as_ref().is_some_and(|after| key <= *after) {
            return true;
        }
        let place = self.is_in_order().then(|| key.clone());
        self.first.offer(Candidate { key, id, bytes: row.len(), row: Some(row.clone()) });
        place.is_none_or(|place| self.first.wants_behind(&place))
    }

    /// Notes a document that matches, without its row.
    fn note(&mut self, id: String, row: &RowBytes) -> bool {
        let Some(found) = self.matching(&id, row) else { return true };
        let Some(key) = self.key(&id, found.value) else {
            self.corrupt.push(id);
            return true;
        };
        self.count += 1;
        // Without a limit that is low enough all that match are counted.
        let ends = self.is_in_order() && self.query.limit.is_some_and(|limit| limit <= MAX_MATCHED);
        let place = ends.then(|| key.clone());
        self.first.offer(Candidate { key, id, bytes: row.len(), row: None });
        place.is_none_or(|place| self.first.wants_behind(&place))
    }

    /// The documents that were noted.
    fn matched(self) -> Result<Matched, Failure> {
        let Self { query, first, count, corrupt, .. } = self;
        let behind = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(query.offset);
        let asked = query.limit.map_or(behind, |limit| behind.min(limit));
        if asked > MAX_MATCHED {
            let message = format!("the query asks for {asked} documents, one call writes at most {MAX_MATCHED}");
            return Err(Failure::new(ErrorCode::UpdateTooMany, message));
        }
        let candidates = first.heap.into_sorted_vec().into_iter().skip(query.offset);
        let (ids, bytes): (Vec<String>, Vec<usize>) =
            candidates.map(|candidate| (candidate.id, candidate.bytes)).unzip();
        let bytes: usize = bytes.iter().sum();
        if bytes > MAX_MATCHED_BYTES {
            let message = format!(
                "the query asks for {} documents of {bytes} bytes, one call writes at most {MAX_MATCHED_BYTES}",
                ids.len()
            );
            return Err(Failure::new(ErrorCode::UpdateTooMany, message));
        }
        Ok(Matched { ids, corrupt })
    }

    /// The place of a document in the order that is asked for.
    fn key(&self, id: &str, value: &[u8]) -> Option<Vec<u8>> {
        if self.query.sort.by().is_empty() {
            return Some(id.as_bytes().to_vec());
        }
        let (id, value) = (DocumentId::parse(id).ok()?, Value::decode(value).ok()?);
        Some(self.query.sort.key(&id, &value))
    }
}

impl First {
    fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new(), kept_bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.heap.len() >= self.most
    }

    /// Whether a candidate behind this key can be among the first.
    fn wants_behind(&self, key: &[u8]) -> bool {
        !self.is_full() || self.heap.peek().is_some_and(|last| last.key.as_slice() > key)
    }

    fn offer(&mut self, mut candidate: Candidate) {
        if self.is_full() {
            if self.heap.peek().is_none_or(|last| candidate >= *last) {
                return;
            }
            if let Some(last) = self.heap.pop() {
                self.kept_bytes -= last.row.map_or(0, |row| row.len());
            }
        }
        if candidate.row.is_none() || self.kept_bytes + candidate.bytes > KEPT_BYTES {
            candidate.row = None;
        } else {
            self.kept_bytes += candidate.bytes;
        }
        self.heap.push(candidate);
    }

    /// At most `page` of them behind the first `offset`, as many as fit one answer.
    fn wanted(&self, offset: usize, page: usize) -> Vec<&Candidate> {
        let mut ordered: Vec<&Candidate> = self.heap.iter().collect();
        ordered.sort_unstable();
        let mut bytes = 0;
        let fits = |candidate: &&Candidate| {
            let first = bytes == 0;
            bytes += candidate.bytes;
            first || bytes <= MAX_PAGE_BYTES
        };
        ordered.into_iter().skip(offset).take(page).take_while(fits).collect()
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Collects documents into a page of an answer.
pub(super) struct Found<'q> {
    select: Option<&'q Projection>,
    next: Option<String>,
    pub(super) ids: Vec<String>,
    pub(super) versions: Vec<String>,
    /// Not closed yet.
    pub(super) text: String,
    pub(super) tagged: bool,
    pub(super) corrupt: Vec<String>,
}

impl<'q> Found<'q> {
    pub(super) fn new(select: Option<&'q Projection>, next: Option<String>) -> Self {
        let (ids, versions, corrupt) = (Vec::new(), Vec::new(), Vec::new());
        Self { select, next, ids, versions, text: "[".into(), tagged: false, corrupt }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Bytes of text so far.
    pub(super) fn byte_len(&self) -> usize {
        self.text.len()
    }

    /// Appends a document; `false` when it does not decode.
    pub(super) fn push(&mut self, id: &str, row: Option<&RowValue>) -> bool {
        let before = self.text.len();
        if !self.ids.is_empty() {
            self.text.push(',');
        }
        match row.and_then(RowValue::present).and_then(|row| self.write(row)) {
            Some(version) => {
                self.ids.push(id.to_owned());
                self.versions.push(version);
                true
            }
            None => {
                self.text.truncate(before);
                self.corrupt.push(id.to_owned());
                false
            }
        }
    }

    /// Writes the row's document, or the selected parts, and answers its version; none when it does not decode.
    fn write(&mut self, row: &RowBytes) -> Option<String> {
        let row = DocumentRowRef::decode(row).ok()?;
        let tagged = match self.select {
            None => json::write_json(row.value, &mut self.text),
            Some(select) => json::write_value(&select.of(&Value::decode(row.value).ok()?), &mut self.text),
        };
        self.tagged |= tagged.ok()?;
        Some(row.to_owned().version().to_string())
    }

    fn reply(self) -> Reply {
        let (next, corrupt) = (self.next.clone(), self.corrupt.clone());
        let (ids, documents, versions, tagged) = self.into_parts();
        Reply::Found { ids, documents, versions, tagged, corrupt, next }
    }

    /// The ids, the documents as one text, their versions, and whether something in the text is tagged.
    pub(super) fn into_parts(mut self) -> (Vec<String>, String, Vec<String>, bool) {
        self.text.push(']');
        (self.ids, self.text, self.versions, self.tagged)
    }
}

/// A query as it crosses from a page: a JSON object with any of `filter`, `sort`, `offset`, `limit` and `select`.
pub(super) fn parse_query(text: &str) -> Result<Query, Failure> {
    let invalid = |message: String| Failure::new(ErrorCode::RequestInvalid, message);
    let value = json::parse_one(text).map_err(|error| invalid(format!("the query is not readable: {error}")))?;
    let Value::Map(parts) = value else { return Err(invalid("a query is an object".into())) };
    let mut query = Query::default();
    for (name, part) in &parts {
        match name.as_str() {
            "filter" => query.filter = Filter::parse(part).map_err(|error| query_failure(&error))?,
            "sort" => query.sort = Sort::parse(part).map_err(|error| query_failure(&error))?,
            "select" => query.select = Some(Projection::parse(part).map_err(|error| query_failure(&error))?),
            "limit" => query.limit = Some(whole("limit", part)?),
            "offset" => query.offset = whole("offset", part)?,
            _ => return Err(invalid(format!("a query has no part `{name}`"))),
        }
    }
    Ok(query)
}

/// The documents of an overlay as rows that no device wrote: without heads, so without a version.
fn overlay_rows(collection: &CollectionName, within: &Overlay) -> Result<BTreeMap<String, Option<RowBytes>>, Failure> {
    let values = json::parse_many(&within.documents).map_err(|error| document_failure(&error))?;
    if values.len() != within.ids.len() {
        return Err(Failure::new(ErrorCode::RequestInvalid, "ids and documents differ in number"));
    }
    let mut rows = BTreeMap::new();
    for (id, value) in within.ids.iter().zip(values) {
        parse_id(collection.as_str(), id)?;
        let value = value.encode().map_err(|error| document_failure(&error).about(collection.as_str(), id))?;
        let chunks = ChunkSpan { first: 0, last: 0, base_bytes: 0, appended_bytes: 0 };
        let row =
            DocumentRow { heads: vec![], deleted: false, sent_with: 0, received_with: 0, chunks, value, parts: None };
        rows.insert(id.clone(), Some(row.encode().into()));
    }
    rows.extend(within.absent.iter().map(|id| (id.clone(), None)));
    Ok(rows)
}

fn whole(name: &str, value: &Value) -> Result<usize, Failure> {
    let Value::Uint(number) = value else {
        let reason = "must be a whole number that is not negative".to_owned();
        return Err(query_failure(&QueryError { path: name.to_owned(), operator: None, reason }));
    };
    Ok(usize::try_from(*number).unwrap_or(usize::MAX))
}

pub(super) fn query_failure(error: &QueryError) -> Failure {
    let QueryError { path, operator, reason } = error.clone();
    let mut failure = Failure::new(ErrorCode::QueryInvalid, error.to_string());
    failure.query = Some(Box::new(QueryMistake { path, operator, reason }));
    failure
}
