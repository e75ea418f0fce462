//! Stores that last as long as the process: for Node, for tests and for the simulator.
//!
//! A disk is cloned to be opened again; [`MemoryDisk::crash`] forgets what a power cut would.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::rc::Rc;

use super::range::Allowance;
use super::{Durability, Key, Range, RowValue, Rows, Store, StoreBatch, StoreFailure, Value};

pub use super::packed::memory::MemoryBlobs;

/// What outlives a [`Memory`] handle. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct MemoryDisk(Rc<RefCell<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    /// What loads see.
    current: BTreeMap<Key, Value>,
    /// What a power cut leaves; `None` where nobody will ever cut the power.
    durable: Option<Durable>,
    /// Counts openings; only the last handle may write.
    owner: u64,
}

#[derive(Debug, Default)]
struct Durable {
    rows: BTreeMap<Key, Value>,
    /// Relaxed commits since the last strict one.
    unsynced: VecDeque<StoreBatch>,
}

impl MemoryDisk {
    /// An empty disk that remembers what a power cut would leave. Costs the memory of a second copy.
    pub fn new() -> Self {
        Self::over(Disk { durable: Some(Durable::default()), ..Disk::default() })
    }

    fn over(disk: Disk) -> Self {
        Self(Rc::new(RefCell::new(disk)))
    }

    /// Relaxed commits that a power cut could lose.
    pub fn unsynced(&self) -> usize {
        self.0.borrow().durable.as_ref().map_or(0, |durable| durable.unsynced.len())
    }

    /// Cuts the power: of the relaxed commits since the last strict one only the first `kept` remain. Every open handle ends.
    pub fn crash(&self, kept: usize) {
        let disk = &mut *self.0.borrow_mut();
        disk.owner += 1;
        if let Some(durable) = &mut disk.durable {
            durable.unsynced.truncate(kept);
            durable.sync();
            disk.current = durable.rows.clone();
        }
    }

    /// Every row, for comparing two disks.
    pub fn rows(&self) -> BTreeMap<Key, Value> {
        self.0.borrow().current.clone()
    }
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    fn apply(&mut self, batch: StoreBatch, durability: Durability) {
        if let Some(durable) = &mut self.durable {
            durable.unsynced.push_back(batch.clone());
            if durability == Durability::Strict {
                durable.sync();
            }
        }
        write(&mut self.current, batch);
    }
}

impl Durable {
    fn sync(&mut self) {
        for batch in self.unsynced.drain(..) {
            write(&mut self.rows, batch);
        }
    }
}

fn write(rows: &mut BTreeMap<Key, Value>, batch: StoreBatch) {
    for (key, value) in batch.into_rows() {
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
}

/// A store over a map.
#[derive(Debug)]
pub struct Memory {
    disk: MemoryDisk,
    owner: u64,
    closed: Cell<bool>,
}

impl Memory {
    /// An empty store on a disk of its own, which nobody can open again.
    pub fn new() -> Self {
        Self::open(&MemoryDisk::over(Disk::default()))
    }

    /// Opens `disk` and supersedes every handle that was opened before.
    pub fn open(disk: &MemoryDisk) -> Self {
        let owner = {
            let mut inner = disk.0.borrow_mut();
            inner.owner += 1;
            inner.owner
        };
        Self { disk: disk.clone(), owner, closed: Cell::new(false) }
    }

    fn check(&self) -> Result<(), StoreFailure> {
        if self.closed.get() {
            return Err(StoreFailure::Closed);
        }
        if self.disk.0.borrow().owner != self.owner {
            return Err(StoreFailure::Superseded);
        }
        Ok(())
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for Memory {
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        self.check()?;
        let disk = self.disk.0.borrow();
        Ok(ranges.iter().map(|range| read(&disk.current, range)).collect())
    }

    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.check()?;
        batch.check_limits()?;
        self.disk.0.borrow_mut().apply(batch, durability);
        Ok(())
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        self.check()?;
        Ok(false)
    }

    async fn close(&self) {
        self.closed.set(true);
    }
}

fn read(rows: &BTreeMap<Key, Value>, range: &Range) -> Rows {
    let mut answer = Rows::default();
    if range.is_empty() {
        return answer;
    }
    let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    let mut found = rows.range::<[u8], _>((Bound::Included(&range.start[..]), end));
    let mut allowance = Allowance::of(range);
    while let Some((key, value)) = if range.reverse { found.next_back() } else { found.next() } {
        if !allowance.take(key.len() + value.len()) {
            answer.more = true;
            break;
        }
        answer.rows.push((key.clone(), RowValue::Present(value.clone())));
    }
    answer
}
