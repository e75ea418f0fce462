//! Who is connected with an engine, and what outlives one: the keys of an unlocked database, the entries that engines died of.

use crate::clock;
use crate::secrets::Secret;
use ashore_engine::api::{Calls, Failure, LogEntry, LogLevel, News};
use ashore_engine::log::{Log, Note};
use ashore_protocol::EntryId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One connected part of the program. Called on the engine's thread: it hands on and returns.
pub(crate) trait Outlet: Send + Sync {
    /// Answers and events for one of its clients, or events for all.
    fn news(&self, news: News);
    /// The engine ended by itself, or was closed. What is not answered by then never is, unless it is asked again.
    fn ended(&self, failure: &Failure);
}

pub(crate) struct Hub {
    inner: Mutex<Inner>,
    log: Mutex<Log>,
    /// The number of the thread that is heard.
    thread: AtomicU64,
}

#[derive(Default)]
struct Inner {
    last: u64,
    outlets: BTreeMap<u64, Arc<dyn Outlet>>,
    /// Whose each client is.
    clients: BTreeMap<String, u64>,
    held: Option<Secret>,
    trying: Option<EntryId>,
    ended_badly: BTreeSet<EntryId>,
    breaks: bool,
}

impl Hub {
    pub(super) fn new(log: u32) -> Self {
        Self { inner: Mutex::default(), log: Mutex::new(Log::new(log)), thread: AtomicU64::new(0) }
    }

    /// From now on this thread is heard, and none before it.
    pub(super) fn hear(&self, thread: u64) {
        self.thread.store(thread, Ordering::SeqCst);
    }

    pub(super) fn hears(&self, thread: u64) -> bool {
        self.thread.load(Ordering::SeqCst) == thread
    }

    pub(super) fn note(&self, note: Note<'_>) {
        // Outside of the lock: who hears of it may look at the log.
        let heard = self.log().note(clock::now(), note);
        for (client, news) in heard {
            self.deliver(Some(&client), news);
        }
    }

    /// Takes calls about the log out of these, and answers them.
    pub(super) fn answer(&self, calls: &mut Calls) {
        let news = self.log().answer(calls);
        if let Some(news) = news {
            self.deliver(Some(&calls.client), news);
        }
    }

    pub(super) fn logs(&self, level: LogLevel) -> Vec<LogEntry> {
        self.log().recent(level)
    }

    pub(super) fn set_log_level(&self, level: LogLevel) {
        self.log().set_level(level);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, outlet: Arc<dyn Outlet>) -> u64 {
        let mut inner = self.lock();
        inner.last += 1;
        let number = inner.last;
        inner.outlets.insert(number, outlet);
        number
    }

    pub(super) fn route(&self, client: &str, outlet: u64) {
        let mut inner = self.lock();
        if inner.clients.get(client) != Some(&outlet) {
            inner.clients.insert(client.to_owned(), outlet);
        }
    }

    /// Takes an outlet away, and answers whose news it got.
    pub(super) fn remove(&self, outlet: u64) -> Vec<String> {
        let mut inner = self.lock();
        inner.outlets.remove(&outlet);
        let gone: Vec<String> =
            inner.clients.iter().filter(|(_, of)| **of == outlet).map(|(client, _)| client.clone()).collect();
        inner.clients.retain(|_, of| *of != outlet);
        drop(inner);
        gone.iter().for_each(|client| self.log().forget(client));
        gone
    }

    pub(super) fn deliver(&self, client: Option<&str>, news: News) {
        let Some(client) = client else {
            for outlet in self.outlets() {
                outlet.news(news.clone());
            }
            return;
        };
        let outlet = {
            let inner = self.lock();
            inner.clients.get(client).and_then(|number| inner.outlets.get(number)).cloned()
        };
        if let Some(outlet) = outlet {
            outlet.news(news);
        }
    }

    pub(super) fn ended(&self, failure: &Failure) {
        for outlet in self.outlets() {
            outlet.ended(failure);
        }
    }

    pub(super) fn hold(&self, secret: Option<&Secret>) {
        self.lock().held = secret.cloned();
    }

    pub(super) fn held(&self) -> Option<Secret> {
        self.lock().held.clone()
    }

    pub(super) fn trying(&self, entry: Option<&EntryId>) {
        self.lock().trying = entry.copied();
    }

    /// The thread broke: if that was over an entry, no later engine tries it.
    pub(super) fn broke(&self) {
        let mut inner = self.lock();
        let died_of = inner.trying.take();
        inner.ended_badly.extend(died_of);
    }

    pub(super) fn ended_badly(&self) -> Vec<EntryId> {
        self.lock().ended_badly.iter().copied().collect()
    }

    #[cfg(feature = "testing")]
    pub(super) fn break_every(&self, breaks: bool) {
        self.lock().breaks = breaks;
    }

    pub(super) fn breaks(&self) -> bool {
        self.lock().breaks
    }

    /// Outside of the lock: an outlet may talk back.
    fn outlets(&self) -> Vec<Arc<dyn Outlet>> {
        self.lock().outlets.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
