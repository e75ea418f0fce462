//! The process ends before or after every single operation on the disk, and interrupted work leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::join3;

use crate::store::conformance::{Dice, block_on, everything, present, puts, sealed};
use crate::store::faults::{Fault, Faults, FaultyBlobs, When, yield_once};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::{BlobFailure, BlobName, BlobOp, Blobs, Packed, PackedOptions};
use crate::store::{Durability, Key, Range, Store, StoreBatch, StoreFailure, Value};

type Model = BTreeMap<Key, Value>;

fn options() -> PackedOptions {
    PackedOptions { block_bytes: 4_000, step_bytes: 2_500, flush_bytes: 9_000, flush_segments: 20, cache_bytes: 9_000 }
}

/// What was acknowledged, and the batches that waited or were under way when the process ended.
#[derive(Default)]
struct Promise {
    acknowledged: Model,
    under_way: Vec<StoreBatch>,
}

impl Promise {
    /// With so many of what was under way, the first ones.
    fn with(&self, count: usize) -> Model {
        let mut model = self.acknowledged.clone();
        for (key, value) in self.under_way.iter().take(count).flat_map(StoreBatch::rows) {
            match value {
                Some(value) => model.insert(key.clone(), value.clone()),
                None => model.remove(key),
            };
        }
        model
    }

    fn is_kept_by(&self, found: &Model) -> bool {
        (0..=self.under_way.len()).any(|count| *found == self.with(count))
    }
}

fn random_batch(dice: &mut Dice) -> StoreBatch {
    let mut batch = StoreBatch::new();
    for _ in 0..=dice.roll(6) {
        let key = [dice.roll(60) as u8];
        let len = dice.roll(700) as usize;
        if dice.roll(5) == 0 { batch.delete(key) } else { batch.put(key, dice.bytes(len)) }
    }
    batch
}

/// The same writing, merging and opening every time, until the disk ends it.
async fn work(blobs: impl Blobs + Clone, promise: &mut Promise) -> Result<(), StoreFailure> {
    let mut dice = Dice::seeded(11);
    for _ in 0..3 {
        let (store, _) = Packed::open(blobs.clone(), options()).await?;
        for _ in 0..25 {
            let batch = random_batch(&mut dice);
            promise.under_way.push(batch.clone());
            if dice.roll(3) == 0 {
                store.commit_later(batch).await?;
                let answers = store.load(&[Range::all()]).await?;
                assert_eq!(present(&answers[0]), Vec::from_iter(promise.with(promise.under_way.len())));
            } else {
                store.commit(batch, Durability::Strict).await?;
                promise.acknowledged = promise.with(promise.under_way.len());
                promise.under_way.clear();
            }
            for _ in 0..3 * dice.roll(3) {
                store.maintain().await?;
            }
        }
        store.flush().await?;
        promise.acknowledged = promise.with(promise.under_way.len());
        promise.under_way.clear();
    }
    Ok(())
}

#[test]
fn a_crash_at_any_operation_loses_nothing_acknowledged_and_tears_nothing() {
    crash_everywhere(|blobs| blobs);
}

#[test]
fn a_crash_at_any_operation_loses_nothing_of_a_sealed_store() {
    crash_everywhere(sealed);
}

/// `over` makes what the store uses of the disk that crashes.
fn crash_everywhere<B: Blobs + Clone>(over: fn(FaultyBlobs<MemoryBlobs>) -> B) {
    let faults = Faults::new();
    let disk = FaultyBlobs::new(MemoryBlobs::new(), faults.clone());
    block_on(work(over(disk), &mut Promise::default())).unwrap();
    let operations = faults.operations();
    assert!(operations > 100, "{operations}");
    for n in 1..=operations {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            block_on(crash_at(n, fault, over));
        }
    }
}

async fn crash_at<B: Blobs + Clone>(n: u64, fault: Fault, over: fn(FaultyBlobs<MemoryBlobs>) -> B) {
    let disk = MemoryBlobs::new();
    let faults = Faults::new();
    faults.arm(When::Operation(n), fault);
    let mut promise = Promise::default();
    assert!(work(over(FaultyBlobs::new(disk.clone(), faults)), &mut promise).await.is_err());

    let disk = over(FaultyBlobs::new(disk, Faults::new()));
    let (store, report) = Packed::open(disk.clone(), options()).await.unwrap();
    assert_eq!(report.quarantined, []);
    let found = everything(&store).await;
    assert!(promise.is_kept_by(&found), "crash {fault:?} at {n}");
    while store.maintain().await.unwrap() {}
    store.commit(puts([("after", "the crash")]), Durability::Strict).await.unwrap();
    drop(store);
    let (store, report) = Packed::open(disk, options()).await.unwrap();
    assert_eq!((report.removed_blocks, report.quarantined), (0, vec![]));
    let mut expected = found;
    expected.insert("after".into(), "the crash".into());
    assert_eq!(everything(&store).await, expected);
}

