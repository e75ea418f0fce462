//! What goes wrong before an engine runs, as failures of the API.

use ashore_engine::api::{ErrorCode, Failure};
use ashore_engine::store::StoreFailure;

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

/// Something that this environment lacks.
pub(crate) fn unsupported(what: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::HostUnsupported, what)
}
