//! The thread: a runtime of its own, on which one vault and its engine live and die.

use super::Message;
use super::hub::Hub;
use crate::host::{Listener, broken};
use crate::options::Options;
use crate::secrets::Secret;
use crate::store::Lease;
use crate::vault::{Keeper, Vault};
use ashore_engine::api::{Failure, LogLevel, News};
use ashore_engine::log::Note;
use ashore_protocol::EntryId;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::{FutureExt, StreamExt, select_biased};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::Builder;
use tokio::runtime;
use tokio::task::LocalSet;

/// Documents may be nested a hundred deep, in builds that are not optimised too. Pages of it that are not used cost nothing.
const STACK_BYTES: usize = 32 << 20;

/// What a thread begins with.
pub(super) struct Start {
    pub(super) options: Arc<Options>,
    pub(super) hub: Arc<Hub>,
    pub(super) lease: Option<Arc<Lease>>,
    pub(super) inbox: UnboundedReceiver<Message>,
    /// Who waits for the database to be open; otherwise a failure is told as an end.
    pub(super) opened: Option<oneshot::Sender<Result<(), Failure>>>,
    /// Which one this is.
    pub(super) number: u64,
    /// It did something.
    pub(super) seen: Box<dyn Fn() + Send>,
    /// The thread has ended by itself: the next message starts another.
    pub(super) stopped: Box<dyn FnOnce(&Failure) + Send>,
}

/// How a thread came to its end.
enum End {
    /// It was asked to, by these or because nobody was left.
    Closed(Option<oneshot::Sender<()>>),
    /// It could not go on.
    Failed(Failure),
}

impl Start {
    pub(super) fn spawn(self) -> std::io::Result<()> {
        Builder::new().name("ashore-engine".into()).stack_size(STACK_BYTES).spawn(move || self.work()).map(drop)
    }

    fn work(self) {
        let Self { options, hub, lease, inbox, mut opened, number, seen, stopped } = self;
        let run = AssertUnwindSafe(|| run(&options, &hub, number, inbox, &mut opened, &*seen));
        let end = catch_unwind(run).unwrap_or_else(|_| Err(broken())).unwrap_or_else(End::Failed);
        // Everything that held the file is gone by now.
        drop(lease);
        match (end, opened) {
            (End::Closed(done), _) => drop(done),
            (End::Failed(failure), Some(opened)) => {
                stopped(&failure);
                let _ = opened.send(Err(failure));
            }
            // Nobody waits for one that was left behind.
            (End::Failed(failure), None) if hub.hears(number) => {
                hub.broke();
                stopped(&failure);
                hub.note(Note::new(LogLevel::Error, "engine", "it has ended by itself").code(failure.code));
                hub.ended(&failure);
            }
            (End::Failed(_), None) => {}
        }
    }
}

fn run(
    options: &Options,
    hub: &Arc<Hub>,
    number: u64,
    inbox: UnboundedReceiver<Message>,
    opened: &mut Option<oneshot::Sender<Result<(), Failure>>>,
    seen: &dyn Fn(),
) -> Result<End, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| crate::failure::unsupported(format!("No runtime can be started: {error}.")))?;
    let (ends, ended) = unbounded();
    let keeper = Rc::new(Told { hub: Arc::clone(hub), number, ends });
    LocalSet::new().block_on(&runtime, async {
        let vault = Vault::open(options, keeper).await?;
        seen();
        if let Some(opened) = opened.take() {
            let _ = opened.send(Ok(()));
        }
        Ok(serve(&vault, hub, inbox, ended, seen).await)
    })
}

/// Hands messages to the vault until it is asked to close or its engine ends.
async fn serve(
    vault: &Rc<Vault>,
    hub: &Hub,
    mut inbox: UnboundedReceiver<Message>,
    mut ended: UnboundedReceiver<Failure>,
    seen: &dyn Fn(),
) -> End {
    loop {
        let message = select_biased! {
            failure = ended.next().fuse() => match failure {
                Some(failure) => return End::Failed(failure),
                None => continue,
            },
            message = inbox.next().fuse() => message,
        };
        match message {
            Some(Message::Calls(mut calls)) => {
                hub.answer(&mut calls);
                if !calls.calls.is_empty() {
                    vault.handle(calls);
                }
            }
            Some(Message::Forget(client)) => vault.forget(client),
            Some(Message::Hint(hint)) => vault.hint(hint),
            Some(Message::Beat(beaten)) => {
                seen();
                // Whoever asked may not wait any more.
                let _ = beaten.send(());
            }
            Some(Message::Close { flush, done }) => {
                vault.flush(flush).await;
                vault.close().await;
                return End::Closed(Some(done));
            }
            None => {
                vault.close().await;
                return End::Closed(None);
            }
            #[cfg(feature = "testing")]
            Some(Message::Break) => vault.break_engine(),
            #[cfg(feature = "testing")]
            Some(Message::Hang(until)) => {
                let _ = until.recv();
            }
        }
    }
}

/// What happens on this thread, for those on others.
struct Told {
    hub: Arc<Hub>,
    number: u64,
    ends: UnboundedSender<Failure>,
}

impl Listener for Told {
    fn deliver(&self, client: Option<&str>, news: News) {
        if self.hub.hears(self.number) {
            self.hub.deliver(client, news);
        }
    }

    fn ended(&self, failure: Failure) {
        let _ = self.ends.unbounded_send(failure);
    }

    fn trying(&self, entry: Option<&EntryId>) {
        if self.hub.hears(self.number) {
            self.hub.trying(entry);
        }
    }

    fn note(&self, note: Note<'_>) {
        if self.hub.hears(self.number) {
            self.hub.note(note);
        }
    }
}

impl Keeper for Told {
    fn hold(&self, secret: Option<&Secret>) {
        self.hub.hold(secret);
    }

    fn held(&self) -> Option<Secret> {
        self.hub.held()
    }

    fn ended_badly(&self) -> Vec<EntryId> {
        self.hub.ended_badly()
    }

    fn breaks(&self) -> bool {
        self.hub.breaks()
    }
}
