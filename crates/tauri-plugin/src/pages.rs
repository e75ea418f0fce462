//! The pages that have a database open: which window each belongs to, what it may do, and its way to the engine.

use crate::allowed::Allowed;
use crate::databases::{Databases, Holder};
use crate::frames::no_calls;
use crate::outgoing::Outgoing;
use ashore_native::api::{Answer, LogLevel, News, Outcome, decode_calls, encode};
use ashore_native::{Engine, ErrorCode, Failure, Note, Options, Port, PortListener};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a page is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) window: String,
    pub(crate) webview: String,
}

/// Which database a page opens.
pub(crate) enum Wanted {
    /// The app's, by its name.
    Named(String),
    /// One of its own, which ends with it.
    InMemory,
}

/// A page that opens a database.
pub(crate) struct Opening {
    pub(crate) place: Place,
    pub(crate) document: String,
    pub(crate) wanted: Wanted,
    /// What it was before, if it has given up the engine it had.
    pub(crate) instead_of: Option<u64>,
}

pub(crate) struct Pages {
    databases: Arc<Databases>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    open: BTreeMap<u64, Arc<Page>>,
}

struct Page {
    place: Place,
    /// Which loading of the webview it belongs to: random, made by its script.
    document: String,
    /// The database's name, unless it is in memory.
    name: Option<String>,
    engine: Engine,
    port: Port,
    /// What the engine calls it: no page can speak for another, or for the program.
    client: String,
    outgoing: Arc<Outgoing>,
}

impl Pages {
    pub(crate) fn new(databases: Arc<Databases>) -> Self {
        Self { databases, inner: Mutex::default() }
    }

