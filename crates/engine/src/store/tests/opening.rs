//! Openings beside handles that still write, beside each other, and on a full disk.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::Cell;

use futures_util::future::join;

use crate::store::conformance::{block_on, everything, puts};
use crate::store::faults::{Fault, Faults, FaultyBlobs, When, yield_once};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::{Packed, PackedOptions};
use crate::store::{Durability, Store, StoreFailure};

fn options() -> PackedOptions {
    PackedOptions { block_bytes: 2_000, step_bytes: 1_000, flush_bytes: 2_000, flush_segments: 5, cache_bytes: 9_000 }
}

fn slow_disk() -> FaultyBlobs<MemoryBlobs> {
    let faults = Faults::new();
    faults.yield_before_operations(true);
    FaultyBlobs::new(MemoryBlobs::new(), faults)
}

#[test]
fn a_takeover_from_a_handle_that_writes_and_merges_loses_nothing_acknowledged() {
    block_on(async {
        let mut overtaken = 0;
        for delay in 0..150 {
            let disk = slow_disk();
            let (older, _) = Packed::open(disk.clone(), options()).await.unwrap();
            let acknowledged = Cell::new(0u16);
            let writing = async {
                for n in 0..400u16 {
                    match older.commit(puts([(n.to_be_bytes(), vec![7; 300])]), Durability::Strict).await {
                        Ok(()) => acknowledged.set(n + 1),
                        Err(failure) => return assert_eq!(failure, StoreFailure::Superseded),
                    }
                    if let Err(failure) = older.maintain().await {
                        return assert_eq!(failure, StoreFailure::Superseded);
                    }
                }
                panic!("the older handle was never stopped");
            };
            let opening = async {
                for _ in 0..delay {
                    yield_once().await;
                }
                let (newer, report) = Packed::open(disk.clone(), options()).await.unwrap();
                assert_eq!(report.quarantined, []);
                newer.commit(puts([("newer", "was here")]), Durability::Strict).await.unwrap();
                newer
            };
            let ((), newer) = join(writing, opening).await;
            overtaken += u32::from(acknowledged.get() > 0);
            let rows = everything(&newer).await;
            assert_eq!(rows.len(), usize::from(acknowledged.get()) + 1, "after {delay} turns");
            while newer.maintain().await.unwrap() {}
            let (again, report) = Packed::open(disk, options()).await.unwrap();
            assert_eq!(report.quarantined, []);
            assert_eq!(everything(&again).await, rows);
        }
        assert!(overtaken > 100);
    });
}

#[test]
fn of_two_openings_at_once_one_may_write() {
    block_on(async {
        for fresh in [true, false] {
            for delay in 0..12 {
                let disk = slow_disk();
                if !fresh {
                    let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
                    store.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
                }
                let late = async {
                    for _ in 0..delay {
                        yield_once().await;
                    }
                    Packed::open(disk.clone(), options()).await.unwrap().0
                };
                let (one, (other, _)) =
                    join(late, async { Packed::open(disk.clone(), options()).await.unwrap() }).await;
                let first = one.commit(puts([("b", "one")]), Durability::Strict).await;
                let second = other.commit(puts([("b", "other")]), Durability::Strict).await;
                assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
                let (store, report) = Packed::open(disk, options()).await.unwrap();
                assert_eq!(report.quarantined, []);
                let winner = if first.is_ok() { "one" } else { "other" };
                assert_eq!(everything(&store).await.get(&b"b"[..]), Some(&winner.into()));
            }
        }
    });
}

#[test]
fn a_store_on_a_full_disk_can_be_read_and_written_when_there_is_room() {
    block_on(async {
        let faults = Faults::new();
        let disk = FaultyBlobs::new(MemoryBlobs::new(), faults.clone());
        let (older, _) = Packed::open(disk.clone(), options()).await.unwrap();
        older.commit(puts((0..20u8).map(|n| ([n], vec![n; 300]))), Durability::Strict).await.unwrap();
        let before = everything(&older).await;

        faults.arm(When::Commit(1), Fault::Quota);
        let (store, report) = Packed::open(disk.clone(), options()).await.unwrap();
        assert!(report.full);
        assert_eq!(everything(&store).await, before);
        assert_eq!(store.maintain().await, Ok(false));
        faults.arm(When::Commit(1), Fault::Quota);
        assert_eq!(store.commit(puts([("a", "1")]), Durability::Strict).await, Err(StoreFailure::Quota));

        faults.arm(When::Commit(1), Fault::Quota);
        let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
        store.commit(puts([("a", "2")]), Durability::Strict).await.unwrap();
        assert_eq!(older.commit(puts([("a", "3")]), Durability::Strict).await, Err(StoreFailure::Superseded));
        while store.maintain().await.unwrap() {}
        let (store, report) = Packed::open(disk, options()).await.unwrap();
        assert!(!report.full);
        assert_eq!(everything(&store).await.len(), before.len() + 1);
    });
}

#[test]
fn a_store_cannot_be_created_on_a_full_disk() {
    block_on(async {
        let faults = Faults::new();
        faults.arm(When::Commit(1), Fault::Quota);
        let disk = FaultyBlobs::new(MemoryBlobs::new(), faults);
        assert_eq!(Packed::open(disk, options()).await.unwrap_err(), StoreFailure::Quota);
    });
}
