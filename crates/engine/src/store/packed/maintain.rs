//! Background work in bounded steps: moves the table into blocks, merges runs, and switches the manifest.
//!
//! A step takes a part of what one output block needs, so that whoever waits meanwhile does not wait for long; the step that fills a block writes it. The last
//! step of a job writes its last block, the manifest, and a segment number as the fence, and deletes what the output replaces, in one commit.

use std::rc::Rc;

use super::blobs::{BlobFailure, BlobName, BlobOp, Blobs, BlockId, Damaged};
use super::block::{Loaded, Run};
use super::cursor::{Merge, Missing};
use super::format::{Compression, Purpose, encode_block, encode_mark};
use super::manifest::{BlockEntry, LostEntry, Manifest, RunEntry};
use super::sheet::{Row, Sheet, SheetBuilder};
use super::table::Table;
use super::{Health, Packed, PackedOptions, State};
use crate::store::{Bytes, Durability, Key, Range, StoreFailure};

/// A flush takes newer runs along while everything together is no larger than so many blocks: it saves writing them twice.
const FLUSH_BLOCKS: usize = 8;

/// Work presses when so many times what makes a flush due has come since the last one began …
const PRESSING_BYTES: usize = 32;
const PRESSING_SEGMENTS: u64 = 2;
/// … or when there are so many runs: a cold read of one key may need a block of each.
const PRESSING_RUNS: usize = 16;

/// Rows on their way from a table, or from runs, into one new run.
#[derive(Debug)]
pub(super) struct Job {
    /// The frozen table and its last segment, when this is a flush.
    table: Option<(Rc<Table>, u64)>,
    /// The runs that the output replaces, newest first.
    inputs: Vec<Rc<Run>>,
    /// Whether nothing older lies below, so that deleted rows can go.
    bottom: bool,
    /// Every row up to and including this one is in `outputs` or in `building`.
    after: Option<Key>,
    /// The next output block, as far as it is.
    building: SheetBuilder,
    /// What of `inputs` is being read for it.
    loaded: Loaded,
    outputs: Vec<BlockEntry>,
    lost: Vec<LostEntry>,
}

/// What came of one step's rows: the next block, if it is full or the last one.
#[derive(Debug)]
struct Gathered {
    sheet: Option<Sheet>,
    is_last: bool,
}

/// Whether a job is a flush or a merge: one of each may be under way, and the flush goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Flush,
    Merge,
}

impl<B: Blobs> Packed<B> {
    /// One step; `true` when more is waiting.
    pub(super) async fn step(&self) -> Result<bool, StoreFailure> {
        self.drop_unfinished_step().await?;
        let Some(which) = self.state.borrow_mut().plan(&self.options) else { return Ok(false) };
        self.state.borrow_mut().stepping = Some(which);
        let outcome = self.advance(which).await;
        self.state.borrow_mut().stepping = None;
        if let Err(failure) = outcome {
            self.abandon(which).await;
            return Err(failure);
        }
        Ok(self.state.borrow_mut().plan(&self.options).is_some())
    }

    /// The future of the last step was dropped: what it wrote, if anything, is not known.
    async fn drop_unfinished_step(&self) -> Result<(), StoreFailure> {
        let Some(which) = self.state.borrow().stepping else { return Ok(()) };
        let writing = self.writing.lock().await;
        self.state.borrow_mut().check_settled()?;
        drop(writing);
        self.state.borrow_mut().stepping = None;
        self.abandon(which).await;
        Ok(())
    }

    async fn advance(&self, which: Which) -> Result<(), StoreFailure> {
        let gathered = self.gather(which).await?;
        let block = self.state.borrow_mut().take_block(which, gathered.sheet);
        match block {
            block if gathered.is_last => self.switch(which, block).await,
            Some(block) => Ok(self.blobs.commit(vec![block], Durability::Relaxed).await?),
            None => Ok(()),
        }
    }

    /// Takes rows for a block, loading what they need.
    async fn gather(&self, which: Which) -> Result<Gathered, StoreFailure> {
        loop {
            let attempt = self.state.borrow_mut().gather(which, &self.options);
            let missing = match attempt {
                Ok(gathered) => return Ok(gathered),
                Err(missing) => missing,
            };
            let mut loaded =
                self.state.borrow_mut().job_mut(which).map(|job| std::mem::take(&mut job.loaded)).unwrap_or_default();
            // The inputs of a job stay in the manifest until it switches: what is missing is lost, not merged away.
            self.bring(missing, &mut loaded).await?;
            self.check()?;
            if let Some(job) = self.state.borrow_mut().job_mut(which) {
                job.loaded = loaded;
            }
        }
    }

