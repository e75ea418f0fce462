//! Where a database's blobs and its key record are: in IndexedDB, or in memory as long as the engine lives.

use crate::store::IndexedDb;
use ashore_engine::store::packed::{AtRest, BlobFailure, BlobName, BlobOp, Blobs, OpenReport, Packed, PackedOptions};
use ashore_engine::store::{Durability, StoreFailure};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// The one key record of a database. The name is older than the passphrase.
const RECORD: &str = "local-secret";

/// Blobs and a key record. Clones are the same place.
#[derive(Clone)]
pub(crate) enum Disk {
    Browser(Rc<IndexedDb>),
    Memory(Rc<Memory>),
}

/// What a database without a disk keeps.
#[derive(Default)]
pub(crate) struct Memory {
    blobs: RefCell<BTreeMap<BlobName, Vec<u8>>>,
    record: RefCell<Option<JsValue>>,
}

/// The store over it, plain or sealed; there is one type, since each would be compiled for itself.
pub(crate) type BrowserStore = Packed<AtRest<Disk>>;

/// Opens the store in `blobs`, creating it when there is nothing yet.
pub(crate) async fn open(blobs: AtRest<Disk>) -> Result<(BrowserStore, OpenReport), StoreFailure> {
    Packed::open(blobs, PackedOptions::default()).await
}

impl Disk {
    /// The same place for a store that is opened after another was closed, which took its connection along.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Browser(database) => Self::Browser(Rc::new(IndexedDb::new(database.name()))),
            Self::Memory(memory) => Self::Memory(Rc::clone(memory)),
        }
    }

    pub(crate) async fn load_record(&self) -> Result<Option<JsValue>, BlobFailure> {
        match self {
            Self::Browser(database) => database.load_key_record(RECORD).await,
            Self::Memory(memory) => Ok(memory.record.borrow().clone()),
        }
    }

    /// Keeps the record, durably, unless there is one already. Whether it was kept.
    pub(crate) async fn add_record(&self, record: &JsValue) -> Result<bool, BlobFailure> {
        match self {
            Self::Browser(database) => database.add_key_record(RECORD, record).await,
            Self::Memory(memory) if memory.record.borrow().is_some() => Ok(false),
            Self::Memory(memory) => {
                memory.record.replace(Some(record.clone()));
                Ok(true)
            }
        }
    }

    /// Keeps the record, durably, if the one that is there is `still` what it was. Whether it was kept.
    pub(crate) async fn replace_record(
        &self,
        record: &JsValue,
        still: impl Fn(&JsValue) -> bool,
    ) -> Result<bool, BlobFailure> {
        match self {
            Self::Browser(database) => database.replace_key_record(RECORD, record, still).await,
            Self::Memory(memory) => {
                let same = memory.record.borrow().as_ref().is_some_and(still);
                if same {
                    memory.record.replace(Some(record.clone()));
                }
                Ok(same)
            }
        }
    }

    /// Keeps the record, durably, in the place of the one that is there.
    pub(crate) async fn put_record(&self, record: &JsValue) -> Result<(), BlobFailure> {
        match self {
            Self::Browser(database) => database.put_key_record(RECORD, record).await,
            Self::Memory(memory) => {
                memory.record.replace(Some(record.clone()));
                Ok(())
            }
        }
    }
}

impl Blobs for Disk {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        match self {
            Self::Browser(database) => database.names().await,
            Self::Memory(memory) => Ok(memory.blobs.borrow().keys().copied().collect()),
        }
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        match self {
            Self::Browser(database) => database.get(names).await,
            Self::Memory(memory) => {
                let blobs = memory.blobs.borrow();
                Ok(names.iter().map(|name| blobs.get(name).cloned()).collect())
            }
        }
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        match self {
            Self::Browser(database) => database.segments(first).await,
            Self::Memory(memory) => Ok(memory.segments(first)),
        }
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        match self {
            Self::Browser(database) => database.commit(ops, durability).await,
            Self::Memory(memory) => memory.commit(ops),
        }
    }

    async fn close(&self) {
        match self {
            Self::Browser(database) => database.close().await,
            Self::Memory(_) => {}
        }
    }
}

impl Memory {
    fn segments(&self, first: u64) -> Vec<(u64, Vec<u8>)> {
        let blobs = self.blobs.borrow();
        let from_first = blobs.range(BlobName::Segment(first)..);
        from_first
            .filter_map(|(name, bytes)| match name {
                BlobName::Segment(number) => Some((*number, bytes.clone())),
                BlobName::Block(_) | BlobName::Manifest(_) | BlobName::Quarantine(_) => None,
            })
            .collect()
    }

    fn commit(&self, ops: Vec<BlobOp>) -> Result<(), BlobFailure> {
        let mut blobs = self.blobs.borrow_mut();
        let exists = ops.iter().find_map(|op| match op {
            BlobOp::Add(name, _) if blobs.contains_key(name) => Some(*name),
            _ => None,
        });
        if let Some(name) = exists {
            return Err(BlobFailure::Exists(name));
        }
        for op in ops {
            match op {
                BlobOp::Add(name, bytes) | BlobOp::Put(name, bytes) => drop(blobs.insert(name, bytes)),
                BlobOp::Delete(name) => drop(blobs.remove(&name)),
                BlobOp::DeleteSegments(from, to) => {
                    blobs.retain(|name, _| !matches!(name, BlobName::Segment(number) if (from..to).contains(number)));
                }
            }
        }
        Ok(())
    }
}
