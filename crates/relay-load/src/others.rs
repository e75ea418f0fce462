//! Servers of other systems, each in a process of its own, and clients that speak their protocols.

mod automerge_repo;
mod hocuspocus;

pub(crate) use automerge_repo::AutomergeRepo;
pub(crate) use hocuspocus::Hocuspocus;

use crate::bare::Socket;
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Entries carry so much that is sealed, or might be.
pub(crate) const PAYLOAD: usize = 300;
/// Nobody waits longer for one measurement.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server's process, which keeps everything in memory.
pub(crate) struct Server {
    child: Child,
    said: Said,
}

#[derive(Deserialize)]
struct Said {
    address: String,
    documents: Vec<String>,
}

impl Server {
    /// That of this system, from the benchmark's folder, with so many names of documents that it takes.
    pub(crate) fn start(folder: &Path, system: &str, documents: usize) -> Self {
        let mut command = Command::new("node");
        command.current_dir(folder).args(["run/other-server.js", system, &documents.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, said: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn document(&self, number: usize) -> String {
        self.said.documents[number].clone()
    }

    async fn connect(&self) -> Socket {
        // What answers whoever has nothing is one frame.
        let limits = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        connect_async_with_config(&self.said.address, Some(limits), true).await.unwrap().0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came until somebody had everything.
pub(crate) struct Came {
    pub(crate) last: Instant,
    pub(crate) bytes: usize,
}

/// A connection with such a server, past its handshake, that is about one document.
pub(crate) trait Client: Sized + Send + 'static {
    /// As the benchmark's folder calls it.
    const SYSTEM: &'static str;
    /// Most messages that may be under way: where a client answers each, one.
    const UNDER_WAY: usize;

    fn connect(server: &Server, document: usize, number: u32) -> impl Future<Output = Self> + Send;

    /// The document's first entry, stored by the server.
    fn found(&mut self) -> impl Future<Output = ()> + Send;

    /// Everything that the server has of the document, and from now on what follows.
    fn join(&mut self) -> impl Future<Output = Came> + Send;

    /// One message with so many new entries of [`PAYLOAD`] bytes.
    fn push(&mut self, entries: usize) -> impl Future<Output = ()> + Send;

    /// Until the server says that it has what the oldest message that it has not said so of brought.
    fn acknowledged(&mut self) -> impl Future<Output = ()> + Send;

    /// Entries of others that the next message brings.
    fn heard(&mut self) -> impl Future<Output = usize> + Send;
}

/// So many messages of one entry, each taken by the server, so many of them under way.
pub(crate) async fn push_all<C: Client>(mut client: C, messages: usize, under_way: usize) {
    let mut waiting = 0;
    for _ in 0..messages {
        client.push(1).await;
        waiting += 1;
        while waiting >= under_way {
            client.acknowledged().await;
            waiting -= 1;
        }
    }
    for _ in 0..waiting {
        client.acknowledged().await;
    }
}

/// Work beside other work, which ends when nobody waits for it any more.
pub(crate) struct Beside<T>(JoinHandle<T>);

pub(crate) fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Beside<T> {
    Beside(tokio::spawn(work))
}

impl<T> Future for Beside<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|done| done.unwrap())
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// `None` when it takes too long.
pub(crate) async fn patiently<T>(measured: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, measured).await.ok()
}

/// Bytes that nothing makes smaller, other ones for each number.
fn payload(client: u64, number: u64) -> Vec<u8> {
    let mut state = (client << 32 | number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(PAYLOAD).collect()
}
