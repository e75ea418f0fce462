//! Walks the rows of several sources as one, in order, the newest word on each key winning.

use std::cmp::Ordering;
use std::collections::btree_map;
use std::ops::Bound;
use std::rc::Rc;

use super::blobs::BlockId;
use super::block::{Block, Loaded, Run};
use super::manifest::BlockEntry;
use super::sheet::{Page, Row};
use super::table::{Slot, Table};
use crate::store::{Key, LostRange, Range};

/// Most blocks of one run that are asked for at once.
const MOST_AHEAD: usize = 32;

/// Blocks that have to be loaded before the walk can go on.
#[derive(Debug, Default)]
pub(super) struct Missing(pub(super) Vec<BlockEntry>);

/// A part of a block that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct LostPart {
    pub(super) block: BlockId,
    pub(super) range: LostRange,
}

/// One source of rows, standing at one of them.
#[derive(Debug)]
enum Cursor<'a> {
    Table { rows: btree_map::Range<'a, Key, Slot>, at: Option<(&'a Key, &'a Slot)>, reverse: bool },
    Run(RunCursor<'a>),
}

#[derive(Debug)]
struct RunCursor<'a> {
    run: &'a Run,
    loaded: &'a Loaded,
    reverse: bool,
    /// The next block to enter; `None` when there is no more.
    next_block: Option<usize>,
    at: Option<Position>,
    lost: Vec<LostPart>,
}

#[derive(Debug)]
struct Position {
    block: Rc<Block>,
    id: BlockId,
    page: usize,
    directory: Rc<Page>,
    row: usize,
}

/// Several sources, newest first, as one ordered walk over a range.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    range: &'a Range,
    /// How many blocks to ask for at once when one is missing.
    ahead: usize,
    cursors: Vec<Cursor<'a>>,
    /// The sources that stand at the next key, newest first.
    next: Vec<usize>,
}

