//! Ordered rows in few blobs, log-structured: for hosts that charge per request and not per byte, as IndexedDB does.
//!
//! - One commit adds one **segment** (several of at most 60,000 bytes when it is large) in one transaction, and its rows go to a
//!   table in memory. Opening replays the segments that are in no block yet.
//! - [`Packed::maintain`] moves the table into a **run**: sorted **blocks** of about 1 MB that do not overlap. Newer runs hide older
//!   ones. The **manifest** says which blocks and segments count; it is replaced in the transaction that deletes what it replaces.
//! - Runs are merged so that each is larger than all newer ones together (the binary counter, or logarithmic method). With n
//!   bytes stored and flushes of f bytes there are at most log2(n/f) runs, about half that on average, and a byte is written
//!   about log2(n/f) times in all: 7 for 100 MB. Levels of one run each would read from fewer blocks, but write each byte 10 times
//!   per level; wider tiers write less, but a cold read in a browser costs a whole block per run.
//! - One step of `maintain` takes a part of one output block, and the step that fills it writes it. Blocks that no manifest names are left-overs of a
//!   merge that was interrupted; opening removes them.
//!
//! **One writer.** Segments are added, never put, and numbered without gaps. Opening adds a mark with the next number: if an older handle
//! still lives, its next commit meets that mark, fails as a whole, and the handle is superseded. The mark stays when the segments around it are
//! deleted, so it also stops a handle that sleeps for long (the last 256 marks are kept). Blocks carry the number of the handle's mark in
//! their name, so a late writer can only leave blocks that nobody names.
//!
//! **Damage.** See `format` for what a flipped byte costs. What cannot be read is copied to a quarantine blob before a merge drops it, and loads
//! that touch its keys say so in [`Rows::lost`]. A corrupt value is carried along until its key is written again.

mod blobs;
mod block;
mod crc;
mod cursor;
mod format;
mod maintain;
mod manifest;
pub(super) mod memory;
mod open;
mod sealed;
mod sheet;
mod table;

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::lock::Mutex;

pub use blobs::{BlobFailure, BlobName, BlobOp, Blobs, BlockId, Damaged};
pub use format::{Damage, FORMAT_VERSION};
pub use sealed::{AtRest, SealedBlobs, is_sealed};

use self::block::{Block, Cache, Loaded, Run};
use self::cursor::{Merge, Missing};
use self::format::{Purpose, encode_commit, encode_mark};
use self::maintain::{Job, Which};
use self::manifest::{BlockEntry, LostEntry, Manifest};
use self::sheet::{Row, SheetBuilder};
use self::table::Table;
use super::range::Allowance;
use super::{Durability, LostRange, Range, RowValue, Rows, Store, StoreBatch, StoreFailure};

/// How much memory and background work a [`Packed`] store may take. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedOptions {
    /// Blocks are closed at this size.
    pub block_bytes: usize,
    /// A step of [`Store::maintain`] ends when it has looked at so many bytes of rows.
    pub step_bytes: usize,
    /// The table is moved to blocks when its rows have this size …
    pub flush_bytes: usize,
    /// … or when it came from this many segments, which bounds what opening reads.
    pub flush_segments: u64,
    /// Blocks kept in memory. One load may hold more while it runs.
    pub cache_bytes: usize,
}

impl Default for PackedOptions {
    fn default() -> Self {
        Self {
            block_bytes: 1_000_000,
            step_bytes: 64 << 10,
            flush_bytes: 1_000_000,
            flush_segments: 512,
            cache_bytes: 16_000_000,
        }
    }
}

/// No more than this waits for the next commit, in bytes of rows.
const MAX_WAITING_BYTES: usize = 64 << 10;

/// What was found when a store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Whether there was nothing yet.
    pub created: bool,
    /// The disk is full: the rows can be read, and the first commit will tell whether there is room again.
    pub full: bool,
    /// Rows replayed from segments.
    pub replayed_rows: u64,
    /// Segments they came from.
    pub replayed_segments: u64,
    /// Left-over blocks of interrupted merges that were removed.
    pub removed_blocks: u64,
    /// What could not be read, at this opening or before.
    pub quarantined: Vec<Quarantined>,
}

/// A blob that could not be read. Its bytes are kept under [`BlobName::Quarantine`] unless they are missing altogether.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Which.
    pub source: Damaged,
    /// The keys it may have held.
    pub lost: LostRange,
}

