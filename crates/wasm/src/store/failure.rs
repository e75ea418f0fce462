//! What the browser's errors mean here.

use ashore_engine::store::packed::BlobFailure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// The name of a DOM exception, such as `QuotaExceededError`; empty for anything else.
pub(super) fn error_name(error: &JsValue) -> String {
    error.dyn_ref::<DomException>().map(DomException::name).unwrap_or_default()
}

/// A DOM exception as a failure. `Exists` needs to know the blob and is told apart before.
pub(super) fn blob_failure(error: &JsValue) -> BlobFailure {
    match error_name(error).as_str() {
        "QuotaExceededError" => BlobFailure::Quota,
        "InvalidStateError" => BlobFailure::Closed,
        _ => BlobFailure::Failed(describe(error)),
    }
}

/// Name and message for people; no row's content.
pub(super) fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<DomException>() {
        Some(exception) => format!("{}: {}", exception.name(), exception.message()),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}

/// An error of `idb`, which wraps the browser's.
pub(super) fn from_idb(error: idb::Error) -> BlobFailure {
    use idb::Error as E;
    match &error {
        E::DomException(exception) => blob_failure(exception),
        E::AddFailed(cause)
        | E::DeleteFailed(cause)
        | E::GetAllFailed(cause)
        | E::GetAllKeysFailed(cause)
        | E::GetFailed(cause)
        | E::IndexedDbOpenFailed(cause)
        | E::ObjectStoreNotFound(cause)
        | E::TransactionOpenFailed(cause)
        | E::UpdateFailed(cause) => blob_failure(cause),
        other => BlobFailure::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    #![allow(unsafe_code, reason = "the test macro of wasm-bindgen exports each test")]

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    fn a_full_disk_is_told_by_its_name() {
        let failure = |name| blob_failure(&DomException::new_with_message_and_name("no", name).unwrap());
        assert_eq!(failure("QuotaExceededError"), BlobFailure::Quota);
        assert_eq!(failure("InvalidStateError"), BlobFailure::Closed);
        assert_eq!(failure("UnknownError"), BlobFailure::Failed("UnknownError: no".into()));
        assert_eq!(error_name(&JsValue::from_str("no exception")), "");
    }
}
