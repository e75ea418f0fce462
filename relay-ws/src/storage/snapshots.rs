//! The rows of snapshots and their parts, of where devices stand, and of what was dropped.

use super::{SqliteLogStore, StorageError, cursor, integer, time, unsigned};
use ashore_protocol::codec::Bytes;
use ashore_protocol::ids::{Cursor, DeviceId, EntryId, GroupId, SnapshotNonce, Timestamp};
use ashore_protocol::mailbox::{Dropped, Place, StoredSnapshot, Upload};
use ashore_protocol::snapshot::Part;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// Pages that are given back to the file system in one step, when there are free ones.
const FREED_PAGES: u32 = 256;

impl SqliteLogStore {
    pub(super) fn drop_rows(
        &self,
        group: &GroupId,
        through: Cursor,
        before: Timestamp,
        max: u32,
    ) -> Result<Dropped, StorageError> {
        let Some(log) = self.log_number(group)? else { return Err(StorageError::Damaged("no log to drop from")) };
        let mut floor: i64 =
            self.statement("SELECT floor FROM log WHERE number = ?1")?.query_row([log], |r| r.get(0))?;
        let sql = "SELECT cursor, control, appended_ms, length(bytes) FROM entry WHERE log = ?1 AND cursor > ?2
                   ORDER BY cursor LIMIT ?3";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params![log, floor, max])?;
        let (mut looked_at, mut entries, mut bytes, first) = (0, 0, 0, floor);
        while let Some(row) = rows.next()? {
            let (at, control, appended, size): (i64, bool, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            if at > integer(through.get()) || !control && time(appended) >= before {
                break;
            }
            looked_at += 1;
            floor = at;
            if !control {
                entries += 1;
                bytes += size;
            }
        }
        drop(rows);
        let range = params![log, first, floor];
        let keep = "INSERT INTO dropped SELECT log, cursor, prefix FROM entry
                    WHERE log = ?1 AND cursor > ?2 AND cursor <= ?3 AND control = 0";
        self.statement(keep)?.execute(range)?;
        let delete = "DELETE FROM entry WHERE log = ?1 AND cursor > ?2 AND cursor <= ?3 AND control = 0";
        self.statement(delete)?.execute(range)?;
        let update = "UPDATE log SET floor = ?2, bytes = bytes - ?3 WHERE number = ?1";
        self.statement(update)?.execute(params![log, floor, bytes])?;
        Ok(Dropped { entries, floor: cursor(floor)?, more: looked_at >= max })
    }

    pub(super) fn place_rows(
        &self,
        group: &GroupId,
        one: Option<&DeviceId>,
    ) -> Result<BTreeMap<DeviceId, Place>, StorageError> {
        let sql = "SELECT device, cursor, at_ms FROM place WHERE log = (SELECT number FROM log WHERE grp = ?1)
                   AND (?2 IS NULL OR device = ?2)";
        let mut statement = self.statement(sql)?;
        let one = one.map(|device| device.as_bytes().as_slice());
        let mut rows = statement.query(params![group.as_bytes(), one])?;
        let mut places = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let device: Vec<u8> = row.get(0)?;
            let device = DeviceId::from_slice(&device).ok_or(StorageError::Damaged("a device"))?;
            places.insert(device, Place { cursor: cursor(row.get(1)?)?, at: time(row.get(2)?) });
        }
        Ok(places)
    }

