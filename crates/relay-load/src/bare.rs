//! WebSockets on the relay's stack that do nothing else: what a relay cannot be better than.

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use axum::{Router, serve};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A connection with it.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Messages that may wait for a slow listener of a room.
const WAITING: usize = 4_096;
/// What `stream` sends at a time: as much as a page of a log.
const STREAMED: usize = 512 << 10;

/// The program's own process that serves them.
pub(crate) struct Bare {
    child: Child,
    host: String,
}

impl Bare {
    pub(crate) fn start() -> Self {
        let mut child =
            Command::new(std::env::current_exe().unwrap()).arg("bare").stdout(Stdio::piped()).spawn().unwrap();
        let mut host = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut host).unwrap();
        Self { child, host: host.trim().to_owned() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `echo`, `room?name=N` or `stream?bytes=N`.
    pub(crate) async fn connect(&self, path: &str) -> Socket {
        connect_async(format!("ws://{}/{path}", self.host)).await.unwrap().0
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<u32, broadcast::Sender<Bytes>>>>);

#[derive(Deserialize)]
struct Room {
    name: u32,
}

#[derive(Deserialize)]
struct Stream {
    bytes: usize,
}

/// Serves until it is killed.
pub(crate) async fn run() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    let router = Router::new()
        .route("/echo", any(|upgrade: WebSocketUpgrade| async { as_the_relay(upgrade).on_upgrade(echo) }))
        .route("/room", any(room))
        .route("/stream", any(stream))
        .with_state(Rooms::default());
    serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), router).await.unwrap();
}

/// With the relay's buffers.
fn as_the_relay(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(4_096).write_buffer_size(4_096)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn room(upgrade: WebSocketUpgrade, State(rooms): State<Rooms>, Query(Room { name }): Query<Room>) -> Response {
    let room = rooms.0.lock().unwrap().entry(name).or_insert_with(|| broadcast::channel(WAITING).0).clone();
    as_the_relay(upgrade).on_upgrade(move |socket| async move {
        let (mut sink, mut stream) = socket.split();
        let mut heard = room.subscribe();
        let sending = async {
            while let Ok(message) = heard.recv().await {
                if sink.send(Message::Binary(message)).await.is_err() {
                    return;
                }
            }
        };
        let hearing = async {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Binary(bytes) = message {
                    let _ = room.send(bytes);
                }
            }
        };
        tokio::select! {
            () = sending => {}
            () = hearing => {}
        }
    })
}

async fn stream(upgrade: WebSocketUpgrade, Query(Stream { bytes }): Query<Stream>) -> Response {
    as_the_relay(upgrade).on_upgrade(move |mut socket| async move {
        let chunk = Bytes::from(vec![7; STREAMED]);
        for _ in 0..bytes.div_ceil(STREAMED) {
            if socket.send(Message::Binary(chunk.clone())).await.is_err() {
                return;
            }
        }
        // Whoever listens ends it.
        while let Some(Ok(_)) = socket.recv().await {}
    })
}
