//! One device's entries on their way to the others of its group, stored before they leave.

use super::{Group, OPENING, PAYLOAD, Place, each, follow};
use crate::bare::Bare;
use crate::figures::{Figure, times_told, told};
use crate::others::{AutomergeRepo, Client, Hocuspocus, Server, beside, patiently, push_all};
use ashore_protocol::frame::RelayFrame;
use ashore_relay_load::append;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

const MANY: u32 = 1_000;
const PUSHES: usize = 100;
/// 20 a second.
const PAUSE: Duration = Duration::from_millis(50);

const GROUPS: u32 = 100;
const OTHERS: u32 = 9;
const OF_EACH: usize = 200;
const UNDER_WAY: usize = 20;

/// 100 groups of ten, all of whose founders push: what arrives at the others, all together.
pub(super) async fn deliveries(place: &Place) -> Figure {
    let relay = place.relay();
    let (mut pushers, mut listeners) = (Vec::new(), Vec::new());
    for number in 0..GROUPS {
        let (group, device) = Group::make(&relay, number, OTHERS).await;
        let open = group.open_at_end(group.log(&relay).await);
        for member in &group.members {
            listeners.push(follow(&relay.host, member, &open).await);
        }
        let frames: Vec<_> = group.written(OF_EACH, 0).iter().map(|entry| append(group.id, &[entry])).collect();
        pushers.push((device, frames));
    }
    let started = Instant::now();
    let listening = listeners.into_iter().map(|mut device| {
        tokio::spawn(async move {
            let mut heard = 0;
            while heard < OF_EACH {
                let Some(RelayFrame::Live { items, .. }) = device.next().await else { panic!("not live") };
                heard += items.len();
            }
        })
    });
    let listening: Vec<_> = listening.collect();
    let pushing =
        pushers.into_iter().map(|(device, frames)| tokio::spawn(super::pushes::push(device, frames, UNDER_WAY)));
    let pushing: Vec<_> = pushing.collect();
    join_all(pushing.into_iter().chain(listening)).await.into_iter().for_each(|done| done.unwrap());
    let delivered = f64::from(GROUPS * OTHERS) * OF_EACH as f64 / started.elapsed().as_secs_f64();
    drop(relay);

    let bare = Bare::start();
    let mut sockets = Vec::new();
    for number in 0..GROUPS {
        for _ in 0..=OTHERS {
            sockets.push(bare.connect(&format!("room?name={number}")).await);
        }
    }
    let started = Instant::now();
    let tasks = sockets.into_iter().enumerate().map(|(number, mut socket)| {
        let speaks = number % (OTHERS as usize + 1) == 0;
        tokio::spawn(async move {
            // Who speaks hears itself: so many are under way.
            let mut sent = 0;
            for heard in 0..OF_EACH {
                while speaks && sent < OF_EACH && sent < heard + UNDER_WAY {
                    socket.send(Message::binary(vec![7; PAYLOAD])).await.unwrap();
                    sent += 1;
                }
                socket.next().await.unwrap().unwrap();
            }
        })
    });
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().for_each(|done| done.unwrap());
    let of_bare = f64::from(GROUPS * OTHERS) * OF_EACH as f64 / started.elapsed().as_secs_f64();
    let others = (deliveries_of::<Hocuspocus>(place).await, deliveries_of::<AutomergeRepo>(place).await);
    Figure::of("100 groups of ten, one of each pushes: deliveries", "per s", delivered, of_bare)
        .beside(others.0, others.1)
}

/// Another system's: 100 documents with ten clients each. Several entries may come in one message.
async fn deliveries_of<C: Client>(place: &Place) -> Option<String> {
    let server = Server::start(&place.bench, C::SYSTEM, GROUPS as usize);
    patiently(async {
        let (mut pushers, mut listeners) = (Vec::new(), Vec::new());
        for number in 0..GROUPS {
            let mut pusher = C::connect(&server, number as usize, number * 1_000).await;
            pusher.found().await;
            pushers.push(pusher);
            for other in 1..=OTHERS {
                let mut listener = C::connect(&server, number as usize, number * 1_000 + other).await;
                listener.join().await;
                listeners.push(listener);
            }
        }
        let started = Instant::now();
        let listening = listeners.into_iter().map(|client| beside(arrivals(client, OF_EACH)));
        let listening: Vec<_> = listening.collect();
        let under_way = UNDER_WAY.min(C::UNDER_WAY);
        let pushing = pushers.into_iter().map(|client| beside(push_all(client, OF_EACH, under_way)));
        join_all(pushing.collect::<Vec<_>>()).await;
        join_all(listening).await;
        told(f64::from(GROUPS * OTHERS) * OF_EACH as f64 / started.elapsed().as_secs_f64(), "per s")
    })
    .await
}

