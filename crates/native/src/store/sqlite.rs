//! A store on a SQLite file: every row as it is, in one table that is ordered by key.

use super::failure::{is_refused_by_disk, opening_failure, store_failure};
use super::file::SqliteFile;
use super::rows::{self, checksum};
use super::writer::Writer;
use ashore_engine::store::{Durability, Range, Rows, Store, StoreBatch, StoreFailure};
use rusqlite::{Connection, TransactionBehavior};
use std::cell::{Cell, RefCell};

/// After so many bytes of commits the log is moved into the file.
const CHECKPOINT_BYTES: usize = 4 << 20;
/// And after so many without waiting for a quiet moment: half of what makes SQLite do it within a commit.
const PRESSING_BYTES: usize = 16 << 20;

const OWNER: &str = "SELECT owner FROM handle";
const PUT: &str = "INSERT OR REPLACE INTO store_row (key, value, crc) VALUES (?1, ?2, ?3)";
const DELETE: &str = "DELETE FROM store_row WHERE key = ?1";
const SYNC: &str = "UPDATE handle SET syncs = syncs + 1";

/// An open store. See the module above.
#[derive(Debug)]
pub struct SqliteStore {
    reader: RefCell<Option<Connection>>,
    writer: Writer,
    /// The number of this handle in the file; a failure when there was no room for it: then it can read, and no commit succeeds.
    owner: Result<i64, StoreFailure>,
    ended: RefCell<Option<StoreFailure>>,
    since_checkpoint: Cell<usize>,
}

impl SqliteStore {
    /// Opens what is in the file, and supersedes the handle opened before.
    pub fn open(file: &SqliteFile) -> Result<Self, StoreFailure> {
        let reader = file.connect()?;
        let mut connection = file.connect()?;
        let owner = match take_over(&mut connection) {
            Ok(owner) => Ok(owner),
            Err(error) if is_refused_by_disk(&error) => Err(store_failure(&error)),
            Err(error) => return Err(opening_failure(&error)),
        };
        let writer = Writer::start(connection).map_err(|error| StoreFailure::Failed { reason: error.to_string() })?;
        Ok(Self {
            reader: RefCell::new(Some(reader)),
            writer,
            owner,
            ended: RefCell::default(),
            since_checkpoint: Cell::new(0),
        })
    }

    fn check(&self) -> Result<(), StoreFailure> {
        self.ended.borrow().clone().map_or(Ok(()), Err)
    }

    /// Memory and disk may differ from here on.
    fn end(&self, failure: &StoreFailure) {
        let after = match failure {
            StoreFailure::Superseded | StoreFailure::Closed => failure.clone(),
            other => StoreFailure::Poisoned { reason: other.to_string() },
        };
        self.ended.borrow_mut().get_or_insert(after);
    }

    fn read(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        let mut reader = self.reader.borrow_mut();
        let reader = reader.as_mut().ok_or(StoreFailure::Closed)?;
        // One transaction sees one state.
        let snapshot = reader.transaction().map_err(|error| store_failure(&error))?;
        ranges.iter().map(|range| rows::read(&snapshot, range)).collect()
    }
}

impl Store for SqliteStore {
    async fn load(&self, ranges: &[Range]) -> Result<Vec<Rows>, StoreFailure> {
        self.check()?;
        self.read(ranges)
    }

    async fn commit(&self, batch: StoreBatch, durability: Durability) -> Result<(), StoreFailure> {
        self.check()?;
        batch.check_limits()?;
        if batch.is_empty() && durability == Durability::Relaxed {
            return Ok(());
        }
        self.since_checkpoint.update(|bytes| bytes.saturating_add(batch.byte_len()));
        let owner = self.owner.clone().inspect_err(|failure| self.end(failure))?;
        let written = self.writer.run(move |connection| write(connection, owner, &batch, durability)).await;
        written.unwrap_or(Err(StoreFailure::Closed)).inspect_err(|failure| self.end(failure))
    }

    async fn maintain(&self) -> Result<bool, StoreFailure> {
        self.check()?;
        if self.since_checkpoint.get() < CHECKPOINT_BYTES {
            return Ok(false);
        }
        self.since_checkpoint.set(0);
        let moved = self.writer.run(|connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                .map_err(|error| store_failure(&error))
        });
        moved.await.unwrap_or(Err(StoreFailure::Closed)).map(|()| false)
    }

    fn presses(&self) -> bool {
        self.since_checkpoint.get() >= PRESSING_BYTES
    }

    async fn close(&self) {
        self.end(&StoreFailure::Closed);
        // The writer's connection goes last and empties the log.
        self.reader.replace(None);
        self.writer.close().await;
        self.ended.replace(Some(StoreFailure::Closed));
    }
}