    /// The last step of a job: from here on the output counts.
    async fn switch(&self, which: Which, block: Option<BlobOp>) -> Result<(), StoreFailure> {
        let _writing = self.writing.lock().await;
        self.check()?;
        self.state.borrow_mut().check_settled()?;
        let Some(next) = self.state.borrow().next_manifest(which) else { return Ok(()) };
        let mut ops: Vec<BlobOp> = block.into_iter().collect();
        ops.extend(self.quarantine(&next).await?);
        ops.extend(self.state.borrow().switch_ops(which, &next));
        self.state.borrow_mut().unsettled = true;
        let outcome = self.blobs.commit(ops, Durability::Relaxed).await;
        self.state.borrow_mut().unsettled = false;
        match outcome {
            Ok(()) => self.state.borrow_mut().settle_switch(which, next),
            Err(BlobFailure::Quota) => return Err(StoreFailure::Quota),
            Err(other) => return Err(self.fail(other)),
        }
        Ok(())
    }

    /// Copies blocks that are about to go and could not be read in full.
    async fn quarantine(&self, next: &Manifest) -> Result<Vec<BlobOp>, StoreFailure> {
        let before = self.state.borrow().manifest.clone();
        let damaged: Vec<Damaged> = next.lost.iter().map(|entry| entry.source).collect();
        let leaving = before.block_ids().filter(|id| damaged.contains(&Damaged::Block(*id)) && !next.names_block(*id));
        let leaving: Vec<BlockId> = leaving.collect();
        let names: Vec<BlobName> = leaving.iter().map(|id| BlobName::Block(*id)).collect();
        let found = if names.is_empty() { Vec::new() } else { self.blobs.get(&names).await? };
        let copies = leaving.into_iter().zip(found);
        Ok(copies
            .filter_map(|(id, bytes)| Some(BlobOp::Put(BlobName::Quarantine(Damaged::Block(id)), bytes?)))
            .collect())
    }

    /// Drops a job that could not go on, and what it wrote. The rows are where they were before it began.
    async fn abandon(&self, which: Which) {
        let ops = self.state.borrow_mut().drop_job(which);
        if self.check().is_ok() && !ops.is_empty() {
            // Left-overs do no harm; opening removes what cannot be removed now.
            let _ = self.blobs.commit(ops, Durability::Relaxed).await;
        }
    }
}

impl State {
    /// What to work on next, beginning a job where one is due.
    fn plan(&mut self, options: &PackedOptions) -> Option<Which> {
        if self.health != Health::Open || self.mark_is_pending {
            return None;
        }
        if self.flush.is_none() && self.flush_is_due(options) {
            self.flush = Some(self.begin_flush(options));
        }
        if self.flush.is_some() {
            return Some(Which::Flush);
        }
        if self.merge.is_none() {
            let sizes: Vec<u64> = self.runs.iter().map(|run| run.entry.bytes()).collect();
            let inputs = self.runs.get(..runs_to_merge(&sizes)).unwrap_or_default().to_vec();
            self.merge = (!inputs.is_empty()).then(|| Job::merge(inputs, &self.runs));
        }
        self.merge.is_some().then_some(Which::Merge)
    }

    fn flush_is_due(&self, options: &PackedOptions) -> bool {
        self.table.bytes >= options.flush_bytes || self.segments_in_table() >= options.flush_segments
    }

    /// Segments that are neither in blocks nor on their way there.
    fn segments_in_table(&self) -> u64 {
        self.applied + 1 - self.frozen.as_ref().map_or(self.manifest.first_live, |(_, last)| last + 1)
    }

    /// Whether the work cannot wait any longer. Merging can, for long: it makes reading cheaper, and nothing smaller.
    pub(super) fn presses(&self, options: &PackedOptions) -> bool {
        self.table.bytes >= PRESSING_BYTES * options.flush_bytes
            || self.segments_in_table() >= PRESSING_SEGMENTS * options.flush_segments
            || self.runs.len() >= PRESSING_RUNS
    }

    fn begin_flush(&mut self, options: &PackedOptions) -> Job {
        let table = Rc::new(std::mem::take(&mut self.table));
        let taken = if self.merge.is_some() { 0 } else { self.runs_to_flush(table.bytes, options) };
        let inputs = self.runs.get(..taken).unwrap_or_default().to_vec();
        let bottom = taken == self.runs.len();
        self.frozen = Some((table.clone(), self.applied));
        Job::new(Some((table, self.applied)), inputs, bottom)
    }

