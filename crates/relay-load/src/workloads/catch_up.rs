//! A device that has nothing reads a long log.

use super::{AT_A_TIME, Group, PAYLOAD, Place};
use crate::bare::Bare;
use crate::figures::{Figure, told};
use crate::others::{AutomergeRepo, Client, Hocuspocus, Server, patiently};
use futures_util::StreamExt;
use std::time::Instant;

const ENTRIES: usize = 100_000;

/// Pages of a log of 100,000 entries, asked for one after another; beside the same bytes sent without being asked for.
pub(super) async fn rate(place: &Place) -> Figure {
    let relay = place.relay();
    let (mut group, mut device) = Group::make(&relay, 0, 1).await;
    let entries = group.written(ENTRIES, 0);
    group.append(&mut device, &entries).await;
    let mut reader = relay.connect(&group.members[0]).await;
    let started = Instant::now();
    let read = reader.read_all(group.id).await;
    let took = started.elapsed();
    // With the genesis, the invite and the join.
    assert_eq!(read.len(), ENTRIES + 3);
    let bytes: usize = read.iter().map(|(_, bytes)| bytes.len()).sum();
    drop(relay);

    let bare = Bare::start();
    let started = Instant::now();
    let mut stream = bare.connect(&format!("stream?bytes={bytes}")).await;
    let mut heard = 0;
    while heard < bytes {
        heard += stream.next().await.unwrap().unwrap().len();
    }
    let rates = [bytes as f64 / took.as_secs_f64(), heard as f64 / started.elapsed().as_secs_f64()];
    let [of_relay, of_bare] = rates.map(|rate| rate / 1e6);
    let others = (rate_of::<Hocuspocus>(place).await, rate_of::<AutomergeRepo>(place).await);
    Figure::of("a log of 100,000 entries read by a new device", "MB/s", of_relay, of_bare).beside(others.0, others.1)
}

/// Another system's: a document of as many entries, in its own encoding.
async fn rate_of<C: Client>(place: &Place) -> Option<String> {
    let server = Server::start(&place.bench, C::SYSTEM, 1);
    patiently(async {
        let mut writer = C::connect(&server, 0, 0).await;
        writer.found().await;
        for _ in 0..ENTRIES / AT_A_TIME {
            writer.push(AT_A_TIME).await;
            writer.acknowledged().await;
        }
        let mut reader = C::connect(&server, 0, 1).await;
        let started = Instant::now();
        let came = reader.join().await;
        assert!(came.bytes > ENTRIES * PAYLOAD, "{} bytes", came.bytes);
        told(came.bytes as f64 / (came.last - started).as_secs_f64() / 1e6, "MB/s")
    })
    .await
}
