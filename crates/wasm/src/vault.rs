//! The engine of one database behind its keys: it runs while they are here, and is ended and started again as they come and go.
//!
//! Calls about keys are answered here; they and all other calls take effect in the order in which they came. While there is no engine the others are
//! refused with the reason. What clients should know of the keys they hear with the first news, and whenever it changes.

use crate::disk::{self, Disk};
use crate::failure::{from_blobs, from_store};
use crate::host::{HOST_CLIENT, Host, Listener};
use crate::keys::{self, Locked, Record, Secret};
use crate::log::Notes;
use crate::trials;
use ashore_engine::api::{
    Answer, Call, Calls, Command, ErrorCode, Event, Failure, KeyInfo, LogLevel, News, Outcome, Passphrase, Protection,
    Reply, decode_calls, encode,
};
use ashore_engine::crypto::Key;
use ashore_engine::log::Note;
use ashore_engine::rng::Rng;
use ashore_engine::store::memory::Memory;
use ashore_engine::store::packed::{AtRest, BlobName, Blobs, SealedBlobs, is_sealed};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use zeroize::Zeroize;

/// How often it is tried again when another tab makes the keys at the same time.
const ATTEMPTS: usize = 3;

/// One database's engine, if its keys are here.
pub(crate) struct Vault {
    /// `None`: a plain database in memory, which has neither keys nor blobs.
    disk: RefCell<Option<Disk>>,
    listener: Rc<dyn Listener>,
    notes: Rc<Notes>,
    state: RefCell<State>,
    /// Calls that wait until one about keys is done.
    waiting: RefCell<VecDeque<Calls>>,
    working: Cell<bool>,
    /// Clients that heard how the keys stand.
    told: RefCell<BTreeSet<String>>,
    over: Cell<bool>,
}

enum State {
    Open(Host, Protection),
    /// There are no keys yet: the first passphrase makes them.
    Fresh,
    Locked,
    Wiped,
}

impl Vault {
    /// An engine without a disk and without keys.
    pub(crate) fn in_memory(listener: Rc<dyn Listener>) -> Result<Rc<Self>, Failure> {
        let vault = Self::new(None, listener, State::Locked);
        let secret = *keys::random_secret()?;
        let host = Host::start(Memory::new(), secret, vec![], Rc::clone(&vault.listener), Rc::clone(&vault.notes))?;
        vault.state.replace(State::Open(host, Protection::None));
        Ok(vault)
    }

    /// The database on that disk. `wanted` says how it is protected if it is made now, and `spare` may open it if it is locked.
    pub(crate) async fn open(
        disk: Disk,
        wanted: Protection,
        spare: &JsValue,
        listener: Rc<dyn Listener>,
    ) -> Result<Rc<Self>, Failure> {
        let vault = Self::new(Some(disk.clone()), listener, State::Locked);
        let state = vault.first_state(&disk, wanted, spare).await?;
        vault.state.replace(state);
        Ok(vault)
    }

    fn new(disk: Option<Disk>, listener: Rc<dyn Listener>, state: State) -> Rc<Self> {
        let told = Rc::clone(&listener);
        let notes = Notes::new(Box::new(move |client, news| told.deliver(Some(client), &encode(news))));
        Rc::new(Self {
            disk: RefCell::new(disk),
            listener,
            notes: Rc::new(notes),
            state: RefCell::new(state),
            waiting: RefCell::default(),
            working: Cell::new(false),
            told: RefCell::default(),
            over: Cell::new(false),
        })
    }

    async fn first_state(&self, disk: &Disk, wanted: Protection, spare: &JsValue) -> Result<State, Failure> {
        for _ in 0..ATTEMPTS {
            match Record::load(disk).await? {
                Some(Record::Plain(record)) => {
                    return self.start(Record::unwrap(&record).await?, Protection::None).await;
                }
                Some(Record::Platform(record)) => {
                    return self.start(Record::unwrap(&record).await?, Protection::Platform).await;
                }
                Some(Record::Passphrase(locked)) => {
                    let Some(secret) = locked.redeem(spare).await else { return Ok(State::Locked) };
                    self.listener.held(Some(spare));
                    return self.start(secret, Protection::Passphrase).await;
                }
                Some(Record::Wiped) => return Ok(State::Wiped),
                None => {
                    let protection = match blobs_without_keys(disk).await? {
                        Some(true) => return Ok(State::Wiped),
                        // A plain database that lost its record stays plain.
                        Some(false) => Protection::None,
                        None => wanted,
                    };
                    if protection == Protection::Passphrase {
                        return Ok(State::Fresh);
                    }
                    if let Some(secret) = Record::create(disk, protection == Protection::Platform).await? {
                        return self.start(secret, protection).await;
                    }
                }
            }
        }
        Err(Failure::new(ErrorCode::StoreFailed, "The record of this device's keys comes and goes."))
    }

