//! The packed store against a map: random batches, maintenance, openings and power cuts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::store::conformance::{Disk, PackedDisk, block_on, everything, present};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::PackedOptions;
use crate::store::{Durability, Key, Range, Store, StoreBatch, Value};

type Model = BTreeMap<Key, Value>;

#[derive(Debug, Clone)]
enum Step {
    Commit { rows: Vec<(u8, Option<(u8, u16)>)>, strict: bool },
    Maintain(u8),
    Open,
    PowerCut(u8),
    Read { start: u8, end: u8, limit: u8, reverse: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        1 => Just(None),
        6 => (any::<u8>(), 0u16..400).prop_map(Some),
        1 => (any::<u8>(), 3000u16..9000).prop_map(Some),
    ];
    let rows = proptest::collection::vec((any::<u8>(), value), 0..12);
    prop_oneof![
        6 => (rows, any::<bool>()).prop_map(|(rows, strict)| Step::Commit { rows, strict }),
        4 => (1u8..6).prop_map(Step::Maintain),
        1 => Just(Step::Open),
        1 => any::<u8>().prop_map(Step::PowerCut),
        4 => (any::<u8>(), any::<u8>(), 1u8..30, any::<bool>())
            .prop_map(|(start, end, limit, reverse)| Step::Read { start, end, limit, reverse }),
    ]
}

/// Keys that share long beginnings, so that prefixes are shared in pages.
fn key(n: u8) -> Key {
    let mut key = vec![b'v'; usize::from(n % 7) * 10];
    key.push(n);
    key.into()
}

fn batch(rows: &[(u8, Option<(u8, u16)>)]) -> StoreBatch {
    let mut batch = StoreBatch::new();
    for (n, value) in rows {
        match value {
            Some((byte, len)) => batch.put(key(*n), vec![*byte; usize::from(*len)]),
            None => batch.delete(key(*n)),
        }
    }
    batch
}

fn apply(model: &mut Model, batch: &StoreBatch) {
    for (key, value) in batch.rows() {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

/// States that the disk may be in after a power cut: the last strict one and every one since.
struct States(Vec<Model>);

impl States {
    fn now(&self) -> &Model {
        self.0.last().unwrap()
    }

    fn commit(&mut self, batch: &StoreBatch, strict: bool) {
        let mut next = self.now().clone();
        apply(&mut next, batch);
        if strict {
            self.0.clear();
        }
        self.0.push(next);
    }

    fn settle(&mut self, found: Model) {
        assert!(self.0.contains(&found), "the disk is in a state that never was");
        self.0 = vec![found];
    }
}

fn read_model(model: &Model, range: &Range) -> Vec<(Key, Value)> {
    let inside = model.iter().filter(|(key, _)| range.contains(key)).map(|(key, value)| (key.clone(), value.clone()));
    let mut rows: Vec<_> = inside.collect();
    if range.reverse {
        rows.reverse();
    }
    rows.truncate(range.limit as usize);
    rows
}

async fn run(steps: Vec<Step>) {
    let options = PackedOptions {
        block_bytes: 3_000,
        step_bytes: 1_500,
        flush_bytes: 5_000,
        flush_segments: 12,
        cache_bytes: 7_000,
    };
    let blobs = MemoryBlobs::new();
    let disk = PackedDisk { blobs: blobs.clone(), options };
    let mut store = disk.open().await.unwrap();
    let mut states = States(vec![Model::new()]);
    for step in steps {
        match step {
            Step::Commit { rows, strict } => {
                let batch = batch(&rows);
                let durability = if strict { Durability::Strict } else { Durability::Relaxed };
                states.commit(&batch, strict);
                store.commit(batch, durability).await.unwrap();
            }
            Step::Maintain(steps) => {
                for _ in 0..steps {
                    store.maintain().await.unwrap();
                }
            }
            Step::Open => store = disk.open().await.unwrap(),
            Step::PowerCut(kept) => {
                blobs.crash(usize::from(kept) % (blobs.unsynced() + 1));
                store = disk.open().await.unwrap();
                states.settle(everything(&store).await);
            }
            Step::Read { start, end, limit, reverse } => {
                let range = Range { reverse, ..Range::between(key(start), Some(key(end))).limit(limit.into()) };
                let answer = store.load(std::slice::from_ref(&range)).await.unwrap().remove(0);
                assert_eq!(present(&answer), read_model(states.now(), &range));
            }
        }
    }
    assert_eq!(everything(&store).await, *states.now());
    store.close().await;
    assert_eq!(everything(&disk.open().await.unwrap()).await, *states.now());
}

proptest! {
    #[test]
    fn a_packed_store_is_a_map(steps in proptest::collection::vec(step(), 1..120)) {
        block_on(run(steps));
    }
}
