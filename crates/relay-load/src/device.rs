//! One device's connection, frame by frame.

use crate::entries::{REQUEST, append};
use ashore_protocol::frame::{ClientFrame, Item, PageSize, Received, RelayFrame};
use ashore_protocol::handshake;
use ashore_protocol::{Cursor, GroupId, SigningKey, VerifiedEntry};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A device's connection, past the handshake.
#[derive(Debug)]
pub struct Device {
    /// What it signs with.
    pub key: SigningKey,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Device {
    /// Connects and is welcomed.
    pub async fn connect(host: &str, key: &SigningKey) -> Self {
        let (socket, _) = connect_async(format!("ws://{host}/v1/ws")).await.unwrap();
        let mut device = Self { key: key.clone(), socket };
        let Some(RelayFrame::Challenge { versions, nonce, .. }) = device.next().await else { panic!("no challenge") };
        device.send(&handshake::answer(key, &versions, nonce, host).unwrap()).await;
        assert!(matches!(device.next().await, Some(RelayFrame::Welcome { .. })));
        device
    }

    /// Whether the frame could be sent.
    pub async fn send(&mut self, frame: &ClientFrame) -> bool {
        self.socket.send(Message::binary(frame.encode())).await.is_ok()
    }

    /// Sends what no device sends.
    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next frame; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<RelayFrame> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Binary(bytes)) => match RelayFrame::decode(&bytes).unwrap() {
                    Received::Frame(frame) => return Some(frame),
                    Received::Unknown(_) => continue,
                },
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => continue,
            }
        }
    }

    /// The next frame that is not a push.
    pub async fn answer(&mut self) -> Option<RelayFrame> {
        loop {
            match self.next().await? {
                RelayFrame::Live { .. } => continue,
                frame => return Some(frame),
            }
        }
    }

    /// Sends a frame and waits for the answer.
    pub async fn ask(&mut self, frame: &ClientFrame) -> Option<RelayFrame> {
        self.send(frame).await;
        self.answer().await
    }

    /// The cursors of these entries, or `None` when the connection ended before the answer.
    pub async fn append(&mut self, group: GroupId, entries: &[&VerifiedEntry]) -> Option<Vec<u64>> {
        match self.ask(&append(group, entries)).await? {
            RelayFrame::Appended { placed, .. } => Some(placed.iter().map(|placed| placed.cursor.get()).collect()),
            RelayFrame::Failed { request: None, .. } => None,
            other => panic!("not appended: {other:?}"),
        }
    }

    /// Every entry of the log, by pages, with its own in full.
    pub async fn read_all(&mut self, group: GroupId) -> Vec<(u64, Vec<u8>)> {
        let page = PageSize { own_in_full: true, ..PageSize::default() };
        let mut all = Vec::new();
        let cursor = Cursor::ZERO;
        self.send(&ClientFrame::Open { request: REQUEST, group, log: None, cursor, prefix: None, page }).await;
        let Some(RelayFrame::Opened { .. }) = self.answer().await else { panic!("not opened") };
        while let Some(RelayFrame::Page { items, more, .. }) = self.answer().await {
            for item in items {
                let Item::Entry { cursor, bytes } = item else { panic!("not in full") };
                all.push((cursor.get(), bytes.0));
            }
            if !more {
                return all;
            }
            let after = Cursor::new(all.last().unwrap().0).unwrap();
            self.send(&ClientFrame::Pull { request: REQUEST, group, after, page }).await;
        }
        panic!("the connection ended between pages");
    }
}
