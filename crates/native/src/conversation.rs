//! One part of a Rust program in conversation with an engine: calls with ids, their answers, events, and what is asked again of a new engine.

mod events;
mod live;
mod turns;
mod versions;

pub use events::Events;
pub(crate) use live::{LiveRows, Row};

use crate::engine::{Engine, Message, Outlet, closed_failure};
use crate::secrets::random;
use ashore_engine::api::{Call, Calls, Command, ErrorCode, Event, Failure, News, Outcome, Reply, SyncStatus};
use events::EventQueue;
use futures_channel::oneshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use turns::Turns;
use versions::Versions;

/// Engines that break one after another, without an answer in between, before what waits is given up.
const MAX_RESTARTS_IN_A_ROW: u32 = 3;

/// A document's collection and id.
pub(crate) type DocumentKey = (String, String);

pub(crate) struct Conversation {
    engine: Engine,
    client: String,
    outlet: u64,
    inner: Mutex<Inner>,
    /// Which version of a document this conversation read or wrote last: what a put is compared with.
    pub(crate) versions: Versions,
    /// Writes of one document follow one another.
    pub(crate) turns: Turns,
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    /// Every answer with an id up to this one has come.
    received: u64,
    answered: BTreeSet<u64>,
    pending: BTreeMap<u64, Pending>,
    watches: BTreeMap<u64, Watched>,
    queues: Vec<Weak<EventQueue>>,
    status: Option<SyncStatus>,
    restarts: u32,
    closed: bool,
}

struct Pending {
    command: Command,
    answer: oneshot::Sender<Result<Reply, Failure>>,
    /// An engine broke before it answered: one that breaks again is not given it a third time.
    asked_again: bool,
}

struct Watched {
    collection: String,
    query: String,
    rows: Weak<LiveRows>,
}

impl Conversation {
    pub(crate) fn begin(engine: Engine) -> Result<Arc<Self>, Failure> {
        let client: String = random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Arc::new_cyclic(|conversation: &Weak<Self>| {
            let outlet = engine.add(Arc::new(Ears(Weak::clone(conversation))));
            engine.route(&client, outlet);
            Self {
                engine,
                client,
                outlet,
                inner: Mutex::default(),
                versions: Versions::default(),
                turns: Turns::default(),
            }
        }))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks the engine, starting one when there is none.
    pub(crate) async fn ask(&self, command: Command) -> Result<Reply, Failure> {
        let (answer, answered) = oneshot::channel();
        {
            let mut inner = self.lock();
            if inner.closed {
                return Err(closed_failure());
            }
            let id = inner.next_id();
            inner.pending.insert(id, Pending { command: command.clone(), answer, asked_again: false });
            // Under the lock, so that ids reach the engine in their order.
            let sent = self.send(&inner, vec![Call { id, command }]);
            if sent.is_err() {
                inner.pending.remove(&id);
            }
            sent?;
        }
        answered.await.unwrap_or_else(|_| Err(closed_failure()))
    }

    /// Where sync stands, as the engine said last.
    pub(crate) fn status(&self) -> Option<SyncStatus> {
        self.lock().status.clone()
    }

    /// What the engine says unasked from now on.
    pub(crate) fn events(&self) -> Events {
        let queue = Arc::new(EventQueue::default());
        let mut inner = self.lock();
        inner.queues.retain(|queue| queue.strong_count() > 0);
        if inner.closed {
            queue.close();
        } else {
            inner.queues.push(Arc::downgrade(&queue));
        }
        Events::of(queue)
    }

    /// Rows that are kept to what the query answers, as long as somebody holds them.
    pub(crate) fn watch(self: &Arc<Self>, collection: &str, query: String) -> Result<Arc<LiveRows>, Failure> {
        let rows = Arc::new(LiveRows::of(collection, Arc::downgrade(self)));
        let mut inner = self.lock();
        if inner.closed {
            return Err(closed_failure());
        }
        let watched = Watched { collection: collection.to_owned(), query, rows: Arc::downgrade(&rows) };
        let call = inner.begin_watch(watched, &rows);
        self.send(&inner, vec![call])?;
        Ok(rows)
    }

    /// Nobody holds the rows any more.
    pub(crate) fn end_watch(&self, number: u64) {
        let mut inner = self.lock();
        if inner.watches.remove(&number).is_some() {
            let call = Call { id: inner.next_id(), command: Command::Unwatch { watch: number } };
            // Without an engine there is nothing to end.
            let _ = self.send(&inner, vec![call]);
        }
    }

    fn send(&self, inner: &Inner, calls: Vec<Call>) -> Result<(), Failure> {
        self.engine.send(Message::Calls(Calls { client: self.client.clone(), received: inner.received, calls }))
    }

