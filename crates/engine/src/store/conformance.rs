//! One suite for every store, on every host. `store_conformance!` makes a test of each promise.
//!
//! ```ignore
//! store_conformance!(native, MemoryDisk::new());           // #[test]s; the expression makes a fresh disk
//! store_conformance!(threads, SqliteDisk::fresh());        // #[test]s over a disk that other threads work for
//! store_conformance!(browser, IndexedDbDisk::fresh());     // wasm_bindgen_tests
//! store_conformance!(native, faults, FaultyMemory::new()); // the promises about failures: needs a `FaultyDisk`
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test suite fails by panicking")]

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::future::join;

use super::faults::{Fault, Faults, FaultyBlobs, FaultyStore, When};
use super::memory::{Memory, MemoryBlobs, MemoryDisk};
use super::packed::{Blobs, Packed, PackedOptions, SealedBlobs};
use super::{Bytes, Durability, Key, Range, RowValue, Rows, Store, StoreBatch, StoreFailure, Value};
use super::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::crypto::Key as SecretKey;
use crate::rng::Rng;

/// Something that a store can be opened on, again and again.
#[expect(async_fn_in_trait, reason = "the engine lives on one thread")]
pub trait Disk {
    /// What is opened.
    type Store: Store;

    /// Opens what was written before, and supersedes the handle opened before.
    async fn open(&self) -> Result<Self::Store, StoreFailure>;
}

/// A disk whose stores fail when told to.
pub trait FaultyDisk: Disk {
    /// Makes them fail.
    fn faults(&self) -> &Faults;
}

impl Disk for MemoryDisk {
    type Store = Memory;

    async fn open(&self) -> Result<Memory, StoreFailure> {
        Ok(Memory::open(self))
    }
}

/// A [`Packed`] store over blobs that can be cloned, with small blocks so that few rows exercise everything.
#[derive(Debug, Clone)]
pub struct PackedDisk<B> {
    /// The blobs.
    pub blobs: B,
    /// Block sizes and so on.
    pub options: PackedOptions,
}

impl<B: Blobs + Clone> PackedDisk<B> {
    /// Blocks of 20 KB, a table of 30 KB, a cache of two blocks.
    pub fn small(blobs: B) -> Self {
        let options = PackedOptions {
            block_bytes: 20_000,
            step_bytes: 6_000,
            flush_bytes: 30_000,
            flush_segments: 40,
            cache_bytes: 50_000,
        };
        Self { blobs, options }
    }
}

impl<B: Blobs + Clone> Disk for PackedDisk<B> {
    type Store = Packed<B>;

    async fn open(&self) -> Result<Packed<B>, StoreFailure> {
        Packed::open(self.blobs.clone(), self.options.clone()).await.map(|(store, _)| store)
    }
}

/// A [`FaultyStore`] over any disk's stores.
#[derive(Debug, Clone)]
pub struct FaultyStores<D> {
    /// The disk below.
    pub disk: D,
    /// Makes its stores fail.
    pub faults: Faults,
}

impl<D: Disk> FaultyStores<D> {
    /// No faults yet.
    pub fn over(disk: D) -> Self {
        Self { disk, faults: Faults::new() }
    }
}

impl<D: Disk> Disk for FaultyStores<D> {
    type Store = FaultyStore<D::Store>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        Ok(FaultyStore::new(self.disk.open().await?, self.faults.clone()))
    }
}

impl<D: Disk> FaultyDisk for FaultyStores<D> {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// A [`Packed`] store over [`FaultyBlobs`].
#[derive(Debug, Clone)]
pub struct FaultyPacked<B> {
    disk: PackedDisk<FaultyBlobs<B>>,
    faults: Faults,
}

impl<B: Blobs + Clone> FaultyPacked<B> {
    /// No faults yet; relaxed commits are held back until a strict one.
    pub fn over(blobs: B) -> Self {
        let faults = Faults::new();
        Self { disk: PackedDisk::small(FaultyBlobs::holding_back(blobs, faults.clone())), faults }
    }
}

impl<B: Blobs + Clone> Disk for FaultyPacked<B> {
    type Store = Packed<FaultyBlobs<B>>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        self.disk.open().await
    }
}

impl<B: Blobs + Clone> FaultyDisk for FaultyPacked<B> {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// Runs a future that waits for nothing outside, as every future over memory does.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that never comes");
}

