//! The thread that runs the mailbox: takes everything that waits, commits once, then lets the answers out.

use crate::storage::SqliteLogStore;
use ashore_protocol::frame::FailureCode;
use ashore_protocol::ids::Timestamp;
use ashore_protocol::limits::Limits;
use ashore_protocol::mailbox::{ConnectionId, Mailbox, MailboxConfig, Note, Output, Peer, Prepared, Tidied};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tracing::{debug, error, info};

/// Inputs that may wait for the thread; connections wait when there are as many.
const WAITING_INPUTS: usize = 1_024;
/// Inputs of one transaction: enough to share a disk sync among many, few enough to answer soon.
const INPUTS_PER_COMMIT: usize = 512;

/// How often what need not be kept is looked for, and the pause between the steps while there is something.
const TIDY_EVERY: Duration = Duration::from_secs(1);
const TIDY_NEXT: Duration = Duration::from_millis(20);

/// What happened on a connection.
#[derive(Debug)]
pub enum Input {
    /// It opened; answers go to `outbox`.
    Connected {
        /// Its number.
        conn: ConnectionId,
        /// Its address.
        peer: Peer,
        /// 32 fresh random bytes.
        nonce: [u8; 32],
        /// Not bounded by count: the mailbox bounds what waits in it by bytes.
        outbox: mpsc::UnboundedSender<ToDevice>,
    },
    /// A frame arrived.
    Received(ConnectionId, Prepared),
    /// So many bytes went out.
    Flushed(ConnectionId, usize),
    /// It closed.
    Disconnected(ConnectionId),
    /// Time for a step of forgetting what need not be kept.
    Tidy,
    /// Finish what waits, say goodbye, end.
    Stop,
}

/// What a connection's task does.
#[derive(Debug, Clone)]
pub enum ToDevice {
    /// Send a binary message.
    Frame(Arc<[u8]>),
    /// Close for this reason.
    Close(FailureCode),
}

/// What others see of the hub.
#[derive(Debug, Clone)]
pub struct Hub {
    inputs: mpsc::Sender<Input>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    storing: AtomicBool,
    /// There is more to forget at once.
    untidy: AtomicBool,
    connections: AtomicUsize,
}

impl Hub {
    /// Starts the thread. `seed` is 32 random bytes.
    pub fn start(
        store: SqliteLogStore,
        config: MailboxConfig,
        seed: [u8; 32],
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, inputs) = mpsc::channel(WAITING_INPUTS);
        let limits = config.limits.clone();
        let state = State {
            limits,
            storing: AtomicBool::new(true),
            untidy: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        };
        let hub = Self { inputs: sender, state: Arc::new(state) };
        let mailbox = Mailbox::new(store, config, seed);
        let thread = Thread { mailbox, outboxes: HashMap::new(), state: Arc::clone(&hub.state) };
        let handle = std::thread::Builder::new().name("mailbox".to_owned()).spawn(move || thread.run(inputs))?;
        hub.tidy_in_steps()?;
        Ok((hub, handle))
    }

    /// A thread that asks for a step of forgetting now and then, until the hub has stopped.
    fn tidy_in_steps(&self) -> std::io::Result<()> {
        let (inputs, state) = (self.inputs.downgrade(), Arc::clone(&self.state));
        let timer = move || loop {
            let untidy = state.untidy.load(Ordering::Relaxed);
            std::thread::sleep(if untidy { TIDY_NEXT } else { TIDY_EVERY });
            let Some(sender) = inputs.upgrade() else { return };
            if sender.blocking_send(Input::Tidy).is_err() {
                return;
            }
        };
        std::thread::Builder::new().name("tidy".to_owned()).spawn(timer).map(drop)
    }

    /// Hands something in; `false` once the hub has stopped.
    pub async fn send(&self, input: Input) -> bool {
        self.inputs.send(input).await.is_ok()
    }

    /// What the relay allows.
    pub fn limits(&self) -> &Limits {
        &self.state.limits
    }

    /// Whether the last commit succeeded.
    pub fn is_storing(&self) -> bool {
        self.state.storing.load(Ordering::Relaxed)
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

struct Thread {
    mailbox: Mailbox<SqliteLogStore>,
    outboxes: HashMap<ConnectionId, mpsc::UnboundedSender<ToDevice>>,
    state: Arc<State>,
}

impl Thread {
    fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut stopping = false;
        while !stopping {
            let Some(first) = inputs.blocking_recv() else { break };
            stopping = self.feed(first);
            for _ in 1..INPUTS_PER_COMMIT {
                let Ok(input) = inputs.try_recv() else { break };
                stopping |= self.feed(input);
            }
            self.commit();
        }
        // What was handed in before the end still counts.
        inputs.close();
        while let Some(input) = inputs.blocking_recv() {
            self.feed(input);
        }
        self.commit();
        self.mailbox.shut_down();
        self.commit();
    }

    /// Whether the hub is to stop.
    fn feed(&mut self, input: Input) -> bool {
        let now = now();
        match input {
            Input::Connected { conn, peer, nonce, outbox } => {
                self.outboxes.insert(conn, outbox);
                self.mailbox.connected(conn, Some(peer), nonce, now);
            }
            Input::Received(conn, prepared) => self.mailbox.handle(conn, now, prepared),
            Input::Flushed(conn, bytes) => self.mailbox.flushed(conn, bytes),
            Input::Disconnected(conn) => {
                self.mailbox.disconnected(conn);
                self.outboxes.remove(&conn);
            }
            Input::Tidy => {
                let Tidied { entries, more } = self.mailbox.tidy(now);
                self.state.untidy.store(more, Ordering::Relaxed);
                if entries > 0 {
                    info!(entries, "dropped, since a snapshot covers them");
                }
            }
            Input::Stop => return true,
        }
        false
    }

    fn commit(&mut self) {
        let committed = self.mailbox.commit();
        self.state.storing.store(committed.is_ok(), Ordering::Relaxed);
        if let Err(reason) = committed {
            error!(%reason, "not stored; all connections are closed");
        }
        while let Some(output) = self.mailbox.poll() {
            self.put_out(output);
        }
        self.state.connections.store(self.mailbox.connections(), Ordering::Relaxed);
    }

    /// A connection whose task has ended tells so itself.
    fn put_out(&mut self, output: Output) {
        match output {
            Output::Send { conn, bytes } => {
                self.outboxes.get(&conn).map(|outbox| outbox.send(ToDevice::Frame(bytes)));
            }
            Output::Close { conn, reason } => {
                self.outboxes.remove(&conn).map(|outbox| outbox.send(ToDevice::Close(reason)));
            }
            Output::Note { conn: ConnectionId(conn), note } => write_down(conn, note),
        }
    }
}

fn write_down(conn: u64, note: Note) {
    match note {
        Note::Welcomed(device) => debug!(conn, device = device.short(), "welcomed"),
        Note::GroupCreated(group) => info!(conn, group = group.short(), "group created"),
        Note::Appended(group, entries) => debug!(conn, group = group.short(), entries, "appended"),
        Note::Refused(code) => info!(conn, code = code.as_str(), "refused"),
    }
}

/// The relay's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
