//! SQLite's errors as failures of a store.

use ashore_engine::store::StoreFailure;
use ashore_engine::store::packed::BlobFailure;
use rusqlite::{Error, ErrorCode};

/// Whether bytes of the file are not what SQLite wrote.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether the file cannot be written, and may well be read.
pub(super) fn is_refused_by_disk(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// While a store works.
pub(super) fn store_failure(error: &Error) -> StoreFailure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreFailure::Quota,
        Some(ErrorCode::ReadOnly) => StoreFailure::Failed { reason: "the file may only be read".into() },
        _ => StoreFailure::Failed { reason: error.to_string() },
    }
}

/// While a store is opened: what is damaged now is what says where everything else is.
pub(super) fn opening_failure(error: &Error) -> StoreFailure {
    if is_damage(error) { StoreFailure::Unreadable { reason: error.to_string() } } else { store_failure(error) }
}

/// While blobs are read and written.
pub(super) fn blob_failure(error: &Error) -> BlobFailure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BlobFailure::Quota,
        _ => BlobFailure::Failed(error.to_string()),
    }
}
