//! The engine of one database behind its keys: it runs while they are here, and is ended and started again as they come and go.
//!
//! Calls about keys are answered here; they and all other calls take effect in the order in which they came. While there is no engine the others are
//! refused with the reason. What clients should know of the keys they hear with the first news, and whenever it changes.

use crate::disk::{Kind, NativeStore};
use crate::failure::{from_store, unsupported};
use crate::host::{HOST_CLIENT, Host, Listener, broken};
use crate::keys::{self, Record};
use crate::options::{Options, Place};
use crate::secrets::{Secret, Secrets, random, random_secret};
use crate::store::{Holds, SqliteBlobs, SqliteFile, SqliteStore};
use ashore_engine::api::{
    Answer, Call, Calls, Command, ErrorCode, Event, Failure, Hint, KeyInfo, LogLevel, News, Outcome, Passphrase,
    Protection, Reply,
};
use ashore_engine::crypto::Key;
use ashore_engine::log::Note;
use ashore_engine::rng::Rng;
use ashore_engine::store::memory::Memory;
use ashore_engine::store::packed::{Packed, PackedOptions, SealedBlobs};
use ashore_protocol::EntryId;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{spawn_blocking, spawn_local};

/// What the vault tells besides what an engine does.
pub(crate) trait Keeper: Listener {
    /// What opens the database again without its passphrase, as long as this program runs; `None` when it was locked.
    fn hold(&self, secret: Option<&Secret>);
    /// What was held last.
    fn held(&self) -> Option<Secret>;
    /// Entries that engines of this program died of.
    fn ended_badly(&self) -> Vec<EntryId>;
    /// Whether a test wants this engine to break.
    fn breaks(&self) -> bool;
}

/// One database's engine, if its keys are here.
pub(crate) struct Vault {
    /// `None`: a database in memory, which has neither keys nor a file.
    disk: Option<Disk>,
    keeper: Rc<dyn Keeper>,
    /// Breaks the engine; see [`NativeStore`].
    breaks: Rc<Cell<bool>>,
    state: RefCell<State>,
    /// Calls that wait until one about keys is done.
    waiting: RefCell<VecDeque<Calls>>,
    working: Cell<bool>,
    /// Clients that heard how the keys stand.
    told: RefCell<BTreeSet<String>>,
    over: Cell<bool>,
}

struct Disk {
    file: SqliteFile,
    secrets: Option<Arc<dyn Secrets>>,
}

enum State {
    Open(Host, Protection),
    /// There are no keys yet: the first passphrase makes them.
    Fresh,
    Locked,
    Wiped,
}

impl Vault {
    /// The database of these options.
    pub(crate) async fn open(options: &Options, keeper: Rc<dyn Keeper>) -> Result<Rc<Self>, Failure> {
        let disk = match &options.place {
            Place::Memory if options.protection != Protection::None => {
                return Err(unsupported("A database in memory is not encrypted."));
            }
            Place::Memory => None,
            Place::File(path) => {
                let file = SqliteFile::open(path).map_err(|failure| from_store(&failure))?;
                Some(Disk { file, secrets: options.secrets.clone() })
            }
        };
        let vault = Rc::new(Self {
            disk,
            breaks: Rc::new(Cell::new(keeper.breaks())),
            keeper,
            state: RefCell::new(State::Locked),
            waiting: RefCell::default(),
            working: Cell::new(false),
            told: RefCell::default(),
            over: Cell::new(false),
        });
        let state = vault.first_state(options.protection).await?;
        vault.state.replace(state);
        Ok(vault)
    }

    async fn first_state(&self, wanted: Protection) -> Result<State, Failure> {
        let Some(disk) = &self.disk else {
            let store = self.store(Kind::Memory(Memory::new()));
            let host = Host::start(store, &random_secret()?, vec![], self.listener())?;
            return Ok(State::Open(host, Protection::None));
        };
        match (Record::load(&disk.file)?, wanted) {
            (Some(Record::Plain(name)), _) => self.start(disk.secret(&name)?, Protection::None).await,
            (Some(Record::Platform(name)), _) => self.start(disk.secret(&name)?, Protection::Platform).await,
            (Some(Record::Passphrase(_)), _) => match self.keeper.held() {
                Some(secret) => self.start(secret, Protection::Passphrase).await,
                None => Ok(State::Locked),
            },
            (Some(Record::Wiped), _) => Ok(State::Wiped),
            (None, _) => match (disk.file.holds().map_err(|failure| from_store(&failure))?, wanted) {
                // The record was taken away, and no key opens these blobs any more.
                (Holds::Blobs, _) => Ok(State::Wiped),
                (Holds::Rows, _) => self.start(disk.create(Protection::None)?, Protection::None).await,
                (Holds::Nothing, Protection::Passphrase) => Ok(State::Fresh),
                (Holds::Nothing, _) => self.start(disk.create(wanted)?, wanted).await,
            },
        }
    }

