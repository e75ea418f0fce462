//! One running engine: its loop on this thread, what reaches it, and how it ends.

use crate::clock::{self, SystemClock};
use crate::disk::NativeStore;
use crate::secrets::{Secret, random};
use crate::transport::WebSockets;
use ashore_engine::api::{Call, Calls, Command, ErrorCode, Event, Failure, Hint, News, Outcome, Reply};
use ashore_engine::driver::drive;
use ashore_engine::log::Note;
use ashore_engine::machine::{Machine, MachineOptions, Trials};
use ashore_protocol::EntryId;
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared, select};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;

/// Names the host among the clients of its own engine.
pub(crate) const HOST_CLIENT: &str = "host";

/// Who hears of an engine.
pub(crate) trait Listener {
    /// News for one client, or with `None` for all.
    fn deliver(&self, client: Option<&str>, news: News);
    /// It can do nothing any more, and nobody asked it to end.
    fn ended(&self, failure: Failure);
    /// This entry of another device is being merged; `None`: that is over.
    fn trying(&self, entry: Option<&EntryId>);
    /// Something worth noting happened.
    fn note(&self, note: Note<'_>);
}

/// A running engine. Dropping it changes nothing: it runs until it is closed.
pub(crate) struct Host {
    calls: UnboundedSender<Calls>,
    next_call: Cell<u64>,
    over: Shared<LocalBoxFuture<'static, ()>>,
    end: Rc<End>,
}

impl Host {
    /// Starts the loop on this thread.
    pub(crate) fn start(
        store: NativeStore,
        local_secret: &Secret,
        ended_badly: Vec<EntryId>,
        listener: Rc<dyn Listener>,
    ) -> Result<Self, Failure> {
        let teller = Rc::clone(&listener);
        let trials = Trials::new(ended_badly, move |entry| teller.trying(entry));
        let options = MachineOptions { seed: random()?, local_secret: **local_secret, opening: clock::now() };
        let machine = Machine::new(options).with_trials(trials);
        let (calls, asked) = unbounded();
        let (over, ended) = oneshot::channel::<()>();
        let end = Rc::new(End::default());
        let reporter = Reporter { listener: Rc::clone(&listener), end: Rc::clone(&end) };
        let deliver = move |client: Option<&str>, news: News| reporter.deliver(client, news);
        let teller = Rc::clone(&listener);
        let note = Box::new(move |note: Note<'_>| teller.note(note));
        let run = spawn_local(drive(machine, Rc::new(store), WebSockets, SystemClock, asked, deliver, note));
        let ending = Rc::clone(&end);
        spawn_local(async move {
            let failure = match run.await {
                Ok(()) => ending.unwanted(),
                Err(_) => Some(broken()),
            };
            if let Some(failure) = failure {
                listener.ended(failure);
            }
            let _ = over.send(());
        });
        let over = ended.map(|_| ()).boxed_local().shared();
        Ok(Self { calls, next_call: Cell::new(1), over, end })
    }

    /// A client will not come back.
    pub(crate) fn forget(&self, client: String) {
        self.ask(Command::ForgetClient { client });
    }

    /// The host noticed something.
    pub(crate) fn hint(&self, hint: Hint) {
        self.ask(Command::Hint { hint });
    }

    /// Resolves when everything is at the relay or the time is over, or the engine is.
    pub(crate) fn flush(&self, at_most: Duration) -> impl Future<Output = ()> + 'static {
        let (done, flushed) = oneshot::channel();
        self.end.flushed.replace(Some(done));
        self.ask(Command::Flush { timeout_ms: u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX) });
        select(flushed, self.over.clone()).map(drop)
    }

    /// Asks the engine to commit what waits and to stop; resolves when it has, at once when it had already.
    pub(crate) fn close(&self) -> impl Future<Output = ()> + 'static {
        self.end.wanted.set(true);
        self.ask(Command::Close {});
        self.over.clone()
    }

    /// The same, for who takes the keys away: what is not answered by then is refused with `failure`.
    pub(crate) fn close_for(&self, failure: Failure) -> impl Future<Output = ()> + 'static {
        self.end.refusal.replace(Some(failure));
        self.close()
    }

    fn ask(&self, command: Command) {
        let id = self.next_call.replace(self.next_call.get() + 1);
        let calls = vec![Call { id, command }];
        self.pass(Calls { client: HOST_CLIENT.into(), received: id.saturating_sub(1), calls });
    }

    /// Hands calls to the engine.
    pub(crate) fn pass(&self, calls: Calls) {
        // Nobody takes it once the loop has ended; its end has been reported.
        let _ = self.calls.unbounded_send(calls);
    }
}

/// Passes news on, and remembers why the engine may be about to end.
struct Reporter {
    listener: Rc<dyn Listener>,
    end: Rc<End>,
}

/// How an engine came to its end.
#[derive(Default)]
struct End {
    wanted: Cell<bool>,
    /// What to say when it was ended for a reason.
    refusal: RefCell<Option<Failure>>,
    last_fault: RefCell<Option<Failure>>,
    /// Who waits for the host's own flush.
    flushed: RefCell<Option<oneshot::Sender<()>>>,
}

impl Reporter {
    fn deliver(&self, client: Option<&str>, mut news: News) {
        for answer in &mut news.answers {
            if let Outcome::Failed(failure) = &mut answer.outcome {
                *failure = self.end.explain(failure.clone());
            }
        }
        for event in &news.events {
            if let Event::Error { failure } = event {
                self.end.last_fault.replace(Some(failure.clone()));
            }
        }
        if client != Some(HOST_CLIENT) {
            return self.listener.deliver(client, news);
        }
        if news.answers.iter().any(|answer| matches!(answer.outcome, Outcome::Ok(Reply::Flushed { .. }))) {
            // Whoever waited may have gone.
            let _ = self.end.flushed.take().map(|done| done.send(()));
        }
    }
}

impl End {
    /// Why it ended, unless it was asked to.
    fn unwanted(&self) -> Option<Failure> {
        let fault = self.last_fault.take();
        if self.wanted.get() { None } else { Some(fault.map_or_else(unexplained, |failure| self.explain(failure))) }
    }

    /// An engine that was closed for a reason refuses what is left with that reason; one that nobody closed was closed by its store.
    fn explain(&self, failure: Failure) -> Failure {
        if failure.code != ErrorCode::DatabaseClosed {
            return failure;
        }
        match &*self.refusal.borrow() {
            Some(refusal) => refusal.clone(),
            None if self.wanted.get() => failure,
            None => Failure { code: ErrorCode::StoreFailed, retry: ErrorCode::StoreFailed.retry(), ..failure },
        }
    }
}

/// A panic: what it says stays in the panic's own message, since it may be about a document.
pub(crate) fn broken() -> Failure {
    Failure::new(ErrorCode::HostDead, "The engine broke; the next call starts a new one.")
}

/// It does not move any more, and is left behind.
pub(crate) fn silent() -> Failure {
    Failure::new(ErrorCode::HostDead, "The engine gives no sign of life; the next call starts a new one.")
}

/// Somebody asked for another one.
pub(crate) fn left_behind() -> Failure {
    Failure::new(ErrorCode::HostDead, "The engine was left behind, as somebody asked; the next call starts a new one.")
}

fn unexplained() -> Failure {
    Failure::new(ErrorCode::HostDead, "The engine has ended.")
}
