//! BLAKE3, in the three ways the protocol uses it: ids, what gets signed, and derivation with a context.

use crate::ids::{EntryId, LogPrefix};

/// Begins everything that [`log_prefix`] hashes.
const LOG_CONTEXT: &[u8] = b"ashore 1 log\0";

/// The BLAKE3 hash of these bytes.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// The id of the entry with this encoding. Plain BLAKE3, so `b3sum` of the bytes tells it too.
pub fn entry_id(encoded: &[u8]) -> EntryId {
    EntryId(hash(encoded))
}

/// The prefix of a log that ends with this entry, behind what stood `before` it; `None` at the log's start.
///
/// ```
/// use ashore_protocol::hash::log_prefix;
/// use ashore_protocol::ids::EntryId;
/// let (a, b) = (EntryId([1; 32]), EntryId([2; 32]));
/// let prefix = |first, second| log_prefix(Some(&log_prefix(None, first)), second);
/// assert_ne!(prefix(&a, &b), prefix(&b, &a));
/// ```
pub fn log_prefix(before: Option<&LogPrefix>, id: &EntryId) -> LogPrefix {
    let before = before.map_or([0; 32], |prefix| prefix.0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(LOG_CONTEXT).update(&before).update(id.as_bytes());
    LogPrefix(*hasher.finalize().as_bytes())
}

/// What an entry's signature covers: the header's length, the header and the payload, so no byte can move between them.
pub fn entry_digest(header: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(header.len() as u64).to_le_bytes()).update(header).update(payload);
    *hasher.finalize().as_bytes()
}

/// BLAKE3's key derivation: 32 bytes that say nothing about the material nor about those of another context.
pub fn derive(context: &str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, material)
}
