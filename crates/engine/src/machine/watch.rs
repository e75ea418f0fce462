//! Live queries: each client that watches is told what its query answers, and with every commit how that has changed.
//!
//! Of an answer only the places of its documents are held (`window`), never the documents. A document that is stored is asked
//! where it stood and where it stands in each watched answer of its collection; nothing else is read. What that changes leaves
//! as a patch in the news of the very batch, so nobody is shown what is not durable. The store is read again only when a
//! limited answer has lost more documents than were held behind it.
//!
//! A client says which patch it has taken in. As long as it has not, changes are only noted, so one that is slow gets the
//! newest state in one. What it wrote itself it is told with the answer, whatever it has taken in.

mod ranked;
mod window;

use super::Machine;
use super::batch::Batch;
use super::documents::{Stop, parse_collection, parse_id};
use super::find::{Finding, Found, Read, parse_query};
use super::indexes::value_of;
use super::rows::{Missing, RowCache};
use super::task::{CommandTask, ScanSlot, Task, WatchTask};
use crate::api::{ErrorCode, Event, Failure, Patch};
use crate::document::{CollectionName, DocumentId, DocumentRow, Value};
use crate::query::Query;
use crate::store::keys::value_key;
use crate::store::{Key, RowValue};
use ranked::Place;
use std::collections::BTreeMap;
use window::Window;

// Some of these are so small in tests that changes get past them.

/// The most watches of one client.
pub(crate) const MAX_WATCHES: usize = 1_000;
/// The most documents in a watched answer, those before its offset included.
pub(crate) const MAX_WATCHED: usize = if cfg!(test) { 1_000 } else { 200_000 };
/// The most memory for the places of all watched answers.
const MAX_WATCHED_BYTES: usize = 64 << 20;
/// Places held behind a limit when the next ones are found in order, by an index.
const RESERVE_IN_ORDER: usize = if cfg!(test) { 2 } else { 100 };
/// Places held behind a limit when everything has to be read for the next ones.
const RESERVE_SORTED: usize = if cfg!(test) { 3 } else { 10_000 };
/// The most rows in one patch.
const MAX_PATCH_ROWS: usize = if cfg!(test) { 4 } else { 4_000 };
/// A patch of so many bytes of text takes no more rows; one always fits.
const MAX_PATCH_BYTES: usize = 1 << 20;
/// So many patches of a watch may be under way.
const MAX_UNTAKEN: u64 = 2;
/// Rows read in one step for a patch, before it is known how large they are; never fewer than the second.
const FIRST_STEP_ROWS: usize = 256;
const MIN_STEP_ROWS: usize = if cfg!(test) { 2 } else { 16 };

/// All watches, by collection.
#[derive(Default)]
pub(super) struct Watches {
    of: BTreeMap<String, Vec<Watch>>,
    /// There may be something to tell.
    due: bool,
}

/// One live query of one client.
struct Watch {
    client: String,
    id: u64,
    collection: CollectionName,
    query: Query,
    /// Only this document, whatever it holds.
    only: Option<DocumentId>,
    window: Window,
    /// The number of the last patch that was sent, and of the last that was taken in.
    sent: u64,
    taken: u64,
    /// Batches that changed what is shown and are not told.
    untold: u64,
    /// The client waits for the rest of what it was told.
    holding: bool,
    corrupt: Vec<String>,
    /// The answer has to be read anew: it is not known where a document stood.
    lost_track: bool,
    /// Documents are missing in memory for the next patch.
    wants_rows: bool,
    step_rows: usize,
    /// Why it cannot go on.
    failure: Option<Failure>,
}

impl Machine {
    /// Begins to watch: reads the answer, whose documents then come as the first patches.
    pub(super) fn watch(
        &mut self,
        task: &mut CommandTask,
        id: u64,
        collection: &str,
        query: &str,
        only: Option<&str>,
    ) -> Result<(), Stop> {
        let collection = parse_collection(collection)?;
        let only = only.map(|only| parse_id(collection.as_str(), only)).transpose()?;
        self.watches.end(&task.client, id);
        if self.watches.count(&task.client) >= MAX_WATCHES {
            return Err(too_large(&format!("a page watches at most {MAX_WATCHES} answers at once")).into());
        }
        let query = if only.is_some() { Query::default() } else { parse_query(query)? };
        let mut watch = Watch::new(&task.client, id, collection, query, only);
        self.read_answer(&mut watch, &mut task.scan, &mut task.finding)?;
        self.watches.check(&watch)?;
        self.watches.put(watch);
        Ok(())
    }

    /// Somebody is answered with the open batch, and told before what there is to tell.
    pub(super) fn watches_are_due(&mut self) {
        self.watches.due = true;
    }

