//! Connections that say nothing: what each costs the server.

use super::{OPENING, Place, each};
use crate::bare::Bare;
use crate::figures::{Figure, short};
use ashore_relay_load::{Device, numbered_key};
use std::time::Duration;

/// Until what was needed for opening them was given back.
const SETTLED: Duration = Duration::from_secs(1);

/// As many as this process may hold, and a few files besides.
pub(super) fn most() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: u32 = files.split_whitespace().nth(3).unwrap().parse().unwrap_or(u32::MAX);
    // A port each, of those that are given out for one address.
    (soft - 200).min(27_000)
}

pub(super) async fn memory(place: &Place, connections: u32) -> Figure {
    let relay = place.relay();
    let before = resident(relay.id());
    let host = relay.host.as_str();
    let open =
        each(connections, OPENING, |number| async move { Device::connect(host, &numbered_key(number)).await }).await;
    tokio::time::sleep(SETTLED).await;
    let of_relay = (resident(relay.id()) - before) / f64::from(connections);
    drop(open);
    drop(relay);
    let bare = Bare::start();
    let before = resident(bare.id());
    let server = &bare;
    let open = each(connections, OPENING, |_| async move { server.connect("echo").await }).await;
    tokio::time::sleep(SETTLED).await;
    let of_bare = (resident(bare.id()) - before) / f64::from(connections);
    drop(open);
    let what = format!("{} connections that say nothing: memory of each", short(f64::from(connections)));
    Figure::of(what, "KiB", of_relay, of_bare)
}

/// A process's memory in KiB.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
