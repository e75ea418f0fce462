//! Named blobs in one table: what an encrypted database is packed into.

use super::failure::blob_failure;
use super::file::SqliteFile;
use super::writer::Writer;
use ashore_engine::store::packed::{BlobFailure, BlobName, BlobOp, Blobs};
use ashore_engine::store::{Durability, StoreFailure};
use rusqlite::{Connection, Error, OptionalExtension, TransactionBehavior};
use std::cell::RefCell;
use std::rc::Rc;

const ADD: &str = "INSERT INTO store_blob (name, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const PUT: &str =
    "INSERT INTO store_blob (name, bytes) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
const DELETE: &str = "DELETE FROM store_blob WHERE name = ?1";
const DELETE_SPAN: &str = "DELETE FROM store_blob WHERE name >= ?1 AND name < ?2";

/// Blobs on a SQLite file. Clones share one connection to read and one thread that writes.
#[derive(Debug, Clone)]
pub struct SqliteBlobs(Rc<Open>);

#[derive(Debug)]
struct Open {
    reader: RefCell<Option<Connection>>,
    writer: Writer,
}

impl SqliteBlobs {
    /// Opens what is in the file.
    pub fn open(file: &SqliteFile) -> Result<Self, StoreFailure> {
        let reader = RefCell::new(Some(file.connect()?));
        let writer = Writer::start(file.connect()?);
        let writer = writer.map_err(|error| StoreFailure::Failed { reason: error.to_string() })?;
        Ok(Self(Rc::new(Open { reader, writer })))
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, BlobFailure> {
        let reader = self.0.reader.borrow();
        query(reader.as_ref().ok_or(BlobFailure::Closed)?).map_err(|error| blob_failure(&error))
    }
}

impl Blobs for SqliteBlobs {
    async fn names(&self) -> Result<Vec<BlobName>, BlobFailure> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name FROM store_blob")?;
            let names = statement.query_map([], |row| row.get::<_, String>(0))?;
            names.filter_map(|name| name.map(|name| BlobName::parse(&name)).transpose()).collect()
        })
    }

    async fn get(&self, names: &[BlobName]) -> Result<Vec<Option<Vec<u8>>>, BlobFailure> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT bytes FROM store_blob WHERE name = ?1")?;
            let mut get = |name: &BlobName| statement.query_row([name.to_string()], |row| row.get(0)).optional();
            names.iter().map(|name| damaged_is_unreadable(get(name))).collect()
        })
    }

    async fn segments(&self, first: u64) -> Result<Vec<(u64, Vec<u8>)>, BlobFailure> {
        self.read(|connection| {
            let sql = "SELECT name, bytes FROM store_blob WHERE name >= ?1 AND name < 't' ORDER BY name";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_map([BlobName::Segment(first).to_string()], |row| {
                let name: String = row.get(0)?;
                Ok((BlobName::parse(&name), row.get(1)?))
            })?;
            let segment = |(name, bytes)| match name {
                Some(BlobName::Segment(number)) => Some((number, bytes)),
                _ => None,
            };
            found.filter_map(|found| found.map(segment).transpose()).collect()
        })
    }

    async fn commit(&self, ops: Vec<BlobOp>, durability: Durability) -> Result<(), BlobFailure> {
        let written = self.0.writer.run(move |connection| write(connection, &ops, durability)).await;
        match written {
            Some(Ok(None)) => Ok(()),
            Some(Ok(Some(exists))) => Err(BlobFailure::Exists(exists)),
            Some(Err(error)) => Err(blob_failure(&error)),
            None => Err(BlobFailure::Closed),
        }
    }

    async fn close(&self) {
        self.0.reader.replace(None);
        self.0.writer.close().await;
    }
}

/// A blob whose pages are damaged is answered as bytes that no decoder takes, so that it is set aside as any other damaged blob is.
fn damaged_is_unreadable(found: rusqlite::Result<Option<Vec<u8>>>) -> rusqlite::Result<Option<Vec<u8>>> {
    match found {
        Err(error) if super::failure::is_damage(&error) => Ok(Some(vec![])),
        found => found,
    }
}

/// `Some`: a blob that was to be added is there already, and nothing was written.
fn write(connection: &mut Connection, ops: &[BlobOp], durability: Durability) -> Result<Option<BlobName>, Error> {
    let level = match durability {
        Durability::Relaxed => "PRAGMA synchronous = NORMAL",
        Durability::Strict => "PRAGMA synchronous = FULL",
    };
    connection.prepare_cached(level)?.execute([])?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for op in ops {
        match op {
            BlobOp::Add(name, bytes) => {
                if transaction.prepare_cached(ADD)?.execute((name.to_string(), bytes))? == 0 {
                    return Ok(Some(*name));
                }
            }
            BlobOp::Put(name, bytes) => {
                transaction.prepare_cached(PUT)?.execute((name.to_string(), bytes))?;
            }
            BlobOp::Delete(name) => {
                transaction.prepare_cached(DELETE)?.execute([name.to_string()])?;
            }
            BlobOp::DeleteSegments(from, to) => {
                let span = [BlobName::Segment(*from), BlobName::Segment(*to)].map(|name| name.to_string());
                transaction.prepare_cached(DELETE_SPAN)?.execute(span)?;
            }
        }
    }
    transaction.commit()?;
    Ok(None)
}
