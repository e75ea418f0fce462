//! The databases of the app: one engine for each name, for as long as a page has it open or Rust has asked for it.

use ashore_native::secrets::Secrets;
use ashore_native::{Database, Engine, ErrorCode, Failure, Options, paths};
use futures_util::future::join_all;
use futures_util::lock::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Where this device's secrets are kept.
#[derive(Clone, Default)]
pub(crate) enum Keeping {
    /// In files beside the databases.
    #[default]
    Files,
    There(Arc<dyn Secrets>),
}

/// The databases of the app, for its Rust code: [`AshoreExt::ashore`](crate::AshoreExt::ashore).
pub struct Ashore(Arc<Databases>);

impl Ashore {
    pub(crate) fn of(databases: Arc<Databases>) -> Self {
        Self(databases)
    }

    /// The database of that name, made plain when there is none. It is the one that pages open by that name; it stays open, also without a window, until
    /// [`close`](Self::close) or the end of the app.
    pub async fn database(&self, name: &str) -> Result<Database, Failure> {
        self.database_with(name, |options| options).await
    }

    /// The same. When no page has it open and Rust has not yet, it is opened as these options say: `|options| options.encrypted()`.
    ///
    /// With a passphrase it opens locked: `database.unlock(…)`.
    pub async fn database_with(&self, name: &str, with: impl FnOnce(Options) -> Options) -> Result<Database, Failure> {
        Database::over(self.0.hold(name, Holder::Rust, with).await?)
    }

    /// Rust does not need the database any more. Its file is let go when no page has it open either.
    pub async fn close(&self, name: &str) {
        self.0.let_go(name, Holder::Rust).await;
    }
}

/// Who has a database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Page,
    Rust,
}

pub(crate) struct Databases {
    folder: PathBuf,
    keeping: Keeping,
    slots: Lock<BTreeMap<String, Arc<Mutex<Slot>>>>,
}

/// Locked while its engine is opened or closed, so that nobody opens the file before the last one has let it go.
#[derive(Default)]
struct Slot {
    engine: Option<Engine>,
    pages: usize,
    rust: bool,
}

impl Databases {
    pub(crate) fn new(folder: PathBuf, keeping: Keeping) -> Self {
        Self { folder, keeping, slots: Lock::default() }
    }

    /// The engine of that name, which is opened when nobody has it.
    pub(crate) async fn hold(
        &self,
        name: &str,
        holder: Holder,
        with: impl FnOnce(Options) -> Options,
    ) -> Result<Engine, Failure> {
        check_name(name)?;
        let slot = self.slot(name)?;
        let mut slot = slot.lock().await;
        let engine = match slot.engine.take().filter(|engine| !engine.is_closed()) {
            Some(engine) => engine,
            None => {
                let options = Options::at(self.folder.join(paths::file_name(name)));
                let options = match &self.keeping {
                    Keeping::Files => options.secrets_in_files(),
                    Keeping::There(secrets) => options.secrets_in(Arc::clone(secrets)),
                };
                Engine::open(with(options)).await?
            }
        };
        slot.engine = Some(engine.clone());
        match holder {
            Holder::Page => slot.pages += 1,
            Holder::Rust => slot.rust = true,
        }
        Ok(engine)
    }

    /// Leaves its engine behind for another one, unless more than so many pages or Rust use it.
    pub(crate) async fn restart(&self, name: &str, pages: usize) {
        let Ok(slot) = self.slot(name) else { return };
        let slot = slot.lock().await;
        if slot.pages <= pages
            && !slot.rust
            && let Some(engine) = &slot.engine
        {
            engine.restart();
        }
    }

    /// One that had it open does not any more; with the last the engine commits what waits and lets the file go.
    pub(crate) async fn let_go(&self, name: &str, holder: Holder) {
        let Ok(slot) = self.slot(name) else { return };
        let mut slot = slot.lock().await;
        match holder {
            Holder::Page => slot.pages = slot.pages.saturating_sub(1),
            Holder::Rust => slot.rust = false,
        }
        if slot.pages == 0
            && !slot.rust
            && let Some(engine) = slot.engine.take()
        {
            // One that does not move keeps its file; whoever opens it next hears `store.locked` instead of waiting.
            let _ = timeout(LAST_FLUSH + LAST_COMMIT, engine.close_after(LAST_FLUSH)).await;
        }
    }

    /// The app ends, whatever its engines do: what waits for the relay has half a second to get there, and what waits for the disk two more.
    pub(crate) async fn close_all(&self) {
        let slots: Vec<_> = self.lock().values().cloned().collect();
        let closings = slots.into_iter().map(|slot| async move {
            let engine = slot.lock().await.engine.take();
            if let Some(engine) = engine {
                engine.close_after(LAST_FLUSH).await;
            }
        });
        let _ = timeout(LAST_FLUSH + LAST_COMMIT, join_all(closings)).await;
    }

    /// The app came to the front, or the computer woke up. An engine that is just being opened or closed needs no hint.
    pub(crate) fn resume(&self) {
        let slots: Vec<_> = self.lock().values().cloned().collect();
        for slot in slots {
            if let Some(engine) = slot.try_lock().as_ref().and_then(|slot| slot.engine.as_ref()) {
                engine.resume();
            }
        }
    }

    fn slot(&self, name: &str) -> Result<Arc<Mutex<Slot>>, Failure> {
        let mut slots = self.lock();
        if slots.len() >= MAX_DATABASES && !slots.contains_key(name) {
            // Whoever waits for a slot holds it too.
            slots.retain(|_, slot| {
                Arc::strong_count(slot) > 1 || slot.try_lock().is_none_or(|slot| slot.engine.is_some())
            });
        }
        if slots.len() >= MAX_DATABASES && !slots.contains_key(name) {
            let message = format!("An app has at most {MAX_DATABASES} databases open.");
            return Err(Failure::new(ErrorCode::RequestInvalid, message));
        }
        Ok(Arc::clone(slots.entry(name.to_owned()).or_default()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Mutex<Slot>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As in browsers; what a file system does not take is written otherwise, so that every name is one file in the app's folder.
fn check_name(name: &str) -> Result<(), Failure> {
    let characters = name.encode_utf16().count();
    if (1..=MAX_NAME_CHARACTERS).contains(&characters) {
        return Ok(());
    }
    let message = format!("A database's name must be text of 1 to {MAX_NAME_CHARACTERS} characters.");
    Err(Failure::new(ErrorCode::RequestInvalid, message))
}

/// What may be spent on the relay when there is no time.
const LAST_FLUSH: Duration = Duration::from_millis(500);
/// And on the disk, which may be asleep.
const LAST_COMMIT: Duration = Duration::from_secs(2);
const MAX_NAME_CHARACTERS: usize = 128;
/// Each is a thread and a file: no page shall open them without end.
const MAX_DATABASES: usize = 64;
