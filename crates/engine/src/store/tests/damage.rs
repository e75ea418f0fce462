//! Bytes that changed on disk: what they cost, and what they must never do.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::store::conformance::{Dice, block_on, puts};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::{BlobName, Damaged, FORMAT_VERSION, Packed, PackedOptions};
use crate::store::{Durability, Key, LostRange, Range, RowValue, Rows, Store, StoreBatch, StoreFailure, Value};

fn options() -> PackedOptions {
    PackedOptions {
        block_bytes: 100_000,
        step_bytes: 20_000,
        flush_bytes: 50_000,
        flush_segments: 100,
        cache_bytes: 50_000,
    }
}

fn row(n: u16) -> (Key, Value) {
    // What cannot be packed, so that each value has a place of its own; `sheet` has a test of packed ones.
    let value = Dice::seeded(u64::from(n) + 1).bytes(40 + usize::from(n % 300));
    (Key::from(format!("row {n:05}").as_str()), Value::from(value))
}

/// 300 rows in one block and 5 in a segment.
async fn filled() -> MemoryBlobs {
    let disk = MemoryBlobs::new();
    let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
    store.commit(puts((0..300).map(row)), Durability::Strict).await.unwrap();
    while store.maintain().await.unwrap() {}
    store.commit(puts((300..305).map(row)), Durability::Strict).await.unwrap();
    disk
}

fn newest(disk: &MemoryBlobs, wanted: fn(&BlobName) -> bool) -> (BlobName, Vec<u8>) {
    disk.blobs().into_iter().rfind(|(name, _)| wanted(name)).unwrap()
}

fn is_block(name: &BlobName) -> bool {
    matches!(name, BlobName::Block(_))
}

fn is_segment(name: &BlobName) -> bool {
    matches!(name, BlobName::Segment(_))
}

fn flip(disk: &MemoryBlobs, name: BlobName, bytes: &[u8], at: usize) {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x20;
    disk.overwrite(name, bytes);
}

async fn read_all(disk: &MemoryBlobs) -> Rows {
    let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
    store.load(&[Range::all()]).await.unwrap().remove(0)
}

/// Every row is right, said to be corrupt, or inside a range that is said to be lost.
fn damaged_rows(answer: &Rows, count: u16) -> usize {
    let found: BTreeMap<_, _> = answer.rows.iter().cloned().collect();
    let mut damaged = 0;
    for (key, value) in (0..count).map(row) {
        match found.get(&key) {
            Some(RowValue::Present(present)) => assert_eq!(*present, value),
            Some(RowValue::Corrupt) => damaged += 1,
            None => {
                let only = Range::one(key);
                assert!(answer.lost.iter().any(|lost| lost.touches(&only)), "a row is missing without a word");
                damaged += 1;
            }
        }
    }
    assert!(found.len() <= usize::from(count));
    damaged
}

fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn a_flipped_byte_costs_one_row_and_neighbours_stay_readable() {
    block_on(async {
        for (wanted, number) in [(is_block as fn(&BlobName) -> bool, 7), (is_segment, 302)] {
            let disk = filled().await;
            let (name, bytes) = newest(&disk, wanted);
            flip(&disk, name, &bytes, position(&bytes, &row(number).1));
            let answer = read_all(&disk).await;
            assert_eq!((damaged_rows(&answer, 305), answer.rows.len(), answer.lost.len()), (1, 305, 0));
        }
    });
}

#[test]
fn a_flipped_byte_anywhere_is_never_answered_as_truth() {
    block_on(async {
        let disk = filled().await;
        let (block, bytes) = newest(&disk, is_block);
        let mut costs = Vec::new();
        for at in (0..bytes.len()).step_by(37).chain(0..60) {
            let disk = disk.copy();
            flip(&disk, block, &bytes, at);
            costs.push(damaged_rows(&read_all(&disk).await, 305));
        }
        costs.sort_unstable();
        assert_eq!(costs[costs.len() / 2], 1, "most bytes are of values and cost one row");
        let (segment, bytes) = newest(&disk, is_segment);
        for at in 0..bytes.len() {
            let disk = disk.copy();
            flip(&disk, segment, &bytes, at);
            let damaged = damaged_rows(&read_all(&disk).await, 305);
            assert!((1..=5).contains(&damaged), "byte {at} costs {damaged}");
        }
    });
}

