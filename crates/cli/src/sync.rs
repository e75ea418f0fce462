//! `sync`, and what the other commands about groups begin with: sync that is enabled.

use crate::args::{Place, SyncAsked};
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use ashore_native::Database;
use ashore_native::api::{Command, Reply, SyncStatus};
use serde_json::json;
use std::time::Duration;

pub(crate) async fn run(database: &Database, place: &Place, asked: &SyncAsked) -> Result<Exit, Problem> {
    let sync = database.sync();
    if asked.status || asked.off {
        let status = if asked.off { sync.disable(asked.forget).await? } else { sync.fetch_status().await? };
        Lines::new().say(&json!({ "status": status }))?;
        return Ok(Exit::Done);
    }
    enable(database, place, asked.device_name.as_deref()).await?;
    say_synced(database, place, Duration::from_secs(asked.timeout)).await?;
    Ok(Exit::Done)
}

/// Pushes, pulls, and says how that went.
pub(crate) async fn say_synced(database: &Database, place: &Place, at_most: Duration) -> Result<(), Problem> {
    let sync = database.sync();
    let synced = place.bars().while_syncing(database, sync.now_within(at_most)).await?;
    let status = sync.fetch_status().await?;
    Lines::new().say(&json!({ "pushed": synced.pushed, "pulled": synced.pulled, "status": status }))
}

/// Enables sync unless it is on and as it was asked for.
pub(crate) async fn enable(database: &Database, place: &Place, name: Option<&str>) -> Result<SyncStatus, Problem> {
    let status = database.sync().fetch_status().await?;
    let other_relay = place.relay.is_some() && place.relay != status.relay;
    if status.enabled && !other_relay {
        if let Some(name) = name {
            database.sync().rename_device(name).await?;
        }
        return Ok(status);
    }
    // A device has a name from the first day.
    let device_name = name.map(str::to_owned).or_else(|| status.group.is_none().then(device_name));
    let command = Command::EnableSync { relay: place.relay.clone(), device_name };
    match database.call(command).await? {
        Reply::Status { status } => Ok(status),
        _ => Err(Problem::wrong_reply()),
    }
}

/// What others see this device as, unless it is told.
pub(crate) fn device_name() -> String {
    let from_environment = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = from_environment.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host = host.map(|host| host.trim().chars().take(60).collect::<String>()).filter(|host| !host.is_empty());
    host.unwrap_or_else(|| "command line".into())
}
