//! Documents whose changes are broken, put together from what is left and from the entries that carry them.

use super::documents::RowPlan;
use super::{GATHER, GATHER_AGAIN, GATHER_KEPT, GATHER_KEPT_AGAIN, SETTLE, SETTLE_AGAIN, repaired};
use crate::api::{HealthPart, Mended, Remedy, Reply};
use crate::document::edit::{self, Current, EditError, Edited, Examined};
use crate::document::state::{BEHIND, ChunkSpan, ChunkWrite};
use crate::document::{DocumentRow, Value};
use crate::group::DocumentChange;
use crate::machine::check::{Broken, Fault, Place, verified};
use crate::machine::receive::QuarantineRow;
use crate::machine::rows::{Missing, chunk_unit};
use crate::machine::task::ScanSlot;
use crate::machine::{Machine, keys};
use crate::store::keys::{parse_chunk_key, value_key};
use crate::store::{Key, RowValue, Rows, Value as RowBytes};
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::gather::Gather;
use ashore_protocol::header::{EntryKind, VerifiedEntry};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Entries of one page and their bytes; documents that are settled in one batch, and their bytes.
const PAGE_ROWS: u32 = 200;
const PAGE_BYTES: usize = 2 << 20;
const SETTLED_ROWS: u32 = 20;

/// A document that is put together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Gathered {
    /// Its row, if that could be read.
    #[n(0)]
    pub(super) old: Option<Bytes>,
    /// What there is of its changes, as one chunk.
    #[n(1)]
    pub(super) chunk: Option<Bytes>,
}

/// Rows as they are to be.
pub(in crate::machine) type RowWrites = Vec<(Key, Option<RowBytes>)>;

/// A document that takes the place of what was broken.
enum Settled {
    /// The relay may have more.
    Waits,
    Now(Remedy, Option<Box<RowPlan>>),
}

impl Machine {
    /// One page of entries: the changes in it of documents that are put together.
    pub(super) fn gather_page(&mut self, scan: &mut ScanSlot, place: &Place) -> Result<Reply, Missing> {
        let kept = matches!(place.number(), GATHER_KEPT | GATHER_KEPT_AGAIN);
        let next_part = Place::of(match place.number() {
            GATHER => GATHER_KEPT,
            GATHER_KEPT => SETTLE,
            GATHER_AGAIN => GATHER_KEPT_AGAIN,
            _ => SETTLE_AGAIN,
        });
        let waiting = self.rows.aside(keys::all_gathered())?;
        let Some((generation, _)) = self.generation().filter(|_| !waiting.is_empty()) else {
            return Ok(repaired(HealthPart::Gathering, 0, vec![], Some(next_part), false));
        };
        let range = if kept { keys::quarantines(generation) } else { keys::entries(generation) };
        let page = place.rest(range).limit(PAGE_ROWS).max_bytes(PAGE_BYTES);
        let (rows, rest) = self.scan_part(scan, &page)?;
        let changes = self.changes_in(&rows, kept);
        for (key, row) in waiting {
            let (Some(name), Some(mut gathered)) = (keys::parse_gathered(&key), gathered_row(&row)) else { continue };
            let Some(carried) = changes.get(&name) else { continue };
            let carried: Vec<&[u8]> = carried.iter().map(|chunks| &chunks[..]).collect();
            gathered.chunk = edit::gather(gathered.chunk.as_deref(), &carried).map(Into::into).or(gathered.chunk);
            self.rows.write(&mut self.batch.rows, key, Some(encode(&gathered).into()));
        }
        let next = rest.map_or(next_part, |rest| place.at(&rest.start));
        Ok(repaired(HealthPart::Gathering, rows.rows.len() as u64, vec![], Some(next), false))
    }

    /// What of a snapshot's changes is about documents that are put together goes to those: the rows to be written, and the rest of the changes.
    /// `None`: nothing of it is.
    pub(in crate::machine) fn gather_from_snapshot(
        &mut self,
        changes: &[DocumentChange],
    ) -> Result<Option<(RowWrites, Vec<DocumentChange>)>, Missing> {
        if !self.mending.asked {
            return Ok(None);
        }
        let rows = self.rows.aside(keys::all_gathered())?;
        let mut waiting: BTreeMap<(String, String), Gathered> =
            rows.iter().filter_map(|(key, row)| keys::parse_gathered(key).zip(gathered_row(row))).gather();
        self.rows.end_aside();
        if waiting.is_empty() {
            return Ok(None);
        }
        let (mut rest, mut found) = (Vec::new(), BTreeMap::new());
        for change in changes {
            let name = (change.collection.clone(), change.id.clone());
            match waiting.get_mut(&name) {
                Some(gathered) => {
                    let chunk = edit::gather(gathered.chunk.as_deref(), &[&change.chunks]);
                    gathered.chunk = chunk.map(Into::into).or(gathered.chunk.take());
                    found.insert(name, gathered.clone());
                }
                None => rest.push(change.clone()),
            }
        }
        let row = |((collection, id), gathered): ((String, String), Gathered)| {
            (keys::gathered(&collection, &id), Some(encode(&gathered).into()))
        };
        Ok((!found.is_empty()).then(|| (found.into_iter().map(row).collect(), rest)))
    }

