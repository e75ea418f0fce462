//! A relay that was restarted, and everybody comes back at once.

use super::{Group, Place, each, follow};
use crate::bare::Bare;
use crate::figures::{Figure, told};
use crate::others::{AutomergeRepo, Client, Hocuspocus, Server, patiently};
use futures_util::{SinkExt, StreamExt};
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message;

const MANY: u32 = 1_000;

/// Until the last of 1,000 devices of one group is welcomed and hears of it again; beside as many that connect and are answered once.
pub(super) async fn all_at_once(place: &Place) -> Figure {
    let relay = place.relay();
    let (group, _) = Group::make(&relay, 0, MANY).await;
    let open = group.open_at_end(group.log(&relay).await);
    relay.terminate();
    assert!(relay.wait().success());
    let relay = place.again();
    let (host, members) = (relay.host.as_str(), &group.members);
    let started = Instant::now();
    let back = each(MANY, MANY as usize, |number| follow(host, &members[number as usize], &open)).await;
    let of_relay = started.elapsed();
    drop((back, relay));

    let bare = Bare::start();
    let server = &bare;
    let started = Instant::now();
    let back = each(MANY, MANY as usize, |_| async move {
        let mut socket = server.connect("echo").await;
        socket.send(Message::binary(vec![7; 100])).await.unwrap();
        socket.next().await.unwrap().unwrap();
        socket
    });
    let back = back.await;
    let of_bare = started.elapsed();
    drop(back);
    let (of_relay, of_bare) = (of_relay.as_secs_f64() * 1_000.0, of_bare.as_secs_f64() * 1_000.0);
    let others = (all_at_once_of::<Hocuspocus>(place).await, all_at_once_of::<AutomergeRepo>(place).await);
    Figure::of("1,000 devices at once after a restart, until the last is back", "ms", of_relay, of_bare)
        .beside(others.0, others.1)
}

/// Another system's: 1,000 clients of a document of one entry. Its server keeps nothing, so that there is no restart.
async fn all_at_once_of<C: Client>(place: &Place) -> Option<String> {
    let server = Server::start(&place.bench, C::SYSTEM, 1);
    let at = &server;
    patiently(async {
        let mut founder = C::connect(at, 0, MANY).await;
        founder.found().await;
        let started = Instant::now();
        let back = each(MANY, MANY as usize, |number| async move {
            let mut client = C::connect(at, 0, number).await;
            client.join().await;
            client
        });
        let back = back.await;
        let took = started.elapsed();
        drop((founder, back));
        told(took.as_secs_f64() * 1_000.0, "ms")
    })
    .await
}
