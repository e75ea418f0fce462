//! Files whose bytes changed, under a whole database: no panic, no wrong answer, and nothing that is missing without a word.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::{Dice, wait_for};
use ashore_native::{Database, ErrorCode, Failure, Options};
use folder::Folder;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const DOCUMENTS: u32 = 120;

fn id(n: u32) -> String {
    format!("note {n:03}")
}

fn document(n: u32) -> Value {
    json!({ "n": n, "text": format!("{n} is written here ").repeat(5 + n as usize % 40) })
}

/// A database in a group with documents that were edited, closed; and copies of it that are spoiled.
struct Spoiled {
    folder: Folder,
    bytes: Vec<u8>,
    sealed: bool,
}

/// What the damage cost.
#[derive(Default, Debug)]
struct Cost {
    /// The database did not open.
    refused: u32,
    /// It opened, and found its place in the group gone.
    unwell: u32,
    /// Documents that end in an error.
    corrupt: u32,
    /// Documents that are not there, in a database whose check has findings.
    said: u32,
    /// Databases whose check has findings.
    found: u32,
    /// Documents that are not there, or older, although the check finds nothing.
    unsaid: u32,
    /// Documents as they were before, in a database whose check has findings: what was written later is lost.
    older: u32,
    /// Documents that a repair did not bring back as they were; there is no relay to ask.
    lost: u32,
}

impl Spoiled {
    fn new(sealed: bool) -> Self {
        let this = Self { folder: Folder::fresh(), bytes: vec![], sealed };
        wait_for(async {
            let database = Database::open(this.options()).await.unwrap();
            database.sync().enable("ws://127.0.0.1:9/v1/ws", "Alice").await.unwrap();
            let notes = database.collection::<Value>("notes");
            for first in (0..DOCUMENTS).step_by(10) {
                let some = first..first + 10;
                notes.put_many(some.clone().map(|n| (id(n), json!({ "n": n })))).await.unwrap();
                notes.put_many(some.map(|n| (id(n), document(n)))).await.unwrap();
            }
            database.close().await;
        });
        let bytes = std::fs::read(this.path()).unwrap();
        Self { bytes, ..this }
    }

    fn path(&self) -> PathBuf {
        self.folder.path("notes.ashore")
    }

    fn options(&self) -> Options {
        let options = Options::at(self.path()).secrets_in_files();
        if self.sealed { options.encrypted() } else { options }
    }

    /// Puts these bytes in the file's place, with no log.
    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", self.path().display()));
        }
    }

    /// Opens what is there, reads everything, checks and repairs it.
    fn look(&self, what: &str, cost: &mut Cost) {
        wait_for(async {
            let database = match Database::open(self.options()).await {
                Ok(database) => database,
                Err(failure) => {
                    assert!(is_said(&failure), "{what}: {failure:?}");
                    cost.refused += 1;
                    return;
                }
            };
            let mut before = Cost::default();
            let missing = self.read(&database, what, &mut before).await;
            (cost.corrupt, cost.older) = (cost.corrupt + before.corrupt, cost.older + before.older);
            let mut findings = 0;
            match database.check(|page| findings += page.found.len()).await {
                Ok(_) => {}
                Err(failure) => {
                    assert!(is_said(&failure), "{what}: {failure:?}");
                    cost.unwell += 1;
                    findings += 1;
                }
            }
            if findings == 0 {
                cost.unsaid += missing + before.older;
                if missing + before.older > 0 {
                    println!("{what}: {missing} are missing without a word, and {} are older", before.older);
                }
            } else {
                (cost.found, cost.said) = (cost.found + 1, cost.said + missing);
                let repaired = database.repair(Duration::ZERO, |_| {}).await;
                assert!(repaired.as_ref().err().is_none_or(is_said), "{what}: {repaired:?}");
                let mut after = Cost::default();
                let missing = self.read(&database, what, &mut after).await;
                cost.lost += missing + after.corrupt + after.older;
            }
            database.close().await;
        });
    }

    /// Asks for each document: it is right, or it ends in an error, or it is not there; answers how many are not.
    async fn read(&self, database: &Database, what: &str, cost: &mut Cost) -> u32 {
        let notes = database.collection::<Value>("notes");
        let mut missing = 0;
        for n in 0..DOCUMENTS {
            match notes.get(&id(n)).await {
                Ok(Some(found)) if found == document(n) => {}
                Ok(Some(found)) => {
                    assert_eq!(found, json!({ "n": n }), "{what}: {} is what nobody wrote", id(n));
                    cost.older += 1;
                }
                Ok(None) => missing += 1,
                Err(failure) => {
                    assert!(is_said(&failure), "{what}: {failure:?}");
                    cost.corrupt += 1;
                }
            }
        }
        missing
    }
}

