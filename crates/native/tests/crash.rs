//! A program that is killed while it writes: on reopening each batch is there whole or not at all, and everything acknowledged is there.
//!
//! 30 kills in the ordinary run; `ASHORE_KILLS=1000` does more. The moments come from a seed that is printed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::{Dice, wait_for};
use ashore_native::{Database, Options};
use folder::Folder;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const PATH: &str = "ASHORE_TEST_WRITER_PATH";
const FIRST: &str = "ASHORE_TEST_WRITER_FIRST";
const SEALED: &str = "ASHORE_TEST_WRITER_SEALED";
/// Documents in one batch.
const BATCH: u32 = 5;
/// Batches that are written at once.
const AT_ONCE: u32 = 4;

fn options(path: &Path, sealed: bool) -> Options {
    let options = Options::at(path).secrets_in_files();
    if sealed { options.encrypted() } else { options }
}

fn id(batch: u32, part: u32) -> String {
    format!("batch {batch:08} part {part}")
}

/// The process that is killed: writes batches for ever and says which are acknowledged.
#[test]
#[ignore = "it is the process that another test starts and kills"]
fn writer() {
    let setting = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("only another test starts it"));
    let (path, sealed, first) = (setting(PATH), setting(SEALED) == "true", setting(FIRST).parse::<u32>().unwrap());
    wait_for(async {
        let database = Database::open(options(Path::new(&path), sealed)).await.unwrap();
        println!("\nopen");
        for round in 0.. {
            let batches = (0..AT_ONCE).map(|n| first + round * AT_ONCE + n);
            join_all(batches.map(|batch| {
                let mut writes = database.transaction();
                for part in 0..BATCH {
                    writes.put("log", id(batch, part), &json!({ "batch": batch, "of": "x".repeat(200) })).unwrap();
                }
                async move {
                    writes.commit_strict().await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {batch}").unwrap();
                    out.flush().unwrap();
                }
            }))
            .await;
        }
    });
}

/// When a writer is killed: so many acknowledgements after it opened, and a moment later.
struct Moment {
    acknowledgements: u64,
    spins: u64,
}

/// Runs the writer until that moment, kills it, and answers which batches it said were acknowledged.
fn write_until_killed(path: &Path, sealed: bool, first: u32, moment: &Moment) -> Vec<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writer", "--exact", "--ignored", "--nocapture"])
        .env(PATH, path)
        .env(FIRST, first.to_string())
        .env(SEALED, sealed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "open"), "the writer did not open the database");
    let mut acknowledged = Vec::new();
    let mut said = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u32>().ok());
    acknowledged.extend(said.by_ref().take(usize::try_from(moment.acknowledgements).unwrap()));
    for _ in 0..moment.spins {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said until then; a line that was cut off by the kill was not said.
    acknowledged.extend(said);
    acknowledged
}

fn kill_and_look(sealed: bool, kills: u32, seed: u64) {
    let folder = Folder::fresh();
    let path = folder.path("log.ashore");
    let mut dice = Dice::seeded(seed);
    let (mut next, mut acknowledged_in_all) = (0, 0);
    for kill in 0..kills {
        let moment = Moment { acknowledgements: dice.roll(30), spins: dice.roll(100_000) };
        let acknowledged = write_until_killed(&path, sealed, next, &moment);
        acknowledged_in_all += acknowledged.len();
        next = wait_for(async {
            let database = Database::open(options(&path, sealed)).await.unwrap();
            let log = database.collection::<Value>("log");
            let ids = log.list().await.unwrap();
            let mut parts = std::collections::BTreeMap::<u32, u32>::new();
            for id in &ids {
                *parts.entry(id[6..14].parse().unwrap()).or_default() += 1;
            }
            assert!(parts.values().all(|parts| *parts == BATCH), "kill {kill} of seed {seed}: a batch is torn");
            for batch in acknowledged {
                assert!(
                    parts.contains_key(&batch),
                    "kill {kill} of seed {seed}: batch {batch} was acknowledged and is gone"
                );
            }
            let last = parts.last_key_value().map(|(batch, _)| *batch);
            if let Some(batch) = last {
                assert_eq!(log.get(&id(batch, 0)).await.unwrap().unwrap()["batch"], json!(batch));
            }
            // What is there need not be read again and again.
            let mut all = database.transaction();
            ids.iter().for_each(|id| all.delete("log", id));
            all.commit().await.unwrap();
            database.close().await;
            last.map_or(next, |last| last + 1)
        });
    }
    assert!(acknowledged_in_all > 0, "the writer was always killed before it wrote");
    println!(
        "{kills} kills, sealed: {sealed}, seed {seed}: {acknowledged_in_all} batches were acknowledged, none lost, none torn"
    );
}

fn kills() -> u32 {
    std::env::var("ASHORE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(30)
}

#[test]
fn a_program_that_is_killed_while_it_writes_loses_nothing_acknowledged_and_tears_nothing() {
    kill_and_look(false, kills(), 1);
}

#[test]
fn a_program_that_is_killed_while_it_writes_an_encrypted_database_loses_nothing() {
    kill_and_look(true, kills().div_ceil(3), 2);
}

#[test]
fn a_database_whose_program_was_killed_can_be_opened_at_once() {
    let folder = Folder::fresh();
    let path = folder.path("log.ashore");
    write_until_killed(&path, false, 0, &Moment { acknowledgements: 0, spins: 0 });
    wait_for(async {
        Database::open(options(&path, false)).await.unwrap().close().await;
    });
}