    /// The row of what a device is making: its number, nonce and bytes.
    fn upload_number(&self, group: &GroupId, author: &DeviceId) -> Result<Option<(i64, Upload)>, StorageError> {
        let sql = "SELECT number, nonce, bytes FROM snapshot WHERE log = (SELECT number FROM log WHERE grp = ?1)
                   AND author = ?2 AND state = 0";
        let mut statement = self.statement(sql)?;
        let row = statement.query_row(params![group.as_bytes(), author.as_bytes()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?))
        });
        let Some((number, nonce, bytes)) = row.optional()? else { return Ok(None) };
        let nonce = SnapshotNonce::from_slice(&nonce).ok_or(StorageError::Damaged("a snapshot's nonce"))?;
        Ok(Some((number, Upload { nonce, bytes: unsigned(bytes) })))
    }

    pub(super) fn upload_row(&self, group: &GroupId, author: &DeviceId) -> Result<Option<Upload>, StorageError> {
        Ok(self.upload_number(group, author)?.map(|(_, upload)| upload))
    }

    pub(super) fn bytes_of_uploads(&self, group: &GroupId) -> Result<u64, StorageError> {
        let sql = "SELECT coalesce(sum(bytes), 0) FROM snapshot WHERE log = (SELECT number FROM log WHERE grp = ?1)
                   AND state = 0";
        let bytes: i64 = self.statement(sql)?.query_row([group.as_bytes()], |row| row.get(0))?;
        Ok(unsigned(bytes))
    }

    pub(super) fn parts_of_upload(&self, group: &GroupId, author: &DeviceId) -> Result<Vec<(u32, Part)>, StorageError> {
        let Some((number, _)) = self.upload_number(group, author)? else { return Ok(Vec::new()) };
        let sql = "SELECT place, hash, length(bytes) FROM part WHERE snapshot = ?1 ORDER BY place";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([number])?;
        let mut parts = Vec::new();
        while let Some(row) = rows.next()? {
            let (hash, bytes): (Vec<u8>, i64) = (row.get(1)?, row.get(2)?);
            let hash = hash.try_into().map_err(|_| StorageError::Damaged("a part's hash"))?;
            parts.push((row.get(0)?, Part { hash, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) }));
        }
        Ok(parts)
    }

    pub(super) fn put_part_row(
        &self,
        group: &GroupId,
        author: &DeviceId,
        nonce: SnapshotNonce,
        index: u32,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let number = match self.upload_number(group, author)? {
            Some((number, _)) => number,
            None => {
                let log = self.log_number(group)?.ok_or(StorageError::Damaged("no log for a snapshot"))?;
                let sql = "INSERT INTO snapshot (log, author, nonce, state, began_ms, bytes)
                           VALUES (?1, ?2, ?3, 0, ?4, 0)";
                let began = integer(now.as_ms());
                self.statement(sql)?.insert(params![log, author.as_bytes(), nonce.as_bytes(), began])?
            }
        };
        let sql = "SELECT length(bytes) FROM part WHERE snapshot = ?1 AND place = ?2";
        let before: Option<i64> =
            self.statement(sql)?.query_row(params![number, index], |row| row.get(0)).optional()?;
        let sql = "INSERT OR REPLACE INTO part (snapshot, place, hash, bytes) VALUES (?1, ?2, ?3, ?4)";
        self.statement(sql)?.execute(params![number, index, Part::of(sealed).hash, sealed])?;
        let more = integer(sealed.len() as u64) - before.unwrap_or(0);
        self.statement("UPDATE snapshot SET bytes = bytes + ?2 WHERE number = ?1")?.execute([number, more])?;
        Ok(())
    }

    pub(super) fn finish_upload(&self, group: &GroupId, snapshot: &StoredSnapshot) -> Result<(), StorageError> {
        let StoredSnapshot { id, author, covers, bytes, finished_at, entry } = snapshot;
        let Some((number, _)) = self.upload_number(group, author)? else {
            return Err(StorageError::Damaged("no parts of a snapshot"));
        };
        let sql = "UPDATE snapshot SET state = 1, id = ?2, entry = ?3, covers = ?4, bytes = ?5, finished_ms = ?6
                   WHERE number = ?1";
        let (covers, bytes, finished) = (integer(covers.get()), integer(*bytes), integer(finished_at.as_ms()));
        self.statement(sql)?.execute(params![number, id.as_bytes(), entry.0, covers, bytes, finished])?;
        Ok(())
    }

    pub(super) fn finished(&self, group: &GroupId) -> Result<Vec<StoredSnapshot>, StorageError> {
        let sql = "SELECT id, author, covers, bytes, finished_ms, entry FROM snapshot
                   WHERE log = (SELECT number FROM log WHERE grp = ?1) AND state = 1
                   ORDER BY covers DESC, finished_ms DESC, number DESC";
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query([group.as_bytes()])?;
        let mut snapshots = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, author): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            snapshots.push(StoredSnapshot {
                id: EntryId::from_slice(&id).ok_or(StorageError::Damaged("a snapshot's id"))?,
                author: DeviceId::from_slice(&author).ok_or(StorageError::Damaged("a snapshot's author"))?,
                covers: cursor(row.get(2)?)?,
                bytes: unsigned(row.get(3)?),
                finished_at: time(row.get(4)?),
                entry: Bytes(row.get(5)?),
            });
        }
        Ok(snapshots)
    }

    /// Parts of what was dropped, then its row; and room that is free is given back.
    pub(super) fn sweep_dropped(&self, max: u32) -> Result<bool, StorageError> {
        let sql = "SELECT number FROM snapshot WHERE state = 2 LIMIT 1";
        let dropped: Option<i64> = self.statement(sql)?.query_row([], |row| row.get(0)).optional()?;
        let Some(number) = dropped else {
            self.connection.execute_batch(&format!("PRAGMA incremental_vacuum({FREED_PAGES})"))?;
            return Ok(false);
        };
        let sql = "DELETE FROM part WHERE snapshot = ?1 AND place IN
                   (SELECT place FROM part WHERE snapshot = ?1 ORDER BY place LIMIT ?2)";
        let gone = self.statement(sql)?.execute(params![number, max])?;
        if gone < max as usize {
            self.statement("DELETE FROM snapshot WHERE number = ?1")?.execute([number])?;
        }
        Ok(true)
    }
}
