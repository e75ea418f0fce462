//! Making a snapshot: documents, covered ids and writers are gathered in bounded steps, sealed part by part and put at the
//! relay, one after another; then the entry that names them is appended. All of it is in memory: whoever crashes begins anew.

use super::super::link::Stage;
use super::super::rows::{Missing, chunk_unit};
use super::super::task::{ScanSlot, Task};
use super::super::{Machine, keys};
use super::aside::aside_bytes;
use super::covered::{Beginning, beginning};
use super::{SHORT_WAIT_MS, unusable};
use crate::api::{ErrorCode, Event, Failure, Reply};
use crate::document::edit;
use crate::group::{DocumentChange, MAX_CHANGE_BYTES, Marker, PART_BYTES, SnapshotPart, Writer, WriterOf};
use crate::store::keys::parse_chunk_key;
use crate::store::{Key, Range};
use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::{ClientFrame, FailureCode, RequestId};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::{DeviceId, EntryId, Epoch, SnapshotNonce};
use ashore_protocol::snapshot::{MAX_SNAPSHOT_PARTS, Manifest, Part};
use std::collections::{BTreeSet, VecDeque};

/// The tag of chunk rows. See [`crate::store::keys::chunk_key`].
const CHUNK_TAG: u8 = b'a';
/// Rows read in one step, and their bytes.
const STEP_ROWS: u32 = 1_000;
const STEP_BYTES: usize = 512 << 10;
/// A part is sealed when so many bytes were gathered.
const ENOUGH_BYTES: usize = 768 << 10;
/// A document of fewer chunks travels as they are.
const FEW_CHUNKS: usize = 8;
/// What a writer costs in a part, in bytes.
const WRITER_BYTES: usize = 56;

/// A snapshot that is being made.
pub(in crate::machine) struct Making {
    /// All of it but the parts that are still to come, and how many documents there are.
    manifest: Manifest,
    epoch: Epoch,
    parents: BTreeSet<EntryId>,
    /// Entries with lower local sequence numbers are covered.
    below: u64,
    step: Step,
    documents: VecDeque<DocumentChange>,
    covered: VecDeque<Beginning>,
    writers: VecDeque<WriterOf>,
    buried: VecDeque<Marker>,
    /// What was kept aside when it was begun, and what of it was read.
    pub(super) kept: VecDeque<EntryId>,
    aside: VecDeque<Bytes>,
    gathered_bytes: usize,
    /// The part that is being put, and the request on a connection that is to be answered.
    sealed: Option<Vec<u8>>,
    entry: Option<VerifiedEntry>,
    request: Option<(u64, RequestId)>,
}

/// What is gathered next.
enum Step {
    /// Documents whose chunks begin at this key, or the first.
    Documents(Option<Key>),
    /// Ids that begin with this byte, from this key on.
    Covered(u8, Option<Key>),
    /// Members' writers from this key on.
    Writers(Option<Key>),
    /// This device's own.
    OwnWriters(Option<Key>),
    /// Documents that are gone for good, from this key on.
    Buried(Option<Key>),
    /// Entries that were kept aside.
    Aside,
    Done,
}

/// A document's chunks, as they were read.
type Chunks = (String, String, Vec<Vec<u8>>);

impl Making {
    /// How many parts are put.
    pub(in crate::machine) fn parts(&self) -> usize {
        self.manifest.parts.len()
    }

    fn is_full(&self) -> bool {
        self.gathered_bytes >= ENOUGH_BYTES
    }

    fn has_gathered(&self) -> bool {
        let told = !self.writers.is_empty() || !self.buried.is_empty() || !self.aside.is_empty();
        !self.documents.is_empty() || !self.covered.is_empty() || told
    }

    fn take_document(&mut self, change: DocumentChange) {
        self.gathered_bytes += change.size();
        self.documents.push_back(change);
    }

    fn take_covered(&mut self, beginning: Beginning) {
        self.gathered_bytes += beginning.len();
        self.covered.push_back(beginning);
    }

    fn take_writer(&mut self, writer: [u8; 16], device: DeviceId) {
        self.gathered_bytes += WRITER_BYTES;
        self.writers.push_back(WriterOf { writer: Writer(writer), device });
    }

    fn take_marker(&mut self, marker: Marker) {
        self.gathered_bytes += marker_bytes(&marker);
        self.buried.push_back(marker);
    }