    /// What these entries carry, by document.
    fn changes_in(&self, rows: &Rows, kept: bool) -> BTreeMap<(String, String), Vec<Bytes>> {
        let mut all: BTreeMap<_, Vec<Bytes>> = BTreeMap::new();
        let Some((_, group)) = self.generation() else { return all };
        for (_, row) in &rows.rows {
            let entry = if kept { kept_entry(row) } else { verified(Some(row), group) };
            let Some(entry) = entry.filter(|entry| entry.kind() == EntryKind::Data) else { continue };
            for change in self.open_changes(&entry).map(|opened| opened.changes).unwrap_or_default() {
                all.entry((change.collection, change.id)).or_default().push(change.chunks);
            }
        }
        all
    }

    /// Some documents take the place of what was broken; those for which the relay may have more wait.
    pub(super) fn settle_page(&mut self, scan: &mut ScanSlot, place: &Place) -> Result<Reply, Missing> {
        let again = place.number() != SETTLE;
        let page = place.rest(keys::all_gathered()).limit(SETTLED_ROWS).max_bytes(PAGE_BYTES);
        let raw = scan.clone();
        let (rows, rest) = self.scan_part(scan, &page)?;
        let asked_before = self.mending.asked && self.sync.group.is_some() && !self.relay_was_read();
        // Entries that are here only by a snapshot, or were let go of, are the relay's to give.
        let lacks = self.sync.group.as_ref().is_some_and(|group| group.snapshots.state.covered);
        let may_ask = lacks && !again && !self.mending.asked;
        let may_come = asked_before || may_ask;
        let (mut settled, mut missing) = (Vec::new(), None);
        let controls = self.stored_controls().unwrap_or_else(|not_here| {
            missing = Some(not_here);
            vec![]
        });
        for (key, row) in &rows.rows {
            let Some((collection, id)) = keys::parse_gathered(key) else { continue };
            match self.settle_one(&collection, &id, gathered_row(row), may_come) {
                Ok(done) => settled.push((key.clone(), collection, id, done)),
                Err(not_here) => missing = Some(not_here),
            }
        }
        if let Some(missing) = missing {
            *scan = raw;
            return Err(missing);
        }
        let needs_relay = settled.iter().any(|(_, _, _, (_, done))| matches!(done, Settled::Waits));
        if may_ask && needs_relay {
            self.ask_again();
            self.ask_for_everything();
        }
        let may_come = asked_before || may_ask && needs_relay;
        let mut mended = Vec::new();
        for (key, collection, id, (what, done)) in settled {
            let finding = Fault::Document { collection: collection.clone(), id: id.clone(), what }.finding();
            match done {
                Settled::Waits if !again => {}
                Settled::Waits => mended.push(Mended { finding, remedy: Remedy::Waiting }),
                Settled::Now(remedy, plan) => {
                    mended.push(Mended { finding, remedy });
                    self.put_in_place(&collection, &id, plan);
                    self.rows.write(&mut self.batch.rows, key, None);
                }
            }
        }
        let next = rest.map(|rest| place.at(&rest.start));
        let waits = next.is_none() && may_come && !again;
        let next = if waits { Some(Place::of(GATHER_AGAIN)) } else { next };
        if next.is_none() {
            self.find_members(&controls);
            self.end_repair(may_come);
        }
        Ok(repaired(HealthPart::Settling, rows.rows.len() as u64, mended, next, waits))
    }