    async fn start(&self, secret: Secret, protection: Protection) -> Result<State, Failure> {
        let disk = self.disk().ok_or_else(no_keys)?;
        let ended_badly = trials::ended_badly(&disk).await?;
        let blobs = match protection {
            Protection::None => AtRest::Plain(disk),
            Protection::Platform | Protection::Passphrase => {
                AtRest::Sealed(SealedBlobs::new(disk, &Key::new(*secret), Rng::seeded(keys::random()?)))
            }
        };
        let (store, report) = disk::open(blobs).await.map_err(|failure| from_store(&failure))?;
        if !report.quarantined.is_empty() {
            let blobs = [("blobs", u64::try_from(report.quarantined.len()).unwrap_or(u64::MAX))];
            self.notes.note(Note::new(LogLevel::Warn, "store", "what could not be read was set aside").counts(&blobs));
        }
        let (listener, notes) = (Rc::clone(&self.listener), Rc::clone(&self.notes));
        Ok(State::Open(Host::start(store, *secret, ended_badly, listener, notes)?, protection))
    }

    fn disk(&self) -> Option<Disk> {
        self.disk.borrow().clone()
    }

    /// Takes the bytes of one `Calls` message. A newer page's that is not understood is refused; bytes that are none are logged and dropped.
    pub(crate) fn handle(self: &Rc<Self>, mut bytes: Vec<u8>) {
        let calls = decode_calls(&bytes);
        // There may be a passphrase in it.
        bytes.zeroize();
        match calls {
            Ok(mut calls) => {
                self.notes.answer(&mut calls);
                if calls.calls.is_empty() {
                    return;
                }
                self.waiting.borrow_mut().push_back(calls);
                self.work();
            }
            Err(Some(foreign)) => self.listener.deliver(Some(&foreign.client), &encode(&foreign.refusal())),
            Err(None) => self.notes.note(Note::new(LogLevel::Warn, "calls", "a message was dropped that is none")),
        }
    }