    pub(super) fn watch_taken(&mut self, client: &str, id: u64, patch: u64) {
        let found = self.watches.all().find(|watch| watch.is(client, id));
        if let Some(watch) = found {
            watch.taken = watch.taken.max(patch.min(watch.sent));
            self.watches.due = true;
        }
    }

    /// Notes how a document that is being stored changes what is watched; the row before is still the one in memory.
    pub(super) fn watch_document(&mut self, key: &Key, collection: &str, id: &str, row: &DocumentRow) {
        if !self.watches.of.get(collection).is_some_and(|all| all.iter().any(|watch| watch.concerns(id))) {
            return;
        }
        let values = self.value_before(key).and_then(|before| Some((before, value_of(row.deleted, &row.value)?)));
        self.watches.due = true;
        for watch in self.watches.of.get_mut(collection).into_iter().flatten().filter(|watch| watch.concerns(id)) {
            match &values {
                Some((before, after)) => watch.note(id, before.as_ref(), after.as_ref()),
                None => watch.lost_track = true,
            }
        }
    }

    /// Puts what there is to tell into the open batch, which is about to be closed.
    pub(super) fn patch_watches(&mut self) {
        if !std::mem::take(&mut self.watches.due) {
            return;
        }
        let (rows, batch) = (&mut self.rows, &mut self.batch);
        let mut all_bytes = self.watches.byte_len();
        for watches in self.watches.of.values_mut() {
            watches.retain_mut(|watch| watch.tell(rows, batch, &mut all_bytes));
        }
        self.watches.of.retain(|_, watches| !watches.is_empty());
    }

    /// Something to be read for a watch.
    pub(super) fn watch_task(&self) -> Option<Task> {
        let mut all = self.watches.of.values().flatten();
        let needy = all.find(|watch| watch.needs_answer() || watch.wants_rows && watch.may_send())?;
        let (client, watch) = (needy.client.clone(), needy.id);
        Some(Task::Watch(WatchTask { client, watch, scan: None, finding: None }))
    }

    pub(super) fn read_for_watch(&mut self, task: &mut WatchTask) -> Result<(), Missing> {
        let Some(mut watch) = self.watches.take(&task.client, task.watch) else { return Ok(()) };
        let read = if watch.needs_answer() {
            self.read_answer(&mut watch, &mut task.scan, &mut task.finding)
        } else {
            self.read_rows(&mut watch)
        };
        if read.is_ok() {
            watch.failure = self.watches.check(&watch).err();
        }
        self.watches.put(watch);
        read
    }

    /// Reads the places of an answer: all, or those behind what is held.
    fn read_answer(
        &mut self,
        watch: &mut Watch,
        scan: &mut ScanSlot,
        finding: &mut Option<Box<Finding>>,
    ) -> Result<(), Missing> {
        if watch.only.is_some() {
            return self.read_document(watch);
        }
        let after = watch.window.edge().filter(|_| !watch.lost_track).cloned();
        let mut reading = finding.take().unwrap_or_else(|| {
            let key = after.as_ref().map(|place| place.key().to_vec());
            let most = |in_order| watch.most(in_order, after.is_some());
            Box::new(self.begin_reading(&watch.collection, &watch.query, key, most))
        });
        if let Err(missing) = self.read_on(&watch.collection, &mut reading, scan) {
            *finding = Some(reading);
            return Err(missing);
        }
        let (reserve, all) = (watch.reserve(reading.is_in_order()), !reading.is_full());
        let (read, corrupt) = reading.into_read();
        watch.corrupt.extend(corrupt);
        self.keep_rows(watch, &read);
        let places = read.into_iter().map(|Read { key, id, .. }| Place::new(key, &id)).collect();
        if after.is_some() {
            watch.window.extend(places, all, reserve);
        } else {
            watch.window.fill(places, all, reserve);
        }
        watch.lost_track = false;
        Ok(())
    }

    /// The answer of a watch of one document.
    fn read_document(&mut self, watch: &mut Watch) -> Result<(), Missing> {
        let Some(id) = watch.only.clone() else { return Ok(()) };
        let mut places = Vec::new();
        match self.rows.one(&value_key(watch.collection.as_str(), id.as_str()))? {
            Some(RowValue::Present(row)) => match DocumentRow::decode(&row) {
                Ok(row) if row.deleted => {}
                Ok(_) => places.push(Place::new(id.as_str().as_bytes().to_vec(), id.as_str())),
                Err(_) => watch.corrupt.push(id.as_str().to_owned()),
            },
            Some(RowValue::Corrupt) => watch.corrupt.push(id.as_str().to_owned()),
            None => {}
        }
        watch.window.fill(places, true, 0);
        watch.lost_track = false;
        Ok(())
    }

