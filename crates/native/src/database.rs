//! An open database: collections, transactions, sync, events.

use crate::collection::Collection;
use crate::conversation::{Conversation, Events};
use crate::engine::Engine;
use crate::options::Options;
use crate::query::wrong_reply;
use crate::sync::{Sync, millis};
use crate::transaction::Transaction;
use ashore_engine::api::{Command, Failure, KeyInfo, Passphrase, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// An open database. Clones are the same handle; it may be used from any thread and under any executor.
#[derive(Clone)]
pub struct Database(Arc<Conversation>);

impl Database {
    /// Opens a database, making it when there is none.
    ///
    /// `store.locked`: another program, or another part of this one, has it open; share an [`Engine`] within one program. `key.bad-passphrase`,
    /// `key.mismatch`: it is protected in another way than the options say. A database with a passphrase that is not given opens locked.
    pub async fn open(options: Options) -> Result<Self, Failure> {
        let passphrase = options.passphrase.clone();
        let database = Self::over(Engine::open(options).await?)?;
        if passphrase.is_some() {
            let unlocked = database.keys(Command::Unlock { passphrase }).await;
            if let Err(failure) = unlocked {
                database.close().await;
                return Err(failure);
            }
        }
        Ok(database)
    }

    /// A handle over an engine that others use too.
    pub fn over(engine: Engine) -> Result<Self, Failure> {
        Conversation::begin(engine).map(Self)
    }

    /// The engine, for others in this program: more handles, or a webview's page.
    pub fn engine(&self) -> Engine {
        self.0.engine().clone()
    }

    /// A collection, whose documents are read and written as `T`. It costs nothing and is made by its first document.
    pub fn collection<T: Serialize + DeserializeOwned>(&self, name: &str) -> Collection<T> {
        Collection::of(Arc::clone(&self.0), name)
    }

    /// Names of the collections that hold or held documents.
    pub async fn collections(&self) -> Result<Vec<String>, Failure> {
        match self.0.ask(Command::Collections {}).await? {
            Reply::Collections { names } => Ok(names),
            _ => Err(wrong_reply()),
        }
    }

    /// Writes that happen together or not at all.
    pub fn transaction(&self) -> Transaction {
        Transaction::of(Arc::clone(&self.0))
    }

    /// Sharing with other devices.
    pub fn sync(&self) -> Sync {
        Sync::of(Arc::clone(&self.0))
    }

    /// What the engine says unasked from now on.
    pub fn events(&self) -> Events {
        self.0.events()
    }

    /// Anything that an engine can be asked, and its reply: what has no method of its own here.
    pub async fn call(&self, command: Command) -> Result<Reply, Failure> {
        self.0.ask(command).await
    }

    /// Opens a locked database, or says whether a passphrase is right.
    pub async fn unlock(&self, passphrase: impl Into<String>) -> Result<KeyInfo, Failure> {
        self.keys(Command::Unlock { passphrase: Some(Passphrase::new(passphrase)) }).await
    }

    /// Forgets the keys of a database with a passphrase, for every handle.
    pub async fn lock(&self) -> Result<KeyInfo, Failure> {
        self.keys(Command::Lock {}).await
    }

    async fn keys(&self, command: Command) -> Result<KeyInfo, Failure> {
        match self.0.ask(command).await? {
            Reply::Keys { keys } => Ok(keys),
            _ => Err(wrong_reply()),
        }
    }

    /// Waits until everything that was written is at the relay, or the time is over. Answers how many changes still wait.
    pub async fn flush(&self, at_most: Duration) -> Result<u64, Failure> {
        match self.0.ask(Command::Flush { timeout_ms: millis(at_most) }).await? {
            Reply::Flushed { pending } => Ok(pending),
            _ => Err(wrong_reply()),
        }
    }

    /// Starts the engine if none runs, as the first call would; with sync enabled it pushes and pulls at once.
    pub fn start(&self) -> Result<(), Failure> {
        self.0.engine().start()
    }

    /// The program came to the front, or the computer woke up: pushes and pulls at once.
    pub fn resume(&self) {
        self.0.engine().resume();
    }

    /// The program is about to be stopped or hidden: gives what waits half a second to get to the relay. Answers how many changes still wait; they are
    /// durable here.
    pub async fn pause(&self) -> Result<u64, Failure> {
        self.flush(LAST_FLUSH).await
    }

    /// Closes the database for everybody in this program: what waits is committed, and the file is let go.
    pub async fn close(&self) {
        self.0.engine().close().await;
    }
}

/// What may be spent on the relay when there is no time.
const LAST_FLUSH: Duration = Duration::from_millis(500);

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Database").field(self.0.engine()).finish()
    }
}
