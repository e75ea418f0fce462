//! How messages lie in the body of one IPC request and in one message of a channel: each behind its kind (one byte) and its length (four bytes,
//! big-endian). A request to a webview's host costs per message, not per byte, so both sides put as many together as wait.

use ashore_native::{ErrorCode, Failure};
use std::borrow::Cow;
use tauri::ipc::InvokeBody;

/// What one frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Calls towards the engine, news towards the page.
    Message = 0,
    /// Towards the page: the failure that its engine ended with. Nothing comes behind it.
    Ended = 1,
    /// Towards the page: the failure that an engine broke with. The next calls start another one for the same page.
    Broke = 2,
}

/// Appends one frame. What is too long for four bytes is none that an engine makes.
pub(crate) fn push(into: &mut Vec<u8>, kind: Kind, bytes: &[u8]) {
    let Ok(length) = u32::try_from(bytes.len()) else { return };
    into.push(kind as u8);
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(bytes);
}

/// The messages in a request's bytes, one after another.
pub(crate) fn messages(mut bytes: &[u8]) -> Result<Vec<&[u8]>, Failure> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let [kind, length @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let whole = rest.split_at_checked(length).filter(|_| kind == Kind::Message as u8);
        let (message, after) = whole.ok_or_else(no_calls)?;
        if found.len() == MAX_MESSAGES {
            return Err(no_calls());
        }
        found.push(message);
        bytes = after;
    }
    if bytes.is_empty() { Ok(found) } else { Err(no_calls()) }
}

/// The bytes of a request's body: raw, or an array of numbers where the platform passes JSON alone.
pub(crate) fn bytes_of(body: &InvokeBody) -> Result<Cow<'_, [u8]>, Failure> {
    let length = match body {
        InvokeBody::Raw(bytes) => bytes.len(),
        InvokeBody::Json(json) => json.as_array().ok_or_else(no_calls)?.len(),
    };
    if length > MAX_BODY_BYTES {
        let message = format!("One request carries at most {MAX_BODY_BYTES} bytes.");
        return Err(Failure::new(ErrorCode::RequestInvalid, message));
    }
    match body {
        InvokeBody::Raw(bytes) => Ok(Cow::Borrowed(bytes)),
        InvokeBody::Json(json) => {
            let byte = |number: &serde_json::Value| number.as_u64().and_then(|number| u8::try_from(number).ok());
            let bytes: Option<Vec<u8>> = json.as_array().into_iter().flatten().map(byte).collect();
            bytes.map(Cow::Owned).ok_or_else(no_calls)
        }
    }
}

/// Bytes that are none of a page of this package.
pub(crate) fn no_calls() -> Failure {
    Failure::new(ErrorCode::RequestInvalid, "These bytes are no calls.")
}

/// More than the largest write and the largest part of an import.
pub(crate) const MAX_BODY_BYTES: usize = 128 << 20;
/// A page puts the calls of one turn into one message; so many turns never wait.
const MAX_MESSAGES: usize = 10_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::{Kind, MAX_BODY_BYTES, MAX_MESSAGES, bytes_of, messages, push};
    use serde_json::json;
    use tauri::ipc::InvokeBody;

    #[test]
    fn messages_come_out_as_they_were_put_in() {
        let mut bytes = Vec::new();
        for message in [&b"one"[..], b"", b"three"] {
            push(&mut bytes, Kind::Message, message);
        }
        assert_eq!(messages(&bytes).unwrap(), [&b"one"[..], b"", b"three"]);
        assert!(messages(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_refused() {
        let mut bytes = Vec::new();
        push(&mut bytes, Kind::Message, b"one");
        for end in 1..bytes.len() {
            assert!(messages(&bytes[..end]).is_err(), "{end}");
        }
        let mut other = Vec::new();
        push(&mut other, Kind::Ended, b"one");
        assert!(messages(&other).is_err());
        assert!(messages(&[0, 255, 255, 255, 255, 1]).is_err());
    }

    #[test]
    fn more_messages_or_bytes_than_a_page_sends_are_refused() {
        assert_eq!(messages(&vec![0; 5 * MAX_MESSAGES]).unwrap().len(), MAX_MESSAGES);
        assert!(messages(&vec![0; 5 * (MAX_MESSAGES + 1)]).is_err());
        assert!(bytes_of(&InvokeBody::Raw(vec![0; MAX_BODY_BYTES + 1])).is_err());
    }

    #[test]
    fn an_array_of_numbers_is_bytes_and_other_json_is_not() {
        assert_eq!(bytes_of(&InvokeBody::Json(json!([0, 7, 255]))).unwrap().as_ref(), [0, 7, 255]);
        for other in [json!([256]), json!([-1]), json!([1.5]), json!(["1"]), json!({}), json!("AQ=="), json!(null)] {
            assert!(bytes_of(&InvokeBody::Json(other.clone())).is_err(), "{other}");
        }
    }
}
