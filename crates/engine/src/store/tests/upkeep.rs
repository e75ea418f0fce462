//! How much one step of the background work takes, and when that work cannot wait any longer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::store::conformance::{block_on, everything, puts};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::{BlobName, Packed, PackedOptions};
use crate::store::{Durability, Store};

fn small() -> PackedOptions {
    PackedOptions { block_bytes: 500, step_bytes: 500, flush_bytes: 1_000, flush_segments: 1_000, cache_bytes: 10_000 }
}

#[test]
fn a_step_takes_its_part_of_a_block_and_no_more() {
    block_on(async {
        let disk = MemoryBlobs::new();
        let options = PackedOptions { block_bytes: 40_000, step_bytes: 4_000, ..small() };
        let (store, _) = Packed::open(disk.clone(), options).await.unwrap();
        store.commit(puts((0..100u8).map(|n| ([n], vec![n; 999]))), Durability::Strict).await.unwrap();
        let blocks = || disk.blobs().keys().filter(|name| matches!(name, BlobName::Block(_))).count();
        let mut steps = vec![];
        let mut more = true;
        while more {
            more = store.maintain().await.unwrap();
            steps.push(blocks());
        }
        // Four rows a step, and forty a block.
        let written = |from: usize| steps.iter().position(|blocks| *blocks == from).unwrap() + 1;
        assert_eq!((written(1), written(2), written(3), steps.len()), (10, 20, 25, 25));
        assert_eq!(everything(&store).await.len(), 100);
    });
}

/// Commits rows of 100 bytes until the work presses, and says how many it took.
async fn commits_until_it_presses(store: &Packed<MemoryBlobs>, first: u16) -> u16 {
    let mut n = 0;
    while !store.presses() {
        let key = (first + n).to_be_bytes();
        store.commit(puts([(key, [7; 98])]), Durability::Relaxed).await.unwrap();
        n += 1;
    }
    n
}

#[test]
fn work_presses_by_what_is_in_memory_and_not_by_what_is_only_to_be_merged() {
    block_on(async {
        let (store, _) = Packed::open(MemoryBlobs::new(), small()).await.unwrap();
        assert_eq!(commits_until_it_presses(&store, 0).await, 320);
        // The rows are on their way with the first step, though most of them are not in blocks yet.
        assert!(store.maintain().await.unwrap());
        assert!(!store.presses());
        assert_eq!(commits_until_it_presses(&store, 320).await, 320);
        while store.presses() {
            assert!(store.maintain().await.unwrap());
        }
        // The first ones are in blocks, the others on their way, and then two runs of one size wait to be one.
        assert_eq!(store.usage().runs, 1);
        while store.usage().runs < 2 {
            assert!(store.maintain().await.unwrap());
        }
        assert!(!store.presses());
        while store.maintain().await.unwrap() {
            assert!(!store.presses());
        }
        assert_eq!(store.usage().runs, 1);
        assert_eq!(everything(&store).await.len(), 640);
    });
}

#[test]
fn work_presses_by_what_the_next_opening_would_replay() {
    block_on(async {
        let options = PackedOptions { flush_bytes: 1 << 20, flush_segments: 20, ..small() };
        let (store, report) = Packed::open(MemoryBlobs::new(), options).await.unwrap();
        assert!(report.created);
        let commits = commits_until_it_presses(&store, 0).await;
        assert_eq!(store.usage().segments, 40);
        assert!((39..=40).contains(&commits), "{commits}");
    });
}

#[test]
fn work_presses_when_a_read_would_need_a_block_of_very_many_runs() {
    block_on(async {
        let (store, _) = Packed::open(MemoryBlobs::new(), small()).await.unwrap();
        let (mut n, mut most) = (0, 0);
        for _ in 0..40 {
            n += commits_until_it_presses(&store, n).await;
            while store.presses() {
                store.maintain().await.unwrap();
                most = most.max(store.usage().runs);
            }
        }
        // One more may have been on its way when there were sixteen.
        assert_eq!(most, 17);
        assert_eq!(everything(&store).await.len(), usize::from(n));
    });
}
