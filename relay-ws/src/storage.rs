//! The relay's disk: SQLite in WAL mode, every commit synced (`synchronous=FULL`).
//!
//! One process owns the file (`locking_mode=EXCLUSIVE`): a second relay on the same directory does not start.

use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::Item;
use ashore_protocol::ids::{Cursor, DeviceId, EntryId, GroupId, InvitePlace, LogId, LogPrefix, Timestamp};
use ashore_protocol::mailbox::{Invitation, LogInfo, LogStore, NewEntry, item_size};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::path::Path;

/// Version of the tables, in `user_version`.
const FORMAT: i64 = 2;

const TABLES: &str = "
CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    grp BLOB NOT NULL UNIQUE,
    id BLOB NOT NULL,
    head INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE entry (
    log INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    id BLOB NOT NULL,
    prefix BLOB NOT NULL,
    author BLOB NOT NULL,
    control INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (log, cursor)
) STRICT;
CREATE UNIQUE INDEX entry_by_id ON entry (log, id);
CREATE INDEX control_by_cursor ON entry (log, cursor) WHERE control = 1;
CREATE TABLE invitation (
    place BLOB PRIMARY KEY,
    grp BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    taken_by BLOB
) STRICT;
CREATE INDEX invitation_by_group ON invitation (grp, expires_ms);
CREATE INDEX invitation_by_expiry ON invitation (expires_ms);
";

/// Why the disk failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// SQLite says why.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The directory cannot be made.
    #[error("the data directory cannot be used: {0}")]
    Directory(#[from] std::io::Error),
    /// Written by another version of the relay. Devices fill an empty one again.
    #[error("the database has format {0}, this relay knows {FORMAT}")]
    Format(i64),
    /// A row is not what was written.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
}

/// Logs and invitations in one SQLite file.
#[derive(Debug)]
pub struct SqliteLogStore {
    connection: Connection,
}

impl SqliteLogStore {
    /// Opens or creates `relay.sqlite` in this directory.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        std::fs::create_dir_all(directory)?;
        let connection = Connection::open(directory.join("relay.sqlite"))?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.set_prepared_statement_cache_capacity(32);
        let mut store = Self { connection };
        store.prepare_tables()?;
        Ok(store)
    }

    fn prepare_tables(&mut self) -> Result<(), StorageError> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match format {
            0 => {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            FORMAT => {}
            other => return Err(StorageError::Format(other)),
        }
        transaction.commit()?;
        Ok(())
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, StorageError> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    fn log_number(&self, group: &GroupId) -> Result<Option<i64>, StorageError> {
        let mut statement = self.statement("SELECT number FROM log WHERE grp = ?1")?;
        Ok(statement.query_row([group.as_bytes()], |row| row.get(0)).optional()?)
    }
}

impl LogStore for SqliteLogStore {
    type Error = StorageError;

