//! Files whose bytes changed, that were cut off or that are something else: a typed failure, or everything right that can still be read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod folder;

use ashore_engine::store::conformance::{Dice, puts, wait_for};
use ashore_engine::store::{Durability, Key, Range, RowValue, Rows, Store, StoreFailure, Value};
use ashore_native::store::{SqliteFile, SqliteStore};
use ashore_native::{Database, ErrorCode, Options};
use folder::Folder;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

const ROWS: u16 = 300;

fn row(n: u16) -> (Key, Value) {
    let text = format!("row {n:05}");
    (Key::from(text.as_str()), Value::from(format!("{text} holds {}", "x".repeat(usize::from(n % 300))).as_str()))
}

fn open(path: &Path) -> Result<SqliteStore, StoreFailure> {
    SqliteStore::open(&SqliteFile::open(path)?)
}

/// The bytes of a file with 300 rows, and nothing in the log.
fn filled(folder: &Folder) -> Vec<u8> {
    let path = folder.path("filled");
    wait_for(async {
        let store = open(&path).unwrap();
        store.commit(puts((0..ROWS).map(row)), Durability::Strict).await.unwrap();
        store.close().await;
    });
    std::fs::read(path).unwrap()
}

#[derive(Default, Debug)]
struct Cost {
    refused: usize,
    corrupt: usize,
    lost: usize,
    unsaid: usize,
}

/// Every row that is answered is right or said to be corrupt; counts the others.
fn compare(answer: &Rows, cost: &mut Cost) {
    let rows: BTreeMap<Key, Value> = (0..ROWS).map(row).collect();
    let found: BTreeMap<_, _> = answer.rows.iter().cloned().collect();
    for (key, value) in &found {
        match value {
            RowValue::Present(value) => assert_eq!(Some(value), rows.get(key), "bytes that nobody wrote"),
            RowValue::Corrupt => cost.corrupt += 1,
        }
    }
    for key in rows.keys().filter(|key| !found.contains_key(*key)) {
        let only = Range::one(key.clone());
        if answer.lost.iter().any(|lost| lost.touches(&only)) {
            cost.lost += 1;
        } else {
            cost.unsaid += 1;
        }
    }
}

fn look(path: &Path, cost: &mut Cost) {
    let Ok(store) = open(path) else {
        cost.refused += 1;
        return;
    };
    wait_for(async {
        for range in [Range::all(), Range::all().reversed()] {
            match store.load(&[range]).await {
                Ok(answers) => compare(&answers[0], cost),
                Err(failure) => assert!(matches!(failure, StoreFailure::Failed { .. }), "{failure}"),
            }
        }
        store.close().await;
    });
}

#[test]
fn a_flipped_byte_anywhere_never_makes_other_bytes_and_neighbours_stay_readable() {
    let folder = Folder::fresh();
    let (bytes, path) = (filled(&folder), folder.path("flipped"));
    let mut cost = Cost::default();
    let mut dice = Dice::seeded(5);
    for _ in 0..400 {
        let mut flipped = bytes.clone();
        let at = dice.roll(bytes.len() as u64) as usize;
        flipped[at] ^= 1 << dice.roll(8);
        std::fs::write(&path, &flipped).unwrap();
        look(&path, &mut cost);
    }
    println!("400 flips over {} rows, read both ways: {cost:?}", ROWS);
    let read = 400 * 2 * usize::from(ROWS);
    assert!(cost.corrupt > 0 && cost.refused < 40 && cost.corrupt + cost.lost + cost.unsaid < read / 50, "{cost:?}");
}

#[test]
fn a_page_that_is_overwritten_is_a_lost_range_and_the_rest_is_answered() {
    let folder = Folder::fresh();
    let (bytes, path) = (filled(&folder), folder.path("overwritten"));
    // A page in the middle of the rows: it begins as leaves of a table without row ids do.
    let pages: Vec<usize> = (0..bytes.len()).step_by(4_096).filter(|at| bytes[*at] == 0x0a).collect();
    let middle =
        pages.iter().copied().filter(|at| bytes[*at..at + 4_096].windows(4).any(|word| word == b"row ")).nth(5);
    let mut damaged = bytes.clone();
    damaged[middle.unwrap()..][..4_096].fill(0xa5);
    std::fs::write(&path, &damaged).unwrap();
    let store = open(&path).unwrap();
    wait_for(async {
        let answers = store.load(&[Range::all(), Range::all().reversed(), Range::all().limit(3)]).await.unwrap();
        for answer in &answers[..2] {
            let mut cost = Cost::default();
            compare(answer, &mut cost);
            assert_eq!((answer.lost.len(), cost.unsaid, cost.corrupt), (1, 0, 0));
            assert!(cost.lost > 0 && cost.lost < 40, "{cost:?}");
        }
        assert_eq!((answers[2].rows.len(), answers[2].lost.len(), answers[2].more), (3, 0, true), "before the damage");
        store.close().await;
    });
}