#[test]
fn an_interrupted_compaction_leaves_nothing_behind() {
    block_on(async {
        let disk = MemoryBlobs::new();
        let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
        store.commit(puts((0..40u8).map(|n| ([n], vec![n; 500]))), Durability::Strict).await.unwrap();
        let before = disk.blobs().len();
        while disk.blobs().len() == before {
            assert!(store.maintain().await.unwrap(), "the work takes several steps");
        }
        assert_eq!(disk.blobs().len(), before + 1);
        drop(store);

        let (store, report) = Packed::open(disk.clone(), options()).await.unwrap();
        assert_eq!(report.removed_blocks, 1);
        assert!(!disk.blobs().keys().any(|name| matches!(name, BlobName::Block(_))));
        assert_eq!(everything(&store).await.len(), 40);
        while store.maintain().await.unwrap() {}
        let kinds = disk.blobs().keys().filter(|name| matches!(name, BlobName::Segment(_))).count();
        // Two marks of handles, and the fence of the switch.
        assert_eq!(kinds, 3);
    });
}

/// Runs one maintenance step and drops it while its `n`th operation waits. Whether it was still running then.
async fn drop_a_step_at<B: Blobs>(store: &Packed<B>, n: u64) -> bool {
    let mut step = Box::pin(store.maintain());
    for _ in 0..n {
        if futures_util::poll!(step.as_mut()).is_ready() {
            return false;
        }
    }
    true
}

#[test]
fn a_maintenance_step_that_is_dropped_midway_loses_nothing() {
    block_on(async {
        let mut expected = Model::new();
        let faults = Faults::new();
        let disk = FaultyBlobs::new(MemoryBlobs::new(), faults.clone());
        faults.yield_before_operations(true);
        let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
        for n in 0..120u8 {
            let row: (Key, Value) = ([n].into(), vec![n; 2000].into());
            expected.insert(row.0.clone(), row.1.clone());
            store.commit(puts([row]), Durability::Relaxed).await.unwrap();
            let dropped = drop_a_step_at(&store, u64::from(n % 4)).await;
            match store.maintain().await {
                Ok(_) => assert_eq!(everything(&store).await, expected),
                // It was dropped in the commit that switches the manifest: nobody knows, so nobody goes on.
                Err(failure) => {
                    assert!(dropped && matches!(failure, StoreFailure::Poisoned { .. }));
                    break;
                }
            }
        }
        let (store, _) = Packed::open(disk, options()).await.unwrap();
        let found = everything(&store).await;
        assert_eq!(found.len(), expected.len());
        assert_eq!(found, expected);
    });
}

#[test]
fn a_commit_that_is_dropped_midway_poisons_the_handle() {
    block_on(async {
        let faults = Faults::new();
        let disk = FaultyBlobs::new(MemoryBlobs::new(), faults.clone());
        let (store, _) = Packed::open(disk, options()).await.unwrap();
        faults.yield_before_operations(true);
        assert_eq!(store.commit(puts([("a", "1")]), Durability::Strict).now_or_never(), None);
        let next = store.commit(puts([("b", "2")]), Durability::Strict).await;
        assert!(matches!(next, Err(StoreFailure::Poisoned { .. })));
    });
}

#[test]
fn loads_commits_and_maintenance_side_by_side_agree() {
    block_on(async {
        let faults = Faults::new();
        faults.yield_before_operations(true);
        let disk = FaultyBlobs::new(MemoryBlobs::new(), faults);
        let (store, _) = Packed::open(disk, options()).await.unwrap();
        let writing = async {
            for n in 0..200u16 {
                let value = n.to_be_bytes().repeat(200);
                let rows = [([0, (n % 50) as u8], value.clone()), ([9, (n % 50) as u8], value)];
                store.commit(puts(rows), Durability::Relaxed).await.unwrap();
            }
        };
        let maintaining = async {
            for _ in 0..400 {
                store.maintain().await.unwrap();
            }
        };
        let reading = async {
            for _ in 0..200 {
                let answers = store.load(&[Range::prefix([0]), Range::prefix([9])]).await.unwrap();
                let values = |at: usize| answers[at].rows.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
                assert_eq!(values(0), values(1));
            }
        };
        join3(writing, maintaining, reading).await;
        assert_eq!(everything(&store).await.len(), 100);
    });
}