    /// How many of the newest runs a flush of `bytes` takes along.
    fn runs_to_flush(&self, bytes: usize, options: &PackedOptions) -> usize {
        let budget = (FLUSH_BLOCKS * options.block_bytes) as u64;
        let mut total = bytes as u64;
        let sizes = self.runs.iter().map(|run| run.entry.bytes()).take_while(|size| {
            total += size;
            total <= budget
        });
        let sizes: Vec<u64> = [bytes as u64].into_iter().chain(sizes).collect();
        runs_to_merge(&sizes).saturating_sub(1)
    }

    fn job(&self, which: Which) -> Option<&Job> {
        match which {
            Which::Flush => self.flush.as_ref(),
            Which::Merge => self.merge.as_ref(),
        }
    }

    fn job_mut(&mut self, which: Which) -> Option<&mut Job> {
        match which {
            Which::Flush => self.flush.as_mut(),
            Which::Merge => self.merge.as_mut(),
        }
    }

    fn gather(&mut self, which: Which, options: &PackedOptions) -> Result<Gathered, Missing> {
        self.job_mut(which).map_or(Ok(Gathered { sheet: None, is_last: true }), |job| job.gather(options))
    }

    /// Gives the next output block its name and notes it.
    fn take_block(&mut self, which: Which, sheet: Option<Sheet>) -> Option<BlobOp> {
        let sheet = sheet?;
        let id = BlockId { handle: self.handle, number: self.next_block };
        self.next_block += 1;
        let bytes = encode_block(id, &sheet.bytes, Compression::Lz4);
        let job = self.job_mut(which)?;
        let (first, last) = (sheet.first, sheet.last);
        job.outputs.push(BlockEntry { id, bytes: sheet.unpacked_bytes as u64, rows: sheet.rows, first, last });
        Some(BlobOp::Add(BlobName::Block(id), bytes))
    }

    /// The manifest once the job's output counts.
    fn next_manifest(&self, which: Which) -> Option<Manifest> {
        let job = self.job(which)?;
        let mut next = self.manifest.clone();
        next.edition += 1;
        let replaced: Vec<u64> = job.inputs.iter().map(|run| run.entry.id).collect();
        let place = next.runs.iter().position(|run| replaced.contains(&run.id)).unwrap_or(0);
        next.runs.retain(|run| !replaced.contains(&run.id));
        if !job.outputs.is_empty() {
            next.runs.insert(place, RunEntry { id: self.next_run, blocks: job.outputs.clone() });
        }
        if let Some((_, last)) = job.table {
            next.first_live = last + 1;
            let passed: Vec<u64> = self.takeovers.iter().copied().filter(|mark| *mark < next.first_live).collect();
            next.keep_takeovers(&passed);
        }
        job.lost.iter().for_each(|entry| next.lose(entry.clone()));
        Some(next)
    }

    /// What is written and deleted when `next` takes the place of the manifest.
    fn switch_ops(&self, which: Which, next: &Manifest) -> Vec<BlobOp> {
        let fence = encode_mark(self.next_segment, Purpose::Switch);
        let mut ops = vec![BlobOp::Add(BlobName::Segment(self.next_segment), fence)];
        ops.extend([0, 1].map(|copy| BlobOp::Put(BlobName::Manifest(copy), next.encode())));
        let inputs = self.job(which).map(|job| &job.inputs[..]).unwrap_or_default();
        let replaced = inputs.iter().flat_map(|run| run.entry.blocks.iter());
        ops.extend(replaced.map(|block| BlobOp::Delete(BlobName::Block(block.id))));
        ops.extend(self.passed_segments(next));
        ops
    }

    /// Deletes the segments that are in blocks now; marks of handles stay.
    fn passed_segments(&self, next: &Manifest) -> Vec<BlobOp> {
        let mut ops: Vec<BlobOp> = self
            .manifest
            .takeovers
            .iter()
            .filter(|mark| !next.takeovers.contains(mark))
            .map(|mark| BlobOp::Delete(BlobName::Segment(*mark)))
            .collect();
        let mut from = self.manifest.first_live;
        let kept = next.takeovers.iter().copied().filter(|mark| *mark >= self.manifest.first_live);
        for mark in kept.chain([next.first_live]) {
            if from < mark {
                ops.push(BlobOp::DeleteSegments(from, mark));
            }
            from = mark + 1;
        }
        ops
    }

    fn settle_switch(&mut self, which: Which, next: Manifest) {
        let job = match which {
            Which::Flush => self.flush.take(),
            Which::Merge => self.merge.take(),
        };
        if which == Which::Flush {
            self.frozen = None;
        }
        for id in job.iter().flat_map(|job| &job.inputs).flat_map(|run| run.entry.blocks.iter().map(|block| block.id)) {
            self.cache.remove(id);
        }
        self.applied = self.next_segment;
        self.next_segment += 1;
        self.next_run += 1;
        self.takeovers.retain(|mark| *mark >= next.first_live);
        self.runs = next.runs.iter().cloned().map(|entry| Rc::new(Run { entry })).collect();
        self.manifest = next;
    }

