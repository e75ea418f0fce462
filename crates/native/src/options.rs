//! What a program says when it opens a database.

use crate::paths;
use crate::secrets::{SecretFiles, Secrets};
use ashore_engine::api::{Passphrase, Protection};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a database is, how it is protected if it is made now, and where this device's secret is kept.
///
/// ```
/// use ashore_native::Options;
/// let for_tests = Options::in_memory();
/// let beside_the_app = Options::at("notes.ashore").secrets_in_files();
/// let of_an_app = Options::of_app("org.example.notes", "family").map(Options::secrets_in_files);
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) place: Place,
    pub(crate) secrets: Option<Arc<dyn Secrets>>,
    pub(crate) protection: Protection,
    pub(crate) passphrase: Option<Passphrase>,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    File(PathBuf),
}

impl Options {
    /// The database in that file, which is made with its folders when there is none.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::new(Place::File(path.into()))
    }

    /// The database of that name among those of an app, in the platform's folder for the app's data; see [`paths::data_folder`].
    pub fn of_app(identifier: &str, database: &str) -> Option<Self> {
        Some(Self::at(paths::data_folder(identifier)?.join(paths::file_name(database))))
    }

    /// A database that lasts as long as it is open.
    pub fn in_memory() -> Self {
        Self::new(Place::Memory)
    }

    fn new(place: Place) -> Self {
        Self { place, secrets: None, protection: Protection::None, passphrase: None }
    }

    /// Keeps this device's secret in a file beside the database, which only the file's owner may read.
    #[must_use]
    pub fn secrets_in_files(self) -> Self {
        let folder = match &self.place {
            Place::File(path) => path.parent().map(PathBuf::from).unwrap_or_default(),
            Place::Memory => return self,
        };
        self.secrets_in(Arc::new(SecretFiles::in_folder(folder)))
    }

    /// Keeps this device's secret there.
    #[must_use]
    pub fn secrets_in(self, secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets: Some(secrets), ..self }
    }

    /// A new database is encrypted with this device's secret.
    #[must_use]
    pub fn encrypted(self) -> Self {
        Self { protection: Protection::Platform, ..self }
    }

    /// A new database is encrypted, and this opens it; one that exists is opened with it.
    #[must_use]
    pub fn passphrase(self, passphrase: impl Into<String>) -> Self {
        Self { protection: Protection::Passphrase, passphrase: Some(Passphrase::new(passphrase)), ..self }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("place", &self.place)
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}
