//! What a round trip costs without a webview: the same calls from the app's own Rust code, through the same engine.

use crate::files::{Said, said};
use ashore_native::api::{Command, Reply};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Instant;
use tauri::AppHandle;
use tauri_plugin_ashore::{AshoreExt, Database};

/// Nanoseconds of each call, one after another.
#[derive(Default, Serialize)]
pub(crate) struct Floor {
    ping: Vec<u64>,
    get: Vec<u64>,
    put: Vec<u64>,
}

/// Pings, reads and writes `count` times each.
#[tauri::command]
pub(crate) async fn floor(app: AppHandle, database: String, count: u32) -> Said<Floor> {
    let held = app.ashore().database(&database).await.map_err(said)?;
    let floor = measured(&held, count).await;
    app.ashore().close(&database).await;
    floor
}

async fn measured(database: &Database, count: u32) -> Said<Floor> {
    let notes = database.collection::<Value>("floor");
    let mut floor = Floor::default();
    for number in 0..count {
        let from = Instant::now();
        notes
            .put(&format!("n{}", number % 1_000), &json!({ "title": "Milk", "number": number }))
            .await
            .map_err(said)?;
        floor.put.push(nanoseconds(from));
    }
    for number in 0..count {
        let from = Instant::now();
        notes.get(&format!("n{}", number % 1_000)).await.map_err(said)?.ok_or("a note is not there")?;
        floor.get.push(nanoseconds(from));
    }
    for _ in 0..count {
        let from = Instant::now();
        match database.call(Command::Ping { text: "x".into() }).await.map_err(said)? {
            Reply::Pong { .. } => floor.ping.push(nanoseconds(from)),
            _ => return Err("a ping was answered with something else".into()),
        }
    }
    Ok(floor)
}

fn nanoseconds(from: Instant) -> u64 {
    u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
