//! How fast the relay is on this machine; prints, asserts only that nothing is lost. Run with
//! `cargo test --release -p ashore-relay --test load -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use ashore_protocol::VerifiedEntry;
use ashore_protocol::frame::RelayFrame;
use common::*;
use std::time::{Duration, Instant};

/// Entries in all, by so many connections, so many to a frame, so many frames unanswered at a time.
async fn pushes(connections: u8, per_frame: usize, in_flight: usize) {
    const ENTRIES: usize = 20_000;
    let relay = Relay::start(&directory("load"), &["--log-level", "warn"]);
    let alice = key(1);
    let genesis = found(&alice);
    let group = genesis.group();
    relay.connect(&alice).await.append(group, &[&genesis]).await.unwrap();
    let each = ENTRIES / usize::from(connections);
    let mut pushers = Vec::new();
    for n in 0..connections {
        let entries: Vec<VerifiedEntry> = (0..each).map(|m| write(&alice, group, payload(n, m))).collect();
        let frames: Vec<_> =
            entries.chunks(per_frame).map(|chunk| append(group, &chunk.iter().collect::<Vec<_>>())).collect();
        pushers.push((relay.connect(&alice).await, frames));
    }
    let started = Instant::now();
    let tasks = pushers.into_iter().map(|(mut device, frames)| {
        tokio::spawn(async move {
            let mut waiting = 0;
            for frame in &frames {
                device.send(frame).await;
                waiting += 1;
                while waiting >= in_flight {
                    assert!(matches!(device.answer().await, Some(RelayFrame::Appended { .. })));
                    waiting -= 1;
                }
            }
            for _ in 0..waiting {
                assert!(matches!(device.answer().await, Some(RelayFrame::Appended { .. })));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let took = started.elapsed();
    assert_eq!(relay.connect(&alice).await.read_all(group).await.len(), 1 + each * usize::from(connections));
    let rate = ENTRIES as f64 / took.as_secs_f64();
    println!("{connections} connections, {per_frame} a frame, {in_flight} in flight: {rate:.0} durable pushes/s");
}

fn payload(n: u8, m: usize) -> Vec<u8> {
    let mut payload = vec![n; 300];
    payload[1..9].copy_from_slice(&m.to_be_bytes());
    payload
}

/// From one device's push to another's live frame, one at a time.
async fn latency() {
    let relay = Relay::start(&directory("latency"), &["--log-level", "warn"]);
    let (alice, bob) = (key(1), key(2));
    let genesis = found(&alice);
    let group = genesis.group();
    let [invite, join] = admit(&alice, &bob, group);
    let mut pusher = relay.connect(&alice).await;
    pusher.append(group, &[&genesis, &invite]).await.unwrap();
    let mut reader = relay.connect(&bob).await;
    reader.append(group, &[&join]).await.unwrap();
    reader.send(&open(group)).await;
    while !matches!(reader.next().await, Some(RelayFrame::Page { more: false, .. })) {}
    let mut times: Vec<Duration> = Vec::new();
    for m in 0..500 {
        let entry = write(&alice, group, payload(0, m));
        let started = Instant::now();
        pusher.send(&append(group, &[&entry])).await;
        assert!(matches!(reader.next().await, Some(RelayFrame::Live { .. })));
        times.push(started.elapsed());
        pusher.answer().await.unwrap();
    }
    times.sort();
    println!("push to the other's live frame: p50 {:?}, p95 {:?}, p99 {:?}", times[250], times[475], times[495]);
}

#[ignore = "measures; run it by hand on a quiet machine"]
#[tokio::test(flavor = "multi_thread")]
async fn load() {
    latency().await;
    pushes(1, 1, 1).await;
    pushes(50, 1, 1).await;
    pushes(50, 1, 20).await;
    pushes(10, 100, 2).await;
}
