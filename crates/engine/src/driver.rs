//! The one loop that runs a [`Machine`] on a host: it does what the machine puts out and reports what came of it.
//!
//! A host brings a [`Store`], a [`Transport`] and a [`Clock`]; none of them decides anything.

use crate::api::{Calls, DisconnectReason, ErrorCode, Event, LogLevel, News, Outcome};
use crate::log::Note;
use crate::machine::{Input, Machine, Output};
use crate::store::{Store, StoreFailure};
use crate::time::Timestamp;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::future::{Fuse, FutureExt, LocalBoxFuture, OptionFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a connection reports while it lives.
#[derive(Debug)]
pub enum TransportEvent {
    /// It is open.
    Opened,
    /// A frame came.
    Frame(Vec<u8>),
    /// It ended or could not be opened; nothing follows.
    Closed(String),
}

/// Something that carries frames. Dropping the returned handle closes the connection.
pub trait Transport {
    /// What holds one connection open.
    type Connection: Connection;

    /// Starts to open a connection and returns at once; everything is reported through `events`.
    fn connect(&self, address: &str, events: UnboundedSender<TransportEvent>) -> Self::Connection;
}

/// One open or opening connection.
pub trait Connection {
    /// Queues a frame; called only after `Opened`.
    fn send(&self, frame: Vec<u8>);
}

/// A host's clock.
pub trait Clock {
    /// Milliseconds since 1970.
    fn now(&self) -> Timestamp;

    /// Resolves at that time or soon after; at once when it has passed.
    fn sleep_until(&self, deadline: Timestamp) -> LocalBoxFuture<'static, ()>;

    /// Resolves once the host has done what else was waiting: events, messages, other tasks.
    fn yield_now(&self) -> LocalBoxFuture<'static, ()>;
}

/// What comes back from the outside, one at a time.
enum Happened {
    Input(Input),
    Asked(Option<Calls>),
    Connection(u64, Option<TransportEvent>, UnboundedReceiver<TransportEvent>),
    Maintained(bool),
    Flushed,
}

/// How long what may be written with the next commit waits for one, in milliseconds.
const WAIT_MS: u64 = 50;

/// Commits after which the store is asked to tidy up, one bounded step at a time.
const MAINTAIN_AFTER_COMMITS: u32 = 16;
/// And as many bytes of rows, if that is sooner: what one tidying takes in, and what an unpacked store holds in memory.
const MAINTAIN_AFTER_BYTES: usize = 8 << 20;
/// No step begins before the machine has wanted nothing for so long, in milliseconds, unless it presses: who asks one thing after another waits for none,
/// however long each takes.
const QUIET_MS: u64 = 20;

/// When the store is asked to tidy up.
struct Tidying {
    /// What has been committed since it was tidy.
    commits: u32,
    bytes: usize,
    /// It has begun, and more is waiting.
    has_begun: bool,
    /// A step is under way.
    steps: bool,
    /// When the machine wanted something last.
    busy: Timestamp,
}

impl Tidying {
    /// When the next step may begin.
    fn due(&self, presses: bool) -> Option<Timestamp> {
        let is_due = self.has_begun || self.commits >= MAINTAIN_AFTER_COMMITS || self.bytes >= MAINTAIN_AFTER_BYTES;
        let at = if presses { Timestamp::from_ms(0) } else { self.busy.plus_ms(QUIET_MS) };
        (is_due && !self.steps).then_some(at)
    }
}

/// Runs `machine` until it has been closed or `calls` has ended. `deliver` hands news to one client or, with `None`, to all; `note` takes what is worth
/// noting of all that.
pub async fn drive<S: Store + 'static, T: Transport, C: Clock>(
    mut machine: Machine,
    store: Rc<S>,
    transport: T,
    clock: C,
    mut calls: UnboundedReceiver<Calls>,
    mut deliver: impl FnMut(Option<&str>, News),
    note: Box<dyn Fn(Note<'_>)>,
) {
    note(Note::new(LogLevel::Info, "engine", "it runs"));
    let mut connections: BTreeMap<u64, T::Connection> = BTreeMap::new();
    let mut running: FuturesUnordered<LocalBoxFuture<'static, Happened>> = FuturesUnordered::new();
    // The first look comes soon: sessions may be short.
    let commits = MAINTAIN_AFTER_COMMITS;
    let mut tidying = Tidying { commits, bytes: 0, has_begun: false, steps: false, busy: clock.now() };
    let mut flush_at: Option<Timestamp> = None;
    // Kept when the deadline moves away, which it does with most of what happens: a tick too many costs less than all these timers would.
    let mut timer: Option<(Timestamp, Fuse<LocalBoxFuture<'static, ()>>)> = None;
    loop {
        let mut wanted = false;
        while let Some(output) = machine.poll() {
            wanted = true;
            match output {
                Output::Load { load, ranges } => {
                    note(
                        Note::new(LogLevel::Trace, "store", "rows are read").counts(&[("ranges", count(ranges.len()))]),
                    );
                    let store = Rc::clone(&store);
                    running.push(
                        async move { Happened::Input(Input::Loaded { load, result: store.load(&ranges).await }) }
                            .boxed_local(),
                    );
                }
                Output::Commit { commit, batch, durability, may_wait } => {
                    // What waits is written with this one, or in a little while.
                    flush_at = if may_wait { flush_at.or(Some(clock.now().plus_ms(WAIT_MS))) } else { None };
                    tidying.commits = tidying.commits.saturating_add(1);
                    tidying.bytes += batch.byte_len();
                    note(
                        Note::new(LogLevel::Trace, "store", "rows are committed")
                            .counts(&[("rows", count(batch.len()))]),
                    );
                    let store = Rc::clone(&store);
                    running.push(
                        async move {
                            let result = match may_wait {
                                true => store.commit_later(batch).await,
                                false => store.commit(batch, durability).await,
                            };
                            Happened::Input(Input::Committed { commit, result })
                        }
                        .boxed_local(),
                    );
                }
                Output::Connect { connection, address } => {
                    note(Note::new(LogLevel::Debug, "relay", "a connection is opened"));
                    let (sender, receiver) = unbounded();
                    connections.insert(connection, transport.connect(&address, sender));
                    running.push(next_event(connection, receiver));
                }
                Output::Send { connection, frame } => {
                    if let Some(open) = connections.get(&connection) {
                        open.send(frame);
                    }
                }
                Output::Disconnect { connection } => {
                    connections.remove(&connection);
                }
                Output::Deliver { client, news } => {
                    note_news(client.as_deref(), &news, &*note);
                    deliver(client.as_deref(), news);
                }
                Output::Stop => {
                    store.close().await;
                    note(Note::new(LogLevel::Info, "engine", "it has ended"));
                    return;
                }
            }
        }
        let now = clock.now();
        if wanted {
            tidying.busy = now;
        }
        if flush_at.is_some_and(|at| at <= now || at > now.plus_ms(WAIT_MS)) {
            flush_at = None;
            let store = Rc::clone(&store);
            running.push(
                async move {
                    // Why it failed, if it did, the next commit says.
                    let _ = store.flush().await;
                    Happened::Flushed
                }
                .boxed_local(),
            );
        }
        let mut tidy_at = tidying.due(store.presses());
        if tidy_at.is_some_and(|at| at <= now || at > now.plus_ms(QUIET_MS)) {
            tidy_at = None;
            tidying.steps = true;
            let (store, turn) = (Rc::clone(&store), clock.yield_now());
            running.push(
                async move {
                    // Whoever asks meanwhile comes first.
                    turn.await;
                    Happened::Maintained(matches!(store.maintain().await, Ok(true)))
                }
                .boxed_local(),
            );
        }
        let deadline = machine.deadline().into_iter().chain(flush_at).chain(tidy_at).min();
        let is_kept = timer.as_ref().is_some_and(|(at, _)| deadline.is_some_and(|deadline| *at <= deadline));
        if !is_kept {
            timer = deadline.map(|at| (at, clock.sleep_until(at).fuse()));
        }
        let mut tick = OptionFuture::from(timer.as_mut().map(|(_, sleep)| sleep));
        let happened = futures_util::select_biased! {
            happened = running.select_next_some() => happened,
            asked = calls.next().fuse() => Happened::Asked(asked),
            _ = tick => Happened::Input(Input::Tick),
        };
        if matches!(happened, Happened::Input(Input::Tick)) {
            timer = None;
        }
        let now = clock.now();
        match happened {
            Happened::Input(input) => {
                note_outcome(&input, &*note);
                machine.handle(now, input);
            }
            Happened::Asked(Some(asked)) => {
                note(Note::new(LogLevel::Trace, "calls", "calls came").counts(&[("calls", count(asked.calls.len()))]));
                machine.handle(now, Input::Calls(asked));
            }
            Happened::Asked(None) => return,
            Happened::Flushed => {}
            Happened::Maintained(more) => {
                tidying.steps = false;
                tidying.has_begun = more;
                if !more {
                    note(Note::new(LogLevel::Debug, "store", "it is tidied up"));
                    (tidying.commits, tidying.bytes) = (0, 0);
                }
            }
            Happened::Connection(connection, event, receiver) => {
                let input = match event {
                    Some(TransportEvent::Opened) => Input::Connected { connection },
                    Some(TransportEvent::Frame(frame)) => Input::Received { connection, frame },
                    Some(TransportEvent::Closed(reason)) => Input::Disconnected { connection, reason },
                    None => Input::Disconnected { connection, reason: "the connection was dropped".into() },
                };
                if matches!(input, Input::Disconnected { .. }) {
                    connections.remove(&connection);
                } else {
                    running.push(next_event(connection, receiver));
                }
                machine.handle(now, input);
            }
        }
    }
}

fn next_event(connection: u64, mut receiver: UnboundedReceiver<TransportEvent>) -> LocalBoxFuture<'static, Happened> {
    async move {
        let event = receiver.next().await;
        Happened::Connection(connection, event, receiver)
    }
    .boxed_local()
}

/// What of the news is worth noting; that which all hear is noted once.
fn note_news(client: Option<&str>, news: &News, note: &dyn Fn(Note<'_>)) {
    for answer in &news.answers {
        if let Outcome::Failed(failure) = &answer.outcome {
            note(Note::new(LogLevel::Debug, "calls", "a call failed").code(failure.code));
        }
    }
    if client.is_some() {
        return;
    }
    for event in &news.events {
        match event {
            Event::Error { failure } => {
                // It goes on in another tab or in the next engine, and whoever is offline is no fault of the program.
                let is_usual = matches!(failure.code, ErrorCode::HostSuperseded | ErrorCode::RelayUnreachable);
                let level = if is_usual { LogLevel::Info } else { LogLevel::Warn };
                note(Note::new(level, "engine", "a fault").code(failure.code));
            }
            Event::Connected { .. } => note(Note::new(LogLevel::Info, "relay", "it has accepted this device")),
            Event::Disconnected { reason } => note(Note::new(LogLevel::Info, "relay", ended(*reason))),
            Event::Membership { devices } => {
                let members = [("devices", count(devices.len()))];
                note(Note::new(LogLevel::Info, "group", "its members have changed").counts(&members));
            }
            _ => {}
        }
    }
}

fn note_outcome(input: &Input, note: &dyn Fn(Note<'_>)) {
    match input {
        Input::Loaded { result: Err(StoreFailure::Superseded), .. }
        | Input::Committed { result: Err(StoreFailure::Superseded), .. } => {
            note(Note::new(LogLevel::Info, "store", "another engine has it now"));
        }
        Input::Loaded { result: Err(_), .. } => note(Note::new(LogLevel::Error, "store", "a read failed")),
        Input::Committed { result: Err(_), .. } => note(Note::new(LogLevel::Error, "store", "a commit failed")),
        Input::Disconnected { .. } => note(Note::new(LogLevel::Debug, "relay", "a connection has ended")),
        _ => {}
    }
}

fn ended(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Disabled => "the connection was ended here",
        DisconnectReason::Lost => "the connection is lost",
        DisconnectReason::Refused => "it refuses this device",
        DisconnectReason::Misbehaved => "it said what it must not say",
        DisconnectReason::Outdated => "it has what only a newer version reads",
        DisconnectReason::Offline => "the connection is ended: there is no network",
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
