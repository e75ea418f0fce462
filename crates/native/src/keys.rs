//! The record that says how a database is protected and what opens it. It lies in the database's own file and is written before the first row or blob:
//! so whether a database is encrypted is never in doubt.

use crate::failure::from_store;
use crate::secrets::{Secret, random, random_secret};
use crate::store::SqliteFile;
use ashore_engine::api::{ErrorCode, Failure, Passphrase};
use ashore_engine::crypto::password::{PasswordEnvelope, PasswordError, PasswordParams};
use ashore_engine::rng::Rng;
use ashore_protocol::codec::{Bytes, decode, encode};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

const RECORD: &str = "keys";
/// What a database's passphrase seals, and not another password's envelope. The same in browsers.
const PURPOSE: &str = "database passphrase";

/// `[kind, …]` in CBOR.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Record {
    /// The secret of this name is kept elsewhere; rows are as they are.
    #[n(0)]
    Plain(#[n(0)] String),
    /// The secret of this name is kept elsewhere; blobs are sealed.
    #[n(1)]
    Platform(#[n(0)] String),
    /// The secret is in this envelope; blobs are sealed.
    #[n(2)]
    Passphrase(#[n(0)] Bytes),
    /// There is no secret any more.
    #[n(3)]
    Wiped,
}

/// Kinds from this number on are those of newer versions.
const KNOWN_KINDS: u32 = 4;

fn kind_of(bytes: &[u8]) -> Result<u32, minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.array()?;
    decoder.u32()
}

impl Record {
    /// What is kept; `None` before the first opening.
    pub(crate) fn load(file: &SqliteFile) -> Result<Option<Self>, Failure> {
        let bytes = file.load_record(RECORD).map_err(|failure| from_store(&failure))?;
        bytes.map(|bytes| Self::read(&bytes)).transpose()
    }

    fn read(bytes: &[u8]) -> Result<Self, Failure> {
        match kind_of(bytes) {
            Ok(kind) if kind >= KNOWN_KINDS => Err(Failure::new(
                ErrorCode::StoreNewerFormat,
                "The keys are kept in a way that is newer than this engine.",
            )),
            Ok(_) | Err(_) => decode(bytes).map_err(|_| damaged()),
        }
    }

    /// Keeps it in the place of the one that is there.
    pub(crate) fn keep(&self, file: &SqliteFile) -> Result<(), Failure> {
        file.put_record(RECORD, &encode(self)).map_err(|failure| from_store(&failure))
    }
}

/// A name for a secret that is kept elsewhere.
pub(crate) fn new_name() -> Result<String, Failure> {
    Ok(random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A new secret and the envelope that this passphrase opens. Takes about a second.
pub(crate) fn seal_new(passphrase: &Passphrase) -> Result<(Secret, Bytes), Failure> {
    let secret = random_secret()?;
    let envelope = seal(&secret, passphrase)?;
    Ok((secret, envelope))
}

/// The envelope of a secret that this passphrase opens. Takes about a second.
pub(crate) fn seal(secret: &Secret, passphrase: &Passphrase) -> Result<Bytes, Failure> {
    let mut rng = Rng::seeded(random()?);
    let params = PasswordParams::default();
    let envelope = PasswordEnvelope::seal(passphrase.expose(), PURPOSE, &**secret, params, &mut rng);
    Ok(Bytes(envelope.map_err(from_password)?.to_bytes()))
}

/// The secret, for the right passphrase. Takes about a second.
pub(crate) fn open(envelope: &[u8], passphrase: &Passphrase) -> Result<Secret, Failure> {
    let envelope = PasswordEnvelope::from_bytes(envelope).map_err(from_password)?;
    let opened = envelope.open(passphrase.expose(), PURPOSE).map_err(from_password)?;
    let secret: [u8; 32] = opened.as_slice().try_into().map_err(|_| damaged())?;
    Ok(Zeroizing::new(secret))
}

fn from_password(error: PasswordError) -> Failure {
    let code = match error {
        PasswordError::WrongPassword => ErrorCode::KeyBadPassphrase,
        PasswordError::WeakPassword(_) => ErrorCode::KeyWeakPassphrase,
        PasswordError::NewerFormat(_) => ErrorCode::StoreNewerFormat,
        PasswordError::Malformed | PasswordError::ParametersOutOfBounds(_) => ErrorCode::StoreCorrupt,
    };
    Failure::new(code, error.to_string())
}

fn damaged() -> Failure {
    Failure::new(ErrorCode::StoreCorrupt, "The record that opens this device's keys cannot be read.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_that_were_written_open_for_ever() {
        let records: [(Record, &[u8]); 4] = [
            (Record::Plain("ab".into()), b"\x82\x00\x81\x62ab"),
            (Record::Platform("ab".into()), b"\x82\x01\x81\x62ab"),
            (Record::Passphrase(Bytes(vec![7])), b"\x82\x02\x81\x41\x07"),
            (Record::Wiped, b"\x82\x03\x80"),
        ];
        for (record, bytes) in records {
            assert_eq!(encode(&record), bytes, "{record:?}");
            assert_eq!(Record::read(bytes).unwrap(), record);
        }
    }

    #[test]
    fn a_record_of_a_newer_version_is_no_damaged_one() {
        let code = |bytes: &[u8]| Record::read(bytes).unwrap_err().code;
        assert_eq!(code(b"\x82\x04\x81\x62ab"), ErrorCode::StoreNewerFormat);
        assert_eq!(code(b"\x82\x00\x81\x07"), ErrorCode::StoreCorrupt);
        assert_eq!(code(b"noise"), ErrorCode::StoreCorrupt);
        let envelope = open(b"\x82\x02\x61x", &Passphrase::new("eleven grey herons"));
        assert_eq!(envelope.unwrap_err().code, ErrorCode::StoreNewerFormat);
    }
}