#[test]
fn a_corrupt_value_stays_corrupt_through_merges_until_it_is_written_again() {
    block_on(async {
        let disk = filled().await;
        let (name, bytes) = newest(&disk, is_block);
        flip(&disk, name, &bytes, position(&bytes, &row(7).1));
        let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
        store.commit(puts((400..600).map(row)), Durability::Strict).await.unwrap();
        store.commit(puts((600..900).map(row)), Durability::Strict).await.unwrap();
        while store.maintain().await.unwrap() {}
        assert!(!disk.blobs().contains_key(&name), "the block was merged");
        let (key, value) = row(7);
        let read = async || store.load(&[Range::one(key.clone())]).await.unwrap().remove(0).rows;
        assert_eq!(read().await, [(key.clone(), RowValue::Corrupt)]);
        store.commit(puts([(key.clone(), value.clone())]), Durability::Strict).await.unwrap();
        assert_eq!(read().await, [(key.clone(), RowValue::Present(value))]);
    });
}

#[test]
fn an_unreadable_page_is_kept_in_quarantine_and_said_to_be_lost() {
    block_on(async {
        let disk = filled().await;
        let (name, bytes) = newest(&disk, is_block);
        let BlobName::Block(id) = name else { panic!("{name}") };
        // The first key of the first page stands in the index, then in the page's directory.
        let index = position(&bytes, b"row 00000") + 1;
        let directory = index + position(&bytes[index..], b"row 00000");
        flip(&disk, name, &bytes, directory);
        let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
        let answer = store.load(&[Range::all()]).await.unwrap().remove(0);
        let lost = damaged_rows(&answer, 305);
        assert!((10..200).contains(&lost), "{lost} rows of a page of 16 KiB");
        let elsewhere = store.load(&[Range::one(row(304).0)]).await.unwrap().remove(0);
        assert_eq!((elsewhere.rows.len(), elsewhere.lost.len()), (1, 0));

        store.commit(puts((400..900).map(row)), Durability::Strict).await.unwrap();
        while store.maintain().await.unwrap() {}
        assert!(!disk.blobs().contains_key(&name), "the block was merged");
        let kept = &disk.blobs()[&BlobName::Quarantine(Damaged::Block(id))];
        assert_eq!(kept.len(), bytes.len());
        let (store, report) = Packed::open(disk, options()).await.unwrap();
        assert_eq!(report.quarantined.len(), 1);
        let answer = store.load(&[Range::between(row(0).0, Some(row(305).0))]).await.unwrap().remove(0);
        assert_eq!(damaged_rows(&answer, 305), lost);
    });
}

#[test]
fn a_block_that_is_gone_is_said_to_be_lost() {
    block_on(async {
        let disk = filled().await;
        let (name, _) = newest(&disk, is_block);
        disk.overwrite(name, Vec::new());
        let answer = read_all(&disk).await;
        assert_eq!(answer.lost, [LostRange { start: row(0).0, end: Some(row(299).0) }]);
        assert_eq!(answer.rows.len(), 5);
    });
}

#[test]
fn an_unreadable_commit_is_kept_in_quarantine_and_reported_at_every_opening() {
    block_on(async {
        let disk = filled().await;
        let (name, bytes) = newest(&disk, is_segment);
        let BlobName::Segment(number) = name else { panic!("{name}") };
        flip(&disk, name, &bytes, 10);
        for _ in 0..3 {
            let (store, report) = Packed::open(disk.clone(), options()).await.unwrap();
            assert_eq!(report.quarantined.len(), 1);
            assert_eq!(report.quarantined[0].source, Damaged::Segment(number));
            assert_eq!(report.quarantined[0].lost, LostRange::everything());
            store.commit(puts((400..900).map(row)), Durability::Strict).await.unwrap();
            while store.maintain().await.unwrap() {}
            assert!(disk.blobs().contains_key(&BlobName::Quarantine(Damaged::Segment(number))));
        }
    });
}

#[test]
fn segments_that_are_gone_are_reported_and_writing_goes_on() {
    block_on(async {
        for survivors in [0, 1] {
            let disk = filled().await;
            let kept = disk.blobs().into_iter().filter(|(name, _)| is_segment(name)).count() - survivors;
            let spoiled = MemoryBlobs::new();
            let blobs = disk.blobs().into_iter().filter(|(name, _)| !is_segment(name));
            let newest = disk.blobs().into_iter().filter(|(name, _)| is_segment(name)).skip(kept);
            blobs.chain(newest).for_each(|(name, bytes)| spoiled.overwrite(name, bytes));
            let (store, report) = Packed::open(spoiled.clone(), options()).await.unwrap();
            assert!(!report.quarantined.is_empty());
            store.commit(puts((400..900).map(row)), Durability::Strict).await.unwrap();
            while store.maintain().await.unwrap() {}
            drop(store);
            let (store, _) = Packed::open(spoiled, options()).await.unwrap();
            let answer = store.load(&[Range::all()]).await.unwrap().remove(0);
            assert_eq!(answer.rows.len(), 800 + 5 * survivors);
            assert!(!answer.lost.is_empty());
        }
    });
}

