//! What goes wrong before an engine runs, as failures of the API.

use ashore_engine::api::{ErrorCode, Failure};
use ashore_engine::store::StoreFailure;
use ashore_engine::store::packed::BlobFailure;

/// A store that does not open.
pub(crate) fn from_store(failure: &StoreFailure) -> Failure {
    let code = match failure {
        StoreFailure::Quota => ErrorCode::StoreQuotaExceeded,
        StoreFailure::Superseded => ErrorCode::HostSuperseded,
        StoreFailure::NewerFormat { .. } => ErrorCode::StoreNewerFormat,
        StoreFailure::Unreadable { .. } => ErrorCode::StoreCorrupt,
        _ => ErrorCode::StoreFailed,
    };
    Failure::new(code, failure.to_string())
}

/// A browser database that does not do what it is asked.
pub(crate) fn from_blobs(failure: &BlobFailure) -> Failure {
    let code = match failure {
        BlobFailure::Quota => ErrorCode::StoreQuotaExceeded,
        _ => ErrorCode::StoreFailed,
    };
    Failure::new(code, failure.to_string())
}

/// Something that this environment lacks.
pub(crate) fn unsupported(what: &str) -> Failure {
    Failure::new(ErrorCode::HostUnsupported, what)
}