    /// An entry that was kept aside.
    pub(super) fn take_aside(&mut self, entry: Bytes) {
        self.gathered_bytes += aside_bytes(entry.len());
        self.aside.push_back(entry);
    }

    /// All that was kept aside was read.
    pub(super) fn end(&mut self) {
        self.step = Step::Done;
    }

    /// As much of what was gathered as fits a part.
    fn next_part(&mut self) -> SnapshotPart {
        let (mut part, mut room) = (SnapshotPart::default(), PART_BYTES);
        while let Some(change) = self.documents.front().filter(|change| change.size() <= room || room == PART_BYTES) {
            room = room.saturating_sub(change.size());
            part.documents.extend(self.documents.pop_front());
        }
        while room >= size_of::<Beginning>()
            && let Some(beginning) = self.covered.pop_front()
        {
            room -= beginning.len();
            part.covered.0.extend_from_slice(&beginning);
        }
        while room >= WRITER_BYTES
            && let Some(writer) = self.writers.pop_front()
        {
            room -= WRITER_BYTES;
            part.writers.push(writer);
        }
        while let Some(marker) = self.buried.pop_front_if(|marker| marker_bytes(marker) <= room) {
            room -= marker_bytes(&marker);
            part.buried.get_or_insert_default().push(marker);
        }
        while let Some(entry) = self.aside.pop_front_if(|entry| aside_bytes(entry.len()) <= room) {
            room -= aside_bytes(entry.len());
            part.aside.get_or_insert_default().push(entry);
        }
        self.gathered_bytes = self.gathered_bytes.saturating_sub(PART_BYTES - room);
        part
    }
}

impl Machine {
    /// Begins one that covers everything here; see [`Machine::may_begin_snapshot`].
    pub(super) fn begin_snapshot(&mut self) {
        let nonce = SnapshotNonce(self.rng.bytes());
        let Some(group) = &mut self.sync.group else { return };
        let (Some(log), Some(prefix)) = (group.place.log, group.place.prefix) else { return };
        let (cursor, parts) = (group.place.cursor, Vec::new());
        let manifest = Manifest { log, cursor, prefix, nonce, documents: 0, parts };
        let (epoch, parents, below) = (group.state.epoch, group.parents(false), group.state.next_sequence);
        let kept = group.aside_to_carry();
        group.snapshots.making = Some(Making {
            manifest,
            epoch,
            parents,
            below,
            step: Step::Documents(None),
            documents: VecDeque::new(),
            covered: VecDeque::new(),
            writers: VecDeque::new(),
            buried: VecDeque::new(),
            kept,
            aside: VecDeque::new(),
            gathered_bytes: 0,
            sealed: None,
            entry: None,
            request: None,
        });
    }

    /// A step of gathering, when nothing else is to be done and nothing is uncommitted: what is put may be read by others.
    pub(in crate::machine) fn snapshot_task(&self) -> Option<Task> {
        let making = self.sync.group.as_ref()?.snapshots.making.as_ref()?;
        let idle = self.committing.is_none() && self.batch.writes_nothing();
        let more = making.sealed.is_none() && making.entry.is_none();
        (idle && more && self.link_is_open()).then_some(Task::Snapshot(None))
    }

    /// Reads some more, and seals a part when there is enough.
    pub(in crate::machine) fn make_step(&mut self, scan: &mut ScanSlot) -> Result<(), Missing> {
        let Some(making) = self.making() else { return Ok(()) };
        if !making.is_full() {
            match &making.step {
                Step::Documents(from) => {
                    let from = from.clone();
                    self.gather_documents(scan, from)?;
                }
                Step::Covered(first, from) => {
                    let (first, from) = (*first, from.clone());
                    self.gather_covered(scan, first, from)?;
                }
                Step::Writers(from) => {
                    let from = from.clone();
                    self.gather_writers(scan, from)?;
                }
                Step::OwnWriters(from) => {
                    let from = from.clone();
                    self.gather_own_writers(scan, from)?;
                }
                Step::Buried(from) => {
                    let from = from.clone();
                    self.gather_buried(scan, from)?;
                }
                Step::Aside => self.gather_aside()?,
                Step::Done => {}
            }
        }
        self.seal_part();
        Ok(())
    }

    pub(super) fn making(&mut self) -> Option<&mut Making> {
        self.sync.group.as_mut()?.snapshots.making.as_mut()
    }