/// A [`Store`] over [`Blobs`].
#[derive(Debug)]
pub struct Packed<B> {
    blobs: B,
    options: PackedOptions,
    /// Held while segments are numbered and written.
    writing: Mutex<()>,
    /// Held for one maintenance step.
    maintaining: Mutex<()>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    health: Health,
    /// A commit began and did not answer. If it is still set when the next one begins, its future was dropped.
    unsettled: bool,
    /// The mark with which this handle took over.
    handle: u64,
    /// There was no room for the mark: it goes with the first commit, and until then nothing is maintained.
    mark_is_pending: bool,
    next_segment: u64,
    /// The last segment whose rows are in `table`.
    applied: u64,
    next_block: u32,
    /// Marks of handles that took over, in live segments; the manifest knows the older ones.
    takeovers: Vec<u64>,
    next_run: u64,
    table: Table,
    /// Rows that are in `table`, or were, and that the next commit writes.
    waiting: StoreBatch,
    /// Why what waited could not be written: the next commit says so.
    unsaid: Option<StoreFailure>,
    /// The table that is being moved to blocks, and the last segment in it.
    frozen: Option<(Rc<Table>, u64)>,
    /// Newest first.
    runs: Vec<Rc<Run>>,
    manifest: Manifest,
    flush: Option<Job>,
    merge: Option<Job>,
    /// The step under way. If it is still set when the next one begins, its future was dropped.
    stepping: Option<Which>,
    cache: Cache,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Health {
    Open,
    Poisoned(String),
    Superseded,
    Closed,
}

/// How much a store holds, for people and for figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Runs of blocks; a cold read of one key loads at most one block of each.
    pub runs: usize,
    /// Blocks.
    pub blocks: usize,
    /// Bytes of all blocks, before their pages were packed.
    pub block_bytes: u64,
    /// Rows in blocks, deleted and hidden ones included.
    pub block_rows: u64,
    /// Bytes of keys and values that are in memory because they are in no block yet.
    pub table_bytes: usize,
    /// Segments that opening would replay.
    pub segments: u64,
}

impl<B> Packed<B> {
    /// How much the store holds now.
    pub fn usage(&self) -> Usage {
        let state = self.state.borrow();
        let blocks = || state.manifest.runs.iter().flat_map(|run| &run.blocks);
        Usage {
            runs: state.runs.len(),
            blocks: blocks().count(),
            block_bytes: blocks().map(|block| block.bytes).sum(),
            block_rows: blocks().map(|block| block.rows).sum(),
            table_bytes: state.table.bytes + state.frozen.as_ref().map_or(0, |(table, _)| table.bytes),
            segments: state.applied + 1 - state.manifest.first_live,
        }
    }
}

impl<B: Blobs> Packed<B> {
    /// The blobs below.
    pub fn blobs(&self) -> &B {
        &self.blobs
    }

    fn check(&self) -> Result<(), StoreFailure> {
        match &self.state.borrow().health {
            Health::Open => Ok(()),
            Health::Poisoned(reason) => Err(StoreFailure::Poisoned { reason: reason.clone() }),
            Health::Superseded => Err(StoreFailure::Superseded),
            Health::Closed => Err(StoreFailure::Closed),
        }
    }

    /// [`Self::check`] for a commit.
    fn check_unsaid(&self) -> Result<(), StoreFailure> {
        let unsaid = self.state.borrow_mut().unsaid.take();
        unsaid.map_or_else(|| self.check(), Err)
    }

    /// Ends the handle for a failed commit, and says why.
    fn fail(&self, failure: BlobFailure) -> StoreFailure {
        let superseded = matches!(failure, BlobFailure::Exists(_));
        self.state.borrow_mut().health =
            if superseded { Health::Superseded } else { Health::Poisoned(failure.to_string()) };
        failure.into()
    }

    /// Commits `batch` and what waited for it. Only for who holds `writing`.
    async fn write(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.check_unsaid()?;
        let (batch, ops) = self.state.borrow_mut().begin_commit(batch, durability)?;
        if ops.is_empty() {
            return Ok(());
        }
        let segments = ops.len() as u64;
        let outcome = self.blobs.commit(ops, durability).await;
        self.state.borrow_mut().unsettled = false;
        outcome.map_err(|failure| self.fail(failure))?;
        self.state.borrow_mut().settle_commit(batch, segments);
        Ok(())
    }

