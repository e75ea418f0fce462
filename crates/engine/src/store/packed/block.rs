//! Blocks in memory, and how many of them stay there.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::blobs::BlockId;
use super::format::{Damage, open_block};
use super::manifest::{BlockEntry, RunEntry};
use super::sheet::OpenSheet;

/// A run of sorted blocks that do not overlap. Newer runs hide older ones.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) entry: RunEntry,
}

impl Run {
    /// The first block whose last key is not less than `key`.
    pub(super) fn first_reaching(&self, key: &[u8]) -> usize {
        self.entry.blocks.partition_point(|block| &block.last[..] < key)
    }

    pub(super) fn block(&self, at: usize) -> Option<&BlockEntry> {
        self.entry.blocks.get(at)
    }
}

/// A block's sheet, or what is wrong with it.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) sheet: Result<OpenSheet, Damage>,
    /// What it takes once all of its pages have been looked at.
    bytes: usize,
}

impl Block {
    /// Reads a block. Damage is part of the answer: the rows around it can still be read.
    pub(super) fn open(entry: &BlockEntry, bytes: Option<Vec<u8>>) -> Self {
        let stored = bytes.as_ref().map_or(0, Vec::len);
        let sheet = bytes.ok_or(Damage::Missing).and_then(|bytes| {
            let (start, compression) = open_block(&bytes, entry.id)?;
            let sheet = OpenSheet::open(bytes, start, compression)?;
            let spans = (sheet.pages().first().map(|page| &page.first), sheet.pages().last().map(|page| &page.last));
            if spans == (Some(&entry.first), Some(&entry.last)) { Ok(sheet) } else { Err(Damage::Foreign) }
        });
        let unpacked = sheet.as_ref().map_or(0, OpenSheet::unpacked_bytes);
        Self { sheet, bytes: stored + unpacked }
    }
}

/// The blocks used last, under a budget of bytes.
#[derive(Debug)]
pub(super) struct Cache {
    blocks: BTreeMap<BlockId, (Rc<Block>, u64)>,
    bytes: usize,
    budget: usize,
    clock: u64,
}

impl Cache {
    pub(super) fn new(budget: usize) -> Self {
        Self { blocks: BTreeMap::new(), bytes: 0, budget, clock: 0 }
    }

    pub(super) fn get(&mut self, id: BlockId) -> Option<Rc<Block>> {
        self.clock += 1;
        let (block, used) = self.blocks.get_mut(&id)?;
        *used = self.clock;
        Some(block.clone())
    }

    /// Keeps `block`, and lets go of those used longest ago until the budget is met.
    pub(super) fn insert(&mut self, id: BlockId, block: Rc<Block>) {
        self.remove(id);
        self.clock += 1;
        self.bytes += block.bytes;
        self.blocks.insert(id, (block, self.clock));
        while self.bytes > self.budget {
            let Some(oldest) = self.blocks.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id) else { return };
            self.remove(oldest);
        }
    }

    pub(super) fn remove(&mut self, id: BlockId) {
        if let Some((block, _)) = self.blocks.remove(&id) {
            self.bytes -= block.bytes;
        }
    }
}

/// Blocks at hand for one load or one merge step.
pub(super) type Loaded = BTreeMap<BlockId, Rc<Block>>;
