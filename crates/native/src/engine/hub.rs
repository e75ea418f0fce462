//! Who is connected with an engine, and what outlives one: the keys of an unlocked database, the entries that engines died of.

use crate::secrets::Secret;
use ashore_engine::api::{Failure, News};
use ashore_protocol::EntryId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One connected part of the program. Called on the engine's thread: it hands on and returns.
pub(crate) trait Outlet: Send + Sync {
    /// Answers and events for one of its clients, or events for all.
    fn news(&self, news: News);
    /// The engine ended by itself, or was closed. What is not answered by then never is, unless it is asked again.
    fn ended(&self, failure: &Failure);
}

#[derive(Default)]
pub(crate) struct Hub(Mutex<Inner>);

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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