    /// Forgets a job; a frozen table becomes the table again, under what was written since.
    fn drop_job(&mut self, which: Which) -> Vec<BlobOp> {
        let job = match which {
            Which::Flush => self.flush.take(),
            Which::Merge => self.merge.take(),
        };
        if which == Which::Flush
            && let Some((frozen, _)) = self.frozen.take()
        {
            let newer = std::mem::replace(&mut self.table, Table::clone(&frozen));
            self.table.absorb(newer);
        }
        let outputs = job.into_iter().flat_map(|job| job.outputs);
        outputs.map(|block| BlobOp::Delete(BlobName::Block(block.id))).collect()
    }
}

impl Job {
    fn new(table: Option<(Rc<Table>, u64)>, inputs: Vec<Rc<Run>>, bottom: bool) -> Self {
        Self {
            table,
            inputs,
            bottom,
            after: None,
            building: SheetBuilder::with(Compression::Lz4),
            loaded: Loaded::new(),
            outputs: Vec::new(),
            lost: Vec::new(),
        }
    }

    fn merge(inputs: Vec<Rc<Run>>, all: &[Rc<Run>]) -> Self {
        let bottom = inputs.len() == all.len();
        Self::new(None, inputs, bottom)
    }

    /// Merges rows until a block is full, the step has taken its part, or none is left. What it took it keeps, also where a block is missing.
    fn gather(&mut self, options: &PackedOptions) -> Result<Gathered, Missing> {
        let all = Range::all();
        let range = self.after.as_ref().map_or(all.clone(), |after| all.after(after)).max_bytes(options.block_bytes);
        let tables: Vec<&Table> = self.table.iter().map(|(table, _)| &**table).collect();
        let runs: Vec<&Run> = self.inputs.iter().map(|run| &**run).collect();
        let mut merge = Merge::over(&range, &tables, &runs, &self.loaded, 1)?;
        let mut taken = 0;
        let mut last: Option<Vec<u8>> = None;
        let mut outcome = Ok(());
        while outcome.is_ok() && taken < options.step_bytes && self.building.byte_len() < options.block_bytes {
            let Some((key, row)) = merge.peek() else { break };
            taken += key.len() + row.byte_len();
            if !(self.bottom && row == Row::Deleted) {
                self.building.push(key, row);
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
            outcome = merge.pass();
        }
        let is_last = merge.peek().is_none();
        // A step that begins in the middle of one names it again, which the manifest takes for the same.
        self.lost.extend(merge.lost().map(|part| LostEntry {
            source: Damaged::Block(part.block),
            start: part.range.start.clone(),
            end: part.range.end.clone(),
        }));
        self.after = last.map(Bytes::from).or(self.after.take());
        outcome?;
        if !is_last && self.building.byte_len() < options.block_bytes {
            return Ok(Gathered { sheet: None, is_last });
        }
        self.loaded = Loaded::new();
        let building = std::mem::replace(&mut self.building, SheetBuilder::with(Compression::Lz4));
        Ok(Gathered { sheet: building.finish(), is_last })
    }
}

/// How many of the newest runs to merge so that each run is larger than all newer ones together; 0 when they are.
fn runs_to_merge(sizes_newest_first: &[u64]) -> usize {
    let mut merged = 0;
    let mut newer = 0;
    for (at, size) in sizes_newest_first.iter().enumerate() {
        if at > 0 && newer >= *size {
            merged = at + 1;
        }
        newer += size;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_ends_up_larger_than_all_newer_ones_together() {
        assert_eq!(runs_to_merge(&[]), 0);
        assert_eq!(runs_to_merge(&[5]), 0);
        assert_eq!(runs_to_merge(&[5, 6]), 0);
        assert_eq!(runs_to_merge(&[5, 5]), 2);
        assert_eq!(runs_to_merge(&[1, 2, 3, 100]), 3);
        assert_eq!(runs_to_merge(&[1, 2, 4, 7]), 4);
    }

    #[test]
    fn a_thousand_flushes_leave_few_runs_and_write_each_byte_few_times() {
        let (mut runs, mut written) = (Vec::new(), 0_u64);
        for _ in 0..1000 {
            runs.insert(0, 1_u64);
            written += 1;
            let merged = runs_to_merge(&runs);
            if merged > 0 {
                let size = runs.drain(..merged).sum();
                written += size;
                runs.insert(0, size);
            }
            assert!(runs.len() <= 10, "{runs:?}");
        }
        assert!(written <= 11 * 1000, "{written}");
    }
}
