//! Entries that are stored, synced to the disk and acknowledged; beside messages of their size that are echoed.

use super::{Group, PAYLOAD, Place};
use crate::bare::{Bare, Socket};
use crate::figures::Figure;
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
    Figure::of(format!("{}, {PAYLOAD} bytes sealed", load.what), "per s", pushed, echoed)
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
