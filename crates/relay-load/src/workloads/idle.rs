//! Connections that say nothing: what each costs the server.

use super::{OPENING, Place, each};
use crate::bare::Bare;
use crate::figures::{Figure, short, told};
use crate::others::{AutomergeRepo, Client, Hocuspocus, Server, beside, patiently};
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
    let others =
        (memory_of::<Hocuspocus>(place, connections).await, memory_of::<AutomergeRepo>(place, connections).await);
    Figure::of(what, "KiB", of_relay, of_bare).beside(others.0, others.1)
}

/// That of another system's server, which answers pings meanwhile; Hocuspocus's connections are all about one empty document, since it takes no others.
#[allow(clippy::async_yields_async, reason = "what reads is never waited for")]
async fn memory_of<C: Client>(place: &Place, connections: u32) -> Option<String> {
    let server = Server::start(&place.bench, C::SYSTEM, 1);
    let before = resident(server.id());
    let at = &server;
    patiently(async {
        let open = each(connections, OPENING, |number| async move {
            let mut client = C::connect(at, 0, number).await;
            // Whoever does not read answers no ping, and is thrown out.
            let reading = async move {
                loop {
                    client.heard().await;
                }
            };
            beside(reading)
        });
        let open = open.await;
        tokio::time::sleep(SETTLED).await;
        let of_each = (resident(server.id()) - before) / f64::from(connections);
        drop(open);
        told(of_each, "KiB")
    })
    .await
}

/// A process's memory in KiB.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
