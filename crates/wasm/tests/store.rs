//! The store over IndexedDB in a real browser, in a worker: the suite of every store, and what only a browser does.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(unsafe_code, missing_docs, reason = "the test macro of wasm-bindgen exports each test")]

use std::cell::Cell;
use std::rc::Rc;

use ashore_engine::store::conformance::{Disk, FaultyDisk, FaultyStores, PackedDisk, everything, puts, sealed};
use ashore_engine::store::faults::{Faults, FaultyBlobs};
use ashore_engine::store::packed::{BlobFailure, BlobName, BlobOp, Blobs, Packed, SealedBlobs};
use ashore_engine::store::{Durability, Store, StoreFailure};
use ashore_wasm::store::{IndexedDb, Persistence, request_persistence};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// A database that no other test uses.
fn fresh_name() -> String {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    COUNT.with(|count| count.set(count.get() + 1));
    format!("test {} {}", js_sys::Date::now(), COUNT.with(Cell::get))
}

/// Every opening has a connection of its own, as two pages have.
struct BrowserDisk(String);

impl BrowserDisk {
    fn fresh() -> Self {
        Self(fresh_name())
    }

    fn database(&self) -> Rc<IndexedDb> {
        Rc::new(IndexedDb::new(&*self.0))
    }
}

impl Disk for BrowserDisk {
    type Store = Packed<Rc<IndexedDb>>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        PackedDisk::small(self.database()).open().await
    }
}

/// As [`BrowserDisk`], with faults between the packed store and IndexedDB.
struct FaultyBrowserDisk {
    disk: BrowserDisk,
    faults: Faults,
}

impl FaultyBrowserDisk {
    fn fresh() -> Self {
        Self { disk: BrowserDisk::fresh(), faults: Faults::new() }
    }
}

impl Disk for FaultyBrowserDisk {
    type Store = Packed<FaultyBlobs<Rc<IndexedDb>>>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        PackedDisk::small(FaultyBlobs::new(self.disk.database(), self.faults.clone())).open().await
    }
}

impl FaultyDisk for FaultyBrowserDisk {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// As [`BrowserDisk`], sealed.
struct SealedBrowserDisk(BrowserDisk);

impl Disk for SealedBrowserDisk {
    type Store = Packed<SealedBlobs<Rc<IndexedDb>>>;

