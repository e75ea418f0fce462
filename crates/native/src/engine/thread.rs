//! The thread: a runtime of its own, on which one vault and its engine live and die.

use super::Message;
use super::hub::Hub;
use crate::host::{Listener, broken};
use crate::options::Options;
use crate::secrets::Secret;
use crate::store::Lease;
use crate::vault::{Keeper, Vault};
use ashore_engine::api::{Failure, News};
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
    /// The thread has ended: the next message starts another.
    pub(super) stopped: Box<dyn FnOnce() + Send>,
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
        let Self { options, hub, lease, inbox, mut opened, stopped } = self;
        let run = AssertUnwindSafe(|| run(&options, &hub, inbox, &mut opened));
        let end = catch_unwind(run).unwrap_or_else(|_| Err(broken())).unwrap_or_else(End::Failed);
        // Everything that held the file is gone by now.
        drop(lease);
        match (end, opened) {
            (End::Closed(done), _) => drop(done),
            (End::Failed(failure), Some(opened)) => {
                stopped();
                let _ = opened.send(Err(failure));
            }
            (End::Failed(failure), None) => {
                hub.broke();
                stopped();
                hub.ended(&failure);
            }
        }
    }
}

fn run(
    options: &Options,
    hub: &Arc<Hub>,
    inbox: UnboundedReceiver<Message>,
    opened: &mut Option<oneshot::Sender<Result<(), Failure>>>,
) -> Result<End, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| crate::failure::unsupported(format!("No runtime can be started: {error}.")))?;
    let (ends, ended) = unbounded();
    let keeper = Rc::new(Told { hub: Arc::clone(hub), ends });
    LocalSet::new().block_on(&runtime, async {
        let vault = Vault::open(options, keeper).await?;
        if let Some(opened) = opened.take() {
            let _ = opened.send(Ok(()));
        }
        Ok(serve(&vault, inbox, ended).await)
    })
}

/// Hands messages to the vault until it is asked to close or its engine ends.
async fn serve(vault: &Rc<Vault>, mut inbox: UnboundedReceiver<Message>, mut ended: UnboundedReceiver<Failure>) -> End {
    loop {
        let message = select_biased! {
            failure = ended.next().fuse() => match failure {
                Some(failure) => return End::Failed(failure),
                None => continue,
            },
            message = inbox.next().fuse() => message,
        };
        match message {
            Some(Message::Calls(calls)) => vault.handle(calls),
            Some(Message::Forget(client)) => vault.forget(client),
            Some(Message::Close(done)) => {
                vault.close().await;
                return End::Closed(Some(done));
            }
            None => {
                vault.close().await;
                return End::Closed(None);
            }
            #[cfg(feature = "testing")]
            Some(Message::Break) => vault.break_engine(),
        }
    }
}

/// What happens on this thread, for those on others.
struct Told {
    hub: Arc<Hub>,
    ends: UnboundedSender<Failure>,
}

impl Listener for Told {
    fn deliver(&self, client: Option<&str>, news: News) {
        self.hub.deliver(client, news);
    }

    fn ended(&self, failure: Failure) {
        let _ = self.ends.unbounded_send(failure);
    }

    fn trying(&self, entry: Option<&EntryId>) {
        self.hub.trying(entry);
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