/// A failure that says that the storage is damaged: no panic, and nothing that blames somebody else.
fn is_said(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::StoreCorrupt | ErrorCode::StoreFailed | ErrorCode::StoreNewerFormat)
}

/// Spoils the database once for each seed, and looks.
fn spoil(spoiled: &Spoiled, what: &str, seeds: u64, change: impl Fn(&mut Vec<u8>, &mut Dice)) -> Cost {
    let mut cost = Cost::default();
    for seed in 0..seeds {
        let mut bytes = spoiled.bytes.clone();
        change(&mut bytes, &mut Dice::seeded(seed));
        spoiled.write(&bytes);
        spoiled.look(&format!("{what}, seed {seed}"), &mut cost);
    }
    let (size, sealed) = (spoiled.bytes.len(), spoiled.sealed);
    println!("{what}: {seeds} seeds, sealed: {sealed}, {size} bytes, {DOCUMENTS} documents each: {cost:?}");
    assert_eq!(cost.unsaid, 0, "{what}: {cost:?}");
    cost
}

/// One to three bits of these bytes.
fn flip(bytes: &mut [u8], dice: &mut Dice) {
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.roll(8);
    }
}

/// SQLite's header, and its schema behind it.
fn flip_first_page(bytes: &mut [u8], dice: &mut Dice) {
    let end = if dice.roll(2) == 0 { 100 } else { 4_096 };
    flip(&mut bytes[..end], dice);
}

/// SQLite's own size of a page here.
const PAGE: usize = 4_096;

/// Cuts off a page or more; a file of which nothing is left is a new one.
fn cut_off(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let left = 1 + dice.roll((bytes.len() - PAGE) as u64) as usize;
    bytes.truncate(left);
}

/// Cuts off a part of the last page, which SQLite reads as zeros: it counts a begun page as a whole one.
fn cut_in_the_last_page(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let left = bytes.len() - 1 - dice.roll(PAGE as u64 - 1) as usize;
    bytes.truncate(left);
}

fn seeds() -> u64 {
    std::env::var("ASHORE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200)
}

#[test]
fn flipped_bits_anywhere_in_a_database_cost_what_a_check_says_and_nothing_else() {
    let spoiled = Spoiled::new(false);
    let cost = spoil(&spoiled, "flips anywhere", seeds(), |bytes, dice| flip(bytes, dice));
    assert!(cost.found > 0 && cost.corrupt > 0 && cost.older == 0, "{cost:?}");
}

#[test]
fn flipped_bits_anywhere_in_an_encrypted_database_cost_what_a_check_says_and_nothing_else() {
    let spoiled = Spoiled::new(true);
    let cost = spoil(&spoiled, "flips anywhere", seeds().div_ceil(4), |bytes, dice| flip(bytes, dice));
    assert!(cost.found > 0, "{cost:?}");
}

#[test]
fn a_damaged_header_or_schema_is_refused_or_costs_nothing() {
    for sealed in [false, true] {
        let spoiled = Spoiled::new(sealed);
        let cost =
            spoil(&spoiled, "flips of the first page", seeds().div_ceil(4), |bytes, dice| flip_first_page(bytes, dice));
        assert!(cost.refused > 0 && cost.found == 0 && cost.corrupt == 0, "{cost:?}");
    }
}

#[test]
fn a_file_that_lacks_a_page_or_more_is_refused() {
    for sealed in [false, true] {
        let spoiled = Spoiled::new(sealed);
        let cost = spoil(&spoiled, "cut off", seeds().div_ceil(4), cut_off);
        assert_eq!(u64::from(cost.refused), seeds().div_ceil(4), "SQLite counts its pages: {cost:?}");
    }
}

#[test]
fn a_file_whose_last_page_is_cut_costs_what_a_check_says_and_nothing_else() {
    for sealed in [false, true] {
        let spoiled = Spoiled::new(sealed);
        let cost = spoil(&spoiled, "cut in the last page", seeds().div_ceil(4), cut_in_the_last_page);
        // In an encrypted one it may be the last commit that is in that page: then what was there before is shown, and a check says so.
        assert!(sealed || cost.older == 0, "{cost:?}");
    }
}