    fn begin(&mut self) -> Result<(), StorageError> {
        self.statement("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        let committed = self.statement("COMMIT")?.execute([]);
        if committed.is_err() && !self.connection.is_autocommit() {
            self.rollback()?;
        }
        committed?;
        Ok(())
    }

    /// SQLite rolls some failures back by itself.
    fn rollback(&mut self) -> Result<(), StorageError> {
        if !self.connection.is_autocommit() {
            self.statement("ROLLBACK")?.execute([])?;
        }
        Ok(())
    }

    fn group(&self, group: &GroupId) -> Result<Option<LogInfo>, StorageError> {
        let mut statement = self.statement("SELECT id, head, bytes FROM log WHERE grp = ?1")?;
        let row = statement.query_row([group.as_bytes()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        let Some((id, head, bytes)) = row.optional()? else { return Ok(None) };
        let log = LogId::from_slice(&id).ok_or(StorageError::Damaged("a log's id"))?;
        Ok(Some(LogInfo { log, head: cursor(head)?, bytes: u64::try_from(bytes).unwrap_or(0) }))
    }

    fn create_group(&mut self, group: &GroupId, log: LogId, now: Timestamp) -> Result<(), StorageError> {
        let sql = "INSERT INTO log (grp, id, head, bytes, created_ms) VALUES (?1, ?2, 0, 0, ?3)";
        self.statement(sql)?.execute(params![group.as_bytes(), log.as_bytes(), integer(now.as_ms())])?;
        Ok(())
    }

    fn append(&mut self, group: &GroupId, entries: &[NewEntry<'_>]) -> Result<Cursor, StorageError> {
        let bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
        let sql = "UPDATE log SET head = head + ?2, bytes = bytes + ?3 WHERE grp = ?1 RETURNING number, head";
        let (log, head): (i64, i64) = self
            .statement(sql)?
            .query_row(params![group.as_bytes(), integer(entries.len() as u64), integer(bytes as u64)], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let first = head - integer(entries.len() as u64) + 1;
        let sql =
            "INSERT INTO entry (log, cursor, id, prefix, author, control, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let mut insert = self.statement(sql)?;
        for (cursor, entry) in (first..).zip(entries) {
            let NewEntry { id, prefix, author, is_control, bytes } = entry;
            let row = params![log, cursor, id.as_bytes(), prefix.as_bytes(), author.as_bytes(), is_control, bytes];
            insert.execute(row)?;
        }
        cursor(head)
    }

    fn cursor_of(&self, group: &GroupId, id: &EntryId) -> Result<Option<Cursor>, StorageError> {
        let sql = "SELECT cursor FROM entry WHERE log = (SELECT number FROM log WHERE grp = ?1) AND id = ?2";
        let mut statement = self.statement(sql)?;
        let found = statement.query_row(params![group.as_bytes(), id.as_bytes()], |row| row.get(0)).optional()?;
        found.map(cursor).transpose()
    }

    fn prefix_at(&self, group: &GroupId, at: Cursor) -> Result<Option<LogPrefix>, StorageError> {
        let Some(log) = self.log_number(group)? else { return Ok(None) };
        let mut statement = self.statement("SELECT prefix FROM entry WHERE log = ?1 AND cursor = ?2")?;
        let found: Option<Vec<u8>> =
            statement.query_row(params![log, integer(at.get())], |row| row.get(0)).optional()?;
        found.map(|prefix| LogPrefix::from_slice(&prefix).ok_or(StorageError::Damaged("a prefix"))).transpose()
    }

    fn page(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
        own: Option<&DeviceId>,
    ) -> Result<Vec<Item>, StorageError> {
        let Some(log) = self.log_number(group)? else { return Ok(Vec::new()) };
        let sql = "SELECT cursor, CASE WHEN author = ?3 THEN id END, CASE WHEN author = ?3 THEN NULL ELSE bytes END
                   FROM entry WHERE log = ?1 AND cursor > ?2 ORDER BY cursor LIMIT ?4";
        let mut statement = self.statement(sql)?;
        let nobody: &[u8] = &[];
        let own = own.map_or(nobody, |device| device.as_bytes());
        let mut rows = statement.query(params![log, integer(after.get()), own, max_entries.max(1)])?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let item = item_of(row)?;
            bytes += item_size(&item);
            if !items.is_empty() && bytes > max_bytes as usize {
                break;
            }
            items.push(item);
        }
        Ok(items)
    }

    fn controls(&self, group: &GroupId) -> Result<Vec<Vec<u8>>, StorageError> {
        let Some(log) = self.log_number(group)? else { return Ok(Vec::new()) };
        let mut statement = self.statement("SELECT bytes FROM entry WHERE log = ?1 AND control = 1 ORDER BY cursor")?;
        let rows = statement.query_map([log], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn invitation(&self, place: &InvitePlace) -> Result<Option<Invitation>, StorageError> {
        let mut statement =
            self.statement("SELECT grp, expires_ms, sealed, taken_by FROM invitation WHERE place = ?1")?;
        let row = statement.query_row([place.as_bytes()], |row| {
            let (group, taken_by): (Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(3)?);
            Ok((group, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?, taken_by))
        });
        let Some((group, expires_ms, sealed, taken_by)) = row.optional()? else { return Ok(None) };
        let group = GroupId::from_slice(&group).ok_or(StorageError::Damaged("an invitation's group"))?;
        let taken_by = taken_by.map(|device| DeviceId::from_slice(&device).ok_or(StorageError::Damaged("a device")));
        let expires_at = Timestamp::from_ms(u64::try_from(expires_ms).unwrap_or(0));
        Ok(Some(Invitation { group, expires_at, sealed: Bytes(sealed), taken_by: taken_by.transpose()? }))
    }

    fn put_invitation(&mut self, place: &InvitePlace, invitation: &Invitation) -> Result<(), StorageError> {
        let Invitation { group, expires_at, sealed, taken_by } = invitation;
        let taken_by = taken_by.as_ref().map(|device| device.as_bytes().as_slice());
        let sql =
            "INSERT OR REPLACE INTO invitation (place, grp, expires_ms, sealed, taken_by) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.statement(sql)?.execute(params![
            place.as_bytes(),
            group.as_bytes(),
            integer(expires_at.as_ms()),
            sealed.0,
            taken_by
        ])?;
        Ok(())
    }

    fn remove_invitation(&mut self, place: &InvitePlace) -> Result<(), StorageError> {
        self.statement("DELETE FROM invitation WHERE place = ?1")?.execute([place.as_bytes()])?;
        Ok(())
    }

    fn open_invitations(&self, group: &GroupId, now: Timestamp) -> Result<u32, StorageError> {
        let sql = "SELECT count(*) FROM invitation WHERE grp = ?1 AND expires_ms > ?2 AND taken_by IS NULL";
        let count: i64 =
            self.statement(sql)?.query_row(params![group.as_bytes(), integer(now.as_ms())], |row| row.get(0))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn remove_invitations_expired_before(&mut self, time: Timestamp) -> Result<(), StorageError> {
        self.statement("DELETE FROM invitation WHERE expires_ms < ?1")?.execute([integer(time.as_ms())])?;
        Ok(())
    }
}

fn item_of(row: &Row<'_>) -> Result<Item, StorageError> {
    let cursor = cursor(row.get(0)?)?;
    let (own, bytes): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
    match (own, bytes) {
        (Some(id), _) => {
            let id = EntryId::from_slice(&id).ok_or(StorageError::Damaged("an entry's id"))?;
            Ok(Item::Own { cursor, id })
        }
        (None, Some(bytes)) => Ok(Item::Entry { cursor, bytes: Bytes(bytes) }),
        (None, None) => Err(StorageError::Damaged("an entry without bytes")),
    }
}

fn cursor(number: i64) -> Result<Cursor, StorageError> {
    u64::try_from(number).ok().and_then(Cursor::new).ok_or(StorageError::Damaged("a cursor"))
}

/// SQLite's integers are signed; nothing here comes near the end of them.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
