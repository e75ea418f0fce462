//! A relay that was restarted, and everybody comes back at once.

use super::{Group, Place, each, follow};
use crate::bare::Bare;
use crate::figures::Figure;
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
    Figure::of("1,000 devices at once after a restart, until the last is back", "ms", of_relay, of_bare)
}
