//! One running engine: its loop, what reaches it, and what it reports.

use crate::clock::{self, BrowserClock};
use crate::gate::{Gate, Gated};
use crate::log::Notes;
use crate::transport::Ways;
use ashore_engine::api::{Answer, Call, Calls, Command, ErrorCode, Event, Failure, News, Outcome, Reply, encode};
use ashore_engine::driver::drive;
use ashore_engine::machine::{Machine, MachineOptions, Trials};
use ashore_engine::store::Store;
use ashore_protocol::EntryId;
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// Names the host among the clients of its own engine.
pub(crate) const HOST_CLIENT: &str = "host";
const WASM_PAGE_BYTES: u64 = 65_536;

/// Where an engine's news and its end go.
pub(crate) trait Listener {
    /// Bytes of one `News` for one client, or with `None` for all.
    fn deliver(&self, client: Option<&str>, news: &[u8]);
    /// It can do nothing any more.
    fn ended(&self, failure: &Failure);
    /// This entry of another device is being merged; `None`: that is over.
    fn trying(&self, entry: Option<&EntryId>);
    /// What opens an unlocked database again; `None` when it was locked.
    fn held(&self, spare: Option<&JsValue>);
    /// Resolves in the next turn of the event loop.
    fn next_turn(&self) -> LocalBoxFuture<'static, ()>;
}

/// A running engine. Dropping it changes nothing: it runs until it is closed or abandoned.
pub(crate) struct Host {
    calls: UnboundedSender<Calls>,
    next_call: Cell<u64>,
    gate: Gate,
    over: Shared<LocalBoxFuture<'static, ()>>,
    end: Rc<End>,
}

impl Host {
    /// Starts the loop on this thread.
    pub(crate) fn start<S: Store + 'static>(
        store: S,
        local_secret: [u8; 32],
        ended_badly: Vec<EntryId>,
        listener: Rc<dyn Listener>,
        notes: Rc<Notes>,
    ) -> Result<Self, Failure> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed)
            .map_err(|_| Failure::new(ErrorCode::HostUnsupported, "This environment has no source of randomness."))?;
        let teller = Rc::clone(&listener);
        let trials = Trials::new(ended_badly, move |entry| teller.trying(entry));
        let machine = Machine::new(MachineOptions { seed, local_secret, opening: clock::now() }).with_trials(trials);
        let (calls, asked) = unbounded();
        let (over, ended) = oneshot::channel::<()>();
        let end = Rc::new(End::default());
        let gate = Gate::default();
        let store = Rc::new(Gated { store, gate: gate.clone() });
        let reporter = Reporter { listener: Rc::clone(&listener), end: Rc::clone(&end), gate: gate.clone() };
        let deliver = move |client: Option<&str>, news: News| reporter.deliver(client, news);
        let turns = Rc::clone(&listener);
        let clock = BrowserClock { next_turn: Box::new(move || turns.next_turn()) };
        let run = drive(machine, store, Ways, clock, asked, deliver, Box::new(move |note| notes.note(note)));
        let ending = Rc::clone(&end);
        let told = Rc::clone(&listener);
        wasm_bindgen_futures::spawn_local(async move {
            run.await;
            if let Some(failure) = ending.unwanted() {
                told.ended(&failure);
            }
            let _ = over.send(());
        });
        let over = ended.map(|_| ()).boxed_local().shared();
        Ok(Self { calls, next_call: Cell::new(1), gate, over, end })
    }

    /// A client will not come back.
    pub(crate) fn forget(&self, client: String) {
        self.ask(Command::ForgetClient { client });
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

    /// Stops without another read, write or word. What the browser is already doing for it ends by itself: dropping it would leave events that nobody
    /// takes.
    pub(crate) fn abandon(&self) {
        self.gate.shut();
        self.end.wanted.set(true);
        self.ask(Command::Close {});
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
    gate: Gate,
}

/// How an engine came to its end.
#[derive(Default)]
struct End {
    wanted: Cell<bool>,
    /// What to say when it was ended for a reason.
    refusal: RefCell<Option<Failure>>,
    last_fault: RefCell<Option<Failure>>,
}

impl Reporter {
    fn deliver(&self, client: Option<&str>, mut news: News) {
        for answer in &mut news.answers {
            tell_memory(answer);
            if let Outcome::Failed(failure) = &mut answer.outcome {
                *failure = self.end.explain(failure.clone());
            }
        }
        for event in &news.events {
            if let Event::Error { failure } = event {
                self.end.last_fault.replace(Some(failure.clone()));
            }
        }
        if client != Some(HOST_CLIENT) && !self.gate.is_shut() {
            self.listener.deliver(client, &encode(&news));
        }
    }
}

impl End {
    /// Why it ended, unless it was asked to.
    fn unwanted(&self) -> Option<Failure> {
        let fault = self.last_fault.take();
        if self.wanted.get() { None } else { Some(fault.map_or_else(unexplained, |failure| self.explain(failure))) }
    }

    /// A closed engine is not a closed database: whoever asks it is a client that did not close anything. Either this tab leaves, and the next engine
    /// is asked again, or the browser closed the store under it.
    fn explain(&self, failure: Failure) -> Failure {
        if let (ErrorCode::DatabaseClosed, Some(refusal)) = (failure.code, &*self.refusal.borrow()) {
            return refusal.clone();
        }
        let code = match (failure.code, self.wanted.get()) {
            (ErrorCode::DatabaseClosed, true) => ErrorCode::HostSuperseded,
            (ErrorCode::DatabaseClosed, false) => ErrorCode::StoreFailed,
            (code, _) => code,
        };
        Failure { code, retry: code.retry(), ..failure }
    }
}

fn unexplained() -> Failure {
    Failure::new(ErrorCode::HostDead, "The engine has ended.")
}

/// Only the host knows how much memory there is.
fn tell_memory(answer: &mut Answer) {
    if let Outcome::Ok(Reply::Diagnostics { diagnostics }) = &mut answer.outcome {
        let pages = u64::try_from(core::arch::wasm32::memory_size(0)).unwrap_or_default();
        diagnostics.wasm_bytes = Some(pages * WASM_PAGE_BYTES);
    }
}
