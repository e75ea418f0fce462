//! Where the secret of a database on this device is kept: 32 random bytes that seal the device's keys, and from which an encrypted database's key is
//! derived.

#[cfg(feature = "keychain")]
mod keychain;

use crate::failure::unsupported;
use ashore_engine::api::{ErrorCode, Failure};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

#[cfg(feature = "keychain")]
pub use keychain::Keychain;

/// A secret. It is wiped when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

/// Keeps secrets by name, durably. An app may bring its own.
pub trait Secrets: Send + Sync {
    /// The secret of that name, if there is one.
    fn load(&self, name: &str) -> Result<Option<Secret>, Failure>;

    /// Keeps a secret; answers when it will be there after a power cut.
    fn keep(&self, name: &str, secret: &Secret) -> Result<(), Failure>;

    /// Forgets it; nothing happens when there is none.
    fn remove(&self, name: &str) -> Result<(), Failure>;
}

/// Secrets as files that only their owner may read, `NAME.secret` in one folder.
///
/// Whoever can read the user's files can read them: that is why it must be asked for. It protects a copy of the database that is made without them.
#[derive(Debug, Clone)]
pub struct SecretFiles {
    folder: PathBuf,
}

impl SecretFiles {
    /// In that folder, which is made when the first secret is kept.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.secret"))
    }
}

impl Secrets for SecretFiles {
    fn load(&self, name: &str) -> Result<Option<Secret>, Failure> {
        let bytes = match std::fs::read(self.path(name)) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let whole = <[u8; 32]>::try_from(bytes.as_slice());
        let secret =
            whole.map_err(|_| Failure::new(ErrorCode::StoreCorrupt, "The file of this device's secret is damaged."))?;
        Ok(Some(Zeroizing::new(secret)))
    }

    fn keep(&self, name: &str, secret: &Secret) -> Result<(), Failure> {
        write_private(&self.folder, &self.path(name), &secret[..]).map_err(|error| failed(&error))
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        }
    }
}

/// Under another name first, so that there is never half a secret.
fn write_private(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::StoreFailed, format!("This device's secret cannot be read or kept: {error}."))
}

/// 32 random bytes from the operating system.
pub(crate) fn random_secret() -> Result<Secret, Failure> {
    let mut bytes = random()?;
    let secret = Zeroizing::new(bytes);
    bytes.zeroize();
    Ok(secret)
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| unsupported("The operating system has no source of randomness."))?;
    Ok(bytes)
}
