//! BLAKE3, in the three ways the protocol uses it: ids, what gets signed, and derivation with a context.

use crate::ids::EntryId;

/// The BLAKE3 hash of these bytes.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// The id of the entry with this encoding. Plain BLAKE3, so `b3sum` of the bytes tells it too.
pub fn entry_id(encoded: &[u8]) -> EntryId {
    EntryId(hash(encoded))
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