/// Runs a future that other threads wake, as those of a host's own disk.
pub fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Small reproducible numbers; not for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number less than `limit`.
    pub fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// So many bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll(256) as u8).collect()
    }
}

/// A batch that puts these.
pub fn puts<K: Into<Key>, V: Into<Value>>(rows: impl IntoIterator<Item = (K, V)>) -> StoreBatch {
    let mut batch = StoreBatch::new();
    for (key, value) in rows {
        batch.put(key, value);
    }
    batch
}

/// Every row of a store.
pub async fn everything<S: Store>(store: &S) -> BTreeMap<Key, Value> {
    let answers = store.load(&[Range::all()]).await.unwrap();
    assert!(answers[0].lost.is_empty() && !answers[0].more);
    present(&answers[0]).into_iter().collect()
}

/// The rows of an answer, none of which may be corrupt.
pub fn present(answer: &Rows) -> Vec<(Key, Value)> {
    answer.rows.iter().map(|(key, value)| (key.clone(), value.present().unwrap().clone())).collect()
}

fn model<const N: usize>(rows: [(&str, &str); N]) -> BTreeMap<Key, Value> {
    rows.map(|(key, value)| (key.into(), value.into())).into()
}

async fn one<S: Store>(store: &S, key: &str) -> Option<Value> {
    let answers = store.load(&[Range::one(key)]).await.unwrap();
    present(&answers[0]).pop().map(|(_, value)| value)
}

async fn keys<S: Store>(store: &S, range: Range) -> Vec<String> {
    let answers = store.load(&[range]).await.unwrap();
    answers[0].rows.iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
}

async fn maintain_all<S: Store>(store: &S) {
    while store.maintain().await.unwrap() {}
}

/// The promises, each a function over a fresh disk.
pub mod suite {
    use super::*;

