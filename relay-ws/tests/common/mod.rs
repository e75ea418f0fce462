//! A relay as a real process, and devices that talk to it over real sockets.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::frame::{ClientFrame, PageSize, Received, RelayFrame, RequestId};
use ashore_protocol::handshake;
use ashore_protocol::{Cursor, EntryDraft, EntryId, EntryKind, Epoch, GroupId, SigningKey, Timestamp, VerifiedEntry};
use futures_util::{SinkExt, StreamExt};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// An empty directory of this test's own; what an earlier run left in it is removed.
pub fn directory(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// The program, with none of the caller's own settings.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ashore-relay"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ASHORE_RELAY_") {
            command.env_remove(name);
        }
    }
    command
}

/// A relay that runs until it is stopped, killed or dropped.
pub struct Relay {
    child: Child,
    pub host: String,
    pub log: PathBuf,
}

impl Relay {
    /// Over this data directory; the log goes to a file beside it.
    pub fn start(data: &Path, flags: &[&str]) -> Self {
        let log = data.join("log.jsonl");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = program()
            .args(["--port", "0", "--data"])
            .arg(data)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().strip_prefix("ashore-relay listening on http://");
        let host = host.unwrap_or_else(|| panic!("{line:?}; {}", std::fs::read_to_string(&log).unwrap())).to_owned();
        Self { child, host, log }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// As a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub async fn connect(&self, key: &SigningKey) -> Device {
        Device::connect(&self.host, key).await
    }

    /// Status line, headers and body of a plain request.
    pub async fn http(&self, path: &str, headers: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{headers}connection: close\r\n\r\n", self.host);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A device's connection, past the handshake.
pub struct Device {
    pub key: SigningKey,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

pub const REQUEST: RequestId = RequestId(1);

impl Device {
    pub async fn connect(host: &str, key: &SigningKey) -> Self {
        let (socket, _) = connect_async(format!("ws://{host}/v1/ws")).await.unwrap();
        let mut device = Self { key: key.clone(), socket };
        let Some(RelayFrame::Challenge { versions, nonce, .. }) = device.next().await else { panic!("no challenge") };
        device.send(&handshake::answer(key, &versions, nonce, host).unwrap()).await;
        assert!(matches!(device.next().await, Some(RelayFrame::Welcome { .. })));
        device
    }

    pub async fn send(&mut self, frame: &ClientFrame) -> bool {
        self.socket.send(Message::binary(frame.encode())).await.is_ok()
    }

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
                let ashore_protocol::frame::Item::Entry { cursor, bytes } = item else { panic!("not in full") };
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

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub fn append(group: GroupId, entries: &[&VerifiedEntry]) -> ClientFrame {
    let entries = entries.iter().map(|entry| Bytes(entry.encoded().to_vec())).collect();
    ClientFrame::Append { request: REQUEST, group, entries }
}

pub fn open(group: GroupId) -> ClientFrame {
    let page = PageSize::default();
    ClientFrame::Open { request: REQUEST, group, log: None, cursor: Cursor::ZERO, prefix: None, page }
}

pub fn found(founder: &SigningKey) -> VerifiedEntry {
    let control =
        Control::Genesis { created_at: Timestamp::from_ms(1), nonce: [0; 16], sealed: Bytes::default(), kem: None };
    control.sign(founder, None, [], Epoch(0)).unwrap()
}

/// The entries by which an admin lets another device in.
pub fn admit(admin: &SigningKey, other: &SigningKey, group: GroupId) -> [VerifiedEntry; 2] {
    let secret = key(200);
    let (expires_at, joined_at) = (Timestamp::from_ms(u64::MAX), Timestamp::from_ms(2));
    let role = Role::Writer;
    let invite =
        Control::Invite { invite_key: secret.invite_key(), role, expires_at, uses: 1, sealed: Bytes::default() };
    let invite = invite.sign(admin, Some(group), [EntryId::from(group)], Epoch(0)).unwrap();
    let proof = JoinProof { group, device: other.device_id(), invite: invite.id(), joined_at }.sign(&secret);
    let join = Control::Join { invite: invite.id(), joined_at, proof, sealed: Bytes::default(), kem: None };
    let join = join.sign(other, Some(group), [invite.id()], Epoch(0)).unwrap();
    [invite, join]
}

pub fn write(author: &SigningKey, group: GroupId, payload: Vec<u8>) -> VerifiedEntry {
    let parent = EntryId::from(group);
    let draft = EntryDraft::new(Some(group), author.device_id(), [parent], Epoch(0), EntryKind::Data, payload.len());
    draft.unwrap().sign(author, payload).unwrap()
}
