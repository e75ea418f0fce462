//! Opens a store: reads the manifest, replays segments, takes over from an older handle, removes left-overs.

use ashore_protocol::gather::Gather;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::lock::Mutex;

use super::blobs::{BlobFailure, BlobName, BlobOp, Blobs, BlockId, Damaged};
use super::block::{Cache, Run};
use super::format::{Compression, Damage, FORMAT_VERSION, Purpose, Segment, encode_mark};
use super::manifest::{KEPT_LOST, KEPT_TAKEOVERS, LostEntry, MAX_NUMBER, Manifest};
use super::sheet::OpenSheet;
use super::table::Table;
use super::{Health, OpenReport, Packed, PackedOptions, Quarantined, State, StoreBatch};
use crate::store::{Durability, LostRange, StoreFailure};

/// How often a take-over is tried again while an older handle keeps writing.
const ATTEMPTS: usize = 100;

impl<B: Blobs> Packed<B> {
    /// Opens the store in `blobs`, creating it when there is nothing, and supersedes every handle opened before.
    ///
    /// On a full disk a store that exists opens all the same, so that it can be read ([`OpenReport::full`]). Then the first commit
    /// supersedes the older handles, if it finds room.
    pub async fn open(blobs: B, options: PackedOptions) -> Result<(Self, OpenReport), StoreFailure> {
        for _ in 0..ATTEMPTS {
            let Some(found) = Found::read(&blobs).await? else { continue };
            match found.take_over(&blobs).await {
                Ok(Some((manifest, marks))) => return Ok(found.into_store(blobs, options, manifest, marks)),
                Ok(None) => {}
                Err(StoreFailure::Quota) if found.manifest.is_some() => {
                    if found.is_current(&blobs).await? {
                        let (manifest, marks) = found.without_room();
                        return Ok(found.into_store(blobs, options, manifest, marks));
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(StoreFailure::Failed { reason: "another handle keeps writing".into() })
    }
}

/// The newest readable copy of the manifest; `None` when there is neither.
pub(super) async fn read_manifest<B: Blobs>(blobs: &B) -> Result<Option<Manifest>, StoreFailure> {
    let copies = blobs.get(&[BlobName::Manifest(0), BlobName::Manifest(1)]).await?;
    let mut newest: Option<Manifest> = None;
    let mut damage = None;
    for bytes in copies.iter().flatten() {
        match Manifest::decode(bytes) {
            Ok(manifest) if newest.as_ref().is_none_or(|other| other.edition < manifest.edition) => {
                newest = Some(manifest);
            }
            Ok(_) => {}
            Err(found) => damage = Some(found),
        }
    }
    match (newest, damage) {
        (None, Some(Damage::NewerFormat(found))) => Err(StoreFailure::NewerFormat { found, known: FORMAT_VERSION }),
        (None, Some(damage)) => {
            Err(StoreFailure::Unreadable { reason: format!("both copies of the manifest: {damage}") })
        }
        (newest, _) => Ok(newest),
    }
}

/// What is on disk.
#[derive(Debug)]
struct Found {
    manifest: Option<Manifest>,
    newest_segment: u64,
    replay: Replay,
    leftovers: Vec<BlobOp>,
    removed_blocks: u64,
}

/// The segment numbers that opening used.
#[derive(Debug, Clone, Copy)]
struct Marks {
    takeover: u64,
    last: u64,
    /// The mark is still to be added, with the first commit.
    pending: bool,
}

/// What the live segments hold.
#[derive(Debug, Default)]
struct Replay {
    table: Table,
    segments: u64,
    rows: u64,
    takeovers: Vec<u64>,
    damaged: Vec<(LostEntry, Option<Vec<u8>>)>,
}

impl Found {
    /// Reads everything that counts. `None`: another handle has just created the store.
    async fn read<B: Blobs>(blobs: &B) -> Result<Option<Self>, StoreFailure> {
        let manifest = read_manifest(blobs).await?;
        let names = blobs.names().await?;
        let known = manifest.clone().unwrap_or_default();
        // The segment that `first_live` names is the fence of the switch that wrote the manifest, or comes before it: it exists.
        let newest_segment = names.iter().filter_map(segment_number).fold(known.first_live, u64::max);
        if newest_segment >= MAX_NUMBER {
            return Err(StoreFailure::Unreadable { reason: "a segment number is beyond all bounds".into() });
        }
        if manifest.is_none() && newest_segment > 0 {
            if read_manifest(blobs).await?.is_some() {
                return Ok(None);
            }
            return Err(StoreFailure::Unreadable { reason: "the manifest is missing".into() });
        }
        let segments = blobs.segments(known.first_live).await?;
        let replay = Replay::read(known.first_live, newest_segment, segments);
        let (leftovers, removed_blocks) = leftovers(&known, &names);
        Ok(Some(Self { manifest, newest_segment, replay, leftovers, removed_blocks }))
    }

    /// Adds the mark. `None`: another handle wrote meanwhile, so what was read is old.
    async fn take_over<B: Blobs>(&self, blobs: &B) -> Result<Option<(Manifest, Marks)>, StoreFailure> {
        let mark = self.newest_segment + 1;
        let manifest = self.next_manifest();
        let mut ops = vec![BlobOp::Add(BlobName::Segment(mark), encode_mark(mark, Purpose::Takeover))];
        if self.manifest.is_none() {
            // Fails when another handle creates the store at the same time.
            ops.extend([0, 1].map(|copy| BlobOp::Add(BlobName::Manifest(copy), manifest.encode())));
        }
        match blobs.commit(ops, Durability::Relaxed).await {
            Err(BlobFailure::Exists(_)) => return Ok(None),
            other => other?,
        }
        if self.is_old(blobs, mark).await? {
            return Ok(None);
        }
        let last = self.tidy(blobs, &manifest, mark).await?;
        Ok(last.map(|last| (manifest, Marks { takeover: mark, last, pending: false })))
    }

    /// Whether the disk is still as it was read.
    async fn is_current<B: Blobs>(&self, blobs: &B) -> Result<bool, StoreFailure> {
        let names = blobs.names().await?;
        let newest = names.iter().filter_map(segment_number).max().unwrap_or(0);
        Ok(newest == self.newest_segment && read_manifest(blobs).await? == self.manifest)
    }

    /// The mark could not be added: it goes with the first commit.
    fn without_room(&self) -> (Manifest, Marks) {
        let last = self.newest_segment;
        (self.next_manifest(), Marks { takeover: last + 1, last, pending: true })
    }

    /// Whether an older handle switched the manifest between our reading and our mark.
    ///
    /// If the manifest is the one we read, no segment from its `first_live` on was deleted, so that our mark could only be added
    /// if nothing was written since. If the manifest has passed our mark, its number was used and deleted meanwhile: it is taken back.
    async fn is_old<B: Blobs>(&self, blobs: &B, mark: u64) -> Result<bool, StoreFailure> {
        let Some(read) = &self.manifest else { return Ok(false) };
        let Some(on_disk) = read_manifest(blobs).await? else { return Ok(true) };
        if on_disk.first_live > mark {
            blobs.commit(vec![BlobOp::Delete(BlobName::Segment(mark))], Durability::Relaxed).await?;
        }
        Ok(on_disk != *read)
    }

    /// Removes left-overs and puts damaged segments into quarantine. Answers the last segment number used; `None` when another
    /// handle has taken over meanwhile.
    async fn tidy<B: Blobs>(&self, blobs: &B, manifest: &Manifest, mark: u64) -> Result<Option<u64>, StoreFailure> {
        let mut ops = self.leftovers.clone();
        for (entry, bytes) in &self.replay.damaged {
            ops.extend(bytes.clone().map(|bytes| BlobOp::Put(BlobName::Quarantine(entry.source), bytes)));
        }
        let changed = self.manifest.as_ref().is_some_and(|before| before != manifest);
        if changed {
            ops.extend([0, 1].map(|copy| BlobOp::Put(BlobName::Manifest(copy), manifest.encode())));
        }
        if ops.is_empty() {
            return Ok(Some(mark));
        }
        let fence = mark + 1;
        ops.push(BlobOp::Add(BlobName::Segment(fence), encode_mark(fence, Purpose::Switch)));
        match blobs.commit(ops, Durability::Relaxed).await {
            Err(BlobFailure::Exists(_)) => Ok(None),
            // The next opening tidies.
            Err(BlobFailure::Quota) => Ok(Some(mark)),
            other => Ok(other.map(|()| Some(fence))?),
        }
    }

    /// The manifest after opening: the same, unless a segment is found damaged for the first time.
    fn next_manifest(&self) -> Manifest {
        let mut manifest = self.manifest.clone().unwrap_or_else(|| Manifest { first_live: 1, ..Manifest::default() });
        let before = manifest.lost.clone();
        for (entry, _) in &self.replay.damaged {
            manifest.lose(entry.clone());
        }
        if manifest.lost != before {
            manifest.edition += 1;
        }
        manifest
    }

    fn into_store<B>(
        self,
        blobs: B,
        options: PackedOptions,
        manifest: Manifest,
        marks: Marks,
    ) -> (Packed<B>, OpenReport) {
        let report = OpenReport {
            created: self.manifest.is_none(),
            full: marks.pending,
            replayed_rows: self.replay.rows,
            replayed_segments: self.replay.segments,
            removed_blocks: self.removed_blocks,
            quarantined: manifest.lost.iter().map(Quarantined::from).collect(),
        };
        let runs = manifest.runs.iter().cloned().map(|entry| Rc::new(Run { entry })).collect();
        let state = State {
            health: Health::Open,
            unsettled: false,
            handle: marks.takeover,
            mark_is_pending: marks.pending,
            next_segment: marks.last + 1,
            applied: marks.last,
            next_block: 0,
            next_run: manifest.runs.iter().map(|run| run.id + 1).max().unwrap_or(0),
            table: self.replay.table,
            waiting: StoreBatch::new(),
            unsaid: None,
            frozen: None,
            runs,
            takeovers: self.replay.takeovers.into_iter().chain([marks.takeover]).collect(),
            manifest,
            flush: None,
            merge: None,
            stepping: None,
            cache: Cache::new(options.cache_bytes),
        };
        let store =
            Packed { blobs, options, writing: Mutex::new(()), maintaining: Mutex::new(()), state: RefCell::new(state) };
        (store, report)
    }
}

/// Blobs that the manifest does not name: what an interrupted merge or a late writer left.
fn leftovers(manifest: &Manifest, names: &[BlobName]) -> (Vec<BlobOp>, u64) {
    let blocks: BTreeSet<BlockId> = manifest.block_ids().gather();
    let takeovers: BTreeSet<u64> = manifest.takeovers.iter().copied().gather();
    let lost: BTreeSet<Damaged> = manifest.lost.iter().map(|entry| entry.source).gather();
    let is_leftover = |name: &&BlobName| match name {
        BlobName::Block(id) => !blocks.contains(id),
        BlobName::Segment(number) => *number < manifest.first_live && !takeovers.contains(number),
        BlobName::Quarantine(source) => !lost.contains(source),
        BlobName::Manifest(_) => false,
    };
    let found: Vec<BlobName> = names.iter().filter(is_leftover).copied().collect();
    let removed_blocks = found.iter().filter(|name| matches!(name, BlobName::Block(_))).count() as u64;
    (found.into_iter().map(BlobOp::Delete).collect(), removed_blocks)
}

fn segment_number(name: &BlobName) -> Option<u64> {
    match name {
        BlobName::Segment(number) => Some(*number),
        BlobName::Block(_) | BlobName::Manifest(_) | BlobName::Quarantine(_) => None,
    }
}

impl Replay {
    /// Replays the segments from `first` to `newest`; where numbers are missing something was lost.
    fn read(first: u64, newest: u64, segments: Vec<(u64, Vec<u8>)>) -> Self {
        let mut replay = Self::default();
        let mut segments: BTreeMap<u64, Vec<u8>> = segments.into_iter().gather();
        let mut number = first.max(1);
        while number <= newest {
            let next = segments.range(number..).next().map_or(newest + 1, |(next, _)| *next);
            if next > number {
                replay.lose(number, None, LostRange::everything());
                number = next;
                continue;
            }
            number += replay.read_commit(number, newest, &mut segments);
        }
        replay
    }

    /// Replays the commit that begins at `number`; answers how many segments it has.
    fn read_commit(&mut self, number: u64, newest: u64, segments: &mut BTreeMap<u64, Vec<u8>>) -> u64 {
        let head = match segments.get(&number).map(|bytes| decode(number, 0, bytes)) {
            Some(Ok(head)) => head,
            Some(Err(_)) | None => {
                self.lose(number, segments.remove(&number), LostRange::everything());
                return 1;
            }
        };
        match head.purpose {
            Purpose::Rows => {}
            Purpose::Switch => return 1,
            Purpose::Takeover => {
                self.takeovers.push(number);
                return 1;
            }
        }
        let parts = u64::from(head.parts).min(newest + 1 - number);
        let lost = match gather(number, head.parts, segments) {
            Ok(sheet) => self.read_rows(sheet),
            Err(_) => vec![LostRange::everything()],
        };
        for keys in lost {
            // Which part the damage is in does not matter: what is left of the commit is kept whole.
            (number..number + parts).for_each(|part| self.lose(part, segments.get(&part).cloned(), keys.clone()));
        }
        self.segments += parts;
        parts
    }

    /// Takes the rows of one commit; answers the keys that cannot be read.
    fn read_rows(&mut self, sheet: Vec<u8>) -> Vec<LostRange> {
        let Ok(sheet) = OpenSheet::open(sheet, 0, Compression::None) else { return vec![LostRange::everything()] };
        let mut lost = Vec::new();
        for (at, entry) in sheet.pages().iter().enumerate() {
            let Ok(page) = sheet.page(at) else {
                lost.push(LostRange { start: entry.first.clone(), end: Some(entry.last.clone()) });
                continue;
            };
            for row in 0..page.len() {
                if let Some((key, row)) = sheet.row(&page, row) {
                    self.table.replay(key, row);
                    self.rows += 1;
                }
            }
        }
        lost
    }

    fn lose(&mut self, number: u64, bytes: Option<Vec<u8>>, keys: LostRange) {
        let entry = LostEntry { source: Damaged::Segment(number), start: keys.start, end: keys.end };
        self.damaged.push((entry, bytes));
    }
}

fn decode(number: u64, part: u32, bytes: &[u8]) -> Result<Segment<'_>, Damage> {
    let segment = Segment::decode(bytes)?;
    if (segment.number, segment.part) == (number, part) { Ok(segment) } else { Err(Damage::Foreign) }
}

/// The sheet of the commit whose parts begin at `number`.
fn gather(number: u64, parts: u32, segments: &BTreeMap<u64, Vec<u8>>) -> Result<Vec<u8>, Damage> {
    let mut sheet = Vec::new();
    for part in 0..parts {
        let number = number.saturating_add(u64::from(part));
        let segment = decode(number, part, segments.get(&number).ok_or(Damage::Missing)?)?;
        if segment.parts != parts || segment.purpose != Purpose::Rows {
            return Err(Damage::Foreign);
        }
        sheet.extend_from_slice(segment.body);
    }
    Ok(sheet)
}

impl Manifest {
    /// Notes what cannot be read any more, once per place.
    pub(super) fn lose(&mut self, entry: LostEntry) {
        if !self.lost.contains(&entry) {
            self.lost.push(entry);
        }
        let excess = self.lost.len().saturating_sub(KEPT_LOST);
        self.lost.drain(..excess);
    }

    /// Keeps the newest marks of those at hand.
    pub(super) fn keep_takeovers(&mut self, newer: &[u64]) {
        let mut all: BTreeSet<u64> = self.takeovers.iter().copied().gather();
        all.extend(newer);
        self.takeovers = all.into_iter().rev().take(KEPT_TAKEOVERS).collect();
        self.takeovers.reverse();
    }

    pub(super) fn block_ids(&self) -> impl Iterator<Item = BlockId> {
        self.runs.iter().flat_map(|run| run.blocks.iter().map(|block| block.id))
    }

    pub(super) fn names_block(&self, id: BlockId) -> bool {
        self.block_ids().any(|other| other == id)
    }
}

impl LostEntry {
    pub(super) fn range(&self) -> LostRange {
        LostRange { start: self.start.clone(), end: self.end.clone() }
    }
}

impl From<&LostEntry> for Quarantined {
    fn from(entry: &LostEntry) -> Self {
        Self { source: entry.source, lost: entry.range() }
    }
}