#[test]
fn a_handle_that_slept_through_many_merges_still_cannot_write() {
    block_on(async {
        let disk = MemoryBlobs::new();
        let (sleeper, _) = Packed::open(disk.clone(), options()).await.unwrap();
        sleeper.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
        for round in 0..20u8 {
            let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
            for n in 0..30u8 {
                store.commit(puts([([round, n], vec![n; 700])]), Durability::Strict).await.unwrap();
                store.maintain().await.unwrap();
            }
            while store.maintain().await.unwrap() {}
        }
        let late = sleeper.commit(puts([("a", "late")]), Durability::Strict).await;
        assert_eq!(late, Err(StoreFailure::Superseded));
        let (store, _) = Packed::open(disk, options()).await.unwrap();
        assert_eq!(everything(&store).await.get(&b"a"[..]), Some(&"1".into()));
    });
}

#[test]
fn a_superseded_handle_cannot_finish_its_merge() {
    block_on(async {
        let disk = MemoryBlobs::new();
        let (older, _) = Packed::open(disk.clone(), options()).await.unwrap();
        older.commit(puts((0..40u8).map(|n| ([n], vec![n; 500]))), Durability::Strict).await.unwrap();
        assert!(older.maintain().await.unwrap());
        let (newer, _) = Packed::open(disk.clone(), options()).await.unwrap();
        let ended = loop {
            match older.maintain().await {
                Ok(more) => assert!(more),
                Err(failure) => break failure,
            }
        };
        assert_eq!(ended, StoreFailure::Superseded);
        while newer.maintain().await.unwrap() {}
        assert_eq!(everything(&newer).await.len(), 40);
    });
}

/// A disk on which a commit is there before it is answered, as where another thread writes.
struct AnswersLate(MemoryBlobs);

impl Blobs for AnswersLate {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        self.0.names().await
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        self.0.get(names).await
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        self.0.segments(first).await
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        let outcome = self.0.commit(ops, durability).await;
        yield_once().await;
        outcome
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[test]
fn a_read_after_blocks_were_replaced_and_before_that_is_answered_is_no_other_handles_doing() {
    block_on(async {
        let (store, _) = Packed::open(AnswersLate(MemoryBlobs::new()), options()).await.unwrap();
        for round in 0..40_u8 {
            store.commit(puts((0..20_u8).map(|n| ([n, round], vec![n; 500]))), Durability::Relaxed).await.unwrap();
            let tidied = std::cell::Cell::new(false);
            let tidying = async {
                while store.maintain().await.unwrap() {}
                tidied.set(true);
            };
            let reading = async {
                while !tidied.get() {
                    assert_eq!(everything(&store).await.len(), 20 * (usize::from(round) + 1));
                    yield_once().await;
                }
            };
            futures_util::future::join(tidying, reading).await;
        }
    });
}

#[test]
fn what_is_committed_later_costs_no_operation_of_its_own() {
    block_on(async {
        let faults = Faults::new();
        let (store, _) = Packed::open(FaultyBlobs::new(MemoryBlobs::new(), faults.clone()), options()).await.unwrap();
        let before = faults.operations();
        for number in 0..10_u8 {
            store.commit_later(puts([([number], "later")])).await.unwrap();
        }
        assert_eq!(faults.operations(), before);
        store.commit(puts([("a", "1")]), Durability::Relaxed).await.unwrap();
        assert_eq!(faults.operations(), before + 1);
        store.flush().await.unwrap();
        assert_eq!(faults.operations(), before + 1);
        assert_eq!(everything(&store).await.len(), 11);
        // What is too much to wait is written.
        store.commit_later(puts([("large", vec![1; 100_000])])).await.unwrap();
        assert_eq!(faults.operations(), before + 2);
    });
}

#[test]
fn why_what_waited_could_not_be_written_is_said_by_the_next_commit() {
    block_on(async {
        let faults = Faults::new();
        let (store, _) = Packed::open(FaultyBlobs::new(MemoryBlobs::new(), faults.clone()), options()).await.unwrap();
        store.commit_later(puts([("a", "1")])).await.unwrap();
        faults.arm(When::Commit(1), Fault::Quota);
        assert_eq!(store.flush().await, Err(StoreFailure::Quota));
        assert_eq!(store.commit(puts([("b", "2")]), Durability::Relaxed).await, Err(StoreFailure::Quota));
        let again = store.commit(puts([("b", "2")]), Durability::Relaxed).await;
        assert!(matches!(again, Err(StoreFailure::Poisoned { .. })), "{again:?}");
    });
}
