//! automerge-repo: Automerge's sync messages in CBOR over WebSockets. What is put in is bytes under new keys of the document's root, a change each.

use super::{Came, Client, Server, payload};
use crate::bare::Socket;
use automerge::sync::{Message as SyncMessage, State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ROOT};
use futures_util::{SinkExt, StreamExt};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use std::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// A repo's connection.
pub(crate) struct AutomergeRepo {
    socket: Socket,
    me: String,
    server: String,
    document: String,
    state: State,
    automerge: AutoCommit,
    number: u64,
    pushed: u64,
}

/// What is needed of a message.
#[derive(Default)]
struct Told {
    kind: String,
    sender: String,
    data: Vec<u8>,
}

impl AutomergeRepo {
    async fn say(&mut self, message: Vec<u8>) {
        self.socket.send(Message::binary(message)).await.unwrap();
    }

    async fn next(&mut self) -> Told {
        loop {
            if let Message::Binary(bytes) = self.socket.next().await.unwrap().unwrap() {
                return told(&bytes);
            }
        }
    }

    /// What there is to say of the document.
    async fn sync(&mut self, kind: &str) {
        let Some(message) = self.automerge.sync().generate_sync_message(&mut self.state) else { return };
        let mut encoder = Encoder::new(Vec::new());
        encoder.map(5).unwrap();
        for (key, value) in
            [("type", kind), ("senderId", &self.me), ("targetId", &self.server), ("documentId", &self.document)]
        {
            encoder.str(key).unwrap().str(value).unwrap();
        }
        encoder.str("data").unwrap().bytes(&message.encode()).unwrap();
        self.say(encoder.into_writer()).await;
    }

    /// Takes the next message about the document, and tells when it came, before it was taken in.
    async fn hear(&mut self) -> Came {
        loop {
            let told = self.next().await;
            let last = Instant::now();
            assert!(told.kind != "doc-unavailable" && told.kind != "error", "{}", told.kind);
            if told.kind == "sync" {
                let message = SyncMessage::decode(&told.data).unwrap();
                self.automerge.sync().receive_sync_message(&mut self.state, message).unwrap();
                return Came { last, bytes: told.data.len() };
            }
        }
    }

    /// Whether the server has what is here, and this what the server has.
    fn is_even(&mut self) -> bool {
        let heads = self.automerge.get_heads();
        !heads.is_empty() && self.state.their_heads.as_ref() == Some(&heads)
    }
}

impl Client for AutomergeRepo {
    const SYSTEM: &'static str = "automerge";
    const UNDER_WAY: usize = 1;

    async fn connect(server: &Server, document: usize, number: u32) -> Self {
        let (socket, document, me) = (server.connect().await, server.document(document), format!("device-{number}"));
        let (state, automerge, number) = (State::new(), AutoCommit::new(), u64::from(number));
        let mut client = Self { socket, me, server: String::new(), document, state, automerge, number, pushed: 0 };
        let mut encoder = Encoder::new(Vec::new());
        encoder.map(4).unwrap().str("type").unwrap().str("join").unwrap();
        encoder.str("senderId").unwrap().str(&client.me).unwrap();
        encoder.str("peerMetadata").unwrap().map(1).unwrap().str("isEphemeral").unwrap().bool(true).unwrap();
        encoder.str("supportedProtocolVersions").unwrap().array(1).unwrap().str("1").unwrap();
        client.say(encoder.into_writer()).await;
        let told = client.next().await;
        assert_eq!(told.kind, "peer");
        client.server = told.sender;
        client
    }

    async fn found(&mut self) {
        self.push(1).await;
        self.acknowledged().await;
    }

    async fn join(&mut self) -> Came {
        let mut bytes = 0;
        self.sync("request").await;
        loop {
            let came = self.hear().await;
            bytes += came.bytes;
            self.sync("sync").await;
            if self.is_even() {
                return Came { bytes, ..came };
            }
        }
    }

    async fn push(&mut self, entries: usize) {
        for _ in 0..entries {
            let key = format!("{}-{}", self.number, self.pushed);
            self.automerge.put(ROOT, key, payload(self.number, self.pushed)).unwrap();
            self.automerge.commit();
            self.pushed += 1;
        }
        self.sync("sync").await;
    }

    async fn acknowledged(&mut self) {
        while !self.is_even() {
            self.hear().await;
            self.sync("sync").await;
        }
    }

    async fn heard(&mut self) -> usize {
        let before = self.automerge.get_heads();
        self.hear().await;
        let came = self.automerge.get_changes(&before).len();
        self.sync("sync").await;
        came
    }
}

fn told(bytes: &[u8]) -> Told {
    let mut told = Told::default();
    let mut decoder = Decoder::new(bytes);
    let mut left = decoder.map().unwrap();
    while left != Some(0) {
        if left.is_none() && decoder.datatype().unwrap() == Type::Break {
            break;
        }
        match decoder.str().unwrap() {
            "type" => told.kind = decoder.str().unwrap().to_owned(),
            "senderId" => told.sender = decoder.str().unwrap().to_owned(),
            "data" => told.data = decoder.bytes().unwrap().to_vec(),
            _ => decoder.skip().unwrap(),
        }
        left = left.map(|left| left - 1);
    }
    told
}