    /// Opens a database for a page; the number is the page's from now on.
    pub(crate) async fn open(
        &self,
        opening: Opening,
        with: impl FnOnce(Options) -> Options,
        outgoing: Arc<Outgoing>,
    ) -> Result<u64, Failure> {
        let Opening { place, document, wanted, instead_of } = opening;
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(no_calls());
        }
        let count = self.lock().open.values().filter(|page| page.place.webview == place.webview).count();
        if count >= MAX_PAGES {
            let message = format!("One webview opens at most {MAX_PAGES} databases.");
            return Err(Failure::new(ErrorCode::RequestInvalid, message));
        }
        let (name, engine) = match wanted {
            Wanted::Named(name) => {
                let engine = self.databases.hold(&name, Holder::Page, with).await?;
                if let Some(before) = instead_of
                    && self.page(&place, before).is_ok_and(|page| page.name.as_ref() == Some(&name))
                {
                    // The page of before, and this one.
                    self.databases.restart(&name, 2).await;
                }
                (Some(name), engine)
            }
            Wanted::InMemory => (None, Engine::open(with(Options::in_memory())).await?),
        };
        let client = new_client()?;
        let port = engine.port(Arc::clone(&outgoing) as Arc<dyn PortListener>);
        let noted = engine.clone();
        let page = Arc::new(Page { place, document, name, engine, port, client, outgoing });
        let (number, replaced) = {
            let mut inner = self.lock();
            inner.last += 1;
            let number = inner.last;
            // A page whose engine broke held the database until now, so that it stayed unlocked.
            let is_replaced =
                |other: &Page| other.outgoing.is_over() && other.place == page.place && other.name == page.name;
            let replaced: Vec<_> = inner.open.extract_if(.., |_, other| is_replaced(other)).collect();
            inner.open.insert(number, page);
            (number, replaced)
        };
        for (_, page) in replaced {
            self.end(page).await;
        }
        noted.note(Note::new(LogLevel::Debug, "pages", "a page has opened the database").counts(&[("page", number)]));
        Ok(number)
    }

    /// Hands a page's calls to its engine; what it may not ask is refused, and the rest goes on.
    pub(crate) fn call(&self, place: &Place, number: u64, allowed: Allowed, messages: &[&[u8]]) -> Result<(), Failure> {
        let page = self.page(place, number)?;
        page.outgoing.allow(allowed);
        messages.iter().try_for_each(|message| page.call(number, allowed, message))
    }

    /// A page asks whether its engine lives: resolves with a sign of life. An engine that does not run owes none.
    pub(crate) async fn check(&self, place: &Place, number: u64) -> Result<(), Failure> {
        let checking = self.page(place, number)?.engine.check();
        // One that ends meanwhile is told of by its end.
        let _ = checking.await;
        Ok(())
    }

    /// The page needs its database no more; resolves when it is let go.
    pub(crate) async fn close(&self, place: &Place, number: u64) {
        if self.page(place, number).is_err() {
            return;
        }
        let page = self.lock().open.remove(&number);
        if let Some(page) = page {
            self.end(page).await;
        }
    }

    /// A window is no more, and none of its pages.
    pub(crate) fn window_gone(self: &Arc<Self>, label: &str) {
        self.left(|_, page| page.place.window == label);
    }

    /// What has been opened by now has a number up to this one.
    pub(crate) fn last(&self) -> u64 {
        self.lock().last
    }

    /// The webview has said which document it shows, after it was asked when `last` was the last number: what others had opened in it by then is over.
    pub(crate) fn shows(self: &Arc<Self>, webview: &str, document: Option<&str>, last: u64) {
        self.left(|number, page| {
            number <= last && page.place.webview == webview && Some(page.document.as_str()) != document
        });
    }

    fn left(self: &Arc<Self>, is_gone: impl Fn(u64, &Page) -> bool) {
        let gone: Vec<_> = self.lock().open.extract_if(.., |number, page| is_gone(*number, page)).collect();
        gone.iter().for_each(|(_, page)| page.outgoing.end());
        let pages = Arc::clone(self);
        tauri::async_runtime::spawn(async move {
            for (number, page) in gone {
                page.engine.note(Note::new(LogLevel::Debug, "pages", "a page is gone").counts(&[("page", number)]));
                pages.end(page).await;
            }
        });
    }

    async fn end(&self, page: Arc<Page>) {
        page.outgoing.end();
        let (name, engine) = (page.name.clone(), page.engine.clone());
        // With its port the engine forgets what it asked and watched.
        drop(page);
        match name {
            Some(name) => {
                drop(engine);
                self.databases.let_go(&name, Holder::Page).await;
            }
            None => engine.close().await,
        }
    }

    /// A page of another webview is none of this one's.
    fn page(&self, place: &Place, number: u64) -> Result<Arc<Page>, Failure> {
        let page = self.lock().open.get(&number).filter(|page| page.place == *place).cloned();
        page.ok_or_else(|| {
            Failure::new(ErrorCode::HostDead, "This page has no such database open; the next call opens it again.")
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn call(&self, number: u64, allowed: Allowed, message: &[u8]) -> Result<(), Failure> {
        let mut calls = match decode_calls(message) {
            Ok(calls) => calls,
            Err(Some(foreign)) => {
                self.outgoing.push(&encode(&foreign.refusal()));
                return Ok(());
            }
            Err(None) => return Err(no_calls()),
        };
        let mut refused = Vec::new();
        calls.calls.retain(|call| match allowed.refusal(call) {
            Some(failure) => {
                refused.push(Answer { id: call.id, outcome: Outcome::Failed(failure) });
                false
            }
            None => true,
        });
        if !refused.is_empty() {
            let counts = [("page", number), ("calls", u64::try_from(refused.len()).unwrap_or(u64::MAX))];
            let note = Note::new(LogLevel::Warn, "pages", "calls were refused: the window lacks a permission");
            self.engine.note(note.counts(&counts));
            self.outgoing.push(&encode(&News { answers: refused, events: vec![] }));
        }
        calls.client.clone_from(&self.client);
        self.port.pass(calls)
    }
}

fn new_client() -> Result<String, Failure> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)
        .map_err(|_| Failure::new(ErrorCode::HostUnsupported, "This computer has no source of randomness."))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Names of documents are half as long.
const MAX_DOCUMENT_BYTES: usize = 64;
/// No page opens so many; one that is reloaded begins anew.
const MAX_PAGES: usize = 256;
