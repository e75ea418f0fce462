//! What a document or a call costs as there are more documents, up to a million.

use super::{document, id};
use ashore_engine::store::conformance::{Dice, wait_for};
use ashore_native::api::{Command, IndexField, IndexSpec};
use ashore_native::{Collection, Database, Options};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const IN_A_CALL: u32 = 1_000;
const CALLS: u32 = 500;
const FINDS: u32 = 50;
const STARTS: usize = 9;
const FIRST: u64 = 20;
const COLLECTION: &str = "documents";

/// A line for each workload: microseconds, or bytes, at each size, and the last by the first.
pub(crate) fn all(folder: &Path) {
    for sealed in [false, true] {
        let protection = if sealed { "encrypted" } else { "plain" };
        let columns = SIZES.map(|documents| wait_for(at(folder, documents, sealed)));
        println!("| {protection} | {} | last by first |", SIZES.map(|documents| documents.to_string()).join(" | "));
        println!("| --- |{} ---: |", " ---: |".repeat(SIZES.len()));
        for line in 0..columns[0].len() {
            let costs = columns.each_ref().map(|column| column[line].cost);
            let told = costs.map(|cost| if cost < 100.0 { format!("{cost:.1}") } else { format!("{cost:.0}") });
            let by_first = costs[SIZES.len() - 1] / costs[0];
            println!("| {} | {} | {by_first:.2}x |", columns[0][line].what, told.join(" | "));
        }
    }
}

struct Cost {
    what: &'static str,
    cost: f64,
}

async fn at(folder: &Path, documents: u32, sealed: bool) -> Vec<Cost> {
    let path = folder.join(format!("curve-{documents}-{sealed}.ashore"));
    let options = Options::at(&path).secrets_in_files();
    let options = if sealed { options.encrypted() } else { options };
    let database = Database::open(options.clone()).await.unwrap();
    let fields = ["done", "rank"].map(|path| IndexField { path: path.into(), descending: false, weight: None }).into();
    let index = IndexSpec { name: "open".into(), fields, unique: false, sparse: false, text: None };
    database.call(Command::DeclareIndexes { collection: COLLECTION.into(), indexes: vec![index] }).await.unwrap();
    let all = database.collection::<Value>(COLLECTION);
    let mut costs = Vec::new();
    let mut add = |what, time: Duration, by: u32| costs.push(Cost { what, cost: micros(time) / f64::from(by) });

    let began = Instant::now();
    for first in (0..documents).step_by(IN_A_CALL as usize) {
        all.put_many((first..first + IN_A_CALL).map(|n| (id(n), document(n)))).await.unwrap();
    }
    add("put, 1,000 in each call, a document", began.elapsed(), documents);
    let mut dice = Dice::seeded(1);
    let mut one = || dice.roll(u64::from(documents)) as u32;
    let mut times = Vec::new();
    for n in documents..documents + CALLS {
        times.push(took(all.put(id(n), &document(n))).await);
    }
    add("an awaited put", middle(times), 1);
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let id = id(one());
        times.push(took(all.modify(&id, &json!({ "$set": { "title": "another" } }))).await);
    }
    add("a field of one set", middle(times), 1);
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let id = id(one());
        times.push(took(all.get(&id)).await);
    }
    add("an awaited get", middle(times), 1);
    add("the first 20 of an indexed order", finds(&all, json!({ "done": true }), "rank").await, 1);
    let began = Instant::now();
    let found = all.find(json!({ "title": "another" })).count().await.unwrap();
    assert!(found > 0);
    add("a scan without an index, a document", began.elapsed(), documents);
    let began = Instant::now();
    let mut read = 0;
    for first in (0..documents).step_by(IN_A_CALL as usize) {
        read += all.get_many((first..first + IN_A_CALL).map(id)).await.unwrap().iter().flatten().count();
    }
    assert_eq!(read, documents as usize);
    add("all of them read, 1,000 in each call, a document", began.elapsed(), documents);
    database.close().await;

    let mut times = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let database = Database::open(options.clone()).await.unwrap();
        database.collection::<Value>(COLLECTION).get(&id(77)).await.unwrap().unwrap();
        times.push(began.elapsed());
        database.close().await;
    }
    add("open, to the first document", middle(times), 1);
    let bytes = std::fs::metadata(&path).unwrap().len();
    costs.push(Cost { what: "bytes of the file, a document", cost: bytes as f64 / f64::from(documents) });
    std::fs::remove_file(&path).unwrap();
    costs
}

/// The first of those that a filter lets through, in an order: the middle of many times.
async fn finds(all: &Collection<Value>, filter: Value, order: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..FINDS {
        let began = Instant::now();
        let rows = all.find(filter.clone()).sort(order).limit(FIRST).rows().await.unwrap();
        times.push(began.elapsed());
        assert_eq!(rows.len(), FIRST as usize);
    }
    middle(times)
}

async fn took<T, E: std::fmt::Debug>(call: impl Future<Output = Result<T, E>>) -> Duration {
    let began = Instant::now();
    call.await.unwrap();
    began.elapsed()
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