    async fn open(&self) -> Result<Self::Store, StoreFailure> {
        PackedDisk::small(sealed(self.0.database())).open().await
    }
}

mod sealed_over_indexed_db {
    use super::*;
    ashore_engine::store_conformance!(browser, SealedBrowserDisk(BrowserDisk::fresh()));
}

mod packed_over_indexed_db {
    use super::*;
    ashore_engine::store_conformance!(browser, BrowserDisk::fresh());
}

mod faulty_store_over_indexed_db {
    use super::*;
    ashore_engine::store_conformance!(browser, FaultyStores::over(BrowserDisk::fresh()));
    ashore_engine::store_conformance!(browser, faults, FaultyStores::over(BrowserDisk::fresh()));
}

mod packed_over_faulty_indexed_db {
    use super::*;
    ashore_engine::store_conformance!(browser, FaultyBrowserDisk::fresh());
    ashore_engine::store_conformance!(browser, faults, FaultyBrowserDisk::fresh());
}

#[wasm_bindgen_test]
async fn a_power_cut_loses_only_the_last_relaxed_commits() {
    let database = Rc::new(IndexedDb::new(fresh_name()));
    let blobs = FaultyBlobs::holding_back(database, Faults::new());
    let store = PackedDisk::small(blobs.clone()).open().await.unwrap();
    store.commit(puts([("a", "strict")]), Durability::Strict).await.unwrap();
    for key in ["b", "c", "d"] {
        store.commit(puts([(key, "relaxed")]), Durability::Relaxed).await.unwrap();
    }
    assert_eq!(everything(&store).await.len(), 4);
    blobs.crash(1).await.unwrap();
    let store = PackedDisk::small(blobs).open().await.unwrap();
    let keys: Vec<_> = everything(&store).await.into_keys().collect();
    assert_eq!(keys, ["a".into(), "b".into()]);
}

async fn database_names() -> Vec<String> {
    let factory = Reflect::get(&js_sys::global(), &"indexedDB".into()).unwrap();
    let databases: Function = Reflect::get(&factory, &"databases".into()).unwrap().unchecked_into();
    let promise: Promise = databases.call0(&factory).unwrap().unchecked_into();
    let found = Array::from(&JsFuture::from(promise).await.unwrap());
    found.iter().map(|info| Reflect::get(&info, &"name".into()).unwrap().as_string().unwrap()).collect()
}

#[wasm_bindgen_test]
async fn no_database_exists_before_the_first_operation() {
    let name = fresh_name();
    let database = IndexedDb::new(&*name);
    assert!(!database_names().await.contains(&name));
    assert_eq!(database.names().await, Ok(vec![]));
    assert!(database_names().await.contains(&name));
    drop(database);
    IndexedDb::delete(&name).await.unwrap();
    assert!(!database_names().await.contains(&name));
}

#[wasm_bindgen_test]
async fn a_connection_that_is_gone_is_opened_again() {
    let disk = BrowserDisk::fresh();
    let store = disk.open().await.unwrap();
    store.commit(puts([("a", "1")]), Durability::Relaxed).await.unwrap();
    store.blobs().disconnect();
    store.commit(puts([("b", "2")]), Durability::Strict).await.unwrap();
    store.blobs().disconnect();
    while store.maintain().await.unwrap() {}
    store.blobs().disconnect();
    assert_eq!(everything(&store).await.len(), 2);
    assert_eq!(everything(&disk.open().await.unwrap()).await.len(), 2);
}

#[wasm_bindgen_test]
async fn a_connection_closed_without_a_word_is_opened_again() {
    let database = IndexedDb::new(fresh_name());
    let name = BlobName::Segment(1);
    database.commit(vec![BlobOp::Add(name, vec![1])], Durability::Relaxed).await.unwrap();
    database.close_underneath();
    database.commit(vec![BlobOp::Put(name, vec![2])], Durability::Relaxed).await.unwrap();
    database.close_underneath();
    assert_eq!(database.get(&[name]).await, Ok(vec![Some(vec![2])]));
}

#[wasm_bindgen_test]
async fn a_database_deleted_by_another_page_ends_the_handle_and_not_the_deletion() {
    let disk = BrowserDisk::fresh();
    let store = disk.open().await.unwrap();
    store.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
    // Waits until our connection has given way.
    IndexedDb::delete(&disk.0).await.unwrap();
    let late = store.commit(puts([("b", "2")]), Durability::Strict).await;
    assert_eq!(late, Err(StoreFailure::Closed));
    let again = store.commit(puts([("b", "2")]), Durability::Strict).await;
    assert!(matches!(again, Err(StoreFailure::Poisoned { .. })));
    let store = disk.open().await.unwrap();
    assert_eq!(everything(&store).await.len(), 0);
    store.commit(puts([("c", "3")]), Durability::Strict).await.unwrap();
}

#[wasm_bindgen_test]
async fn an_addition_that_exists_fails_the_whole_commit_by_name() {
    let database = IndexedDb::new(fresh_name());
    let [one, two] = [1, 2].map(BlobName::Segment);
    database.commit(vec![BlobOp::Add(two, vec![2])], Durability::Relaxed).await.unwrap();
    let both = vec![BlobOp::Add(one, vec![1]), BlobOp::Add(two, vec![3]), BlobOp::Delete(two)];
    assert_eq!(database.commit(both, Durability::Strict).await, Err(BlobFailure::Exists(two)));
    assert_eq!(database.get(&[one, two]).await, Ok(vec![None, Some(vec![2])]));
}

#[wasm_bindgen_test]
async fn segments_are_read_and_deleted_by_number() {
    let database = IndexedDb::new(fresh_name());
    let add = |number: u64| BlobOp::Add(BlobName::Segment(number), vec![number as u8]);
    let ops = [1, 9, 10, 255, 256, 1 << 40].map(add);
    database.commit(ops.to_vec(), Durability::Relaxed).await.unwrap();
    database.commit(vec![BlobOp::DeleteSegments(9, 255)], Durability::Relaxed).await.unwrap();
    let found: Vec<u64> = database.segments(2).await.unwrap().into_iter().map(|(number, _)| number).collect();
    assert_eq!(found, [255, 256, 1 << 40]);
    assert_eq!(database.names().await.unwrap().len(), 4);
}

#[wasm_bindgen_test]
async fn key_records_are_kept_beside_the_blobs() {
    let database = IndexedDb::new(fresh_name());
    assert_eq!(database.load_key_record("wrapping").await, Ok(None));
    assert_eq!(database.add_key_record("wrapping", &Uint8Array::from(&[1, 2, 3][..])).await, Ok(true));
    assert_eq!(database.add_key_record("wrapping", &JsValue::from_str("second")).await, Ok(false));
    let kept = database.load_key_record("wrapping").await.unwrap().unwrap();
    assert_eq!(kept.unchecked_into::<Uint8Array>().to_vec(), [1, 2, 3]);
    database.put_key_record("wrapping", &JsValue::from_f64(7.0)).await.unwrap();
    assert_eq!(database.load_key_record("wrapping").await.unwrap().unwrap().as_f64(), Some(7.0));
    let other = JsValue::from_f64(8.0);
    assert_eq!(database.replace_key_record("wrapping", &other, |kept| kept.as_f64() == Some(1.0)).await, Ok(false));
    assert_eq!(database.load_key_record("wrapping").await.unwrap().unwrap().as_f64(), Some(7.0));
    assert_eq!(database.replace_key_record("wrapping", &other, |kept| kept.as_f64() == Some(7.0)).await, Ok(true));
    assert_eq!(database.load_key_record("wrapping").await.unwrap().unwrap().as_f64(), Some(8.0));
    database.delete_key_record("wrapping").await.unwrap();
    assert_eq!(database.load_key_record("wrapping").await, Ok(None));
    assert_eq!(database.names().await, Ok(vec![]));
}

#[wasm_bindgen_test]
async fn persistence_is_asked_for_without_harm_in_a_worker() {
    // Only pages may ask; a worker of a fresh profile learns that nothing was granted.
    assert_eq!(request_persistence().await, Persistence::Unsupported);
}
