//! The desktop's engine beside SQLite used bare, in one run, on the same disk: `cargo run --release -p ashore-native --example measure [FOLDER]`.
//!
//! "Bare" is one table of keys and values in WAL mode, one row for each document, and nothing else: no history, no index, no sync, no checksum.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use ashore_engine::store::conformance::{Dice, wait_for};
use ashore_native::{Collection, Database, Options};
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DOCUMENTS: u32 = 100_000;
const SINGLE: u32 = 2_000;

fn main() {
    let folder = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("ashore-measure"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    println!("| what | bare SQLite | Ashore, plain | Ashore, encrypted |");
    println!("| --- | ---: | ---: | ---: |");
    let bare = bare(&folder.join("bare.sqlite"));
    let options = |name: &str| Options::at(folder.join(name)).secrets_in_files();
    let plain = wait_for(ashore(options("plain.ashore")));
    let sealed = wait_for(ashore(options("sealed.ashore").encrypted()));
    for (((what, bare), (_, plain)), (_, sealed)) in bare.into_iter().zip(plain).zip(sealed) {
        println!("| {what} | {bare} | {plain} | {sealed} |");
    }
    for name in ["bare.sqlite", "plain.ashore", "sealed.ashore"] {
        let bytes = std::fs::metadata(folder.join(name)).unwrap().len();
        println!("{name}: {:.1} MB", bytes as f64 / 1e6);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

type Figures = Vec<(&'static str, String)>;

fn document(n: u32) -> Value {
    json!({ "title": format!("Document number {n}"), "done": n.is_multiple_of(3), "rank": n, "text": "x".repeat(220) })
}

fn id(n: u32) -> String {
    format!("document-{n:08}")
}

/// Half of them took less, and 99 of 100.
fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let micros = |at: usize| times[times.len() * at / 100].as_secs_f64() * 1e6;
    format!("{:.0} / {:.0} us", micros(50), micros(99))
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// Processor time of this program so far, where the system tells it in hundredths of a second.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// How long it took, and how much of the processors.
struct Span(Instant, Duration);

impl Span {
    fn begin() -> Self {
        Self(Instant::now(), processor())
    }

    fn told(&self) -> String {
        format!("{} ({})", millis(self.0.elapsed()), millis(processor().saturating_sub(self.1)))
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = work();
    (made, began.elapsed())
}

fn open_bare(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    connection.execute_batch("CREATE TABLE IF NOT EXISTS t (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID").unwrap();
    connection
}

fn bare(path: &Path) -> Figures {
    let mut connection = open_bare(path);
    let put = |connection: &Connection, n: u32| {
        let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO t VALUES (?1, ?2)").unwrap();
        statement.execute((id(n), document(n).to_string())).unwrap();
    };
    let mut figures = Figures::new();
    for (what, level) in [("put, relaxed: p50 / p99", "NORMAL"), ("put, strict: p50 / p99", "FULL")] {
        connection.pragma_update(None, "synchronous", level).unwrap();
        let first = if level == "FULL" { SINGLE } else { 0 };
        let times = (first..first + SINGLE).map(|n| timed(|| put(&connection, n)).1).collect();
        figures.push((what, percentiles(times)));
    }
    figures.push(("1,000 puts at once, strict, together", "-".into()));
    let bulk = Span::begin();
    let transaction = connection.transaction().unwrap();
    (0..DOCUMENTS).for_each(|n| put(&transaction, n));
    transaction.commit().unwrap();
    figures.push(("put of 100,000, 10,000 in each of ours: time (processors)", bulk.told()));
    let get = |connection: &Connection, n: u32| -> Value {
        let mut statement = connection.prepare_cached("SELECT v FROM t WHERE k = ?1").unwrap();
        let text: String = statement.query_row([id(n)], |row| row.get(0)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let mut dice = Dice::seeded(1);
    let times = (0..SINGLE).map(|_| timed(|| get(&connection, dice.roll(u64::from(DOCUMENTS)) as u32)).1).collect();
    figures.push(("get of one of 100,000: p50 / p99", percentiles(times)));
    let all = Span::begin();
    let mut statement = connection.prepare("SELECT v FROM t ORDER BY k").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let read: Vec<Value> = rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap()).collect();
    assert_eq!(read.len(), DOCUMENTS as usize);
    figures.push(("read all 100,000: time (processors)", all.told()));
    drop(statement);
    connection.close().unwrap();
    let (_, opening) = timed(|| get(&open_bare(path), 77));
    figures.push(("open with 100,000 and get one", millis(opening)));
    figures
}

async fn times_of_puts(documents: &Collection<Value>, first: u32) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in first..first + SINGLE {
        let document = document(n);
        let began = Instant::now();
        documents.put(id(n), &document).await.unwrap();
        times.push(began.elapsed());
    }
    times
}

async fn ashore(options: Options) -> Figures {
    let database = Database::open(options.clone()).await.unwrap();
    let documents = database.collection::<Value>("documents");
    let mut figures = vec![("put, relaxed", percentiles(times_of_puts(&documents, 0).await))];
    let strict = documents.clone().strict();
    figures.push(("put, strict", percentiles(times_of_puts(&strict, SINGLE).await)));
    let thousand: Vec<Value> = (0..1_000).map(document).collect();
    let began = Instant::now();
    let puts = thousand.iter().enumerate().map(|(n, document)| strict.put(id(10_000 + n as u32), document));
    join_all(puts).await.into_iter().for_each(|put| put.unwrap());
    figures.push(("together", millis(began.elapsed())));
    let bulk = Span::begin();
    for first in (0..DOCUMENTS).step_by(10_000) {
        documents.put_many((first..first + 10_000).map(|n| (id(n), document(n)))).await.unwrap();
    }
    figures.push(("bulk", bulk.told()));
    let mut dice = Dice::seeded(1);
    let mut times = Vec::new();
    for _ in 0..SINGLE {
        let id = id(dice.roll(u64::from(DOCUMENTS)) as u32);
        let began = Instant::now();
        documents.get(&id).await.unwrap().unwrap();
        times.push(began.elapsed());
    }
    figures.push(("get", percentiles(times)));
    let all = Span::begin();
    assert_eq!(documents.all().rows().await.unwrap().len(), DOCUMENTS as usize);
    figures.push(("all", all.told()));
    database.close().await;
    let began = Instant::now();
    let database = Database::open(options).await.unwrap();
    database.collection::<Value>("documents").get(&id(77)).await.unwrap().unwrap();
    figures.push(("open", millis(began.elapsed())));
    database.close().await;
    figures
}
