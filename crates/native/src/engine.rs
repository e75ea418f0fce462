//! The engine's thread, from outside: started, spoken to in messages, told of its end, started again.
//!
//! [`Engine`] is what every part of a program shares: the typed API and, for pages of a webview, bytes through a [`Port`]. An engine that breaks ends
//! its thread and nothing else; whoever talks to it hears of that and the next message starts a new one.

mod hub;
mod port;
mod status;
mod thread;

pub use port::{Port, PortListener};
pub use status::{EngineState, EngineStatus};

use crate::failure::unsupported;
use crate::host::{left_behind, silent};
use crate::options::{Options, Place};
use crate::secrets::random;
use crate::store::Lease;
use ashore_engine::api::{Calls, ErrorCode, Failure, Hint, LogEntry, LogLevel};
use ashore_engine::log::Note;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use hub::Hub;
use status::{Look, Pulse};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
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
    pulse: Pulse,
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
    Hint(Hint),
    /// Show that you live.
    Beat(oneshot::Sender<()>),
    /// Give what waits that long to get to the relay, commit it and end; the sender is dropped when the file is let go.
    Close {
        flush: Duration,
        done: oneshot::Sender<()>,
    },
    #[cfg(feature = "testing")]
    Break,
    /// Do nothing until the other end is dropped.
    #[cfg(feature = "testing")]
    Hang(std::sync::mpsc::Receiver<()>),
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
        let state = State { running: Running::No, started: 0, lease, pulse: Pulse::default() };
        let hub = Arc::new(Hub::new(u32::from_le_bytes(random()?)));
        let engine = Self(Arc::new(Shared { options: Arc::new(options), hub, state: Mutex::new(state) }));
        let (opened, opening) = oneshot::channel();
        engine.start_thread(&mut engine.state(), Some(opened))?;
        opening.await.unwrap_or_else(|_| Err(crate::host::broken()))?;
        Ok(engine)
    }

    /// A way in and out for bytes, such as a page in a webview has. Any number may be open at a time.
    pub fn port(&self, listener: Arc<dyn PortListener>) -> Port {
        Port::open(self.clone(), listener)
    }

    /// Commits what waits, closes the file and lets others open it. Every later call ends in `database.closed`.
    pub async fn close(&self) {
        self.close_after(Duration::ZERO).await;
    }

    /// The same, once what waits for the relay has got there or `flush` is over; it is committed here in any case, and goes later.
    pub async fn close_after(&self, flush: Duration) {
        let (done, closed) = oneshot::channel();
        {
            let mut state = self.state();
            let before = std::mem::replace(&mut state.running, Running::Closed);
            state.lease = None;
            let Running::Yes(thread) = before else { return };
            state.pulse.stopping = true;
            let _ = thread.unbounded_send(Message::Close { flush, done });
        }
        let _ = closed.await;
        self.state().pulse.stopping = false;
        self.0.hub.ended(&closed_failure());
    }

    /// Starts an engine if none runs, as the first call would.
    pub fn start(&self) -> Result<(), Failure> {
        self.send(Message::Beat(oneshot::channel().0))
    }

    /// The program came to the front, or the computer woke up: what waits is sent and what is new is fetched at once, whatever the wait was. An engine that
    /// does not run is not started.
    pub fn resume(&self) {
        if let Running::Yes(thread) = &self.state().running {
            let _ = thread.unbounded_send(Message::Hint(Hint::Foreground));
        }
    }

    /// Where the engine stands.
    pub fn status(&self) -> EngineStatus {
        let state = self.state();
        state.pulse.status(&state.running, Instant::now())
    }

    /// Looks whether the engine lives: for who does so once a second or so, as npm's client does. One that owes a sign of life for eight seconds is left
    /// behind, and what is unanswered is asked of the next; the store's fence keeps the old one from writing over it. The answer resolves with the engine's
    /// sign of life, and fails when none can come: no engine runs, or it ended.
    pub fn check(&self) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        self.check_at(Instant::now())
    }

    /// The same at another time, for tests.
    #[cfg(feature = "testing")]
    pub fn check_as_if(&self, after: Duration) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        self.check_at(Instant::now() + after)
    }

    fn check_at(&self, now: Instant) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (beaten, beat) = oneshot::channel();
        self.look(now, beaten);
        async move { beat.await.map_err(|_| silent()) }
    }

    fn look(&self, now: Instant, beaten: oneshot::Sender<()>) {
        {
            let mut state = self.state();
            let State { running, started, pulse, .. } = &mut *state;
            let Running::Yes(thread) = running else { return };
            if pulse.look(now) != Look::Replace {
                // Asked as often as somebody looks: each is answered in its turn.
                let _ = thread.unbounded_send(Message::Beat(beaten));
                return;
            }
            pulse.failed(&silent());
            self.leave_behind(running, started);
        }
        self.0.hub.note(Note::new(LogLevel::Error, "engine", "it gives no sign of life and is left behind"));
        self.0.hub.ended(&silent());
    }

    /// Ends the engine that runs as if it had broken, whatever it is doing; the next message starts another. What is unanswered is asked of that one, and
    /// an unlocked database stays unlocked. Nobody needs this for an engine that broke.
    pub fn restart(&self) {
        {
            let mut state = self.state();
            let State { running, started, pulse, .. } = &mut *state;
            if !matches!(running, Running::Yes(_)) {
                return;
            }
            pulse.failed(&left_behind());
            self.leave_behind(running, started);
        }
        self.0.hub.note(Note::new(LogLevel::Info, "engine", "it is left behind, as it was asked to"));
        self.0.hub.ended(&left_behind());
    }

    /// Nothing that the thread still does is heard, and what it writes after its next has begun does not get past the store's fence.
    fn leave_behind(&self, running: &mut Running, started: &mut u64) {
        *running = Running::No;
        *started += 1;
        self.0.hub.hear(*started);
    }

    /// What was logged lately, up to that level: at most the last thousand entries, the oldest first. It outlives engines that end.
    pub fn logs(&self, level: LogLevel) -> Vec<LogEntry> {
        self.0.hub.logs(level)
    }

    /// How much the log keeps: `info` unless told otherwise.
    pub fn set_log_level(&self, level: LogLevel) {
        self.0.hub.set_log_level(level);
    }

    /// Adds something to the log: for who stands between the engine and its users.
    pub fn note(&self, note: Note<'_>) {
        self.0.hub.note(note);
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

    /// Its thread does nothing until what is returned is dropped.
    #[cfg(feature = "testing")]
    pub fn hang(&self) -> Result<impl Sized + Send + use<>, Failure> {
        let (hangs, until) = std::sync::mpsc::channel::<()>();
        self.send(Message::Hang(until)).map(|()| hangs)
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
        self.start_thread(&mut state, None)?;
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

    fn start_thread(
        &self,
        state: &mut State,
        opened: Option<oneshot::Sender<Result<(), Failure>>>,
    ) -> Result<(), Failure> {
        let (sender, inbox): (_, UnboundedReceiver<Message>) = unbounded();
        state.started += 1;
        state.pulse.started();
        let number = state.started;
        self.0.hub.hear(number);
        let [shared, watched] = [Arc::downgrade(&self.0), Arc::downgrade(&self.0)];
        let start = Start {
            options: Arc::clone(&self.0.options),
            hub: Arc::clone(&self.0.hub),
            lease: state.lease.clone(),
            inbox,
            opened,
            number,
            seen: Box::new(move || seen(&watched, number)),
            stopped: Box::new(move |failure| stopped(&shared, number, failure)),
        };
        start.spawn().map_err(|error| unsupported(format!("No thread can be started: {error}.")))?;
        state.running = Running::Yes(sender);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread of that number did something.
fn seen(shared: &Weak<Shared>, number: u64) {
    let Some(shared) = shared.upgrade() else { return };
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.started == number {
        state.pulse.seen();
    }
}

/// The thread of that number has ended by itself.
fn stopped(shared: &Weak<Shared>, number: u64, failure: &Failure) {
    let Some(shared) = shared.upgrade() else { return };
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.started == number && matches!(state.running, Running::Yes(_)) {
        state.running = Running::No;
        state.pulse.failed(failure);
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
