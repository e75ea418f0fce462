//! Hocuspocus: Yjs over WebSockets. Each message begins with the document's name; what is put in is bytes under new keys of one shared map.

use super::{Came, Client, Server, payload};
use crate::bare::Socket;
use futures_util::{SinkExt, StreamExt};
use std::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Message};

const SYNC: u64 = 0;
const AUTH: u64 = 2;
const CLOSE: u64 = 7;
const SYNC_STATUS: u64 = 8;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

const TOKEN: u64 = 0;
const AUTHENTICATED: u64 = 2;

/// Yjs's structs: bytes, under a key of their own.
const BINARY_WITH_KEY: u8 = 3 | 0x20;

/// A provider's connection.
pub(crate) struct Hocuspocus {
    socket: Socket,
    document: String,
    number: u64,
    clock: u64,
}

/// What a message says.
enum Told {
    Authenticated,
    /// Everything that one lacks, with the bytes that it took.
    State(usize),
    /// So many entries.
    Update(usize),
    Stored,
    Other,
}

impl Hocuspocus {
    async fn say(&mut self, kind: u64, rest: &[u8]) {
        let mut message = Vec::new();
        put_bytes(&mut message, self.document.as_bytes());
        put(&mut message, kind);
        message.extend_from_slice(rest);
        self.socket.send(Message::binary(message)).await.unwrap();
    }

    async fn next(&mut self) -> Told {
        loop {
            let Message::Binary(bytes) = self.socket.next().await.unwrap().unwrap() else { continue };
            return told(&bytes);
        }
    }

    /// The client's next structs, as an update of Yjs's first version.
    fn update(&mut self, entries: usize) -> Vec<u8> {
        let mut update = Vec::new();
        for number in [1, entries as u64, self.number, self.clock] {
            put(&mut update, number);
        }
        for _ in 0..entries {
            update.push(BINARY_WITH_KEY);
            // Its parent is told by the name that it has at the top.
            put(&mut update, 1);
            put_bytes(&mut update, b"entries");
            put_bytes(&mut update, format!("{}-{}", self.number, self.clock).as_bytes());
            put_bytes(&mut update, &payload(self.number, self.clock));
            self.clock += 1;
        }
        // Nothing is deleted.
        put(&mut update, 0);
        update
    }
}

impl Client for Hocuspocus {
    const SYSTEM: &'static str = "yjs";
    const UNDER_WAY: usize = usize::MAX;

    async fn connect(server: &Server, document: usize, number: u32) -> Self {
        let (socket, document) = (server.connect().await, server.document(document));
        let mut client = Self { socket, document, number: u64::from(number) + 1, clock: 0 };
        let mut token = Vec::new();
        put(&mut token, TOKEN);
        put_bytes(&mut token, b"");
        put_bytes(&mut token, b"4.7.0");
        client.say(AUTH, &token).await;
        while !matches!(client.next().await, Told::Authenticated) {}
        client
    }

    async fn found(&mut self) {
        self.join().await;
        self.push(1).await;
        self.acknowledged().await;
    }

    async fn join(&mut self) -> Came {
        let mut step = Vec::new();
        put(&mut step, STEP_1);
        // A state of no client.
        put_bytes(&mut step, &[0]);
        self.say(SYNC, &step).await;
        loop {
            if let Told::State(bytes) = self.next().await {
                return Came { last: Instant::now(), bytes };
            }
        }
    }

    async fn push(&mut self, entries: usize) {
        let mut message = Vec::new();
        put(&mut message, UPDATE);
        put_bytes(&mut message, &self.update(entries));
        self.say(SYNC, &message).await;
    }

    async fn acknowledged(&mut self) {
        while !matches!(self.next().await, Told::Stored) {}
    }

    async fn heard(&mut self) -> usize {
        match self.next().await {
            Told::Update(entries) => entries,
            _ => 0,
        }
    }
}

fn told(message: &Bytes) -> Told {
    let mut rest = &message[..];
    take_bytes(&mut rest);
    match take(&mut rest) {
        AUTH => {
            assert_eq!(take(&mut rest), AUTHENTICATED);
            Told::Authenticated
        }
        SYNC => match take(&mut rest) {
            STEP_2 => Told::State(message.len()),
            UPDATE => {
                let mut update = take_bytes(&mut rest);
                let (clients, structs) = (take(&mut update), take(&mut update));
                // One of a document's clients pushes where others listen.
                assert!(clients == 1, "an update of {clients} clients");
                Told::Update(structs as usize)
            }
            _ => Told::Other,
        },
        SYNC_STATUS => {
            assert_eq!(take(&mut rest), 1, "not stored");
            Told::Stored
        }
        CLOSE => panic!("closed: {}", String::from_utf8_lossy(take_bytes(&mut rest))),
        _ => Told::Other,
    }
}

/// Seven bits in a byte, the lowest first.
fn put(into: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        into.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    into.push(number as u8);
}

fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    put(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn take(rest: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (byte, after) = rest.split_first().unwrap();
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let count = take(rest) as usize;
    let (bytes, after) = rest.split_at(count);
    *rest = after;
    bytes
}
