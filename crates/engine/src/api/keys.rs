//! What a page says and hears of a database's keys. A host answers these, not the machine: without keys there is no machine.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A passphrase on its way. It is wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Passphrase(String);

impl Passphrase {
    /// A passphrase as a person typed it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to derive a key from.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// What keeps the key that a database's store is encrypted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Protection {
    /// The store is not encrypted.
    #[default]
    None,
    /// The platform: a key of the browser that cannot be extracted.
    Platform,
    /// A passphrase.
    Passphrase,
}

/// Where a database's keys stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "export-types", derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KeyInfo {
    /// What keeps them.
    pub protection: Protection,
    /// They are not in memory: a passphrase is needed.
    pub locked: bool,
    /// They are gone for good.
    pub wiped: bool,
}