#[test]
fn a_log_that_is_cut_off_or_damaged_anywhere_leaves_whole_commits() {
    let folder = Folder::fresh();
    let (path, cut) = (folder.path("logged"), folder.path("cut"));
    let store = open(&path).unwrap();
    wait_for(async {
        for n in 0..20_u16 {
            store.commit(puts((n * 10..n * 10 + 10).map(row)), Durability::Strict).await.unwrap();
        }
    });
    let wal = |path: &Path| format!("{}-wal", path.display());
    let (file, log) = (std::fs::read(&path).unwrap(), std::fs::read(wal(&path)).unwrap());
    assert!(!log.is_empty());
    let mut dice = Dice::seeded(9);
    let mut counts = std::collections::BTreeSet::new();
    for n in 0..60 {
        let at = dice.roll(log.len() as u64) as usize;
        let mut left = log.clone();
        if n % 2 == 0 {
            left.truncate(at)
        } else {
            left[at] ^= 0x10
        }
        std::fs::write(&cut, &file).unwrap();
        std::fs::write(wal(&cut), &left).unwrap();
        let _ = std::fs::remove_file(format!("{}-shm", cut.display()));
        let Ok(store) = open(&cut) else { continue };
        wait_for(async {
            let answer = store.load(&[Range::all()]).await.unwrap().remove(0);
            assert!(answer.lost.is_empty());
            assert_eq!(answer.rows.len() % 10, 0, "a commit is torn");
            for (n, (key, value)) in answer.rows.iter().enumerate() {
                assert_eq!(
                    (key, value.present()),
                    (&row(n as u16).0, Some(&row(n as u16).1)),
                    "the first commits, in order"
                );
            }
            counts.insert(answer.rows.len());
            store.close().await;
        });
    }
    assert!(counts.len() > 5, "cuts cost different numbers of commits: {counts:?}");
}

#[test]
fn what_is_no_database_of_ashore_is_refused_and_left_as_it_is() {
    let folder = Folder::fresh();
    let words = folder.path("words");
    std::fs::write(&words, "these are only words, and there are enough of them to be a file ".repeat(200)).unwrap();
    assert!(matches!(open(&words), Err(StoreFailure::Unreadable { .. })));
    assert!(std::fs::read_to_string(&words).unwrap().starts_with("these are only words"));

    let other = folder.path("other");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE mine (a)").unwrap();
    drop(connection);
    assert!(matches!(open(&other), Err(StoreFailure::Unreadable { .. })));

    let newer = folder.path("newer");
    drop(open(&newer).unwrap());
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    assert_eq!(open(&newer).err(), Some(StoreFailure::NewerFormat { found: 2, known: 1 }));
}

#[test]
fn a_document_whose_bytes_were_flipped_is_said_by_check_and_its_neighbours_are_answered() {
    let folder = Folder::fresh();
    let path = folder.path("notes.ashore");
    let options = || Options::at(&path).secrets_in_files();
    wait_for(async {
        let database = Database::open(options()).await.unwrap();
        let notes = database.collection::<serde_json::Value>("notes");
        for name in ["before", "canary", "after"] {
            notes.put(name, &json!({ "text": format!("the {name} sings") })).await.unwrap();
        }
        database.close().await;

        let mut bytes = std::fs::read(&path).unwrap();
        let word = b"the canary sings";
        let at: Vec<usize> = (0..bytes.len() - word.len()).filter(|at| bytes[*at..].starts_with(word)).collect();
        at.iter().for_each(|at| bytes[at + 4] ^= 1);
        assert!(!at.is_empty());
        std::fs::write(&path, &bytes).unwrap();

        let database = Database::open(options()).await.unwrap();
        let notes = database.collection::<serde_json::Value>("notes");
        assert_eq!(notes.get("canary").await.unwrap_err().code, ErrorCode::StoreCorrupt);
        assert!(notes.get("before").await.unwrap().is_some() && notes.get("after").await.unwrap().is_some());
        let findings = check(&database).await;
        assert!(findings > 0, "the check finds it");
        database.close().await;
    });
}

#[test]
fn a_file_whose_key_record_was_taken_away_stays_plain_or_says_that_its_keys_are_gone() {
    let folder = Folder::fresh();
    let at = |name: &str| Options::at(folder.path(name)).secrets_in_files();
    let forget = |name: &str| {
        let file = rusqlite::Connection::open(folder.path(name)).unwrap();
        assert_eq!(file.execute("DELETE FROM record", []).unwrap(), 1);
    };
    wait_for(async {
        for (name, options) in [("plain", at("plain")), ("sealed", at("sealed").encrypted())] {
            let database = Database::open(options).await.unwrap();
            database.collection("notes").put("n1", &json!({ "kept": true })).await.unwrap();
            database.close().await;
            forget(name);
        }
        let refused = Database::open(at("plain").passphrase("eleven grey herons")).await;
        assert_eq!(refused.err().unwrap().code, ErrorCode::KeyMismatch);
        let plain = Database::open(at("plain").encrypted()).await.unwrap();
        assert_eq!(plain.collection("notes").get("n1").await.unwrap(), Some(json!({ "kept": true })));
        plain.close().await;
        let rows = || {
            let file = rusqlite::Connection::open(folder.path("sealed")).unwrap();
            let count = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            (
                count("SELECT count(*) FROM record"),
                count("SELECT count(*) FROM store_blob"),
                count("SELECT count(*) FROM store_row"),
            )
        };
        let before = rows();
        for options in [at("sealed"), at("sealed").encrypted()] {
            let sealed = Database::open(options).await.unwrap();
            let got = sealed.collection::<serde_json::Value>("notes").get("n1").await;
            assert_eq!(got.unwrap_err().code, ErrorCode::KeyWiped);
            sealed.close().await;
        }
        assert_eq!((rows(), before.0, before.2), (before, 0, 0));
        assert!(before.1 > 0);
    });
}

/// How much a whole check finds.
async fn check(database: &Database) -> usize {
    use ashore_native::api::{Command, Reply};
    let (mut found, mut after) = (0, None);
    loop {
        let Reply::Checked { findings, next, .. } = database.call(Command::Check { after }).await.unwrap() else {
            panic!("not a check");
        };
        found += findings.len();
        after = next;
        if after.is_none() {
            return found;
        }
    }
}
