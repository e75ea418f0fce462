//! Blobs that last as long as the process, for tests: they remember what a power cut would leave, and can be damaged.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::{BlobFailure, BlobName, BlobOp, Blobs};
use crate::store::Durability;

/// Blobs in a map. Clones are the same disk, which is how a store is opened again.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs(Rc<RefCell<Disk>>);

type Map = BTreeMap<BlobName, Rc<Vec<u8>>>;

#[derive(Debug, Default)]
struct Disk {
    durable: Map,
    current: Map,
    /// Relaxed commits since the last strict one.
    unsynced: VecDeque<Vec<BlobOp>>,
}

impl MemoryBlobs {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Relaxed commits that a power cut could lose.
    pub fn unsynced(&self) -> usize {
        self.0.borrow().unsynced.len()
    }

    /// Cuts the power: of the relaxed commits since the last strict one only the first `kept` remain.
    pub fn crash(&self, kept: usize) {
        let disk = &mut *self.0.borrow_mut();
        disk.unsynced.truncate(kept);
        disk.sync();
        disk.current = disk.durable.clone();
    }

    /// A disk with the same content that goes its own way.
    pub fn copy(&self) -> Self {
        let disk = self.0.borrow();
        let copy =
            Disk { durable: disk.durable.clone(), current: disk.current.clone(), unsynced: disk.unsynced.clone() };
        Self(Rc::new(RefCell::new(copy)))
    }

    /// The names and bytes of everything.
    pub fn blobs(&self) -> BTreeMap<BlobName, Vec<u8>> {
        self.0.borrow().current.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect()
    }

    /// Writes a blob past every promise: how tests damage a disk.
    pub fn overwrite(&self, name: BlobName, bytes: Vec<u8>) {
        let disk = &mut *self.0.borrow_mut();
        disk.sync();
        let bytes = Rc::new(bytes);
        disk.durable.insert(name, bytes.clone());
        disk.current.insert(name, bytes);
    }
}

impl Disk {
    fn sync(&mut self) {
        for ops in self.unsynced.drain(..) {
            apply(&mut self.durable, &ops);
        }
    }
}

impl Blobs for MemoryBlobs {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        Ok(self.0.borrow().current.keys().copied().collect())
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        let disk = self.0.borrow();
        Ok(names.iter().map(|name| disk.current.get(name).map(|bytes| bytes.to_vec())).collect())
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        let disk = self.0.borrow();
        let from_first = disk.current.range(BlobName::Segment(first)..);
        Ok(from_first.filter_map(|(name, bytes)| Some((segment_number(name)?, bytes.to_vec()))).collect())
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        let disk = &mut *self.0.borrow_mut();
        if let Some(name) = first_conflict(&disk.current, &ops) {
            return Err(BlobFailure::Exists(name));
        }
        apply(&mut disk.current, &ops);
        disk.unsynced.push_back(ops);
        if durability == Durability::Strict {
            disk.sync();
        }
        Ok(())
    }

    async fn close(&self) {}
}

fn segment_number(name: &BlobName) -> Option<u64> {
    match name {
        BlobName::Segment(number) => Some(*number),
        BlobName::Block(_) | BlobName::Manifest(_) | BlobName::Quarantine(_) => None,
    }
}

fn first_conflict(blobs: &Map, ops: &[BlobOp]) -> Option<BlobName> {
    ops.iter().find_map(|op| match op {
        BlobOp::Add(name, _) => blobs.contains_key(name).then_some(*name),
        BlobOp::Put(..) | BlobOp::Delete(_) | BlobOp::DeleteSegments(..) => None,
    })
}

fn apply(blobs: &mut Map, ops: &[BlobOp]) {
    for op in ops {
        match op {
            BlobOp::Add(name, bytes) | BlobOp::Put(name, bytes) => {
                blobs.insert(*name, Rc::new(bytes.clone()));
            }
            BlobOp::Delete(name) => {
                blobs.remove(name);
            }
            BlobOp::DeleteSegments(from, to) => {
                let doomed: Vec<_> =
                    blobs.range(BlobName::Segment(*from)..BlobName::Segment(*to)).map(|(name, _)| *name).collect();
                for name in doomed {
                    blobs.remove(&name);
                }
            }
        }
    }
}
