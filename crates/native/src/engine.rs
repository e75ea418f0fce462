//! The engine's thread, from outside: started, spoken to in messages, told of its end, started again.
//!
//! [`Engine`] is what every part of a program shares: the typed API and, for pages of a webview, bytes through a [`Port`]. An engine that breaks ends
//! its thread and nothing else; whoever talks to it hears of that and the next message starts a new one.

mod hub;
mod port;
mod thread;

pub use port::{Port, PortListener};

use crate::failure::unsupported;
use crate::options::{Options, Place};
use crate::store::Lease;
use ashore_engine::api::{Calls, ErrorCode, Failure};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use hub::Hub;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use thread::Start;

pub(crate) use hub::Outlet;

/// One database's engine. Clones are the same one; when the last is dropped what waits is committed and the engine ends.
///
/// ```
/// # use ashore_engine::store::conformance::wait_for;
/// use ashore_engine::api::{Call, Calls, Command, News, decode, encode};
/// use ashore_native::{Engine, Failure, Options, PortListener};
/// use std::sync::{Arc, Mutex, mpsc};
///
/// /// What a webview would be sent.
/// struct Page(Mutex<mpsc::Sender<News>>);
/// impl PortListener for Page {
///     fn news(&self, news: &[u8]) {
///         let _ = self.0.lock().unwrap().send(decode(news).unwrap());
///     }
///     fn ended(&self, _: &Failure) {}
/// }
///
/// # wait_for(async {
/// let engine = Engine::open(Options::in_memory()).await?;
/// let (sender, news) = mpsc::channel();
/// let port = engine.port(Arc::new(Page(Mutex::new(sender))));
/// let calls = vec![Call { id: 1, command: Command::Ping { text: "hello".into() } }];
/// port.send(&encode(&Calls { client: "page-1".into(), received: 0, calls }))?;
/// let answer = news.iter().find_map(|news| news.answers.into_iter().next()).unwrap();
/// assert_eq!(answer.id, 1);
/// engine.close().await;
/// # Ok::<(), Failure>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    options: Arc<Options>,
    hub: Arc<Hub>,
    state: Mutex<State>,
}

struct State {
    running: Running,
    /// Counts the threads, so that an old one's end is not taken for a new one's.
    started: u64,
    /// Held while the database is open, and by the thread until it has let go of the file.
    lease: Option<Arc<Lease>>,
}

enum Running {
    Yes(UnboundedSender<Message>),
    /// The next message starts one.
    No,
    /// For good.
    Closed,
}

/// What a thread is told.
pub(crate) enum Message {
    Calls(Calls),
    Forget(String),
    /// Commit what waits and end; the sender is dropped when the file is let go.
    Close(oneshot::Sender<()>),
    #[cfg(feature = "testing")]
    Break,
}

impl Engine {
    /// Opens the database and starts its engine. `store.locked`: somebody else has it open.
    pub async fn open(mut options: Options) -> Result<Self, Failure> {
        let lease = match &mut options.place {
            Place::File(path) => {
                *path = resolved(path).map_err(|error| cannot_make_folder(&error))?;
                Some(Arc::new(Lease::take(path)?))
            }
            Place::Memory => None,
        };
        let state = State { running: Running::No, started: 0, lease };
        let hub = Arc::new(Hub::default());
        let engine = Self(Arc::new(Shared { options: Arc::new(options), hub, state: Mutex::new(state) }));
        let (opened, opening) = oneshot::channel();
        engine.start(&mut engine.state(), Some(opened))?;
        opening.await.unwrap_or_else(|_| Err(crate::host::broken()))?;
        Ok(engine)
    }

    /// A way in and out for bytes, such as a page in a webview has. Any number may be open at a time.
    pub fn port(&self, listener: Arc<dyn PortListener>) -> Port {
        Port::open(self.clone(), listener)
    }

    /// Commits what waits, closes the file and lets others open it. Every later call ends in `database.closed`.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        {
            let mut state = self.state();
            let before = std::mem::replace(&mut state.running, Running::Closed);
            state.lease = None;
            let Running::Yes(thread) = before else { return };
            let _ = thread.unbounded_send(Message::Close(done));
        }
        let _ = closed.await;
        self.0.hub.ended(&closed_failure());
    }

    /// Somebody has closed it: no call is taken any more.
    pub fn is_closed(&self) -> bool {
        matches!(self.state().running, Running::Closed)
    }

    /// The engine breaks as soon as it uses its store: a panic on its thread.
    #[cfg(feature = "testing")]
    pub fn break_now(&self) -> Result<(), Failure> {
        self.send(Message::Break)
    }

    /// From now on every new engine breaks when it is opened, or none.
    #[cfg(feature = "testing")]
    pub fn break_every(&self, breaks: bool) {
        self.0.hub.break_every(breaks);
    }

    /// Hands a message to the thread, which is started when there is none.
    pub(crate) fn send(&self, message: Message) -> Result<(), Failure> {
        let mut state = self.state();
        let message = match &state.running {
            Running::Closed => return Err(closed_failure()),
            Running::No => message,
            Running::Yes(thread) => match thread.unbounded_send(message) {
                Ok(()) => return Ok(()),
                // It has ended and not said so yet.
                Err(refused) => refused.into_inner(),
            },
        };
        self.start(&mut state, None)?;
        if let Running::Yes(thread) = &state.running {
            let _ = thread.unbounded_send(message);
        }
        Ok(())
    }

    pub(crate) fn add(&self, outlet: Arc<dyn Outlet>) -> u64 {
        self.0.hub.add(outlet)
    }

    pub(crate) fn route(&self, client: &str, outlet: u64) {
        self.0.hub.route(client, outlet);
    }

    /// An outlet is gone, and with it its clients.
    pub(crate) fn remove(&self, outlet: u64) {
        for client in self.0.hub.remove(outlet) {
            // An engine that does not run has nothing to forget that is worth starting it.
            let state = self.state();
            if let Running::Yes(thread) = &state.running {
                let _ = thread.unbounded_send(Message::Forget(client));
            }
        }
    }

    fn start(&self, state: &mut State, opened: Option<oneshot::Sender<Result<(), Failure>>>) -> Result<(), Failure> {
        let (sender, inbox): (_, UnboundedReceiver<Message>) = unbounded();
        state.started += 1;
        let number = state.started;
        let shared = Arc::downgrade(&self.0);
        let start = Start {
            options: Arc::clone(&self.0.options),
            hub: Arc::clone(&self.0.hub),
            lease: state.lease.clone(),
            inbox,
            opened,
            stopped: Box::new(move || stopped(&shared, number)),
        };
        start.spawn().map_err(|error| unsupported(format!("No thread can be started: {error}.")))?;
        state.running = Running::Yes(sender);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread of that number has ended by itself.
fn stopped(shared: &Weak<Shared>, number: u64) {
    let Some(shared) = shared.upgrade() else { return };
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.started == number && matches!(state.running, Running::Yes(_)) {
        state.running = Running::No;
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.0.options.place).finish()
    }
}

/// One file has one path, however it is written and wherever the program goes later; its folders are made.
fn resolved(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    if let Ok(there) = path.canonicalize() {
        return Ok(there);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
    std::fs::create_dir_all(folder)?;
    Ok(folder.canonicalize()?.join(name))
}

pub(crate) fn closed_failure() -> Failure {
    Failure::new(ErrorCode::DatabaseClosed, "The database was closed.")
}

fn cannot_make_folder(error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::StoreFailed, format!("The folder of the database cannot be made: {error}."))
}
