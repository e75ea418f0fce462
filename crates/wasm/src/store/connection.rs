//! One browser database and the connection to it, which comes and goes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ashore_engine::store::packed::BlobFailure;
use futures_channel::oneshot;
use futures_util::lock::Mutex;
use idb::{Database, DatabaseEvent, Factory, ObjectStoreParams, Request};
use web_sys::IdbDatabase;

use super::failure::from_idb;

/// The schema's version. It has little to say: the blobs carry their own format version.
const VERSION: u32 = 1;

/// Object store of the packed rows' blobs: name to bytes.
pub(super) const BLOBS: &str = "blobs";
/// Object store of key material, by name: whatever structured clone can keep, such as a non-extractable `CryptoKey`.
pub(super) const KEYS: &str = "keys";

/// One IndexedDB database. Making one touches nothing: the database is created or opened by the first operation.
///
/// When the browser closes the connection (it may, at any time), or another page asks for it with `versionchange`, the next
/// operation opens it again. An operation whose transaction could not even begin is tried once more by itself; one whose
/// outcome is unknown is not, and answers [`BlobFailure::Closed`]. A database that was deleted meanwhile ends this handle: whoever
/// holds it believes in what is gone.
#[derive(Debug)]
pub struct IndexedDb {
    name: String,
    connection: RefCell<Option<Rc<Connection>>>,
    opening: Mutex<()>,
    /// Whether there was a connection before.
    opened: Cell<bool>,
    closed: Cell<bool>,
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    /// Holds the event handlers.
    _database: Database,
    /// The same, for what `idb` has no name for.
    pub(super) raw: IdbDatabase,
    lost: Rc<Cell<bool>>,
}

impl IndexedDb {
    /// The database called `name`, which need not exist.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            connection: RefCell::new(None),
            opening: Mutex::new(()),
            opened: Cell::new(false),
            closed: Cell::new(false),
        }
    }

    /// Deletes the database called `name` with everything in it. Waits for other pages to let go of it.
    pub async fn delete(name: &str) -> Result<(), BlobFailure> {
        let mut request = Factory::new().map_err(from_idb)?.delete(name).map_err(from_idb)?;
        settled(&mut request).await;
        match request.error().map_err(from_idb)? {
            None => Ok(()),
            Some(error) => Err(from_idb(idb::Error::DomException(error))),
        }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends the connection as the browser might. The next operation opens it again.
    pub fn disconnect(&self) {
        self.connection.replace(None);
    }

    /// Closes the connection as a browser does that crashed: no event tells. For tests.
    #[doc(hidden)]
    pub fn close_underneath(&self) {
        if let Some(connection) = self.connection.borrow().as_ref() {
            connection.raw.close();
        }
    }

    /// The open connection; opened now if there is none.
    pub(super) async fn connect(&self) -> Result<Rc<Connection>, BlobFailure> {
        let _opening = self.opening.lock().await;
        if self.closed.get() {
            return Err(BlobFailure::Closed);
        }
        if let Some(open) = self.connected() {
            return Ok(open);
        }
        let (open, created) = Connection::open(&self.name).await?;
        if self.closed.get() || (created && self.opened.get()) {
            self.close_for_good();
            return Err(BlobFailure::Closed);
        }
        self.opened.set(true);
        let open = Rc::new(open);
        self.connection.replace(Some(open.clone()));
        Ok(open)
    }

    /// The connection, unless there is none that works.
    pub(super) fn connected(&self) -> Option<Rc<Connection>> {
        self.connection.borrow().as_ref().filter(|open| !open.is_lost()).cloned()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(super) fn close_for_good(&self) {
        self.closed.set(true);
        self.disconnect();
    }
}

impl Connection {
    /// Opens the database; `true` when it was not there and has been created.
    async fn open(name: &str) -> Result<(Self, bool), BlobFailure> {
        let factory = Factory::new().map_err(from_idb)?;
        let mut request = factory.open(name, Some(VERSION)).map_err(from_idb)?;
        let creation = Rc::new(RefCell::new(None));
        let created = creation.clone();
        request.on_upgrade_needed(move |event| {
            *created.borrow_mut() = Some(event.database().and_then(|database| create_stores(&database)));
        });
        settled(&mut request).await;
        let created = creation.take().transpose().map_err(from_idb)?.is_some();
        if let Some(error) = request.error().map_err(from_idb)? {
            return Err(from_idb(idb::Error::DomException(error)));
        }
        let raw = IdbDatabase::from(request.database().map_err(from_idb)?);
        Ok((Self::over(raw), created))
    }

    fn over(raw: IdbDatabase) -> Self {
        let lost = Rc::new(Cell::new(false));
        let mut database = Database::from(raw.clone());
        let on_close = lost.clone();
        database.on_close(move |_| on_close.set(true));
        // Somebody wants to delete or upgrade the database: transactions under way still end, then it is theirs.
        let (on_version_change, closing) = (lost.clone(), raw.clone());
        database.on_version_change(move |_| {
            on_version_change.set(true);
            closing.close();
        });
        Self { _database: database, raw, lost }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// Notes that the browser refuses to work with this connection.
    pub(super) fn lose(&self) {
        self.lost.set(true);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.raw.set_onclose(None);
        self.raw.set_onversionchange(None);
        self.raw.close();
    }
}

fn create_stores(database: &Database) -> Result<(), idb::Error> {
    for name in [BLOBS, KEYS] {
        database.create_object_store(name, ObjectStoreParams::new())?;
    }
    Ok(())
}

/// Waits until a request has succeeded or failed.
pub(super) async fn settled<R: Request>(request: &mut R) {
    let (sender, receiver) = oneshot::channel();
    let sender = Rc::new(Cell::new(Some(sender)));
    let other = sender.clone();
    request.on_success(move |_| answer(&sender));
    request.on_error(move |_| answer(&other));
    // The request holds the handlers, and so the sender, until it is dropped: this cannot end early.
    let _ = receiver.await;
}

pub(super) fn answer(sender: &Cell<Option<oneshot::Sender<()>>>) {
    if let Some(sender) = sender.take() {
        // Whoever waited may have gone.
        let _ = sender.send(());
    }
}