    fn hear(&self, event: Event) {
        match event {
            Event::Patch { patch } => self.take(&patch),
            Event::Unwatched { watch, failure } => {
                let watched = self.lock().watches.remove(&watch);
                if let Some(rows) = watched.and_then(|watched| watched.rows.upgrade()) {
                    rows.fail(failure);
                }
            }
            event => {
                let queues: Vec<Arc<EventQueue>> = {
                    let mut inner = self.lock();
                    if let Event::Status { status } = &event {
                        inner.status = Some(status.clone());
                    }
                    inner.queues.iter().filter_map(Weak::upgrade).collect()
                };
                for queue in queues {
                    queue.push(event.clone());
                }
            }
        }
    }

    fn take(&self, patch: &ashore_engine::api::Patch) {
        let rows = self.lock().watches.get(&patch.watch).and_then(|watched| watched.rows.upgrade());
        let Some(rows) = rows else { return };
        for (id, version) in patch.ids.iter().zip(&patch.versions) {
            self.versions.saw(rows.collection(), id, version);
        }
        rows.apply(patch);
        let mut inner = self.lock();
        let command = Command::WatchTaken { watch: patch.watch, patch: patch.number };
        let call = Call { id: inner.next_id(), command };
        let _ = self.send(&inner, vec![call]);
    }

    fn take_answer(&self, id: u64, outcome: Outcome) {
        let pending = {
            let mut inner = self.lock();
            inner.restarts = 0;
            inner.note_answer(id);
            inner.pending.remove(&id)
        };
        let result = match outcome {
            Outcome::Ok(reply) => Ok(reply),
            Outcome::Failed(failure) => Err(failure),
        };
        if let Ok(Reply::Status { status }) = &result {
            self.lock().status = Some(status.clone());
        }
        if let Some(pending) = pending {
            // Whoever gave up waiting is not told.
            let _ = pending.answer.send(result);
        }
    }

    /// Asks again what was not answered, once; everything else is over.
    fn ended(&self, failure: &Failure) {
        // Rows that nobody else holds any more end their watch when they go: not before the lock is given back.
        let mut watched_rows = Vec::new();
        let mut inner = self.lock();
        inner.restarts += 1;
        let for_good = failure.code == ErrorCode::DatabaseClosed;
        let give_up = for_good || inner.restarts > MAX_RESTARTS_IN_A_ROW;
        inner.closed |= for_good;
        let mut calls = Vec::new();
        for (id, mut pending) in std::mem::take(&mut inner.pending) {
            if give_up || pending.asked_again {
                let _ = pending.answer.send(Err(failure.clone()));
                inner.note_answer(id);
            } else {
                pending.asked_again = true;
                calls.push(Call { id, command: pending.command.clone() });
                inner.pending.insert(id, pending);
            }
        }
        for (_, watched) in std::mem::take(&mut inner.watches) {
            let Some(rows) = watched.rows.upgrade() else { continue };
            if give_up {
                rows.fail(failure.clone());
            } else {
                calls.push(inner.begin_watch(watched, &rows));
            }
            watched_rows.push(rows);
        }
        let queues: Vec<Arc<EventQueue>> = inner.queues.iter().filter_map(Weak::upgrade).collect();
        for queue in queues {
            if for_good {
                queue.close();
            } else {
                queue.push(Event::Error { failure: failure.clone() });
                queue.push(Event::Changed { changes: vec![], missed: true });
            }
        }
        if !calls.is_empty() && self.send(&inner, calls).is_err() {
            for (_, pending) in std::mem::take(&mut inner.pending) {
                let _ = pending.answer.send(Err(failure.clone()));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.engine.remove(self.outlet);
    }
}

impl Inner {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Answers may come in any order; the engine is told up to where they all came.
    fn note_answer(&mut self, id: u64) {
        self.answered.insert(id);
        while self.answered.remove(&(self.received + 1)) {
            self.received += 1;
        }
    }

    /// A watch has the number of the call that begins it: never used before.
    fn begin_watch(&mut self, watched: Watched, rows: &LiveRows) -> Call {
        let id = self.next_id();
        rows.begin(id);
        let (collection, query) = (watched.collection.clone(), watched.query.clone());
        self.watches.insert(id, watched);
        Call { id, command: Command::Watch { watch: id, collection, query, id: None } }
    }
}

/// What the engine's thread calls.
struct Ears(Weak<Conversation>);

impl Outlet for Ears {
    fn news(&self, news: News) {
        let Some(conversation) = self.0.upgrade() else { return };
        // Answers first: who reads on an event sees at least what it wrote.
        for answer in news.answers {
            conversation.take_answer(answer.id, answer.outcome);
        }
        for event in news.events {
            conversation.hear(event);
        }
    }

    fn ended(&self, failure: &Failure) {
        if let Some(conversation) = self.0.upgrade() {
            conversation.ended(failure);
        }
    }
}
