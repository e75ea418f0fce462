//! The tables of the relay's database, and how those of earlier formats become the present ones.

use super::StorageError;
use rusqlite::{Connection, TransactionBehavior};
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of the tables, in `user_version`.
pub(super) const FORMAT: i64 = 4;

/// Format 2: logs, entries, invitations.
const LOGS: &str = "
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

/// Format 3: snapshots, where devices stand, and what was dropped. `snapshot.state`: 0 being made, 1 finished, 2 dropped.
const SNAPSHOTS: &str = "
ALTER TABLE log ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN places_since_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entry ADD COLUMN appended_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE dropped (
    log INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    prefix BLOB NOT NULL,
    PRIMARY KEY (log, cursor)
) STRICT, WITHOUT ROWID;
CREATE TABLE place (
    log INTEGER NOT NULL,
    device BLOB NOT NULL,
    cursor INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (log, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshot (
    number INTEGER PRIMARY KEY,
    log INTEGER NOT NULL,
    author BLOB NOT NULL,
    nonce BLOB NOT NULL,
    state INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    id BLOB,
    entry BLOB,
    covers INTEGER,
    finished_ms INTEGER
) STRICT;
CREATE INDEX snapshot_by_log ON snapshot (log, state);
CREATE INDEX snapshot_by_state ON snapshot (state, began_ms);
CREATE TABLE part (
    snapshot INTEGER NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (snapshot, place)
) STRICT;
";

/// Format 4: requests to join, and invitations for several devices: `taken_by` holds their ids one after another.
const REQUESTS: &str = "
ALTER TABLE invitation ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;
CREATE TABLE IF NOT EXISTS join_request (
    grp BLOB NOT NULL,
    device BLOB NOT NULL,
    request BLOB NOT NULL,
    signature BLOB NOT NULL,
    came_ms INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    PRIMARY KEY (grp, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS join_request_by_time ON join_request (came_ms);
";

/// Format 4: envelopes of recoveries, and what hints are made up from.
const ENVELOPES: &str = "
CREATE TABLE IF NOT EXISTS envelope (
    place BLOB PRIMARY KEY,
    grp BLOB NOT NULL,
    recovery BLOB NOT NULL,
    hidden INTEGER NOT NULL,
    memory_kib INTEGER,
    passes INTEGER,
    salt BLOB,
    verifier BLOB NOT NULL,
    sealed BLOB NOT NULL,
    wrong INTEGER NOT NULL,
    wrong_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS envelope_by_group ON envelope (grp);
CREATE TABLE IF NOT EXISTS secret (
    name TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
";

/// Creates the tables, or brings those that are there to the present format.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StorageError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        0 => transaction.execute_batch(LOGS)?,
        2..=FORMAT => {}
        other => return Err(StorageError::Format(other)),
    }
    if format < 3 {
        transaction.execute_batch(SNAPSHOTS)?;
        // What was there before counts as having come now, so that nothing of it is dropped too early.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        transaction.execute("UPDATE log SET places_since_ms = ?1", [now_ms])?;
        transaction.execute("UPDATE entry SET appended_ms = ?1", [now_ms])?;
    }
    if format < FORMAT {
        transaction.execute_batch(REQUESTS)?;
        transaction.execute_batch(ENVELOPES)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::storage::SqliteLogStore;
    use ashore_protocol::ids::{Cursor, GroupId, LogPrefix};
    use ashore_protocol::mailbox::LogStore;

    #[test]
    fn a_file_of_the_format_before_snapshots_is_brought_to_the_present_one() {
        let path = std::env::temp_dir().join(format!("ashore-relay-format-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        let old = Connection::open(path.join("relay.sqlite")).unwrap();
        old.execute_batch(LOGS).unwrap();
        old.execute_batch(
            "INSERT INTO log VALUES (1, zeroblob(32), zeroblob(16), 2, 3, 7);
             INSERT INTO entry VALUES (1, 1, zeroblob(32), zeroblob(32), zeroblob(32), 1, x'01');
             INSERT INTO entry VALUES (1, 2, randomblob(32), zeroblob(32), zeroblob(32), 0, x'0203');
             PRAGMA user_version = 2;",
        )
        .unwrap();
        drop(old);
        for _ in 0..2 {
            let store = SqliteLogStore::open(&path).unwrap();
            let group = GroupId([0; 32]);
            let info = store.group(&group).unwrap().unwrap();
            assert_eq!((info.head.get(), info.floor, info.bytes), (2, Cursor::ZERO, 3));
            assert!(info.places_since.as_ms() > 1_600_000_000_000, "what was there counts as having come now");
            assert_eq!(store.page(&group, Cursor::ZERO, 10, 1_000, None).unwrap().len(), 2);
            assert_eq!(store.prefix_at(&group, Cursor::new(2).unwrap()).unwrap(), Some(LogPrefix([0; 32])));
            assert_eq!(store.snapshots(&group).unwrap(), []);
            assert_eq!(store.join_requests(&group).unwrap(), []);
            assert!(store.envelopes_of(&group).unwrap().is_empty());
        }
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_file_of_the_format_before_requests_and_envelopes_is_brought_to_the_present_one() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(LOGS).unwrap();
        connection.execute_batch(SNAPSHOTS).unwrap();
        connection
            .execute_batch(
                "INSERT INTO log VALUES (1, zeroblob(32), zeroblob(16), 2, 3, 7, 0, 9); PRAGMA user_version = 3;",
            )
            .unwrap();
        for _ in 0..2 {
            prepare(&mut connection).unwrap();
            let at: i64 = connection.query_row("SELECT places_since_ms FROM log", [], |row| row.get(0)).unwrap();
            assert_eq!(at, 9, "what was there stays");
            let count: i64 = connection.query_row("SELECT count(*) FROM join_request", [], |row| row.get(0)).unwrap();
            assert_eq!(count, 0);
            let count: i64 = connection.query_row("SELECT count(*) FROM envelope", [], |row| row.get(0)).unwrap();
            assert_eq!(count, 0);
        }
    }

    #[test]
    fn a_file_of_a_later_format_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", FORMAT + 1).unwrap();
        assert!(matches!(prepare(&mut connection), Err(StorageError::Format(_))));
    }
}