/// When each of so many entries of others came.
async fn arrivals<C: Client>(mut client: C, entries: usize) -> Vec<Instant> {
    let mut times = Vec::with_capacity(entries);
    while times.len() < entries {
        let heard = client.heard().await;
        times.extend(std::iter::repeat_n(Instant::now(), heard));
    }
    times
}

/// One push to 1,000 devices: until each has it, and until all have.
pub(super) async fn to_many(place: &Place) -> [Figure; 2] {
    let relay = place.relay();
    let (group, mut device) = Group::make(&relay, 0, MANY).await;
    let open = group.open_at_end(group.log(&relay).await);
    let (host, members) = (relay.host.as_str(), &group.members);
    let followers = each(MANY, OPENING, |number| follow(host, &members[number as usize], &open)).await;
    let listening: Vec<_> = followers
        .into_iter()
        .map(|mut follower| {
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(PUSHES);
                while times.len() < PUSHES {
                    let Some(RelayFrame::Live { items, .. }) = follower.next().await else { panic!("not live") };
                    times.extend(items.iter().map(|_| Instant::now()));
                }
                times
            })
        })
        .collect();
    let mut sent = Vec::with_capacity(PUSHES);
    for entry in group.written(PUSHES, 0) {
        sent.push(Instant::now());
        device.append(group.id, &[&entry]).await.unwrap();
        tokio::time::sleep(PAUSE).await;
    }
    let heard = join_all(listening).await.into_iter().map(|times| times.unwrap()).collect();
    let (mut to_each, mut to_all) = delays(&sent, heard);
    drop(relay);

    let bare = Bare::start();
    let server = &bare;
    let listeners = each(MANY, OPENING, |_| async move { server.connect("room?name=0").await }).await;
    let listening: Vec<_> = listeners
        .into_iter()
        .map(|mut socket| {
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(PUSHES);
                while times.len() < PUSHES {
                    socket.next().await.unwrap().unwrap();
                    times.push(Instant::now());
                }
                times
            })
        })
        .collect();
    let mut socket = bare.connect("room?name=0").await;
    let mut sent = Vec::with_capacity(PUSHES);
    for _ in 0..PUSHES {
        sent.push(Instant::now());
        socket.send(Message::binary(vec![7; PAYLOAD])).await.unwrap();
        tokio::time::sleep(PAUSE).await;
    }
    let heard = join_all(listening).await.into_iter().map(|times| times.unwrap()).collect();
    let (mut bare_each, mut bare_all) = delays(&sent, heard);
    let (hocuspocus, automerge_repo) =
        (to_many_of::<Hocuspocus>(place).await, to_many_of::<AutomergeRepo>(place).await);
    let ([hocuspocus_each, hocuspocus_all], [automerge_each, automerge_all]) = (
        hocuspocus.map_or_else(Default::default, |told| told.map(Some)),
        automerge_repo.map_or_else(Default::default, |told| told.map(Some)),
    );
    [
        Figure::of_times("one push to 1,000 devices, 20 a second, to each: p50 / p99", &mut to_each, &mut bare_each)
            .beside(hocuspocus_each, automerge_each),
        Figure::of_times("the same, until all have it: p50 / p99", &mut to_all, &mut bare_all)
            .beside(hocuspocus_all, automerge_all),
    ]
}

/// Another system's: 1,000 clients of one document. To each, and to all.
#[allow(clippy::async_yields_async, reason = "what listens is waited for when all has been sent")]
async fn to_many_of<C: Client>(place: &Place) -> Option<[String; 2]> {
    let server = Server::start(&place.bench, C::SYSTEM, 1);
    let at = &server;
    patiently(async {
        let mut pusher = C::connect(at, 0, MANY).await;
        pusher.found().await;
        let listeners = each(MANY, OPENING, |number| async move {
            let mut client = C::connect(at, 0, number).await;
            client.join().await;
            // Whoever waits for the others answers meanwhile.
            beside(arrivals(client, PUSHES))
        });
        let listening = listeners.await;
        let mut sent = Vec::with_capacity(PUSHES);
        for _ in 0..PUSHES {
            sent.push(Instant::now());
            pusher.push(1).await;
            pusher.acknowledged().await;
            tokio::time::sleep(PAUSE).await;
        }
        let heard = join_all(listening).await;
        let (mut to_each, mut to_all) = delays(&sent, heard);
        [times_told(&mut to_each), times_told(&mut to_all)]
    })
    .await
}

/// From each push to each arrival, and to the last.
fn delays(sent: &[Instant], heard: Vec<Vec<Instant>>) -> (Vec<Duration>, Vec<Duration>) {
    let delay = |times: &Vec<Instant>, push: usize| times[push] - sent[push];
    let to_each = heard.iter().flat_map(|times| (0..sent.len()).map(move |push| delay(times, push))).collect();
    let to_all = (0..sent.len()).map(|push| heard.iter().map(|times| delay(times, push)).max().unwrap()).collect();
    (to_each, to_all)
}