    /// Nothing is lost between a commit's answer and the next load.
    pub async fn a_committed_row_is_loaded(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "1")]), Durability::Relaxed).await.unwrap();
        store.commit(puts([("b", "2")]), Durability::Strict).await.unwrap();
        assert_eq!(one(&store, "a").await, Some("1".into()));
        assert_eq!(one(&store, "b").await, Some("2".into()));
        assert_eq!(one(&store, "c").await, None);
    }

    /// Puts replace and deletes remove, wherever the older row is.
    pub async fn the_newest_word_on_a_key_counts(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "old"), ("b", "old"), ("c", "old")]), Durability::Relaxed).await.unwrap();
        let mut batch = puts([("a", "new")]);
        batch.delete("b");
        batch.delete("never there");
        store.commit(batch, Durability::Relaxed).await.unwrap();
        let expected = BTreeMap::from([("a".into(), "new".into()), ("c".into(), Bytes::from("old"))]);
        assert_eq!(everything(&store).await, expected);
        store.close().await;
        assert_eq!(everything(&disk.open().await.unwrap()).await, expected);
    }

    /// Forwards and backwards, bounds included and excluded.
    pub async fn a_range_answers_its_rows_in_order(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts(["a", "aa", "ab", "b", "ba", "c"].map(|key| (key, "v"))), Durability::Relaxed).await.unwrap();
        assert_eq!(keys(&store, Range::prefix("a")).await, ["a", "aa", "ab"]);
        assert_eq!(keys(&store, Range::between("aa".into(), Some("b".into()))).await, ["aa", "ab"]);
        assert_eq!(keys(&store, Range::between("b".into(), None).reversed()).await, ["c", "ba", "b"]);
        assert_eq!(keys(&store, Range::prefix("a").reversed().limit(2)).await, ["ab", "aa"]);
        assert!(keys(&store, Range::between("b".into(), Some("a".into()))).await.is_empty());
        assert!(keys(&store, Range::all().limit(0)).await.is_empty());
    }

    /// Pages follow each other without gap or double.
    pub async fn pages_of_a_range_add_up_to_it(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        let rows = (0..200_u32).map(|n| (n.to_be_bytes(), vec![n as u8; 100]));
        store.commit(puts(rows), Durability::Relaxed).await.unwrap();
        for (whole, step) in [(Range::all(), 7), (Range::all().reversed(), 200), (Range::all().max_bytes(500), 1000)] {
            let mut found = Vec::new();
            let mut range = whole.clone().limit(step);
            loop {
                let answer = store.load(std::slice::from_ref(&range)).await.unwrap().remove(0);
                found.extend(answer.rows.iter().map(|(key, _)| key.clone()));
                if !answer.more {
                    break;
                }
                range = range.after(&answer.rows.last().unwrap().0);
            }
            assert_eq!(found.len(), 200);
            assert!(found.windows(2).all(|pair| (pair[0] < pair[1]) != whole.reverse));
        }
    }

    /// The answers stand in the order of the ranges, also where ranges overlap.
    pub async fn one_load_answers_every_range(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "1"), ("b", "2")]), Durability::Relaxed).await.unwrap();
        let answers = store.load(&[Range::one("b"), Range::one("x"), Range::all()]).await.unwrap();
        let counts: Vec<_> = answers.iter().map(|rows| rows.rows.len()).collect();
        assert_eq!(counts, [1, 0, 2]);
        assert!(store.load(&[]).await.unwrap().is_empty());
    }

    /// Closed or only dropped, relaxed or strict.
    pub async fn rows_are_there_after_opening_again(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "1")]), Durability::Relaxed).await.unwrap();
        store.close().await;
        let store = disk.open().await.unwrap();
        assert_eq!(one(&store, "a").await, Some("1".into()));
        store.commit(puts([("b", "2")]), Durability::Strict).await.unwrap();
        drop(store);
        let store = disk.open().await.unwrap();
        assert_eq!(everything(&store).await.len(), 2);
    }

    /// Neither while it goes on nor after opening again.
    pub async fn maintenance_changes_no_answer(disk: impl Disk) {
        let mut dice = Dice::seeded(7);
        let store = disk.open().await.unwrap();
        let mut model = BTreeMap::new();
        for round in 0..12_u32 {
            let mut batch = StoreBatch::new();
            for _ in 0..40 {
                let key = Key::from((dice.roll(300) as u32).to_be_bytes());
                if dice.roll(5) == 0 {
                    batch.delete(key.clone());
                    model.remove(&key);
                } else {
                    let len = dice.roll(600) as usize;
                    let value = Value::from(dice.bytes(len));
                    batch.put(key.clone(), value.clone());
                    model.insert(key, value);
                }
            }
            store.commit(batch, Durability::Relaxed).await.unwrap();
            for _ in 0..round % 3 {
                store.maintain().await.unwrap();
                assert_eq!(everything(&store).await, model);
            }
        }
        maintain_all(&store).await;
        assert_eq!(everything(&store).await, model);
        store.close().await;
        assert_eq!(everything(&disk.open().await.unwrap()).await, model);
    }

    /// Only the handle opened last may write.
    pub async fn a_superseded_handle_cannot_write(disk: impl Disk) {
        let older = disk.open().await.unwrap();
        older.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
        let newer = disk.open().await.unwrap();
        let refused = older.commit(puts([("a", "late")]), Durability::Strict).await;
        assert_eq!(refused, Err(StoreFailure::Superseded));
        newer.commit(puts([("b", "2")]), Durability::Strict).await.unwrap();
        let refused = older.commit(puts([("a", "later")]), Durability::Strict).await;
        assert_eq!(refused, Err(StoreFailure::Superseded));
        assert_eq!(one(&newer, "a").await, Some("1".into()));
    }

    /// At once, and after the next commit, a flush or the end of the handle also on the disk.
    pub async fn what_is_committed_later_is_there(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "1"), ("b", "1")]), Durability::Relaxed).await.unwrap();
        let mut later = puts([("a", "2"), ("c", "2")]);
        later.delete("b");
        store.commit_later(later).await.unwrap();
        assert_eq!(everything(&store).await, model([("a", "2"), ("c", "2")]));
        store.commit_later(puts([("c", "3")])).await.unwrap();
        store.commit(puts([("a", "4")]), Durability::Strict).await.unwrap();
        drop(store);
        let store = disk.open().await.unwrap();
        assert_eq!(everything(&store).await, model([("a", "4"), ("c", "3")]));
        store.commit_later(puts([("c", "5")])).await.unwrap();
        store.flush().await.unwrap();
        store.flush().await.unwrap();
        drop(store);
        let store = disk.open().await.unwrap();
        assert_eq!(one(&store, "c").await, Some("5".into()));
        store.commit_later(puts([("c", "6")])).await.unwrap();
        maintain_all(&store).await;
        store.close().await;
        assert_eq!(store.commit_later(puts([("c", "7")])).await, Err(StoreFailure::Closed));
        assert_eq!(one(&disk.open().await.unwrap(), "c").await, Some("6".into()));
    }

    /// Whatever is asked.
    pub async fn a_closed_store_answers_closed(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.close().await;
        assert_eq!(store.load(&[Range::all()]).await, Err(StoreFailure::Closed));
        assert_eq!(store.commit(puts([("a", "1")]), Durability::Relaxed).await, Err(StoreFailure::Closed));
        assert_eq!(store.maintain().await, Err(StoreFailure::Closed));
    }

    /// And the handle goes on.
    pub async fn a_batch_over_the_limits_is_refused_whole(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        let mut batch = puts([("a", "1")]);
        batch.put(vec![1; MAX_KEY_BYTES + 1], "too long a key");
        let refused = store.commit(batch, Durability::Relaxed).await;
        assert!(matches!(refused, Err(StoreFailure::TooLarge { what: "key", .. })));
        assert!(everything(&store).await.is_empty());
        store.commit(puts([(vec![1; MAX_KEY_BYTES], "as long as can be")]), Durability::Relaxed).await.unwrap();
        assert_eq!(everything(&store).await.len(), 1);
    }

    /// The largest value there may be, through a commit, a merge and a new opening.
    pub async fn the_largest_value_is_stored(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        let large: Vec<u8> = (0..MAX_VALUE_BYTES).map(|n| (n % 251) as u8).collect();
        store.commit(puts([("a", &large[..]), ("b", b"small")]), Durability::Strict).await.unwrap();
        assert_eq!(one(&store, "a").await.as_deref(), Some(&large[..]));
        maintain_all(&store).await;
        store.close().await;
        let store = disk.open().await.unwrap();
        assert_eq!(one(&store, "a").await.as_deref(), Some(&large[..]));
        assert_eq!(one(&store, "b").await, Some("small".into()));
    }

    /// Relaxed it does nothing; strict it makes earlier commits durable.
    pub async fn an_empty_batch_changes_no_row(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "1")]), Durability::Relaxed).await.unwrap();
        store.commit(StoreBatch::new(), Durability::Relaxed).await.unwrap();
        store.commit(StoreBatch::new(), Durability::Strict).await.unwrap();
        assert_eq!(everything(&store).await.len(), 1);
    }

    /// Two ranges of one load never show two states.
    pub async fn a_load_beside_commits_sees_all_of_each_or_nothing(disk: impl Disk) {
        let store = disk.open().await.unwrap();
        let writer = async {
            for n in 0..40_u32 {
                let value = vec![n as u8; 1500];
                store.commit(puts([("a", value.clone()), ("z", value)]), Durability::Relaxed).await.unwrap();
                store.maintain().await.unwrap();
            }
        };
        let reader = async {
            for _ in 0..40 {
                let answers = store.load(&[Range::one("a"), Range::one("z")]).await.unwrap();
                let values: Vec<Vec<RowValue>> =
                    answers.into_iter().map(|rows| rows.rows.into_iter().map(|(_, value)| value).collect()).collect();
                assert_eq!(values[0], values[1]);
            }
        };
        join(writer, reader).await;
    }

    /// Until it is opened again, and whether or not it took effect.
    pub async fn a_failed_commit_poisons_the_handle_until_reopened(disk: impl FaultyDisk) {
        for fault in [Fault::BeforeEffect, Fault::AfterEffect, Fault::Closed] {
            let store = disk.open().await.unwrap();
            store.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
            disk.faults().arm(When::Commit(1), fault);
            assert!(store.commit(puts([("b", "2"), ("c", "3")]), Durability::Strict).await.is_err());
            let again = store.commit(puts([("d", "4")]), Durability::Strict).await;
            assert!(matches!(again, Err(StoreFailure::Poisoned { .. })), "{again:?}");
            assert!(matches!(store.load(&[Range::all()]).await, Err(StoreFailure::Poisoned { .. })));
            assert!(matches!(store.maintain().await, Err(StoreFailure::Poisoned { .. })));

            let store = disk.open().await.unwrap();
            let rows = everything(&store).await;
            assert!(rows.contains_key(&b"a"[..]) && !rows.contains_key(&b"d"[..]));
            assert_eq!(rows.contains_key(&b"b"[..]), rows.contains_key(&b"c"[..]));
            assert_eq!(rows.contains_key(&b"b"[..]), fault == Fault::AfterEffect);
            let mut batch = StoreBatch::new();
            batch.delete("b");
            batch.delete("c");
            store.commit(batch, Durability::Strict).await.unwrap();
        }
    }

    /// By its own name, and nothing of the refused commit is there.
    pub async fn a_full_disk_is_reported_and_the_previous_state_is_intact(disk: impl FaultyDisk) {
        let store = disk.open().await.unwrap();
        store.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
        disk.faults().arm(When::Commit(1), Fault::Quota);
        let refused = store.commit(puts([("a", "2"), ("b", "2")]), Durability::Strict).await;
        assert_eq!(refused, Err(StoreFailure::Quota));
        let store = disk.open().await.unwrap();
        assert_eq!(everything(&store).await, BTreeMap::from([("a".into(), "1".into())]));
        store.commit(puts([("b", "3")]), Durability::Strict).await.unwrap();
        assert_eq!(one(&store, "b").await, Some("3".into()));
    }

    /// The next one may succeed.
    pub async fn a_failed_load_does_not_poison(disk: impl FaultyDisk) {
        let store = disk.open().await.unwrap();
        for n in 0..60_u32 {
            store.commit(puts([(n.to_be_bytes(), vec![7; 1500])]), Durability::Relaxed).await.unwrap();
        }
        maintain_all(&store).await;
        disk.faults().arm(When::Operation(1), Fault::BeforeEffect);
        assert!(matches!(store.load(&[Range::all()]).await, Err(StoreFailure::Failed { .. })));
        assert_eq!(everything(&store).await.len(), 60);
        store.commit(puts([("a", "1")]), Durability::Relaxed).await.unwrap();
    }

    /// What was stored is readable throughout, and the work is done when there is room.
    pub async fn maintenance_that_finds_no_room_harms_nothing(disk: impl FaultyDisk) {
        let store = disk.open().await.unwrap();
        for n in 0..60_u32 {
            store.commit(puts([(n.to_be_bytes(), vec![n as u8; 1500])]), Durability::Relaxed).await.unwrap();
        }
        let before = everything(&store).await;
        disk.faults().arm(When::Operation(1), Fault::Quota);
        let refused = loop {
            match store.maintain().await {
                Ok(more) => assert!(more, "it had to write something"),
                Err(failure) => break failure,
            }
        };
        assert_eq!(refused, StoreFailure::Quota);
        assert_eq!(everything(&store).await, before);
        store.commit(puts([("more", "rows")]), Durability::Relaxed).await.unwrap();
        maintain_all(&store).await;
        assert_eq!(everything(&store).await.len(), before.len() + 1);
    }
}