/// In a transaction of its own: SQLite answers the number before it commits it.
fn take_over(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let owner = transaction.query_row("UPDATE handle SET owner = owner + 1 RETURNING owner", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(owner)
}

fn write(
    connection: &mut Connection,
    owner: i64,
    batch: &StoreBatch,
    durability: Durability,
) -> Result<(), StoreFailure> {
    let apply = |connection: &mut Connection| -> rusqlite::Result<bool> {
        let level = match durability {
            Durability::Relaxed => "PRAGMA synchronous = NORMAL",
            Durability::Strict => "PRAGMA synchronous = FULL",
        };
        connection.prepare_cached(level)?.execute([])?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if transaction.prepare_cached(OWNER)?.query_row([], |row| row.get::<_, i64>(0))? != owner {
            return Ok(false);
        }
        {
            let mut put = transaction.prepare_cached(PUT)?;
            let mut delete = transaction.prepare_cached(DELETE)?;
            for (key, value) in batch.rows() {
                match value {
                    Some(value) => put.execute((&key[..], &value[..], checksum(key, value)))?,
                    None => delete.execute([&key[..]])?,
                };
            }
            if batch.is_empty() {
                // Something has to be written for SQLite to sync what came before.
                transaction.prepare_cached(SYNC)?.execute([])?;
            }
        }
        transaction.commit()?;
        Ok(true)
    };
    match apply(connection) {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreFailure::Superseded),
        Err(error) => Err(store_failure(&error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ashore_engine::store::conformance::{everything, puts, wait_for};
    use std::path::PathBuf;

    fn fresh(name: &str) -> (PathBuf, SqliteFile) {
        let folder = std::env::temp_dir().join(format!("ashore-native-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let file = SqliteFile::open(folder.join("rows")).unwrap();
        (folder, file)
    }

    /// What the writer's connection is told answers `failure` to the next commit, and the store is whole when it is opened again.
    fn fails(name: &str, order: &'static str, expected: &StoreFailure) {
        let (folder, file) = fresh(name);
        wait_for(async {
            let store = SqliteStore::open(&file).unwrap();
            store.commit(puts([("a", "1")]), Durability::Strict).await.unwrap();
            store.writer.run(move |connection| connection.query_row(order, [], |_| Ok(())).ok()).await.unwrap();
            let large = vec![7; 1 << 20];
            let refused = store.commit(puts([("a", large.clone()), ("b", large)]), Durability::Strict).await;
            assert_eq!(refused.as_ref(), Err(expected));
            let again = store.commit(puts([("c", "3")]), Durability::Strict).await;
            assert!(matches!(again, Err(StoreFailure::Poisoned { .. })), "{again:?}");
            assert!(matches!(store.load(&[Range::all()]).await, Err(StoreFailure::Poisoned { .. })));
            let store = SqliteStore::open(&file).unwrap();
            assert_eq!(everything(&store).await, [("a".into(), "1".into())].into());
            store.commit(puts([("b", "2")]), Durability::Strict).await.unwrap();
            store.close().await;
        });
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_disk_that_is_full_is_said_and_what_was_there_is_intact() {
        fails("full", "PRAGMA max_page_count = 20", &StoreFailure::Quota);
    }

    #[test]
    fn a_file_that_may_only_be_read_is_said_and_what_was_there_is_intact() {
        let expected = StoreFailure::Failed { reason: "the file may only be read".into() };
        fails("read-only", "PRAGMA query_only = 1", &expected);
    }

    #[test]
    fn an_empty_strict_batch_writes_something_that_is_synced() {
        let (folder, file) = fresh("sync");
        wait_for(async {
            let store = SqliteStore::open(&file).unwrap();
            let log = folder.join("rows-wal");
            let before = std::fs::metadata(&log).unwrap().len();
            store.commit(StoreBatch::new(), Durability::Relaxed).await.unwrap();
            assert_eq!(std::fs::metadata(&log).unwrap().len(), before);
            store.commit(StoreBatch::new(), Durability::Strict).await.unwrap();
            assert!(std::fs::metadata(&log).unwrap().len() > before);
            store.close().await;
        });
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_log_is_moved_into_the_file_without_waiting_once_it_is_long() {
        let (folder, file) = fresh("log");
        wait_for(async {
            let store = SqliteStore::open(&file).unwrap();
            let mut commits = 0;
            while !store.presses() {
                store.commit(puts([("a", vec![7; 1 << 20])]), Durability::Relaxed).await.unwrap();
                commits += 1;
            }
            assert_eq!(commits, 16);
            let log = std::fs::metadata(folder.join("rows-wal")).unwrap().len();
            assert!(!store.maintain().await.unwrap() && !store.presses());
            store.commit(puts([("b", "1")]), Durability::Relaxed).await.unwrap();
            // It begins again at its beginning: the file grows no more.
            assert_eq!(std::fs::metadata(folder.join("rows-wal")).unwrap().len(), log);
            store.close().await;
        });
        std::fs::remove_dir_all(folder).unwrap();
    }
}
