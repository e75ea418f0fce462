//! Power cuts: strict commits stay, relaxed ones go from the last one backwards, and none is torn.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::store::conformance::{Disk, block_on, everything, packed_in_memory, puts};
use crate::store::faults::{Faults, FaultyBlobs};
use crate::store::memory::{MemoryBlobs, MemoryDisk};
use crate::store::packed::{Packed, PackedOptions};
use crate::store::{Durability, Store, StoreFailure};

/// Two strict commits and five relaxed ones, each of two rows with its number.
async fn seven_commits<S: Store>(store: &S) {
    for n in 0..7u8 {
        let durability = if n < 2 { Durability::Strict } else { Durability::Relaxed };
        store.commit(puts([([b'a', n], [n]), ([b'z', n], [n])]), durability).await.unwrap();
    }
}

/// How many commits a store holds, each of them whole and none before one that is missing.
async fn commits<S: Store>(store: &S) -> usize {
    let rows = everything(store).await;
    let mut expected = std::collections::BTreeMap::new();
    for n in 0..(rows.len() / 2) as u8 {
        expected.insert([b'a', n].into(), [n].into());
        expected.insert([b'z', n].into(), [n].into());
    }
    assert_eq!(rows, expected);
    rows.len() / 2
}

#[test]
fn memory_loses_only_the_last_relaxed_commits() {
    block_on(async {
        for kept in 0..=5 {
            let disk = MemoryDisk::new();
            let store = disk.open().await.unwrap();
            seven_commits(&store).await;
            assert_eq!(disk.unsynced(), 5);
            disk.crash(kept);
            let late = store.commit(puts([("late", "row")]), Durability::Strict).await;
            assert_eq!(late, Err(StoreFailure::Superseded));
            assert_eq!(commits(&disk.open().await.unwrap()).await, 2 + kept);
        }
    });
}

#[test]
fn a_packed_store_loses_only_the_last_relaxed_commits() {
    block_on(async {
        for kept in 0..=5 {
            let disk = packed_in_memory();
            let store = disk.open().await.unwrap();
            seven_commits(&store).await;
            disk.blobs.crash(kept);
            assert_eq!(commits(&disk.open().await.unwrap()).await, 2 + kept);
        }
    });
}

#[test]
fn a_strict_commit_keeps_every_relaxed_one_before_it() {
    block_on(async {
        let disk = packed_in_memory();
        let store = disk.open().await.unwrap();
        seven_commits(&store).await;
        store.commit(Default::default(), Durability::Strict).await.unwrap();
        disk.blobs.crash(0);
        assert_eq!(commits(&disk.open().await.unwrap()).await, 7);
    });
}

#[test]
fn commits_held_back_are_seen_until_the_power_is_cut() {
    block_on(async {
        for kept in 0..=5 {
            let blobs = FaultyBlobs::holding_back(MemoryBlobs::new(), Faults::new());
            let (store, _) = Packed::open(blobs.clone(), PackedOptions::default()).await.unwrap();
            seven_commits(&store).await;
            assert_eq!((blobs.unsynced(), commits(&store).await), (5, 7));
            let (beside, _) = Packed::open(blobs.clone(), PackedOptions::default()).await.unwrap();
            assert_eq!(commits(&beside).await, 7);
            blobs.crash(kept).await.unwrap();
            let (store, _) = Packed::open(blobs, PackedOptions::default()).await.unwrap();
            assert_eq!(commits(&store).await, 2 + kept);
        }
    });
}