    async fn start(&self, secret: Secret, protection: Protection) -> Result<State, Failure> {
        let disk = self.disk.as_ref().ok_or_else(no_keys)?;
        let failed = |failure| from_store(&failure);
        let kind = if protection == Protection::None {
            Kind::Rows(Box::new(SqliteStore::open(&disk.file).map_err(failed)?))
        } else {
            let blobs = SqliteBlobs::open(&disk.file).map_err(failed)?;
            let sealed = SealedBlobs::new(blobs, &Key::new(*secret), Rng::seeded(random()?));
            let (store, report) = Packed::open(sealed, PackedOptions::default()).await.map_err(failed)?;
            if !report.quarantined.is_empty() {
                let blobs = [("blobs", u64::try_from(report.quarantined.len()).unwrap_or(u64::MAX))];
                let note = Note::new(LogLevel::Warn, "store", "what could not be read was set aside");
                self.keeper.note(note.counts(&blobs));
            }
            Kind::Sealed(Box::new(store))
        };
        let host = Host::start(self.store(kind), &secret, self.keeper.ended_badly(), self.listener())?;
        Ok(State::Open(host, protection))
    }

    fn listener(&self) -> Rc<dyn Listener> {
        Rc::clone(&self.keeper) as Rc<dyn Listener>
    }

    fn store(&self, kind: Kind) -> NativeStore {
        NativeStore { kind, breaks: Rc::clone(&self.breaks) }
    }

    /// The engine breaks at its next use of the store.
    #[cfg(feature = "testing")]
    pub(crate) fn break_engine(&self) {
        self.breaks.set(true);
    }

    /// Takes calls of a client.
    pub(crate) fn handle(self: &Rc<Self>, calls: Calls) {
        self.waiting.borrow_mut().push_back(calls);
        self.work();
    }

    /// A client will not come back.
    pub(crate) fn forget(&self, client: String) {
        self.told.borrow_mut().remove(&client);
        if let State::Open(host, _) = &*self.state.borrow() {
            host.forget(client);
        }
    }

    /// The host noticed something; a database without keys has no use for it.
    pub(crate) fn hint(&self, hint: Hint) {
        if let State::Open(host, _) = &*self.state.borrow() {
            host.hint(hint);
        }
    }

    /// Gives what waits for the relay that long to get there.
    pub(crate) async fn flush(&self, at_most: Duration) {
        let flushing = match &*self.state.borrow() {
            State::Open(host, _) if !at_most.is_zero() => Some(host.flush(at_most)),
            _ => None,
        };
        if let Some(flushing) = flushing {
            flushing.await;
        }
    }

    /// Commits what waits, closes the store and stops.
    pub(crate) async fn close(&self) {
        self.over.set(true);
        let closing = match &*self.state.borrow() {
            State::Open(host, _) => Some(host.close()),
            State::Fresh | State::Locked | State::Wiped => None,
        };
        if let Some(closing) = closing {
            closing.await;
        }
    }

    /// Passes on what waits, up to the next call about keys, and begins with that.
    fn work(self: &Rc<Self>) {
        while !self.working.get() {
            let Some(calls) = self.waiting.borrow_mut().pop_front() else { return };
            let (before, about_keys) = self.split(calls);
            self.tell_once(&before.client);
            let client = before.client.clone();
            if !before.calls.is_empty() || about_keys.is_none() {
                self.pass(before);
            }
            if let Some(call) = about_keys {
                self.working.set(true);
                let vault = Rc::clone(self);
                let acting = spawn_local(async move {
                    vault.act(&client, call).await;
                    vault.working.set(false);
                    vault.work();
                });
                let keeper = Rc::clone(&self.keeper);
                spawn_local(async move {
                    if acting.await.is_err() {
                        keeper.ended(broken());
                    }
                });
            }
        }
    }

