//! One command with its database: found or made, unlocked, given to the command, flushed and closed, also when somebody presses Ctrl-C.

use crate::args::{Encrypt, Making, Place};
use crate::exit::{Exit, Problem, note};
use crate::passphrase::{Sources, Text};
use crate::progress::Bars;
use crate::stop::Stop;
use ashore_native::api::{Command, KeyInfo, Protection, Reply};
use ashore_native::secrets::{Secret, SecretFiles, Secrets};
use ashore_native::{Database, ErrorCode, Failure, Options, paths};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The folder's name in the platform's place for data.
const IDENTIFIER: &str = "ashore";

impl Place {
    /// The database's file.
    pub(crate) fn path(&self) -> Result<PathBuf, Problem> {
        let folder = match &self.dir {
            Some(folder) => folder.clone(),
            None => paths::data_folder(IDENTIFIER)
                .ok_or_else(|| Problem::usage("this platform has no place for data: say --dir"))?,
        };
        Ok(folder.join(paths::file_name(&self.name)))
    }

    pub(crate) fn bars(&self) -> Bars {
        Bars::unless(self.quiet)
    }

    /// A word for people that is no error.
    pub(crate) fn note(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            note(line);
        }
    }

    fn passphrase(&self) -> Sources<'_> {
        let file = self.passphrase_file.as_deref();
        Sources { file, variable: "ASHORE_PASSPHRASE", question: "Passphrase of the database: " }
    }
}

/// What a command does to its database, as far as its end is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// What it wrote goes to the relay, if that takes no longer than a moment.
    writes: bool,
    /// It goes on until somebody stops it: that is its end, and not an interruption.
    endless: bool,
}

impl Manner {
    pub(crate) const READS: Self = Self { writes: false, endless: false };
    pub(crate) const WRITES: Self = Self { writes: true, endless: false };
    pub(crate) const ENDLESS: Self = Self { writes: false, endless: true };
}

/// Runs a command on a database that is there.
pub(crate) async fn with_database(
    place: &Place,
    manner: Manner,
    command: impl AsyncFnOnce(&Database) -> Result<Exit, Problem>,
) -> Result<Exit, Problem> {
    let path = place.path()?;
    if !path.exists() {
        return Err(Problem::no_database(&path));
    }
    let database = unlocked(open(&path).await?, place).await?;
    attend(&database, place, Stop::listen()?, manner, command).await
}

/// Runs a command on a database, which is made when there is none; if the command fails and has left nothing in it, it is taken away again.
pub(crate) async fn with_new_database(
    place: &Place,
    making: &Making,
    manner: Manner,
    command: impl AsyncFnOnce(&Database) -> Result<Exit, Problem>,
) -> Result<Exit, Problem> {
    let path = place.path()?;
    if path.exists() {
        return with_database(place, manner, command).await;
    }
    let passphrase = match making.encrypt {
        Encrypt::Passphrase => Some(place.passphrase().get_new()?),
        Encrypt::None | Encrypt::Device => None,
    };
    // Half a database would be taken for a plain one by the next command: from here on a Ctrl-C waits until it has its keys.
    let stop = Stop::listen()?;
    let secrets = Kept::beside(&path, making.keychain)?;
    let database = make(&path, making, passphrase, secrets.clone()).await.inspect_err(|problem| {
        let keyless = [ErrorCode::KeyWeakPassphrase, ErrorCode::HostUnsupported];
        if matches!(problem, Problem::Failed(failure) if keyless.contains(&failure.code)) {
            discard(&path);
            secrets.take_back();
        }
    })?;
    let in_vain = Cell::new(false);
    let command = async |database: &Database| {
        let outcome = command(database).await;
        if outcome.is_err() && holds_nothing(database).await.unwrap_or(false) {
            in_vain.set(true);
        }
        outcome
    };
    let outcome = attend(&database, place, stop, manner, command).await;
    if in_vain.get() {
        discard(&path);
        secrets.take_back();
    }
    outcome
}

/// No document, no group and no question to be let into one.
async fn holds_nothing(database: &Database) -> Result<bool, Problem> {
    let asked = match database.call(Command::OwnRequest {}).await? {
        Reply::OwnRequest { request } => request.is_some(),
        _ => return Err(Problem::wrong_reply()),
    };
    let grouped = database.sync().fetch_status().await?.group.is_some();
    Ok(!asked && !grouped && database.collections().await?.is_empty())
}

async fn make(path: &Path, making: &Making, passphrase: Option<Text>, secrets: Arc<Kept>) -> Result<Database, Problem> {
    let options = Options::at(path).secrets_in(secrets);
    let options = match (making.encrypt, passphrase) {
        (Encrypt::Device, _) => options.encrypted(),
        (_, Some(passphrase)) => options.passphrase(passphrase.as_str()),
        (_, None) => options,
    };
    Ok(Database::open(options).await?)
}