    fn settle_one(
        &mut self,
        collection: &str,
        id: &str,
        gathered: Option<Gathered>,
        may_come: bool,
    ) -> Result<(Broken, Settled), Missing> {
        let wanted = (self.rows.aside(chunk_unit(collection, id)), self.rows.one(&value_key(collection, id)));
        let (chunks, _) = (wanted.0?, wanted.1?);
        let gathered = gathered.unwrap_or(Gathered { old: None, chunk: None });
        let old = gathered.old.as_ref().and_then(|bytes| DocumentRow::decode(bytes).ok());
        let what = if old.is_some() { Broken::Chunks } else { Broken::Row };
        let examined = gathered.chunk.as_ref().and_then(|chunk| edit::examine(&[chunk]).ok());
        let reached = match (&examined, &old) {
            (Some(examined), Some(old)) => examined.reaches(&old.heads),
            (Some(_), None) => !may_come,
            (None, _) => false,
        };
        if !reached && may_come {
            return Ok((what, Settled::Waits));
        }
        let (chunk, examined, remedy) = match (gathered.chunk, examined, &old) {
            (Some(chunk), Some(examined), Some(_)) if reached => (chunk.to_vec(), examined, Remedy::Restored),
            (Some(chunk), Some(examined), None) => (chunk.to_vec(), examined, Remedy::Kept),
            (chunk, examined, Some(old)) => {
                let Some((chunk, examined)) = self.with_value(collection, old, chunk.filter(|_| examined.is_some()))
                else {
                    return Ok((what, Settled::Now(Remedy::Lost, None)));
                };
                (chunk, examined, Remedy::Kept)
            }
            (_, _, None) => return Ok((what, Settled::Now(Remedy::Lost, None))),
        };
        let numbers = chunks.iter().filter_map(|(key, _)| parse_chunk_key(key).ok()).map(|(_, _, number)| number);
        let number = numbers.max().and_then(|last| u32::try_from(last + 1).ok()).unwrap_or(0);
        let span = ChunkSpan::found(&[(number, chunk.len())]);
        let mut row = self.row_of(collection, id, &examined, span, old.as_ref());
        let travels = self.travels_now(&value_key(collection, id));
        row.sent_with = if travels && remedy != Remedy::Restored { BEHIND } else { row.sent_with };
        let remedy = if self.remedy(collection, old.as_ref()) == Remedy::Lost { Remedy::Lost } else { remedy };
        let writes = vec![ChunkWrite { number, bytes: chunk, replaces: None }];
        let plan = RowPlan { collection: collection.to_owned(), id: id.to_owned(), row, writes };
        Ok((what, Settled::Now(remedy, Some(Box::new(plan)))))
    }

    /// What readers got of a document, put over what there is of its changes.
    fn with_value(&self, collection: &str, old: &DocumentRow, left: Option<Bytes>) -> Option<(Vec<u8>, Examined)> {
        let shown = Value::decode(&old.value).ok()?;
        let value = match &old.parts {
            Some(parts) => self.readable_declarations(collection)?.of(parts.number).split(&shown).0,
            None => shown,
        };
        let deleted = old.parts.as_ref().map_or(old.deleted, |parts| parts.deleted);
        let (actor, now) = (self.actor, self.now.as_ms());
        let mut chunks = match left {
            Some(chunk) => vec![chunk.to_vec()],
            None => vec![edit::create(&value, actor, now).ok()?.change],
        };
        let put = changed(&chunks, |current| match deleted {
            true => edit::delete(current, actor, now),
            false => edit::put(Some(current), None, &value, actor, now).map(|put| put.edited),
        })?;
        chunks.extend(put);
        let all: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let whole = edit::whole(&all).ok()?;
        let examined = edit::examine(&[&whole]).ok()?;
        Some((whole, examined))
    }

    /// All chunks that were there make room; without a plan the row goes too.
    fn put_in_place(&mut self, collection: &str, id: &str, plan: Option<Box<RowPlan>>) {
        let old = self.rows.aside(chunk_unit(collection, id)).unwrap_or_default();
        self.write_rows(old.into_iter().map(|(key, _)| (key, None)).collect());
        match plan {
            Some(plan) => {
                self.note_own_writing();
                self.restore_row(*plan);
            }
            None => {
                self.drop_index_rows(collection);
                self.write_rows(vec![(value_key(collection, id), None)]);
                self.batch.changed(collection, id, false);
            }
        }
    }

    /// A document is gone whose rows in indexes nobody knows.
    fn drop_index_rows(&mut self, collection: &str) {
        let numbers: Vec<u32> = self.index_catalog(collection).iter().map(|index| index.number).collect();
        numbers.into_iter().for_each(|number| self.rebuild_index(collection, number));
    }
}

/// The change that an edit of the document with these chunks makes; none when it changes nothing.
fn changed(
    chunks: &[Vec<u8>],
    edit: impl FnOnce(Current<'_>) -> Result<Option<Edited>, EditError>,
) -> Option<Option<Vec<u8>>> {
    let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
    let row = edit::examine(&chunks).ok()?.row(0, ChunkSpan::NONE);
    let edited = edit(Current { row: &row, chunks: &chunks }).ok()?;
    Some(edited.map(|edited| edited.change))
}

fn gathered_row(row: &RowValue) -> Option<Gathered> {
    decode(row.present()?).ok()
}

fn kept_entry(row: &RowValue) -> Option<VerifiedEntry> {
    let stored = decode::<QuarantineRow>(row.present()?).ok()?;
    VerifiedEntry::decode(&stored.entry).ok()
}
