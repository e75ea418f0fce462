//! What lies in the app's folder, for tests that look there.

use ashore_native::paths;
use rusqlite::{Connection, OptionalExtension};
use std::path::PathBuf;
use tauri::ipc::Response;
use tauri::{AppHandle, Manager};

/// What a command cannot do, as a sentence.
pub(crate) type Said<T> = Result<T, String>;

/// Names of the databases' files whose name begins with that of `database`.
#[tauri::command]
pub(crate) fn databases(app: AppHandle, database: &str) -> Said<Vec<String>> {
    let folder = app.path().app_local_data_dir().map_err(said)?;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(vec![]) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.starts_with(database) && name.ends_with(".ashore")).collect())
}

/// All bytes of a database's file and of its log.
#[tauri::command]
pub(crate) fn kept(app: AppHandle, database: &str) -> Said<Response> {
    let file = path(&app, database)?;
    let mut bytes = std::fs::read(&file).map_err(said)?;
    let mut log = file.into_os_string();
    log.push("-wal");
    bytes.extend(std::fs::read(log).unwrap_or_default());
    Ok(Response::new(bytes))
}

/// What is kept of a database's keys, which is a record of its own.
#[tauri::command]
pub(crate) fn record(app: AppHandle, database: &str) -> Said<Option<Vec<u8>>> {
    let connection = connect(&app, database)?;
    let found = connection.query_row("SELECT bytes FROM record WHERE name = 'keys'", [], |row| row.get(0));
    found.optional().map_err(said)
}

/// The file, without anything of the engine.
pub(crate) fn connect(app: &AppHandle, database: &str) -> Said<Connection> {
    Connection::open(path(app, database)?).map_err(said)
}

pub(crate) fn path(app: &AppHandle, database: &str) -> Said<PathBuf> {
    Ok(app.path().app_local_data_dir().map_err(said)?.join(paths::file_name(database)))
}

pub(crate) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