    /// The calls before the first about keys, and that one; those after it wait again.
    fn split(&self, mut calls: Calls) -> (Calls, Option<Call>) {
        let Some(at) = calls.calls.iter().position(|call| is_about_keys(&call.command)) else { return (calls, None) };
        let mut rest = calls.calls.split_off(at).into_iter();
        let about_keys = rest.next();
        let rest: Vec<Call> = rest.collect();
        if !rest.is_empty() {
            let after = Calls { client: calls.client.clone(), received: calls.received, calls: rest };
            self.waiting.borrow_mut().push_front(after);
        }
        (calls, about_keys)
    }

    /// Hands calls to the engine, or refuses them.
    fn pass(&self, calls: Calls) {
        let refusal = match &*self.state.borrow() {
            State::Open(host, _) => return host.pass(calls),
            State::Fresh | State::Locked => locked(),
            State::Wiped => wiped(),
        };
        let answer = |call: Call| Answer { id: call.id, outcome: Outcome::Failed(refusal.clone()) };
        let news = News { answers: calls.calls.into_iter().map(answer).collect(), events: vec![] };
        self.keeper.deliver(Some(&calls.client), news);
    }

    async fn act(&self, client: &str, call: Call) {
        let before = self.info();
        let done = self.perform(call.command).await;
        if self.over.get() {
            // It was asked to close meanwhile.
            return self.close().await;
        }
        let keys = self.info();
        let outcome = match done {
            Ok(()) => Outcome::Ok(Reply::Keys { keys }),
            Err(failure) => Outcome::Failed(failure),
        };
        if keys != before {
            self.keeper.note(Note::of_keys(&keys));
            self.keeper.deliver(None, News { answers: vec![], events: vec![Event::Keys { keys }] });
        }
        self.keeper.deliver(Some(client), News { answers: vec![Answer { id: call.id, outcome }], events: vec![] });
    }

    async fn perform(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Unlock { passphrase: Some(passphrase) } => self.unlock(passphrase).await,
            Command::Unlock { passphrase: None } => self.check_platform(),
            Command::Lock {} => self.lock().await,
            Command::ChangePassphrase { old, new } => self.change_passphrase(old, new).await,
            Command::WipeKeys {} => self.wipe().await,
            // The answer says it all.
            _ => Ok(()),
        }
    }

    async fn unlock(&self, passphrase: Passphrase) -> Result<(), Failure> {
        let disk = self.disk_of_passphrase()?;
        let secret = match Record::load(&disk.file)? {
            Some(Record::Passphrase(envelope)) => aside(move || keys::open(&envelope.0, &passphrase)).await?,
            None if matches!(*self.state.borrow(), State::Fresh) => {
                let (secret, envelope) = aside(move || keys::seal_new(&passphrase)).await?;
                Record::Passphrase(envelope).keep(&disk.file)?;
                secret
            }
            Some(Record::Wiped) | None => {
                self.end(State::Wiped, wiped()).await;
                return Err(wiped());
            }
            Some(Record::Plain(_) | Record::Platform(_)) => return Err(self.mismatch()),
        };
        if self.is_open() {
            return Ok(());
        }
        let state = self.start(secret.clone(), Protection::Passphrase).await?;
        self.state.replace(state);
        self.keeper.hold(Some(&secret));
        Ok(())
    }

    /// For who wants a database that the platform protects.
    fn check_platform(&self) -> Result<(), Failure> {
        match (&*self.state.borrow(), self.info().protection) {
            (State::Wiped, _) => Err(wiped()),
            (_, Protection::Platform) => Ok(()),
            (_, Protection::None | Protection::Passphrase) => Err(self.mismatch()),
        }
    }

    async fn lock(&self) -> Result<(), Failure> {
        self.disk_of_passphrase()?;
        if self.is_open() {
            self.end(State::Locked, locked()).await;
        }
        Ok(())
    }

    async fn change_passphrase(&self, old: Passphrase, new: Passphrase) -> Result<(), Failure> {
        let disk = self.disk_of_passphrase()?;
        if !self.is_open() {
            return Err(locked());
        }
        let Some(Record::Passphrase(envelope)) = Record::load(&disk.file)? else { return Err(keys_gone()) };
        let changed = aside(move || match keys::open(&envelope.0, &old) {
            Ok(secret) => keys::seal(&secret, &new).map(Some),
            // Asked again after an engine that changed it and could not say so any more.
            Err(failure) => keys::open(&envelope.0, &new).map(|_| None).map_err(|_| failure),
        });
        match changed.await? {
            Some(envelope) => Record::Passphrase(envelope).keep(&disk.file),
            None => Ok(()),
        }
    }

    async fn wipe(&self) -> Result<(), Failure> {
        let info = self.info();
        if info.wiped {
            return Ok(());
        }
        let disk = self.disk.as_ref().ok_or_else(no_keys)?;
        if info.protection == Protection::None {
            return Err(self.mismatch());
        }
        let before = Record::load(&disk.file)?;
        Record::Wiped.keep(&disk.file)?;
        if let (Some(Record::Platform(name)), Some(secrets)) = (before, &disk.secrets) {
            secrets.remove(&name)?;
        }
        self.end(State::Wiped, wiped()).await;
        Ok(())
    }

    /// Ends the engine: what it has not answered when everything is committed is refused with `failure`.
    async fn end(&self, next: State, failure: Failure) {
        let before = self.state.replace(next);
        self.keeper.hold(None);
        if let State::Open(host, _) = before {
            host.close_for(failure).await;
        }
    }

    fn disk_of_passphrase(&self) -> Result<&Disk, Failure> {
        let info = self.info();
        match (&self.disk, info.protection) {
            _ if info.wiped => Err(wiped()),
            (Some(disk), Protection::Passphrase) => Ok(disk),
            _ => Err(self.mismatch()),
        }
    }

    fn is_open(&self) -> bool {
        matches!(*self.state.borrow(), State::Open(..))
    }

    fn info(&self) -> KeyInfo {
        match &*self.state.borrow() {
            State::Open(_, protection) => KeyInfo { protection: *protection, locked: false, wiped: false },
            State::Fresh | State::Locked => KeyInfo { protection: Protection::Passphrase, locked: true, wiped: false },
            State::Wiped => KeyInfo { protection: Protection::None, locked: false, wiped: true },
        }
    }

    /// What a client of an encrypted database hears before its first answer.
    fn tell_once(&self, client: &str) {
        let keys = self.info();
        let known = keys == KeyInfo::default() || client == HOST_CLIENT;
        if !known && self.told.borrow_mut().insert(client.to_owned()) {
            self.keeper.deliver(Some(client), News { answers: vec![], events: vec![Event::Keys { keys }] });
        }
    }

    fn mismatch(&self) -> Failure {
        mismatched(match self.info().protection {
            Protection::None => "is not encrypted",
            Protection::Platform => "is protected by this device's secret",
            Protection::Passphrase => "is protected by a passphrase",
        })
    }
}