    fn gather_documents(&mut self, scan: &mut ScanSlot, from: Option<Key>) -> Result<(), Missing> {
        let mut range = Range::prefix([CHUNK_TAG]).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if let Some(from) = from {
            range.start = from;
        }
        let rows = self.scan_rows(scan, &range)?;
        let mut documents: Vec<Chunks> = Vec::new();
        for (key, row) in &rows.rows {
            let Ok((collection, id, _)) = parse_chunk_key(key) else { continue };
            let bytes = row.present().map(|bytes| bytes.to_vec()).unwrap_or_default();
            match documents.last_mut() {
                Some((c, i, chunks)) if *c == collection && *i == id => chunks.push(bytes),
                _ => documents.push((collection, id, vec![bytes])),
            }
        }
        let mut next = None;
        if rows.more
            && let Some((collection, id, chunks)) = documents.last_mut()
        {
            // The answer may have ended inside this one.
            let unit = chunk_unit(collection, id);
            let all = match self.rows.once(unit.clone()) {
                Ok(all) => all,
                Err(missing) => {
                    *scan = Some((range, rows));
                    return Err(missing);
                }
            };
            *chunks =
                all.iter().map(|(_, row)| row.present().map(|bytes| bytes.to_vec()).unwrap_or_default()).collect();
            next = unit.end;
        }
        let step = match next {
            Some(next) => Step::Documents(Some(next)),
            None => Step::Covered(0, None),
        };
        for (collection, id, chunks) in documents {
            self.gather_document(collection, id, &chunks);
        }
        if let Some(making) = self.making() {
            making.step = step;
        }
        Ok(())
    }

    fn gather_document(&mut self, collection: String, id: String, chunks: &[Vec<u8>]) {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let bytes: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let readable = chunks.iter().all(|chunk| !chunk.is_empty());
        let as_they_are = chunks.len() < FEW_CHUNKS && bytes <= MAX_CHANGE_BYTES;
        let pieces = match (readable, as_they_are) {
            (true, true) => Ok(vec![chunks.concat()]),
            (true, false) => edit::pieces(&chunks, MAX_CHANGE_BYTES).map_err(|error| error.to_string()),
            (false, _) => Err("a chunk of the document cannot be read".to_owned()),
        };
        match pieces {
            Ok(pieces) => {
                let Some(making) = self.making() else { return };
                making.manifest.documents += 1;
                for piece in pieces {
                    let (collection, id) = (collection.clone(), id.clone());
                    making.take_document(DocumentChange { collection, id, chunks: piece.into() });
                }
            }
            // One that is not whole must not stand for entries that are dropped: somebody else makes the snapshot.
            Err(reason) => {
                let failure = Failure::new(ErrorCode::StoreCorrupt, reason).about(&collection, &id);
                self.tell(Event::Error { failure: failure.clone() });
                self.give_up_making(failure);
            }
        }
    }