#[test]
fn a_segment_number_beyond_all_bounds_is_refused() {
    block_on(async {
        let disk = filled().await;
        disk.overwrite(BlobName::Segment(u64::MAX), Vec::new());
        let refused = Packed::open(disk, options()).await.unwrap_err();
        assert!(matches!(refused, StoreFailure::Unreadable { .. }));
    });
}

#[test]
fn a_damaged_manifest_is_replaced_by_its_copy() {
    block_on(async {
        let disk = filled().await;
        let name = BlobName::Manifest(0);
        flip(&disk, name, &disk.blobs()[&name].clone(), 50);
        assert_eq!(read_all(&disk).await.rows.len(), 305);
        let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
        store.commit(puts((400..900).map(row)), Durability::Strict).await.unwrap();
        while store.maintain().await.unwrap() {}
        assert_eq!(disk.blobs()[&BlobName::Manifest(0)], disk.blobs()[&BlobName::Manifest(1)]);
    });
}

#[test]
fn a_store_without_a_readable_manifest_is_not_touched() {
    block_on(async {
        let disk = filled().await;
        for copy in [0, 1] {
            flip(&disk, BlobName::Manifest(copy), &disk.blobs()[&BlobName::Manifest(copy)].clone(), 50);
        }
        let before = disk.blobs();
        let refused = Packed::open(disk.clone(), options()).await.unwrap_err();
        assert!(matches!(refused, StoreFailure::Unreadable { .. }), "{refused}");
        assert_eq!(disk.blobs(), before);
    });
}

#[test]
fn a_store_of_a_newer_version_is_not_touched() {
    block_on(async {
        let disk = filled().await;
        for name in [0, 1].map(BlobName::Manifest) {
            let mut bytes = disk.blobs()[&name].clone();
            bytes[4] = FORMAT_VERSION + 1;
            disk.overwrite(name, bytes);
        }
        let before = disk.blobs();
        let refused = Packed::open(disk.clone(), options()).await.unwrap_err();
        assert_eq!(refused, StoreFailure::NewerFormat { found: FORMAT_VERSION + 1, known: FORMAT_VERSION });
        assert_eq!(disk.blobs(), before);
    });
}

fn any_blob() -> impl Strategy<Value = (u8, usize, Vec<(usize, u8)>, usize)> {
    (any::<u8>(), any::<usize>(), proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4), any::<usize>())
}

/// Changes some bytes of some blob, and cuts it off.
fn spoil(disk: &MemoryBlobs, (kind, which, changes, cut): (u8, usize, Vec<(usize, u8)>, usize)) {
    let blobs: Vec<_> = disk.blobs().into_iter().collect();
    let (name, mut bytes) = blobs[which % blobs.len()].clone();
    for (at, byte) in changes {
        if let Some(at) = at.checked_rem(bytes.len()) {
            bytes[at] = byte;
        }
    }
    if kind % 4 == 0 {
        bytes.truncate(cut % (bytes.len() + 1));
    }
    disk.overwrite(name, bytes);
}

proptest! {
    #[test]
    fn no_spoiled_disk_makes_the_store_panic_or_lie(spoils in proptest::collection::vec(any_blob(), 1..4)) {
        block_on(async {
            let disk = filled().await;
            spoils.into_iter().for_each(|spoiled| spoil(&disk, spoiled));
            let Ok((store, _)) = Packed::open(disk.clone(), options()).await else { return };
            let answer = store.load(&[Range::all()]).await.unwrap().remove(0);
            damaged_rows(&answer, 305);
            let mut batch = StoreBatch::new();
            (500..600).map(row).for_each(|(key, value)| batch.put(key, value));
            store.commit(batch, Durability::Strict).await.unwrap();
            while store.maintain().await.unwrap() {}
            let (store, _) = Packed::open(disk.clone(), options()).await.unwrap();
            let answer = store.load(&[Range::all()]).await.unwrap().remove(0);
            let read: BTreeMap<_, _> = answer.rows.into_iter().collect();
            for (key, value) in (500..600).map(row) {
                assert_eq!(read.get(&key), Some(&RowValue::Present(value)));
            }
        });
    }
}
