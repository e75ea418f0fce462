//! What sealing adds to a store: nothing to read, nothing to change unseen, and what damage costs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::crypto::Key as SecretKey;
use crate::rng::Rng;
use crate::store::conformance::{Dice, block_on, everything, puts, sealed};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::{
    BlobName, Damaged, FORMAT_VERSION, OpenReport, Packed, PackedOptions, SealedBlobs, is_sealed,
};
use crate::store::{Durability, Key, Range, RowValue, Rows, Store, StoreFailure, Value};

const CANARY: &str = "the canary sings in the mine";

fn options() -> PackedOptions {
    PackedOptions {
        block_bytes: 20_000,
        step_bytes: 5_000,
        flush_bytes: 30_000,
        flush_segments: 100,
        cache_bytes: 50_000,
    }
}

fn row(n: u16) -> (Key, Value) {
    let text = format!("{CANARY} {n:05}");
    (Key::from(text.as_str()), Value::from(format!("{text} {}", "x".repeat(usize::from(n % 300))).as_str()))
}

async fn open(disk: &MemoryBlobs) -> Result<(Packed<SealedBlobs<MemoryBlobs>>, OpenReport), StoreFailure> {
    Packed::open(sealed(disk.clone()), options()).await
}

/// 300 rows in blocks, 5 in a segment, and a damaged commit in quarantine.
async fn filled() -> MemoryBlobs {
    let disk = MemoryBlobs::new();
    let (store, _) = open(&disk).await.unwrap();
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

async fn read_all(disk: &MemoryBlobs) -> Rows {
    open(disk).await.unwrap().0.load(&[Range::all()]).await.unwrap().remove(0)
}

/// Every row is right or inside a range that is said to be lost; answers how many are.
fn lost_rows(answer: &Rows, count: u16) -> usize {
    let found: BTreeMap<_, _> = answer.rows.iter().cloned().collect();
    let missing = (0..count).map(row).filter(|(key, value)| match found.get(key) {
        Some(present) => {
            assert_eq!(*present, RowValue::Present(value.clone()));
            false
        }
        None => {
            let only = Range::one(key.clone());
            assert!(answer.lost.iter().any(|lost| lost.touches(&only)), "a row is missing without a word");
            true
        }
    });
    missing.count()
}

#[test]
fn nothing_that_is_written_can_be_found_in_the_blobs() {
    block_on(async {
        let disk = filled().await;
        // A damaged commit, so that there is something in quarantine too.
        let (name, mut bytes) = newest(&disk, is_segment);
        bytes[60] ^= 1;
        disk.overwrite(name, bytes);
        open(&disk).await.unwrap();
        let kinds: Vec<String> = disk.blobs().keys().map(|name| name.to_string()[..1].to_owned()).collect();
        assert!(["b", "m", "q", "s"].iter().all(|kind| kinds.iter().any(|found| found == kind)), "{kinds:?}");
        for (name, bytes) in disk.blobs() {
            assert!(is_sealed(&bytes), "{name}");
            for words in [CANARY, "canary", "00007", "xxxxxxxx"] {
                assert!(!bytes.windows(words.len()).any(|window| window == words.as_bytes()), "{name} holds {words}");
            }
            // Only the first four bytes are those of a plain blob.
            assert!(!bytes[4..].windows(4).any(|window| window == b"ashr"), "{name}");
        }
    });
}

#[test]
fn the_same_rows_written_twice_give_other_bytes() {
    block_on(async {
        let disk = MemoryBlobs::new();
        let (store, _) = open(&disk).await.unwrap();
        for _ in 0..2 {
            store.commit(puts([row(1)]), Durability::Strict).await.unwrap();
        }
        let segments: Vec<_> = disk.blobs().into_iter().filter(|(name, _)| is_segment(name)).collect();
        let [.., (_, one), (_, other)] = &segments[..] else { panic!() };
        assert_eq!(one.len(), other.len());
        assert!(one[8..].iter().zip(&other[8..]).filter(|(a, b)| a == b).count() < one.len() / 8);
    });
}

#[test]
fn a_flipped_byte_costs_its_blob_and_is_never_answered_as_truth() {
    block_on(async {
        let disk = filled().await;
        for (wanted, cost) in [(is_block as fn(&BlobName) -> bool, 20..200), (is_segment, 5..6)] {
            let (name, bytes) = newest(&disk, wanted);
            for at in (0..bytes.len()).step_by(211).chain(0..60) {
                let disk = disk.copy();
                let mut changed = bytes.clone();
                changed[at] ^= 0x20;
                disk.overwrite(name, changed);
                let lost = lost_rows(&read_all(&disk).await, 305);
                assert!(cost.contains(&lost), "byte {at} of {name} costs {lost}");
            }
        }
    });
}

#[test]
fn a_damaged_blob_is_kept_in_quarantine_and_writing_goes_on() {
    block_on(async {
        let disk = filled().await;
        let (block, mut bytes) = newest(&disk, is_block);
        bytes[100] ^= 1;
        disk.overwrite(block, bytes.clone());
        let BlobName::Block(id) = block else { panic!("{block}") };
        let (store, _) = open(&disk).await.unwrap();
        store.commit(puts((400..900).map(row)), Durability::Strict).await.unwrap();
        while store.maintain().await.unwrap() {}
        drop(store);
        let (store, report) = open(&disk).await.unwrap();
        assert_eq!(report.quarantined.iter().map(|found| found.source).collect::<Vec<_>>(), [Damaged::Block(id)]);
        let kept = crate::store::packed::Blobs::get(store.blobs(), &[BlobName::Quarantine(Damaged::Block(id))]).await;
        assert!(kept.unwrap()[0].as_ref().unwrap().ends_with(&bytes), "the sealed bytes as they were found");
        let answer = store.load(&[Range::all()]).await.unwrap().remove(0);
        assert!(lost_rows(&answer, 305) > 0);
        assert_eq!(answer.rows.len(), 805 - lost_rows(&answer, 305));
    });
}

#[test]
fn a_blob_under_another_ones_name_does_not_open() {
    block_on(async {
        let disk = filled().await;
        let blocks: Vec<_> = disk.blobs().into_iter().filter(|(name, _)| is_block(name)).collect();
        let [(one, first), (other, second), ..] = &blocks[..] else { panic!() };
        disk.overwrite(*one, second.clone());
        disk.overwrite(*other, first.clone());
        assert!(lost_rows(&read_all(&disk).await, 305) > 50);
    });
}

#[test]
fn bytes_that_were_never_sealed_are_not_taken_whatever_stands_before_them() {
    block_on(async {
        let plain = MemoryBlobs::new();
        let (store, _) = Packed::open(plain.clone(), options()).await.unwrap();
        store.commit(puts([("forged", "row")]), Durability::Strict).await.unwrap();
        let (name, forged) = newest(&plain, is_segment);
        for header in [&b""[..], b"ashr\x02\x04\x01\x00", b"ashr\x02\x04\x01\x00012345678901234567890123"] {
            let disk = MemoryBlobs::new();
            open(&disk).await.unwrap().0.commit(puts([row(1)]), Durability::Strict).await.unwrap();
            disk.overwrite(name, [header, &forged].concat());
            let (store, report) = open(&disk).await.unwrap();
            assert_eq!(everything_readable(&store).await, Vec::<Key>::new());
            assert_eq!(report.quarantined.len(), 1);
        }
    });
}

async fn everything_readable(store: &impl Store) -> Vec<Key> {
    let rows = store.load(&[Range::all()]).await.unwrap().remove(0).rows;
    rows.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn another_key_opens_nothing_and_touches_nothing() {
    block_on(async {
        let disk = filled().await;
        let before = disk.blobs();
        let other = SealedBlobs::new(disk.clone(), &SecretKey::new([1; 32]), Rng::seeded([2; 32]));
        let refused = Packed::open(other, options()).await.unwrap_err();
        assert!(matches!(refused, StoreFailure::Unreadable { .. }), "{refused}");
        let plain = Packed::open(disk.clone(), options()).await.unwrap_err();
        assert!(matches!(plain, StoreFailure::Unreadable { .. }), "{plain}");
        assert_eq!(disk.blobs(), before);
    });
}

#[test]
fn a_sealed_store_of_a_newer_version_is_not_touched() {
    block_on(async {
        let disk = filled().await;
        for name in [0, 1].map(BlobName::Manifest) {
            let mut bytes = disk.blobs()[&name].clone();
            bytes[4] = FORMAT_VERSION + 1;
            disk.overwrite(name, bytes);
        }
        let before = disk.blobs();
        let (found, known) = (FORMAT_VERSION + 1, FORMAT_VERSION);
        assert_eq!(open(&disk).await.unwrap_err(), StoreFailure::NewerFormat { found, known });
        assert_eq!(disk.blobs(), before);
    });
}

#[test]
fn a_plain_store_is_not_opened_as_a_sealed_one() {
    block_on(async {
        let disk = MemoryBlobs::new();
        Packed::open(disk.clone(), options())
            .await
            .unwrap()
            .0
            .commit(puts([row(1)]), Durability::Strict)
            .await
            .unwrap();
        let before = disk.blobs();
        let refused = open(&disk).await.unwrap_err();
        assert!(matches!(refused, StoreFailure::Unreadable { .. }), "{refused}");
        assert_eq!(disk.blobs(), before);
    });
}

/// Over 64 KiB Chromium moves a value into a file of its own.
#[test]
fn a_sealed_segment_stays_below_what_browsers_keep_in_place() {
    block_on(async {
        let disk = MemoryBlobs::new();
        let (store, _) = open(&disk).await.unwrap();
        store.commit(puts([("large", Dice::seeded(7).bytes(500_000))]), Durability::Strict).await.unwrap();
        let sizes: Vec<usize> =
            disk.blobs().iter().filter(|(name, _)| is_segment(name)).map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(sizes.iter().max(), Some(&60_048));
        assert!(sizes.len() > 8);
    });
}

proptest! {
    #[test]
    fn no_spoiled_disk_makes_a_sealed_store_panic_or_lie(
        spoils in proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>(), any::<bool>()), 1..4)
    ) {
        block_on(async {
            let disk = filled().await;
            for (which, at, byte, cut) in spoils {
                let blobs: Vec<_> = disk.blobs().into_iter().collect();
                let (name, mut bytes) = blobs[which % blobs.len()].clone();
                let at = at.checked_rem(bytes.len()).unwrap_or(0);
                // Another spoil may have left nothing of it.
                match bytes.get_mut(at) {
                    Some(there) if !cut => *there = byte,
                    _ => bytes.truncate(at),
                }
                disk.overwrite(name, bytes);
            }
            let Ok((store, _)) = open(&disk).await else { return };
            lost_rows(&store.load(&[Range::all()]).await.unwrap().remove(0), 305);
            store.commit(puts((500..600).map(row)), Durability::Strict).await.unwrap();
            while store.maintain().await.unwrap() {}
            let answer = open(&disk).await.unwrap().0.load(&[Range::all()]).await.unwrap().remove(0);
            let read: BTreeMap<_, _> = answer.rows.into_iter().collect();
            for (key, value) in (500..600).map(row) {
                assert_eq!(read.get(&key), Some(&RowValue::Present(value)));
            }
        });
    }
}

