//! The packed store over blobs that somebody changed: segments, blocks and manifests, with checksums that fit the changed bytes.

use crate::program::{Program, damage};
use ashore_engine::store::conformance::block_on;
use ashore_engine::store::memory::MemoryBlobs;
use ashore_engine::store::packed::{BlobName, Packed, PackedOptions};
use ashore_engine::store::{Durability, Range, RowValue, Store, StoreBatch};

const OPTIONS: PackedOptions = PackedOptions {
    block_bytes: 3_000,
    step_bytes: 1_000,
    flush_bytes: 4_000,
    flush_segments: 100,
    cache_bytes: 50_000,
};

thread_local! {
    static BEFORE: MemoryBlobs = block_on(written());
}

/// A store with two runs, live segments and a deleted row.
async fn written() -> MemoryBlobs {
    let disk = MemoryBlobs::new();
    for round in 0..2_u32 {
        let (store, _) = Packed::open(disk.clone(), OPTIONS).await.unwrap();
        for step in 0..6_u32 {
            let mut batch = StoreBatch::new();
            for row in 0..20_u32 {
                batch.put(
                    format!("row {:03}", (row * 7 + step) % 90).as_str(),
                    vec![step as u8; (row * 9 % 100) as usize],
                );
            }
            batch.delete(format!("row {:03}", round * 20 + step).as_str());
            store.commit(batch, Durability::Strict).await.unwrap();
            while step < 4 && store.maintain().await.unwrap() {}
        }
        store.close().await;
    }
    disk
}

/// A program that changes blobs, and then everything that is done with a store.
pub fn run(data: &[u8]) {
    block_on(changed(&mut Program::new(data)));
}

async fn changed(program: &mut Program<'_>) {
    let disk = BEFORE.with(MemoryBlobs::copy);
    let blobs: Vec<(BlobName, Vec<u8>)> = disk.blobs().into_iter().collect();
    let mut trusted = true;
    for _ in 0..=program.below(3) {
        let (name, bytes) = program.pick(&blobs);
        let mut bytes = bytes.clone();
        damage(program, &mut bytes);
        if program.byte() < 230 {
            repair(*name, &mut bytes);
            // A manifest is believed when its hash is right: one that somebody forged may call keys by wrong blocks. It must not break anything.
            trusted &= !matches!(name, BlobName::Manifest(_));
        }
        disk.overwrite(*name, bytes);
    }
    for _ in 0..2 {
        let Ok((store, _)) = Packed::open(disk.clone(), OPTIONS).await else { return };
        if use_it(&store, trusted).await.is_none() {
            return;
        }
        store.close().await;
    }
}

/// Reads everything both ways, writes, maintains. `None` when the store refused, which it may.
async fn use_it(store: &Packed<MemoryBlobs>, trusted: bool) -> Option<()> {
    let forth = store.load(&[Range::all()]).await.ok()?.remove(0);
    let back = store.load(&[Range { reverse: true, ..Range::all() }]).await.ok()?.remove(0);
    let keys = |rows: &ashore_engine::store::Rows| rows.rows.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let mut reversed = keys(&back);
    reversed.reverse();
    if !forth.more && !back.more {
        assert!(!trusted || keys(&forth) == reversed, "a store reads the same both ways");
    }
    assert!(!trusted || keys(&forth).is_sorted_by(|a, b| a < b), "and in order");
    let mut batch = StoreBatch::new();
    batch.put("row 050", "written now");
    store.commit(batch, Durability::Strict).await.ok()?;
    for _ in 0..200 {
        if !store.maintain().await.ok()? {
            break;
        }
    }
    let row = store.load(&[Range::one("row 050")]).await.ok()?.remove(0);
    let found = row.rows.first().and_then(|(_, value)| RowValue::present(value)).map(|value| value.to_vec());
    assert!(!trusted || found.as_deref() == Some(&b"written now"[..]), "what was written is there");
    Some(())
}

/// Makes the checksums fit, as far as the bytes say where they are.
pub fn repair(name: BlobName, bytes: &mut [u8]) {
    match name {
        BlobName::Segment(_) => {
            let sheet = repair_header(bytes, 25);
            repair_sheet(bytes, sheet);
        }
        BlobName::Block(_) => {
            let sheet = repair_header(bytes, 20);
            repair_sheet(bytes, sheet);
        }
        BlobName::Manifest(_) => {
            if bytes.len() > 40 {
                let hash = *blake3::hash(&bytes[40..]).as_bytes();
                bytes[8..40].copy_from_slice(&hash);
            }
        }
        BlobName::Quarantine(_) => {}
    }
}

/// Where the header's checksum ends.
fn repair_header(bytes: &mut [u8], covered: usize) -> usize {
    if bytes.len() >= covered + 4 {
        let crc = crc32fast::hash(&bytes[..covered]);
        bytes[covered..covered + 4].copy_from_slice(&crc.to_le_bytes());
    }
    covered + 4
}

/// The checksums of the index and of the first page's directory.
fn repair_sheet(bytes: &mut [u8], start: usize) {
    if let Some(first_page) = repair_part(bytes, start) {
        repair_part(bytes, first_page);
    }
}

/// `length:u32 crc:u32 part`; where the part ends.
fn repair_part(bytes: &mut [u8], at: usize) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
    let end = (at + 8).checked_add(length)?;
    let crc = crc32fast::hash(bytes.get(at + 8..end)?);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    Some(end)
}