fn discard(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let _ = std::fs::remove_file(name);
    }
}

async fn open(path: &Path) -> Result<Database, Problem> {
    Ok(Database::open(Options::at(path).secrets_in(Kept::beside(path, false)?)).await?)
}

/// Where the keys of a database stand.
pub(crate) async fn keys(database: &Database) -> Result<KeyInfo, Problem> {
    match database.call(Command::Keys {}).await? {
        Reply::Keys { keys } => Ok(keys),
        _ => Err(Problem::wrong_reply()),
    }
}

/// Gives a database that wants one its passphrase.
async fn unlocked(database: Database, place: &Place) -> Result<Database, Problem> {
    let unlock = async {
        let keys = keys(&database).await?;
        if keys.protection == Protection::Passphrase && keys.locked {
            let passphrase: Text = place.passphrase().get()?;
            database.unlock(passphrase.as_str()).await?;
        }
        Ok(())
    };
    match unlock.await {
        Ok(()) => Ok(database),
        Err(problem) => {
            database.close().await;
            Err(problem)
        }
    }
}

/// Runs the command until it is done or somebody wants the program to end; then everything is kept, sent for a moment, and closed.
async fn attend(
    database: &Database,
    place: &Place,
    mut stop: Stop,
    manner: Manner,
    command: impl AsyncFnOnce(&Database) -> Result<Exit, Problem>,
) -> Result<Exit, Problem> {
    let (outcome, flush) = tokio::select! {
        outcome = command(database) => (outcome, manner.writes),
        () = stop.wanted() => (Ok(if manner.endless { Exit::Done } else { Exit::Interrupted }), true),
    };
    let ending = async {
        if flush {
            send_what_waits(database, Duration::from_millis(place.flush_ms)).await;
        }
        database.close().await;
    };
    tokio::select! {
        () = ending => outcome,
        // Whoever asks twice does not want to wait. What was answered is on the disk.
        () = stop.wanted() => Ok(Exit::Interrupted),
    }
}

async fn send_what_waits(database: &Database, at_most: Duration) {
    let waits = database.sync().fetch_status().await.is_ok_and(|status| {
        // The relay takes nothing of a device that was removed.
        status.enabled && status.pending > 0 && !status.removed
    });
    if waits {
        // It stays in the outbox otherwise.
        let _ = database.flush(at_most).await;
    }
}

/// This device's secrets: new ones in files or in the keychain, as was asked for; those that are there wherever they are.
struct Kept {
    files: SecretFiles,
    keychain: Keychain,
    /// The names of those that this program has made.
    made: Mutex<Vec<String>>,
}

impl Kept {
    fn beside(path: &Path, keychain: bool) -> Result<Arc<Self>, Problem> {
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let (files, keychain) = (SecretFiles::in_folder(folder), Keychain::of(keychain)?);
        Ok(Arc::new(Self { files, keychain, made: Mutex::default() }))
    }

    /// Removes those that this program has made.
    fn take_back(&self) {
        for name in std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner)) {
            // One that stays opens nothing.
            let _ = self.remove(&name);
        }
    }
}

impl Secrets for Kept {
    fn load(&self, name: &str) -> Result<Option<Secret>, Failure> {
        match self.files.load(name)? {
            Some(secret) => Ok(Some(secret)),
            None => self.keychain.load(name),
        }
    }

    fn keep(&self, name: &str, secret: &Secret) -> Result<(), Failure> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
        if self.keychain.wanted { self.keychain.keep(name, secret) } else { self.files.keep(name, secret) }
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        self.files.remove(name)?;
        self.keychain.remove(name)
    }
}

struct Keychain {
    wanted: bool,
    #[cfg(feature = "keychain")]
    system: ashore_native::secrets::Keychain,
}

#[cfg(feature = "keychain")]
impl Keychain {
    fn of(wanted: bool) -> Result<Self, Problem> {
        Ok(Self { wanted, system: ashore_native::secrets::Keychain::of_app(IDENTIFIER) })
    }

    fn load(&self, name: &str) -> Result<Option<Secret>, Failure> {
        self.system.load(name)
    }

    fn keep(&self, name: &str, secret: &Secret) -> Result<(), Failure> {
        self.system.keep(name, secret)
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        self.system.remove(name)
    }
}

#[cfg(not(feature = "keychain"))]
impl Keychain {
    fn of(wanted: bool) -> Result<Self, Problem> {
        if wanted {
            return Err(Self::missing().into());
        }
        Ok(Self { wanted })
    }

    fn load(&self, _: &str) -> Result<Option<Secret>, Failure> {
        Ok(None)
    }

    fn keep(&self, _: &str, _: &Secret) -> Result<(), Failure> {
        Err(Self::missing())
    }

    fn remove(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }

    fn missing() -> Failure {
        Failure::new(ErrorCode::HostUnsupported, "this program was built without the system's keychain")
    }
}
