//! Connections to a peer that does what each test wants, over real sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use futures_channel::mpsc::UnboundedReceiver;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::{WebSocketStream, accept_async};

type Peer = WebSocketStream<TcpStream>;

/// Runs `test` with an open connection of ours and the peer's end of it.
fn with_peer<F: Future<Output = ()>>(test: impl FnOnce(Socket, UnboundedReceiver<TransportEvent>, Peer) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (events, mut heard) = unbounded();
        let socket = WebSockets.connect(&format!("ws://{}/v1/ws", listener.local_addr().unwrap()), events);
        let (stream, _) = listener.accept().await.unwrap();
        let peer = accept_async(stream).await.unwrap();
        assert!(matches!(heard.next().await, Some(TransportEvent::Opened)));
        test(socket, heard, peer).await;
    });
}

/// What is heard until the end, which is said once.
async fn to_the_end(heard: UnboundedReceiver<TransportEvent>) -> (Vec<Vec<u8>>, String) {
    let (mut frames, mut ends) = (Vec::new(), Vec::new());
    for event in heard.collect::<Vec<_>>().await {
        match event {
            TransportEvent::Frame(frame) => frames.push(frame),
            TransportEvent::Closed(reason) => ends.push(reason),
            TransportEvent::Opened => panic!("it opened twice"),
        }
    }
    assert_eq!(ends.len(), 1, "{ends:?}");
    (frames, ends.remove(0))
}

#[test]
fn frames_go_both_ways_in_order_and_a_close_is_told_once() {
    with_peer(|socket, heard, mut peer| async move {
        for n in 0..100_u8 {
            socket.send(vec![n; 10]);
        }
        for n in 0..100_u8 {
            assert_eq!(peer.next().await.unwrap().unwrap(), Message::binary(vec![n; 10]));
            peer.feed(Message::binary(vec![n; 20])).await.unwrap();
        }
        peer.close(None).await.unwrap();
        let (frames, reason) = to_the_end(heard).await;
        assert_eq!(frames, (0..100).map(|n| vec![n; 20]).collect::<Vec<_>>());
        assert_eq!(reason, "closed");
    });
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_ends_the_connection() {
    let largest = MAX_FRAME_BYTES as usize;
    with_peer(|socket, heard, mut peer| async move {
        let _open = socket;
        let sending = async {
            peer.send(Message::binary(vec![1; largest])).await.unwrap();
            // It may be cut off while this is on its way.
            let _ = peer.send(Message::binary(vec![2; largest + 1])).await;
        };
        let ((), (frames, reason)) = futures_util::future::join(sending, to_the_end(heard)).await;
        assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [largest]);
        assert!(reason.contains("too long"), "{reason}");
    });
}

#[test]
fn text_ends_the_connection() {
    with_peer(|socket, heard, mut peer| async move {
        let _open = socket;
        peer.send(Message::text("hello")).await.unwrap();
        assert_eq!(to_the_end(heard).await.1, "it sent text, which no relay does");
    });
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_when_too_much_waits() {
    with_peer(|socket, heard, peer| async move {
        let frame = vec![7; 1 << 20];
        for _ in 0..=MAX_WAITING_BYTES / frame.len() {
            socket.send(frame.clone());
        }
        assert_eq!(to_the_end(heard).await.1, "the relay takes what is sent to it too slowly");
        drop(peer);
    });
}

#[test]
fn a_dropped_connection_sends_what_was_given_and_says_goodbye() {
    with_peer(|socket, heard, mut peer| async move {
        socket.send(vec![1]);
        drop((socket, heard));
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::binary(vec![1]));
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(_)))));
    });
}

#[test]
fn an_address_where_nobody_listens_and_one_that_is_none_end_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for address in [format!("ws://{gone}/v1/ws"), "no address".into(), "ws://".into()] {
            let (events, heard) = unbounded();
            let _socket = WebSockets.connect(&address, events);
            assert!(to_the_end(heard).await.0.is_empty());
        }
    });
}
