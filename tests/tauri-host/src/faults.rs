//! Real faults: bytes that change in a file, a record that is gone, an engine that breaks.

use crate::files::{Said, connect, said};
use rusqlite::Connection;
use serde::Deserialize;
use tauri::AppHandle;
use tauri_plugin_ashore::AshoreExt;

/// The engine of an open database panics as soon as it uses its store.
#[tauri::command]
pub(crate) async fn break_engine(app: AppHandle, database: String) -> Said<()> {
    let held = app.ashore().database(&database).await.map_err(said)?;
    let broken = held.engine().break_now();
    app.ashore().close(&database).await;
    broken.map_err(said)
}

/// What is kept of the keys is gone. No engine may run.
#[tauri::command]
pub(crate) fn forget_record(app: AppHandle, database: &str) -> Said<usize> {
    connect(&app, database)?.execute("DELETE FROM record", []).map_err(said)
}

/// Which copy of a text in a database's rows: the first is in a document's history, the last in its value.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Which {
    History,
    Value,
}

/// Flips one bit in a stored copy of `text`, as the disk would: the row's checksum stays as it was. No engine may run. Answers the row's key.
#[tauri::command]
pub(crate) fn flip(app: AppHandle, database: &str, which: Which, text: &str) -> Said<String> {
    let connection = connect(&app, database)?;
    let mut copies = rows_with(&connection, text.as_bytes()).map_err(said)?;
    let copy = match which {
        Which::History if !copies.is_empty() => Some(copies.remove(0)),
        Which::Value => copies.pop(),
        Which::History => None,
    };
    let (key, mut value, at) = copy.ok_or_else(|| format!("no row of {} holds {text}", database))?;
    if let Some(byte) = value.get_mut(at) {
        *byte ^= 1;
    }
    let changed = connection.execute("UPDATE store_row SET value = ?2 WHERE key = ?1", (&key, value)).map_err(said)?;
    if changed == 1 { Ok(String::from_utf8_lossy(&key).into_owned()) } else { Err("the row is gone".into()) }
}

/// Flips one bit in the last commit of documents of an encrypted database: those of marks are shorter. No engine may run.
#[tauri::command]
pub(crate) fn flip_sealed(app: AppHandle, database: &str) -> Said<()> {
    let connection = connect(&app, database)?;
    let newest = "SELECT name, bytes FROM store_blob WHERE name GLOB 's*' AND length(bytes) > 300 ORDER BY name DESC";
    let (name, mut bytes): (String, Vec<u8>) =
        connection.query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(said)?;
    if let Some(byte) = bytes.get_mut(100) {
        *byte ^= 1;
    }
    connection.execute("UPDATE store_blob SET bytes = ?2 WHERE name = ?1", (name, bytes)).map_err(said).map(drop)
}

type Copy = (Vec<u8>, Vec<u8>, usize);

/// Each row in which `text` stands, in the order of the keys, and where.
fn rows_with(connection: &Connection, text: &[u8]) -> rusqlite::Result<Vec<Copy>> {
    let mut statement = connection.prepare("SELECT key, value FROM store_row ORDER BY key")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut copies = Vec::new();
    for row in rows {
        let (key, value) = row?;
        if let Some(at) = value.windows(text.len().max(1)).rposition(|part| part == text) {
            copies.push((key, value, at));
        }
    }
    Ok(copies)
}