    /// Rows that were read with their places, as far as they were kept, are as good as loaded for the first patches.
    fn keep_rows(&mut self, watch: &Watch, read: &[Read]) {
        for Read { id, row, .. } in read.iter().skip(watch.query.offset).take(watch.query.limit.unwrap_or(usize::MAX)) {
            let Some(row) = row else { return };
            self.rows.keep(value_key(watch.collection.as_str(), id), row.clone());
        }
    }

    /// Loads the documents of the next patch.
    fn read_rows(&mut self, watch: &mut Watch) -> Result<(), Missing> {
        let mut missing = None;
        for place in watch.window.lacking().take(watch.step_rows) {
            missing = self.rows.one(&value_key(watch.collection.as_str(), place.id())).err().or(missing);
        }
        if let Some(missing) = missing {
            return Err(missing);
        }
        watch.wants_rows = false;
        Ok(())
    }
}

impl Watches {
    fn all(&mut self) -> impl Iterator<Item = &mut Watch> {
        self.of.values_mut().flatten()
    }

    fn count(&self, client: &str) -> usize {
        self.of.values().flatten().filter(|watch| watch.client == client).count()
    }

    fn byte_len(&self) -> usize {
        self.of.values().flatten().map(|watch| watch.window.byte_len()).sum()
    }

    /// Whether there is memory for a watch that is not among the others now.
    fn check(&self, watch: &Watch) -> Result<(), Failure> {
        watch.check(self.byte_len() + watch.window.byte_len())
    }

    fn put(&mut self, watch: Watch) {
        self.due = true;
        self.of.entry(watch.collection.to_string()).or_default().push(watch);
    }

    fn take(&mut self, client: &str, id: u64) -> Option<Watch> {
        for watches in self.of.values_mut() {
            if let Some(at) = watches.iter().position(|watch| watch.is(client, id)) {
                return Some(watches.remove(at));
            }
        }
        None
    }

    /// Ends one watch.
    pub(super) fn end(&mut self, client: &str, id: u64) {
        self.retain(|watch| !watch.is(client, id));
    }

    /// Ends everything that a client watches.
    pub(super) fn forget(&mut self, client: &str) {
        self.retain(|watch| watch.client != client);
    }

    fn retain(&mut self, keep: impl Fn(&Watch) -> bool) {
        self.of.values_mut().for_each(|watches| watches.retain(&keep));
        self.of.retain(|_, watches| !watches.is_empty());
    }
}

impl Watch {
    fn new(client: &str, id: u64, collection: CollectionName, query: Query, only: Option<DocumentId>) -> Self {
        let end = query.limit.map_or(usize::MAX, |limit| query.offset.saturating_add(limit));
        // Beyond what may be watched a limit is none.
        let end = if end > MAX_WATCHED { usize::MAX } else { end };
        Self {
            client: client.to_owned(),
            id,
            collection,
            window: Window::new(query.offset, end),
            query,
            only,
            sent: 0,
            taken: 0,
            untold: 0,
            holding: false,
            corrupt: Vec::new(),
            lost_track: false,
            wants_rows: false,
            step_rows: FIRST_STEP_ROWS,
            failure: None,
        }
    }

    fn is(&self, client: &str, id: u64) -> bool {
        self.id == id && self.client == client
    }