    /// A client will not come back.
    pub(crate) fn forget(&self, client: String) {
        self.told.borrow_mut().remove(&client);
        self.notes.forget(&client);
        if let State::Open(host, _) = &*self.state.borrow() {
            host.forget(client);
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

    /// Stops at once.
    pub(crate) fn abandon(&self) {
        self.over.set(true);
        if let State::Open(host, _) = &*self.state.borrow() {
            host.abandon();
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
                spawn_local(async move {
                    vault.act(&client, call).await;
                    vault.working.set(false);
                    vault.work();
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
        self.listener.deliver(Some(&calls.client), &encode(&news));
    }

    async fn act(&self, client: &str, call: Call) {
        let before = self.info();
        let done = self.perform(call.command).await;
        if self.over.get() {
            // It was asked to leave meanwhile: the next engine is asked again.
            return self.close().await;
        }
        let keys = self.info();
        let fault = done.as_ref().err().filter(|failure| ends_the_engine(failure)).cloned();
        let outcome = match done {
            Ok(()) => Outcome::Ok(Reply::Keys { keys }),
            Err(failure) => Outcome::Failed(failure),
        };
        if keys != before {
            self.notes.note(Note::of_keys(&keys));
            self.listener.deliver(None, &encode(&News { answers: vec![], events: vec![Event::Keys { keys }] }));
        }
        let news = News { answers: vec![Answer { id: call.id, outcome }], events: vec![] };
        self.listener.deliver(Some(client), &encode(&news));
        if let Some(fault) = fault {
            self.abandon();
            self.listener.ended(&fault);
        }
    }

    async fn perform(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Unlock { passphrase: Some(passphrase) } => self.unlock(&passphrase).await,
            Command::Unlock { passphrase: None } => self.check_platform(),
            Command::Lock {} => self.lock().await,
            Command::ChangePassphrase { old, new } => self.change_passphrase(&old, &new).await,
            Command::WipeKeys {} => self.wipe().await,
            // The answer says it all.
            _ => Ok(()),
        }
    }

    async fn unlock(&self, passphrase: &Passphrase) -> Result<(), Failure> {
        match self.protection() {
            _ if self.info().wiped => return Err(wiped()),
            Protection::Passphrase => {}
            Protection::None | Protection::Platform => return Err(self.mismatch()),
        }
        let disk = self.disk().ok_or_else(no_keys)?;
        let (secret, record) = match Record::load(&disk).await? {
            Some(Record::Passphrase(record)) => (record.open(passphrase)?, record),
            None if matches!(*self.state.borrow(), State::Fresh) => match Locked::create(&disk, passphrase).await? {
                Some(made) => made,
                None => return Err(locked()),
            },
            Some(Record::Wiped) | None => {
                self.end(State::Wiped, wiped()).await;
                return Err(wiped());
            }
            Some(Record::Plain(_) | Record::Platform(_)) => return Err(mismatched("is not protected by a passphrase")),
        };
        if self.is_open() {
            return Ok(());
        }
        let spare = record.spare(&secret).await?;
        let state = self.start(secret, Protection::Passphrase).await?;
        self.state.replace(state);
        self.listener.held(Some(&spare));
        Ok(())
    }

    /// For who wants a database that the platform protects.
    fn check_platform(&self) -> Result<(), Failure> {
        match (&*self.state.borrow(), self.protection()) {
            (State::Wiped, _) => Err(wiped()),
            (_, Protection::Platform) => Ok(()),
            (_, Protection::None | Protection::Passphrase) => Err(self.mismatch()),
        }
    }

    async fn lock(&self) -> Result<(), Failure> {
        match self.protection() {
            _ if self.info().wiped => return Err(wiped()),
            Protection::Passphrase => {}
            Protection::None | Protection::Platform => return Err(self.mismatch()),
        }
        if !self.is_open() {
            return Ok(());
        }
        let disk = self.disk().ok_or_else(no_keys)?;
        // First of all, so that no tab that slept goes on with its spare.
        match Record::load(&disk).await? {
            Some(Record::Passphrase(record)) => record.end_session(&disk).await?,
            _ => return Err(keys_gone()),
        }
        self.end(State::Locked, locked()).await;
        Ok(())
    }

    async fn change_passphrase(&self, old: &Passphrase, new: &Passphrase) -> Result<(), Failure> {
        match (&*self.state.borrow(), self.protection()) {
            (State::Wiped, _) => return Err(wiped()),
            (State::Fresh | State::Locked, _) => return Err(locked()),
            (_, Protection::Passphrase) => {}
            (_, Protection::None | Protection::Platform) => return Err(self.mismatch()),
        }
        let disk = self.disk().ok_or_else(no_keys)?;
        let Some(Record::Passphrase(record)) = Record::load(&disk).await? else { return Err(keys_gone()) };
        match record.open(old) {
            Ok(secret) => record.change(&disk, &secret, new).await,
            // Asked again after an engine that changed it and could not say so any more.
            Err(failure) => record.open(new).map(|_| ()).map_err(|_| failure),
        }
    }

    async fn wipe(&self) -> Result<(), Failure> {
        match (&*self.state.borrow(), self.protection()) {
            (State::Wiped, _) => return Ok(()),
            (_, Protection::None) => return Err(self.mismatch()),
            (_, Protection::Platform | Protection::Passphrase) => {}
        }
        let disk = self.disk().ok_or_else(no_keys)?;
        Record::wipe(&disk).await?;
        self.end(State::Wiped, wiped()).await;
        Ok(())
    }

    /// Ends the engine: what it has not answered when everything is committed is refused with `failure`.
    async fn end(&self, next: State, failure: Failure) {
        let before = self.state.replace(next);
        if let State::Open(host, _) = before {
            host.close_for(failure).await;
        }
        self.listener.held(None);
        let again = self.disk().map(|disk| disk.again());
        self.disk.replace(again);
    }

    fn is_open(&self) -> bool {
        matches!(*self.state.borrow(), State::Open(..))
    }

    fn protection(&self) -> Protection {
        self.info().protection
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
            let news = News { answers: vec![], events: vec![Event::Keys { keys }] };
            self.listener.deliver(Some(client), &encode(&news));
        }
    }

    fn mismatch(&self) -> Failure {
        mismatched(match self.protection() {
            Protection::None => "is not encrypted",
            Protection::Platform => "is protected by the platform",
            Protection::Passphrase => "is protected by a passphrase",
        })
    }
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

/// Whether there is a store, and whether it is encrypted, as far as can be told without its key.
async fn blobs_without_keys(disk: &Disk) -> Result<Option<bool>, Failure> {
    let manifests = disk.get(&[BlobName::Manifest(0), BlobName::Manifest(1)]).await;
    let manifests = manifests.map_err(|failure| from_blobs(&failure))?;
    let sealed: Vec<bool> = manifests.iter().flatten().map(|bytes| is_sealed(bytes)).collect();
    Ok(if sealed.is_empty() { None } else { Some(sealed.contains(&true)) })
}

/// Whether clients take it for the end of the engine that answers with it.
fn ends_the_engine(failure: &Failure) -> bool {
    use ErrorCode as E;
    matches!(failure.code, E::StoreFailed | E::StorePoisoned | E::StoreQuotaExceeded | E::HostSuperseded)
}

fn locked() -> Failure {
    Failure::new(ErrorCode::KeyLocked, "The database is locked: its passphrase opens it.")
}

fn wiped() -> Failure {
    Failure::new(ErrorCode::KeyWiped, "The keys of this database are gone; nothing in it can be read any more.")
}

/// The record is not what it was when the database was opened.
fn keys_gone() -> Failure {
    Failure::new(ErrorCode::StoreCorrupt, "The record that opens this device's keys is gone or was replaced.")
}

fn no_keys() -> Failure {
    mismatched("is not encrypted")
}

fn mismatched(how: &str) -> Failure {
    Failure::new(ErrorCode::KeyMismatch, format!("This database {how}."))
}
