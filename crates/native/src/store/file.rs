//! The file: how it is opened, its tables and their version, and the records of a database's keys.

use super::failure::opening_failure;
use ashore_engine::store::StoreFailure;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "ashr": says whose file it is, also to tools that look at it.
const APPLICATION_ID: i64 = 0x6173_6872;
/// Version of the tables, in `user_version`.
const FORMAT: i64 = 1;
/// How long a connection waits for another one of this program, or for somebody who looks at the file.
const BUSY: Duration = Duration::from_secs(10);
/// Pages in the log at which SQLite moves them into the file by itself, if nobody asked for it before.
const CHECKPOINT_PAGES: i64 = 8_192;
/// What is left of the log on disk after it was moved.
const LOG_BYTES: i64 = 64 << 20;

/// `store_row` holds a plain database, `store_blob` an encrypted one; `handle` who writes, and a number that a strict commit without rows raises.
const TABLES: &str = "
CREATE TABLE record (name TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE handle (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    owner INTEGER NOT NULL,
    syncs INTEGER NOT NULL
) STRICT;
INSERT INTO handle VALUES (1, 0, 0);
CREATE TABLE store_row (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE store_blob (name TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
";

/// What a file has of a database besides the record of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    /// It is plain.
    Rows,
    /// It is encrypted.
    Blobs,
}

/// The file of one database.
#[derive(Debug, Clone)]
pub struct SqliteFile {
    path: PathBuf,
}

impl SqliteFile {
    /// Opens the file, creating it and its folders when there is nothing yet. Only its owner may read a new one.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreFailure> {
        let file = Self { path: path.into() };
        make_private(&file.path).map_err(|error| StoreFailure::Failed { reason: error.to_string() })?;
        prepare(&mut file.connect()?)?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection of its own.
    pub(super) fn connect(&self) -> Result<Connection, StoreFailure> {
        self.try_connect().map_err(|error| opening_failure(&error))
    }

    fn try_connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // On Apple's systems a plain fsync leaves data in the drive's memory; elsewhere these mean nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        // What is deleted is overwritten in pages that stay in use; free pages keep it until they are used again, since to overwrite those costs further writes.
        connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
        connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
        Ok(connection)
    }

    /// What was written into it.
    pub(crate) fn holds(&self) -> Result<Holds, StoreFailure> {
        let connection = self.connect()?;
        let any = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).map_err(|error| opening_failure(&error));
        if any("SELECT EXISTS (SELECT 1 FROM store_blob)")? {
            return Ok(Holds::Blobs);
        }
        let rows: bool = any("SELECT EXISTS (SELECT 1 FROM store_row)")?;
        Ok(if rows { Holds::Rows } else { Holds::Nothing })
    }

    /// A record of the database's keys.
    pub(crate) fn load_record(&self, name: &str) -> Result<Option<Vec<u8>>, StoreFailure> {
        let connection = self.connect()?;
        let found = connection.query_row("SELECT bytes FROM record WHERE name = ?1", [name], |row| row.get(0));
        found.optional().map_err(|error| opening_failure(&error))
    }

    /// Keeps a record, durably, in the place of the one that is there. Nothing of an older one is left in the file.
    pub(crate) fn put_record(&self, name: &str, bytes: &[u8]) -> Result<(), StoreFailure> {
        let put = |connection: &mut Connection| {
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
            let sql =
                "INSERT INTO record (name, bytes) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
            connection.execute(sql, (name, bytes))?;
            // The log may hold the older record: it is emptied, unless somebody reads just now.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        put(&mut self.connect()?).map_err(|error| opening_failure(&error))
    }
}

/// Creates the tables, or says why those that are there cannot be used.
fn prepare(connection: &mut Connection) -> Result<(), StoreFailure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = transaction.map_err(|error| opening_failure(&error))?;
    let (application, format, tables) = found(&transaction).map_err(|error| opening_failure(&error))?;
    let unreadable = |reason: &str| Err(StoreFailure::Unreadable { reason: reason.into() });
    match (application, format, tables) {
        (0, 0, 0) => create(transaction).map_err(|error| opening_failure(&error)),
        (APPLICATION_ID, FORMAT, _) => Ok(()),
        (APPLICATION_ID, newer, _) if newer > FORMAT => {
            Err(StoreFailure::NewerFormat { found: u8::try_from(newer).unwrap_or(u8::MAX), known: FORMAT as u8 })
        }
        (APPLICATION_ID, _, _) => unreadable("its format is none that there was"),
        _ => unreadable("it is a database of something else"),
    }
}

fn found(transaction: &Transaction<'_>) -> rusqlite::Result<(i64, i64, i64)> {
    let number = |sql: &str| transaction.query_row(sql, [], |row| row.get(0));
    Ok((
        number("PRAGMA application_id")?,
        number("PRAGMA user_version")?,
        number("SELECT count(*) FROM sqlite_schema")?,
    ))
}

fn create(transaction: Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// The file that SQLite finds is one that only its owner may read; its log and index get the same permissions from it.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