impl<'a> Merge<'a> {
    /// Stands before the first row of `range`.
    pub(super) fn over(
        range: &'a Range,
        tables: &[&'a Table],
        runs: &[&'a Run],
        loaded: &'a Loaded,
        ahead: usize,
    ) -> Result<Self, Missing> {
        let cursors = Vec::with_capacity(tables.len() + runs.len());
        let mut merge = Self { range, ahead, cursors, next: Vec::new() };
        if range.is_empty() {
            return Ok(merge);
        }
        merge.cursors.extend(tables.iter().map(|table| Cursor::over_table(range, table)));
        let mut missing = Missing::default();
        for run in runs {
            let mut cursor = RunCursor::before(range, run, loaded);
            match cursor.settle(range, ahead) {
                Ok(()) => merge.cursors.push(Cursor::Run(cursor)),
                Err(more) => missing.0.extend(more.0),
            }
        }
        merge.find_next();
        if missing.0.is_empty() { Ok(merge) } else { Err(missing) }
    }

    /// The next key and its newest row; `None` at the end of the range.
    pub(super) fn peek(&self) -> Option<(&[u8], Row<'_>)> {
        self.cursors.get(*self.next.first()?)?.row()
    }

    /// Passes the key that [`Self::peek`] answers, in every source.
    pub(super) fn pass(&mut self) -> Result<(), Missing> {
        let mut missing = Missing::default();
        for at in &self.next {
            if let Some(Err(more)) = self.cursors.get_mut(*at).map(|cursor| cursor.advance(self.range, self.ahead)) {
                missing.0.extend(more.0);
            }
        }
        self.find_next();
        if missing.0.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// What could not be read on the way so far.
    pub(super) fn lost(&self) -> impl Iterator<Item = &LostPart> {
        self.cursors.iter().flat_map(|cursor| match cursor {
            Cursor::Table { .. } => [].iter(),
            Cursor::Run(cursor) => cursor.lost.iter(),
        })
    }

    fn find_next(&mut self) {
        let mut next = std::mem::take(&mut self.next);
        next.clear();
        let mut best: Option<&[u8]> = None;
        for (at, cursor) in self.cursors.iter().enumerate() {
            let Some((key, _)) = cursor.row() else { continue };
            let order = best.map_or(Ordering::Less, |best| key.cmp(best));
            match if self.range.reverse && best.is_some() { order.reverse() } else { order } {
                Ordering::Less => {
                    next.clear();
                    next.push(at);
                    best = Some(key);
                }
                Ordering::Equal => next.push(at),
                Ordering::Greater => {}
            }
        }
        self.next = next;
    }
}

impl<'a> Cursor<'a> {
    fn over_table(range: &Range, table: &'a Table) -> Self {
        let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        let mut rows = table.rows.range::<[u8], _>((Bound::Included(&range.start[..]), end));
        let at = if range.reverse { rows.next_back() } else { rows.next() };
        Self::Table { rows, at, reverse: range.reverse }
    }

    fn row(&self) -> Option<(&[u8], Row<'_>)> {
        match self {
            Self::Table { at, .. } => at.map(|(key, slot)| (&key[..], slot_row(slot))),
            Self::Run(cursor) => cursor.row(),
        }
    }

    fn advance(&mut self, range: &Range, ahead: usize) -> Result<(), Missing> {
        match self {
            Self::Table { rows, at, reverse } => {
                *at = if *reverse { rows.next_back() } else { rows.next() };
                Ok(())
            }
            Self::Run(cursor) => cursor.advance(range, ahead),
        }
    }
}

/// The checksum of a healthy value is only needed where rows are written, and is taken there.
fn slot_row(slot: &Slot) -> Row<'_> {
    match slot {
        Slot::Deleted => Row::Deleted,
        Slot::Value(bytes) => Row::Healthy(bytes),
        Slot::Corrupt { bytes, crc } => Row::Value { bytes, crc: *crc },
    }
}

impl<'a> RunCursor<'a> {
    /// Stands before the first row, in no block yet.
    fn before(range: &Range, run: &'a Run, loaded: &'a Loaded) -> Self {
        let next_block = if range.reverse { last_before(range, run) } else { Some(run.first_reaching(&range.start)) };
        Self { run, loaded, reverse: range.reverse, next_block, at: None, lost: Vec::new() }
    }

    fn row(&self) -> Option<(&[u8], Row<'_>)> {
        let at = self.at.as_ref()?;
        at.block.sheet.as_ref().ok()?.row(&at.directory, at.row)
    }

    fn advance(&mut self, range: &Range, ahead: usize) -> Result<(), Missing> {
        let Some(at) = &mut self.at else { return Ok(()) };
        let step =
            if self.reverse { at.row.checked_sub(1) } else { Some(at.row + 1).filter(|row| *row < at.directory.len()) };
        match step {
            Some(row) => at.row = row,
            None => self.leave_page(range),
        }
        self.settle(range, ahead)
    }

    /// Goes to the next page of the block, or out of it.
    fn leave_page(&mut self, range: &Range) {
        let Some(at) = self.at.take() else { return };
        let next = if self.reverse { at.page.checked_sub(1) } else { Some(at.page + 1) };
        if let Some(page) = next {
            self.enter_page(range, at.block, at.id, page);
        }
    }

    /// Stands at the first row in the range from `page` on; nowhere if there is none in this block.
    fn enter_page(&mut self, range: &Range, block: Rc<Block>, id: BlockId, mut page: usize) {
        let Ok(sheet) = &block.sheet else { return };
        while let Some(entry) = sheet.pages().get(page) {
            match sheet.page(page) {
                Ok(directory) => {
                    let row = if self.reverse {
                        range.end.as_ref().map_or(directory.len(), |end| directory.lower_bound(end)).checked_sub(1)
                    } else {
                        Some(directory.lower_bound(&range.start)).filter(|row| *row < directory.len())
                    };
                    if let Some(row) = row {
                        self.at = Some(Position { block: block.clone(), id, page, directory, row });
                        return;
                    }
                }
                Err(_) => self.lose(range, id, entry.first.clone(), entry.last.clone()),
            }
            let Some(next) = (if self.reverse { page.checked_sub(1) } else { Some(page + 1) }) else { return };
            page = next;
        }
    }

    fn lose(&mut self, range: &Range, block: BlockId, start: Key, last: Key) {
        let lost = LostRange { start, end: Some(last) };
        if lost.touches(range) {
            self.lost.push(LostPart { block, range: lost });
        }
    }

    /// Enters blocks until it stands at a row of the range or has left the range.
    fn settle(&mut self, range: &Range, ahead: usize) -> Result<(), Missing> {
        while self.at.is_none() {
            let Some(entry) = self.next_block.and_then(|at| self.run.block(at)) else { return Ok(()) };
            if !touches(range, entry) {
                self.next_block = None;
                return Ok(());
            }
            let Some(block) = self.loaded.get(&entry.id) else { return Err(self.missing(range, ahead)) };
            self.enter_block(range, entry, block.clone());
        }
        if self.row().is_some_and(|(key, _)| !range.contains(key)) {
            self.at = None;
            self.next_block = None;
        }
        Ok(())
    }

    fn enter_block(&mut self, range: &Range, entry: &BlockEntry, block: Rc<Block>) {
        self.next_block = self.next_block.and_then(|at| if self.reverse { at.checked_sub(1) } else { Some(at + 1) });
        let first_page = match &block.sheet {
            Err(_) => return self.lose(range, entry.id, entry.first.clone(), entry.last.clone()),
            Ok(sheet) if self.reverse => {
                sheet.pages().partition_point(|page| range.is_before_end(&page.first)).checked_sub(1)
            }
            Ok(sheet) => Some(sheet.pages().partition_point(|page| page.last < range.start)),
        };
        if let Some(page) = first_page {
            self.enter_page(range, block, entry.id, page);
        }
    }

    /// The block that is missing, at least `ahead - 1` after it that lie in the range, and more if the range asks for that much.
    fn missing(&self, range: &Range, ahead: usize) -> Missing {
        let Some(first) = self.next_block else { return Missing::default() };
        let blocks: Box<dyn Iterator<Item = usize>> =
            if self.reverse { Box::new((0..=first).rev()) } else { Box::new(first..) };
        let (mut rows, mut bytes) = (0, 0);
        let wanted =
            blocks.map_while(|at| self.run.block(at)).take_while(|entry| touches(range, entry)).enumerate().take_while(
                |(at, entry)| {
                    let enough = rows >= u64::from(range.limit) || bytes >= range.max_bytes as u64;
                    rows += entry.rows;
                    bytes += entry.bytes;
                    *at < ahead || (*at < MOST_AHEAD && !enough)
                },
            );
        Missing(wanted.map(|(_, entry)| entry).filter(|entry| !self.loaded.contains_key(&entry.id)).cloned().collect())
    }
}

fn touches(range: &Range, entry: &BlockEntry) -> bool {
    entry.last >= range.start && range.is_before_end(&entry.first)
}

/// The last block that holds keys before the end of the range.
fn last_before(range: &Range, run: &Run) -> Option<usize> {
    run.entry.blocks.partition_point(|block| range.is_before_end(&block.first)).checked_sub(1)
}