    /// Answers `ranges` from memory; `Err` names the blocks that have to be loaded first.
    fn answer(&self, ranges: &[Range], loaded: &Loaded, ahead: usize) -> Result<Vec<Rows>, Missing> {
        let state = self.state.borrow();
        let mut missing = Missing::default();
        let mut answers = Vec::with_capacity(ranges.len());
        for range in ranges {
            match state.rows(range, loaded, ahead) {
                Ok(rows) => answers.push(rows),
                Err(more) => missing.0.extend(more.0),
            }
        }
        if missing.0.is_empty() { Ok(answers) } else { Err(missing) }
    }

    /// Brings blocks into `loaded`, from the cache or from disk. `false`: the runs have changed meanwhile.
    async fn bring(&self, missing: Missing, loaded: &mut Loaded) -> Result<bool, StoreFailure> {
        let wanted = self.take_cached(missing, loaded);
        if wanted.is_empty() {
            return Ok(true);
        }
        let names: Vec<_> = wanted.iter().map(|entry| BlobName::Block(entry.id)).collect();
        let found = self.blobs.get(&names).await?;
        let gone = found.iter().any(Option::is_none);
        if gone && self.runs_changed(&wanted).await? {
            return Ok(false);
        }
        for (entry, bytes) in wanted.iter().zip(found) {
            let block = Rc::new(Block::open(entry, bytes));
            self.state.borrow_mut().cache.insert(entry.id, block.clone());
            loaded.insert(entry.id, block);
        }
        Ok(true)
    }

    fn take_cached(&self, missing: Missing, loaded: &mut Loaded) -> Vec<BlockEntry> {
        let cache = &mut self.state.borrow_mut().cache;
        let mut wanted: Vec<BlockEntry> = Vec::new();
        for entry in missing.0 {
            match cache.get(entry.id) {
                Some(block) => {
                    loaded.insert(entry.id, block);
                }
                None if wanted.iter().all(|other| other.id != entry.id) => wanted.push(entry),
                None => {}
            }
        }
        wanted
    }

    /// A block is missing: was it merged away, by this handle or by one that took over, or is it lost?
    async fn runs_changed(&self, wanted: &[BlockEntry]) -> Result<bool, StoreFailure> {
        let names_all = |manifest: &Manifest| wanted.iter().all(|entry| manifest.names_block(entry.id));
        if !names_all(&self.state.borrow().manifest) {
            return Ok(true);
        }
        let on_disk = open::read_manifest(&self.blobs).await?;
        if on_disk.as_ref().is_some_and(names_all) || !names_all(&self.state.borrow().manifest) {
            return Ok(!names_all(&self.state.borrow().manifest));
        }
        // What this handle itself has put in their place may be on the disk before it is known here.
        drop(self.writing.lock().await);
        if !names_all(&self.state.borrow().manifest) {
            return Ok(true);
        }
        self.state.borrow_mut().health = Health::Superseded;
        Err(StoreFailure::Superseded)
    }
}

impl<B: Blobs> Store for Packed<B> {
    /// Answers from one state of memory and disk: it gathers the blocks that the ranges need, and when all are there it
    /// reads everything without waiting in between.
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        let mut loaded = Loaded::new();
        let mut ahead = 1;
        loop {
            self.check()?;
            match self.answer(ranges, &loaded, ahead) {
                Ok(rows) => return Ok(rows),
                Err(missing) => self.bring(missing, &mut loaded).await?,
            };
            ahead = (ahead * 2).min(16);
        }
    }

    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.check_unsaid()?;
        batch.check_limits()?;
        let _writing = self.writing.lock().await;
        self.write(batch, durability).await
    }

    async fn commit_later(&self, batch: StoreBatch) -> Result<(), StoreFailure> {
        self.check_unsaid()?;
        batch.check_limits()?;
        let _writing = self.writing.lock().await;
        self.check_unsaid()?;
        if self.state.borrow_mut().take_later(&batch)? {
            return Ok(());
        }
        self.write(batch, Durability::Relaxed).await
    }

    async fn flush(&self) -> Result<(), StoreFailure> {
        let _writing = self.writing.lock().await;
        let outcome = self.write(StoreBatch::new(), Durability::Relaxed).await;
        self.state.borrow_mut().unsaid = outcome.clone().err();
        outcome
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        let _maintaining = self.maintaining.lock().await;
        self.check()?;
        self.step().await
    }

    fn presses(&self) -> bool {
        self.state.borrow().presses(&self.options)
    }

    async fn close(&self) {
        let _writing = self.writing.lock().await;
        // A handle that has failed has said so; what waited may be lost.
        let _ = self.write(StoreBatch::new(), Durability::Relaxed).await;
        self.state.borrow_mut().health = Health::Closed;
        self.blobs.close().await;
    }
}

