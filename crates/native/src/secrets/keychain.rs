//! Secrets in the keychain of the operating system: Apple's keychain, Windows' credential manager, elsewhere the desktop's Secret Service.

use super::{Secret, Secrets};
use ashore_engine::api::{ErrorCode, Failure};
use keyring::{Entry, Error};
use zeroize::Zeroizing;

/// Secrets in the keychain, under the name of an app. Where there is no keychain, or it is locked, opening ends in `host.unsupported`: nothing falls back
/// to files by itself.
#[derive(Debug, Clone)]
pub struct Keychain {
    service: String,
}

impl Keychain {
    /// Under this name, such as the app's identifier; people see it in their keychain.
    pub fn of_app(service: impl Into<String>) -> Self {
        Self { service: service.into() }
    }

    fn entry(&self, name: &str) -> Result<Entry, Failure> {
        Entry::new(&self.service, name).map_err(|error| unavailable(&error))
    }
}

impl Secrets for Keychain {
    fn load(&self, name: &str) -> Result<Option<Secret>, Failure> {
        let bytes = match self.entry(name)?.get_secret() {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(Error::NoEntry) => return Ok(None),
            Err(error) => return Err(unavailable(&error)),
        };
        let damaged =
            |_| Failure::new(ErrorCode::StoreCorrupt, "The keychain's entry for this device's secret is damaged.");
        Ok(Some(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(damaged)?)))
    }

    fn keep(&self, name: &str, secret: &Secret) -> Result<(), Failure> {
        self.entry(name)?.set_secret(&secret[..]).map_err(|error| unavailable(&error))
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        match self.entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn unavailable(error: &Error) -> Failure {
    crate::failure::unsupported(format!("The system's keychain cannot be used: {error}."))
}
