//! Entries that are stored, synced to the disk and acknowledged; beside messages of their size that are echoed.

use super::{Group, PAYLOAD, Place};
use crate::bare::{Bare, Socket};
use crate::figures::{Figure, told};
use crate::others::{AutomergeRepo, Client, Hocuspocus, Server, beside, patiently, push_all};
use ashore_protocol::frame::{ClientFrame, RelayFrame};
use ashore_relay_load::{Device, append};
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// How it is pushed.
#[derive(Clone, Copy)]
pub(super) struct Load {
    what: &'static str,
    groups: u32,
    /// Of each group.
    connections: usize,
    /// Entries in a frame.
    in_a_frame: usize,
    /// Frames of a connection that are not answered yet.
    under_way: usize,
    /// Entries in all.
    entries: usize,
}

/// Of so many entries, another system's server is given one.
const OF_OTHERS: usize = 4;

pub(super) const LOADS: [Load; 5] = [
    Load {
        what: "pushes, one at a time, a sync of the disk each",
        groups: 1,
        connections: 1,
        in_a_frame: 1,
        under_way: 1,
        entries: 4_000,
    },
    Load {
        what: "pushes, 50 connections of one group, one at a time each",
        groups: 1,
        connections: 50,
        in_a_frame: 1,
        under_way: 1,
        entries: 20_000,
    },
    Load {
        what: "pushes, 50 connections of one group, 20 under way each",
        groups: 1,
        connections: 50,
        in_a_frame: 1,
        under_way: 20,
        entries: 40_000,
    },
    Load {
        what: "pushes, 100 groups of one connection, 20 under way each",
        groups: 100,
        connections: 1,
        in_a_frame: 1,
        under_way: 20,
        entries: 40_000,
    },
    Load {
        what: "pushes, 10 connections of one group, 100 in a frame",
        groups: 1,
        connections: 10,
        in_a_frame: 100,
        under_way: 2,
        entries: 40_000,
    },
];

pub(super) async fn rate(place: &Place, load: Load) -> Figure {
    let relay = place.relay();
    let each = load.entries / (load.groups as usize * load.connections);
    let mut pushers = Vec::new();
    for number in 0..load.groups {
        let (group, _) = Group::make(&relay, number, 0).await;
        for part in 0..load.connections {
            let entries = group.written(each, part);
            let frames = entries.chunks(load.in_a_frame).map(|some| append(group.id, &some.iter().collect::<Vec<_>>()));
            pushers.push((relay.connect(&group.founder).await, frames.collect::<Vec<_>>()));
        }
    }
    let bytes = pushers[0].1[0].encode().len();
    let started = Instant::now();
    let pushing = pushers.into_iter().map(|(device, frames)| tokio::spawn(push(device, frames, load.under_way)));
    join_all(pushing.collect::<Vec<_>>()).await.into_iter().for_each(|pushed| pushed.unwrap());
    let pushed = load.entries as f64 / started.elapsed().as_secs_f64();
    drop(relay);

    let bare = Bare::start();
    let mut sockets = Vec::new();
    for _ in 0..load.groups as usize * load.connections {
        sockets.push(bare.connect("echo").await);
    }
    let started = Instant::now();
    let echoing =
        sockets.into_iter().map(|socket| tokio::spawn(echo(socket, each / load.in_a_frame, bytes, load.under_way)));
    join_all(echoing.collect::<Vec<_>>()).await.into_iter().for_each(|echoed| echoed.unwrap());
    let echoed = load.entries as f64 / started.elapsed().as_secs_f64();
    let figure = Figure::of(format!("{}, {PAYLOAD} bytes sealed", load.what), "per s", pushed, echoed);
    if load.connections > 1 {
        // Whoever pushes there hears what the others push.
        return figure;
    }
    let others = (rate_of::<Hocuspocus>(place, load).await, rate_of::<AutomergeRepo>(place, load).await);
    figure.beside(others.0, others.1)
}

/// What another system's server takes, a document for a group: in memory, and no signature is checked.
async fn rate_of<C: Client>(place: &Place, load: Load) -> Option<String> {
    let server = Server::start(&place.bench, C::SYSTEM, load.groups as usize);
    // Fewer: a rate as well.
    let each = load.entries / load.groups as usize / OF_OTHERS;
    patiently(async {
        let mut pushers = Vec::new();
        for number in 0..load.groups {
            let mut client = C::connect(&server, number as usize, number).await;
            client.found().await;
            pushers.push(client);
        }
        let started = Instant::now();
        let under_way = load.under_way.min(C::UNDER_WAY);
        let pushing = pushers.into_iter().map(|client| beside(push_all(client, each, under_way)));
        join_all(pushing.collect::<Vec<_>>()).await;
        told(each as f64 * f64::from(load.groups) / started.elapsed().as_secs_f64(), "per s")
    })
    .await
}

pub(super) async fn push(mut device: Device, frames: Vec<ClientFrame>, under_way: usize) {
    let mut waiting = 0;
    for frame in &frames {
        device.send(frame).await;
        waiting += 1;
        while waiting >= under_way {
            acknowledged(&mut device).await;
            waiting -= 1;
        }
    }
    for _ in 0..waiting {
        acknowledged(&mut device).await;
    }
}

async fn acknowledged(device: &mut Device) {
    let answer = device.answer().await;
    assert!(matches!(answer, Some(RelayFrame::Appended { .. })), "not appended: {answer:?}");
}

async fn echo(mut socket: Socket, messages: usize, bytes: usize, under_way: usize) {
    let mut waiting = 0;
    for _ in 0..messages {
        socket.send(Message::binary(vec![7; bytes])).await.unwrap();
        waiting += 1;
        while waiting >= under_way {
            socket.next().await.unwrap().unwrap();
            waiting -= 1;
        }
    }
    for _ in 0..waiting {
        socket.next().await.unwrap().unwrap();
    }
}