/// A sealed store with plain blobs of this version.
fn golden(version: u8) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", "store", &format!("sealed{version}")].iter().collect()
}

fn read(version: u8) -> MemoryBlobs {
    let found = MemoryBlobs::new();
    for file in fs::read_dir(golden(version)).unwrap() {
        let file = file.unwrap();
        let name = BlobName::parse(file.file_name().to_str().unwrap()).unwrap();
        found.overwrite(name, fs::read(file.path()).unwrap());
    }
    found
}

async fn written() -> MemoryBlobs {
    let disk = MemoryBlobs::new();
    let small = PackedOptions {
        block_bytes: 2_000,
        step_bytes: 1_000,
        flush_bytes: 3_000,
        flush_segments: 100,
        cache_bytes: 50_000,
    };
    let (store, _) = Packed::open(sealed(disk.clone()), small).await.unwrap();
    let mut dice = Dice::seeded(2026);
    for n in 0..12_u16 {
        store
            .commit(
                puts([([dice.roll(9) as u8], dice.bytes(400)), ([100 + n as u8], row(n).1.to_vec())]),
                Durability::Relaxed,
            )
            .await
            .unwrap();
        if n < 10 {
            while store.maintain().await.unwrap() {}
        }
    }
    disk
}

#[test]
fn a_sealed_store_that_was_written_once_opens_for_ever() {
    block_on(async {
        let disk = written().await;
        if std::env::var_os("UPDATE_GOLDEN").is_some() && !golden(FORMAT_VERSION).exists() {
            fs::create_dir_all(golden(FORMAT_VERSION)).unwrap();
            for (name, bytes) in disk.blobs() {
                fs::write(golden(FORMAT_VERSION).join(name.to_string()), bytes).unwrap();
            }
        }
        let same = read(FORMAT_VERSION).blobs() == disk.blobs();
        assert!(same, "the same rows give the same bytes, as long as the nonces are the same");
        let rows = everything(&open(&disk).await.unwrap().0).await;
        for version in [1, 3] {
            let (store, report) = open(&read(version)).await.unwrap();
            assert_eq!(report.quarantined, []);
            assert_eq!(everything(&store).await, rows);
        }
        assert_eq!(rows[&[107u8][..]], row(7).1);
    });
}