    /// Ids of entries that are here, and of those that a snapshot which was taken here covers.
    fn gather_covered(&mut self, scan: &mut ScanSlot, first: u8, from: Option<Key>) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let generation = group.state.generation;
        let mut range = keys::entry_index_part(generation, first).limit(65_536).max_bytes(4 << 20);
        let begins = from.is_none();
        if let Some(from) = from {
            range = range.after(&from);
        }
        let rows = self.scan_rows(scan, &range)?;
        let mut found = match self.covered_row(generation, first) {
            Ok(found) if begins => found,
            Ok(_) => BTreeSet::new(),
            Err(missing) => {
                *scan = Some((range, rows));
                return Err(missing);
            }
        };
        let Some(making) = self.making() else { return Ok(()) };
        for (key, row) in &rows.rows {
            let sequence = row.present().and_then(|bytes| keys::sequence(bytes));
            let id = key.last_chunk::<32>().map(|id| EntryId(*id));
            if let (Some(sequence), Some(id)) = (sequence, id)
                && sequence < making.below
            {
                found.insert(beginning(&id));
            }
        }
        found.into_iter().for_each(|beginning| making.take_covered(beginning));
        let last = rows.rows.last().map(|(key, _)| key.clone()).filter(|_| rows.more);
        making.step = match (last, first.checked_add(1)) {
            (Some(last), _) => Step::Covered(first, Some(last)),
            (None, Some(next)) => Step::Covered(next, None),
            (None, None) => Step::Writers(None),
        };
        Ok(())
    }

    fn gather_writers(&mut self, scan: &mut ScanSlot, from: Option<Key>) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let mut range = keys::group_writers(group.state.generation).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if let Some(from) = from {
            range = range.after(&from);
        }
        let rows = self.scan_rows(scan, &range)?;
        let Some(making) = self.making() else { return Ok(()) };
        for (key, row) in &rows.rows {
            let device = row.present().and_then(|bytes| DeviceId::from_slice(bytes));
            if let (Some(writer), Some(device)) = (key.last_chunk::<16>(), device) {
                making.take_writer(*writer, device);
            }
        }
        let last = rows.rows.last().map(|(key, _)| key.clone()).filter(|_| rows.more);
        making.step = if last.is_some() { Step::Writers(last) } else { Step::OwnWriters(None) };
        Ok(())
    }

    fn gather_own_writers(&mut self, scan: &mut ScanSlot, from: Option<Key>) -> Result<(), Missing> {
        let mut range = keys::own_writers().limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if let Some(from) = from {
            range = range.after(&from);
        }
        let rows = self.scan_rows(scan, &range)?;
        let Some(device) = self.sync.group.as_ref().map(|group| group.secrets.device.device_id()) else {
            return Ok(());
        };
        let Some(making) = self.making() else { return Ok(()) };
        for (key, _) in &rows.rows {
            if let Some(writer) = key.last_chunk::<16>() {
                making.take_writer(*writer, device);
            }
        }
        let last = rows.rows.last().map(|(key, _)| key.clone()).filter(|_| rows.more);
        making.step = if last.is_some() { Step::OwnWriters(last) } else { Step::Buried(None) };
        Ok(())
    }

    fn gather_buried(&mut self, scan: &mut ScanSlot, from: Option<Key>) -> Result<(), Missing> {
        let Some(group) = &self.sync.group else { return Ok(()) };
        let mut range = keys::all_buried(group.state.generation).limit(STEP_ROWS).max_bytes(STEP_BYTES);
        if let Some(from) = from {
            range = range.after(&from);
        }
        let rows = self.scan_rows(scan, &range)?;
        let Some(making) = self.making() else { return Ok(()) };
        for (key, row) in &rows.rows {
            if let (Some(name), Some(bytes)) = (key.last_chunk::<16>(), row.present()) {
                making.take_marker(Marker { name: *name, beginnings: bytes.to_vec().into() });
            }
        }
        let last = rows.rows.last().map(|(key, _)| key.clone()).filter(|_| rows.more);
        making.step = if last.is_some() { Step::Buried(last) } else { Step::Aside };
        Ok(())
    }

    /// Seals what was gathered when it is enough; when everything is put, the entry.
    fn seal_part(&mut self) {
        // Without a connection nothing is put: it is known anew with the next.
        let Some(most) = self.sync.link.as_ref().and_then(|link| link.limits.max_snapshot_bytes) else { return };
        let Some(group) = &mut self.sync.group else { return };
        let (group_id, device) = (group.state.group, group.secrets.device.clone());
        let Some(epoch) = group.snapshots.making.as_ref().map(|making| making.epoch) else { return };
        let sealing = group.sealing().filter(|(now, _)| *now == epoch).map(|(_, key)| key.clone());
        let key = sealing.or_else(|| group.snapshot_keys(epoch).pop());
        let (Some(making), Some(key)) = (&mut group.snapshots.making, key) else { return };
        let done = matches!(making.step, Step::Done);
        if making.is_full() || done && (making.has_gathered() || making.manifest.parts.is_empty()) {
            let index = u32::try_from(making.manifest.parts.len()).unwrap_or(u32::MAX);
            let sealed = making.next_part().seal(&key, group_id, making.manifest.nonce, index, &mut self.rng);
            let too_large = making.manifest.bytes() + sealed.len() as u64 > most;
            if too_large || making.manifest.parts.len() >= MAX_SNAPSHOT_PARTS {
                let failure =
                    Failure::new(ErrorCode::RelayQuotaExceeded, "the snapshot is larger than the relay allows");
                return self.give_up_making(failure);
            }
            making.sealed = Some(sealed);
        } else if done {
            let entry = making.manifest.sign(&device, group_id, making.parents.iter().copied(), making.epoch);
            match entry {
                Ok(entry) => making.entry = Some(entry),
                Err(error) => self.give_up_making(unusable(&format!("the snapshot cannot be signed: {error}"))),
            }
        }
    }

    /// Puts what is sealed at the relay, if it was not on this connection.
    pub(super) fn put_snapshot(&mut self) {
        let Some((group, link)) = self.sync.group.as_mut().zip(self.sync.link.as_mut()) else { return };
        let group_id = group.state.group;
        let Some(making) = &mut group.snapshots.making else { return };
        if link.stage != Stage::Open || link.hold_sends_until.is_some() {
            return;
        }
        if link.log != Some(making.manifest.log) {
            // The log that it covers is gone.
            group.snapshots.making = None;
            return;
        }
        if making.request.is_some_and(|(connection, _)| connection == link.id) {
            return;
        }
        let frame = match (&making.sealed, &making.entry) {
            (Some(sealed), _) => {
                let (request, nonce) = (link.request(), making.manifest.nonce);
                let index = u32::try_from(making.manifest.parts.len()).unwrap_or(u32::MAX);
                let sealed = sealed.clone().into();
                ClientFrame::PutSnapshotPart { request, group: group_id, nonce, index, sealed }
            }
            (None, Some(entry)) => {
                let entries = vec![entry.encoded().into()];
                ClientFrame::Append { request: link.request(), group: group_id, entries }
            }
            (None, None) => return,
        };
        let request = link.last_request();
        making.request = Some((link.id, request));
        link.asked.insert(request);
        self.send_now(&frame);
    }

    pub(in crate::machine) fn snapshot_part_put(&mut self, request: RequestId) {
        let Some(link) = &mut self.sync.link else { return };
        let at = (link.id, request);
        if !link.asked.remove(&request) {
            return;
        }
        let Some(making) = self.making().filter(|making| making.request == Some(at)) else { return };
        making.request = None;
        if let Some(sealed) = making.sealed.take() {
            making.manifest.parts.push(Part::of(&sealed));
        }
    }

    /// Whether this answers the entry of a snapshot: it is finished.
    pub(in crate::machine) fn snapshot_appended(&mut self, request: RequestId) -> bool {
        let Some(link) = self.sync.link.as_mut().filter(|link| link.asked.contains(&request)) else { return false };
        let at = (link.id, request);
        let Some(group) = &mut self.sync.group else { return false };
        let Some(making) = group.snapshots.making.take_if(|making| making.request == Some(at)) else { return false };
        link.asked.remove(&request);
        let Some(entry) = making.entry else { return true };
        group.snapshots.own = Some(entry.id());
        group.snapshots.hold_until = None;
        let lacks = group.snapshots.state.covered || group.snapshots.state.dropped == Some(true);
        let refilled = group.place.refill_from.is_some() && lacks;
        if refilled {
            // What the relay lacked is in the snapshot.
            group.place.refill_from = None;
            self.write_place();
        }
        let refilled = refilled || self.sync.group.as_ref().is_some_and(|group| group.snapshots.state.owes.is_some());
        if refilled {
            self.note_aside_in_no_log();
        }
        if let Some(group) = &mut self.sync.group {
            group.snapshots.changed |= group.snapshots.state.owes.take().is_some();
        }
        self.note_snapshot(&entry);
        let manifest = &making.manifest;
        let (documents, bytes, cursor) = (manifest.documents, manifest.bytes(), manifest.cursor.get());
        self.tell_snapshot(&Reply::Snapshot { documents, bytes, cursor });
        true
    }

    /// What is being made cannot be finished; another one may.
    pub(super) fn make_anew(&mut self) {
        let wait = self.now.plus_ms(SHORT_WAIT_MS);
        let Some(group) = &mut self.sync.group else { return };
        group.snapshots.making = None;
        group.snapshots.hold_until = Some(wait);
    }

    /// Whether this request was about making one: then it is given up, unless it may pass.
    pub(in crate::machine) fn making_failed(
        &mut self,
        request: RequestId,
        code: FailureCode,
        failure: &Failure,
    ) -> bool {
        let Some(link) = self.sync.link.as_mut().filter(|link| link.asked.contains(&request)) else { return false };
        let at = (link.id, request);
        let Some(making) = self.sync.group.as_mut().and_then(|group| group.snapshots.making.as_mut()) else {
            return false;
        };
        if making.request != Some(at) {
            return false;
        }
        link.asked.remove(&request);
        // Somebody else was quicker, or the parts are gone: another one may fit, and who waits for it goes on waiting.
        let again = matches!(code, FailureCode::SnapshotIncomplete | FailureCode::SnapshotStale);
        if again {
            self.make_anew();
        } else {
            self.give_up_making(failure.clone());
        }
        true
    }
}

/// What a marker costs in a part, in bytes.
fn marker_bytes(marker: &Marker) -> usize {
    marker.beginnings.len() + 32
}
