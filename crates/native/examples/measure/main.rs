//! The desktop's engine beside SQLite used bare, in one run, on the same disk: `cargo run --release -p ashore-native --example measure [FOLDER]`.
//! Then what a fresh device needs for 10,000 documents, what an idle program takes of memory, and how long an engine that broke is away.
//! With `--curves` before the folder instead: what a document or a call costs from 1,000 documents to a million, in some minutes.
//!
//! "Bare" is one table of keys and values in WAL mode, one row for each document, and nothing else: no history, no index, no sync, no checksum.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

mod apart;

mod curves;

use ashore_engine::store::conformance::{Dice, wait_for};
use ashore_native::api::{Command, IdRange, Reply};
use ashore_native::{Collection, Database, Options};
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DOCUMENTS: u32 = 100_000;
const SINGLE: u32 = 2_000;
const RANGE: u32 = 100;

fn main() {
    if apart::is_another() {
        return;
    }
    let mut words = std::env::args().skip(1).peekable();
    let is_of_curves = words.next_if_eq("--curves").is_some();
    let folder = words.next().map_or_else(|| std::env::temp_dir().join("ashore-measure"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    if is_of_curves {
        curves::all(&folder);
        return std::fs::remove_dir_all(&folder).unwrap();
    }
    let bare = bare(&folder.join("bare.sqlite"));
    let options = |name: &str| Options::at(folder.join(name)).secrets_in_files();
    let plain = wait_for(ashore(options("plain.ashore")));
    let sealed = wait_for(ashore(options("sealed.ashore").encrypted()));
    println!("| what | bare SQLite | Ashore, plain | of bare | Ashore, encrypted | of bare |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for ((bare, plain), sealed) in bare.iter().zip(&plain).zip(&sealed) {
        let (of_plain, of_sealed) = (plain.over(bare), sealed.over(bare));
        println!("| {} | {} | {} | {of_plain} | {} | {of_sealed} |", bare.what, bare.told, plain.told, sealed.told);
    }
    for name in ["bare.sqlite", "plain.ashore", "sealed.ashore"] {
        let bytes = std::fs::metadata(folder.join(name)).unwrap().len();
        println!("{name}: {:.1} MB", bytes as f64 / 1e6);
    }
    apart::memory(&folder);
    apart::first_sync(&folder);
    apart::recoveries(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// One line: what was measured, how it is told, and what is compared, in seconds.
struct Figure {
    what: &'static str,
    told: String,
    seconds: Option<f64>,
}

impl Figure {
    fn of(what: &'static str, told: String, time: Duration) -> Self {
        Self { what, told, seconds: Some(time.as_secs_f64()) }
    }

    /// How many times as long as the other; the middle ones of many.
    fn over(&self, bare: &Self) -> String {
        self.seconds.zip(bare.seconds).map_or_else(|| "-".into(), |(ours, theirs)| format!("{:.1}x", ours / theirs))
    }
}

type Figures = Vec<Figure>;

fn document(n: u32) -> Value {
    json!({ "title": format!("Document number {n}"), "done": n.is_multiple_of(3), "rank": n, "text": "x".repeat(220) })
}

fn id(n: u32) -> String {
    format!("document-{n:08}")
}

/// Half of them took less, and 99 of 100.
fn percentiles(what: &'static str, mut times: Vec<Duration>) -> Figure {
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100];
    let micros = |percent| at(percent).as_secs_f64() * 1e6;
    Figure::of(what, format!("{:.0} / {:.0} us", micros(50), micros(99)), at(50))
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

    fn told(&self, what: &'static str) -> Figure {
        let time = self.0.elapsed();
        Figure::of(what, format!("{} ({})", millis(time), millis(processor().saturating_sub(self.1))), time)
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
        figures.push(percentiles(what, times));
    }
    figures.push(Figure { what: "1,000 puts at once, strict, together", told: "-".into(), seconds: None });
    let bulk = Span::begin();
    let transaction = connection.transaction().unwrap();
    (0..DOCUMENTS).for_each(|n| put(&transaction, n));
    transaction.commit().unwrap();
    figures.push(bulk.told("put of 100,000, 10,000 in each of ours: time (processors)"));
    let get = |connection: &Connection, n: u32| -> Value {
        let mut statement = connection.prepare_cached("SELECT v FROM t WHERE k = ?1").unwrap();
        let text: String = statement.query_row([id(n)], |row| row.get(0)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let mut dice = Dice::seeded(1);
    let times = (0..SINGLE).map(|_| timed(|| get(&connection, dice.roll(u64::from(DOCUMENTS)) as u32)).1).collect();
    figures.push(percentiles("get of one of 100,000: p50 / p99", times));
    let range = |first: u32| -> Vec<Value> {
        let mut statement = connection.prepare_cached("SELECT v FROM t WHERE k >= ?1 ORDER BY k LIMIT ?2").unwrap();
        let rows = statement.query_map((id(first), RANGE), |row| row.get::<_, String>(0)).unwrap();
        rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap()).collect()
    };
    let times = (0..SINGLE).map(|_| timed(|| range(dice.roll(u64::from(DOCUMENTS - RANGE)) as u32)).1).collect();
    figures.push(percentiles("100 neighbours of 100,000: p50 / p99", times));
    let all = Span::begin();
    let mut statement = connection.prepare("SELECT v FROM t ORDER BY k").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let read: Vec<Value> = rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap()).collect();
    assert_eq!(read.len(), DOCUMENTS as usize);
    figures.push(all.told("read all 100,000: time (processors)"));
    drop(statement);
    connection.close().unwrap();
    let (_, opening) = timed(|| get(&open_bare(path), 77));
    figures.push(Figure::of(
        "open with 100,000 and get one",
        format!("{:.1} ms", opening.as_secs_f64() * 1e3),
        opening,
    ));
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
    let mut figures = vec![percentiles("put, relaxed", times_of_puts(&documents, 0).await)];
    let strict = documents.clone().strict();
    figures.push(percentiles("put, strict", times_of_puts(&strict, SINGLE).await));
    let thousand: Vec<Value> = (0..1_000).map(document).collect();
    let began = Instant::now();
    let puts = thousand.iter().enumerate().map(|(n, document)| strict.put(id(10_000 + n as u32), document));
    join_all(puts).await.into_iter().for_each(|put| put.unwrap());
    figures.push(Figure::of("together", millis(began.elapsed()), began.elapsed()));
    let bulk = Span::begin();
    for first in (0..DOCUMENTS).step_by(10_000) {
        documents.put_many((first..first + 10_000).map(|n| (id(n), document(n)))).await.unwrap();
    }
    figures.push(bulk.told("bulk"));
    let mut dice = Dice::seeded(1);
    let mut times = Vec::new();
    for _ in 0..SINGLE {
        let id = id(dice.roll(u64::from(DOCUMENTS)) as u32);
        let began = Instant::now();
        documents.get(&id).await.unwrap().unwrap();
        times.push(began.elapsed());
    }
    figures.push(percentiles("get", times));
    let mut times = Vec::new();
    for _ in 0..SINGLE {
        let first = dice.roll(u64::from(DOCUMENTS - RANGE)) as u32;
        let began = Instant::now();
        assert_eq!(neighbours(&database, first).await.len(), RANGE as usize);
        times.push(began.elapsed());
    }
    figures.push(percentiles("range", times));
    let all = Span::begin();
    assert_eq!(documents.all().rows().await.unwrap().len(), DOCUMENTS as usize);
    figures.push(all.told("all"));
    database.close().await;
    let began = Instant::now();
    let database = Database::open(options).await.unwrap();
    database.collection::<Value>("documents").get(&id(77)).await.unwrap().unwrap();
    let opening = began.elapsed();
    figures.push(Figure::of("open", format!("{:.1} ms", opening.as_secs_f64() * 1e3), opening));
    database.close().await;
    figures
}

async fn neighbours(database: &Database, first: u32) -> Vec<Value> {
    let range = IdRange { after: first.checked_sub(1).map(id), limit: RANGE, ..IdRange::default() };
    let Reply::Documents { documents, .. } =
        database.call(Command::Scan { collection: "documents".into(), range }).await.unwrap()
    else {
        panic!("no documents")
    };
    serde_json::from_str(&documents).unwrap()
}
