//! The relay's disk: SQLite in WAL mode, every commit synced (`synchronous=FULL`).
//!
//! One process owns the file (`locking_mode=EXCLUSIVE`): a second relay on the same directory does not start.

mod envelopes;
mod format;
mod requests;
mod snapshots;

use ashore_protocol::codec::Bytes;
use ashore_protocol::frame::Item;
use ashore_protocol::ids::{
    Cursor, DeviceId, EntryId, EnvelopePlace, GroupId, InvitePlace, LogId, LogPrefix, SnapshotNonce, Timestamp,
};
use ashore_protocol::mailbox::{
    Dropped, Envelope, Invitation, LogInfo, LogStore, NewEntry, Place, StoredRequest, StoredSnapshot, Upload, item_size,
};
use ashore_protocol::snapshot::Part;
use format::FORMAT;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::path::Path;

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
    #[error("the database has format {0}, this relay knows up to {FORMAT}")]
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
        let mut connection = Connection::open(directory.join("relay.sqlite"))?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // Has its effect on a new file only: room that is freed can be given back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        connection.set_prepared_statement_cache_capacity(64);
        format::prepare(&mut connection)?;
        Ok(Self { connection })
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
        let sql = "SELECT id, head, bytes, floor, places_since_ms FROM log WHERE grp = ?1";
        let mut statement = self.statement(sql)?;
        let row = statement.query_row([group.as_bytes()], |row| {
            let numbers: [i64; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((row.get::<_, Vec<u8>>(0)?, numbers))
        });
        let Some((id, [head, bytes, floor, places_since])) = row.optional()? else { return Ok(None) };
        let log = LogId::from_slice(&id).ok_or(StorageError::Damaged("a log's id"))?;
        let (head, floor, bytes) = (cursor(head)?, cursor(floor)?, unsigned(bytes));
        Ok(Some(LogInfo { log, head, bytes, floor, places_since: time(places_since) }))
    }

    fn create_group(&mut self, group: &GroupId, log: LogId, now: Timestamp) -> Result<(), StorageError> {
        let sql = "INSERT INTO log (grp, id, head, bytes, created_ms, places_since_ms) VALUES (?1, ?2, 0, 0, ?3, ?3)";
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
        let sql = "INSERT INTO entry (log, cursor, id, prefix, author, control, bytes, appended_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let mut insert = self.statement(sql)?;
        for (cursor, entry) in (first..).zip(entries) {
            let NewEntry { id, prefix, author, is_control, bytes, appended_at } = entry;
            let (id, prefix, author, at) = (id.as_bytes(), prefix.as_bytes(), author.as_bytes(), appended_at.as_ms());
            let row = params![log, cursor, id, prefix, author, is_control, bytes, integer(at)];
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
        let sql = "SELECT prefix FROM entry WHERE log = ?1 AND cursor = ?2
                   UNION ALL SELECT prefix FROM dropped WHERE log = ?1 AND cursor = ?2";
        let mut statement = self.statement(sql)?;
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
        items_of(statement.query(params![log, integer(after.get()), own, max_entries.max(1)])?, max_bytes)
    }

    fn controls(&self, group: &GroupId) -> Result<Vec<Vec<u8>>, StorageError> {
        let Some(log) = self.log_number(group)? else { return Ok(Vec::new()) };
        let mut statement = self.statement("SELECT bytes FROM entry WHERE log = ?1 AND control = 1 ORDER BY cursor")?;
        let rows = statement.query_map([log], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn controls_after(
        &self,
        group: &GroupId,
        after: Cursor,
        max_entries: u32,
        max_bytes: u32,
    ) -> Result<Vec<Item>, StorageError> {
        let Some(log) = self.log_number(group)? else { return Ok(Vec::new()) };
        let sql = "SELECT cursor, NULL, bytes FROM entry WHERE log = ?1 AND control = 1 AND cursor > ?2
                   ORDER BY cursor LIMIT ?3";
        let mut statement = self.statement(sql)?;
        items_of(statement.query(params![log, integer(after.get()), max_entries.max(1)])?, max_bytes)
    }

    fn drop_covered(
        &mut self,
        group: &GroupId,
        through: Cursor,
        before: Timestamp,
        max: u32,
    ) -> Result<Dropped, StorageError> {
        self.drop_rows(group, through, before, max)
    }

    fn place(&self, group: &GroupId, device: &DeviceId) -> Result<Option<Place>, StorageError> {
        Ok(self.place_rows(group, Some(device))?.remove(device))
    }

    fn places(&self, group: &GroupId) -> Result<BTreeMap<DeviceId, Place>, StorageError> {
        self.place_rows(group, None)
    }

    fn note_place(&mut self, group: &GroupId, device: &DeviceId, place: Place) -> Result<(), StorageError> {
        let log = self.log_number(group)?.ok_or(StorageError::Damaged("no log to stand in"))?;
        let sql = "INSERT OR REPLACE INTO place (log, device, cursor, at_ms) VALUES (?1, ?2, ?3, ?4)";
        let (cursor, at) = (integer(place.cursor.get()), integer(place.at.as_ms()));
        self.statement(sql)?.execute(params![log, device.as_bytes(), cursor, at])?;
        Ok(())
    }

    fn upload(&self, group: &GroupId, author: &DeviceId) -> Result<Option<Upload>, StorageError> {
        self.upload_row(group, author)
    }

    fn upload_bytes(&self, group: &GroupId) -> Result<u64, StorageError> {
        self.bytes_of_uploads(group)
    }

    fn upload_parts(&self, group: &GroupId, author: &DeviceId) -> Result<Vec<(u32, Part)>, StorageError> {
        self.parts_of_upload(group, author)
    }

    fn put_part(
        &mut self,
        group: &GroupId,
        author: &DeviceId,
        nonce: SnapshotNonce,
        index: u32,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        self.put_part_row(group, author, nonce, index, sealed, now)
    }

    fn drop_upload(&mut self, group: &GroupId, author: &DeviceId) -> Result<(), StorageError> {
        let sql = "UPDATE snapshot SET state = 2 WHERE log = (SELECT number FROM log WHERE grp = ?1)
                   AND author = ?2 AND state = 0";
        self.statement(sql)?.execute(params![group.as_bytes(), author.as_bytes()])?;
        Ok(())
    }

    fn drop_uploads_begun_before(&mut self, time: Timestamp) -> Result<(), StorageError> {
        let sql = "UPDATE snapshot SET state = 2 WHERE state = 0 AND began_ms < ?1";
        self.statement(sql)?.execute([integer(time.as_ms())])?;
        Ok(())
    }

    fn finish_snapshot(&mut self, group: &GroupId, snapshot: &StoredSnapshot) -> Result<(), StorageError> {
        self.finish_upload(group, snapshot)
    }

    fn snapshots(&self, group: &GroupId) -> Result<Vec<StoredSnapshot>, StorageError> {
        self.finished(group)
    }

    fn snapshot_part(&self, group: &GroupId, id: &EntryId, index: u32) -> Result<Option<Bytes>, StorageError> {
        let sql = "SELECT part.bytes FROM part JOIN snapshot ON snapshot.number = part.snapshot
                   WHERE snapshot.log = (SELECT number FROM log WHERE grp = ?1) AND snapshot.state = 1
                   AND snapshot.id = ?2 AND part.place = ?3";
        let mut statement = self.statement(sql)?;
        let row = params![group.as_bytes(), id.as_bytes(), index];
        let found: Option<Vec<u8>> = statement.query_row(row, |row| row.get(0)).optional()?;
        Ok(found.map(Bytes))
    }

    fn drop_snapshot(&mut self, group: &GroupId, id: &EntryId) -> Result<(), StorageError> {
        let sql = "UPDATE snapshot SET state = 2 WHERE log = (SELECT number FROM log WHERE grp = ?1)
                   AND id = ?2 AND state = 1";
        self.statement(sql)?.execute(params![group.as_bytes(), id.as_bytes()])?;
        Ok(())
    }

    fn sweep_parts(&mut self, max: u32) -> Result<bool, StorageError> {
        self.sweep_dropped(max)
    }

    fn next_group_with_snapshot(&self, after: Option<&GroupId>) -> Result<Option<GroupId>, StorageError> {
        let sql = "SELECT grp FROM log WHERE grp > ?1 AND EXISTS
                   (SELECT 1 FROM snapshot WHERE snapshot.log = log.number AND state = 1) ORDER BY grp LIMIT 1";
        let nothing: &[u8] = &[];
        let after = after.map_or(nothing, |after| after.as_bytes());
        let found: Option<Vec<u8>> = self.statement(sql)?.query_row([after], |row| row.get(0)).optional()?;
        found.map(|group| GroupId::from_slice(&group).ok_or(StorageError::Damaged("a group's id"))).transpose()
    }

    fn invitation(&self, place: &InvitePlace) -> Result<Option<Invitation>, StorageError> {
        let mut statement =
            self.statement("SELECT grp, expires_ms, sealed, taken_by, uses FROM invitation WHERE place = ?1")?;
        let row = statement.query_row([place.as_bytes()], |row| {
            let (group, taken_by): (Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(3)?);
            Ok((group, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?, taken_by, row.get::<_, u32>(4)?))
        });
        let Some((group, expires_ms, sealed, taken_by, uses)) = row.optional()? else { return Ok(None) };
        let group = GroupId::from_slice(&group).ok_or(StorageError::Damaged("an invitation's group"))?;
        let taken_by = taken_by.unwrap_or_default();
        let device = |id| DeviceId::from_slice(id).ok_or(StorageError::Damaged("a device"));
        let taken_by = taken_by.chunks(DeviceId::SIZE).map(device).collect::<Result<_, _>>()?;
        let expires_at = Timestamp::from_ms(u64::try_from(expires_ms).unwrap_or(0));
        Ok(Some(Invitation { group, expires_at, sealed: Bytes(sealed), uses, taken_by }))
    }

    fn put_invitation(&mut self, place: &InvitePlace, invitation: &Invitation) -> Result<(), StorageError> {
        let Invitation { group, expires_at, sealed, uses, taken_by } = invitation;
        let taken_by = taken_by.iter().flat_map(|device| device.as_bytes()).copied().collect::<Vec<u8>>();
        let taken_by = Some(taken_by).filter(|taken_by| !taken_by.is_empty());
        let sql = "INSERT OR REPLACE INTO invitation (place, grp, expires_ms, sealed, taken_by, uses) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.statement(sql)?.execute(params![
            place.as_bytes(),
            group.as_bytes(),
            integer(expires_at.as_ms()),
            sealed.0,
            taken_by,
            uses
        ])?;
        Ok(())
    }

    fn remove_invitation(&mut self, place: &InvitePlace) -> Result<(), StorageError> {
        self.statement("DELETE FROM invitation WHERE place = ?1")?.execute([place.as_bytes()])?;
        Ok(())
    }

    fn open_invitations(&self, group: &GroupId, now: Timestamp) -> Result<u32, StorageError> {
        let sql = "SELECT count(*) FROM invitation WHERE grp = ?1 AND expires_ms > ?2
                   AND coalesce(length(taken_by), 0) < 32 * uses";
        let count: i64 =
            self.statement(sql)?.query_row(params![group.as_bytes(), integer(now.as_ms())], |row| row.get(0))?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn remove_invitations_expired_before(&mut self, time: Timestamp) -> Result<(), StorageError> {
        self.statement("DELETE FROM invitation WHERE expires_ms < ?1")?.execute([integer(time.as_ms())])?;
        Ok(())
    }

    fn join_requests(&self, group: &GroupId) -> Result<Vec<StoredRequest>, StorageError> {
        self.request_rows(group)
    }

    fn put_join_request(&mut self, group: &GroupId, request: &StoredRequest) -> Result<(), StorageError> {
        self.put_request_row(group, request)
    }

    fn remove_join_request(&mut self, group: &GroupId, device: &DeviceId) -> Result<(), StorageError> {
        let sql = "DELETE FROM join_request WHERE grp = ?1 AND device = ?2";
        self.statement(sql)?.execute(params![group.as_bytes(), device.as_bytes()])?;
        Ok(())
    }

    fn remove_join_requests_before(&mut self, time: Timestamp) -> Result<(), StorageError> {
        self.statement("DELETE FROM join_request WHERE came_ms < ?1")?.execute([integer(time.as_ms())])?;
        Ok(())
    }

    fn envelope(&self, place: &EnvelopePlace) -> Result<Option<Envelope>, StorageError> {
        self.envelope_row(place)
    }

    fn put_envelope(&mut self, place: &EnvelopePlace, envelope: &Envelope) -> Result<(), StorageError> {
        self.put_envelope_row(place, envelope)
    }

    fn remove_envelope(&mut self, place: &EnvelopePlace) -> Result<(), StorageError> {
        self.statement("DELETE FROM envelope WHERE place = ?1")?.execute([place.as_bytes()])?;
        Ok(())
    }

    fn envelopes_of(&self, group: &GroupId) -> Result<BTreeMap<EnvelopePlace, EntryId>, StorageError> {
        self.envelope_places(group)
    }

    fn hint_secret(&self) -> Result<Option<[u8; 32]>, StorageError> {
        let mut statement = self.statement("SELECT bytes FROM secret WHERE name = 'hint'")?;
        let found: Option<Vec<u8>> = statement.query_row([], |row| row.get(0)).optional()?;
        found.map(|bytes| bytes.try_into().map_err(|_| StorageError::Damaged("the secret of hints"))).transpose()
    }

    fn put_hint_secret(&mut self, secret: [u8; 32]) -> Result<(), StorageError> {
        self.statement("INSERT OR REPLACE INTO secret (name, bytes) VALUES ('hint', ?1)")?.execute([secret])?;
        Ok(())
    }
}

/// The rows as items, as many as a page may hold, but at least one.
fn items_of(mut rows: rusqlite::Rows<'_>, max_bytes: u32) -> Result<Vec<Item>, StorageError> {
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

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn time(number: i64) -> Timestamp {
    Timestamp::from_ms(unsigned(number))
}

fn cursor(number: i64) -> Result<Cursor, StorageError> {
    u64::try_from(number).ok().and_then(Cursor::new).ok_or(StorageError::Damaged("a cursor"))
}

/// SQLite's integers are signed; nothing here comes near the end of them.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