    fn concerns(&self, id: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.as_str() == id)
    }

    /// How many places are read at once.
    fn most(&self, in_order: bool, behind: bool) -> usize {
        match self.window.end() {
            None => MAX_WATCHED + 1,
            Some(end) if behind => end.saturating_sub(self.window.len()) + self.reserve(in_order),
            Some(end) => end + self.reserve(in_order),
        }
    }

    fn reserve(&self, in_order: bool) -> usize {
        if in_order { RESERVE_IN_ORDER } else { RESERVE_SORTED }
    }

    fn check(&self, all_bytes: usize) -> Result<(), Failure> {
        if self.window.end().is_none() && self.window.len() > MAX_WATCHED {
            return Err(too_large(&format!("an answer of more than {MAX_WATCHED} documents is not watched")));
        }
        if all_bytes > MAX_WATCHED_BYTES {
            return Err(too_large("everything that is watched takes too much memory"));
        }
        Ok(())
    }

    fn note(&mut self, id: &str, before: Option<&Value>, after: Option<&Value>) {
        let old = before.and_then(|value| self.place(id, value));
        let new = after.and_then(|value| self.place(id, value));
        if old == new && (old.is_none() || self.shows_no_difference(before, after)) {
            return;
        }
        self.window.change(old.as_ref(), new);
    }

    /// Where a document stands in the whole answer; none when it does not match.
    fn place(&self, id: &str, value: &Value) -> Option<Place> {
        if self.only.is_some() || self.query.filter.matches(value) {
            let id = DocumentId::parse(id).ok()?;
            return Some(Place::new(self.query.sort.key(&id, value), id.as_str()));
        }
        None
    }

    /// The selected parts are the same.
    fn shows_no_difference(&self, before: Option<&Value>, after: Option<&Value>) -> bool {
        let (Some(select), Some(before), Some(after)) = (&self.query.select, before, after) else { return false };
        select.of(before) == select.of(after)
    }

    fn needs_answer(&self) -> bool {
        self.lost_track || self.window.wants() > 0
    }

    fn may_send(&self) -> bool {
        self.sent.saturating_sub(self.taken) < MAX_UNTAKEN
    }

    fn has_news(&self) -> bool {
        self.window.has_news() || self.holding || !self.corrupt.is_empty()
    }

    /// Puts what there is to tell into the batch, as far as the client is ready for it; `false` when the watch has ended.
    fn tell(&mut self, rows: &mut RowCache, batch: &mut Batch, all_bytes: &mut usize) -> bool {
        let changed = self.window.take_changed();
        let failure = self.failure.take().or_else(|| if changed { self.check(*all_bytes).err() } else { None });
        if let Some(failure) = failure {
            *all_bytes -= self.window.byte_len();
            batch.tell(&self.client, Event::Unwatched { watch: self.id, failure });
            return false;
        }
        self.untold += u64::from(changed);
        // Who is answered has to see what it wrote, and nothing from before that.
        let mut answered = batch.answers(&self.client);
        while self.has_news() {
            let ready = !self.lost_track && !self.window.is_short();
            if !(self.may_send() || answered) {
                break;
            }
            let patch = if ready { self.next_patch(rows) } else { None };
            let Some(patch) = patch else {
                if answered && !self.holding {
                    let hold = Patch { documents: "[]".into(), more: true, ..Patch::default() };
                    self.send(batch, hold);
                }
                break;
            };
            self.send(batch, patch);
            answered = false;
        }
        true
    }

    fn send(&mut self, batch: &mut Batch, patch: Patch) {
        self.sent += 1;
        self.holding = patch.more;
        let patch = Patch { watch: self.id, number: self.sent, ..patch };
        batch.tell(&self.client, Event::Patch { patch });
    }

    /// The next patch, with as many of the documents that are in memory as it may carry; none when the first of them is not.
    fn next_patch(&mut self, rows: &mut RowCache) -> Option<Patch> {
        let (query, window, corrupt) = (&self.query, &mut self.window, &mut self.corrupt);
        let found = known_rows(query, &self.collection, window, corrupt, rows);
        if self.window.is_short() {
            return None;
        }
        if found.len() == 0 && self.window.lacking().next().is_some() {
            self.wants_rows = true;
            return None;
        }
        self.step_rows = step_rows(&found).unwrap_or(self.step_rows);
        let part = self.window.take(found.len());
        self.wants_rows = part.more;
        let skipped = if part.more { 0 } else { std::mem::take(&mut self.untold).saturating_sub(1) };
        let (ids, documents, versions, tagged) = found.into_parts();
        let places = part.places.into_iter().map(|(_, rank)| rank).collect();
        let (anew, removed, more) = (part.anew, part.removed, part.more);
        let corrupt = std::mem::take(&mut self.corrupt);
        let (watch, number) = (self.id, 0);
        Some(Patch { watch, number, anew, removed, ids, places, documents, versions, tagged, corrupt, skipped, more })
    }
}

/// So many rows like these fill two patches; none when there are none.
fn step_rows(found: &Found<'_>) -> Option<usize> {
    let row_bytes = found.byte_len().checked_div(found.len())?;
    Some((2 * MAX_PATCH_BYTES / row_bytes.max(1)).clamp(MIN_STEP_ROWS, MAX_PATCH_ROWS))
}

/// The first documents that the client lacks, as many as a patch carries, up to the first that is not in memory. One that
/// does not decode is left out of the answer.
fn known_rows<'q>(
    query: &'q Query,
    collection: &CollectionName,
    window: &mut Window,
    corrupt: &mut Vec<String>,
    rows: &mut RowCache,
) -> Found<'q> {
    loop {
        let mut found = Found::new(query.select.as_ref(), None);
        let mut unreadable = None;
        for place in window.lacking().take(MAX_PATCH_ROWS) {
            if found.byte_len() > MAX_PATCH_BYTES {
                break;
            }
            let Some(row) = rows.known(&value_key(collection.as_str(), place.id())) else { break };
            if !found.push(place.id(), row.as_ref()) {
                unreadable = Some(place.clone());
                break;
            }
        }
        let Some(place) = unreadable else { return found };
        corrupt.push(place.id().to_owned());
        window.change(Some(&place), None);
    }
}

fn too_large(message: &str) -> Failure {
    Failure::new(ErrorCode::QueryTooLarge, message)
}

#[cfg(test)]
mod tests;