impl State {
    /// What a commit writes, with what waited for it.
    fn begin_commit(
        &mut self,
        batch: StoreBatch,
        durability: Durability,
    ) -> Result<(StoreBatch, Vec<BlobOp>), StoreFailure> {
        self.check_settled()?;
        let mut all = std::mem::take(&mut self.waiting);
        all.append(batch);
        let ops = self.encode(&all, durability);
        self.unsettled = !ops.is_empty();
        Ok((all, ops))
    }

    /// Applies `batch` and lets it wait for the next commit; `false` where it has to be written now.
    fn take_later(&mut self, batch: &StoreBatch) -> Result<bool, StoreFailure> {
        self.check_settled()?;
        if self.mark_is_pending || self.waiting.byte_len() + batch.byte_len() > MAX_WAITING_BYTES {
            return Ok(false);
        }
        self.table.apply(batch.clone());
        self.waiting.append(batch.clone());
        Ok(true)
    }

    /// Refuses to go on after a commit whose outcome nobody waited for. Only for who holds `writing`.
    fn check_settled(&mut self) -> Result<(), StoreFailure> {
        if !self.unsettled {
            return Ok(());
        }
        let reason = "a commit was abandoned before it answered".to_owned();
        self.health = Health::Poisoned(reason.clone());
        Err(StoreFailure::Poisoned { reason })
    }

    fn encode(&self, batch: &StoreBatch, durability: Durability) -> Vec<BlobOp> {
        let mut builder = SheetBuilder::default();
        for (key, value) in batch.rows() {
            builder.push(key, value.map_or(Row::Deleted, |value| Row::Healthy(value)));
        }
        let mut segments = Vec::new();
        if self.mark_is_pending {
            segments.push((self.next_segment, encode_mark(self.next_segment, Purpose::Takeover)));
        }
        let first = self.next_segment + segments.len() as u64;
        match (builder.finish(), durability) {
            (Some(sheet), _) => segments.extend(encode_commit(first, &sheet.bytes)),
            (None, Durability::Relaxed) => return Vec::new(),
            (None, Durability::Strict) => segments.push((first, encode_mark(first, Purpose::Switch))),
        }
        segments.into_iter().map(|(number, bytes)| BlobOp::Add(BlobName::Segment(number), bytes)).collect()
    }

    fn settle_commit(&mut self, batch: StoreBatch, segments: u64) {
        self.table.apply(batch);
        self.mark_is_pending = false;
        self.next_segment += segments;
        self.applied = self.next_segment - 1;
    }

    fn rows(&self, range: &Range, loaded: &Loaded, ahead: usize) -> Result<Rows, Missing> {
        let tables: Vec<&Table> =
            [&self.table].into_iter().chain(self.frozen.iter().map(|(table, _)| &**table)).collect();
        let runs: Vec<&Run> = self.runs.iter().map(|run| &**run).collect();
        let mut merge = Merge::over(range, &tables, &runs, loaded, ahead)?;
        let mut answer = Rows::default();
        let mut allowance = Allowance::of(range);
        while let Some((key, row)) = merge.peek() {
            if row != Row::Deleted {
                if !allowance.take(key.len() + row.byte_len()) {
                    answer.more = true;
                    break;
                }
                answer.rows.push((key.into(), read_value(row)));
            }
            merge.pass()?;
        }
        answer.lost = merge.lost().map(|part| part.range.clone()).collect();
        answer.lost.extend(self.manifest.lost.iter().map(LostEntry::range).filter(|lost| lost.touches(range)));
        Ok(answer)
    }
}

fn read_value(row: Row<'_>) -> RowValue {
    match row {
        Row::Deleted => RowValue::Corrupt,
        Row::Healthy(bytes) => RowValue::Present(bytes.into()),
        Row::Value { bytes, crc } if crc::hash(bytes) == crc => RowValue::Present(bytes.into()),
        Row::Value { .. } => RowValue::Corrupt,
    }
}

impl From<BlobFailure> for StoreFailure {
    fn from(failure: BlobFailure) -> Self {
        match failure {
            BlobFailure::Exists(_) => Self::Superseded,
            BlobFailure::Quota => Self::Quota,
            BlobFailure::Closed => Self::Closed,
            BlobFailure::Failed(reason) => Self::Failed { reason },
        }
    }
}
