//! Stores that were written once and must open for ever: `testdata/store/<version>/<blob name>`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::store::conformance::{Dice, block_on, everything, puts};
use crate::store::memory::MemoryBlobs;
use crate::store::packed::{BlobName, FORMAT_VERSION, Packed, PackedOptions};
use crate::store::{Durability, Key, Store, StoreBatch, Value};

fn folder(version: u8) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", "store", &format!("v{version}")].iter().collect()
}

fn options() -> PackedOptions {
    PackedOptions {
        block_bytes: 3_000,
        step_bytes: 1_000,
        flush_bytes: 4_000,
        flush_segments: 100,
        cache_bytes: 50_000,
    }
}

/// What the golden store of a version was told, batch by batch.
fn batches(version: u8) -> Vec<StoreBatch> {
    let mut dice = Dice::seeded(2026);
    let mut batches = Vec::new();
    for round in 0..24_u64 {
        let mut batch = StoreBatch::new();
        for _ in 0..4 {
            let key = format!("document {:03}", dice.roll(60));
            let len = dice.roll(600) as usize;
            if dice.roll(6) == 0 { batch.delete(key.as_str()) } else { batch.put(key.as_str(), dice.bytes(len)) }
        }
        if round == 20 {
            batch.put("large", dice.bytes(130_000));
        }
        if version > 1 {
            // Words, which are packed.
            let words = format!("milk and bread {round}, bread and milk; ").repeat(dice.roll(300) as usize);
            batch.put(format!("words {:02}", dice.roll(20)).as_str(), words.as_str());
        }
        batches.push(batch);
    }
    batches
}

fn expected(version: u8) -> BTreeMap<Key, Value> {
    let mut rows = BTreeMap::new();
    for (key, value) in batches(version).into_iter().flat_map(StoreBatch::into_rows) {
        match value {
            Some(value) => rows.insert(key, value),
            None => rows.remove(&key),
        };
    }
    rows
}

/// Two openings, several runs, a commit of three segments, and live segments on top.
async fn written() -> MemoryBlobs {
    let disk = MemoryBlobs::new();
    let (mut store, _) = Packed::open(disk.clone(), options()).await.unwrap();
    for (round, batch) in batches(FORMAT_VERSION).into_iter().enumerate() {
        store.commit(batch, Durability::Relaxed).await.unwrap();
        if round < 18 {
            while store.maintain().await.unwrap() {}
        }
        if round == 12 {
            store = Packed::open(disk.clone(), options()).await.unwrap().0;
        }
    }
    disk
}

fn read(version: u8) -> MemoryBlobs {
    let disk = MemoryBlobs::new();
    for file in fs::read_dir(folder(version)).unwrap() {
        let path = file.unwrap().path();
        let name = BlobName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
        disk.overwrite(name, fs::read(path).unwrap());
    }
    disk
}

async fn opens(version: u8) {
    let (store, report) = Packed::open(read(version), PackedOptions::default()).await.unwrap();
    assert_eq!(report.quarantined, []);
    assert!(report.replayed_segments > 3);
    let mut rows = expected(version);
    assert_eq!(everything(&store).await, rows);
    store.commit(puts([("can still", vec![1; 2_000_000])]), Durability::Strict).await.unwrap();
    while store.maintain().await.unwrap() {}
    rows.insert("can still".into(), vec![1; 2_000_000].into());
    assert_eq!(everything(&store).await, rows);
}

#[test]
fn a_store_of_version_1_opens_for_ever() {
    block_on(opens(1));
}

#[test]
fn a_store_of_version_3_opens_for_ever() {
    block_on(opens(3));
}

#[test]
fn the_bytes_of_version_3_have_not_changed() {
    assert!(block_on(written()).blobs() == read(3).blobs(), "what is written now is not what was written then");
}

/// For a new version only: what is there is never written again.
#[test]
#[ignore = "writes the golden files of a new format version"]
fn write_the_golden_files() {
    let folder = folder(FORMAT_VERSION);
    assert!(!folder.exists(), "golden files are never written again");
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in block_on(written()).blobs() {
        fs::write(folder.join(name.to_string()), bytes).unwrap();
    }
}