impl Disk {
    fn secrets(&self) -> Result<&dyn Secrets, Failure> {
        let missing = "Nobody said where this device's secret is kept: see `Options::secrets_in_files` and `Options::secrets_in`.";
        self.secrets.as_deref().ok_or_else(|| unsupported(missing))
    }

    fn secret(&self, name: &str) -> Result<Secret, Failure> {
        self.secrets()?.load(name)?.ok_or_else(keys_gone)
    }

    /// Makes a secret that is kept elsewhere. A crash before the record is written leaves a secret that nothing names.
    fn create(&self, protection: Protection) -> Result<Secret, Failure> {
        let (name, secret) = (keys::new_name()?, random_secret()?);
        self.secrets()?.keep(&name, &secret)?;
        let record = if protection == Protection::Platform { Record::Platform(name) } else { Record::Plain(name) };
        record.keep(&self.file)?;
        Ok(secret)
    }
}

/// Deriving a key takes a second, in which the engine goes on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(broken()))
}

fn is_about_keys(command: &Command) -> bool {
    matches!(
        command,
        Command::Unlock { .. }
            | Command::Lock {}
            | Command::ChangePassphrase { .. }
            | Command::WipeKeys {}
            | Command::Keys {}
    )
}

fn locked() -> Failure {
    Failure::new(ErrorCode::KeyLocked, "The database is locked: its passphrase opens it.")
}

fn wiped() -> Failure {
    Failure::new(ErrorCode::KeyWiped, "The keys of this database are gone; nothing in it can be read any more.")
}

/// The secret or its record is not what it was when the database was made.
fn keys_gone() -> Failure {
    Failure::new(ErrorCode::StoreCorrupt, "What opens this device's keys is gone or was replaced.")
}

fn no_keys() -> Failure {
    mismatched("is not encrypted")
}

fn mismatched(how: &str) -> Failure {
    Failure::new(ErrorCode::KeyMismatch, format!("This database {how}."))
}