/// Makes a test of every promise. See the module.
#[macro_export]
macro_rules! store_conformance {
    ($host:ident, faults, $disk:expr) => {
        $crate::store_conformance!(@tests $host, $disk,
            a_failed_commit_poisons_the_handle_until_reopened
            a_full_disk_is_reported_and_the_previous_state_is_intact
            a_failed_load_does_not_poison
            maintenance_that_finds_no_room_harms_nothing
        );
    };
    ($host:ident, $disk:expr) => {
        $crate::store_conformance!(@tests $host, $disk,
            a_committed_row_is_loaded
            the_newest_word_on_a_key_counts
            a_range_answers_its_rows_in_order
            pages_of_a_range_add_up_to_it
            one_load_answers_every_range
            rows_are_there_after_opening_again
            maintenance_changes_no_answer
            a_superseded_handle_cannot_write
            what_is_committed_later_is_there
            a_closed_store_answers_closed
            a_batch_over_the_limits_is_refused_whole
            the_largest_value_is_stored
            an_empty_batch_changes_no_row
            a_load_beside_commits_sees_all_of_each_or_nothing
        );
    };
    (@tests native, $disk:expr, $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::store::conformance::block_on($crate::store::conformance::suite::$name($disk));
            }
        )*
    };
    (@tests threads, $disk:expr, $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::store::conformance::wait_for($crate::store::conformance::suite::$name($disk));
            }
        )*
    };
    (@tests browser, $disk:expr, $($name:ident)*) => {
        $(
            #[::wasm_bindgen_test::wasm_bindgen_test]
            async fn $name() {
                $crate::store::conformance::suite::$name($disk).await;
            }
        )*
    };
}

/// Blobs sealed with a key that is always the same.
pub fn sealed<B>(blobs: B) -> SealedBlobs<B> {
    SealedBlobs::new(blobs, &SecretKey::new([8; 32]), Rng::seeded([9; 32]))
}

/// Disks that the suite runs over everywhere.
pub fn packed_in_memory() -> PackedDisk<MemoryBlobs> {
    PackedDisk::small(MemoryBlobs::new())
}
